"""The storage of a node's streams, as `node --storage` names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import DIFFERS, fail

if TYPE_CHECKING:
    from ockam_fsm.storage.interface import Storage

STORAGE_HELP = "The storage of streams: `memory`, `sqlite:PATH`, or `kafka:HOST:PORT` (extra `kafka`)."
StorageOption = Annotated[str, typer.Option("--storage", metavar="STORAGE", help=STORAGE_HELP)]


@contextmanager
def serving(wanted: bool, text: str) -> Iterator[Storage | None]:
    """The storage of the streams, closed at the end; None without streams."""
    if not wanted:
        if text != "memory":
            fail("--storage needs --stream.", "Add --stream.")
        yield None
        return
    storage = _opened(text)
    try:
        yield storage
    finally:
        storage.close()


def _opened(text: str) -> Storage:
    from ockam_fsm.storage.interface import StorageError
    from ockam_fsm.storage.kafka import KafkaStorage
    from ockam_fsm.storage.memory import MemoryStorage
    from ockam_fsm.storage.sqlite import SqliteStorage

    kind, _, where = text.partition(":")
    if text != "memory" and not (where and kind in ("sqlite", "kafka")):
        fail(f"{text!r} is not a storage.", "Write memory, sqlite:PATH or kafka:HOST:PORT.")
    try:
        return MemoryStorage() if not where else SqliteStorage(Path(where)) if kind == "sqlite" else KafkaStorage(where)
    except StorageError as error:
        fail(f"{error.reason}.", f"Remedy: {error.remedy}.", DIFFERS)

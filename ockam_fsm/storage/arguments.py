"""Checks of the arguments of a storage, the same for every back end.

Theory: names, indexes and data come from peers. A value that a back end cannot store exactly is refused before it is
queued, so that one caller cannot fail the transaction of the others.

Rule 1: a refusal names the value and the accepted ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from ockam_fsm.storage.interface import Entry, StorageRefused

MAX_INTEGER = 2**63 - 1
"""The largest index and the largest number of a message."""

MAX_PARTITIONS = 65_536
MAX_NAME_BYTES = 65_535


def check_name(kind: str, name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise StorageRefused(f"the {kind} {name!r} is not Unicode text", "use a name without lone surrogates") from None
    if size > MAX_NAME_BYTES:
        raise StorageRefused(f"the {kind} has {size} bytes", f"use at most {MAX_NAME_BYTES}")


def check_stream(stream: str, partitions: int) -> None:
    check_name("stream", stream)
    if not 1 <= partitions <= MAX_PARTITIONS:
        raise StorageRefused(f"{partitions} partitions are not possible", f"use 1 to {MAX_PARTITIONS}")


def check_saved(group: str, stream: str, partition: int, index: int = 0) -> None:
    check_name("group", group)
    check_name("stream", stream)
    if not 0 <= partition < MAX_PARTITIONS:
        raise StorageRefused(f"partition {partition} is not possible", f"partitions are 0 to {MAX_PARTITIONS - 1}")
    if not 0 <= index <= MAX_INTEGER:
        raise StorageRefused(f"index {index} is not possible", f"indexes are 0 to {MAX_INTEGER}")


def check_read(start: int, limit: int, max_bytes: int) -> None:
    if start < 0 or limit < 1 or max_bytes < 1:
        reason = f"a read from {start} with limit {limit} and {max_bytes} bytes is not possible"
        raise StorageRefused(reason, "use a start of at least 0, a limit and bytes of at least 1")


def check_entries(entries: Sequence[Entry]) -> None:
    for entry in entries:
        numbered = 1 <= entry.number <= MAX_INTEGER
        if numbered != bool(entry.publisher) or (entry.number and not numbered):
            sender = f"publisher {entry.publisher.hex()}" if entry.publisher else "a plain client"
            reason = f"number {entry.number} of {sender} is not possible"
            raise StorageRefused(reason, "use numbers from 1 for a publisher, 0 for a plain client")

"""The file of a publisher: its state is read as it was written; any other file is refused and not changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.publisher import PublisherState
from ockam_fsm.net.streams.publisher import Kept
from ockam_fsm.net.streams.publisher_file import FORMAT, PublisherFile
from ockam_fsm.runtime.stream.publisher import PublisherImage

KEPT = Kept(b"\x07" * 16, 3, PublisherImage(PublisherState.PUBLISHING, 2, 5, (b"", b"\0one\n", b"\xff")))
KEYS = ("format", "stream", "identity", "number", "before", "confirmed", "messages")


def test_a_kept_state_is_read_again(tmp_path: Path) -> None:
    kept_in = PublisherFile(tmp_path / "state", "orders")
    assert kept_in.load() is None
    kept_in.keep(KEPT)
    assert kept_in.load() == KEPT
    assert kept_in.path.stat().st_mode & 0o077 == 0, "it holds messages"
    with pytest.raises(LocalSessionError, match="is of a publisher to orders, not to others"):
        PublisherFile(tmp_path / "state", "others").load()


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.pop(key)


def with_it(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.update({key: value})


CHANGES = {
    **{f"without-{key}": without(key) for key in KEYS},
    **{f"null-{key}": with_it(key, None) for key in KEYS},
    "other-format": with_it("format", f"{FORMAT}0"),
    "short-identity": with_it("identity", "07" * 15),
    "negative": with_it("number", -1),
    "a-truth": with_it("number", True),
    "before-beyond-confirmed": with_it("before", 6),
    "no-base64": with_it("messages", ["?"]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_file_is_refused_and_not_changed(change: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    path = tmp_path / "state"
    PublisherFile(path, "orders").keep(KEPT)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    with pytest.raises(LocalSessionError, match="holds no state of a publisher"):
        PublisherFile(path, "orders").load()
    assert path.read_bytes() == before

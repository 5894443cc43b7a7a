"""Traces as files: the trace of one node may be in several of them, of which the oldest may be gone.

Rule 1: a trace is named by its newest file. The older ones, `NAME.1` and so on, are found as long as a header says that
        something was before it (`after`). Whether a trace without its beginning can be judged is the reader's business.
Rule 2: only regular files are read, line by line, and no line is longer than `MAX_LINE_BYTES`.
Source: spec/traces/README.md; ockam_fsm/net/trace_file.py writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ockam_fsm.kernel.files import reading
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES


class TraceLines:
    """The lines of one trace, its header first, as often as they are iterated over."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.files = tuple(_files(path))[::-1]
        self._begins = [0]
        """How many lines of the whole come before each file's second line, but for one."""

    def __iter__(self) -> Iterator[bytes]:
        self._begins, count = [], 0
        for path in self.files:
            with reading(path) as file:
                self._begins.append(max(count - 1, 0))
                for line in islice(_lines(file), min(count, 1), None):
                    count += 1
                    yield line

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    def origin(self, line: int) -> tuple[Path, int]:
        """The file that has a line of the whole, and which of its lines it is; of those that were read."""
        which = max(at for at, begin in enumerate(self._begins) if begin + 1 < line or not at)
        return self.files[which], line - self._begins[which]


def _files(path: Path) -> Iterator[Path]:
    """From the newest on."""
    name, _, number = path.name.rpartition(".")
    newest, at = (name, int(number)) if number.isdecimal() and len(number) < 5 else (path.name, 0)
    while True:
        yield path
        with reading(path) as file:
            after = _after(next(_lines(file), b""))
        at += 1
        path = path.with_name(f"{newest}.{at}")
        if not after or not path.exists():
            return


def _after(header: bytes) -> bool:
    try:
        return bool(json.loads(header)["after"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")

"""Trace files. The trace of one node may be split into several files, of which the oldest may have been deleted.

Rule 1: a trace has the name of its newest file. The older files, `NAME.1` and so on, are read as long as the header of
        a file refers to earlier records (`after`). The caller decides whether a trace without its beginning is usable.
Rule 2: only regular files are read, line by line, with a limit of `MAX_LINE_BYTES` per line.
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
    """The lines of one trace, its header first. Each iteration reads the files again."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.files = tuple(_files(path))[::-1]
        self._begins = [0]
        """For each file read so far, the offset between line numbers of the trace and of the file."""

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
        """Return the file that a line of the whole trace comes from, and its number there."""
        which = max(at for at, begin in enumerate(self._begins) if begin + 1 < line or not at)
        return self.files[which], line - self._begins[which]


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of a trace, the newest first."""
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

"""The trace of one node, in files that survive its process; a restarted node appends to them.

Theory: a process may end between any two instructions. A record is written to the system before its step is carried out
(trace_recorder.py receives a step before any edge does), so every message in flight is in the trace. A killed process
leaves complete lines and at most one incomplete line.

Rule 1: each record is written at once. A killed process loses no record; a machine that loses power may.
Rule 2: an incomplete last line is cut off, since its step was never carried out.
Rule 3: another file is never changed: its first line must be the header that this node would write.
Rule 4: the size of a file is limited. A full file is renamed to `NAME.1`, that one to `NAME.2`, and so on; the oldest
        is removed. `after` in the header of the new file is the sequence number of the last record before it.
Rule 5: only the first line and the last lines of an existing file are read, independent of its size.
Rule 6: if the trace cannot be written, it ends with a complete line. The error is logged once; the node goes on.
Source: spec/traces/README.md.
"""

from __future__ import annotations

import json
import logging
import os
from errno import EMSGSIZE
from pathlib import Path
from typing import Any, BinaryIO

from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.kernel.files import open_regular
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES, Facts, Recorder, line_of

MAX_BYTES = 64 * 2**20
MIN_BYTES = 4096
KEPT = 3

logger = logging.getLogger("ockam_fsm.trace")


class TraceFile:
    """`with TraceFile(path, header) as trace: TcpNode(make=trace.make)`. The node is named after the file."""

    def __init__(self, path: Path, head: Facts, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        """`max_bytes`: largest size of one file. `kept`: how many full files are kept beside it.

        Raises:
            OSError: the file cannot be read or written, or is not a regular file.
            LocalSessionError: the file is not this trace.
            DefinitionError: `max_bytes` or `kept` is too small.
        """
        if max_bytes < MIN_BYTES or kept < 1:
            raise DefinitionError("trace", [f"max_bytes is at least {MIN_BYTES}, kept at least 1"])
        self.path = path
        self.max_bytes, self.kept = max_bytes, kept
        self.recorder = Recorder(path.stem, self._write)
        self._head: Facts = json.loads(json.dumps(head))
        if not path.exists() and self._next.is_file():
            self._next.rename(path)  # a process was killed during `_rotate`
        self._file: int | None = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self._size = self._resume(self._file)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def make(self, settings: Any, *args: Any, **options: Any) -> Session:
        """Create a session; it is recorded if its profile names sessions, as validation needs."""
        kind = self.recorder.session if settings.profile.names_sessions else Session
        return kind(settings, *args, **options)

    # Writing ----------------------------------------------------------------------------------------------------------

    @property
    def _next(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    def _write(self, facts: Facts) -> None:
        if self._file is None:
            return
        line = line_of(facts)
        try:
            if len(line) > MAX_LINE_BYTES:
                raise OSError(EMSGSIZE, f"a record has {len(line)} bytes, and {MAX_LINE_BYTES} are readable")
            if self._size + len(line) > self.max_bytes and self._size > self._begin:
                self._rotate(facts["sequence"] - 1)
            self._size += _written(self._file, line)
        except OSError as error:
            self._end(error)

    def _rotate(self, after: int) -> None:
        """Rename the full file to an older one, and begin a new file."""
        head = line_of(self._head | {"after": after})
        fresh = open_regular(self._next, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        try:
            _written(fresh, head)
            for number in range(self.kept - 1, 0, -1):
                if self._older(number).exists():
                    self._older(number).replace(self._older(number + 1))
            self.path.replace(self._older(1))
            self._next.replace(self.path)
        except BaseException:
            os.close(fresh)
            raise
        self._close()
        self._file, self._size, self._begin = fresh, len(head), len(head)

    def _older(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _end(self, error: OSError) -> None:
        """End the trace (rule 6)."""
        logger.error("the trace %s ends here: %s; the node goes on without it", self.path, error.strerror or error)
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    # Resuming ---------------------------------------------------------------------------------------------------------

    def _resume(self, file: int) -> int:
        """Continue an existing trace or begin one, and return its size."""
        with os.fdopen(os.dup(file), "rb") as found:
            first = found.readline(MAX_LINE_BYTES)
            if not first.endswith(b"\n"):  # an empty file, or an incomplete header
                self._require(len(first) < MAX_LINE_BYTES)
                os.ftruncate(file, 0)
                self._begin = _written(file, line_of(self._head))
                return self._begin
            head = _object(first)
            after = head.pop("after", 0)
            self._require(head == self._head)
            self._begin = len(first)
            whole, last = _last_line(found, len(first))
        record = _object(last) if last else {"node": self.path.stem, "sequence": after}
        self._require(record.get("node") == self.path.stem and type(record.get("sequence")) is int)
        os.ftruncate(file, whole)
        self.recorder.sequence = record["sequence"]
        return whole

    def _require(self, is_this_trace: bool) -> None:
        if not is_this_trace:
            reason = "a trace can be continued only with the same type, limits and file name"
            raise LocalSessionError(f"{self.path} is not this trace: {reason}")


def _written(file: int, line: bytes) -> int:
    """Write a line completely or not at all, and return its length."""
    before, left = os.fstat(file).st_size, line
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        os.ftruncate(file, before)
        raise
    return len(line)


def _last_line(file: BinaryIO, start: int) -> tuple[int, bytes]:
    """Return the end of the last complete line after `start` and its content, which is empty if there is none."""
    size = file.seek(0, os.SEEK_END)
    at = max(start, size - 2 * MAX_LINE_BYTES)
    file.seek(at)
    lines, newline, _ = file.read(2 * MAX_LINE_BYTES).rpartition(b"\n")
    if not newline:
        return (start, b"") if at == start else (size, b"?")
    return at + len(lines) + 1, lines.rpartition(b"\n")[2]


def _object(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line; an empty one if it is invalid."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

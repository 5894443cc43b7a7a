"""The trace of one node, in a file that outlives its process: one that is started again goes on with it.

Theory: a process may end between any two instructions. A record is handed to the system before its step is carried out
(trace_recorder.py sees a step before any edge does), so every message in flight is in the trace. A killed process
leaves whole lines and, at most, the beginning of one.

Rule 1: each record is flushed. A process that is killed loses no record; a machine that loses power may.
Rule 2: the beginning of a line that was never ended is cut off, for its step was never carried out.
Rule 3: a file that is somebody else's is left as it is: its first line must be the header that this node would write.
Source: spec/traces/README.md.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.trace_recorder import Facts, Recorder, line_writer


class TraceFile:
    """`with TraceFile(path, header) as trace: TcpNode(make=trace.make)`. The node is named after the file."""

    def __init__(self, path: Path, head: Facts) -> None:
        """
        Raises:
            OSError: the file cannot be read or written.
            LocalSessionError: it has something else in it.
        """
        self.path = path
        self.recorder = Recorder(path.stem, self._write)
        self.recorder.sequence, whole = self._found(json.loads(json.dumps(head)))
        self._file: TextIO = path.open("a", encoding="utf-8", newline="\n")
        self._file.truncate(whole)
        self._line = line_writer(self._file)
        if not whole:
            self._write(head)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def make(self, settings: Any, *args: Any, **options: Any) -> Session:
        """A session that is recorded, if it says what can be judged."""
        kind = self.recorder.session if settings.profile.keeps_alive else Session
        return kind(settings, *args, **options)

    def _write(self, facts: Facts) -> None:
        self._line(facts)
        self._file.flush()

    def _found(self, head: Facts) -> tuple[int, int]:
        """How many records are there, and how many bytes they have with the header."""
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        try:
            facts = [json.loads(line) for line in lines]
        except ValueError:
            facts = [None]
        if facts and (facts[0] != head or any(one.get("node") != self.path.stem for one in facts[1:])):
            remedy = "a trace goes on only with the same type and limits, in a file of the same name"
            raise LocalSessionError(f"{os.fspath(self.path)} is the trace of something else: {remedy}")
        return len(lines[1:]), sum(map(len, lines))

"""A subprocess with a line protocol: it answers each line of input with one line, within a time limit.

Rule 1: every wait is limited: for an answer, for a program that does not read, for its end.
Rule 2: any other behaviour ends the exchange: no answer, too much output, a closed pipe, a crash.
Rule 3: Ctrl-C at a terminal does not reach the program; otherwise its end would count as a failure of the program.
Limit: POSIX only, since other systems have no non-blocking pipes.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence

from ockam_fsm.kernel.errors import Error

MAX_LINE_BYTES = 8 * 2**20
POLL_SECONDS = 0.2
READ_BYTES = 2**16
END_SECONDS = 0.5
MOST_READS = 4
TAIL_BYTES = 500


class ProgramLost(Error, RuntimeError):
    """The program no longer answers; the message has the reason and the last output on its stderr."""


class LineProgram:
    """One running program."""

    def __init__(
        self, command: Sequence[str], patience_seconds: float, over: Callable[[], bool] = lambda: False
    ) -> None:
        """`over`: returns True when the whole run must end. Raises ProgramLost if the program does not start."""
        self.patience_seconds, self.over = patience_seconds, over
        self.pending, self._last_errors = b"", b""
        try:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramLost(f"{command[0]} does not start: {error.strerror}") from None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.to, self.of = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._errors = [self.process.stderr.fileno()]
        for end in (self.to, self.of, *self._errors):
            os.set_blocking(end, False)

    def ask(self, line: bytes) -> bytes:
        """Send one line and return the answer of the program.

        Raises:
            ProgramLost: there is no answer of one line in time; the program has been ended.
        """
        try:
            return self._ask(line)
        except ProgramLost:
            self.close()
            raise
        except OSError:  # the pipe broke during a write
            self.close()
            raise ProgramLost(f"it ended{self._why()}") from None

    def close(self) -> None:
        """Close its input and wait for its end; kill it after a time-out. Closing twice has no effect."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(0.0 if self.process.poll() is not None else END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._drain()
        self._errors.clear()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _ask(self, line: bytes) -> bytes:
        if self._readable():
            self._read()
        if self.pending:
            raise ProgramLost(f"it sent an unrequested line{self._why()}")
        until, unwritten = time.monotonic() + self.patience_seconds, line + b"\n"
        while b"\n" not in self.pending:
            left = until - time.monotonic()
            inputs, outputs = [self.of, *self._errors], [self.to] if unwritten else []
            readable, writable, _ = select.select(inputs, outputs, [], min(max(left, 0.0), POLL_SECONDS))
            self._drain()
            if writable:
                unwritten = unwritten[os.write(self.to, unwritten[:READ_BYTES]) :]
            if self.of in readable:
                self._read()
            if self.over():
                raise ProgramLost("the time of the whole run was over")
            if left <= 0:
                raise ProgramLost(f"no answer within {self.patience_seconds:g} s")
        answer, _, self.pending = self.pending.partition(b"\n")
        return answer

    def _readable(self) -> bool:
        return bool(select.select([self.of], [], [], 0.0)[0])

    def _read(self) -> None:
        chunk = os.read(self.of, READ_BYTES)
        if not chunk:
            raise ProgramLost(f"it closed its output{self._why()}")
        self.pending += chunk
        if len(self.pending) > MAX_LINE_BYTES:
            raise ProgramLost(f"a line of more than {MAX_LINE_BYTES} bytes")

    def _why(self) -> str:
        tail = self._tail()
        return f": {tail}" if tail else ""

    def _tail(self) -> str:
        """Return the last output on its stderr, in one line."""
        self._drain()
        return " ".join(self._last_errors.decode(errors="replace").split())

    def _drain(self) -> None:
        """Read the output on its stderr, and keep the end of it."""
        for pipe in tuple(self._errors) * MOST_READS:
            try:
                chunk = os.read(pipe, READ_BYTES)
            except BlockingIOError:
                return
            self._last_errors = (self._last_errors + chunk)[-TAIL_BYTES:]
            if not chunk:
                self._errors.clear()
                return

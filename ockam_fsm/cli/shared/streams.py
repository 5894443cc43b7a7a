"""The standard streams of this process, and the handling of their errors.

Rule 1: output that cannot be written ends the process at once, with one line on standard error and exit code 2. A
        closed reader (`| head -1`) is not an error: exit code 141, as after SIGPIPE.
Rule 2: errors when writing to standard error are ignored. They change no exit code.
Rule 3: a stream that is closed at the start is opened on the null device, so that no other file gets its number.
Rule 4: a character that the encoding of the stream lacks is printed in its ASCII form, never as a question mark.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from errno import EPIPE
from typing import Any, TextIO

LOST, PIPE_CLOSED = 2, 141
ERRORS = "ockam-fsm"
ASCII = {
    "│": "|", "─": "-", "╌": "-", "━": "-", "╸": "-", "╺": "-", "▶": ">", "◀": "<", "→": ">", "←": "<", "×": "x",
    "≥": ">=", "≤": "<=", "≠": "!=", "·": "-", "•": "*", "…": "...", "–": "-", "—": "-",
}  # fmt: skip
"""Most forms have the width of the character, so that the columns of charts and tables stay aligned."""


class OutputLost(KeyboardInterrupt):
    """Standard output cannot be written. No callback catches a KeyboardInterrupt."""


class StandardOutput(io.FileIO):
    """Standard output. If it cannot be written, it raises OutputLost.

    lost: the exit code in that case; 0 while it can be written.
    """

    lost = 0

    def write(self, data: Any) -> int:
        if self.lost:
            return len(data)
        try:
            return super().write(data) or 0
        except OSError as error:
            self.lost = PIPE_CLOSED if error.errno == EPIPE else LOST
            if self.lost == LOST:
                print(f"error: cannot write to standard output: {error.strerror}.", file=sys.stderr)
            raise OutputLost from None


class StandardError(io.FileIO):
    """Standard error, which ignores errors (Rule 2)."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def prepare() -> StandardOutput:
    """Replace the standard streams of the interpreter; return the one of standard output."""
    codecs.register_error(ERRORS, _in_ascii)
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest free number; read-only: a write to a closed output still fails
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    output = StandardOutput(1, "w", closefd=False)
    sys.stdout, sys.stderr = (
        _text(output, sys.stdout),
        _text(StandardError(2, "w", closefd=False), sys.stderr, immediately=True),
    )
    return output


def _text(raw: io.FileIO, before: TextIO | None, *, immediately: bool = False) -> TextIO:
    encoding = before.encoding if before is not None else "utf-8"
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, ERRORS, line_buffering=immediately or raw.isatty())


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    given = error.object[error.start : error.end]
    return "".join(ASCII.get(one) or one.encode("unicode_escape").decode() for one in given), error.end

"""Interruption and progress of commands that run for minutes: Ctrl-C keeps the results so far, and no run is silent.

Rule 1: the first Ctrl-C ends the run. Complete results are printed as usual, with `--json` in an object that has
        `"interrupted": true`; a line on standard error gives their number, and the exit code is 130.
Rule 2: a run that can only end between steps notes the first Ctrl-C and ends soon; the second one ends it at once.
Rule 3: where standard error is not a terminal, it gets a line of progress every `LINE_SECONDS`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

import typer

from ockam_fsm.cli.app import INTERRUPTED, err
from ockam_fsm.cli.shared.streams import OutputLost

LINE_SECONDS = 10.0


class Interruption:
    """Whether Ctrl-C has ended the run; false as an object while it has not."""

    def __init__(self) -> None:
        self.happened = False

    def __bool__(self) -> bool:
        return self.happened

    def exit_if(self, done: int, total: int, what: str) -> None:
        """Exit with code 130 if the run was ended.

        what: the things that were counted, with a verb: `runs were complete`.
        """
        if self.happened:
            err().print(f"interrupted: {done} of {total} {what}", soft_wrap=True)
            raise typer.Exit(INTERRUPTED)


def marked(results: dict[str, Any], interrupted: object) -> dict[str, Any]:
    """Return the JSON object of the results, with a mark if Ctrl-C ended the run (`interrupted` is true)."""
    return results | {"interrupted": True} if interrupted else results


@contextmanager
def until_interrupted() -> Iterator[Interruption]:
    """End the block at Ctrl-C. Lost output is a different exception: it ends the command."""
    interruption = Interruption()
    try:
        yield interruption
    except OutputLost:
        raise
    except KeyboardInterrupt:
        interruption.happened = True


@contextmanager
def interruption_noted() -> Iterator[Interruption]:
    """Note the first Ctrl-C, for a block that ends by itself then; the second one ends the block (Rule 2)."""

    def note(number: int, frame: FrameType | None) -> None:
        interruption.happened = True
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    with until_interrupted() as interruption:
        signal.signal(signal.SIGINT, note)
        try:
            yield interruption
        finally:
            signal.signal(signal.SIGINT, before)


class Lines:
    """Progress of a run as lines on standard error; nothing on a terminal, which has a live display."""

    def __init__(self) -> None:
        self._console = err()
        self._last = monotonic()

    def say(self, text: Callable[[], str]) -> None:
        """Print a line, unless there was one within the last `LINE_SECONDS`."""
        if not self._console.is_terminal and monotonic() - self._last >= LINE_SECONDS:
            self._last = monotonic()
            self._console.print(text(), soft_wrap=True)

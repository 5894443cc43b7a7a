"""Exceptions raised by the code of a world (handlers, properties), with the place where they were raised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from traceback import extract_tb

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.text import neutral


class CodeRaised(DefinitionError):
    """A handler, property or normaliser of a world raised an exception during the search.

    `subject` names the code, `place` holds its arguments. `labels` are the steps of a shortest path to the failing
    call, and `path` is the same path for `ockam-fsm replay`; both are None until the path is known. `__cause__` is the
    original exception.
    """

    def __init__(self, subject: str, cause: BaseException, place: str) -> None:
        self.place = place
        self.labels: tuple[str, ...] | None = None
        self.path: str | None = None
        self.what = raised(cause)
        super().__init__(subject, [f"{self.what}, with {place}"])

    def located(self, path: str, labels: Sequence[str]) -> None:
        """Add the path to the failing call to the error text."""
        self.path, self.labels = path, tuple(labels)
        steps = "".join(f"\n    {number:3}. {label}" for number, label in enumerate(labels, start=1))
        where = f", after these steps (path {path}):{steps}" if labels else ", at the start"
        super().__init__(self.subject, [f"{self.what}, with {self.place}{where}"])


def raised(error: BaseException) -> str:
    """Return the exception and its file and line, as one line of text."""
    what = (
        f"it ended the program with exit code {error.code!r}"
        if isinstance(error, SystemExit)
        else f"it raised {type(error).__name__}: {neutral(str(error)[:500])}"
    )
    places = extract_tb(error.__traceback__)
    return f"{what} ({PurePath(places[-1].filename).name}, line {places[-1].lineno})" if places else what

"""What code of an author does instead of its work, named and located."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from traceback import extract_tb

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.text import neutral


class CodeRaised(DefinitionError):
    """Code of an author, such as a handler or a property, raised something while its world was searched.

    `subject` names the code, `place` what it was called with; `labels` are the steps of a shortest way there, and
    `path` the same for `ockam-fsm replay`. Both are None until the way is known. The cause is what was raised.
    """

    def __init__(self, subject: str, cause: BaseException, place: str) -> None:
        self.place = place
        self.labels: tuple[str, ...] | None = None
        self.path: str | None = None
        self.what = raised(cause)
        super().__init__(subject, [f"{self.what}, with {place}"])

    def located(self, path: str, labels: Sequence[str]) -> None:
        """The way there is known now, and becomes part of the text."""
        self.path, self.labels = path, tuple(labels)
        way = "".join(f"\n    {number:3}. {label}" for number, label in enumerate(labels, start=1))
        told = f", after these steps (path {path}):{way}" if labels else ", at the start"
        super().__init__(self.subject, [f"{self.what}, with {self.place}{told}"])


def raised(error: BaseException) -> str:
    """What an author's code did instead of its work, and where, in one line."""
    what = (
        f"it ended the program with exit code {error.code!r}"
        if isinstance(error, SystemExit)
        else f"it raised {type(error).__name__}: {neutral(str(error)[:500])}"
    )
    places = extract_tb(error.__traceback__)
    return f"{what} ({PurePath(places[-1].filename).name}, line {places[-1].lineno})" if places else what

"""The three families of errors, whose base is `Error`.

`DefinitionError`     the author of a machine, a world or a property made a mistake; raised when it is defined.
`LocalSessionError`   the caller's order is not possible now, or an argument is wrong.
`RemoteSessionError`  a peer sent something that is not acceptable; never an error of the caller.

Inside the core everything raises the local family; only the entry point for a peer's bytes may turn it into the remote
one. Any other exception from the core is a bug in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ockam_fsm.kernel.text import neutral


class Portable:
    """The first base of every exception of this package: it can be pickled and copied with any constructor, and equals
    its copy by type, text and attributes."""

    args: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (type(self), self.args), vars(self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.args == self.args and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))


def _unpickled(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    return kind.__new__(kind, *args)


class Error(Portable, Exception):
    """The base of every error of this package that users may catch."""


class DefinitionError(Error, ValueError):
    """A machine, world or property is wrong; `problems` lists all problems, not only the first."""

    def __init__(self, subject: str, problems: Sequence[str]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"{subject}: {count} problem{'s' if count != 1 else ''}{lines}")


class LocalSessionError(Error, RuntimeError):
    """The caller's order cannot be carried out now. Nothing has changed."""


class EventRefused(LocalSessionError):
    """An event is refused in the current state of the machine.

    The attributes are the facts of the message: `machine`, `state`, `event`, `allowed` (the events that the state
    handles), `because` and `remedy`.
    """

    def __init__(
        self, machine: str, state: str, event: str, *, allowed: Sequence[str], because: str, remedy: str
    ) -> None:
        self.machine = machine
        self.state = state
        self.event = event
        self.allowed = tuple(allowed)
        self.because = because
        self.remedy = remedy
        options = ", ".join(self.allowed) or "nothing"
        advice = f"\n{remedy[0].upper()}{remedy[1:]}." if remedy else ""
        super().__init__(f"{machine}: {event} refused in {state} (allowed here: {options}): {because}.{advice}")


class RemoteSessionError(Error, RuntimeError):
    """A peer sent something unacceptable.

    `reason` is one of a small set of reasons for dead letters; `reply` is a payload that may be sent to the peer, or
    None: send nothing. `reason` and `detail` may contain text of the peer; the text of this error is neutral.
    """

    def __init__(self, reason: str, detail: str = "", *, reply: bytes | None = None) -> None:
        self.reason = reason
        self.detail = detail
        self.reply = reply
        super().__init__(neutral(f"{reason}: {detail}" if detail else reason))

"""The definition of a case: a test of the node under test, and the clause that it judges.

Rule 1: a case judges one clause; its docstring is its title. Its name is for life, since expected deviations use it.
Rule 2: a case is an `async` function of a `CaseContext`. It returns its observation, the reason of a PASS.
Rule 3: after a hostile case the rest of the node is probed: bystander connections, their sessions, and the echo worker.
        Patient cases wait for timers of the node and run at the same time. The cases of the tables (table_cases.py)
        follow, as many at a time as leave the node's time-outs undisturbed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case_context import CaseContext
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.kernel.text import docstring_of

Try: TypeAlias = Callable[[CaseContext], Awaitable[str]]
MOST_CAPACITY = 2000
"""The largest capacity that the kit fills."""


class Manner(Enum):
    """How a case is run."""

    PLAIN = "alone"
    HOSTILE = "alone; the rest of the node is probed afterwards"
    PATIENT = "all patient cases at the same time, after the plain and hostile ones"
    ALONGSIDE = "several independent cases at a time, after the patient ones"
    LAST = "alone, at the end, since it leaves the spawner full"


@dataclass(frozen=True)
class Case:
    name: str
    clause: str
    severity: Severity
    tries: str
    run: Try
    manner: Manner
    profiles: tuple[str, ...]
    lacks: Callable[[NodeUnderTest], str]
    """Returns the reason not to run the case on a target; empty if there is none."""


@dataclass(frozen=True)
class CaseSelection:
    """A selection of cases by name. `only`: these (empty: all). `without`: not these. `last`: these at the end, since
    they have killed the node before."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    last: tuple[str, ...] = ()

    def of(self, cases: Iterable[Case]) -> list[Case]:
        return [one for one in cases if one.name not in self.without and (not self.only or one.name in self.only)]


EVERYTHING = CaseSelection()


def nothing_lacks(target: NodeUnderTest) -> str:
    return ""


def case(
    clause: str,
    severity: Severity,
    manner: Manner = Manner.HOSTILE,
    *,
    profiles: tuple[str, ...] = ("ockam", "generation"),
    lacks: Callable[[NodeUnderTest], str] = nothing_lacks,
    into: list[Case],
) -> Callable[[Try], Try]:
    """Append a case to the list `into`: the function, with its name and its docstring."""

    def register(run: Try) -> Try:
        name = run.__name__.replace("_", "-")
        tries = docstring_of(run)
        into.append(Case(name, clause, severity, tries, run, manner, profiles, lacks))
        return run

    return register


def no_echo(target: NodeUnderTest) -> str:
    return "" if target.echo else "no echo worker is declared (--echo)"


def no_spawner(target: NodeUnderTest) -> str:
    return "" if target.spawner else "no spawner is declared (--spawner)"


def not_persistent(target: NodeUnderTest) -> str:
    return "" if target.session_type.persistent else "the sessions are transient"


def undeclared(*names: str) -> Callable[[NodeUnderTest], str]:
    """Return a `Case.lacks` that requires these durations to be declared."""

    def lacks(target: NodeUnderTest) -> str:
        missing = [name for name in names if name not in target.declared]
        return f"not declared (--durations): {', '.join(missing)}" if missing else ""

    return lacks


def no_capacity(target: NodeUnderTest) -> str:
    return "" if target.capacity else "the spawner's capacity is not declared (--capacity)"


def too_large(target: NodeUnderTest) -> str:
    """The reason not to run a case that fills the spawner; empty if there is none."""
    capacity = target.capacity or 0
    why = f"the declared capacity of {capacity} is too large to fill; declare at most {MOST_CAPACITY}"
    return no_capacity(target) or (why if capacity > MOST_CAPACITY else "")

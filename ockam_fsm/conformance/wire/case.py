"""What a case is: one way to try the node under test, and the clause that it judges.

Rule 1: a case judges one clause, and says in its docstring what it tries. Its name is for life: expected deviations
        name it.
Rule 2: a case is an `async` function of a `CaseContext`. It returns what it observed, the reason of its PASS.
Rule 3: after a hostile case the rest of the node is probed: a bystander's connection, its session, and the echo worker.
        A patient one waits for timers of the node; all of those run at the same time. The cases of the table
        (table_cases.py) follow, as many at a time as leave the node's time-outs undisturbed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case_context import CaseContext
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.kernel.text import described

Try: TypeAlias = Callable[[CaseContext], Awaitable[str]]
MOST_CAPACITY = 2000
"""A spawner of more responders than this is not filled, out of courtesy."""


class Manner(Enum):
    """How a case is run."""

    PLAIN = "by itself"
    HOSTILE = "by itself, and the rest of the node is probed after it"
    PATIENT = "at the same time as the other patient ones, after the others"
    ALONGSIDE = "several at a time, since they have nothing to do with each other, after the patient ones"
    LAST = "by itself, at the very end: it leaves the spawner full"


@dataclass(frozen=True)
class Case:
    name: str
    clause: str
    severity: Severity
    tries: str
    run: Try
    manner: Manner
    profiles: tuple[str, ...]
    lacks: Callable[[Target], str]
    """Why it is not applicable to a target; empty if it is."""


@dataclass(frozen=True)
class Choice:
    """Which cases are tried. `only`: these (none: all). `without`: not these. `last`: these at the end, since they have
    killed the node before."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    last: tuple[str, ...] = ()

    def of(self, cases: Iterable[Case]) -> list[Case]:
        return [one for one in cases if one.name not in self.without and (not self.only or one.name in self.only)]


EVERYTHING = Choice()


def nothing_lacks(target: Target) -> str:
    return ""


def case(
    clause: str,
    severity: Severity,
    manner: Manner = Manner.HOSTILE,
    *,
    profiles: tuple[str, ...] = ("ockam", "generation"),
    lacks: Callable[[Target], str] = nothing_lacks,
    into: list[Case],
) -> Callable[[Try], Try]:
    """Makes a case of a function, named after it, and appends it to the list of its module."""

    def register(run: Try) -> Try:
        name = run.__name__.replace("_", "-")
        tries = described(run)
        into.append(Case(name, clause, severity, tries, run, manner, profiles, lacks))
        return run

    return register


def no_echo(target: Target) -> str:
    return "" if target.echo else "no echo worker is named (--echo)"


def no_spawner(target: Target) -> str:
    return "" if target.spawner else "no spawner is named (--spawner)"


def not_persistent(target: Target) -> str:
    return "" if target.session_type.persistent else "the sessions are transient"


def undeclared(*names: str) -> Callable[[Target], str]:
    """Durations that a case judges, or needs."""

    def lacks(target: Target) -> str:
        missing = [name for name in names if name not in target.declared]
        return f"not declared (--durations): {', '.join(missing)}" if missing else ""

    return lacks


def no_capacity(target: Target) -> str:
    return "" if target.capacity else "the spawner's capacity is not declared (--capacity)"


def too_large(target: Target) -> str:
    """Why a spawner is not filled."""
    capacity = target.capacity or 0
    why = f"a capacity of {capacity} is not filled; declare at most {MOST_CAPACITY}"
    return no_capacity(target) or (why if capacity > MOST_CAPACITY else "")

"""Machines: tables of rows, and the check, made when a machine is defined, that the table is complete.

Rule 1: every (state, event) cell is decided for every value of the counters: by a `Row` (handled), an `Ignore` (nothing
        changes, with a reason) or a `Refuse` (an error with a reason). An undecided cell is a `DefinitionError`.
Rule 2: guards read bounded counters and nothing else; they are written once and read as Python, English and TLA+.
Rule 3: `Machine.cells` has the decisions of each cell; `step` and the driver both select by its guards.
Rule 4: a bad table cannot be made; the error lists all of its problems.
Left out: time, bytes and routes. They are classified before the table and arrive here as events.

No `slots=True` here: generic slotted dataclasses fail when called through an alias before Python 3.13.
"""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import product
from keyword import iskeyword
from typing import Generic, TypeAlias, TypeVar

from ockam_fsm.kernel.errors import DefinitionError, EventRefused

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)
F = TypeVar("F", bound=Enum)
T = TypeVar("T")

_RESERVED = ("state", "limits", "hooks")
"""The attributes of a running session besides its counters and effects (driver.py)."""

Limits: TypeAlias = Mapping[str, int | None]
"""The largest value of each counter; None where the counter is unlimited and therefore never moves."""


class Threshold(Enum):
    """A threshold that each machine instance sets for itself."""

    LIMIT = "limit"


LIMIT = Threshold.LIMIT


@dataclass(frozen=True)
class Comparison:
    """`counter < threshold` or `counter >= threshold`."""

    counter: str
    at_least: bool
    threshold: int | Threshold

    def holds(self, value: int, limit: int | None) -> bool:
        bound = limit if isinstance(self.threshold, Threshold) else self.threshold
        reached = bound is not None and value >= bound
        return reached is self.at_least

    def __str__(self) -> str:
        bound = f"{self.counter} limit" if isinstance(self.threshold, Threshold) else str(self.threshold)
        return f"{self.counter} {'≥' if self.at_least else '<'} {bound}"


Guard: TypeAlias = tuple[Comparison, ...]
"""All of the comparisons hold; the empty guard always does."""


class Change(Enum):
    """The operation of an update on its counter."""

    INCREMENT = "increment"
    DECREMENT = "decrement"
    RESET = "reset"


@dataclass(frozen=True)
class Update:
    """One counter changes: up by one (never past its limit), down by one (never below zero) or back to zero."""

    counter: str
    change: Change

    def apply(self, value: int, limit: int | None) -> int:
        if self.change is Change.RESET or limit is None:
            return 0
        return min(value + 1, limit) if self.change is Change.INCREMENT else max(value - 1, 0)

    def __str__(self) -> str:
        moved = {Change.INCREMENT: f"{self.counter} + 1", Change.DECREMENT: f"{self.counter} - 1", Change.RESET: "0"}
        return f"{self.counter} := {moved[self.change]}"


@dataclass(frozen=True)
class Counter:
    """A bounded number that guards may read. `limit` is a default: every machine instance may set its own.

    `meaning` is one phrase for people. `unlimited_allowed`: an instance may set the limit to None; then the counter
    never changes, so it may be compared with its limit only.
    """

    name: str
    limit: int
    meaning: str
    unlimited_allowed: bool = False

    def below(self, threshold: int | Threshold = LIMIT) -> Comparison:
        return Comparison(self.name, False, threshold)

    def at_least(self, threshold: int | Threshold = LIMIT) -> Comparison:
        return Comparison(self.name, True, threshold)

    @property
    def increment(self) -> Update:
        return Update(self.name, Change.INCREMENT)

    @property
    def decrement(self) -> Update:
        return Update(self.name, Change.DECREMENT)

    @property
    def reset(self) -> Update:
        return Update(self.name, Change.RESET)


@dataclass(frozen=True)
class Row(Generic[S, E, F]):
    """One handled event. `cites` names the discussion or a clause of spec/sessions.md."""

    id: str
    source: S
    event: E
    target: S
    effects: tuple[F, ...] = ()
    when: Guard = ()
    updates: tuple[Update, ...] = ()
    cites: str = ""


@dataclass(frozen=True)
class Ignore(Generic[S, E]):
    """The event changes nothing; a message that caused it is a dead letter whose reason is `because`.

    `sources` empty: every state in which the event is not decided otherwise.
    """

    event: E
    sources: tuple[S, ...] = ()
    because: str = ""
    when: Guard = ()


@dataclass(frozen=True)
class Refuse(Generic[S, E]):
    """The event is an error of its sender. `remedy`: what to do instead. `sources` as in `Ignore`."""

    event: E
    sources: tuple[S, ...] = ()
    because: str = ""
    remedy: str = ""
    when: Guard = ()


Decision: TypeAlias = Row[S, E, F] | Ignore[S, E] | Refuse[S, E]
Cell: TypeAlias = tuple[Decision[S, E, F], ...]


@dataclass(frozen=True)
class Part(Generic[S, E, F]):
    """A set of decisions that machines are composed of; `title` is one phrase for it."""

    title: str
    decisions: tuple[Decision[S, E, F], ...]


@dataclass(frozen=True)
class Machine(Generic[S, E, F]):
    """A complete, validated table.

    Raises:
        DefinitionError: the table is wrong; every problem is listed.
    """

    name: str
    initial: S
    final: tuple[S, ...]
    events: tuple[E, ...]
    counters: tuple[Counter, ...]
    parts: tuple[Part[S, E, F], ...]
    states: tuple[S, ...] = field(init=False)
    rows: tuple[Row[S, E, F], ...] = field(init=False)
    cells: Mapping[tuple[S, E], Cell[S, E, F]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = tuple(d for d in self.decisions() if isinstance(d, Row))
        mentioned = {self.initial, *self.final, *(s for row in rows for s in (row.source, row.target))}
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "states", tuple(s for s in type(self.initial) if s in mentioned))
        object.__setattr__(self, "cells", self._cells())
        if problems := list(self._problems()):
            raise DefinitionError(self.name, problems)

    def __repr__(self) -> str:
        return f"<Machine {self.name}: {len(self.states)} states, {len(self.rows)} rows>"

    def __hash__(self) -> int:
        # The name alone: it distinguishes machines, and every look-up of a shared driver computes the hash.
        return hash(self.name)

    def decisions(self) -> Iterator[Decision[S, E, F]]:
        for part in self.parts:
            yield from part.decisions

    def default_limits(self) -> dict[str, int | None]:
        return {counter.name: counter.limit for counter in self.counters}

    def zeros(self) -> dict[str, int]:
        return {counter.name: 0 for counter in self.counters}

    def resolve(self, state: S, event: E, counters: Mapping[str, int], limits: Limits) -> Decision[S, E, F]:
        """Return the one decision for `event` in `state`.

        Raises:
            KeyError: the machine does not have the event, or the state.
        """
        for decision in self.cells[state, event]:
            if all(c.holds(counters[c.counter], limits[c.counter]) for c in decision.when):
                return decision
        raise AssertionError(f"{self.name}: {state.name} x {event.name} matches nothing; validation has a hole")

    def refusal(self, state: S, event: E, decision: Refuse[S, E]) -> EventRefused:
        """Return the error of `event` refused in `state`, with the reason and the events that are handled there."""
        allowed = [e.name for e in self.events if any(isinstance(d, Row) for d in self.cells[state, e])]
        return EventRefused(
            self.name, state.name, event.name, allowed=allowed, because=decision.because, remedy=decision.remedy
        )

    def with_rows(self, name: str, *changed: Row[S, E, F], without: Iterable[str] = ()) -> Machine[S, E, F]:
        """Return a variant: each row of `changed` replaces the row of the same id; those `without` become refusals.

        Known-bad machines and mutants are made with this.
        """
        by_id = {row.id: row for row in changed}
        gone = frozenset(without)
        unknown = (by_id.keys() | gone) - {row.id for row in self.rows}
        if unknown:
            raise DefinitionError(name, [f"no row {row_id} in {self.name}" for row_id in sorted(unknown)])
        parts = tuple(replace(part, decisions=tuple(_varied(part, by_id, gone))) for part in self.parts)
        return Machine(name, self.initial, self.final, self.events, self.counters, parts)

    def _cells(self) -> dict[tuple[S, E], Cell[S, E, F]]:
        explicit: dict[tuple[S, E], list[Decision[S, E, F]]] = {(s, e): [] for s in self.states for e in self.events}
        elsewhere: dict[E, list[Decision[S, E, F]]] = {event: [] for event in self.events}
        for decision in self.decisions():
            sources = (decision.source,) if isinstance(decision, Row) else decision.sources
            for source in sources:
                explicit.setdefault((source, decision.event), []).append(decision)
            if not sources:
                elsewhere.setdefault(decision.event, []).append(decision)
        return {cell: tuple(found or elsewhere[cell[1]]) for cell, found in explicit.items()}

    def _problems(self) -> Iterator[str]:
        yield from self._name_problems()
        yield from self._id_problems()
        yield from self._mention_problems()
        yield from self._counter_problems()
        yield from self._reachability_problems()
        for (state, event), cell in self.cells.items():
            yield from self._coverage_problems(state, event, cell)

    def _name_problems(self) -> Iterator[str]:
        """Check that counters and effects can be attributes of a session, and that no two share a name."""
        effects = dict.fromkeys(effect.name.lower() for row in self.rows for effect in row.effects)
        names = [*_RESERVED, *(counter.name for counter in self.counters), *effects]
        for name in names:
            if not name.isidentifier() or iskeyword(name):
                yield f"{name!r} cannot be a name in Python"
        for name in _repeated(names):
            yield f"{name} names two things: counters, effects and {', '.join(_RESERVED)} share the session's names"
        for event in _repeated(self.events):
            yield f"event {event.name} is listed twice"
        for counter in self.counters:
            if counter.limit < 0:
                yield f"counter {counter.name} has limit {counter.limit}"

    def _id_problems(self) -> Iterator[str]:
        for row_id in _repeated(row.id for row in self.rows):
            yield f"{row_id} is the id of two rows"
        for row in self.rows:
            if not row.cites:
                yield f"{row.id} cites nothing"
        for decision in self.decisions():
            if not isinstance(decision, Row) and not decision.because:
                yield f"{type(decision).__name__} of {decision.event.name} gives no reason"

    def _mention_problems(self) -> Iterator[str]:
        for decision in self.decisions():
            name = _label(decision)
            if decision.event not in self.events:
                yield f"{name} names event {decision.event.name}, which the machine does not have"
            if not isinstance(decision, Row):
                for source in decision.sources:
                    if source not in self.states:
                        yield f"{name} of {decision.event.name} names state {source.name}, which no row leads to"
        for row in self.rows:
            if row.source in self.final:
                yield f"{row.id} leaves final state {row.source.name}"

    def _counter_problems(self) -> Iterator[str]:
        known = {counter.name: counter for counter in self.counters}
        read = {c.counter for d in self.decisions() for c in d.when}
        written = {u.counter for row in self.rows for u in row.updates}
        for name in sorted((read | written) - known.keys()):
            yield f"counter {name} is not declared"
        for name in sorted(known.keys() & (written - read)):
            yield f"counter {name} is updated and never read"
        for name in sorted(known.keys() - written):
            yield f"counter {name} never moves"
        for decision in self.decisions():
            for c in decision.when:
                if c.counter in known and known[c.counter].unlimited_allowed and c.threshold is not LIMIT:
                    yield f"{decision.event.name}: {c} compares a counter that may be unlimited with a number"

    def _reachability_problems(self) -> Iterator[str]:
        reached = {self.initial}
        while new := {row.target for row in self.rows if row.source in reached} - reached:
            reached |= new
        for state in self.states:
            if state not in reached:
                yield f"state {state.name} is unreachable"

    def _coverage_problems(self, state: S, event: E, cell: Cell[S, E, F]) -> Iterator[str]:
        if not cell:
            yield f"{state.name} x {event.name} is not decided"
        if not cell or [decision.when for decision in cell] == [()]:
            return
        known = {counter.name for counter in self.counters}
        names = sorted({c.counter for d in cell for c in d.when} & known)
        chosen: set[int] = set()
        for limits in self.limit_choices(names):
            for values in counter_values(limits):
                matching = [i for i, d in enumerate(cell) if all(_holds(c, values, limits) for c in d.when)]
                if len(matching) != 1:
                    what = ", ".join(_label(cell[i]) for i in matching) or "nothing"
                    place = ", ".join(f"{n}={v} (limit {limits[n]})" for n, v in values.items())
                    yield f"{state.name} x {event.name} at {place or 'any value'} matches {what}"
                    return
                chosen.update(matching)
        for i in sorted(set(range(len(cell))) - chosen):
            yield f"{state.name} x {event.name} never matches {_label(cell[i])}"

    def limit_choices(self, names: Iterable[str]) -> Iterator[dict[str, int | None]]:
        """Yield the limits that an instance may set, up to the point where larger ones change no decision.

        Guards depend only on the order of value, limit and thresholds. With a limit beyond every threshold they
        distinguish the same cases (at each threshold, between them, at the limit) as with any larger one.
        """
        wanted = [counter for counter in self.counters if counter.name in set(names)]
        beyond = {counter.name: 2 for counter in wanted}
        for c in (c for decision in self.decisions() for c in decision.when if c.counter in beyond):
            if not isinstance(c.threshold, Threshold):
                beyond[c.counter] = max(beyond[c.counter], c.threshold + 1)
        choices = [(*range(beyond[c.name] + 1), *((None,) if c.unlimited_allowed else ())) for c in wanted]
        for combination in product(*choices):
            yield {counter.name: limit for counter, limit in zip(wanted, combination, strict=True)}


def counter_values(limits: Limits) -> Iterator[dict[str, int]]:
    """Yield every combination of values of counters with these limits."""
    for values in product(*(range(1 if limit is None else limit + 1) for limit in limits.values())):
        yield dict(zip(limits, values, strict=True))


def _holds(comparison: Comparison, values: Mapping[str, int], limits: Limits) -> bool:
    return comparison.counter not in values or comparison.holds(values[comparison.counter], limits[comparison.counter])


def _label(decision: Decision[S, E, F]) -> str:
    return decision.id if isinstance(decision, Row) else type(decision).__name__


def _repeated(items: Iterable[T]) -> Iterator[T]:
    return (item for item, count in Counted(items).items() if count > 1)


def _varied(
    part: Part[S, E, F], changed: Mapping[str, Row[S, E, F]], gone: frozenset[str]
) -> Iterator[Decision[S, E, F]]:
    for decision in part.decisions:
        if not isinstance(decision, Row):
            yield decision
        elif decision.id in gone:
            yield Refuse(decision.event, (decision.source,), because=f"{decision.id} is missing", when=decision.when)
        else:
            yield changed.get(decision.id, decision)

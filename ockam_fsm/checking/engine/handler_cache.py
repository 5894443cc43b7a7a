"""A cache of handler calls: local states, messages and events are small integers, and outcomes are table look-ups.

Theory: a handler depends on (local state, event) alone, so the outcome of each distinct pair is computed once, on
demand. A local state is (handler state, armed timers). The rest of the search is arithmetic on these integers.

Rule 1: integers are assigned in order of discovery, which may differ between searches; nothing shown to users may
depend on them. The order of actions comes from `naming.canonical` and from positions in the world.
Rule 2: a cached step is *used* once a search has taken it; only then is it given to step properties. A pair that was
computed but never taken (for instance because its outputs did not fit) proves and refutes nothing.
Rule 3: every new pair is computed twice and both outcomes must be equal, because an impure handler invalidates every
result.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ockam_fsm.checking.actors import (
    CORRUPT,
    Actor,
    BoundReached,
    Deliver,
    Disabled,
    Envelope,
    Event,
    Fault,
    Fire,
    Order,
    Outbox,
)
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.naming import alike, canonical, identity
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import DefinitionError

T = TypeVar("T", bound=Hashable)


class Local(NamedTuple):
    """One actor's part of a global state: its handler state and its armed timers."""

    state: Hashable
    timers: frozenset[Hashable]


@dataclass(slots=True, eq=False)
class CachedStep:
    """The outcome of one event in one local state of an actor. If not `possible`, the step does not exist: `bound` is
    the bound that suppressed it, or None if the handler disabled it."""

    index: int
    actor: int
    before: int
    event: int
    after: int
    outputs: tuple[int, ...]
    records: tuple[Hashable, ...]
    possible: bool = True
    bound: str | None = None
    used: bool = False


class _Outcome(NamedTuple):
    local: Local
    sent: tuple[Envelope, ...]
    records: tuple[Hashable, ...]
    possible: bool = True
    bound: str | None = None


class Interned(Generic[T]):
    """Values of one kind, numbered in order of discovery. Equal values of different types differ (naming.py)."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._ids: dict[T, int] = {}
        self._twins: dict[Hashable, int] = {}
        """Values that equal an earlier value of another type, by their `identity`."""

    def find(self, value: T) -> int | None:
        found = self._ids.get(value)
        if found is None or alike(self.values[found], value):
            return found
        return self._twins.get(identity(value))

    def add(self, value: T) -> int:
        """Number a new value, which `find` does not return."""
        number = len(self.values)
        self.values.append(value)
        if self._ids.setdefault(value, number) != number:
            self._twins[identity(value)] = number
        return number


class HandlerCache:
    """Interned local states, messages and events of one world, and its cached steps. Message 0 is "no message"."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = world.actor_names
        self.number = {name: position for position, name in enumerate(self.names)}
        self._locals: list[Interned[Local]] = [Interned() for _ in self.names]
        self.locals: list[list[Local]] = [one.values for one in self._locals]
        self.firing: list[list[tuple[int, ...]]] = [[] for _ in self.names]
        """The timer events of each local state of each actor."""
        self._first_states: dict[str, Hashable] = {}
        self._events: Interned[Event] = Interned()
        self.events = self._events.values
        self.orders = [self._declared(world.orders, name, Order) for name in self.names]
        self.faults = [self._declared(world.faults, name, Fault) for name in self.names]
        self.corrupted = [self.event(Deliver(CORRUPT, name)) for name in self.names]
        self._envelopes: Interned[Envelope] = Interned()
        self._envelopes.add(Envelope("", "", None))
        self.envelopes = self._envelopes.values
        self.sender, self.receiver, self.delivery = [-1], [-1], [-1]
        self.rank: list[tuple[int, int, str]] = [(-1, -1, "")]
        self._ranks: dict[tuple[int, int, str], Envelope] = {}
        self.rows: list[CachedStep] = []
        self._row_ids: dict[tuple[int, int, int], CachedStep] = {}
        self.fresh: list[CachedStep] = []
        """Cached steps that were used for the first time since the explorer last cleared this list."""

    def _declared(self, table: object, name: str, kind: type[Order] | type[Fault]) -> list[tuple[int, Hashable]]:
        budgets = table.get(name, {}) if hasattr(table, "get") else {}
        return [(self.event(what if isinstance(what, Deliver) else kind(what)), what) for what in budgets]

    def event(self, event: Event) -> int:
        found = self._events.find(event)
        return self._events.add(event) if found is None else found

    def local(self, actor: int, local: Local) -> int:
        found = self._locals[actor].find(local)
        if found is None:
            found = self._locals[actor].add(local)
            self.firing[actor].append(tuple(self.event(Fire(timer)) for timer in local.timers))
        return found

    def envelope(self, envelope: Envelope) -> int:
        found = self._envelopes.find(envelope)
        return self._new_envelope(envelope) if found is None else found

    def _new_envelope(self, envelope: Envelope) -> int:
        if envelope.receiver not in self.number:
            raise DefinitionError(
                f"actor {envelope.sender}",
                [f"it sends {envelope.payload!r} to {envelope.receiver!r}, which is not an actor of {self.world.name}"],
            )
        rank = (self.number[envelope.sender], self.number[envelope.receiver], canonical(envelope.payload))
        twin = self._ranks.setdefault(rank, envelope)
        if twin is not envelope:
            problem = f"two different payloads have the same text: {rank[2]}; give them different reprs"
            raise DefinitionError(f"actor {envelope.sender}", [problem])
        found = self._envelopes.add(envelope)
        self.sender.append(rank[0])
        self.receiver.append(rank[1])
        self.delivery.append(self.event(Deliver(envelope.payload, envelope.sender)))
        self.rank.append(rank)
        return found

    def start(self, actor: int) -> tuple[int, tuple[int, ...]]:
        """Return an actor's initial local state and the messages that it sends at the start."""
        outcome = self._twice(self.world.actors[actor], None, None)
        self._first_states[self.names[actor]] = outcome.local.state
        return self.local(actor, outcome.local), tuple(map(self.envelope, outcome.sent))

    def row(self, actor: int, before: int, event: int) -> CachedStep:
        key = (actor, before, event)
        found = self._row_ids.get(key)
        if found is None:
            found = self._row_ids[key] = self._tabulate(*key)
            self.rows.append(found)
        return found

    def _tabulate(self, actor: int, before: int, event: int) -> CachedStep:
        outcome = self._twice(self.world.actors[actor], self.locals[actor][before], self.events[event])
        after = self.local(actor, outcome.local) if outcome.possible else before
        outputs = tuple(map(self.envelope, outcome.sent))
        return CachedStep(
            len(self.rows), actor, before, event, after, outputs, outcome.records, outcome.possible, outcome.bound
        )

    def _twice(self, actor: Actor, local: Local | None, event: Event | None) -> _Outcome:
        try:
            first, second = handled(actor, local, event), handled(actor, local, event)
            same = first == second and alike(first, second)
            hash(first)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise CodeRaised(f"actor {actor.name}", error, _given(local, event)) from error
        if not same:
            problem = f"two calls with {_given(local, event)} had different outcomes"
            raise DefinitionError(f"actor {actor.name}", [f"{problem}; a handler must depend on its arguments alone"])
        if first.local.state is None and self._first_states.get(actor.name) is not None:
            problem = f"handle returned None, with {_given(local, event)}"
            remedy = "return the next state; None is a state only of an actor whose start returns None"
            raise DefinitionError(f"actor {actor.name}", [f"{problem}: {remedy}"])
        return first

    def use(self, row: CachedStep) -> None:
        if not row.used:
            row.used = True
            self.fresh.append(row)

    def forget_uses(self) -> None:
        """Mark every cached step as unused, so that a new search starts with the cache filled so far."""
        self.fresh.clear()
        for row in self.rows:
            row.used = False

    def step(self, row: CachedStep) -> Step:
        before, after = self.locals[row.actor][row.before], self.locals[row.actor][row.after]
        sent = tuple(self.envelopes[output] for output in row.outputs)
        event = self.events[row.event]
        name = self.names[row.actor]
        return Step(name, before.state, event, after.state, before.timers, after.timers, sent, row.records)


def _given(local: Local | None, event: Event | None) -> str:
    return "nothing (start)" if event is None else f"{canonical(local)}, {canonical(event)}"


def handled(actor: Actor, local: Local | None, event: Event | None) -> _Outcome:
    """Return what the actor does: at its `start` if there is no local state yet, else when it handles the event."""
    if local is None or event is None:
        out = Outbox(actor.name)
        state = actor.start(out)
        return _Outcome(Local(state, frozenset(out.timers)), tuple(out.sent), tuple(out.records))
    timers = local.timers - {event.timer} if isinstance(event, Fire) else local.timers
    out = Outbox(actor.name, timers)
    try:
        state = actor.handle(local.state, event, out)
    except Disabled:
        return _Outcome(local, (), (), possible=False)
    except BoundReached as reached:
        return _Outcome(local, (), (), possible=False, bound=reached.bound)
    return _Outcome(Local(state, frozenset(out.timers)), tuple(out.sent), tuple(out.records))

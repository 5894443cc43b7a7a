"""What handlers do, looked up instead of computed: local states, messages and events as small integers.

Theory: a handler depends on (local state, event) alone, so it is called once per distinct pair, on demand. A local
state is (handler state, armed timers). Everything the search meets afterwards is arithmetic on the integers given out
here.

Rule 1: integers are given out in order of meeting, which may differ between searches; nothing that a user sees may
depend on them. Orders shown to users come from `naming.canonical` and from positions in the world.
Rule 2: a row is *used* once a search has met a step that takes it; only then do step properties look at it. A pair that
was tabulated but never happened (its outputs did not fit, say) proves and refutes nothing.
Rule 3: every new pair is computed twice and must come out the same, because an impure handler voids every result.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

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
from ockam_fsm.checking.naming import canonical
from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import DefinitionError


class Local(NamedTuple):
    """One actor's part of a global state, as far as handlers are concerned."""

    state: Hashable
    timers: frozenset[Hashable]


@dataclass(slots=True, eq=False)
class CachedStep:
    """What one actor does with one event in one local state. Not `possible`: the step does not exist; `bound` says
    which bound suppressed it, None that it is disabled."""

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


class HandlerCache:
    """Interned local states, messages and events of one world, and the rows between them. Message 0 is "no message"."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = world.actor_names
        self.number = {name: position for position, name in enumerate(self.names)}
        self.locals: list[list[Local]] = [[] for _ in self.names]
        self._local_ids: list[dict[Local, int]] = [{} for _ in self.names]
        self.events: list[Event] = []
        self._event_ids: dict[Event, int] = {}
        self.orders = [self._declared(world.orders, name, Order) for name in self.names]
        self.faults = [self._declared(world.faults, name, Fault) for name in self.names]
        self.corrupted = [self.event(Deliver(CORRUPT, name)) for name in self.names]
        self.envelopes: list[Envelope] = [Envelope("", "", None)]
        self._envelope_ids: dict[Envelope, int] = {}
        self.sender, self.receiver, self.delivery = [-1], [-1], [-1]
        self.rank: list[tuple[int, int, str]] = [(-1, -1, "")]
        self._ranks: dict[tuple[int, int, str], Envelope] = {}
        self.rows: list[CachedStep] = []
        self._row_ids: dict[tuple[int, int, int], CachedStep] = {}
        self.fresh: list[CachedStep] = []
        """Rows first used since the driver last looked."""

    def _declared(self, table: object, name: str, kind: type[Order] | type[Fault]) -> list[tuple[int, Hashable]]:
        budgets = table.get(name, {}) if hasattr(table, "get") else {}
        return [(self.event(what if isinstance(what, Deliver) else kind(what)), what) for what in budgets]

    def event(self, event: Event) -> int:
        found = self._event_ids.get(event)
        if found is None:
            found = self._event_ids[event] = len(self.events)
            self.events.append(event)
        return found

    def local(self, actor: int, local: Local) -> int:
        ids = self._local_ids[actor]
        found = ids.get(local)
        if found is None:
            found = ids[local] = len(self.locals[actor])
            self.locals[actor].append(local)
        return found

    def envelope(self, envelope: Envelope) -> int:
        found = self._envelope_ids.get(envelope)
        return self._new_envelope(envelope) if found is None else found

    def _new_envelope(self, envelope: Envelope) -> int:
        if envelope.receiver not in self.number:
            raise DefinitionError(
                f"actor {envelope.sender}",
                [f"it sends {envelope.payload!r} to {envelope.receiver!r}, which is no actor of {self.world.name}"],
            )
        rank = (self.number[envelope.sender], self.number[envelope.receiver], canonical(envelope.payload))
        twin = self._ranks.setdefault(rank, envelope)
        if twin is not envelope:
            problem = f"two different payloads print the same: {rank[2]}; their repr must tell them apart"
            raise DefinitionError(f"actor {envelope.sender}", [problem])
        found = self._envelope_ids[envelope] = len(self.envelopes)
        self.envelopes.append(envelope)
        self.sender.append(rank[0])
        self.receiver.append(rank[1])
        self.delivery.append(self.event(Deliver(envelope.payload, envelope.sender)))
        self.rank.append(rank)
        return found

    def start(self, actor: int) -> tuple[int, tuple[int, ...]]:
        """An actor's initial local state and what it sends at once."""
        outcome = self._twice(self.world.actors[actor], None, None)
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
            first, second = _call(actor, local, event), _call(actor, local, event)
            hash(first)
        except DefinitionError:
            raise
        except Exception as error:
            error.add_note(f"raised by actor {actor.name} at {canonical(local)}, {canonical(event)}")
            raise
        if first != second:
            problem = f"called twice with {canonical(local)}, {canonical(event)} it gave two different outcomes"
            raise DefinitionError(f"actor {actor.name}", [f"{problem}; a handler must depend on its arguments alone"])
        return first

    def use(self, row: CachedStep) -> None:
        if not row.used:
            row.used = True
            self.fresh.append(row)

    def forget_uses(self) -> None:
        """A search starts afresh on what is already tabulated."""
        self.fresh.clear()
        for row in self.rows:
            row.used = False

    def step(self, row: CachedStep) -> Step:
        before, after = self.locals[row.actor][row.before], self.locals[row.actor][row.after]
        sent = tuple(self.envelopes[output] for output in row.outputs)
        event = self.events[row.event]
        name = self.names[row.actor]
        return Step(name, before.state, event, after.state, before.timers, after.timers, sent, row.records)


def _call(actor: Actor, local: Local | None, event: Event | None) -> _Outcome:
    """One call of the real code: `start` when there is no local state yet, else `handle`."""
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

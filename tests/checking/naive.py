"""A naive explorer with the same semantics: plain values, one dictionary, no tables, no packing.

Rule: it imports the vocabulary of worlds and properties, and no module of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ockam_fsm.checking.actors import (
    CORRUPT,
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
from ockam_fsm.checking.properties import Kind, Property, Step
from ockam_fsm.checking.world import World

Local = tuple[Any, frozenset[Hashable]]


@dataclass(frozen=True)
class Global:
    locals: tuple[Local, ...]
    network: tuple[Envelope, ...]
    budgets: tuple[tuple[Hashable, int], ...]
    cut: frozenset[tuple[int, int]]


class Action(NamedTuple):
    rank: tuple[Any, ...]
    after: Global | None
    step: Step | None

    @property
    def is_system(self) -> bool:
        return self.rank[0] in (0, 1, 3)


@dataclass
class Found:
    states: int
    transitions: int
    depth: int
    bounds: set[str]
    paths: dict[str, tuple[int, ...]]
    excused: dict[str, int]


class Naive:
    """One exploration; `found` is its result, with a verdict for every property."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = world.actor_names
        self.faults = world.network.budgets
        self.bounds: set[str] = set()
        self.found = self._search()

    # States

    def initial(self) -> Global:
        locals_: list[Local] = []
        sent: list[Envelope] = []
        for actor in self.world.actors:
            out = Outbox(actor.name)
            state = actor.start(out)
            locals_.append((state, frozenset(out.timers)))
            sent += out.sent
        budgets: dict[Hashable, int] = {name: n for name, n in self.faults.items() if n is not None}
        for table in (self.world.orders, self.world.faults):
            for name, declared in table.items():
                kind = "order" if table is self.world.orders else "fault"
                budgets |= {(name, kind, what): n for what, n in declared.items() if n is not None}
        network = self._sorted(tuple(sent))
        return Global(tuple(locals_), network, tuple(budgets.items()), frozenset())

    def _link(self, one: Envelope) -> tuple[int, int]:
        return self.names.index(one.sender), self.names.index(one.receiver)

    def _sorted(self, network: tuple[Envelope, ...]) -> tuple[Envelope, ...]:
        if self.world.network.order == "ordered":
            return tuple(sorted(network, key=self._link))
        return tuple(sorted(network, key=lambda one: (self._link(one), repr(one.payload))))

    def _left(self, state: Global, budget: Hashable) -> bool:
        return dict(state.budgets).get(budget, 1) > 0

    def _pay(self, state: Global, budget: Hashable) -> Global:
        return replace(state, budgets=tuple((name, n - (name == budget)) for name, n in state.budgets))

    # Actions

    def actions(self, state: Global) -> list[Action]:
        found = [*self._messages(state), *self._own(state), *self._links(state)]
        return sorted(found, key=lambda action: action.rank)

    def _receivable(self, state: Global) -> Iterator[int]:
        for position, one in enumerate(state.network):
            earlier = state.network[:position]
            if self.world.network.order == "ordered":
                if self._link(one) not in map(self._link, earlier):
                    yield position
            elif one not in earlier:
                yield position

    def _messages(self, state: Global) -> Iterator[Action]:
        for position in self._receivable(state):
            one = state.network[position]
            rank = (*self._link(one), repr(one.payload))
            without = replace(state, network=state.network[:position] + state.network[position + 1 :])
            if "drop" in self.faults and self._left(state, "drop"):
                yield Action((7, *rank), self._pay(without, "drop"), None)
            if self._link(one) in state.cut:
                continue
            actor = self.names.index(one.receiver)
            event = Deliver(one.payload, one.sender)
            yield from self._handled((0, *rank), actor, event, without)
            if "duplicate" in self.faults and self._left(state, "duplicate"):
                yield from self._handled((5, *rank), actor, event, self._pay(state, "duplicate"))
            if "corrupt" in self.faults and self._left(state, "corrupt"):
                corrupt = Deliver(CORRUPT, one.sender)
                yield from self._handled((6, *rank), actor, corrupt, self._pay(without, "corrupt"))

    def _own(self, state: Global) -> Iterator[Action]:
        for actor, name in enumerate(self.names):
            for timer in state.locals[actor][1]:
                yield from self._handled((1, actor, repr(timer)), actor, Fire(timer), state)
            for place, kind, number in ((self.world.orders, "order", 2), (self.world.faults, "fault", 4)):
                for position, what in enumerate(place.get(name, {})):
                    if self._left(state, (name, kind, what)):
                        event: Event = Order(what) if kind == "order" else Fault(what)
                        paid = self._pay(state, (name, kind, what))
                        yield from self._handled((number, actor, position), actor, event, paid)

    def _links(self, state: Global) -> Iterator[Action]:
        if "partition" not in self.faults:
            return
        for link in [(a, b) for a in range(len(self.names)) for b in range(len(self.names)) if a != b]:
            if link in state.cut:
                yield Action((3, link), replace(state, cut=state.cut - {link}), None)
            elif self._left(state, "partition"):
                yield Action((8, link), replace(self._pay(state, "partition"), cut=state.cut | {link}), None)

    def _handled(self, rank: tuple[Any, ...], actor: int, event: Event, state: Global) -> Iterator[Action]:
        name, (before, timers) = self.names[actor], state.locals[actor]
        out = Outbox(name, timers - {event.timer} if isinstance(event, Fire) else timers)
        try:
            after = self.world.actors[actor].handle(before, event, out)
        except Disabled:
            return
        except BoundReached as reached:
            self.bounds.add(reached.bound)
            yield Action(rank, None, None)
            return
        network, room = state.network, self.world.network.in_flight - len(state.network)
        if len(out.sent) > room:
            self.bounds.add("in_flight")
            if "drop" not in self.faults:
                yield Action(rank, None, None)
                return
        network += tuple(out.sent[: max(room, 0)])
        new: Local = (after, frozenset(out.timers))
        locals_ = (*state.locals[:actor], new, *state.locals[actor + 1 :])
        step = Step(name, before, event, after, timers, new[1], tuple(out.sent), tuple(out.records))
        yield Action(rank, replace(state, locals=locals_, network=self._sorted(network)), step)

    # The search: a queue in the order of paths, so the first path found is the first of the shortest

    def _search(self) -> Found:
        start = self.initial()
        self.ways: dict[Global, tuple[int, ...]] = {start: ()}
        self.graph: dict[Global, list[Action]] = {}
        queue, transitions = [start], 0
        steps: list[tuple[tuple[int, ...], Step]] = []
        for state in queue:
            self.graph[state] = self.actions(state)
            enabled = [action for action in self.graph[state] if action.after is not None]
            transitions += len(enabled)
            for index, action in enumerate(enabled):
                way = (*self.ways[state], index)
                if action.step is not None:
                    steps.append((way, action.step))
                assert action.after is not None
                if action.after not in self.ways:
                    self.ways[action.after] = way
                    queue.append(action.after)
        paths: dict[str, tuple[int, ...]] = {}
        excused: dict[str, int] = {}
        for one in self.world.properties:
            hits = self._hits(one, steps, excused)
            if hits:
                paths[one.id] = min(hits, key=lambda way: (len(way), way))
        depth = max(map(len, self.ways.values()))
        return Found(len(self.ways), transitions, depth, self.bounds, paths, excused)

    def _hits(
        self, one: Property, steps: list[tuple[tuple[int, ...], Step]], excused: dict[str, int]
    ) -> list[tuple[int, ...]]:
        if one.reads_steps:
            return [way for way, step in steps if one.is_hit(one.predicate(step))]
        if one.kind is not Kind.RECOVERABLE:
            return [way for state, way in self.ways.items() if one.is_hit(self._apply(one, one.predicate, state))]
        goals = {state for state in self.ways if self._apply(one, one.predicate, state)}
        cut = {state for state, actions in self.graph.items() if any(a.is_system and a.after is None for a in actions)}
        given = {state for state in self.ways if one.given is None or self._apply(one, one.given, state)}
        strict, lenient = self._reaching(goals), self._reaching(goals | cut)
        excused[one.id] = len(given - strict) - len(given - lenient)
        return [self.ways[state] for state in given - lenient]

    def _apply(self, one: Property, predicate: Callable[..., object], state: Global) -> object:
        parts = [state.network if name == "network" else state.locals[self.names.index(name)][0] for name in one.over]
        return predicate(*parts)

    def _reaching(self, goals: set[Global]) -> set[Global]:
        before: dict[Global, list[Global]] = {}
        for state, actions in self.graph.items():
            for action in actions:
                if action.is_system and action.after is not None:
                    before.setdefault(action.after, []).append(state)
        found, queue = set(goals), list(goals)
        for state in queue:
            for earlier in before.get(state, []):
                if earlier not in found:
                    found.add(earlier)
                    queue.append(earlier)
        return found

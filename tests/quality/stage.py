"""Worlds with an exchangeable table: the outcomes of the real table are cached.

Theory: one event makes an end take a few rows of its table. If a mutant changes none of them, its outcome is that of
the real table, and is looked up. If every event that takes a changed row has the same outcome under both tables, in
every state that the real world reaches, then by induction the mutant reaches the same states by the same steps: it is
indistinguishable in that world without an exploration.

Rule 1: outcomes are compared by `told`: commands to different parties have no order between them, because an edge
carries out all commands of one input before it takes the next one.
Rule 2: the table is stepped by `Machine.resolve`, not by a driver, because making a driver takes longer than testing
most mutants. tests/kernel proves that both agree on every cell.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, TypeAlias

from ockam_fsm.checking.actors import BoundReached, Disabled, Event, Fire, Outbox
from ockam_fsm.checking.explore import Progress, Result, explore
from ockam_fsm.checking.properties import Step, always_step
from ockam_fsm.checking.sessions.open_environment import Alone, strangers
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import End, InitiatorActor, ResponderActor
from ockam_fsm.checking.sessions.worlds import WAYS, config_of, ways_of
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.machine import Ignore, Refuse, Row
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import SessionMachine
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.config import SessionConfig

REMEMBERED = 300_000
"""The largest number of cached outcomes per end of a world; further outcomes are computed each time."""

Pair: TypeAlias = tuple[End, Event]
Operation: TypeAlias = tuple[str, tuple[Any, ...]]
Actor: TypeAlias = InitiatorActor | ResponderActor | Alone
NEVER = 1_000_000
"""The depth of a pair that is not a step."""


class Stepping:
    """A driver of one table that records the rows it takes."""

    def __init__(self, machine: SessionMachine) -> None:
        self.machine = machine
        self.taken: set[str] = set()

    def fire(self, model: Any, event: Any, cause: object = None) -> Row[Any, Any, Any] | Ignore[Any, Any]:
        values = {counter.name: getattr(model, counter.name) for counter in self.machine.counters}
        decision = self.machine.resolve(model.state, event, values, model.limits)
        if isinstance(decision, Refuse):
            raise self.machine.refusal(model.state, event, decision)
        if isinstance(decision, Row):
            self.taken.add(decision.id)
            for update in decision.updates:
                value = update.apply(getattr(model, update.counter), model.limits[update.counter])
                setattr(model, update.counter, value)
            model.state = decision.target
            for effect in decision.effects:
                getattr(model, f"_{effect.name.lower()}")(cause)
        return decision


def stepped(settings: SessionConfig) -> SessionConfig:
    """Return the same settings for sessions with a `Stepping` driver."""
    settings.__dict__["driver"] = Stepping(settings.machine)
    return settings


@lru_cache(maxsize=64)
def _settings(config: Stage, role: Role) -> SessionConfig:
    return stepped(PairConfig.settings(config, role))


@dataclass(frozen=True)
class Stage(PairConfig):
    """A configuration whose tables have `Stepping` drivers."""

    def settings(self, role: Role) -> SessionConfig:
        return _settings(self, role)

    def taken(self, role: Role) -> set[str]:
        driver: Any = _settings(self, role).driver
        rows: set[str] = driver.taken
        return rows


class Recorder(Outbox):
    """An outbox that can be replayed into another one."""

    def __init__(self, actor: str, timers: Iterable[Hashable] = ()) -> None:
        super().__init__(actor, timers)
        self.operations: list[Operation] = []

    def send(self, receiver: str, payload: Hashable) -> None:
        self.operations.append(("send", (receiver, payload)))

    def set_timer(self, name: Hashable) -> None:
        self.operations.append(("set_timer", (name,)))

    def cancel_timer(self, name: Hashable) -> None:
        self.operations.append(("cancel_timer", (name,)))

    def cancel_all_timers(self) -> None:
        self.operations.append(("cancel_all_timers", ()))

    def record(self, fact: Hashable) -> None:
        self.operations.append(("record", (fact,)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one event of an end. `failure`: the exception raised instead."""

    after: End | None
    operations: tuple[Operation, ...]
    failure: BaseException | None = None
    taken: frozenset[str] = frozenset()

    def perform(self, out: Outbox) -> None:
        for name, arguments in self.operations:
            getattr(out, name)(*arguments)

    def told(self) -> Hashable:
        """The visible part: the next state, and the commands to each party in order."""
        failure = (type(self.failure), str(self.failure)) if self.failure is not None else None
        parties: dict[Hashable, list[Hashable]] = {}
        for name, arguments in self.operations:
            if name == "record":
                key, command = arguments[0]
                told = parties.setdefault((key, _party(command)), [])
                if isinstance(command, SetTimer | CancelTimer):
                    told.clear()  # no time passes between the commands of one input, so only the last one counts
                told.append(command)
        return self.after, failure, frozenset((party, tuple(told)) for party, told in parties.items())


def _party(command: commands.Command) -> Hashable:
    """Return the party that a command concerns. Storage and router come before the network: the number of a hello is
    stored, and its address registered, before it is sent."""
    match command:
        case SetTimer(timer) | CancelTimer(timer):
            return timer
        case commands.Notify() | commands.Deliver():
            return "owner"
        case commands.DeadLetter():
            return "dead letter channel"
    return "router"


def outcome(actor: Actor, role: Role, end: End, event: Event) -> Outcome:
    """Compute an outcome with the real code."""
    out = Recorder(actor.name)
    config = actor.config
    assert isinstance(config, Stage)
    taken = config.taken(role)
    taken.clear()
    try:
        after = actor.handle(end, event, out)
    except (Exception, Disabled, BoundReached) as failure:
        failure.__traceback__ = None
        return Outcome(None, (), failure, frozenset(taken))
    return Outcome(after, tuple(out.operations), None, frozenset(taken))


@dataclass
class Remembering:
    """One end whose outcomes are cached while they take none of `rows`, the rows that differ in `mutant`."""

    role: Role
    real: Actor
    known: dict[tuple[End, Event], Outcome] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()
    mutant: Actor | None = None

    @property
    def name(self) -> str:
        return self.real.name

    def start(self, out: Outbox) -> End:
        return self.real.start(out)

    def handle(self, end: End, event: Event, out: Outbox) -> End:
        found = self.known.get((end, event))
        if found is None:
            found = outcome(self.real, self.role, end, event)
            if len(self.known) < REMEMBERED:
                self.known[end, event] = found
        if self.mutant is not None and not self.rows.isdisjoint(found.taken):
            found = outcome(self.mutant, self.role, end, event)
        if found.failure is not None:
            raise _again(found.failure)
        found.perform(out)
        assert found.after is not None
        return found.after


def _again(failure: BaseException) -> BaseException:
    if isinstance(failure, BoundReached):
        return BoundReached(failure.bound)
    return Disabled() if isinstance(failure, Disabled) else Crash(f"{type(failure).__name__}: {failure}")


class Crash(Exception):
    """An end raised an exception on a message, a timer or a fault."""


class Scene:
    """One world of a type, in which each mutant's table replaces the real one."""

    def __init__(self, kind: SessionType, way: str) -> None:
        self.way = way
        self.build = _build(way)
        self.config = Stage(kind, capacity=config_of(kind).capacity)
        world = self.build(self.config)
        self.ends = {role: Remembering(role, actor) for role, actor in _ends(world)}
        self.world = replace(world, actors=(*self.ends.values(), *world.actors[len(self.ends) :]))
        self.steps: dict[str, dict[Pair, tuple[int, Step]]] = {actor.name: {} for actor in world.actors}
        """The steps of the real world, with the least depth of each."""
        self.takers: dict[Role, dict[str, list[Pair]]] = {role: {} for role in Role}
        """Which pairs take which row, by depth; last those that are no steps because they are not possible."""
        self.states = 0

    def rehearse(self) -> Result:
        """Explore the real world and cache its outcomes."""
        depth = 0

        def move_on(progress: Progress) -> None:
            nonlocal depth
            depth = progress.depth

        def watch(step: Step) -> bool:
            self.steps[step.actor].setdefault((step.before, step.event), (depth, step))
            return True

        watched = replace(self.world, properties=(*self.world.properties, always_step("watch", "all steps", watch)))
        result = explore(watched, backend="stdlib", progress=move_on, stop_at_first=False)
        for role, end in self.ends.items():
            for pair in sorted(end.known, key=partial(self.depth, role)):
                for row in end.known[pair].taken:
                    self.takers[role].setdefault(row, []).append(pair)
        self.states = result.states
        return result

    def depth(self, role: Role, pair: Pair) -> int:
        depth, _ = self.steps[self.ends[role].name].get(pair, (NEVER, None))
        return depth

    def play(self, role: Role, machine: SessionMachine, rows: frozenset[str]) -> None:
        """Make the end of `role` run `machine`, which differs from the real one in `rows`."""
        world = self.build(replace(self.config, variants=((role, machine),)))
        actors = dict(_ends(world))
        for one, end in self.ends.items():
            end.mutant = actors[one] if one is role else None
            end.rows = rows

    def different(self, role: Role, rows: frozenset[str]) -> Iterator[tuple[Pair, Outcome]]:
        """Yield the different outcomes of the mutant in states that the real world reaches, least depth first."""
        end = self.ends[role]
        assert end.mutant is not None
        pairs = dict.fromkeys(pair for row in sorted(rows) for pair in self.takers[role].get(row, ()))
        for pair in sorted(pairs, key=partial(self.depth, role)) if len(rows) > 1 else pairs:
            mine = outcome(end.mutant, role, *pair)
            if mine.told() != end.known[pair].told():
                yield pair, mine

    def step(self, role: Role, pair: Pair) -> Step | None:
        """Return the step of the real world for this pair; None if there is none."""
        _, step = self.steps[self.ends[role].name].get(pair, (NEVER, None))
        return step


def _ends(world: World) -> Iterator[tuple[Role, Actor]]:
    for actor in world.actors:
        if isinstance(actor, InitiatorActor):
            yield Role.INITIATOR, actor
        elif isinstance(actor, ResponderActor):
            yield Role.RESPONDER, actor
        elif isinstance(actor, Alone):
            yield actor.role, actor


def mutated(step: Step, mine: Outcome) -> Step:
    """Return the step with the mutant's outcome."""
    assert mine.after is not None
    timers = step.timers_before - {step.event.timer} if isinstance(step.event, Fire) else step.timers_before
    out = Outbox(step.actor, timers)
    mine.perform(out)
    return Step(step.actor, step.before, step.event, mine.after, step.timers_before, frozenset(out.timers),
                tuple(out.sent), tuple(out.records))  # fmt: skip


STRANGERS = "-among-strangers"
ROOM = "-with-room"


def _build(way: str) -> Callable[[PairConfig], World]:
    """Return the maker of a world of `worlds.py`. In an open environment the application sends twice as much as there,
    so that several messages are held or exceed the limit; with `ROOM` the limit is large enough to show double
    counting."""
    end, among, room = way.partition(STRANGERS)
    if not among:
        return WAYS[way]
    returned, _, role = end.rpartition("-")
    return partial(strangers, Role[role.upper()], messages=2, held=3 if room else 1, misses=2, returned=bool(returned))


def scenes_of(kind: SessionType, role: Role) -> tuple[str, ...]:
    """Return the worlds in which this table runs. In profile `ockam` all responders are transient (clause 2.4)."""
    name, other = (f"{one.name.lower()}{STRANGERS}" for one in (role, Role(1 - role)))
    elsewhere = {"orders"}  # an open environment gives every order too, and more often
    elsewhere |= {"ockam"} if kind.persistent and role is Role.RESPONDER else set()
    ways = (way for way in ways_of(kind) if way not in elsewhere and not way.endswith(other))
    # Elsewhere the message that creates an implicit session fills the whole capacity.
    return (*ways, name + ROOM) if kind.creation is Creation.IMPLICIT else tuple(ways)

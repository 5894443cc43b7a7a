"""One end on the session core, as a Hypothesis machine: a rule for each event of its table, and every S property.

The machine is generated: a table has events, an event has stimuli (generation/stimuli.py), and an invalid message is
`STRAY`. The properties are the step properties of the explorer, with the explorer's own actor.

Rule 1: draws are positions in lists that the table determines, so a trace is a list of names.
Rule 2: `burst` takes many steps for one draw.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ockam_fsm.checking.actors import Deliver, Disabled, Fault, Fire, Order, Outbox
from ockam_fsm.checking.actors import Event as Happening
from ockam_fsm.checking.properties import Property, Step
from ockam_fsm.checking.sessions.open_environment import Alone, strangers
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import LOWER_LAYER_LOST, RESTARTS, End, InitiatorActor, Packet
from ockam_fsm.checking.sessions.worlds import config_of
from ockam_fsm.conformance.generation.automaton import automaton_of
from ockam_fsm.conformance.generation.hostile import hostile_to
from ockam_fsm.conformance.generation.peer import Arrive, Peer, Stimulus
from ockam_fsm.conformance.generation.stimuli import HOSTS, stimuli_of
from ockam_fsm.conformance.reference.instrumentation import WatchedConfig, Watcher, with_recording_driver
from ockam_fsm.conformance.target import EndpointUnderTest
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.vocabulary import Event, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.session.commands import Notify, RequestTimer, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.session import EXPIRED, Session
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, REQUEST, SEND, STOP, WITHDRAW

UNBOUNDED = 10**9
Cell = tuple[State, Event]
COVERED: dict[str, set[Cell]] = {}
"""The cells of each table that a machine has reached, in this process."""


@dataclass(frozen=True)
class WatchedSetting(PairConfig):
    """A configuration whose sessions record the cells that they reach."""

    @cached_property
    def _settings(self) -> dict[Role, WatchedConfig]:
        return {role: with_recording_driver(super(WatchedSetting, self).settings(role)) for role in Role}

    def settings(self, role: Role) -> SessionConfig:
        return self._settings[role]

    def watcher(self, role: Role) -> Watcher:
        found = self._settings[role].driver
        assert isinstance(found, Watcher)
        return found


def watched_config(kind: SessionType, **limits: Any) -> WatchedSetting:
    plain = config_of(kind)
    return replace(WatchedSetting(**{**vars(plain), **limits}), generations=None, spawns=UNBOUNDED)


@cache
def alone(kind: SessionType, role: Role) -> tuple[Alone, tuple[Property, ...]]:
    """Return the end in an open environment, without the bounds of the explorer's world, and its properties."""
    world = strangers(role, config_of(kind), messages=UNBOUNDED, held=2)
    actor = world.actors[0]
    assert isinstance(actor, Alone)
    config = WatchedSetting(**vars(actor.config))
    unbounded = replace(config, generations=None, spawns=UNBOUNDED)
    return replace(actor, end=replace(actor.end, config=unbounded)), world.properties


@dataclass
class ActorEnd:
    """An actor's state in the form that the `Peer` of the stimuli needs."""

    endpoint: EndpointUnderTest
    actor: Alone
    state: End
    now: float = 0.0
    made: tuple[End, Session | Host] | None = None

    @property
    def core(self) -> Session | Host:
        """Made once for each state, for reading only."""
        if self.made is None or self.made[0] is not self.state:
            end = self.actor.end
            core = end._session(self.state) if isinstance(end, InitiatorActor) else end._host(self.state)
            self.made = (self.state, core)
        return self.made[1]

    @property
    def session(self) -> Session | None:
        core = self.core
        return core if isinstance(core, Session) else next(reversed(core.sessions.values()), None)


@dataclass
class TableOracle:
    """A run of one end: its inputs and its checks."""

    kind: SessionType
    role: Role
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.actor, self.properties = alone(self.kind, self.role)
        out = Outbox(self.actor.name)
        self.end = ActorEnd(EndpointUnderTest(self.kind, self.role, capacity=1), self.actor, self.actor.end.start(out))
        self.timers = frozenset(out.timers)
        self.peer = Peer(self.end)  # type: ignore[arg-type]
        self.ranks: dict[Address, Any] = {}
        config = self.actor.config
        assert isinstance(config, WatchedSetting)
        self.watcher = config.watcher(self.role)

    def take(self, name: str) -> None:
        """Take one event of the table, if it is possible now."""
        self.names.append(name)
        happening = self._happening(name)
        if happening is not None:
            self._step(happening)
        else:
            self.names.pop()

    def _happening(self, name: str) -> Happening | None:
        if name in ORDERS:
            return Order(ORDERS[name])
        if name in FAULTS:
            return Fault(FAULTS[name])
        if name in TIMERS:
            return self._timer(name)
        action = STIMULI[name].build(self.peer)
        return Deliver(self._packet(action), "stranger") if isinstance(action, Arrive) else None

    def _timer(self, name: str) -> Fire | None:
        due = [timer for timer in self.timers if getattr(timer, "timer", timer) is TIMERS[name]]
        if TIMERS[name] is None:
            due = [timer for timer in self.timers if isinstance(getattr(timer, "timer", timer), RequestTimer)]
        return Fire(sorted(due, key=str)[0]) if due else None

    def _packet(self, action: Arrive) -> Packet:
        """Return the message with the ghost of clause 4.5: the generation of its destination address."""
        first = action.message.onward_route[0]
        rank = next((rank for inner, rank in self.ranks.items() if first.value.startswith(inner.value)), None)
        talks = action.message.payload[:1] == b"\x06"
        return Packet(action.message, rank if talks else None)

    def _step(self, happening: Happening) -> None:
        before, timers = self.end.state, self.timers
        fired = frozenset([happening.timer]) if isinstance(happening, Fire) else frozenset()
        out = Outbox(self.actor.name, timers - fired)
        self.watcher.fired.clear()
        try:
            self.end.state = self.actor.handle(before, happening, out)
        except Disabled:
            return
        finally:
            self._cover()
        self.timers = frozenset(out.timers)
        step = Step(self.actor.name, before, happening, self.end.state, timers, self.timers, tuple(out.sent),
                    tuple(out.records))  # fmt: skip
        assert all(has_texts_for_people(record) for record in out.records), f"not a text: {out.records}"
        judge(step, self.properties, lambda: f"again({self.kind.name!r}, {self.role.name!r}, {json.dumps(self.names)})")
        self.peer.observe()
        self.ranks |= {link.inner: link.generation.rank for link in self.peer.links()}

    def _cover(self) -> None:
        covered = COVERED.setdefault(table(self.kind, self.role).name, set())
        covered |= {(one.state, one.event) for one in self.watcher.fired}


def has_texts_for_people(record: object) -> bool:
    """Check that the texts for people in commands and notices are texts, also in records with an owner."""
    command = record[-1] if isinstance(record, tuple) else record
    told = command.notice if isinstance(command, Notify) else command
    return all(isinstance(getattr(told, name, ""), str) for name in ("reason", "detail"))


def judge(step: Step, properties: Sequence[Property], how: Callable[[], str]) -> None:
    """Check every step property; a failure shows how to replay it."""
    for one in properties:
        if one.reads_steps and not one.is_witness and one.is_hit(one.predicate(step)):
            raise AssertionError(f"{one.id} does not hold: {one.sentence}\n{step.event}\nreplay: {how()}")


def again(kind: str, role: str, names: Sequence[str]) -> None:
    """Replay a trace: a list of names."""
    walk = TableOracle(next(one for one in TYPES if one.name == kind), Role[role])
    for name in names:
        walk.take(name)


# The rules, from the tables -------------------------------------------------------------------------------------------


EVERY_EVENT = frozenset(Event)
ORDER_EVENTS = frozenset(event for event in Event if event.value.startswith("order: "))
STIMULI: dict[str, Stimulus] = {
    one.name: one
    for one in (*stimuli_of(EVERY_EVENT), *HOSTS, *hostile_to(frozenset()))
    if one.event not in (*ORDER_EVENTS, Event.LOWER_LAYER_LOST)
    and "megabyte" not in one.name  # it would take most of the run
}
ORDERS = {one: one for one in (OPEN, SEND, REQUEST, WITHDRAW, RENEGOTIATE, CLOSE, STOP)}
FAULTS = {"lower layer lost": LOWER_LAYER_LOST, **{fault.replace("-", " "): fault for fault in RESTARTS}}
TIMERS: dict[str, Timer | None] = {"request expires": None, **{f"{timer.value} expires": timer for timer in Timer}}


def names_of(event: Event) -> tuple[str, ...]:
    """Return the stimuli of an event, by name. Events that follow from others have none."""
    by_timer = {expired: f"{timer.value} expires" for timer, expired in EXPIRED.items()}
    special = {
        Event.OPEN: ("open",),
        Event.SEND: ("send", "request"),
        Event.WITHDRAW: ("withdraw",),
        Event.RENEGOTIATE: ("renegotiate",),
        Event.CLOSE: ("close",),
        Event.STOP: ("stop",),
        Event.LOWER_LAYER_LOST: ("lower layer lost",),
        Event.REQUEST_EXPIRED: ("request expires",),
    }
    if event in by_timer:
        return (by_timer[event],)
    return special.get(event) or tuple(name for name, one in STIMULI.items() if one.event is event)


def _rule_of(names: tuple[str, ...]) -> Any:
    @rule(which=st.sampled_from(names))
    def happens(self: EndMachine, which: str) -> None:
        self.walk.take(which)

    return happens


class EndMachine(RuleBasedStateMachine):
    """One end of one type. Subclasses are generated."""

    kind: ClassVar[SessionType]
    role: ClassVar[Role]
    alphabet: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.walk = TableOracle(self.kind, self.role)

    @rule(fault=st.sampled_from([name for name in FAULTS if name.startswith("restart")]))
    def restart(self, fault: str) -> None:
        self.walk.take(fault)

    @rule(choices=st.binary(max_size=200))
    def burst(self, choices: bytes) -> None:
        for byte in choices:
            self.walk.take(self.alphabet[byte % len(self.alphabet)])


def end_machine(kind: SessionType, role: Role) -> type[EndMachine]:
    events = table(kind, role).events
    rules = {event.name.lower(): _rule_of(names_of(event)) for event in events if names_of(event)}
    alphabet = tuple(
        name for event in events for name in names_of(event) * (1 if event in (Event.CLOSE, Event.STOP) else 3)
    )
    name = f"{kind.name} {role.name}".title().replace("-", "").replace(" ", "")
    return type(name, (EndMachine,), {**rules, "kind": kind, "role": role, "alphabet": alphabet})


END_MACHINES: tuple[type[EndMachine], ...] = tuple(end_machine(kind, role) for kind in TYPES for role in Role)


# Coverage -------------------------------------------------------------------------------------------------------------


def reachable_cells(kind: SessionType, role: Role) -> set[Cell]:
    """The cells that a breadth-first exploration reaches (automaton.py). The others cannot be reached from outside: the
    address of the message no longer exists, the timer does not run, or the host has forgotten the end."""
    automaton = automaton_of(EndpointUnderTest(kind, role))
    cells = {cell for edges in automaton.edges for edge in edges.values() for cell in edge.cells}
    return {(cell[0], cell[1]) for cell in cells if isinstance(cell, tuple)}

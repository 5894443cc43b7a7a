"""Both ends on the session core, with a network that drops, duplicates, reorders and damages messages, as a Hypothesis
machine.

The ends are the explorer's actors, the properties are the explorer's: every S in every step, S7 in every state. At the
end of a run the faults stop, and the goal of each R has to be reached, by deliveries and timers alone.

Rule 1: a move is a letter and a number; a trace is a list of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ockam_fsm.checking.actors import CORRUPT, Deliver, Disabled, Envelope, Fault, Fire, Order, Outbox
from ockam_fsm.checking.actors import Event as Happening
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.properties import Kind, Property, Step
from ockam_fsm.checking.sessions.charts import control
from ockam_fsm.checking.sessions.properties import recoverability, safety
from ockam_fsm.checking.sessions.session_actors import (
    ERROR,
    INITIATOR,
    LOWER_LAYER_LOST,
    REOPEN,
    RESPONDER,
    RESTART_KEEPING,
    RESTART_LOSING,
    End,
    InitiatorActor,
    ResponderActor,
)
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, SessionType
from ockam_fsm.projections.sequence import MomentKind
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, REQUEST, SEND
from tests.recording import RECORDING, Participant
from tests.stateful.ends import WatchedSetting, judge, watched_config

IN_FLIGHT = 8
HEALING_STEPS = 300
PATIENCE = 4
"""The number of schedules that are tried before a goal counts as unreachable."""

ORDERS = (OPEN, SEND, REQUEST, RENEGOTIATE, SEND, REQUEST, SEND, CLOSE)
"""Closing is rare: it ends a run."""

FAULTS = (LOWER_LAYER_LOST, ERROR, RESTART_KEEPING, RESTART_LOSING)
NETWORK = ("deliver", "drop", "duplicate", "corrupt", "cut", "heal")
Move = tuple[str, int]


@cache
def subject(kind: SessionType) -> tuple[WatchedSetting, tuple[Property, ...]]:
    config = watched_config(kind, distinct=True, held=2, misses=1, attempts=3, reissue=kind.persistent,
                              capacity=1, back_offs=True)  # fmt: skip
    return config, (*safety(config), *recoverability(config))


@dataclass
class Ends:
    """The state of both ends and the network, as a value that can be copied."""

    states: dict[str, Any]
    timers: dict[str, frozenset[Any]]
    in_flight: tuple[Envelope, ...] = ()
    cuts: frozenset[str] = frozenset()

    def copy(self) -> Ends:
        return Ends(dict(self.states), dict(self.timers), self.in_flight, self.cuts)


@dataclass
class PairWalk:
    kind: SessionType
    moves: list[Move] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        config, self.properties = subject(self.kind)
        self.actors: dict[str, InitiatorActor | ResponderActor] = {
            INITIATOR: InitiatorActor(config),
            RESPONDER: ResponderActor(config),
        }
        outs = {name: Outbox(name) for name in self.actors}
        states: dict[str, Any] = {name: actor.start(outs[name]) for name, actor in self.actors.items()}
        self.ends = Ends(states, {name: frozenset(out.timers) for name, out in outs.items()})
        self.participants = {name: Participant(name) for name in self.actors}
        self.step(INITIATOR, Order(OPEN if self.kind.creation is Creation.EXPLICIT else SEND))

    def take(self, move: str, which: int) -> None:
        self.moves.append((move, which))
        self.ends.in_flight = self.ends.in_flight[-IN_FLIGHT:]  # the oldest are lost
        if move in NETWORK:
            self._network(move, which)
        else:
            name = (INITIATOR, RESPONDER)[which % 2]
            happening = self._at(name, move, which // 2)
            if happening is not None:
                self.step(name, happening)

    def _at(self, name: str, move: str, which: int) -> Happening | None:
        if move == "fire":
            timers = sorted(self.ends.timers[name], key=str)
            return Fire(timers[which % len(timers)]) if timers else None
        if move == "order":
            order = ORDERS[which % len(ORDERS)]
            return (
                None if order in (OPEN, CLOSE) and REOPEN in self.ends.timers[name] else Order(order)
            )  # the supervisor does
        return Fault(FAULTS[which % len(FAULTS)])

    def _network(self, move: str, which: int) -> None:
        ends = self.ends
        if move in ("cut", "heal"):
            to = {(INITIATOR, RESPONDER)[which % 2]}
            ends.cuts = ends.cuts | to if move == "cut" else ends.cuts - to
            return
        open_to = [one for one in ends.in_flight if move == "drop" or one.receiver not in ends.cuts]
        if not open_to:
            return
        envelope = open_to[which % len(open_to)]
        if move != "duplicate":
            self._remove(envelope)
        if move == "drop":
            self._record(MomentKind.LOST, envelope.sender, spoken(envelope.payload), envelope.receiver)
        else:
            payload = CORRUPT if move == "corrupt" else envelope.payload
            self.step(envelope.receiver, Deliver(payload, envelope.sender))

    def _remove(self, envelope: Envelope) -> None:
        place = self.ends.in_flight.index(envelope)
        self.ends.in_flight = self.ends.in_flight[:place] + self.ends.in_flight[place + 1 :]

    def step(self, name: str, happening: Happening) -> bool:
        """Take and check one step of one end; False: it is not possible."""
        ends = self.ends
        before, timers = ends.states[name], ends.timers[name]
        fired = frozenset([happening.timer]) if isinstance(happening, Fire) else frozenset()
        out = Outbox(name, timers - fired)
        try:
            after: End = self.actors[name].handle(before, happening, out)
        except Disabled:
            return False
        self.steps += 1
        self._happened(name, happening)
        RECORDING.state(self.participants[name], control(before), control(after))
        ends.states[name], ends.timers[name] = after, frozenset(out.timers)
        ends.in_flight = (*ends.in_flight, *out.sent)
        step = Step(name, before, happening, after, timers, ends.timers[name], tuple(out.sent), tuple(out.records))
        judge(step, self.properties, self.how)
        self._judge_state()
        return True

    def _happened(self, name: str, happening: Happening) -> None:
        match happening:
            case Deliver(payload, sender):
                self._record(MomentKind.MESSAGE, sender, spoken(payload), name)
            case Fire(timer):
                self._record(MomentKind.TIMER, name, spoken(timer))
            case Order(order):
                self._record(MomentKind.ORDER, name, spoken(order))
            case Fault(fault):
                self._record(MomentKind.NOTE, name, spoken(fault).replace("-", " "))

    def _record(self, kind: MomentKind, who: str, label: str, whom: str = "") -> None:
        RECORDING.add(kind, self.participants[who], label, self.participants.get(whom))

    def _judge_state(self) -> None:
        for one in self.properties:
            if one.kind is Kind.ALWAYS and not one.predicate(*(self.ends.states[name] for name in one.over)):
                raise AssertionError(f"{one.id} does not hold: {one.sentence}\nreplay: {self.how()}")

    def how(self) -> str:
        return f"again({self.kind.name!r}, {json.dumps(self.moves)})"

    # R ----------------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Stop the faults; the goal of each R has to be reached from here, by deliveries and timers alone."""
        self.ends.cuts = frozenset()
        for one in self.properties:
            if one.kind is Kind.RECOVERABLE:
                self._recover(one)

    def _recover(self, one: Property) -> None:
        found, assumed = self.ends.copy(), self._states(one)
        assert one.given is not None
        if not one.given(*assumed):
            return
        for early in range(PATIENCE):
            self.ends = found.copy()
            with RECORDING.paused():
                came_true = any(one.predicate(*self._states(one)) for _ in self._healing(early))
            self.ends = found
            if came_true:
                return
        raise AssertionError(f"{one.id} does not reach its goal: {one.sentence}\nreplay: {self.how()}")

    def _states(self, one: Property) -> list[Any]:
        return [self.ends.states[name] for name in one.over]

    def _healing(self, early: int) -> Iterator[None]:
        """Deliver all messages in flight, then let the next timer in turn expire. `early`: the number of timers that
        expire before any delivery. By R the goal remains possible, so one of these schedules has to reach it."""
        yield
        for turn in range(HEALING_STEPS):
            if self.ends.in_flight and turn >= early:
                envelope = self.ends.in_flight[0]
                self._remove(envelope)
                self.step(envelope.receiver, Deliver(envelope.payload, envelope.sender))
            else:
                self._expire(turn)
            yield

    def _expire(self, turn: int) -> None:
        """Let a timer expire: timers of recovery first, one after another; those of giving up last."""
        armed = [(name, timer) for name in self.actors for timer in sorted(self.ends.timers[name], key=str)]
        patient = [one for one in armed if not str(one[1]).rstrip(")'>").endswith(("idle", "retention"))] or armed
        chosen = armed if turn > HEALING_STEPS // 2 else patient
        if chosen:
            name, timer = chosen[turn % len(chosen)]
            self.step(name, Fire(timer))


def again(kind: str, moves: Sequence[Sequence[Any]]) -> None:
    """Replay a trace, R included."""
    walk = PairWalk(next(one for one in TYPES if one.name == kind))
    for move, which in moves:
        walk.take(move, which)
    walk.settle()


LETTERS = ("deliver",) * 6 + ("fire",) * 3 + ("order",) * 3 + ("drop", "duplicate", "corrupt", "cut", "heal", "fault")


class PairMachine(RuleBasedStateMachine):
    """Both ends of one type. Subclasses are generated."""

    kind: ClassVar[SessionType]

    def __init__(self) -> None:
        super().__init__()
        self.walk = PairWalk(self.kind)

    @rule(which=st.integers(0, 2 * len(ORDERS) - 1))
    def order(self, which: int) -> None:
        self.walk.take("order", which)

    @rule(which=st.integers(0, 11))
    def fire(self, which: int) -> None:
        self.walk.take("fire", which)

    @rule(which=st.integers(0, 2 * len(FAULTS) - 1))
    def fault(self, which: int) -> None:
        self.walk.take("fault", which)

    @rule(move=st.sampled_from(NETWORK), which=st.integers(0, IN_FLIGHT - 1))
    def network(self, move: str, which: int) -> None:
        self.walk.take(move, which)

    @rule(which=st.integers(0, IN_FLIGHT - 1))
    def deliver(self, which: int) -> None:
        self.walk.take("deliver", which)

    @rule(choices=st.binary(max_size=200))
    def burst(self, choices: bytes) -> None:
        for byte in choices:
            self.walk.take(LETTERS[byte % len(LETTERS)], byte // len(LETTERS))

    def teardown(self) -> None:
        self.walk.settle()


def pair_machine(kind: SessionType) -> type[PairMachine]:
    name = f"{kind.name} pair".title().replace("-", "").replace(" ", "")
    return type(name, (PairMachine,), {"kind": kind})


PAIR_MACHINES: tuple[type[PairMachine], ...] = tuple(pair_machine(kind) for kind in TYPES)

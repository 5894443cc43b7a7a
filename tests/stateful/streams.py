"""The workers of a stream, with a network that drops, duplicates and reorders messages and ends that are killed, as a
Hypothesis machine.

The ends are the explorer's actors: the real workers over real sessions. The properties are the explorer's: every S in
every step and state. At the end of a run the faults stop, and the goal of each R has to be reached, by deliveries and
timers alone.

Rule 1: a move is a word and a number; a trace is a list of them.
Rule 2: the bounds of the worlds do not hold here: generations, identities, sessions, pulls, and the length of the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ockam_fsm.checking.actors import Actor, BoundReached, Deliver, Disabled, Envelope, Fault, Fire, Order, Outbox
from ockam_fsm.checking.actors import Event as Happening
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.properties import Kind, Property, Step
from ockam_fsm.checking.sessions.session_actors import KeyedTimer
from ockam_fsm.checking.streams.config import OF_SILENCE, PublishingConfig, session_id
from ockam_fsm.checking.streams.consuming import ConsumerActor, ConsumingConfig, IndexActor
from ockam_fsm.checking.streams.names import (
    CONSUMER,
    FORGET_RECORDS,
    INDEX,
    PROCESSING_FAILS,
    PUBLISH,
    PUBLISHER,
    RESTART,
    RESTART_KEEPING,
    RESTART_LOSING,
    STORAGE_FAILS,
    STREAM,
)
from ockam_fsm.checking.streams.properties import CONSUMING, PUBLISHING
from ockam_fsm.checking.streams.publisher_actor import PublisherActor
from ockam_fsm.checking.streams.stream_actor import StreamActor
from tests.stateful.ends import judge

IN_FLIGHT, LATE = 10, 4
MANY = 10**9
MOST_IDENTITIES = 200
"""An identity of the explorer's publisher is one byte."""
STOCK = 5
"""The number of messages that are stored at the start in runs without a publisher."""
OFTEN = 4
"""The factor by which idle time-outs are rarer than other moves."""
HEALING_STEPS = 800
PATIENCE = 4
"""The number of schedules that are tried before a goal counts as unreachable."""

GO = "go"
NETWORK = ("deliver", "drop", "duplicate", "delay", "late")
FAULTS = {
    PUBLISHER: (RESTART_KEEPING, RESTART_LOSING),
    STREAM: (RESTART, STORAGE_FAILS, FORGET_RECORDS),
    CONSUMER: (RESTART, PROCESSING_FAILS),
    INDEX: (),
}
PARTS = {
    "publishing": (PUBLISHER, STREAM),
    "consuming": (STREAM, INDEX, CONSUMER),
    "whole": (PUBLISHER, STREAM, INDEX, CONSUMER),
}
Move = tuple[str, int]


UNBOUNDED = PublishingConfig(window=3, generations=MANY, incarnations=MOST_IDENTITIES, spawns=MANY, misses=1)
CONSUMES_FOR_EVER = ConsumingConfig(limit=2, tries=2, pulls=MANY)


@dataclass(frozen=True)
class Subject:
    """The actors and the properties of a run."""

    publishing: PublishingConfig = UNBOUNDED
    consuming: ConsumingConfig = CONSUMES_FOR_EVER
    properties: tuple[Property, ...] = (*PUBLISHING, *CONSUMING)

    def actors(self, parts: Sequence[str]) -> dict[str, Actor]:
        stock = 0 if PUBLISHER in parts else STOCK
        # One message at a time in the whole stream: a consumer whose index does not advance gets the same one for ever.
        consuming = replace(self.consuming, limit=1) if PUBLISHER in parts else self.consuming
        made: dict[str, Actor] = {
            PUBLISHER: PublisherActor(self.publishing),
            STREAM: StreamActor(self.publishing, stock),
            INDEX: IndexActor(consuming),
            CONSUMER: ConsumerActor(consuming),
        }
        return {name: made[name] for name in parts}

    def judged(self, parts: Sequence[str]) -> tuple[Property, ...]:
        return tuple(one for one in self.properties if not one.is_witness and {*one.over} <= {*parts})


SUBJECT = Subject()


@dataclass
class Ends:
    """The state of the actors and the network, as a value that can be copied."""

    states: dict[str, Any]
    timers: dict[str, frozenset[Any]]
    in_flight: tuple[Envelope, ...] = ()
    late: tuple[Envelope, ...] = ()
    """The messages that were overtaken by all others, and copies."""

    def copy(self) -> Ends:
        return Ends(dict(self.states), dict(self.timers), self.in_flight, self.late)


@dataclass
class StreamWalk:
    name: str
    subject: Subject = field(default_factory=lambda: SUBJECT)
    moves: list[Move] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.actors = self.subject.actors(PARTS[self.name])
        self.properties = self.subject.judged(PARTS[self.name])
        self.alphabet = tuple(move for move, often in moves_of(self.name).items() for _ in range(often))
        self.met: set[str] = set()
        outs = {name: Outbox(name) for name in self.actors}
        states: dict[str, Any] = {name: actor.start(outs[name]) for name, actor in self.actors.items()}
        self.ends = Ends(states, {name: frozenset(out.timers) for name, out in outs.items()})
        self._sent([envelope for out in outs.values() for envelope in out.sent])

    def take(self, move: str, which: int) -> None:
        """Take one move, if it is possible now."""
        self.moves.append((move, which))
        self.ends.in_flight = self.ends.in_flight[-IN_FLIGHT:]  # the oldest are lost
        if move == GO:
            self._go(which)
            return
        if move in NETWORK:
            self._network(move, which)
            return
        word, _, actor = move.partition(" ")
        happening = self._at(word, actor, which)
        if happening is not None:
            self.step(actor, happening)

    def burst(self, choices: bytes) -> None:
        """Take moves in a row, two bytes for each."""
        for byte, which in zip(choices[::2], choices[1::2], strict=False):
            self.take(self.alphabet[byte % len(self.alphabet)], which)

    def _at(self, word: str, actor: str, which: int) -> Happening | None:
        if word == "fire":
            timers = sorted(self.ends.timers[actor], key=str)
            helping = [timer for timer in timers if not _of_silence(timer)]
            timers = [*helping * OFTEN, *timers]
            return Fire(timers[which % len(timers)]) if timers else None
        if word == PUBLISH:
            return Order(PUBLISH)
        if word == RESTART_LOSING and self.ends.states[PUBLISHER].identities >= MOST_IDENTITIES:
            return None
        return Fault(word)

    def _go(self, which: int) -> None:
        """Take a step without faults: the oldest message arrives; if there is none, a timer expires."""
        if self.ends.in_flight:
            self._network("deliver", 0)
        else:
            self._expire(which)

    def _network(self, move: str, which: int) -> None:
        ends, late = self.ends, move == "late"
        among = ends.late if late else ends.in_flight
        if not among:
            return
        place = which % len(among)
        envelope, rest = among[place], among[:place] + among[place + 1 :]
        ends.in_flight, ends.late = (ends.in_flight, rest) if late else (rest, ends.late)
        if move in ("duplicate", "delay"):
            ends.late = (*ends.late, envelope)[-LATE:]
        if move not in ("drop", "delay"):
            self.step(envelope.receiver, Deliver(envelope.payload, envelope.sender))

    def _sent(self, sent: Sequence[Envelope]) -> None:
        self.ends.in_flight = (*self.ends.in_flight, *(one for one in sent if one.receiver in self.actors))

    def step(self, name: str, happening: Happening) -> bool:
        """Take and check one step of one actor; False: it is not possible."""
        ends = self.ends
        before, timers = ends.states[name], ends.timers[name]
        fired = frozenset([happening.timer]) if isinstance(happening, Fire) else frozenset()
        out = Outbox(name, timers - fired)
        try:
            after = self.actors[name].handle(before, happening, out)
        except (Disabled, BoundReached):
            return False
        self.steps += 1
        ends.states[name], ends.timers[name] = after, frozenset(out.timers)
        self._sent(out.sent)
        self.met.update(type(record).__name__ for record in out.records)
        step = Step(name, before, happening, after, timers, ends.timers[name], tuple(out.sent), tuple(out.records))
        judge(step, self.properties, self.how)
        self._judge_state()
        return True

    def _judge_state(self) -> None:
        for one in self.properties:
            if one.kind is Kind.ALWAYS and not one.predicate(*self._states(one)):
                raise AssertionError(f"{one.id} does not hold: {one.sentence}\nreplay: {self.how()}")

    def _states(self, one: Property) -> list[Any]:
        return [self.ends.states[name] for name in one.over]

    def how(self) -> str:
        return f"again({self.name!r}, {json.dumps(self.moves)})"

    # R ----------------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Stop the faults; the goal of each R has to be reached from here, by deliveries and timers alone."""
        for one in self.properties:
            if one.kind is Kind.RECOVERABLE:
                self._recover(one)

    def _recover(self, one: Property) -> None:
        assert one.given is not None
        if not one.given(*self._states(one)):
            return
        found = self.ends.copy()
        for early in range(PATIENCE):
            self.ends = found.copy()
            came_true = any(one.predicate(*self._states(one)) for _ in self._healing(early))
            self.ends = found
            if came_true:
                return
        raise AssertionError(f"{one.id} does not reach its goal: {one.sentence}\nreplay: {self.how()}")

    def _healing(self, early: int) -> Iterator[None]:
        """Deliver all messages in flight, then let the next timer in turn expire. `early`: the number of timers that
        expire before any delivery."""
        fired = 0
        for turn in range(HEALING_STEPS):
            yield
            if turn >= early and (self.ends.in_flight or self.ends.late):
                self._network("deliver" if self.ends.in_flight else "late", 0)
            else:
                self._expire(fired)
                fired += 1
        yield

    def _expire(self, turn: int) -> None:
        """Let a timer expire: timers of recovery first; in between those of giving up, for unused sessions, whose
        places are needed. Towards the end all timers expire."""
        armed = [(name, timer) for name in self.actors for timer in sorted(self.ends.timers[name], key=str)]
        helping = [one for one in armed if not _of_silence(one[1])]
        deserted = [one for one in armed if self._is_deserted(one[1])]
        chosen = deserted if turn % 4 == 3 and deserted else helping or armed
        if turn > HEALING_STEPS // 4:
            chosen = armed
        if chosen:
            name, timer = chosen[turn % len(chosen)]
            self.step(name, Fire(timer))

    def _is_deserted(self, timer: object) -> bool:
        if not isinstance(timer, KeyedTimer) or PUBLISHER not in self.ends.states:
            return False
        return timer.key != session_id(self.ends.states[PUBLISHER].identities)


def _of_silence(timer: object) -> bool:
    return (timer.timer if isinstance(timer, KeyedTimer) else timer) in OF_SILENCE


def again(name: str, moves: Sequence[Sequence[Any]], subject: Subject = SUBJECT) -> None:
    """Replay a trace, R included."""
    walk = StreamWalk(name, subject)
    for move, which in moves:
        walk.take(move, which)
    walk.settle()


# The machines ---------------------------------------------------------------------------------------------------------


def moves_of(name: str) -> dict[str, int]:
    """Return every move, and how often a burst takes it."""
    moves = {GO: 150, "deliver": 10, "drop": 6, "duplicate": 10, "delay": 4, "late": 10}
    for actor in PARTS[name]:
        moves |= {f"fire {actor}": 12 if actor == STREAM else 5} if actor != INDEX else {}
        moves |= {f"{PUBLISH} {actor}": 20} if actor == PUBLISHER else {}
        moves |= {f"{fault} {actor}": 8 if fault == PROCESSING_FAILS else 1 for fault in FAULTS[actor]}
    return moves


class StreamMachine(RuleBasedStateMachine):
    """The workers of one part of a stream. Subclasses are generated, with a rule for each move."""

    name: ClassVar[str]
    subject: ClassVar[Subject] = SUBJECT

    def __init__(self) -> None:
        super().__init__()
        self.walk = StreamWalk(self.name, self.subject)

    @rule(choices=st.binary(max_size=400))
    def burst(self, choices: bytes) -> None:
        self.walk.burst(choices)

    def teardown(self) -> None:
        self.walk.settle()


def _rule_of(move: str) -> Callable[..., None]:
    @rule(which=st.integers(0, IN_FLIGHT - 1))
    def happens(self: StreamMachine, which: int) -> None:
        self.walk.take(move, which)

    return happens


def stream_machine(name: str, subject: Subject = SUBJECT) -> type[StreamMachine]:
    rules = {move.replace(" ", "_").replace("-", "_"): _rule_of(move) for move in moves_of(name)}
    return type(f"{name.title()}Stream", (StreamMachine,), {**rules, "name": name, "subject": subject})


STREAM_MACHINES: tuple[type[StreamMachine], ...] = tuple(map(stream_machine, PARTS))


# Wrong workers --------------------------------------------------------------------------------------------------------

MAKERS = ("publisher", "worker", "session", "reissue", "resumed_only", "same_identity", "same_inner", "fenced",
          "records_with_log", "patient")  # fmt: skip


def wrong_subject(bad: KnownBad) -> tuple[str, Subject]:
    """Return a known-bad machine without the bounds of its world, checked by its property, and the part it is in."""
    configs = [actor.config for actor in bad.world.actors if hasattr(actor, "config")]
    publishing = next((one for one in configs if isinstance(one, PublishingConfig)), PublishingConfig())
    consuming = next((one for one in configs if isinstance(one, ConsumingConfig)), ConsumingConfig())
    wrong = Subject(
        replace(SUBJECT.publishing, **{name: getattr(publishing, name) for name in MAKERS}),
        replace(SUBJECT.consuming, consumer=consuming.consumer, index=consuming.index),
        tuple(one for one in SUBJECT.properties if one.id == bad.property),
    )
    reads = any(actor.name == CONSUMER for actor in bad.world.actors)
    return ("consuming" if reads else "publishing"), wrong

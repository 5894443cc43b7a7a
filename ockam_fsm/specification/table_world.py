"""The table world: two ends that consist of their tables alone, and messages that are symbols.

Theory: a session core adds little state to its table, and all of it is here: the attempt and the current generation,
the largest number seen, the address of the peer, the timers that run. TLA+ and Promela models express the same state in
the same terms, so that other model checkers count the same states. `table_abstraction.py` maps the states of the
real core to this world; both reach the same states. `table_steps.py` maps steps of this world to steps of the core, so
that the same properties judge both.

Rule 1: no bytes, no routes, no session code. `kernel.step` decides; `Run` performs the effects.
Rule 2: an inner address is (side, ordinal, number, starter). Ordinals number the workers of a side through all of its
        incarnations (`incarnations.py`). A new address is fresh because numbers and ordinals only grow.
Rule 3: a responder that closes is discarded: its end is IDLE again and keeps only the ordinal.
Rule 4: only `classify` and `Run` interpret symbols and effects.
Left out: requests, error messages, restarts with state and profile `ockam`: the worlds `lossy`, `orders` and
`restarts` have none of them. Traces of real sessions have the first three, and `trace_ends.py` adds them.
Source: spec/sessions.md sections 3, 4 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Fault, Fire, Order, Outbox
from ockam_fsm.checking.actors import Event as WorldEvent
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, REOPEN, RESPONDER, RESTART_LOSING, Refused
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Row
from ockam_fsm.kernel.step import Configuration, step
from ockam_fsm.machines.vocabulary import (
    ATTEMPTS,
    CONFIRMED,
    HELD,
    MISSES,
    RESTING,
    USABLE,
    Creation,
    Effect,
    Event,
    Role,
    State,
)
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, SEND, STOP, WITHDRAW
from ockam_fsm.specification.incarnations import Incarnations

HELLO, ANSWER, SUPERSEDED = "hello", "answer", "superseded"
DATA, KEEPALIVE, KEEPALIVE_ANSWER, CLOSING, ERROR = "data", "keepalive", "keepalive-answer", "close", "error"
GOING_AWAY = "going-away"

RECEIVED_AS: Mapping[str, Event] = {
    DATA: Event.DATA_RECEIVED,
    KEEPALIVE: Event.KEEPALIVE_RECEIVED,
    KEEPALIVE_ANSWER: Event.KEEPALIVE_ANSWERED,
    CLOSING: Event.CLOSE_RECEIVED,
    GOING_AWAY: Event.GOING_AWAY_RECEIVED,
    ERROR: Event.ERROR_RECEIVED,
}
"""The signals sent on a messaging route, and their events at the receiver. Only nodes send `ERROR` (clause 14.4)."""

SAYS: Mapping[Effect, str] = {
    Effect.SEND_DATA: DATA,
    Effect.SEND_KEEPALIVE: KEEPALIVE,
    Effect.ANSWER_KEEPALIVE: KEEPALIVE_ANSWER,
    Effect.SEND_GOING_AWAY: GOING_AWAY,
}
TIMERS: Mapping[Effect, Event] = {
    Effect.START_NEGOTIATION: Event.NEGOTIATION_EXPIRED,
    Effect.START_BACK_OFF: Event.BACK_OFF_EXPIRED,
    Effect.START_ZERO_BACK_OFF: Event.BACK_OFF_EXPIRED,
    Effect.START_KEEPALIVE: Event.KEEPALIVE_DUE,
    Effect.START_IDLE: Event.IDLE_EXPIRED,
    Effect.START_RETENTION: Event.RETENTION_EXPIRED,
}
"""The timer that an effect starts, named by the event of its expiry."""

ORDERS = {order: Event[order.upper()] for order in (OPEN, SEND, WITHDRAW, RENEGOTIATE, CLOSE, STOP)}


class Symbol(NamedTuple):
    """A message. `number` and `starter` name the generation; `sender` and `receiver` are ordinals, 0 for an
    address without one (host, contact, outer). `resumed` is for answers, `seen` for superseded signals. In a close to a
    contact address (receiver 0), `sender` is the starter of the named generation, and `seen` the largest number."""

    kind: str
    number: int
    starter: Role
    sender: int = 0
    receiver: int = 0
    resumed: bool = False
    seen: int = 0

    @property
    def label(self) -> str:
        return f"{self.kind} {self.number}{self.starter.name[0].lower()}"


class SymbolicLink(NamedTuple):
    """A generation as one end knows it. `peer` is the peer's ordinal, 0 until the messaging route is learned."""

    number: int
    starter: Role
    peer: int = 0
    resumed: bool = False


class Counters(NamedTuple):
    """The counters of every table; one that a table does not have stays 0."""

    attempts: int = 0
    held: int = 0
    misses: int = 0
    usable: int = 0
    confirmed: int = 0
    resting: int = 0


class Performed(NamedTuple):
    """The record of an effect: the generation that is current after it, and the messages held before its row."""

    effect: Effect
    current: SymbolicLink | None
    held: int


COUNTERS = (ATTEMPTS, HELD, MISSES, USABLE, CONFIRMED, RESTING)


class TableEnd(NamedTuple):
    """The state of an end between two events; the engine keeps its timers. `rested` is a ghost for S16: a back-off has
    expired since this end's last attempt. `established` is the generation adopted last; its `peer` is the starter's
    ordinal. `accepted` counts messages where they are distinct."""

    ordinal: int
    state: State = State.IDLE
    counters: Counters = Counters()
    seen: tuple[int, Role] = (0, Role.RESPONDER)
    attempt: SymbolicLink | None = None
    current: SymbolicLink | None = None
    has_state: bool = False
    established: SymbolicLink | None = None
    rested: bool = True
    accepted: int = 0


@dataclass(frozen=True)
class TableActor:
    """One end of the session. The settings supply its table and its limits."""

    config: PairConfig
    role: Role

    @property
    def name(self) -> str:
        return INITIATOR if self.role is Role.INITIATOR else RESPONDER

    @property
    def peer(self) -> str:
        return RESPONDER if self.role is Role.INITIATOR else INITIATOR

    @cached_property
    def settings(self) -> SessionConfig:
        return self.config.settings(self.role)

    @cached_property
    def lives(self) -> Incarnations:
        return Incarnations(self.config.spawns)

    def start(self, out: Outbox) -> TableEnd:
        return TableEnd(ordinal=1 if self.role is Role.INITIATOR else 0)

    def handle(self, end: TableEnd, event: WorldEvent, out: Outbox) -> TableEnd:
        if event == Fault(RESTART_LOSING):
            return self._restarted(end, out)
        try:
            run = self.run(end, event, out)
        except Disabled:
            return self._refused(end, event, out)
        return run.ended(rested=end.rested or event == Fire(Event.BACK_OFF_EXPIRED))

    def run(self, end: TableEnd, event: WorldEvent, out: Outbox) -> Run:
        run = Run(self, end, out)
        match event:
            case Deliver(payload=Symbol() as symbol):
                run.receive(symbol)
            case Fire(Event() as timer):
                run.fire(timer)
            case Fire():
                run.order(Event.OPEN)
            case Order(order):
                run.order(ORDERS[str(order)])
        return run

    def is_there(self, end: TableEnd) -> bool:
        """False for a responder that does not exist yet or was discarded."""
        return self.role is Role.INITIATOR or end.state is not State.IDLE

    def _refused(self, end: TableEnd, event: WorldEvent, out: Outbox) -> TableEnd:
        """Record a refused order where refusals are judged; any other impossible event is not a step."""
        if not (self.config.refusals and isinstance(event, Order) and self.is_there(end)):
            raise
        out.record(Refused(event.order))
        return end

    def _restarted(self, end: TableEnd, out: Outbox) -> TableEnd:
        """Restart an end without its state; a supervisor opens an explicit initiator again."""
        if end.state in (State.IDLE, State.CLOSED):
            raise Disabled
        out.cancel_all_timers()
        if self.role is Role.INITIATOR and self.config.session_type.creation is Creation.EXPLICIT:
            out.set_timer(REOPEN)
        return TableEnd(self.lives.next_life(end.ordinal), accepted=end.accepted)


def classify(end: TableEnd, role: Role, events: frozenset[Event], symbol: Symbol) -> tuple[Event, ...]:
    """The events of a message at an end, in the order in which the table handles them (clauses 4.2, 4.3, 4.4)."""
    stray = (Event.STRAY,)
    if symbol.kind == HELLO:
        return (judge_hello(end, symbol),) if Event.HELLO_NEWER in events else stray
    link = link_at(end, symbol)
    if symbol.kind == CLOSING and not symbol.receiver:
        return (judge_close(end, role, symbol),) if Event.CLOSE_AT_CONTACT in events else stray
    if link is None:
        return stray
    own_attempt = link is end.attempt and link.starter is role
    if symbol.kind == ANSWER:
        return (judge_answer(end, role, symbol),) if Event.ANSWER_CURRENT in events else stray
    if symbol.kind == SUPERSEDED:
        return (Event.SUPERSEDED,) if own_attempt else stray
    if own_attempt:
        return (RECEIVED_AS[symbol.kind],) if symbol.kind in (CLOSING, GOING_AWAY, ERROR) else stray
    heard = RECEIVED_AS[symbol.kind] if RECEIVED_AS[symbol.kind] in events else Event.STRAY
    if link is end.attempt:
        return (*((Event.PREVIOUS_ENDED,) if end.current else ()), Event.CONFIRMED, heard)
    return (heard,)


def link_at(end: TableEnd, symbol: Symbol) -> SymbolicLink | None:
    """The generation whose inner address the message reached."""
    if symbol.receiver != end.ordinal:
        return None
    links = (link for link in (end.attempt, end.current) if link is not None)
    return next((link for link in links if (link.number, link.starter) == (symbol.number, symbol.starter)), None)


def judge_hello(end: TableEnd, hello: Symbol) -> Event:
    asked = (hello.number, hello.starter, hello.sender)
    links = (link for link in (end.attempt, end.current) if link is not None)
    if any((link.number, link.starter, link.peer) == asked for link in links):
        return Event.HELLO_REPEATED
    return Event.HELLO_NEWER if (hello.number, hello.starter) > largest(end) else Event.HELLO_OLDER


def judge_close(end: TableEnd, role: Role, close: Symbol) -> Event:
    """The event of a close at the contact address: it must name the last generation, with none newer (clause 3.8)."""
    named = named_by(end, role, own=False)
    is_named = named is not None and named[:3] == (close.number, close.starter, close.sender)
    return Event.CLOSE_AT_CONTACT if is_named and close.seen >= largest(end)[0] else Event.STRAY


def largest(end: TableEnd) -> tuple[int, Role]:
    return end.seen if end.attempt is None else max(end.seen, (end.attempt.number, end.attempt.starter))


def named_by(end: TableEnd, role: Role, *, own: bool) -> SymbolicLink | None:
    """The generation that a close without a messaging route names. `own`: this end closes; else its peer does."""
    attempt = end.attempt
    if end.established is not None or attempt is None or (attempt.starter is role) is not own:
        return end.established
    return attempt._replace(peer=end.ordinal if own else attempt.peer)


def judge_answer(end: TableEnd, role: Role, answer: Symbol) -> Event:
    generation = (answer.number, role)
    if end.attempt is not None and (end.attempt.number, end.attempt.starter) == generation:
        return Event.ANSWER_CURRENT
    if end.current is not None and (end.current.number, end.current.starter) == generation:
        return Event.ANSWER_STALE if end.current.peer == answer.sender else Event.ANSWER_CHANGED
    return Event.ANSWER_STALE


class Run:
    """The handling of one event: the table decides, and its effects are applied to the end."""

    def __init__(self, actor: TableActor, end: TableEnd, out: Outbox) -> None:
        settings = actor.settings
        self.machine, self.limits = settings.machine, settings.limits
        self.actor, self.before, self.end, self.out = actor, end, end, out
        self.rows: list[str] = []
        self.performed: list[Effect] = []

    def receive(self, symbol: Symbol) -> None:
        taken = False
        for event in classify(self.end, self.actor.role, frozenset(self.machine.events), symbol):
            if event is Event.HELLO_NEWER and self.actor.role is Role.RESPONDER and self.end.state is State.IDLE:
                self._spawn()
            taken = self.fire(event, symbol)
        if not taken:
            self.out.record(symbol)  # a dead letter

    def order(self, event: Event) -> None:
        """Raise `Disabled` for an order that the table refuses or ignores, or that has no responder to take it."""
        try:
            if not self.actor.is_there(self.end) or event not in self.machine.events or not self.fire(event):
                raise Disabled
        except EventRefused:
            raise Disabled from None
        if event is Event.SEND and self.actor.config.distinct:
            self.end = self.end._replace(accepted=self.end.accepted + 1)

    def fire(self, event: Event, cause: Symbol | None = None) -> bool:
        """Do one step of the table. Return whether a row was taken."""
        names = [counter.name for counter in self.machine.counters]
        values = tuple(getattr(self.end.counters, name) for name in names)
        outcome = step(self.machine, Configuration(self.end.state, values), event, self.limits)
        if not isinstance(outcome.decision, Row):
            return False
        moved = dict(zip(names, outcome.configuration.counters, strict=True))
        held = self.end.counters.held
        self.end = self.end._replace(state=outcome.configuration.state, counters=self.end.counters._replace(**moved))
        self.rows.append(outcome.decision.id)
        for effect in outcome.decision.effects:
            self._perform(effect, cause, held)
            self.out.record(Performed(effect, self.end.current, held))
        return True

    def ended(self, rested: bool) -> TableEnd:
        """The end after the event. A responder that is closed or idle is discarded."""
        if self.actor.role is Role.RESPONDER and self.end.state in (State.CLOSED, State.IDLE):
            return TableEnd(self.end.ordinal, accepted=self.end.accepted)
        return self.end._replace(rested=rested and not started(self.before, self.end, self.actor.role))

    def _spawn(self) -> None:
        ordinal, lives = self.end.ordinal + 1, self.actor.lives
        if lives.life(ordinal) > lives.life(self.end.ordinal):
            raise BoundReached("spawns")
        self.end = self.end._replace(ordinal=ordinal)

    # The effects. Those that are not here change no state of this world.

    def _perform(self, effect: Effect, cause: Symbol | None, held: int) -> None:
        self.performed.append(effect)
        if effect in TIMERS:
            self.out.set_timer(TIMERS[effect])
        elif effect is Effect.STOP_TIMERS:
            self.out.cancel_all_timers()
        elif effect in SAYS:
            self._say(SAYS[effect])
        elif effect is Effect.SEND_CLOSE:
            self._close()
        elif effect is Effect.FORWARD_HELD:
            for _ in range(held):
                self._say(DATA)
        else:
            self._negotiate(effect, cause)

    def _negotiate(self, effect: Effect, cause: Symbol | None) -> None:
        match effect:
            case Effect.START_ATTEMPT:
                self._start_attempt()
            case Effect.SEND_HELLO:
                assert self.end.attempt is not None
                self._send(Symbol(HELLO, *self.end.attempt[:2], sender=self.end.ordinal))
            case Effect.DROP_ATTEMPT:
                self.end = self.end._replace(attempt=None)
            case Effect.END_CURRENT:
                self.end = self.end._replace(current=None)
            case Effect.FORGET_ROUTE:
                self.end = self.end._replace(attempt=None, current=None)
            case _ if cause is not None:
                self._respond(effect, cause)

    def _respond(self, effect: Effect, cause: Symbol) -> None:
        """Perform an effect that depends on the message that caused it."""
        end = self.end
        match effect:
            case Effect.ACCEPT_ATTEMPT:
                link = SymbolicLink(cause.number, cause.starter, cause.sender, end.has_state)
                self.end = end._replace(attempt=link)
            case Effect.SEND_ANSWER:
                known = (end.attempt, end.current)
                link = next(x for x in known if x and (x.number, x.starter) == (cause.number, cause.starter))
                self._send(Symbol(ANSWER, *link[:2], end.ordinal, cause.sender, resumed=link.resumed))
            case Effect.SEND_SUPERSEDED:
                self._send(Symbol(SUPERSEDED, cause.number, cause.starter, 0, cause.sender, seen=end.seen[0]))
            case Effect.CATCH_UP:
                self.end = end._replace(seen=max(end.seen, (cause.seen, Role.RESPONDER)))
            case Effect.ADOPT_LINK:
                assert end.attempt is not None
                link = end.attempt
                if cause.kind == ANSWER:
                    link = link._replace(peer=cause.sender, resumed=cause.resumed)
                starter = end.ordinal if link.starter is self.actor.role else link.peer
                seen = end.seen if link.starter is self.actor.role else max(end.seen, link[:2])
                established = SymbolicLink(*link[:2], starter)
                self.end = end._replace(attempt=None, current=link, has_state=True, seen=seen, established=established)

    def _start_attempt(self) -> None:
        number, most = self.end.seen[0] + 1, self.actor.config.generations
        if most is not None and number > most:
            raise BoundReached("generations")
        attempt = SymbolicLink(number, self.actor.role)
        self.end = self.end._replace(attempt=attempt, seen=(number, self.actor.role))

    def _say(self, kind: str) -> None:
        """Send a signal in the current generation; a close or going-away in an attempt that this end has answered."""
        attempt = self.end.attempt
        is_last = kind in (CLOSING, GOING_AWAY) and attempt is not None and attempt.peer
        link = attempt if is_last else self.end.current
        if link is not None and link.peer:
            self._send(Symbol(kind, link.number, link.starter, self.end.ordinal, link.peer))

    def _close(self) -> None:
        """Send a close on a messaging route; without one, along the initialization route if there is one."""
        end, role = self.end, self.actor.role
        if any(link is not None and link.peer for link in (end.attempt, end.current)):
            self._say(CLOSING)
            return
        named = named_by(end, role, own=True)
        has_route = role is Role.INITIATOR or self.actor.config.session_type.renegotiated_by(role)
        if named is not None and has_route:
            self._send(Symbol(CLOSING, *named[:2], sender=named.peer, seen=largest(end)[0]))

    def _send(self, symbol: Symbol) -> None:
        self.out.send(self.actor.peer, symbol)


def started(before: TableEnd, after: TableEnd, role: Role) -> bool:
    """Whether this end started a negotiation between the two states."""
    own = after.attempt is not None and after.attempt.starter is role
    return own and after.attempt != before.attempt


def table_world(world: World) -> World:
    """The table world of a world of two session actors: the same network, orders and bounds."""
    actors = tuple(TableActor(pair_config_of(world), role) for role in (Role.INITIATOR, Role.RESPONDER))
    return replace(world, actors=actors, properties=())


def pair_config_of(world: World) -> PairConfig:
    """The configuration that both ends of a world of sessions or tables share."""
    found = getattr(world.actors[0], "config", None)
    assert isinstance(found, PairConfig)
    return found

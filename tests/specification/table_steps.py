"""Steps of the table world, converted to steps of a world of two real ends. So the properties of sessions judge the
tables alone by the same predicates (`ockam_fsm/safety`, `ockam_fsm/checking/sessions`) as the real sessions.

Theory: the inverse of `table_abstraction.py`. A table state determines the state of a real end, and a symbol the
message, but for the data that the table world has not.

Rule 1: what a table world has not is given as the properties require it. So these parts are not judged here: the text
        of messages (all are alike), the reasons of notices other than exhaustion, the outer address of deliveries (S3),
        the addresses that are registered (S18), the step of the back-off (S19).
Rule 2: a message for which a table has no row is a dead letter, as in a real session (S11, S28).
Left out: the outcomes of requests (S8), which table worlds do not have, and the properties of more than one session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ockam_fsm.checking.actors import Deliver, Envelope, Fire
from ockam_fsm.checking.actors import Event as WorldEvent
from ockam_fsm.checking.properties import Property, Step
from ockam_fsm.checking.sessions.pair_config import SESSION_ID, PairConfig
from ockam_fsm.checking.sessions.session_actors import (
    CONTACT,
    HOST_ADDRESS,
    INITIATOR,
    REOPEN,
    End,
    KeyedTimer,
    Packet,
    Refused,
)
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Effect, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.commands import Command, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.safety.links import live_links
from ockam_fsm.specification.incarnations import Incarnations
from ockam_fsm.specification.table_world import (
    ANSWER,
    CLOSING,
    DATA,
    GOING_AWAY,
    HELLO,
    KEEPALIVE,
    KEEPALIVE_ANSWER,
    SUPERSEDED,
    TIMERS,
    Performed,
    Symbol,
    SymbolicLink,
    TableEnd,
    pair_config_of,
    table_world,
)

MESSAGE = Outgoing(b"m")
_TALK: dict[str, Signal] = {
    DATA: Data(MESSAGE.payload), KEEPALIVE: Keepalive(), KEEPALIVE_ANSWER: KeepaliveAnswer(), GOING_AWAY: GoingAway("")
}  # fmt: skip
_TIMERS = {TIMERS[Effect[f"START_{timer.name}"]]: timer for timer in Timer}
_STARTS = {effect: _TIMERS[event] for effect, event in TIMERS.items()}


def judged_table_world(world: World) -> World:
    """Return the table world of a world of two session actors, judged by all properties of that world."""
    config = pair_config_of(world)
    return replace(table_world(world), properties=tuple(_converted(one, config) for one in world.properties))


def _converted(one: Property, config: PairConfig) -> Property:
    if one.reads_steps:
        return replace(one, predicate=lambda step: one.predicate(session_step(step, config)))
    given = None if one.given is None else _of_ends(one.given, config)
    return replace(one, predicate=_of_ends(one.predicate, config), given=given)


def _of_ends(holds: Callable[..., object], config: PairConfig) -> Callable[[TableEnd, TableEnd], object]:
    ends = Ends(config)

    def predicate(initiator: TableEnd, responder: TableEnd) -> object:
        return holds(ends.end(initiator, Role.INITIATOR), ends.end(responder, Role.RESPONDER))

    return predicate


@lru_cache(maxsize=1)
def session_step(step: Step, config: PairConfig) -> Step:
    """Return the step of the real end. Cached, since every property reads it in turn."""
    return Ends(config).step(step)


class Ends:
    """The real ends of a table world."""

    def __init__(self, config: PairConfig) -> None:
        self.config, self.lives = config, Incarnations(config.spawns)
        self.two_sided = config.session_type.renegotiated_by(Role.RESPONDER)

    def step(self, step: Step) -> Step:
        role = Role.INITIATOR if step.actor == INITIATOR else Role.RESPONDER
        before, after = (
            self.end(end, role, timers)
            for end, timers in ((step.before, step.timers_before), (step.after, step.timers_after))
        )
        packets = [self.packet(one.payload, role) for one in step.sent if isinstance(one.payload, Symbol)]
        sent = tuple(Envelope(one.sender, one.receiver, packet) for one, packet in zip(step.sent, packets, strict=True))
        key = self._key(role) if before.sessions or after.sessions else None
        records = (
            *((key, commands.Send(packet.message)) for packet in packets),
            *((key, command) for command in self._commands(step, role)),
            *((key, command) for command in _registrations(before.session, after.session)),
        )
        timers, left = (
            frozenset(self._named(timer, role) for timer in some) for some in (step.timers_before, step.timers_after)
        )
        return Step(step.actor, before, self._event(step.event, role), after, timers, left, sent, records)

    def end(self, end: TableEnd, role: Role, timers: frozenset[Any] = frozenset()) -> End:
        """Return the end. A responder in IDLE does not exist."""
        life = self.lives.life(end.ordinal)
        there = role is Role.INITIATOR or end.state is not State.IDLE
        sessions = ((self._key(role), self._snapshot(end, role, timers)),) if there else ()
        spawned = self._worker(end.ordinal) if role is Role.RESPONDER else 0
        return End(sessions, life, spawned, (), end.rested, end.accepted)

    def packet(self, symbol: Symbol, sender: Role) -> Packet:
        """Return the message of a symbol that an end of the role `sender` sends."""
        receiver, signal = Role(1 - sender), self._signal(symbol, sender)
        back: Route = (self._address(sender, symbol.sender, symbol),)
        onward: Route = (self._address(receiver, symbol.receiver, symbol),)
        if symbol.kind == HELLO or not symbol.receiver:
            onward = (HOST_ADDRESS if receiver is Role.RESPONDER else CONTACT,)
        if symbol.kind == SUPERSEDED or (symbol.kind == CLOSING and not symbol.receiver):
            back = (local(sender.name.lower()),)
        sent_in = (symbol.number, symbol.starter) if symbol.kind == DATA else None
        return Packet(Message(onward, back, GENERATION.encode(signal)), sent_in)

    def _signal(self, symbol: Symbol, sender: Role) -> Signal:
        named, session_id = self._named_by(symbol, sender), self.config.session_id(0)
        generation = Generation(symbol.number, symbol.starter, named)
        if symbol.kind == HELLO:
            asks = self.two_sided and sender is Role.INITIATOR
            return Hello(session_id, generation, (CONTACT,) if asks else ())
        if symbol.kind == ANSWER:
            return Answer(session_id, generation, self._address(sender, symbol.sender, symbol), symbol.resumed)
        if symbol.kind == SUPERSEDED:
            return Superseded(session_id, symbol.seen, named)
        if symbol.kind == CLOSING:
            return Close(session_id, symbol.number if symbol.receiver else symbol.seen, named, "")
        return _TALK[symbol.kind]

    def _named_by(self, symbol: Symbol, sender: Role) -> Address:
        """Return the address of the starter. A close at a contact address names it in place of its sender."""
        at_contact = symbol.kind == CLOSING and not symbol.receiver
        ordinal = symbol.sender if symbol.starter is sender or at_contact else symbol.receiver
        return self._address(symbol.starter, ordinal, symbol)

    def _event(self, event: WorldEvent, role: Role) -> WorldEvent:
        match event:
            case Deliver(payload=Symbol() as symbol):
                return Deliver(self.packet(symbol, Role(1 - role)), event.sender)
            case Fire(timer):
                return Fire(self._named(timer, role))
        return event

    def _named(self, timer: Any, role: Role) -> Any:
        if timer == REOPEN:
            return timer
        key = self._key(role)
        return _TIMERS[timer] if key in (None, SESSION_ID) else KeyedTimer(key, _TIMERS[timer])

    def _key(self, role: Role) -> bytes | None:
        return None if role is Role.INITIATOR else self.config.session_id(0)

    # States -----------------------------------------------------------------------------------------------------------

    def _snapshot(self, end: TableEnd, role: Role, timers: frozenset[Any]) -> Snapshot:
        counters, established = end.counters, end.established
        route = (HOST_ADDRESS,) if role is Role.INITIATOR else (CONTACT,) if self.two_sided else ()
        return Snapshot(
            end.state, counters.attempts, counters.held, counters.misses, counters.usable, counters.confirmed,
            counters.resting, end.seen, self._link(end.attempt, end, role), self._link(end.current, end, role),
            None, None, ((MESSAGE, False),) * counters.held, (), end.has_state,
            None if established is None else self._address(established.starter, established.peer, established),
            "", 0, frozenset(_TIMERS[timer] for timer in timers if timer != REOPEN), route,
        )  # fmt: skip

    def _link(self, link: SymbolicLink | None, end: TableEnd, role: Role) -> Link | None:
        if link is None:
            return None
        inner = self._address(role, end.ordinal, link)
        peer = self._address(Role(1 - role), link.peer, link)
        generation = Generation(link.number, link.starter, inner if link.starter is role else peer)
        return Link(generation, inner, None, (peer,) if link.peer else (), link.resumed)

    def _address(self, role: Role, ordinal: int, named: Symbol | SymbolicLink) -> Address:
        """Return the address of a worker in the generation `named`, as `session_actors.DerivedEntropy` derives it."""
        worker = "" if role is Role.INITIATOR else f".{self._worker(ordinal)}"
        owner = f"{role.name.lower()}{self.lives.life(ordinal)}{worker}"
        return local(f"{owner}/{named.number}{'ri'[named.starter]}w")

    def _worker(self, ordinal: int) -> int:
        return ordinal - self.lives.ordinal(self.lives.life(ordinal), 0)

    # Commands ---------------------------------------------------------------------------------------------------------

    def _commands(self, step: Step, role: Role) -> Iterator[Command | Refused]:
        """Yield the commands of the records of a step, without those that send or register."""
        settings, reason = self.config.settings(role), "failed"
        for fact in step.records:
            match fact:
                case Performed(Effect.NOTE_EXHAUSTED):
                    reason = EXHAUSTED
                case Performed(Effect.NOTIFY_ESTABLISHED, SymbolicLink() as current):
                    link = self._link(current, step.after, role)
                    assert link is not None
                    yield commands.Notify(commands.Established(link.generation, link.resumed))
                case Performed(effect, _, held):
                    yield from _of_effect(effect, held, reason, role, settings)
                case Symbol() as symbol:
                    yield commands.DeadLetter("no row", self.packet(symbol, Role(1 - role)).message)
                case Refused():
                    yield fact


def _of_effect(effect: Effect, held: int, reason: str, role: Role, settings: SessionConfig) -> Iterator[Command]:
    if effect in _STARTS:
        idle = _STARTS[effect] is Timer.IDLE
        yield SetTimer(_STARTS[effect], settings.durations.idle_seconds or 0.0 if idle else 0.0)
    match effect:
        case Effect.STOP_TIMERS:
            yield from map(CancelTimer, Timer)
        case Effect.DELIVER:
            yield commands.Deliver(MESSAGE.payload, (), (local(role.name.lower()),))
        case Effect.TAKE_BACK:
            yield commands.DeadLetter(commands.WITHDRAWN, MESSAGE)
        case Effect.DISCARD_HELD:
            yield from (commands.DeadLetter(reason, MESSAGE),) * held
        case Effect.NOTIFY_TIMED_OUT:
            yield commands.Notify(commands.TimedOut(reason))
        case Effect.NOTIFY_CLOSED:
            yield commands.Notify(commands.Closed(reason))


def _registrations(before: Snapshot | None, after: Snapshot | None) -> Iterator[Command]:
    """Yield the registrations that S18 requires: tables do not have them."""
    had, has = ({link.inner for link in live_links(image)} for image in (before, after))
    yield from map(commands.Register, sorted(has - had))
    yield from map(commands.Unregister, sorted(had - has))

"""The two ends of a session as actors of a world: the real `Session` and the real `Host`, bytes included.

Theory: an actor's state is a snapshot plus ghosts, which the session does not have: the incarnation, whether a back-off
has expired since the last attempt, the number of accepted messages. Handling an event restores the snapshot, calls the
session, and turns its commands into sends, timers and records.

Rule 1: addresses are derived, not random: actor, incarnation, ordinal, number and starter make each fresh in its world.
Rule 2: durations do not exist here. A timer is armed or not, so the step of the back-off is left out of the state.
Rule 3: `reason`, and whether the next back-off is the first again (`back_offs`), are part of the state only in worlds
        that need them.
Left out: transports, hops and other workers, which are the node's. The responder's application answers requests.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.checking.actors import CORRUPT, BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.sessions.labels import said, state_of
from ockam_fsm.checking.sessions.pair_config import SESSION_ID, PairConfig
from ockam_fsm.checking.sessions.symbolic_channel import CHANNEL_MESSAGE, keys_of, plaintext_of, term_of
from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.commands import Command, DeadLetter, RequestTimer, Send, Timer
from ockam_fsm.runtime.session.commands import Deliver as Delivered
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.host import Host, HostSnapshot, Key, Owned
from ockam_fsm.runtime.session.link import Purpose
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.session.signals import Data, Error
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.safety.links import is_own
from ockam_fsm.safety.session_step import REQUEST, SEND

INITIATOR, RESPONDER = "initiator", "responder"
HOST_ADDRESS = local("host")
CONTACT = local("contact")
REOPEN = "reopen"
"""The timer of the supervisor that opens a restarted explicit initiator again: a system step (section 8, R)."""

RESTART_KEEPING, RESTART_LOSING, REOPENED, LOWER_LAYER_LOST, ERROR = (
    "restart-with-state",
    "restart-without-state",
    "opened-again",
    "lower-layer-lost",
    "error-message",
)
RESTARTS = (RESTART_KEEPING, RESTART_LOSING, REOPENED)
"""`REOPENED`: a closed session is opened again under its id. It keeps only its number."""
DATA_TAG = GENERATION.encode(Data(b""))[:1]


@dataclass(frozen=True, slots=True)
class Refused:
    """The record of an order that was refused; nothing else happened in that step."""

    order: Hashable


@dataclass(frozen=True, slots=True)
class Packet:
    """A message in the network of a world. `sent_in` is a ghost: the generation that its data was sent in."""

    message: Message
    sent_in: Hashable = None

    @property
    def label(self) -> str:
        return said(self.message)


class KeyedTimer(NamedTuple):
    """The timer of one responder among several."""

    key: Key
    timer: Hashable

    @property
    def label(self) -> str:
        number = self.key[-1] if isinstance(self.key, bytes) else self.key
        return f"{spoken(self.timer)} of session {number}"


class End(NamedTuple):
    """The state of an end between two events.

    `memory` is the durable storage: the number of each session, and whether its state is kept. `rested`: a back-off
    has expired since this end's last attempt. `accepted` counts messages of the application.
    `read_messages`: those that were read in the open secure channels.
    """

    sessions: tuple[tuple[Key, Snapshot], ...] = ()
    incarnation: int = 0
    spawned: int = 0
    memory: tuple[tuple[Key, int, bool], ...] = ()
    rested: bool = True
    accepted: int = 0
    read_messages: frozenset[bytes] = frozenset()

    @property
    def label(self) -> str:
        """A readable label, without ghosts except the number of restarts."""
        images = [image for _, image in self.sessions]
        words = " and ".join(map(state_of, images)) if images else "no session"
        return words + (f", restarted {self.incarnation}x" if self.incarnation else "")

    @property
    def session(self) -> Snapshot | None:
        return self.sessions[0][1] if self.sessions else None


@dataclass(frozen=True)
class DerivedEntropy:
    """Entropy that derives addresses from owner and generation. `generations`: the largest number."""

    prefix: str
    generations: int | None

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        if self.generations is not None and number > self.generations:
            raise BoundReached("generations")
        return local(f"{self.prefix}/{number}{'ri'[starter]}{purpose.value[0]}")

    def fraction(self) -> float:
        return 0.5


@dataclass(frozen=True)
class InitiatorActor:
    """The initiator and the application that owns it."""

    config: PairConfig
    name: str = INITIATOR
    peer: str = RESPONDER

    def start(self, out: Outbox) -> End:
        return End(((None, _stripped(self._session(End()).snapshot(), self.config)),))

    def handle(self, end: End, event: Event, out: Outbox) -> End:
        if isinstance(event, Fault) and event.fault in RESTARTS:
            return self._restarted(end, event.fault, out)
        try:
            return self._handled(end, event, out)
        except Disabled:
            return _refused(end, event, out, self.config)

    def _handled(self, end: End, event: Event, out: Outbox) -> End:
        session = self._session(end)
        commands = _act(session, event, end, self.config)
        _perform(self.name, [(None, command) for command in commands], {None: session}, self.peer, out)
        after = ((None, _stripped(session.snapshot(), self.config)),)
        return _moved(end, event, end._replace(sessions=after), self.config, out)

    def _session(self, end: End) -> Session:
        config = self.config
        settings = config.settings(Role.INITIATOR)
        two_sided = settings.session_type.renegotiated_by(Role.RESPONDER)
        contact, own_route = (CONTACT, (CONTACT,)) if two_sided else (None, ())
        terms = Terms(config.session_id(end.incarnation), local(self.name), contact, own_route)
        entropy = DerivedEntropy(f"{self.name}{end.incarnation}", config.generations)
        _, remembered, has_state = end.memory[0] if end.memory else (None, 0, False)
        session = config.make(settings, terms, entropy, (HOST_ADDRESS,), remembered=remembered, has_state=has_state)
        if end.session is not None:
            session.restore(end.session)
        return session

    def _restarted(self, end: End, fault: Hashable, out: Outbox) -> End:
        session = end.session
        assert session is not None
        if not session.seen[0] or (session.state is State.CLOSED) is not (fault == REOPENED):
            raise Disabled
        out.cancel_all_timers()
        if self.config.session_type.creation is Creation.EXPLICIT:
            out.set_timer(REOPEN)
        keeps = fault != RESTART_LOSING and self.config.session_type.persistent
        memory = ((None, session.seen[0], session.has_state and fault == RESTART_KEEPING),) if keeps else ()
        fresh = End(incarnation=end.incarnation + 1, memory=memory, accepted=end.accepted)
        return fresh._replace(sessions=((None, _stripped(self._session(fresh).snapshot(), self.config)),))


@dataclass(frozen=True)
class ResponderActor:
    """The host of the responders and their application, which answers every request."""

    config: PairConfig
    name: str = RESPONDER
    peer: str = INITIATOR

    def start(self, out: Outbox) -> End:
        return End()

    def made(self, *, returned: bool) -> End:
        """An end with one responder that has received no hello; `returned`: with only the memory of one."""
        key = self.config.session_id(0)
        if returned:
            return End(memory=((key, 1, True),))
        return End(((key, _stripped(self._host(End()).make(key, key).snapshot(), self.config)),), spawned=1)

    def handle(self, end: End, event: Event, out: Outbox) -> End:
        if isinstance(event, Fault) and event.fault in RESTARTS:
            return self._restarted(end, event.fault, out)
        try:
            return self._handled(end, event, out)
        except Disabled:
            return _refused(end, event, out, self.config)

    def _handled(self, end: End, event: Event, out: Outbox) -> End:
        host = self._host(end)
        owned = self._act(host, event, end)
        if host.spawned > self.config.spawns:
            raise BoundReached("spawns")
        _perform(self.name, owned, host.sessions, self.peer, out)
        sessions = tuple((key, _stripped(image, self.config)) for key, image in host.snapshot().sessions)
        return _moved(end, event, end._replace(sessions=sessions, spawned=host.spawned), self.config, out)

    def _host(self, end: End) -> Host:
        config = self.config
        settings = config.settings(Role.RESPONDER)
        memory = {key: (number, has_state) for key, number, has_state in end.memory}

        def make(key: Key, session_id: bytes) -> Session:
            remembered, has_state = memory.get(key, (0, False))
            entropy = DerivedEntropy(f"{self.name}{end.incarnation}.{host.spawned}", config.generations)
            terms = Terms(session_id, local(self.name), HOST_ADDRESS)
            return config.make(settings, terms, entropy, (), remembered=remembered, has_state=has_state)

        host = Host(HOST_ADDRESS, config.profile, make, config.capacity)
        host.restore(HostSnapshot(host.state, end.spawned, end.sessions))
        return host

    def _act(self, host: Host, event: Event, end: End) -> list[Owned]:
        match event:
            case Deliver(payload=Packet(message)):
                return self._answered(host, host.receive(message))
            case Fire(timer):
                key, timer = timer if isinstance(timer, KeyedTimer) else (next(iter(host.sessions)), timer)
                assert isinstance(timer, Timer | RequestTimer)
                return host.fire(key, timer)
        if not host.sessions:
            if event == Deliver(CORRUPT, self.peer):
                return []
            raise Disabled
        key = next(iter(host.sessions))
        return host.order(key, lambda session: _act(session, event, end, self.config))

    def _answered(self, host: Host, owned: list[Owned]) -> list[Owned]:
        """Add the answers of the application to messages whose return route leads to a waiting sender."""
        answers: list[Owned] = []
        for key, command in owned:
            if not isinstance(command, Delivered):
                continue
            back, outer = command.return_route, local(self.name)
            if back[0] != outer and b"." in back[0].value.rpartition(b"/")[2]:
                answers.append((key, Send(Message(back, (), b"re:" + command.payload))))
            elif len(back) > 1:
                try:
                    reply = Outgoing(b"re:" + command.payload, back[1:])
                    answers += host.order(key, lambda session, reply=reply: session.send(reply))  # type: ignore[misc]
                except EventRefused:
                    continue
        return owned + answers

    def _restarted(self, end: End, fault: Hashable, out: Outbox) -> End:
        if not end.sessions:
            raise Disabled
        out.cancel_all_timers()
        keeps = fault == RESTART_KEEPING and self.config.session_type.persistent
        memory = tuple((key, image.seen[0], image.has_state) for key, image in end.sessions) if keeps else ()
        return End(incarnation=end.incarnation + 1, spawned=end.spawned, memory=memory, accepted=end.accepted)


def _refused(end: End, event: Event, out: Outbox, config: PairConfig) -> End:
    """Record a refused order where refusals are judged; any other impossible event is not a step."""
    if not (config.refusals and isinstance(event, Order) and end.sessions):
        raise
    out.record((end.sessions[0][0], Refused(event.order)))
    return end


def _act(session: Session, event: Event, end: End, config: PairConfig) -> list[Command]:
    """Hand one event of the world to the real session."""
    match event:
        case Deliver(payload=Packet(message)):
            return session.receive(message)
        case Deliver():
            address = _live_address(session)
            garbled = address is not None and config.profile is not OCKAM
            return session.receive(Message((address,), (), b"\xff")) if garbled and address is not None else []
        case Fire(timer) if timer == REOPEN:
            return session.open() if session.state is State.IDLE else []
        case Fire(timer):
            assert isinstance(timer, Timer | RequestTimer)
            return session.fire(timer)
        case Order(order):
            return _order(session, order, end, config)
        case Fault(fault):
            return _fault(session, fault, config)


def _order(session: Session, order: Hashable, end: End, config: PairConfig) -> list[Command]:
    label = str(end.accepted + 1) if config.distinct else ""
    try:
        match order:
            case "open":
                return session.open()
            case "send":
                return session.send(Outgoing(f"m{label}".encode()))
            case "request":
                return session.request(f"q{label}", Outgoing(f"q{label}".encode()), reissue=config.reissue)
            case "withdraw":
                return _withdraw(session)
            case "renegotiate":
                return session.renegotiate()
            case _ if session.state is State.CLOSED:
                return _impossible()
            case "close":
                return session.close()
            case _:
                return session.stop()
    except LocalSessionError:
        raise Disabled from None


def _withdraw(session: Session) -> list[Command]:
    for identifier in session.requests:
        return session.withdraw_request(identifier)
    if not session.waiting:
        return _impossible()
    return session.withdraw(session.waiting[-1][0])


def _fault(session: Session, fault: Hashable, config: PairConfig) -> list[Command]:
    if fault == LOWER_LAYER_LOST:
        commands = session.lower_layer_lost()
        return commands or _impossible()
    address = _live_address(session)
    if address is None or not config.profile.can_send(Error("")):
        raise Disabled
    return session.receive(Message((address,), (), config.profile.encode(Error("undeliverable"))))


def _impossible() -> list[Command]:
    raise Disabled


def _live_address(session: Session) -> Address | None:
    link = session.current or session.attempt
    return link.inner if link is not None else None


def _perform(name: str, owned: list[Owned], sessions: Mapping[Key, Session], peer: str, out: Outbox) -> None:
    """Execute the commands, and record them for the properties."""
    for key, command in owned:
        match command:
            case Send(message):
                out.send(peer, Packet(message, _sent_in(sessions.get(key), message)))
            case SetTimer(timer, _):
                out.set_timer(_named(key, timer))
            case CancelTimer(timer):
                out.cancel_timer(_named(key, timer))
        out.record((key, command))


def _named(key: Key, timer: Hashable) -> Hashable:
    """A responder's timer carries its key, unless there can only be one responder."""
    return timer if key in (None, SESSION_ID) else KeyedTimer(key, timer)


def _sent_in(session: Session | None, message: Message) -> Hashable:
    """The generation that data is sent in, by a name that both ends use; None for other messages."""
    link = session.current if session is not None else None
    if session is None or link is None or not session.settings.profile.carries_routes:
        return None
    if plaintext_of(message.payload)[:1] != DATA_TAG or message.onward_route != link.route:
        return None
    return link.generation.rank if session.settings.profile.names_sessions else link.generation.address


def _moved(before: End, event: Event, after: End, config: PairConfig, out: Outbox) -> End:
    """Update the ghosts. Messages are counted only where they are distinct, to keep worlds finite."""
    expired = isinstance(event, Fire) and _timer(event) is Timer.BACK_OFF
    accepted = config.distinct and isinstance(event, Order) and event.order in (SEND, REQUEST)
    rested = (before.rested or expired) and not started_attempt(before, after)
    read_messages = after.read_messages if config.profile.names_sessions else _read_messages(event, after, out)
    return after._replace(
        rested=rested or not after.sessions, accepted=after.accepted + accepted, read_messages=read_messages
    )


def _read_messages(event: Event, after: End, out: Outbox) -> frozenset[bytes]:
    """The messages read in the open channels, with the one that arrived unless it is a dead letter."""
    live = {keys_of(image.current) for _, image in after.sessions if image.current is not None}
    read_messages = after.read_messages
    if isinstance(event, Deliver) and isinstance(event.payload, Packet):
        message = event.payload.message
        facts = [fact for record in out.records if isinstance(record, tuple) for fact in record]
        if not any(isinstance(fact, DeadLetter) and fact.message == message for fact in facts):
            read_messages |= {message.payload}
    terms = [(payload, term) for payload in read_messages if (term := term_of(payload)) is not None]
    return frozenset(
        one for one, term in terms if term.message == CHANNEL_MESSAGE and (term.starter, term.answerer) in live
    )


def _timer(event: Fire) -> Hashable:
    return event.timer.timer if isinstance(event.timer, KeyedTimer) else event.timer


def started_attempt(before: End, after: End) -> bool:
    """Whether this end started a negotiation in this step."""
    old = {key: image.attempt for key, image in before.sessions}
    return any(is_own(image.attempt) and image.attempt != old.get(key) for key, image in after.sessions)


def _stripped(image: Snapshot, config: PairConfig) -> Snapshot:
    reason = image.reason if config.reasons else ""
    step = min(image.back_off_step, 1) if config.back_offs else 0
    return image._replace(back_off_step=step, reason=reason)

"""Two ends of a session and the messages between them, for tests that read as sequence charts.

    i, r = open_pair()      the initiator has sent its hello
    transfer(i, r)          the next message of `i` arrives at `r`
    drop(r)                 the next message of `r` is lost
    tick(i, seconds=15)     time passes at `i`; timers due there fire
    settle(i, r)            messages travel in both directions until none is left

The cores are the real ones. Each end has its own clock, since timers may be late or early relative to each other.
All steps are recorded: a failing test shows them as a sequence chart (`recording.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.projections.sequence import MomentKind
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.session.commands import (
    AnyTimer,
    Command,
    DeadLetter,
    Deliver,
    Notify,
    Register,
    RequestTimer,
    Send,
    Unregister,
)
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Place, Profile
from ockam_fsm.runtime.session.host import Host, Key, Owned
from ockam_fsm.runtime.session.link import Purpose
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Signal
from ockam_fsm.runtime.session.terms import Terms
from tests.recording import OUTSIDE, RECORDING, Participant

HOST, CONTACT = local("host"), local("contact")
HOP_TO_RESPONDER, HOP_TO_INITIATOR = Address(TCP, b"r:4000"), Address(TCP, b"i:4000")
SESSION_ID = b"one session of 2"
K = TypeVar("K")


class Counted:
    """Entropy whose addresses have a counter and the name of their owner, without jitter (the middle of its range)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.drawn = 0

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.drawn += 1
        return local(f"{self.name}{self.drawn}.{number}{'ri'[starter]}{purpose.value[0]}")

    def fraction(self) -> float:
        return 0.5


class End:
    """One end: a session, or the host of the responders, with the effects of its commands."""

    def __init__(self, core: Session | Host) -> None:
        self.core = core
        self.participant = Participant("initiator" if isinstance(core, Session) else "host")
        self.clock_seconds = 0.0
        self.timers: dict[tuple[Key, AnyTimer], float] = {}
        self.outbox: list[Message] = []
        self.addresses: set[Address] = set()
        self.log: list[Command] = []

    @property
    def session(self) -> Session:
        """The session; at a host, the newest."""
        return self.core if isinstance(self.core, Session) else list(self.core.sessions.values())[-1]

    @property
    def profile(self) -> Profile:
        return self.core.settings.profile if isinstance(self.core, Session) else self.core.profile

    @property
    def state(self) -> State:
        """The state of the session; CLOSED for a discarded responder."""
        if isinstance(self.core, Host) and not self.core.sessions:
            return State.CLOSED
        return self.session.state

    @property
    def armed(self) -> set[AnyTimer]:
        return {timer for _, timer in self.timers}

    @property
    def notices(self) -> list[Any]:
        return [command.notice for command in self.of(Notify)]

    @property
    def reasons(self) -> list[str]:
        """The reasons of the dead letters of this end."""
        return [letter.reason for letter in self.of(DeadLetter)]

    @property
    def delivered(self) -> list[bytes]:
        return [deliver.payload for deliver in self.of(Deliver)]

    def of(self, kind: type[K]) -> list[K]:
        return [command for command in self.log if isinstance(command, kind)]

    def order(self, order: Callable[[Session], list[Command]], called: str = "") -> None:
        """Give an order of the application or an event of the layer below. `called`: its label in a chart."""
        RECORDING.add(MomentKind.ORDER, self.participant, called or order.__name__)
        with self._recorded():
            if isinstance(self.core, Session):
                self.perform([(None, command) for command in order(self.core)])
            else:
                self.perform(self.core.order(next(reversed(self.core.sessions)), order))

    def send(self, payload: bytes, *onward: Address) -> None:
        self.order(lambda session: session.send(Outgoing(payload, onward)), f"send {_text(payload)}")

    def request(self, identifier: str, **options: Any) -> None:
        outgoing = Outgoing(identifier.encode())
        self.order(lambda session: session.request(identifier, outgoing, **options), f"request {identifier}")

    def reply(self, payload: bytes) -> None:
        """Reply to the message delivered last, as Ockam does: along its return route."""
        back = self.of(Deliver)[-1].return_route
        if self.session.settings.profile.keeps_alive:
            self.send(payload, *back[1:])
        else:
            self.outbox.append(Message(back, (), payload))

    def receive(self, message: Message, sender: Participant = OUTSIDE) -> None:
        RECORDING.add(MomentKind.MESSAGE, sender, lambda: called(message, self.profile), self.participant)
        with self._recorded():
            if isinstance(self.core, Session):
                self.perform([(None, command) for command in self.core.receive(message)])
            else:
                self.perform(self.core.receive(message))

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Record one step of the core: its state and dead letters."""
        before, done = self._states(), len(self.log)
        try:
            yield
        except LocalSessionError as refused:
            RECORDING.add(MomentKind.NOTE, self.participant, f"refused: {refused}")
            raise
        finally:
            for command in self.log[done:]:
                if isinstance(command, DeadLetter):
                    RECORDING.add(MomentKind.NOTE, self.participant, f"dead letter: {command.reason}")
            RECORDING.state(self.participant, before, self._states())

    def _states(self) -> str:
        sessions = [self.core] if isinstance(self.core, Session) else self.core.sessions.values()
        return " + ".join(session.state.name for session in sessions)

    def perform(self, owned: list[Owned]) -> None:
        for key, command in owned:
            self.log.append(command)
            match command:
                case Send(message):
                    self.outbox.append(message)
                case SetTimer(timer, after_seconds):
                    self.timers[key, timer] = self.clock_seconds + after_seconds
                case CancelTimer(RequestTimer() as timer):
                    self.timers.pop((key, timer), None)  # the request that expired may be the one that is reissued
                case CancelTimer(timer):
                    del self.timers[key, timer]
                case Register(address):
                    self.addresses.add(address)
                case Unregister(address):
                    self.addresses.remove(address)

    def fire(self, key: Key, timer: AnyTimer) -> None:
        name = f"request {timer.request}" if isinstance(timer, RequestTimer) else timer.value
        RECORDING.add(MomentKind.TIMER, self.participant, f"{name}, at {self.clock_seconds:g} s")
        with self._recorded():
            if isinstance(self.core, Session):
                self.perform([(None, command) for command in self.core.fire(timer)])
            else:
                self.perform(self.core.fire(key, timer))


# The five verbs -------------------------------------------------------------------------------------------------------


def open_pair(
    kind: SessionType = EXPLICIT_PERSISTENT_ONE_SIDED, profile: Profile = GENERATION, **limits: Any
) -> tuple[End, End]:
    """Return both ends, with a hello in flight: the initiator is opened, or an implicit one sends `b"first"`."""
    initiator, responder = make_initiator(kind, profile, **limits), make_host(kind, profile, **limits)
    if kind.creation is Creation.EXPLICIT:
        initiator.order(Session.open)
    else:
        initiator.send(b"first")
    return initiator, responder


def transfer(sender: End, receiver: End, position: int = 0) -> Message:
    """Deliver the next message of `sender`, or the one at `position`, which overtakes the others."""
    message = sender.outbox.pop(position)
    receiver.receive(_travelled(message), sender.participant)
    return message


def drop(sender: End, count: int = 1) -> None:
    """Lose the next messages of `sender`."""
    assert len(sender.outbox) >= count, "there are too few messages to lose"
    for message in sender.outbox[:count]:
        RECORDING.add(MomentKind.NOTE, sender.participant, f"lost: {called(message, sender.profile)}")
    del sender.outbox[:count]


def tick(end: End, seconds: float) -> None:
    """Let time pass at one end. Its timers fire in the order in which they are due."""
    until = end.clock_seconds + seconds
    while due := [(at, position, name) for position, (name, at) in enumerate(end.timers.items()) if at <= until]:
        at, _, name = min(due, key=lambda one: one[:2])
        del end.timers[name]
        end.clock_seconds = at
        end.fire(*name)
    end.clock_seconds = until


def settle(one: End, other: End) -> None:
    """Deliver messages in both directions until none is left. No time passes."""
    for _ in range(100):
        if not one.outbox and not other.outbox:
            return
        for sender, receiver in ((one, other), (other, one)):
            while sender.outbox:
                transfer(sender, receiver)
    raise AssertionError("the two ends never stop sending messages")


# Preparation ----------------------------------------------------------------------------------------------------------


def established_pair(*args: Any, **limits: Any) -> tuple[End, End]:
    i, r = open_pair(*args, **limits)
    settle(i, r)
    return i, r


def make_initiator(
    kind: SessionType,
    profile: Profile = GENERATION,
    *,
    name: str = "i",
    remembered: int = 0,
    has_state: bool = False,
    **limits: Any,
) -> End:
    """Return an initiator that has sent nothing. `name`: the prefix of its addresses; `remembered` etc.: its durable
    state."""
    two_sided = kind.renegotiated_by(Role.RESPONDER)
    contact, own_route = (CONTACT, (HOP_TO_INITIATOR, CONTACT)) if two_sided else (None, ())
    settings = SessionConfig(kind, Role.INITIATOR, profile, **limits)
    terms = Terms(SESSION_ID if profile is GENERATION else b"", local("initiator"), contact, own_route)
    route = (HOP_TO_RESPONDER, HOST)
    return End(Session(settings, terms, Counted(name), route, remembered=remembered, has_state=has_state))


def make_host(
    kind: SessionType,
    profile: Profile = GENERATION,
    capacity: int = 3,
    *,
    name: str = "r",
    remembered: int = 0,
    has_state: bool = False,
    **limits: Any,
) -> End:
    """Return the host of the responders. In profile `ockam` each generation has a new responder, so all are
    transient."""
    limits = {**limits, "attempts": limits.get("attempts") or 5}
    settings = SessionConfig(kind if profile is GENERATION else EXPLICIT_TRANSIENT, Role.RESPONDER, profile, **limits)
    entropy = Counted(name)

    def make(key: Key, session_id: bytes) -> Session:
        terms = Terms(session_id, local("responder"), HOST)
        return Session(settings, terms, entropy, remembered=remembered, has_state=has_state)

    return End(Host(HOST, profile, make, capacity))


def _travelled(message: Message) -> Message:
    """Return a message as it arrives: without the hop to the node, and with the hop back to the sender's."""
    first, *onward = message.onward_route
    if first == HOP_TO_RESPONDER:
        back: Route = (HOP_TO_INITIATOR, *message.return_route) if message.return_route else ()
    else:
        assert first == HOP_TO_INITIATOR, f"{first} leads to neither end"
        back = (HOP_TO_RESPONDER, *message.return_route) if message.return_route else ()
    return Message(tuple(onward), back, message.payload)


def said(message: Message, profile: Profile = GENERATION) -> Signal:
    """Return the signal of a message."""
    place = Place.NEGOTIATION_START if message.onward_route[-1] in (HOST, CONTACT) else Place.WORKER
    if profile is OCKAM and message.onward_route[-1].value.endswith(b"h"):
        place = Place.HANDSHAKE
    return profile.decode(message.payload, place, message.return_route)


def called(message: Message, profile: Profile) -> str:
    """Return the label of a message in a chart."""
    if not message.onward_route:
        return "a message to nowhere"
    try:
        signal = said(message, profile)
    except RemoteSessionError:
        return f"{len(message.payload)} bytes"
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(signal).__name__).lower()
    told = (getattr(signal, name, None) for name in ("generation", "number", "payload", "reason"))
    return " ".join([kind, *(_text(one) if isinstance(one, bytes) else str(one) for one in told if one is not None)])


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")

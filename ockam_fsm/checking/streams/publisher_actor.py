"""A publisher as an actor of a world: the real `Publisher` over a real `Session`, bytes included.

Theory: as in `checking/sessions/session_actors.py`, the state of an actor is a snapshot plus ghosts, which only
properties read.

Rule 1: a message of the application is the ordinal of its acceptance, as text, so the log shows which ones it has.
Rule 2: only the publisher's image and its session's number survive the fault `restart-with-state`; nothing survives
        `restart-without-state`.
Source: spec/sessions.md clauses 12.2 to 12.4.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, DerivedEntropy
from ockam_fsm.checking.streams.config import OF_SILENCE, PublishingConfig, session_id, stripped
from ockam_fsm.checking.streams.names import PUBLISHER, RESTART_KEEPING, STREAM, StreamPacket
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.session import commands as session_commands
from ockam_fsm.runtime.session.commands import RequestTimer, Timer
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.runtime.stream.commands import (
    CloseSession,
    NewSession,
    PublisherCommand,
    Request,
    StateLost,
    Stored,
    StreamTimer,
    Withdraw,
)
from ockam_fsm.runtime.stream.publisher import PublisherConfig, PublisherImage


class PublisherEnd(NamedTuple):
    """The state of the publisher's actor. `identities`: how many it has had. `memory`: the durably stored number of its
    session. Ghosts: the number of `accepted` messages, of which `first` before this incarnation; the `confirmed`
    messages; and the identities whose records were lost, as the application was `notified`."""

    session: Snapshot | None
    image: PublisherImage
    accepted: int = 0
    identities: int = 1
    incarnation: int = 0
    memory: int = 0
    first: int = 0
    confirmed: tuple[bytes, ...] = ()
    notified: tuple[bytes, ...] = ()

    @property
    def label(self) -> str:
        state = self.session.state.name if self.session is not None else "no session"
        return f"{len(self.confirmed)} of {self.accepted} confirmed, {state}"


@dataclass(frozen=True)
class PublisherActor:
    """The publisher, its session and its application."""

    config: PublishingConfig
    name: str = PUBLISHER
    peer: str = STREAM

    def start(self, out: Outbox) -> PublisherEnd:
        run = _PublisherRun(self, PublisherEnd(None, PublisherImage()), out)
        run.open()
        return run.end()

    def handle(self, end: PublisherEnd, event: Event, out: Outbox) -> PublisherEnd:
        if isinstance(event, Fault):
            return self._restarted(end, event.fault, out)
        run = _PublisherRun(self, end, out)
        run.take(event)
        return run.end()

    def _restarted(self, end: PublisherEnd, fault: Hashable, out: Outbox) -> PublisherEnd:
        out.cancel_all_timers()
        keeps = fault == RESTART_KEEPING
        fresh = end.image if keeps else PublisherImage()
        renewed = not keeps and not self.config.same_identity
        number = end.session.seen[0] if end.session is not None and keeps else 0
        again = end._replace(
            session=None,
            incarnation=end.incarnation + 1,
            image=fresh,
            memory=number,
            identities=end.identities + renewed,
            first=end.first if keeps else end.accepted,
        )
        run = _PublisherRun(self, again, out)
        run.open()
        run.resume()
        return run.end()


class _PublisherRun:
    """The handling of one event of the publisher: the real workers are restored and their commands carried out."""

    def __init__(self, actor: PublisherActor, end: PublisherEnd, out: Outbox) -> None:
        self.actor, self.config, self.before, self.out = actor, actor.config, end, out
        self.accepted, self.identities, self.confirmed = end.accepted, end.identities, list(end.confirmed)
        self.notified = end.notified
        self.publisher = self.config.publisher(PublisherConfig(self.config.window), end.image)
        self.session = self._session(end.memory)
        if end.session is not None:
            self.session.restore(end.session)

    def end(self) -> PublisherEnd:
        return self.before._replace(session=stripped(self.session.snapshot()), image=self.publisher.image(),
                                    accepted=self.accepted, identities=self.identities,
                                    confirmed=tuple(self.confirmed), notified=self.notified)  # fmt: skip

    def open(self) -> None:
        self._session_did(self.session.open())

    def resume(self) -> None:
        self._publisher_did(self.publisher.resume())

    def take(self, event: Event) -> None:
        match event:
            case Deliver(payload=StreamPacket(message)):
                self._session_did(self.session.receive(message))
            case Fire(timer=StreamTimer.RETRY):
                self._publisher_did(self.publisher.retry_due())
            case Fire(timer=Timer() | RequestTimer() as timer):
                self._session_did(self.session.fire(timer))
            case Order(order="publish"):
                self._publish()
            case _:
                raise Disabled

    def _publish(self) -> None:
        try:
            commands = self.publisher.publish(str(self.accepted + 1).encode())
        except EventRefused:
            raise Disabled from None
        self.accepted += 1
        self._publisher_did(commands)

    def _session(self, remembered: int) -> Session:
        end, config = self.before, self.config
        entropy = DerivedEntropy(f"publisher{end.incarnation}.{self.identities}", config.generations)
        terms = Terms(session_id(self.identities), local("publisher"), None, ())
        return config.session(config.settings(Role.INITIATOR), terms, entropy, (HOST_ADDRESS,),
                              remembered=remembered, has_state=bool(remembered))  # fmt: skip

    def _session_did(self, commands: Iterable[session_commands.Command]) -> None:
        speaking = self.session
        for command in commands:
            if speaking is not self.session and not isinstance(command, session_commands.Send):
                continue  # a command before it has ended the session
            match command:
                case session_commands.Send(message):
                    self.out.send(self.actor.peer, StreamPacket(message))
                case SetTimer(timer) if not (self.config.patient and timer in OF_SILENCE):
                    self.out.set_timer(timer)
                case CancelTimer(timer):
                    self.out.cancel_timer(timer)
                case session_commands.Notify(notice):
                    self._hear(notice)
            self.out.record(command)

    def _hear(self, notice: session_commands.Notice) -> None:
        match notice:
            case session_commands.Established(resumed=resumed):
                self._publisher_did(self.publisher.established(resumed))
            case session_commands.Responded(int() as number, payload):
                self._publisher_did(self.publisher.responded(number, payload))
            case session_commands.RequestFailed(int() as number, reason):
                self._publisher_did(self.publisher.failed(number, reason))
            case session_commands.Closed(reason):
                self._publisher_did(self.publisher.session_closed(reason))

    def _publisher_did(self, commands: Iterable[PublisherCommand]) -> None:
        for command in commands:
            match command:
                case Request(number, payload):
                    asked = self.session.request(number, Outgoing(payload), reissue=self.config.reissue,
                                                 resumed_only=self.config.resumed_only)  # fmt: skip
                    self._session_did(asked)
                case Withdraw(number):
                    self._session_did(self.session.withdraw_request(number))
                case NewSession():
                    self._renew()
                case CloseSession():
                    self._session_did(self.session.close())
                case StateLost():
                    self.notified = (*self.notified, session_id(self.identities - 1))
                case Stored(ordinal):
                    self.confirmed.append(str(self.before.first + ordinal).encode())
                case SetTimer(timer):
                    self.out.set_timer(timer)
                case CancelTimer(timer):
                    self.out.cancel_timer(timer)
            self.out.record(command)

    def _renew(self) -> None:
        """Close the session and open one under a new identity. The notifications of the old one are dropped."""
        if self.identities > self.config.incarnations:
            raise BoundReached("incarnations")
        for command in self.session.close():
            if isinstance(command, session_commands.Send):
                self.out.send(self.actor.peer, StreamPacket(command.message))
        self.out.cancel_all_timers()
        self.identities += 1
        self.session = self._session(0)
        self.open()

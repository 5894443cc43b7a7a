"""A publisher and its stream over an abstract session of four messages, small enough to be modelled in TLA+ too.

Theory: the publisher, the stream worker and the log are the real ones, or those of a known-bad machine. The session
between them is reduced to its notifications: it is established in a generation, resumed or not, and it fails.

Rule 1: the abstract session is an over-approximation. It accepts a push in any generation of a confirmed session, and a
        confirmation in any generation of its identity. So each state of publisher, worker and log that real sessions
        reach is reached (tests/checking/test_abstract_session.py).
Rule 2: each responder has its own number, as real ones have their own addresses. An ended responder receives nothing.
Rule 3: any session may fail or end at any time; this covers silence, errors and time-outs. In a `patient` world a
        session fails only while it waits for a message, and no responder ends.
Rule 4: `over_abstract_session` replaces the actors of a world and leaves out W15; the rest of the world is the same.
Left out: publishers that close, or whose session closes.
Source: spec/sessions.md clauses 6.6, 6.8 and 12.2 to 12.5; spec/tla/Publishing.tla is the same model.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.streams.abstract_messages import Answer, Confirmation, Hello, PushSent
from ockam_fsm.checking.streams.config import PublishingConfig, session_id
from ockam_fsm.checking.streams.names import PUBLISHER, RESTART, RESTART_KEEPING, STREAM
from ockam_fsm.checking.streams.publisher_actor import PublisherActor
from ockam_fsm.checking.streams.stream_actor import OPENED, LogImage, Storing
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.stream import StreamState
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import Push, Pushed, Status, encode_response
from ockam_fsm.runtime.session.causes import PEER_LOST_STATE
from ockam_fsm.runtime.stream.commands import (
    Append,
    EndSessions,
    NewSession,
    OpenLog,
    PublisherCommand,
    Reply,
    Request,
    StateLost,
    Stored,
    StreamCommand,
    StreamTimer,
)
from ockam_fsm.runtime.stream.publisher import PublisherConfig, PublisherImage
from ockam_fsm.runtime.stream.worker import StreamImage

FAILS = "session-fails"
"""Timer: the session of the publisher or its negotiation attempt fails."""


# The publisher --------------------------------------------------------------------------------------------------------


class AbstractPublisherEnd(NamedTuple):
    """The state of the publisher's actor. `peer`: the responder of its session, 0 until it is established. `has_state`:
    the session was established before. Ghosts, as in publisher_actor.py: `first`, `confirmed` and `notified`."""

    image: PublisherImage = PublisherImage()
    identity: int = 1
    generation: int = 0
    peer: int = 0
    has_state: bool = False
    first: int = 0
    confirmed: tuple[bytes, ...] = ()
    notified: tuple[bytes, ...] = ()

    @property
    def accepted(self) -> int:
        return self.first + self.image.confirmed + len(self.image.messages)

    @property
    def label(self) -> str:
        state = "established" if self.peer else "negotiating"
        return f"{len(self.confirmed)} of {self.accepted} confirmed, {state}"


@dataclass(frozen=True)
class AbstractPublisherActor:
    """The publisher and its application. A message is the ordinal of its acceptance, as text."""

    config: PublishingConfig
    name: str = PUBLISHER

    def start(self, out: Outbox) -> AbstractPublisherEnd:
        run = _PublisherRun(self.config, AbstractPublisherEnd(), out)
        run.attempt()
        return run.ended()

    def handle(self, end: AbstractPublisherEnd, event: Event, out: Outbox) -> AbstractPublisherEnd:
        if isinstance(event, Fault):
            out.cancel_all_timers()
            run = _PublisherRun(self.config, self._killed(end, event.fault), out)
            run.attempt()
            run.did(run.publisher.resume())
        else:
            run = _PublisherRun(self.config, end, out)
            run.take(event)
        return run.ended()

    def _killed(self, end: AbstractPublisherEnd, fault: Hashable) -> AbstractPublisherEnd:
        """Return the initial state of the next incarnation."""
        if fault == RESTART_KEEPING:
            return end._replace(has_state=True)
        identity = end.identity if self.config.same_identity else end.identity + 1
        return AbstractPublisherEnd(
            identity=identity, first=end.accepted, confirmed=end.confirmed, notified=end.notified
        )


class _PublisherRun:
    """The handling of one event of the publisher."""

    def __init__(self, config: PublishingConfig, end: AbstractPublisherEnd, out: Outbox) -> None:
        self.config, self.end, self.out = config, end, out
        self.publisher = config.publisher(PublisherConfig(config.window), end.image)

    def ended(self) -> AbstractPublisherEnd:
        if self.config.patient and self.end.peer and not self.publisher.open:
            self.out.cancel_timer(FAILS)
        else:
            self.out.set_timer(FAILS)
        return self.end._replace(image=self.publisher.image())

    def take(self, event: Event) -> None:
        match event:
            case Deliver(payload=Answer() as answer):
                self._answered(answer)
            case Deliver(payload=Confirmation(identity, number)):
                if identity == self.end.identity and self.end.peer and number in self.publisher.open:
                    self.did(self.publisher.responded(number, encode_response(Pushed(number, Status.OK, 0))))
            case Fire(timer="session-fails"):
                self._fail()
            case Fire(timer=StreamTimer.RETRY):
                self.did(self.publisher.retry_due())
            case Order(order="publish"):
                self._publish()
            case _:
                raise Disabled

    def attempt(self) -> None:
        generation = self.end.generation + 1
        if generation > self.config.generations:
            raise BoundReached("generations")
        self.end = self.end._replace(generation=generation, peer=0)
        self.out.send(STREAM, Hello(self.end.identity, generation))

    def _fail(self) -> None:
        self.attempt()
        for number in () if self.config.reissue else tuple(self.publisher.open):
            self.did(self.publisher.failed(number, "the session failed"))

    def _answered(self, answer: Answer) -> None:
        if self.end.peer or (answer.identity, answer.generation) != (self.end.identity, self.end.generation):
            return
        had_state, waiting = self.end.has_state, tuple(self.publisher.open)
        self.end = self.end._replace(peer=answer.responder, has_state=True)
        self.did(self.publisher.established(answer.resumed))
        if self.end.identity != answer.identity:
            return
        if had_state and not answer.resumed and self.config.resumed_only:
            for number in waiting[:1]:
                self.did(self.publisher.failed(number, PEER_LOST_STATE))
            return
        for number in waiting:
            self._push(number)

    def _publish(self) -> None:
        ordinal = self.end.first + self.publisher.confirmed + len(self.publisher.messages) + 1
        try:
            commands = self.publisher.publish(str(ordinal).encode())
        except EventRefused:
            raise Disabled from None
        self.did(commands)

    def did(self, commands: Iterable[PublisherCommand]) -> None:
        for command in commands:
            match command:
                case Request(number):
                    if self.end.peer:
                        self._push(number)
                case NewSession():
                    self._renew()
                case Stored(ordinal):
                    stored = str(self.end.first + ordinal).encode()
                    self.end = self.end._replace(confirmed=(*self.end.confirmed, stored))
                case StateLost():
                    self.end = self.end._replace(notified=(*self.end.notified, session_id(self.end.identity - 1)))
                case SetTimer(timer):
                    self.out.set_timer(timer)
                case CancelTimer(timer):
                    self.out.cancel_timer(timer)
            self.out.record(command)

    def _push(self, number: int) -> None:
        ordinal = self.end.first + self.publisher.before + number
        self.out.send(STREAM, PushSent(*self._place(), number, str(ordinal).encode()))

    def _place(self) -> tuple[int, int, int]:
        return self.end.identity, self.end.generation, self.end.peer

    def _renew(self) -> None:
        if self.end.identity > self.config.incarnations:
            raise BoundReached("incarnations")
        self.end = self.end._replace(identity=self.end.identity + 1, generation=0, has_state=False)
        self.attempt()


# The stream -----------------------------------------------------------------------------------------------------------


class Responder(NamedTuple):
    """The stream's end of a session. `resumed`: the flag of its answer in this generation; `has_state`: the flag of its
    answer in a later one."""

    number: int
    generation: int
    resumed: bool
    has_state: bool


class AbstractStreamEnd(NamedTuple):
    """The state of the stream's actor; responders by identity. A ghost: whether the log `forgot` records."""

    worker: StreamImage = StreamImage()
    responders: tuple[tuple[int, Responder], ...] = ()
    log: LogImage = LogImage()
    spawned: int = 0
    forgot: bool = False

    @property
    def label(self) -> str:
        stored = " ".join(one.data.decode() for one in self.log.stored) or "nothing"
        return f"{self.worker.state.name}, {stored} stored, {len(self.log.under_way)} under way"


@dataclass(frozen=True, slots=True)
class Ends:
    """Timer: the responder of an identity ends."""

    identity: int

    @property
    def label(self) -> str:
        return f"session of {self.identity} ends"


@dataclass(frozen=True)
class AbstractStreamActor:
    """The stream worker, the ends of its publishers' sessions, and the log."""

    config: PublishingConfig
    name: str = STREAM

    def start(self, out: Outbox) -> AbstractStreamEnd:
        run = _StreamRun(self.config, AbstractStreamEnd(), out)
        run.did(run.worker.start())
        return run.ended()

    def handle(self, end: AbstractStreamEnd, event: Event, out: Outbox) -> AbstractStreamEnd:
        if event == Fault(RESTART):
            out.cancel_all_timers()
            run = _StreamRun(self.config, end._replace(worker=StreamImage(), responders=()), out)
            run.did(run.worker.start())
            run.await_writes()
        else:
            run = _StreamRun(self.config, end, out)
            run.take(event)
        return run.ended()


class _StreamRun(Storing):
    """The handling of one event of the stream."""

    def __init__(self, config: PublishingConfig, end: AbstractStreamEnd, out: Outbox) -> None:
        super().__init__(config, end.worker, end.log, out)
        self.end = end
        self.responders = dict(end.responders)

    def ended(self) -> AbstractStreamEnd:
        """Return the state, sorted so that it is independent of the order of arrival, and without the failure count,
        which affects only durations."""
        worker, log = self.worker.image(), self.log.snapshot()
        return self.end._replace(
            worker=worker._replace(records=tuple(sorted(worker.records)), failures=0),
            log=log._replace(records=tuple(sorted(log.records))),
            responders=tuple(sorted(self.responders.items())),
        )

    def take(self, event: Event) -> None:
        match event:
            case Deliver(payload=Hello(identity, generation)):
                self._greeted(identity, generation)
            case Deliver(payload=PushSent() as push):
                self._pushed(push)
            case Fire(timer="log-opened"):
                self.opened()
            case Fire(timer="written"):
                self.written()
            case Fire(timer=StreamTimer.BACK_OFF):
                self.did(self.worker.retry_due())
            case Fire(timer=Ends(identity)):
                self._over(identity)
            case Fault(fault="storage-fails") if self.worker.state is StreamState.SERVING:
                self.did(self.worker.storage_failed())
            case Fault(fault="forget-records") if self.log.records and not self.responders:
                self.log.records, self.end = {}, self.end._replace(forgot=True)
            case _:
                raise Disabled

    def _greeted(self, identity: int, generation: int) -> None:
        if self.worker.state is not StreamState.SERVING:
            return
        known = self.responders.get(identity) or self._made(identity)
        if generation < known.generation:
            return
        if generation > known.generation:
            known = known._replace(generation=generation, resumed=known.has_state)
        self.responders[identity] = known
        self.out.send(PUBLISHER, Answer(identity, generation, known.number, known.resumed))

    def _made(self, identity: int) -> Responder:
        if self.end.spawned == self.config.spawns:
            raise BoundReached("spawns")
        self.end = self.end._replace(spawned=self.end.spawned + 1)
        if not self.config.patient:
            self.out.set_timer(Ends(identity))
        recorded = self.worker.known(session_id(identity), self.log.records.get(session_id(identity)))
        return Responder(self.end.spawned, 0, recorded, recorded)

    def _pushed(self, push: PushSent) -> None:
        known = self.responders.get(push.identity)
        if known is None or not (self.config.same_inner or self._reaches(push, known)):
            return
        self.responders[push.identity] = known._replace(has_state=True)
        self.did(self.worker.push(session_id(push.identity), Push(push.number, push.data), _back(push.identity)))

    @staticmethod
    def _reaches(push: PushSent, known: Responder) -> bool:
        """Return whether a push reaches this responder. Until a responder is confirmed, each new answer replaces the
        address of its pushes."""
        return known.number == push.responder and (known.has_state or known.generation == push.generation)

    def _over(self, identity: int) -> None:
        del self.responders[identity]
        self.forget(session_id(identity))

    def did(self, commands: Iterable[StreamCommand]) -> None:
        for command in commands:
            match command:
                case OpenLog():
                    self.out.set_timer(OPENED)
                case Append(publisher, number, data):
                    self.append(publisher, number, data)
                case Reply(route, Pushed(number)):
                    self._reply(route, number)
                case EndSessions():
                    for identity in self.responders:
                        self.out.cancel_timer(Ends(identity))
                    self.responders = {}
                case SetTimer(timer):
                    self.out.set_timer(timer)
                case CancelTimer(timer):
                    self.out.cancel_timer(timer)
            self.out.record(command)

    def _reply(self, route: Route, number: int) -> None:
        """Send a confirmation through the session of the publisher, if it still exists."""
        for identity in self.responders:
            if _back(identity) == route:
                self.out.send(PUBLISHER, Confirmation(identity, number))


def _back(identity: int) -> Route:
    return (local(str(identity)),)


# A world --------------------------------------------------------------------------------------------------------------


def over_abstract_session(world: World) -> World:
    """Return a world of a publisher and its stream over the abstract session, with the same network, orders, faults and
    bounds. W15 is left out, because it is about real sessions."""
    config = publishing_config_of(world)
    properties = tuple(one for one in world.properties if one.id != "W15")
    return replace(world, actors=(AbstractPublisherActor(config), AbstractStreamActor(config)), properties=properties)


def publishing_config_of(world: World) -> PublishingConfig:
    """Return the configuration of the actors of a world of a publisher and its stream."""
    publisher = world.actors[0]
    assert isinstance(publisher, PublisherActor | AbstractPublisherActor)
    return publisher.config

"""A stream as an actor of a world: the real `StreamWorker`, the real `Host` of its publishers' sessions, and the log.

Rule 1: only the log survives a restart. Writes that are under way complete later and in order, also those of a killed
        worker, unless another writer has opened the log before.
Rule 2: an append stores the message and the publisher's record in one write.
Left out: a full storage, and the node around the worker.
Source: spec/sessions.md clauses 12.3 to 12.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Outbox
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, DerivedEntropy, KeyedTimer
from ockam_fsm.checking.streams.config import OF_SILENCE, PublishingConfig, stripped
from ockam_fsm.checking.streams.names import CONSUMER, PUBLISHER, RESTART, STREAM, StreamMessage, StreamPacket
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.spawner import SpawnerState
from ockam_fsm.machines.stream import StreamState
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    Pull,
    Pulled,
    Push,
    StoredMessage,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.session import commands as session_commands
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.host import Host, HostSnapshot, Key, Owned
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.runtime.stream.commands import Append, EndSessions, OpenLog, Read, Reply, StreamCommand, StreamTimer
from ockam_fsm.runtime.stream.worker import PLAIN, StreamConfig, StreamImage

OPENED, WRITTEN = "log-opened", "written"
"""Timers: the storage has opened the log; the storage has completed its oldest write."""


class InLog(NamedTuple):
    """A message that is stored in the log or being written."""

    publisher: bytes
    number: int
    data: bytes


class LogImage(NamedTuple):
    """The log. `writer`: how often it was opened. `under_way`: the writes not completed, each with its writer."""

    stored: tuple[InLog, ...] = ()
    records: tuple[tuple[bytes, int], ...] = ()
    under_way: tuple[tuple[int, InLog], ...] = ()
    writer: int = 0


class StreamActorState(NamedTuple):
    """The state of the stream's actor. A ghost: whether the log `forgot` records."""

    worker: StreamImage = StreamImage()
    sessions: tuple[tuple[Key, Snapshot], ...] = ()
    log: LogImage = LogImage()
    spawned: int = 0
    incarnation: int = 0
    forgot: bool = False

    @property
    def label(self) -> str:
        stored = " ".join(one.data.decode() for one in self.log.stored) or "nothing"
        return f"{self.worker.state.name}, {stored} stored, {len(self.log.under_way)} under way"


@dataclass(frozen=True)
class StreamActor:
    """The stream worker, the host of its publishers' sessions, and the log. `stored`: the number of messages that the
    log has at the start."""

    config: PublishingConfig
    stored: int = 0
    name: str = STREAM
    peer: str = PUBLISHER

    def start(self, out: Outbox) -> StreamActorState:
        stored = tuple(InLog(PLAIN, 0, str(number + 1).encode()) for number in range(self.stored))
        run = _StreamRun(self, StreamActorState(log=LogImage(stored)), out)
        run.start()
        return run.end()

    def handle(self, end: StreamActorState, event: Event, out: Outbox) -> StreamActorState:
        if event == Fault(RESTART):
            out.cancel_all_timers()
            again = end._replace(worker=StreamImage(), sessions=(), incarnation=end.incarnation + 1)
            run = _StreamRun(self, again, out)
            run.start()
            run.await_writes()
            return run.end()
        run = _StreamRun(self, end, out)
        run.take(event)
        return run.end()


@dataclass
class Log:
    """The log while an event is handled; mutable."""

    image: LogImage
    fenced: bool
    stored: list[InLog] = field(init=False)
    records: dict[bytes, int] = field(init=False)
    under_way: list[tuple[int, InLog]] = field(init=False)
    writer: int = field(init=False)

    def __post_init__(self) -> None:
        stored, records, under_way, self.writer = self.image
        self.stored, self.records, self.under_way = list(stored), dict(records), list(under_way)

    def snapshot(self) -> LogImage:
        return LogImage(tuple(self.stored), tuple(self.records.items()), tuple(self.under_way), self.writer)

    def open(self) -> None:
        self.writer += 1
        if self.fenced:
            self.under_way = []

    def write(self) -> tuple[bool, int]:
        """Complete the oldest write. Return whether its writer is the current one, and its index."""
        writer, message = self.under_way.pop(0)
        self.stored.append(message)
        self.records[message.publisher] = max(message.number, self.records.get(message.publisher, 0))
        return writer == self.writer, len(self.stored) - 1


class Storing:
    """A stream worker and its log in one event; subclasses add the sessions through which pushes arrive."""

    def __init__(self, config: PublishingConfig, worker: StreamImage, log: LogImage, out: Outbox) -> None:
        self.config, self.out = config, out
        self.worker = config.worker(StreamConfig(), worker)
        self.log = Log(log, config.fenced)

    def did(self, commands: Iterable[StreamCommand]) -> None:
        """Carry out the commands of the worker."""
        raise NotImplementedError

    def await_writes(self) -> None:
        if self.log.under_way:
            self.out.set_timer(WRITTEN)
        else:
            self.out.cancel_timer(WRITTEN)

    def append(self, publisher: bytes, number: int, data: bytes) -> None:
        self.log.under_way.append((self.log.writer, InLog(publisher, number, data)))
        self.await_writes()

    def opened(self) -> None:
        self.log.open()
        self.await_writes()
        self.did(self.worker.opened())

    def written(self) -> None:
        own, index = self.log.write()
        self.await_writes()
        if own and self.worker.state is StreamState.SERVING:
            self.did(self.worker.appended(index))

    def forget(self, publisher: bytes) -> None:
        self.worker.forget(publisher)
        if not self.config.records_with_log:
            self.log.records.pop(publisher, None)


class _StreamRun(Storing):
    """The handling of one event of the stream."""

    def __init__(self, actor: StreamActor, end: StreamActorState, out: Outbox) -> None:
        super().__init__(actor.config, end.worker, end.log, out)
        self.actor, self.before = actor, end
        self.forgot = end.forgot
        self.host = self._host(end.spawned, end.sessions)

    def end(self) -> StreamActorState:
        images = tuple((key, stripped(image)) for key, image in self.host.snapshot().sessions)
        return self.before._replace(worker=self.worker.image(), sessions=images, log=self.log.snapshot(),
                                    spawned=self.host.spawned, forgot=self.forgot)  # fmt: skip

    def start(self) -> None:
        self.did(self.worker.start())

    def take(self, event: Event) -> None:
        match event:
            case Deliver(payload=StreamPacket(message)):
                if self.worker.state is StreamState.SERVING or message.onward_route != (HOST_ADDRESS,):
                    self._sessions_did(self.host.receive(message))
            case Deliver(payload=StreamMessage(payload)):
                pull = decode_request(payload)
                assert isinstance(pull, Pull)
                self.did(self.worker.pull(pull, (local(CONSUMER),)))
            case Fire(timer="log-opened"):
                self.opened()
            case Fire(timer="written"):
                self.written()
            case Fire(timer=StreamTimer.BACK_OFF):
                self.did(self.worker.retry_due())
            case Fire(timer=KeyedTimer(key, timer)):
                assert isinstance(timer, Timer)
                self._sessions_did(self.host.fire(key, timer))
            case Fault(fault="storage-fails"):
                self._storage_fails()
            case Fault(fault="forget-records") if self.log.records and not self.host.sessions:
                self.log.records, self.forgot = {}, True
            case _:
                raise Disabled

    def _storage_fails(self) -> None:
        if self.worker.state is not StreamState.SERVING:
            raise Disabled
        self.did(self.worker.storage_failed())

    def _host(self, spawned: int, sessions: tuple[tuple[Key, Snapshot], ...] = ()) -> Host:
        host = Host(HOST_ADDRESS, GENERATION, self._make, capacity=2)
        self.host = host
        host.restore(HostSnapshot(SpawnerState.LISTENING, spawned, sessions))
        return host

    def _make(self, key: Key, identity: bytes) -> Session:
        if self.host.spawned > self.config.spawns:
            raise BoundReached("spawns")
        config, end = self.config, self.before
        recorded = self.worker.known(identity, self.log.records.get(identity))
        # The identity is part of the seed: sessions of two publishers may be in the same generation.
        making = (0, 0) if config.same_inner else (end.incarnation, self.host.spawned)
        entropy = DerivedEntropy(f"stream{making[0]}.{identity[-1]}{making[1]}", config.generations)
        terms = Terms(identity, local(f"stream{identity[-1]}"), HOST_ADDRESS)
        return config.session(config.settings(Role.RESPONDER), terms, entropy, (), remembered=0, has_state=recorded)

    def _sessions_did(self, owned: Iterable[Owned]) -> None:
        for key, command in owned:
            match command:
                case session_commands.Send(message):
                    self.out.send(self.actor.peer, StreamPacket(message))
                case SetTimer(timer) if not (self.config.patient and timer in OF_SILENCE):
                    self.out.set_timer(KeyedTimer(key, timer))
                case CancelTimer(timer):
                    self.out.cancel_timer(KeyedTimer(key, timer))
                case session_commands.Deliver(payload, (), reply):
                    push = decode_request(payload)
                    assert isinstance(push, Push)
                    assert isinstance(key, bytes)
                    self.did(self.worker.push(key, push, reply))
            if isinstance(key, bytes) and key not in self.host.sessions:
                self.forget(key)
            self.out.record((key, command))

    def did(self, commands: Iterable[StreamCommand]) -> None:
        for command in commands:
            match command:
                case OpenLog():
                    self.out.set_timer(OPENED)
                case Append(publisher, number, data):
                    self.append(publisher, number, data)
                case Read(request_id, index, limit):
                    self._read(request_id, index, limit)
                case Reply(route, response) if route == (local(CONSUMER),):
                    self.out.send(CONSUMER, StreamMessage(encode_response(response)))
                case Reply(route, response):
                    self._reply(route, encode_response(response))
                case EndSessions():
                    self._sessions_did(self.host.stop())
                    self._host(self.host.spawned)
                case SetTimer(timer):
                    self.out.set_timer(timer)
                case CancelTimer(timer):
                    self.out.cancel_timer(timer)
            self.out.record(command)

    def _read(self, request_id: int, index: int, limit: int) -> None:
        found = [StoredMessage(n, one.data) for n, one in enumerate(self.log.stored) if n >= index][:limit]
        self.out.send(CONSUMER, StreamMessage(encode_response(Pulled(request_id, tuple(found)))))

    def _reply(self, route: Route, payload: bytes) -> None:
        """Reply through the session that delivered the push, if it is still established."""
        for key, session in self.host.sessions.items():
            if session.terms.outer == route[0] and session.state is State.ESTABLISHED:
                self._sessions_did(self.host.order(key, lambda one: one.send(Outgoing(payload, route[1:]))))
                return

"""Mutant stream services with one defect each, which the stream cases of the kit have to reject.

Rule 1: as in defective_node.py: a defect is one respect in which a node differs.
Rule 2: these nodes run in the process of the kit, which connects to them over TCP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.stream import StreamEvent
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.partition import Partition
from ockam_fsm.net.streams.service import STREAM, StreamService
from ockam_fsm.runtime.encoding.message import Message, Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    GetIndex,
    Pull,
    Pulled,
    Push,
    Pushed,
    SaveIndex,
    Status,
    StreamCreated,
    StreamError,
    StreamRequest,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.node.ledger import Origin
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.stream.commands import IndexCommand, KeepIndex, Read, StreamCommand
from ockam_fsm.runtime.stream.index import IndexWorker
from ockam_fsm.runtime.stream.worker import PLAIN, StreamWorker
from ockam_fsm.storage.interface import Log, Stored
from ockam_fsm.storage.memory import MemoryStorage
from tests.conformance.defective_node import ForgetsState

# Mutant workers -------------------------------------------------------------------------------------------------------


class SuppressesIdentifiers(StreamWorker):
    """A plain push with a known request id counts as a duplicate."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        if publisher == PLAIN and any(one.number == number for one in self.seen):
            return StreamEvent.PUSH_STORED
        return event

    def push(self, publisher: bytes, push: Push, reply: Route) -> list[StreamCommand]:
        commands = super().push(publisher, push, reply)
        self.seen = [*self.seen, *self.under_way]
        return commands

    seen: list[Any] = []  # noqa: RUF012


class ConfirmsUnder0(StreamWorker):
    def appended(self, index: int) -> list[StreamCommand]:
        return super().appended(0)


class ConfirmsAsFirst(StreamWorker):
    def _reply(self, route: Route, response: Pushed | StreamError) -> None:
        super()._reply(route, replace(response, request_id=1) if isinstance(response, Pushed) else response)


class AnotherPull(StreamWorker):
    def pull(self, pull: Pull, reply: Route) -> list[StreamCommand]:
        return super().pull(replace(pull, request_id=pull.request_id + 1), reply)


class FromTheBeginning(StreamWorker):
    def pull(self, pull: Pull, reply: Route) -> list[StreamCommand]:
        return super().pull(replace(pull, index=0), reply)


class WithoutLimit(StreamWorker):
    def pull(self, pull: Pull, reply: Route) -> list[StreamCommand]:
        return super().pull(replace(pull, limit=1000), reply)


class OneAtATime(StreamWorker):
    """No defect: a response may have fewer messages than the limit."""

    def pull(self, pull: Pull, reply: Route) -> list[StreamCommand]:
        return super().pull(replace(pull, limit=1), reply)


class StoresBeyond(StreamWorker):
    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_BEYOND else event


class ConfirmsBeyond(StreamWorker):
    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_STORED if event is StreamEvent.PUSH_BEYOND else event


class StoresAgain(StreamWorker):
    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_STORED else event


class ConfirmsOnce(StreamWorker):
    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_BEYOND if event is StreamEvent.PUSH_STORED else event


class Takes0(StreamWorker):
    """A publisher's push under 0 is stored like a plain one."""

    def push(self, publisher: bytes, push: Push, reply: Route) -> list[StreamCommand]:
        return super().push(PLAIN if push.request_id == 0 else publisher, push, reply)


class OneNumbering(StreamWorker):
    """The numbers of all publishers are one sequence."""

    def push(self, publisher: bytes, push: Push, reply: Route) -> list[StreamCommand]:
        if publisher != PLAIN:
            publisher = bytes(16)
            self.known(publisher, None)
        return super().push(publisher, push, reply)


class ForgetsSaves(IndexWorker):
    def save(self, save: SaveIndex, saved: int | None) -> list[IndexCommand]:
        return []


class KeepsTheLast(IndexWorker):
    """The last save counts instead of the greatest; see `LastSave`."""

    def save(self, save: SaveIndex, saved: int | None) -> list[IndexCommand]:
        return [KeepIndex(save.client_id, save.stream_name, save.partition, save.index)]


class MakesUp0(IndexWorker):
    """A group without a save gets the index 0."""

    def get(self, get: GetIndex, saved: int | None, reply: Route) -> list[IndexCommand]:
        return super().get(get, saved or 0, reply)


# Mutant storages ------------------------------------------------------------------------------------------------------


class LastSave(MemoryStorage):
    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        self._state.saved.pop((group, stream, partition), None)
        return super().save_index(group, stream, partition, index)


class OneIndexForAllPartitions(MemoryStorage):
    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        return super().saved_index(group, stream, 0)

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        return super().save_index(group, stream, 0, index)


class OneIndexForAllGroups(MemoryStorage):
    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        return super().saved_index("all", stream, partition)

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        return super().save_index("all", stream, partition, index)


class Spoiling(MemoryStorage):
    """A mutant storage. `spoil`: changes a log."""

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        opened = super().open_log(stream, partition)
        self.spoil(opened.result())
        return opened

    def spoil(self, log: Any) -> None: ...


class WaitsAtTheEnd(Spoiling):
    """A read past the end waits for a message."""

    def spoil(self, log: Any) -> None:
        whole = log.read

        def read(start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
            found: Future[tuple[Stored, ...]] = whole(start, limit, max_bytes)
            return found if found.result() else Future()

        log.read = read


class LastAgain(Spoiling):
    """A read past the end returns the last message."""

    def spoil(self, log: Any) -> None:
        whole = log.read

        def read(start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
            return whole(min(start, max(0, len(log._partition.messages) - 1)), limit, max_bytes)  # type: ignore[no-any-return]

        log.read = read


class NoRecords(Spoiling):
    """The log keeps no records of publishers."""

    def spoil(self, log: Any) -> None:
        log.last_number = lambda publisher: _done(None)


def _done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


# Mutant partitions ----------------------------------------------------------------------------------------------------


class Backwards(Partition):
    def _pulled(self, command: Read, found: Future[Any]) -> Pulled | StreamError:
        pulled = super()._pulled(command, found)
        return replace(pulled, messages=pulled.messages[::-1]) if isinstance(pulled, Pulled) else pulled


class LeadsToTheService(Partition):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.address = local(STREAM)


class CreatesItself(Partition):
    def _refuse(self, request: StreamRequest, context: Context) -> None:
        if isinstance(request, CreateStream):
            context.reply(encode_response(StreamCreated(request.stream_name or self.stream)))
        else:
            super()._refuse(request, context)


class RefusesInSilence(Partition):
    def _refuse(self, request: StreamRequest, context: Context) -> None: ...


class DiesOfNonsense(Partition):
    def _take(self, publisher: bytes, message: Message, context: Context) -> None:
        try:
            decode_request(message.payload)
        except RemoteSessionError:
            self.node.stop(self.address)
        else:
            super()._take(publisher, message, context)


class StoresWhatItCannotRead(Partition):
    def _take(self, publisher: bytes, message: Message, context: Context) -> None:
        try:
            decode_request(message.payload)
        except RemoteSessionError:
            self._push(publisher, Push(1, message.payload), message.return_route, context)
        else:
            super()._take(publisher, message, context)


class ResumesEverybody(Partition):
    def _record(self, publisher: bytes) -> tuple[int, bool]:
        return 0, True


class NeverResumes(Partition):
    def _record(self, publisher: bytes) -> tuple[int, bool]:
        return 0, False


class ForgetsWithTheSession(Partition):
    """The record of a publisher ends with its session; see `NoRecords`."""

    async def look_up(self, publisher: bytes) -> None:
        if publisher not in self.node.node.host(self.host).responders:
            self.core.forget(publisher)
        await super().look_up(publisher)


# Mutant services ------------------------------------------------------------------------------------------------------


class Service(StreamService):
    """A mutant stream service. `kind`, `core`: of its partitions."""

    kind: type[Partition] = Partition
    core: type[StreamWorker] = StreamWorker

    def _partition(self, name: str, number: int, origin: Origin) -> Partition:
        key = name, number
        if key not in self.partitions:
            made = self.kind(self.node, self.storage, name, number, self.config, self.sessions)
            made.core = self.core(self.config, made.core.image())
            self.partitions[key] = made
        return self.partitions[key]


class AnotherName(Service):
    async def _create(self, request: CreateStream, message: Message, context: Context) -> None:
        await super()._create(replace(request, stream_name=f"{request.stream_name}_1"), message, context)


class CreatesAnew(Service):
    """Creating a stream again makes another one."""

    async def _create(self, request: CreateStream, message: Message, context: Context) -> None:
        assert isinstance(self.storage, MemoryStorage)
        for made in (self._counts, self.storage._state.streams):
            made.pop(request.stream_name or "", None)
        self.partitions.pop((request.stream_name or "", 0), None)
        await super()._create(request, message, context)


class OneWorker(Service):
    """All partitions have the worker of the first one."""

    def _partition(self, name: str, number: int, origin: Origin) -> Partition:
        return super()._partition(name, 0, origin)


class SomePartitions(Service):
    """A stream of 0 partitions is created with one."""

    async def _create(self, request: CreateStream, message: Message, context: Context) -> None:
        wanted = 1 if request.partitions == 0 else request.partitions
        await super()._create(replace(request, partitions=wanted), message, context)


class TakesPushes(Service):
    """The service confirms pushes without storing them."""

    def _serve(self, message: Message, context: Context) -> object:
        if b"stream_push" in message.payload:
            context.reply(encode_response(Pushed(1, Status.OK, 0)))
            return None
        return super()._serve(message, context)


class SilentIndex(Service):
    """The index worker does not answer other requests."""

    def _serve_index(self, message: Message, context: Context) -> object:
        if isinstance(decode_request(message.payload), GetIndex | SaveIndex):
            return super()._serve_index(message, context)
        return None


class FirstPartitionOnly(Service):
    """The partition in a publisher's route is ignored."""

    async def _pass_on(self, message: Message, context: Context) -> None:
        await super()._pass_on(replace(message, onward_route=message.onward_route[:2]), context)


@dataclass(frozen=True)
class Defect:
    name: str
    service: type[Service] = Service
    kind: type[Partition] = Partition
    core: type[StreamWorker] = StreamWorker
    index: type[IndexWorker] = IndexWorker
    storage: type[MemoryStorage] = MemoryStorage
    session: type[Session] = Session


DEFECTS = (
    Defect("another-name", service=AnotherName),
    Defect("leads-to-the-service", kind=LeadsToTheService),
    Defect("creates-anew", service=CreatesAnew),
    Defect("one-worker", service=OneWorker),
    Defect("some-partitions", service=SomePartitions),
    Defect("creates-itself", kind=CreatesItself),
    Defect("refuses-in-silence", kind=RefusesInSilence),
    Defect("takes-pushes", service=TakesPushes),
    Defect("silent-index", service=SilentIndex),
    Defect("dies-of-nonsense", kind=DiesOfNonsense),
    Defect("stores-what-it-cannot-read", kind=StoresWhatItCannotRead),
    Defect("confirms-as-first", core=ConfirmsAsFirst),
    Defect("suppresses-identifiers", core=SuppressesIdentifiers),
    Defect("confirms-under-0", core=ConfirmsUnder0),
    Defect("another-pull", core=AnotherPull),
    Defect("from-the-beginning", core=FromTheBeginning),
    Defect("without-limit", core=WithoutLimit),
    Defect("backwards", kind=Backwards),
    Defect("waits-at-the-end", storage=WaitsAtTheEnd),
    Defect("last-again", storage=LastAgain),
    Defect("forgets-saves", index=ForgetsSaves),
    Defect("makes-up-0", index=MakesUp0),
    Defect("keeps-the-last-save", index=KeepsTheLast, storage=LastSave),
    Defect("one-index-for-all-partitions", storage=OneIndexForAllPartitions),
    Defect("one-index-for-all-groups", storage=OneIndexForAllGroups),
    Defect("first-partition-only", service=FirstPartitionOnly),
    Defect("stores-again", core=StoresAgain),
    Defect("confirms-once", core=ConfirmsOnce),
    Defect("stores-beyond", core=StoresBeyond),
    Defect("confirms-beyond", core=ConfirmsBeyond),
    Defect("takes-0", core=Takes0),
    Defect("one-numbering", core=OneNumbering),
    Defect("resumes-everybody", kind=ResumesEverybody),
    Defect("forgets-state", session=ForgetsState),
    Defect("never-resumes", kind=NeverResumes),
    Defect("forgets-with-the-session", kind=ForgetsWithTheSession, storage=NoRecords),
)


FAIR = (Defect("none"), Defect("one-at-a-time", core=OneAtATime))
"""Services that differ from ours without a defect."""


@asynccontextmanager
async def node_with(defect: Defect) -> AsyncIterator[str]:
    """Run a node with this defect, an echo worker, and a spawner for each profile; yield its address."""
    async with TcpNode() as node:
        node.node._make = defect.session
        node.worker("echo", echo, public=True)
        node.spawner("ockam", EXPLICIT_TRANSIENT, handler=echo, profile=OCKAM)
        node.spawner("generation", EXPLICIT_PERSISTENT_ONE_SIDED, handler=echo, profile=GENERATION)
        made = type("Made", (defect.service,), {"kind": defect.kind, "core": defect.core})
        service = made(node, defect.storage())
        service._index = defect.index()
        yield await node.listen()

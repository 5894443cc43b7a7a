"""The stream service of a node: it creates streams, and routes requests to the worker of each partition.

    async with TcpNode() as node:
        StreamService(node, SqliteStorage(path))
        await node.listen("127.0.0.1:4000")

Rule 1: a message whose route ends at the service is a request of the plain protocol (`stream_create`). The answer is
        sent when the log is open, so that the next push is served. A message with a longer route, `.../stream/NAME` or
        `.../stream/NAME/PARTITION`, is the hello of a publisher: the service creates a missing stream with as many
        partitions as the route needs, looks up the publisher, and forwards the hello to the partition.
Rule 2: only the message that needs the storage waits for it. The number of waiting messages is bounded, and each is
        charged to its sender. A request for an index is answered after all earlier saves of this index.
Rule 3: the number of open partitions, and of partitions of a stream, is bounded. To make room, a partition without a
        publisher that was not used for a while is closed; its users must send their request to the service again. If
        there is none, the peer that has opened the most gives one up that has no publisher, for a peer with fewer.
Source: spec/sessions.md clause 12.10; the discussion, "init route: (tcp transport -> stream service)".
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from types import NoneType
from typing import TypeAlias

from ockam_fsm.kernel.arguments import check_count, check_seconds, check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.arguments import NameOrAddress, address_of, check_running
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.partition import Partition
from ockam_fsm.runtime.encoding.message import Message, Route
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    GetIndex,
    SaveIndex,
    StreamCreated,
    StreamError,
    StreamResponse,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.node.ledger import NODE_FULL, Origin, Receipt
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import LATER, Context
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.host import error_for
from ockam_fsm.runtime.session.signals import Hello
from ockam_fsm.runtime.stream.commands import Ignored, KeepIndex, Reply
from ockam_fsm.runtime.stream.index import IndexWorker
from ockam_fsm.runtime.stream.profile import NO_PARTITION
from ockam_fsm.runtime.stream.worker import NOT_SERVED, StreamConfig
from ockam_fsm.storage.interface import Storage, StorageError, StorageRefused

logger = logging.getLogger("ockam_fsm.streams")

Where: TypeAlias = tuple[str, str, int]
"""Group, stream and partition of a saved index."""
PartitionKey: TypeAlias = tuple[str, int]
"""Stream and number of a partition."""
STREAM, STREAM_INDEX = "stream", "stream_index"
TOO_MANY = "too many requests wait for the storage"
NO_STREAM = "no such stream"
MAX_PARTITIONS = 64
PEER_SHARE = 4
"""One connection may have at most this fraction (1/4) of the waiting requests."""
LOOK_AGAIN = 1 / 60
"""After a search for an unused partition has failed, the next one waits for this fraction of `unused_seconds`. A search
costs as much as hundreds of requests, and a peer could cause one with each request."""
OPEN_SECONDS = 5.0
"""How long a request waits for a log to open."""


class StreamService:
    """Serves every stream of a storage. It ends with its node; the application closes the storage afterwards."""

    def __init__(
        self,
        node: TcpNode,
        storage: Storage,
        *,
        name: NameOrAddress = STREAM,
        index_name: NameOrAddress = STREAM_INDEX,
        config: StreamConfig | None = None,
        sessions: SessionConfig | None = None,
        max_partitions: int = 1000,
        max_waiting: int = 1000,
        unused_seconds: float = 60.0,
    ) -> None:
        """`sessions`: the configuration of the sessions of publishers. `max_partitions`: how many may be open at once.
        `max_waiting`: how many requests may wait for the storage, a quarter of them (at least one) from one connection.
        `unused_seconds`: a partition that is unused for this long may be closed to make room.

        Raises:
            LocalSessionError: a name is taken, an argument is of the wrong type, or the node has stopped.
        """
        check_running(node)
        if not callable(getattr(storage, "open_log", None)) or isinstance(storage, type):
            raise LocalSessionError(f"storage: {shown(storage)}; give a MemoryStorage() or SqliteStorage(path)")
        check_type("config", config, StreamConfig, NoneType)
        check_type("sessions", sessions, SessionConfig, NoneType)
        check_count("max_partitions", max_partitions, 1)
        check_count("max_waiting", max_waiting, 1)
        check_seconds("unused_seconds", unused_seconds)
        self.node, self.storage = node, storage
        self.config = config or StreamConfig()
        self.sessions = sessions or SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER)
        self.partitions: dict[PartitionKey, Partition] = {}
        self._openers: dict[PartitionKey, Origin] = {}
        self._held = Counter[Origin]()
        """The number of open partitions that each peer has opened."""
        self._counts: dict[str, int] = {}
        self._max_partitions, self._max_waiting = max_partitions, max_waiting
        self._share = max(1, max_waiting // PEER_SHARE)
        self._unused_seconds = unused_seconds
        self._look_again, self._looked_for = 0.0, 0
        """Until when no search succeeds for a peer that holds at least so many partitions."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = Counter[Origin]()
        """The number of waiting requests of each peer."""
        self._last_logged = ""
        self._index = IndexWorker()
        self._saves: dict[Where, set[asyncio.Future[None]]] = {}
        node.node.start_worker(address_of(name), handler=self._serve, access=Access.PUBLIC)
        node.node.start_worker(address_of(index_name), handler=self._serve_index, access=Access.PUBLIC)

    # The service ------------------------------------------------------------------------------------------------------

    def _serve(self, message: Message, context: Context) -> object:
        if len(message.onward_route) > 1:
            return self._begin(self._pass_on(message, context), context)
        try:
            request = decode_request(message.payload)
        except RemoteSessionError as error:
            context.dead_letter(error.reason, error.detail)
            return None
        if not isinstance(request, CreateStream):
            context.reply(encode_response(StreamError(f"{type(request).__name__} does not belong to the service")))
            return None
        return self._begin(self._create(request, message, context), context)

    async def _create(self, request: CreateStream, message: Message, context: Context) -> None:
        wanted = 1 if request.partitions is None else request.partitions
        if not 1 <= wanted <= MAX_PARTITIONS:
            _reply(context, StreamError(f"{wanted} partitions: 1 to {MAX_PARTITIONS} are allowed"))
            return
        name = request.stream_name or self.node.node.fresh_address().value.decode()
        try:
            count = await self._count(name, wanted, context.origin)
            numbers = range(count) if request.partitions is not None else range(1)
            found = [self._partition(name, number, context.origin) for number in numbers]
            if not all(await asyncio.gather(*(one.opened(OPEN_SECONDS) for one in found))):
                raise LocalSessionError(f"the log of {name} cannot be opened")
        except (StorageError, LocalSessionError) as error:
            _reply(context, StreamError(self._for_peers(error)))
            return
        for one in found:
            number = None if request.partitions is None else one.number
            context.send(message.return_route, encode_response(StreamCreated(name, number)), (one.address,))

    async def _pass_on(self, message: Message, context: Context) -> None:
        """Forward a hello to the partition that the route names."""
        publisher = _publisher(message)
        try:
            name, number, taken = _named(message.onward_route)
            if number >= await self._count(name, number + 1, context.origin):
                raise LocalSessionError(f"{NO_PARTITION}: {name} has no partition {number}")
            partition = self._partition(name, number, context.origin)
            if not await partition.opened(OPEN_SECONDS):
                raise LocalSessionError(f"the log of {name} cannot be opened")
            if publisher:
                await partition.look_up(publisher)
        except (StorageError, LocalSessionError) as error:
            context.dead_letter(NO_STREAM, str(error))
            if publisher:
                self.node.node.router.refuse_hello(error_for(message, self._for_peers(error)))
            return
        onward = (partition.host, *message.onward_route[taken:])
        context.forward(Message(onward, message.return_route, message.payload, message.tracing_context))

    async def _count(self, name: str, wanted: int, origin: Origin) -> int:
        """Return the number of partitions of a stream; create the stream if it is missing."""
        if name not in self._counts:
            if len(self._counts) >= self._max_partitions:
                self._make_room(origin)
                open_streams = {stream for stream, _ in self.partitions}
                self._counts = {stream: count for stream, count in self._counts.items() if stream in open_streams}
            self._counts[name] = await asyncio.wrap_future(self.storage.create(name, min(wanted, MAX_PARTITIONS)))
        return self._counts[name]

    def _partition(self, name: str, number: int, origin: Origin) -> Partition:
        key = name, number
        if key not in self.partitions:
            self._make_room(origin)
            self.partitions[key] = Partition(self.node, self.storage, name, number, self.config, self.sessions)
            self._openers[key] = origin
            self._held[origin] += 1
        self.partitions[key].touch()  # else the next partition of the same request could close it
        return self.partitions[key]

    def _make_room(self, origin: Origin) -> None:
        """Make room for one more partition of this peer."""
        if len(self.partitions) < self._max_partitions:
            return
        now, own = self.node.loop.time(), self._held[origin]
        if now >= self._look_again or own < self._looked_for:
            if (key := self._spare(own, now)) is not None:
                self._close(key)
                return
            self._look_again, self._looked_for = now + self._unused_seconds * LOOK_AGAIN, own
        raise LocalSessionError(f"{self._max_partitions} partitions are open, which is the limit")

    def _spare(self, own: int, now: float) -> PartitionKey | None:
        """Return a partition that makes room for a peer that holds `own` partitions: one that was not used for long,
        else an unused one of the peer that holds the most, if that are more."""
        found = []
        for key, one in self.partitions.items():
            if (since := one.unused_since()) is None:
                continue
            held = self._held[self._openers[key]]
            if now - since >= self._unused_seconds:
                found.append((False, 0, since, key))
            elif held > own + 1:
                found.append((True, -held, since, key))
        return min(found)[3] if found else None

    def _close(self, key: PartitionKey) -> None:
        self.partitions.pop(key).stop()
        origin = self._openers.pop(key)
        self._held[origin] -= 1
        if not self._held[origin]:
            del self._held[origin]

    # The index --------------------------------------------------------------------------------------------------------

    def _serve_index(self, message: Message, context: Context) -> object:
        try:
            request = decode_request(message.payload)
        except RemoteSessionError as error:
            context.dead_letter(error.reason, error.detail)
            return None
        if not isinstance(request, GetIndex | SaveIndex):
            context.reply(encode_response(StreamError(f"{type(request).__name__} does not belong to the index")))
            return None
        return self._begin(self._serve_saved(request, message, context), context)

    async def _serve_saved(self, request: GetIndex | SaveIndex, message: Message, context: Context) -> None:
        where = request.client_id, request.stream_name, request.partition or 0
        if isinstance(request, GetIndex):
            if before := self._saves.get(where):
                await asyncio.wait(tuple(before))
            await self._serve_index_of(where, request, message, context)
            return
        saving: asyncio.Future[None] = self.node.loop.create_future()
        self._saves.setdefault(where, set()).add(saving)
        try:
            await self._serve_index_of(where, request, message, context)
        finally:
            saving.set_result(None)
            self._saves[where].discard(saving)
            if not self._saves[where]:
                del self._saves[where]

    async def _serve_index_of(
        self, where: Where, request: GetIndex | SaveIndex, message: Message, context: Context
    ) -> None:
        try:
            saved = await asyncio.wrap_future(self.storage.saved_index(*where))
            commands = (
                self._index.get(request, saved, message.return_route)
                if isinstance(request, GetIndex)
                else self._index.save(request, saved)
            )
            for command in commands:
                match command:
                    case KeepIndex(index=index):
                        await asyncio.wrap_future(self.storage.save_index(*where, index))
                    case Reply(response=response):
                        _reply(context, response)
                    case Ignored():
                        """A later save has overtaken this one, which is not a failure."""
        except StorageError as error:
            _reply(context, StreamError(self._for_peers(error)))

    # Within -----------------------------------------------------------------------------------------------------------

    def _for_peers(self, error: Exception) -> str:
        """Return the text for a peer: an error of its request as it is, an internal error without details."""
        if isinstance(error, StorageRefused | LocalSessionError):
            return str(error)
        if str(error) != self._last_logged:
            self._last_logged = str(error)
            logger.warning("the stream service: %s", error)
        return NOT_SERVED

    def _begin(self, work: Coroutine[None, None, None], context: Context) -> object:
        own = self._waiting[context.origin]
        if len(self._tasks) >= self._max_waiting or (context.origin.outside and own >= self._share):
            work.close()
            context.dead_letter(TOO_MANY)
            return None
        receipt = context.keep()
        if receipt is None:
            work.close()
            context.dead_letter(NODE_FULL)
            return None
        task = self.node.loop.create_task(self._run(work, context))
        self._tasks.add(task)
        self._waiting[context.origin] += 1
        task.add_done_callback(lambda task: self._ended(task, context, receipt))
        return LATER

    def _ended(self, task: asyncio.Task[None], context: Context, receipt: Receipt) -> None:
        context.release(receipt)
        self._tasks.discard(task)
        self._waiting[context.origin] -= 1
        if not self._waiting[context.origin]:
            del self._waiting[context.origin]

    async def _run(self, work: Coroutine[None, None, None], context: Context) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            context.fail(error)
        else:
            if self.node.running:
                context.commit()
                self.node.edge.pump(gather=True)


def _reply(context: Context, response: StreamResponse) -> None:
    context.reply(encode_response(response))


def _named(route: Route) -> tuple[str, int, int]:
    """Return stream, partition and number of steps of a route `stream/NAME` or `stream/NAME/PARTITION`."""
    try:
        name = route[1].value.decode()
    except UnicodeDecodeError:
        raise LocalSessionError("the name of a stream is text") from None
    number = route[2].value if len(route) > 2 else b"0"
    if not (number.isdigit() and len(number) < 4 and int(number) < MAX_PARTITIONS):
        raise LocalSessionError(f"{NO_PARTITION}: a partition is a number from 0 to {MAX_PARTITIONS - 1}")
    return name, int(number), min(len(route), 3)


def _publisher(message: Message) -> bytes:
    """Return the session id of a hello; empty for any other message, which the host then refuses."""
    try:
        signal = GENERATION.decode(message.payload, Place.NEGOTIATION_START, message.return_route)
    except RemoteSessionError:
        return b""
    return signal.session_id if isinstance(signal, Hello) else b""

"""Helpers for tests of streams over TCP: a node with the service, ends with short time-outs, and a failing storage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.consumer import StreamConsumer
from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.runtime.encoding.frames import encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    StreamRequest,
    StreamResponse,
    decode_response,
    encode_request,
)
from ockam_fsm.runtime.node.commands import Observation, WorkerFailed
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.publisher import PublisherConfig
from ockam_fsm.runtime.stream.worker import StreamConfig
from ockam_fsm.storage.interface import Entry, Log, Storage, StorageUnavailable, Stored
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.outcomes import failed
from ockam_fsm.storage.sqlite import SqliteStorage
from tests.net.tcp_helpers import Client

SOON = BackOff(initial_seconds=0.02, max_seconds=0.2)
HURRIED = Durations(
    negotiation_seconds=0.5, keepalive_seconds=0.3, idle_seconds=3.0, request_seconds=0.5, back_off=SOON
)
WINDOW = 16
STORAGES = ["memory", "sqlite"]


class Problems:
    """An observer that collects exceptions: no input may raise one in a node."""

    def __init__(self) -> None:
        self.found: list[object] = []

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, WorkerFailed):
            self.found.append(observation)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.found.append(context.get("exception") or context["message"])


@asynccontextmanager
async def node_with_streams(
    storage: Storage, where: str = "127.0.0.1:0", limits: TcpLimits | None = None, **options: Any
) -> AsyncIterator[TcpNode]:
    """A node with `echo` and the stream service. At the end of the block there must have been no exception."""
    problems = Problems()
    sessions = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, durations=HURRIED)
    async with TcpNode(observers=[problems], limits=limits) as node:
        node.loop.set_exception_handler(problems.handle)
        node.worker("echo", echo, public=True)
        StreamService(node, storage, config=StreamConfig(back_off=SOON), sessions=sessions, **options)
        await node.listen(where)
        yield node
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)
    assert problems.found == []


def publisher(
    node: TcpNode,
    where: str,
    stream: str = "orders",
    window: int = WINDOW,
    kept: Kept | None = None,
    keep: Callable[[Kept], None] = lambda kept: None,
) -> StreamPublisher:
    """Return a publisher with short time-outs and pauses."""
    settings = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=HURRIED, attempts=None,
                             held=window, requests=window)  # fmt: skip
    config = PublisherConfig(window=window, retry=SOON)
    route = f"tcp://{where}/stream/{stream}"
    return StreamPublisher(node, route, config=config, sessions=settings, kept=kept, keep=keep)


def consumer(
    node: TcpNode, where: str, stream: str = "orders", group: str = "billing", partition: int | None = None, **more: Any
) -> StreamConsumer:
    """Return a consumer with short time-outs and pauses."""
    hurried = {"request_seconds": 0.5, "poll_seconds": 0.02, "limit": 10}
    config = ConsumerConfig(stream, group, partition, **(hurried | more))
    return StreamConsumer(
        node, f"tcp://{where}/stream", stream, group=group, partition=partition, config=config, restart=SOON
    )


def numbered(count: int, first: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


async def read(reader: StreamConsumer, count: int) -> list[bytes]:
    """Read this many messages; the last one is not processed."""
    return [(await reader.__anext__()).data for _ in range(count)]


def stored_in(storage: Storage, stream: str = "orders", partition: int = 0) -> list[bytes]:
    """Return all messages of a log. The current writer is fenced."""
    log = storage.open_log(stream, partition).result()
    found: list[Stored] = []
    while batch := log.read(found[-1].index + 1 if found else 0, 1000, 2**20).result():
        found += batch
    return [one.data for one in found]


def stored_at(path: Path, stream: str = "orders", partition: int = 0) -> list[bytes]:
    storage = SqliteStorage(path)
    try:
        return stored_in(storage, stream, partition)
    finally:
        storage.close()


def a_storage(kind: str, folder: Path) -> Storage:
    return SqliteStorage(folder / "streams.db") if kind == "sqlite" else MemoryStorage()


class Failing:
    """A storage in memory that fails on demand: before or after the write."""

    def __init__(self) -> None:
        self.inner = MemoryStorage()
        self.broken: set[str] = set()
        """The streams whose calls fail."""
        self.after_writing = False
        self.failures = 0
        self.held: list[Callable[[], None]] | None = None
        """If it is a list: look-ups of publishers wait until the test calls the functions in it."""

    def error(self) -> Future[Any]:
        self.failures += 1
        return failed(StorageUnavailable("the disk is full", "make room"))

    def create(self, stream: str, partitions: int) -> Future[int]:
        return self.error() if stream in self.broken else self.inner.create(stream, partitions)

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        if stream in self.broken:
            return self.error()
        found: Future[Log] = Future()
        found.set_result(_FailingLog(self, stream, self.inner.open_log(stream, partition).result()))
        return found

    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        return self.error() if stream in self.broken else self.inner.saved_index(group, stream, partition)

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        return self.error() if stream in self.broken else self.inner.save_index(group, stream, partition, index)

    def close(self) -> None:
        self.inner.close()


class _FailingLog:
    def __init__(self, storage: Failing, stream: str, log: Log) -> None:
        self.storage, self.stream, self.log = storage, stream, log
        self.failed = False

    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        self.failed = self.failed or self.stream in self.storage.broken
        if not self.failed:
            return self.log.append(entries)
        if self.storage.after_writing:
            self.log.append(entries)
        return self.storage.error()

    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        return self.storage.error() if self.stream in self.storage.broken else self.log.read(start, limit, max_bytes)

    def last_number(self, publisher: bytes) -> Future[int | None]:
        if self.stream in self.storage.broken:
            return self.storage.error()
        found, held = self.log.last_number(publisher), self.storage.held
        if held is None:
            return found
        later: Future[int | None] = Future()
        held.append(lambda: later.set_result(found.result()))
        return later


@asynccontextmanager
async def streams(storage: Storage | None = None) -> AsyncIterator[tuple[TcpNode, TcpNode, str]]:
    """A node of clients, the node with the service, and its address."""
    async with node_with_streams(storage or MemoryStorage()) as there, TcpNode() as here:
        yield here, there, there.addresses[0]


class Plain(Client):
    """A client of the plain stream protocol that sends arbitrary messages."""

    def transmit(self, to: Route | str, payload: bytes | StreamRequest) -> None:
        data = payload if isinstance(payload, bytes) else encode_request(payload)
        route = (local(to),) if isinstance(to, str) else to
        self.write(encode_frame(encode_message(Message(route, (local("me"),), data))))

    async def ask(self, to: Route | str, payload: bytes | StreamRequest) -> StreamResponse:
        self.transmit(to, payload)
        return decode_response((await self.message()).payload)

    async def worker(self, request: StreamRequest) -> Address:
        """Return the worker of a stream that `request` creates, or of its first partition."""
        self.transmit("stream", request)
        return (await self.message()).return_route[-1]


@asynccontextmanager
async def plain(where: str) -> AsyncIterator[Plain]:
    client = await Plain.to(where)
    assert isinstance(client, Plain)
    async with client:
        yield client

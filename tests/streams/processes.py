"""A publisher, a node with the stream service, and a consumer: each in a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from ockam_fsm.checking.streams.known_bad import NoSuppression
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams import partition
from ockam_fsm.net.streams.consumer import StreamConsumer
from ockam_fsm.net.streams.publisher import StreamPublisher
from ockam_fsm.net.streams.publisher_file import PublisherFile
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.net.trace_file import TraceFile
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.publisher import PublisherConfig
from ockam_fsm.runtime.stream.worker import StreamConfig
from ockam_fsm.runtime.trace_recorder import header
from ockam_fsm.storage.interface import Entry, Log, Storage, StorageUnavailable
from ockam_fsm.storage.outcomes import failed
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import Reports

STREAM, GROUP = "numbers", "readers"
FAILING = 0.05
"""The probability that a call of the storage fails."""
BATCH = 4
SOON = BackOff(initial_seconds=0.02, max_seconds=0.2)
QUICK = Durations(negotiation_seconds=0.5, keepalive_seconds=0.5, idle_seconds=3.0, request_seconds=0.5, back_off=SOON)
SESSIONS = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=QUICK, attempts=None, held=16,
                         requests=16)  # fmt: skip
SERVED = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, durations=QUICK)


class Unreliable(SqliteStorage):
    """A SQLite file that fails at random: before a write, or after it, so that a confirmation is lost."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.random = Random(os.getpid())

    def fails(self) -> bool:
        return self.random.random() < FAILING

    def error(self) -> Future[Any]:
        return failed(StorageUnavailable("the disk does not answer", "wait"))

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        if self.fails():
            return self.error()
        found: Future[Log] = Future()
        super().open_log(stream, partition).add_done_callback(
            lambda opened: found.set_result(_UnreliableLog(self, opened.result()))
        )
        return found

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        saved = super().save_index(group, stream, partition, index)
        return self.error() if self.fails() else saved


class _UnreliableLog:
    """After a failure it has to be opened again."""

    def __init__(self, storage: Unreliable, log: Log) -> None:
        self.storage, self.log = storage, log
        self.read, self.last_number = log.read, log.last_number
        self.failed = False

    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        if self.failed:
            return self.storage.error()
        self.failed = self.storage.fails()
        if not self.failed:
            return self.log.append(entries)
        if self.storage.random.random() < 0.5:
            self.log.append(entries)
        return self.storage.error()


@contextmanager
def recording(trace: str, settings: SessionConfig) -> Iterator[Callable[..., Session]]:
    """Yield the function that creates the sessions of a node; with a file name it records their steps there."""
    if not trace:
        yield Session
        return
    with TraceFile(Path(trace), header((settings,), ())) as file:
        yield file.make


def serve(reports: Reports, port: int, path: str, trace: str = "") -> None:
    """A node that listens at `port` and keeps its streams in the file `path`, which fails at random."""
    with recording(trace, SERVED) as make:
        asyncio.run(_serve(reports, port, Unreliable(path), make))


async def _serve(reports: Reports, port: int, storage: Storage, make: Callable[..., Session]) -> None:
    async with TcpNode(make=make) as node:
        StreamService(node, storage, config=StreamConfig(back_off=SOON), sessions=SERVED)
        await node.listen(f"127.0.0.1:{port}")
        reports.send("ready")
        await node.stopped()


def serve_without_suppression(reports: Reports, port: int, path: str, trace: str = "") -> None:
    """A node as `serve`, and known-bad: it stores every push."""
    partition.StreamWorker = NoSuppression  # type: ignore[attr-defined]
    serve(reports, port, path, trace)


def publish(reports: Reports, where: str, state: str, count: int, trace: str = "") -> None:
    """Publish the numbers from 1 to `count`, and go on where an earlier process was killed."""
    with recording(trace, SESSIONS) as make:
        asyncio.run(_publish(reports, where, state, count, make))


async def _publish(reports: Reports, where: str, state: str, count: int, make: Callable[..., Session]) -> None:
    kept_in, config = PublisherFile(Path(state), STREAM), PublisherConfig(window=16, retry=SOON)
    async with TcpNode(make=make) as node:
        publisher = StreamPublisher(
            node,
            f"tcp://{where}/stream/{STREAM}",
            config=config,
            sessions=SESSIONS,
            kept=kept_in.load(),
            keep=kept_in.keep,
        )
        async with publisher:
            while publisher.accepted < count:
                first = publisher.accepted + 1
                await publisher.send(*(str(number).encode() for number in range(first, min(first + BATCH, count + 1))))
        reports.send(publisher.state_losses)


def publish_without_memory(reports: Reports, where: str, state: str, count: int, trace: str = "") -> None:
    """A publisher as `publish`, and known-bad: after a kill it begins anew."""
    Path(state).unlink(missing_ok=True)
    publish(reports, where, state, count, trace)


def consume(reports: Reports, where: str, path: str) -> None:
    """Append each message to the file `path`, as a line."""
    asyncio.run(_consume(where, path))


async def _consume(where: str, path: str) -> None:
    config = ConsumerConfig(STREAM, GROUP, limit=10, request_seconds=0.5, poll_seconds=0.02)
    out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    async with TcpNode() as node:
        consumer = StreamConsumer(node, f"tcp://{where}/stream", STREAM, group=GROUP, config=config, restart=SOON)
        async for message in consumer:
            os.write(out, message.data + b"\n")

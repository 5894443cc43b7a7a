"""A publisher, a node with the stream service, and a consumer: each in a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import Reports

STREAM, GROUP = "numbers", "readers"
BATCH = 4
SOON = BackOff(initial_seconds=0.02, max_seconds=0.2)
QUICK = Durations(negotiation_seconds=0.5, keepalive_seconds=0.5, idle_seconds=3.0, request_seconds=0.5, back_off=SOON)
SESSIONS = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=QUICK, attempts=None, held=16,
                         requests=16)  # fmt: skip
SERVED = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, durations=QUICK)


@contextmanager
def recording(trace: str, settings: SessionConfig) -> Iterator[Callable[..., Session]]:
    """What makes the sessions of a node; with the name of a file their steps are recorded there."""
    if not trace:
        yield Session
        return
    with TraceFile(Path(trace), header((settings,), ())) as file:
        yield file.make


def serve(reports: Reports, port: int, path: str, trace: str = "") -> None:
    """A node that listens at `port` and keeps its streams in the file `path`."""
    with recording(trace, SERVED) as make:
        asyncio.run(_serve(reports, port, path, make))


async def _serve(reports: Reports, port: int, path: str, make: Callable[..., Session]) -> None:
    storage = SqliteStorage(path)
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

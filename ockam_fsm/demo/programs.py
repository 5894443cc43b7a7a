"""The programs of the demonstration, each for its own process that may be killed at any time.

    device -- TCP --> client -- TCP --> hub <-- TCP -- service

    hub       the stream service, on a file of SQLite
    client    a node that forwards messages from the device to the hub
    service   the end that answers: a secure channel over a bidirectional stream session over TCP
    device    the other end: it sends numbers as requests, and sends them again after a failure

Rule 1: state that must survive a kill is in a file: the streams, the identities, the processed numbers.
Rule 2: the effect of a message happens once: the service stores the numbers that it processed (Idempotent Receiver).
Rule 3: a program sends its reports to its parent through a pipe, and ends when the pipe is closed.
Source: the discussion, "Sessions", "Putting it all together"; spec/sessions.md section 18.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from ockam_fsm.demo.process_reports import (
    Changed,
    Confirmed,
    Finished,
    PipelineLayer,
    ProcessReport,
    Ready,
    Received,
    Sent,
)
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.secure.channels import secure_profile
from ockam_fsm.net.session import TcpSession
from ockam_fsm.net.streams.consumer import StreamConsumer
from ockam_fsm.net.streams.publisher import StreamPublisher
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.net.streams.session import GROUP, StreamSession
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.commands import NotifyOwner, Observation, StateChanged
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.commands import Closed, TimedOut, with_detail
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.publisher import PublisherConfig
from ockam_fsm.runtime.stream.worker import StreamConfig
from ockam_fsm.secure.identity_store import FileIdentityStore
from ockam_fsm.secure.trust import TrustIdentifiers
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import Reports

TO_SERVICE, TO_DEVICE = "to the service", "to the device"
SPAWNER = "api"
PROCESSED = "processed.txt"
ENOUGH = "enough"
"""The file whose existence allows the device to end."""
SOON = BackOff(initial_seconds=0.1, max_seconds=0.5)
STREAMING = Durations(negotiation_seconds=1.0, keepalive_seconds=0.5, idle_seconds=5.0, request_seconds=1.0,
                      back_off=SOON)  # fmt: skip
CHANNEL = Durations(negotiation_seconds=2.0, keepalive_seconds=1.0, idle_seconds=20.0, request_seconds=3.0,
                    back_off=SOON)  # fmt: skip


class Watch:
    """An observer that reports the sessions of one node."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.channels: set[str] = set()
        """The addresses of secure channels that their machine does not distinguish from other sessions."""
        self._causes: dict[str, str] = {}

    def send(self, report: ProcessReport) -> None:
        """Send a report. If the pipe is closed, the process ends (rule 3)."""
        try:
            self._reports.send(report)
        except OSError:
            os._exit(1)

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, NotifyOwner) and isinstance(observation.notice, TimedOut | Closed):
            notice = observation.notice
            self._causes[str(observation.worker)] = with_detail(notice.reason, notice.detail)
        elif isinstance(observation, StateChanged) and (layer := self._layer(observation)) is not None:
            session = str(observation.worker)
            cause = self._causes.pop(session, "")
            self.send(
                Changed(layer, session, observation.before, observation.after, observation.generation, cause)
            )  # fmt: skip

    def _layer(self, change: StateChanged) -> PipelineLayer | None:
        kind, _, role = change.machine.partition(" ")
        if str(change.worker) in self.channels:
            return PipelineLayer.CHANNEL
        if kind == IMPLICIT_TRANSIENT.name:
            return PipelineLayer.TCP
        if kind == EXPLICIT_PERSISTENT_ONE_SIDED.name:
            return PipelineLayer.PUBLISHER
        if kind == EXPLICIT_TRANSIENT.name:
            return PipelineLayer.CONSUMER if role == Role.INITIATOR.name.lower() else PipelineLayer.CHANNEL
        return None


def hub(reports: Reports, where: str, folder: str) -> None:
    """Serve streams at `where` (HOST:PORT), from a file in `folder`, until killed."""
    asyncio.run(_hub(Watch(reports), where, folder))


async def _hub(watch: Watch, where: str, folder: str) -> None:
    served = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, durations=STREAMING)
    async with TcpNode(observers=[watch]) as node:
        StreamService(
            node, SqliteStorage(str(Path(folder, "streams.db"))), config=StreamConfig(back_off=SOON), sessions=served
        )
        await node.listen(where)
        watch.send(Ready())
        await node.stopped()


def client(reports: Reports, where: str, hub_at: str) -> None:
    """Forward messages to the hub, and to no other node, until killed."""
    asyncio.run(_client(Watch(reports), where, hub_at))


async def _client(watch: Watch, where: str, hub_at: str) -> None:
    async with TcpNode(observers=[watch], forward_to=hub_at) as node:
        await node.listen(where)
        watch.send(Ready())
        await node.stopped()


def service(reports: Reports, way: str, folder: str, device_is: str) -> None:
    """Answer the device, whose identifier is `device_is`, over the streams at the end of `way`, until killed."""
    asyncio.run(_service(Watch(reports), way, Path(folder), device_is))


async def _service(watch: Watch, way: str, folder: Path, device_is: str) -> None:
    numbers = Processed(folder / PROCESSED)

    def process(message: Message, context: Context) -> None:
        number = int(message.payload)
        again = not numbers.add(number)
        watch.send(Received(number, again))
        context.reply(message.payload)

    profile = secure_profile(FileIdentityStore(folder / "service.identity"), TrustIdentifiers([device_is]))
    async with TcpNode(observers=[watch]) as node:
        node.spawner(SPAWNER, profile=profile, handler=process, durations=CHANNEL)
        async with stream_session(node, way, sending=TO_DEVICE, receiving=TO_SERVICE):
            watch.send(Ready())
            await node.stopped()


def device(reports: Reports, way: str, folder: str, service_is: str, count: int) -> None:
    """Send the numbers from 1 to `count`, and further ones until `ENOUGH` exists, to the service with the identifier
    `service_is`."""
    asyncio.run(_device(Watch(reports), way, Path(folder), service_is, count))


async def _device(watch: Watch, way: str, folder: Path, service_is: str, count: int) -> None:
    profile = secure_profile(FileIdentityStore(folder / "device.identity"), TrustIdentifiers([service_is]))
    async with (
        TcpNode(observers=[watch]) as node,
        stream_session(node, way, sending=TO_SERVICE, receiving=TO_DEVICE) as below,
    ):
        channel = node.session(
            SPAWNER, EXPLICIT_PERSISTENT_ONE_SIDED, profile=profile, durations=CHANNEL, attempts=None, over=below
        )
        watch.channels.add(str(channel.address))
        async with channel:
            watch.send(Ready())
            number = 0
            while number < count or not (folder / ENOUGH).exists():
                number += 1
                watch.send(Sent(number))
                await _answered(channel, str(number).encode())
                watch.send(Confirmed(number))
    watch.send(Finished())


async def _answered(channel: TcpSession, payload: bytes) -> None:
    """Repeat a request until it is answered: it may fail with the session, which then renegotiates."""
    while True:
        with suppress(RemoteSessionError, TimeoutError):
            await channel.request(payload, reissue=True)
            return


def stream_session(node: TcpNode, way: str, *, sending: str, receiving: str) -> StreamSession:
    """Return a bidirectional stream session whose ends detect a failure within a second or two."""
    sessions = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=STREAMING, attempts=None)
    config = ConsumerConfig(receiving, GROUP, request_seconds=1.0, poll_seconds=0.02)
    publisher = StreamPublisher(
        node, f"{way}/{sending}".replace(" ", "%20"), config=PublisherConfig(retry=SOON), sessions=sessions
    )
    consumer = StreamConsumer(node, way, receiving, group=GROUP, config=config, restart=SOON)
    return StreamSession(node, publisher, consumer, sending=sending)


class Processed:
    """The processed numbers, in a file that survives this process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]  # the last line may be incomplete
        os.truncate(path, len(whole))
        self.numbers = set(map(int, whole.split()))

    def add(self, number: int) -> bool:
        """Store a number; False if it is already stored."""
        if number in self.numbers:
            return False
        with self._path.open("ab") as file:
            file.write(f"{number}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        self.numbers.add(number)
        return True

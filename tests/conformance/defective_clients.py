"""Mutant publishers and consumers with one defect each, which the kit as a stream service has to reject.

Rule 1: as in defective_node.py: a defect is one respect in which a node differs.
Rule 2: they run in the process of the kit and connect to it over TCP. Each case starts them again, as after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.consumer import ConsumerEvent
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.consumer import NotedAnswers, StreamConsumer
from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
from ockam_fsm.runtime.encoding.stream_messages import (
    Pulled,
    Push,
    SaveIndex,
    StoredMessage,
    StreamIndex,
    StreamResponse,
    encode_request,
)
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.stream.commands import Ask, PublisherCommand, Request, StreamTimer
from ockam_fsm.runtime.stream.consumer import Consumer, ConsumerConfig
from ockam_fsm.runtime.stream.publisher import Publisher, PublisherConfig

DURATIONS = Durations(2.0, 1.0, 2.0, 1.0, 2.0, BackOff(0.05))
MESSAGES = (b"one", b"two", b"three", b"four")
Client = Callable[[TcpNode, str], Awaitable[None]]
"""The program of a node. `route`: to the kit's stream service."""

# Mutant publishers ----------------------------------------------------------------------------------------------------


class CountsFrom0(Publisher):
    __slots__ = ()

    def _send(self, number: int, data: bytes) -> None:
        self.open.append(number)
        self._commands.append(Request(number, encode_request(Push(number - 1, data))))


class ForgetsUnconfirmed(Publisher):
    """Unconfirmed messages are not sent again."""

    __slots__ = ()

    def failed(self, number: int, reason: str) -> list[PublisherCommand]:
        return []


class BelievesErrors(Publisher):
    """A response with status ERROR counts as a confirmation."""

    __slots__ = ()

    def _confirms(self, number: int, payload: bytes) -> bool:
        return True


class SendsAnother(Publisher):
    """A message that is sent again has other data."""

    __slots__ = ()

    def send_again(self, cause: None) -> None:
        self.messages = [b"another" for _ in self.messages]
        super().send_again(cause)


class Backwards(Publisher):
    """No defect: pushes may be repeated in any order."""

    __slots__ = ()

    def send_again(self, cause: None) -> None:
        before, self._commands = self._commands, []
        super().send_again(cause)
        self._commands = [*before, *reversed(self._commands)]


class BelievesEachAlone(Publisher):
    """A confirmation covers only its own number."""

    __slots__ = ()

    def _settle_up_to(self, number: int) -> list[PublisherCommand]:
        return super()._settle_up_to(number) if self.before + number == self.confirmed + 1 else []


class NeedsNoRecord(Publisher):
    __slots__ = ()

    def established(self, resumed: bool) -> list[PublisherCommand]:
        return []


class SameIdentity(StreamPublisher):
    """The identity stays the same after the stream has lost the record."""

    before: Kept | None = None

    def _open(self, kept: Kept | None = None) -> None:
        super()._open(kept or self.before)

    def remembered(self, number: int) -> None:
        super().remembered(number)
        if self._session is None:
            return
        identity = self._node.node.session(self._session).terms.session_id
        self.before = Kept(identity, number, self._core.image())


def requests(node: TcpNode, **changed: Any) -> None:
    """Change the options of the requests of this node's publishers."""
    whole = node.node.request
    node.node.request = lambda *given, **options: whole(*given, **(options | changed))  # type: ignore[method-assign]


@dataclass(frozen=True)
class PublisherDefect:
    name: str
    core: type[Publisher] = Publisher
    make: type[StreamPublisher] = StreamPublisher
    changed: tuple[tuple[str, bool], ...] = ()

    async def run(self, node: TcpNode, route: str) -> None:
        requests(node, **dict(self.changed))
        sessions = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=DURATIONS, attempts=None,
                                 held=64, requests=64)  # fmt: skip
        publisher = self.make(node, f"{route}/orders", sessions=sessions)
        publisher._core = self.core(PublisherConfig(retry=BackOff(0.05)))
        await publisher.__aenter__()
        await publisher.send(*MESSAGES)
        await publisher.flush()


PUBLISHERS = (
    PublisherDefect("none"),
    PublisherDefect("none, backwards", Backwards, changed=(("reissue", False),)),
    PublisherDefect("counts-from-0", CountsFrom0),
    PublisherDefect("forgets-unconfirmed", ForgetsUnconfirmed, changed=(("reissue", False),)),
    PublisherDefect("believes-errors", BelievesErrors),
    PublisherDefect("sends-another", SendsAnother, changed=(("reissue", False),)),
    PublisherDefect("believes-each-alone", BelievesEachAlone),
    PublisherDefect("needs-no-record", NeedsNoRecord, changed=(("resumed_only", False),)),
    PublisherDefect("same-identity", make=SameIdentity),
)

# Mutant consumers -----------------------------------------------------------------------------------------------------


class FromTheBeginning(Consumer):
    """The saved index is ignored."""

    def pull(self, cause: object) -> None:
        super().pull(None if isinstance(cause, StreamIndex) else cause)


class SavesTheLast(Consumer):
    """The saved index is the message's, not the next one."""

    def save_index(self, cause: object) -> None:
        index = self.batch.pop(0).index
        self.saved = index + 1
        self._commands.append(Ask(SaveIndex("billing", "orders", index)))


class NeverSaves(Consumer):
    def save_index(self, cause: object) -> None:
        super().save_index(cause)
        self._commands.pop()


class BelievesAnyPull(Consumer):
    def _judge(self, response: StreamResponse) -> ConsumerEvent:
        if isinstance(response, Pulled):
            response = Pulled(self.asked, response.messages)
        return super()._judge(response)


class GoesBack(Consumer):
    """A response may begin at any index."""

    def _in_order(self, messages: tuple[StoredMessage, ...]) -> bool:
        return [one.index for one in messages] == sorted({one.index for one in messages})


class AnyOrder(Consumer):
    def _in_order(self, messages: tuple[StoredMessage, ...]) -> bool:
        return min((one.index for one in messages), default=self.saved) >= self.saved


class AsksOnce(Consumer):
    """After an empty response it does not pull again."""

    def start_poll(self, cause: object) -> None:
        self._commands.append(SetTimer(StreamTimer.POLL, 3600.0))


@dataclass(frozen=True)
class ConsumerDefect:
    """A mutant consumer. `partition`: the one that it consumes. `pulls_from`: the one from which it wrongly pulls."""

    name: str
    core: type[Consumer] = Consumer
    partition: int | None = None
    pulls_from: int | None = None

    async def run(self, node: TcpNode, route: str) -> None:
        config = ConsumerConfig("orders", "billing", self.partition, request_seconds=2.0, poll_seconds=0.05)
        consumer = StreamConsumer(node, route, "orders", group="billing", config=config, restart=BackOff(0.05))
        consumer._core = self.core(config)
        if self.pulls_from is not None:
            consumer._profile = NotedAnswers("orders", self.pulls_from, 2)
        async with consumer:
            while True:
                await consumer.next()


CONSUMERS = (
    ConsumerDefect("none"),
    ConsumerDefect("none of a partition", partition=1),
    ConsumerDefect("from-the-beginning", FromTheBeginning),
    ConsumerDefect("never-saves", NeverSaves),
    ConsumerDefect("saves-the-last", SavesTheLast),
    ConsumerDefect("believes-any-pull", BelievesAnyPull),
    ConsumerDefect("goes-back", GoesBack),
    ConsumerDefect("any-order", AnyOrder),
    ConsumerDefect("asks-once", AsksOnce),
    ConsumerDefect("another-partition", partition=1, pulls_from=0),
)


class Begun:
    """A client node. `begin` aborts the node and starts it again."""

    def __init__(self, client: Client, route: str) -> None:
        self.client, self.route = client, route
        self._stack: AsyncExitStack | None = None

    async def begin(self) -> None:
        await self.end()
        self._stack = AsyncExitStack()
        node = await self._stack.enter_async_context(TcpNode())
        self._stack.push_async_callback(node.abort)
        work = asyncio.ensure_future(self._work(node))
        self._stack.callback(work.cancel)

    async def end(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()

    async def _work(self, node: TcpNode) -> None:
        try:
            await self.client(node, self.route)
        except (LocalSessionError, RemoteSessionError):
            """The node was aborted."""


@asynccontextmanager
async def begun(client: Client, route: str) -> AsyncIterator[Begun]:
    found = Begun(client, route)
    try:
        yield found
    finally:
        await found.end()

"""A bidirectional stream session: a stream, a publisher and a consumer in each direction, behind one address.

    # on one node                                         # on the other node
    async with StreamSession.connect(                     async with StreamSession.connect(
        node, "tcp://hub:4000/stream",                        node, "tcp://hub:4000/stream",
        sending="to-b", receiving="to-a",                     sending="to-a", receiving="to-b",
    ) as session:                                         ):
        await node.request((session.address, local("echo")), b"hello")

The two nodes need not reach each other or run at the same time: both connect to the hub.

Rule 1: a message sent to `address` is published unchanged, with its routes; the other end forwards it at its node, and
        replies return the same way. A session of any type may run over it: its route begins with `address`.
Rule 2: delivery is at least once and in order, in each direction: a publisher keeps accepted messages until they are
        stored, and the index is saved after a message was delivered to its worker or became a dead letter. Failures of
        the hub, a connection or a storage do not end the session, and its address stays the same.
Rule 3: leaving the `async with` accepts no more messages and waits until the accepted ones are stored, except after an
        exception.
Rule 4: a publisher that closes permanently ends the session: sessions over it are notified, and waiting messages become
        dead letters.
Rule 5: after a restart of its process an end resumes from the last state passed to `keep`, at another address. Without
        `keep`, messages that are not stored are lost. Messages that wait for the window of the publisher (`capacity`)
        are always lost.
Source: spec/sessions.md clause 12.11; Ockam's bidirectional stream client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from ockam_fsm.kernel.arguments import check_count, check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.arguments import TextOrRoute, check_running, route_of
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.consumer import StreamConsumer
from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.node.stream_end import StreamEnd

GROUP = "stream session"
CLOSED_HERE = "the stream session below is closed"


class StreamSession:
    """One end of a stream session, in one event loop."""

    def __init__(
        self,
        node: TcpNode,
        publisher: StreamPublisher,
        consumer: StreamConsumer,
        *,
        sending: str,
        capacity: int = 1000,
    ) -> None:
        """This session opens and closes `publisher` and `consumer`. `sending`: the stream of the publisher. `capacity`:
        how many messages may wait for the window of the publisher; further messages are dead letters.

        Raises:
            LocalSessionError: an argument is of the wrong type, or the node has stopped.
        """
        check_running(node)
        check_type("publisher", publisher, StreamPublisher)
        check_type("consumer", consumer, StreamConsumer)
        check_type("sending", sending, str)
        check_count("capacity", capacity, 1)
        self._node, self._sending, self._capacity = node, sending, capacity
        self.publisher, self.consumer = publisher, consumer
        """For inspection: confirmed messages, and the reason why either end waits (`waits_for`)."""
        self._end: StreamEnd | None = None
        self._closing = False
        self._accepted = asyncio.Event()
        self._publishing: asyncio.Task[None] | None = None
        self._consuming: asyncio.Task[None] | None = None

    @classmethod
    def connect(
        cls,
        node: TcpNode,
        service: TextOrRoute,
        *,
        sending: str,
        receiving: str,
        group: str = GROUP,
        kept: Kept | None = None,
        keep: Callable[[Kept], None] = lambda kept: None,
    ) -> StreamSession:
        """Create a session over two streams of one service, which creates missing streams.

        `service`: the route to the service, `tcp://HOST:PORT/stream`. `sending` and `receiving` name the streams; the
        other end swaps them. `group`: the consumer group, whose saved index is the starting point. `keep` receives the
        state that must survive a restart, and `kept` is the last such state of an earlier session (`PublisherFile`
        keeps it in a file): the messages accepted by its publisher are not lost, and are stored once.

        Raises:
            LocalSessionError: an argument is of the wrong type, or the node has stopped.
            DefinitionError: a name is of the wrong type.
        """
        way = route_of(service)
        consumer = StreamConsumer(node, way, receiving, group=group)
        publisher = StreamPublisher(node, (*way, local(sending)), kept=kept, keep=keep)
        return cls(node, publisher, consumer, sending=sending)

    @property
    def address(self) -> Address:
        """The address that accepts messages for the other end. It never changes.

        Raises:
            LocalSessionError: the session was not opened.
        """
        if self._end is None:
            raise LocalSessionError("the stream session is not open: use it with `async with`")
        return self._end.address

    def __repr__(self) -> str:
        return f"<StreamSession: {self._sending!r} out, {self.consumer.config.stream_name!r} in>"

    async def __aenter__(self) -> StreamSession:
        """Open the session. It accepts messages at once, and transfers them as soon as the service answers."""
        if self._end is not None:
            raise LocalSessionError("the stream session was opened before: create another one")
        router, receiving = self._node.node.router, self.consumer.config.stream_name
        await self.publisher.__aenter__()
        self._end = StreamEnd(
            router, self._sending, receiving, self._capacity, self._accepted.set, lambda: self.publisher.largest
        )
        self._publishing = self._node.loop.create_task(self._publish(self._end))
        self._consuming = self._node.loop.create_task(self._consume(self._end))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._end is not None
        assert self._publishing is not None
        assert self._consuming is not None
        try:
            failure = await _ended(self._consuming)
            self._retire(self._end, CLOSED_HERE)
            if error is None:
                if failure is not None:
                    raise failure
                self._closing = True
                self._accepted.set()
                await self._publishing
                await self.publisher.flush()
        finally:
            await _ended(self._publishing)
            self._end.discard(CLOSED_HERE)
            self.publisher.close()
            await self.consumer.__aexit__(kind, error, trace)

    async def _publish(self, end: StreamEnd) -> None:
        while True:
            while (payload := end.pop()) is not None:
                try:
                    await self.publisher.send(payload)
                except (LocalSessionError, RemoteSessionError, asyncio.CancelledError) as error:
                    self._retire(end, str(error))
                    end.lose(payload, str(error))
                    raise
            if self._closing:
                return
            self._accepted.clear()
            await self._accepted.wait()

    async def _consume(self, end: StreamEnd) -> None:
        async for message in self.consumer:
            self._node.order(lambda node, data=message.data: end.arrived(data))  # type: ignore[misc]
            while end.delivering and self._node.running:
                await asyncio.sleep(0)

    def _retire(self, end: StreamEnd, detail: str) -> None:
        if self._node.running:
            self._node.order(lambda node: end.retire(detail))


async def _ended(task: asyncio.Task[None]) -> BaseException | None:
    """Cancel a task and wait for its end. Return the exception that it raised before, if any."""
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.exception()

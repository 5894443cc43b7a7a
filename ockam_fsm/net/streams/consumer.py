"""A consumer as a Python object.

    async with StreamConsumer(node, "tcp://127.0.0.1:4000/stream", "orders", group="billing") as consumer:
        async for message in consumer:
            handle(message.data)               # processed when the next message is asked for

Rule 1: a message is processed when the next one is asked for. Leaving the loop before, by an exception too, leaves it
        unprocessed: the group gets it again.
Rule 2: this is its supervisor as well: a consumer that fails is started again after a back-off, with the saved index.
        A call that was cancelled is such a failure too, so that nothing counts as processed that was not.
Rule 3: it speaks the plain protocol, so a stream of a real Ockam node will do.
Source: spec/sessions.md clauses 12.7 to 12.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import NoneType, TracebackType

from ockam_fsm.kernel.arguments import check_count, check_type
from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.machines.consumer import ConsumerState
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.net.arguments import TextOrRoute, check_running, route_of
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import SESSION_CLOSED, TcpSession
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.encoding.stream_messages import (
    GetIndex,
    Pull,
    Pulled,
    SaveIndex,
    StoredMessage,
    StreamError,
    StreamRequest,
    StreamResponse,
    decode_response,
    encode_request,
)
from ockam_fsm.runtime.session.commands import with_detail
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.stream.commands import (
    Ask,
    Bury,
    ConsumerCommand,
    ConsumerFailed,
    Ignored,
    Process,
    SetTimer,
    StreamTimer,
)
from ockam_fsm.runtime.stream.consumer import Consumer, ConsumerConfig, ConsumerImage
from ockam_fsm.runtime.stream.profile import StreamProfile

CANCELLED = "its caller was cancelled"
IS_CLOSED = "the consumer is closed: make another one"
INDEX_NAME = "stream_index"
UNDER_A_SECOND = BackOff(initial_seconds=0.2, max_seconds=10.0)


class StreamConsumer:
    """Reads one partition of a stream for a group, in one event loop."""

    def __init__(
        self,
        node: TcpNode,
        route: TextOrRoute,
        stream: str,
        *,
        group: str,
        partition: int | None = None,
        partitions: int | None = None,
        index_route: TextOrRoute | None = None,
        config: ConsumerConfig | None = None,
        restart: BackOff = UNDER_A_SECOND,
    ) -> None:
        """`route` leads to the stream service: `tcp://HOST:PORT/stream`. `index_route`: to the index service, by
        default `stream_index` beside it. `config` says more than stream, group and partition, in their place.
        `partitions`: how many a stream is made with that is not there yet; by default as many as `partition` needs.

        Raises:
            LocalSessionError: an argument is of the wrong type, there is no such partition, or the node has stopped.
            DefinitionError: stream, group or partition are of the wrong type.
        """
        check_running(node)
        self._node, self._route = node, route_of(route)
        self._index_route = route_of(index_route) if index_route is not None else (*self._route[:-1], local(INDEX_NAME))
        check_type("config", config, ConsumerConfig, NoneType)
        check_type("restart", restart, BackOff)
        if partitions is not None:
            check_count("partitions", partitions, 1)
        self.config = config or ConsumerConfig(stream, group, partition)
        self._profile = _profile(self.config, partitions)
        self._back_off = restart
        self._core = Consumer(self.config)
        self._session: TcpSession | None = None
        self._with_application = False
        self._started = False
        self._closed = asyncio.Event()
        self.restarts = 0
        """How often the consumer was started again."""
        self._failures = 0
        self.reason = ""
        """Why it failed, the last time."""
        self.waits_for = ""
        """Why it is started again; empty while the stream answers, and until it has failed for the first time."""
        self.pulled = 0
        """How often the stream has answered a pull, with messages or without."""

    def __repr__(self) -> str:
        return f"<StreamConsumer of {self.config.stream_name!r} for {self.config.client_id!r}>"

    async def __aenter__(self) -> StreamConsumer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        await self._end_session()

    def __aiter__(self) -> AsyncIterator[StoredMessage]:
        return self

    async def __anext__(self) -> StoredMessage:
        """The next message. The one before has been processed."""
        found = await self.next()
        assert found is not None
        return found

    async def next(self, idle_seconds: float | None = None) -> StoredMessage | None:
        """The next message; None when there was nothing new for `idle_seconds`. The one before has been processed.

        Raises:
            LocalSessionError: the node has stopped, or the consumer is closed.
        """
        if self._with_application:
            self._with_application = False
            return await self._go_on(self._core.processed(), idle_seconds)
        return await self._go_on(None, idle_seconds)

    async def process(
        self, handler: Callable[[StoredMessage], Awaitable[None]], idle_seconds: float | None = None
    ) -> int:
        """Call `handler` with each message. One that raises gets the message again, `ConsumerConfig.tries` times in
        all; then the message is a dead letter of this node. The result, when there was nothing new for `idle_seconds`:
        how many were processed."""
        done = 0
        message = await self.next(idle_seconds)
        while message is not None:
            try:
                await handler(message)
            except BaseException as error:
                self._with_application = False
                if not isinstance(error, Exception):
                    raise
                message = await self._go_on(self._core.processing_failed(repr(error)), idle_seconds)
            else:
                done += 1
                message = await self.next(idle_seconds)
        return done

    # What the core asks for -------------------------------------------------------------------------------------------

    async def _go_on(self, commands: list[ConsumerCommand] | None, idle_seconds: float | None) -> StoredMessage | None:
        """Until a message is to be processed, or there was nothing new for long enough."""
        idle_since = self._node.loop.time()
        if commands is None:
            commands = self._begin()
        while True:
            self._require_open()
            plan = _Plan()
            plan.read(commands, self._carry_out)
            if plan.process is not None:
                self._with_application = True
                self._failures = 0
                return plan.process
            waited = self._node.loop.time() - idle_since
            if plan.poll_seconds is not None and idle_seconds is not None and waited >= idle_seconds:
                return None
            commands = await self._wait(plan)

    def _begin(self) -> list[ConsumerCommand]:
        """Start the consumer. One that had found nothing new asks again; one whose caller was cancelled starts anew."""
        if self._core.state is ConsumerState.WAITING:
            return self._core.fire(StreamTimer.POLL)
        if self._core.state is ConsumerState.FAILED:
            return [ConsumerFailed(self.reason)]
        if self._started:
            return self._core.session_lost(CANCELLED)
        self._started = True
        return self._core.start()

    async def _wait(self, plan: _Plan) -> list[ConsumerCommand]:
        if plan.failed is not None:
            return await self._restart(plan.failed)
        if plan.poll_seconds is not None:
            await self._pause(plan.poll_seconds)
            return self._core.fire(StreamTimer.POLL)
        assert plan.ask is not None
        try:
            return self._received(decode_response(await self._ask(plan.ask)))
        except TimeoutError:
            return self._core.fire(StreamTimer.REQUEST)
        except (RemoteSessionError, EventRefused) as error:  # refused: it has failed since
            return self._core.session_lost(str(error))

    async def _pause(self, seconds: float) -> None:
        """Wait. Whoever closes the consumer or stops the node ends it.

        Raises:
            LocalSessionError: that is what happened.
        """
        ends = [asyncio.ensure_future(self._closed.wait()), asyncio.ensure_future(self._node.stopped())]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        self._require_open()

    def _require_open(self) -> None:
        self._node.require_running()
        if self._closed.is_set():
            raise LocalSessionError(IS_CLOSED)

    async def _ask(self, request: StreamRequest) -> bytes:
        payload, seconds = encode_request(request), self.config.request_seconds
        if isinstance(request, GetIndex):
            return (await self._node.request(self._index_route, payload, timeout_seconds=seconds)).payload
        session = await self._opened(seconds)
        return await session.request(payload, timeout_seconds=seconds)

    async def _opened(self, seconds: float) -> TcpSession:
        if self._session is None:
            durations = Durations(negotiation_seconds=seconds, request_seconds=seconds)
            settings = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, self._profile, durations, attempts=1)
            self._session = self._node.session(self._route, settings=settings)
            await self._session.open(seconds)
        if self._session.state is not State.ESTABLISHED:
            raise RemoteSessionError(SESSION_CLOSED, with_detail(self._session.reason, self._session.detail))
        return self._session

    def _received(self, response: StreamResponse) -> list[ConsumerCommand]:
        """If it is not what was asked for, nothing else will come: the request is over."""
        commands = self._core.receive(response)
        if any(not isinstance(command, Ignored) for command in commands):
            if isinstance(response, Pulled):
                self.pulled, self.waits_for = self.pulled + 1, ""
            return commands
        said = response.shown if isinstance(response, StreamError) else type(response).__name__
        return self._core.session_lost(f"another answer than was asked for: {said}")

    async def _restart(self, reason: str) -> list[ConsumerCommand]:
        self.reason = self.waits_for = reason
        await self._end_session()
        self._require_open()
        self.restarts += 1
        await self._pause(self._back_off.delay_seconds(self._failures, self._node.node.router.entropy.fraction()))
        self._failures += 1
        self._core = Consumer(self.config, ConsumerImage(asked=self._core.asked))
        return self._core.start()

    def _carry_out(self, command: ConsumerCommand) -> None:
        match command:
            case Ask(SaveIndex() as save):
                self._node.send(self._index_route, encode_request(save))
            case Bury(index, data, reason):
                name = local(f"consumer of {self.config.stream_name}")
                self._node.node.router.bury(f"processing failed: {reason}", StoredMessage(index, data), name)

    async def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._node.running:
            await session.close()


def _profile(config: ConsumerConfig, partitions: int | None) -> StreamProfile:
    """Who reads a partition speaks the partitioned protocol: the plain one has the first partition only."""
    partition = config.partition
    if partition is None:
        return StreamProfile(config.stream_name, 0, partitions)
    wanted = partition + 1 if partitions is None else partitions
    if partition >= wanted:
        raise LocalSessionError(f"partition {partition} of {wanted}: they count from 0 to {wanted - 1}")
    return StreamProfile(config.stream_name, partition, wanted)


class _Plan:
    """What a list of commands comes to: one thing to wait for, or a message to process."""

    def __init__(self) -> None:
        self.ask: GetIndex | Pull | None = None
        self.process: StoredMessage | None = None
        self.poll_seconds: float | None = None
        self.failed: str | None = None

    def read(self, commands: Iterable[ConsumerCommand], carry_out: Callable[[ConsumerCommand], None]) -> None:
        for command in commands:
            match command:
                case Ask(GetIndex() | Pull() as request):
                    self.ask = request
                case Process(index, data):
                    self.process = StoredMessage(index, data)
                case SetTimer(StreamTimer.POLL, seconds):
                    self.poll_seconds = seconds
                case ConsumerFailed(reason):
                    self.failed = reason
                case _:
                    carry_out(command)

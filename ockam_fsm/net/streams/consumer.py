"""A consumer as a Python object.

    async with StreamConsumer(node, "tcp://127.0.0.1:4000/stream", "orders", group="billing") as consumer:
        async for message in consumer:
            handle(message.data)               # counts as processed when the loop requests the next message

Rule 1: a message counts as processed when the application requests the next one. If the loop ends before, also by an
        exception, the message is unprocessed: the group receives it again.
Rule 2: this class also supervises the consumer: after a failure the consumer restarts after a back-off, from the saved
        index. A cancelled call is such a failure, so that no unprocessed message counts as processed.
Rule 3: it uses the plain protocol, so it also reads streams of real Ockam nodes.
Source: spec/sessions.md clauses 12.7 to 12.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import NoneType, TracebackType

from ockam_fsm.kernel.arguments import check_count, check_type
from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.consumer import ConsumerState
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.net.arguments import TextOrRoute, check_running, route_of
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import SESSION_CLOSED, TcpSession
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    SHOWN_CHARACTERS,
    GetIndex,
    Pull,
    Pulled,
    SaveIndex,
    StoredMessage,
    StreamCreated,
    StreamError,
    StreamRequest,
    StreamResponse,
    decode_response,
    encode_request,
)
from ockam_fsm.runtime.session.commands import with_detail
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.signals import Signal
from ockam_fsm.runtime.stream.commands import (
    Ask,
    Bury,
    ConsumerCommand,
    ConsumerFailed,
    Ignored,
    Process,
    StreamTimer,
)
from ockam_fsm.runtime.stream.consumer import Consumer, ConsumerConfig, ConsumerImage
from ockam_fsm.runtime.stream.profile import NO_PARTITION, StreamProfile

CANCELLED = "its caller was cancelled"
IS_CLOSED = "the consumer is closed: create another one"
INDEX_NAME = "stream_index"
MOST_LISTED = 64
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
        """`route` leads to the stream service: `tcp://HOST:PORT/stream`. `index_route` leads to the index service, by
        default `stream_index` at the same node. `config` replaces stream, group and partition. `partitions`: the number
        of partitions for a missing stream; by default as many as `partition` needs.

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
        """The number of restarts of the consumer."""
        self._failures = 0
        self.reason = ""
        """The reason of the last failure."""
        self.waits_for = ""
        """The reason of the current restart; empty while the stream answers, and before the first failure."""
        self.pulled = 0
        """The number of answered pulls, with messages or without."""

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
        """Return the next message; the previous one counts as processed."""
        found = await self.next()
        assert found is not None
        return found

    async def next(self, idle_seconds: float | None = None) -> StoredMessage | None:
        """Return the next message, or None after `idle_seconds` without one; the previous one counts as processed.

        Raises:
            LocalSessionError: the node has stopped, or the consumer is closed.
            RemoteSessionError: the stream has no such partition; it was answered for others only.
        """
        if self._with_application:
            self._with_application = False
            return await self._go_on(self._core.processed(), idle_seconds)
        return await self._go_on(None, idle_seconds)

    async def process(
        self, handler: Callable[[StoredMessage], Awaitable[None]], idle_seconds: float | None = None
    ) -> int:
        """Call `handler` with each message, until there is no new one for `idle_seconds`. Return the number of
        processed messages. A message whose handler raises is retried, up to `ConsumerConfig.tries` calls in total;
        then it becomes a dead letter of this node."""
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

    # Commands of the core ---------------------------------------------------------------------------------------------

    async def _go_on(self, commands: list[ConsumerCommand] | None, idle_seconds: float | None) -> StoredMessage | None:
        """Carry out commands until a message is available, or none was for `idle_seconds`."""
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
        """Start the consumer. An idle one polls again; one whose caller was cancelled fails, and so restarts."""
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
            if others := self._profile.others:
                raise RemoteSessionError(NO_PARTITION, self._without(others)) from None
            return self._core.fire(StreamTimer.REQUEST)
        except (RemoteSessionError, EventRefused) as error:  # refused: the session has failed meanwhile
            return self._core.session_lost(str(error))

    def _without(self, others: list[int]) -> str:
        name, numbers = self.config.stream_name[:SHOWN_CHARACTERS], ", ".join(map(str, others))
        return f"{name} has no partition {self.config.partition}, only {numbers}; read one that the stream has"

    async def _pause(self, seconds: float) -> None:
        """Wait for `seconds`.

        Raises:
            LocalSessionError: the consumer was closed, or the node was stopped.
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
        """Handle a response. An unexpected one ends the request, since no other response will follow."""
        commands = self._core.receive(response)
        if any(not isinstance(command, Ignored) for command in commands):
            if isinstance(response, Pulled):
                self.pulled, self.waits_for = self.pulled + 1, ""
            return commands
        received = response.shown if isinstance(response, StreamError) else type(response).__name__
        return self._core.session_lost(f"unexpected answer: {received}")

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


@dataclass(frozen=True)
class NotedAnswers(StreamProfile):
    """The profile of a consumer, which notes the partitions that were answered for.

    A stream is created once, with a number of partitions that never changes, and a service answers for each (12.10). A
    consumer that hears of others only would otherwise wait for ever.
    """

    answered: set[int] = field(default_factory=set, compare=False, repr=False)

    @property
    def others(self) -> list[int]:
        """The partitions that were answered for; none of them if the own one was."""
        return [] if self.partition in self.answered else sorted(self.answered)

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        if place is Place.HANDSHAKE and isinstance(created := decode_response(payload), StreamCreated):
            self._note(created)
        return super().decode(payload, place, return_route)

    def _note(self, created: StreamCreated) -> None:
        number = created.partition
        if created.stream_name != self.stream_name or number is None:
            return
        if number == self.partition or len(self.answered) < MOST_LISTED:
            self.answered.add(number)


def _profile(config: ConsumerConfig, partitions: int | None) -> NotedAnswers:
    """Return the profile. To read a given partition, it uses the partitioned protocol: the plain one has only one."""
    partition = config.partition
    if partition is None:
        return NotedAnswers(config.stream_name, 0, partitions)
    wanted = partition + 1 if partitions is None else partitions
    if partition >= wanted:
        raise LocalSessionError(f"partition {partition} of {wanted}: give 0 to {wanted - 1}")
    return NotedAnswers(config.stream_name, partition, wanted)


class _Plan:
    """The next step that a list of commands leads to: one event to wait for, or a message to process."""

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

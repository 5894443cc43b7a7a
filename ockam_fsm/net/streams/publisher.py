"""A publisher as a Python object.

    async with StreamPublisher(node, "tcp://127.0.0.1:4000/stream/orders") as publisher:
        await publisher.publish(b"one")            # returns when it is stored
        for line in lines:
            await publisher.send(line)             # waits for room in the window
        await publisher.flush()                    # returns when all is stored

Rule 1: an accepted message is kept until it is confirmed, through any failures of the stream, the node or the
        connection.
Rule 2: leaving the `async with` waits until all messages are confirmed, except after an exception.
Rule 3: `keep` receives an image before new messages in it are sent. A publisher that starts with the last image goes
        on, and no message is stored twice (clause 12.4). Messages confirmed since then are sent and confirmed again.
Rule 4: if `keep` fails, the messages are not sent: the publisher fails, and every call raises the cause.
Rule 5: a publisher whose first session is refused because the stream lacks the partition fails: the number of
        partitions never changes.
Source: spec/sessions.md clauses 12.2 to 12.4 and 12.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import NoneType, TracebackType
from typing import Any, NamedTuple

from ockam_fsm.kernel.arguments import check_count, check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.publisher import PublisherState
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.arguments import TextOrRoute, check_running, route_of
from ockam_fsm.net.deadlines import deadline
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.gate import check_payload
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.encoding.stream_messages import MAX_MESSAGE_BYTES, PUSH_BYTES
from ockam_fsm.runtime.node.layers import largest_payload
from ockam_fsm.runtime.node.workers import plain_function
from ockam_fsm.runtime.session.commands import (
    Closed,
    Established,
    Notice,
    RequestFailed,
    Responded,
    TimedOut,
    with_detail,
)
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.stream.commands import (
    CloseSession,
    Ignored,
    NewSession,
    PublisherClosed,
    PublisherCommand,
    Request,
    StateLost,
    Stored,
    StreamTimer,
    Withdraw,
)
from ockam_fsm.runtime.stream.profile import NO_PARTITION
from ockam_fsm.runtime.stream.publisher import Publisher, PublisherConfig, PublisherImage

PUBLISHER_CLOSED = "publisher closed"
IS_CLOSED = "the publisher is closed: create another one"
NOT_OPEN = "the publisher is not open: use it with `async with`"


class Kept(NamedTuple):
    """The state that a publisher needs to resume after a restart."""

    identity: bytes
    number: int
    """The largest number of its session: each number is stored before its hello leaves (clause 4.1)."""
    image: PublisherImage


class StreamPublisher:
    """A publisher to one partition of a stream, in one event loop."""

    def __init__(
        self,
        node: TcpNode,
        route: TextOrRoute,
        *,
        config: PublisherConfig | None = None,
        sessions: SessionConfig | None = None,
        kept: Kept | None = None,
        keep: Callable[[Kept], None] = lambda kept: None,
    ) -> None:
        """`route` leads to a stream, or to one of its partitions: `tcp://HOST:PORT/stream/NAME/PARTITION`.

        `kept`: the last state that an earlier publisher passed to `keep`.

        Raises:
            LocalSessionError: an argument is of the wrong type, or the node has stopped.
        """
        check_running(node)
        self._node, self._route = node, route_of(route)
        check_type("config", config, PublisherConfig, NoneType)
        check_type("sessions", sessions, SessionConfig, NoneType)
        check_type("kept", kept, Kept, NoneType)
        if kept is not None:
            check_type("kept.identity", kept.identity, bytes)
            check_count("kept.number", kept.number)
            check_type("kept.image", kept.image, PublisherImage)
        plain_function("keep", keep)
        config = config or PublisherConfig()
        self._window = config.window
        self._core = Publisher(config, PublisherImage() if kept is None else kept.image)
        most = max(config.window, self._core.unconfirmed)  # an earlier one may have had a larger window
        self._settings = sessions or SessionConfig(
            EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, attempts=None, held=most, requests=most
        )
        self._kept, self._keep = kept, keep
        self._session: Address | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._progress = asyncio.Event()
        self._entered = self._was_established = False
        self._error: Exception | None = None
        self.state_losses = 0
        """How often the stream had lost its record, so that messages may be stored twice."""
        self.reason = ""
        """The reason of the last failure or close of the session."""
        self.waits_for = ""
        """The reason why sending waits; empty while the stream answers, and until the first attempt has failed."""

    def __repr__(self) -> str:
        return f"<StreamPublisher: {self.confirmed} of {self.accepted} messages confirmed>"

    @property
    def confirmed(self) -> int:
        """The number of confirmed messages, including those of earlier runs; messages are confirmed in order."""
        return self._core.confirmed

    @property
    def accepted(self) -> int:
        """The number of accepted messages, including those of earlier runs."""
        return self._core.confirmed + len(self._core.messages)

    @property
    def largest(self) -> int:
        """The largest size of a message in bytes: its push must fit into a frame, with the overhead of the layers of
        this node."""
        router = self._node.node.router
        way = () if self._session is None else (self._session,)
        most = largest_payload(router.residents, way, (), router.max_payload_bytes, answered=True)
        return min(MAX_MESSAGE_BYTES, most - PUSH_BYTES)

    async def __aenter__(self) -> StreamPublisher:
        """Open the publisher.

        Raises:
            LocalSessionError: it was opened or closed before, a kept message is too large for this node, or the node
                has stopped.
        """
        if self._entered or self._core.state is PublisherState.CLOSED:
            raise LocalSessionError("the publisher was opened or closed before: create another one")
        self._node.require_running()
        self._entered = True
        self._open(self._kept)
        if self._core.messages:
            self._check_kept()
            self._do(self._core.resume())
        return self

    def _check_kept(self) -> None:
        """Check the size of kept messages: a message that another node accepted may be too large here, and would be
        retransmitted indefinitely."""
        most = self.largest
        try:
            for data in self._core.messages:
                check_payload(data, most)
        except LocalSessionError as error:
            self.close()
            raise LocalSessionError(f"kept: {error}") from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            self.close()

    async def send(self, *messages: bytes) -> int:
        """Accept messages as soon as the window has room. Return the ordinal of the last one, counted from 1. Several
        messages in one call are kept together, which is faster if `keep` writes to a disk.

        Raises:
            LocalSessionError: a message is of the wrong type or too large (then none is accepted), or the publisher is
                closed.
            RemoteSessionError: the session has ended, or the stream has no such partition.
        """
        most = self.largest
        for data in messages:
            check_payload(data, most)
        left = list(messages)
        while left:
            self._check()
            commands: list[PublisherCommand] = []
            while left and self._core.unconfirmed < self._window:
                commands += self._core.publish(left.pop(0))
            if commands:
                self._store()
                self._do(commands)
            else:
                await self._next()
        return self.accepted

    async def publish(self, data: bytes, *, timeout_seconds: float | None = None) -> int:
        """Accept a message, and wait until it is stored. Raises the errors of `send`.

        timeout_seconds: the deadline of the caller.

        Raises:
            TimeoutError: it was not stored by the deadline. Once accepted, it is still published.
            CancelledError: the call was cancelled; the message is still published.
        """
        async with self._deadline(timeout_seconds):
            ordinal = await self.send(data)
            await self._confirmed(ordinal)
        return ordinal

    async def flush(self, timeout_seconds: float | None = None) -> None:
        """Wait until all accepted messages are stored. Raises the errors of `send`.

        timeout_seconds: the deadline of the caller. The publisher goes on after it.

        Raises:
            TimeoutError: not all were stored by the deadline.
        """
        async with self._deadline(timeout_seconds):
            await self._confirmed(self.accepted)

    def close(self) -> None:
        """Close the publisher now. Unconfirmed messages may or may not be stored."""
        self._do(self._core.close())

    def _deadline(self, timeout_seconds: float | None) -> AbstractAsyncContextManager[None]:
        def missing() -> tuple[str, str]:
            return "not stored", f": {self.accepted - self.confirmed} messages; {self.waits_for or 'no answer yet'}"

        return deadline(timeout_seconds, missing)

    async def _confirmed(self, ordinal: int) -> None:
        while self._core.confirmed < ordinal:
            self._check()
            await self._next()

    async def _next(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        self._node.require_running()
        if self._core.state is PublisherState.CLOSED:
            raise LocalSessionError(IS_CLOSED)
        if not self._entered:
            raise LocalSessionError(NOT_OPEN)

    # The session below ------------------------------------------------------------------------------------------------

    def _open(self, kept: Kept | None = None) -> None:
        number = 0 if kept is None else kept.number
        identity = None if kept is None else kept.identity
        node = self._node.node
        self._session = node.start_session(
            self._settings, self._route, session_id=identity, remembered=number, has_state=number > 0
        )
        self._node.attach(self._session, self)
        session = self._session
        self._node.order(lambda node: node.open(session))

    def notified(self, notice: Notice) -> None:
        """Handle a notice of the session; called by the node."""
        match notice:
            case Established(resumed=resumed):
                self.waits_for, self._was_established = "", True
                self._do(self._core.established(resumed))
            case Responded(int() as number, payload):
                self._do(self._core.responded(number, payload))
            case RequestFailed(int() as number, reason):
                self._do(self._core.failed(number, reason))
            case TimedOut(reason, detail):
                self.reason = self.waits_for = with_detail(reason, detail)
                if detail.startswith(NO_PARTITION) and not self._was_established:
                    self._refused(detail)
            case Closed(reason, detail):
                self.reason = self.waits_for = with_detail(reason, detail)
                self._session = None
                self._do(self._core.session_closed(self.reason))

    def _refused(self, detail: str) -> None:
        fact = detail.removeprefix(NO_PARTITION).removeprefix(": ")
        self._fail(RemoteSessionError(NO_PARTITION, f"{fact}; publish to a partition that the stream has"))
        self._node.loop.call_soon(self.close)  # after the session has handled its own notice

    def remembered(self, number: int) -> None:
        """Keep the number that the session uses from now on; called by the node."""
        session = self._session
        if session is not None:
            identity = self._node.node.session(session).terms.session_id
            self._keep(Kept(identity, number, self._core.image()))

    def node_stopped(self, error: Exception) -> None:
        """Fail all pending calls; called by the node."""
        self._fail(error)

    # Commands of the core ---------------------------------------------------------------------------------------------

    def _do(self, commands: Iterable[PublisherCommand]) -> None:
        for command in commands:
            _CARRY_OUT[type(command)](self, command)

    def _request(self, command: Request) -> None:
        session = self._session
        assert session is not None
        try:
            self._node.order(
                lambda node: node.request(session, command.number, command.payload, reissue=True, resumed_only=True)
            )
        except LocalSessionError as error:
            self._node.require_running()
            self._do(self._core.failed(command.number, str(error)))  # this node is full: send it again later

    def _withdraw(self, command: Withdraw) -> None:
        session = self._session
        assert session is not None
        self._node.order(lambda node: node.withdraw_request(session, command.number))

    def _renew(self, command: NewSession) -> None:
        self._end_session()
        self._open()

    def _close_session(self, command: CloseSession) -> None:
        self._end_session()

    def _stored(self, command: Stored) -> None:
        self._progress.set()

    def _state_lost(self, command: StateLost) -> None:
        self.state_losses += 1

    def _is_closed(self, command: PublisherClosed) -> None:
        left = len(self._core.messages)
        self._fail(RemoteSessionError(PUBLISHER_CLOSED, f"{command.reason}; {left} messages are not confirmed"))

    def _set_timer(self, command: SetTimer[StreamTimer]) -> None:
        self._timer = self._node.loop.call_later(
            command.after_seconds, lambda: self._do(self._core.retry_due()) if self._node.running else None
        )

    def _cancel_timer(self, command: CancelTimer[StreamTimer]) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._node.running:
            self._node.detach(session)
            self._node.order(lambda node: node.close(session))

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._progress.set()

    def _store(self) -> None:
        """Keep the image before the new messages in it are sent."""
        if self._session is None or not self._node.running:
            return
        try:
            self.remembered(self._node.node.session(self._session).seen[0])
        except Exception as error:
            self._fail(error)
            self.close()
            raise


_CARRY_OUT: dict[type, Callable[[StreamPublisher, Any], None]] = {
    Request: StreamPublisher._request,
    Withdraw: StreamPublisher._withdraw,
    NewSession: StreamPublisher._renew,
    CloseSession: StreamPublisher._close_session,
    Stored: StreamPublisher._stored,
    StateLost: StreamPublisher._state_lost,
    PublisherClosed: StreamPublisher._is_closed,
    SetTimer: StreamPublisher._set_timer,
    CancelTimer: StreamPublisher._cancel_timer,
    Ignored: lambda publisher, command: None,
}

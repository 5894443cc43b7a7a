"""A session as a Python object, returned by `TcpNode.session` and `TcpNode.responders`.

    async with node.session("tcp://127.0.0.1:4000/responder", "explicit-persistent-one-sided") as session:
        await session.send(b"hello")
        reply = await session.request(b"question", timeout_seconds=1.0)
        async for change in session.changes():
            print(change.before, change.after, change.generation)

Rule 1: `send` and `request` wait while the connection under the session is slow (back-pressure); `post` does not.
Rule 2: a call that the current state does not allow raises `LocalSessionError`, a failure of the peer or the network
        `RemoteSessionError`, and no answer in time `TimeoutError`. An accepted message is delivered, held, or a dead
        letter.
Rule 3: callbacks and iterators only observe. A callback that raises is removed, and changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any, Protocol

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Creation, State
from ockam_fsm.net.deadlines import check_deadline, deadline
from ockam_fsm.net.inbox import Inbox
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import StateChanged
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.router import refuse_awaitable
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import plain_function
from ockam_fsm.runtime.session.commands import (
    Closed,
    Established,
    Notice,
    RequestFailed,
    RequestTimedOut,
    Responded,
    TimedOut,
    with_detail,
)

SESSION_CLOSED = "session closed"
KEPT_CHANGES = 1000
"""How many changes wait for a slow iterator; the oldest are dropped first."""


class SessionOwner(Protocol):
    """The interface of a node to its sessions; `TcpNode` implements it."""

    node: Node

    @property
    def edge(self) -> TcpEdge: ...
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def running(self) -> bool: ...
    def require_running(self) -> None: ...
    def order(self, order: Callable[[Node], None]) -> None: ...
    def next_identifier(self) -> int: ...


class Owner(Protocol):
    """A receiver of the notices of a session, in place of a `TcpSession` (`TcpNode.attach`)."""

    def notified(self, notice: Notice) -> None: ...
    def remembered(self, number: int) -> None:
        """The session uses this number from now on. An exception here stops the node, as in a crash."""
        ...

    def node_stopped(self, error: Exception) -> None: ...


class TcpSession:
    """One end of a session, created by a `TcpNode`; `address` is its outer address, which never changes."""

    __slots__ = ("__weakref__", "_callbacks", "_inbox", "_node", "_requests", "_waiters", "_wakers", "address",
                 "creation", "detail", "generation", "reason", "resumed")  # fmt: skip

    def __init__(self, node: SessionOwner, address: Address, creation: Creation, inbox: Inbox | None = None) -> None:
        self._node = node
        self._inbox = inbox
        self._callbacks: tuple[Callable[[StateChanged], object], ...] = ()
        self._wakers: tuple[Callable[[], None], ...] = ()
        self._requests: dict[object, asyncio.Future[bytes]] | None = None  # created on demand: most sessions are idle
        self._waiters: tuple[asyncio.Future[Notice], ...] = ()
        self.address = address
        self.creation = creation
        self.generation = 0
        """The number of the newest generation known to this end."""
        self.reason = ""
        """The reason of the last failure or close."""
        self.detail = ""
        """Details of the last failure or close, as text for people."""
        self.resumed = False
        """Whether the peer still had the state of the session when it was last established."""

    async def __aenter__(self) -> TcpSession:
        """Open an explicit session and wait until it is established. An implicit one waits for its first message."""
        if self.creation is Creation.EXPLICIT and self.state is State.IDLE:
            try:
                await self.open()
            except BaseException:
                await self.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def state(self) -> State:
        worker = self._worker()
        return State.CLOSED if worker is None else worker.session.state

    @property
    def peer(self) -> str | None:
        """The identifier of the peer, as proved by a secure channel: "I" and 64 hexadecimal digits. None without a
        secure channel, and while it is not established."""
        worker = self._worker()
        return None if worker is None else worker.session.peer

    def __repr__(self) -> str:
        return f"<TcpSession {self.address}: {self.state.name}, generation {self.generation}>"

    async def open(self, timeout_seconds: float | None = None) -> None:
        """Open the session and wait until it is established.

        Raises:
            EventRefused: it is already open, or it is an implicit session.
            RemoteSessionError: it closed instead.
            TimeoutError: it is not established in time; it keeps trying.
            CancelledError: the call was cancelled; the session is closed, unless it is used by another call.
        """
        check_deadline(timeout_seconds)
        self._node.order(lambda node: node.open(self.address))
        try:
            await self.established(timeout_seconds)
        except asyncio.CancelledError:
            if not self._is_used():
                await self.close()
            raise

    async def established(self, timeout_seconds: float | None = None) -> None:
        """Wait until the session is established. Raises the errors of `open`."""
        check_deadline(timeout_seconds)
        if self.state is not State.ESTABLISHED:
            await self._next(Established, timeout_seconds)

    async def closed(self, timeout_seconds: float | None = None) -> str:
        """Wait until the session is closed, and return the reason."""
        check_deadline(timeout_seconds)
        if self.state is not State.CLOSED:
            await self._next(Closed, timeout_seconds)
        return self.reason

    async def renegotiate(self, timeout_seconds: float | None = None) -> None:
        """Give up the current generation and wait for the next one. Raises the errors of `open`.

        An implicit session negotiates again only with its next message; for it this call does not wait.
        """
        check_deadline(timeout_seconds)
        self._node.order(lambda node: node.renegotiate(self.address))
        if self.creation is Creation.EXPLICIT:
            await self._next(Established, timeout_seconds)

    async def close(self) -> None:
        """Close the session and notify the peer (best effort); has no effect on a closed session."""
        with suppress(LocalSessionError):  # it is closed, perhaps by an event that was queued before this order
            self._node.order(lambda node: node.close(self.address))

    # Messages ---------------------------------------------------------------------------------------------------------

    async def send(self, payload: bytes, onward_route: Route = (), *, tracing_context: str | None = None) -> None:
        """Send a message, and wait while the connection is slow. `onward_route` continues from the peer's end.

        Raises:
            EventRefused: the session neither sends nor holds messages in this state.
        """
        await self.writable()
        self.post(payload, onward_route, tracing_context=tracing_context)

    def post(self, payload: bytes, onward_route: Route = (), *, tracing_context: str | None = None) -> None:
        """Send without waiting, for handlers and callbacks. A slow connection holds a bounded amount."""
        context = tracing_context
        self._node.order(lambda node: node.send(self.address, payload, onward_route, tracing_context=context))

    async def request(
        self,
        payload: bytes,
        onward_route: Route = (),
        *,
        timeout_seconds: float | None = None,
        reissue: bool = False,
        tracing_context: str | None = None,
    ) -> bytes:
        """Send a synchronous request and wait for its single outcome. `reissue`: send it again after a renegotiation.

        `timeout_seconds` is the deadline of the caller, in every state of the session. When it passes, or when this
        call is cancelled, the request is withdrawn and the session goes on. `Durations.request_seconds` limits the time
        for the answer to one transmission. When it passes, the session fails, and with it the request, unless `reissue`
        is set. For a peer that takes longer to answer, configure a longer `request_seconds`.

        Raises:
            LocalSessionError: it was refused, and nothing was sent.
            RemoteSessionError: the peer replied with an error, or the session failed.
            TimeoutError: no response by the deadline, or the peer did not answer in `request_seconds`.
        """
        async with self._deadline("no response", timeout_seconds):
            if self._is_slow() is not None:
                await self.writable()
            identifier = self._node.next_identifier()
            return await self._outcome(
                identifier,
                lambda node: node.request(
                    self.address, identifier, payload, onward_route, reissue=reissue, tracing_context=tracing_context
                ),
            )

    async def _outcome(self, identifier: int, order: Callable[[Node], None]) -> bytes:
        """Start a request and wait for its outcome; withdraw it if the caller stops waiting."""
        future: asyncio.Future[bytes] = self._node.loop.create_future()
        self._requests = requests = {} if self._requests is None else self._requests
        requests[identifier] = future
        try:
            self._node.order(order)
            return await future
        finally:
            del requests[identifier]
            if future.cancelled() or not future.done():
                with suppress(LocalSessionError):  # the session is closed, and its requests have ended
                    self._node.order(lambda node: node.withdraw_request(self.address, identifier))

    async def receive(self, timeout_seconds: float | None = None) -> Message:
        """Return the next message of the peer, for a session without a handler.

        Raises:
            TypeError: the session has a handler.
            RemoteSessionError: the session is closed, and no message waits.
            TimeoutError: no message in time.
        """
        inbox = self._inbox
        if inbox is None:
            raise TypeError("this session has a handler: its messages go there")
        async with asyncio.timeout(check_deadline(timeout_seconds)):
            while not inbox.messages:
                self._node.require_running()
                if self.state is State.CLOSED:
                    raise RemoteSessionError(SESSION_CLOSED, with_detail(self.reason, self.detail))
                inbox.arrived.clear()
                await inbox.arrived.wait()
        return inbox.pop()

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Iterate over the messages of the peer until the session is closed, for a session without a handler."""
        while True:
            try:
                yield await self.receive()
            except RemoteSessionError:
                return

    async def writable(self) -> None:
        """Wait while the connection of this session is slow."""
        while (via := self._is_slow()) is not None:
            await self._node.edge.connections[via].writable()

    # Observing --------------------------------------------------------------------------------------------------------

    def on_change(self, callback: Callable[[StateChanged], object]) -> Callable[[], None]:
        """Call `callback` at every state change from now on. Return a function that stops this.

        Raises:
            LocalSessionError: `callback` is not a plain function.
        """
        plain_function("on_change", callback)
        self._callbacks = (*self._callbacks, callback)

        def forget() -> None:
            self._callbacks = tuple(known for known in self._callbacks if known is not callback)

        return forget

    async def changes(self) -> AsyncGenerator[StateChanged, None]:
        """Iterate over the state changes from now on, until the session is closed."""
        kept: deque[StateChanged] = deque(maxlen=KEPT_CHANGES)
        arrived = asyncio.Event()

        def keep(change: StateChanged) -> None:
            kept.append(change)
            arrived.set()

        forget = self.on_change(keep)
        self._wakers = (*self._wakers, arrived.set)
        try:
            while kept or (self.state is not State.CLOSED and self._node.running):
                if not kept:
                    arrived.clear()
                    await arrived.wait()
                yield kept.popleft()
        finally:
            forget()
            self._wakers = tuple(known for known in self._wakers if known != arrived.set)

    # From the node ----------------------------------------------------------------------------------------------------

    def changed(self, change: StateChanged) -> None:
        self.generation = max(self.generation, change.generation)
        for callback in self._callbacks:
            try:
                refuse_awaitable("a callback of on_change", callback(change))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer decides nothing, not even by failing
                self._callbacks = tuple(known for known in self._callbacks if known is not callback)
                self._node.loop.call_exception_handler(
                    {"message": "a callback of on_change raised", "exception": error}
                )

    def node_stopped(self, error: Exception) -> None:
        """The node has stopped: fail all pending calls of this session with the cause."""
        futures: tuple[asyncio.Future[Any], ...] = (*(self._requests or {}).values(), *self._waiters)
        for future in futures:
            if not future.done():
                future.set_exception(error)
        if self._inbox is not None:
            self._inbox.arrived.set()
        for waker in self._wakers:
            waker()

    def notified(self, notice: Notice) -> None:
        match notice:
            case Responded(request, payload):
                self._settle(request, payload)
            case RequestFailed(request, reason, detail):
                self._settle(request, RemoteSessionError("request failed", with_detail(reason, detail)))
            case RequestTimedOut(request):
                self._settle(request, TimeoutError("no response to the request within request_seconds of the session"))
            case Established(generation, resumed):
                self.generation, self.resumed = generation.number, resumed
                self._wake_waiters(notice)
            case TimedOut(reason, detail):
                self.reason, self.detail = reason, detail
            case Closed(reason, detail):
                self.reason, self.detail = reason, detail
                self._wake_waiters(notice)
                if self._inbox is not None:
                    self._inbox.arrived.set()

    def _settle(self, identifier: object, outcome: bytes | Exception) -> None:
        future = (self._requests or {}).get(identifier)
        if future is None or future.done():  # its caller was cancelled
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _wake_waiters(self, notice: Notice) -> None:
        waiters, self._waiters = self._waiters, ()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(notice)

    async def _next(self, wanted: type[Established | Closed], timeout_seconds: float | None) -> None:
        """Wait for the next notice of this kind; raise RemoteSessionError if the session closes instead."""
        async with self._deadline(f"not {wanted.__name__.lower()}", timeout_seconds):
            while True:
                self._node.require_running()
                if self.state is State.CLOSED and wanted is Established:
                    raise RemoteSessionError(SESSION_CLOSED, with_detail(self.reason, self.detail))
                waiter: asyncio.Future[Notice] = self._node.loop.create_future()
                self._waiters = (*self._waiters, waiter)
                try:
                    if isinstance(await waiter, wanted):
                        return
                finally:
                    self._waiters = tuple(other for other in self._waiters if other is not waiter)

    def _deadline(self, missing: str, timeout_seconds: float | None) -> AbstractAsyncContextManager[None]:
        """A deadline whose error names the missing event, the state of the session and its last failure."""

        def found() -> tuple[str, str]:
            failed = self.reason and self.state is not State.ESTABLISHED
            since = f"; the last failure: {with_detail(self.reason, self.detail)}" if failed else ""
            return missing, f", in {self.state.name}{since}"

        return deadline(timeout_seconds, found)

    def _is_used(self) -> bool:
        """Whether a call waits for this session, or it holds messages or requests."""
        worker = self._worker()
        return bool(self._waiters) or (worker is not None and bool(worker.session.waiting or worker.session.requests))

    def _worker(self) -> SessionWorker | None:
        resident = self._node.node.router.residents.get(self.address)
        return resident if isinstance(resident, SessionWorker) else None

    def _is_slow(self) -> Address | None:
        """Return the connection that carries this session's messages if it is slow, else None."""
        worker = self._worker()
        carrier = None if worker is None else worker.carrier
        while isinstance(carrier, SessionWorker) and carrier is not worker:  # routes through sessions may form a cycle
            carrier = carrier.carrier
        if not isinstance(carrier, Connection):
            return None
        connection = self._node.edge.connections.get(carrier.via)
        return carrier.via if connection is not None and connection.slow else None

"""Pipes: one-way delivery from this node to another, at least once, in order, or both.

    # on the other node: a receiver that confirms, and one that orders
    pipe_receiver(there, "reliable")
    pipe_receiver(there, "ordered", Ordering.ABSOLUTE)
    there.worker("app", handle, public=True)

    # on this node: the index pipe is around the resend pipe, so every message arrives once, in order
    async with Pipe(here, f"tcp://{where}/reliable") as reliable:
        async with Pipe(here, (reliable.address, local("ordered")), ordered=True) as ordered:
            here.send((ordered.address, local("app")), b"hello")

Rule 1: a message sent to `address` is forwarded unchanged by the receiver. A pipe does not add itself to the return
        route: replies do not pass through the pipe.
Rule 2: leaving the `async with` waits until all messages are confirmed, including those sent during the wait, and then
        closes the pipe. An exception closes it at once.
Rule 3: a pipe may have its own session (`Pipe.connect`, `pipe_spawner`): then each sender has its own receiver, to
        which no other peer can send.
Left out: resuming after a restart of this process; unconfirmed messages are then lost.
Source: spec/sessions.md section 17; Ockam's documents, "Pipes and channels".
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.net.arguments import NameOrAddress, TextOrRoute, address_of, check_running, config_of, route_of
from ockam_fsm.net.deadlines import deadline
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import format_route
from ockam_fsm.net.session import SESSION_CLOSED, TcpSession
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.pipe_ends import ReceivingEnd, SendingEnd
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.starting import check_free
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from ockam_fsm.runtime.session.handshake import GENERATION

USUAL = PipeConfig()


def pipe_receiver(
    node: TcpNode, name: NameOrAddress | None, ordering: Ordering | None = None, *, capacity: int = 64
) -> Address:
    """Start the receiver of a pipe, and return its address, which peers may use.

    `name` None: a new secret address. `ordering` None: the receiver confirms, for a resend or confirm pipe. Otherwise
    it is the receiver of an index pipe with this ordering: it serves one sender, and at most `capacity` messages wait
    for earlier ones.

    Raises:
        LocalSessionError: the name is taken, an argument is of the wrong type, or the node has stopped.
    """
    check_running(node)
    addresses = () if name is None else (address_of(name),)
    return node.node.start_worker(*addresses, handler=_receiving(ordering, capacity), access=Access.PUBLIC)


def pipe_spawner(
    node: TcpNode,
    name: NameOrAddress,
    ordering: Ordering | None = None,
    *,
    capacity: int = 64,
    sessions: int = 1000,
) -> Address:
    """Start a spawner that creates a receiver for each session of a `Pipe.connect`.

    `sessions`: the largest number of sessions at once. The other arguments and the errors are those of `pipe_receiver`.
    """
    check_running(node)
    _receiving(ordering, capacity)
    settings = config_of(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER, GENERATION, None)
    return node.node.start_host(
        address_of(name), settings, make=lambda: _receiving(ordering, capacity), capacity=sessions
    )


def _receiving(ordering: Ordering | None, capacity: int) -> ReceivingEnd:
    return ReceivingEnd(ConfirmingReceiver() if ordering is None else OrderingReceiver(ordering, capacity))


class Pipe:
    """The sender of a pipe, in one event loop. Use it with `async with`."""

    traces = False
    """Replies do not pass through a pipe, so it carries no session."""

    def __init__(
        self,
        node: TcpNode,
        route: TextOrRoute,
        config: PipeConfig = USUAL,
        *,
        ordered: bool = False,
        name: NameOrAddress | None = None,
        public: bool = False,
        own_route: TextOrRoute = (),
    ) -> None:
        """`route` leads to the receiver; it may begin with the address of another pipe or of a session.

        `ordered`: an index pipe, which only numbers messages and ignores `config`. `name`: its address, by default a
        new secret one. `public`: peers may use the address, as in the middle of a chain of pipes. `own_route`: the
        route from the receiver to this node for confirmations, needed if `route` passes through other pipes.

        Raises:
            LocalSessionError: the route or an argument is of the wrong type, or the node has stopped.
        """
        check_running(node)
        check_type("config", config, PipeConfig)
        check_type("ordered", ordered, bool)
        check_type("public", public, bool)
        self._node, self._route = node, route_of(route)
        if not self._route:
            raise LocalSessionError("route: it is empty; give the route to the receiver of the pipe")
        self._core = None if ordered else PipeSender(config)
        self._name = None if name is None else address_of(name)
        if self._route[0] == self._name:
            raise LocalSessionError(f"route: it begins with {self._name}, the address of this pipe; give another name")
        self._access = Access.PUBLIC if public else Access.PRIVATE
        self._back = route_of(own_route)
        self._session: TcpSession | None = None
        self._end: SendingEnd | None = None
        self._open = AsyncExitStack()
        self._changed = asyncio.Event()

    @classmethod
    def connect(cls, node: TcpNode, route: TextOrRoute, config: PipeConfig = USUAL, *, ordered: bool = False) -> Pipe:
        """Create a pipe with its own persistent session to the `pipe_spawner` at the end of `route`.

        Raises:
            LocalSessionError: as the constructor and `TcpNode.session`.
        """
        check_running(node)
        session = node.session(route, EXPLICIT_PERSISTENT_ONE_SIDED, attempts=None)
        pipe = cls(node, (session.address,), config, ordered=ordered)
        pipe._session = session
        return pipe

    def __repr__(self) -> str:
        return f"<Pipe along {format_route(self._route)}>"

    @property
    def address(self) -> Address:
        """The address that accepts messages for the pipe; the rest of their onward route begins at the receiver's node.

        Raises:
            LocalSessionError: the pipe was not opened.
        """
        return self._sending.outer

    @property
    def unconfirmed(self) -> int:
        """The number of accepted, unconfirmed messages; 0 for an index pipe. Raises the errors of `address`."""
        return self._sending.unconfirmed

    async def flush(self, timeout_seconds: float | None = None) -> None:
        """Wait until each accepted message is confirmed, or is a dead letter of this node. A confirm pipe does not
        retransmit: if a message is lost, this call returns only at its deadline.

        timeout_seconds: the deadline of the caller. The pipe goes on after it.

        Raises:
            LocalSessionError: the node has stopped, the pipe was not opened, or an argument is of the wrong type.
            RemoteSessionError: the session of the pipe has closed.
            TimeoutError: not everything was confirmed by the deadline.
        """
        async with deadline(timeout_seconds, lambda: ("not confirmed", f": {self.unconfirmed} messages")):
            await self._all_confirmed()

    async def _all_confirmed(self) -> None:
        sending, queue = self._sending, self._node.node.router.application.queue
        while self._node.running and (sending.unconfirmed or queue):
            if self._session is not None and self._session.state is State.CLOSED:
                raise RemoteSessionError(SESSION_CLOSED, self._session.reason)
            self._changed.clear()
            await (asyncio.sleep(0) if queue else self._something_happens())
        self._node.require_running()

    async def _something_happens(self) -> None:
        """Wait until a message is confirmed, the node has stopped, or the session has closed."""
        waits = [self._changed.wait(), self._node.stopped(), *([self._session.closed()] if self._session else [])]
        tasks = [asyncio.ensure_future(one) for one in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Pipe:
        """Open the pipe; with its own session, wait until that is established.

        Raises:
            LocalSessionError: it was opened before, its name is taken, or the node has stopped; and as
                `TcpSession.open`.
        """
        if self._end is not None:
            raise LocalSessionError("the pipe was opened before: create another one")
        if self._session is not None:
            await self._open.enter_async_context(self._session)
        self._node.require_running()
        router = self._node.node.router
        if self._name is not None:
            check_free(router.residents, self._name)
        self._end = SendingEnd(
            router, self._route, self._core, outer=self._name, access=self._access, back=self._back,
            changed=self._changed.set,
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            if self._node.running:
                self._node.order(lambda node: self._sending.close())
            await self._open.__aexit__(kind, error, trace)

    @property
    def _sending(self) -> SendingEnd:
        if self._end is None:
            raise LocalSessionError("the pipe is not open: use it with `async with`")
        return self._end

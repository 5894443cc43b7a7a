"""Pipes: one way from a worker here to a worker there, each message at least once, in order, or both.

    # there: a receiver that confirms, and one that orders
    pipe_receiver(there, "reliable")
    pipe_receiver(there, "ordered", Ordering.ABSOLUTE)
    there.worker("app", handle, public=True)

    # here: the index pipe is around the resend pipe, so every message arrives once, in order
    async with Pipe(here, f"tcp://{where}/reliable") as reliable:
        async with Pipe(here, (reliable.address, local("ordered")), ordered=True) as ordered:
            here.send((ordered.address, local("app")), b"hello")

Rule 1: what is sent to `address` is routed on there as it is. A pipe keeps the return route and does not put itself on
        it: replies do not come back through the pipe.
Rule 2: leaving the `async with` waits until everything that was sent is confirmed, also what is sent meanwhile, and
        then closes the pipe. An exception closes it at once.
Rule 3: a pipe may have a session of its own (`Pipe.connect`, `pipe_spawner`): then each sender finds a receiver of its
        own, and no stranger can send to it.
Left out: going on after a restart of this process; what is not confirmed then is lost.
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
    """Start the receiver of a pipe; the result is its address, which peers may name.

    `name` None: at a fresh secret address. `ordering` None: it confirms, for a resend or confirm pipe. Else it is that
    of an index pipe, serves one sender, and lets at most `capacity` messages wait for their turn.

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
    """Start a spawner that makes a receiver for each session; `Pipe.connect` is the other end of one.

    `sessions`: at most so many at once. The other arguments and errors are those of `pipe_receiver`.
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
    """Replies do not come back through it, so it carries no session."""

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

        `ordered`: an index pipe, which only numbers; `config` is for the others. `name`: its address, by default a
        fresh secret one; `public`: peers may name it, which a pipe in the middle of a chain needs. `own_route`: how the
        receiver reaches this node to confirm, where `route` leads through other pipes, which do not trace.

        Raises:
            LocalSessionError: the route or an argument is of the wrong type, or the node has stopped.
        """
        check_running(node)
        check_type("config", config, PipeConfig)
        self._node, self._route = node, route_of(route)
        if not self._route:
            raise LocalSessionError("route: it is empty; it leads to the receiver of the pipe")
        self._core = None if ordered else PipeSender(config)
        self._name = None if name is None else address_of(name)
        if self._route[0] == self._name:
            raise LocalSessionError(f"route: it begins with {self._name}, which is this pipe itself")
        self._access = Access.PUBLIC if public else Access.PRIVATE
        self._back = route_of(own_route)
        self._session: TcpSession | None = None
        self._end: SendingEnd | None = None
        self._open = AsyncExitStack()
        self._changed = asyncio.Event()

    @classmethod
    def connect(cls, node: TcpNode, route: TextOrRoute, config: PipeConfig = USUAL, *, ordered: bool = False) -> Pipe:
        """A pipe in a persistent session of its own with the `pipe_spawner` at the end of `route`.

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
        """Where messages for the pipe go; what follows in their onward route is from the receiver's node on.

        Raises:
            LocalSessionError: the pipe was not opened.
        """
        return self._sending.outer

    @property
    def unconfirmed(self) -> int:
        """How many accepted messages are not confirmed yet; 0 of an index pipe. Errors as `address`."""
        return self._sending.unconfirmed

    async def flush(self) -> None:
        """Wait until nothing that was accepted waits: the receiver has routed it on, or the node has given it up as a
        dead letter. A confirm pipe never sends again: where a message is lost on the way, this waits for ever.

        Raises:
            LocalSessionError: the node has stopped, or the pipe was not opened.
            RemoteSessionError: the session of the pipe has closed.
        """
        sending, queue = self._sending, self._node.node.router.application.queue
        while self._node.running and (sending.unconfirmed or queue):
            if self._session is not None and self._session.state is State.CLOSED:
                raise RemoteSessionError(SESSION_CLOSED, self._session.reason)
            self._changed.clear()
            await (asyncio.sleep(0) if queue else self._something_happens())
        self._node.require_running()

    async def _something_happens(self) -> None:
        """A message is confirmed, or the node has stopped, or the session has closed."""
        waits = [self._changed.wait(), self._node.stopped(), *([self._session.closed()] if self._session else [])]
        tasks = [asyncio.ensure_future(one) for one in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Pipe:
        """Open it; with a session of its own, when that is established.

        Raises:
            LocalSessionError: it was opened before, its name is taken, or the node has stopped; and as
                `TcpSession.open`.
        """
        if self._end is not None:
            raise LocalSessionError("the pipe was opened before: make another one")
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

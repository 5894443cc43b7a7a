"""A node of a Python program, over TCP.

    async with TcpNode() as node:
        where = await node.listen("127.0.0.1:4000")
        node.worker("echo", echo, public=True)
        node.spawner("spawner", "explicit-persistent-one-sided", handler=handle)
        async with node.session(f"tcp://{where}/spawner", "explicit-persistent-one-sided") as session:
            print(await session.request(b"ping", timeout_seconds=1.0))

Rule 1: everything here runs in one event loop; nothing is shared with threads. Handlers are functions or coroutines.
Rule 2: leaving the `async with` stops sessions and hosts (their peers are notified), writes pending output, and ends
        connections and tasks. `abort` behaves as a crash. After a node has stopped, all pending calls fail with the
        cause and further calls are refused; if it stopped by itself, `async with` raises the cause.
Rule 3: names are local addresses, routes are text (routes.py) or tuples of addresses.
Left out: decisions; those are in the tables, the node and its sessions (runtime/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import NoneType, TracebackType

from ockam_fsm.kernel.arguments import check_count, check_seconds, check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType
from ockam_fsm.net.arguments import (
    Carrier,
    NameOrAddress,
    TextOrRoute,
    address_of,
    config_of,
    route_of,
    route_over,
    way_back,
    way_out,
)
from ockam_fsm.net.async_workers import AnyHandler, Mailbox
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.net.inbox import Inbox
from ockam_fsm.net.observability import LogObserver, Metrics
from ockam_fsm.net.routes import format_route, tcp
from ockam_fsm.net.session import Owner, TcpSession
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import Letter, NotifyOwner, Observation, Observer, RememberNumber, StateChanged
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.forwarding import policy_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.spawners import Durable, HostWorker, nothing_durable
from ockam_fsm.runtime.node.workers import Context, Handler, RestartPolicy, checked_handler, plain_function
from ockam_fsm.runtime.session.commands import Closed
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Profile
from ockam_fsm.runtime.session.link import Entropy
from ockam_fsm.runtime.session.session import Session

CONNECTIONS = ConnectionConfig(idle_seconds=300.0)
"""A connection that no session uses is closed after five minutes without a message."""


class TcpNode:
    """A node over TCP, used with `async with`. `remember` and `durable` (see `spawner`) keep state over a restart."""

    def __init__(
        self,
        *,
        limits: TcpLimits | None = None,
        connections: ConnectionConfig | None = None,
        observers: Iterable[Observer] = (),
        remember: Callable[[RememberNumber], None] = lambda command: None,
        entropy: Entropy | None = None,
        mailbox: int = 1000,
        forward_to: str | Iterable[str] = "peer",
        make: Callable[..., Session] = Session,
    ) -> None:
        """`mailbox`: how many messages may wait for a handler that awaits, or in a session without a handler.

        `forward_to`: the hosts that messages of peers may make this node connect to. `peer`: the host of the connection
        that the message came on, any port; `any`; `none`; or HOST:PORT; or several of these. `make` creates the
        sessions; that of a `Recorder` records their steps (trace_recorder.py).

        Raises:
            LocalSessionError: an argument is of the wrong type or names no policy.
        """
        plain_function("remember", remember)
        check_count("mailbox", mailbox)
        check_type("limits", limits, TcpLimits, NoneType)
        check_type("connections", connections, ConnectionConfig, NoneType)
        plain_function("make", make)
        policy = policy_of(forward_to, tcp)
        self.node = Node(
            entropy or SystemEntropy(), connections=connections or CONNECTIONS, forwarding=policy, make=make
        )
        self.addresses: list[str] = []
        """The listening addresses of this node, as HOST:PORT."""
        check_type("observers", observers, Iterable)
        attached: tuple[Observer, ...] = (self, LogObserver(), *observers)
        for observer in attached:
            plain_function("observe", getattr(observer, "observe", None))
            self.node.add_observer(observer)
            if isinstance(observer, Metrics):
                observer.attach(self.node.router.ledger)
        self._limits = limits
        self._remember = remember
        self._mailbox = mailbox
        self._edge: TcpEdge | None = None
        self._sessions: dict[Address, TcpSession] = {}
        self._owners: dict[Address, Owner] = {}
        self._replies: dict[Address, asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._identifier = 0
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"<TcpNode at {', '.join(self.addresses) or 'no address'}: {len(self._sessions)} sessions>"

    async def __aenter__(self) -> TcpNode:
        if self._edge is not None:
            raise LocalSessionError("the node was started before: create another TcpNode")
        self._edge = TcpEdge(
            self.node, self._limits, notified=self._notified, remember=self._remembered, stopped=self._on_stopped
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self.edge.failed is not None and error is None:
            raise self._stopped_error() from self.edge.failed

    @property
    def running(self) -> bool:
        """Whether the node was started and has not stopped."""
        return self._edge is not None and not self._edge.stopped

    def require_running(self) -> None:
        """Raise LocalSessionError, with the cause, if the node has stopped or was not started."""
        if self.edge.stopped:
            raise self._stopped_error() from self.edge.failed

    @property
    def edge(self) -> TcpEdge:
        if self._edge is None:
            raise LocalSessionError("the node is not started: use it with `async with`")
        return self._edge

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.edge.loop

    async def listen(self, address: str = "127.0.0.1:0") -> str:
        """Listen at HOST:PORT (port 0: a free one), and return the address with its port.

        Raises:
            LocalSessionError: `address` is not HOST:PORT.
            OSError: it cannot be listened at.
        """
        self.require_running()
        where = await self.edge.listen(address)
        self.addresses.append(where)
        return where

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop every session and host, write pending output for at most `grace_seconds`, and end everything.

        Peers are notified that this node goes away. To end a persistent session permanently, close it first.
        """
        if self.running:
            residents = self.node.router.residents
            for address, resident in tuple(residents.items()):
                if isinstance(resident, HostWorker):
                    self.node.stop(address)
            for address, resident in tuple(residents.items()):
                if isinstance(resident, SessionWorker) and address == resident.outer and address in residents:
                    self.node.stop(address)
        await self.edge.close(grace_seconds)
        await self._cancel_tasks()

    async def stopped(self) -> None:
        """Wait until the node has stopped. `edge.failed` is the cause if it stopped by itself, else None."""
        await self._ended.wait()

    async def abort(self) -> None:
        """End everything now without notifying peers, as in a crash."""
        self.edge.abort()
        await self._cancel_tasks()

    # Workers ----------------------------------------------------------------------------------------------------------

    def worker(
        self,
        name: NameOrAddress | None,
        handler: AnyHandler,
        *,
        public: bool = False,
        make: Callable[[], Handler] | None = None,
        restart: RestartPolicy | None = None,
    ) -> Address:
        """Start a worker; `handler(message, context)` is a function or a coroutine function.

        `name` None: a new secret address. `public`: peers may address it. `make` and `restart`: see `RestartPolicy`.

        Raises:
            LocalSessionError: the name is taken, the handler cannot be called, or the node has stopped.
        """
        self.require_running()
        addresses = () if name is None else (address_of(name),)
        access = Access.PUBLIC if public else Access.PRIVATE
        return self.node.start_worker(
            *addresses, handler=self._handler(handler), access=access, make=make, restart=restart
        )

    def spawner(
        self,
        name: NameOrAddress,
        session_type: SessionType | str = EXPLICIT_TRANSIENT,
        *,
        handler: AnyHandler,
        profile: Profile | str = GENERATION,
        durations: Durations | None = None,
        capacity: int = 1000,
        durable: Durable = nothing_durable,
        settings: SessionConfig | None = None,
    ) -> Address:
        """Start a spawner (or static responder): it creates a responder for every session that a hello requests.

        In profiles `ockam` and `secure` responders are transient. `settings` replaces type, profile and durations.

        Each session has its own worker for its messages: a handler that fails, or that awaits indefinitely, affects
        only its own session.

        Raises:
            LocalSessionError: the name is taken, the handler cannot be called, or the node has stopped.
            DefinitionError: type, profile and durations contradict each other.
        """
        self.require_running()
        checked_handler(handler)
        wanted = config_of(session_type, Role.RESPONDER, profile, durations, settings=settings)
        return self.node.start_host(
            address_of(name), wanted, make=lambda: self._handler(handler), capacity=capacity, durable=durable
        )

    def responders(self, name: NameOrAddress) -> tuple[TcpSession, ...]:
        """Return the current sessions of a spawner, the oldest first."""
        host = self.node.host(address_of(name))
        creation = host.settings.session_type.creation
        found = []
        for worker in host.responders.values():
            if worker.outer not in self._sessions:
                self._sessions[worker.outer] = TcpSession(self, worker.outer, creation)
                self._sessions[worker.outer].generation = worker.session.seen[0]
            found.append(self._sessions[worker.outer])
        return tuple(found)

    def stop(self, name: NameOrAddress) -> None:
        """Stop a worker, or a spawner with its responders; the peers of the responders are notified."""
        self.order(lambda node: node.stop(address_of(name)))

    # Messages ---------------------------------------------------------------------------------------------------------

    def send(
        self, route: TextOrRoute, payload: bytes, *, return_route: Route = (), tracing_context: str | None = None
    ) -> None:
        """Send one message along a route. If it cannot be delivered, it becomes a dead letter where it fails.

        Raises:
            LocalSessionError: a part of the message is of the wrong type or too large, or the node has stopped.
        """
        self.require_running()
        self.node.route(Message(route_of(route), return_route, payload, tracing_context))
        self.edge.pump(gather=True)

    async def request(
        self, route: TextOrRoute, payload: bytes, *, timeout_seconds: float = 10.0, tracing_context: str | None = None
    ) -> Message:
        """Send one message along a route and wait for the first reply.

        On timeout or cancellation the message is withdrawn: if it has not left this node, it is not sent.

        Raises:
            LocalSessionError: as `send`.
            RemoteSessionError: this node cannot deliver the message.
            TimeoutError: no reply in time.
        """
        self.require_running()
        check_seconds("timeout_seconds", timeout_seconds)
        future: asyncio.Future[Message] = self.loop.create_future()

        def reply(message: Message, context: Context) -> None:
            if not future.done():
                future.set_result(message)

        address = self.node.start_worker(handler=reply)
        self._replies[address] = future
        try:
            self.send(route, payload, return_route=(address,), tracing_context=tracing_context)
            async with asyncio.timeout(timeout_seconds):
                return await future
        except TimeoutError:
            raise TimeoutError(
                f"no reply within {timeout_seconds:g} s from {route if isinstance(route, str) else format_route(route)}"
            ) from None
        finally:
            del self._replies[address]
            if self.running:
                if future.cancelled() or not future.done():
                    self.node.withdraw(address)
                self.node.stop(address)

    # Sessions ---------------------------------------------------------------------------------------------------------

    def session(
        self,
        route: TextOrRoute,
        session_type: SessionType | str = EXPLICIT_TRANSIENT,
        *,
        handler: AnyHandler | None = None,
        profile: Profile | str = GENERATION,
        durations: Durations | None = None,
        name: NameOrAddress | None = None,
        own_route: TextOrRoute | None = None,
        attempts: int | None = 5,
        settings: SessionConfig | None = None,
        session_id: bytes | None = None,
        remembered: int = 0,
        over: Carrier | None = None,
        recreated: bool = False,
    ) -> TcpSession:
        """Create a session to the spawner or responder at the end of `route`; `async with` opens it.

        `over`: the session below; its outer address is the first step, and `route` begins at its other end.
        `recreated`: after a failure of an implicit transient session the next message creates a new one at its address.

        Without a `handler`, read its messages with `receive` or `messages`. `name`: its outer address, for routes
        through it. `own_route`: the route from the peer to this node without the last address, for renegotiation by the
        peer of a two-sided session; default: a listening address. `session_id`, `remembered`: from durable state.

        Raises:
            LocalSessionError: the name or the route is wrong, a two-sided session has no route back, or the node has
                stopped.
            DefinitionError: type, profile and durations contradict each other.
        """
        self.require_running()
        way = way_out(route_over(over, route), self.node.router.residents)
        wanted = config_of(session_type, Role.INITIATOR, profile, durations, attempts, settings)
        contact, back = None, Route()
        if wanted.session_type.renegotiation is Renegotiation.TWO_SIDED:
            contact = self.node.fresh_address()
            back = (*way_back(own_route, self.addresses), contact)
        inbox = Inbox(self._mailbox) if handler is None else None
        address = self.node.start_session(
            wanted,
            way,
            outer=None if name is None else address_of(name),
            handler=inbox or self._handler(handler or _nothing),
            contact=contact,
            own_route=back,
            session_id=session_id,
            remembered=remembered,
            has_state=remembered != 0,
            recreated=recreated,
        )
        session = self._sessions[address] = TcpSession(self, address, wanted.session_type.creation, inbox)
        return session

    # For sessions and their owners ------------------------------------------------------------------------------------

    def attach(self, session: Address, owner: Owner) -> None:
        """Send the notices of a session of this node to `owner`, until the session is closed."""
        self._owners[session] = owner

    def detach(self, session: Address) -> None:
        """Stop sending the notices of the session to its owner."""
        self._owners.pop(session, None)

    def order(self, order: Callable[[Node], None]) -> None:
        """Give the node an order, and carry out the resulting commands."""
        self.require_running()
        edge = self.edge
        order(self.node)
        edge.pump(gather=True)

    def next_identifier(self) -> int:
        self._identifier += 1
        return self._identifier

    def observe(self, observation: Observation) -> None:
        """Pass state changes to the sessions, and fail the pending calls of `request` that cannot be delivered."""
        if isinstance(observation, StateChanged):
            session = self._sessions.get(observation.worker)
            if session is not None:
                session.changed(observation)
        elif self._replies and isinstance(observation, Letter) and isinstance(observation.message, Message):
            for address in observation.message.return_route[-1:]:
                future = self._replies.get(address)
                if future is not None and not future.done():
                    future.set_exception(RemoteSessionError(observation.reason, observation.detail))

    # Within -----------------------------------------------------------------------------------------------------------

    def _notified(self, notify: NotifyOwner) -> None:
        found: TcpSession | Owner | None = self._sessions.get(notify.worker) or self._owners.get(notify.worker)
        if isinstance(notify.notice, Closed) and notify.worker not in self.node.router.residents:
            self._sessions.pop(notify.worker, None)
            self.detach(notify.worker)
        if found is not None:
            found.notified(notify.notice)

    def _remembered(self, command: RememberNumber) -> None:
        """Store a number before the hello with this number leaves (clause 4.1)."""
        self._remember(command)
        owner = self._owners.get(command.worker)
        if owner is not None:
            owner.remembered(command.number)

    def _handler(self, handler: AnyHandler) -> Handler:
        return Mailbox(handler, self.edge.pump, self._tasks, self._mailbox)

    def _on_stopped(self, cause: Exception | None) -> None:
        """The edge has stopped: fail all pending calls with the cause."""
        error = self._stopped_error()
        error.__cause__ = cause
        self.addresses.clear()
        self._ended.set()
        for future in self._replies.values():
            if not future.done():
                future.set_exception(error)
        listeners: tuple[TcpSession | Owner, ...] = (*self._sessions.values(), *self._owners.values())
        for one in listeners:
            one.node_stopped(error)

    def _stopped_error(self) -> LocalSessionError:
        cause = self.edge.failed
        return LocalSessionError(f"the node has stopped: {cause!r}" if cause is not None else "the node has stopped")

    async def _cancel_tasks(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nothing(message: Message, context: Context) -> None:
    context.dead_letter("no handler")

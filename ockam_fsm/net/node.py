"""The library: a node in a Python program, over TCP.

    async with TcpNode() as node:
        where = await node.listen("127.0.0.1:4000")
        node.worker("echo", echo, public=True)
        node.spawner("spawner", "explicit-persistent-one-sided", handler=handle)
        async with node.session(f"tcp://{where}/spawner", "explicit-persistent-one-sided") as session:
            print(await session.request(b"ping", timeout_seconds=1.0))

Rule 1: everything here runs in one event loop; nothing is shared with threads. Handlers are functions or coroutines.
Rule 2: leaving the `async with` closes sessions (their peers are told), writes what is to be written, and ends
        connections and tasks. `abort` is what a crash would be.
Rule 3: names are local addresses, routes are text (routes.py) or tuples of addresses.
Left out: decisions; those are in the tables, the node and its sessions (runtime/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import TypeAlias, TypeVar

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType
from ockam_fsm.net.async_workers import AnyHandler, synchronous
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.net.observability import LogObserver
from ockam_fsm.net.routes import parse_route, tcp
from ockam_fsm.net.session import Inbox, TcpSession
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import Letter, Notify, Observation, Observer, Remember, StateChanged
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.router import Access
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.spawners import Durable, HostWorker, nothing_durable
from ockam_fsm.runtime.node.workers import Context, Handler, RestartPolicy
from ockam_fsm.runtime.session.commands import Closed
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, PROFILES, Profile
from ockam_fsm.runtime.session.link import Entropy
from ockam_fsm.runtime.session.session import Session

NameOrAddress: TypeAlias = str | Address
TextOrRoute: TypeAlias = str | Route
T = TypeVar("T")


class TcpNode:
    """Use it with `async with`. `remember` and `durable` (see `spawner`) are for state that survives a restart."""

    def __init__(
        self,
        *,
        limits: TcpLimits | None = None,
        connections: ConnectionConfig | None = None,
        observers: Iterable[Observer] = (),
        remember: Callable[[Remember], None] = lambda command: None,
        entropy: Entropy | None = None,
        mailbox: int = 1000,
        make: Callable[..., Session] = Session,
    ) -> None:
        """`mailbox`: how many messages may wait for a coroutine handler, or in a session without a handler.

        `make` makes the sessions; a `Recorder` has one whose steps are written down (trace_recorder.py).
        """
        self.node = Node(entropy or SystemEntropy(), connections=connections, make=make)
        self.addresses: list[str] = []
        """Where this node listens, as HOST:PORT."""
        attached: tuple[Observer, ...] = (self, LogObserver(), *observers)
        for observer in attached:
            self.node.add_observer(observer)
        self._limits = limits
        self._remember = remember
        self._mailbox = mailbox
        self._edge: TcpEdge | None = None
        self._sessions: dict[Address, TcpSession] = {}
        self._replies: dict[Address, asyncio.Future[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._identifier = 0

    async def __aenter__(self) -> TcpNode:
        self._edge = TcpEdge(self.node, self._limits, notified=self._notified, remember=self._remember)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def edge(self) -> TcpEdge:
        if self._edge is None:
            raise LocalSessionError("the node is not started: use it with `async with`")
        return self._edge

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self.edge.loop

    async def listen(self, address: str = "127.0.0.1:0") -> str:
        """Listen at HOST:PORT (port 0: a free one); the result says where.

        Raises:
            LocalSessionError: `address` is not HOST:PORT.
            OSError: it cannot be listened at.
        """
        where = await self.edge.listen(address)
        self.addresses.append(where)
        return where

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Close every session and host, write what is to be written, and end everything."""
        residents = tuple(self.node.router.residents.items())
        for address, resident in residents:
            if isinstance(resident, HostWorker):
                self.node.stop(address)
        for address, resident in residents:
            if isinstance(resident, SessionWorker) and address == resident.outer and self._is_here(resident):
                self.node.close(address)
        await self.edge.close(grace_seconds)
        await self._cancel_tasks()

    async def abort(self) -> None:
        """End everything now and tell nobody, as a crash would."""
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

        `name` None: at a fresh secret address. `public`: peers may name it. `make` and `restart`: see `RestartPolicy`.

        Raises:
            LocalSessionError: the name is taken.
        """
        addresses = () if name is None else (_address(name),)
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
        """Start a spawner (or static responder): it makes a responder for every session that a hello asks for.

        In profile `ockam` every responder is a transient one. `settings` says more than type, profile and durations.

        Raises:
            LocalSessionError: the name is taken.
        """
        wanted = settings or _settings(session_type, Role.RESPONDER, profile, durations)
        return self.node.start_host(
            _address(name), wanted, handler=self._handler(handler), capacity=capacity, durable=durable
        )

    def responders(self, name: NameOrAddress) -> tuple[TcpSession, ...]:
        """The sessions that a spawner holds now, the oldest first."""
        host = self.node.host(_address(name))
        creation = host.settings.session_type.creation
        found = []
        for worker in host.responders.values():
            if worker.outer not in self._sessions:
                self._sessions[worker.outer] = TcpSession(self, worker.outer, creation)
                self._sessions[worker.outer].generation = worker.session.seen[0]
            found.append(self._sessions[worker.outer])
        return tuple(found)

    def stop(self, name: NameOrAddress) -> None:
        """Stop a worker or a spawner; a spawner closes its responders."""
        self.order(lambda node: node.stop(_address(name)))

    # Messages ---------------------------------------------------------------------------------------------------------

    def send(
        self, route: TextOrRoute, payload: bytes, *, return_route: Route = (), tracing_context: str | None = None
    ) -> None:
        """Send one message along a route. What cannot be delivered is a dead letter, here or where it fails."""
        self.node.route(Message(_route(route), return_route, payload, tracing_context))
        self.edge.pump(gather=True)

    async def request(
        self, route: TextOrRoute, payload: bytes, *, timeout_seconds: float = 10.0, tracing_context: str | None = None
    ) -> Message:
        """Send one message along a route and wait for the first reply.

        Raises:
            RemoteSessionError: it could not be delivered from here.
            TimeoutError: no reply in time.
        """
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
        finally:
            del self._replies[address]
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
    ) -> TcpSession:
        """A session to the spawner or responder at the end of `route`; `async with` opens it.

        Without a `handler` its messages are read with `receive` or `messages`. `name`: its outer address, for routes
        through it. `own_route`: how the peer reaches this node when a two-sided session is renegotiated from there,
        without the last address; by default where this node listens. `session_id`, `remembered`: from durable state.

        Raises:
            LocalSessionError: the name or the route is wrong, or there is no way back for a two-sided session.
        """
        wanted = settings or _settings(session_type, Role.INITIATOR, profile, durations, attempts)
        contact, back = None, Route()
        if wanted.session_type.renegotiation is Renegotiation.TWO_SIDED:
            contact = self.node.fresh_address()
            back = (*self._way_back(own_route), contact)
        inbox = Inbox(self._mailbox) if handler is None else None
        address = self.node.start_session(
            wanted,
            _route(route),
            outer=None if name is None else _address(name),
            handler=inbox or self._handler(handler or _nothing),
            contact=contact,
            own_route=back,
            session_id=session_id,
            remembered=remembered,
            has_state=remembered > 0,
        )
        session = self._sessions[address] = TcpSession(self, address, wanted.session_type.creation, inbox)
        return session

    # For sessions -----------------------------------------------------------------------------------------------------

    def order(self, order: Callable[[Node], None]) -> None:
        """Give the node an order, and carry out what follows from it."""
        edge = self.edge
        order(self.node)
        edge.pump(gather=True)

    def next_identifier(self) -> int:
        self._identifier += 1
        return self._identifier

    def observe(self, observation: Observation) -> None:
        """This node observes itself: changes go to the sessions, undeliverable requests to who waits for a reply."""
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

    def _notified(self, notify: Notify) -> None:
        session = self._sessions.get(notify.worker)
        if session is not None:
            if isinstance(notify.notice, Closed):
                del self._sessions[notify.worker]
            session.notified(notify.notice)

    def _handler(self, handler: AnyHandler) -> Handler:
        return synchronous(handler, self.edge.pump, self._tasks, self._mailbox)

    def _way_back(self, own_route: TextOrRoute | None) -> Route:
        if own_route is not None:
            return _route(own_route)
        if not self.addresses:
            raise LocalSessionError("a two-sided session is called back: `listen` first, or give `own_route`")
        return (tcp(self.addresses[0]),)

    def _is_here(self, worker: SessionWorker) -> bool:
        return self.node.router.residents.get(worker.outer) is worker

    async def _cancel_tasks(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nothing(message: Message, context: Context) -> None:
    context.dead_letter("no handler")


def _address(name: NameOrAddress) -> Address:
    return local(name) if isinstance(name, str) else name


def _route(route: TextOrRoute) -> Route:
    return _parsed(route) if isinstance(route, str) else route


_parsed = lru_cache(maxsize=256)(parse_route)


def _declared(
    session_type: SessionType | str,
    role: Role,
    profile: Profile | str,
    durations: Durations | None,
    attempts: int | None = 5,
) -> SessionConfig:
    types = {kind.name: kind for kind in TYPES}
    kind = _named("session type", session_type, types) if isinstance(session_type, str) else session_type
    spoken = _named("profile", profile, PROFILES) if isinstance(profile, str) else profile
    if role is Role.RESPONDER and not spoken.keeps_alive:
        kind = EXPLICIT_TRANSIENT
    return SessionConfig(kind, role, spoken, durations or _DURATIONS, attempts)


_settings: Callable[..., SessionConfig] = lru_cache(maxsize=256)(_declared)
"""One for all sessions of a kind: they are values, and what they look up once is then looked up once for all."""


def _named(what: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise LocalSessionError(f"there is no {what} {name!r}; there are {', '.join(known)}")
    return known[name]


_DURATIONS = Durations()

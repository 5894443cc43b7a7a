"""The node, without I/O: everything that has an address, and the queue between them.

How an edge uses it. Inputs are methods; nothing is delivered until `run`, which returns the commands of
`commands.py`, complete and in order. Inputs may be gathered (all frames of a read) before one `run`.

    node = Node(entropy)
    echo_address = node.start_worker(local("echo"), handler=echo, access=Access.PUBLIC)
    session = node.start_session(settings, (tcp("hub:4000"), local("responder")), handler=print_it)
    node.open(session)
    for command in node.run(): ...          # Connect(via, destination), SetTimer, ...

    the edge finds out                          it calls
    a peer connected, its version byte is right `via = node.accepted()`
    a connection that `Connect` asked for stands `node.connected(via)`
    a connection failed, ended, was refused     `node.connection_lost(via, why)`
    a frame arrived                             `node.receive(message, via)`
    a timer of `SetTimer` is due                `node.fire(timer)`

Rule 1: one live connection per destination, made by the first message to it (connections.py). The edge opens and
        closes what it is told, and keeps no list of its own by destination.
Rule 2: `receive` prepends `via` to the return route. That makes the return route of everything from outside begin with
        something that is ours, and true.
Rule 3: inputs take effect in their order: what was received is delivered before an order, a timer or a lost connection.
Rule 4: nothing is dropped without a dead letter: `node.dead_letters`, and every observer hears of it.
Rule 5: an error goes back for an undeliverable message only where the address was an inner one of profile `generation`
        that has ended here, only for what such a session says while it talks, never for an error, and at most
        `ERRORS_PER_WINDOW` in a window. A peer of profile `ockam` therefore never gets one.
Left out: bytes and sockets (net/, simulation/), what a session says (session.py).
Source: spec/sessions.md; the discussion.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import blake2b

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import NodeCommand, Observer, WorkerTimer
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.dead_letters import DeadLetters
from ockam_fsm.runtime.node.router import ROUTER, Access, Envelope, Resident, Router
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.spawners import Durable, HostWorker, nothing_durable
from ockam_fsm.runtime.node.workers import USUAL_RESTARTS, Handler, RestartPolicy, Worker, settle
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, SESSION_ID_BYTES
from ockam_fsm.runtime.session.knowledge import Terms
from ockam_fsm.runtime.session.link import Entropy
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Error

UNKNOWN_CONNECTION = "unknown connection"
ERRORS_PER_WINDOW = 100
WINDOW_SECONDS = 1.0
_TALK = (b"\x04", b"\x05", b"\x06")
"""The tags of Keepalive, KeepaliveAnswer and Data: what a session says while it talks."""

_WINDOW = WorkerTimer(ROUTER, "errors")


class Node:
    def __init__(
        self,
        entropy: Entropy,
        *,
        connections: ConnectionConfig | None = None,
        destinations: int = 1000,
        deliveries: int = 10_000,
        dead_letters: int = 1000,
        make: Callable[..., Session] = Session,
    ) -> None:
        """`destinations`: how many connections of our own may live at once. `deliveries`: see router.py, rule 5.

        `make` makes the sessions; checks watch them, and need wrong ones.
        """
        self.router = Router(entropy, deliveries, dead_letters)
        self.router.gateway = self._gateway
        self.router.on_unknown = self._on_unknown
        self.connection_config = connections or ConnectionConfig()
        self.destinations: dict[Address, Connection] = {}
        self._max_destinations = destinations
        self._errors = 0
        self._make = make

    @property
    def dead_letters(self) -> DeadLetters:
        return self.router.dead_letters

    def add_observer(self, observer: Observer) -> None:
        self.router.observers = (*self.router.observers, observer)

    def fresh_address(self) -> Address:
        """An address that nobody can guess."""
        return self.router.fresh_address()

    def run(self) -> list[NodeCommand]:
        """Deliver everything that is under way, and say what the edge has to do."""
        return self.router.run()

    # What an edge finds out -------------------------------------------------------------------------------------------

    def receive(self, message: Message, via: Address) -> None:
        """A frame arrived over the connection `via`."""
        connection = self.router.residents.get(via)
        back = (via, *message.return_route)
        arrived = Message(message.onward_route, back, message.payload, message.tracing_context)
        if not isinstance(connection, Connection) or connection.state is not State.ESTABLISHED:
            self.router.bury(UNKNOWN_CONNECTION, arrived, via)
            return
        connection.heard += 1
        connection.step(Event.DATA_RECEIVED)
        self.router.route(Envelope(arrived, connection))

    def accepted(self) -> Address:
        """A peer has connected to us. The result names the connection from now on."""
        via = self.fresh_address()
        connection = self.make_connection(via, None)
        connection.step(Event.HELLO_NEWER)
        connection.step(Event.CONFIRMED)
        return via

    def connected(self, via: Address) -> None:
        """The connection that `Connect(via, ...)` asked for stands, with the peer's version byte."""
        connection = self.router.residents.get(via)
        if isinstance(connection, Connection):
            connection.step(Event.ANSWER_CURRENT)

    def connection_lost(self, via: Address, reason: str = "") -> None:
        """The connection is gone, or was refused. One that is not known (any more) is no event."""
        self.router.drain()
        connection = self.router.residents.get(via)
        if isinstance(connection, Connection):
            connection.reason = reason
            connection.step(Event.LOWER_LAYER_LOST)

    def fire(self, timer: WorkerTimer) -> None:
        """A timer is due. One of a worker that is gone is no event."""
        self.router.drain()
        resident = self.router.residents.get(timer.worker)
        if resident is not None:
            resident.fire(timer.timer)
        elif timer == _WINDOW:
            self._errors = 0

    # Workers ----------------------------------------------------------------------------------------------------------

    def start_worker(
        self,
        *addresses: Address,
        handler: Handler,
        access: Access = Access.PRIVATE,
        make: Callable[[], Handler] | None = None,
        restart: RestartPolicy | None = None,
    ) -> Address:
        """Start a worker at these addresses (none: at a fresh secret one); the first names it.

        `make` makes the handler that a restart goes on with; without it the same handler goes on.

        Raises:
            LocalSessionError: an address is taken.
        """
        self._require_free(*addresses)
        if not addresses:
            addresses, access = (self.fresh_address(),), Access.SECRET
        settle(self.router, Worker(self.router, addresses, handler, make, restart or USUAL_RESTARTS), access)
        return addresses[0]

    def stop(self, address: Address) -> None:
        """Stop the worker or the host at `address`; a host closes its responders.

        Raises:
            LocalSessionError: nothing there can be stopped.
        """
        self.router.drain()
        resident = self.router.residents.get(address)
        if not isinstance(resident, Worker | HostWorker):
            raise LocalSessionError(f"{address}: no worker and no host is here (sessions are closed, not stopped)")
        resident.stop()

    def route(self, message: Message) -> None:
        """Send a message of the application's, as a worker of this node."""
        self.router.route(Envelope(message))

    # Sessions ---------------------------------------------------------------------------------------------------------

    def start_session(
        self,
        settings: SessionConfig,
        initialization_route: Route,
        *,
        outer: Address | None = None,
        access: Access = Access.PRIVATE,
        application: Address | None = None,
        handler: Handler | None = None,
        contact: Address | None = None,
        own_route: Route = (),
        session_id: bytes | None = None,
        remembered: int = 0,
        has_state: bool = False,
    ) -> Address:
        """Start an initiator; its outer address names it. Explicit ones are then opened, implicit ones sent through.

        Data of the peer goes to the worker at `application`, or to a worker made for `handler`. `contact`: where a
        two-sided session hears hellos; `own_route`: the way there as the peer sees it. `session_id`, `remembered` and
        `has_state` come from durable state.

        Raises:
            LocalSessionError: an address is taken, or there is no way to the peer.
        """
        outer = outer or self.fresh_address()
        self._require_free(outer, *(() if contact is None else (contact,)))
        if not initialization_route:
            raise LocalSessionError("an initiator needs an initialization route")
        if session_id is None:
            session_id = self._session_id() if settings.profile.keeps_alive else b""
        terms = Terms(session_id, outer, contact, own_route)
        session = self._make(settings, terms, self.router.entropy, initialization_route,
                          remembered=remembered, has_state=has_state)  # fmt: skip
        if handler is not None:
            application = self.start_worker(handler=handler)
        worker = SessionWorker(self.router, session, application, None, ends_application=handler is not None)
        self.router.register(outer, worker, access)
        if contact is not None:
            self.router.register(contact, worker, Access.PUBLIC)
        return outer

    def start_host(
        self,
        address: Address,
        settings: SessionConfig,
        *,
        application: Address | None = None,
        handler: Handler | None = None,
        capacity: int = 1000,
        access: Access = Access.PUBLIC,
        durable: Durable = nothing_durable,
    ) -> Address:
        """Start a spawner or static responder; `settings` are those of its responders."""
        self._require_free(address)
        if handler is not None:
            application = self.start_worker(handler=handler)
        worker = HostWorker(self.router, address, settings, application, capacity, durable, self._make)
        self.router.register(address, worker, access)
        return address

    def open(self, session: Address) -> None:
        """Raises LocalSessionError if the session refuses, as do the other orders below."""
        self._ordered(session).order(Session.open)

    def send(
        self,
        session: Address,
        payload: bytes,
        onward_route: Route = (),
        return_route: Route = (),
        *,
        tracing_context: str | None = None,
    ) -> None:
        """Send through a session. `onward_route` leads on from the peer's session worker."""
        outgoing = Outgoing(payload, onward_route, return_route, tracing_context=tracing_context)
        self._ordered(session).order(lambda one: one.send(outgoing))

    def request(
        self,
        session: Address,
        identifier: Hashable,
        payload: bytes,
        onward_route: Route = (),
        *,
        reissue: bool = False,
        timeout_seconds: float | None = None,
        tracing_context: str | None = None,
    ) -> None:
        """Send a synchronous request; its one outcome is a `Notify` that carries `identifier`."""
        outgoing = Outgoing(payload, onward_route, tracing_context=tracing_context)
        self._ordered(session).order(
            lambda one: one.request(identifier, outgoing, reissue=reissue, timeout_seconds=timeout_seconds)
        )

    def renegotiate(self, session: Address) -> None:
        self._ordered(session).order(Session.renegotiate)

    def close(self, session: Address) -> None:
        self._ordered(session).order(Session.close)

    def session(self, outer: Address) -> Session:
        """The session of this outer address, to look at.

        Raises:
            LocalSessionError: there is none, or it has closed.
        """
        return self._session(outer).session

    def host(self, address: Address) -> HostWorker:
        """The host at this address, to look at."""
        resident = self.router.residents.get(address)
        if not isinstance(resident, HostWorker):
            raise LocalSessionError(f"{address}: no host is here")
        return resident

    # Within -----------------------------------------------------------------------------------------------------------

    def _ordered(self, outer: Address) -> SessionWorker:
        self.router.drain()
        return self._session(outer)

    def _session(self, outer: Address) -> SessionWorker:
        resident = self.router.residents.get(outer)
        if not isinstance(resident, SessionWorker) or resident.outer != outer:
            raise LocalSessionError(f"{outer}: no session has this outer address, or it has closed")
        return resident

    def _require_free(self, *addresses: Address) -> None:
        for address in addresses:
            if address in self.router.residents:
                raise LocalSessionError(f"{address}: the address is taken, choose another one")

    def _session_id(self) -> bytes:
        return blake2b(self.fresh_address().value, digest_size=SESSION_ID_BYTES).digest()

    def _gateway(self, destination: Address) -> Resident | None:
        """The live connection to a destination, or a new one, unconnected until it takes a message."""
        connection = self.destinations.get(destination)
        if connection is not None and connection.state is State.TIMED_OUT:
            del self.destinations[destination]  # it is not live any more, and who comes now need not fail with it
            connection = None
        if connection is None and len(self.destinations) < self._max_destinations:
            connection = self.destinations[destination] = self.make_connection(self.fresh_address(), destination)
        return connection

    def make_connection(self, via: Address, destination: Address | None) -> Connection:
        """A connection that nothing has happened to yet; `destination` None: the peer's."""
        connection = Connection(self.router, self.connection_config, via, destination, self._closed)
        self.router.register(via, connection, Access.SECRET)
        return connection

    def _closed(self, connection: Connection) -> None:
        self.router.unregister(connection.via)
        if connection.destination is not None and self.destinations.get(connection.destination) is connection:
            del self.destinations[connection.destination]

    def _on_unknown(self, envelope: Envelope) -> None:
        """Rule 5."""
        message = envelope.message
        told = message.onward_route[0] in self.router.vanished and message.payload[:1] in _TALK
        if not told or not message.return_route or self._errors >= ERRORS_PER_WINDOW:
            return
        if self._errors == 0:
            self.router.set_timer(*_WINDOW, WINDOW_SECONDS)
        self._errors += 1
        self.router.route(Envelope(Message(message.return_route, (), GENERATION.encode(Error("unknown address")))))

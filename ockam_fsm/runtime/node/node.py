"""The node, without I/O: everything that has an address, and the queues between them.

Use by an edge: inputs are methods; nothing is delivered until `run`, which returns the commands of `commands.py`,
complete and in order. Inputs may be gathered (all frames of a read) before one `run`.

    node = Node(entropy)
    echo_address = node.start_worker(local("echo"), handler=echo, access=Access.PUBLIC)
    session = node.start_session(settings, (tcp("hub:4000"), local("responder")), handler=print_it)
    node.open(session)
    for command in node.run(): ...          # Connect(via, destination), SetTimer, ...

    event at the edge                           call
    a peer connected, its version byte is right `via = node.accepted()`
    a connection of `Connect` is open           `node.connected(via)`
    a connection failed, ended, was refused     `node.connection_lost(via, why)`
    a frame arrived                             `node.receive(message, via)`
    a timer of `SetTimer` is due                `node.fire(timer)`

Rule 1: one live connection per destination, made by the first message to it (connections.py). The edge opens and
        closes connections as commanded, and keeps no list of its own by destination.
Rule 2: `receive` prepends `via` to the return route. So the return route of every message from outside begins with an
        address of this node that cannot be forged.
Rule 3: inputs of one origin take effect in their order: messages of a connection are delivered before its loss. Waiting
        messages come before an order or a timer, within the router's budget (router.py, rule 5).
Rule 4: nothing is dropped without a dead letter in `node.dead_letters`, which every observer receives.
Left out: bytes and sockets (net/, simulation/), the signals of sessions (session.py).
Source: spec/sessions.md; the discussion.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from hashlib import blake2b

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.runtime.encoding.gate import check_message, refusal
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import NodeCommand, Observer, WorkerTimer
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.dead_letters import DeadLetters
from ockam_fsm.runtime.node.error_replies import WINDOW, ErrorReplies
from ockam_fsm.runtime.node.forwarding import FORWARDING_REFUSED, ForwardingPolicy, allow_any, canonical
from ockam_fsm.runtime.node.layers import check_fits
from ockam_fsm.runtime.node.ledger import Ledger
from ockam_fsm.runtime.node.residents import Access, Envelope, Resident
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.spawners import Durable, HostWorker, nothing_durable
from ockam_fsm.runtime.node.starting import check_application, check_free, check_host, check_session, check_supervision
from ockam_fsm.runtime.node.workers import USUAL_RESTARTS, Handler, RestartPolicy, Worker, checked_handler, settle
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES
from ockam_fsm.runtime.session.link import Entropy
from ockam_fsm.runtime.session.request import Outgoing, check_outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.terms import Terms

UNKNOWN_CONNECTION = "unknown connection"
TOO_MANY_DESTINATIONS = "too many destinations"
PEERS_SHARE = 16
"""One peer may cause one part in `PEERS_SHARE` of the destinations that a node may have."""


class Node:
    def __init__(
        self,
        entropy: Entropy,
        *,
        connections: ConnectionConfig | None = None,
        destinations: int = 1000,
        deliveries: int = 256,
        dead_letters: int = 1000,
        ledger: Ledger | None = None,
        forwarding: ForwardingPolicy = allow_any,
        make: Callable[..., Session] = Session,
    ) -> None:
        """`destinations`: the most connections of its own that the node has at once. `deliveries`: router.py, rule 5.

        `forwarding`: whether a peer's message may make this node open a connection (forwarding.py). `make` makes the
        sessions: recorded ones or mutants, for checks.
        """
        self.router = Router(entropy, deliveries, dead_letters, ledger)
        self.router.gateway = self._gateway
        self.router.forwarding = forwarding
        self._errors = ErrorReplies(self.router)
        self.router.on_unknown = self._errors.on_unknown
        self.router.refuse_hello = self._errors.refuse
        self.connection_config = connections or ConnectionConfig()
        self.destinations: dict[Address, Connection] = {}
        self._max_destinations = destinations
        self._make = make

    @property
    def dead_letters(self) -> DeadLetters:
        return self.router.dead_letters

    def add_observer(self, observer: Observer) -> None:
        self.router.observers = (*self.router.observers, observer)

    def fresh_address(self) -> Address:
        """Return an address that cannot be guessed."""
        return self.router.fresh_address()

    def run(self) -> list[NodeCommand]:
        """Deliver the waiting messages, and return the commands for the edge."""
        return self.router.run()

    # Inputs of the edge -----------------------------------------------------------------------------------------------

    def receive(self, message: Message, via: Address) -> None:
        """Handle a frame that arrived over the connection `via`."""
        connection = self.router.residents.get(via)
        back = (via, *message.return_route)
        arrived = Message(message.onward_route, back, message.payload, message.tracing_context)
        if not isinstance(connection, Connection) or connection.state is not State.ESTABLISHED:
            self.router.bury(UNKNOWN_CONNECTION, arrived, via)
            return
        connection.heard += 1
        connection.step(Event.DATA_RECEIVED)
        if refused := refusal(message, self.router.max_payload_bytes):
            reason, detail = refused
            self.router.bury(reason, arrived, via, detail)
            return
        self.router.route(Envelope(arrived, connection), connection.origin)

    def accepted(self, host: str = "") -> Address:
        """Accept a connection of a peer at `host`, and return the address that identifies it."""
        via = self.fresh_address()
        connection = self.make_connection(via, None, host)
        connection.step(Event.HELLO_NEWER)
        connection.step(Event.CONFIRMED)
        return via

    def connected(self, via: Address) -> None:
        """Report that the connection of `Connect(via, ...)` is open and has the peer's version byte."""
        connection = self.router.residents.get(via)
        if isinstance(connection, Connection):
            connection.step(Event.ANSWER_CURRENT)

    def connection_lost(self, via: Address, reason: str = "") -> None:
        """Report that a connection is lost or was refused; ignored if the connection is unknown."""
        connection = self.router.residents.get(via)
        if isinstance(connection, Connection):
            self.router.drain_origin(connection.origin)
            connection.reason = reason
            connection.step(Event.LOWER_LAYER_LOST)

    def fire(self, timer: WorkerTimer) -> None:
        """Fire a timer that is due; ignored if its worker no longer exists."""
        self.router.drain()
        resident = self.router.residents.get(timer.worker)
        if resident is not None:
            resident.fire(timer.timer)
        elif timer == WINDOW:
            self._errors.window_over()

    # Workers ----------------------------------------------------------------------------------------------------------

    def start_worker(
        self,
        *addresses: Address,
        handler: Handler,
        access: Access = Access.PRIVATE,
        make: Callable[[], Handler] | None = None,
        restart: RestartPolicy | None = None,
        stopped: Callable[[], None] = lambda: None,
    ) -> Address:
        """Start a worker at these addresses (none: at a fresh secret one); the first identifies it.

        `make` makes the handler after a restart; without it the same handler continues. `stopped` is called when the
        worker has stopped, by order or after too many failures.

        Raises:
            LocalSessionError: an address is taken or not valid, or a function cannot be called.
        """
        check_free(self.router.residents, *addresses)
        checked_handler(handler)
        check_supervision(restart, make, stopped)
        if not addresses:
            addresses, access = (self.fresh_address(),), Access.SECRET
        policy = restart or USUAL_RESTARTS
        settle(self.router, Worker(self.router, addresses, handler, make, policy, stopped), access)
        return addresses[0]

    def stop(self, address: Address) -> None:
        """Stop the worker, the host or the session at `address`; a host stops its responders.

        A session that stops is not closed: its peer receives a going-away, which is a failure for a persistent one.

        Raises:
            LocalSessionError: nothing there can be stopped.
        """
        self.router.drain()
        resident = self.router.residents.get(address)
        if isinstance(resident, SessionWorker) and resident.outer == address:
            resident.order(lambda one: one.stop())
        elif isinstance(resident, Worker | HostWorker):
            resident.stop()
        else:
            raise LocalSessionError(f"{address}: no worker, host or session is here")

    def route(self, message: Message) -> None:
        """Send a message of the application, as a worker of this node.

        Raises:
            LocalSessionError: a part of it is of the wrong type or too large.
        """
        router = self.router
        check_message(message, router.max_payload_bytes)
        check_fits(router.residents, message, message.onward_route, router.max_payload_bytes)
        router.route(Envelope(message))

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
        recreated: bool = False,
    ) -> Address:
        """Start an initiator and return its outer address. `open` starts an explicit one, `send` an implicit one.

        Data of the peer goes to the worker at `application`, or to a worker made for `handler`. `contact`: the address
        at which a two-sided session receives hellos; `own_route`: the route there from the peer. `session_id`,
        `remembered` and `has_state` come from durable state. `recreated`: when an implicit transient session has
        failed, the next message creates it anew, under the same address.

        Raises:
            LocalSessionError: an address is taken, there is no route to the peer, or the type cannot be recreated.
        """
        outer = outer or self.fresh_address()
        check_free(self.router.residents, outer, *(() if contact is None else (contact,)))
        check_session(settings, initialization_route, own_route, session_id, remembered, recreated)
        check_application(application)
        if not settings.profile.names_sessions:
            session_id = b""
        elif session_id is None:
            session_id = self._session_id()
        make = partial(
            self._initiator, settings, initialization_route, outer, contact, own_route, remembered, has_state
        )
        session = make(session_id)
        if handler is not None:
            application = self.start_worker(handler=handler)
        worker = SessionWorker(self.router, session, application, None, ends_application=handler is not None)
        if recreated:  # with a new id, or a responder of the previous one would answer as that session
            worker.remake = lambda: make(session_id and self._session_id())
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
        make: Callable[[], Handler] | None = None,
        capacity: int = 1000,
        access: Access = Access.PUBLIC,
        durable: Durable = nothing_durable,
    ) -> Address:
        """Start a spawner or static responder; `settings` are those of its responders.

        Data of the peers goes to the worker at `application`, or to a worker of each session, whose handler is
        `handler` or made by `make`: one that fails, blocks or never ends affects its own session only.

        Raises:
            LocalSessionError: the address is taken or not valid, a function cannot be called, or `capacity` is wrong.
        """
        check_free(self.router.residents, address)
        check_host(settings, capacity, durable, make)
        check_application(application)
        if handler is not None:
            checked_handler(handler)

        def employ(stopped: Callable[[], None]) -> Address:
            made = handler if make is None else make()
            assert made is not None
            return self.start_worker(handler=made, stopped=stopped)

        own = None if handler is None and make is None else employ
        worker = HostWorker(self.router, address, settings, application, capacity, durable, self._make, own)
        self.router.register(address, worker, access)
        return address

    def open(self, session: Address) -> None:
        """Open a session. Raises LocalSessionError if the session refuses, as do the orders below."""
        self._ordered(session).order(lambda one: one.open())

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
        self._sending(session, outgoing).order(lambda one: one.send(outgoing))

    def request(
        self,
        session: Address,
        identifier: Hashable,
        payload: bytes,
        onward_route: Route = (),
        *,
        reissue: bool = False,
        resumed_only: bool = False,
        tracing_context: str | None = None,
    ) -> None:
        """Send a synchronous request; its one outcome is a `NotifyOwner` that carries `identifier`.

        `reissue` and `resumed_only`: see `Session.request`.
        """
        outgoing = Outgoing(payload, onward_route, tracing_context=tracing_context)
        worker = self._sending(session, outgoing, answered=True)
        worker.request(identifier, outgoing, reissue=reissue, resumed_only=resumed_only)

    def withdraw_request(self, session: Address, identifier: Hashable) -> None:
        """Take a request back: it is not sent any more, and a late response is a dead letter. There is no outcome.

        Nothing happens if it has had its outcome.

        Raises:
            LocalSessionError: no session has this outer address, or it has closed.
        """
        self._ordered(session).withdraw_request(identifier)

    def withdraw(self, reply: Address) -> None:
        """Take back messages of the application whose reply address is `reply`, if they still wait for their turn, a
        connection or a session. Messages that have left the node are not affected."""
        self.router.drain()
        self.router.withdraw(reply)
        for resident in tuple(self.router.residents.values()):
            if isinstance(resident, Connection | SessionWorker):
                resident.withdraw(reply)

    def renegotiate(self, session: Address) -> None:
        self._ordered(session).order(lambda one: one.renegotiate())

    def close(self, session: Address) -> None:
        """Close the session for both ends (clause 3.8)."""
        self._ordered(session).order(lambda one: one.close())

    def session(self, outer: Address) -> Session:
        """Return the session of this outer address, for reading.

        Raises:
            LocalSessionError: there is none, or it has closed.
        """
        return self._session(outer).session

    def host(self, address: Address) -> HostWorker:
        """Return the host at this address, for reading. Raises LocalSessionError: there is none."""
        resident = self.router.residents.get(address)
        if not isinstance(resident, HostWorker):
            raise LocalSessionError(f"{address}: no host is here")
        return resident

    # Within -----------------------------------------------------------------------------------------------------------

    def _ordered(self, outer: Address) -> SessionWorker:
        self.router.drain()
        return self._session(outer)

    def _sending(self, outer: Address, outgoing: Outgoing, *, answered: bool = False) -> SessionWorker:
        """Return the session for a message, after checking the message against this node's limits."""
        check_outgoing(outgoing, self.router.max_payload_bytes)
        worker = self._ordered(outer)
        worker.check_room(outgoing, answered=answered)
        return worker

    def _session(self, outer: Address) -> SessionWorker:
        resident = self.router.residents.get(outer)
        if not isinstance(resident, SessionWorker) or resident.outer != outer:
            raise LocalSessionError(f"{outer}: no session has this outer address, or it has closed")
        return resident

    def _initiator(
        self,
        settings: SessionConfig,
        initialization_route: Route,
        outer: Address,
        contact: Address | None,
        own_route: Route,
        remembered: int,
        has_state: bool,
        session_id: bytes,
    ) -> Session:
        terms = Terms(session_id, outer, contact, own_route)
        return self._make(settings, terms, self.router.entropy, initialization_route,
                          remembered=remembered, has_state=has_state)  # fmt: skip

    def _session_id(self) -> bytes:
        return blake2b(self.fresh_address().value, digest_size=SESSION_ID_BYTES).digest()

    def _gateway(self, destination: Address, envelope: Envelope) -> Resident | str:
        """Return the live connection to a destination, or a new one, which connects when it takes a message.

        A text is the reason why there is none: the policy, or a limit.
        """
        destination, origin = canonical(destination), self.router.serving
        connection = self.destinations.get(destination)
        if connection is not None and connection.state is State.TIMED_OUT:
            del self.destinations[destination]  # it has failed, and a new message need not fail with it
            connection = None
        if envelope.arrived is not None and not self.router.forwarding(origin.host, destination):
            return FORWARDING_REFUSED
        if connection is not None:
            return connection
        if len(self.destinations) >= self._max_destinations:
            return TOO_MANY_DESTINATIONS
        if origin.outside and origin.destinations >= self._max_destinations // PEERS_SHARE:
            return TOO_MANY_DESTINATIONS
        connection = self.make_connection(self.fresh_address(), destination)
        self.destinations[destination] = connection
        connection.opened_for = origin
        origin.destinations += 1
        return connection

    def make_connection(self, via: Address, destination: Address | None, host: str = "") -> Connection:
        """Make an idle connection; `destination` None: it comes from a peer at `host`."""
        connection = Connection(self.router, self.connection_config, via, destination, self._closed, host)
        self.router.register(via, connection, Access.SECRET)
        return connection

    def _closed(self, connection: Connection) -> None:
        self.router.unregister(connection.via)
        if connection.opened_for is not None:
            connection.opened_for.destinations -= 1
        if connection.destination is not None and self.destinations.get(connection.destination) is connection:
            del self.destinations[connection.destination]

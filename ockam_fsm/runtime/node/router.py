"""The router of a node: who has which address, and one queue that everything local goes through.

Rule 1: order is absolute. One queue, first in, first out; a delivery runs to its end before the next one begins, and
        what it sends goes to the end of the queue.
Rule 2: an address resolves exactly; a reply address of a session (`link.inner_of_reply`) resolves by its inner address;
        an address of type TCP resolves to the connection for it, which is made when it is first needed.
Rule 3: who may name an address. PRIVATE: workers of this node. PUBLIC: everybody. SECRET: who knows it, which is why it
        has 128 random bits. A message from outside stays one when it is passed on (`Envelope.arrived`), so that no hop
        and no session leads to a private worker.
Rule 4: what brought a message into the node is known, not believed: `Envelope.arrived` is the connection or session,
        whatever the message says of itself. A session compares it with the carrier of its route.
Rule 5: one input runs at most `deliveries` deliveries; the rest goes on at a timer of no delay, so that two workers
        that answer each other for ever starve nobody.
Source: spec/sessions.md, wire clauses; Ockam Routing as observed (tests/vectors).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from enum import Enum
from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Address, Message, Route
from ockam_fsm.runtime.node.commands import (
    CancelTimer,
    Letter,
    NodeCommand,
    Observation,
    Observer,
    SetTimer,
    WorkerTimer,
)
from ockam_fsm.runtime.node.dead_letters import DeadLetters
from ockam_fsm.runtime.session.link import Entropy, Purpose, inner_of_reply

UNKNOWN_ADDRESS = "unknown address"
EMPTY_ROUTE = "empty onward route"
PRIVATE_ADDRESS = "private address"
UNROUTABLE = "no transport for this address type"

MAX_VANISHED = 1000
"""How many ended addresses are remembered, the latest."""

ROUTER = Address(LOCAL, b"")
"""Names the router's own timer; no worker can have the empty address."""


class Access(Enum):
    """Who may name an address."""

    PRIVATE = "workers of this node"
    PUBLIC = "everybody"
    SECRET = "who knows its random bits"


class Dependent(Protocol):
    """A session whose messages travel over a connection, or over another session."""

    def lower_layer_lost(self) -> None:
        """What it relies on is gone."""
        ...


class Resident(Protocol):
    """Whatever has addresses here: a worker, a session, a connection."""

    @property
    def replies(self) -> bool:
        """It also takes messages to the reply addresses made from its own (sessions do)."""
        ...

    def carries(self, address: Address) -> bool:
        """What is sent to this address of it leaves the node (a connection's, a session's outer one)."""
        ...

    def sent(self, address: Address, carrier: Resident) -> None:
        """A message whose return route ends at this address of it leaves over `carrier`."""
        ...

    def relied_on_by(self, dependent: Dependent) -> None:
        """`dependent` wants to hear when this carrier is gone."""
        ...

    def dropped_by(self, dependent: Dependent) -> None: ...

    def take(self, envelope: Envelope) -> None:
        """A message reached one of its addresses. It never raises."""
        ...

    def fire(self, timer: object) -> None:
        """A timer that it set is due."""
        ...


class Inner:
    """What a resident is that carries nothing out of the node and keeps no account of the ways of its messages."""

    __slots__ = ()

    @property
    def replies(self) -> bool:
        return False

    def carries(self, address: Address) -> bool:
        return False

    def sent(self, address: Address, carrier: Resident) -> None: ...

    def relied_on_by(self, dependent: Dependent) -> None: ...

    def dropped_by(self, dependent: Dependent) -> None: ...


class Envelope(NamedTuple):
    """A message within the node.

    `arrived`: the connection or session that brought it in; None for what began here. `alias`: the address that the
    receiver shall call its own, where it is not the one that was reached. `invited`: a session hands its data to its
    own application, which may be private.
    """

    message: Message
    arrived: Resident | None = None
    alias: Address | None = None
    invited: bool = False


class Router:
    def __init__(self, entropy: Entropy, deliveries: int, kept_dead_letters: int) -> None:
        self.entropy = entropy
        self.deliveries = deliveries
        self.residents: dict[Address, Resident] = {}
        self.private: set[Address] = set()
        self.queue: deque[Envelope] = deque()
        self.commands: list[NodeCommand] = []
        self.dead_letters = DeadLetters(kept_dead_letters)
        self.observers: tuple[Observer, ...] = ()
        self.gateway: Callable[[Address], Resident | None] = lambda destination: None
        self.on_unknown: Callable[[Envelope], None] = lambda envelope: None
        self.vanished: dict[Address, None] = {}
        self._draining = False

    # Addresses --------------------------------------------------------------------------------------------------------

    def fresh_address(self) -> Address:
        """An address that nobody can guess."""
        return self.entropy.address(0, 0, Purpose.WORKER)

    def register(self, address: Address, resident: Resident, access: Access) -> None:
        self.residents[address] = resident
        if access is Access.PRIVATE:
            self.private.add(address)

    def unregister(self, address: Address) -> None:
        self.residents.pop(address, None)
        self.private.discard(address)

    def vanish(self, address: Address) -> None:
        """An inner address of profile `generation` has ended: who still writes to it may be told so."""
        self.unregister(address)
        self.vanished[address] = None
        if len(self.vanished) > MAX_VANISHED:
            del self.vanished[next(iter(self.vanished))]

    def _found(self, address: Address) -> Resident | None:
        """Who takes messages to an address that is nobody's (rule 2)."""
        if address.type == TCP:
            return self.gateway(address)
        inner = self.residents.get(inner_of_reply(address))
        return inner if inner is not None and inner.replies else None

    def carrier(self, route: Route) -> Resident | None:
        """The first connection or session that a route leads over; None where all of it is local."""
        for address in route:
            resident = self.residents.get(address)
            if resident is not None and resident.carries(address):
                return resident
        return None

    def leads_out(self, return_route: Route) -> bool:
        """Whether a way back ends beyond this node: past the connection or session that it leads over, more follows.

        Where nothing does, the worker that a handshake message names would be looked for here, among our own.
        """
        for position, address in enumerate(return_route):
            resident = self.residents.get(address)
            if address.type == TCP or (resident is not None and resident.carries(address)):
                return position < len(return_route) - 1
        return False

    def leaves(self, message: Message, carrier: Resident) -> None:
        """Tell whoever began this message over what it leaves."""
        if message.return_route:
            address = message.return_route[-1]
            resident = self.residents.get(address)
            if resident is not None and resident.replies:
                resident.sent(address, carrier)

    # Deliveries -------------------------------------------------------------------------------------------------------

    def route(self, envelope: Envelope) -> None:
        self.queue.append(envelope)

    def run(self) -> list[NodeCommand]:
        """Deliver what is queued, and return every command that has gathered."""
        self.drain()
        if self.queue:
            self.emit(SetTimer(WorkerTimer(ROUTER, "resume"), 0.0))
        commands, self.commands = self.commands, []
        return commands

    def drain(self) -> None:
        """Deliver what is queued. Within a delivery this does nothing: what it sends waits for its turn."""
        if self._draining:
            return
        self._draining, queue = True, self.queue
        try:
            for _ in range(self.deliveries):
                if not queue:
                    break
                self._deliver(queue.popleft())
        finally:
            self._draining = False

    def _deliver(self, envelope: Envelope) -> None:
        route = envelope.message.onward_route
        if not route:
            self.bury(EMPTY_ROUTE, envelope.message)
            return
        address = route[0]
        resident = self.residents.get(address) or self._found(address)
        if resident is None:
            self.bury(UNKNOWN_ADDRESS if address.type in (LOCAL, TCP) else UNROUTABLE, envelope.message)
            self.on_unknown(envelope)
        elif envelope.arrived is not None and not envelope.invited and address in self.private:
            self.bury(PRIVATE_ADDRESS, envelope.message)
        else:
            resident.take(envelope)

    # Out --------------------------------------------------------------------------------------------------------------

    def emit(self, command: NodeCommand) -> None:
        self.commands.append(command)

    def set_timer(self, worker: Address, timer: Hashable, after_seconds: float) -> None:
        self.commands.append(SetTimer(WorkerTimer(worker, timer), after_seconds))

    def cancel_timer(self, worker: Address, timer: Hashable) -> None:
        self.commands.append(CancelTimer(WorkerTimer(worker, timer)))

    def bury(self, reason: str, message: object, worker: Address | None = None, detail: str = "") -> None:
        letter = Letter(reason, message, worker, detail)
        self.dead_letters.add(letter)
        self.observe(letter)

    def observe(self, observation: Observation) -> None:
        for observer in self.observers:
            try:
                observer.observe(observation)
            except Exception as error:  # an observer of the application's must not harm any worker (S14)
                self.observers = tuple(other for other in self.observers if other is not observer)
                self.bury("observer failed", observation, detail=repr(error))

"""The router of a node: the table of addresses, and the queues of all local messages.

Rule 1: messages of an origin are delivered in order, and origins are served in turn. Each origin (ledger.py) has one
        FIFO queue. A delivery runs to its end before the next one begins. Messages that it sends go to the end of the
        queue of the same origin, so a message with many local hops delays its own origin only.
Rule 2: an address resolves exactly; a reply address of a session (`link.inner_of_reply`) resolves by its inner address;
        an address of type TCP resolves to the connection for it, which is made when it is first needed.
Rule 3: access. A PRIVATE address is for workers of this node, a PUBLIC one for all senders, a SECRET one for senders
        that know its 128 random bits. A message from outside stays one when it is forwarded (`Envelope.arrived`), so no
        hop and no session leads to a private worker.
Rule 4: `Envelope.arrived`, the connection or session that brought a message into the node, cannot be forged, whatever
        the message contains. A session compares it with the carrier of its route.
Rule 5: one input runs at most `deliveries` deliveries; the rest continues at a timer of no delay. So two workers that
        answer each other indefinitely starve no other origin and no timer. A heavy message counts as several: long
        routes take as much time as large payloads.
Rule 6: a delivery is a unit of failure. An exception in it becomes a dead letter with the cause in the log.
Source: spec/sessions.md, wire clauses; Ockam Routing as observed (tests/vectors).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from inspect import isawaitable, iscoroutine

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.gate import MAX_PAYLOAD_BYTES
from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Address, Message, Route
from ockam_fsm.runtime.node.commands import Letter, NodeCommand, Observation, Observer, WorkerFailed, WorkerTimer
from ockam_fsm.runtime.node.dead_letters import DeadLetters, short_repr
from ockam_fsm.runtime.node.forwarding import FORWARDING_REFUSED, ForwardingPolicy, allow_any, canonical
from ockam_fsm.runtime.node.ledger import NODE_FULL, Ledger, Origin, weight_of
from ockam_fsm.runtime.node.residents import Access, Dependent, Envelope, Resident
from ockam_fsm.runtime.session.commands import WITHDRAWN
from ockam_fsm.runtime.session.link import Entropy, Purpose, inner_of_reply

UNKNOWN_ADDRESS = "unknown address"
EMPTY_ROUTE = "empty onward route"
PRIVATE_ADDRESS = "private address"
UNROUTABLE = "no transport for this address type"
ROUTE_FULL = "route full"
DELIVERY_FAILED = "delivery failed"

QUANTUM = 8
"""The number of consecutive deliveries of one origin before the next origin has its turn."""

CHORE = 4
"""The number of deliveries as which one chore counts."""

LIGHT_BYTES = 4 * 1024
"""A delivery counts once more for each `LIGHT_BYTES` of its message's weight: six addresses, or so large a payload."""

LIGHT_ADDRESSES, LIGHT_PAYLOAD_BYTES = 4, 1024
"""A message of this size is not charged while it is alone in the queue of its origin."""

MAX_VANISHED = 1000
"""The number of ended addresses that are remembered, the latest ones."""

ROUTER = Address(LOCAL, b"")
"""The owner of the router's own timers; no worker can have the empty address."""


def refuse_awaitable(name: str, found: object) -> None:
    """Raise TypeError if a function of the application returned an awaitable."""
    if isawaitable(found):
        if iscoroutine(found):
            found.close()
        raise TypeError(f"{name} returned {type(found).__name__}: it has to be a plain function here")


class Router:
    def __init__(self, entropy: Entropy, deliveries: int, kept_dead_letters: int, ledger: Ledger | None = None) -> None:
        self.entropy = entropy
        self.deliveries = deliveries
        self.ledger = ledger or Ledger()
        self.max_payload_bytes = MAX_PAYLOAD_BYTES
        self.application = Origin("application", outside=False)
        self.serving = self.application
        """The origin whose delivery or input is being carried out."""
        self.residents: dict[Address, Resident] = {}
        self.private: set[Address] = set()
        self.afterwards: deque[Callable[[], None]] = deque()
        """Actions that must not happen within a delivery or an input, and are done after it."""
        self.chores: deque[Callable[[], None]] = deque()
        """Actions that may be numerous, of which one is done in each turn."""
        self.round: deque[Origin] = deque()
        """The origins that have something to deliver, in the order of their turns."""
        self.commands: list[NodeCommand] = []
        self.dead_letters = DeadLetters(kept_dead_letters)
        self.observers: tuple[Observer, ...] = ()
        self.gateway: Callable[[Address, Envelope], Resident | str] = lambda destination, envelope: UNROUTABLE
        self.forwarding: ForwardingPolicy = allow_any
        self.on_unknown: Callable[[Envelope], None] = lambda envelope: None
        self.refuse_hello: Callable[[Message], None] = lambda message: None
        self.vanished: dict[Address, None] = {}
        self._draining = False

    # Addresses --------------------------------------------------------------------------------------------------------

    def fresh_address(self) -> Address:
        """Return an address that cannot be guessed."""
        return self.entropy.address(0, 0, Purpose.WORKER)

    def register(self, address: Address, resident: Resident, access: Access) -> None:
        self.residents[address] = resident
        if access is Access.PRIVATE:
            self.private.add(address)

    def unregister(self, address: Address) -> None:
        self.residents.pop(address, None)
        self.private.discard(address)

    def vanish(self, address: Address) -> None:
        """End an inner address of profile `generation`. Later messages to it may be answered with an error."""
        self.unregister(address)
        self.vanished[address] = None
        if len(self.vanished) > MAX_VANISHED:
            del self.vanished[next(iter(self.vanished))]

    def _found(self, address: Address, envelope: Envelope) -> Resident | str:
        """Return the resident for an address that is not registered (rule 2), or the reason why there is none."""
        if address.type == TCP:
            return self.gateway(address, envelope)
        inner = self.residents.get(inner_of_reply(address))
        if inner is not None and inner.replies:
            return inner
        return UNKNOWN_ADDRESS if address.type == LOCAL else UNROUTABLE

    def carrier(self, route: Route) -> Resident | None:
        """Return the first connection or session that a route leads over; None: the route is local."""
        for address in route:
            resident = self.residents.get(address)
            if resident is not None and resident.carries(address):
                return resident
        return None

    def leads_out(self, return_route: Route) -> bool:
        """Whether a return route ends beyond this node: an address follows that of a connection or session.

        Otherwise the worker that a handshake message names would be looked up among the workers of this node.
        """
        for position, address in enumerate(return_route):
            resident = self.residents.get(address)
            if address.type == TCP or (resident is not None and resident.carries(address)):
                return position < len(return_route) - 1
        return False

    def refuses(self, route: Route) -> str:
        """Return why a route given by a peer may not be used as the route to it; empty if it may, or is empty."""
        if not route:
            return ""
        first = route[0]
        if first.type == TCP:
            allowed = self.forwarding(self.serving.host, canonical(first))
            return "" if allowed else FORWARDING_REFUSED
        return PRIVATE_ADDRESS if first in self.private else ""

    def leaves(self, message: Message, carrier: Resident) -> None:
        """Report to the resident where this message began over which carrier it leaves."""
        if message.return_route:
            address = message.return_route[-1]
            resident = self.residents.get(address)
            if resident is not None and resident.replies:
                resident.sent(address, carrier)

    # Deliveries -------------------------------------------------------------------------------------------------------

    def route(self, envelope: Envelope, origin: Origin | None = None) -> None:
        """Queue a message for the origin that is being served, or for `origin`."""
        message = envelope.message
        addresses = len(message.onward_route) + len(message.return_route)
        if addresses > MAX_ROUTE_LENGTH and self._too_long(message):
            return
        origin = origin or self.serving
        queue = origin.queue
        if not queue and addresses <= LIGHT_ADDRESSES and len(message.payload) <= LIGHT_PAYLOAD_BYTES:
            weight = 0  # it usually leaves in the same turn, and each origin has at most one such message
        else:
            weight = weight_of(message, addresses)
            if not self.ledger.charge(origin, weight):
                self.bury(NODE_FULL, message, detail=origin.name)
                return
        queue.append((envelope, weight))
        if not origin.ready:
            origin.ready = True
            self.round.append(origin)

    def _too_long(self, message: Message) -> bool:
        longest = max(len(message.onward_route), len(message.return_route))
        if longest > MAX_ROUTE_LENGTH:
            self.bury(ROUTE_FULL, message, detail=f"{longest} addresses, limit {MAX_ROUTE_LENGTH}")
        return longest > MAX_ROUTE_LENGTH

    @property
    def busy(self) -> bool:
        """Whether messages or chores wait."""
        return bool(self.round or self.chores)

    def run(self) -> list[NodeCommand]:
        """Deliver queued messages, and return all commands since the last call."""
        self.drain()
        if self.busy:
            self.emit(SetTimer(WorkerTimer(ROUTER, "resume"), 0.0))
        commands, self.commands = self.commands, []
        return commands

    def drain(self) -> None:
        """Deliver queued messages, at most `deliveries`. Within a delivery this does nothing."""
        if self._draining:
            return
        self._draining, left, before = True, self.deliveries, self.serving
        try:
            if self.afterwards:
                self._finish()  # actions that an input has deferred
            while (self.round or self.chores) and left > 0:
                if self.chores:
                    self._attempt(self.chores.popleft())
                    self._finish()
                    left -= CHORE
                if not self.round:
                    continue
                origin = self.round[0]
                left -= self._serve(origin, min(QUANTUM, left))
                if origin.queue:
                    self.round.rotate(-1)
                else:
                    origin.ready = False
                    self.round.remove(origin)
        finally:
            self._draining, self.serving = False, before

    def lose(self, dependents: dict[Dependent, None], detail: str) -> None:
        """Report to these, one in each turn, that their carrier is lost; not to those that no longer depend on it."""

        def report(dependent: Dependent) -> None:
            if dependent in dependents:
                del dependents[dependent]
                dependent.lower_layer_lost(detail)

        self.chores.extend(partial(report, dependent) for dependent in dependents)

    def _serve(self, origin: Origin, most: int) -> int:
        """Deliver the first messages of an origin; return their number, in which heavy ones count more than once."""
        self.serving, queue, done, release = origin, origin.queue, 0, self.ledger.release
        while queue and done < most:
            envelope, weight = queue.popleft()
            if weight:
                release(origin, weight)
                done += weight // LIGHT_BYTES
            done += 1
            try:
                self._deliver(envelope)
            except Exception as error:
                self.failed(DELIVERY_FAILED, envelope.message, None, error)
            if self.afterwards:
                self._finish()
        return done

    def _finish(self) -> None:
        """Do the deferred actions. Each may fail alone, and no origin gives up memory for them."""
        self.ledger.makes_room = False
        while self.afterwards:
            self._attempt(self.afterwards.popleft())
        self.ledger.makes_room = True

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self.failed(DELIVERY_FAILED, None, None, error)

    def drain_origin(self, origin: Origin) -> None:
        """Deliver the messages that an origin has queued now: its connection has ended."""
        if self._draining or not origin.queue:
            return
        self._draining, before = True, self.serving
        try:
            self._serve(origin, sum(1 + weight // LIGHT_BYTES for _, weight in origin.queue))
        finally:
            self._draining, self.serving = False, before

    def on_behalf(self, origin: Origin, act: Callable[[], None]) -> None:
        """Carry out an input of an origin, such as a timer of its session; its messages belong to this origin."""
        before, self.serving = self.serving, origin
        try:
            act()
        finally:
            self.serving = before

    def withdraw(self, reply: Address) -> None:
        """Turn the application's queued messages whose reply address is `reply` into dead letters."""
        queue = self.application.queue
        for _ in range(len(queue)):
            envelope, weight = queue.popleft()
            if envelope.message.return_route[-1:] == (reply,):
                self.ledger.release(self.application, weight)
                self.bury(WITHDRAWN, envelope.message)
            else:
                queue.append((envelope, weight))

    def forget(self, origin: Origin) -> None:
        """Turn the queued messages of a given-up origin into dead letters; it may be the origin being served."""
        queue = origin.queue
        for _ in range(len(queue)):
            envelope, weight = queue.popleft()
            self.ledger.release(origin, weight)
            self.bury(NODE_FULL, envelope.message, detail=origin.name)

    def _deliver(self, envelope: Envelope) -> None:
        route = envelope.message.onward_route
        if not route:
            self.bury(EMPTY_ROUTE, envelope.message)
            return
        address = route[0]
        resident = self.residents.get(address) or self._found(address, envelope)
        if isinstance(resident, str):
            self.bury(resident, envelope.message)
            self.on_unknown(envelope)
        elif envelope.arrived is not None and not envelope.invited and address in self.private:
            self.bury(PRIVATE_ADDRESS, envelope.message)
            self.on_unknown(envelope)  # else the difference would reveal the address
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

    def failed(self, reason: str, lost: object, worker: Address | None, error: BaseException) -> None:
        """Handle an exception of a worker: `lost` is a dead letter, and observers receive the exception."""
        self.bury(reason, lost, worker, short_repr(error))
        self.observe(WorkerFailed(worker, error))

    def observe(self, observation: Observation) -> None:
        for observer in self.observers:
            try:
                refuse_awaitable("observe", observer.observe(observation))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an observer of the application must not harm any worker (S14)
                self.observers = tuple(other for other in self.observers if other is not observer)
                self.failed("observer failed", observation, None, error)

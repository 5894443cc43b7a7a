"""The simulated edge: any number of real nodes, a virtual clock, a network with every fault, and one seed.

Theory: a run is a function of its seed. Everything that happens is an event in one heap, ordered by virtual time and,
at equal times, by the order of its making; every draw comes from one generator. So a run is repeated bit for bit, in
another process too, and a failure needs no recording: it is run again with a trace (`workload.py`).

Rule 1: one step is one event: a frame arrives, a timer is due, a connection stands or fails, a fault strikes, the
        application does something.
Rule 2: a connection keeps order and loses nothing, as TCP does, until a fault says otherwise.
Rule 3: what a fault takes is told to `taken`, with the fault's name (S11).
Rule 4: `Remember` is carried out before the commands after it. A write that fails, or whose confirmation is lost, stops
        the node there: it restarts from what is stored.
Left out: bytes on the wire. `corrupt` makes a payload that its session cannot read; in profile `ockam`, where every
payload can be read, it resets the connection as the TCP edge does with a frame that it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeAlias

from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.node.commands import (
    CancelTimer,
    Connect,
    Disconnect,
    NodeCommand,
    Notify,
    Remember,
    SetTimer,
    Transmit,
    WorkerTimer,
)
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import Ledger
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.session.link import Purpose
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.simulation.faults import Faults

LATENCY_SECONDS = 0.02
GIVE_UP_SECONDS = 10.0
UNDECODABLE = b"\xff"

Event: TypeAlias = Callable[..., None]


def tcp(name: str) -> Address:
    """The address of a simulated node."""
    return Address(TCP, name.encode())


class SeededEntropy:
    """Fresh addresses by counting, never the same twice in a simulation; jitter from the one generator."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.made = 0
        self.fraction = random.random

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.made += 1
        return local(f"{self.name}/{number}{'ri'[starter]}{purpose.value[0]}{self.made}")


@dataclass
class Link:
    """One direction of a connection. `arrival`: when the last frame gets there, which keeps the order."""

    node: SimulatedNode
    peer: SimulatedNode
    peer_via: Address
    arrival: float = 0.0
    silent: bool = False
    given_up: bool = False


class SimulatedNode:
    """A node and what its edge keeps for it. `start` fills a new incarnation: workers, hosts, sessions."""

    def __init__(self, network: SimulatedNetwork, name: str, start: Callable[[SimulatedNode], None]) -> None:
        self.network = network
        self.name = name
        self.start = start
        self.incarnation = 0
        self.links: dict[Address, Link] = {}
        self.timers: dict[WorkerTimer, int] = {}
        self.numbers: dict[bytes, int] = {}
        self.busy_until = 0.0
        self.unstored: list[Message] = []
        """What leaves when a number is stored."""
        self.entropy = SeededEntropy(name, network.random)
        self.boot()

    def boot(self) -> None:
        self.incarnation += 1
        self.node = Node(self.entropy, make=self.network.make, ledger=self.network.ledger(self.name))
        self.start(self)

    def run(self) -> None:
        """Deliver what is under way in the node, and carry out what it asks for."""
        self.network.perform(self, self.node.run())


class SimulatedNetwork:
    def __init__(
        self,
        seed: int,
        faults: Faults,
        *,
        taken: Callable[[str, Message], None] = lambda fault, message: None,
        notified: Callable[[SimulatedNode, Notify], None] = lambda node, notify: None,
        restarting: Callable[[SimulatedNode, bool], None] = lambda node, with_state: None,
        spoils_payload: bool = True,
        make: Callable[..., Session] = Session,
        ledger: Callable[[str], Ledger] = lambda name: Ledger(),
        between: Callable[[str, str], Faults] | None = None,
    ) -> None:
        """`taken` hears what faults take, `notified` what sessions tell, `restarting` of a node about to lose all.

        `make` makes the sessions, `ledger` the account of the node of this name. `between`: the faults of frames from
        one node to another, where they are not those of everything.
        """
        self.random = Random(seed)
        self.faults = faults
        self.taken = taken
        self.notified = notified
        self.restarting = restarting
        self.spoils_payload = spoils_payload
        self.make = make
        self.ledger = ledger
        self.between = between
        self.now = 0.0
        self.steps = 0
        self.nodes: dict[str, SimulatedNode] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.trace: Callable[[str, tuple[Any, ...]], None] | None = None
        self._heap: list[tuple[float, int, str, Event, tuple[Any, ...]]] = []
        self._made = 0
        self._perform: dict[type, Callable[[SimulatedNode, Any], None]] = {
            Transmit: self._transmit,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Connect: self._connect,
            Disconnect: self._disconnect,
            Notify: self.notified,
        }

    def add_node(self, name: str, start: Callable[[SimulatedNode], None] = lambda node: None) -> SimulatedNode:
        node = self.nodes[name] = SimulatedNode(self, name, start)
        node.run()
        return node

    # Time -------------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, kind: str, event: Event, *args: Any) -> None:
        self._made += 1
        heappush(self._heap, (self.now + seconds, self._made, kind, event, args))

    def step(self) -> bool:
        """Let the next event happen; False where there is none."""
        if not self._heap:
            return False
        self.now, _, kind, event, args = heappop(self._heap)
        self.steps += 1
        event(*args)
        if self.trace is not None:
            self.trace(kind, args)
        return True

    def run_until(self, time: float) -> None:
        while self._heap and self._heap[0][0] <= time:
            self.step()
        self.now = max(self.now, time)

    def in_flight(self) -> list[Message]:
        """Every message that is on its way between two nodes."""
        return [args[2] for _, _, kind, _, args in self._heap if kind == "frame"]

    def hit(self, fault: str) -> bool:
        chance = self.faults.rates.get(fault)
        return chance is not None and self.random.random() < chance

    def pick(self, *faults: str, of: Faults | None = None) -> str:
        """At most one of these faults, in one draw; "" for none."""
        draw, rates = self.random.random(), (of or self.faults).rates
        for fault in faults:
            chance = rates.get(fault, 0.0)
            if draw < chance:
                return fault
            draw -= chance
        return ""

    # Commands ---------------------------------------------------------------------------------------------------------

    def perform(self, node: SimulatedNode, commands: list[NodeCommand]) -> None:
        for position, command in enumerate(commands):
            if type(command) is Remember:
                if not self._remember(node, command, commands[position + 1 :]):
                    return
            else:
                self._perform[type(command)](node, command)

    def _remember(self, node: SimulatedNode, command: Remember, rest: list[NodeCommand]) -> bool:
        """Whether the commands after it may be carried out now."""
        if not self.hit("write-fails"):
            node.numbers[command.session_id] = max(command.number, node.numbers.get(command.session_id, 0))
            if self.hit("slow-storage"):
                node.busy_until = self.now + self.random.uniform(0.1, 1.0)
                node.unstored = [one.message for one in rest if isinstance(one, Transmit)]
                self.after(node.busy_until - self.now, "stored", self._go_on, node, node.incarnation, rest)
                return False
            if not self.hit("confirmation-lost"):
                return True
        for lost in rest:
            if isinstance(lost, Transmit):
                self.taken("write-fails", lost.message)
        self.restart(node, with_state=True)
        return False

    def _go_on(self, node: SimulatedNode, incarnation: int, rest: list[NodeCommand]) -> None:
        if node.incarnation == incarnation:
            node.unstored = []
            self.perform(node, rest)
            return
        for command in rest:
            if isinstance(command, Transmit):
                self.taken("restart", command.message)

    def _set_timer(self, node: SimulatedNode, command: SetTimer) -> None:
        seconds = command.after_seconds
        fault = self.pick("early-timer", "late-timer")
        if fault == "early-timer":
            seconds *= self.random.uniform(0.5, 1.0)
        elif fault:
            seconds *= self.random.uniform(1.0, 2.0)
        self.after(seconds, "timer", self._fire, node, command.timer, self._made)
        node.timers[command.timer] = self._made - 1

    def _cancel_timer(self, node: SimulatedNode, command: CancelTimer) -> None:
        node.timers.pop(command.timer, None)

    def _fire(self, node: SimulatedNode, timer: WorkerTimer, token: int) -> None:
        if node.timers.get(timer) != token:
            return
        if self._busy(node, "timer", self._fire, node, timer, token):
            return
        del node.timers[timer]
        node.node.fire(timer)
        node.run()

    def _busy(self, node: SimulatedNode, kind: str, event: Event, *args: Any) -> bool:
        """A node that waits for its storage does nothing else meanwhile."""
        if node.busy_until <= self.now:
            return False
        self.after(node.busy_until - self.now, kind, event, *args)
        return True

    # Connections ------------------------------------------------------------------------------------------------------

    def _connect(self, node: SimulatedNode, command: Connect) -> None:
        peer = self.nodes.get(command.destination.value.decode())
        if peer is None or self.hit("connection-refused"):
            self.after(LATENCY_SECONDS, "refused", self._lost, node, node.incarnation, command.via, "refused")
        elif not self._cut(node, peer):
            self.after(LATENCY_SECONDS, "connect", self._accept, node, node.incarnation, command.via, peer)

    def _accept(self, node: SimulatedNode, incarnation: int, via: Address, peer: SimulatedNode) -> None:
        if node.incarnation != incarnation or self._cut(peer, node):
            return
        if self._busy(peer, "connect", self._accept, node, incarnation, via, peer):
            return
        peer_via = peer.node.accepted()
        node.links[via] = Link(node, peer, peer_via, self.now)
        peer.links[peer_via] = Link(peer, node, via, self.now)
        self._can_be_evicted(node, via)
        self._can_be_evicted(peer, peer_via)
        peer.run()
        self.after(LATENCY_SECONDS, "connected", self._connected, node, incarnation, via)

    def _can_be_evicted(self, node: SimulatedNode, via: Address) -> None:
        connection = node.node.router.residents.get(via)
        if isinstance(connection, Connection):
            connection.origin.evict = lambda: self._evict(node, connection)

    def _evict(self, node: SimulatedNode, connection: Connection) -> None:
        """Its origin keeps the most of a full node: as the TCP edge does it, the node hears of the end later."""
        node.node.router.forget(connection.origin)
        self.reset(node, connection.via)

    def _connected(self, node: SimulatedNode, incarnation: int, via: Address) -> None:
        if node.incarnation != incarnation or via not in node.links:
            return
        if not self._busy(node, "connected", self._connected, node, incarnation, via):
            node.node.connected(via)
            node.run()

    def _transmit(self, node: SimulatedNode, command: Transmit) -> None:
        link, message = node.links.get(command.via), command.message
        if link is None:
            self.taken("reset", message)
        elif link.silent:
            self._unheard(link, command)
        else:
            self._write(link, command)

    def _write(self, link: Link, command: Transmit) -> None:
        fault = self.pick("drop", "corrupt", "duplicate", of=self._faults_of(link))
        if fault == "drop":
            self.taken("drop", command.message)
        elif fault == "corrupt":
            self._corrupt(link, command)
        else:
            self._send(link, command.message)
            if fault:
                self._send(link, command.message)

    def _faults_of(self, link: Link) -> Faults:
        return self.faults if self.between is None else self.between(link.node.name, link.peer.name)

    def _unheard(self, link: Link, command: Transmit) -> None:
        """What is sent to an end that is gone is lost; some time after the first of it the transport gives up."""
        self.taken("half-open", command.message)
        if not link.given_up:
            link.given_up = True
            seconds = self.random.uniform(0.5, GIVE_UP_SECONDS)
            self.after(seconds, "reset", self._lost, link.node, link.node.incarnation, command.via, "half-open")

    def _corrupt(self, link: Link, command: Transmit) -> None:
        self.taken("corrupt", command.message)
        if self.spoils_payload:
            message = command.message
            self._send(link, Message(message.onward_route, message.return_route, UNDECODABLE))
        else:
            self.reset(link.node, command.via)

    def _send(self, link: Link, message: Message) -> None:
        arrival = max(link.arrival, self.now + LATENCY_SECONDS)
        fault = self.pick("reorder", "delay", of=self._faults_of(link))
        if fault == "reorder":
            arrival = self.now + self.random.uniform(0.0, 0.5)
        elif fault:
            link.arrival = arrival = arrival + self.random.uniform(0.0, 1.0)
        else:
            link.arrival = arrival
        self.after(arrival - self.now, "frame", self._frame, link, link.peer.incarnation, message)

    def _frame(self, link: Link, incarnation: int, message: Message) -> None:
        peer = link.peer
        if link.peer_via not in peer.links or peer.incarnation != incarnation:
            self.taken("reset", message)
        elif self._cut(link.node, peer):
            self.taken("partition", message)
        elif not self._busy(peer, "frame", self._frame, link, incarnation, message):
            peer.node.receive(message, link.peer_via)
            peer.run()

    def _disconnect(self, node: SimulatedNode, command: Disconnect) -> None:
        link = node.links.pop(command.via, None)
        if link is not None and not link.silent:
            delay = max(link.arrival - self.now, LATENCY_SECONDS)
            self.after(delay, "closed", self._lost, link.peer, link.peer.incarnation, link.peer_via, "closed")

    def _lost(self, node: SimulatedNode, incarnation: int, via: Address, reason: str) -> None:
        if node.incarnation != incarnation:
            return
        if not self._busy(node, "closed", self._lost, node, incarnation, via, reason):
            node.links.pop(via, None)
            node.node.connection_lost(via, reason)
            node.run()

    def _cut(self, sender: SimulatedNode, receiver: SimulatedNode) -> bool:
        return (sender.name, receiver.name) in self.cuts

    # Faults that strike by themselves ---------------------------------------------------------------------------------

    def reset(self, node: SimulatedNode, via: Address) -> None:
        """A connection ends at both ends, and what is on its way is lost."""
        link = node.links.pop(via, None)
        if link is None:
            return
        self.after(0.0, "reset", self._lost, node, node.incarnation, via, "reset")
        if link.peer.links.pop(link.peer_via, None) is not None:
            self.after(0.0, "reset", self._lost, link.peer, link.peer.incarnation, link.peer_via, "reset")

    def half_open(self, node: SimulatedNode, via: Address) -> None:
        """This end of a connection is gone, and the other end is not told."""
        link = node.links.pop(via, None)
        if link is not None:
            other = link.peer.links.get(link.peer_via)
            if other is not None:
                other.silent = True
            self.after(0.0, "half-open", self._lost, node, node.incarnation, via, "half-open")

    def slow_reader(self, node: SimulatedNode, via: Address) -> None:
        """What this node sends over the connection is read much later, in order."""
        link = node.links.get(via)
        if link is not None:
            link.arrival = max(link.arrival, self.now) + self.random.uniform(1.0, 5.0)

    def partition(self, sender: str, receiver: str, seconds: float) -> None:
        self.cuts.add((sender, receiver))
        self.after(seconds, "heal", self.cuts.discard, (sender, receiver))

    def restart(self, node: SimulatedNode, *, with_state: bool) -> None:
        """The node stops where it is and starts again; half of the time its peers' connections are not told."""
        self.restarting(node, with_state)
        told = self.random.random() < 0.5
        for via in tuple(node.links):
            link = node.links.pop(via)
            other = link.peer.links.get(link.peer_via)
            if told and other is not None:
                del link.peer.links[link.peer_via]
                self.after(0.0, "reset", self._lost, link.peer, link.peer.incarnation, link.peer_via, "reset")
            elif other is not None:
                other.silent = True
        node.timers.clear()
        node.busy_until = self.now
        if not with_state:
            node.numbers.clear()
        node.boot()
        node.run()

"""The simulated edge: any number of real nodes, a virtual clock, a network with faults, and one seed.

Theory: a run is a function of its seed. All events are in one heap, ordered by virtual time and then by the order of
their creation; all random draws come from one generator. So a run is repeated bit for bit, also in another process, and
a failure needs no recording: it is run again with a trace (`runs.py`).

Rule 1: one step is one event: a frame arrives, a timer is due, a connection is established or fails, a fault occurs,
        the application acts.
Rule 2: a connection preserves order and loses nothing, as TCP does, except through faults.
Rule 3: each message lost to a fault is passed to `taken`, with the name of the fault (S11).
Rule 4: `RememberNumber` is carried out before the commands after it. If the write fails or its confirmation is lost,
        the node stops there and restarts from its stored state.
Left out: bytes on the wire. `corrupt` makes a payload that its session cannot read; in profile `ockam`, where every
payload is readable, it resets the connection, as the TCP edge does after an unreadable frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any, TypeAlias

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.node.commands import (
    Connect,
    Disconnect,
    NodeCommand,
    NotifyOwner,
    RememberNumber,
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

Callback: TypeAlias = Callable[..., None]


def tcp(name: str) -> Address:
    """Return the address of a simulated node."""
    return Address(TCP, name.encode())


class SeededEntropy:
    """The entropy of a simulated node: addresses from a counter, unique in a simulation; jitter from its generator."""

    def __init__(self, name: str, random: Random) -> None:
        self.name = name
        self.made = 0
        self.fraction = random.random

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.made += 1
        return local(f"{self.name}/{number}{'ri'[starter]}{purpose.value[0]}{self.made}")


@dataclass
class NetworkLink:
    """One direction of a connection. `arrival`: the arrival time of the last frame, which preserves the order."""

    node: SimulatedNode
    peer: SimulatedNode
    peer_via: Address
    arrival: float = 0.0
    silent: bool = False
    given_up: bool = False


class SimulatedNode:
    """A node and the state of its edge. `start` creates the workers, hosts and sessions of a new incarnation."""

    def __init__(self, network: SimulatedNetwork, name: str, start: Callable[[SimulatedNode], None]) -> None:
        self.network = network
        self.name = name
        self.start = start
        self.incarnation = 0
        self.links: dict[Address, NetworkLink] = {}
        self.timers: dict[WorkerTimer, int] = {}
        self.numbers: dict[bytes, int] = {}
        self.busy_until = 0.0
        self.unstored: list[Message] = []
        """The messages that are sent when a number is stored."""
        self.entropy = SeededEntropy(name, network.random)
        self.boot()

    def boot(self) -> None:
        self.incarnation += 1
        self.node = Node(self.entropy, make=self.network.make, ledger=self.network.ledger(self.name))
        self.start(self)

    def run(self) -> None:
        """Deliver the messages queued in the node and carry out its commands."""
        self.network.perform(self, self.node.run())


class SimulatedNetwork:
    def __init__(
        self,
        seed: int,
        faults: Faults,
        *,
        taken: Callable[[str, Message], None] = lambda fault, message: None,
        notified: Callable[[SimulatedNode, NotifyOwner], None] = lambda node, notify: None,
        restarting: Callable[[SimulatedNode, bool], None] = lambda node, with_state: None,
        spoils_payload: bool = True,
        make: Callable[..., Session] = Session,
        ledger: Callable[[str], Ledger] = lambda name: Ledger(),
        between: Callable[[str, str], Faults] | None = None,
    ) -> None:
        """Callbacks: `taken` for messages lost to faults, `notified` for notifications of sessions, `restarting` before
        a node restarts.

        `make` makes the sessions, `ledger` the account of the node with this name. `between`: the faults of frames from
        one node to another, in place of `faults`.
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
        self._heap: list[tuple[float, int, str, Callback, tuple[Any, ...]]] = []
        self._made = 0
        self._perform: dict[type, Callable[[SimulatedNode, Any], None]] = {
            Transmit: self._transmit,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Connect: self._connect,
            Disconnect: self._disconnect,
            NotifyOwner: self.notified,
        }

    def add_node(self, name: str, start: Callable[[SimulatedNode], None] = lambda node: None) -> SimulatedNode:
        node = self.nodes[name] = SimulatedNode(self, name, start)
        node.run()
        return node

    # Time -------------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, kind: str, event: Callback, *args: Any) -> None:
        self._made += 1
        heappush(self._heap, (self.now + seconds, self._made, kind, event, args))

    def step(self) -> bool:
        """Carry out the next event. Return False if there is none."""
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
        """Return all messages in flight between nodes."""
        return [args[2] for _, _, kind, _, args in self._heap if kind == "frame"]

    def hit(self, fault: str) -> bool:
        chance = self.faults.rates.get(fault)
        return chance is not None and self.random.random() < chance

    def pick(self, *faults: str, of: Faults | None = None) -> str:
        """Draw at most one of these faults, at the rates of `of`, by default those of the network; "" for none."""
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
            if type(command) is RememberNumber:
                if not self._remember(node, command, commands[position + 1 :]):
                    return
            else:
                self._perform[type(command)](node, command)

    def _remember(self, node: SimulatedNode, command: RememberNumber, rest: list[NodeCommand]) -> bool:
        """Store a number. Return whether the commands after it may be carried out now."""
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

    def _set_timer(self, node: SimulatedNode, command: SetTimer[WorkerTimer]) -> None:
        seconds = command.after_seconds
        fault = self.pick("early-timer", "late-timer")
        if fault == "early-timer":
            seconds *= self.random.uniform(0.5, 1.0)
        elif fault:
            seconds *= self.random.uniform(1.0, 2.0)
        self.after(seconds, "timer", self._fire, node, command.timer, self._made)
        node.timers[command.timer] = self._made - 1

    def _cancel_timer(self, node: SimulatedNode, command: CancelTimer[WorkerTimer]) -> None:
        node.timers.pop(command.timer, None)

    def _fire(self, node: SimulatedNode, timer: WorkerTimer, token: int) -> None:
        if node.timers.get(timer) != token:
            return
        if self._busy(node, "timer", self._fire, node, timer, token):
            return
        del node.timers[timer]
        node.node.fire(timer)
        node.run()

    def _busy(self, node: SimulatedNode, kind: str, event: Callback, *args: Any) -> bool:
        """Postpone an event of a node that waits for its storage. Return whether it does."""
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
        node.links[via] = NetworkLink(node, peer, peer_via, self.now)
        peer.links[peer_via] = NetworkLink(peer, node, via, self.now)
        self._can_be_evicted(node, via)
        self._can_be_evicted(peer, peer_via)
        peer.run()
        self.after(LATENCY_SECONDS, "connected", self._connected, node, incarnation, via)

    def _can_be_evicted(self, node: SimulatedNode, via: Address) -> None:
        connection = node.node.router.residents.get(via)
        if isinstance(connection, Connection):
            connection.origin.evict = lambda: self._evict(node, connection)

    def _evict(self, node: SimulatedNode, connection: Connection) -> None:
        """End the connection of the origin that keeps the most in a full node. As at the TCP edge, the node receives
        `connection_lost` later."""
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

    def _write(self, link: NetworkLink, command: Transmit) -> None:
        fault = self.pick("drop", "corrupt", "duplicate", of=self._faults_of(link))
        if fault == "drop":
            self.taken("drop", command.message)
        elif fault == "corrupt":
            self._corrupt(link, command)
        else:
            self._send(link, command.message)
            if fault:
                self._send(link, command.message)

    def _faults_of(self, link: NetworkLink) -> Faults:
        return self.faults if self.between is None else self.between(link.node.name, link.peer.name)

    def _unheard(self, link: NetworkLink, command: Transmit) -> None:
        """Lose a message to an end that no longer exists. Some time after the first one, the transport gives up."""
        self.taken("half-open", command.message)
        if not link.given_up:
            link.given_up = True
            seconds = self.random.uniform(0.5, GIVE_UP_SECONDS)
            self.after(seconds, "reset", self._lost, link.node, link.node.incarnation, command.via, "half-open")

    def _corrupt(self, link: NetworkLink, command: Transmit) -> None:
        self.taken("corrupt", command.message)
        if self.spoils_payload:
            message = command.message
            self._send(link, Message(message.onward_route, message.return_route, UNDECODABLE))
        else:
            self.reset(link.node, command.via)

    def _send(self, link: NetworkLink, message: Message) -> None:
        arrival = max(link.arrival, self.now + LATENCY_SECONDS)
        fault = self.pick("reorder", "delay", of=self._faults_of(link))
        if fault == "reorder":
            arrival = self.now + self.random.uniform(0.0, 0.5)
        elif fault:
            link.arrival = arrival = arrival + self.random.uniform(0.0, 1.0)
        else:
            link.arrival = arrival
        self.after(arrival - self.now, "frame", self._frame, link, link.peer.incarnation, message)

    def _frame(self, link: NetworkLink, incarnation: int, message: Message) -> None:
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

    # Spontaneous faults -----------------------------------------------------------------------------------------------

    def reset(self, node: SimulatedNode, via: Address) -> None:
        """End a connection at both ends and lose its messages in flight."""
        link = node.links.pop(via, None)
        if link is None:
            return
        self.after(0.0, "reset", self._lost, node, node.incarnation, via, "reset")
        if link.peer.links.pop(link.peer_via, None) is not None:
            self.after(0.0, "reset", self._lost, link.peer, link.peer.incarnation, link.peer_via, "reset")

    def half_open(self, node: SimulatedNode, via: Address) -> None:
        """End a connection at this end without a notification of the other end."""
        link = node.links.pop(via, None)
        if link is not None:
            other = link.peer.links.get(link.peer_via)
            if other is not None:
                other.silent = True
            self.after(0.0, "half-open", self._lost, node, node.incarnation, via, "half-open")

    def slow_reader(self, node: SimulatedNode, via: Address) -> None:
        """Delay all messages that this node sends over the connection, in order."""
        link = node.links.get(via)
        if link is not None:
            link.arrival = max(link.arrival, self.now) + self.random.uniform(1.0, 5.0)

    def partition(self, sender: str, receiver: str, seconds: float) -> None:
        self.cuts.add((sender, receiver))
        self.after(seconds, "heal", self.cuts.discard, (sender, receiver))

    def restart(self, node: SimulatedNode, *, with_state: bool) -> None:
        """Stop and restart a node. Half of the time its peers are not notified that their connections ended."""
        self.restarting(node, with_state)
        notified = self.random.random() < 0.5
        for via in tuple(node.links):
            link = node.links.pop(via)
            other = link.peer.links.get(link.peer_via)
            if notified and other is not None:
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

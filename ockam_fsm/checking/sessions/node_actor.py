"""A whole node as an actor: its connections to two destinations, and two workers of which one fails.

The node is the real one (`runtime/node/node.py`). Its state is rebuilt from an image for every event, as sessions are
in session_actors.py. A destination is a model: it accepts, hangs up, and does not react to lost messages.

Rule 1: an image holds only what determines the node's next actions: no statistics and no dead letters.
Rule 2: the name of a connection is never used again, so a late message of a destination refers to a connection that is
        gone. The world bounds the number of connections.
Left out: sessions (session_actors.py), hosts, relays, and messages from outside for a worker.
Source: spec/sessions.md clauses 2.2, 10.2 and 14.1; properties S10 and S14.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.supervised import WorkerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.node.commands import Connect, Disconnect, Letter, NodeCommand, Observation, Transmit, WorkerTimer
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context, RestartPolicy, Worker
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.link import Purpose

NODE, X, Y = "node", "x", "y"
FAILING, STEADY = local("failing"), local("steady")

HANG_UP = "hang-up"
TO_X, TO_Y, FAIL, FAIL_AND_WORK = "send-x", "send-y", "fail", "fail-and-work"
"""Orders: a message for a destination; one that makes a worker raise, alone or with one for the other worker."""

HELD, RESTARTS = 1, 1


class ConnectionImage(NamedTuple):
    via: Address
    destination: Address
    state: State
    waiting: tuple[Message, ...]
    armed: frozenset[Timer]


class WorkerImage(NamedTuple):
    state: WorkerState
    failures: int
    timers: frozenset[Hashable]


class NodeImage(NamedTuple):
    """The state of a node. `taking`: the connection for the next message to each destination."""

    made: int
    connections: tuple[ConnectionImage, ...]
    taking: tuple[tuple[Address, Address], ...]
    failing: WorkerImage
    steady: WorkerImage


class Worked(NamedTuple):
    """The steady worker has handled a message."""

    payload: bytes


def destination(name: str) -> Address:
    return Address(TCP, name.encode())


def _name(destination: Address) -> str:
    return destination.value.decode()


@dataclass
class Numbered:
    """Entropy that numbers the connections, up to `most`."""

    made: int
    most: int

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        if self.made == self.most:
            raise BoundReached("connections")
        self.made += 1
        return local(f"via{self.made}")

    def fraction(self) -> float:
        return 0.5


@dataclass(frozen=True)
class NodeActor:
    """The node and its application. `make` makes the node; known-bad worlds use a wrong one."""

    most: int = 3
    make: type[Node] = Node
    name: str = NODE

    def start(self, out: Outbox) -> NodeImage:
        running = WorkerImage(WorkerState.RUNNING, 0, frozenset())
        return NodeImage(0, (), (), running, running)

    def handle(self, image: NodeImage, event: Event, out: Outbox) -> NodeImage:
        entropy = Numbered(image.made, self.most)
        node = self.make(entropy, connections=ConnectionConfig(held=HELD))
        workers = _restore(node, image, out)
        node.add_observer(_Recorder(out))
        ends = {one.via: _name(one.destination) for one in image.connections}
        _tell(node, event)
        _perform(node.run(), ends, out)
        return _image(node, workers, entropy.made)


@dataclass(frozen=True)
class DestinationActor:
    """A destination of a node. Its state is the name of its connection, or None."""

    name: str

    def start(self, out: Outbox) -> Address | None:
        return None

    def handle(self, via: Address | None, event: Event, out: Outbox) -> Address | None:
        match event:
            case Deliver(Connect(asked)):
                out.send(NODE, ("connected", asked))
                return asked
            case Deliver(Disconnect(ended)) if ended == via:
                return None
            case Fault():
                if via is None:
                    raise Disabled
                out.send(NODE, ("lost", via))
                return None
        return via


@dataclass(frozen=True)
class _Recorder:
    """An observer that records dead letters as facts of the step."""

    out: Outbox

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, Letter):
            self.out.record(observation)


# Input ----------------------------------------------------------------------------------------------------------------


def _tell(node: Node, event: Event) -> None:
    """Hand one event of the world to the real node."""
    match event:
        case Deliver(("connected", Address() as via)):
            node.connected(via)
        case Deliver(("lost", Address() as via)):
            node.connection_lost(via, HANG_UP)
        case Fire(WorkerTimer() as timer):
            node.fire(timer)
        case Order(order):
            for message in _ordered(order):
                node.route(message)
        case Fault() | Deliver():
            raise Disabled


def _ordered(order: Hashable) -> Iterator[Message]:
    match order:
        case "send-x":
            yield Message((destination(X), local("far")), (), b"m")
        case "send-y":
            yield Message((destination(Y), local("far")), (), b"m")
        case "fail":
            yield Message((FAILING,), (), b"bad")
        case _:
            yield Message((FAILING,), (), b"bad")
            yield Message((STEADY,), (), b"work")


def _restore(node: Node, image: NodeImage, out: Outbox) -> tuple[Worker, Worker]:
    """Put the node into the state of the image."""

    def fails(message: Message, context: Context) -> None:
        raise ValueError("the failing worker fails")

    def works(message: Message, context: Context) -> None:
        out.record(Worked(message.payload))

    policy = RestartPolicy(restarts=RESTARTS)
    for address, handler in ((FAILING, fails), (STEADY, works)):
        node.start_worker(address, handler=handler, restart=policy)
    failing, steady = (_worker(node, address) for address in (FAILING, STEADY))
    for worker, remembered in ((failing, image.failing), (steady, image.steady)):
        worker.state, worker.failures, worker.timers = remembered.state, remembered.failures, remembered.timers
        if worker.state is WorkerState.STOPPED:
            node.router.unregister(worker.addresses[0])
    for one in image.connections:
        _restore_connection(node, one)
    node.destinations |= {to: _connection(node, via) for to, via in image.taking}
    node.run()
    return failing, steady


def _restore_connection(node: Node, image: ConnectionImage) -> None:
    connection = node.make_connection(image.via, image.destination)
    connection.state, connection.armed = image.state, set(image.armed)
    for message in image.waiting:
        connection.hold(message)
    connection.held = len(image.waiting)


def _worker(node: Node, address: Address) -> Worker:
    worker = node.router.residents[address]
    assert isinstance(worker, Worker)
    return worker


def _connection(node: Node, via: Address) -> Connection:
    connection = node.router.residents[via]
    assert isinstance(connection, Connection)
    return connection


# Output ---------------------------------------------------------------------------------------------------------------


def _connections(node: Node) -> Iterator[Connection]:
    return (one for one in node.router.residents.values() if isinstance(one, Connection))


def _perform(commands: list[NodeCommand], ends: dict[Address, str], out: Outbox) -> None:
    """Execute the commands and record them for the properties. `ends`: the destination of each connection."""
    for command in commands:
        match command:
            case Connect(via, to):
                ends[via] = _name(to)
                out.send(ends[via], command)
            case Disconnect(via):
                out.send(ends[via], command)
            case Transmit(via, _):
                out.send(ends[via], command)
            case SetTimer(timer, _):
                out.set_timer(timer)
            case CancelTimer(timer):
                out.cancel_timer(timer)
        out.record(command)


def _image(node: Node, workers: tuple[Worker, Worker], made: int) -> NodeImage:
    connections = tuple(
        ConnectionImage(one.via, one.destination, one.state, tuple(one.waiting), frozenset(one.armed))
        for one in _connections(node)
        if one.destination is not None
    )
    taking = tuple((to, one.via) for to, one in node.destinations.items())
    failing, steady = (WorkerImage(one.state, one.failures, one.timers) for one in workers)
    return NodeImage(made, connections, taking, failing, steady)

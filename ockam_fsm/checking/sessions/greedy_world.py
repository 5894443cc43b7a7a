"""A node with a full account, shared by a greedy peer, an honest peer and the application (S24, S25).

    node:greedy    each of them sends messages to a destination that does not answer, and to a worker, in any order and
                   number; the destination may fail at any time

The node is the real one (`runtime/node/node.py`), with an account of a few messages. It is rebuilt from an image for
every event: the owners of the messages that wait for the destination, in order.

Rule 1: the world has no bound of its own. Only the account bounds what a peer can do.
Left out: responders, mailboxes and inboxes, which are discarded by the same rule (tests/runtime/test_giving_up.py).
Source: spec/sessions.md clauses 16.4 and 16.5.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ockam_fsm.checking.actors import Disabled, Event, Fire, Order, Outbox
from ockam_fsm.checking.known_bad import Checker, KnownBad
from ockam_fsm.checking.properties import Property, Step, always_step, sometimes_step
from ockam_fsm.checking.sessions.node_actor import NODE, destination
from ockam_fsm.checking.world import Network, World
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import ADDRESS_BYTES, RESERVE, Ledger, Origin, Receipt, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.link import Purpose

GREEDY, HONEST, APPLICATION = "greedy", "honest", "application"
OWNERS = (GREEDY, HONEST, APPLICATION)
FORWARD, DELIVER = "forward", "deliver"
"""The actions: send a message to the silent destination, or to the worker."""

ORDERS: Mapping[Hashable, tuple[str, str]] = {
    f"{owner}-{action}": (owner, action) for owner in OWNERS for action in (FORWARD, DELIVER)
}

CONNECT = "connect"
"""The timer of the connection to the destination."""

SILENT, SINK, NO_WORKER = destination("silent"), local("sink"), local("no-worker")
OUT = local("out")
TOTAL_BYTES = 10 * 1024
QUEUED_BYTES = weight_of(Message((SILENT, NO_WORKER), (local(GREEDY),), b"m"))
WAITING_BYTES = weight_of(Message((NO_WORKER,), (local(GREEDY),), b"m"))
"""The bytes charged for a message of a peer when it arrives, and while it waits."""

Image: TypeAlias = tuple[str, ...]
"""The owners of the messages that wait for the destination, in order."""


class Account(NamedTuple):
    """The bytes charged after a step: in total, to all peers, and to each owner."""

    charged: int
    outside: int
    owners: tuple[int, ...]


class Reached(NamedTuple):
    """The worker has handled a message of this owner."""

    owner: str


class _Names:
    """The entropy of a node: `next`, set by the actor, is its next address."""

    def __init__(self) -> None:
        self.next = OUT

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return self.next

    def fraction(self) -> float:
        return 0.5


@dataclass(frozen=True)
class FullNodeActor:
    """A node with a small account. `ledger` makes the account; known-bad worlds use a wrong one."""

    ledger: Callable[[int], Ledger] = Ledger
    name: str = NODE

    def start(self, out: Outbox) -> Image:
        return ()

    def handle(self, image: Image, event: Event, out: Outbox) -> Image:
        names = _Names()
        node = Node(names, ledger=self.ledger(TOTAL_BYTES))
        for name in (GREEDY, HONEST):
            names.next = local(name)
            node.accepted(name)
        names.next = OUT
        _restore(node, image)
        node.start_worker(SINK, handler=_handler(out), access=Access.PUBLIC)
        _tell(node, event)
        _settle(node)
        return _image(node, out)


def _handler(out: Outbox) -> Callable[[Message, Context], None]:
    return lambda message, context: out.record(Reached(_owner(context.origin)))


def _owner(origin: Origin) -> str:
    return origin.name if origin.outside else APPLICATION


def _origin(node: Node, owner: str) -> Origin:
    resident = node.router.residents.get(local(owner))
    return resident.origin if isinstance(resident, Connection) else node.router.application


def _restore(node: Node, image: Image) -> None:
    if not image:
        return
    connection = node.make_connection(OUT, SILENT)
    node.destinations[SILENT] = connection
    connection.state, connection.held = State.NEGOTIATING, len(image)
    for owner in image:
        back = () if owner == APPLICATION else (local(owner),)
        node.router.on_behalf(
            _origin(node, owner),
            lambda back=back: connection.hold(Message((NO_WORKER,), back, b"m")),  # type: ignore[misc]
        )
    node.run()


def _tell(node: Node, event: Event) -> None:
    match event:
        case Order(order):
            owner, action = ORDERS[order]
            message = Message((SILENT, NO_WORKER) if action == FORWARD else (SINK,), (), b"m")
            if owner == APPLICATION:
                node.route(message)
            else:
                node.receive(message, local(owner))
        case Fire("connect"):
            node.connection_lost(OUT, "refused")
        case _:
            raise Disabled


def _settle(node: Node) -> None:
    """Deliver everything, and fire the timers that have no delay."""
    for command in node.run():
        if isinstance(command, SetTimer) and command.after_seconds == 0.0:
            node.fire(command.timer)
    node.run()


def _image(node: Node, out: Outbox) -> Image:
    ledger = node.router.ledger
    resident = node.router.residents.get(OUT)
    waiting = resident.waiting if isinstance(resident, Connection) else []
    (out.set_timer if waiting else out.cancel_timer)(CONNECT)
    kept = {_owner(one): one.held_bytes for one in ledger.origins}
    out.record(Account(ledger.held_bytes, ledger.outside_bytes, tuple(kept.get(owner, 0) for owner in OWNERS)))
    return tuple(str(message.return_route[0]) if message.return_route else APPLICATION for message in waiting)


# S24 and S25 ----------------------------------------------------------------------------------------------------------


def s24(step: Step) -> bool:
    """The bytes charged are the bytes waiting, and within the limits."""
    (account,) = (fact for fact in step.records if isinstance(fact, Account))
    owners = tuple(weigh(step.after, owner) for owner in OWNERS)
    outside = owners[0] + owners[1]
    share = TOTAL_BYTES - TOTAL_BYTES // RESERVE
    return account == Account(sum(owners), outside, owners) and sum(owners) <= TOTAL_BYTES and outside <= share


def weigh(image: Image, owner: str) -> int:
    return sum(_weight(one) for one in image if one == owner)


def _weight(owner: str) -> int:
    return WAITING_BYTES - (ADDRESS_BYTES if owner == APPLICATION else 0)  # its messages have no return address


def s25(step: Step) -> bool:
    """Only a peer that keeps the most discards data, and only for another; a peer that keeps less is not refused."""
    if not isinstance(step.event, Order):
        return True
    owner, _ = ORDERS[step.event.order]
    peers = {one: weigh(step.before, one) for one in (GREEDY, HONEST)}
    most = max(peers.values())
    right = all(one != owner and peers.get(one, -1) == most for one in payers(step))
    return right and not (owner in peers and peers[owner] + QUEUED_BYTES < most and refused(step))


def payers(step: Step) -> list[str]:
    """The owners whose data an order caused to be discarded."""
    return [one for one in OWNERS if weigh(step.after, one) < weigh(step.before, one)]


def refused(step: Step) -> bool:
    """Whether the message of an order was lost for lack of room."""
    assert isinstance(step.event, Order)
    owner, _ = ORDERS[step.event.order]
    return Reached(owner) not in step.records and weigh(step.after, owner) <= weigh(step.before, owner)


PROPERTIES: tuple[Property, ...] = (
    always_step("S24", "the bytes charged equal the bytes waiting, within the limits; both are zero when nothing waits",
                s24),
    always_step("S25", "when the account is full, the peer that keeps the most discards data; a peer that keeps less "
                       "is served", s25),
    sometimes_step("W13", "a peer discards data for another origin",
                   lambda step: isinstance(step.event, Order) and payers(step)),
    sometimes_step("W14", "the peer that would keep the most is refused",
                   lambda step: isinstance(step.event, Order) and refused(step)),
)  # fmt: skip


def greedy(ledger: Callable[[int], Ledger] = Ledger, name: str = "node:greedy") -> World:
    """The world of a full node. `ledger` makes its account; known-bad worlds use a wrong one."""
    return World(
        name=name,
        actors=(FullNodeActor(ledger),),
        network=Network("ordered", 0),
        orders={NODE: dict.fromkeys(ORDERS)},
        properties=PROPERTIES,
        title="a full node, a greedy peer, an honest peer, an application",
        description="the account of a node, and who pays when it is full",
        extra_bounds={"account": TOTAL_BYTES},
    )


# Known-bad accounts ---------------------------------------------------------------------------------------------------


class NewcomerPays(Ledger):
    """No held message is discarded for a new one."""

    def _make_room(self, origin: Origin, size: int) -> bool:
        return False


class ForgetsToRelease(Ledger):
    """Released bytes stay charged."""

    def give_back(self, receipt: Receipt) -> None:
        receipt.origin.discards.pop(receipt, None)


class EverythingFits(Ledger):
    """The limits are not enforced."""

    def fits(self, origin: Origin, size: int) -> bool:
        return True


def wrong_accounts() -> Iterator[KnownBad]:
    """Yield the wrong accounts."""
    wrong: tuple[tuple[type[Ledger], str, str, str], ...] = (
        (NewcomerPays, "newcomer-pays", "the first peer that fills a node would lock out all others", "S25"),
        (ForgetsToRelease, "forgets-to-release", "a node would become full although it holds nothing", "S24"),
        (EverythingFits, "everything-fits", "one peer could use all memory", "S24"),
    )
    for make, name, because, rejected_by in wrong:
        yield KnownBad(name, because, rejected_by, greedy(make, name), {Checker.TLC: "Node.tla has no accounts"})

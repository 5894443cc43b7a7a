"""A node with two destinations and two workers, one of which fails (S10, S14).

    node:neighbours    messages for two destinations, with losses, hang-ups and new connections; meanwhile one worker
                       raises, is restarted and is stopped, and the other one works

Rule 1: S10 and S14 are judged in every step, from the node's images before and after, the event and the commands.
Source: spec/sessions.md clauses 2.2, 10.2 and 14.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from ockam_fsm.checking.actors import Order
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.properties import Property, Step, always_step, sometimes, sometimes_step
from ockam_fsm.checking.sessions.node_actor import (
    FAIL,
    FAIL_AND_WORK,
    HANG_UP,
    NODE,
    TO_X,
    TO_Y,
    DestinationActor,
    NodeActor,
    NodeImage,
    Worked,
    X,
    Y,
    destination,
)
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.supervised import WorkerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.commands import Connect, Letter, Observation, Transmit, WorkerFailed
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Envelope, Resident
from ockam_fsm.runtime.node.workers import Worker

LIVE = (State.NEGOTIATING, State.ESTABLISHED)
FOR = {TO_X: destination(X), TO_Y: destination(Y)}
FAILING_ORDERS = (FAIL, FAIL_AND_WORK)


# S10 ------------------------------------------------------------------------------------------------------------------


def s10(step: Step) -> bool:
    if step.actor != NODE:
        return True
    wanted = FOR.get(step.event.order) if isinstance(step.event, Order) else None  # type: ignore[call-overload]
    made = [command.destination for command in step.records if isinstance(command, Connect)]
    one_each = all(len(live(step.after, to)) <= 1 for to in FOR.values())
    return one_each and set(made) <= {wanted} and leaves_at_once(step, wanted)


def live(image: NodeImage, to: Address) -> list[Address]:
    return [one.via for one in image.connections if one.destination == to and one.state in LIVE]


def leaves_at_once(step: Step, wanted: Address | None) -> bool:
    """Whether a message for an established connection is sent at once."""
    standing = {one.destination: one.via for one in step.before.connections if one.state is State.ESTABLISHED}
    via = standing.get(wanted)
    return via is None or any(isinstance(command, Transmit) and command.via == via for command in step.records)


# S14 ------------------------------------------------------------------------------------------------------------------


def s14(step: Step) -> bool:
    if step.actor != NODE or not (isinstance(step.event, Order) and step.event.order in FAILING_ORDERS):
        return step.actor != NODE or step.after.steady.state is WorkerState.RUNNING
    before, after = step.before, step.after
    others = (before.connections, before.taking, before.steady) == (after.connections, after.taking, after.steady)
    worked = step.event.order == FAIL or Worked(b"work") in step.records
    told = any(isinstance(fact, Letter) for fact in step.records)
    return others and worked and told


# Witnesses ------------------------------------------------------------------------------------------------------------


def both_live(image: NodeImage) -> bool:
    return all(live(image, to) for to in FOR.values())


def made_again(step: Step) -> bool:
    """A message makes a new connection to a destination whose failed connection still exists."""
    failed = {one.destination for one in step.before.connections if one.state is State.TIMED_OUT}
    return any(isinstance(command, Connect) and command.destination in failed for command in step.records)


def stopped_beside_a_worker(image: NodeImage) -> bool:
    return image.failing.state is WorkerState.STOPPED and image.steady.state is WorkerState.RUNNING


PROPERTIES: tuple[Property, ...] = (
    always_step("S10", "each destination has at most one live connection, made by a message for it; messages on an "
                       "established connection wait for no other connection", s10),
    always_step("S14", "a worker that raises changes no other worker and no connection, and its lost messages are dead "
                       "letters", s14),
    sometimes("W10", "both destinations have a live connection", both_live, over=(NODE,)),
    sometimes_step("W11", "a destination is connected again after a failure",
                   lambda step: step.actor == NODE and made_again(step)),
    sometimes("W12", "a worker is stopped for repeated failures while another worker continues",
              stopped_beside_a_worker, over=(NODE,)),
)  # fmt: skip


def neighbours(make: type[Node] = Node, name: str = "node:neighbours") -> World:
    """The world of the node. `make` makes the node; known-bad worlds use a wrong one."""
    actor = NodeActor(make=make)
    return World(
        name=name,
        actors=(actor, DestinationActor(X), DestinationActor(Y)),
        network=Network("ordered", 2, ("drop",)),
        orders={NODE: {TO_X: 2, TO_Y: 1, FAIL: 1, FAIL_AND_WORK: 1}},
        faults={X: {HANG_UP: 1}},
        properties=PROPERTIES,
        title="a node, two destinations, two workers",
        description="the connections and the supervised workers of a node",
        extra_bounds={"connections": actor.most},
    )


# Known-bad nodes ------------------------------------------------------------------------------------------------------


class ConnectionPerMessage(Node):
    """Every message makes a new connection."""

    def _gateway(self, destination: Address, envelope: Envelope) -> Resident | str:
        self.destinations.clear()
        return super()._gateway(destination, envelope)


class CrashTakesNeighbours(Node):
    """A failure stops every other worker."""

    def start_worker(self, *addresses: Address, **options: object) -> Address:
        address = super().start_worker(*addresses, **options)  # type: ignore[arg-type]
        self.add_observer(_Panic(self, address))
        return address


class _Panic:
    def __init__(self, node: Node, address: Address) -> None:
        self.node, self.address = node, address

    def observe(self, observation: Observation) -> None:
        resident = self.node.router.residents.get(self.address)
        if isinstance(observation, WorkerFailed) and observation.worker != self.address:
            assert resident is None or isinstance(resident, Worker)
            if resident is not None:
                resident.stop()


def wrong_nodes() -> Iterator[KnownBad]:
    """Yield the wrong nodes."""
    wrong: tuple[tuple[type[Node], str, str, str], ...] = (
        (
            ConnectionPerMessage,
            "connection-per-message",
            "messages to one destination would overtake each other",
            "S10",
        ),
        (
            CrashTakesNeighbours,
            "crash-takes-neighbours",
            "a handler that raises would end unrelated workers",
            "S14",
        ),
    )
    for make, name, because, rejected_by in wrong:
        yield KnownBad(name, because, rejected_by, neighbours(make, name))

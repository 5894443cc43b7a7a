"""Three simulated nodes: a session through a relay, at which both ends register again after every kind of failure."""

from __future__ import annotations

import pytest

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node import relay
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.simulation.contents import sessions_of
from ockam_fsm.simulation.faults import NO_FAULTS, Faults
from ockam_fsm.simulation.monitors import Monitor
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode, tcp
from ockam_fsm.simulation.workload import DURATIONS, HOST

HUB = (tcp("r"), local("relay"))
CONTACT, OUTER = local("contact"), local("outer")


def relayed(seed: int) -> tuple[SimulatedNetwork, list[bytes]]:
    """Return a network of nodes r (the relay), a and b, and the messages received by the application of b. A monitor
    checks every step of both ends."""
    network = SimulatedNetwork(seed, Faults.of("drop", "duplicate", "reorder", "delay"), make=Monitor().maker())
    heard: list[bytes] = []

    def settings(role: Role) -> SessionConfig:
        initiator = role is Role.INITIATOR
        kind = EXPLICIT_PERSISTENT_TWO_SIDED
        return SessionConfig(kind, role, durations=DURATIONS, attempts=None if initiator else 1000)

    def register(node: SimulatedNode) -> None:
        registrar = relay.Registrar(HUB, node.name, node.name.encode() * 16, refresh_seconds=2.0)
        node.node.route(relay.start(node.node.start_worker(handler=registrar)))

    def start_r(node: SimulatedNode) -> None:
        node.node.start_worker(local("relay"), handler=relay.Relay(), access=Access.PUBLIC)

    def start_b(node: SimulatedNode) -> None:
        def hear(message: Message, context: Context) -> None:
            heard.append(message.payload)

        register(node)
        node.node.start_host(HOST, settings(Role.RESPONDER), handler=hear)

    def start_a(node: SimulatedNode) -> None:
        register(node)
        node.node.start_session(
            settings(Role.INITIATOR), (*HUB, local("b"), HOST), outer=OUTER, contact=CONTACT,
            own_route=(*HUB, local("a"), CONTACT), session_id=bytes(16), remembered=node.numbers.get(bytes(16), 0),
        )  # fmt: skip
        node.node.open(OUTER)

    for name, start in (("r", start_r), ("b", start_b), ("a", start_a)):
        network.add_node(name, start)
    return network, heard


@pytest.mark.parametrize("seed", range(5))
def test_a_session_through_a_relay_recovers_from_every_failure(seed: int) -> None:
    network, heard = relayed(seed)
    for number, failure in enumerate(("none", "a", "b", "r", "restart r", "restart b", "restart a", "cut")):
        nodes = network.nodes
        if failure in nodes:
            for via in tuple(nodes[failure].links):
                network.reset(nodes[failure], via)
        elif failure.startswith("restart"):
            network.restart(nodes[failure[-1]], with_state=False)
        elif failure == "cut":
            network.partition("r", "a", 5.0)
            network.partition("b", "r", 5.0)
        network.run_until(network.now + 60.0)
        faults, network.faults = network.faults, NO_FAULTS
        network.run_until(network.now + 60.0)
        states = [session.state for name in ("a", "b") for session in sessions_of(nodes[name])]
        assert states == [State.ESTABLISHED] * 2, failure
        nodes["a"].node.send(OUTER, bytes([number]))
        nodes["a"].run()
        network.run_until(network.now + 5.0)
        assert heard[-1] == bytes([number])
        network.faults = faults

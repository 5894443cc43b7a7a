"""A relay's registrations are leases: they end with their connection or when they are not renewed, and are bounded."""

from __future__ import annotations

from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import Transmit
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.relay import NOT_REGISTERED, TOKEN_BYTES, TOO_MANY_ALIASES, Relay
from ockam_fsm.runtime.node.residents import Access
from tests.helpers import Counted

RELAY = local("relay")


def node_with(relay: Relay) -> Node:
    node = Node(Counted("n"))
    node.start_worker(RELAY, handler=relay, access=Access.PUBLIC)
    return node


def register(node: Node, via: Address, alias: str) -> list[Transmit]:
    """Register an alias over a connection, and return the confirmation."""
    payload = bare.string(alias) + bare.fixed(bytes(TOKEN_BYTES), TOKEN_BYTES)
    node.receive(Message((RELAY,), (local("registrar"),), payload), via)
    return [command for command in node.run() if isinstance(command, Transmit)]


def lose(node: Node, via: Address) -> None:
    """Lose a connection; its session closes without delay."""
    node.connection_lost(via)
    for command in node.run():
        if isinstance(command, SetTimer) and command.after_seconds == 0.0:
            node.fire(command.timer)
    node.run()


def reaches(node: Node, alias: str) -> bool:
    """Whether a message to an alias leaves the node."""
    node.route(Message((RELAY, local(alias), local("end")), (), b"data"))
    return any(isinstance(command, Transmit) for command in node.run())


def test_a_registration_ends_when_its_lease_is_not_renewed() -> None:
    node = node_with(Relay(lease_seconds=5.0))
    via = node.accepted()
    payload = bare.string("a") + bare.fixed(bytes(TOKEN_BYTES), TOKEN_BYTES)
    node.receive(Message((RELAY,), (local("registrar"),), payload), via)
    (lease,) = [one for one in node.run() if isinstance(one, SetTimer) and one.after_seconds == 5.0]
    assert reaches(node, "a")
    node.fire(lease.timer)
    assert not reaches(node, "a")
    assert node.dead_letters.counts == {NOT_REGISTERED: 1}


def test_a_registration_ends_with_the_connection_that_it_leads_over() -> None:
    relay = Relay()
    node = node_with(relay)
    via = node.accepted()
    assert register(node, via, "a")
    lose(node, via)
    assert not reaches(node, "a")
    assert (relay.routes, relay.tokens) == ({}, {})


def test_the_aliases_of_one_peer_are_bounded() -> None:
    node = node_with(Relay(capacity=10, for_each_peer=2))
    one, other = node.accepted(), node.accepted()
    assert [bool(register(node, one, alias)) for alias in "abc"] == [True, True, False]
    assert register(node, other, "c")
    assert node.dead_letters.counts == {TOO_MANY_ALIASES: 1}


def test_a_full_relay_drops_registrations_without_a_connection_first() -> None:
    node = node_with(Relay(capacity=2))
    gone, live = node.accepted(), node.accepted()
    assert register(node, gone, "a")
    assert register(node, live, "b")
    assert not register(node, live, "c")
    lose(node, gone)
    assert register(node, live, "c")

"""Connections as implicit transient sessions: one for each destination, in order, independent of the others."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, IMPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import Connect, Disconnect, NodeCommand, Transmit, WorkerTimer
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.ledger import weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.request import Outgoing
from tests.runtime.node_helpers import Counted, tcp


def node_with(**options: object) -> Node:
    return Node(Counted("n"), connections=ConnectionConfig(**options))  # type: ignore[arg-type]


def send(node: Node, to: str, *payloads: bytes) -> list[NodeCommand]:
    for payload in payloads:
        node.route(Message((tcp(to), local("x")), (), payload))
    return node.run()


def connects(commands: list[NodeCommand]) -> list[Connect]:
    return [command for command in commands if isinstance(command, Connect)]


def written(commands: list[NodeCommand]) -> list[bytes]:
    return [command.message.payload for command in commands if isinstance(command, Transmit)]


def test_a_message_opens_the_connection_and_later_ones_wait_in_order() -> None:
    node = node_with()
    commands = send(node, "a", b"1", b"2")
    (connect,) = connects(commands)
    assert connect.destination == tcp("a")
    assert written(commands) == []
    assert connects(send(node, "a", b"3")) == []
    node.connected(connect.via)
    assert written(node.run()) == [b"1", b"2", b"3"]
    assert written(send(node, "a", b"4")) == [b"4"]


def test_destinations_do_not_wait_for_each_other() -> None:
    node = node_with()
    send(node, "slow", b"1")
    (connect,) = connects(send(node, "fast", b"2"))
    node.connected(connect.via)
    assert written(node.run()) == [b"2"]


def test_a_refused_connection_is_closed_and_the_next_message_opens_another() -> None:
    node = node_with()
    (connect,) = connects(send(node, "a", b"1"))
    node.connection_lost(connect.via, "refused")
    commands = node.run()
    assert Disconnect(connect.via) in commands
    assert [c.timer for c in commands if isinstance(c, SetTimer)] == [WorkerTimer(connect.via, Timer.BACK_OFF)]
    (again,) = connects(send(node, "a", b"2"))
    assert again.via != connect.via
    node.fire(WorkerTimer(connect.via, Timer.BACK_OFF))
    assert node.dead_letters.counts == {"connection lost": 1}
    assert node.dead_letters.letters[-1].detail == "refused a"
    assert connects(send(node, "a", b"3")) == []


def test_connecting_has_a_deadline() -> None:
    node = node_with(connect_seconds=3.0)
    commands = send(node, "a", b"1")
    (connect,) = connects(commands)
    timer = WorkerTimer(connect.via, Timer.NEGOTIATION)
    assert SetTimer(timer, 3.0) in commands
    node.fire(timer)
    assert Disconnect(connect.via) in node.run()
    node.connected(connect.via)
    assert node.run() == []


def test_an_unused_connection_is_closed() -> None:
    node = node_with(idle_seconds=30.0)
    (connect,) = connects(send(node, "a", b"1"))
    node.connected(connect.via)
    timer = WorkerTimer(connect.via, Timer.IDLE)
    assert SetTimer(timer, 30.0) in node.run()
    node.receive(Message((local("y"),), (), b""), connect.via)
    assert node.run() == []
    node.fire(timer)  # it was used meanwhile
    assert node.run() == [SetTimer(timer, 30.0)]
    node.fire(WorkerTimer(connect.via, Timer.NEGOTIATION))  # an edge may be late with what was cancelled
    assert node.run() == []
    node.fire(timer)
    assert node.run() == [Disconnect(connect.via)]
    assert node.destinations == {}


def test_held_messages_are_bounded_in_number_and_in_bytes() -> None:
    node = node_with(held=2, held_bytes=10_000)
    send(node, "a", b"1", b"2", b"3")
    send(node, "b", bytes(8_000), bytes(8_000))
    assert node.dead_letters.counts == {
        "the session is not established and can hold no more messages": 1,
        "too many held bytes": 1,
    }


def test_outgoing_connections_are_bounded() -> None:
    node = Node(Counted("n"), destinations=1)
    send(node, "a", b"1")
    assert connects(send(node, "b", b"1")) == []
    assert node.dead_letters.counts == {"too many destinations": 1}


def test_reports_about_a_connection_that_is_gone_are_ignored() -> None:
    node = node_with()
    (connect,) = connects(send(node, "a", b"1"))
    node.connection_lost(connect.via)
    node.run()
    node.fire(WorkerTimer(connect.via, Timer.BACK_OFF))
    node.run()
    node.connected(connect.via)
    node.connection_lost(connect.via)
    node.fire(WorkerTimer(connect.via, Timer.IDLE))
    assert node.run() == []


def test_an_accepted_connection_carries_replies_until_it_ends() -> None:
    node = node_with()
    via = node.accepted()
    node.run()
    node.route(Message((via, local("x")), (), b"1"))
    assert written(node.run()) == [b"1"]
    connection = node.router.residents[via]
    node.connection_lost(via)
    node.run()
    assert getattr(connection, "state", None) is State.TIMED_OUT
    node.route(Message((via, local("x")), (), b"2"))
    node.run()
    node.fire(WorkerTimer(via, Timer.BACK_OFF))
    node.run()
    node.route(Message((via, local("x")), (), b"3"))
    node.run()
    assert node.dead_letters.counts == {"the session has failed": 1, "unknown address": 1}


def asking_node(**options: object) -> tuple[Node, Address, Address]:
    """Return a node whose session has sent its hello over an open connection, without an answer."""
    node = node_with(**options)
    session = node.start_session(
        SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("a"), local("host"))
    )
    node.open(session)
    (connect,) = connects(node.run())
    node.connected(connect.via)
    assert len(written(node.run())) == 1
    return node, session, connect.via


def test_a_connection_without_an_answer_is_closed_and_the_next_hello_opens_another() -> None:
    node, session, via = asking_node()
    node.fire(WorkerTimer(session, Timer.NEGOTIATION))
    assert Disconnect(via) in node.run()
    node.fire(WorkerTimer(session, Timer.BACK_OFF))
    (again,) = connects(node.run())
    assert (again.destination, again.via == via) == (tcp("a"), False)


def test_a_connection_that_has_brought_any_message_is_kept() -> None:
    node, session, via = asking_node()
    node.receive(Message((local("x"),), (), b"for another one"), via)
    node.fire(WorkerTimer(session, Timer.NEGOTIATION))
    assert Disconnect(via) not in node.run()
    node.fire(WorkerTimer(session, Timer.BACK_OFF))
    commands = node.run()
    assert (connects(commands), len(written(commands))) == ([], 1)


def test_a_late_timer_closes_no_connection() -> None:
    node, session, via = asking_node()
    node.fire(WorkerTimer(session, Timer.BACK_OFF))
    assert Disconnect(via) not in node.run()


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect_seconds": 0},
        {"connect_seconds": None},
        {"idle_seconds": 0},
        {"idle_seconds": float("inf")},
        {"held": -1},
        {"held": 1.5},
        {"held_bytes": "1"},
    ],
)
def test_a_connection_config_of_wrong_values_lists_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=next(iter(wrong))):
        ConnectionConfig(**wrong)


def test_an_idle_connection_that_a_session_relies_on_is_kept_and_checked_again_later() -> None:
    node, session, via = asking_node(idle_seconds=30.0)
    timer = WorkerTimer(via, Timer.IDLE)
    node.fire(timer)
    assert node.run() == [SetTimer(timer, 30.0)]
    node.stop(session)  # a close would leave over it
    node.run()
    node.fire(timer)
    assert node.run() == [Disconnect(via)]


# Held messages are charged to their origin.


def test_a_message_that_waits_for_its_connection_is_charged_until_it_leaves() -> None:
    node = node_with()
    (connect,) = connects(send(node, "a", b"1", b"2"))
    waiting = [Message((local("x"),), (), payload) for payload in (b"1", b"2")]
    assert node.router.ledger.held_bytes == node.router.application.held_bytes == sum(map(weight_of, waiting))
    node.connected(connect.via)
    assert written(node.run()) == [b"1", b"2"]
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})


def test_it_is_released_when_the_connection_is_lost() -> None:
    node = node_with()
    (connect,) = connects(send(node, "a", b"1", b"2"))
    node.connection_lost(connect.via, "refused")
    node.fire(WorkerTimer(connect.via, Timer.BACK_OFF))
    node.run()
    assert node.dead_letters.counts == {"connection lost": 2}
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})


def test_a_message_that_a_peer_routes_on_is_charged_to_the_peer() -> None:
    node = node_with()
    via = node.accepted("peer")
    node.receive(Message((tcp("a"), local("x")), (), b"1"), via)
    (connect,) = connects(node.run())
    assert (node.router.application.held_bytes, node.router.ledger.outside_bytes > 0) == (0, True)
    node.connection_lost(connect.via)
    node.fire(WorkerTimer(connect.via, Timer.BACK_OFF))
    node.run()
    assert node.router.ledger.outside_bytes == 0


def test_a_message_that_is_refused_is_not_charged() -> None:
    node = node_with(held=1, held_bytes=10_000)
    (connect,) = connects(send(node, "a", b"1", b"2"))
    send(node, "a", bytes(9_000))
    assert node.dead_letters.total == 2
    assert node.router.ledger.held_bytes == weight_of(Message((local("x"),), (), b"1"))
    node.connected(connect.via)
    node.run()
    assert node.router.ledger.held_bytes == 0


@pytest.mark.parametrize(
    ("reason", "options", "total_bytes"),
    [
        ("too many held bytes", {"held_bytes": 100}, 1_000_000),
        ("the node is full", {}, 2_000),
    ],
)
def test_a_connection_that_refuses_its_first_message_is_removed(
    reason: str, options: dict[str, Any], total_bytes: int
) -> None:
    """It was made for the message that it refuses. Many such connections would use up the limit of destinations."""
    node = node_with(**options)
    via = node.accepted("peer")
    before = dict(node.router.residents)
    node.receive(Message((tcp("a"), local("x")), (), b""), via)
    node.router.ledger.limit(total_bytes)
    assert connects(node.run()) == []
    assert node.dead_letters.counts == {reason: 1}
    assert (node.router.residents, node.destinations) == (before, {})
    peer = node.router.residents[via]
    assert isinstance(peer, Connection)
    assert peer.origin.destinations == 0


def test_a_session_whose_hello_finds_no_room_loses_its_lower_layer_at_once() -> None:
    node = node_with(held_bytes=0)
    session = node.start_session(
        SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("a"), local("host"))
    )
    node.open(session)
    node.run()
    assert node.session(session).state is State.TIMED_OUT


def test_a_withdrawn_message_is_not_sent_and_frees_its_place() -> None:
    node = node_with(held=2)
    reply, other = local("reply"), local("other")
    for back in (reply, other):
        node.route(Message((tcp("a"), local("x")), (local("hop"), back), back.value))
    (connect,) = connects(node.run())
    node.withdraw(reply)
    assert [(one.reason, one.message) for one in node.dead_letters.letters] == [
        ("withdrawn", Message((local("x"),), (local("hop"), reply), b"reply"))
    ]
    send(node, "a", b"next")
    node.connected(connect.via)
    assert written(node.run()) == [b"other", b"next"]
    assert node.router.ledger.held_bytes == 0


def test_a_message_held_by_a_session_is_withdrawn() -> None:
    node = node_with()
    settings = SessionConfig(IMPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR)
    session = node.start_session(settings, (tcp("a"), local("host")), handler=echo)
    for back in (local("reply"), local("other")):
        node.route(Message((session,), (back,), back.value))
    node.run()
    node.withdraw(local("reply"))
    (letter,) = node.dead_letters.letters
    assert isinstance(letter.message, Outgoing)
    assert (letter.reason, letter.message.payload) == ("withdrawn", b"reply")
    assert node.session(session).held == 1


def test_a_message_in_the_queue_of_the_router_is_withdrawn() -> None:
    node = Node(Counted("n"), deliveries=1)
    node.start_worker(local("sink"), handler=lambda message, context: None)
    for number in range(6):
        node.route(Message((local("sink"),), (local(f"reply-{number % 2}"),), b"%d" % number))
    node.withdraw(local("reply-1"))
    letters = [(one.reason, getattr(one.message, "payload", b"")) for one in node.dead_letters.letters]
    assert letters == [("withdrawn", b"1"), ("withdrawn", b"3"), ("withdrawn", b"5")]
    while node.run():
        pass
    assert (node.dead_letters.total, node.router.ledger.held_bytes) == (3, 0)

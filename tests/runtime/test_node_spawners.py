"""Hosts in nodes: a worker's failure ends its session only, and a full node gives up unconfirmed responders."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import NotifyOwner, Transmit, WorkerFailed, WorkerTimer
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.ledger import NODE_FULL, RESPONDER_BYTES, Ledger, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access, Envelope
from ockam_fsm.runtime.node.spawners import APPLICATION_STOPPED
from ockam_fsm.runtime.node.workers import Context, Handler, echo
from ockam_fsm.runtime.session.commands import Closed, Responded, Timer
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import Generation, GoingAway, Hello, Keepalive
from tests.runtime.node_helpers import HOST, Counted, Inbox, Wires, settings, tcp
from tests.runtime.test_node_supervision import Seen

X = local("x")


def fails_on_a_mark(message: Message, context: Context) -> None:
    if message.payload == b"!":
        raise ValueError("marked")
    context.reply(message.payload)


def two_sessions(**host: object) -> tuple[Wires, Address, Address, Inbox]:
    """Return nodes a and b, and two sessions of a, both established with the host of b, and the inbox of replies."""
    wires, inbox = Wires("a", "b"), Inbox()
    wires["b"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), **host)  # type: ignore[arg-type]
    one, other = (
        wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), handler=inbox)
        for _ in range(2)
    )
    for session in (one, other):
        wires["a"].open(session)
        wires.pump()
    return wires, one, other, inbox


def closed(wires: Wires, name: str) -> list[str]:
    return [notice.reason for node, _, notice in wires.notices if node == name and isinstance(notice, Closed)]


def test_a_handler_that_fails_too_often_closes_its_own_session_and_the_others_go_on() -> None:
    wires, one, other, inbox = two_sessions(handler=fails_on_a_mark)
    for _ in range(6):  # the usual policy allows five restarts
        wires["a"].send(one, b"!")
        wires.pump()
        wires.fire("b", *[timer.timer for timer in wires.timers["b"] if not isinstance(timer.timer, Timer)])
    assert closed(wires, "b") == ["stopped"]
    assert wires["a"].session(one).reason == "the peer goes away"
    wires["a"].send(other, b"x")
    wires.pump()
    assert inbox.payloads == [b"x"]
    assert len(wires["b"].host(HOST).responders) == 1


def test_each_session_has_a_handler_of_its_own_that_ends_with_it() -> None:
    made: list[Inbox] = []

    def make() -> Handler:
        made.append(Inbox())
        return made[-1]

    wires, one, other, _ = two_sessions(make=make)
    without = len(wires["b"].router.residents)
    for session, payload in ((one, b"1"), (other, b"2"), (one, b"3")):
        wires["a"].send(session, payload)
        wires.pump()
    assert [inbox.payloads for inbox in made] == [[b"1", b"3"], [b"2"]]
    assert len(wires["b"].router.residents) == without + 2
    wires["a"].close(one)
    wires.pump()
    assert len(wires["b"].router.residents) == without + 2 - 3  # the worker, the outer address, the inner one


def test_a_failure_to_make_a_handler_closes_that_session_only() -> None:
    made: list[Inbox] = []

    def make() -> Handler:
        made.append(Inbox())
        if len(made) == 1:
            raise OSError("no handler today")
        return made[-1]

    wires, one, other, _ = two_sessions(make=make)
    seen = Seen()
    wires["b"].add_observer(seen)
    wires["a"].send(one, b"1")
    wires["a"].send(other, b"2")
    wires.pump()
    assert made[-1].payloads == [b"2"]
    (letter,) = wires["b"].dead_letters.letters
    assert (letter.reason, letter.detail) == ("no application", "OSError('no handler today')")
    assert [type(one.error) for one in seen.observations if isinstance(one, WorkerFailed)] == [OSError]
    assert closed(wires, "b") == ["stopped"]
    assert wires["a"].session(other).state is State.ESTABLISHED


def test_ctrl_c_in_the_maker_of_handlers_ends_the_process() -> None:
    def make() -> Handler:
        raise KeyboardInterrupt

    wires, one, _, _ = two_sessions(make=make)
    wires["a"].send(one, b"1")
    with pytest.raises(KeyboardInterrupt):
        wires.pump()


def test_when_the_application_has_stopped_hellos_are_refused() -> None:
    wires = Wires("a", "b")
    application = wires["b"].start_worker(local("app"), handler=Inbox())
    wires["b"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), application=application)
    wires["b"].stop(application)
    session = wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST))
    wires["a"].open(session)
    wires.pump()
    assert wires["b"].dead_letters.counts == {APPLICATION_STOPPED: 1}
    assert (wires["b"].host(HOST).responders, wires["a"].session(session).state) == ({}, State.NEGOTIATING)


@pytest.mark.parametrize("capacity", [-1, 1.5, "3", None, True])
def test_a_capacity_is_a_whole_number_from_0(capacity: object) -> None:
    node, kind = Node(Counted("n")), settings(EXPLICIT_TRANSIENT, Role.RESPONDER)
    with pytest.raises(LocalSessionError, match=r"capacity: .*, expected a whole number from 0"):
        node.start_host(HOST, kind, capacity=capacity)  # type: ignore[arg-type]
    with pytest.raises(LocalSessionError, match="handler: int, expected a function"):
        node.start_host(HOST, kind, handler=5)  # type: ignore[arg-type]
    assert node.router.residents == {}


# A full node.


def name(number: int) -> bytes:
    return b"session %8d" % number


def hello(number: int) -> Message:
    said = Hello(name(number), Generation(1, Role.INITIATOR, local("inner")))
    return Message((HOST,), (local("peer"),), GENERATION.encode(said))


ROOM_FOR_AN_ANSWER = 2400
"""Less than a responder needs."""


def full_node(responders: int) -> tuple[Node, Address]:
    """Return a node with room for so many unconfirmed responders of all peers, and a peer that has made as many."""
    node = Node(Counted("n"), ledger=Ledger((responders * RESPONDER_BYTES + ROOM_FOR_AN_ANSWER) * 4 // 3 + 1))
    node.start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER))
    via = node.accepted("flooding")
    for number in range(responders):
        node.receive(hello(number), via)
        node.run()
    assert keys(node) == [name(number) for number in range(responders)]
    assert (node.dead_letters.total, node.router.ledger.held_bytes) == (0, responders * RESPONDER_BYTES)
    return node, via


def keys(node: Node) -> list[object]:
    return list(node.host(HOST).responders)


@pytest.mark.parametrize("kept", [0, ROOM_FOR_AN_ANSWER])
def test_a_peer_gets_no_more_responders_than_there_is_room_for(kept: int) -> None:
    """Whether there is room for its hello in the queue, or not even for that."""
    node, via = full_node(4)
    connection = node.router.residents[via]
    assert isinstance(connection, Connection)
    assert node.router.ledger.charge(connection.origin, kept)
    node.receive(hello(4), via)
    node.run()
    assert node.dead_letters.counts == {NODE_FULL: 1}
    assert len(keys(node)) == 4


def test_a_newcomer_gets_the_room_of_the_newest_unconfirmed_responder() -> None:
    node, _ = full_node(8)
    node.receive(hello(100), node.accepted("new"))
    commands = node.run()
    assert keys(node) == [name(number) for number in (0, 1, 2, 3, 4, 5, 6, 100)]
    assert [command.notice for command in commands if isinstance(command, NotifyOwner)] == [Closed("stopped")]
    # The close to the peer that keeps the most, and the newcomer's answer: small messages that are alone need no room.
    assert sum(isinstance(command, Transmit) for command in commands) == 2
    assert node.dead_letters.counts == {}
    assert node.router.ledger.held_bytes == 8 * RESPONDER_BYTES


def test_a_responder_that_is_given_up_ends_after_the_delivery_that_needs_its_room() -> None:
    node, _ = full_node(8)
    during: list[int] = []

    def needs_room(message: Message, context: Context) -> None:
        assert node.router.ledger.charge(node.router.application, 14_500)
        during.append(len(keys(node)))

    node.start_worker(X, handler=needs_room)
    node.route(Message((X,), (), b""))
    commands = node.run()
    assert (during, len(keys(node))) == ([8], 7)
    assert sum(isinstance(command, Transmit) for command in commands) == 1  # its close
    assert node.router.ledger.held_bytes == 7 * RESPONDER_BYTES + 14_500


def confirm(node: Node, via: Address, number: int) -> None:
    """Confirm the answer of this responder as its peer."""
    link = node.host(HOST).responders[name(number)].session.attempt
    assert link is not None
    node.receive(Message((link.inner,), (local("inner"),), GENERATION.encode(Keepalive())), via)
    node.run()


def test_a_confirmed_responder_is_charged_to_no_peer_and_is_kept() -> None:
    node, via = full_node(4)
    confirm(node, via, 3)
    assert node.router.ledger.held_bytes == 3 * RESPONDER_BYTES
    newcomer = node.accepted("new")
    for number in (100, 101):
        node.receive(hello(number), newcomer)
        node.run()
    assert keys(node) == [name(number) for number in (0, 1, 3, 100, 101)]
    assert node.host(HOST).responders[name(3)].session.state is State.ESTABLISHED


def test_the_last_messages_of_a_given_up_responder_evict_no_other_origin() -> None:
    """After the eviction both peers hold nearly the same: the close that is sent must evict no other origin."""
    node, via = full_node(4)
    confirm(node, via, 0)
    newcomer = node.accepted("new")
    for number in (100, 101):
        node.receive(hello(number), newcomer)
        node.run()
    assert keys(node) == [name(number) for number in (0, 1, 2, 100, 101)]
    assert node.dead_letters.counts == {}


def test_a_responder_that_gives_up_by_itself_is_released_once() -> None:
    node, _ = full_node(2)
    for worker in tuple(node.host(HOST).responders.values()):
        node.fire(WorkerTimer(worker.outer, Timer.NEGOTIATION))
        node.fire(WorkerTimer(worker.outer, Timer.BACK_OFF))
        node.run()
    assert keys(node) == []
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})


def test_a_responder_that_was_confirmed_and_left_at_once_is_released() -> None:
    node, via = full_node(1)
    (worker,) = node.host(HOST).responders.values()
    assert worker.session.attempt is not None
    leaving = Message((worker.session.attempt.inner,), (local("inner"),), GENERATION.encode(GoingAway("x")))
    node.receive(leaving, via)
    node.run()
    assert (worker.session.state, node.router.ledger.held_bytes) == (State.TIMED_OUT, 0)


def test_a_responder_for_the_own_application_is_made_even_if_it_cannot_be_charged() -> None:
    node, _ = full_node(2)
    node.router.ledger.charge(node.router.application, node.router.ledger.total_bytes - 2 * RESPONDER_BYTES - 2200)
    node.route(hello(100))
    node.run()
    assert name(100) in keys(node)


# Messages that a full node cannot hold for a session.


def holding_session(total_bytes: int) -> tuple[Node, Address]:
    """Return a session that negotiates over an open connection, and holds messages."""
    node = Node(Counted("n"), ledger=Ledger(total_bytes))
    kind = settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR)
    session = node.start_session(kind, (tcp("b"), HOST), access=Access.PUBLIC)
    node.open(session)
    node.run()
    (connection,) = node.destinations.values()
    node.connected(connection.via)
    node.run()
    assert node.router.ledger.held_bytes == 0
    return node, session


def test_held_messages_are_charged_with_their_addresses_until_they_leave() -> None:
    node, session = holding_session(1_000_000)
    node.send(session, b"1", (X,) * 100)
    node.send(session, b"2")
    held = weight_of(Outgoing(b"1", (X,) * 100)) + weight_of(Outgoing(b"2"))
    assert node.router.ledger.held_bytes == node.router.application.held_bytes == held > 100 * 512
    node.close(session)
    node.run()
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})


def test_messages_held_for_a_peer_are_charged_to_the_peer() -> None:
    node, session = holding_session(1_000_000)
    via = node.accepted("peer")
    node.receive(Message((session, X), (), b"held"), via)
    node.run()
    assert (node.router.application.held_bytes, node.router.ledger.outside_bytes > 0) == (0, True)


def test_a_full_node_refuses_messages_of_the_application_and_changes_nothing() -> None:
    node, session = holding_session(10_000)
    before = node.session(session).snapshot()
    with pytest.raises(LocalSessionError, match="the node is full: 0 bytes, limit 10000; wait until"):
        node.send(session, bytes(8000))
    with pytest.raises(LocalSessionError, match="the node is full"):
        node.request(session, "q", bytes(8000))
    assert node.session(session).snapshot() == before
    assert node.router.ledger.held_bytes == 0


def test_a_workers_message_that_a_full_node_cannot_hold_is_a_dead_letter() -> None:
    node, session = holding_session(10_000)
    node.send(session, bytes(3000))
    node.route(Message((session,), (), b"queued while there was room"))
    node.router.ledger.total_bytes = 4_000
    node.run()
    (letter,) = node.dead_letters.letters
    assert (letter.reason, letter.detail.partition(":")[0]) == ("not sent", "the node is full")


def test_a_reissued_request_is_held_even_if_it_cannot_be_charged() -> None:
    """The application's request was accepted before: it is not lost when the node has become full since."""
    wires = Wires("a", "b")
    wires["b"].start_host(HOST, settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER), handler=echo)
    session = wires["a"].start_session(settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("b"), HOST))
    wires["a"].open(session)
    wires.pump()
    ledger = wires["a"].router.ledger
    wires["a"].request(session, "q", b"question", reissue=True)
    wires["a"].run()  # it leaves, and is lost with the connection
    charged = ledger.held_bytes
    assert charged == weight_of(Outgoing(b"question")), "an open request is charged"
    ledger.total_bytes = 0
    wires.cut("a")
    assert (len(wires["a"].session(session).waiting), ledger.held_bytes) == (1, charged)
    ledger.total_bytes = 1_000_000
    wires.fire("a", Timer.BACK_OFF)
    assert ("a", session, Responded("q", b"question")) in wires.notices
    assert (ledger.held_bytes, ledger.origins) == (0, {})


def test_a_message_that_is_too_large_for_a_session_is_a_dead_letter() -> None:
    """A worker may forward along a route that is too long for a session."""
    node, session = holding_session(1_000_000)
    node.router.route(Envelope(Message((session, *(X,) * 121), (), b"")))
    node.run()
    (letter,) = node.dead_letters.letters
    assert (letter.reason, letter.detail) == ("not sent", "onward_route: 121 addresses, limit 120")

"""Waiting messages of a node, some of them withdrawn, and sessions over failing sessions, chosen by Hypothesis.

Code mutants are tested with these properties as well (`make code-mutants`).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.checking.sessions.symbolic_channel import SymbolicProfile
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_TRANSIENT,
)
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.commands import Letter, NodeCommand, Transmit
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from tests.runtime.node_helpers import HOST, Inbox, Wires, tcp
from tests.runtime.node_helpers import settings as session_settings

stable = settings(derandomize=True, database=None, deadline=None, max_examples=60)

REPLIES = tuple(local(f"reply-{number}") for number in range(3))
SINK, NEAR, STEP = local("sink"), local("near"), local("step")


class LateWires(Wires):
    """Connections open at the test's command; `left` has the messages that node a has written."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.asked: list[tuple[str, Node, Address, str]] | None = []
        self.left: list[bytes] = []
        self.nodes["a"].router.deliveries = 2

    def stand(self) -> None:
        asked, self.asked = self.asked, None
        for one in asked or ():
            super()._connect(*one)
        self.pump()

    def _connect(self, name: str, node: Node, via: Address, destination: str) -> None:
        if self.asked is None:
            super()._connect(name, node, via, destination)
        else:
            self.asked.append((name, node, via, destination))

    def _perform(self, name: str, node: Node, command: NodeCommand) -> None:
        if name == "a" and isinstance(command, Transmit):
            self.left.append(command.message.payload)
        super()._perform(name, node, command)


moves = st.lists(
    st.one_of(
        *[st.tuples(st.just("send"), st.sampled_from(("connection", "session", "worker")), st.integers(0, 2))] * 4,
        st.tuples(st.just("withdraw"), st.just(""), st.integers(0, 2)),
        st.tuples(st.just("run"), st.just(""), st.just(0)),
    ),
    max_size=20,
)  # fmt: skip


@pytest.mark.slow
@stable
@given(moves, st.booleans())
def test_withdrawn_messages_do_not_leave_and_all_others_do(chosen: list[tuple[str, str, int]], stands: bool) -> None:
    """The others leave in order, and nothing stays charged. Messages that a worker has received are not affected."""
    wires, far, near, through = LateWires("a", "b"), Inbox(), Inbox(), Inbox()
    a, b = wires["a"], wires["b"]
    b.start_worker(SINK, handler=far, access=Access.PUBLIC)
    b.start_host(HOST, session_settings(IMPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER), handler=through)
    a.start_worker(NEAR, handler=near)
    session = a.start_session(session_settings(IMPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("b"), HOST))
    routes: dict[str, Route] = {"connection": (tcp("b"), SINK), "session": (session,), "worker": (NEAR,)}
    if stands:
        a.route(Message((tcp("b"), local("nobody")), (), b""))
    waiting: list[tuple[str, int, bytes]] = []
    withdrawn: list[bytes] = []
    for count, (move, where, reply) in enumerate(chosen):
        if move == "send":
            payload = b"%d" % count
            a.route(Message(routes[where], (local("hop"), REPLIES[reply]), payload))
            waiting.append((where, reply, payload))
        elif move == "withdraw":
            a.withdraw(REPLIES[reply])
            back = [payload for place, other, payload in waiting if other == reply and payload not in near.payloads]
            withdrawn += back
            waiting = [one for one in waiting if one[2] not in back]
        else:
            wires.pump()
    wires.pump()
    wires.stand()
    letters = [letter for letter in a.dead_letters.letters if letter.reason == "withdrawn"]
    assert sorted(payload_of(letter) for letter in letters) == sorted(withdrawn)
    assert a.dead_letters.total == len(letters)
    for where, inbox in (("connection", far), ("session", through), ("worker", near)):
        assert inbox.payloads == [payload for place, _, payload in waiting if place == where], where
    assert not {*withdrawn} & {*wires.left}
    assert a.router.ledger.held_bytes == 0


def payload_of(letter: Letter) -> bytes:
    payload: bytes = letter.message.payload  # type: ignore[attr-defined]
    return payload


# A session over a session that is made anew ---------------------------------------------------------------------------

LOWER, ABOVE, BESIDE = local("lower"), local("above"), local("beside")
layered = st.lists(
    st.sampled_from(("send", "cut", "cut", "fire a", "fire b", "begin beside", "end beside", "renegotiate")),
    max_size=14,
)


def fire(wires: Wires, name: str) -> None:
    wires.fire(name, *(timer for timer in Timer if timer not in (Timer.IDLE, Timer.RETENTION)))


def is_up(node: Node, session: Address) -> bool:
    return session in node.router.residents and node.session(session).state is State.ESTABLISHED


def take(wires: Wires, move: str) -> None:
    a = wires["a"]
    match move:
        case "cut":
            wires.cut("a")
        case "fire a" | "fire b":
            fire(wires, move[-1])
        case "send" if is_up(a, ABOVE):
            a.route(Message((ABOVE,), (), b"some"))
        case "renegotiate" if is_up(a, ABOVE):
            a.renegotiate(ABOVE)
        case "begin beside" if BESIDE in a.router.residents and a.session(BESIDE).state is State.IDLE:
            a.open(BESIDE)
        case "end beside" if is_up(a, BESIDE):
            a.close(BESIDE)
    wires.pump()


@pytest.mark.slow
@stable
@given(layered)
def test_a_session_over_one_that_is_made_anew_continues(chosen: list[str]) -> None:
    """It loses its lower layer with each failure, and messages sent after the last failure arrive."""
    wires, inbox, kind = Wires("a", "b"), Inbox(), EXPLICIT_PERSISTENT_ONE_SIDED
    a, b = wires["a"], wires["b"]
    b.start_host(HOST, session_settings(IMPLICIT_TRANSIENT, Role.RESPONDER))
    b.start_host(LOWER, session_settings(kind, Role.RESPONDER), handler=inbox)
    a.start_session(session_settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), outer=STEP, recreated=True)
    for upper in (ABOVE, BESIDE):
        a.start_session(session_settings(kind, Role.INITIATOR, attempts=None), (STEP, LOWER), outer=upper)
    a.open(ABOVE)
    wires.pump()
    for move in chosen:
        take(wires, move)
        if a.session(STEP).state is State.IDLE:
            assert not is_up(a, ABOVE), "the session below has failed, and this one is still established"
    for _ in range(6):
        fire(wires, "a")
        fire(wires, "b")
    assert is_up(a, ABOVE)
    assert is_up(a, STEP)
    a.route(Message((ABOVE,), (), b"last"))
    wires.pump()
    assert inbox.payloads[-1:] == [b"last"]
    assert len(dependents_of(a)) == 1 + is_up(a, BESIDE)


# A session in a channel, between two nodes ----------------------------------------------------------------------------

CHANNEL = SymbolicProfile(nonces=99, lost=99, late=99)
channelled = st.lists(
    st.sampled_from(("send", "reply", "cut", "fire a", "fire b", "close", "renegotiate")), max_size=12
)


@pytest.mark.slow
@stable
@given(channelled, st.sampled_from(("", "a", "b")))
def test_a_channel_between_nodes_keeps_the_order_and_a_close_ends_both_ends(chosen: list[str], closes: str) -> None:
    wires, here, there, kind = Wires("a", "b"), Inbox(), Inbox(), EXPLICIT_PERSISTENT_ONE_SIDED
    a, b = wires["a"], wires["b"]
    host = b.start_host(HOST, SessionConfig(EXPLICIT_TRANSIENT, Role.RESPONDER, CHANNEL), handler=there)
    session = a.start_session(
        session_settings(kind, Role.INITIATOR, CHANNEL, attempts=None), (tcp("b"), HOST), handler=here
    )
    a.open(session)
    wires.pump()
    for count, move in enumerate(chosen):
        if move == "send" and is_up(a, session):
            a.route(Message((session,), (), b"%d" % count))
        elif move == "reply" and there.messages and is_up(a, session):
            b.route(Message(there.messages[-1].return_route, (), b"%d" % count))
        elif move == "renegotiate" and is_up(a, session):
            a.renegotiate(session)
        elif move == "cut":
            wires.cut("a")
        elif move.startswith("fire"):
            fire(wires, move[-1])
        wires.pump()
    for _ in range(6):
        fire(wires, "a")
        fire(wires, "b")
    for inbox in (here, there):
        assert inbox.payloads == sorted(set(inbox.payloads), key=int), "in order, and once"
    assert is_up(a, session)
    a.route(Message((session,), (), b"99"))
    wires.pump()
    assert there.payloads[-1:] == [b"99"]
    if closes:
        responders = len(b.host(host).responders)
        newest = there.messages[-1].return_route[0]
        wires[closes].close(session if closes == "a" else newest)
        wires.pump()
        assert session not in a.router.residents
        assert len(b.host(host).responders) == responders - 1, "the peer has received the close"


def dependents_of(node: Node) -> dict[Any, None]:
    worker: Any = node.router.residents[STEP]
    found: dict[Any, None] = worker.dependents
    return found

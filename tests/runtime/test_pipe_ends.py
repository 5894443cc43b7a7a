"""The ends of pipes in nodes: routes, nesting, kept and charged messages, and messages of strangers
(spec/sessions.md clauses 17.1, 17.2, 17.8)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import encode_message
from ockam_fsm.runtime.encoding.gate import MAX_TRACING_CONTEXT_BYTES, PAYLOAD_TOO_LARGE, TRACING_CONTEXT_TOO_LONG
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.encoding.pipe_frames import Frame, encode_confirmation, encode_frame
from ockam_fsm.runtime.node.ledger import NODE_FULL, Ledger, Origin, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.pipe_ends import IS_OVER, NOT_A_CONFIRMATION, RESEND, ReceivingEnd, SendingEnd
from ockam_fsm.runtime.node.residents import Access, Envelope
from ockam_fsm.runtime.node.router import PRIVATE_ADDRESS
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from tests.runtime.node_helpers import HOST, Counted, Inbox, Wires, settings, tcp

APP: Route = (local("app"),)
ME: Route = (local("me"), local("and my way"))
RELIABLE, ORDERED = local("reliable"), local("ordered")
TO_B: Route = (tcp("b"), RELIABLE)


def receivers(wires: Wires, ordering: Ordering = Ordering.ABSOLUTE, capacity: int = 64) -> Inbox:
    """Start at node b a receiver that confirms, one that orders, and an application."""
    inbox, b = Inbox(), wires["b"]
    b.start_worker(RELIABLE, handler=ReceivingEnd(ConfirmingReceiver()), access=Access.PUBLIC)
    b.start_worker(ORDERED, handler=ReceivingEnd(OrderingReceiver(ordering, capacity)), access=Access.PUBLIC)
    b.start_worker(*APP, handler=inbox, access=Access.PUBLIC)
    return inbox


def resend(node: Node, route: Route = TO_B, **options: Any) -> SendingEnd:
    return SendingEnd(node.router, route, PipeSender(PipeConfig(**options)))


def reasons(node: Node) -> list[str]:
    return [letter.reason for letter in node.dead_letters.letters]


def through(end: SendingEnd, payload: bytes = b"x", to: Route = APP) -> Message:
    return Message((end.outer, *to), ME, payload, "t")


def test_a_pipe_preserves_the_return_route_and_does_not_trace() -> None:
    wires = Wires("a", "b")
    inbox, end = receivers(wires), resend(wires["a"])
    wires["a"].route(through(end))
    wires.pump()
    assert inbox.messages == [Message(APP, ME, b"x", "t")]
    assert (end.unconfirmed, wires["a"].router.ledger.held_bytes) == (0, 0)
    assert wires["b"].router.ledger.held_bytes == 0


def test_an_index_pipe_numbers_and_keeps_nothing() -> None:
    wires = Wires("a", "b")
    inbox, end = receivers(wires), SendingEnd(wires["a"].router, (tcp("b"), ORDERED), None)
    for payload in (b"1", b"2"):
        wires["a"].route(through(end, payload))
    wires.pump()
    assert (inbox.payloads, end.last, end.unconfirmed) == ([b"1", b"2"], 2, 0)
    end.fire(RESEND)
    wires["a"].route(Message((end.inner,), (), encode_confirmation(1)))
    end.close()
    wires.pump()
    assert reasons(wires["a"]) == ["unknown address"], "its address is gone"


def test_no_pipe_within_a_node_leads_a_peer_to_a_private_worker() -> None:
    """The sender is public, sender and receiver are in one node: the frame is from outside, since its message is."""
    wires = Wires("a", "b")
    inbox, b, vault, kept = receivers(wires), wires["b"], Inbox(), local("private receiver")
    b.start_worker(local("vault"), handler=vault)
    b.start_worker(kept, handler=ReceivingEnd(ConfirmingReceiver()))
    inner = resend(b, (RELIABLE,))
    SendingEnd(b.router, (inner.outer, ORDERED), None, outer=local("around"), access=Access.PUBLIC)
    SendingEnd(b.router, (kept,), PipeSender(PipeConfig()), outer=local("resend"), access=Access.PUBLIC)
    for name in ("around", "resend"):
        for to in (local("vault"), *APP):
            wires["a"].route(Message((tcp("b"), local(name), to), ME, b"x"))
            wires.pump()
    b.route(Message((local("resend"), local("vault")), ME, b"ours"))
    wires.pump()
    assert (vault.payloads, inbox.payloads) == ([b"ours"], [b"x", b"x"])
    assert reasons(b) == [PRIVATE_ADDRESS, PRIVATE_ADDRESS]


def test_pipes_nest_and_the_time_out_sends_again() -> None:
    wires = Wires("a", "b")
    inbox, inner = receivers(wires), resend(wires["a"])
    outer = SendingEnd(wires["a"].router, (inner.outer, ORDERED), None)
    wires["b"].stop(RELIABLE)
    for payload in (b"1", b"2"):
        wires["a"].route(through(outer, payload))
    wires.pump()
    assert (inbox.payloads, inner.unconfirmed) == ([], 2)
    wires["b"].start_worker(RELIABLE, handler=ReceivingEnd(ConfirmingReceiver()), access=Access.PUBLIC)
    wires.fire("a", RESEND)
    assert (inbox.payloads, inner.unconfirmed) == ([b"1", b"2"], 0)
    assert [timer for timer in wires.timers["a"] if timer.timer == RESEND] == []


def test_a_pipe_in_a_session_has_a_receiver_of_its_own() -> None:
    wires, inbox = Wires("a", "b"), Inbox()
    kind = EXPLICIT_PERSISTENT_ONE_SIDED
    wires["b"].start_host(
        HOST, settings(kind, Role.RESPONDER), make=lambda: ReceivingEnd(OrderingReceiver(Ordering.ABSOLUTE))
    )
    wires["b"].start_worker(*APP, handler=inbox, access=Access.PUBLIC)
    for _ in range(2):
        session = wires["a"].start_session(settings(kind, Role.INITIATOR), (tcp("b"), HOST), handler=Inbox())
        wires["a"].open(session)
        wires.pump()
        wires["a"].route(through(SendingEnd(wires["a"].router, (session,), None)))
        wires.pump()
    assert [message.return_route for message in inbox.messages] == [ME, ME]


def test_a_confirming_pipe_in_a_session() -> None:
    wires, inbox = Wires("a", "b"), Inbox()
    kind = EXPLICIT_PERSISTENT_ONE_SIDED
    wires["b"].start_host(HOST, settings(kind, Role.RESPONDER), make=lambda: ReceivingEnd(ConfirmingReceiver()))
    wires["b"].start_worker(*APP, handler=inbox, access=Access.PUBLIC)
    session = wires["a"].start_session(settings(kind, Role.INITIATOR), (tcp("b"), HOST), handler=Inbox())
    wires["a"].open(session)
    end = resend(wires["a"], (session,))
    wires["a"].route(through(end))
    wires.pump()
    assert (inbox.messages, end.unconfirmed) == ([Message(APP, ME, b"x", "t")], 0)


# Kept messages --------------------------------------------------------------------------------------------------------


def test_a_message_to_a_full_pipe_is_a_dead_letter() -> None:
    node = Node(Counted("a"))
    end = resend(node, (local("nowhere"),), window=1, capacity=1)
    for payload in (b"1", b"2"):
        node.route(through(end, payload))
    node.run()
    assert reasons(node) == ["too many messages wait to be confirmed", "unknown address"]
    assert end.unconfirmed == 1
    assert node.router.ledger.held_bytes == weight_of(through(end, b"1"))


def test_a_message_that_the_inner_pipe_refuses_gets_no_index() -> None:
    wires = Wires("a", "b")
    inbox, inner = receivers(wires), resend(wires["a"], window=1, capacity=1)
    outer = SendingEnd(wires["a"].router, (inner.outer, ORDERED), None)
    wires["b"].stop(RELIABLE)
    for payload in (b"1", b"2"):
        wires["a"].route(through(outer, payload))
    wires.pump()
    assert reasons(wires["a"]) == ["too many messages wait to be confirmed"]
    wires["b"].start_worker(RELIABLE, handler=ReceivingEnd(ConfirmingReceiver()), access=Access.PUBLIC)
    wires.fire("a", RESEND)
    wires["a"].route(through(outer, b"3"))
    wires.pump()
    assert inbox.payloads == [b"1", b"3"]


def test_a_message_too_large_with_its_routes_is_a_dead_letter() -> None:
    node = Node(Counted("a"))
    end = resend(node)
    node.router.route(Envelope(through(end, bytes(node.router.max_payload_bytes))))  # as a handler sends it
    node.run()
    assert (reasons(node), end.unconfirmed) == ([PAYLOAD_TOO_LARGE], 0)


def test_a_full_node_accepts_no_message_for_a_pipe() -> None:
    node = Node(Counted("a"), ledger=Ledger(3000))
    end = resend(node, (local("nowhere"),))
    for _ in range(4):
        node.route(through(end, bytes(800)))
        node.run()
    assert NODE_FULL in reasons(node)
    end.close()
    assert (end.unconfirmed, node.router.ledger.held_bytes) == (0, 0)
    assert reasons(node).count(IS_OVER) == 4 - reasons(node).count(NODE_FULL)


def another_origin_needs_room(node: Node) -> None:
    """Charge one byte more than there is room for, to another origin."""
    ledger = node.router.ledger
    ledger.limit(ledger.held_bytes * 4 // 3)
    room = ledger.share_bytes - ledger.held_bytes
    assert ledger.take(Origin("other", outside=True), room + 1) is not None


def test_kept_messages_of_a_peer_are_given_up_for_others() -> None:
    node, peer = Node(Counted("a")), Origin("peer", outside=True)
    end = resend(node, (local("nowhere"),))
    for payload in (bytes(900), bytes(901)):
        node.router.on_behalf(peer, lambda payload=payload: node.route(through(end, payload)))  # type: ignore[misc]
        node.run()
    assert end.unconfirmed == 2
    another_origin_needs_room(node)
    assert (end.unconfirmed, reasons(node)[-1]) == (1, NODE_FULL)


def test_a_message_given_up_for_the_one_before_it_is_not_sent_again() -> None:
    node, small, great = Node(Counted("a")), Origin("small", outside=True), Origin("great", outside=True)
    end = resend(node, (local("nowhere"),))
    for origin, size in ((small, 1100), (great, 9000)):
        node.router.on_behalf(origin, lambda size=size: node.route(through(end, bytes(size))))  # type: ignore[misc]
        node.run()
    node.router.ledger.limit(node.router.ledger.held_bytes * 4 // 3)
    letters = len(reasons(node))
    end.fire(RESEND)
    node.run()
    assert (reasons(node)[letters:], end.unconfirmed) == ([NODE_FULL, "unknown address"], 1)


def test_a_session_traces_where_a_pipe_does_not() -> None:
    """As Ockam's channels do: both preserve the return route (clause 17.1)."""
    wires, inbox = Wires("a", "b"), Inbox()
    kind = EXPLICIT_PERSISTENT_ONE_SIDED
    host = wires["b"].start_host(HOST, settings(kind, Role.RESPONDER), handler=Inbox())
    wires["b"].start_worker(*APP, handler=inbox, access=Access.PUBLIC)
    session = wires["a"].start_session(settings(kind, Role.INITIATOR), (tcp("b"), HOST), handler=Inbox())
    wires["a"].open(session)
    wires.pump()
    wires["a"].route(Message((session, *APP), ME, b"x"))
    wires.pump()
    (responder,) = wires["b"].host(host).responders.values()
    assert [message.return_route for message in inbox.messages] == [(responder.outer, *ME)]


def frames_to(node: Node, via: Address, *numbers: int, size: int = 1) -> None:
    for number in numbers:
        whole = encode_message(Message(APP, ME, bytes(size)))
        node.receive(Message((ORDERED,), (), encode_frame(Frame(number, whole))), via)
    node.run()


def test_messages_that_wait_for_their_turn_are_charged_and_released() -> None:
    wires = Wires("b")
    inbox, b = receivers(wires), wires["b"]
    via = b.accepted()
    frames_to(b, via, 2, 3)
    assert b.router.ledger.held_bytes > 0
    frames_to(b, via, 1)
    assert (len(inbox.messages), b.router.ledger.held_bytes) == (3, 0)
    frames_to(b, via, 6)
    b.stop(ORDERED)
    assert (reasons(b), b.router.ledger.held_bytes) == ([IS_OVER], 0)


def test_messages_that_wait_for_their_turn_are_given_up_for_others() -> None:
    wires = Wires("b")
    receivers(wires)
    b = wires["b"]
    frames_to(b, b.accepted(), 3, 4, size=1000)
    another_origin_needs_room(b)
    assert reasons(b) == [NODE_FULL]


def test_a_full_node_holds_nothing_for_a_pipe() -> None:
    wires = Wires("b")
    inbox = receivers(wires)
    b = wires["b"]
    via = b.accepted()
    b.router.ledger.limit(500)
    frames_to(b, via, 2)
    assert reasons(b) == [NODE_FULL]
    b.router.ledger.limit(10**6)
    frames_to(b, via, 1, 2)
    assert len(inbox.messages) == 2


def test_a_waiting_message_of_a_peer_reaches_no_private_worker_after_an_own_message() -> None:
    wires = Wires("b")
    receivers(wires)
    b, secret, private = wires["b"], Inbox(), local("private")
    b.start_worker(private, handler=secret)
    b.receive(
        Message((ORDERED,), (), encode_frame(Frame(2, encode_message(Message((private,), ME, b"x"))))), b.accepted()
    )
    b.run()
    assert b.router.ledger.held_bytes > 0, "it waits for its turn"
    b.route(Message((ORDERED,), ME, encode_frame(Frame(1, encode_message(Message(APP, ME, b"x"))))))
    b.run()
    assert (secret.messages, reasons(b), b.router.ledger.held_bytes) == ([], [PRIVATE_ADDRESS], 0)


# Messages of strangers ------------------------------------------------------------------------------------------------


def test_a_message_that_leaves_a_pipe_is_from_outside() -> None:
    wires = Wires("a", "b")
    receivers(wires)
    secret = Inbox()
    wires["b"].start_worker(local("private"), handler=secret)
    end = resend(wires["a"])
    wires["a"].route(through(end, to=(local("private"),)))
    wires["a"].route(through(end, to=()))
    wires.pump()
    assert secret.messages == []
    assert reasons(wires["b"]) == [PRIVATE_ADDRESS, "empty onward route"]
    assert end.unconfirmed == 0, "it would fare no better the next time"


def test_the_sender_takes_messages_of_its_own_node_only_where_it_has_a_name() -> None:
    node = Node(Counted("a"))
    SendingEnd(node.router, (tcp("b"),), None, outer=local("pipe"))
    node.receive(Message((local("pipe"), *APP), (), b"x"), node.accepted())
    node.run()
    assert reasons(node) == [PRIVATE_ADDRESS]


def test_a_confirmation_to_the_outer_address_is_not_accepted() -> None:
    wires = Wires("a", "b")
    receivers(wires)
    end = resend(wires["a"], (tcp("b"), local("nobody")))
    wires["a"].route(through(end))
    wires.pump()
    wires["a"].route(Message((end.outer,), (), encode_confirmation(1)))
    wires.pump()
    assert end.unconfirmed == 2


def test_unreadable_or_unexpected_messages_are_dead_letters() -> None:
    wires = Wires("a", "b")
    receivers(wires)
    end, index = resend(wires["a"]), SendingEnd(wires["a"].router, (tcp("b"), ORDERED), None)
    a, b = wires["a"], wires["b"]
    for payload in (b"", b"\x07", b"\x80\x00"):
        a.route(Message((end.inner,), (), payload))
    a.route(Message((index.inner,), (), encode_confirmation(1)))
    a.run()
    assert reasons(a) == ["malformed", "no message was sent under this number", "malformed", NOT_A_CONFIRMATION]
    for payload in (b"", encode_frame(Frame(1, b"no message"))):
        b.route(Message((RELIABLE,), ME, payload))
    b.run()
    assert reasons(b) == ["malformed", "malformed"], "and nothing is confirmed"


@given(st.lists(st.binary(max_size=40), max_size=5), st.sampled_from(["reliable", "ordered"]))
def test_an_end_survives_any_bytes(payloads: list[bytes], name: str) -> None:
    wires = Wires("a", "b")
    receivers(wires)
    end = resend(wires["a"])
    for payload in payloads:
        wires["b"].route(Message((local(name),), (), payload))
        wires["a"].route(Message((end.inner,), (), payload))
    wires.pump()
    assert not {"delivery failed", "handler raised"} & {*reasons(wires["a"]), *reasons(wires["b"])}


def test_a_handler_that_fails_to_stop_is_reported() -> None:
    class Bad:
        def __call__(self, message: Message, context: Context) -> None: ...

        def on_stop(self) -> None:
            raise ValueError("no")

    node = Node(Counted("a"))
    node.stop(node.start_worker(handler=Bad()))
    assert reasons(node) == ["stopped raised"]


def test_a_frame_whose_message_the_gate_refuses_is_a_dead_letter_and_is_confirmed() -> None:
    """A message accepted by a pipe elsewhere may exceed the limits of this node. No handler fails on it."""
    for receiver in (RELIABLE, ORDERED):
        wires = Wires("a", "b")
        inbox, b = receivers(wires), wires["b"]
        wide = Message(APP, ME, b"x", "t" * (MAX_TRACING_CONTEXT_BYTES + 1))
        for number, message in ((1, wide), (2, Message(APP, ME, b"next"))):
            frame = encode_frame(Frame(number, encode_message(message)))
            wires["a"].route(Message((tcp("b"), receiver), (local("inner"),), frame))
        wires.pump()
        assert reasons(b) == [TRACING_CONTEXT_TOO_LONG]
        assert inbox.payloads == [b"next"]


def test_unconfirmed_messages_of_a_closed_sender_are_dead_letters() -> None:
    wires = Wires("a", "b")
    end = resend(wires["a"])  # there is no receiver, so nothing is confirmed
    for payload in (b"1", b"2"):
        wires["a"].route(through(end, payload))
    wires.pump()
    end.close()
    assert reasons(wires["a"]) == [IS_OVER, IS_OVER]
    assert (end.unconfirmed, wires["a"].router.ledger.held_bytes) == (0, 0)


def test_a_late_message_at_an_ordering_receiver_is_a_dead_letter() -> None:
    wires = Wires("a", "b")
    inbox, frame = receivers(wires), encode_frame(Frame(1, encode_message(Message(APP, ME, b"x"))))
    for _ in range(2):
        wires["a"].route(Message((tcp("b"), ORDERED), (local("inner"),), frame))
    wires.pump()
    assert inbox.payloads == [b"x"]
    assert len(reasons(wires["b"])) == 1

"""One end of a bidirectional stream session as a resident: carried and refused messages, and its dependents."""

from __future__ import annotations

import pytest

from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import encode_message
from ockam_fsm.runtime.encoding.message import Message, Route, local
from ockam_fsm.runtime.node.layers import largest_payload
from ockam_fsm.runtime.node.ledger import Ledger, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access, Envelope
from ockam_fsm.runtime.node.stream_end import IS_OVER, WINDOW_FULL, StreamEnd
from tests.runtime.node_helpers import Counted, Inbox, tcp

ECHO: Route = (local("echo"),)
ME: Route = (local("me"),)


def an_end(node: Node, capacity: int = 10) -> tuple[StreamEnd, list[None]]:
    accepted: list[None] = []
    end = StreamEnd(node.router, "to-b", "to-a", capacity, lambda: accepted.append(None), lambda: largest(node))
    return end, accepted


def largest(node: Node) -> int:
    """Return the largest message of its publisher."""
    return node.router.max_payload_bytes - 700


def published(message: Message, replies_to: str) -> bytes:
    return bare.string(replies_to) + bare.data(encode_message(message))


def a_node(ledger: Ledger | None = None) -> Node:
    return Node(Counted("n"), ledger=ledger)


def test_messages_are_published_whole_and_in_order() -> None:
    node = a_node()
    end, accepted = an_end(node)
    for payload in (b"one", b"two"):
        node.route(Message((end.address, *ECHO), ME, payload, "t"))
    node.run()
    assert len(accepted) == 2
    assert node.router.ledger.held_bytes > 0
    assert [end.pop(), end.pop()] == [
        published(Message(ECHO, ME, payload, "t"), replies_to="to-a") for payload in (b"one", b"two")
    ]
    assert (end.pop(), node.router.ledger.held_bytes) == (None, 0)


def test_messages_of_the_stream_are_forwarded_and_replies_come_back_to_the_end() -> None:
    node, inbox = a_node(), Inbox()
    end, _ = an_end(node)
    node.start_worker(*ECHO, handler=inbox, access=Access.PUBLIC)
    end.arrived(published(Message(ECHO, ME, b"x", "t"), "to-b"))
    assert end.delivering
    node.run()
    assert (inbox.messages, end.delivering) == ([Message(ECHO, (end.address, *ME), b"x", "t")], False)


def test_messages_of_the_stream_are_from_outside() -> None:
    node = Node(Counted("n"), forwarding=lambda host, destination: host != "")
    end, _ = an_end(node)
    node.start_worker(*ECHO, handler=Inbox())
    end.arrived(published(Message(ECHO, ME, b"x"), "to-b"))
    end.arrived(published(Message((tcp("elsewhere"),), ME, b"x"), "to-b"))
    assert node.run() == []
    assert node.dead_letters.counts == {"private address": 1, "forwarding is not allowed": 1}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (published(Message(ECHO, ME, b"x"), "to-b") + b"more", "malformed"),
        (published(Message(ECHO, ME, b"x"), "to-c"), "replies to another stream"),
        (published(Message(ECHO * 125, ME, b"x"), "to-b"), "route too long"),
        (published(Message((), ME, b"x"), "to-b"), "empty onward route"),
    ],
)
def test_a_message_that_cannot_be_forwarded_is_a_dead_letter(payload: bytes, reason: str) -> None:
    node = a_node()
    end, _ = an_end(node)
    end.arrived(payload)
    node.run()
    assert node.dead_letters.counts == {reason: 1}


def test_a_message_that_cannot_be_carried_is_a_dead_letter() -> None:
    node = a_node()
    end, accepted = an_end(node, capacity=1)
    node.router.max_payload_bytes = 1000
    for payload in (b"first", bytes(1000), b"one more"):
        node.router.route(Envelope(Message((end.address, *ECHO), ME, payload)))  # as a handler sends it
    node.run()
    assert (len(accepted), node.dead_letters.counts) == (1, {"payload too large": 1, WINDOW_FULL: 1})


def test_the_bytes_that_it_adds_are_checked_before_sending() -> None:
    node = a_node()
    stream_end, _ = an_end(node)
    route, limit = (stream_end.address, local("far")), node.router.max_payload_bytes
    most = largest_payload(node.router.residents, route, (), limit)
    assert 700 < limit - most < 1000
    node.route(Message(route, (), bytes(most)))
    node.run()
    assert node.dead_letters.counts == {}
    assert len(stream_end.waiting) == 1


def test_a_full_node_refuses_or_gives_up_waiting_messages() -> None:
    message = Message((local("x"), *ECHO), ME, b"x" * 100)
    node = a_node(Ledger(3 * weight_of(message)))
    end, accepted = an_end(node)
    for _ in range(4):
        node.route(Message((end.address, *ECHO), ME, b"x" * 100))
        node.run()
    assert node.dead_letters.counts["the node is full"] == 4 - len(accepted) > 0
    receipt = next(iter(end.waiting))
    node.router.ledger.may_give_up(receipt, receipt.origin.discards[receipt])
    receipt.origin.discards[receipt](receipt)
    assert receipt not in end.waiting
    end.discard("closed")
    assert node.dead_letters.counts[IS_OVER] == len(accepted) - 1
    assert node.router.ledger.held_bytes == 0


def test_dependents_lose_their_lower_layer_when_it_retires() -> None:
    node = a_node()
    end, accepted = an_end(node)
    told: list[str] = []

    class Upper:
        def lower_layer_lost(self, detail: str) -> None:
            told.append(detail)

    stays, leaves = Upper(), Upper()
    for one in (stays, leaves):
        end.relied_on_by(one)
    end.dropped_by(leaves)
    end.sent(end.address, end)
    end.fire("no timer of its own")
    assert (end.carries(end.address), end.replies, accepted) == (True, False, [])
    end.retire("closed")
    node.route(Message((end.address, *ECHO), ME, b"x"))
    node.run()
    assert (told, node.dead_letters.counts) == (["closed"], {"unknown address": 1})

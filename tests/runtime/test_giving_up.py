"""Waiting items of one origin are given up when another one needs memory: held messages, mailboxes, inboxes."""

from __future__ import annotations

import asyncio

from ockam_fsm.net.async_workers import Mailbox
from ockam_fsm.net.inbox import Inbox as SessionInbox
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import Connect, Transmit
from ockam_fsm.runtime.node.ledger import NODE_FULL, Ledger
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context, Handler
from tests.runtime.node_helpers import Counted, Inbox, tcp

SINK, KEEPER, NOBODY = local("sink"), local("keeper"), local("nobody")
TOTAL_BYTES = 128 * 1024


def full_node(onward: Address, keeper: Handler | None = None) -> tuple[Node, Address, Inbox]:
    """Return a node that keeps as much for one peer as it may, and another peer that has not sent anything."""
    node, inbox = Node(Counted("n"), ledger=Ledger(TOTAL_BYTES)), Inbox()
    node.start_worker(SINK, handler=inbox, access=Access.PUBLIC)
    if keeper is not None:
        node.start_worker(KEEPER, handler=keeper, access=Access.PUBLIC)
    greedy = node.accepted("greedy")
    for number in range(8):
        node.receive(Message((onward, NOBODY), (), bytes([number]) * 12_000), greedy)
        node.run()
    assert node.router.ledger.outside_bytes > TOTAL_BYTES // 2
    return node, node.accepted("honest"), inbox


def lost(node: Node) -> list[int]:
    """Return the first bytes of the messages that a full node has given up or refused, in order."""
    return [letter.message.payload[0] for letter in node.dead_letters.letters if letter.reason == NODE_FULL]  # type: ignore[attr-defined]


def test_messages_for_a_destination_that_never_answers_starve_no_other_origin() -> None:
    node, honest, inbox = full_node(tcp("silent"))
    refused = lost(node)
    node.receive(Message((SINK,), (), b"h" * 40_000), honest)
    node.run()
    assert inbox.payloads == [b"h" * 40_000]
    assert lost(node)[len(refused) :][0] == refused[0] - 1  # the newest that waited


def test_an_item_that_is_given_up_is_released() -> None:
    node, honest, _ = full_node(tcp("silent"))
    node.receive(Message((SINK,), (), b"h" * 40_000), honest)
    node.run()
    (destination,) = node.destinations.values()
    left = [message.payload[0] for message in destination.waiting]
    node.connected(destination.via)
    sent = [command.message.payload[0] for command in node.run() if isinstance(command, Transmit)]
    assert sent == left == [number for number in range(8) if number not in lost(node)]
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})


def test_a_connection_whose_held_messages_are_all_given_up_still_comes_to_its_end() -> None:
    node = Node(Counted("n"), ledger=Ledger(16 * 1024))
    greedy, honest = node.accepted("greedy"), node.accepted("honest")
    node.receive(Message((tcp("silent"), NOBODY), (), bytes(9_000)), greedy)
    (connect,) = [command for command in node.run() if isinstance(command, Connect)]
    node.start_worker(SINK, handler=Inbox(), access=Access.PUBLIC)
    node.receive(Message((SINK,), (), bytes(6_000)), honest)
    node.run()
    assert node.dead_letters.counts == {NODE_FULL: 1}
    node.connection_lost(connect.via, "refused")
    node.run()
    assert node.dead_letters.counts == {NODE_FULL: 1}
    assert node.router.ledger.held_bytes == 0


def test_the_mailbox_of_a_slow_worker_starves_no_other_origin() -> None:
    async def scenario() -> None:
        handled: list[int] = []
        opened = asyncio.Event()

        async def slow(message: Message, context: Context) -> None:
            await opened.wait()
            handled.append(message.payload[0])

        tasks: set[asyncio.Task[None]] = set()
        node, honest, inbox = full_node(KEEPER, Mailbox(slow, lambda: None, tasks, capacity=100))
        node.receive(Message((SINK,), (), b"h" * 40_000), honest)
        node.run()
        assert len(inbox.payloads) == 1
        opened.set()
        await asyncio.gather(*tasks)
        assert handled == [number for number in range(8) if number not in lost(node)]
        assert node.router.ledger.held_bytes == 0

    asyncio.run(scenario())


def test_the_unread_inbox_of_a_session_starves_no_other_origin() -> None:
    async def scenario() -> None:
        kept = SessionInbox(100)
        node, honest, inbox = full_node(KEEPER, kept)
        node.receive(Message((SINK,), (), b"h" * 40_000), honest)
        node.run()
        assert len(inbox.payloads) == 1
        read = [kept.pop().payload[0] for _ in tuple(kept.messages)]
        assert read == [number for number in range(8) if number not in lost(node)]
        assert node.router.ledger.held_bytes == 0

    asyncio.run(scenario())

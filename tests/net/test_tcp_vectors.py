"""Every exchange that was captured between a client and a real Ockam node, replayed against a socket of this node.

A conversation is what the client sent, record by record, and what must come back: the same messages, nothing, or the
end of the connection. Addresses that the real node drew at random differ here; in the handshakes and the route
through the transport worker ours replace them. Left out are the stream conversations (their worker is not part of
this node) and `no_version`, which has its own test; `three_elements` is a departure that tests/runtime/test_vectors.py
declares.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import pytest

from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.frames import VERSION, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.workers import echo, hop
from tests.net.tcp_helpers import Client, over_tcp, still_echoes
from tests.runtime.wire_helpers import records

CONVERSATIONS = {name: list(group) for name, group in groupby(records(), key=lambda record: record["name"])}
ELSEWHERE = {name for name in CONVERSATIONS if name.startswith(("stream_", "index_"))}
WITH_ADDRESSES = {"session_echo", "session_routing_worker", "tracing_through_hop", "initiator_elixir_to_python"}
PLAIN = [name for name in CONVERSATIONS if name not in ELSEWHERE | WITH_ADDRESSES | {"no_version"}]


def start_workers(node: TcpNode) -> None:
    node.worker("echo", echo, public=True)
    node.worker("hop", hop, public=True)
    node.spawner("echo_session_spawner", handler=echo, profile="ockam")
    node.spawner("session_spawner", handler=echo, profile="ockam")


def messages_in(name: str, direction: str) -> list[Message]:
    found = [bytes.fromhex(r["hex"]) for r in CONVERSATIONS[name] if r["direction"] == direction]
    return [decode_message(data[4:]) for data in found if len(data) > 4]


async def replay(client: Client, record: dict[str, Any]) -> bool:
    """Replay one record. False: the connection has ended, as expected."""
    data = bytes.fromhex(record["hex"])
    if record["direction"] == "client->node":
        client.write(data)
    elif record["direction"] == "node->client" and data not in (b"", VERSION):
        assert await client.message() == decode_message(data[4:])
    elif record["direction"] == "node->client" and "closed" in record["decoded"]:
        if record["name"] == "three_elements":  # this node accepts what Rust nodes may send, and answers it
            assert (await client.message()).payload == b"hi"
            return True
        assert await client.closed() in (b"", VERSION)
        return False
    return True


@pytest.mark.parametrize("name", PLAIN)
def test_conversation(name: str) -> None:
    async def main() -> None:
        async with TcpNode() as node:
            start_workers(node)
            where = await node.listen()
            async with await Client.to(where, version=False) as client:
                usable = True
                for record in CONVERSATIONS[name]:
                    usable = usable and await replay(client, record)
                if usable:
                    await still_echoes(client)
            async with await Client.to(where) as another:
                await still_echoes(another)

    over_tcp(main())


def test_a_connection_without_a_version_byte_is_closed_in_time() -> None:
    async def main() -> None:
        async with TcpNode(limits=TcpLimits(version_seconds=0.1)) as node:
            where = await node.listen()
            async with await Client.to(where, version=False) as client:
                assert await client.closed() == VERSION
            assert node.edge.connections == {}

    assert TcpLimits().version_seconds == 5.0  # as observed: `closed after 5.00s`
    over_tcp(main())


def replaced(message: Message, addresses: dict[Address, Address]) -> bytes:
    def ours(route: Route) -> Route:
        return tuple(addresses.get(address, address) for address in route)

    moved = Message(ours(message.onward_route), ours(message.return_route), message.payload, message.tracing_context)
    return encode_frame(encode_message(moved))


@pytest.mark.parametrize("name", ["session_echo", "session_routing_worker"])
def test_the_captured_client_opens_a_session_with_this_node(name: str) -> None:
    sent, expected = messages_in(name, "client->node"), messages_in(name, "node->client")

    async def main() -> None:
        async with TcpNode() as node:
            start_workers(node)
            async with await Client.to(await node.listen()) as client:
                client.write(encode_frame(encode_message(sent[0])))
                answer = await client.message()
                assert answer.onward_route == expected[0].onward_route
                worker = local(answer.payload[1:])
                assert answer.return_route[-1] == worker
                known = {expected[0].return_route[-1]: worker}
                for data, reply in zip(sent[1:], expected[1:], strict=True):
                    client.write(replaced(data, known))
                    got = await client.message()
                    assert encode_frame(encode_message(got)) == replaced(reply, known)

    over_tcp(main())


def test_a_tracing_context_goes_through_hop_and_back_over_the_connection() -> None:
    _, sent = messages_in("tracing_through_hop", "client->node")
    _, expected = messages_in("tracing_through_hop", "node->client")

    async def main() -> None:
        async with TcpNode() as node:
            start_workers(node)
            async with await Client.to(await node.listen()) as client:
                await still_echoes(client)
                (via,) = node.edge.connections
                known = {sent.onward_route[1]: via}
                client.write(replaced(sent, known))
                assert encode_frame(encode_message(await client.message())) == replaced(expected, known)

    over_tcp(main())


def test_our_initiator_opens_a_session_with_the_captured_peer() -> None:
    """`initiator_elixir_to_python` with this node in place of the Elixir one."""
    hello, data_back = messages_in("initiator_elixir_to_python", "node->client")
    answer, data = messages_in("initiator_elixir_to_python", "client->node")
    theirs = hello.return_route[-1]

    async def main() -> None:
        peers: asyncio.Queue[Client] = asyncio.Queue()
        server = await asyncio.start_server(lambda r, w: peers.put_nowait(Client(r, w)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with TcpNode() as node:
            session = node.session(f"tcp://127.0.0.1:{port}/py_spawner", profile="ockam", handler=echo)
            opening = asyncio.ensure_future(session.open())
            peer = await peers.get()
            peer.write(VERSION)
            answer_message = await peer.message()
            assert answer_message.onward_route == hello.onward_route
            inner = local(answer_message.payload[1:])
            peer.write(replaced(answer, {theirs: answer_message.return_route[-1]}))
            await opening
            peer.write(replaced(data, {theirs: inner}))
            echoed = await peer.message()
            assert encode_frame(encode_message(echoed)) == replaced(data_back, {theirs: inner})
            await peer.__aexit__()
        server.close()

    over_tcp(main())


def test_every_conversation_is_replayed_or_left_out_by_name() -> None:
    assert len(PLAIN) + len(ELSEWHERE) + len(WITH_ADDRESSES) + 1 == len(CONVERSATIONS)
    assert len(PLAIN) >= 15

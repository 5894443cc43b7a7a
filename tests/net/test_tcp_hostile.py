"""Hostile, broken or very slow peers: each loses only its own connection, and other peers are not affected."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.connection import NOT_READING, TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.frames import VERSION, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.commands import RememberNumber
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.workers import echo
from tests.net.tcp_helpers import Client, over_tcp, still_echoes, to_echo, until

SMALL = TcpLimits(
    frame_bytes=100_000,
    connections=5,
    write_ahead_bytes=10_000,
    held_bytes=300_000,
    total_bytes=400_000,
    version_seconds=0.2,
    frame_seconds=0.2,
    stalled_seconds=0.2,
    linger_seconds=0.2,
)


@asynccontextmanager
async def attacked(limits: TcpLimits = SMALL) -> AsyncIterator[tuple[TcpNode, str, Client]]:
    """A node, its address, and a well-behaved client that must not be affected."""
    async with TcpNode(limits=limits) as node:
        node.worker("echo", echo, public=True)
        where = await node.listen()
        async with await Client.to(where) as bystander:
            await still_echoes(bystander, b"before")
            yield node, where, bystander
            await still_echoes(bystander, b"after")


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "reason", "") for record in caplog.records if record.levelno >= logging.WARNING]


BAD = {
    "wrong-version": b"\x02",
    "tls": b"\x16\x03\x01\x02\x00\x01",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "oversized": VERSION + b"\xff\xff\xff\xff",
    "barely-oversized": VERSION + (100_001).to_bytes(4, "big"),
    "garbage": VERSION + b"\x00\x00\x00\x04garb",
    "truncated-cbor": VERSION + encode_frame(b"\x84\x81\x82\x00"),
    "deep-cbor": VERSION + encode_frame(b"\x81" * 5000),
    "good-then-bad": VERSION + to_echo(b"x") + encode_frame(b"\xff"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_bytes_close_their_connection_with_the_reason_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with attacked() as (node, where, _), await Client.to(where, version=False) as client:
            client.write(BAD[name])
            answered = await client.closed()
            assert answered[:1] == VERSION
            assert (b"x" in answered) == (name == "good-then-bad")
            await until(lambda: len(node.edge.connections) == 1)

    over_tcp(main())
    (reason,) = reasons(caplog)
    assert reason.split(":")[0] in ("wrong-version", "frame-too-large", "malformed")


@pytest.mark.slow
def test_slowloris_attacks_of_every_kind_are_closed_in_time(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with attacked() as (node, where, _):
            async with await Client.to(where, version=False) as silent:
                assert await silent.closed() == VERSION
            async with await Client.to(where) as unfinished:
                unfinished.write(b"\x00\x00\x00\x10abc")
                await until(lambda: len(node.edge.connections) == 2)
                began = node.loop.time()
                while len(node.edge.connections) == 2:  # an occasional byte does not keep it open
                    unfinished.write(b"d" if node.loop.time() - began < 0.1 else b"")
                    await asyncio.sleep(0.02)
                assert await unfinished.closed() == VERSION

    over_tcp(main())
    assert sorted(reasons(caplog)) == ["a frame was not finished in time", "no version byte in time"]


def test_connections_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with attacked() as (node, where, _):
            clients = [await Client.to(where) for _ in range(12)]
            await until(lambda: len(reasons(caplog)) == 8)
            assert len(node.edge.connections) <= 5
            for client in clients:
                await client.__aexit__()
            await until(lambda: len(node.edge.connections) == 1)
            async with await Client.to(where) as later:
                await still_echoes(later)

    over_tcp(main())


@pytest.mark.slow
def test_a_peer_that_does_not_read_is_not_read_and_finally_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A flood of requests whose replies are not read: the memory for it is bounded."""

    async def main() -> None:
        async with attacked() as (node, where, _), await Client.to(where) as client:
            client.writer.transport.set_write_buffer_limits(high=1)
            client.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await until(lambda: len(node.edge.connections) == 2)
            flood = to_echo(b"x" * 10_000) * 50
            (mine,) = [c for c in node.edge.connections.values() if c.peer == sock_name(client)]

            async def attack() -> None:
                while True:
                    client.write(flood)
                    await client.writer.drain()

            attacking = asyncio.ensure_future(attack())
            await until(lambda: mine.slow)
            assert mine.transport is not None
            # Only the input of one read is answered before reading pauses.
            assert mine.transport.get_write_buffer_size() < 1_000_000
            await until(lambda: len(node.edge.connections) == 1)
            attacking.cancel()
            await asyncio.gather(attacking, return_exceptions=True)

    over_tcp(main())
    assert NOT_READING in reasons(caplog)


def sock_name(client: Client) -> str:
    host, port = client.writer.get_extra_info("sockname")
    return f"{host}:{port}"


def test_messages_to_a_slow_reader_are_held_up_to_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        patient = TcpLimits(write_ahead_bytes=1000, held_bytes=200_000, total_bytes=10_000_000)
        async with attacked(patient) as (node, where, _), await Client.to(where) as slow:
            await still_echoes(slow)
            slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
            (mine,) = [c for c in node.edge.connections.values() if c.peer == sock_name(slow)]
            assert mine.via is not None
            sent = 0
            while not node.node.dead_letters.counts:
                node.send((mine.via, local("me")), b"x" * 10_000)
                sent += 1
                await asyncio.sleep(0)
            assert node.node.dead_letters.counts == {NOT_READING: 1}
            assert mine.transport is not None
            assert mine.transport.get_write_buffer_size() <= 200_000 + 10_100
            slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(sent - 1):
                assert (await slow.message()).payload == b"x" * 10_000
            await until(lambda: not mine.slow)
            assert node.edge.node.router.ledger.held_bytes == 0
            await still_echoes(slow)

    over_tcp(main())


def test_unfinished_frames_take_a_bounded_amount_of_memory_in_all(caplog: pytest.LogCaptureFixture) -> None:
    limits = TcpLimits(frame_bytes=100_000, total_bytes=200_000)

    async def main() -> None:
        async with attacked(limits) as (node, where, _):
            clients = [await Client.to(where) for _ in range(4)]
            for client in clients:
                client.write((90_000).to_bytes(4, "big") + b"x" * 60_000)
            await until(lambda: len(reasons(caplog)) == 2)
            assert len(node.edge.connections) == 3
            for client in clients:
                await client.__aexit__()
            await until(lambda: len(node.edge.connections) == 1)
            assert node.edge.node.router.ledger.held_bytes == 0

    over_tcp(main())
    assert set(reasons(caplog)) == {"the node is full, and this peer uses the largest part"}


@pytest.mark.slow
def test_a_slow_or_silent_destination_blocks_no_other_message() -> None:
    """One destination accepts and stays silent; messages to it wait, and the connection that they came on works."""

    async def main() -> None:
        writers: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
        nowhere = tcp(f"127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        settings = ConnectionConfig(connect_seconds=0.3)
        async with TcpNode(connections=settings) as node:
            node.worker("echo", echo, public=True)
            async with await Client.to(await node.listen()) as client:
                for _ in range(3):
                    client.write(encode_frame(encode_message(Message((nowhere, local("x")), (local("me"),), b"x"))))
                await still_echoes(client)
                assert len(node.node.destinations) == 1
                await until(lambda: node.node.dead_letters.counts == {"connection lost": 3})
                await still_echoes(client)
        for writer in writers:
            writer.transport.abort()
        silent.close()

    over_tcp(main())


@pytest.mark.parametrize("destination", ["not-a-port", "nobody.invalid:1", "127.0.0.1:1", "a b:1", "x" * 300 + ":1"])
def test_a_destination_that_cannot_be_reached_is_a_dead_letter(destination: str) -> None:
    from ockam_fsm.runtime.encoding.message import TCP, Address

    async def main() -> None:
        async with TcpNode() as node:
            with pytest.raises(RemoteSessionError, match="connection lost"):
                await node.request((Address(TCP, destination.encode()), local("echo")), b"x")

    over_tcp(main())


def test_a_message_too_large_for_a_frame_is_refused_with_both_sizes() -> None:
    async def main() -> None:
        async with attacked() as (node, where, _):
            for call in (node.send, node.request):
                with pytest.raises(LocalSessionError, match=r"200000 bytes, limit 50000"):
                    await call(f"tcp://{where}/echo", b"x" * 200_000)  # type: ignore[misc]
            assert node.node.dead_letters.counts == {}

    over_tcp(main())


def test_an_unused_outbound_connection_is_closed() -> None:
    async def main() -> None:
        async with attacked() as (_, where, _), TcpNode(connections=ConnectionConfig(idle_seconds=0.1)) as node:
            assert (await node.request(f"tcp://{where}/echo", b"x")).payload == b"x"
            await until(lambda: not node.edge.connections)
            assert (await node.request(f"tcp://{where}/echo", b"y")).payload == b"y"

    over_tcp(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_ipv4_ipv6_and_names(host: str) -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            there.worker("echo", echo, public=True)
            port = (await there.listen(f"{host}:0")).rpartition(":")[2]
            assert (await here.request(f"tcp://{host}:{port}/echo", b"x")).payload == b"x"

    over_tcp(main())


@pytest.mark.parametrize("address", ["127.0.0.1", "::1:4000", ":1", "host:port"])
def test_the_listening_address_is_checked(address: str) -> None:
    async def main() -> None:
        async with TcpNode() as node:
            with pytest.raises(LocalSessionError, match="HOST:PORT"):
                await node.listen(address)

    over_tcp(main())


def test_numbers_that_cannot_be_stored_stop_the_node_before_the_hello_leaves() -> None:
    def full(command: RememberNumber) -> None:
        raise OSError("disk full")

    async def main() -> None:
        async with TcpNode() as there:
            where = await there.listen()
            there.spawner("spawner", handler=echo)

            async def use() -> None:
                async with TcpNode(remember=full) as node:
                    session = node.session(f"tcp://{where}/spawner")
                    with pytest.raises(LocalSessionError, match="disk full"):
                        await session.open()
                    with pytest.raises(LocalSessionError, match="disk full"):
                        node.send("spawner", b"")

            with pytest.raises(LocalSessionError, match="disk full") as stopped:
                await use()
            assert isinstance(stopped.value.__cause__, OSError)
            assert there.responders("spawner") == ()

    over_tcp(main())


def test_written_messages_are_read_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Closing a node is graceful: accepted messages leave first."""

    async def main() -> None:
        got: list[bytes] = []
        take: Callable[..., None] = lambda message, context: got.append(message.payload)  # noqa: E731
        async with TcpNode() as there:
            there.worker("inbox", take, public=True)
            where = await there.listen()
            async with TcpNode() as here:
                here.send(f"tcp://{where}/inbox", b"first")
                await until(lambda: got)
                for _ in range(100):
                    here.send(f"tcp://{where}/inbox", b"x" * 10_000)
            await until(lambda: len(got) == 101)

    over_tcp(main())

"""Undecoded input of a peer that has gone: it neither delays the node nor keeps memory."""

from __future__ import annotations

import asyncio

from ockam_fsm import TcpNode
from ockam_fsm.net.routes import split_host
from ockam_fsm.runtime.encoding.frames import VERSION, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from tests.net.tcp_helpers import until

FRAME = encode_frame(encode_message(Message((local("echo"),), (local("me"),), bytes(100_000))))


async def connected(where: str, data: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(*split_host(where))
    writer.write(VERSION + data)
    await writer.drain()
    return writer


async def gone(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


def test_a_closing_node_does_not_wait_for_undecoded_input() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            where = await node.listen()
            node.edge._turning = True  # no turn comes: input waits
            await gone(await connected(where, FRAME))
            await until(lambda: any(one._ended is not None for one in node.edge._open))
            await asyncio.wait_for(node.close(grace_seconds=60.0), 10.0)
            assert not node.edge._open

    asyncio.run(main())


def test_an_unfinished_frame_is_dropped_with_its_connection() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            writer = await connected(await node.listen(), FRAME[:-1])
            await until(lambda: any(one._decoder.buffered == len(FRAME) - 5 for one in node.edge._open))
            (connection,) = node.edge._open
            await gone(writer)
            await until(lambda: not node.edge._open)
            assert connection._decoder.buffered == 0
            assert node.node.router.ledger.held_bytes == 0

    asyncio.run(main())

"""Secure channels with a node on Ockam's own Rust crates, in both roles."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.secure.identity_store import StoredIdentity
from ockam_fsm.secure.plaintext import Data
from tests.interop.channel_by_hand import accepted, ask, mailbox, new_identity, opened
from tests.interop.rust_peer import RustNode, rust_client
from tests.net.tcp_helpers import over_tcp

pytestmark = pytest.mark.interop
MANY = 10_000
REKEYED = 100


def test_our_initiator_speaks_with_a_rust_responder(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/api", new_identity())
            assert str(channel.peer.identifier) == rust.identifier
            for number in range(REKEYED):
                assert await ask(channel, "echo", b"%d" % number) == b"%d" % number

    over_tcp(main())


async def serve(node: TcpNode, firsts: asyncio.Queue[Message], own: StoredIdentity, seen: list[str]) -> None:
    """Be a responder whose worker `echo` is behind the channel."""
    channel = await accepted(node, firsts, own)
    seen.append(str(channel.peer.identifier))
    while (data := await channel.receive()) is not None:
        assert [address.value for address in data.onward_route] == [b"echo"]
        channel.send(Data(data.return_route, (), data.payload))
    seen.append("closed")


def test_a_rust_initiator_speaks_with_our_responder() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            node.worker("echo", echo, public=True)
            where = await node.listen()
            own, seen = new_identity(), list[str]()
            _, firsts = mailbox(node, "api")
            serving = asyncio.create_task(serve(node, firsts, own, seen))
            found = await rust_client(where, REKEYED, seconds=60.0)
            await serving
            assert found["plain"]["same"] == found["channel"]["same"] == REKEYED
            assert found["handshake"]["peer"] == str(own.own.identity.identifier)
            assert seen == [found["handshake"]["own"], "closed"]

    over_tcp(main())

"""Secure channels with a node on Ockam's own Rust crates, in both roles, without our sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.secure.noise import NOT_AUTHENTIC
from ockam_fsm.secure.plaintext import Data
from ockam_fsm.secure.suite import NOISE, OCKAM, Suite
from tests.interop.channel_by_hand import BACK, Mailbox, accepted, echo_until_closed, new_identity, opened
from tests.interop.rust_peer import RustNode, rust_client, with_rust

pytestmark = pytest.mark.interop
REKEYED = 100
SURVIVED = 31
"""How many losses in a row a direction towards a Rust node survives."""


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def answers_nothing(node: TcpNode, rust: RustNode, mailbox: Mailbox) -> bool:
    """Check that nothing has come after two later messages on the same connection were answered."""
    for _ in range(2):
        await node.request(f"tcp://{rust.where}/echo", b"still there?")
    return mailbox.waiting == 0


def test_our_initiator_and_a_rust_responder(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/hop/hop/api", new_identity())
            assert channel.peer == rust.identifier
            for payload in numbered(REKEYED):  # one by one: each key is used in both directions before the next
                assert await channel.ask([payload]) == [payload]

    with_rust(main())


def test_a_rust_initiator_and_our_responder() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            node.worker("echo", echo, public=True)
            where, own, listener = await node.listen(), new_identity(), Mailbox(node, "api")
            async with asyncio.TaskGroup() as tasks:
                client = tasks.create_task(rust_client(where, REKEYED, seconds=60.0))
                channel = await accepted(listener, own)
                serving = tasks.create_task(echo_until_closed(channel))
                found = await client
                serving.cancel()  # the Rust process may end before its close is sent
            assert found["plain"]["same"] == found["channel"]["same"] == REKEYED
            assert (found["handshake"]["own"], found["handshake"]["peer"]) == (
                channel.peer,
                str(own.identity.identifier),
            )

    with_rust(main())


def test_no_handshake_succeeds_with_the_standard_noise_name(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            suite = replace(OCKAM, name=NOISE.name)
            with pytest.raises(RemoteSessionError) as raised:
                await opened(node, f"tcp://{rust.where}/api", new_identity(), suite=suite)
            assert raised.value.reason == NOT_AUTHENTIC

    with_rust(main())


@pytest.mark.parametrize(
    ("suite", "understood"),
    [(replace(OCKAM, initiator_encrypts_with_first=True), 0), (replace(OCKAM, rekey_interval=64), 32)],
    ids=["the final keys as in Noise", "a key for 64 messages"],
)
def test_deviations_from_ockam_are_refused(suite: Suite, understood: int, tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/api", new_identity(), suite=suite)
            payloads = numbered(understood)
            assert await channel.ask(payloads) == payloads
            channel.send(Data((local("echo"),), (BACK,), b"not understood"))
            assert await answers_nothing(node, rust, channel.mailbox)

    with_rust(main())


def test_a_rust_node_accepts_nothing_after_32_losses_in_a_row(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/api", new_identity())
            assert await channel.ask([b"before"]) == [b"before"]
            channel.lose(SURVIVED)
            assert await channel.ask([b"after"]) == [b"after"]
            channel.lose(SURVIVED + 1)
            for payload in numbered(REKEYED):
                channel.send(Data((local("echo"),), (BACK,), payload))
            assert await answers_nothing(node, rust, channel.mailbox)

    with_rust(main())


def test_our_end_follows_a_rust_node_after_losses(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/api", new_identity())
            for payload in numbered(REKEYED):
                channel.send(Data((local("echo"),), (BACK,), payload))
                await channel.mailbox.next()  # lost
            assert await channel.ask([b"after"]) == [b"after"]

    with_rust(main())


def test_a_rust_responder_follows_to_another_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as other, TcpNode() as node:
            channel = await opened(node, f"tcp://{rust.where}/api", new_identity())
            assert await channel.ask([b"here"]) == [b"here"]
            moved = replace(
                channel,
                mailbox=Mailbox(other, channel.mailbox.address),
                remote=(tcp(rust.where), *channel.remote[1:]),
            )
            assert await moved.ask([b"there"]) == [b"there"]

    with_rust(main())


def test_a_channel_ends_with_the_process_and_is_opened_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            own, listener = new_identity(), f"tcp://{rust.where}/api"
            old = await opened(node, listener, own)
            await rust.kill()
            await rust.start()
            old.send(Data((local("echo"),), (BACK,), b"to nobody"))
            assert await answers_nothing(node, rust, old.mailbox)
            new = await opened(node, listener, own)
            assert new.peer == old.peer == rust.identifier
            assert await new.ask([b"again"]) == [b"again"]

    with_rust(main())

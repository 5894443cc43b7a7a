"""Captures a channel with a Rust node in each role, as test vectors (tests/vectors/ockam-rust-channels.json).

Our keys are derived from names (tests/secure/helpers.py), so that a test can replay our end without the Rust node.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ockam_fsm.kernel.files import write_whole
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.node.workers import echo
from tests.interop.channel_by_hand import HandDriven, Mailbox, accepted, echo_until_closed, now, opened
from tests.interop.rust_peer import RustNode, rust_client
from tests.secure.helpers import VECTORS, purpose_key, secret

MESSAGES = 100
KEPT = (0, 1, 31, 32, 33, 63, 64, 99)
"""The nonces whose messages are captured: those around a new key, some before it, and the last one."""

ABOUT = (
    "Captured from a node on the crate ockam 0.150.0 (tests/interop/capture.py). Our identity, purpose key and "
    "ephemeral key are those of `us` in tests/secure/helpers.py, made at `now`. `handshake`: its three messages. "
    "`received`: what the Rust node encrypted, by nonce, with the payload inside."
)


async def rust_responder(at: int) -> HandDriven:
    with TemporaryDirectory() as folder:
        async with RustNode(Path(folder)) as rust, TcpNode() as node:
            listener, own = f"tcp://{rust.where}/api", purpose_key("us", at)
            channel = await opened(node, listener, own, at=at, ephemeral=secret("us ephemeral"))
            await channel.ask(b"channel %d" % number for number in range(MESSAGES))
            return channel


async def rust_initiator(at: int) -> HandDriven:
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        where, listener = await node.listen(), Mailbox(node, "api")
        client = asyncio.create_task(rust_client(where, MESSAGES, seconds=60.0))
        channel = await accepted(listener, purpose_key("us", at), at=at, ephemeral=secret("us ephemeral"))
        await echo_until_closed(channel)
        await client
        return channel


def vector(rust: str, at: int, channel: HandDriven) -> dict[str, Any]:
    messages = [message.hex() for message in channel.handshake]
    received = {str(nonce): [channel.received[nonce].hex(), f"channel {nonce}"] for nonce in KEPT}
    return {"rust": rust, "now": at, "peer": channel.peer, "handshake": messages, "received": received}


def main() -> None:
    at = now()
    channels = [
        vector("responder", at, run(rust_responder(at))),
        vector("initiator", at, run(rust_initiator(at))),
    ]
    text = json.dumps({"about": ABOUT, "channels": channels}, indent=1)
    write_whole(VECTORS / "ockam-rust-channels.json", text + "\n")


if __name__ == "__main__":
    main()

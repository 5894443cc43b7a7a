"""A node in a separate program, as users write it: every public service, and private workers.

Started by measuring.py. It prints one line when it is ready, and one with its findings after SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections import Counter

from ockam_fsm import TcpNode
from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.relay import Relay
from ockam_fsm.runtime.node.services import discovery, metadata_forwarder, metadata_receiver, static_forwarder
from ockam_fsm.runtime.node.workers import Context, Handler, echo, hop
from ockam_fsm.runtime.session.config import BackOff, Durations

QUICK = Durations(negotiation_seconds=1.0, keepalive_seconds=1.0, idle_seconds=5.0, retention_seconds=5.0,
                  back_off=BackOff(0.2, max_seconds=0.5))  # fmt: skip


async def waits(message: Message, context: Context) -> None:
    await asyncio.sleep(0)
    context.reply(message.payload)


def start(node: TcpNode, reached: Counter[str]) -> None:
    to_echo = (local("echo"),)
    names = {local("name"): to_echo}
    public: dict[str, Handler] = {
        "echo": echo, "hop": hop, "waits": waits, "forward": static_forwarder(to_echo), "relay": Relay(),
        "discovery": discovery(names, proxy=False), "proxy": discovery(names, proxy=True),
        "pack": metadata_forwarder((local("unpack"),)), "unpack": metadata_receiver,
    }  # fmt: skip
    for name, handler in public.items():
        node.worker(name, handler, public=True)

    def secret(message: Message, context: Context) -> None:
        reached.update(["private worker"])

    node.worker("secret", secret)
    node.spawner("hub", "explicit-persistent-two-sided", handler=echo, durations=QUICK, capacity=200_000)
    node.spawner("one-sided", "explicit-persistent-one-sided", handler=echo, durations=QUICK)


async def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    stop, reached = asyncio.Event(), Counter[str]()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def private(message: Message, context: Context) -> None:
        reached.update(["private session"])

    async with TcpNode() as node:
        start(node, reached)
        where = await node.listen("127.0.0.1:0")
        session = node.session(f"tcp://{where}/one-sided", "explicit-persistent-one-sided", name="own session",
                               durations=QUICK, handler=private)  # fmt: skip
        await session.open(timeout_seconds=10.0)
        print(json.dumps({"ready": True, "listening": [where]}), flush=True)
        await stop.wait()
        ledger = node.node.router.ledger
        found = {"reached": dict(reached), "dead_letters": node.node.dead_letters.counts, "kept": ledger.held_bytes}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    run(main())

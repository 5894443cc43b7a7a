"""The cost of each layer: TCP, a session, a secure channel, and both over a stream session.

    echo       a message to the echo worker of a node in another process, over TCP on loopback
    session    the same in an explicit transient session
    channel    the same in a secure channel
    stream     a message through a bidirectional stream session over the same node, in memory, to an echo worker
    channel over stream    a secure channel over this stream session

Each is measured one at a time and with 64 in flight, in turns within each round; a ratio is the median of the ratios
within rounds. Also measured: handshakes of a secure channel with identities and trust, without them, and of
noiseprotocol.
    python -m benchmarks.channels [--rounds 5] [--seconds 1] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from statistics import median
from time import perf_counter
from typing import Any

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.secure.channels import secure_profile, stored_identity
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.net.streams.session import StreamSession
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.secure.channel import ChannelHandshake
from ockam_fsm.secure.identity_store import MemoryIdentityStore
from ockam_fsm.secure.noise import Handshake
from ockam_fsm.secure.secret import KeyPair, Secret
from ockam_fsm.secure.suite import NOISE
from ockam_fsm.secure.trust import TrustEveryone
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.tools.killed_process import KilledProcess, Reports

IN_FLIGHT = 64
PAYLOAD = b"x" * 64
Ask = Callable[[], Awaitable[object]]


ROLES = (Role.INITIATOR, Role.RESPONDER)


def serve(reports: Reports) -> None:
    asyncio.run(_serve(reports))


async def _serve(reports: Reports) -> None:
    async with TcpNode() as node:
        StreamService(node, MemoryStorage())
        node.worker("echo", echo, public=True)
        node.spawner("spawner", handler=echo)
        node.spawner("api", profile=secure_profile(), handler=echo)
        where = await node.listen()
        async with StreamSession.connect(node, f"tcp://{where}/stream", sending="back", receiving="there"):
            reports.send(where)
            await node.stopped()


async def layers(stack: AsyncExitStack, where: str) -> dict[str, Ask]:
    """Return, for each layer, the function that makes a request through it."""
    node = await stack.enter_async_context(TcpNode())
    profile = secure_profile()
    session = await stack.enter_async_context(node.session(f"tcp://{where}/spawner"))
    channel = await stack.enter_async_context(node.session(f"tcp://{where}/api", profile=profile))
    below = await stack.enter_async_context(
        StreamSession.connect(node, f"tcp://{where}/stream", sending="there", receiving="back")
    )
    above = await stack.enter_async_context(node.session("api", profile=profile, over=below))
    return {
        "echo": lambda: node.request(f"tcp://{where}/echo", PAYLOAD),
        "session": lambda: session.request(PAYLOAD),
        "channel": lambda: channel.request(PAYLOAD),
        "stream": lambda: node.request((below.address, local("echo")), PAYLOAD),
        "channel over stream": lambda: above.request(PAYLOAD),
    }


async def measured(rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Return the messages per second of each layer, one at a time and with 64 in flight, in each round."""
    rates: dict[str, dict[str, list[float]]] = {}
    with KilledProcess(serve) as process:
        async with AsyncExitStack() as stack:
            asks = await layers(stack, process.report(20.0))
            for _ in range(rounds):
                for name, ask in asks.items():
                    for way, count in (("one at a time", 1), ("64 in flight", IN_FLIGHT)):
                        begin, done = perf_counter(), 0
                        while perf_counter() - begin < seconds:
                            await asyncio.gather(*(ask() for _ in range(count)))
                            done += count
                        rates.setdefault(name, {}).setdefault(way, []).append(done / (perf_counter() - begin))
    return rates


def handshakes() -> dict[str, Callable[[], None]]:
    """Return, for each implementation, a function that runs both sides of one handshake."""
    now = int(time.time())
    ours = [stored_identity(MemoryIdentityStore()).purpose_key(now) for _ in range(2)]
    static = [KeyPair(_secret()) for _ in range(2)]

    def with_identities() -> None:
        asks, answers = (
            ChannelHandshake(role, own, TrustEveryone(), _secret()) for role, own in zip(ROLES, ours, strict=True)
        )
        answers.read(asks.write(), now)
        asks.read(answers.write(), now)
        answers.read(asks.write(), now)

    def noise_alone() -> None:
        asks, answers = (
            Handshake(NOISE, role, pair, KeyPair(_secret())) for role, pair in zip(ROLES, static, strict=True)
        )
        answers.read(asks.write())
        asks.read(answers.write())
        answers.read(asks.write())

    return {"ours, with identities": with_identities, "ours, Noise alone": noise_alone} | _of_noiseprotocol()


def _of_noiseprotocol() -> dict[str, Callable[[], None]]:
    try:
        from noise.connection import Keypair, NoiseConnection
    except ModuleNotFoundError:
        print("noiseprotocol is not installed and is skipped: pip install noiseprotocol", file=sys.stderr)
        return {}
    keys = [secrets.token_bytes(32) for _ in range(2)]

    def theirs() -> None:
        ends: list[Any] = [NoiseConnection.from_name(NOISE.name) for _ in range(2)]
        ends[0].set_as_initiator()
        ends[1].set_as_responder()
        for end, key in zip(ends, keys, strict=True):
            end.set_keypair_from_private_bytes(Keypair.STATIC, key)
            end.start_handshake()
        for sender, receiver in ((0, 1), (1, 0), (0, 1)):
            ends[receiver].read_message(ends[sender].write_message())

    return {"noiseprotocol": theirs}


def _secret() -> Secret:
    return Secret(secrets.token_bytes(32))


def per_second(work: Callable[[], None], seconds: float) -> float:
    begin, done = perf_counter(), 0
    while perf_counter() - begin < seconds:
        work()
        done += 1
    return done / (perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rates = asyncio.run(measured(given.rounds, given.seconds))
    rows = {name: {way: round(median(found)) for way, found in ways.items()} for name, ways in rates.items()}
    ratios = {
        way: round(median(c / s for c, s in zip(rates["channel"][way], rates["session"][way], strict=True)), 2)
        for way in rates["session"]
    }
    shakes = {name: round(median(per_second(work, given.seconds) for _ in range(given.rounds)))
              for name, work in handshakes().items()}  # fmt: skip
    if given.json:
        json.dump({"per_second": rows, "ratios": ratios, "handshakes_per_second": shakes}, sys.stdout)
        return
    for name, ways in rows.items():
        each = ", ".join(f"{rate:>8,} {way}" for way, rate in ways.items())
        print(f"{name:22}{each}, {1000 / ways['one at a time']:.2f} ms each")
    for way, ratio in ratios.items():
        print(f"channel, {way}: {ratio:.2f} of the bare session (goal 0.5)")
    for name, rate in shakes.items():
        print(f"{name:24}{rate:>8,} handshakes/s")


if __name__ == "__main__":
    main()

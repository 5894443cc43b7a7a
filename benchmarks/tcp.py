"""Sessions over TCP: two processes on loopback, 64-byte payloads, compared with a bare asyncio echo with CBOR only.

    echo, sequential      one message in flight to the worker `echo`, and back
    echo, 100 in flight   the same, pipelined
    request               `await session.request(...)` through an established session, one after the other
    sessions              opened through a spawner and established, 1000 at a time
    renegotiation         from the reset of the connection under a session until it is established again, with a
                          back-off of 1 ms
    memory                growth of the resident set for each idle session, in the processes of the responders and of
                          the initiators

Ours and the bare echo take turns in every round, because the speed of a shared machine drifts; a ratio is the median of
the ratios within rounds. Both have client and server in two processes and the same event loop. On a loaded machine the
processor time of both processes is more meaningful than the rate; both are given.
    python benchmarks/tcp.py [--rounds 7] [--idle 100000] [--profile] [--json]
`--profile` prints a profile of the node's process during the echo, by function.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time_ns
from typing import Any, TypeAlias

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import tcp_bare
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import parse_route
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.runtime.session.config import BackOff, Durations

PAYLOAD = b"x" * 64
IN_FLIGHT = 100
OPENING = 1000
IDLE = Durations(60.0, 36_000.0, None, 36_000.0, 60.0)
"""No timer fires while the memory of idle sessions is measured."""

QUICK = Durations(back_off=BackOff(0.001, 1.0, 0.001, 0.0))
Ask: TypeAlias = Callable[[str], int]
Server: TypeAlias = tuple[str, Ask]
Pair: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
GOALS = {"echo, sequential": 0.7, "echo, 100 in flight": 0.4, "request": 0.6}


# The process of the servers -------------------------------------------------------------------------------------------


async def serve(what: str, profile: bool) -> None:
    if what == "bare":
        print(await tcp_bare.serve(), flush=True)
        await answer_questions()
        return
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        node.spawner("ockam", handler=echo, profile="ockam", durations=IDLE, capacity=1_000_000)
        node.spawner("idle", handler=echo, durations=IDLE, capacity=1_000_000)
        node.spawner("quick", "explicit-persistent-one-sided", handler=echo, durations=QUICK)
        print(await node.listen(), flush=True)
        with profiled(profile):
            await answer_questions()
        await node.abort()


async def answer_questions() -> None:
    """Answer questions from standard input: the resident memory of this process, or its processor time in
    nanoseconds."""
    loop = asyncio.get_running_loop()
    answers: dict[str, Callable[[], int]] = {"memory": resident_bytes, "cpu": process_time_ns}
    while question := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        print(answers[question](), flush=True)


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Print a profile at the end, if wanted."""
    if not wanted:
        yield
        return
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        yield
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)


@contextmanager
def server(what: str, fast: bool, profile: bool = False) -> Iterator[Server]:
    """Run a server in another process. Yield its address, and the function that asks it a question."""
    command = [sys.executable, __file__, "--serve", what, *(["--fast"] if fast else []),
               *(["--profile"] if profile else [])]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        into, out = process.stdin, process.stdout

        def ask(question: str) -> int:
            into.write(f"{question}\n")
            into.flush()
            return int(out.readline())

        try:
            yield out.readline().strip(), ask
        finally:
            into.close()


def resident_bytes() -> int:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


# The process of the clients -------------------------------------------------------------------------------------------


class Echoing:
    """A worker that keeps messages in flight until all replies have arrived."""

    def __init__(self, node: TcpNode, where: str) -> None:
        self.node = node
        self.route = parse_route(f"tcp://{where}/echo")
        self.to_send = self.missing = 0
        self.done: asyncio.Future[None] | None = None
        self.address = node.worker(None, self)

    def __call__(self, message: Message, context: Context) -> None:
        assert message.payload == PAYLOAD
        self.missing -= 1
        if self.to_send:
            self.to_send -= 1
            context.send(self.route, PAYLOAD)
        elif not self.missing and self.done is not None:
            self.done.set_result(None)

    async def echo(self, wanted: int, window: int) -> None:
        window = min(window, wanted)
        self.to_send, self.missing = wanted - window, wanted
        self.done = self.node.loop.create_future()
        for _ in range(window):
            self.node.node.route(Message(self.route, (self.address,), PAYLOAD))
        self.node.edge.pump()
        await self.done


async def rate(many: int, work: Awaitable[None]) -> float:
    gc.collect()
    began = perf_counter()
    await work
    return many / (perf_counter() - began)


async def rate_and_cost(many: int, work: Awaitable[None], ask: Ask) -> tuple[float, float]:
    """Return the rate per second, and the microseconds of processor time of both processes per item."""
    before = ask("cpu") + process_time_ns()
    per_second = await rate(many, work)
    return per_second, (ask("cpu") + process_time_ns() - before) / many / 1000


async def beside_bare(servers: tuple[Server, Server], rounds: int, many: int) -> dict[str, Any]:
    (node_at, ask_node), (bare_at, ask_bare) = servers
    host, _, port = bare_at.rpartition(":")
    loop = asyncio.get_running_loop()
    _, bare = await loop.create_connection(lambda: tcp_bare.BareClient(PAYLOAD), host, int(port))
    taken: dict[str, list[Pair]] = {name: [] for name in GOALS}
    async with TcpNode() as node, node.session(f"tcp://{node_at}/quick", "explicit-persistent-one-sided") as session:
        ours = Echoing(node, node_at)

        async def requests() -> None:
            for _ in range(many):
                await session.request(PAYLOAD)

        await ours.echo(many, IN_FLIGHT)
        for _ in range(rounds):
            sequential = await rate_and_cost(many, bare.echo(many, 1), ask_bare)
            taken["echo, sequential"].append((await rate_and_cost(many, ours.echo(many, 1), ask_node), sequential))
            taken["request"].append((await rate_and_cost(many, requests(), ask_node), sequential))
            pipelined = await rate_and_cost(10 * many, bare.echo(10 * many, IN_FLIGHT), ask_bare)
            echoed = await rate_and_cost(10 * many, ours.echo(10 * many, IN_FLIGHT), ask_node)
            taken["echo, 100 in flight"].append((echoed, pipelined))
    bare.transport.abort()
    return {name: compared(name, pairs) for name, pairs in taken.items()}


def compared(name: str, pairs: list[Pair]) -> dict[str, Any]:
    return {
        "per_second": round(median(ours[0] for ours, _ in pairs)),
        "bare_per_second": round(median(bare[0] for _, bare in pairs)),
        "ratio": round(median(ours[0] / bare[0] for ours, bare in pairs), 3),
        "cpu_us": round(median(ours[1] for ours, _ in pairs), 1),
        "bare_cpu_us": round(median(bare[1] for _, bare in pairs), 1),
        "cpu_ratio": round(median(bare[1] / ours[1] for ours, bare in pairs), 3),
        "goal": GOALS[name],
    }


async def opened(node: TcpNode, where: str, spawner: str, profile: str, many: int) -> None:
    """Open `many` sessions, `OPENING` at a time, and keep them."""
    for first in range(0, many, OPENING):
        sessions = [
            node.session(f"tcp://{where}/{spawner}", profile=profile, durations=IDLE, handler=echo)
            for _ in range(min(OPENING, many - first))
        ]
        waiting = [asyncio.ensure_future(session.open(60.0)) for session in sessions]
        await asyncio.gather(*waiting)


async def established(where: str, rounds: int, many: int) -> dict[str, Any]:
    found = {}
    for spawner, profile in (("idle", "generation"), ("ockam", "ockam")):
        rates = []
        for _ in range(rounds):
            async with TcpNode() as node:
                rates.append(await rate(many, opened(node, where, spawner, profile, many)))
        found[profile] = {"per_second": round(median(rates)), "goal": 10_000}
    return found


async def renegotiations(where: str, many: int) -> dict[str, Any]:
    taken = []
    async with (
        TcpNode() as node,
        node.session(
            f"tcp://{where}/quick", "explicit-persistent-one-sided", durations=QUICK, attempts=None
        ) as session,
    ):
        for _ in range(many):
            await session.request(PAYLOAD)
            (connection,) = node.edge.connections.values()
            assert connection.transport is not None
            raw = connection.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            changes = session.changes()
            failed = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)
            began = perf_counter()
            connection.transport.abort()
            await failed
            await session.established(10.0)
            taken.append(1000 * (perf_counter() - began))
            await changes.aclose()
    return {"resets": many, "median_ms": round(median(taken), 3), "p99_ms": round(quantiles(taken, n=100)[98], 3)}


async def idle(where: str, ask: Ask, many: int) -> dict[str, Any]:
    async with TcpNode() as node:
        await opened(node, where, "idle", "generation", OPENING)
        before = (ask("memory"), resident_bytes())
        began = perf_counter()
        await opened(node, where, "idle", "generation", many)
        seconds = perf_counter() - began
        after = (ask("memory"), resident_bytes())
        still = await node.request(f"tcp://{where}/echo", PAYLOAD)
        assert still.payload == PAYLOAD
        await node.abort()
    responder, initiator = ((late - early) / many for early, late in zip(before, after, strict=True))
    return {
        "sessions": many,
        "seconds_to_open": round(seconds, 1),
        "responder_bytes": round(responder),
        "initiator_bytes": round(initiator),
        "goal_bytes": 2048,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"python": platform.python_version(), "rounds": options.rounds, "payload_bytes": 64}
    for loop, fast in (("asyncio", False), ("uvloop", True)):
        with server("node", fast, options.profile) as ours, server("bare", fast) as bare:
            found[loop] = run(beside_bare((ours, bare), options.rounds, options.many), fast=fast)
        with server("node", fast) as (node_at, _):
            found[loop]["sessions"] = run(established(node_at, 3, 5 * OPENING), fast=fast)
            found[loop]["renegotiation"] = run(renegotiations(node_at, 300), fast=fast)
    with server("node", False) as (node_at, ask):
        found["memory"] = run(idle(node_at, ask, options.idle), fast=False)
    return found


def printed(found: dict[str, Any]) -> Iterator[str]:
    yield f"Python {found['python']}, {found['rounds']} rounds, payloads of {found['payload_bytes']} bytes"
    yield "| | loop | ours | bare | ratio | goal | CPU us ours | bare | ratio |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for loop in ("asyncio", "uvloop"):
        for name in GOALS:
            row = found[loop][name]
            yield (f"| {name}, per second | {loop} | {row['per_second']:,} | {row['bare_per_second']:,} "
                   f"| {row['ratio']} | {row['goal']} "
                   f"| {row['cpu_us']} | {row['bare_cpu_us']} | {row['cpu_ratio']} |")  # fmt: skip
        for profile, row in found[loop]["sessions"].items():
            yield f"| sessions per second, {profile} | {loop} | {row['per_second']:,} | | | {row['goal']:,} |"
        row = found[loop]["renegotiation"]
        yield f"| renegotiation, median / p99 ms | {loop} | {row['median_ms']} / {row['p99_ms']} | | | |"
    row = found["memory"]
    for end in ("responder", "initiator"):
        yield (f"| bytes per idle session, {end} ({row['sessions']:,} of them) | asyncio | {row[end + '_bytes']:,} "
               f"| | | {row['goal_bytes']:,} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="sessions over TCP, compared with a bare echo")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--many", type=int, default=3000, help="round trips of one turn (pipelined: ten times)")
    parser.add_argument("--idle", type=int, default=100_000, help="idle sessions in one process")
    parser.add_argument("--profile", action="store_true", help="profile the node's process")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--serve", choices=("bare", "node"), help=argparse.SUPPRESS)
    parser.add_argument("--fast", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        run(serve(options.serve, options.profile), fast=options.fast)
        return
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else "\n".join(printed(found)))


if __name__ == "__main__":
    main()

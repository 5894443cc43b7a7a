"""Confirmed durable publishes through the whole path, compared with a session request and the bare storage.

    publish    client, session over TCP on loopback, stream worker in another process, SQLite, and the confirmation back
    request    the same session type and process, with a responder that answers at once
    append     the same storage, in this process, without a network
    pull       messages of 64 bytes that a consumer reads and processes, with a limit per pull

Each is measured one at a time and with 64 in flight, in turns within each round. The ratio compares a publish with the
slower of the other two; it is the median of the ratios within rounds.
    python -m benchmarks.streams [--rounds 5] [--seconds 1] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeAlias

from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.net.streams.consumer import StreamConsumer
from ockam_fsm.net.streams.publisher import StreamPublisher
from ockam_fsm.net.streams.service import StreamService
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.storage.interface import Entry, Log
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import KilledProcess, Reports

IN_FLIGHT = 64
PAYLOAD = b"x" * 64
TYPE = "explicit-persistent-one-sided"
Work: TypeAlias = Callable[[], Awaitable[int]]
"""A piece of work that returns its number of messages."""


def serve(reports: Reports, path: str) -> None:
    asyncio.run(_serve(reports, path))


async def _serve(reports: Reports, path: str) -> None:
    async with TcpNode() as node:
        StreamService(node, SqliteStorage(path))
        node.spawner("hub", TYPE, handler=echo)
        reports.send(await node.listen())
        await node.stopped()


def requesting(session: TcpSession) -> dict[str, Work]:
    async def one() -> int:
        await session.request(PAYLOAD)
        return 1

    async def many() -> int:
        await asyncio.gather(*(session.request(PAYLOAD) for _ in range(IN_FLIGHT)))
        return IN_FLIGHT

    return {"request, one at a time": one, "request, 64 in flight": many}


def publishing(publisher: StreamPublisher) -> dict[str, Work]:
    async def one() -> int:
        await publisher.publish(PAYLOAD)
        return 1

    async def many() -> int:
        await publisher.send(*[PAYLOAD] * IN_FLIGHT)
        return IN_FLIGHT

    return {"publish, one at a time": one, "publish, 64 in flight": many}


def appending(log: Log) -> dict[str, Work]:
    async def one() -> int:
        log.append([Entry(PAYLOAD)]).result()
        return 1

    async def many() -> int:
        for future in [log.append([Entry(PAYLOAD)]) for _ in range(IN_FLIGHT)]:
            future.result()
        return IN_FLIGHT

    return {"append, one at a time": one, "append, 64 in flight": many}


def pulling(consumer: StreamConsumer, limit: int) -> dict[str, Work]:
    async def one() -> int:
        return int(await consumer.next(0.5) is not None)

    return {f"pull, {limit} messages": one}


async def measured(folder: Path, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the messages per second of each kind of work, in each round."""
    storage = SqliteStorage(folder / "bare.db")
    storage.create("bare", 1).result()
    log = storage.open_log("bare", 0).result()
    with KilledProcess(serve, str(folder / "streams.db")) as process:
        where = process.report(20.0)
        async with AsyncExitStack() as stack:
            node = await stack.enter_async_context(TcpNode())
            session = await stack.enter_async_context(node.session(f"tcp://{where}/hub", TYPE))
            publisher = await stack.enter_async_context(StreamPublisher(node, f"tcp://{where}/stream/one"))
            works = requesting(session) | publishing(publisher) | appending(log)
            for limit in (10, 100):
                config = ConsumerConfig("one", f"of {limit}", limit=limit)
                reading = StreamConsumer(node, f"tcp://{where}/stream", "one", group=f"of {limit}", config=config)
                works |= pulling(await stack.enter_async_context(reading), limit)
            rates: dict[str, list[float]] = {name: [] for name in works}
            for _ in range(rounds):
                for name, work in works.items():
                    begin, done = perf_counter(), 0
                    while perf_counter() - begin < seconds:
                        done += await work()
                    if name.startswith("publish"):
                        await publisher.flush()
                    rates[name].append(done / (perf_counter() - begin))
    storage.close()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        rates = asyncio.run(measured(Path(folder), given.rounds, given.seconds))
    rows = {name: round(median(found)) for name, found in rates.items()}
    ratios = {}
    for way in ("one at a time", "64 in flight"):
        three = zip(*(rates[f"{what}, {way}"] for what in ("publish", "request", "append")), strict=True)
        ratios[way] = round(median(publish / min(request, append) for publish, request, append in three), 2)
    if given.json:
        json.dump({"per_second": rows, "ratios": ratios}, sys.stdout)
        return
    for name, rate in rows.items():
        print(f"{name:32}{rate:>10,} messages/s")
    for way, ratio in ratios.items():
        print(f"publish, {way}: {ratio:.2f} of the slower of request and append (goal 0.7)")


if __name__ == "__main__":
    main()

"""Confirmed appends of 64 bytes with the record of their publisher, compared with the bare client in the same run.

    one at a time    each append is requested when the previous one is durable
    64 in flight     single appends, 64 of them pending; the bare client writes 64 in one transaction

The bare SQLite has the same schema and pragmas, in one thread. The bare Kafka is `confluent_kafka` in two modes: with
transactions, as ours, which can be fenced, and as an idempotent producer without them, which cannot. Ours also waits
until a message is readable; the bare client does not. All take turns in every round; a ratio is the median of the
ratios within rounds.
    python -m benchmarks.storage [--rounds 5] [--seconds 1] [--kafka HOST:PORT] [--json]
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeAlias
from uuid import uuid4

from ockam_fsm.storage.interface import Entry, Log, Storage
from ockam_fsm.storage.kafka import KafkaStorage
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.storage.sqlite_file import opened

IN_FLIGHT = 64
PAYLOAD = b"x" * 64
PUBLISHER = b"p" * 16
Append: TypeAlias = Callable[[int], None]
"""Append messages from a number on, and wait until they are durable."""

Contestant: TypeAlias = tuple[str, int, Append]
"""A name, the number of messages per append, and the append function."""


def ours(storage: Storage, name: str) -> Iterator[Contestant]:
    stream = uuid4().hex
    storage.create(stream, 2).result()
    alone: Log = storage.open_log(stream, 0).result()
    together: Log = storage.open_log(stream, 1).result()
    waiting: deque[Future[tuple[int, ...]]] = deque()

    def one(number: int) -> None:
        alone.append([Entry(PAYLOAD, PUBLISHER, number)]).result()

    def pipelined(number: int) -> None:
        waiting.append(together.append([Entry(PAYLOAD, PUBLISHER, number)]))
        if len(waiting) == IN_FLIGHT:
            waiting.popleft().result()

    yield f"{name}, one at a time", 1, one
    yield f"{name}, {IN_FLIGHT} in flight", 1, pipelined


def bare_sqlite(path: Path) -> Iterator[Contestant]:
    connection = opened(path, 5.0)

    def transaction(count: int) -> Append:
        def append(number: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            rows = [(count << 40 | number + one, PAYLOAD) for one in range(count)]
            connection.executemany("INSERT INTO messages VALUES (?, ?)", rows)
            last = (count, PUBLISHER, number + count - 1)
            connection.execute("INSERT OR REPLACE INTO publishers VALUES (?, ?, ?)", last)
            connection.execute("COMMIT")

        return append

    yield "sqlite3, one at a time", 1, transaction(1)
    yield f"sqlite3, {IN_FLIGHT} in a transaction", IN_FLIGHT, transaction(IN_FLIGHT)


def bare_kafka(address: str) -> Iterator[Contestant]:
    import confluent_kafka as library

    options = {"bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "linger.ms": 0}
    topic = f"bare-{uuid4().hex}"
    KafkaStorage(address)._client.create(topic, 1, {})
    headers = [("publisher", PUBLISHER), ("number", bytes(8))]
    plain = library.Producer(options)
    transactional = library.Producer({**options, "transactional.id": topic})
    transactional.init_transactions()

    def write(producer: Any, count: int) -> Append:
        def append(_: int) -> None:
            if producer is transactional:
                producer.begin_transaction()
            for _ in range(count):
                producer.produce(topic, PAYLOAD, headers=headers, partition=0)
            producer.flush()
            if producer is transactional:
                producer.commit_transaction()

        return append

    yield "confluent_kafka, transactions, one at a time", 1, write(transactional, 1)
    yield f"confluent_kafka, {IN_FLIGHT} in a transaction", IN_FLIGHT, write(transactional, IN_FLIGHT)
    yield "confluent_kafka, idempotent, one at a time", 1, write(plain, 1)
    yield f"confluent_kafka, idempotent, {IN_FLIGHT} in flight", IN_FLIGHT, write(plain, IN_FLIGHT)


def measure(contestants: list[Contestant], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the messages per second of each contestant, in each round."""
    rates: dict[str, list[float]] = {name: [] for name, _, _ in contestants}
    numbers = dict.fromkeys(rates, 1)
    for _ in range(rounds):
        for name, count, append in contestants:
            begin, done = perf_counter(), 0
            while perf_counter() - begin < seconds:
                append(numbers[name])
                numbers[name] += count
                done += count
            rates[name].append(done / (perf_counter() - begin))
    return rates


def compared(rates: dict[str, list[float]], reference: int) -> list[dict[str, Any]]:
    """Compare each of our contestants with its bare one. The first `reference` names are ours."""
    names = list(rates)
    rows = []
    for place, name in enumerate(names):
        beside = names[reference + place % 2] if place < reference else names[place]
        ratio = median(own / other for own, other in zip(rates[name], rates[beside], strict=True))
        rows.append({"name": name, "per_second": round(median(rates[name])), "ratio": round(ratio, 2)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--kafka", metavar="HOST:PORT")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        sqlite = SqliteStorage(folder / "ours")
        stack.callback(sqlite.close)
        contestants = [*ours(sqlite, "ockam_fsm on SQLite"), *bare_sqlite(folder / "bare")]
        rows += compared(measure(contestants, given.rounds, given.seconds), 2)
        if given.kafka:
            kafka = KafkaStorage(given.kafka)
            stack.callback(kafka.close)
            contestants = [*ours(kafka, "ockam_fsm on Kafka"), *bare_kafka(given.kafka)]
            rows += compared(measure(contestants, given.rounds, given.seconds), 2)
    if given.json:
        json.dump({"sqlite": sqlite3.sqlite_version, "rows": rows}, sys.stdout)
        return
    print(f"{'':48}{'messages/s':>12}{'ratio to bare':>18}")
    for row in rows:
        print(f"{row['name']:48}{row['per_second']:>12,}{row['ratio']:>18.2f}")


if __name__ == "__main__":
    main()

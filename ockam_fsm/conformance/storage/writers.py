"""Cases about concurrent calls, several writers of a log, and readers meanwhile.

Theory: a batch and its records are one write, so that a reader sees all of it or nothing. A storage that makes two
writes of it is found by reading often enough.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any

from ockam_fsm.conformance.storage.bench import ALICE, BOB, Bench, StorageCase, case, data_of, numbered, plain
from ockam_fsm.storage.interface import Fenced, Log, Storage

CASES: list[StorageCase] = []
BATCHES, BATCH, IN_FLIGHT = 60, 8, 3


@case(CASES)
def appends_keep_their_order(bench: Bench) -> None:
    """Concurrent appends are stored in the order of the calls."""
    log = bench.log(bench.open())
    futures = [log.append(numbered(ALICE, number, 1)) for number in range(1, 301)]
    indexes = [bench.done(future)[0] for future in futures]
    bench.equal(indexes, sorted(set(indexes)), "the indexes of appends in a row")
    found = bench.all_messages(log)
    bench.equal([one.index for one in found], indexes, "the indexes that are read")
    bench.equal(data_of(found), [b"%d" % number for number in range(1, 301)], "the messages in order")


@case(CASES)
def a_future_cannot_be_cancelled(bench: Bench) -> None:
    """`cancel` of a call's future has no effect on this call or others."""
    log = bench.log(bench.open())
    futures = [log.append(plain(b"%d" % number)) for number in range(20)]
    bench.equal([future.cancel() for future in futures], [False] * 20, "the outcome of cancel")
    for future in futures:
        bench.done(future)
    bench.equal(len(bench.all_messages(log)), 20, "the number of messages")


@case(CASES)
def a_batch_and_its_records_are_one_write(bench: Bench) -> None:
    """A reader sees a whole batch with its records, or nothing of it."""
    log = bench.log(bench.open())
    waiting: deque[Future[Any]] = deque()
    seen, end, number = 0, 0, 1
    while seen < BATCHES * BATCH:
        while len(waiting) < IN_FLIGHT and number <= BATCHES * BATCH:
            waiting.append(log.append(numbered(ALICE, number, BATCH)))
            number += BATCH
        before = bench.done(log.last_number(ALICE)) or 0
        found = bench.all_messages(log, end)
        after = bench.done(log.last_number(ALICE)) or 0
        seen += len(found)
        end = found[-1].index + 1 if found else end
        bench.equal(seen % BATCH, 0, "the number of messages of an unfinished batch that a reader sees")
        if not before <= seen <= after:
            bench.fail(f"expected {before} to {after} messages, the last numbers before and after a read; got {seen}")
        while waiting and waiting[0].done():
            bench.done(waiting.popleft())


@case(CASES)
def a_second_writer_fences_the_first(bench: Bench) -> None:
    """Opening a log fences its previous writer and no other one."""
    storage, stream = bench.open(), bench.name()
    bench.done(storage.create(stream, 2))
    other = bench.log(storage, stream, 1)
    fences(bench, stream, storage, storage)
    bench.done(other.append(plain(b"another partition")))


@case(CASES, survival=True)
def a_writer_elsewhere_fences_the_first(bench: Bench) -> None:
    """A storage that is opened a second time, as by another process, fences the writers of the first one."""
    storage, stream = bench.open(), bench.name()
    bench.done(storage.create(stream, 1))
    fences(bench, stream, storage, bench.open())


def fences(bench: Bench, stream: str, storage: Storage, elsewhere: Storage) -> None:
    first = bench.log(storage, stream)
    bench.done(first.append(numbered(ALICE, 1, 2)))
    second = bench.log(elsewhere, stream)
    bench.equal(bench.done(second.last_number(ALICE)), 2, "the last number for the second writer")
    bench.error(first.append(numbered(ALICE, 3, 1)), Fenced, "an append of the first writer")
    bench.error(first.append(numbered(BOB, 1, 1)), Fenced, "another append of the first writer")
    bench.done(second.append(numbered(ALICE, 3, 1)))
    bench.error(first.append(plain(b"late")), Fenced, "an append after one of the second writer")
    bench.equal(data_of(bench.all_messages(second)), [b"1", b"2", b"3"], "the messages of both writers")
    bench.equal(bench.done(second.last_number(BOB)), None, "the last number of a fenced append")


@case(CASES)
def appends_race_with_a_second_writer(bench: Bench) -> None:
    """After a second writer has opened a log, no append of the first one is stored."""
    storage, stream = bench.open(), bench.name()
    bench.done(storage.create(stream, 1))
    first = bench.log(storage, stream)
    futures = [first.append(numbered(ALICE, number, 1)) for number in range(1, 101)]
    opening = storage.open_log(stream, 0)
    futures += [first.append(numbered(ALICE, number, 1)) for number in range(101, 201)]
    second = bench.done(opening)
    last = bench.done(second.last_number(ALICE)) or 0
    bench.equal(len(bench.all_messages(second)), last, "the number of messages at the opening")
    futures += [first.append(numbered(ALICE, number, 1)) for number in range(201, 301)]
    confirmed = sum(future.exception(bench.subject.patience_seconds) is None for future in futures)
    bench.equal(len(bench.all_messages(second)), last, "the number of messages when all appends have ended")
    if confirmed > last:
        bench.fail(f"expected at most {last} confirmed appends, the messages when the log was opened; got {confirmed}")
    bench.done(second.append(numbered(ALICE, last + 1, 1)))


@case(CASES)
def close_completes_what_waits(bench: Bench) -> None:
    """Every future is done once `close` returns."""
    storage = bench.open()
    log = bench.log(storage)
    futures = [log.append(numbered(ALICE, number, 1)) for number in range(1, 201)]
    storage.close()
    bench.equal(sum(future.done() for future in futures), 200, "the number of futures that are done after close")


@case(CASES, survival=True)
def close_loses_nothing(bench: Bench) -> None:
    """The messages that were confirmed during `close` are stored."""
    storage, stream = bench.open(), bench.name()
    bench.done(storage.create(stream, 1))
    log = bench.log(storage, stream)
    futures = [log.append(numbered(ALICE, number, 1)) for number in range(1, 201)]
    storage.close()
    confirmed = sum(future.exception(bench.subject.patience_seconds) is None for future in futures)
    again = bench.log(bench.open(), stream)
    bench.equal(whole(bench, again) >= confirmed, True, f"whether {confirmed} confirmed messages are there")


def whole(bench: Bench, log: Log) -> int:
    """Check that a log has the numbers from 1 on, of one publisher, each once and in order. Return the last one."""
    data = data_of(bench.all_messages(log))
    bench.equal(data, [b"%d" % number for number in range(1, len(data) + 1)], "the numbers in the log")
    bench.equal(bench.done(log.last_number(ALICE)) or 0, len(data), "the last number")
    return len(data)


@case(CASES)
def a_writer_in_a_callback(bench: Bench) -> None:
    """A callback of a future may call the storage."""
    log = bench.log(bench.open())
    inner: deque[Future[Any]] = deque()
    future = log.append(plain(b"first"))
    future.add_done_callback(lambda _: inner.append(log.append(plain(b"second"))))
    bench.done(future)
    bench.done(log.append(plain(b"third")))
    while not inner:
        bench.done(log.append([]))
    bench.done(inner[0])
    bench.equal(sorted(data_of(bench.all_messages(log))), [b"first", b"second", b"third"], "the messages")

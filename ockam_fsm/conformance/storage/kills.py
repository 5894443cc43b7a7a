"""A process that appends is killed, and the storage is opened again.

Theory: a future that is completed too early is found by a process that ends itself in the callback of the future:
nothing that the storage meant to do afterwards is done. A write in two halves is found by kills at other moments.

Rule 1: the publisher appends batches, several in flight, and says what was confirmed before it is killed.
Rule 2: afterwards the log has every confirmed message under its index, whole batches only, in order, each once, none
        that was not appended, and the record of the publisher agrees with the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from ockam_fsm.conformance.storage.bench import ALICE, Bench, StorageCase, case, numbered
from ockam_fsm.conformance.storage.writers import whole
from ockam_fsm.storage.interface import Log, Storage
from ockam_fsm.tools.killed_process import KilledProcess, Reports

CASES: list[StorageCase] = []
BATCH, IN_FLIGHT = 5, 4
START_SECONDS = 60.0
"""For a fresh interpreter on a busy machine."""

FOREVER = 2**40


@case(CASES, survival=True)
def confirmed_before_the_process_ends_itself(bench: Bench) -> None:
    """What was confirmed survives, if the process ends in the very moment of the confirmation."""
    killed(bench, [(1, FOREVER), (2, FOREVER), (11, FOREVER)])


@case(CASES, survival=True)
def confirmed_before_the_process_is_killed(bench: Bench) -> None:
    """What was confirmed survives a kill from outside, and nothing is there by halves."""
    killed(bench, [(FOREVER, confirmations) for confirmations in (1, 3, 8, 20)])


def killed(bench: Bench, kills: list[tuple[int, int]]) -> None:
    """`kills`: after how many confirmations the process ends itself, and after how many it is killed."""
    stream, last = bench.name(), 0
    storage = bench.open()
    bench.done(storage.create(stream, 1))
    storage.close()
    for itself, outside in kills:
        confirmed = publish(bench, stream, last + 1, itself, outside)
        storage = bench.open()
        log = bench.log(storage, stream)
        last = whole(bench, log)
        bench.equal(last % BATCH, 0, "the number of messages of an unfinished batch after the kill")
        there = {one.index: one.data for one in bench.all_messages(log)}
        for number, index in confirmed.items():
            bench.equal(there.get(index), b"%d" % number, f"the confirmed message with index {index} after the kill")
        storage.close()


def publish(bench: Bench, stream: str, first: int, itself: int, outside: int) -> dict[int, int]:
    """Append in another process until it is killed; the index of every confirmed number."""
    confirmed: dict[int, int] = {}
    with KilledProcess(append_until_killed, bench.subject.open, stream, first, itself) as process:
        process.report(START_SECONDS)
        while (report := process.report(bench.subject.patience_seconds)) is not None:
            number, indexes = report
            confirmed |= dict(zip(range(number, number + BATCH), indexes, strict=True))
            outside -= 1
            if outside == 0:
                process.kill()
    return confirmed


def append_until_killed(
    reports: Reports, opened: Callable[[], Storage], stream: str, first: int, kill_after: int
) -> None:
    """The other process: append batches from number `first` on, and report each confirmation from its callback."""
    log: Log = opened().open_log(stream, 0).result()
    reports.send("ready")
    confirmations = 0

    def confirm(number: int, future: Future[tuple[int, ...]]) -> None:
        nonlocal confirmations
        if future.exception() is None:
            reports.send((number, future.result()))
            confirmations += 1
            if confirmations == kill_after:
                reports.die()

    waiting: deque[Future[tuple[int, ...]]] = deque()
    while True:
        future = log.append(numbered(ALICE, first, BATCH))
        future.add_done_callback(lambda future, number=first: confirm(number, future))  # type: ignore[misc]
        waiting.append(future)
        first += BATCH
        if len(waiting) == IN_FLIGHT:
            waiting.popleft().result()

"""Cases about durability: an appending process is killed, and the storage is opened again.

Theory: a future that completes too early is found by a process that kills itself in the callback of the future: no
later write of the storage is carried out. A write in two halves is found by kills at other moments.

Rule 1: the publisher appends batches, several in flight, and reports each confirmation before it is killed.
Rule 2: afterwards the log has every confirmed message under its index, whole batches only, in order, each once, no
        other message, and a record of the publisher that agrees with the log.
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
"""How long the start of an interpreter may take on a busy machine."""

FOREVER = 2**40


@case(CASES, survival=True)
def confirmed_before_the_process_ends_itself(bench: Bench) -> None:
    """Confirmed messages survive a process that kills itself when it gets the confirmation."""
    killed(bench, [(1, FOREVER), (2, FOREVER), (11, FOREVER)])


@case(CASES, survival=True)
def confirmed_before_the_process_is_killed(bench: Bench) -> None:
    """Confirmed messages survive a kill from outside, and no batch is stored in part."""
    killed(bench, [(FOREVER, confirmations) for confirmations in (1, 3, 8, 20)])


def killed(bench: Bench, kills: list[tuple[int, int]]) -> None:
    """Kill an appending process and check the log, several times. `kills`: after how many confirmations the process
    kills itself, and after how many it is killed from outside."""
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
    """Append in another process until it is killed. Return the index of every confirmed number."""
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
    """The other process: append batches from number `first` on and report each confirmation in its callback."""
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

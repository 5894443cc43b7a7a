"""The process pool: every job is done, and no process is left."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from ockam_fsm.tools.process_pool import JobMessage, PoolWorkerFailed, pool
from tests.tools import pool_jobs

pytestmark = pytest.mark.slow


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_job_is_done_once_and_reports_are_passed_on(workers: int) -> None:
    messages = list(pool(pool_jobs.squared, [3, 4, 5], workers))
    results = [JobMessage(0, True, 9), JobMessage(1, True, 16), JobMessage(2, True, 25)]
    assert sorted(one for one in messages if one.done) == results
    assert sorted(one.value for one in messages if not one.done) == [("began", 3), ("began", 4), ("began", 5)]


def test_no_jobs_need_no_workers() -> None:
    assert list(pool(pool_jobs.squared, [], 2)) == []


def test_an_exception_in_a_worker_is_raised_with_its_traceback() -> None:
    with pytest.raises(PoolWorkerFailed, match=r"(?s)failing.*ZeroDivisionError"):
        list(pool(pool_jobs.failing, [0], 1))


def test_a_worker_that_dies_is_detected() -> None:
    with pytest.raises(PoolWorkerFailed, match="exit code 7"):
        list(pool(pool_jobs.dying, [0], 1))


def two_workers(messages: Generator[JobMessage, None, None]) -> set[Any]:
    pids: set[Any] = set()
    while len(pids) < 2:
        pids.add(next(messages).value)
    return pids


def test_leaving_early_ends_every_worker() -> None:
    with closing(pool(pool_jobs.endless, [0, 0], 2)) as messages:
        pids = two_workers(messages)
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


def test_an_interrupt_ends_every_worker() -> None:
    messages = pool(pool_jobs.endless, [0, 0], 2)
    pids = two_workers(messages)
    with pytest.raises(KeyboardInterrupt):
        messages.throw(KeyboardInterrupt())
    assert not any(map(is_alive, pids))

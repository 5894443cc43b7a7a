"""Jobs on several processes, and no process left behind."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from ockam_fsm.tools.process_pool import Word, WorkerFailed, crew
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
    words = list(crew(pool_jobs.squared, [3, 4, 5], workers))
    assert sorted(word for word in words if word.done) == [Word(0, True, 9), Word(1, True, 16), Word(2, True, 25)]
    assert sorted(word.value for word in words if not word.done) == [("began", 3), ("began", 4), ("began", 5)]


def test_no_jobs_need_no_workers() -> None:
    assert list(crew(pool_jobs.squared, [], 2)) == []


def test_an_exception_in_a_worker_is_told_with_its_traceback() -> None:
    with pytest.raises(WorkerFailed, match=r"(?s)failing.*ZeroDivisionError"):
        list(crew(pool_jobs.failing, [0], 1))


def test_a_worker_that_dies_is_noticed() -> None:
    with pytest.raises(WorkerFailed, match="exit code 7"):
        list(crew(pool_jobs.dying, [0], 1))


def two_workers(words: Generator[Word, None, None]) -> set[Any]:
    pids: set[Any] = set()
    while len(pids) < 2:
        pids.add(next(words).value)
    return pids


def test_leaving_early_ends_every_worker() -> None:
    with closing(crew(pool_jobs.endless, [0, 0], 2)) as words:
        pids = two_workers(words)
        assert all(map(is_alive, pids))
    assert not any(map(is_alive, pids))


def test_an_interrupt_ends_every_worker() -> None:
    words = crew(pool_jobs.endless, [0, 0], 2)
    pids = two_workers(words)
    with pytest.raises(KeyboardInterrupt):
        words.throw(KeyboardInterrupt())
    assert not any(map(is_alive, pids))

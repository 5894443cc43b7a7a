"""A thread with a bounded queue, for a blocking back end.

Theory: a group commit needs no timer. While one group is written, the next one accumulates; the slower the back end,
the larger the groups.

Rule 1: the thread takes all waiting jobs and calls `work` with them. `work` completes every job.
Rule 2: the queue is bounded in bytes, including the jobs in progress. A job beyond the limit is refused at once.
Rule 3: no exception leaves the thread. An unexpected one fails the jobs in progress.
Rule 4: `close` waits until the thread has finished the accepted jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from ockam_fsm.storage.interface import StorageError, StorageRefused, StorageUnavailable
from ockam_fsm.storage.outcomes import closed, started

T = TypeVar("T")
QUEUE_BYTES = 64 * 2**20
JOB_BYTES = 256
"""The approximate memory of a job without data."""


class QueuedCall(Generic[T]):
    """A queued call and the future of its result."""

    __slots__ = ("cost", "future")

    def __init__(self, cost: int = JOB_BYTES) -> None:
        self.cost = cost
        self.future: Future[T] = started()

    def finish(self, outcome: T | StorageError) -> None:
        if isinstance(outcome, StorageError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


J = TypeVar("J", bound=QueuedCall[Any])


class StorageThread(Generic[J]):
    """The thread and its queue."""

    def __init__(self, name: str, work: Callable[[Sequence[J]], None], queue_bytes: int = QUEUE_BYTES) -> None:
        self._work = work
        self._limit = queue_bytes
        self._queue: list[J] = []
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: J) -> Future[Any]:
        """Queue a job and return its future, which has already failed if the job is refused."""
        with self._changed:
            refusal = self._refusal(job)
            if refusal is None:
                self._queue.append(job)
                self._bytes += job.cost
                if len(self._queue) == 1:
                    self._changed.notify()
        if refusal is not None:
            job.finish(refusal)
        return job.future

    def check_open(self) -> None:
        if self._closed:
            raise closed()

    def _refusal(self, job: J) -> StorageRefused | None:
        if self._closed:
            return closed()
        if self._bytes + job.cost > self._limit:
            reason = f"{self._bytes} of {self._limit} bytes wait to be written, and {job.cost} more do not fit"
            return StorageRefused(reason, "wait until earlier calls are done, or raise queue_bytes")
        return None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            try:
                self._work(jobs)
            except Exception as error:
                unexpected = StorageUnavailable(f"unexpected {type(error).__name__}: {error}", "report this as a bug")
                for job in jobs:
                    if not job.future.done():
                        job.finish(unexpected)
            with self._changed:
                self._bytes -= sum(job.cost for job in jobs)

    def _take(self) -> list[J]:
        """Wait for jobs and return all of them; an empty list when the worker is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            jobs, self._queue = self._queue, []
        return jobs

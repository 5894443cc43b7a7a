"""A process pool for independent jobs: each worker takes the next job when it has finished one.

Theory: a worker is a new interpreter (spawn: it inherits no threads or locks of the parent) at the other end of a pipe.
Only the caller that iterates over `pool` waits; `carry_out` is the same with a callback.

Rule 1: no orphans. Leaving the iteration in any way (end, exception, Ctrl-C) ends and joins every worker. If the parent
        is killed, its end of the pipe closes, and a worker stops at its next access to the pipe.
Rule 2: workers ignore SIGINT, which a terminal sends to them as well: the parent decides. SIGINT is blocked while they
        start, and they inherit the block, so that it never reaches them.
Limit: jobs, reports and results are pickled, and `work` is a function of a module.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running
from typing import Any, NamedTuple, TypeAlias

from ockam_fsm.kernel.errors import Error

SendProgress: TypeAlias = Callable[[Any], None]
Work: TypeAlias = Callable[[Any, SendProgress], Any]


class JobMessage(NamedTuple):
    """A message of a worker about job number `job`: its result if `done`, otherwise an intermediate report."""

    job: int
    done: bool
    value: Any


Receive: TypeAlias = Callable[[JobMessage], None]


class PoolWorkerFailed(Error, RuntimeError):
    """A worker raised an exception, or ended without a result; the text has its traceback."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    index: int = -1


def carry_out(work: Work, jobs: Sequence[Any], workers: int, receive: Receive) -> None:
    """Run the jobs, and call `receive` with every message about them; a single worker is this process itself.

    Raises:
        WorkerFailed: one of several workers raised an exception, or ended without a result.
    """
    if len(jobs) > 1 and workers > 1:
        with closing(pool(work, jobs, workers)) as messages:
            for message in messages:
                receive(message)
        return
    for at, job in enumerate(jobs):
        receive(JobMessage(at, True, work(job, partial(_report, receive, at))))


def _report(receive: Receive, at: int, value: Any) -> None:
    receive(JobMessage(at, False, value))


def pool(work: Work, jobs: Sequence[Any], workers: int) -> Generator[JobMessage, None, None]:
    """Run the jobs in the order of the sequence, `workers` at a time, and yield the messages about them."""
    waiting = iter(enumerate(jobs))
    started: list[_Worker] = []
    try:
        with _interrupts_blocked():
            started += [_started(work) for _ in range(min(workers, len(jobs)))]
        busy = [worker for worker in started if _next(worker, waiting)]
        while busy:
            for pipe in wait([worker.pipe for worker in busy]):
                worker = next(one for one in busy if one.pipe is pipe)
                message = _received(worker)
                yield message
                if message.done and not _next(worker, waiting):
                    busy.remove(worker)
    finally:
        _end(started)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows: an interrupted worker may print a traceback
        yield
        return
    ensure_running()  # starting the resource tracker later would unblock interrupts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _started(work: Work) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _next(worker: _Worker, waiting: Iterator[tuple[int, Any]]) -> bool:
    item = next(waiting, None)
    if item is None:
        return False
    worker.index = item[0]
    worker.pipe.send(item[1])
    return True


def _received(worker: _Worker) -> JobMessage:
    try:
        kind, value = worker.pipe.recv()
    except EOFError:
        worker.process.join()
        raise PoolWorkerFailed(f"a worker process ended with exit code {worker.process.exitcode}") from None
    if kind == "failed":
        raise PoolWorkerFailed(value)
    return JobMessage(worker.index, kind == "done", value)


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join()
        worker.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """The main function of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            job = pipe.recv()
            try:
                message = ("done", work(job, lambda value: pipe.send(("report", value))))
            except (EOFError, OSError):
                raise
            except Exception:
                message = ("failed", traceback.format_exc())
            pipe.send(message)
    except (EOFError, OSError):
        return  # the parent has ended

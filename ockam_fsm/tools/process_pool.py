"""Independent jobs on several processes: each worker takes the next job when it is done with one.

Theory: a worker is a fresh interpreter (spawn: nothing is inherited, so threads and locks of the parent do not matter)
at the other end of a pipe. Whoever iterates `crew` is the only one who waits; `carry_out` is the same with a callback.

Rule 1: no orphans. Leaving the iteration in any way - done, an exception, Ctrl-C - ends and joins every worker. If the
        parent is killed, its end of the pipe closes, and a worker stops at its next word to it.
Rule 2: workers never hear SIGINT: a terminal sends Ctrl-C to them as well, and the parent decides. It is held back
        while they are started; they inherit that, so that no moment of their life is without it.
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

Report: TypeAlias = Callable[[Any], None]
Work: TypeAlias = Callable[[Any, Report], Any]


class Word(NamedTuple):
    """What a worker says about job number `job`: `done` with its result, or `report`ed meanwhile."""

    job: int
    done: bool
    value: Any


Hear: TypeAlias = Callable[[Word], None]


class WorkerFailed(Error, RuntimeError):
    """A worker raised an exception, or died; the text has its traceback."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    index: int = -1


def carry_out(work: Work, jobs: Sequence[Any], workers: int, hear: Hear) -> None:
    """Do the jobs, and call `hear` with every word about them; a single worker is this process itself.

    Raises:
        WorkerFailed: one of several workers raised an exception, or died.
    """
    if len(jobs) > 1 and workers > 1:
        with closing(crew(work, jobs, workers)) as words:
            for word in words:
                hear(word)
        return
    for at, job in enumerate(jobs):
        hear(Word(at, True, work(job, partial(_passed_on, hear, at))))


def _passed_on(hear: Hear, at: int, value: Any) -> None:
    hear(Word(at, False, value))


def crew(work: Work, jobs: Sequence[Any], workers: int) -> Generator[Word, None, None]:
    """Do the jobs in order of the sequence, `workers` at a time, and pass on what is said about them."""
    waiting = iter(enumerate(jobs))
    team: list[_Worker] = []
    try:
        with _interrupts_held():
            team += [_hired(work) for _ in range(min(workers, len(jobs)))]
        busy = [worker for worker in team if _next(worker, waiting)]
        while busy:
            for pipe in wait([worker.pipe for worker in busy]):
                worker = next(one for one in busy if one.pipe is pipe)
                word = _heard(worker)
                yield word
                if word.done and not _next(worker, waiting):
                    busy.remove(worker)
    finally:
        _dismiss(team)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows: a worker may say goodbye with a traceback of its own
        yield
        return
    ensure_running()  # starting the tracker would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hired(work: Work) -> _Worker:
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


def _heard(worker: _Worker) -> Word:
    try:
        kind, value = worker.pipe.recv()
    except EOFError:
        worker.process.join()
        raise WorkerFailed(f"a worker process died with exit code {worker.process.exitcode}") from None
    if kind == "failed":
        raise WorkerFailed(value)
    return Word(worker.index, kind == "done", value)


def _dismiss(team: Sequence[_Worker]) -> None:
    for worker in team:
        worker.process.terminate()
    for worker in team:
        worker.process.join()
        worker.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            job = pipe.recv()
            try:
                word = ("done", work(job, lambda value: pipe.send(("report", value))))
            except (EOFError, OSError):
                raise
            except Exception:
                word = ("failed", traceback.format_exc())
            pipe.send(word)
    except (EOFError, OSError):
        return  # the parent is gone

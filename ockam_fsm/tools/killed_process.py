"""A function in its own process that is killed, by itself or from outside, as by a loss of power.

Theory: the process is forked by a server that has imported the function's module once and has no threads, so that it
starts in milliseconds and inherits nothing from this process.

Rule 1: reports from before the kill are not lost: `send` writes a report to the pipe before it returns.
Rule 2: no orphans. Leaving the block kills and joins the process.
Limit: the function and its arguments are pickled. Windows has no such server.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any

from ockam_fsm.kernel.errors import Error

_CONTEXT = get_context("forkserver")


class KilledProcessFailed(Error, RuntimeError):
    """The function raised an exception, or sent no report in time."""


class KilledProcess:
    """`with KilledProcess(function, ...) as process`: the function is called with `Reports` and the arguments."""

    def __init__(self, function: Callable[..., None], *args: Any) -> None:
        _CONTEXT.set_forkserver_preload([function.__module__])  # has an effect for the first process only
        self._pipe, theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_run, args=(theirs, function, args), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> KilledProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process if it still runs, and close the pipe."""
        self.kill()
        self._pipe.close()

    def report(self, patience_seconds: float) -> Any:
        """Return the next report; None if the process has ended and there are no more reports.

        Raises:
            KilledProcessFailed: the function raised an exception, or sent no report in time.
        """
        if not self._pipe.poll(patience_seconds):
            raise KilledProcessFailed(f"no report within {patience_seconds:g} s")
        try:
            value, failure = self._pipe.recv()
        except (EOFError, OSError):
            return None
        if failure:
            raise KilledProcessFailed(failure)
        return value

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def next_report(processes: Mapping[str, KilledProcess], patience_seconds: float) -> tuple[str, Any] | None:
    """Wait for the next report of any of these processes. Return the name of the process and its report (None if it has
    ended), or None if no process reports in time.

    Raises:
        KilledProcessFailed: the function raised an exception.
    """
    pipes = {process._pipe: name for name, process in processes.items()}
    ready = wait(pipes, patience_seconds)
    name = next((name for pipe, name in pipes.items() if pipe in ready), None)
    return None if name is None else (name, processes[name].report(patience_seconds))


class Reports:
    """The first argument of the function in the other process: sends reports to the parent."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def send(self, value: Any) -> None:
        self._pipe.send((value, ""))

    def die(self) -> None:
        """Kill this process, as by a loss of power."""
        os.kill(os.getpid(), signal.SIGKILL)


def _run(pipe: Connection, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        function(Reports(pipe), *args)
    except BaseException:
        pipe.send((None, traceback.format_exc()))

"""A SQLite storage in its own process, which tests may kill.

Theory: a call is sent, and its outcome arrives when its future is done. A kill leaves three kinds of calls: confirmed,
refused, and unknown. Of the unknown appends of a log a prefix is stored, in order.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ockam_fsm.storage.interface import Log, StorageError
from ockam_fsm.storage.sqlite import SqliteStorage

CONTEXT = get_context("forkserver")
PATIENCE = 30.0


class StorageProcess:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._call = 0
        self._outcomes: dict[int, Any] = {}
        self.start()

    def start(self) -> None:
        CONTEXT.set_forkserver_preload([__name__])
        self._pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=serve, args=(theirs, self.path), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, name: str, *args: Any) -> int:
        """Send a call, and return its identifier."""
        self._call += 1
        self._pipe.send((self._call, name, args))
        return self._call

    def outcome(self, call: int) -> Any:
        """Wait until a call is done, and return its outcome."""
        while call not in self._outcomes:
            assert self._pipe.poll(PATIENCE), f"call {call} is not done"
            self._receive()
        return self._outcomes[call]

    def call(self, name: str, *args: Any) -> Any:
        outcome = self.outcome(self.send(name, *args))
        assert not isinstance(outcome, StorageError), outcome
        return outcome

    def kill(self) -> dict[int, Any]:
        """Kill the process, and return the outcomes that it has sent."""
        self._process.kill()
        self._process.join()
        try:
            while True:
                self._receive()
        except (EOFError, ConnectionError):
            self._pipe.close()
        return self._outcomes

    def _receive(self) -> None:
        call, outcome = self._pipe.recv()
        self._outcomes[call] = outcome


def serve(pipe: Connection, path: Path) -> None:
    """The main function of the other process."""
    storage = SqliteStorage(path)
    logs: dict[tuple[str, int], Log] = {}
    sending = threading.Lock()

    def done(call: int, future: Future[Any]) -> None:
        with sending:
            pipe.send((call, future.exception() or future.result()))

    while True:
        call, name, args = pipe.recv()
        if name == "open_log":
            logs[args] = storage.open_log(*args).result()
            future: Future[Any] = storage.saved_index("", "", 0)
        elif name in ("append", "read", "last_number"):
            future = getattr(logs[args[0]], name)(*args[1:])
        else:
            future = getattr(storage, name)(*args)
        future.add_done_callback(lambda future, call=call: done(call, future))  # type: ignore[misc]

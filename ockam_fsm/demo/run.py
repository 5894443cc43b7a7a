"""The run of the demonstration: it starts the programs, kills them in turn, and counts the messages.

Rule 1: each kill is a SIGKILL. The next one follows when the killed program is ready again and a share of the numbers
        was confirmed since then; the device continues until this holds for the last kill as well.
Rule 2: no program outlives the run, however it ends.
Rule 3: a number is lost if it was confirmed but not processed, or sent but never answered. The processed numbers are
        read from the file of the service at the end: a report may be lost with a killed process.
Source: the discussion, "Putting it all together"; spec/sessions.md section 18.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ockam_fsm.demo import programs
from ockam_fsm.demo.outcome import DemoOutcome
from ockam_fsm.demo.process_reports import Confirmed, Finished, ProcessReport, Ready, TimedEvent
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.secure.channels import stored_identity
from ockam_fsm.secure.identity_store import FileIdentityStore
from ockam_fsm.tools.killed_process import KilledProcess, next_report

LOOPBACK = "127.0.0.1"
KILLED = ("client", "hub", "service")
"""The killed programs, each once, in this order."""


class DemoRun:
    """One run of the demonstration.

    Args:
        folder: an empty folder for the streams, the identities and the numbers.
        count: the least number of messages that the device sends.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.outcome = DemoOutcome()
        self._count = count
        (hub_at, hub_port), (client_at, client_port) = _keep_port(), _keep_port()
        self._ports = [port for port in (hub_port, client_port) if port is not None]
        ways = f"tcp://{hub_at}/stream", f"tcp://{client_at}/tcp://{hub_at}/stream"
        names = ("service", "device")
        known = {name: FileIdentityStore(folder / f"{name}.identity") for name in names}
        is_ = {name: str(stored_identity(store).own.identity.identifier) for name, store in known.items()}
        self._start: dict[str, Callable[[], KilledProcess]] = {
            "hub": partial(KilledProcess, programs.hub, hub_at, str(folder)),
            "client": partial(KilledProcess, programs.client, client_at, hub_at),
            "service": partial(KilledProcess, programs.service, ways[0], str(folder), is_["device"]),
            "device": partial(KilledProcess, programs.device, ways[1], str(folder), is_["service"], count),
        }
        self._running: dict[str, KilledProcess] = {}
        self._back_at: int | None = 0
        """The number of confirmed messages when the last killed program was ready again; None: it is not ready yet."""
        self._enough, self._processed = folder / programs.ENOUGH, folder / programs.PROCESSED

    def events(self, patience_seconds: float) -> Iterator[TimedEvent]:
        """Run the demonstration, and yield its events as they happen.

        Raises:
            RemoteSessionError: no number was answered for `patience_seconds`, or a program ended by itself.
        """
        began = progressed = time.monotonic()
        with ExitStack() as stack:
            stack.callback(self._end)
            for name, start in self._start.items():
                self._running[name] = start()
            while not self.outcome.finished:
                found = next_report(self._running, patience_seconds)
                if found is None or time.monotonic() - progressed > patience_seconds:
                    raise RemoteSessionError(
                        "the demonstration stalled", f"no number was answered for {patience_seconds:g} s"
                    )
                name, report = found
                if isinstance(report, Ready | Confirmed | Finished):
                    progressed = time.monotonic()
                if report is None:
                    raise RemoteSessionError("a program ended by itself", name)
                self.outcome.add(name, report)
                yield TimedEvent(time.monotonic() - began, name, report)
                if self.outcome.finished:
                    self.outcome.received = programs.Processed(self._processed).numbers
                if victim := self._due(name, report):
                    self._kill(victim)
                    yield TimedEvent(time.monotonic() - began, victim, None, "killed, and started again")

    def _due(self, name: str, report: ProcessReport) -> str:
        """Return the program to kill now, or an empty text. After the last kill, allow the device to end."""
        kills, confirmed = self.outcome.kills, len(self.outcome.confirmed)
        if isinstance(report, Ready) and kills and name == kills[-1]:
            self._back_at = confirmed
        if self._back_at is None or confirmed < self._back_at + max(1, self._count // (len(KILLED) + 1)):
            return ""
        if len(kills) < len(KILLED):
            self._back_at = None
            return KILLED[len(kills)]
        self._enough.touch()
        return ""

    def _kill(self, name: str) -> None:
        self._running[name].close()
        self.outcome.kills.append(name)
        for line in self.outcome.sessions.values():
            if line.process == name:
                line.state = "KILLED"
        self._running[name] = self._start[name]()

    def _end(self) -> None:
        for process in self._running.values():
            process.close()
        for port in self._ports:
            port.close()


def _keep_port() -> tuple[str, socket.socket | None]:
    """Return a HOST:PORT for a program that is killed and restarted, and a socket that reserves the port meanwhile.

    On Linux a bound port is given only to a program that requests this port, as these do. On other systems the reserved
    port would block the program itself, so there it is only chosen, not reserved.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind((LOOPBACK, 0))
    where = f"{LOOPBACK}:{kept.getsockname()[1]}"
    if sys.platform == "linux":
        return where, kept
    kept.close()
    return where, None

"""`ockam-fsm node` in its own process, which tests may kill, stop and restart."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterable
from signal import SIGKILL, Signals

from tests.net.ports import kept_address

CHANGE = re.compile(r"(\S+) responder (\w+): (\w+) -> (\w+) \(generation (\d+)\)")
DURATIONS = "negotiation=2,keepalive=0.3,idle=3,retention=1,request=2,back-off=0.02"


class NodeProcess:
    """`async with NodeProcess(...) as process`. Its responders' states are read from its log, while a loop runs."""

    def __init__(
        self,
        session_type: str = "explicit-persistent-one-sided",
        durations: str = DURATIONS,
        log: str = "debug",
        options: Iterable[str] = (),
    ) -> None:
        self.where = kept_address()
        """The address, the same in every incarnation."""
        self.options = ["--type", session_type, "--durations", durations, "--log", log, "--json", *options]
        self.responders: dict[str, tuple[str, int]] = {}
        """State and generation of every responder of the current incarnation."""
        self.dead_letters = 0
        """The number of dead letters of all incarnations."""
        self.log: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> NodeProcess:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        self.responders = {}
        command = [sys.executable, "-m", "ockam_fsm.cli", "node", "--listen", self.where, *self.options]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._reading = asyncio.ensure_future(self._read())
        line = await asyncio.wait_for(self._process.stdout.readline(), 30.0)
        assert line, "\n".join(self.log)
        assert json.loads(line)["ready"]

    def signal(self, number: Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        await self.end(SIGKILL)

    async def end(self, number: Signals) -> int:
        if self._process is None or self._reading is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(number)
        code = await asyncio.wait_for(self._process.wait(), 30.0)
        await self._reading
        self._process = None
        return code

    def states(self) -> list[tuple[str, int]]:
        """Return the states of the responders that are not closed."""
        return [change for change in self.responders.values() if change[0] != "CLOSED"]

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode()
            self.log.append(line)
            self.dead_letters += "dead letter:" in line
            found = CHANGE.search(line)
            if found is not None:
                self.responders[found[2]] = (found[4], int(found[5]))

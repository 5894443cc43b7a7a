"""Reliable delivery while processes are killed at random and connections are cut.

    python -m tests.streams.kills --kills 1000 --seed 1

Rule 1: real processes, SIGKILL, real sockets, and a real SQLite file. Some writes to it fail, or succeed without a
        confirmation.
Rule 2: the account is made from the files that remain: the log, and the output of the consumer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ockam_fsm.simulation.delivery_metrics import DeliveryMetrics
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import KilledProcess
from tests.net.fault_proxy import FaultProxy
from tests.net.ports import kept_port
from tests.streams.processes import STREAM, consume, publish, serve

PATIENCE_SECONDS = 30.0
MOST_PAUSE_SECONDS = 5.0
FOR_EACH_KILL = 40
"""Messages, so that the publisher is busy until the last kill."""


@dataclass
class Account:
    """The result of a run."""

    kills: dict[str, int] = field(default_factory=dict)
    cuts: int = 0
    stored: list[int] = field(default_factory=list)
    processed: list[int] = field(default_factory=list)
    state_losses: int = 0

    def problems(self, count: int) -> list[str]:
        """Return the violations, as text."""
        whole = list(range(1, count + 1))
        first = list(dict.fromkeys(self.processed))
        found = {
            "messages are stored twice": len(set(self.stored)) != len(self.stored),
            "the stored messages are not the published ones, in order": self.stored != whole,
            "messages are not processed in the order of the stream": first != sorted(first),
            "not every message is processed": set(self.processed) != set(whole),
            "the publisher was notified that its record is lost": bool(self.state_losses),
        }
        return [problem for problem, is_so in found.items() if is_so]

    def figures(self, count: int) -> dict[str, object]:
        delivery = DeliveryMetrics()
        for number in range(1, count + 1):
            delivery.send(number)
        for number in self.processed:
            delivery.receive(number)
        return {"kills": self.kills, "cuts": self.cuts, "stored": len(self.stored)} | delivery.figures()


class Run:
    """One run: `await Run(folder, kills, seed).run()`."""

    def __init__(
        self,
        folder: Path,
        kills: int,
        seed: int,
        *,
        node: Callable[..., None] = serve,
        publisher: Callable[..., None] = publish,
        traced: bool = False,
    ) -> None:
        """`node` and `publisher`: the functions of these processes, replaced by wrong ones in a test. `traced`: each of
        the two records its sessions, in `traces`."""
        self.folder, self.kills, self.random = folder, kills, Random(seed)
        self.traces = {name: folder / f"{name}.jsonl" for name in ("node", "publisher")}
        self.traced = traced
        self.node, self.publisher = node, publisher
        self.count = kills * FOR_EACH_KILL
        self.port = kept_port()
        self.processes: dict[str, KilledProcess] = {}
        self.account = Account()

    async def run(self) -> Account:
        async with FaultProxy(f"127.0.0.1:{self.port}", self.random.getrandbits(32)) as proxy:
            try:
                for name in ("node", "publisher", "consumer"):
                    self._start(name, proxy.where)
                for _ in range(self.kills):
                    await self._progress(self.random.randrange(FOR_EACH_KILL))
                    self._strike(proxy)
                await self._end()
            finally:
                for process in self.processes.values():
                    process.__exit__(None, None, None)
        self.account.stored = self._stored()
        self.account.processed = self._processed()
        return self.account

    def _start(self, name: str, where: str) -> None:
        traces = {name: str(file) if self.traced else "" for name, file in self.traces.items()}
        calls: dict[str, tuple[Callable[..., None], tuple[Any, ...]]] = {
            "node": (self.node, (self.port, str(self.folder / "streams.db"), traces["node"])),
            "publisher": (
                self.publisher,
                (where, str(self.folder / "publisher.json"), self.count, traces["publisher"]),
            ),
            "consumer": (consume, (where, str(self.folder / "out.txt"))),
        }
        function, arguments = calls[name]
        self.processes[name] = KilledProcess(function, *arguments)

    def _strike(self, proxy: FaultProxy) -> None:
        """Kill one of the processes and start it again. In a fifth of the calls reset all connections first."""
        if self.random.random() < 0.2:
            proxy.cut()
            self.account.cuts += 1
        name = self.random.choice(("node", "publisher", "consumer"))
        self.account.kills[name] = self.account.kills.get(name, 0) + 1
        self.processes[name].__exit__(None, None, None)
        self._start(name, proxy.where)

    async def _progress(self, messages: int) -> None:
        """Wait until `messages` more were processed, at most `MOST_PAUSE_SECONDS`, so that there is traffic during a
        kill. In a fifth of the calls wait for a short random time instead."""
        if self.random.random() < 0.2:
            await asyncio.sleep(self.random.uniform(0.0, 0.2))
            return
        wanted, loop = len(self._processed()) + messages, asyncio.get_running_loop()
        deadline = loop.time() + MOST_PAUSE_SECONDS
        while len(self._processed()) < wanted and loop.time() < deadline:
            await asyncio.sleep(0.005)

    async def _end(self) -> None:
        """Wait until the last message is processed, or none for `PATIENCE_SECONDS`; then for the publisher's end."""
        processed, loop = self._processed(), asyncio.get_running_loop()
        since = loop.time()
        while self.count not in processed and loop.time() < since + PATIENCE_SECONDS:
            await asyncio.sleep(0.1)
            before, processed = processed, self._processed()
            since = loop.time() if len(processed) > len(before) else since
        losses = await asyncio.to_thread(self.processes["publisher"].report, PATIENCE_SECONDS)
        self.account.state_losses = losses or 0

    def _stored(self) -> list[int]:
        storage = SqliteStorage(self.folder / "streams.db")
        try:
            log = storage.open_log(STREAM, 0).result()
            found: list[int] = []
            while batch := log.read(len(found), 1000, 2**20).result():
                found += [int(one.data) for one in batch]
            return found
        finally:
            storage.close()

    def _processed(self) -> list[int]:
        path = self.folder / "out.txt"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


def main() -> None:
    """Print the result of a run. Exit code 1 if a message was lost, stored twice, never published or out of order."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), wanted.kills, wanted.seed)
        account = asyncio.run(run.run())
    problems = account.problems(run.count)
    print(json.dumps(account.figures(run.count) | {"problems": problems}, indent=2))
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()

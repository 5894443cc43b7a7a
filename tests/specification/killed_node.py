"""A recorded run of two nodes in two processes over TCP, with a faulty proxy between them and one of them killed.

    near   `ockam-fsm session`: makes two requests, stays, and closes the session at the end
    far    `ockam-fsm node`: killed (SIGKILL) while the session is established, and started again

Each writes its own trace. The proxy stalls, duplicates, reorders and cuts. The specification needs only the faults
`duplicate` and `restart-without-state` to accept the run.

python -m tests.specification.killed_node     records spec/traces/accepted/tcp-killed.jsonl again
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from signal import SIGINT
from typing import Any

from ockam_fsm.specification.trace_merging import merge
from tests.net.fault_proxy import CHAOS, FaultProxy
from tests.net.node_process import DURATIONS, NodeProcess
from tests.net.tcp_helpers import over_tcp, until

SAMPLE = Path(__file__).parents[2] / "spec" / "traces" / "accepted" / "tcp-killed.jsonl"
TYPE = "explicit-persistent-one-sided"
GENTLE = {fault: rate for fault, rate in CHAOS.items() if not fault.startswith("cut")}
"""Faults without losses, so that a request has its response in time."""
ALLOWED = ("duplicate", "restart-without-state")
CHAOS_SECONDS = 3.0


class SessionProcess:
    """A process of `ockam-fsm session`; `lines` collects its output while the event loop runs."""

    def __init__(self, where: str, trace: Path) -> None:
        self.command = [
            sys.executable, "-m", "ockam_fsm.cli", "session", f"tcp://{where}/responder", "--type", TYPE, "--durations",
            DURATIONS, "--message", "one", "--message", "two", "--stay", "--trace", str(trace), "--json",
        ]  # fmt: skip
        self.lines: list[dict[str, Any]] = []

    async def __aenter__(self) -> SessionProcess:
        self._process = await asyncio.create_subprocess_exec(*self.command, stdout=asyncio.subprocess.PIPE)
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(SIGINT)
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))

    def replies(self) -> int:
        return sum("reply" in line for line in self.lines)

    def is_established(self) -> bool:
        return [line["state"] for line in self.lines if "state" in line][-1:] == ["ESTABLISHED"]

    def established(self) -> list[int]:
        """Return the generations in which it was established."""
        return [line["generation"] for line in self.lines if line.get("state") == "ESTABLISHED"]


def record(near: Path, far: Path, seed: int = 0) -> None:
    """Run both processes; each writes its trace."""

    async def main() -> None:
        async with (
            NodeProcess(TYPE, log="warning", options=("--trace", str(far))) as node,
            FaultProxy(node.where, seed, GENTLE) as proxy,
            SessionProcess(proxy.where, near) as session,
        ):
            await until(lambda: session.replies() == 2)
            proxy.rates = CHAOS
            await asyncio.sleep(CHAOS_SECONDS)
            proxy.heal()
            await until(session.is_established)
            before = len(session.established())
            await node.kill()
            await node.start()
            await until(lambda: len(session.established()) > before)

    over_tcp(main())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        near, far = Path(folder, "near.jsonl"), Path(folder, "far.jsonl")
        record(near, far)
        whole = merge([trace.read_bytes().splitlines(keepends=True) for trace in (near, far)], ALLOWED)
        SAMPLE.write_bytes(b"".join(whole.lines))

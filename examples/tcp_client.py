"""A client that survives kills of its server and of itself: it sends 1, 2, 3, ..., and resumes after a kill.

Run it beside the server: `python examples/tcp_client.py 127.0.0.1:4000 sent.txt 1000`.

The session is persistent: when the server is gone, it renegotiates without a limit (`attempts=None`), with growing
pauses. Requests made meanwhile wait, and unanswered ones are sent again (`reissue=True`). When the client itself is
killed, its session is lost. So it stores the last confirmed number in a file, and the next run continues after it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from ockam_fsm import BackOff, Durations, StateChanged, TcpNode

TYPE = "explicit-persistent-one-sided"
DURATIONS = Durations(negotiation_seconds=5.0, request_seconds=5.0, back_off=BackOff(0.1, max_seconds=1.0))
"""If an answer does not arrive within `request_seconds`, the session fails and renegotiates."""
PATIENCE_SECONDS = 600.0
"""How long a request may wait for the server."""


def keep(path: Path, number: int) -> None:
    """Replace the number atomically: a kill leaves the old or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(str(number))
    os.replace(beside, path)


def show(change: StateChanged) -> None:
    print(f"{change.before} -> {change.after}, generation {change.generation}", flush=True)


async def main(server: str, path: Path, count: int) -> None:
    confirmed = int(path.read_text()) if path.exists() else 0
    async with TcpNode() as node:
        session = node.session(f"tcp://{server}/ledger", TYPE, durations=DURATIONS, attempts=None)
        session.on_change(show)
        async with session:
            for number in range(confirmed + 1, count + 1):
                reply = await session.request(b"%d" % number, reissue=True, timeout_seconds=PATIENCE_SECONDS)
                assert reply == b"written %d" % number
                keep(path, number)
                print(f"confirmed {number}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))

"""The stall detector: measures by periodic echoes how long the node under test, or its machine, has stood still.

Theory: a node that stands still for longer than one of its time-outs may give up a session before it reads the messages
that came meanwhile. A case cannot observe that: a reply is missing, and later messages are answered at once.

Rule 1: a stall excuses a failure that did not occur again (`Runner`), and has no other effect.
Rule 2: it has its own connection and stops when that ends.
Source: clauses 3.7, 3.9.
"""

from __future__ import annotations

from collections import deque

from ockam_fsm.conformance.wire.case_context import CaseContext, CaseOutcome, KitRun
from ockam_fsm.net.raw_peer import now, pause

EVERY_SECONDS = 0.1
REMEMBERED = 10_000


class StallDetector:
    def __init__(self, run: KitRun) -> None:
        self.context = CaseContext(run)
        self.asked: float | None = None
        """When the pending echo was sent; None if there is none."""
        self.answers: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """For each echo, when it came back or was given up, and how long that took."""

    async def beat(self) -> None:
        try:
            wire = await self.context.wire("pulse")
            while True:
                self.asked = now()
                await wire.echoes()
                if wire.peer.ended:
                    return
                self.answers.append((now(), now() - self.asked))
                await pause(EVERY_SECONDS)
        except CaseOutcome:
            return
        finally:
            self.asked = None
            self.context.close()

    def longest_seconds(self, since: float) -> float:
        """The longest time that an echo has taken since a time."""
        waiting = [] if self.asked is None else [now() - self.asked]
        return max([*waiting, *(took for at, took in self.answers if at >= since)], default=0.0)

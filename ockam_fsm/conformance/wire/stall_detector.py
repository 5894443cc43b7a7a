"""For how long the node under test, or its whole machine, has stood still: the echo worker is asked all the time.

Theory: who stands still for longer than a time-out of its own gives up a session by right, before it reads what came
meanwhile. A case cannot see that: the reply does not come, and whatever is asked later is answered at once.

Rule 1: it accuses nobody. It excuses a failure that did not occur again (`Runner`), and nothing else.
Rule 2: it has a connection of its own, and is quiet for good when that ends.
Source: clauses 3.7, 3.9.
"""

from __future__ import annotations

from collections import deque

from ockam_fsm.conformance.wire.case_context import CaseContext, Outcome, Run
from ockam_fsm.net.raw_peer import now, pause

EVERY_SECONDS = 0.1
REMEMBERED = 10_000


class StallDetector:
    def __init__(self, run: Run) -> None:
        self.lab = CaseContext(run)
        self.asked: float | None = None
        """When, if there is no answer yet."""
        self.answers: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """When each answer came, or was waited for no longer, and how long that took."""

    async def beat(self) -> None:
        try:
            wire = await self.lab.wire("pulse")
            while True:
                self.asked = now()
                await wire.echoes()
                if wire.peer.ended:
                    return
                self.answers.append((now(), now() - self.asked))
                await pause(EVERY_SECONDS)
        except Outcome:
            return
        finally:
            self.asked = None
            self.lab.close()

    def longest_seconds(self, since: float) -> float:
        """The longest that an answer has taken since then."""
        waiting = [] if self.asked is None else [now() - self.asked]
        return max([*waiting, *(took for at, took in self.answers if at >= since)], default=0.0)

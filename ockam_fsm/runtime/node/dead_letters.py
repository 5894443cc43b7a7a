"""The Dead Letter Channel: nothing is ever dropped without a record here.

Rule 1: bounded. The newest letters are kept whole, all of them are counted by reason.
Rule 2: reasons are few: what differs from message to message is the letter's detail, so that the counters are bounded
        too. A reason beyond the limit is counted as `OTHER`.
Source: Dead Letter Channel of Enterprise Integration Patterns; spec/sessions.md section 1.
"""

from __future__ import annotations

from collections import deque

from ockam_fsm.runtime.node.commands import Letter

MAX_REASONS = 256
OTHER = "other"


class DeadLetters:
    def __init__(self, kept: int = 1000) -> None:
        self.letters: deque[Letter] = deque(maxlen=kept)
        self.counts: dict[str, int] = {}

    def add(self, letter: Letter) -> None:
        known = letter.reason in self.counts or len(self.counts) < MAX_REASONS
        reason = letter.reason if known else OTHER
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.letters.append(letter)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

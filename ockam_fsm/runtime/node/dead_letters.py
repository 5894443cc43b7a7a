"""The Dead Letter Channel: a record of every message that is dropped.

Rule 1: bounded in items and in bytes. The newest letters are kept as summaries: reason, sizes, the first addresses and
        the first bytes. All of them are counted by reason. Observers receive each letter whole, once.
Rule 2: reasons are few: text that varies between messages is the detail, so the counters are bounded too. A reason
        beyond the limit is counted as `OTHER`.
Source: Dead Letter Channel of Enterprise Integration Patterns; spec/sessions.md sections 1 and 16.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ockam_fsm.kernel.text import shown
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.commands import Letter
from ockam_fsm.runtime.session.request import Outgoing

MAX_REASONS = 256
OTHER = "other"
KEPT_BYTES = 256
"""The bytes of a payload that are kept; as many characters of a reason, a tracing context, a detail and a `repr`."""

KEPT_ADDRESSES = 8
"""The number of addresses of a route that are kept, the first ones."""


class DeadLetters:
    def __init__(self, kept: int = 1000) -> None:
        self.letters: deque[Letter] = deque(maxlen=kept)
        self.counts: dict[str, int] = {}

    def add(self, letter: Letter) -> None:
        reason = letter.reason[:KEPT_BYTES]
        if reason not in self.counts and len(self.counts) >= MAX_REASONS:
            reason = OTHER
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.letters.append(summary(letter))

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def summary(letter: Letter) -> Letter:
    """Return a copy of bounded size: the beginning of the message, and in the detail the size of a cut payload."""
    message, cut = letter.message, ""
    if isinstance(message, Message | Outgoing):
        if len(message.payload) > KEPT_BYTES:
            cut = f"payload of {len(message.payload)} bytes"
        message = replace(
            message,
            onward_route=message.onward_route[:KEPT_ADDRESSES],
            return_route=message.return_route[:KEPT_ADDRESSES],
            payload=message.payload[:KEPT_BYTES],
            tracing_context=message.tracing_context and message.tracing_context[:KEPT_BYTES],
        )
    elif isinstance(message, Letter):
        message = summary(message)
    else:
        message = short_repr(message)
    detail = "; ".join(part for part in (letter.detail[:KEPT_BYTES], cut) if part)
    return Letter(letter.reason[:KEPT_BYTES], message, letter.worker, detail)


def short_repr(value: object) -> str:
    """Return the beginning of a `repr`, also for an object of the application whose `repr` fails."""
    return shown(value, KEPT_BYTES)

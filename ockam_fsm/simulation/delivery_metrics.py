"""Delivery metrics of simulations and real runs: reliability, uniqueness and orderings.

For a delivery A -> B of S sent messages, of which R arrived, Ru of them distinct: reliability is Ru / S, uniqueness
Ru / R.

Orderings of the numbers in the order of arrival (messages are numbered in the order of sending):

    monotonic    no message arrives after a later one (a duplicate may follow directly)
    strict       monotonic, and no message arrives twice
    continuous   monotonic, and no message is missing before one that arrives
    absolute     strict and continuous
Source: spec/sessions.md section 13.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class DeliveryMetrics:
    """The counts of one direction. The numbers of its single sender ascend."""

    sent: int = 0
    received: int = 0
    backward: int = 0
    again: int = 0
    skipped: int = 0
    _seen: set[int] = field(default_factory=set, repr=False)
    _last: dict[object, int] = field(default_factory=dict, repr=False)
    _sent: dict[object, int] = field(default_factory=dict, repr=False)
    _place: dict[int, tuple[object, int]] = field(default_factory=dict, repr=False)

    def send(self, number: int, way: object = None) -> None:
        """Count a sent message. Each `way` (a session) is ordered separately."""
        self.sent += 1
        self._sent[way] = self._sent.get(way, 0) + 1
        self._place[number] = way, self._sent[way]

    def receive(self, number: int) -> None:
        way, position = self._place[number]
        last = self._last.get(way, position - 1)
        self.received += 1
        self.backward += position < last
        self.again += number in self._seen
        self.skipped += position > last + 1
        self._seen.add(number)
        self._last[way] = max(position, last)

    @property
    def unique(self) -> int:
        return len(self._seen)

    @property
    def reliability(self) -> float:
        return self.unique / self.sent if self.sent else 1.0

    @property
    def uniqueness(self) -> float:
        return self.unique / self.received if self.received else 1.0

    @property
    def orderings(self) -> tuple[str, ...]:
        """The orderings that hold for all messages that arrived."""
        monotonic, once, whole = self.backward == 0, self.again == 0, self.skipped == 0
        held = {"monotonic": monotonic, "strict": monotonic and once, "continuous": monotonic and whole,
                "absolute": monotonic and once and whole}  # fmt: skip
        return tuple(name for name, holds in held.items() if holds)

    def figures(self) -> dict[str, object]:
        return {
            "sent": self.sent,
            "received": self.received,
            "unique": self.unique,
            "reliability": round(self.reliability, 6),
            "uniqueness": round(self.uniqueness, 6),
            "backward": self.backward,
            "again": self.again,
            "skipped": self.skipped,
            "orderings": list(self.orderings),
        }

"""A recording of the session ends of the current test; a failing test shows it as a sequence chart.

Theory: the code that steps ends (`helpers.py`, the pairs of `stateful/`) writes to `RECORDING`; the hooks of
`conftest.py` clear it before a test, and add its chart to the error of a failing test.

Rule 1: recording is cheap: messages are decoded only after a failure.
Rule 2: a chart has only the ends connected with the last one, because each run of Hypothesis makes new ends.
Limit: the last `MOST_MOMENTS` moments are kept.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from ockam_fsm.projections.sequence import Chart, Moment, MomentKind
from ockam_fsm.projections.sequence_text import attach

MOST_MOMENTS = 200
Label = str | Callable[[], str]


class Participant:
    """A lifeline. Participants are compared by identity, not by name."""

    def __init__(self, name: str) -> None:
        self.name = name


OUTSIDE = Participant("the test")
"""The sender of messages that a test passes to an end directly."""


class Recorded(NamedTuple):
    kind: MomentKind
    who: Participant
    label: Label
    whom: Participant | None

    @property
    def text(self) -> str:
        return self.label if isinstance(self.label, str) else self.label()

    @property
    def ends(self) -> set[Participant]:
        return {self.who, self.whom or self.who} - {OUTSIDE}


class Recording:
    def __init__(self) -> None:
        self.moments: deque[Recorded] = deque(maxlen=MOST_MOMENTS)

    def clear(self) -> None:
        self.moments.clear()

    def add(self, kind: MomentKind, who: Participant, label: Label, whom: Participant | None = None) -> None:
        self.moments.append(Recorded(kind, who, label, whom))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing in this context, for steps that are only tried."""
        before = self.moments.copy()
        yield
        self.moments = before

    def state(self, who: Participant, before: str, after: str) -> None:
        """Record the state of an end after a step, if it changed."""
        if before != after:
            self.add(MomentKind.STATE, who, after or "no session")

    def chart(self) -> Chart | None:
        """Return the chart; None if nothing was recorded."""
        ends = self._connected()
        if not ends:
            return None
        shown = [one for one in self.moments if one.ends & ends]
        names = _names(shown)
        moments = [Moment(one.kind, names[one.who], one.text, names[one.whom] if one.whom else "") for one in shown]
        if len(self.moments) == MOST_MOMENTS:
            moments.insert(0, Moment(MomentKind.NOTE, "", "earlier moments are not kept"))
        return Chart("failure", "the test", "up to its failure", tuple(names.values()), tuple(moments))

    def explain(self, error: BaseException) -> None:
        """Add the chart to the error of a test."""
        if (chart := self.chart()) is not None:
            attach(chart, error)

    def _connected(self) -> set[Participant]:
        """Return the ends of the last moment, and all ends connected with them by messages, directly or indirectly."""
        found: set[Participant] = set()
        following = set(self.moments[-1].ends) if self.moments else set()
        while following != found:
            found = following
            following = found.union(*(one.ends for one in self.moments if one.ends & found))
        return found


def _names(shown: list[Recorded]) -> dict[Participant, str]:
    """Return the names of the ends, in order of appearance; ends with the same name are numbered."""
    there = dict.fromkeys(end for one in shown for end in (one.who, one.whom) if end is not None)
    numbers = {name: count(1) for name in Counter(end.name for end in there)}
    return {end: end.name if (n := next(numbers[end.name])) == 1 else f"{end.name} {n}" for end in there}


RECORDING = Recording()

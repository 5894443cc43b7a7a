"""Sequence charts of runs, as SVG and Mermaid.

A run is a list of `Moment`s, recorded by the explorer, the simulator or a live node. Each moment is one line of the
chart, time goes down. A message is recorded when it arrives; `left_at` is the index of the moment in which it left, so
a late message is drawn as a slanted line.

Rule 1: nothing is computed from a machine here; the content of a chart is in its moments.
Rule 2: every label is escaped, and the drawing grows with the longest of them: nothing is cut off.
Rule 3: a chart may contain text of a peer, so all of its texts are made neutral (kernel/text.py) at creation.
Left out: clocks. Distances are steps, not seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from ockam_fsm.kernel.text import neutral
from ockam_fsm.projections.mermaid import mermaid_text
from ockam_fsm.projections.styling import generated


class MomentKind(Enum):
    """The kind of a moment, with the meaning of `who` and `whom`."""

    MESSAGE = "a message of `who` arrives at `whom`"
    LOST = "a message of `who` to `whom` is lost"
    DUPLICATE = "a message of `who` arrives at `whom` once more"
    TIMER = "a timer of `who` fires"
    ORDER = "the application gives an order to `who`"
    STATE = "`who` enters another state"
    NOTE = "a remark, at `who` or (empty) across the chart"


@dataclass(frozen=True)
class Moment:
    """One line of a chart. `left_at`: the index of the moment in which a message left (None: this one).

    `refused`: the receiver did not accept the message (stale, superseded, a dead letter); drawn pale, the label has the
    reason.
    """

    kind: MomentKind
    who: str
    label: str
    whom: str = ""
    left_at: int | None = None
    refused: bool = False

    def __post_init__(self) -> None:
        _neutralise(self, "who", "label", "whom")


@dataclass(frozen=True)
class Chart:
    """A run to be shown. `name` is the name of its file; `participants` stand from left to right.

    Raises:
        ValueError: a moment has an unknown participant, or its message left after it arrived.
    """

    name: str
    title: str
    sentence: str
    participants: tuple[str, ...]
    moments: tuple[Moment, ...] = field(repr=False)

    def __post_init__(self) -> None:
        _neutralise(self, "title", "sentence")
        object.__setattr__(self, "participants", tuple(map(neutral, self.participants)))
        known = {*self.participants, ""}
        for index, moment in enumerate(self.moments):
            for name in (moment.who, moment.whom):
                if name not in known:
                    raise ValueError(f"{self.name}, moment {index}: {name} is none of {', '.join(self.participants)}")
            if moment.left_at is not None and not 0 <= moment.left_at <= index:
                raise ValueError(f"{self.name}, moment {index}: left at {moment.left_at}, which is not before it")


def _neutralise(value: object, *names: str) -> None:
    """Make fields neutral (rule 3)."""
    for name in names:
        object.__setattr__(value, name, neutral(getattr(value, name)))


ARROWS = frozenset({MomentKind.MESSAGE, MomentKind.LOST, MomentKind.DUPLICATE})
"""The kinds that go from one participant to another."""


def to_mermaid(chart: Chart, page: str) -> str:
    """Return `chart` as a Mermaid `sequenceDiagram`, in the order of arrival."""
    short = {name: f"p{index}" for index, name in enumerate(chart.participants)}
    lines = [f"%% {generated(page)}", "sequenceDiagram", f"    title {mermaid_text(chart.title)}"]
    lines += [f"    participant {short[name]} as {mermaid_text(name)}" for name in chart.participants]
    lines += [f"    {_mermaid_line(moment, index, short, chart)}" for index, moment in enumerate(chart.moments)]
    return "\n".join([*lines, ""])


def _mermaid_line(moment: Moment, index: int, short: dict[str, str], chart: Chart) -> str:
    label = mermaid_text(moment.label)
    if moment.kind in ARROWS:
        arrow = {MomentKind.MESSAGE: "->>", MomentKind.LOST: "-x", MomentKind.DUPLICATE: "-->>"}[moment.kind]
        late = " (late)" if moment.left_at is not None and _overtaken(chart.moments, moment.left_at, index) else ""
        return f"{short[moment.who]}{arrow}{short[moment.whom]}: {label}{late}"
    if moment.who:
        over = short[moment.who]
    else:
        over = ",".join(dict.fromkeys([short[chart.participants[0]], short[chart.participants[-1]]]))
    word = {MomentKind.TIMER: "timer ", MomentKind.ORDER: "order "}.get(moment.kind, "")
    return f"Note over {over}: {word}{label}"


def _overtaken(moments: Sequence[Moment], left_at: int, index: int) -> bool:
    return any(m.kind in ARROWS and (m.left_at or 0) > left_at for m in moments[:index])

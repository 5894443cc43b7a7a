"""A sequence chart as SVG, without a layout engine: the same bytes everywhere.

Participants are columns, moments are lines, time goes down. A lifeline has the colour of the state of its participant.
Messages are arrows with their label above; one that was overtaken is slanted and has its label at its arrival. Moments
of one participant alone are written beside it, outside the columns.

Limit: widths are estimated from the characters, a little too wide, since fonts differ; only space depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import accumulate, pairwise
from math import atan2, degrees

from ockam_fsm.projections.sequence import ARROWS, Chart, Moment, MomentKind
from ockam_fsm.projections.styling import EventKind, StateKind, generated, state_kind_by_name
from ockam_fsm.projections.svg import SANS

INK = "#26303A"
PALE = "#66727E"
LINE = "#B4BEC8"
PITCH = 38
CLOSE = 27
TOP = 118
SIZE = 12.5


def to_svg(chart: Chart, page: str) -> str:
    """Return `chart` as an SVG document."""
    drawing = _Drawing(chart)
    width, height = drawing.width, drawing.height
    head = [
        f"<!-- {generated(page)} -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="{escape(SANS)}" font-size="{SIZE}" fill="{INK}">',
        f"<title>{escape(chart.title)}</title>",
        f"<desc>{escape(chart.sentence)}</desc>",
        f'<rect width="{width}" height="{height}" rx="10" fill="#FFFFFF"/>',
        f'<text x="24" y="34" font-size="18" font-weight="bold">{escape(chart.title)}</text>',
        f'<text x="24" y="56" font-size="13" fill="{PALE}">{escape(chart.sentence)}</text>',
    ]
    # Texts last: their white halo keeps them legible where a line passes behind.
    marks = list(drawing.moments())
    shapes, words = [m for m in marks if not m.startswith("<text")], [m for m in marks if m.startswith("<text")]
    return "\n".join([*head, *drawing.lifelines(), *shapes, *words, "</svg>", ""])


def text_width(text: str, size: float = SIZE) -> float:
    """Return the estimated width of `text`; capitals and digits are wide, other scripts wider."""
    return size * sum(1.0 if ord(c) > 0x2E80 else 0.7 if c.isupper() or c.isdigit() or c == "_" else 0.56 for c in text)


@dataclass(frozen=True)
class _Drawing:
    chart: Chart

    @cached_property
    def gap(self) -> float:
        """The distance of two columns: room for the longest label between them."""
        between = [text_width(m.label) for m in self.chart.moments if m.kind in ARROWS]
        heads = [text_width(name, 14) + 40 for name in self.chart.participants]
        return max(220.0, *(w + 72 for w in between or [0.0]), *heads)

    @cached_property
    def margins(self) -> tuple[float, float]:
        """The widths of the texts left of the first column, and right of the last."""
        left, right = [70.0], [70.0]
        for moment in self.chart.moments:
            if moment.who and moment.kind not in ARROWS:
                side = left if self.is_left(moment.who) else right
                side.append(text_width(moment.label) + (28 if moment.kind is MomentKind.STATE else 52))
        return max(left) + 16, max(right) + 16

    @cached_property
    def width(self) -> int:
        columns = self.gap * (len(self.chart.participants) - 1)
        titles = max(text_width(self.chart.title, 18), text_width(self.chart.sentence, 13)) + 48
        notes = [text_width(m.label) + 64 for m in self.chart.moments if not m.who]
        return round(max(sum(self.margins) + columns, titles, *notes, 0))

    @cached_property
    def height(self) -> int:
        return round(self.y(len(self.chart.moments)) + 6)

    def is_left(self, who: str) -> bool:
        return self.chart.participants.index(who) == 0 and len(self.chart.participants) > 1

    def x(self, who: str) -> float:
        return round(self.margins[0] + self.gap * self.chart.participants.index(who), 1)

    @cached_property
    def heights(self) -> list[int]:
        """The position of each moment, and of the end of the chart. A state is close below its cause."""
        steps = [CLOSE if m.kind is MomentKind.STATE else PITCH for m in self.chart.moments]
        return list(accumulate([*steps, PITCH], initial=TOP))[1:]

    def y(self, index: int) -> int:
        return self.heights[index]

    def lifelines(self) -> Iterator[str]:
        for name in self.chart.participants:
            x, bottom = self.x(name), self.y(len(self.chart.moments)) - 10
            yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="{LINE}" stroke-width="1.5"/>'
            yield from self._states(name, x, bottom)
            wide = text_width(name, 14) + 28
            yield (
                f'<rect x="{x - wide / 2:.1f}" y="{TOP - 34}" width="{wide:.1f}" height="32" rx="6" fill="{INK}"/>'
                f'<text x="{x}" y="{TOP - 13}" font-size="14" font-weight="bold" text-anchor="middle" fill="#FFFFFF">'
                f"{escape(name)}</text>"
            )

    def _states(self, name: str, x: float, bottom: float) -> Iterator[str]:
        changes = [(i, m) for i, m in enumerate(self.chart.moments) if m.kind is MomentKind.STATE and m.who == name]
        heights = [*(self.y(i) for i, _ in changes), bottom]
        for (_, moment), (top, end) in zip(changes, pairwise(heights), strict=True):
            paper, ink = _paint(moment.label)
            yield (f'<rect x="{x - 4}" y="{top}" width="8" height="{end - top}" fill="{paper}" stroke="{ink}"/>')

    def moments(self) -> Iterator[str]:
        for index, moment in enumerate(self.chart.moments):
            if moment.kind in ARROWS:
                yield from self._arrow(index, moment)
            elif moment.kind is MomentKind.STATE:
                yield from self._state(index, moment)
            elif moment.kind is MomentKind.NOTE and not moment.who:
                yield from self._across(index, moment)
            else:
                yield from self._aside(index, moment)

    def _across(self, index: int, moment: Moment) -> Iterator[str]:
        wide, y = text_width(moment.label) + 28, self.y(index)
        middle = (self.x(self.chart.participants[0]) + self.x(self.chart.participants[-1])) / 2
        paper = StateKind.INITIAL.value.paper
        yield (
            f'<rect x="{middle - wide / 2:.1f}" y="{y - 12}" width="{wide:.1f}" height="24" rx="4" fill="{paper}" '
            f'stroke="{LINE}"/>'
        )
        yield _text(middle, y + 4, moment.label, "middle", INK, ' font-style="italic"', halo=False)

    def _arrow(self, index: int, moment: Moment) -> Iterator[str]:
        sign = 1 if self.x(moment.whom) > self.x(moment.who) else -1
        start, end = self.x(moment.who) + 6 * sign, self.x(moment.whom) - 6 * sign
        low, high = float(self.y(index)), self.y(index if self._prompt(index, moment) else moment.left_at or 0)
        ink = PALE if moment.refused or moment.kind is MomentKind.LOST else EventKind.HANDSHAKE.value.ink
        if moment.kind is MomentKind.LOST:
            end, low = start + (end - start) * 0.62, high + (low - high) * 0.62
        dash = ' stroke-dasharray="6 4"' if moment.kind is MomentKind.DUPLICATE or moment.refused else ""
        yield f'<line x1="{start}" y1="{high}" x2="{end:.1f}" y2="{low:.1f}" stroke="{ink}" stroke-width="1.6"{dash}/>'
        yield (
            _cross(end, low) if moment.kind is MomentKind.LOST else _head(end, low, atan2(low - high, end - start), ink)
        )
        if low == high:
            yield _text((start + end) / 2, low - 7, moment.label, "middle", ink)
        else:
            yield _text(end - 12 * sign, low + 15, moment.label, "end" if sign > 0 else "start", ink)

    def _prompt(self, index: int, moment: Moment) -> bool:
        """Whether only states and remarks are between departure and arrival."""
        left = index if moment.left_at is None else moment.left_at
        between = self.chart.moments[left + 1 : index]
        return all(m.kind in (MomentKind.STATE, MomentKind.NOTE) for m in between)

    def _outside(self, moment: Moment) -> tuple[float, int, str]:
        sign, anchor = (-1, "end") if self.is_left(moment.who) else (1, "start")
        return self.x(moment.who), sign, anchor

    def _state(self, index: int, moment: Moment) -> Iterator[str]:
        x, sign, _ = self._outside(moment)
        paper, ink = _paint(moment.label)
        wide, y = text_width(moment.label) + 16, self.y(index)
        left = x + 10 if sign > 0 else x - 10 - wide
        text = StateKind.FINAL.value.ink if paper == StateKind.FINAL.value.paper else ink
        yield (
            f'<rect x="{left:.1f}" y="{y - 3}" width="{wide:.1f}" height="21" rx="10.5" fill="{paper}" stroke="{ink}"/>'
        )
        yield _text(left + wide / 2, y + 12, moment.label, "middle", text, ' font-weight="bold"', halo=False)

    def _aside(self, index: int, moment: Moment) -> Iterator[str]:
        x, sign, anchor = self._outside(moment)
        y = self.y(index)
        if moment.kind is MomentKind.TIMER:
            ink = EventKind.TIMER.value.ink
            at = x + 16 * sign
            yield f'<circle cx="{at}" cy="{y}" r="7.5" fill="#FFFFFF" stroke="{ink}" stroke-width="1.5"/>'
            yield f'<path d="M{at} {y - 4.5}V{y}H{at + 3.5}" fill="none" stroke="{ink}" stroke-width="1.5"/>'
            yield _text(x + 30 * sign, y + 4, moment.label, anchor, ink)
        elif moment.kind is MomentKind.ORDER:
            ink = EventKind.ORDER.value.ink
            yield f'<line x1="{x + 34 * sign}" y1="{y}" x2="{x + 6 * sign}" y2="{y}" stroke="{ink}" stroke-width="2"/>'
            yield _head(x + 6 * sign, y, atan2(0, -sign), ink)
            yield _text(x + 40 * sign, y + 4, moment.label, anchor, ink, ' font-weight="bold"')
        else:
            yield _text(x + 14 * sign, y + 4, moment.label, anchor, PALE, ' font-style="italic"')


def _paint(state: str) -> tuple[str, str]:
    look = state_kind_by_name(state).value
    return look.paper, look.paper if look is StateKind.FINAL.value else look.ink


def _text(x: float, y: float, text: str, anchor: str, ink: str, more: str = "", *, halo: bool = True) -> str:
    behind = ' stroke="#FFFFFF" stroke-width="4" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{ink}"{behind}{more}>{escape(text)}</text>'


def _head(x: float, y: float, angle: float, ink: str) -> str:
    return (
        f'<path d="M0 0l-9 -4.5v9z" transform="translate({x:.1f} {y:.1f}) rotate({degrees(angle):.1f})" fill="{ink}"/>'
    )


def _cross(x: float, y: float) -> str:
    ink = EventKind.FAILURE.value.ink
    return f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10" stroke="{ink}" stroke-width="2.2" fill="none"/>'

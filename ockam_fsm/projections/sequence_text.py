"""A sequence chart in characters, for a terminal: the same moments as the SVG, one line each.

Lifelines are columns; moments of the first participant alone are written to its left, those of others to their right.
Limit: a character is a column; scripts of double width shift the text after them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ockam_fsm.projections.sequence import ARROWS, Chart, Moment, MomentKind

LIFELINE = "│"
MARKS = {
    MomentKind.TIMER: "timer: {}",
    MomentKind.ORDER: "order: {}",
    MomentKind.STATE: "[{}]",
    MomentKind.NOTE: "{}",
}
SHAFTS = {MomentKind.MESSAGE: "─", MomentKind.LOST: "─", MomentKind.DUPLICATE: "╌"}


def to_text(chart: Chart) -> str:
    """Return `chart` as lines of text."""
    drawing = _Drawing(chart)
    lines = [drawing.heads(), *(line for moment in chart.moments for line in drawing.lines(moment))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def attach(chart: Chart, error: BaseException) -> None:
    """Add `chart` to `error` as a note: Python prints it below the message, and so do pytest and Hypothesis."""
    error.add_note(f"What happened before:\n\n{to_text(chart)}")


class _Drawing:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        names = chart.participants
        aside = [_beside(m) for m in chart.moments if m.who == names[0] and m.kind not in ARROWS]
        between = [_arrow_label(m) for m in chart.moments if m.kind in ARROWS]
        margin = max([len(names[0]) // 2 + 1, *(len(text) + 1 for text in aside)] if len(names) > 1 else [4])
        gap = max(20, *(len(text) + 8 for text in between), *(len(name) + 4 for name in names))
        self.columns = {name: margin + gap * place for place, name in enumerate(names)}

    def heads(self) -> str:
        line = ""
        for name, column in self.columns.items():
            line = _put(line, max(0, column - len(name) // 2), name)
        return line

    def lines(self, moment: Moment) -> Iterator[str]:
        line = ""
        for column in self.columns.values():
            line = _put(line, column, LIFELINE)
        if moment.kind in ARROWS:
            yield self._arrow(line, moment)
        elif not moment.who:
            yield _put(line, min(self.columns.values()) + 3, f"({moment.label})")
        else:
            text, column = _beside(moment), self.columns[moment.who]
            first = column == min(self.columns.values()) and len(self.columns) > 1
            yield _put(line, column - len(text) - 1 if first else column + 2, text)

    def _arrow(self, line: str, moment: Moment) -> str:
        start, end = self.columns[moment.who], self.columns[moment.whom]
        left, right = min(start, end) + 1, max(start, end)
        shaft = SHAFTS[moment.kind] * (right - left)
        label = f" {_arrow_label(moment)} "
        at = (len(shaft) - len(label)) // 2
        shaft = shaft[:at] + label + shaft[at + len(label) :]
        if moment.kind is MomentKind.LOST:
            shaft = shaft[:-3] + "×  " if end > start else "  ×" + shaft[3:]
        else:
            shaft = shaft[:-1] + "▶" if end > start else "◀" + shaft[1:]
        return _put(line, left, shaft)


def _beside(moment: Moment) -> str:
    return MARKS[moment.kind].format(moment.label)


def _arrow_label(moment: Moment) -> str:
    kept = ", a copy stays" if moment.kind is MomentKind.DUPLICATE else ""
    return f"{moment.label}{kept}{' (no effect)' if moment.refused else ''}"


def _put(line: str, column: int, text: str) -> str:
    line = line.ljust(column)
    return line[:column] + text + line[column + len(text) :]

"""The report for a terminal: a row for each clause, then each deviation in full, with the cases that show it.

Rule 1: a line is made of parts, each with a mark, so that the caller chooses the colours. It reads without colours.
Rule 2: a cell that is too long for its column is wrapped within the column.
Rule 3: a reason is printed once. Where many cases fail a clause, the first few have charts and the others a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple, TypeAlias

from ockam_fsm.conformance.report.findings import Finding, Findings, Line, Verdict
from ockam_fsm.kernel.text import neutral
from ockam_fsm.projections import sequence_text

WIDTH = 120
REASON_CHARACTERS = 160
MOST_CHARTS = 3
GAP = "  "
HEADLINES = {0: "conforms", 1: "deviates", 2: "undetermined"}


class Mark(Enum):
    """The role of a part of a line."""

    PLAIN = "plain"
    PALE = "pale"
    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    COMMAND = "command"


class Span(NamedTuple):
    text: str
    mark: Mark = Mark.PLAIN


SpannedLine: TypeAlias = tuple[Span, ...]
"""One line."""

MARKS = {
    Verdict.FAIL: Mark.BAD,
    Verdict.INCONCLUSIVE: Mark.OPEN,
    Verdict.PASS: Mark.GOOD,
    Verdict.NOT_APPLICABLE: Mark.PALE,
}
SUMMARY_MARKS = {0: Mark.GOOD, 1: Mark.BAD, 2: Mark.OPEN}


def to_text(report: Findings, *, every: bool = False, width: int = WIDTH) -> str:
    """The lines of `report_lines` without their marks; text of a peer is neutral."""
    lines = (
        neutral("".join(part.text for part in line).rstrip()) for line in report_lines(report, every=every, width=width)
    )
    return "\n".join(lines) + "\n"


def report_lines(report: Findings, *, every: bool, width: int = WIDTH) -> Iterator[SpannedLine]:
    """The lines of the report. `every`: include clauses that are not applicable, and clauses that are inconclusive for
    a reason already printed. `width`: of a row, in characters."""
    yield (Span(report.target),)
    lines, alike, hidden = _chosen(report, every)
    yield from _table(lines, width)
    if alike:
        yield (Span(f"and {alike} more clauses, INCONCLUSIVE for a reason given above", Mark.PALE),)
    for line in reversed(report.deviations):  # the worst is the last, where it is visible in a terminal
        yield from _deviation(line)
    yield from _summary(report, hidden)


def _chosen(report: Findings, every: bool) -> tuple[list[Line], int, int]:
    """The lines to print, and the numbers of omitted clauses: INCONCLUSIVE for a printed reason, and NOT APPLICABLE."""
    lines: list[Line] = []
    given: set[str] = set()
    alike = hidden = 0
    for line in report.lines:
        if line.verdict is Verdict.NOT_APPLICABLE and not every:
            hidden += 1
        elif line.verdict is Verdict.INCONCLUSIVE and line.reason in given and not every:
            alike += 1
        else:
            given.add(line.reason)
            lines.append(line)
    return lines, alike, hidden


def _table(lines: list[Line], width: int) -> Iterator[SpannedLine]:
    rows = [_row(line) for line in lines]
    heads = ("clause", "level", "verdict", "reason")
    first, level, verdict = (max(len(row[at]) for row in (heads, *rows)) for at in range(3))
    first = min(first, 32)
    widths = (first, level, verdict, max(28, width - first - level - verdict - 3 * len(GAP)))
    yield tuple(Span(head.ljust(size) + GAP, Mark.PALE) for head, size in zip(heads, widths, strict=True))
    for line, row in zip(lines, rows, strict=True):
        marks = (Mark.PLAIN, Mark.PALE, MARKS[line.verdict], Mark.PLAIN if line.deviates else Mark.PALE)
        cells = [wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            yield tuple(
                Span(text.ljust(size) + GAP, mark) for text, size, mark in zip(parts, widths, marks, strict=True)
            )


def _row(line: Line) -> tuple[str, str, str, str]:
    verdict = line.verdict.value + (" (expected)" if line.expected else "")
    reason = line.reason if len(line.reason) <= REASON_CHARACTERS else f"{line.reason[:REASON_CHARACTERS]}..."
    return f"{line.clause.id} {line.clause.title}", line.clause.level.value, verdict, reason


def _deviation(line: Line) -> Iterator[SpannedLine]:
    severity = f" ({line.severity.value})" if line.severity else ""
    yield ()
    yield (Span(f"{line.clause.id} {line.clause.title}{severity}", Mark.BAD),)
    yield (Span(line.clause.link, Mark.PALE),)
    for number, one in enumerate(line.failures):
        yield from _failure(one, chart=number < MOST_CHARTS)


def _failure(one: Finding, *, chart: bool) -> Iterator[SpannedLine]:
    for at, text in enumerate(one.reason.split("\n")):
        yield (Span(text if at else f"{one.case}: {text}"),)
    if one.reproduction is None:
        return
    if chart:
        yield from ((Span(text),) for text in sequence_text.to_text(one.reproduction.chart).rstrip().split("\n"))
    if one.reproduction.command:
        yield (Span(f"see it: {one.reproduction.command}", Mark.COMMAND),)
    if one.reproduction.program and chart:
        yield (Span("see it, with `make` as given to the kit:", Mark.COMMAND),)
        yield from ((Span(f"    {text}", Mark.COMMAND),) for text in one.reproduction.program.rstrip().split("\n"))


def _summary(report: Findings, hidden: int) -> Iterator[SpannedLine]:
    counts = ", ".join(f"{count} {name.lower()}" for name, count in report.counts.items() if count)
    yield ()
    yield (Span(f"{HEADLINES[report.exit_code]}: {counts}", SUMMARY_MARKS[report.exit_code]),)
    if hidden:
        yield (Span(f"{hidden} clauses were not judged; --all shows why.", Mark.PALE),)
    for one in report.stale:
        where = f"{one.clause} {one.case}".rstrip()
        yield (Span(f"expected deviation that did not occur: {where}", Mark.OPEN),)
    for note in report.notes:
        yield (Span(note, Mark.BAD),)

"""What `conform` prints: one row for each clause, then what deviates, in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ockam_fsm.conformance.report.findings import Line, Report, Verdict
from ockam_fsm.projections.sequence_text import to_text

if TYPE_CHECKING:
    from ockam_fsm.conformance.report.findings import Reproduction

_STYLES = {Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow", Verdict.PASS: "green",
           Verdict.NOT_APPLICABLE: "dim"}  # fmt: skip
_WORDS = {0: "conforms", 1: "deviates", 2: "undetermined"}
REASON_CHARACTERS = 160


def show_report(console: Console, report: Report, remedy: str = "", *, every: bool) -> None:
    """`every`: also the clauses that are not applicable, and what is inconclusive for a reason that was said already.
    `remedy`: what to try where nothing could be judged."""
    table = Table(title=Text(report.target), title_justify="left", box=None, pad_edge=False)
    table.add_column("clause", max_width=28)
    for name in ("level", "verdict"):
        table.add_column(name, no_wrap=True)
    table.add_column("reason", min_width=28)
    hidden, said, alike = 0, set(), 0
    for line in report.lines:
        if line.verdict is Verdict.NOT_APPLICABLE and not every:
            hidden += 1
            continue
        if line.verdict is Verdict.INCONCLUSIVE and line.reason in said and not every:
            alike += 1
            continue
        said.add(line.reason)
        table.add_row(f"{line.clause.id} {line.clause.title}", line.clause.level.value, _verdict(line), _reason(line))
    console.print(table)
    if alike:
        console.print(Text(f"and {alike} more clauses, INCONCLUSIVE for a reason that is said above", "dim"))
    for line in reversed(report.deviations):  # the worst is the last: that is where a terminal stands
        console.print(*_deviation(line), sep="\n", soft_wrap=True)
    console.print(*_summary(report, hidden), sep="\n")
    if remedy and report.counts["INCONCLUSIVE"] and not report.counts["PASS"]:
        console.print(Text(remedy), soft_wrap=True)


def _verdict(line: Line) -> Text:
    expected = Text(" (expected)", "dim") if line.expected else Text()
    return Text(line.verdict.value, _STYLES[line.verdict]) + expected


def _reason(line: Line) -> Text:
    short = line.reason if len(line.reason) <= REASON_CHARACTERS else f"{line.reason[:REASON_CHARACTERS]}..."
    return Text(short, "" if line.verdict is Verdict.FAIL else "dim")


def _deviation(line: Line) -> Iterator[Text]:
    severity = f" ({line.severity.value})" if line.severity else ""
    yield Text(f"\n{line.clause.id} {line.clause.title}{severity}", "bold red")
    yield Text(f"{line.reason}\n{line.clause.link}")
    if line.reproduction is not None:
        yield from _reproduction(line.reproduction)


def _reproduction(shown: Reproduction) -> Iterator[Text]:
    yield Text(to_text(shown.chart).rstrip())
    if shown.command:
        yield Text(f"see it: {shown.command}", "cyan")


def _summary(report: Report, hidden: int) -> Iterator[Text]:
    counts = ", ".join(f"{count} {name.lower()}" for name, count in report.counts.items() if count)
    style = {0: "bold green", 1: "bold red", 2: "bold yellow"}[report.exit_code]
    yield Text(f"\n{_WORDS[report.exit_code]}: {counts}", style)
    if hidden:
        yield Text(f"{hidden} clauses were not judged; --all says why.", "dim")
    for one in report.stale:
        yield Text(f"expected, but it does not occur any more: {one.clause} {one.case}".rstrip(), "yellow")

"""The output of `conform`: the lines of the report (conformance/report/text_report.py), in colours."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.report.text_report import Mark, report_lines

_STYLES = {
    Mark.PLAIN: "",
    Mark.PALE: "dim",
    Mark.GOOD: "green",
    Mark.BAD: "bold red",
    Mark.OPEN: "yellow",
    Mark.COMMAND: "cyan",
}


def show_report(console: Console, report: Report, remedy: str = "", *, every: bool) -> None:
    """Print a report.

    every: as in `report_lines`.
    remedy: printed if nothing could be judged.
    """
    for line in report_lines(report, every=every, width=console.width):
        text = Text.assemble(*((part.text, _STYLES[part.mark]) for part in line))
        text.rstrip()
        console.print(text, soft_wrap=True)
    if remedy and report.counts["INCONCLUSIVE"] and not report.counts["PASS"]:
        console.print(Text(remedy), soft_wrap=True)

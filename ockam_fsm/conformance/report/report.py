"""The report of a kit: its findings, with renderings as text and HTML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ockam_fsm.conformance.report.clauses import packaged_texts
from ockam_fsm.conformance.report.findings import Findings
from ockam_fsm.conformance.report.html_report import to_html
from ockam_fsm.conformance.report.text_report import to_text
from ockam_fsm.kernel.files import write_whole


@dataclass(frozen=True)
class Report(Findings):
    """All findings about one target, with renderings for readers; `to_json` is for programs."""

    def text(self, *, every: bool = False) -> str:
        """Return the report for a terminal, without colours. `every`: include clauses that are not applicable."""
        return to_text(self, every=every)

    def html(self, path: Path) -> None:
        """Write the report as one page of HTML, with the text of each clause.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(path, to_html(self, packaged_texts()))

"""A table of the reports of several implementations: a row for each clause, a column for each implementation.

Rule 1: a report is the output of `conform --json`. Another file is refused by its name.
Rule 2: each verdict links to its evidence: the clause in the page of `conform --html` with the same name.
Rule 3: text of a peer is escaped (html_report.py, rule 1). A verdict is a word, not a colour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ockam_fsm.conformance.report.clauses import BY_ID, CLAUSES
from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.html_report import MARKS, STYLE, installed_version
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.files import read_whole

REASON_CHARACTERS = 400
_STYLE = (
    STYLE + "body{max-width:none}td,th{padding-right:1.2rem}thead th{position:sticky;top:0;background:var(--paper)}"
)


@dataclass(frozen=True)
class Compared:
    """The report of one implementation. `page`: the file name of its HTML page, empty if there is none."""

    name: str
    target: str
    verdicts: dict[str, Verdict]
    """The verdicts by clause number."""
    reasons: dict[str, str]
    page: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """The number of clauses with each verdict."""
        found = list(self.verdicts.values())
        return {verdict.value: found.count(verdict) for verdict in Verdict}


def read_report(name: str, path: Path) -> Compared:
    """Read the output of `conform --json`. Its page is the file of the same name with `.html`, if there is one.

    Raises:
        LocalSessionError: the file is not such a report.
        OSError: the file cannot be read.
    """
    try:
        found = json.loads(read_whole(path))
        lines: list[dict[str, Any]] = [line for line in found["clauses"] if line["id"] in BY_ID]
        verdicts = {line["id"]: Verdict(line["verdict"]) for line in lines}
        reasons = {line["id"]: str(line["reason"])[:REASON_CHARACTERS] for line in lines}
        target = str(found["target"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LocalSessionError(
            f"{path} is not a report; write one with `ockam-fsm conform ... --json > FILE`"
        ) from None
    page = path.with_suffix(".html")
    return Compared(name, target, verdicts, reasons, page.name if page.is_file() else "")


def rows(columns: Sequence[Compared]) -> Iterator[tuple[str, str, list[Verdict]]]:
    """Number, title and verdicts of each clause that applies to at least one implementation."""
    for clause in CLAUSES:
        found = [one.verdicts.get(clause.id, Verdict.NOT_APPLICABLE) for one in columns]
        if set(found) != {Verdict.NOT_APPLICABLE}:
            yield clause.id, clause.title, found


def to_json(columns: Sequence[Compared]) -> dict[str, Any]:
    """The comparison as `compare --json` prints it."""
    names = [one.name for one in columns]
    return {
        "implementations": [{"name": one.name, "target": one.target, "counts": one.counts} for one in columns],
        "clauses": [
            {"id": number, "title": title, "verdicts": dict(zip(names, (one.value for one in found), strict=True))}
            for number, title, found in rows(columns)
        ],
    }


def to_page(columns: Sequence[Compared]) -> str:
    """The comparison as one HTML page with links to the pages of the reports."""
    head = "".join(f"<th>{_named(one)}</th>" for one in columns)
    body = "".join(
        f"<tr><td class='id'>{number}</td><td>{escape(title)}</td>"
        f"{''.join(_cell(one, number, verdict) for one, verdict in zip(columns, found, strict=True))}</tr>"
        for number, title, found in rows(columns)
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>Implementations compared</title><style>{_STYLE}</style></head><body>",
            "<h1>Implementations compared</h1>",
            f'<p class="target">ockam-fsm {escape(installed_version())}. A verdict links to its evidence. A clause '
            "that applies to no implementation is left out.</p>",
            f"<table><thead><tr><th>clause</th><th></th>{head}</tr></thead><tbody>{body}</tbody></table>",
            f"<ul>{''.join(_total(one) for one in columns)}</ul>",
            "</body></html>",
            "",
        ]
    )


def _named(one: Compared) -> str:
    name = escape(one.name)
    return f'<a href="{escape(one.page)}">{name}</a>' if one.page else name


def _cell(one: Compared, clause: str, verdict: Verdict) -> str:
    word, reason = verdict.value, escape(one.reasons.get(clause, ""))
    shown = f'<a href="{escape(one.page)}#c{clause}">{word}</a>' if one.page else word
    return f'<td class="word {MARKS[verdict]}" title="{reason}">{shown}</td>'


def _total(one: Compared) -> str:
    counts = ", ".join(f"{many} {word.lower()}" for word, many in one.counts.items() if many)
    return f"<li><b>{_named(one)}</b>: {counts}. {escape(one.target)}</li>"

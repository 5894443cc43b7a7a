"""The report as one self-contained HTML page: no external scripts, no fonts, no server.

Rule 1: text of a peer is escaped: a target's name, a reason or a label may contain anything.
Rule 2: the page reads without colour: a verdict is a word. It follows the reader's light or dark preference.
Rule 3: each clause has an element to open, with reason, text, cases and charts. Deviations are open at first.
Rule 4: the page names its version, time and command. Clause numbers are links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version

from ockam_fsm.conformance.report import clause_html
from ockam_fsm.conformance.report.clause_html import linked
from ockam_fsm.conformance.report.findings import Findings, Line, Reproduction, Verdict
from ockam_fsm.projections.sequence_svg import to_svg

MARKS = {Verdict.FAIL: "bad", Verdict.INCONCLUSIVE: "open", Verdict.PASS: "good", Verdict.NOT_APPLICABLE: "none"}
HEADLINES = {0: "Conforms", 1: "Deviates", 2: "Undetermined"}
SHOWN_BYTES = 256

STYLE = """
:root{color-scheme:light dark;--ink:#26303a;--paper:#fff;--pale:#66727e;--line:#d9dfe5;--soft:#f4f6f8;
--good:#1a7f4b;--bad:#b3261e;--open:#8a5a00;--none:#66727e}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaee;--paper:#161b20;--pale:#9aa6b2;--line:#333c45;--soft:#1f262d;
--good:#5cc98d;--bad:#ff8a80;--open:#e0b050;--none:#9aa6b2}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:2.5rem 1.25rem 5rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.75rem;margin:0 0 .25rem;letter-spacing:-.01em}
.target{color:var(--pale);overflow-wrap:anywhere;margin:0 0 1.5rem}
.counts{display:flex;flex-wrap:wrap;gap:.75rem;margin:0 0 2rem;padding:0;list-style:none}
.counts li{background:var(--soft);border-radius:10px;padding:.6rem 1.1rem;min-width:8rem}
.counts b{display:block;font-size:1.6rem;line-height:1.2}
.worst{margin:0 0 2rem;padding:0;list-style:none}
.worst li{display:flex;gap:1rem;align-items:baseline}
details{border-top:1px solid var(--line)}
details:last-of-type{border-bottom:1px solid var(--line)}
summary{display:grid;grid-template-columns:3rem 1fr auto auto;gap:1rem;align-items:baseline;cursor:pointer;
padding:.6rem .25rem;list-style:none}
summary::-webkit-details-marker{display:none}
summary:hover{background:var(--soft)}
summary:focus-visible{outline:2px solid var(--good);outline-offset:-2px}
.id{font-variant-numeric:tabular-nums;font-weight:600}
.level{color:var(--pale);font-size:.8rem}
.verdict{font-weight:600;font-size:.85rem;min-width:8.5rem;text-align:right}
.good{color:var(--good)}.bad{color:var(--bad)}.open{color:var(--open)}.none{color:var(--none)}
.body{padding:.25rem .25rem 1.5rem 4rem}
.body p{margin:.4rem 0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.88rem;margin:.8rem 0}
td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
th{color:var(--pale);font-weight:500}
code,pre{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:var(--soft);padding:.8rem 1rem;border-radius:8px;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere}
.clause{border-left:3px solid var(--line);padding-left:1rem;font-size:.9rem}
.clause table{width:auto}
h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
.note{color:var(--bad);font-weight:600}
td:first-child,th:first-child{min-width:9rem}
td.word{white-space:nowrap}
.chart{overflow-x:auto;margin:1rem 0}
.chart svg{max-width:none}
footer{color:var(--pale);font-size:.85rem;margin-top:2rem}
a{color:inherit}
@media(max-width:40rem){.body{padding-left:.25rem}.level{display:none}
summary{grid-template-columns:2.5rem 1fr auto}.verdict{min-width:0}}
"""


def to_html(report: Findings, texts: Mapping[str, str], base: str = "") -> str:
    """The page of a report. `texts`: the texts of clauses by number, to be included. `base`: the prefix of links to the
    specification, which are relative to the root of its repository; empty: plain text instead of links."""
    title = f"{HEADLINES[report.exit_code]}: {report.target}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{HEADLINES[report.exit_code]}</h1>",
            f'<p class="target">{escape(report.target)}{_took(report)}</p>',
            _made(report),
            *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
            f'<ul class="counts">{"".join(_counts(report))}</ul>',
            *_deviations(report),
            "<main>",
            *(_line(line, texts.get(line.clause.id, ""), base) for line in report.lines),
            "</main>",
            *_footer(report),
            "</body></html>",
            "",
        ]
    )


def _took(report: Findings) -> str:
    cases = len({finding.case for finding in report.findings})
    return f" · {cases} cases" + (f" · {report.seconds:.1f} s" if report.seconds is not None else "")


def _made(report: Findings) -> str:
    """Version, time and command of the report."""
    command = f"<pre>{escape(report.command)}</pre>" if report.command else ""
    about = " · ".join(filter(None, (f"ockam-fsm {installed_version()}".rstrip(), escape(report.made))))
    return f'<p class="target">{about}</p>{command}'


def installed_version() -> str:
    """The version of the installed package; empty if it runs from its source alone."""
    try:
        return version("ockam-fsm")
    except PackageNotFoundError:
        return ""


def _counts(report: Findings) -> Iterator[str]:
    for verdict in Verdict:
        yield f'<li class="{MARKS[verdict]}"><b>{report.counts[verdict.value]}</b>{verdict.value.lower()}</li>'


def _deviations(report: Findings) -> Iterator[str]:
    """Links to the deviations, the worst first. The clauses below are in the order of the specification."""
    if found := report.deviations:
        items = (
            f'<li><a href="#c{line.clause.id}">{line.clause.id} {escape(line.clause.title)}</a>'
            f'<span class="level">{line.severity.value if line.severity else ""}</span></li>'
            for line in found
        )
        yield f'<ol class="worst">{"".join(items)}</ol>'


def _line(line: Line, text: str, base: str) -> str:
    clause, mark = line.clause, MARKS[line.verdict]
    word = line.verdict.value + (" (expected)" if line.expected else "")
    at_stake = f" <span class='level'>at stake: {line.severity.value}</span>" if line.severity else ""
    return (
        f'<details id="c{clause.id}"{" open" if line.deviates else ""}>'
        f'<summary><span class="id">{clause.id}</span><span>{escape(clause.title)}</span>'
        f'<span class="level">{clause.level.value}</span><span class="verdict {mark}">{word}</span></summary>'
        f'<div class="body"><p>{linked(line.reason)}{at_stake}</p>'
        f"{_clause(line, text, base)}{_cases(line)}{_reproductions(line)}</div></details>"
    )


def _clause(line: Line, text: str, base: str) -> str:
    quoted = f'<div class="clause">{clause_html.to_html(text)}</div>' if text else ""
    where = escape(line.clause.link)
    return f'{quoted}<p><a href="{escape(base)}{where}">{where}</a></p>' if base else f"{quoted}<p>{where}</p>"


def _cases(line: Line) -> str:
    if not line.findings:
        return ""
    rows = "".join(
        f'<tr><td>{escape(f.case)}</td><td class="word {MARKS[f.verdict]}">{f.verdict.value}</td>'
        f"<td>{linked(f.reason)}</td>"
        "</tr>"
        for f in line.findings
    )
    return f"<table><tr><th>case</th><th>verdict</th><th>reason</th></tr>{rows}</table>"


def _reproductions(line: Line) -> str:
    """The reproductions of all failing cases; where none fails, the line's."""
    if line.failures:
        return "".join(_reproduction(one.case, one.reproduction) for one in line.failures)
    return _reproduction("", line.reproduction)


def _reproduction(case: str, shown: Reproduction | None) -> str:
    if shown is None:
        return ""
    head = f"<h3>{escape(case)}</h3>" if case else ""
    command = f"<pre>{escape(shown.command)}</pre>" if shown.command else ""
    program = f"<pre>{escape(shown.program)}</pre>" if shown.program else ""
    return f'{head}{command}<div class="chart">{_drawn(shown)}</div>{_transmissions(shown)}{program}'


def _drawn(shown: Reproduction) -> str:
    """The chart as SVG, without the comment at the top of generated files."""
    return to_svg(shown.chart, "").split("-->\n", 1)[1]


def _transmissions(shown: Reproduction) -> str:
    if not shown.transmissions:
        return ""
    rows = "".join(
        f"<tr><td>{escape(s.who)}</td><td>{escape(s.meaning)}</td><td><code>{_bytes(s.data)}</code></td></tr>"
        for s in shown.transmissions
    )
    return f"<table><tr><th>from</th><th>message</th><th>bytes</th></tr>{rows}</table>"


def _bytes(data: bytes) -> str:
    return data[:SHOWN_BYTES].hex() + (f" ... {len(data)} bytes" if len(data) > SHOWN_BYTES else "")


def _footer(report: Findings) -> Iterator[str]:
    yield "<footer>"
    for one in report.expected:
        stale = " <b>It did not occur.</b>" if one in report.stale else ""
        where = f"{one.clause} {one.case}".strip()
        yield f"<p>Expected deviation, {escape(where)}: {escape(one.reason)}.{stale}</p>"
    yield "<p>A clause of level <i>plain</i> binds without a word in capitals. A clause that is NOT APPLICABLE was not"
    yield " judged; its line has the reason.</p></footer>"

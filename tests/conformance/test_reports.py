"""The renderings of a report: all have the same content, and text of a peer is neutral in each."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from ockam_fsm.cli.shared.conform_output import show_report
from ockam_fsm.conformance.report import clause_html
from ockam_fsm.conformance.report.clauses import CLAUSES, SPECIFICATION, clause_texts
from ockam_fsm.conformance.report.expected_deviations import read_expected
from ockam_fsm.conformance.report.findings import Expected, Severity, Verdict
from ockam_fsm.conformance.report.html_report import to_html
from ockam_fsm.conformance.report.json_junit import to_junit
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.report.text_report import to_text
from ockam_fsm.kernel.errors import DefinitionError
from tests.conformance.defective import ROOT
from tests.conformance.test_findings import FAIL, OPEN, PASS, finding

NASTY = "<script>alert('&\x00\x1b[31m')</script>"
REPORT = Report(
    f"tcp://x/{NASTY}",
    [
        finding(FAIL, NASTY, clause="4.2"),
        finding(FAIL, "known", clause="4.3"),
        finding(OPEN, clause="4.4"),
        finding(PASS, clause="4.5"),
    ],
    {"3.1": NASTY},
    [Expected("4.3", f"later {NASTY}"), Expected("6.2", "gone")],
    1.25,
)


class Page(HTMLParser):
    """The tags of a page in order, without void and self-closing ones."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_stands_alone() -> None:
    page = Page()
    text = to_html(REPORT, {})
    page.feed(text)
    assert page.open == []
    assert "script" not in page.seen
    assert page.seen.count("details") == len(CLAUSES)
    assert page.seen.count("svg") == 4
    assert page.links == ["#c4.2"]
    assert "It did not occur" in text
    assert text.count("<details") - text.count(" open>") == len(CLAUSES) - 1  # deviations are open


def test_the_worst_deviation_is_most_visible() -> None:
    worse = finding(FAIL, "worse", Severity.SAFETY, clause="14.4")
    report = Report("target", [finding(FAIL, "leaks"), worse])
    page = to_html(report, {})
    assert page.index('href="#c14.4"') < page.index('href="#c4.2"')
    console = Console(record=True, width=100, file=StringIO())
    show_report(console, report, every=False)
    text = console.export_text()
    assert text.index("(leak)") < text.index("(safety)")  # a terminal shows the end


def test_the_page_has_the_text_of_each_clause() -> None:
    page, said = Page(), clause_texts((ROOT / SPECIFICATION).read_text())
    assert "It MUST NOT start a second negotiation (S2)" in said["3.3"]
    assert said["3.3"].endswith("`RENEGOTIATING`.")
    text = to_html(REPORT, said | {"4.1": NASTY})
    page.feed(text)
    assert page.open == []
    assert "script" not in page.seen
    assert text.count('<div class="clause">') == len(CLAUSES)
    assert {link.removeprefix("#c") for link in page.links} <= {clause.id for clause in CLAUSES}
    assert len(page.links) > len(CLAUSES)
    assert "start a second negotiation (S2)" in text
    assert "**" not in text


def test_a_clause_is_rendered() -> None:
    lines = ("A *word* and `4.1`,", "see 4.2 and 99.1.", "", "* one", "  more", "* **two `*x*`** <b>", "")
    text = "\n".join((*lines, "| a | b |", "| --- | --- |", "| 1 | 2 |", "", "```", "a * b", "", "4.1", "```", ""))
    assert clause_html.to_html(text) == (
        '<p>A <em>word</em> and <code>4.1</code>, see <a href="#c4.2">4.2</a> and 99.1.</p>\n'
        "<ul><li>one more</li><li><strong>two <code>*x*</code></strong> &lt;b&gt;</li></ul>\n"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n"
        "<pre>a * b\n\n4.1</pre>"
    )


def test_the_page_has_version_time_and_command() -> None:
    report = replace(REPORT, command="ockam-fsm conform <x>", made="2026-01-02 03:04 UTC", notes=["dead since & so on"])
    text = to_html(report, {})
    assert f"ockam-fsm {version('ockam-fsm')} · 2026-01-02 03:04 UTC" in text
    assert "<pre>ockam-fsm conform &lt;x&gt;</pre>" in text
    assert text.count("dead since &amp; so on") == 1


def test_every_failing_case_has_its_reproduction_in_every_form() -> None:
    found = [finding(FAIL, f"case {number}", moments=number, clause="4.2") for number in (5, 1, 3, 2, 4)]
    report = Report("target", [*found, finding(OPEN, clause="4.2")])
    page, text, read = to_html(report, {}), report.text(), report.to_json()
    assert [page.count(f"<h3>case {number}</h3>") for number in range(1, 6)] == [1] * 5
    assert text.count("see it: ockam-fsm conform") == 5
    assert text.index("case 1: case 1 says FAIL") < text.index("case 5: case 5 says FAIL")
    assert "message 2" in text
    assert "message 3" not in text, "the shortest three have charts"
    (line,) = [one for one in read["clauses"] if one["id"] == "4.2"]
    assert [one["reproduction"]["command"] for one in line["cases"] if one["verdict"] == "FAIL"] == [
        "ockam-fsm conform"
    ] * 5
    assert [one["reproduction"] for one in line["cases"] if one["verdict"] != "FAIL"] == [None]
    assert all(f"case {number}: " in to_junit(report) for number in range(1, 6))


def test_an_inconclusive_failure_has_no_command() -> None:
    one = finding(OPEN).reproduction
    assert one is not None
    assert (one.command, one.program) == ("", "")
    assert one.transmissions


def test_a_report_has_renderings(tmp_path: Path) -> None:
    assert "deviates: 2 fail" in REPORT.text()
    assert "\x1b" not in REPORT.text()
    REPORT.html(tmp_path / "page.html")
    assert "It MUST NOT" not in REPORT.text()
    assert '<div class="clause">' in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("width", [80, 160])
def test_long_cells_are_wrapped(width: int) -> None:
    long = finding(FAIL, "a case " * 40, clause="12.10")
    lines = to_text(Report("target", [long, finding(PASS, clause="4.2")]), width=width).splitlines()
    head = next(line for line in lines if line.startswith("clause"))
    end = next(number for number, line in enumerate(lines) if not line)
    at = head.index("reason")
    for line in lines[2:end]:
        assert len(line) <= width
        assert line[at - 2 : at].strip() == ""


def test_junit_counts_unexpected_deviations_only() -> None:
    suite = ET.fromstring(to_junit(REPORT))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": str(len(CLAUSES)), "failures": "1", "errors": "1",
    }  # fmt: skip
    cases = {case.get("name", "").split()[0]: case for case in suite}
    failure = cases["4.2"].find("failure")
    assert failure is not None
    assert "kit -> target: 01" in (failure.text or "")
    assert [child.tag for child in cases["4.3"]] == ["skipped"]
    assert [child.tag for child in cases["4.4"]] == ["error"]
    assert [child.tag for child in cases["4.5"]] == ["system-out"]


def test_the_terminal_shows_what_deviates_in_full() -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show_report(console, REPORT, every=False)
    shown = console.export_text()
    console.file.close()
    assert "deviates: 2 fail, 1 inconclusive, 1 pass" in shown
    assert "see it: ockam-fsm conform" in shown
    assert "4.3 Answers" in shown
    assert "(expected)" in shown
    assert "expected deviation that did not occur: 6.2" in shown
    assert "3.1 States" not in shown


@pytest.mark.parametrize("every", [True, False])
def test_what_is_not_applicable_is_shown_on_request(every: bool) -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show_report(console, Report("t", [], {}), every=every)
    assert (Verdict.NOT_APPLICABLE.value in console.export_text()) == every
    console.file.close()


GOOD = '[[deviation]]\nclause = "4.1"\ncase = "fresh-addresses"\nreason = "64 bits until release 3"\n'


def test_expected_deviations_are_read() -> None:
    assert read_expected(GOOD, "x") == (Expected("4.1", "64 bits until release 3", "fresh-addresses"),)
    assert read_expected("", "x") == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("= 1", "not TOML"),
        (GOOD.replace("4.1", "99.1"), "there is no clause '99.1'"),
        (GOOD.replace('"64 bits until release 3"', '""'), "the reason is missing"),
        (GOOD.replace("case", "cases"), "unknown key 'cases'; known: case, clause, reason"),
        (GOOD.replace('"4.1"', "4.1"), "clause is not text"),
        ('[deviation]\nclause = "4.1"', "double brackets"),
        ("[[deviations]]\n", "unknown table 'deviations'"),
    ],
)
def test_a_wrong_list_of_expected_deviations_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        read_expected(text, "deviations.toml")

"""The report in its forms: each says the same, none lets through what a peer has put into it."""

from __future__ import annotations

from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from ockam_fsm.cli.shared.conform_output import show_report
from ockam_fsm.conformance.report.clauses import CLAUSES, SPECIFICATION, texts
from ockam_fsm.conformance.report.expected_deviations import read_expected
from ockam_fsm.conformance.report.findings import Expected, Report, Severity, Verdict
from ockam_fsm.conformance.report.html_report import to_html
from ockam_fsm.conformance.report.json_junit import to_junit
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
    """Its tags in order; void ones and SVG's own endings left out."""

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
    text = to_html(REPORT)
    page.feed(text)
    assert page.open == []
    assert "script" not in page.seen
    assert page.seen.count("details") == len(CLAUSES)
    assert page.seen.count("svg") == 4
    assert page.links[0] == "#c4.2"
    assert all(link.startswith("spec/sessions.md#") for link in page.links[1:])
    assert "It does not occur any more" in text
    assert text.count("<details") - text.count(" open>") == len(CLAUSES) - 1  # what deviates is open


def test_the_worst_is_where_its_reader_begins() -> None:
    worse = finding(FAIL, "worse", Severity.SAFETY, clause="14.4")
    report = Report("target", [finding(FAIL, "leaks"), worse])
    page = to_html(report)
    assert page.index('href="#c14.4"') < page.index('href="#c4.2"')
    console = Console(record=True, width=100, file=StringIO())
    show_report(console, report, every=False)
    text = console.export_text()
    assert text.index("(leak)") < text.index("(safety)")  # a terminal stands at the end


def test_the_page_has_the_text_of_each_clause() -> None:
    page, said = Page(), texts((ROOT / SPECIFICATION).read_text())
    assert "It MUST NOT start a second negotiation (S2)" in said["3.3"]
    assert said["3.3"].endswith("`RENEGOTIATING`.")
    text = to_html(REPORT, said | {"4.1": NASTY})
    page.feed(text)
    assert page.links == ["#c4.2"]  # where what deviates is
    assert "script" not in page.seen
    assert text.count('<pre class="clause">') == len(CLAUSES)


def test_links_of_the_page_may_lead_elsewhere() -> None:
    assert 'href="https://spec.example/spec/sessions.md#' in to_html(REPORT, base="https://spec.example/")


def test_junit_counts_what_deviates_and_nothing_that_was_expected() -> None:
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
    assert "expected, but it does not occur any more: 6.2" in shown
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
        ("= 1", "no TOML"),
        (GOOD.replace("4.1", "99.1"), "there is no clause '99.1'"),
        (GOOD.replace('"64 bits until release 3"', '""'), "say the reason"),
        (GOOD.replace("case", "cases"), "there is no 'cases'"),
        (GOOD.replace('"4.1"', "4.1"), "clause is text"),
        ('[deviation]\nclause = "4.1"', "double brackets"),
        ("[[deviations]]\n", "there is no 'deviations'"),
    ],
)
def test_a_wrong_list_of_expected_deviations_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        read_expected(text, "deviations.toml")

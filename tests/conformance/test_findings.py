"""Findings: one line for each clause, the summary and the exit code."""

from __future__ import annotations

import json

import pytest

from ockam_fsm.conformance.report.clauses import CLAUSES
from ockam_fsm.conformance.report.findings import (
    NOT_JUDGED,
    Expected,
    Finding,
    Line,
    Reproduction,
    Severity,
    Transmission,
    Verdict,
)
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind


def shown(moments: int) -> Reproduction:
    lines = tuple(Moment(MomentKind.MESSAGE, "kit", f"message {n}", "target") for n in range(moments))
    chart = Chart("c", "title", "sentence", ("kit", "target"), lines)
    return Reproduction(chart, (Transmission("kit", "target", b"\x01", "version"),), "ockam-fsm conform")


def finding(
    verdict: Verdict, case: str = "case", severity: Severity = Severity.LEAK, moments: int = 1, clause: str = "4.2"
) -> Finding:
    return Finding(clause, case, verdict, severity, f"{case} says {verdict.value}", shown(moments))


def line(report: Report, clause: str = "4.2") -> Line:
    return next(one for one in report.lines if one.clause.id == clause)


FAIL, PASS, OPEN, NONE = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("verdicts", "expected", "exit_code"),
    [
        ((PASS,), PASS, 0),
        ((PASS, NONE), PASS, 0),
        ((PASS, FAIL, OPEN), FAIL, 1),
        ((PASS, OPEN), OPEN, 2),
        ((NONE,), NONE, 2),
    ],
)
def test_the_worst_decides(verdicts: tuple[Verdict, ...], expected: Verdict, exit_code: int) -> None:
    report = Report("target", [finding(verdict, f"case {n}") for n, verdict in enumerate(verdicts)])
    assert line(report).verdict is expected
    assert report.exit_code == exit_code
    assert report.summary["verdict"] == {0: "conforms", 1: "deviates", 2: "undetermined"}[exit_code]


def test_the_worst_deviation_is_the_first() -> None:
    report = Report(
        "target",
        [
            finding(FAIL, severity=Severity.ROBUSTNESS, clause="2.1"),
            finding(FAIL, severity=Severity.LEAK, clause="3.1"),
            finding(FAIL, severity=Severity.SAFETY, clause="14.4"),
            finding(FAIL, "known", severity=Severity.SAFETY, clause="4.3"),
            finding(FAIL, severity=Severity.LEAK, clause="4.1"),
            finding(OPEN, severity=Severity.SAFETY, clause="4.2"),
        ],
        expected=[Expected("4.3", "known")],
    )
    assert [one.clause.id for one in report.deviations] == ["14.4", "3.1", "4.1", "2.1"]


def test_every_clause_has_a_line_and_an_unjudged_one_a_reason() -> None:
    report = Report("target", [finding(PASS)], {"3.1": "cannot be seen from outside"})
    assert [one.clause for one in report.lines] == list(CLAUSES)
    assert (line(report, "3.1").reason, line(report, "3.2").reason) == ("cannot be seen from outside", NOT_JUDGED)
    assert sum(report.counts.values()) == len(CLAUSES)
    assert report.counts["PASS"] == 1


def test_of_several_failures_the_worst_severity_and_the_shortest_reproduction_are_shown() -> None:
    found = [finding(FAIL, "long", Severity.SECURITY, 5), finding(FAIL, "short", Severity.ROBUSTNESS, 2)]
    shortest = line(Report("target", [*found, finding(PASS, "passed", Severity.SAFETY, 1)]))
    assert shortest.severity is Severity.SECURITY
    assert shortest.reproduction is found[1].reproduction
    assert shortest.reason == "long says FAIL; short says FAIL"


def test_an_expected_deviation_fails_without_counting() -> None:
    report = Report("target", [finding(FAIL)], expected=[Expected("4.2", "will be mended", "case")])
    assert line(report).verdict is FAIL
    assert not line(report).deviates
    assert line(report).reason == "case says FAIL; expected: will be mended"
    assert (report.exit_code, report.stale) == (0, ())


def test_an_expected_deviation_covers_nothing_else() -> None:
    known = Expected("4.2", "known", "case")
    assert Report("t", [finding(FAIL), finding(FAIL, "another")], expected=[known]).exit_code == 1
    assert Report("t", [finding(FAIL, clause="4.3")], expected=[known]).exit_code == 1
    assert Report("t", [finding(FAIL, "another")], expected=[Expected("4.2", "anything")]).exit_code == 0


def test_an_expected_deviation_that_does_not_occur_is_stale() -> None:
    known = Expected("4.2", "known", "case")
    report = Report("target", [finding(PASS)], expected=[known])
    assert report.stale == (known,)
    assert report.summary["stale"] == [{"clause": "4.2", "case": "case"}]


def test_the_json_has_the_agreed_keys() -> None:
    read = json.loads(json.dumps(Report("target", [finding(FAIL)], seconds=1.5).to_json()))
    assert list(read) == ["target", "clauses", "summary"]
    for one in read["clauses"]:
        assert list(one) == ["id", "title", "verdict", "severity", "reason", "reproduction", "cases"]
    (failed,) = [one for one in read["clauses"] if one["verdict"] == "FAIL"]
    assert failed["severity"] == "leak"
    assert failed["reproduction"]["bytes"] == [{"from": "kit", "to": "target", "bytes": "01", "meaning": "version"}]
    assert "message 0" in failed["reproduction"]["chart"]


@pytest.mark.parametrize(("clause", "reason"), [("99.1", "because"), ("4.2", "")])
def test_a_finding_names_a_clause_and_gives_a_reason(clause: str, reason: str) -> None:
    with pytest.raises(ValueError, match=clause):
        Finding(clause, "case", FAIL, Severity.LEAK, reason)

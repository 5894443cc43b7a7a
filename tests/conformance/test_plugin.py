"""The pytest plugin: each clause is a separate test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
import pytest
from ockam_fsm.conformance import Effort, Report, check_responder, our_end
from ockam_fsm.conformance.report.findings import Expected, Finding, Reproduction, Severity, Verdict
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.projections.sequence import Chart, Moment, MomentKind

pytest_plugins = ["ockam_fsm.conformance.pytest_plugin"]

@pytest.fixture(scope="session")
def conformance_report():
    {report}
"""
PASSING = "return check_responder(our_end, [EXPLICIT_TRANSIENT], effort=Effort(examples=0))"
FAILING = """
    hello = Moment(MomentKind.MESSAGE, "kit", "hello 1i", "target")
    shown = Reproduction(Chart("reproduction", "X", "x", ("kit", "target"), (hello,)))
    found = [
        Finding("4.7", "one", Verdict.FAIL, Severity.LIVENESS, "no keepalive comes", shown),
        Finding("4.1", "two", Verdict.FAIL, Severity.SECURITY, "short addresses"),
        Finding("3.9", "three", Verdict.INCONCLUSIVE, Severity.LIVENESS, "it was gone"),
    ]
    return Report("something", found, expected=[Expected("4.1", "until release 3")])
"""


def outcome(tmp_path: Path, report: str) -> str:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(report=report))
    (tmp_path / "test_it.py").write_text("def test_clause(conformance_line):\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rfx", "-p", "no:cacheprovider", str(tmp_path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_passing_report_is_passing_tests(tmp_path: Path) -> None:
    said = outcome(tmp_path, PASSING)
    assert "failed" not in said, said
    assert "passed" in said
    assert "skipped" in said


@pytest.mark.slow
def test_a_failing_clause_is_a_failing_test(tmp_path: Path) -> None:
    said = outcome(tmp_path, FAILING)
    assert "no keepalive comes" in said
    assert "│──── hello 1i ────▶│" in said, "the chart of what led to it"
    assert "spec/sessions.md#47-keepalives" in said
    assert "2 failed" in said
    assert "1 xfailed" in said
    assert "until release 3" in said

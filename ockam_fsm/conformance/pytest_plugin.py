"""A pytest plugin: a report as one parametrized test for each clause.

    # conftest.py
    import pytest
    from ockam_fsm.conformance import check_responder

    pytest_plugins = ["ockam_fsm.conformance.pytest_plugin"]

    @pytest.fixture(scope="session")
    def conformance_report():
        return check_responder(MyEnd)

    # test_conformance.py
    def test_clause(conformance_line):
        "One test for each clause; the plugin sets its outcome."

Any `Report` works, also of the other kits. An expected deviation is an expected failure, a clause that is not
applicable is skipped, and an inconclusive one fails.
"""

from __future__ import annotations

import pytest

from ockam_fsm.conformance.report.clauses import CLAUSES
from ockam_fsm.conformance.report.findings import Line, Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.projections.sequence_text import to_text

FIXTURE = "conformance_line"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if FIXTURE in metafunc.fixturenames:
        metafunc.parametrize(FIXTURE, [clause.id for clause in CLAUSES], indirect=True)


@pytest.fixture
def conformance_line(request: pytest.FixtureRequest, conformance_report: Report) -> Line:
    """The line of the report for one clause. The outcome is set when the test is called."""
    return next(one for one in conformance_report.lines if one.clause.id == request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    line = getattr(item, "funcargs", {}).get(FIXTURE)
    if isinstance(line, Line):
        _judge(line)


def _judge(line: Line) -> None:
    reason = f"{line.clause.id} {line.clause.title}: {line.reason}"
    if line.verdict is Verdict.NOT_APPLICABLE:
        pytest.skip(reason)
    if line.verdict is Verdict.FAIL and line.expected:
        pytest.xfail(reason)
    if line.verdict is not Verdict.PASS:
        chart = to_text(line.reproduction.chart) if line.reproduction is not None else ""
        pytest.fail(f"{line.verdict.value} {reason}\n{chart}\n{line.clause.link}", pytrace=False)

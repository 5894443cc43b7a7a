"""Our node, started by its command, conforms: both profiles, spawners and a static responder, also two-sided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.kit import NOT_JUDGED
from ockam_fsm.conformance.wire.target import NodeUnderTest
from tests.conformance.defective import judged, judged_again, our_node, target

DURATIONS = "negotiation=1,keepalive=0.3,idle=2,retention=1,request=2,back-off=0.05"
SPAWNERS = {"session_spawner": "ockam", "generation_spawner": "one-sided", "responder": "one-sided"}
TWO_SIDED = "explicit-persistent-two-sided"


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    """All reports, made at the same time, so that waits overlap."""
    with our_targets() as nodes:
        yield judged_again({name: (replace(node, capacity=None), ()) for name, node in nodes.items()})


@contextmanager
def our_targets(*options: str) -> Iterator[dict[str, NodeUnderTest]]:
    """Targets in two nodes started by their command: streams, and every kind of session that the black-box kit can
    judge."""
    waits = ("--durations", DURATIONS, "--stream", *options)
    with our_node(*waits) as where, our_node(*waits, "--type", TWO_SIDED) as other:
        nodes = {name: target(where, kind, spawner=name) for name, kind in SPAWNERS.items()}
        nodes |= {TWO_SIDED: target(other, "two-sided", spawner="generation_spawner")}
        yield {name: replace(node, stream="stream", stream_index="stream_index") for name, node in nodes.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SPAWNERS, TWO_SIDED])
def test_our_node_passes_everything(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    decided = {line.verdict for line in report.lines}
    assert decided == {Verdict.PASS, Verdict.NOT_APPLICABLE}, [f for f in report.findings if f.verdict.value == "FAIL"]
    assert report.exit_code == 0
    assert report.counts["PASS"] >= 14


@pytest.mark.thorough
def test_cases_that_a_forwarding_policy_prevents_are_not_applicable() -> None:
    with our_targets("--forward-to", "none") as nodes:
        one_sided, two_sided = "generation_spawner", TWO_SIDED
        reports = judged({name: (replace(nodes[name], capacity=None), ()) for name in (one_sided, two_sided)})
    for report in reports.values():
        refused = {one.case for one in report.findings if "forwarding policy" in one.reason}
        assert {"one-connection", "order-on-reconnect"} <= refused
        assert {line.verdict for line in report.lines} == {Verdict.PASS, Verdict.NOT_APPLICABLE}
        assert report.exit_code == 0
    assert "handshake" not in {one.case for one in reports[one_sided].findings if "forwarding policy" in one.reason}
    assert "handshake" in {one.case for one in reports[two_sided].findings if "forwarding policy" in one.reason}


@pytest.mark.slow
def test_clauses_that_are_not_judged_have_a_reason(reports: dict[str, Report]) -> None:
    for report in reports.values():
        for line in report.lines:
            assert line.findings or line.reason
            assert not (line.findings and line.clause.id in NOT_JUDGED), f"{line.clause.id} is judged after all"

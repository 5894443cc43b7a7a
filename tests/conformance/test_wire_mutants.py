"""Mutant nodes with one defect each, in another process, over TCP, are rejected for the clause that they break.

Here each is judged by the cases about its defect; `test_every_defect.py` tries all cases on all nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import no_spawner
from ockam_fsm.conformance.wire.kit import NAME_NO_SESSION, STREAM_CASES
from tests.conformance.defective import defective_nodes, failures, judged, judged_again, target
from tests.conformance.defective_node import DECLARED_DURATIONS, DEFECTS

CONNECTION_CASES = NAME_NO_SESSION - {one.name for one in STREAM_CASES}

MUTANTS: dict[str, tuple[str, tuple[str, ...], set[str]]] = {
    # defect: kind of session, the cases that are about it, the clauses that it breaks
    "malformed-handshake-kills": ("ockam", ("malformed-hello",), {"14.4"}),
    "takes-from-any-connection": ("ockam", ("foreign-connection",), {"5.4"}),
    "handshake-as-data": ("one-sided", ("misplaced-signals",), {"4.2"}),
    "responder-leaked-per-duplicate": ("one-sided", ("repeated-hello",), {"4.2"}),
    "return-route-names-local-worker": ("ockam", ("names-a-local-worker",), {"5.1"}),
    "no-negotiation-timeout": ("ockam", ("negotiation-timeout",), {"3.9"}),
    "never-idle": ("ockam", ("idle",), {"3.7"}),
    "never-reaped": ("one-sided", ("retention",), {"3.6"}),
    "never-asks": ("two-sided", ("asks-by-itself",), {"5.3"}),
    "connection-per-message": ("ockam", ("one-connection",), {"14.1"}),
    "reordered-on-reconnect": ("ockam", ("order-on-reconnect",), {"14.1"}),
    "identifiers-ignored": ("ockam", ("reply-addresses",), {"6.2"}),
    "established-on-answering": ("one-sided", ("unconfirmed-generation",), {"4.4"}),
    "three-elements": ("ockam", ("echo",), {"14.1"}),
    "any-version": ("ockam", ("wrong-version",), {"14.1"}),
    "no-version-byte": ("ockam", ("version-byte",), {"14.1"}),
    "waits-for-oversized-frames": ("ockam", ("oversized-frame",), {"14.1"}),
    "lenient-reader": ("ockam", ("unreadable-frames",), {"14.1"}),
    "ends-on-empty-frames": ("ockam", ("empty-frames-of-a-destination",), {"14.1"}),
    "waits-for-destinations": ("ockam", ("silent-destination",), {"14.1"}),
    "impatient-with-destinations": ("ockam", ("slow-destination",), {"14.1"}),
    "loses-destinations": ("ockam", ("malformed-frames-of-a-destination",), {"14.4"}),
    "malformed-frame-ends-all": ("ockam", ("wrong-version",), {"14.4"}),
    "guessable-addresses": ("ockam", ("fresh-addresses",), {"4.1"}),
    "reused-address": ("one-sided", ("renegotiation",), {"4.1"}),
    "unanswered-keepalive": ("one-sided", ("keepalive",), {"4.7"}),
    "no-superseded": ("one-sided", ("older-hello",), {"4.2"}),
    "believes-old-hellos": ("one-sided", ("older-hello", "late-hello"), {"4.2", "4.3"}),
    "credulous": ("one-sided", ("jumping-number", "reflected-hello"), {"4.2"}),
    "foreign-worker": ("one-sided", ("names-a-foreign-worker",), {"5.1"}),
    "forgets-state": ("one-sided", ("renegotiation",), {"2.1"}),
    "keeps-previous-generation": ("one-sided", ("previous-generation",), {"4.5"}),
    "ignores-close": ("one-sided", ("close",), {"3.8"}),
    "forgets-lower-layer": ("ockam", ("lost-connection-frees",), {"3.11"}),
    "wants-two-addresses": ("ockam", ("one-address",), {"14.2"}),
    "knows-no-carriers": ("ockam", ("gone-with-its-connection",), {"3.11"}),
    "delivers-twice": ("ockam", ("order",), {"7.4"}),
    "answers-keepalives-twice": ("one-sided", ("keepalive",), {"4.7"}),
    "goes-no-further": ("one-sided", ("data-beyond",), {"7.3"}),
    "unbounded-responders": ("ockam", ("capacity",), {"4.9"}),
    "late-death": ("ockam", ("malformed-hello",), {"14.4"}),
    "late-loss-of-spawners": ("ockam", ("malformed-hello",), {"14.4"}),
    "late-loss-of-half": ("ockam", ("malformed-hello",), {"14.4"}),
    "supervised": ("ockam", ("malformed-hello",), {"14.4"}),
    "late-closing": ("ockam", ("wrong-version",), {"14.4"}),
    "answers-strangers": ("ockam", ("unknown-addresses",), {"14.4"}),
}


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    with defective_nodes() as where:
        tried = {
            name: (replace(target(where[name], profile, patience=2.0), durations=DECLARED_DURATIONS[name]), only)
            for name, (profile, only, _) in MUTANTS.items()
        }
        yield judged_again(tried, at_once=16)


def test_every_defect_is_tried() -> None:
    assert {defect.name for defect in DEFECTS} == {"none", *MUTANTS}
    assert len(MUTANTS) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_rejected_for_its_clause(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert failures(report) == MUTANTS[name][2], [line.reason for line in report.lines if line.deviates]
    assert report.exit_code == 1
    for line in report.lines:
        if line.deviates and name not in ("three-elements", "no-version-byte"):  # in these no message was exchanged
            assert line.reproduction is not None
            assert line.reproduction.transmissions
            assert "--only" in line.reproduction.command


@pytest.mark.slow
def test_a_node_without_sessions_is_judged_by_its_connections() -> None:
    shown = {name: (only, breaks) for name, (_, only, breaks) in MUTANTS.items() if only[0] in CONNECTION_CASES}
    with defective_nodes("none", *shown) as where:
        nodes = {name: replace(target(where[name], "ockam", patience=2.0), spawner="") for name in ("none", *shown)}
        reports = judged({name: (node, shown[name][0] if name in shown else ()) for name, node in nodes.items()})
    assert {name: failures(report) for name, report in reports.items()} == {
        "none": set(),
        **{name: breaks for name, (_, breaks) in shown.items()},
    }
    ours = {finding.case: finding for finding in reports["none"].findings}
    assert {name for name, finding in ours.items() if finding.verdict is Verdict.PASS} == {*CONNECTION_CASES, "writes"}
    assert ours["handshake"].reason == ours["capacity"].reason == no_spawner(nodes["none"]) != ""

"""Every case of the black-box kit on every defective node and on our own node.

In addition to test_wire_mutants.py it shows that all cases together attribute a defect to its clause and to no other.
`ALLOWED`: other clauses that a defect may break, since few defects break only one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.kit import Kit
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import Context, Handler, echo
from tests.conformance.defective import KINDS, defective_nodes, failures, judged, our_node, target
from tests.conformance.defective_node import DECLARED_DURATIONS
from tests.conformance.test_wire_bounded import TARGETS, Serve
from tests.conformance.test_wire_bounded import judged as tried
from tests.conformance.test_wire_mutants import MUTANTS
from tests.conformance.test_wire_ours import DURATIONS

pytestmark = pytest.mark.nightly

ALLOWED = {
    # a host that finds no responder again has no renegotiation, no state and no previous generation
    "responder-leaked-per-duplicate": {"2.1", "3.6", "3.8", "4.3", "4.5"},
    # it differs from our node at its first message and in every state
    "established-on-answering": {"2.1", "3.6", "3.9", "4.2", "4.4", "4.7", "7.4", "14.4"},
    "reused-address": {"4.2", "4.3", "4.4", "4.5"},
    "foreign-worker": {"2.1", "3.8", "4.2", "4.3", "4.4"},
    "forgets-state": {"3.8", "4.2"},
    "keeps-previous-generation": {"4.4"},
    "no-negotiation-timeout": {"4.4"},
    "identifiers-ignored": {"7.3"},
    "ignores-close": {"2.1", "3.6", "4.2", "4.4"},  # the session that should be over answers instead
    "malformed-frame-ends-all": {"14.1"},
    "takes-from-any-connection": {"5.4"},
    "knows-no-carriers": {"5.4"},
    "malformed-handshake-kills": {"2.3"},
    "delivers-twice": {"7.3", "14.3"},
}

MOST_REPEATED = 3
"""How many failing cases of a clause are tried alone."""


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    with defective_nodes() as where:
        tried = {name: (declared(name, where[name]), ()) for name in MUTANTS}
        ours = {f"none {kind}": (target(where["none"], kind), ()) for kind in KINDS}
        yield judged(tried | ours)


@pytest.mark.parametrize("name", MUTANTS)
def test_all_cases_attribute_a_defect_to_its_clause(reports: dict[str, Report], name: str) -> None:
    found, broken = failures(reports[name]), MUTANTS[name][2]
    assert broken <= found
    assert found <= broken | ALLOWED.get(name, set()), [line.reason for line in reports[name].lines if line.deviates]


@pytest.mark.parametrize("name", MUTANTS)
def test_every_reproduction_reproduces(reports: dict[str, Report], name: str) -> None:
    """A failing case fails again for the same clause, alone and on a fresh node."""
    assert irreproducible(name, reports[name]) == []


def declared(name: str, where: str) -> NodeUnderTest:
    return replace(target(where, MUTANTS[name][0]), durations=DECLARED_DURATIONS[name])


def irreproducible(name: str, report: Report) -> list[tuple[str, set[str], set[str]]]:
    """The cases whose reproduction differs from the run: the finding of the run, and that of the reproduction."""
    differ = []
    for line in report.lines:
        for one in line.failures[:MOST_REPEATED]:
            assert one.reproduction is not None
            case = one.reproduction.command.rpartition(" --only ")[2]
            with defective_nodes(name) as where:
                again = judged({name: (declared(name, where[name]), (case,))})[name]
            said, says = _failed(report, one.case), _failed(again, one.case)
            if said != says:
                differ.append((one.case, said, says))
    return differ


def _failed(report: Report, case: str) -> set[str]:
    return {one.clause for one in report.findings if one.case == case and one.verdict is Verdict.FAIL}


@pytest.mark.parametrize("kind", KINDS)
def test_ours_passes_filled_to_its_capacity(reports: dict[str, Report], kind: str) -> None:
    report = reports[f"none {kind}"]
    assert report.exit_code == 0, [line.reason for line in report.lines if line.deviates]
    assert any(one.case == "capacity" and one.verdict.value == "PASS" for one in report.findings)


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_our_node_passes_with_every_type(kind: SessionType) -> None:
    with our_node("--durations", DURATIONS, "--type", kind.name) as where:
        nodes = {
            name: replace(target(where, "one-sided", spawner=name), session_type=kind, capacity=None)
            for name in ("generation_spawner", "responder")
        }
        for report in judged({name: (node, ()) for name, node in nodes.items()}).values():
            assert report.exit_code == 0, [line.reason for line in report.lines if line.deviates]


@pytest.mark.parametrize("profile", ["ockam", "generation"])
@pytest.mark.parametrize(("serve", "clauses"), TARGETS)
def test_all_cases_end_against_targets_that_are_no_nodes(serve: Serve, clauses: set[str], profile: str) -> None:
    report = tried(serve, profile, run_seconds=60.0)
    assert failures(report) >= clauses
    assert report.exit_code == 1


def swallow(message: Message, context: Context) -> None:
    """An application that sends nothing."""


@pytest.mark.parametrize(
    ("handler", "echo_worker", "exit_code"), [(echo, "", 0), (swallow, "echo", 0), (swallow, "", 2)]
)
@pytest.mark.parametrize("kind", ["ockam", "one-sided"])
def test_a_node_without_an_echo_worker_or_with_a_silent_application(
    kind: str, handler: Handler, echo_worker: str, exit_code: int
) -> None:
    """An echo worker or an echoing application is enough; without both no data comes back to judge sessions."""

    async def main() -> Report:
        async with TcpNode() as node:
            where = await node.listen()
            node.worker("echo", echo, public=True)
            wanted = replace(target(where, kind, patience=2.0), echo=echo_worker, capacity=None)
            node.spawner(
                wanted.spawner, wanted.session_type, handler=handler, profile=wanted.profile, durations=wanted.durations
            )
            return await Kit(wanted, "conform", lambda done, total, name: None).judge()

    report = run(main(), fast=False)
    assert report.exit_code == exit_code, [line.reason for line in report.lines if line.deviates]
    assert report.counts["FAIL"] == 0

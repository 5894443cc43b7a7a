"""The kit as the responder: initiators with one defect each are rejected for their clause, ours passes."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.initiator_kit import NOT_JUDGED, InitiatorKit
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.raw_peer import RawListener
from tests.conformance.defective import ROOT, failures
from tests.conformance.defective_initiator import DEFECTS, Defect
from tests.net.ports import kept_address

MUTANTS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    # defect: the cases that are about it, the clauses that it breaks
    "no-back-off": (("back-off",), {"3.2"}),
    "never-gives-up": (("unanswered-hello",), {"3.9"}),
    "transient-renegotiates": (("transient-ends",), {"3.3"}),
    "believes-late-answers": (("late-answer",), {"4.3"}),
    "believes-any-connection": (("foreign-answer",), {"5.4"}),
    "believes-local-answers": (("local-answer",), {"5.1"}),
    "no-keepalives": (("keepalives",), {"4.7"}),
    "silent-after-answer": (("answered",), {"4.7"}),
    "ignores-superseded": (("superseded",), {"4.2"}),
    "forgets-lower-layer": (("lost-connection",), {"3.11"}),
    "ignores-close": (("close",), {"3.8"}),
    "ignores-changed-answers": (("restarted-peer",), {"3.11"}),
    "dies-of-malformed-answers": (("malformed-answers",), {"14.4"}),
    "ends-on-empty-frames": (("empty-frames",), {"14.1"}),
    "waits-for-destinations": (("silent-version",), {"14.1"}),
    "impatient-with-destinations": (("slow-version",), {"14.1"}),
    "never-misses": (("missed-keepalives",), {"6.5"}),
    "ockam-dies-of-malformed-answers": (("malformed-answers",), {"14.4"}),
    "ockam-ends-on-empty-frames": (("empty-frames",), {"14.1"}),
    "ockam-believes-second-answers": (("repeated-answers",), {"4.3"}),
    "ockam-one-handshake-address": (("late-answer",), {"4.3"}),
    "ockam-believes-any-connection": (("foreign-answer",), {"5.4"}),
    "ockam-believes-local-answers": (("local-answer",), {"5.1"}),
    "ockam-never-gives-up": (("unanswered-hello",), {"3.9"}),
    "ockam-no-back-off": (("back-off-after-reset",), {"3.2"}),
    "ockam-gives-up-when-lost": (("lost-before-the-hello",), {"3.11"}),
    "ockam-ends-what-waits": (("lost-while-timed-out",), {"3.11"}),
    "ockam-gives-up-when-lost-again": (("lost-while-renegotiating",), {"3.11"}),
    "ockam-transient-renegotiates": (("transient-ends-with-its-connection",), {"3.3"}),
    "ockam-no-request-timer": (("silence",), {"6.3"}),
}
DECLARED = frozenset({"negotiation", "keepalive", "back-off", "request"})
OURS = ("none", "none-transient", "none-ockam", "none-ockam-silent", "none-ockam-asking", "none-ockam-chatting",
        "none-ockam-transient", "one-address")  # fmt: skip
QUICK = ("none", "none-ockam", "one-address")
"""Nodes that retry soon, so that undeclared ones are judged soon."""
UNDECLARED: dict[str, tuple[tuple[str, ...], set[str]]] = {
    name: MUTANTS[name] for name in (
        "ockam-dies-of-malformed-answers", "ockam-ends-on-empty-frames", "ockam-believes-second-answers",
        "ockam-believes-local-answers", "ockam-no-back-off",
    )
} | {"ockam-one-handshake-address": (("fresh-attempts",), {"4.1"})}  # fmt: skip
"""Defects that are found without declarations of type, time-outs and listening address."""


class Orders:
    """Sends orders to the process of defective_initiator.py. A failing order is an error only in its own case."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self._answers: dict[str, asyncio.Future[str]] = {}
        self.reading = asyncio.ensure_future(self._read())

    async def tell(self, order: dict[str, str]) -> None:
        """Send an order. Raises OSError: it failed."""
        answer = self._answers[order["defect"]] = asyncio.get_running_loop().create_future()
        self._to.write(json.dumps(order).encode() + b"\n")
        await self._to.drain()
        await asyncio.wait((answer, self.reading), return_when=asyncio.FIRST_COMPLETED)
        if error := answer.result() if answer.done() else "the process of the nodes has ended":
            raise OSError(error)

    async def _read(self) -> None:
        async for line in self._from:
            told = json.loads(line)
            self._answers.pop(told["defect"]).set_result(told["error"])


@asynccontextmanager
async def orders() -> AsyncIterator[Orders]:
    command = [sys.executable, "-m", "tests.conformance.defective_initiator"]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, **pipes)  # type: ignore[arg-type]
    given = Orders(process)
    try:
        yield given
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)
        await given.reading


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return run(judged(), fast=False)


@pytest.fixture(scope="module")
def undeclared() -> dict[str, Report]:
    return run(judged(*UNDECLARED, *QUICK, declared=False), fast=False)


async def judged(*names: str, declared: bool = True) -> dict[str, Report]:
    """The report of each of these nodes (none given: all nodes)."""
    wanted = [defect for defect in DEFECTS if not names or defect.name in names]
    async with orders() as given:
        reports = await asyncio.gather(*(one(defect, given, declared) for defect in wanted))
        found = {defect.name: report for defect, report in zip(wanted, reports, strict=True)}
        # Under load pauses are longer. A node without a verdict when tried with all others is tried alone.
        for defect in wanted:
            report, wrong = found[defect.name], defect.name in (MUTANTS if declared else UNDECLARED)
            if (report.exit_code != 1) if wrong else report.counts["INCONCLUSIVE"]:
                found[defect.name] = await one(defect, given, declared)
    return found


async def one(defect: Defect, given: Orders, declared: bool) -> Report:
    listener = await RawListener.at("127.0.0.1:0")
    there = kept_address()
    mutants = MUTANTS if declared else UNDECLARED
    pace = Pace(2.0 if defect.name in mutants or not declared else 5.0, run_seconds=120.0)
    node = NodeUnderTest(listener.where, "door", "", "", defect.profile, defect.kind, defect.durations, DECLARED,
                         node_address=there, pace=pace)  # fmt: skip
    if not declared:
        node = undeclared_of(node)
    order = {"defect": defect.name, "route": f"tcp://{listener.where}/door", "listen": there}
    only = mutants[defect.name][0] if defect.name in mutants else ()
    kit = InitiatorKit(
        node, "ockam-fsm conform", lambda done, total, name: None, partial(given.tell, order), 20.0, CaseSelection(only)
    )
    return await kit.judge(listener)


def undeclared_of(node: NodeUnderTest) -> NodeUnderTest:
    """The target that the command line makes of an address and a profile alone."""
    usual = EXPLICIT_PERSISTENT_ONE_SIDED if node.generations else EXPLICIT_TRANSIENT
    return NodeUnderTest(node.where, node.spawner, profile=node.profile, session_type=usual, pace=node.pace,
                         type_declared=False)  # fmt: skip


@pytest.mark.slow
def test_a_failing_order_affects_no_other_node() -> None:
    async def main() -> None:
        order = {"defect": "none", "route": "tcp://127.0.0.1:1/door", "listen": "nowhere"}
        async with orders() as given:
            with pytest.raises(OSError, match="HOST:PORT"):
                await given.tell(order)
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
                with pytest.raises(OSError, match="in use"):
                    await given.tell(order | {"listen": f"127.0.0.1:{port}"})
            await given.tell(order | {"listen": kept_address()})

    run(main(), fast=False)


def test_every_defect_is_tried() -> None:
    assert {defect.name for defect in DEFECTS} == {*OURS, *MUTANTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_defect_is_rejected_for_its_clause(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert failures(report) == MUTANTS[name][1], [line.reason for line in report.lines if line.deviates]
    assert report.exit_code == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", UNDECLARED)
def test_a_defect_is_rejected_without_declarations(undeclared: dict[str, Report], name: str) -> None:
    report = undeclared[name]
    assert failures(report) == UNDECLARED[name][1], [(one.case, one.reason) for one in report.findings]


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_ours_passes_everything(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert accused(report) == []
    assert report.exit_code == 0
    for line in report.lines:
        assert not (line.findings and line.clause.id in NOT_JUDGED), f"{line.clause.id} is judged after all"


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_ours_does_not_fail_without_declarations(undeclared: dict[str, Report], name: str) -> None:
    report = undeclared[name]
    assert accused(report) == []
    assert report.exit_code == 0


@pytest.mark.thorough
def test_our_silent_nodes_do_not_fail_without_declarations() -> None:
    reports = run(judged(*set(OURS) - set(QUICK), declared=False), fast=False)
    assert {name: accused(report) for name, report in reports.items()} == {name: [] for name in reports}
    assert {report.exit_code for report in reports.values()} == {0}


def accused(report: Report) -> list[tuple[str, str]]:
    return [(one.case, one.reason) for one in report.findings if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)]

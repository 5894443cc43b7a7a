"""The kit as the responder: initiators with one defect each are rejected for their clause, ours passes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ockam_fsm.conformance.findings import Report, Verdict
from ockam_fsm.conformance.wire.door_kit import NOT_JUDGED, DoorKit
from ockam_fsm.conformance.wire.target import Pace, Target
from ockam_fsm.edges.loop import run
from ockam_fsm.edges.wire_peer import WireListener
from tests.conformance.defective import ROOT, failures
from tests.conformance.defective_initiator import DEFECTS, DURATIONS, Defect
from tests.edges.node_process import free_port

TEETH: dict[str, tuple[tuple[str, ...], set[str]]] = {
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
    "ignores-close": (("close-is-a-failure",), {"3.8"}),
    "ignores-changed-answers": (("restarted-peer",), {"3.11"}),
    "dies-of-malformed-answers": (("malformed-answers",), {"14.4"}),
    "one-address": (("hello",), {"14.2"}),
    "never-misses": (("missed-keepalives",), {"6.5"}),
}
OURS = ("none", "none-ockam", "none-transient")


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, Report]]:
    command = [sys.executable, "-m", "tests.conformance.defective_initiator"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        stdin = process.stdin

        def tell(order: dict[str, str]) -> None:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()

        yield run(judged(tell), fast=False)
        stdin.close()
        process.wait(20)


async def judged(tell: Callable[[dict[str, str]], None]) -> dict[str, Report]:
    found = await asyncio.gather(*(one(defect, tell) for defect in DEFECTS))
    return {defect.name: report for defect, report in zip(DEFECTS, found, strict=True)}


async def one(defect: Defect, tell: Callable[[dict[str, str]], None]) -> Report:
    listener = await WireListener.at("127.0.0.1:0")
    there = f"127.0.0.1:{free_port()}"
    pace = Pace(2.0 if defect.name in TEETH else 5.0, run_seconds=120.0)
    names = frozenset({"negotiation", "keepalive", "back-off"})
    node = Target(listener.where, "door", "", "", defect.profile, defect.kind, DURATIONS, names,
                  node_address=there, pace=pace)  # fmt: skip
    order = {"defect": defect.name, "route": f"tcp://{listener.where}/door", "listen": there}
    only = TEETH[defect.name][0] if defect.name in TEETH else ()
    kit = DoorKit(node, "ockam-fsm conform", lambda done, total, name: None, opener(tell, order), 20.0, only)
    return await kit.judge(listener)


def opener(tell: Callable[[dict[str, str]], None], order: dict[str, str]) -> Callable[[], Awaitable[None]]:
    async def begin() -> None:
        tell(order)

    return begin


def test_every_defect_is_tried() -> None:
    assert {defect.name for defect in DEFECTS} == {*OURS, *TEETH}


@pytest.mark.slow
@pytest.mark.parametrize("name", TEETH)
def test_a_defect_is_rejected_for_its_clause(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    assert failures(report) == TEETH[name][1], [line.reason for line in report.lines if line.deviates]
    assert report.exit_code == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_ours_passes_everything(reports: dict[str, Report], name: str) -> None:
    report = reports[name]
    found = [(one.case, one.reason) for one in report.findings if one.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)]
    assert found == []
    assert report.exit_code == 0
    for line in report.lines:
        assert not (line.findings and line.clause.id in NOT_JUDGED), f"{line.clause.id} is judged after all"

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
from ockam_fsm.conformance.wire.case import Choice
from ockam_fsm.conformance.wire.initiator_kit import NOT_JUDGED, InitiatorKit
from ockam_fsm.conformance.wire.target import Pace, Target
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.raw_peer import RawListener
from tests.conformance.defective import ROOT, failures
from tests.conformance.defective_initiator import DEFECTS, DURATIONS, Defect
from tests.net.ports import kept_address

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
    "ignores-close": (("close",), {"3.8"}),
    "ignores-changed-answers": (("restarted-peer",), {"3.11"}),
    "dies-of-malformed-answers": (("malformed-answers",), {"14.4"}),
    "one-address": (("hello",), {"14.2"}),
    "ends-on-empty-frames": (("empty-frames",), {"14.1"}),
    "waits-for-destinations": (("silent-version",), {"14.1"}),
    "impatient-with-destinations": (("slow-version",), {"14.1"}),
    "never-misses": (("missed-keepalives",), {"6.5"}),
}
OURS = ("none", "none-ockam", "none-transient")


class Orders:
    """To the process of defective_initiator.py. One that fails is an error in the case that gave it, nowhere else."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self._answers: dict[str, asyncio.Future[str]] = {}
        self.reading = asyncio.ensure_future(self._read())

    async def tell(self, order: dict[str, str]) -> None:
        """Raises OSError: it was not carried out."""
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


async def judged(*names: str) -> dict[str, Report]:
    """The report of each of these nodes (none named: of all of them)."""
    wanted = [defect for defect in DEFECTS if not names or defect.name in names]
    async with orders() as given:
        found = await asyncio.gather(*(one(defect, given) for defect in wanted))
    return {defect.name: report for defect, report in zip(wanted, found, strict=True)}


async def one(defect: Defect, given: Orders) -> Report:
    listener = await RawListener.at("127.0.0.1:0")
    there = kept_address()
    pace = Pace(2.0 if defect.name in TEETH else 5.0, run_seconds=120.0)
    names = frozenset({"negotiation", "keepalive", "back-off"})
    node = Target(listener.where, "door", "", "", defect.profile, defect.kind, DURATIONS, names,
                  node_address=there, pace=pace)  # fmt: skip
    order = {"defect": defect.name, "route": f"tcp://{listener.where}/door", "listen": there}
    only = TEETH[defect.name][0] if defect.name in TEETH else ()
    kit = InitiatorKit(
        node, "ockam-fsm conform", lambda done, total, name: None, partial(given.tell, order), 20.0, Choice(only)
    )
    return await kit.judge(listener)


@pytest.mark.slow
def test_an_order_that_fails_takes_nobody_with_it() -> None:
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

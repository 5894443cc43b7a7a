"""Delayed harm: only the case that caused it fails, once; a node that died is started again."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ockam_fsm.cli.shared.restarter import Restarter
from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.kit import Kit
from ockam_fsm.conformance.wire.preflight import is_there
from ockam_fsm.conformance.wire.target import Pace
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import TCP, Address, Message
from ockam_fsm.runtime.node.workers import echo
from tests.conformance.defective import defective_nodes, failures, judged, target
from tests.net.ports import kept_address

FAIL, PASS, OPEN = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE
KILLER = "malformed-hello"
INNOCENT = ("unknown-addresses", "names-a-local-worker", "foreign-connection", "after-reconnect")
"""One case before the harmful one, the others after it."""


def verdicts(report: Report, case: str) -> set[tuple[str, Verdict]]:
    return {(one.clause, one.verdict) for one in report.findings if one.case == case}


@pytest.mark.slow
def test_a_delayed_death_is_reported_once_for_the_case_that_caused_it() -> None:
    with defective_nodes("late-death") as where:
        node = target(where["late-death"], "ockam", patience=0.5)
        report = judged({"": (node, (KILLER, *INNOCENT))})[""]
    assert ("14.4", FAIL) in verdicts(report, KILLER)
    assert ("14.4", PASS) not in verdicts(report, KILLER), "no PASS for what the node dies of"
    assert verdicts(report, INNOCENT[0]) == {("14.4", PASS)}
    later = [one for one in report.findings if one.case in INNOCENT[1:]]
    assert {(one.verdict, one.reason) for one in later} == {(OPEN, f"the node has been dead since case {KILLER}")}
    assert [one for one in report.notes if f"dead since case {KILLER}." in one] == list(report.notes)
    assert len(report.notes) == 1
    assert failures(report) == {"14.4"}
    (shown,) = [one.reproduction for one in report.findings if one.verdict is FAIL]
    assert shown is not None
    assert shown.command.endswith(f"--only {KILLER}")
    assert shown.transmissions


@pytest.mark.slow
def test_lost_workers_count_although_a_supervisor_restarts_them() -> None:
    with defective_nodes("supervised") as where:
        node = target(where["supervised"], "ockam", patience=1.0)
        report = judged({"": (node, (KILLER, *INNOCENT))})[""]
    assert ("14.4", FAIL) in verdicts(report, KILLER)
    assert report.notes == []
    for name in INNOCENT:
        assert {verdict for _, verdict in verdicts(report, name)} == {PASS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exits", "exits-much-later"])
def test_a_node_that_is_started_again_is_judged_to_the_end(name: str) -> None:
    """The second node dies after other cases were tried, which must not fail."""
    report, kit = run(restarted(name, (KILLER, *INNOCENT)), fast=False)
    assert ("14.4", FAIL) in verdicts(report, KILLER), [one.reason for one in report.findings]
    assert PASS not in {verdict for _, verdict in verdicts(report, KILLER)}
    for name in INNOCENT:
        assert {verdict for _, verdict in verdicts(report, name)} == {PASS}
    assert kit.harm.deadly == [KILLER]
    assert failures(report) == {"14.4"}


@pytest.mark.slow
def test_cases_that_have_killed_the_node_are_tried_last() -> None:
    seen: list[str] = []
    run(restarted("exits", (KILLER, *INNOCENT), (KILLER,), seen), fast=False)
    assert list(dict.fromkeys(seen)) == [*INNOCENT, KILLER]


async def restarted(
    name: str, only: Sequence[str], last: Sequence[str] = (), seen: list[str] | None = None
) -> tuple[Report, Kit]:
    where = kept_address()
    command = shlex.join([sys.executable, "-m", "tests.conformance.dying_node", name, where])
    node = replace(target(where, "ockam", patience=1.0), pace=Pace(1.0, run_seconds=120.0))

    def progress(done: int, total: int, case: str) -> None:
        if seen is not None:
            seen.append(case)

    async with Restarter(command) as restarter:
        assert await is_there(node, restarter.restart)
        kit = Kit(node, "conform", progress, CaseSelection(tuple(only), last=tuple(last)), restarter.restart)
        return await kit.judge(), kit


@pytest.mark.slow
def test_a_case_may_be_left_out() -> None:
    with defective_nodes("late-death") as where:
        node = replace(target(where["late-death"], "ockam"), pace=Pace(1.0))

        async def main() -> Report:
            return await Kit(node, "conform", lambda done, total, name: None, choice).judge()

        choice = CaseSelection((KILLER, *INNOCENT), (KILLER,))
        report = run(main(), fast=False)
    assert verdicts(report, KILLER) == set()
    assert failures(report) == set()
    assert report.exit_code == 0


async def slow_node(patience: float, delay: float, *only: str) -> Report:
    """Run a node that handles every message with a delay."""
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        receive, loop = node.node.receive, asyncio.get_running_loop()

        def later(message: Message, via: Address) -> None:
            loop.call_later(delay, node.order, lambda inner: receive(message, via))

        node.node.receive = later  # type: ignore[method-assign]
        wanted = replace(target(await node.listen(), "ockam"), capacity=None, pace=Pace(patience))
        node.spawner(wanted.spawner, wanted.session_type, handler=echo, durations=wanted.durations)
        return await Kit(wanted, "conform", lambda done, total, name: None, CaseSelection(only)).judge()


@pytest.mark.slow
def test_an_answer_after_the_patience_is_late_and_not_missing() -> None:
    report = run(slow_node(0.3, 0.45, "echo", "empty-frames", "unknown-addresses"), fast=False)
    (found,) = [one for one in report.findings if one.case == "echo"]
    assert found.verdict is OPEN, found.reason
    assert "late, not missing" in found.reason
    assert failures(report) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("at_once", "seconds", "clause"), [(True, 0.33, "14.1"), (False, 1.5, "14.4")])
def test_a_blocked_node_is_one_failure(at_once: bool, seconds: float, clause: str) -> None:
    """A node that blocks while it waits for a destination, at once or after the messages at hand."""

    async def main() -> Report:
        async with TcpNode() as node:
            node.worker("echo", echo, public=True)
            wanted = replace(target(await node.listen(), "ockam"), capacity=None, pace=Pace(0.3))
            node.spawner(wanted.spawner, wanted.session_type, handler=echo, durations=wanted.durations)
            holds_up(node, at_once, seconds)
            choice = CaseSelection(("unreachable-destination",))
            return await Kit(wanted, "conform", lambda done, total, name: None, choice).judge()

    report = run(main(), fast=False)
    assert [(one.case, one.clause) for one in report.findings if one.verdict is FAIL] == [
        ("unreachable-destination", clause)
    ], [(one.case, one.reason) for one in report.findings]


def holds_up(node: TcpNode, at_once: bool, seconds: float) -> None:
    """Run a node that blocks for a while after each message to another node; the case sends three of them."""
    inner, loop = node.node, asyncio.get_running_loop()
    receive = inner.receive
    waiting: list[tuple[Message, Address]] = []
    held = [0.0]

    def received(message: Message, via: Address) -> None:
        if loop.time() < held[0]:
            waiting.append((message, via))
            loop.call_at(held[0], node.order, lambda inner: received(*waiting.pop(0)))
            return
        receive(message, via)
        if any(address.type == TCP for address in message.onward_route):
            until = loop.time() + seconds
            held[0] = until if at_once else held[0]
            loop.call_soon(held.__setitem__, 0, until)

    inner.receive = received  # type: ignore[method-assign]

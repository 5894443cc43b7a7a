"""Right nodes with short, undeclared bounds are accused of nothing; wrong nodes are still found.

Which cases: those in which a session is left alone for long, or is asked after a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.case_context import KitRun
from ockam_fsm.conformance.wire.kit import Kit, selected_cases
from ockam_fsm.conformance.wire.own_bounds import ends_by_itself, hurries
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.raw_peer import together
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from tests.conformance.defective import KINDS, defective_nodes, failures, judged_again, target
from tests.conformance.test_wire_mutants import MUTANTS

USUAL = Durations()
IDLE, KEEPALIVE, RETENTION = (
    replace(USUAL, idle_seconds=1.0),
    replace(USUAL, keepalive_seconds=0.2),
    replace(USUAL, retention_seconds=0.001),
)
LONG = "slow-destination"
"""A hostile case that takes longer than a second."""
AFTER_FAILURE = ("going-away", "row-fw4-error", "row-rw7-older-hello")

HARMFUL = ("late-loss-of-half", "supervised", "late-death", "malformed-handshake-kills")
"""Defects that end sessions which no case touches."""


@dataclass(frozen=True)
class Tried:
    kind: str
    durations: Durations
    cases: tuple[str, ...]
    undecided: frozenset[str] = frozenset()
    """The cases that would take a declaration."""


RIGHT = {
    "ockam, idle": Tried("ockam", IDLE, (LONG, "malformed-hello")),
    "transient, idle": Tried("transient", IDLE, (LONG, "malformed-signals")),
    "one-sided, idle": Tried("one-sided", IDLE, (LONG, "malformed-signals", "unconfirmed-generation")),
    "two-sided, keepalive": Tried("two-sided", KEEPALIVE, (LONG, "malformed-signals")),
    "one-sided, retention": Tried("one-sided", RETENTION, AFTER_FAILURE, frozenset(AFTER_FAILURE)),
}


def undeclared(where: str, kind: str, patience: float = 2.0) -> NodeUnderTest:
    profile, session_type, _ = KINDS[kind]
    return NodeUnderTest(where, "spawner", "echo", "", profile, session_type, pace=Pace(patience, run_seconds=120.0))


async def on_a_node(kind: str, durations: Durations, change: Callable[[TcpNode], None], *cases: str) -> Report:
    """Judge a node by these cases. `change`: called with it before that."""
    profile, session_type, _ = KINDS[kind]
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        node.spawner("spawner", handler=echo, settings=SessionConfig(session_type, Role.RESPONDER, profile, durations))
        change(node)
        wanted = undeclared(await node.listen(), kind)
        report = await Kit(wanted, "ockam-fsm conform", lambda done, total, name: None, CaseSelection(cases)).judge()
        await node.abort()
    return report


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """The reports by name, made at the same time, since the cases wait."""
    for one in RIGHT.values():  # before anything runs, since it takes long for a two-sided type
        selected_cases(undeclared("", one.kind))

    async def main() -> list[Report]:
        return await together(
            on_a_node(one.kind, one.durations, lambda node: None, *one.cases) for one in RIGHT.values()
        )

    return dict(zip(RIGHT, run(main(), fast=False), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_an_undeclared_bound_is_no_harm(name: str, reports: dict[str, Report]) -> None:
    found = {one.case: one for one in reports[name].findings}
    assert failures(reports[name]) == set(), [one.reason for one in found.values()]
    assert set(RIGHT[name].cases) <= set(found)
    for case in RIGHT[name].undecided:
        assert "retention" in found[case].reason
        assert found[case].verdict in (Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE)


@pytest.mark.slow
def test_harm_is_found_without_declarations() -> None:
    with defective_nodes(*HARMFUL) as where:
        nodes = {name: target(where[name], MUTANTS[name][0], patience=2.0) for name in HARMFUL}
        tried = {
            name: (replace(node, declared=frozenset(), durations=USUAL), MUTANTS[name][1])
            for name, node in nodes.items()
        }
        reports = judged_again(tried)
    assert {name: failures(report) for name, report in reports.items()} == {name: {"14.4"} for name in HARMFUL}


def closes_all_when_it_connects(node: TcpNode) -> None:
    """The application of this node closes all its sessions when the node makes a connection."""
    loop, inner, whole = asyncio.get_running_loop(), node.node, node.node.make_connection

    def close_all() -> None:
        for one in {id(one): one for one in inner.router.residents.values() if isinstance(one, SessionWorker)}.values():
            node.order(lambda _, one=one: one.order(lambda session: session.close()))  # type: ignore[misc]

    def connection(via: Address, destination: Address | None, host: str = "") -> Connection:
        if destination is not None:
            loop.call_soon(close_all)
        return whole(via, destination, host)

    inner.make_connection = connection  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transient", "one-sided"])
def test_a_session_that_the_node_closes_with_a_reason_is_not_harmed(kind: str) -> None:
    report = run(on_a_node(kind, USUAL, closes_all_when_it_connects, LONG), fast=False)
    assert failures(report) == set(), [one.reason for one in report.findings]
    assert [one.verdict for one in report.findings if one.case == LONG] == [Verdict.PASS]


@pytest.mark.slow
def test_a_control_decides_which_bound_is_the_nodes_own() -> None:
    found: list[object] = []

    async def main(durations: Durations) -> None:
        profile, session_type, _ = KINDS["one-sided"]
        async with TcpNode() as node:
            node.worker("echo", echo, public=True)
            config = SessionConfig(session_type, Role.RESPONDER, profile, durations)
            node.spawner("spawner", handler=echo, settings=config)
            asked = KitRun(undeclared(await node.listen(), "one-sided", patience=0.5))
            found.append((await ends_by_itself(asked, 0.5), await hurries(asked, 0.5)))
            await node.abort()

    for durations in (USUAL, replace(USUAL, idle_seconds=0.2), replace(USUAL, retention_seconds=0.2)):
        run(main(durations), fast=False)
    assert found == [(False, ""), (True, "idle"), (False, "retention")]

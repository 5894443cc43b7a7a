"""A node whose responders run on a given table, judged over TCP by the cases of wire/cases/table_cases.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.cases.table_cases import cases_of
from ockam_fsm.conformance.wire.kit import Kit, selected_cases
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, SessionMachine
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.raw_peer import together
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Profile
from tests.conformance import defective_node
from tests.conformance.defective import DECLARED
from tests.quality.operators import Mutant, mutants_of

DURATIONS = replace(defective_node.DURATIONS, retention_seconds=4.0)
"""Retention has to be longer than the delay of a timer; otherwise the state of an end that has timed out is unknown."""

TWO_SIDED = Durations(5.0, 3.0, 2.0, 4.0, 2.0, BackOff(2.0, jitter=0.1))
"""Time-outs into which several steps fit."""


def settings(
    kind: SessionType = EXPLICIT_PERSISTENT_ONE_SIDED, machine: SessionMachine | None = None,
    profile: Profile = GENERATION,
) -> SessionConfig:  # fmt: skip
    """The configuration of responders. `machine`: a table in place of the type's own."""
    durations = TWO_SIDED if kind.renegotiation is Renegotiation.TWO_SIDED else DURATIONS
    return SessionConfig(kind, Role.RESPONDER, profile, durations, variant=machine)


TableMutant = tuple[SessionType, str, str, str]
"""A type, a single fault in the table of its responder, the case that detects it, and the clause of the finding."""


def judged_mutants(mutants: Sequence[TableMutant]) -> dict[str, Report]:
    """The reports by fault, made at the same time, since the cases wait."""

    wanted = [(settings(kind, fault_in(kind, fault).machine()), case) for kind, fault, case, _ in mutants]
    for one, _ in wanted:  # made before the nodes run, since it takes long for a two-sided type
        cases_of(NodeUnderTest("", "spawner", profile=GENERATION, session_type=one.session_type))

    async def main() -> list[Report]:
        return await together(judged_by_rows(*one) for one in wanted)

    return dict(zip([fault for _, fault, _, _ in mutants], run(main(), fast=False), strict=True))


def fault_in(kind: SessionType, fault: str) -> Mutant:
    return next(one for one in mutants_of(kind, Role.RESPONDER) if one.fault == fault)


async def judged_by_rows(wanted: SessionConfig, *only: str, declared: frozenset[str] = DECLARED) -> Report:
    """Judge a table by all cases of rows, or by the given ones."""
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        node.spawner("spawner", handler=echo, settings=wanted)
        target = NodeUnderTest(
            await node.listen(), "spawner", "echo", "", wanted.profile, wanted.session_type, wanted.durations, declared,
            pace=Pace(1.0),
        )  # fmt: skip
        rows = [one.name for one in selected_cases(target) if one.name.startswith("row-")]
        choice = CaseSelection(tuple(only or rows))
        report = await Kit(target, "ockam-fsm conform", lambda done, total, name: None, choice).judge()
        await node.abort()
    return report

"""A node of ours whose responders run on any table, judged over TCP by the cases of wire/rows.py."""

from __future__ import annotations

from ockam_fsm.conformance.findings import Report
from ockam_fsm.conformance.wire.kit import Kit, chosen
from ockam_fsm.conformance.wire.target import Pace, Target
from ockam_fsm.edges.tcp_node import TcpNode
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, SessionMachine
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.handshake import GENERATION
from ockam_fsm.runtime.settings import Settings
from ockam_fsm.runtime.workers import echo
from tests.conformance.defective import DECLARED
from tests.conformance.defective_node import DURATIONS


def settings(kind: SessionType = EXPLICIT_PERSISTENT_ONE_SIDED, machine: SessionMachine | None = None) -> Settings:
    """`machine`: another table than the type's own."""
    return Settings(kind, Role.RESPONDER, GENERATION, DURATIONS, variant=machine)


async def judged_by_rows(wanted: Settings, *only: str) -> Report:
    """By all cases of rows, or by those named."""
    async with TcpNode() as node:
        node.worker("echo", echo, public=True)
        node.spawner("spawner", handler=echo, settings=wanted)
        target = Target(
            await node.listen(), "spawner", "echo", "", GENERATION, wanted.session_type, wanted.durations, DECLARED,
            pace=Pace(1.0),
        )  # fmt: skip
        rows = [one.name for one in chosen(target) if one.name.startswith("row-")]
        report = await Kit(target, "ockam-fsm conform", lambda done, total, name: None, only or rows).judge()
        await node.abort()
    return report

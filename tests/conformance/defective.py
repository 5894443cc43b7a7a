"""Helpers that start the process of defective_node.py and run the kit against many of its nodes at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import CaseSelection
from ockam_fsm.conformance.wire.kit import Kit, selected_cases
from ockam_fsm.conformance.wire.target import NodeUnderTest, Pace
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
)
from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from tests.conformance.defective_node import CAPACITY, DURATIONS

ROOT = Path(__file__).parents[2]
AT_ONCE = 8
DECLARED = frozenset({"negotiation", "idle", "retention", "keepalive", "back-off"})
KINDS = {
    "ockam": (OCKAM, EXPLICIT_TRANSIENT, "session_spawner"),
    "transient": (GENERATION, EXPLICIT_TRANSIENT, "transient_spawner"),
    "one-sided": (GENERATION, EXPLICIT_PERSISTENT_ONE_SIDED, "generation_spawner"),
    "two-sided": (GENERATION, EXPLICIT_PERSISTENT_TWO_SIDED, "two_sided_spawner"),
}


@contextmanager
def defective_nodes(*names: str) -> Iterator[Mapping[str, str]]:
    """The addresses of these nodes by name (none given: all nodes)."""
    command = [sys.executable, "-m", "tests.conformance.defective_node", *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)


@contextmanager
def our_node(*options: str) -> Iterator[str]:
    """Run `ockam-fsm node`; yield its address."""
    command = [sys.executable, "-m", "ockam_fsm.cli", "node", "--listen", "127.0.0.1:0", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["listening"][0]
        finally:
            process.kill()


def target(where: str, kind: str, *, patience: float = 5.0, spawner: str = "") -> NodeUnderTest:
    """`kind`: `ockam`, or in profile generation `transient`, `one-sided` or `two-sided`."""
    ours, session_type, name = KINDS[kind]
    pace = Pace(patience, run_seconds=120.0)
    return NodeUnderTest(
        where, spawner or name, "echo", "", ours, session_type, DURATIONS, DECLARED, CAPACITY, pace=pace
    )


def judged(targets: Mapping[str, tuple[NodeUnderTest, tuple[str, ...]]], at_once: int = AT_ONCE) -> dict[str, Report]:
    """Judge each target with the given cases (none: all)."""
    for node, _ in targets.values():  # before anything runs, since it takes long for a two-sided type
        selected_cases(node)

    async def main() -> dict[str, Report]:
        room = asyncio.Semaphore(at_once)

        async def one(node: NodeUnderTest, only: tuple[str, ...]) -> Report:
            async with room:
                return await Kit(
                    node, "ockam-fsm conform", lambda done, total, name: None, CaseSelection(tuple(only))
                ).judge()

        reports = await asyncio.gather(*(one(*pair) for pair in targets.values()))
        return dict(zip(targets, reports, strict=True))

    return run(main(), fast=False)


def judged_again(
    tried: Mapping[str, tuple[NodeUnderTest, tuple[str, ...]]], at_once: int = AT_ONCE
) -> dict[str, Report]:
    """As `judged`, but a target with an undecided case is judged again alone: on a loaded machine timers of a node may
    expire in a case that is not about them."""
    together = judged(tried, at_once)
    alone = {name: tried[name] for name, report in together.items() if report.counts["INCONCLUSIVE"]}
    return together | judged(alone, at_once=1)


def failures(report: Report) -> set[str]:
    return {line.clause.id for line in report.lines if line.deviates}

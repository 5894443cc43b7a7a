"""Runs of a simulation: their outcome, their trace, and the same run again.

Rule 1: a trace is one JSON object a line. The first says how to run it, then one record for each step in the order in
        which they happened (so causes come before effects; `sequence` counts the steps of one node), last the outcome.
Rule 2: a trace is never needed to repeat a run, only to read it and to compare with it.
Source: spec/sessions.md section 8; architecture of traces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ockam_fsm.edges.monitors import Broken
from ockam_fsm.edges.simulated import Link, SimulatedNetwork, SimulatedNode
from ockam_fsm.edges.simulation import Setup, Simulation, sessions_of
from ockam_fsm.runtime.message import Message
from ockam_fsm.runtime.node_commands import WorkerTimer


class Tracing:
    """Turns every step into one record: when, what, where, and what the sessions of that node are now."""

    def __init__(self, network: SimulatedNetwork, write: Callable[[dict[str, Any]], None]) -> None:
        self.network = network
        self.write = write
        self.counts: dict[str, int] = {}

    def __call__(self, kind: str, args: tuple[Any, ...]) -> None:
        node = next((_node_of(arg) for arg in args if _node_of(arg) is not None), None)
        name = node.name if node is not None else ""
        self.counts[name] = self.counts.get(name, 0) + 1
        sessions = sessions_of(node) if node is not None else []
        self.write({
            "step": self.network.steps,
            "time": round(self.network.now, 6),
            "node": name,
            "sequence": self.counts[name],
            "event": kind,
            "what": [_told(arg) for arg in args],
            "sessions": {str(s.terms.outer): f"{s.state.name} {s.seen[0]}{'ri'[s.seen[1]]}" for s in sessions},
        })  # fmt: skip


def _node_of(arg: Any) -> SimulatedNode | None:
    return arg.peer if isinstance(arg, Link) else arg if isinstance(arg, SimulatedNode) else None


def _told(arg: Any) -> str:
    if isinstance(arg, SimulatedNode):
        return arg.name
    if isinstance(arg, Link):
        return f"{arg.node.name} to {arg.peer.name} {arg.peer_via}"
    if isinstance(arg, Message):
        return f"{' '.join(map(str, arg.onward_route))} {arg.payload.hex()}"
    if isinstance(arg, WorkerTimer):
        return f"{arg.worker} {arg.timer}"
    return str(arg)


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `broken` is the id of the property that does not hold, "" if all do."""

    steps: int
    virtual_seconds: float
    broken: str
    detail: str
    figures: Mapping[str, Any]
    witnesses: Mapping[str, int]


def simulate(
    setup: Setup,
    steps: int,
    *,
    trace: Callable[[dict[str, Any]], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Run, settle, and say what came of it."""
    simulation = Simulation(setup)
    if trace is not None:
        simulation.network.trace = Tracing(simulation.network, trace)
    broken = detail = ""
    try:
        simulation.begin()
        simulation.run(steps, progress)
        simulation.settle()
    except Broken as found:
        broken, detail = found.property_id, found.detail
    network = simulation.network
    return Outcome(
        network.steps,
        network.now,
        broken,
        detail,
        simulation.figures(),
        dict(sorted(simulation.monitor.witnesses.items())),
    )


def write_trace(setup: Setup, steps: int, path: Path) -> Outcome:
    """Run again, with a record of each step, one JSON object a line; the first line says how to run it."""
    with path.open("w", encoding="utf-8") as file:
        print(json.dumps(setup.header() | {"steps": steps}, sort_keys=True), file=file)
        outcome = simulate(setup, steps, trace=lambda record: print(json.dumps(record, sort_keys=True), file=file))
        print(json.dumps({"broken": outcome.broken, "detail": outcome.detail}, sort_keys=True), file=file)
    return outcome


def replay(path: Path, setup: Setup | None = None) -> int:
    """Run what the first line of a trace says and compare; 0 where all is the same, else the first line that differs.

    `setup`: where the trace is of a variant, which its header cannot name.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    header = json.loads(lines[0])
    found: list[str] = [lines[0]]
    outcome = simulate(
        setup or Setup.from_header(header),
        header["steps"],
        trace=lambda record: found.append(json.dumps(record, sort_keys=True)),
    )
    found.append(json.dumps({"broken": outcome.broken, "detail": outcome.detail}, sort_keys=True))
    for number, (recorded, repeated) in enumerate(zip_longest(lines, found), 1):
        if recorded != repeated:
            return number
    return 0

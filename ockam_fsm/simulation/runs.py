"""Runs of a simulation: their outcome, their trace, and the same run again.

Rule 1: a trace is one JSON object a line. The first says how to run it; then, in the order in which they happened (so
        causes come before effects; `sequence` counts the records of one node), one record for each event of the
        network, followed by the steps of sessions that it led to (`trace_recorder.py`); last the outcome.
Rule 2: a trace is never needed to repeat a run, only to read it, to compare with it, and to judge it: `validate` asks
        whether the steps of its sessions are a behaviour of the specification.
Left out: steps of sessions in profile `ockam`, which says no generations, and of sessions below others (layers.py).
Source: spec/traces/README.md; spec/sessions.md section 8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

from ockam_fsm.kernel.errors import Portable
from ockam_fsm.kernel.files import reading, writing
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.commands import WorkerTimer
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES, Facts, RecordedSession, header, line_of, recorded
from ockam_fsm.simulation.layers import setup_of, simulation_of
from ockam_fsm.simulation.monitors import Broken, WatchedSession
from ockam_fsm.simulation.network import Link, SeededEntropy, SimulatedNetwork, SimulatedNode
from ockam_fsm.simulation.workload import Setup


class Tracing:
    """Turns every event of the network into one record (when, what, where), and adds the steps of sessions."""

    def __init__(self, write: Callable[[dict[str, Any]], object]) -> None:
        self.write = write
        self.counts: dict[str, int] = {}
        self.steps: list[tuple[str, Facts]] = []

    def hear(self, session: RecordedSession, facts: Facts) -> None:
        assert isinstance(session.entropy, SeededEntropy)
        self.steps.append((session.entropy.name, facts))

    def watch(self, network: SimulatedNetwork) -> None:
        """From now on; what has happened so far is how the run began."""
        self.network = network
        network.trace = self
        self.flush()

    def __call__(self, kind: str, args: tuple[Any, ...]) -> None:
        node = next((_node_of(arg) for arg in args if _node_of(arg) is not None), None)
        facts = {"time": round(self.network.now, 6), "event": kind, "what": [_told(arg) for arg in args]}
        self._write(node.name if node is not None else "", facts | {"step": self.network.steps})
        self.flush()

    def flush(self) -> None:
        for name, facts in self.steps:
            self._write(name, facts)
        self.steps.clear()

    def _write(self, name: str, facts: Facts) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        self.write({"node": name, "sequence": self.counts[name]} | facts)


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
    trace: Callable[[dict[str, Any]], object] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Run, settle, and say what came of it."""
    tracing = Tracing(trace) if trace is not None else None
    simulation = simulation_of(setup, _make(setup, tracing))
    broken = detail = ""
    try:
        simulation.begin()
        if tracing is not None:
            tracing.watch(simulation.network)
        simulation.run(steps, progress)
        simulation.settle()
    except Broken as found:
        broken, detail = found.property_id, found.detail
        if tracing is not None:
            tracing.flush()
    network = simulation.network
    return Outcome(
        network.steps,
        network.now,
        broken,
        detail,
        simulation.figures(),
        dict(sorted(simulation.monitor.witnesses.items())),
    )


def _make(setup: Setup, tracing: Tracing | None) -> type[WatchedSession]:
    if tracing is None or not setup.profile.names_sessions:
        return setup.make
    return cast(type[WatchedSession], recorded(setup.make, tracing.hear))


def write_trace(setup: Setup, steps: int, path: Path) -> Outcome:
    """Run again, with a record of each step, one JSON object a line; the first line says how to run it."""
    with writing(path) as file:
        file.write(line_of(_header(setup, steps)))
        outcome = simulate(setup, steps, trace=lambda record: file.write(line_of(record)))
        file.write(line_of({"broken": outcome.broken, "detail": outcome.detail}))
    return outcome


def _header(setup: Setup, steps: int) -> dict[str, Any]:
    """How to run it again, and what a validator has to know."""
    return header(map(setup.settings, Role), setup.faults.rates) | setup.header() | {"steps": steps}


def replay(path: Path, setup: Setup | None = None) -> int:
    """Run what the first line of a trace says and compare; 0 where all is the same, else the first line that differs.

    `setup`: where the trace is of a variant, which its header cannot name.
    """
    with reading(path) as file:
        lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
        header = json.loads(next(lines))
        numbers = count(2)

        def compare(record: dict[str, Any] | None) -> None:
            number, repeated = next(numbers), b"" if record is None else line_of(record)
            if next(lines, b"").rstrip(b"\n") != repeated.rstrip(b"\n"):
                raise _Different(number)

        try:
            outcome = simulate(setup or setup_of(header), header["steps"], trace=compare)
            compare({"broken": outcome.broken, "detail": outcome.detail})
            compare(None)
        except _Different as found:
            return found.line
    return 0


class _Different(Portable, Exception):
    """A line is not what it was."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")

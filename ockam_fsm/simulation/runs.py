"""Runs of a simulation: their outcome, their trace, and their replay.

Rule 1: a trace has one JSON object per line. The first has the arguments of the run. Then follows, in causal order, one
        record per event of the network with the session steps that it caused (`trace_recorder.py`); `sequence` counts
        the records of one node. The last line has the outcome.
Rule 2: a run is repeated from its arguments, without its trace. A trace serves for reading, for comparison, and for
        `validate`, which checks that the steps of its sessions are a behaviour of the specification.
Left out: steps of sessions in profile `ockam`, which has no generations, and of sessions below others (layers.py).
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
from ockam_fsm.simulation.network import NetworkLink, SeededEntropy, SimulatedNetwork, SimulatedNode
from ockam_fsm.simulation.workload import Setup


class Tracing:
    """The writer of a trace: one record per event of the network (time, event, node), and the steps of sessions."""

    def __init__(self, write: Callable[[dict[str, Any]], object]) -> None:
        self.write = write
        self.counts: dict[str, int] = {}
        self.steps: list[tuple[str, Facts]] = []

    def add_step(self, session: RecordedSession, facts: Facts) -> None:
        assert isinstance(session.entropy, SeededEntropy)
        self.steps.append((session.entropy.name, facts))

    def watch(self, network: SimulatedNetwork) -> None:
        """Record the events of a network from now on, and the steps of its sessions so far."""
        self.network = network
        network.trace = self
        self.flush()

    def __call__(self, kind: str, args: tuple[Any, ...]) -> None:
        node = next((_node_of(arg) for arg in args if _node_of(arg) is not None), None)
        facts = {"time": round(self.network.now, 6), "event": kind, "what": [_text(arg) for arg in args]}
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
    return arg.peer if isinstance(arg, NetworkLink) else arg if isinstance(arg, SimulatedNode) else None


def _text(arg: Any) -> str:
    if isinstance(arg, SimulatedNode):
        return arg.name
    if isinstance(arg, NetworkLink):
        return f"{arg.node.name} to {arg.peer.name} {arg.peer_via}"
    if isinstance(arg, Message):
        return f"{' '.join(map(str, arg.onward_route))} {arg.payload.hex()}"
    if isinstance(arg, WorkerTimer):
        return f"{arg.worker} {arg.timer}"
    return str(arg)


@dataclass(frozen=True)
class SimulationOutcome:
    """The outcome of a run. `broken`: the id of the violated property, "" if none is."""

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
    over: Callable[[], bool] = lambda: False,
) -> SimulationOutcome:
    """Run a simulation, let it settle, and return its outcome.

    over: whether to end the run early; its outcome is then that of a run of fewer steps.
    """
    tracing = Tracing(trace) if trace is not None else None
    simulation = simulation_of(setup, _make(setup, tracing))
    broken = detail = ""
    try:
        simulation.begin()
        if tracing is not None:
            tracing.watch(simulation.network)
        simulation.run(steps, progress, over)
        simulation.settle()
    except Broken as found:
        broken, detail = found.property_id, found.detail
        if tracing is not None:
            tracing.flush()
    network = simulation.network
    return SimulationOutcome(
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
    return cast(type[WatchedSession], recorded(setup.make, tracing.add_step))


def write_trace(setup: Setup, steps: int, path: Path) -> SimulationOutcome:
    """Run a simulation and write its trace, one JSON object per line; the first line has the arguments of the run."""
    with writing(path) as file:
        file.write(line_of(_header(setup, steps)))
        outcome = simulate(setup, steps, trace=lambda record: file.write(line_of(record)))
        file.write(line_of({"broken": outcome.broken, "detail": outcome.detail}))
    return outcome


def _header(setup: Setup, steps: int) -> dict[str, Any]:
    """Return the arguments of the run and the header fields of a trace."""
    return header(map(setup.settings, Role), setup.faults.rates) | setup.header() | {"steps": steps}


def replay(path: Path, setup: Setup | None = None) -> int:
    """Run a simulation again from the first line of its trace, and compare. Return the first line that differs, or 0.

    `setup`: the setup of a variant, which a header cannot describe.
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
    """A line differs from the trace."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line}")

"""Two whole nodes on the simulated edge, as a Hypothesis machine: the simulation's application, faults and properties,
with every choice made by a rule instead of by its seed.

The simulation itself checks the R properties: `settle` stops the user and the faults, and lets time pass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.simulation.faults import CHANCES, NO_FAULTS, RATES, Faults
from ockam_fsm.simulation.monitors import Broken
from ockam_fsm.simulation.workload import Setup, Simulation

STRIKES, LIKELY = tuple(sorted(RATES)), tuple(sorted(CHANCES))
ALL_FAULTS = Faults()


class Driven(Simulation):
    """A simulation without use and faults of its own."""

    def _schedule_use(self) -> None: ...

    def _schedule_fault(self, fault: str) -> None: ...


@dataclass
class NodeWalk:
    """A run: letters and numbers, and the seed of the other choices (latencies, sessions)."""

    kind: SessionType
    seed: int
    moves: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulation = Driven(Setup(self.kind, self.seed, faults=NO_FAULTS))
        self.simulation.begin()

    @property
    def steps(self) -> int:
        return self.simulation.network.steps

    def take(self, move: str, which: int) -> None:
        self.moves.append((move, which))
        try:
            self._take(move, which)
            self.simulation.account()
        except Broken as broken:
            raise AssertionError(f"{broken}\nreplay: {self.how()}") from broken

    def _take(self, move: str, which: int) -> None:
        simulation = self.simulation
        if move == "use":
            for _ in range(which):
                simulation._use()
                simulation.network.step()
        elif move == "strike":
            simulation._strike(STRIKES[which % len(STRIKES)])
        elif move == "fault":
            self._run(Faults({LIKELY[which % len(LIKELY)]: 0.5}), 1 + which // len(LIKELY))
        else:
            self._run(ALL_FAULTS if move == "storm" else NO_FAULTS, which)

    def _run(self, faults: Faults, steps: int) -> None:
        network = self.simulation.network
        network.faults = faults
        for _ in range(steps):
            network.step()
        network.faults = NO_FAULTS

    def burst(self, choices: bytes) -> None:
        """Take many steps for one draw: each byte uses the sessions, causes a fault, or lets time pass."""
        for byte in choices:
            if byte < 8:
                self._take("strike", byte)
            else:
                self._take("use", byte % 8)
                self._take("storm", byte // 4)

    def settle(self) -> None:
        try:
            self.simulation.settle()
        except Broken as broken:
            raise AssertionError(f"{broken}\nreplay: {self.how()}") from broken

    def how(self) -> str:
        return f"again({self.kind.name!r}, {self.seed}, {json.dumps(self.moves)})"


def again(kind: str, seed: int, moves: Sequence[Sequence[Any]]) -> None:
    """Replay a trace, R included."""
    walk = NodeWalk(next(one for one in TYPES if one.name == kind), seed)
    for move, which in moves:
        walk.take(move, which)
    walk.settle()


class NodeMachine(RuleBasedStateMachine):
    """Two nodes with sessions of one type. Subclasses are generated."""

    kind: ClassVar[SessionType]

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.walk = NodeWalk(self.kind, seed)

    @rule(times=st.integers(1, 5))
    def use(self, times: int) -> None:
        self.walk.take("use", times)

    @rule(steps=st.integers(1, 20))
    def run(self, steps: int) -> None:
        self.walk.take("run", steps)

    @rule(which=st.integers(0, len(STRIKES) - 1))
    def strike(self, which: int) -> None:
        self.walk.take("strike", which)

    @rule(which=st.integers(0, 5 * len(LIKELY) - 1))
    def fault(self, which: int) -> None:
        self.walk.take("fault", which)

    @rule(steps=st.integers(1, 200))
    def storm(self, steps: int) -> None:
        self.walk.take("storm", steps)

    def teardown(self) -> None:
        self.walk.settle()


def node_machine(kind: SessionType) -> type[NodeMachine]:
    name = f"{kind.name} nodes".title().replace("-", "").replace(" ", "")
    return type(name, (NodeMachine,), {"kind": kind})


NODE_MACHINES: tuple[type[NodeMachine], ...] = tuple(node_machine(kind) for kind in TYPES)

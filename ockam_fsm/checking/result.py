"""The result of an exploration: verdicts, counts and traces."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ockam_fsm.checking.actors import Envelope
from ockam_fsm.checking.properties import Kind, Step


class Verdict(Enum):
    """The verdict of a property or a world.

    Property: HOLDS, REFUTED, MISSING (a witness that was never reached), UNDETERMINED. World: PROVED (every property
    holds within the stated bounds), REFUTED (a property is refuted or a witness is missing), UNDETERMINED.
    """

    PROVED = "PROVED"
    HOLDS = "HOLDS"
    REFUTED = "REFUTED"
    MISSING = "MISSING"
    UNDETERMINED = "UNDETERMINED"


@dataclass(frozen=True)
class State:
    """A global state in readable form. In a normalised world it is the state after folding."""

    locals: Mapping[str, Hashable]
    timers: Mapping[str, tuple[Hashable, ...]]
    network: tuple[Envelope, ...]
    budgets: Mapping[str, int]
    cut_links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Choice:
    """One enabled action: its position in the list, its label, and its cause (`system`, `user` or `fault`)."""

    index: int
    label: str
    kind: str


class Moment(NamedTuple):
    """One point of a replay: the actions enabled in `state`, and the chosen one. `chosen` and `step` are None at the
    end; `step` is also None for actions of the network alone."""

    enabled: tuple[Choice, ...]
    chosen: Choice | None
    step: Step | None
    state: State


@dataclass(frozen=True)
class Trace:
    """A path through a world. `steps` has one moment per label, and a last one for the state reached.

    The trace of a result is the lexicographically first of the shortest paths.
    """

    indices: tuple[int, ...]
    steps: tuple[Moment, ...]

    @property
    def path(self) -> str:
        """The path in the form that `ockam-fsm replay` takes: "0/2/1"."""
        return "/".join(map(str, self.indices))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(moment.chosen.label for moment in self.steps if moment.chosen is not None)

    def __len__(self) -> int:
        return len(self.indices)

    def __str__(self) -> str:
        return "\n".join(f"{number:3}. {label}" for number, label in enumerate(self.labels, start=1))


@dataclass(frozen=True)
class PropertyResult:
    """The verdict of one property. `trace`: a shortest path to the violation (REFUTED) or to the witness (HOLDS).
    `excused`: recoverability only, see `Unrecovered`."""

    id: str
    sentence: str
    kind: Kind
    verdict: Verdict
    trace: Trace | None = None
    excused: int = 0

    def report_lines(self) -> list[str]:
        """Return the report lines: the verdict and, if refuted, the steps of a shortest counterexample."""
        lines = [f"  {self.id:6} {self.verdict.value:12} {self.sentence}"]
        if self.verdict is Verdict.REFUTED and self.trace is not None:
            lines += [f"      {line}" for line in str(self.trace).splitlines() or ["at the start"]]
            if self.kind is Kind.RECOVERABLE:
                lines.append("      from here the goal cannot be reached any more")
        return lines

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"id": self.id, "sentence": self.sentence, "kind": self.kind.value}
        found["verdict"] = self.verdict.value
        if self.trace is not None:
            found["path"], found["labels"] = self.trace.path, list(self.trace.labels)
        if self.kind is Kind.RECOVERABLE:
            found["excused"] = self.excused
        return found


class Progress(NamedTuple):
    states: int
    transitions: int
    depth: int
    seconds: float


@dataclass(frozen=True)
class Result:
    """The result of an exploration.

    `transitions` counts the enabled actions of all expanded states, including those that change nothing. `depth` is the
    largest distance from the initial state. `states`, `transitions` and `depth` are a function of the world (and of
    `state_limit`).
    """

    world: str
    bounds: Mapping[str, int | str]
    states: int
    transitions: int
    depth: int
    verdict: Verdict
    properties: tuple[PropertyResult, ...]
    seconds: float
    backend: str
    bounds_reached: tuple[str, ...]
    limit_hit: str | None
    never_taken: tuple[str, ...] = ()
    """The orders and faults that occur in no step. Empty unless the search was complete."""

    def __getitem__(self, id: str) -> PropertyResult:
        """Return the result of the property with this id."""
        for one in self.properties:
            if one.id == id:
                return one
        raise KeyError(id)

    def to_json(self) -> dict[str, Any]:
        """Return plain data for `json.dumps`."""
        return {
            "world": self.world,
            "bounds": dict(self.bounds),
            "states": self.states,
            "transitions": self.transitions,
            "depth": self.depth,
            "verdict": self.verdict.value,
            "properties": [one.to_json() for one in self.properties],
            "seconds": round(self.seconds, 3),
            "backend": self.backend,
            "bounds_reached": list(self.bounds_reached),
            "limit_hit": self.limit_hit,
            "never_taken": list(self.never_taken),
        }

    def __str__(self) -> str:
        head = f"{self.world}: {self.verdict.value} in {self.states:,} states, {self.transitions:,} transitions"
        lines = [f"{head}, depth {self.depth} ({self.seconds:.2f} s, {self.backend})"]
        for one in self.properties:
            lines += one.report_lines()
        if not self.properties:
            lines.append("  the world has no properties: nothing was checked")
        if self.never_taken:
            lines.append(f"  never taken: {', '.join(self.never_taken)}")
        if self.bounds_reached:
            lines.append(f"  bounds reached: {', '.join(self.bounds_reached)}")
        if self.limit_hit:
            lines.append(f"  stopped by {self.limit_hit}")
        return "\n".join(lines)

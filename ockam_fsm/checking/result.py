"""What an exploration found, as values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ockam_fsm.checking.actors import Envelope
from ockam_fsm.checking.properties import Kind, Step


class Verdict(Enum):
    """Of a property: HOLDS, REFUTED, MISSING (a witness that was never reached), UNDETERMINED. Of a world: PROVED
    (every property holds, within the stated bounds), REFUTED (one does not, or a witness is missing), UNDETERMINED."""

    PROVED = "PROVED"
    HOLDS = "HOLDS"
    REFUTED = "REFUTED"
    MISSING = "MISSING"
    UNDETERMINED = "UNDETERMINED"


@dataclass(frozen=True)
class State:
    """A global state for people. In a normalised world, after folding."""

    locals: Mapping[str, Hashable]
    timers: Mapping[str, tuple[Hashable, ...]]
    network: tuple[Envelope, ...]
    budgets: Mapping[str, int]
    cut_links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Choice:
    """One enabled action: its position in the list, in words, and who causes it (`system`, `user` or `fault`)."""

    index: int
    label: str
    kind: str


class Moment(NamedTuple):
    """A point of a replay: what is possible in `state`, and what was chosen (None, None at the end). `step` is None for
    actions of the network alone."""

    enabled: tuple[Choice, ...]
    chosen: Choice | None
    step: Step | None
    state: State


@dataclass(frozen=True)
class Trace:
    """A shortest way to somewhere; among the shortest, the one whose path comes first. `steps` has one more moment than
    there are labels: the state reached."""

    indices: tuple[int, ...]
    steps: tuple[Moment, ...]

    @property
    def path(self) -> str:
        """For a command line: "0/2/1"."""
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
    """`trace`: to the violation (REFUTED) or to the witness (HOLDS). `excused`: recoverability only, see
    `Unrecovered`."""

    id: str
    sentence: str
    kind: Kind
    verdict: Verdict
    trace: Trace | None = None
    excused: int = 0

    def told(self) -> list[str]:
        """Lines for people: the verdict and, where it is refuted, a shortest way to where that shows."""
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
    """`transitions` counts enabled actions over all states that were expanded, those that change nothing included;
    `depth` is the length of the longest shortest path. The three counts are a function of the world (and of
    `state_limit`)."""

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
    """Orders and faults of a world that was searched whole that no step has taken."""

    def __getitem__(self, id: str) -> PropertyResult:
        """One property's result by id."""
        for one in self.properties:
            if one.id == id:
                return one
        raise KeyError(id)

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for `json.dumps`."""
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
            lines += one.told()
        if not self.properties:
            lines.append("  no property is given: nothing is judged")
        if self.never_taken:
            lines.append(f"  never taken: {', '.join(self.never_taken)}")
        if self.bounds_reached:
            lines.append(f"  bounds reached: {', '.join(self.bounds_reached)}")
        if self.limit_hit:
            lines.append(f"  stopped by {self.limit_hit}")
        return "\n".join(lines)

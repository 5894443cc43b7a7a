"""Properties of a world: a permanent id, one sentence and a predicate each.

| function | claim | evaluated |
|---|---|---|
| `always` | it holds in every reachable state | once per distinct combination of the states it reads |
| `never_step`, `always_step` | it holds in no, or in every, reachable step | once per distinct (local state, event) |
| `sometimes`, `sometimes_step` | it holds in at least one reachable state or step (a witness) | the same |
| `recoverable` | from every reachable state a goal is reachable by system steps alone | on the whole graph |

Rule 1: a predicate depends on its arguments alone, so one call per combination is enough.
Rule 2: `over` names the actors whose handler states are passed, in that order. The name "network" passes the messages
in flight as a tuple of envelopes (ordered network: per link in order of sending; unordered: sorted).
Rule 3: a safety property whose events never occur holds vacuously; give each a witness that they occur.

`recoverable` means "the goal remains possible", not "the goal is inevitable". Under a fair scheduler a goal that stays
reachable is eventually reached; unlike inevitability, the claim is not refuted by a run in which a timer never fires.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ockam_fsm.checking.actors import Envelope, Event
from ockam_fsm.kernel.errors import DefinitionError


class Kind(Enum):
    ALWAYS = "always"
    NEVER_STEP = "never_step"
    ALWAYS_STEP = "always_step"
    SOMETIMES = "sometimes"
    SOMETIMES_STEP = "sometimes_step"
    RECOVERABLE = "recoverable"


STEP_KINDS = (Kind.NEVER_STEP, Kind.ALWAYS_STEP, Kind.SOMETIMES_STEP)
WITNESS_KINDS = (Kind.SOMETIMES, Kind.SOMETIMES_STEP)


@dataclass(frozen=True)
class Step:
    """One step of one actor, the argument of a step property. In a normalised world `after` is not yet normalised."""

    actor: str
    before: Any
    event: Event
    after: Any
    timers_before: frozenset[Hashable]
    timers_after: frozenset[Hashable]
    sent: tuple[Envelope, ...]
    records: tuple[Any, ...]


@dataclass(frozen=True)
class Property:
    """A property of a world; the functions below create it. `given` is the premise of a recoverability property."""

    id: str
    sentence: str
    kind: Kind
    predicate: Callable[..., object]
    over: tuple[str, ...] = ()
    given: Callable[..., object] | None = None

    def __post_init__(self) -> None:
        problems = []
        if not self.id:
            problems.append("a property needs an id")
        if not self.sentence:
            problems.append("a property needs a sentence that states its claim")
        if self.kind not in STEP_KINDS and not self.over:
            problems.append("a state property must name the actors it reads: over=('a', 'b')")
        if problems:
            raise DefinitionError(f"property {self.id or self.sentence!r}", problems)

    @property
    def reads_steps(self) -> bool:
        return self.kind in STEP_KINDS

    @property
    def is_witness(self) -> bool:
        return self.kind in WITNESS_KINDS

    def is_hit(self, answer: object) -> bool:
        """Return whether this result of the predicate refutes a safety property, shows a witness or is a goal."""
        wanted = self.kind not in (Kind.ALWAYS, Kind.ALWAYS_STEP)
        return bool(answer) is wanted


def always(id: str, sentence: str, predicate: Callable[..., object], *, over: tuple[str, ...]) -> Property:
    """Claim that `predicate(*states)` is true in every reachable state."""
    return Property(id, sentence, Kind.ALWAYS, predicate, over)


def never_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """Claim that `predicate(step)` is true for no reachable step."""
    return Property(id, sentence, Kind.NEVER_STEP, predicate)


def always_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """Claim that `predicate(step)` is true for every reachable step."""
    return Property(id, sentence, Kind.ALWAYS_STEP, predicate)


def sometimes(id: str, sentence: str, predicate: Callable[..., object], *, over: tuple[str, ...]) -> Property:
    """Claim that `predicate(*states)` is true in at least one reachable state."""
    return Property(id, sentence, Kind.SOMETIMES, predicate, over)


def sometimes_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """Claim that `predicate(step)` is true for at least one reachable step."""
    return Property(id, sentence, Kind.SOMETIMES_STEP, predicate)


def recoverable(
    id: str,
    sentence: str,
    goal: Callable[..., object],
    *,
    over: tuple[str, ...],
    given: Callable[..., object] | None = None,
) -> Property:
    """Claim that from every reachable state where `given` holds, `goal` is reachable by system steps alone.

    System steps are deliveries, timers and healing a link. A state in which a bound suppressed a system step counts as
    a goal, because its successors were not explored. The result counts the states that satisfy the claim only for this
    reason (`excused`).
    """
    return Property(id, sentence, Kind.RECOVERABLE, goal, over, given)

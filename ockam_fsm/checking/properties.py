"""What must hold in a world: an id for life, one sentence, and a predicate.

| function | claim | judged |
|---|---|---|
| `always` | no reachable state breaks it | once per distinct combination of the states it reads |
| `never_step`, `always_step` | no reachable step of an actor breaks it | once per distinct (local state, event) |
| `sometimes`, `sometimes_step` | at least one reachable state or step shows it (a witness) | the same |
| `recoverable` | from every reachable state a goal can still be reached by system steps alone | on the whole graph |

Rule 1: a predicate depends on its arguments alone; that is why it is called once per combination.
Rule 2: `over` names the actors whose handler states are passed, in that order; the name "network" passes the messages
in flight as a tuple of envelopes (ordered network: per link in order of sending; unordered: sorted).
Rule 3: a safety property over no events is empty; give each a witness that the events occur.

`recoverable` is "goal remains possible", not "goal is inevitable": a fair scheduler that has the goal within reach
infinitely often takes it in the end, and unlike inevitability it cannot be refuted by starving a timer for ever.
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
    """One step of one actor, as step properties see it. In a normalised world `after` is not yet normalised."""

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
    """Made by the functions below. `given` is the premise of a recoverability property."""

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
            problems.append("a property needs a sentence that says what it claims")
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
        """Does the predicate's answer settle the property: refute a safety property, show a witness?"""
        wanted = self.kind not in (Kind.ALWAYS, Kind.ALWAYS_STEP)
        return bool(answer) is wanted


def always(id: str, sentence: str, predicate: Callable[..., object], *, over: tuple[str, ...]) -> Property:
    """In every reachable state `predicate(*states)` is true."""
    return Property(id, sentence, Kind.ALWAYS, predicate, over)


def never_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """For no reachable step is `predicate(step)` true."""
    return Property(id, sentence, Kind.NEVER_STEP, predicate)


def always_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """For every reachable step `predicate(step)` is true."""
    return Property(id, sentence, Kind.ALWAYS_STEP, predicate)


def sometimes(id: str, sentence: str, predicate: Callable[..., object], *, over: tuple[str, ...]) -> Property:
    """In at least one reachable state `predicate(*states)` is true."""
    return Property(id, sentence, Kind.SOMETIMES, predicate, over)


def sometimes_step(id: str, sentence: str, predicate: Callable[[Step], object]) -> Property:
    """For at least one reachable step `predicate(step)` is true."""
    return Property(id, sentence, Kind.SOMETIMES_STEP, predicate)


def recoverable(
    id: str,
    sentence: str,
    goal: Callable[..., object],
    *,
    over: tuple[str, ...],
    given: Callable[..., object] | None = None,
) -> Property:
    """From every reachable state where `given` holds, a state where `goal` holds is reachable by system steps alone.

    System steps: deliveries, timers, healing a link. A state in which a bound suppressed a system step counts as a
    goal, because what lies beyond it was not looked at; how many states rest on that alone is in the result
    (`excused`).
    """
    return Property(id, sentence, Kind.RECOVERABLE, goal, over, given)

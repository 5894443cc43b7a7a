"""What the explorer asks of a search, whichever way it is done. Both back ends answer every question alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

Guard: TypeAlias = Callable[[int, int], bool]
"""(states so far, transitions so far) -> may the search go on?"""


class Goal(NamedTuple):
    """What must stay within reach, and where that is claimed; both read `state & mask`."""

    mask: int
    reached: Callable[[int], bool]
    given: Callable[[int], bool]


class Unrecovered(NamedTuple):
    """The least deep states that break a recoverability property, at `depth` (None: there are none). `excused`: how
    many states satisfy it only because a bound cut what they lead to."""

    depth: int | None
    states: Collection[int]
    excused: int


class Search(Protocol):
    """A breadth-first search that keeps its levels. Level 0 is the initial state."""

    name: str
    states: int
    transitions: int

    @property
    def depth(self) -> int: ...

    def level(self, depth: int) -> Collection[int]: ...

    def advance(self, guard: Guard) -> bool:
        """Expand the deepest level; False if the guard stopped it, and then the counts are those before it. When
        nothing new is found, `depth` stays."""

    def combinations(self, depth: int, mask: int) -> Iterable[int]:
        """The distinct values of `state & mask` in a level."""

    def select(self, depth: int, mask: int, test: Callable[[int], bool]) -> Collection[int]:
        """The states of a level whose `state & mask` passes."""

    def leading(self, states: Collection[int], targets: Collection[int]) -> Collection[int]:
        """Those of `states` that have one of `targets` among their successors."""

    def union(self, some: Collection[int], others: Collection[int]) -> Collection[int]: ...

    def unrecovered(self, goals: Sequence[Goal]) -> list[Unrecovered]:
        """For each goal, where it is claimed and cannot be reached by system steps."""

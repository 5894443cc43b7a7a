"""The interface of a search back end. Both back ends give the same results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

Guard: TypeAlias = Callable[[int, int], bool]
"""(states so far, transitions so far) -> whether the search may continue."""


class Goal(NamedTuple):
    """A recoverability goal: `reached` recognises the goal, `given` the states it is claimed for, by `state & mask`."""

    mask: int
    reached: Callable[[int], bool]
    given: Callable[[int], bool]


class Unrecovered(NamedTuple):
    """The shallowest states that violate a recoverability property, at `depth` (None: there are none). `excused`: the
    number of states that satisfy it only because a bound cut the paths from them."""

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
        """Expand the deepest level. Return False, with unchanged counts, if the guard stopped it. `depth` stays the
        same if the level has no new successors."""

    def combinations(self, depth: int, mask: int) -> Iterable[int]:
        """Return the distinct values of `state & mask` in a level."""

    def select(self, depth: int, mask: int, test: Callable[[int], bool]) -> Collection[int]:
        """Return the states of a level whose `state & mask` passes the test."""

    def leading(self, states: Collection[int], targets: Collection[int]) -> Collection[int]:
        """Return those of `states` that have a successor in `targets`."""

    def union(self, some: Collection[int], others: Collection[int]) -> Collection[int]: ...

    def unrecovered(self, goals: Sequence[Goal]) -> list[Unrecovered]:
        """Return, for each goal, the states for which it is claimed but not reachable by system steps."""

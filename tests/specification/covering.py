"""Test generation by transition coverage: paths through a graph of steps that take every transition of a session pair.

Theory: a transition is one reaction of an end: the rows that it takes (none, if it ignores the message), its own state,
its input, and the state of its peer. A breadth-first search meets each transition first at the end of a shortest path.
These paths, without those that others cover, are the cases.

Rule 1: a path is a list of positions among the arrows, in the order of the graph; the same graph gives the same paths.
Left out: steps of the network alone. Losses and duplicates show in the messages that arrive.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

S = TypeVar("S", bound=Hashable)
A = TypeVar("A")

Path: TypeAlias = tuple[int, ...]

AN_ORDER, A_TIMER = "an order", "a timer"
"""The inputs that are not messages."""


class Transition(NamedTuple):
    """The rows that one end takes for one input, in its state and its peer's state."""

    actor: str
    state: str
    came: str
    rows: tuple[str, ...]
    peer: str


@dataclass(frozen=True)
class Cases:
    """Paths, and the transitions that they cover together."""

    paths: tuple[Path, ...]
    transitions: frozenset[Transition]


class Graph(Protocol[S, A]):
    """The interface of a graph: states and arrows."""

    def first(self) -> S:
        """Return the initial state."""

    def arrows(self, state: S) -> Sequence[A]:
        """Return the arrows that leave a state, in order."""

    def leads_to(self, arrow: A) -> S:
        """Return the state in which an arrow ends."""

    def transition(self, state: S, arrow: A) -> Transition | None:
        """Return the transition of an arrow; None for a step of the network alone."""


def covering(graph: Graph[S, A]) -> Cases:
    """Return paths that take each transition of the graph at least once."""
    return _Search(graph).cases()


def along(graph: Graph[S, A], path: Path) -> Iterator[tuple[S, A]]:
    """Yield the states on a path, each with the arrow that is taken there.

    Raises:
        IndexError: a position is outside the list of arrows.
    """
    state = graph.first()
    for index in path:
        arrow = graph.arrows(state)[index]
        yield state, arrow
        state = graph.leads_to(arrow)


def taken(graph: Graph[S, A], path: Path) -> Iterator[Transition]:
    """Yield the transitions on a path."""
    for state, arrow in along(graph, path):
        found = graph.transition(state, arrow)
        if found is not None:
            yield found


class _Search(Generic[S, A]):
    """A breadth-first search that records a shortest path to each state and each transition."""

    def __init__(self, graph: Graph[S, A]) -> None:
        self.graph = graph
        self.came: dict[S, tuple[S, int] | None] = {graph.first(): None}
        self.first: dict[Transition, Path] = {}

    def cases(self) -> Cases:
        queue = list(self.came)
        for state in queue:
            for index, arrow in enumerate(self.graph.arrows(state)):
                successor = self.graph.leads_to(arrow)
                if successor not in self.came:
                    self.came[successor] = (state, index)
                    queue.append(successor)
                found = self.graph.transition(state, arrow)
                if found is not None and found not in self.first:
                    self.first[found] = (*self._way(state), index)
        return Cases(tuple(self._chosen()), frozenset(self.first))

    def _way(self, state: S) -> Path:
        way: list[int] = []
        step = self.came[state]
        while step is not None:
            state, index = step
            way.append(index)
            step = self.came[state]
        return tuple(reversed(way))

    def _chosen(self) -> Iterator[Path]:
        """Yield the chosen paths, the longest first: transitions on such a path need no path of their own."""
        covered: set[Transition] = set()
        for path in sorted(self.first.values(), key=lambda path: (-len(path), path)):
            fresh = set(taken(self.graph, path)) - covered
            if fresh:
                covered |= fresh
                yield path

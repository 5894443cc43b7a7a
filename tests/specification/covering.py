"""Paths through a graph of steps that take every transition of a pair of sessions; whose graph it is does not matter.

Theory: a transition is what one end does in one situation: the rows that it takes (none, if it ignores the message),
its own state, what came, and the state of its peer. A search, breadth first, meets each transition first at the end of
a shortest path. These paths, without those that others cover, are the cases.

Rule 1: a path is which of the arrows at each step, in the order of the graph; the same graph gives the same paths.
Left out: steps of the network alone. What is lost or repeated shows in what arrives.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

S = TypeVar("S", bound=Hashable)
A = TypeVar("A")

Path: TypeAlias = tuple[int, ...]

AN_ORDER, A_TIMER = "an order", "a timer"
"""What came, where it was no message."""


class Transition(NamedTuple):
    """One end, in its state and its peer's, takes these rows because of this."""

    actor: str
    state: str
    came: str
    rows: tuple[str, ...]
    peer: str


@dataclass(frozen=True)
class Cases:
    """Paths, and the transitions that they take together."""

    paths: tuple[Path, ...]
    transitions: frozenset[Transition]


class Graph(Protocol[S, A]):
    """States and arrows, as the search needs them."""

    def first(self) -> S:
        """The state that everything begins in."""

    def arrows(self, state: S) -> Sequence[A]:
        """What may happen, in order."""

    def leads_to(self, arrow: A) -> S:
        """The state after it."""

    def transition(self, state: S, arrow: A) -> Transition | None:
        """What an end does there; None: it is a step of the network alone."""


def covering(graph: Graph[S, A]) -> Cases:
    """Paths that take each transition of the graph at least once."""
    return _Search(graph).cases()


def along(graph: Graph[S, A], path: Path) -> Iterator[tuple[S, A]]:
    """The states on a path, each with the arrow that is taken there.

    Raises:
        IndexError: there is no such arrow.
    """
    state = graph.first()
    for index in path:
        arrow = graph.arrows(state)[index]
        yield state, arrow
        state = graph.leads_to(arrow)


def taken(graph: Graph[S, A], path: Path) -> Iterator[Transition]:
    """The transitions on a path."""
    for state, arrow in along(graph, path):
        found = graph.transition(state, arrow)
        if found is not None:
            yield found


class _Search(Generic[S, A]):
    """One search, breadth first, that remembers how it first came to each state and each transition."""

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
        """The longest first: what is on the way to a late transition needs no path of its own."""
        covered: set[Transition] = set()
        for path in sorted(self.first.values(), key=lambda path: (-len(path), path)):
            fresh = set(taken(self.graph, path)) - covered
            if fresh:
                covered |= fresh
                yield path

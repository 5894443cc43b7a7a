"""Shortest paths to violations and witnesses: of all shortest paths, the lexicographically first.

One backward sweep over the levels covers all targets. Then, for each target, the kept states are swept backwards for
this target alone, and walked forwards along the first enabled action that still leads to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from ockam_fsm.checking.engine.search import Search
from ockam_fsm.checking.engine.steps import Move, Moves
from ockam_fsm.checking.replay import trace
from ockam_fsm.checking.result import Trace


@dataclass(frozen=True)
class Hit:
    """The depth and the states that decide a property, or with `ends` the moves out of these states that do."""

    depth: int
    states: Callable[[], Collection[int]]
    ends: Callable[[Move], bool] | None = None


class ShortestPaths:
    def __init__(self, moves: Moves, search: Search) -> None:
        self._moves, self._search = moves, search

    def traces(self, hits: Mapping[str, Hit]) -> dict[str, Trace]:
        targets = {id: hit.states() for id, hit in hits.items()}
        kept = self._sweep([(hit.depth, targets[id]) for id, hit in hits.items()])
        return {id: self._trace(hit, targets[id], kept) for id, hit in hits.items()}

    def _sweep(self, targets: list[tuple[int, Collection[int]]]) -> list[Collection[int]]:
        """Return, per level, the states from which each further step goes one level deeper until a target is
        reached."""
        deepest = max((depth for depth, _ in targets), default=-1)
        kept: list[Collection[int]] = [() for _ in range(deepest + 1)]
        for depth, states in targets:
            kept[depth] = self._search.union(kept[depth], states)
        for depth in reversed(range(deepest)):
            found = self._search.leading(self._search.level(depth), kept[depth + 1])
            kept[depth] = self._search.union(kept[depth], found)
        return kept

    def way(self, hit: Hit) -> tuple[list[int], list[str]]:
        """Return the path and the labels of its steps, without a replay, which would raise again."""
        states = hit.states()
        return self._path(hit, states, self._sweep([(hit.depth, states)]))

    def _trace(self, hit: Hit, targets: Collection[int], kept: list[Collection[int]]) -> Trace:
        return trace(self._moves.world, self._path(hit, targets, kept)[0])

    def _path(self, hit: Hit, targets: Collection[int], kept: list[Collection[int]]) -> tuple[list[int], list[str]]:
        ways = [targets]
        for depth in reversed(range(hit.depth)):
            ways.append(self._search.leading(kept[depth], ways[-1]))
        state, path, labels = self._moves.initial(), [], []
        steps = [partial(_leads_into, way) for way in ways[-2::-1]]
        for wanted in (*steps, *(() if hit.ends is None else (hit.ends,))):
            index, move = self._first(state, wanted)
            assert move.successor is not None
            state = move.successor
            path.append(index)
            labels.append(self._moves.label(move))
        return path, labels

    def _first(self, state: int, wanted: Callable[[Move], bool]) -> tuple[int, Move]:
        for index, move in enumerate(self._moves.enabled(state)):
            if wanted(move):
                return index, move
        raise AssertionError("the backward sweep kept a state without a step towards the target")


def _leads_into(way: Collection[int], move: Move) -> bool:
    return move.successor in way

"""Breadth-first search on machine words: `search.Search` with the compiled kernels of `kernels.py`.

Theory: states are 64-bit words in one array, in order of discovery, so a level is a slice; a second array is the hash
table of visited states. A kernel that meets a (local state, event) without a row says so, the real handler is called
from Python, and the state is expanded again: after the first few levels that hardly happens.

Memory: 8 bytes in the array of states (up to 16 while it grows), 16 to 32 in the hash table (load at most 1/2,
doubled when full; both tables exist during doubling); recoverability adds 8 per unsettled state and 1 per hash cell.
10^8 states: 0.8 GB of states + 2.1 GB of table, 3.2 GB at the moment of the last doubling, 4.2 GB with recoverability.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np

from ockam_fsm.checking import kernels, sweeps
from ockam_fsm.checking.arrays import Arrays
from ockam_fsm.checking.kernels import EMPTY, Bytes, Ints
from ockam_fsm.checking.moves import Moves
from ockam_fsm.checking.search import Guard, Unrecovered

_CHUNK = 1 << 16
_REDO = 1 << 12
_FIRST_TABLE = 1 << 16


class NumbaSearch:
    name = "numba"

    def __init__(self, moves: Moves) -> None:
        self._arrays = Arrays(moves)
        initial = moves.initial()
        self._table = _table([initial], _FIRST_TABLE)
        self._order: Ints = np.empty(_FIRST_TABLE // 2, np.int64)
        self._order[0] = initial
        self._begins = [0]
        self.states, self.transitions = 1, 0

    @property
    def depth(self) -> int:
        return len(self._begins) - 1

    def level(self, depth: int) -> Ints:
        end = self._begins[depth + 1] if depth < self.depth else self.states
        return self._order[self._begins[depth] : end]

    def advance(self, guard: Guard) -> bool:
        known, steps, end = self.states, 0, self.states
        begin = self._begins[-1]
        while begin < end:
            stop = min(begin + _CHUNK, end)
            begin, known, done = self._expand(None, begin, stop, known)
            steps += done
            if not guard(known, self.transitions + steps):
                return False
        self._arrays.report()
        self.transitions += steps
        if known > self.states:
            self._begins.append(self.states)
            self.states = known
        return True

    def _expand(self, source: Ints | None, begin: int, end: int, known: int) -> tuple[int, int, int]:
        """(where it stopped, states known, steps). `source`: states to do again; None: the order of discovery."""
        self._make_room(known)
        redo: Ints = np.empty(_REDO, np.int64)
        states = self._order if source is None else source
        begin, known, steps, again = sweeps.expand(
            states, begin, end, self._table, self._order, known, redo, *self._arrays.for_kernels
        )
        self._arrays.learn()
        position = 0
        while position < again:
            position, known, more = self._expand(redo[:again], position, again, known)
            steps += more
        return begin, known, steps

    def _make_room(self, known: int) -> None:
        """The order takes half as many states as the table has cells."""
        if known + 2 * self._arrays.found.size >= self._order.size:
            grown: Ints = np.empty(self._order.size * 2, np.int64)
            grown[:known] = self._order[:known]
            self._order = grown
            self._table = _table(grown[:known], self._table.size * 2)

    def combinations(self, depth: int, mask: int) -> Iterable[int]:
        found: list[int] = _distinct(self.level(depth), mask).tolist()
        return found

    def select(self, depth: int, mask: int, test: Callable[[int], bool]) -> Collection[int]:
        states = self.level(depth)
        return self._among(states, _matching(states, mask, test))

    def leading(self, states: Collection[int], targets: Collection[int]) -> Collection[int]:
        candidates = _array(states)
        chosen: Bytes = np.empty(candidates.size, np.uint8)
        sweeps.leading(candidates, _table(_array(targets)), chosen, *self._arrays.for_kernels)
        return self._among(candidates, chosen)

    def union(self, some: Collection[int], others: Collection[int]) -> Collection[int]:
        return np.union1d(_array(some), _array(others))

    def _among(self, states: Ints, chosen: Bytes) -> Collection[int]:
        return states[chosen.view(np.bool_)]

    def unrecovered(self, mask: int, goal: Callable[[int], bool], given: Callable[[int], bool]) -> Unrecovered:
        """As `StdlibSearch.unrecovered`, on positions in the order of discovery."""
        order = self._order[: self.states]
        left: Ints = np.flatnonzero(_matching(order, mask, lambda key: not goal(key)))
        waiting: Bytes = np.zeros(self._table.size, np.uint8)
        sweeps.await_all(order, left, self._table, waiting)
        left = self._drain(left, waiting)
        strictly = self._premise(left, mask, given).size
        left = self._pass(left, waiting, cut_only=True)
        refuting = self._premise(self._drain(left, waiting), mask, given)
        if refuting.size == 0:
            return Unrecovered(None, (), strictly)
        depth = int(np.searchsorted(self._begins, refuting.min(), side="right")) - 1
        end = self._begins[depth] + self.level(depth).size
        states: list[int] = order[refuting[refuting < end]].tolist()
        return Unrecovered(depth, states, strictly - refuting.size)

    def _premise(self, positions: Ints, mask: int, given: Callable[[int], bool]) -> Ints:
        return positions[_matching(self._order[positions], mask, given).view(np.bool_)]

    def _drain(self, left: Ints, waiting: Bytes) -> Ints:
        while True:
            remaining = self._pass(left, waiting, cut_only=False)
            if remaining.size == left.size:
                return remaining
            left = remaining

    def _pass(self, left: Ints, waiting: Bytes, *, cut_only: bool) -> Ints:
        """The kernel leaves what stays at the end, in its order; reversed, so that passes alternate direction."""
        stay = sweeps.drain(self._order, left, cut_only, self._table, waiting, *self._arrays.for_kernels)
        return left[left.size - stay :][::-1].copy()


def _array(states: Collection[int]) -> Ints:
    return states if isinstance(states, np.ndarray) else np.fromiter(states, np.int64, len(states))


def _table(keys: Ints | list[int], size: int = 0) -> Ints:
    """A hash table at most half full."""
    array = np.asarray(keys, np.int64)
    table: Ints = np.full(max(size, 1 << (2 * array.size + 1).bit_length()), EMPTY, np.int64)
    kernels.fill(table, array)
    return table


def _distinct(states: Ints, mask: int) -> Ints:
    size = 1 << 10
    while True:
        found: Ints = np.empty(size // 2, np.int64)
        count = sweeps.distinct(states, mask, _table([], size), found)
        if count != EMPTY:
            return found[:count]
        size *= 8


def _matching(states: Ints, mask: int, test: Callable[[int], bool]) -> Bytes:
    passing = [key for key in _distinct(states, mask).tolist() if test(key)]
    chosen: Bytes = np.empty(states.size, np.uint8)
    sweeps.matching(states, mask, _table(passing), chosen)
    return chosen

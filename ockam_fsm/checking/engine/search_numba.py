"""Breadth-first search on machine words: `search.Search` with the compiled kernels of `numba_kernels.py`.

Theory: states are 64-bit words in one array, in order of discovery, so a level is a slice; a second array is the hash
table of visited states. A kernel reports each (local state, event) pair that is not cached; the real handler is then
called from Python and the state is expanded again. After the first few levels this is rare.

Memory: 8 bytes per state in the array (which doubles when full) and 16 to 32 in the hash table (at most half full,
doubled likewise); recoverability adds 16 per state and one per hash cell. Measured: 3.3 * 10^7 states in 1.1 GB.
Estimated for 10^8 states: 3.2 GB, 4.3 GB during the last doubling, 5.1 GB with recoverability, and somewhat more than a
minute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from ockam_fsm.checking.engine import numba_kernels, numba_sweeps
from ockam_fsm.checking.engine.arrays import Arrays
from ockam_fsm.checking.engine.numba_kernels import EMPTY, Bytes, Ints
from ockam_fsm.checking.engine.search import Goal, Guard, Unrecovered
from ockam_fsm.checking.engine.steps import Moves

_CHUNK = 1 << 16
_REDO = 1 << 12
_GOALS = 4
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
        """Return (position of the stop, states known, steps). `source`: the states to expand again; None: `_order`."""
        self._make_room(known)
        redo: Ints = np.empty(_REDO, np.int64)
        states = self._order if source is None else source
        begin, known, steps, again = numba_sweeps.expand(
            states, begin, end, self._table, self._order, known, redo, *self._arrays.for_kernels
        )
        self._arrays.learn()
        position = 0
        while position < again:
            position, known, more = self._expand(redo[:again], position, again, known)
            steps += more
        return begin, known, steps

    def _make_room(self, known: int) -> None:
        """Double `_order` and the table when `_order` is nearly full. The table has twice as many cells as `_order`."""
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
        numba_sweeps.leading(candidates, _table(_array(targets)), chosen, *self._arrays.for_kernels)
        return self._among(candidates, chosen)

    def union(self, some: Collection[int], others: Collection[int]) -> Collection[int]:
        return np.union1d(_array(some), _array(others))

    def _among(self, states: Ints, chosen: Bytes) -> Collection[int]:
        return states[chosen.view(np.bool_)]

    def unrecovered(self, goals: Sequence[Goal]) -> list[Unrecovered]:
        """As `StdlibSearch`, on positions in the order of discovery. A state has one byte, so four goals at a time."""
        batches = [goals[begin : begin + _GOALS] for begin in range(0, len(goals), _GOALS)]
        return [found for batch in batches for found in self._batch(batch)]

    def _batch(self, goals: Sequence[Goal]) -> list[Unrecovered]:
        count, order = len(goals), self._order[: self.states]
        full, cut = (1 << 2 * count) - 1, ((1 << count) - 1) << count
        reach: Bytes = np.zeros(self._table.size, np.uint8)
        for position, goal in enumerate(goals):
            bits = 1 << position | 1 << count + position
            numba_sweeps.mark(order, goal.mask, _passing(order, goal.mask, goal.reached), bits, self._table, reach)
        left: Ints = np.arange(self.states)
        changed = True
        while changed:
            stay, changed = numba_sweeps.spread(
                self._order, left, cut, full, self._table, reach, *self._arrays.for_kernels
            )
            left = left[left.size - stay :][::-1].copy()
        left.sort()
        bits_left: Bytes = np.empty(left.size, np.uint8)
        numba_sweeps.gather(order, left, self._table, reach, bits_left)
        return [self._unrecovered(goal, left, bits_left >> np.uint8(at), count) for at, goal in enumerate(goals)]

    def _unrecovered(self, goal: Goal, left: Ints, bits: Bytes, count: int) -> Unrecovered:
        """Evaluate one goal. Bit 0 of `bits`: the goal is reachable; bit `count`: the goal or a cut is reachable."""
        short = bits & 1 == 0
        left, bits = left[short], bits[short]
        claimed = _matching(self._order[left], goal.mask, goal.given).view(np.bool_)
        left, bits = left[claimed], bits[claimed]
        refuting = left[bits >> count & 1 == 0]
        excused = int(left.size - refuting.size)
        if refuting.size == 0:
            return Unrecovered(None, (), excused)
        depth = int(np.searchsorted(self._begins, refuting[0], side="right")) - 1
        end = self._begins[depth] + self.level(depth).size
        return Unrecovered(depth, self._order[refuting[refuting < end]].tolist(), excused)


def _array(states: Collection[int]) -> Ints:
    return states if isinstance(states, np.ndarray) else np.fromiter(states, np.int64, len(states))


def _table(keys: Ints | list[int], size: int = 0) -> Ints:
    """Return a hash table of these keys, at most half full."""
    array = np.asarray(keys, np.int64)
    table: Ints = np.full(max(size, 1 << (2 * array.size + 1).bit_length()), EMPTY, np.int64)
    numba_kernels.fill(table, array)
    return table


def _distinct(states: Ints, mask: int) -> Ints:
    size = 1 << 10
    while True:
        found: Ints = np.empty(size // 2, np.int64)
        count = numba_sweeps.distinct(states, mask, _table([], size), found)
        if count != EMPTY:
            return found[:count]
        size *= 8


def _passing(states: Ints, mask: int, test: Callable[[int], bool]) -> Ints:
    return _table([key for key in _distinct(states, mask).tolist() if test(key)])


def _matching(states: Ints, mask: int, test: Callable[[int], bool]) -> Bytes:
    chosen: Bytes = np.empty(states.size, np.uint8)
    numba_sweeps.matching(states, mask, _passing(states, mask, test), chosen)
    return chosen

"""Breadth-first search in the standard library: sets of integers, and sums.

Theory: a part's moves depend on `state & mask` alone, so their constants are computed once per distinct value of it
and the inner loop is `{state + constant ...}`, which the interpreter runs without calling anything of ours.

Memory: about 100 bytes per state (an int, its place in the set of visited states, its place in its level), so 10^7
states are 1 GB; the memos are bounded. What needs more belongs to `search_numba`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ockam_fsm.checking.moves import SYSTEM, Moves, Part
from ockam_fsm.checking.search import Guard, Unrecovered

_CHUNK = 1 << 14
_MEMO_LIMIT = 1 << 19


class _Constants(dict[int, tuple[int, ...]]):
    """`state & mask` -> the distinct constants that lead to other states; `count` -> how many steps there are."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.mask, self.moves = part.mask, part.moves
        self.count: dict[int, int] = {}

    def __missing__(self, key: int) -> tuple[int, ...]:
        successors = [move.successor for move in self.moves(key) if move.successor is not None]
        self.count[key] = len(successors)
        found = self[key] = tuple({successor - key for successor in successors} - {0})
        return found

    def trim(self) -> None:
        if len(self) > _MEMO_LIMIT:
            self.clear()
            self.count.clear()


class _SystemConstants(dict[int, tuple[int, ...]]):
    """The same for system steps; `cut` holds the keys in which a bound suppressed one."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.mask, self.moves = part.mask, part.moves
        self.cut: set[int] = set()

    def __missing__(self, key: int) -> tuple[int, ...]:
        moves = [move for move in self.moves(key) if move.action in SYSTEM]
        if any(move.successor is None for move in moves):
            self.cut.add(key)
        found = self[key] = tuple({move.successor - key for move in moves if move.successor is not None} - {0})
        return found


class StdlibSearch:
    """`search.Search` with sets."""

    name = "stdlib"

    def __init__(self, moves: Moves) -> None:
        self._parts, self._moves = moves.parts, moves
        self._constants = [_Constants(part) for part in moves.parts]
        initial = moves.initial()
        self._visited = {initial}
        self._levels: list[list[int]] = [[initial]]
        self.states, self.transitions = 1, 0

    @property
    def depth(self) -> int:
        return len(self._levels) - 1

    def level(self, depth: int) -> Sequence[int]:
        return self._levels[depth]

    def advance(self, guard: Guard) -> bool:
        new: set[int] = set()
        steps = 0
        frontier = self._levels[-1]
        for begin in range(0, len(frontier), _CHUNK):
            chunk = frontier[begin : begin + _CHUNK]
            for constants in self._constants:
                mask = constants.mask
                found = {state + constant for state in chunk for constant in constants[state & mask]}
                steps += sum(map(constants.count.__getitem__, [state & mask for state in chunk]))
                constants.trim()
                new |= found - self._visited
            self._moves.trim()
            if not guard(self.states + len(new), self.transitions + steps):
                return False
        self.transitions += steps
        self.states += len(new)
        self._visited |= new
        if new:
            self._levels.append(list(new))
        return True

    def combinations(self, depth: int, mask: int) -> Iterable[int]:
        return {state & mask for state in self._levels[depth]}

    def select(self, depth: int, mask: int, test: Callable[[int], bool]) -> Collection[int]:
        passing = {key for key in self.combinations(depth, mask) if test(key)}
        return [state for state in self._levels[depth] if state & mask in passing]

    def leading(self, states: Collection[int], targets: Collection[int]) -> Collection[int]:
        wanted = set(targets)
        found: set[int] = set()
        for constants in self._constants:
            mask = constants.mask
            found |= {s for s in states for constant in constants[s & mask] if s + constant in wanted}
            constants.trim()
        return found

    def union(self, some: Collection[int], others: Collection[int]) -> Collection[int]:
        return {*some, *others}

    def unrecovered(self, mask: int, goal: Callable[[int], bool], given: Callable[[int], bool]) -> Unrecovered:
        """Marks what reaches a goal, pass after pass over what is left, alternating direction: deep states usually
        point back to shallow ones or the other way round, so few passes are needed."""
        keys = {state & mask for state in self._visited}
        short = {key for key in keys if not goal(key)}
        premise = {key for key in keys if given(key)}
        waiting = {state for level in self._levels for state in level if state & mask in short}
        system = [_SystemConstants(part) for part in self._parts]
        left = _drain(waiting, [s for level in self._levels for s in level if s in waiting], system)
        strictly = sum(1 for state in left if state & mask in premise)
        waiting -= {state for part in system for state in left if state & part.mask in part.cut}
        left = _drain(waiting, [state for state in left if state in waiting], system)
        refuting = {state for state in left if state & mask in premise}
        for depth, level in enumerate(self._levels):
            found = [state for state in level if state in refuting]
            if found:
                return Unrecovered(depth, found, strictly - len(refuting))
        return Unrecovered(None, (), strictly)


def _drain(waiting: set[int], left: list[int], system: list[_SystemConstants]) -> list[int]:
    """Take out of `waiting` every state with a system step out of it, until none is left that has one."""
    while True:
        remaining = [state for state in reversed(left) if not _leaves(state, waiting, system)]
        if len(remaining) == len(left):
            return remaining
        left = remaining


def _leaves(state: int, waiting: set[int], system: list[_SystemConstants]) -> bool:
    for constants in system:
        for constant in constants[state & constants.mask]:
            if state + constant not in waiting:
                waiting.discard(state)
                return True
    return False

"""Breadth-first search with the standard library only, on sets of integers.

Theory: the moves of a part depend on `state & mask` alone, so their constants are computed once per distinct value of
it. The inner loop is `{state + constant ...}`, which calls no Python function.

Memory: about 100 bytes per state (an int, its entry in the set of visited states, its entry in its level), so 10^7
states take 1 GB, and twice that while recoverability is evaluated. The memos are bounded. Use `search_numba` for larger
worlds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ockam_fsm.checking.engine.search import Goal, Guard, Unrecovered
from ockam_fsm.checking.engine.steps import SYSTEM, Moves, StepGenerator

_CHUNK = 1 << 14
_MEMO_LIMIT = 1 << 19


class _Constants(dict[int, tuple[int, ...]]):
    """A map from `state & mask` to the distinct constants that lead to other states. Under the same keys, `count` has
    the number of steps, and `system` whether a bound suppressed a system step and the constants of the system steps."""

    def __init__(self, part: StepGenerator) -> None:
        super().__init__()
        self.mask, self.moves = part.mask, part.moves
        self.count: dict[int, int] = {}
        self.system: dict[int, tuple[bool, tuple[int, ...]]] = {}

    def __missing__(self, key: int) -> tuple[int, ...]:
        moves = self.moves(key)
        after = [move.successor for move in moves if move.successor is not None]
        system = {move.successor for move in moves if move.action in SYSTEM}
        self.count[key] = len(after)
        self.system[key] = (None in system, tuple(one - key for one in system if one is not None and one != key))
        found = self[key] = tuple({one - key for one in after} - {0})
        return found

    def system_of(self, key: int) -> tuple[bool, tuple[int, ...]]:
        if key not in self.system:
            self.__missing__(key)
        return self.system[key]

    def trim(self) -> None:
        if len(self) > _MEMO_LIMIT:
            self.clear()
            self.count.clear()
            self.system.clear()


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
        new: list[int] = []
        steps = 0
        frontier = self._levels[-1]
        for begin in range(0, len(frontier), _CHUNK):
            chunk = frontier[begin : begin + _CHUNK]
            found: set[int] = set()
            for constants in self._constants:
                mask = constants.mask
                found.update([state + constant for state in chunk for constant in constants[state & mask]])
                steps += sum(map(constants.count.__getitem__, [state & mask for state in chunk]))
                constants.trim()
            found = found - self._visited
            self._visited |= found
            new += found
            self._moves.trim()
            if not guard(self.states + len(new), self.transitions + steps):
                return False
        self.transitions += steps
        self.states += len(new)
        if new:
            self._levels.append(new)
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

    def unrecovered(self, goals: Sequence[Goal]) -> list[Unrecovered]:
        """Reverse the system steps once, then search backwards from each goal and, after it, from the cut states."""
        before, cut = self._backwards() if goals else ({}, [])
        return [self._unrecovered(goal, before, cut) for goal in goals]

    def _backwards(self) -> tuple[dict[int, list[int]], list[int]]:
        """Return the system predecessors of each state, and the states in which a bound suppressed a system step."""
        before: dict[int, list[int]] = {state: [] for state in self._visited}
        cut: list[int] = []
        for constants in self._constants:
            mask, system = constants.mask, constants.system_of
            for state in self._visited:
                is_cut, steps = system(state & mask)
                if is_cut:
                    cut.append(state)
                for step in steps:
                    before[state + step].append(state)
            constants.trim()
        return before, cut

    def _unrecovered(self, goal: Goal, before: dict[int, list[int]], cut: list[int]) -> Unrecovered:
        keys = {state & goal.mask for state in self._visited}
        reached, given = ({key for key in keys if test(key)} for test in (goal.reached, goal.given))
        found: set[int] = set()
        _flood(found, (state for state in self._visited if state & goal.mask in reached), before)
        strictly = [state for state in self._visited if state not in found and state & goal.mask in given]
        _flood(found, cut, before)
        refuting = {state for state in strictly if state not in found}
        for depth, level in enumerate(self._levels):
            states = [state for state in level if state in refuting]
            if states:
                return Unrecovered(depth, states, len(strictly) - len(refuting))
        return Unrecovered(None, (), len(strictly))


def _flood(found: set[int], seeds: Iterable[int], before: dict[int, list[int]]) -> None:
    queue = [state for state in seeds if state not in found]
    found.update(queue)
    for state in queue:
        for earlier in before[state]:
            if earlier not in found:
                found.add(earlier)
                queue.append(earlier)

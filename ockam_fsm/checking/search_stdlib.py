"""Breadth-first search in the standard library: sets of integers, and sums.

Theory: a part's moves depend on `state & mask` alone, so their constants are computed once per distinct value of it
and the inner loop is `{state + constant ...}`, which the interpreter runs without calling anything of ours.

Memory: about 100 bytes per state (an int, its place in the set of visited states, its place in its level), so 10^7
states are 1 GB; the memos are bounded. What needs more belongs to `search_numba`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ockam_fsm.checking.moves import SYSTEM, Moves, Part
from ockam_fsm.checking.search import Goal, Guard, Unrecovered

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


class _SystemConstants(dict[int, tuple[bool, tuple[int, ...]]]):
    """The same for system steps, after whether a bound suppressed one."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.mask, self.moves = part.mask, part.moves

    def __missing__(self, key: int) -> tuple[bool, tuple[int, ...]]:
        moves = [move for move in self.moves(key) if move.action in SYSTEM]
        successors = {move.successor for move in moves}
        constants = tuple(successor - key for successor in successors - {key} if successor is not None)
        found = self[key] = (None in successors, constants)
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
        """Marks what reaches a goal, pass after pass over what is left, all goals at once: bit j of a state says that
        goal j can be reached, bit n + j that it or a cut can. Passes alternate direction: deep states usually point
        back to shallow ones or the other way round, so few are needed."""
        count = len(goals)
        full, cut = (1 << 2 * count) - 1, ((1 << count) - 1) << count
        bits = [_Bits(goal.mask, goal.reached, 1 << at | 1 << count + at) for at, goal in enumerate(goals)]
        reach = {state: sum(one[state & one.mask] for one in bits) for level in self._levels for state in level}
        reach = {state: found for state, found in reach.items() if found != full}
        system = [_SystemConstants(part) for part in self._parts]
        left, changed = list(reach), True
        while changed:
            left, changed = _spread(reach, left, system, cut, full)
        return [self._unrecovered(goal, position, count, reach) for position, goal in enumerate(goals)]

    def _unrecovered(self, goal: Goal, position: int, count: int, reach: dict[int, int]) -> Unrecovered:
        given = _Bits(goal.mask, goal.given, 1)
        strictly = [s for s, found in reach.items() if not found >> position & 1 and given[s & goal.mask]]
        refuting = {state for state in strictly if not reach[state] >> count + position & 1}
        for depth, level in enumerate(self._levels):
            states = [state for state in level if state in refuting]
            if states:
                return Unrecovered(depth, states, len(strictly) - len(refuting))
        return Unrecovered(None, (), len(strictly))


class _Bits(dict[int, int]):
    """A predicate's answers, as `bits` or 0, asked once per key."""

    def __init__(self, mask: int, predicate: Callable[[int], bool], bits: int) -> None:
        super().__init__()
        self.mask, self._predicate, self._bits = mask, predicate, bits

    def __missing__(self, key: int) -> int:
        found = self[key] = self._bits if self._predicate(key) else 0
        return found


def _spread(
    reach: dict[int, int], left: list[int], system: list[_SystemConstants], cut: int, full: int
) -> tuple[list[int], bool]:
    """One pass, last first. A state that reaches everything leaves `reach`; returns those that do not yet, and whether
    any bit changed."""
    remaining = []
    changed = False
    get = reach.get
    for state in reversed(left):
        before = found = reach[state]
        for constants in system:
            is_cut, steps = constants[state & constants.mask]
            if is_cut:
                found |= cut
            for step in steps:
                found |= get(state + step, full)
        changed |= found != before
        if found == full:
            del reach[state]
        else:
            reach[state] = found
            remaining.append(state)
    return remaining, changed

"""Loops over many states, compiled: expanding a level, choosing states, spreading what can be reached. Used by
`search_numba`.

Measured and left out: computing a batch of successors first and reading all their places in the table ahead of entering
them. The processor overlaps those reads by itself; batching made the search a tenth slower.
"""

from __future__ import annotations

from ockam_fsm.checking.engine.numba_kernels import EMPTY, Bytes, Ints, W, kernel, place, successors


@kernel
def expand(
    source: Ints, begin: int, end: int, table: Ints, order: Ints, known: int, redo: Ints,
    plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Expand `source[begin:end]`: new states go to `table` and to the end of `order`. Stops early when `order` or
    `redo` might get full. Returns (where it stopped, states known, steps, how many are to be done again)."""
    steps, again, at = 0, 0, begin
    while at < end and again < redo.size and known + found.size < order.size:
        state = source[at]
        at += 1
        count = successors(state, False, plan, used, work, misses, found, 0)
        if work[W.MISSED]:
            redo[again] = state
            again += 1
            continue
        steps += count
        for position in range(count):
            where = place(table, found[position])
            if table[where] == EMPTY:
                table[where] = found[position]
                order[known] = found[position]
                known += 1
    return at, known, steps, again


@kernel
def distinct(states: Ints, mask: int, table: Ints, found: Ints) -> int:
    """The distinct values of `state & mask`, to `found`; EMPTY if they are more than fit."""
    count = 0
    for state in states:
        key = state & mask
        at = place(table, key)
        if table[at] == EMPTY:
            if count == found.size:
                return EMPTY
            table[at] = key
            found[count] = key
            count += 1
    return count


@kernel
def matching(states: Ints, mask: int, table: Ints, chosen: Bytes) -> None:
    """Marks the states whose `state & mask` is in the table."""
    for at in range(states.size):
        key = states[at] & mask
        chosen[at] = table[place(table, key)] == key


@kernel
def leading(
    states: Ints, targets: Ints, chosen: Bytes, plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints
) -> None:
    """Marks the states that have a successor in the table `targets`."""
    for at in range(states.size):
        chosen[at] = 0
        for position in range(successors(states[at], False, plan, used, work, misses, found, 0)):
            if targets[place(targets, found[position])] == found[position]:
                chosen[at] = 1
                break


@kernel
def spread(
    order: Ints, left: Ints, cut: int, full: int, table: Ints, reach: Bytes,
    plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints,
) -> tuple[int, bool]:  # fmt: skip
    """One pass over `left`, last first: a state's bits in `reach` (by place in `table`) take in those of its system
    successors, and the bits `cut` if a bound suppressed one. What does not reach everything is moved to the end of
    `left`, in its order. Returns how many that are, and whether any bit changed."""
    first = left.size
    changed = False
    for at in range(left.size - 1, -1, -1):
        state = order[left[at]]
        count = successors(state, True, plan, used, work, misses, found, 0)
        where = place(table, state)
        bits = reach[where]
        before = bits
        if work[W.CUT]:
            bits |= cut
        for position in range(count):
            bits |= reach[place(table, found[position])]
            if bits == full:
                break
        if bits != before:
            reach[where] = bits
            changed = True
        if bits != full:
            first -= 1
            left[first] = left[at]
    return left.size - first, changed


@kernel
def mark(states: Ints, mask: int, passing: Ints, bits: int, table: Ints, reach: Bytes) -> None:
    """Adds `bits` to every state whose `state & mask` is in the table `passing`."""
    for state in states:
        key = state & mask
        if passing[place(passing, key)] == key:
            reach[place(table, state)] |= bits


@kernel
def gather(order: Ints, left: Ints, table: Ints, reach: Bytes, bits: Bytes) -> None:
    for at in range(left.size):
        bits[at] = reach[place(table, order[left[at]])]

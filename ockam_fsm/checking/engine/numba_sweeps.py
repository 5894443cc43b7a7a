"""Compiled loops over many states, for `search_numba`: expanding a level, selecting states, propagating reachability.

Measured and left out: prefetching, by computing a batch of successors and reading their cells of the table before
entering them. The processor overlaps these reads by itself; batching made the search a tenth slower.
"""

from __future__ import annotations

from ockam_fsm.checking.engine.numba_kernels import EMPTY, Bytes, Ints, W, kernel, place, successors


@kernel
def expand(
    source: Ints, begin: int, end: int, table: Ints, order: Ints, known: int, redo: Ints,
    plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Expand `source[begin:end]` and add new states to `table` and to the end of `order`. Stop early when `order` or
    `redo` might overflow. Return (position of the stop, states known, steps, number of states in `redo`)."""
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
    """Write the distinct values of `state & mask` to `found`. Return their number, or EMPTY if they do not fit."""
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
    """Mark the states whose `state & mask` is in the table."""
    for at in range(states.size):
        key = states[at] & mask
        chosen[at] = table[place(table, key)] == key


@kernel
def leading(
    states: Ints, targets: Ints, chosen: Bytes, plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints
) -> None:
    """Mark the states that have a successor in the table `targets`."""
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
    """Pass once over `left`, from its end. The bits of a state (in `reach`, at its place in `table`) get those of its
    system successors, and `cut` if a bound suppressed a successor. States that then lack a bit of `full` are moved to
    the end of `left`, in their order. Return how many these are, and whether any bit changed."""
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
    """Add `bits` to every state whose `state & mask` is in the table `passing`."""
    for state in states:
        key = state & mask
        if passing[place(passing, key)] == key:
            reach[place(table, state)] |= bits


@kernel
def gather(order: Ints, left: Ints, table: Ints, reach: Bytes, bits: Bytes) -> None:
    for at in range(left.size):
        bits[at] = reach[place(table, order[left[at]])]

"""The steps of `moves.py` as arithmetic on machine words, compiled by numba. The only file that imports numba.

Rule 1: what a step does was decided by `moves.py` and the tables; here it is only repeated, and the tests compare the
two on random worlds. A (local state, event) that is not tabulated yet is reported as a miss and the state is done
again.
Rule 2: no allocation and no Python object in a kernel; arrays come in a `Plan` (the world) and a `Work` (scratch).
Rule 3: numba turns a mixture of signed and unsigned words into floats: casts are explicit wherever a hash is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

EMPTY = -1
ABSENT, UNLIMITED = -2, -1
SUPPRESSED = -1
FOUND, MISSES, MISSED, CUT = 0, 1, 2, 3
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

if TYPE_CHECKING:

    def kernel(function: Kernel) -> Kernel: ...
else:
    kernel = numba.njit(cache=True, boundscheck=False)


class Plan(NamedTuple):
    """A world as arrays. Budgets are positions in `unit` and `budget_mask`, or UNLIMITED, or ABSENT: no such fault."""

    slots: int
    slot_bits: int
    lossy: bool
    drop: int
    duplicate: int
    corrupt: int
    partition: int
    cut_at: int
    links: int
    local_at: Ints
    local_mask: Ints
    unit: Ints
    budget_mask: Ints
    receiver: Ints
    group: Ints
    delivery: Ints
    corrupted: Ints
    link: Ints
    own_at: Ints
    own_event: Ints
    own_budget: Ints
    timers_at: Ints
    timers_end: Ints
    timers: Ints
    row_key: Ints
    row_value: Ints
    status: Ints
    change: Ints
    output_at: Ints
    outputs: Ints
    used: Bytes
    overflowed: Bytes


class Work(NamedTuple):
    """Scratch: the successors found, the misses, and counters at FOUND, MISSES, MISSED, CUT."""

    successors: Ints
    misses: Ints
    counters: Ints


@kernel
def hashed(key: int, size: int) -> int:
    mixed = np.uint64(key) * _GOLDEN
    mixed ^= mixed >> np.uint64(29)
    found: int = np.int64(mixed & np.uint64(size - 1))  # type: ignore[assignment]  # inside a kernel both are words
    return found


@kernel
def place(table: Ints, key: int) -> int:
    """Where a key is in an open-addressed table, or where it would go."""
    at = hashed(key, table.size)
    while table[at] != key and table[at] != EMPTY:
        at = (at + 1) & (table.size - 1)
    return at


@kernel
def fill(table: Ints, keys: Ints) -> None:
    for key in keys:
        table[place(table, key)] = key


@kernel
def store_row(keys: Ints, values: Ints, key: int, value: int) -> None:
    at = place(keys, key)
    keys[at] = key
    values[at] = value


@kernel
def _insert(network: int, count: int, message: int, plan: Plan) -> int:
    bits = plan.slot_bits
    mask = (1 << bits) - 1
    at = count
    while at > 0 and plan.group[(network >> (at - 1) * bits) & mask] > plan.group[message]:
        at -= 1
    low = network & ((1 << at * bits) - 1)
    high = network >> at * bits
    return low | message << at * bits | (high << at * bits) << bits


@kernel
def _land(paid: int, network: int, kept: int, count: int, row: int, plan: Plan) -> int:
    for position in range(plan.output_at[row], plan.output_at[row + 1]):
        if count < plan.slots:
            kept = _insert(kept, count, plan.outputs[position], plan)
            count += 1
        else:
            plan.overflowed[0] = 1
            if not plan.lossy:
                return SUPPRESSED
    plan.used[row] = 1
    after: int = paid - network + kept + plan.change[row]
    return after


@kernel
def _attempt(
    paid: int, network: int, kept: int, count: int, actor: int, local: int, event: int, plan: Plan, work: Work
) -> None:
    """One event of one actor: a successor, nothing (disabled), a cut by a bound, or a miss."""
    key = (event * plan.local_at.size + actor) << 32 | local
    at = place(plan.row_key, key)
    if plan.row_key[at] == EMPTY:
        work.counters[MISSED] = 1
        if work.counters[MISSES] < work.misses.size:
            work.misses[work.counters[MISSES]] = key
            work.counters[MISSES] += 1
        return
    row = plan.row_value[at]
    successor = SUPPRESSED
    if plan.status[row] == 0:
        successor = _land(paid, network, kept, count, row, plan)
    elif plan.status[row] == 1:
        return
    else:
        plan.used[row] = 1
    if successor == SUPPRESSED:
        work.counters[CUT] = 1
    else:
        work.successors[work.counters[FOUND]] = successor
        work.counters[FOUND] += 1


@kernel
def _can_pay(state: int, budget: int, plan: Plan) -> bool:
    return budget == UNLIMITED or (budget >= 0 and (state & plan.budget_mask[budget]) != 0)


@kernel
def _pay(state: int, budget: int, plan: Plan) -> int:
    return state if budget < 0 else state - plan.unit[budget]


@kernel
def _messages(state: int, network: int, system_only: bool, plan: Plan, work: Work) -> None:
    bits = plan.slot_bits
    mask = (1 << bits) - 1
    count = 0
    while count < plan.slots and (network >> count * bits) & mask:
        count += 1
    previous = -1
    for at in range(count):
        message = (network >> at * bits) & mask
        if plan.group[message] == previous:
            continue
        previous = plan.group[message]
        kept = (network & ((1 << at * bits) - 1)) | ((network >> at * bits) >> bits) << at * bits
        if not system_only and _can_pay(state, plan.drop, plan):
            work.successors[work.counters[FOUND]] = _pay(state, plan.drop, plan) - network + kept
            work.counters[FOUND] += 1
        if plan.link[message] >= 0 and (state >> plan.link[message]) & 1:
            continue
        actor = plan.receiver[message]
        local = (state >> plan.local_at[actor]) & plan.local_mask[actor]
        event = plan.delivery[message]
        _attempt(state, network, kept, count - 1, actor, local, event, plan, work)
        if system_only:
            continue
        if _can_pay(state, plan.duplicate, plan):
            _attempt(_pay(state, plan.duplicate, plan), network, network, count, actor, local, event, plan, work)
        if _can_pay(state, plan.corrupt, plan):
            paid = _pay(state, plan.corrupt, plan)
            _attempt(paid, network, kept, count - 1, actor, local, plan.corrupted[message], plan, work)


@kernel
def _own_events(state: int, network: int, system_only: bool, plan: Plan, work: Work) -> None:
    bits = plan.slot_bits
    mask = (1 << bits) - 1
    count = 0
    while count < plan.slots and (network >> count * bits) & mask:
        count += 1
    for actor in range(plan.local_at.size):
        local = (state >> plan.local_at[actor]) & plan.local_mask[actor]
        for at in range(plan.timers_at[actor, local], plan.timers_end[actor, local]):
            _attempt(state, network, network, count, actor, local, plan.timers[at], plan, work)
        if system_only:
            continue
        for at in range(plan.own_at[actor], plan.own_at[actor + 1]):
            budget = plan.own_budget[at]
            if _can_pay(state, budget, plan):
                paid = _pay(state, budget, plan)
                _attempt(paid, network, network, count, actor, local, plan.own_event[at], plan, work)


@kernel
def _links(state: int, system_only: bool, plan: Plan, work: Work) -> None:
    for link in range(plan.links):
        bit = 1 << (plan.cut_at + link)
        if state & bit:
            work.successors[work.counters[FOUND]] = state - bit
            work.counters[FOUND] += 1
        elif not system_only and _can_pay(state, plan.partition, plan):
            work.successors[work.counters[FOUND]] = _pay(state, plan.partition, plan) + bit
            work.counters[FOUND] += 1


@kernel
def successors(state: int, system_only: bool, plan: Plan, work: Work) -> None:
    """All steps of a state, or only its system steps; the misses add up over calls."""
    work.counters[FOUND] = 0
    work.counters[MISSED] = 0
    work.counters[CUT] = 0
    network = state & ((1 << plan.slots * plan.slot_bits) - 1)
    _messages(state, network, system_only, plan, work)
    _own_events(state, network, system_only, plan, work)
    _links(state, system_only, plan, work)


@kernel
def expand(
    source: Ints,
    begin: int,
    end: int,
    room: int,
    table: Ints,
    order: Ints,
    known: int,
    redo: Ints,
    plan: Plan,
    work: Work,
) -> tuple[int, int, int, int]:
    """Expand `source[begin:end]`: new states go to `table` and to the end of `order`. Stops early when `known` reaches
    `room` or the misses fill up. Returns (where it stopped, states known, steps, how many are to be done again)."""
    steps = 0
    again = 0
    for at in range(begin, end):
        if known >= room or again >= redo.size:
            return at, known, steps, again
        successors(source[at], False, plan, work)
        if work.counters[MISSED]:
            redo[again] = source[at]
            again += 1
            continue
        steps += work.counters[FOUND]
        for position in range(work.counters[FOUND]):
            successor = work.successors[position]
            where = place(table, successor)
            if table[where] == EMPTY:
                table[where] = successor
                order[known] = successor
                known += 1
    return end, known, steps, again


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
def leading(states: Ints, targets: Ints, chosen: Bytes, plan: Plan, work: Work) -> None:
    """Marks the states that have a successor in the table `targets`."""
    for at in range(states.size):
        successors(states[at], False, plan, work)
        chosen[at] = 0
        for position in range(work.counters[FOUND]):
            successor = work.successors[position]
            if targets[place(targets, successor)] == successor:
                chosen[at] = 1
                break


@kernel
def await_all(order: Ints, left: Ints, table: Ints, waiting: Bytes) -> None:
    for at in left:
        waiting[place(table, order[at])] = 1


@kernel
def drain(
    order: Ints, left: Ints, size: int, cut_only: bool, table: Ints, waiting: Bytes, plan: Plan, work: Work
) -> int:
    """One pass over `left[:size]`, last first: what has a system step out of `waiting` leaves it (or, `cut_only`,
    what a bound cut). What stays is at the front of `left`, reversed by the caller. Returns how many stay."""
    stay = size
    for at in range(size - 1, -1, -1):
        state = order[left[at]]
        successors(state, True, plan, work)
        leaves = work.counters[CUT] == 1 and cut_only
        if not cut_only:
            for position in range(work.counters[FOUND]):
                if waiting[place(table, work.successors[position])] == 0:
                    leaves = True
                    break
        if leaves:
            waiting[place(table, state)] = 0
        else:
            stay -= 1
            left[stay] = left[at]
    return size - stay

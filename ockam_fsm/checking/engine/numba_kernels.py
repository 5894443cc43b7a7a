"""The steps of `steps.py` as arithmetic on machine words, compiled by numba. The only file that imports numba.

Rule 1: `steps.py` and the handler cache define the steps; this file repeats them, and the tests compare both on random
worlds. A (local state, event) pair that is not cached yet is reported as a miss, and the state is expanded again.
Rule 2: a kernel allocates nothing, uses no Python object and takes few arguments. Every array that is passed on costs a
reference count, so the world is one array, the *plan*: a header (`H`) of numbers and of the places where tables begin.
Functions that are called once per step are `inlined`: this makes steps half again as fast.
Rule 3: numba turns mixed signed and unsigned words into floats, so casts are explicit where a hash is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Bytes: TypeAlias = NDArray[np.uint8]
Function = TypeVar("Function", bound=Callable[..., Any])

EMPTY = -1
ABSENT, UNLIMITED = -2, -1
SUPPRESSED = -1
POSSIBLE, DISABLED, BOUND = 0, 1, 2
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class H(IntEnum):
    """Positions in the header of a plan. A budget is an index into the table of budgets, UNLIMITED or ABSENT."""

    SLOTS = 0
    SLOT_BITS = 1
    LOSSY = 2
    DROP = 3
    DUPLICATE = 4
    CORRUPT = 5
    PARTITION = 6
    CUT_AT = 7
    LINKS = 8
    ACTORS = 9
    INDEX_SIZE = 10
    LOCALS_WIDTH = 11
    AT_ACTORS = 12
    AT_BUDGETS = 13
    AT_OWN = 14
    AT_MESSAGES = 15
    AT_LOCALS = 16
    AT_TIMERS = 17
    AT_ROWS = 18
    AT_OUTPUTS = 19
    AT_INDEX = 20
    ORDERED = 21


class W(IntEnum):
    """Positions in the scratch array."""

    MISSES = 0
    MISSED = 1
    CUT = 2
    OVERFLOWED = 3


if TYPE_CHECKING:

    def kernel(function: Function) -> Function: ...
    def inlined(function: Function) -> Function: ...
else:
    kernel = numba.njit(cache=True)
    inlined = numba.njit(cache=True, inline="always")


@kernel
def hashed(key: int, size: int) -> int:
    mixed = np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _GOLDEN
    mixed ^= mixed >> np.uint64(32)
    found: int = np.int64(mixed & np.uint64(size - 1))  # type: ignore[assignment]  # inside a kernel both are words
    return found


@kernel
def place(table: Ints, key: int) -> int:
    """Return the position of a key in an open-addressed table, or the free cell where it would be entered."""
    at = hashed(key, table.size)
    while table[at] != key and table[at] != EMPTY:
        at = (at + 1) & (table.size - 1)
    return at


@kernel
def fill(table: Ints, keys: Ints) -> None:
    for key in keys:
        table[place(table, key)] = key


@kernel
def index_rows(index: Ints, keys: Ints, first: int) -> None:
    """Enter rows `first`, `first + 1`, ... into a table of (key, row) pairs."""
    size = index.size >> 1
    for position in range(keys.size):
        at = hashed(keys[position], size)
        while index[2 * at] != EMPTY:
            at = (at + 1) & (size - 1)
        index[2 * at] = keys[position]
        index[2 * at + 1] = first + position


@inlined
def _group(message: int, plan: Ints) -> int:
    """Return the group of a message, as `NetworkState.group`: in an unordered network, the message itself."""
    if not plan[H.ORDERED]:
        return message
    found: int = plan[plan[H.AT_MESSAGES] + 5 * message + 1]
    return found


@inlined
def _insert(network: int, count: int, message: int, plan: Ints) -> int:
    bits = plan[H.SLOT_BITS]
    mask = (1 << bits) - 1
    group = _group(message, plan)
    at = count
    while at > 0 and _group((network >> (at - 1) * bits) & mask, plan) > group:
        at -= 1
    low = network & ((1 << at * bits) - 1)
    high = network >> at * bits
    inserted: int = low | message << at * bits | (high << at * bits) << bits
    return inserted


@inlined
def _land(paid: int, network: int, kept: int, count: int, row: int, plan: Ints, work: Ints) -> int:
    """Return the state after a row is taken. `kept`: the bits of the `count` messages that stay in flight."""
    at = plan[H.AT_ROWS] + 4 * row
    outputs = plan[H.AT_OUTPUTS]
    for position in range(outputs + plan[at + 2], outputs + plan[at + 3]):
        if count < plan[H.SLOTS]:
            kept = _insert(kept, count, plan[position], plan)
            count += 1
        else:
            work[W.OVERFLOWED] = 1
            if not plan[H.LOSSY]:
                return SUPPRESSED
    after: int = paid - network + kept + plan[at + 1]
    return after


@inlined
def _row(key: int, plan: Ints) -> int:
    size, index = plan[H.INDEX_SIZE], plan[H.AT_INDEX]
    at = hashed(key, size)
    while plan[index + 2 * at] != key:
        if plan[index + 2 * at] == EMPTY:
            return EMPTY
        at = (at + 1) & (size - 1)
    found: int = plan[index + 2 * at + 1]
    return found


@inlined
def _find(actor: int, local: int, event: int, plan: Ints, work: Ints, misses: Ints) -> int:
    """Return the row of an event of an actor. If it is not cached, record a miss and return EMPTY."""
    key = (event * plan[H.ACTORS] + actor) << 32 | local
    row = _row(key, plan)
    if row == EMPTY:
        work[W.MISSED] = 1
        if work[W.MISSES] < misses.size:
            misses[work[W.MISSES]] = key
            work[W.MISSES] += 1
    return row


@inlined
def _take(
    paid: int, network: int, kept: int, count: int, row: int,
    plan: Ints, used: Bytes, work: Ints, found: Ints, known: int,
) -> int:  # fmt: skip
    """Take one row: add its successor, nothing if it is disabled or not cached, or mark a cut by a bound."""
    status = DISABLED if row == EMPTY else plan[plan[H.AT_ROWS] + 4 * row]
    if status == DISABLED:
        return known
    successor = SUPPRESSED if status == BOUND else _land(paid, network, kept, count, row, plan, work)
    if successor != SUPPRESSED or status == BOUND:
        used[row] = 1
    if successor == SUPPRESSED:
        work[W.CUT] = 1
        return known
    found[known] = successor
    return known + 1


@inlined
def _can_pay(state: int, budget: int, plan: Ints) -> bool:
    return budget == UNLIMITED or (budget >= 0 and (state & plan[plan[H.AT_BUDGETS] + 2 * budget + 1]) != 0)


@inlined
def _pay(state: int, budget: int, plan: Ints) -> int:
    paid: int = state if budget < 0 else state - plan[plan[H.AT_BUDGETS] + 2 * budget]
    return paid


@inlined
def _local(state: int, actor: int, plan: Ints) -> int:
    at = plan[H.AT_ACTORS] + 4 * actor
    local: int = (state >> plan[at]) & plan[at + 1]
    return local


@inlined
def _message(
    state: int, network: int, at: int, message: int, count: int, system_only: bool,
    plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints, known: int,
) -> int:  # fmt: skip
    """Add all steps of the message in slot `at` of `count`."""
    bits, facts = plan[H.SLOT_BITS], plan[H.AT_MESSAGES] + 5 * message
    kept = (network & ((1 << at * bits) - 1)) | ((network >> at * bits) >> bits) << at * bits
    if not system_only and _can_pay(state, plan[H.DROP], plan):
        found[known] = _pay(state, plan[H.DROP], plan) - network + kept
        known += 1
    link = plan[facts + 4]
    if link >= 0 and (state >> link) & 1:
        return known
    actor, event = plan[facts], plan[facts + 2]
    local = _local(state, actor, plan)
    row = _find(actor, local, event, plan, work, misses)
    known = _take(state, network, kept, count - 1, row, plan, used, work, found, known)
    if not system_only and _can_pay(state, plan[H.DUPLICATE], plan):
        paid = _pay(state, plan[H.DUPLICATE], plan)
        known = _take(paid, network, network, count, row, plan, used, work, found, known)
    if not system_only and _can_pay(state, plan[H.CORRUPT], plan):
        row = _find(actor, local, plan[facts + 3], plan, work, misses)
        paid = _pay(state, plan[H.CORRUPT], plan)
        known = _take(paid, network, kept, count - 1, row, plan, used, work, found, known)
    return known


@inlined
def _own(
    state: int, network: int, count: int, actor: int, system_only: bool,
    plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints, known: int,
) -> int:  # fmt: skip
    """Add the steps of an actor's timers, orders and faults."""
    local = _local(state, actor, plan)
    armed = plan[H.AT_LOCALS] + 2 * (actor * plan[H.LOCALS_WIDTH] + local)
    timers = plan[H.AT_TIMERS]
    for at in range(timers + plan[armed], timers + plan[armed + 1]):
        row = _find(actor, local, plan[at], plan, work, misses)
        known = _take(state, network, network, count, row, plan, used, work, found, known)
    if system_only:
        return known
    facts, own = plan[H.AT_ACTORS] + 4 * actor, plan[H.AT_OWN]
    for at in range(own + 2 * plan[facts + 2], own + 2 * plan[facts + 3], 2):
        budget = plan[at + 1]
        if _can_pay(state, budget, plan):
            row = _find(actor, local, plan[at], plan, work, misses)
            paid = _pay(state, budget, plan)
            known = _take(paid, network, network, count, row, plan, used, work, found, known)
    return known


@inlined
def _links(state: int, system_only: bool, plan: Ints, found: Ints, known: int) -> int:
    for link in range(plan[H.LINKS]):
        bit = 1 << (plan[H.CUT_AT] + link)
        if state & bit:
            found[known] = state - bit
            known += 1
        elif not system_only and _can_pay(state, plan[H.PARTITION], plan):
            found[known] = _pay(state, plan[H.PARTITION], plan) + bit
            known += 1
    return known


@kernel
def successors(
    state: int, system_only: bool, plan: Ints, used: Bytes, work: Ints, misses: Ints, found: Ints, known: int
) -> int:
    """Write the successors of all steps of a state, or of its system steps, to `found` from `known` on. Return their
    end."""
    work[W.MISSED] = 0
    work[W.CUT] = 0
    bits = plan[H.SLOT_BITS]
    mask = (1 << bits) - 1
    network = state & ((1 << plan[H.SLOTS] * bits) - 1)
    count = 0
    while count < plan[H.SLOTS] and (network >> count * bits) & mask:
        count += 1
    previous = -1
    for at in range(count):
        message = (network >> at * bits) & mask
        group = _group(message, plan)
        if group != previous:
            known = _message(state, network, at, message, count, system_only, plan, used, work, misses, found, known)
        previous = group
    for actor in range(plan[H.ACTORS]):
        known = _own(state, network, count, actor, system_only, plan, used, work, misses, found, known)
    return _links(state, system_only, plan, found, known)

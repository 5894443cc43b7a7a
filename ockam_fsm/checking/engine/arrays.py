"""The handler cache of a world as the arrays that the kernels read. They grow as handlers are called.

Each table is a column here. After handler calls the columns are joined into one array, the plan of `numba_kernels.py`:
a copy of a megabyte at most, a few hundred times in a search.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ockam_fsm.checking.engine import numba_kernels
from ockam_fsm.checking.engine.handler_cache import CachedStep
from ockam_fsm.checking.engine.layout import TooNarrow
from ockam_fsm.checking.engine.numba_kernels import ABSENT, EMPTY, UNLIMITED, Bytes, H, Ints, W
from ockam_fsm.checking.engine.steps import Moves

_MISSES = 1 << 14


class _Column:
    """An array that grows at its end."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._array: Ints = np.zeros(1 << 8, np.int64)
        self.size = 0
        self.extend(values)

    @property
    def values(self) -> Ints:
        return self._array[: self.size]

    def extend(self, values: Iterable[int]) -> None:
        new = list(values)
        needed = self.size + len(new)
        if needed > self._array.size:
            grown: Ints = np.zeros(1 << needed.bit_length(), np.int64)
            grown[: self.size] = self.values
            self._array = grown
        self._array[self.size : needed] = new
        self.size = needed


class Arrays:
    """The arrays that the kernels read (`plan`) and write (`used`, `work`, `misses`, `found`). Call `learn` after each
    kernel call that may report misses, and `report` after each level."""

    def __init__(self, moves: Moves) -> None:
        self._moves, self._cache = moves, moves.cache
        actors = len(self._cache.names)
        self._own = [list(budgets.items()) for budgets in moves.budgets.events]
        self._messages, self._rows, self._outputs, self._timers = _Column(), _Column(), _Column(), _Column()
        self._locals: Ints = np.zeros((actors, 1 << 8, 2), np.int64)
        self._locals_known = [0] * actors
        self._most_timers = [0] * actors
        self._keys = _Column()
        self._index: Ints = np.full(1 << 11, EMPTY, np.int64)
        self.used: Bytes = np.zeros(1 << 8, np.uint8)
        self._reported: Bytes = np.zeros(1 << 8, np.uint8)
        self.work: Ints = np.zeros(len(W), np.int64)
        self.misses: Ints = np.zeros(_MISSES, np.int64)
        self._grow()

    @property
    def for_kernels(self) -> tuple[Ints, Bytes, Ints, Ints, Ints]:
        return self.plan, self.used, self.work, self.misses, self.found

    def learn(self) -> None:
        """Call the handlers of the (local state, event) pairs that the kernels missed."""
        missed = np.unique(self.misses[: self.work[W.MISSES]])
        self.work[W.MISSES] = 0
        if missed.size == 0:
            return
        for key in missed.tolist():
            event, actor = divmod(key >> 32, len(self._cache.names))
            self._cache.row(actor, key & 0xFFFFFFFF, event)
        self._grow()

    def report(self) -> None:
        """Pass the steps taken and the bounds reached since the last call to the handler cache and to `Moves`."""
        count = self._keys.size
        for index in np.flatnonzero(self.used[:count] > self._reported[:count]).tolist():
            row = self._cache.rows[index]
            if row.possible:
                self._cache.use(row)
            else:
                assert row.bound is not None
                self._moves.bounds.add(row.bound)
        self._reported[:count] = self.used[:count]
        if self.work[W.OVERFLOWED]:
            self._moves.bounds.add("in_flight")

    def _grow(self) -> None:
        self._grow_messages()
        self._grow_locals()
        self._grow_rows(self._cache.rows[self._keys.size :])
        self.plan = self._plan()
        most = 4 * self._moves.layout.slots + sum(self._most_timers) + sum(map(len, self._own))
        self.found: Ints = np.zeros(most + len(self._moves.links) + 1, np.int64)

    def _grow_messages(self) -> None:
        cache, known = self._cache, self._messages.size // 5
        if len(cache.envelopes) - 1 > self._moves.layout.slot_mask:
            raise TooNarrow
        for message in range(known, len(cache.envelopes)):
            group = self._moves.network.group(message) if message else -1
            corrupted = cache.corrupted[cache.sender[message]]
            link = self._moves.link_place(message)
            self._messages.extend((cache.receiver[message], group, cache.delivery[message], corrupted, link))

    def _grow_locals(self) -> None:
        for actor, known in enumerate(self._locals_known):
            locals_ = self._cache.locals[actor]
            while len(locals_) > self._locals.shape[1]:
                self._locals = np.concatenate([self._locals, np.zeros_like(self._locals)], axis=1)
            for local in range(known, len(locals_)):
                begin = self._timers.size
                self._timers.extend(self._cache.firing[actor][local])
                self._locals[actor, local] = begin, self._timers.size
                self._most_timers[actor] = max(self._most_timers[actor], len(locals_[local].timers))
            self._locals_known[actor] = len(locals_)

    def _grow_rows(self, rows: list[CachedStep]) -> None:
        placed, first = self._moves.layout.placed, self._keys.size
        for row in rows:
            status = (
                numba_kernels.POSSIBLE
                if row.possible
                else numba_kernels.DISABLED
                if row.bound is None
                else numba_kernels.BOUND
            )
            begin = self._outputs.size
            self._outputs.extend(row.outputs)
            change = placed(row.actor, row.after) - placed(row.actor, row.before)
            self._rows.extend((status, change, begin, self._outputs.size))
        actors = len(self._cache.names)
        self._keys.extend((row.event * actors + row.actor) << 32 | row.before for row in rows)
        total = self._keys.size
        if total > self.used.size:
            more: Bytes = np.zeros((1 << total.bit_length()) - self.used.size, np.uint8)
            self.used, self._reported = np.append(self.used, more), np.append(self._reported, more)
        if 4 * total > self._index.size:
            self._index = np.full(4 << (2 * total).bit_length(), EMPTY, np.int64)
            first = 0
        numba_kernels.index_rows(self._index, self._keys.values[first:], first)

    def _plan(self) -> Ints:
        tables = {
            H.AT_ACTORS: self._actors(),
            H.AT_BUDGETS: self._budgets(),
            H.AT_OWN: _ints(value for part in self._own for one in part for value in (one[0], _limited(one[1]))),
            H.AT_MESSAGES: self._messages.values,
            H.AT_LOCALS: self._locals.reshape(-1),
            H.AT_TIMERS: self._timers.values,
            H.AT_ROWS: self._rows.values,
            H.AT_OUTPUTS: self._outputs.values,
            H.AT_INDEX: self._index,
        }
        head = self._head()
        begin = len(H)
        for where, table in tables.items():
            head[where] = begin
            begin += table.size
        return np.concatenate([head, *tables.values()])

    def _head(self) -> Ints:
        moves, layout = self._moves, self._moves.layout
        head: Ints = np.zeros(len(H), np.int64)
        network = moves.budgets.network
        for where, fault in ((H.DROP, "drop"), (H.DUPLICATE, "duplicate"), (H.CORRUPT, "corrupt")):
            head[where] = _limited(network[fault]) if fault in network else ABSENT
        head[H.PARTITION] = _limited(network["partition"]) if "partition" in network else ABSENT
        head[H.SLOTS], head[H.SLOT_BITS], head[H.LOSSY] = layout.slots, layout.slot_bits, moves.network.lossy
        head[H.CUT_AT], head[H.LINKS], head[H.ACTORS] = layout.cut_at, len(moves.links), len(self._own)
        head[H.ORDERED] = moves.network.ordered
        head[H.INDEX_SIZE], head[H.LOCALS_WIDTH] = self._index.size // 2, self._locals.shape[1]
        return head

    def _actors(self) -> Ints:
        layout, values, own = self._moves.layout, [], 0
        for actor, declared in enumerate(self._own):
            values += [layout.local_at[actor], (1 << layout.local_bits[actor]) - 1, own, own + len(declared)]
            own += len(declared)
        return _ints(values)

    def _budgets(self) -> Ints:
        layout = self._moves.layout
        return _ints(v for budget, at in enumerate(layout.budget_at) for v in (1 << at, layout.budget_mask(budget)))


def _limited(budget: int | None) -> int:
    return UNLIMITED if budget is None else budget


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)

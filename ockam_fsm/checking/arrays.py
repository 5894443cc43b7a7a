"""A world and its tables as the arrays that the kernels read; grows as handlers are called.

Only what is new since the last time is copied: a search calls handlers a few at a time, hundreds of times.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ockam_fsm.checking import kernels
from ockam_fsm.checking.kernels import ABSENT, EMPTY, UNLIMITED, Bytes, Ints, Plan, Work
from ockam_fsm.checking.layout import TooNarrow
from ockam_fsm.checking.moves import Moves
from ockam_fsm.checking.tables import Row
from ockam_fsm.checking.world import Fire

_MISSES = 1 << 14
_POSSIBLE, _DISABLED, _BOUND = 0, 1, 2


class _Column:
    """An array that grows at its end."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self.array: Ints = np.zeros(1 << 8, np.int64)
        self.size = 0
        self.extend(values)

    def extend(self, values: Iterable[int]) -> None:
        new = list(values)
        needed = self.size + len(new)
        if needed > self.array.size:
            grown: Ints = np.zeros(1 << needed.bit_length(), np.int64)
            grown[: self.size] = self.array[: self.size]
            self.array = grown
        self.array[self.size : needed] = new
        self.size = needed


class Arrays:
    """`plan` and `work` for the kernels; `learn` after a kernel reported misses, `report` after a level."""

    def __init__(self, moves: Moves) -> None:
        self._moves, self._tables = moves, moves.tables
        actors = len(self._tables.names)
        self._receiver, self._group, self._delivery, self._corrupted, self._link = (_Column() for _ in range(5))
        self._status, self._change, self._outputs = _Column(), _Column(), _Column()
        self._output_at = _Column([0])
        self._timers = _Column()
        self._timers_at: Ints = np.zeros((actors, 1 << 8), np.int64)
        self._timers_end: Ints = np.zeros((actors, 1 << 8), np.int64)
        self._locals_known = [0] * actors
        self._most_timers = [0] * actors
        self._row_key: Ints = np.full(1 << 10, EMPTY, np.int64)
        self._row_value: Ints = np.zeros(1 << 10, np.int64)
        self._used: Bytes = np.zeros(1 << 8, np.uint8)
        self._reported: Bytes = np.zeros(1 << 8, np.uint8)
        self._overflowed: Bytes = np.zeros(1, np.uint8)
        self._own = [list(budgets.items()) for budgets in moves.budgets.events]
        self._grow()

    def learn(self) -> None:
        """Call the handlers that the kernels missed."""
        missed = np.unique(self.work.misses[: self.work.counters[kernels.MISSES]])
        if missed.size == 0:
            return
        actors = len(self._tables.names)
        for key in missed.tolist():
            event, actor = divmod(key >> 32, actors)
            self._tables.row(actor, key & 0xFFFFFFFF, event)
        self._grow()

    def report(self) -> None:
        """Tell tables and moves which rows were taken and which bounds were reached since the last time."""
        count = self._status.size
        for index in np.flatnonzero(self._used[:count] > self._reported[:count]).tolist():
            row = self._tables.rows[index]
            if row.possible:
                self._tables.use(row)
            else:
                assert row.bound is not None
                self._moves.bounds.add(row.bound)
        self._reported[:count] = self._used[:count]
        if self._overflowed[0]:
            self._moves.bounds.add("in_flight")

    def _grow(self) -> None:
        rows = self._tables.rows[self._status.size :]
        self._grow_messages()
        self._grow_locals()
        self._grow_rows(rows)
        self.plan = self._plan()
        own = sum(map(len, self._own))
        most = 4 * self.plan.slots + sum(self._most_timers) + own + self.plan.links + 1
        self.work = Work(np.empty(most, np.int64), np.empty(_MISSES, np.int64), np.zeros(4, np.int64))

    def _grow_messages(self) -> None:
        tables, known = self._tables, self._receiver.size
        new = range(known, len(tables.envelopes))
        if tables.envelopes and len(tables.envelopes) - 1 > self._moves.layout.slot_mask:
            raise TooNarrow
        self._receiver.extend(tables.receiver[known:])
        self._delivery.extend(tables.delivery[known:])
        self._group.extend(self._moves.contents.group(message) if message else -1 for message in new)
        self._corrupted.extend(tables.corrupted[tables.sender[message]] for message in new)
        self._link.extend(map(self._moves.link_place, new))

    def _grow_locals(self) -> None:
        for actor, known in enumerate(self._locals_known):
            locals_ = self._tables.locals[actor]
            while len(locals_) > self._timers_at.shape[1]:
                self._timers_at = np.hstack([self._timers_at, np.zeros_like(self._timers_at)])
                self._timers_end = np.hstack([self._timers_end, np.zeros_like(self._timers_end)])
            for local in range(known, len(locals_)):
                self._timers_at[actor, local] = self._timers.size
                self._timers.extend(self._tables.event(Fire(timer)) for timer in locals_[local].timers)
                self._timers_end[actor, local] = self._timers.size
                self._most_timers[actor] = max(self._most_timers[actor], len(locals_[local].timers))
            self._locals_known[actor] = len(locals_)

    def _grow_rows(self, rows: list[Row]) -> None:
        place, total = self._moves.layout.placed, self._status.size + len(rows)
        for row in rows:
            self._status.extend([_POSSIBLE if row.possible else _DISABLED if row.bound is None else _BOUND])
            self._change.extend([place(row.actor, row.after) - place(row.actor, row.before)])
            self._outputs.extend(row.outputs)
            self._output_at.extend([self._outputs.size])
        if total > self._used.size:
            size = 1 << total.bit_length()
            self._used = np.append(self._used, np.zeros(size - self._used.size, np.uint8))
            self._reported = np.append(self._reported, np.zeros(size - self._reported.size, np.uint8))
        while 2 * total > self._row_key.size:
            self._row_key = np.full(self._row_key.size * 4, EMPTY, np.int64)
            self._row_value = np.zeros(self._row_key.size, np.int64)
            rows = self._tables.rows
        for row in rows:
            key = (row.event * len(self._tables.names) + row.actor) << 32 | row.before
            kernels.store_row(self._row_key, self._row_value, key, row.index)

    def _plan(self) -> Plan:
        moves, layout = self._moves, self._moves.layout
        own = [one for part in self._own for one in part]
        return Plan(
            slots=layout.slots,
            slot_bits=layout.slot_bits,
            lossy=moves.contents.lossy,
            drop=self._fault("drop"),
            duplicate=self._fault("duplicate"),
            corrupt=self._fault("corrupt"),
            partition=self._fault("partition"),
            cut_at=layout.cut_at,
            links=len(moves.links),
            local_at=_ints(layout.local_at),
            local_mask=_ints((1 << bits) - 1 for bits in layout.local_bits),
            unit=_ints(1 << at for at in layout.budget_at),
            budget_mask=_ints(map(layout.budget_mask, range(len(layout.budget_bits)))),
            receiver=self._receiver.array,
            group=self._group.array,
            delivery=self._delivery.array,
            corrupted=self._corrupted.array,
            link=self._link.array,
            own_at=_ints(np.cumsum([0, *map(len, self._own)]).tolist()),
            own_event=_ints(event for event, _ in own),
            own_budget=_ints(UNLIMITED if budget is None else budget for _, budget in own),
            timers_at=self._timers_at,
            timers_end=self._timers_end,
            timers=self._timers.array,
            row_key=self._row_key,
            row_value=self._row_value,
            status=self._status.array,
            change=self._change.array,
            output_at=self._output_at.array,
            outputs=self._outputs.array,
            used=self._used,
            overflowed=self._overflowed,
        )

    def _fault(self, fault: str) -> int:
        budgets = self._moves.budgets.network
        if fault not in budgets:
            return ABSENT
        found = budgets[fault]
        return UNLIMITED if found is None else found


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)

"""The mutation operators: single faults in one row of a table.

    drop        the row is removed, so its cell refuses the event
    retarget    the row leads to another state
    lose        one effect is missing
    swap        two adjacent effects are exchanged
    guard       one comparison is missing, negated, or its threshold is off by one; two rows of a cell swap guards
    update      one update is missing, or applied twice

Rule 1: one fault per mutant, in one table. The same row of other tables is unchanged.
Rule 2: a mutant that the constructor of `Machine` refuses needs no world: the definition kills it.
Left out: ignores and refusals. They have no effects; a mutant that turns one into a row is another row's `retarget`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

from ockam_fsm.kernel import machine as kernel
from ockam_fsm.kernel.machine import Comparison, Guard, Threshold
from ockam_fsm.machines.session import SessionMachine, table
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType, State

Row: TypeAlias = kernel.Row[State, Event, Effect]


@dataclass(frozen=True)
class Mutant:
    """One fault in the table of one role of one type. `changed` replaces rows, `without` removes one."""

    kind: SessionType
    role: Role
    fault: str
    changed: tuple[Row, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind.name} {self.role.name.lower()}: {self.fault}"

    @property
    def rows(self) -> frozenset[str]:
        """The ids of the rows that differ. As long as none of them is taken, the machine behaves as the real one."""
        return frozenset((*self.without, *(row.id for row in self.changed)))

    def machine(self) -> SessionMachine:
        """The mutated table.

        Raises:
            DefinitionError: it is not a valid machine.
        """
        return table(self.kind, self.role).with_rows(self.name, *self.changed, without=self.without)


def mutants_of(kind: SessionType, role: Role) -> Iterator[Mutant]:
    """Yield every mutant of one table, row by row."""
    machine = table(kind, role)
    for row in machine.rows:
        yield Mutant(kind, role, f"{row.id} drop", without=(row.id,))
        for fault, changed in _faults(row, machine.states):
            yield Mutant(kind, role, f"{row.id} {fault}", changed=(changed,))
    for cell in machine.cells.values():
        guarded = [decision for decision in cell if isinstance(decision, kernel.Row)]
        for one, other in combinations(guarded, 2):
            swapped = (replace(one, when=other.when), replace(other, when=one.when))
            yield Mutant(kind, role, f"{one.id} guard swapped with {other.id}", changed=swapped)


def _faults(row: Row, states: tuple[State, ...]) -> Iterator[tuple[str, Row]]:
    for state in states:
        if state is not row.target:
            yield f"retarget {state.name}", replace(row, target=state)
    effects, updates = row.effects, row.updates
    for i, effect in enumerate(effects):
        yield f"lose {effect.name}", replace(row, effects=effects[:i] + effects[i + 1 :])
    for i in range(len(effects) - 1):
        swapped = (*effects[:i], effects[i + 1], effects[i], *effects[i + 2 :])
        yield f"swap {effects[i].name}, {effects[i + 1].name}", replace(row, effects=swapped)
    for fault, when in _weaker(row.when):
        yield f"guard {fault}", replace(row, when=when)
    for i, update in enumerate(updates):
        yield f"update missing {update}", replace(row, updates=updates[:i] + updates[i + 1 :])
        yield f"update twice {update}", replace(row, updates=(*updates[:i], update, *updates[i:]))


def _weaker(when: Guard) -> Iterator[tuple[str, Guard]]:
    for i, comparison in enumerate(when):
        before, after = when[:i], when[i + 1 :]
        yield f"without {comparison}", before + after
        yield f"negated {comparison}", (*before, replace(comparison, at_least=not comparison.at_least), *after)
        yield from ((f"shifted to {moved}", (*before, moved, *after)) for moved in _shifted(comparison))


def _shifted(comparison: Comparison) -> Iterator[Comparison]:
    if not isinstance(comparison.threshold, Threshold):
        for threshold in (comparison.threshold - 1, comparison.threshold + 1):
            yield replace(comparison, threshold=threshold)

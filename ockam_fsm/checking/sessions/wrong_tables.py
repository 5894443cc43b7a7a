"""Wrong tables, for the known-bad machines (`known_bad.py`): edits of the real ones.

Rule 1: an edit changes one rule of a table. A table without that rule stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ockam_fsm.kernel.machine import Row
from ockam_fsm.machines.parts import ASK, EMPTIED, LEAVE, Effects
from ockam_fsm.machines.session import SessionMachine
from ockam_fsm.machines.vocabulary import Effect, Event, State


def without_effect(machine: SessionMachine, name: str, *effects: Effect) -> SessionMachine:
    """Return the machine with these effects removed from every row."""
    changed = [
        replace(row, effects=tuple(effect for effect in row.effects if effect not in effects))
        for row in machine.rows
        if set(effects) & set(row.effects)
    ]
    return machine.with_rows(f"{name} {machine.name}", *changed)


def with_row(machine: SessionMachine, name: str, row_id: str, target: State, effects: Effects) -> SessionMachine:
    """Return the machine with another target and other effects in one row."""
    row: Row[State, Event, Effect] = next(row for row in machine.rows if row.id == row_id)
    return machine.with_rows(f"{name} {machine.name}", replace(row, target=target, effects=effects))


def restarting_at_once(machine: SessionMachine) -> SessionMachine:
    rows = {row.id for row in machine.rows}
    return with_row(machine, "retry-without-back-off", "GO7", State.RENEGOTIATING, ASK) if "GO7" in rows else machine


def renegotiating(machine: SessionMachine) -> SessionMachine:
    initiator = any(row.id == "XT1" for row in machine.rows)
    return with_row(machine, "transient-renegotiates", "TT1", State.NEGOTIATING, ASK) if initiator else machine


def overtaking(machine: SessionMachine) -> SessionMachine:
    hold = (Effect.HOLD,)
    rows = {row.id for row in machine.rows}
    return with_row(machine, "held-overtakes-reissued", "J3", State.RENEGOTIATING, hold) if "J3" in rows else machine


def deaf(machine: SessionMachine) -> SessionMachine:
    rows = {row.id for row in machine.rows}
    answer = (Effect.ANSWER_KEEPALIVE,)
    return with_row(machine, "deaf-responder", "ES3", State.ESTABLISHED, answer) if "ES3" in rows else machine


def closed_instead(name: str, *ids: str) -> Callable[[SessionMachine], SessionMachine]:
    """Return an edit after which the rows `ids` close the session."""

    def edit(machine: SessionMachine) -> SessionMachine:
        changed = [replace(row, target=State.CLOSED, effects=LEAVE, updates=EMPTIED) for row in machine.rows
                   if row.id in ids]  # fmt: skip
        return machine.with_rows(f"{name} {machine.name}", *changed)

    return edit


def surviving(machine: SessionMachine) -> SessionMachine:
    rows = {row.id: row for row in machine.rows}
    failed = rows["FW6" if "FW6" in rows else "FO6"]
    changed = [replace(rows[one], target=State.TIMED_OUT, effects=failed.effects, updates=())
               for one in ("PW1", "PO1") if one in rows]  # fmt: skip
    return machine.with_rows(f"close-is-a-failure {machine.name}", *changed)


def unsaid(machine: SessionMachine) -> SessionMachine:
    changed = [replace(row, effects=LEAVE) for row in machine.rows
               if row.event is Event.CLOSE and row.source in (State.TIMED_OUT, State.RENEGOTIATING)]  # fmt: skip
    return machine.with_rows(f"close-without-route-unsaid {machine.name}", *changed)


def uncounted(machine: SessionMachine) -> SessionMachine:
    changed = [replace(row, updates=()) for row in machine.rows if row.id == "BX1"]
    return machine.with_rows(f"uncounted-attempts {machine.name}", *changed)


def unclosable(machine: SessionMachine) -> SessionMachine:
    return machine.with_rows(f"refused-close {machine.name}", without=("ZT2",))

"""A machine as a TLA+ module: one operator per row, under the row's id, and `Decide`, which finds the row.

Rule 1: `Decide(state, event, c, max)` is the table and nothing else: the same cells, the same guards, the same order.
        Events and effects are defined by hand, in `spec/tla/SessionPair.tla`.
Rule 2: counters are a record `c`, their limits a record `max`, with the names that they have here.
Rule 3: a table uses the operators of `spec/tla/Table.tla`: Row, Ignored, Refused, BelowLimit, AtLimit, ...
Left out: the reasons of ignores and refusals have no meaning in TLA+; they are kept as strings for readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import (
    LIMIT,
    Cell,
    Change,
    Comparison,
    Decision,
    E,
    F,
    Guard,
    Machine,
    Refuse,
    Row,
    S,
    Update,
)
from ockam_fsm.projections.styling import generated, guard_text

WIDTH = 110
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MOVES = {Change.INCREMENT: "Increment", Change.DECREMENT: "Decrement"}


def module_name(name: str) -> str:
    """Return a machine's name, such as `explicit-transient initiator`, as the name of a module."""
    return "".join(word.capitalize() for word in re.split(r"[^a-zA-Z0-9]+", name))


def to_tla(machine: Machine[S, E, F], page: str, summary: str = "") -> str:
    """Return the module of `machine`; `summary` is one sentence under its name.

    Raises:
        DefinitionError: a row's id cannot be the name of an operator.
    """
    if unnameable := [row.id for row in machine.rows if not _NAME.fullmatch(row.id)]:
        raise DefinitionError(machine.name, [f"the row id {row_id!r} is not a name in TLA+" for row_id in unnameable])
    heading = f" MODULE {module_name(machine.name)} "
    lines = [
        generated(page),
        heading.center(WIDTH, "-"),
        *comment(machine.name + (f": {summary}" if summary else "")),
        "EXTENDS Table",
        "",
        f"States == {_set(machine.states)}",
        f'Initial == "{machine.initial.name}"',
        f"Final == {_set(machine.final)}",
        f"Events == {_set(machine.events)}",
        "",
        *_rows(machine),
        *comment("The one decision for an event in a state: every state and event is decided."),
        *_decide(machine),
        "=" * WIDTH,
    ]
    return "\n".join(lines) + "\n"


def tla_string(text: str) -> str:
    """Return `text` as a string of TLA+."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def comment(text: str) -> list[str]:
    """Return `text` as comment lines of at most `WIDTH` characters."""
    lines, line = [], "\\*"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH and line != "\\*":
            lines.append(line)
            line = "\\*"
        line += f" {word}"
    return [*lines, line]


def _set(members: Sequence[Enum]) -> str:
    return "{" + _wrapped([tla_string(member.name) for member in members]) + "}"


def _wrapped(words: Sequence[str], indent: int = 4) -> str:
    """Return words with commas between them, broken where a line would be too long."""
    lines, line = [], ""
    for position, word in enumerate(words):
        piece = word + (", " if position < len(words) - 1 else "")
        if line and len(line) + len(piece) > WIDTH - 2 * indent:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return f"\n{' ' * indent}".join([*lines, line])


def _rows(machine: Machine[S, E, F]) -> Iterator[str]:
    for part in machine.parts:
        rows = [decision for decision in part.decisions if isinstance(decision, Row)]
        if rows:
            yield f"{'-' * WIDTH}"
            yield from comment(part.title)
        for row in rows:
            yield ""
            yield from _row(row)
    yield "-" * WIDTH


def _row(row: Row[S, E, F]) -> Iterator[str]:
    when = f" [{guard_text(row)}]" if row.when else ""
    yield from comment(f"{row.source.name}, {row.event.name}{when}. Source: {row.cites}")
    effects = "<<" + _wrapped([tla_string(effect.name) for effect in row.effects], 8) + ">>"
    head = f'{row.id}(c, max) == Row("{row.id}", "{row.target.name}", {_counters(row.updates)},'
    gap = " " if len(head) + len(effects) < WIDTH else "\n    "
    yield f"{head}{gap}{effects})"


def _counters(updates: Sequence[Update]) -> str:
    if not updates:
        return "c"
    return f"[c EXCEPT {', '.join(map(_update, updates))}]"


def _update(update: Update) -> str:
    moved = "0" if update.change is Change.RESET else f"{_MOVES[update.change]}(@, max.{update.counter})"
    return f"!.{update.counter} = {moved}"


def _decide(machine: Machine[S, E, F]) -> Iterator[str]:
    yield "Decide(state, event, c, max) =="
    for position, state in enumerate(machine.states):
        yield f"  {'[]' if position else 'CASE'} state = {tla_string(state.name)} ->"
        found = [f"{_events(events)} ->{cell}" for cell, events in _cells(machine, state).items()]
        for place, line in enumerate(found):
            opening = "        []" if place else "     (CASE"
            yield f"{opening} {line}{')' if place == len(found) - 1 else ''}"


def _cells(machine: Machine[S, E, F], state: S) -> dict[str, list[E]]:
    """Return the decisions of a state, each with its events: those handled by a row come first."""
    events = sorted(machine.events, key=lambda event: not _handled(machine.cells[state, event]))
    found: dict[str, list[E]] = {}
    for event in events:
        found.setdefault(_cell(machine.cells[state, event]), []).append(event)
    return found


def _handled(cell: Cell[S, E, F]) -> bool:
    return any(isinstance(decision, Row) for decision in cell)


def _events(events: Sequence[Enum]) -> str:
    if len(events) == 1:
        return f"event = {tla_string(events[0].name)}"
    return "event \\in {" + _wrapped([tla_string(event.name) for event in events], 14) + "}"


def _cell(cell: Cell[S, E, F]) -> str:
    if [decision.when for decision in cell] == [()]:
        return f" {_decision(cell[0])}"
    gap = f"\n{' ' * 14}[] "
    cases = gap.join(f"{_guard(decision.when)} -> {_decision(decision)}" for decision in cell)
    return f"\n{' ' * 12}(CASE {cases})"


def _decision(decision: Decision[S, E, F]) -> str:
    if isinstance(decision, Row):
        return f"{decision.id}(c, max)"
    word = "Refused" if isinstance(decision, Refuse) else "Ignored"
    return f"{word}({tla_string(decision.because)})"


def _guard(when: Guard) -> str:
    return " /\\ ".join(map(_comparison, when)) or "TRUE"


def _comparison(one: Comparison) -> str:
    if one.threshold is LIMIT:
        return f"{'AtLimit' if one.at_least else 'BelowLimit'}(c.{one.counter}, max.{one.counter})"
    return f"c.{one.counter} {'>=' if one.at_least else '<'} {one.threshold}"


def literal(value: object) -> str:
    """Return a value in TLA+: mappings are records, tuples are sequences, frozen sets are sets."""
    match value:
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case str():
            return tla_string(value)
        case Mapping():
            return "[" + ", ".join(f"{name} |-> {literal(item)}" for name, item in value.items()) + "]"
        case tuple():
            return "<<" + ", ".join(map(literal, value)) + ">>"
        case frozenset():
            return "{" + ", ".join(sorted(map(literal, value))) + "}"
    raise TypeError(f"{value!r} has no form in TLA+")

"""The machine as a Mermaid `stateDiagram-v2`, for pages that draw it themselves.

There is one arrow for each two states, its label has one row per line; rows that stay in a state are listed in its box.
Colours are those of the kinds of states. A semicolon ends a statement of Mermaid and `#` begins an entity, so both are
written as entities; a state whose name is a word of Mermaid's grammar has another identifier and shows its name.
"""

from __future__ import annotations

import re

from ockam_fsm.kernel.machine import E, F, Machine, Row, S
from ockam_fsm.projections.styling import StateKind, generated, grouped, guard_text, state_kind

_ENTITIES = {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", '"': "#quot;", ":": "#58;", "{": "#123;", "}": "#125;"}
_PLAIN = re.compile(r"[A-Z][A-Z0-9_]*")


def to_mermaid(machine: Machine[S, E, F], page: str) -> str:
    """Return `machine` as the text of one diagram."""
    groups = grouped(machine)
    lines = [f"%% {generated(page)}", "stateDiagram-v2", "    direction TB"]
    for state in machine.states:
        # Mermaid draws the first description as the title, and the others under a line.
        stays = [_row(row) for row in groups.pop((state, state), ())]
        lines += [f"    {_identifier(state)} : {text}" for text in (mermaid_text(state.name), *stays)]
    lines.append(f"    [*] --> {_identifier(machine.initial)}")
    for (source, target), rows in groups.items():
        label = "<br/>".join(_row(row) for row in rows)
        lines.append(f"    {_identifier(source)} --> {_identifier(target)} : {label}")
    lines += [f"    {_identifier(state)} --> [*]" for state in machine.states if state in machine.final]
    return "\n".join([*lines, *_colours(machine), ""])


def mermaid_text(text: str) -> str:
    """Return `text` with every special character of Mermaid written as an entity."""
    return "".join(_ENTITIES.get(c, c) for c in " ".join(text.split()))


def _row(row: Row[S, E, F]) -> str:
    guard = f" [{guard_text(row)}]" if row.when else ""
    return mermaid_text(f"{row.id} {row.event.name}{guard}")


def _renamed(state: S) -> bool:
    # Mermaid's keywords are lower-case, and its identifiers end at a hyphen, a colon or a space.
    return not _PLAIN.fullmatch(state.name)


def _identifier(state: S) -> str:
    if not _renamed(state):
        return state.name
    return "s_" + "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in state.name)


def _colours(machine: Machine[S, E, F]) -> list[str]:
    lines = []
    for kind in StateKind:
        look, states = kind.value, [s for s in machine.states if state_kind(machine, s) is kind]
        if states:
            edge = look.paper if kind is StateKind.FINAL else look.ink
            name = kind.name.lower()
            lines.append(f"    classDef {name} fill:{look.paper},color:{look.ink},stroke:{edge}")
            lines.append(f"    class {','.join(_identifier(s) for s in states)} {name}")
    return lines

"""The machine as a printed page: the matrix of all (state, event) cells first, then every row in full.

Rule 1: the matrix has a cell for every state and event, which is handled, ignored or refused: a reader can see that
        it is complete.
Rule 2: text of the table is escaped: a reason may contain any character.
Left out: the composition. The page is the whole machine; the parts are listed with their titles and row ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum

from ockam_fsm.kernel.machine import Decision, E, F, Ignore, Machine, Row, S
from ockam_fsm.projections.styling import effects_of, generated, guard_text, meaning_of

_SPECIAL = re.compile(r"[\\`*|<>\[\]]|(?<!\w)_|_(?!\w)|~~")


def to_markdown(machine: Machine[S, E, F], page: str, summary: str = "") -> str:
    """Return the printed page of `machine`; `summary` is one sentence under its name."""
    sections = [
        f"<!-- {generated(page)} -->",
        f"# {escaped(machine.name)}",
        *([escaped(summary)] if summary else []),
        _facts(machine),
        "## Every state and event",
        "A row id: handled, with its target. *Ignored*: nothing changes; a message becomes a dead letter with this "
        "reason. *Refused*: an error for the sender, and nothing changes.",
        matrix(machine),
        "## Rows",
        rows_table(machine),
        "## Words",
        _words("State", machine.states),
        _words("Event", machine.events),
        _words("Effect", effects_of(machine)),
    ]
    return "\n\n".join(sections) + "\n"


def matrix(machine: Machine[S, E, F]) -> str:
    """Return the matrix of all cells, with events as lines and states as columns."""
    header = ["event", *(state.name for state in machine.states)]
    body = [
        [event.name, *(_cell(machine.cells[state, event], state) for state in machine.states)]
        for event in machine.events
    ]
    return markdown_table(header, body)


def rows_table(machine: Machine[S, E, F]) -> str:
    """Return every row, in the order of the table."""
    header = ["id", "source", "event", "guard", "target", "effects, in order", "updates", "cites"]
    body = [
        [
            f"**{escaped(row.id)}**",
            row.source.name,
            row.event.name,
            escaped(guard_text(row)),
            row.target.name,
            "<br>".join(effect.name for effect in row.effects),
            "<br>".join(escaped(str(update)) for update in row.updates),
            escaped(row.cites),
        ]
        for row in machine.rows
    ]
    return markdown_table(header, body)


def markdown_table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are escaped already."""
    lines = [_line(header), _line(["---"] * len(header)), *(_line(cells) for cells in body)]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """`text` on one line, so that it reads in a Markdown table as it was written."""
    return _SPECIAL.sub(lambda found: "".join(f"\\{c}" for c in found[0]), " ".join(text.split())).replace("&", "&amp;")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Iterable[Decision[S, E, F]], state: S) -> str:
    return "<br>".join(_entry(decision, state) for decision in cell)


def _entry(decision: Decision[S, E, F], state: S) -> str:
    guard = f" \\[{escaped(guard_text(decision))}\\]" if decision.when else ""
    if isinstance(decision, Row):
        target = "stays" if decision.target is state else f"→ {decision.target.name}"
        return f"**{escaped(decision.id)}**{guard} {target}"
    word = "ignored" if isinstance(decision, Ignore) else "refused"
    return f"*{word}*{guard}: {escaped(decision.because)}"


def _facts(machine: Machine[S, E, F]) -> str:
    final = ", ".join(state.name for state in machine.final) or "none"
    lines = [f"* starts in {machine.initial.name}; final: {final}"]
    for c in machine.counters:
        unlimited = ", or unlimited" if c.unlimited_allowed else ""
        lines.append(f"* counter `{c.name}` (limit {c.limit}{unlimited}): {escaped(c.meaning)}")
    for part in machine.parts:
        ids = ", ".join(escaped(d.id) for d in part.decisions if isinstance(d, Row)) or "no rows"
        lines.append(f"* part *{escaped(part.title)}*: {ids}")
    return "\n".join(lines)


def _words(kind: str, members: Sequence[Enum]) -> str:
    return markdown_table([kind.lower(), "meaning"], [[member.name, escaped(meaning_of(member))] for member in members])

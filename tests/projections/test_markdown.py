"""The printed page: a cell for every state and event, a line for every row."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from ockam_fsm.kernel.machine import Ignore, Machine, Row
from ockam_fsm.projections.markdown import escaped, matrix, rows_table, to_markdown
from tests.projections.samples import EVERY, NAMES, ODD, PAGE

AnyMachine = Machine[Any, Any, Any]


def cells(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table; a bar behind a backslash does not end one."""
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    return [[cell.strip() for cell in line] for line in (lines[0], *lines[2:])]


def read(text: str) -> str:
    """Return the text that a viewer shows for escaped text."""
    return html.unescape(re.sub(r"\\(.)", r"\1", text))


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_cell_is_handled_ignored_or_refused(machine: AnyMachine) -> None:
    head, *body = cells(matrix(machine))
    assert head == ["event", *(state.name for state in machine.states)]
    assert [line[0] for line in body] == [event.name for event in machine.events]
    for event, line in zip(machine.events, body, strict=True):
        for state, cell in zip(machine.states, line[1:], strict=True):
            for decision, entry in zip(machine.cells[state, event], cell.split("<br>"), strict=True):
                if isinstance(decision, Row):
                    assert f"**{escaped(decision.id)}**" in entry
                    assert entry.endswith("stays" if decision.target is state else decision.target.name)
                else:
                    word = "*ignored*" if isinstance(decision, Ignore) else "*refused*"
                    assert entry.startswith(word)
                    assert read(entry).endswith(" ".join(decision.because.split()))
                assert ("\\[" in entry and "\\]" in entry) >= bool(decision.when)


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_row_is_printed_in_full(machine: AnyMachine) -> None:
    _, *body = cells(rows_table(machine))
    for row, line in zip(machine.rows, body, strict=True):
        assert read(line[0]) == f"**{row.id}**"
        assert line[1:3] == [row.source.name, row.event.name]
        assert line[4] == row.target.name
        assert line[5] == "<br>".join(effect.name for effect in row.effects)
        assert read(line[7]) == row.cites


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_the_page_is_labelled_and_explains_every_word(machine: AnyMachine) -> None:
    page = to_markdown(machine, PAGE, "a | summary")
    assert page.splitlines()[0] == f"<!-- GENERATED from {PAGE}; edit the table -->"
    assert "a \\| summary" in page
    for event in machine.events:
        assert f"| {event.name} | {escaped(event.value)} |" in page
    for part in machine.parts:
        assert f"* part *{escaped(part.title)}*" in page


@pytest.mark.parametrize("text", ["a|b", "<b>", "*x*", "_x_", "`x`", "[x](y)", "a\\b", "a & b", "~~x~~", "ACCEPT_ALL"])
def test_escaped_text_reads_as_it_was_written(text: str) -> None:
    assert read(escaped(text)) == text
    assert not re.search(r"(?<!\\)[|<>*`]", escaped(text))


def test_names_with_underscores_stay_readable() -> None:
    assert escaped("TIMED_OUT and BACK_OFF") == "TIMED_OUT and BACK_OFF"
    assert "two lines" in matrix(ODD)

"""Mermaid: every line is a statement of the grammar, and no character ends one early."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ockam_fsm.kernel.machine import Machine, Row
from ockam_fsm.projections.mermaid import mermaid_text, to_mermaid
from ockam_fsm.projections.styling import guard_text
from tests.projections.samples import EVERY, NAMES, ODD, PAGE

AnyMachine = Machine[Any, Any, Any]

NAME = r"(?!(?:state|note|end|class|direction|default|as)\b)\w+"
TEXT = r"(?:[^;#:<>{}\"\n]|#\w+;|<br/>)+"
STATEMENTS = (
    rf"(\[\*\]|{NAME}) --> (\[\*\]|{NAME})( : {TEXT})?",
    rf"{NAME} : {TEXT}",
    r"direction TB",
    r"classDef [a-z_]+ fill:#[0-9A-F]{6},color:#[0-9A-F]{6},stroke:#[0-9A-F]{6}",
    rf"class {NAME}(,{NAME})* [a-z_]+",
)


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_line_is_a_statement(machine: AnyMachine) -> None:
    label, kind, *lines = to_mermaid(machine, PAGE).splitlines()
    assert label == f"%% GENERATED from {PAGE}; edit the table"
    assert kind == "stateDiagram-v2"
    for line in lines:
        assert any(re.fullmatch(statement, line.strip()) for statement in STATEMENTS), line


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_every_row_is_shown_once(machine: AnyMachine) -> None:
    labels = [line.partition(" : ")[2] for line in to_mermaid(machine, PAGE).splitlines() if " : " in line]
    shown = [entry for label in labels for entry in label.split("<br/>")]
    rows = [mermaid_text(f"{row.id} {row.event.name}{guard(row)}") for row in machine.rows]
    assert sorted(shown) == sorted([*rows, *(mermaid_text(state.name) for state in machine.states)])


def guard(row: Row[Any, Any, Any]) -> str:
    return f" [{guard_text(row)}]" if row.when else ""


def test_states_named_like_words_of_mermaid_get_another_identifier() -> None:
    text = to_mermaid(ODD, PAGE)
    assert "[*] --> s_end" in text
    assert "s_end : end" in text
    assert "s_state : state" in text


def test_entities_stand_for_marks() -> None:
    assert mermaid_text("a;b #1 <x>\ny") == "a#59;b #35;1 #lt;x#gt; y"

"""The JSON form contains the whole machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import Ignore, Machine, Refuse, Row
from ockam_fsm.projections.portable import WIDTH, document, from_json, to_json
from tests.projections.samples import EVERY, NAMES, ODD, PAGE

AnyMachine = Machine[Any, Any, Any]


def enums(machine: AnyMachine) -> tuple[Any, Any, Any]:
    effects = [effect for row in machine.rows for effect in row.effects]
    return type(machine.initial), type(machine.events[0]), type(effects[0])


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_a_machine_survives_the_round_trip(machine: AnyMachine) -> None:
    text = json.dumps(to_json(machine))
    again = from_json(json.loads(text), *enums(machine))
    assert again == machine
    assert again.states == machine.states
    assert again.cells == machine.cells


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_a_reader_without_the_enumerations_gets_the_same_table(machine: AnyMachine) -> None:
    data = to_json(machine)
    again = from_json(data)
    assert to_json(again) == data
    assert type(again.initial) is not type(machine.initial)


@pytest.mark.parametrize("machine", EVERY, ids=NAMES)
def test_the_cells_name_the_decisions_that_apply(machine: AnyMachine) -> None:
    data = to_json(machine)
    for (state, event), cell in machine.cells.items():
        decisions = [data["decisions"][index] for index in data["cells"][state.name][event.name]]
        kinds = {Row: "row", Ignore: "ignore", Refuse: "refuse"}
        assert [d["kind"] for d in decisions] == [kinds[type(decision)] for decision in cell]
        assert [d.get("id") for d in decisions] == [getattr(decision, "id", None) for decision in cell]
        assert [d.get("because") for d in decisions] == [getattr(decision, "because", None) for decision in cell]


def test_a_changed_table_is_not_read_as_the_old_one() -> None:
    data = to_json(ODD)
    data["decisions"][0]["effects"] = []
    assert from_json(data, *enums(ODD)) != ODD


def test_a_wrong_table_cannot_be_read() -> None:
    data = to_json(ODD)
    data["decisions"][1]["id"] = data["decisions"][0]["id"]
    with pytest.raises(DefinitionError, match="is the id of two rows"):
        from_json(data)


def test_the_file_is_labelled_and_has_one_decision_per_line() -> None:
    text = document(EVERY, PAGE)
    data = json.loads(text)
    assert data["generated"] == f"GENERATED from {PAGE}; edit the table"
    assert [machine["name"] for machine in data["machines"]] == NAMES
    rows = [line for line in text.splitlines() if '"kind": "row"' in line]
    short = [row for row in rows if len(row) <= WIDTH]
    assert len(short) > len(rows) / 2
    assert all(json.loads(row.strip().rstrip(","))["kind"] == "row" for row in short if row.strip()[0] == "{")

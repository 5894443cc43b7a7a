"""`ockam-fsm show`: one machine, in every form."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.app import OK, USAGE
from ockam_fsm.kernel.machine import Ignore, Refuse
from ockam_fsm.machines import MACHINES, TYPES
from ockam_fsm.projections.portable import from_json, to_json

RUN = CliRunner()
TYPE = "explicit-transient"


def shown(*arguments: str) -> str:
    result = RUN.invoke(app, ["show", *arguments])
    assert result.exit_code == OK, result.stderr
    return result.stdout


@pytest.mark.parametrize("form", ["table", "dot", "mermaid", "scxml", "json"])
@pytest.mark.parametrize("machine", MACHINES, ids=[m.name for m in MACHINES])
def test_every_row_id_is_in_every_form(machine: type, form: str) -> None:
    text = shown(machine.name, "--format", form)  # type: ignore[attr-defined]
    for row in machine.rows:  # type: ignore[attr-defined]
        assert row.id in text


def test_a_table_has_ignored_and_refused_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    machine = next(m for m in MACHINES if m.name == "spawner")
    text = shown("spawner")
    for decision in machine.decisions():
        if isinstance(decision, Ignore | Refuse):
            assert decision.because in text
    assert "\x1b" not in text


def test_both_roles_are_shown_unless_one_is_chosen() -> None:
    both, one = shown(TYPE), shown(TYPE, "--role", "responder")
    assert f"{TYPE} initiator" in both
    assert f"{TYPE} responder" in both
    assert f"{TYPE} initiator" not in one
    assert "initiator IDLE" in shown(TYPE, "--format", "dot")
    assert "initiator IDLE" not in shown(TYPE, "--format", "dot", "--role", "initiator")


def test_json_is_the_machine() -> None:
    data = json.loads(shown(TYPE, "--json"))
    assert [to_json(from_json(m)) for m in data["machines"]] == data["machines"]
    assert [m["name"] for m in data["machines"]] == [f"{TYPE} initiator", f"{TYPE} responder"]


@pytest.mark.slow
def test_a_picture_is_drawn_without_any_system_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    root = ElementTree.fromstring(shown(TYPE, "--format", "svg").encode())
    assert root.tag.endswith("svg")


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "machine.md"
    result = RUN.invoke(app, ["show", "spawner", "--output", str(file)])
    assert (result.exit_code, result.stdout) == (OK, "")
    assert file.name in result.stderr
    assert "## Every state and event" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["show", "spawner", "--output", str(tmp_path / "no" / "file")])
    assert result.exit_code == USAGE
    assert "cannot write" in result.stderr
    assert "--output" in result.stderr


def test_an_error_for_an_unknown_type_suggests_and_lists_types() -> None:
    result = RUN.invoke(app, ["show", "explicit-transcient"])
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert "Did you mean explicit-transient?" in result.stderr
    assert all(session_type.name in result.stderr for session_type in TYPES)
    assert "Did you mean" not in RUN.invoke(app, ["show", "zzz"]).stderr


def test_a_form_for_one_machine_requires_a_role() -> None:
    result = RUN.invoke(app, ["show", TYPE, "--format", "mermaid"])
    assert result.exit_code == USAGE
    assert "Add --role initiator" in result.stderr


def test_a_single_machine_has_no_role() -> None:
    result = RUN.invoke(app, ["show", "spawner", "--role", "initiator"])
    assert result.exit_code == USAGE
    assert "Leave out --role" in result.stderr

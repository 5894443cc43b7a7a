"""`ockam-fsm export`: a session type for other tools."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.app import OK, USAGE
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import SessionType
from tests.test_spec import ROOT

run = partial(CliRunner().invoke, app)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_exported_models_equal_the_specification(kind: object) -> None:
    name = str(getattr(kind, "name", ""))
    result = run(["export", name, "--to", "promela"])
    assert result.exit_code == OK
    assert result.stdout == (ROOT / "spec" / "promela" / f"{name}.pml").read_text()


def test_json_and_scxml_equal_the_output_of_show(tmp_path: Path) -> None:
    exported = run(["export", "explicit-transient", "--to", "json"]).stdout
    assert exported == run(["show", "explicit-transient", "--format", "json"]).stdout
    assert len(json.loads(exported)["machines"]) == 2
    path = tmp_path / "one.scxml"
    assert (
        run(["export", "explicit-transient", "--to", "scxml", "--role", "responder", "--output", str(path)]).exit_code
        == OK
    )
    assert "<scxml" in path.read_text()


def test_both_sides_of_a_type_are_exported_in_every_form() -> None:
    scxml = run(["export", "explicit-transient", "--to", "scxml"]).stdout
    assert scxml == run(["show", "explicit-transient", "--format", "scxml"]).stdout
    assert scxml.count("<invoke") == 2
    tables = run(["export", "explicit-transient", "--to", "tla"]).stdout
    assert [line.strip("- ") for line in tables.splitlines() if " MODULE " in line] == [
        "MODULE ExplicitTransientInitiator",
        "MODULE ExplicitTransientResponder",
    ]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_folder_has_every_module_that_its_model_needs(kind: SessionType, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert run(["export", kind.name, "--to", "tla", "--output", str(folder)]).exit_code == OK
    written = {path.name: path.read_text() for path in folder.iterdir()}
    specification = {path.name: path for path in (ROOT / "spec" / "tla").rglob("*") if path.is_file()}
    assert all(text == specification[name].read_text() for name, text in written.items())
    needed = {
        name for text in written.values() for name in re.findall(r"(?:EXTENDS|INSTANCE|,) (\w+)(?=,|$)", text, re.M)
    }
    assert {f"{name}.tla" for name in needed} & specification.keys() <= written.keys()
    assert any(name.endswith(".cfg") for name in written)


def test_an_exported_module_equals_the_specification() -> None:
    result = run(["export", "explicit-transient", "--to", "tla", "--role", "responder"])
    assert result.stdout == (ROOT / "spec" / "tla" / "tables" / "ExplicitTransientResponder.tla").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explicit-transeint", "--to", "promela"], "Did you mean explicit-transient?"),
        (["explicit-transient", "--to", "promela", "--role", "responder"], "both ends"),
        (["explicit-transient", "--to", "tla", "--output", "/nowhere/at/all"], "Choose another path"),
        (["explicit-transient", "--to", "promela", "--output", "/nowhere/at/all"], "Choose another path"),
        (["explicit-transient", "--to", "cobol"], "promela"),
    ],
)
def test_wrong_usage_lists_the_options(arguments: list[str], told: str) -> None:
    result = run(["export", *arguments])
    assert result.exit_code == USAGE
    assert told in result.stderr

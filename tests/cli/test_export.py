"""`ockam-fsm export`: a session type for other tools."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.app import OK, USAGE
from ockam_fsm.machines.session import TYPES
from tests.test_spec import ROOT

run = partial(CliRunner().invoke, app)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_the_models_are_those_of_the_specification(kind: object) -> None:
    name = str(getattr(kind, "name", ""))
    result = run(["export", name, "--to", "promela"])
    assert result.exit_code == OK
    assert result.stdout == (ROOT / "spec" / "promela" / f"{name}.pml").read_text()


def test_json_and_scxml_are_those_of_show(tmp_path: Path) -> None:
    exported = run(["export", "explicit-transient", "--to", "json"]).stdout
    assert exported == run(["show", "explicit-transient", "--format", "json"]).stdout
    assert len(json.loads(exported)["machines"]) == 2
    path = tmp_path / "one.scxml"
    assert (
        run(["export", "explicit-transient", "--to", "scxml", "--role", "responder", "--output", str(path)]).exit_code
        == OK
    )
    assert "<scxml" in path.read_text()


def test_a_module_is_that_of_the_specification() -> None:
    result = run(["export", "explicit-transient", "--to", "tla", "--role", "responder"])
    assert result.stdout == (ROOT / "spec" / "tla" / "tables" / "ExplicitTransientResponder.tla").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explicit-transeint", "--to", "promela"], "Did you mean explicit-transient?"),
        (["explicit-transient", "--to", "promela", "--role", "responder"], "both ends"),
        (["explicit-transient", "--to", "scxml"], "--role initiator"),
        (["explicit-transient", "--to", "tla"], "--role initiator"),
        (["explicit-transient", "--to", "promela", "--output", "/nowhere/at/all"], "Choose another file"),
        (["explicit-transient", "--to", "cobol"], "promela"),
    ],
)
def test_a_wrong_wish_is_answered_with_the_options(arguments: list[str], told: str) -> None:
    result = run(["export", *arguments])
    assert result.exit_code == USAGE
    assert told in result.stderr

"""`ockam-fsm simulate`: figures, exit codes, traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.machines.session import TYPES
from ockam_fsm.simulation import runs, workload
from ockam_fsm.simulation.monitors import Broken
from ockam_fsm.simulation.runs import SimulationOutcome

RUN = ["simulate", "--type", "explicit-transient", "--steps", "300"]


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_one_type_as_json() -> None:
    result = invoke(*RUN, "--seed", "3", "--runs", "2", "--faults", "drop,reset", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [(run["type"], run["seed"]) for run in told["runs"]] == [
        ("explicit-transient", 3),
        ("explicit-transient", 4),
    ]
    assert {"there", "back"} == told["runs"][0]["delivery"].keys()


@pytest.mark.parametrize("profile", ["generation", "ockam"])
def test_all_types_as_a_table(profile: str) -> None:
    result = invoke("simulate", "--steps", "100", "--faults", "none", "--profile", profile)
    assert result.exit_code == 0
    missing = [kind.name for kind in TYPES if kind.name not in result.stdout]
    assert all("two-sided" in name for name in missing) and bool(missing) is (profile == "ockam")  # noqa: PT018


def test_a_session_over_another() -> None:
    arguments = ("simulate", "--over", "implicit-transient", "--steps", "100")
    rows = json.loads(invoke(*arguments, "--json").stdout)["runs"]
    assert [row["type"] for row in rows] == [kind.name for kind in TYPES if "two-sided" not in kind.name]
    assert {row["over"] for row in rows} == {"implicit-transient"}
    assert "explicit-transient over implicit-transient" in invoke(*arguments).stdout


def test_a_trace_of_layers_is_replayed_and_is_a_behaviour_of_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    arguments = ("--type", "explicit-persistent-one-sided", "--over", "implicit-transient")
    assert invoke("simulate", *arguments, "--steps", "500", "--trace", str(path)).exit_code == 0
    assert invoke("replay", str(path)).exit_code == 0
    assert invoke("validate", str(path)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--type", "explicit-transeint"], "Did you mean explicit-transient?"),
        (["--faults", "drap"], "Did you mean drop?"),
        (["--profile", "noise"], "ockam, generation"),
        (["--type", "explicit-persistent-two-sided", "--profile", "ockam"], "needs generations"),
        (["--over", "implicit-transeint"], "Did you mean implicit-transient?"),
        (["--over", "explicit-persistent-two-sided"], "explicit-persistent-two-sided is two-sided"),
        (["--over", "implicit-transient", "--type", "implicit-persistent-two-sided"], "is two-sided"),
        (["--over", "implicit-transient", "--profile", "ockam"], "carries no routes"),
    ],
)
def test_an_unknown_value_is_an_error_with_the_options(arguments: list[str], told: str) -> None:
    result = invoke("simulate", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_broken_property_is_exit_code_1_and_its_trace_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def judge(self: Any, *args: Any) -> None:
        raise Broken("S0", "by order of the test")

    monkeypatch.setattr(workload.Simulation, "account", judge)
    path = tmp_path / "trace.jsonl"
    result = invoke(*RUN, "--trace", str(path))
    assert result.exit_code == 1
    assert "S0 does not hold: by order of the test" in result.stderr
    assert json.loads(path.read_text().splitlines()[-1])["broken"] == "S0"
    result = invoke(*RUN, "--trace", str(tmp_path / "no folder" / "x"))
    assert result.exit_code == 2


def test_a_trace_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    runs.write_trace(workload.Setup(TYPES[0], 1), 200, path)
    assert invoke("replay", str(path)).exit_code == 0
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-2]) + "\n")
    result = invoke("replay", str(path))
    assert result.exit_code == 1
    assert f"line {len(lines) - 1} differs" in result.stdout


@pytest.mark.parametrize("content", ["", "no JSON", "{}", "[]", '{"type": "nope", "seed": 0}'])
def test_a_file_that_is_no_trace_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(content)
    result = invoke("replay", str(path))
    assert result.exit_code == 2
    assert "is not a trace" in result.stderr
    assert invoke("replay", str(tmp_path / "nowhere")).exit_code == 2


def test_simulate_returns_an_outcome() -> None:
    outcome = runs.simulate(workload.Setup(TYPES[0]), 100)
    assert isinstance(outcome, SimulationOutcome)
    assert outcome.steps >= 100

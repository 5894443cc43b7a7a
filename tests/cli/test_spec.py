"""`ockam-fsm spec`: errors before a run, and differences after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli import spec as command
from ockam_fsm.cli.shared.pins import MANIFEST
from ockam_fsm.tools.tlc import TlcError, TlcResult

HOLDS = TlcResult("PROVED", "", 935, 5068, None, (), 1.0, 180)
AS_PINNED = {"name": "MCExplicitTransient", "verdict": "PROVED", "states": 935, "transitions": 5068, "steps": None}
OF_ANOTHER = {"name": "explicit-transient:lossy", "states": 935}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "spec" / "tla").mkdir(parents=True)
    (tmp_path / MANIFEST).write_text(json.dumps({"worlds": [OF_ANOTHER], "tlc": [AS_PINNED]}))
    monkeypatch.setattr(command, "require", lambda: ("java", Path()))
    monkeypatch.setattr(command, "run", lambda model, folder, threads: HOLDS)
    return tmp_path


def invoked(root: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["spec", "--root", str(root), "--workers", "1", *arguments])


def test_as_pinned(root: Path) -> None:
    result = invoked(root, "MCExplicitTransient")
    assert result.exit_code == 0, result.output
    assert "MCExplicitTransient" in result.stdout
    assert "NOT AS PINNED" not in result.stdout


def test_another_count_differs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = TlcResult("PROVED", "", 934, 5068, None, (), 1.0, 180)
    monkeypatch.setattr(command, "run", lambda model, folder, threads: other)
    result = invoked(root, "MCExplicitTransient")
    assert result.exit_code == 1
    assert "NOT AS PINNED" in result.stdout
    assert result.stderr == "not as pinned: MCExplicitTransient: states 934, pinned 935\n"
    assert json.loads(invoked(root, "MCExplicitTransient", "--json").stdout)["differing"] == ["MCExplicitTransient"]


def test_a_model_without_a_pin_differs(root: Path) -> None:
    result = invoked(root, "MCImplicitTransient")
    assert (result.exit_code, result.stderr) == (1, "not as pinned: MCImplicitTransient: it has no pin\n")


@pytest.mark.parametrize(("most", "ran"), [("934", []), ("935", ["MCExplicitTransient"])])
def test_models_with_more_states_are_left_out(root: Path, most: str, ran: list[str]) -> None:
    result = invoked(root, "MCExplicitTransient", "--up-to", most, "--json")
    assert [entry["name"] for entry in json.loads(result.stdout)["models"]] == ran


@pytest.mark.parametrize(
    ("names", "workers", "expected"),
    [(["MCNode"], 4, [4]), (["MCNeverReap"], 4, [1]), (["MCNode", "MCRequestFails"], 4, [1, 1])],
)
def test_a_thread_for_each_model(names: list[str], workers: int, expected: list[int], tmp_path: Path) -> None:
    assert [job.threads for job in command._jobs(names, tmp_path, workers)] == expected


def test_a_model_without_verdict_ends_the_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(model: Path, folder: Path, threads: int) -> None:
        raise TlcError("TLC has no verdict.", "Run it by hand.")

    monkeypatch.setattr(command, "run", undecided)
    result = invoked(root, "MCExplicitTransient")
    assert (result.exit_code, "Run it by hand." in result.stderr) == (2, True)


def test_results_are_pinned(root: Path) -> None:
    (root / MANIFEST).unlink()
    missing = invoked(root, "MCExplicitTransient")
    assert (missing.exit_code, "has no section 'tlc'" in missing.stderr) == (2, True)
    assert invoked(root, "--pin").exit_code == 0
    manifest = json.loads((root / MANIFEST).read_text())
    assert manifest["tlc"][0] == AS_PINNED
    assert len(manifest["tlc"]) > 30


def test_other_sections_are_kept(root: Path) -> None:
    assert invoked(root, "--pin").exit_code == 0
    text = (root / MANIFEST).read_text()
    assert json.loads(text)["worlds"] == [OF_ANOTHER]
    assert invoked(root, "--pin").exit_code == 0
    assert (root / MANIFEST).read_text() == text


@pytest.mark.parametrize("text", ["{", "[]", '{"packages": {}}'])
def test_a_file_that_is_no_manifest_is_not_overwritten(root: Path, text: str) -> None:
    (root / MANIFEST).write_text(text)
    result = invoked(root, "--pin")
    assert (result.exit_code, "is not a manifest" in result.stderr) == (2, True)
    assert (root / MANIFEST).read_text() == text


def test_only_a_shortest_counterexample_has_a_length() -> None:
    lasso = command._entry("MC", TlcResult("REFUTED", "temporal", 812, 2107, 4, ("Init", "Next"), 1.0, 180))
    assert (lasso["steps"], lasso["trace"], lasso["states"]) == (None, [], None)
    short = command._entry("MC", TlcResult("REFUTED", "step", 20, 24, 4, ("Init", "Next"), 1.0, 180))
    assert (short["steps"], short["trace"], short["states"]) == (4, ["Init", "Next"], None)


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["MCNothing"], "there is no model 'MCNothing'"),
        (["MCExplicitTransient", "--pin"], "--pin needs a complete run"),
        (["--up-to", "20000", "--pin"], "--pin needs a complete run"),
    ],
)
def test_wrong_usage(root: Path, arguments: list[str], fact: str) -> None:
    result = invoked(root, *arguments)
    assert result.exit_code == 2
    assert fact in result.stderr


def test_a_folder_without_specification_is_an_error(tmp_path: Path) -> None:
    result = invoked(tmp_path)
    assert result.exit_code == 2
    assert "has no spec/tla" in result.stderr


def test_without_tlc_the_error_has_a_remedy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise TlcError("There is no Java.", "Install one.")

    monkeypatch.setattr(command, "require", missing)
    result = invoked(root)
    assert result.exit_code == 2
    assert "Install one." in result.stderr

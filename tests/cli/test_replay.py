"""`ockam-fsm replay` of a path; replaying the trace of a simulation is tested with `simulate`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.cli import app
from ockam_fsm.cli.app import OK, USAGE

WORLD = "explicit-transient:lossy"
OWN = "tests.cli.own_worlds:WORLD"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def invoke(*arguments: str) -> Any:  # typer's runner has no public name for it
    return CliRunner().invoke(app, ["replay", *arguments])


def as_json(*arguments: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(invoke(*arguments, "--json").stdout)
    return data


def test_each_step_has_its_action_and_the_resulting_state() -> None:
    result = invoke(WORLD, "0/0")
    assert result.exit_code == OK
    lines = result.stdout.splitlines()
    assert lines[:7] == [
        "  0. start",
        "     initiator: IDLE",
        "     responder: no session",
        "  1. initiator: order open",
        "     initiator: NEGOTIATING (attempt 1i); timers: negotiation",
        "     responder: no session",
        "     in flight: hello 1i to responder",
    ]
    assert "       0  deliver answer 1i from responder to initiator" in lines
    assert "hello 1i ────▶│" in result.stdout


def test_a_handler_that_raises_is_exit_code_2() -> None:
    result = invoke("--from", "tests.cli.own_worlds:exiting", "0/0")
    assert result.exit_code == USAGE
    assert "actor counter" in result.stderr
    assert "it ended the program with exit code 0" in result.stderr


def test_an_empty_path_is_the_initial_state() -> None:
    assert [moment["chosen"] for moment in as_json(WORLD)["moments"]] == [None]


def test_choices_are_listed_at_every_step_and_the_chosen_one_is_marked() -> None:
    result = invoke(WORLD, "0/1", "--choices")
    assert "   >   0  initiator: order open" in result.stdout
    assert "   >   1  initiator: timer negotiation fires" in result.stdout
    assert "       0  deliver hello 1i from initiator to responder" in result.stdout


def test_a_state_without_enabled_actions_is_reported() -> None:
    result = invoke(WORLD, "0", "--bound", "attempts=1", "--bound", "initiator.open=0")
    assert result.exit_code == USAGE
    assert "action 0 is not among the 0 that are enabled here" in result.stderr
    assert "no action is enabled" in invoke(WORLD, "--bound", "initiator.open=0").stdout


def test_json_has_every_moment() -> None:
    found = as_json(WORLD, "0/0")
    assert (found["world"], found["path"], found["bounds"]["in_flight"]) == (WORLD, "0/0", 2)
    assert [moment["chosen"] for moment in found["moments"]] == [0, 0, None]
    last = found["moments"][-1]
    assert last["in_flight"] == [{"from": "responder", "to": "initiator", "message": "answer 1i"}]
    assert last["timers"]["initiator"] == ["negotiation"]
    assert last["enabled"][0] == {
        "index": 0, "label": "deliver answer 1i from responder to initiator", "kind": "system",
    }  # fmt: skip


def test_the_chart_is_written_as_svg(tmp_path: Path) -> None:
    file = tmp_path / "run.svg"
    assert invoke("no-generation", "0/0/1/1/1", "--svg", str(file)).exit_code == OK
    words = [element.text for element in ElementTree.fromstring(file.read_text()).iter() if element.text]
    assert "answer 1i" in words
    assert invoke(WORLD, "0", "--svg", str(tmp_path / "no" / "run.svg")).exit_code == USAGE


def test_a_users_world_is_replayed() -> None:
    result = invoke("--from", OWN, "0")
    assert result.exit_code == OK
    assert "in flight: one more to counter" in result.stdout
    assert "cut the link from asker to counter" in result.stdout
    index = next(c["index"] for c in as_json("--from", OWN)["moments"][0]["enabled"] if c["label"].startswith("cut"))
    assert "cut: " in invoke("--from", OWN, str(index)).stdout


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ((WORLD, "0/x"), "'0/x' is not a path"),
        ((WORLD, "0/77"), "action 77 is not among"),
        (("explicit-transient:losy", "0"), "Did you mean explicit-transient:lossy?"),
        ((), "there is nothing to replay"),
        (("explicit-transient:losy",), "cannot read explicit-transient:losy"),
        ((WORLD, "0", "--bound", "nonsense=1"), "there is no bound 'nonsense'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], fact: str) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert fact in result.stderr


@pytest.mark.parametrize("world", all_worlds(), ids=lambda world: world.name)
def test_the_first_steps_of_every_world_can_be_shown(world: Any) -> None:
    assert invoke(world.name, "0/0/0").exit_code == OK

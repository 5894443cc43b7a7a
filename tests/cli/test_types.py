"""`ockam-fsm types`, and the behaviour that all commands share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import COMMANDS, app, types
from ockam_fsm.cli.app import MOST_LISTED, OK, USAGE, counted
from ockam_fsm.cli.shared.world_index import shipped
from ockam_fsm.machines import MACHINES, TYPES

RUN = CliRunner()


def test_types_lists_every_type_and_machine() -> None:
    result = RUN.invoke(app, ["types"])
    assert result.exit_code == OK
    for session_type in TYPES:
        assert session_type.name in result.stdout
    assert "spawner" in result.stdout


def test_types_as_json_has_the_dimensions_and_the_sizes() -> None:
    result = RUN.invoke(app, ["types", "--json"])
    data = json.loads(result.stdout)
    assert [entry["name"] for entry in data["types"]] == [session_type.name for session_type in TYPES]
    first = data["types"][0]
    assert (first["creation"], first["lifetime"], first["renegotiation"]) == ("explicit", "transient", "none")
    named = [machine["name"] for entry in data["types"] for machine in entry["machines"]]
    assert named + [entry["name"] for entry in data["others"]] == [machine.name for machine in MACHINES]


def test_the_version_is_printed() -> None:
    result = RUN.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (OK, f"ockam-fsm {version('ockam-fsm')}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_examples(command: str) -> None:
    result = RUN.invoke(app, [command, "--help"])
    assert result.exit_code == OK
    assert "Examples" in result.stdout
    assert f"ockam-fsm {command}" in result.stdout


def test_every_command_is_in_the_help() -> None:
    result = RUN.invoke(app, ["--help"])
    assert all(command in result.stdout for command in COMMANDS)


def test_wrong_usage_is_2_and_goes_to_standard_error() -> None:
    for arguments in (["nonsense"], ["types", "--nonsense"], ["show"]):
        result = RUN.invoke(app, arguments)
        assert (result.exit_code, result.stdout) == (USAGE, "")
        assert result.stderr


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["types", "--nonsense"], "No such option: --nonsense"),
        (["show"], "Missing argument 'TYPE'."),
        (["check", "no-generation", "--workers", "0"], "'--workers'"),
        (["show", "no-such-type"], "there is no type 'no-such-type'."),
        (["send", "tcp://127.0.0.1/echo", "x"], "HOST:PORT"),
        (["replay", "no-generation", "99"], "99"),
    ],
)
def test_errors_are_json_with_the_option_json(arguments: list[str], fact: str) -> None:
    result = RUN.invoke(app, [*arguments, "--json"])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (USAGE, "", 1)
    error = json.loads(result.stderr)
    assert (fact in error["error"], error["exit_code"]) == (True, USAGE)
    assert error["remedy"]
    assert not RUN.invoke(app, arguments).stderr.startswith("{")  # --json affects only its own call


def test_a_long_list_of_names_is_truncated_with_the_command_for_the_rest() -> None:
    known = RUN.invoke(app, ["check", "nonsense"]).stderr.splitlines()[1]
    assert known.startswith(f"Known: all, {TYPES[0].name}, ")
    assert known.count(", ") == MOST_LISTED - 1
    assert "more (ockam-fsm types --worlds lists them)" in known
    listed = RUN.invoke(app, ["types", "--worlds"]).stdout.splitlines()
    assert {line.split()[0] for line in listed} == set(shipped())
    assert f"{listed[-1].split()[0]}  # known-bad" in listed[-1]
    data = json.loads(RUN.invoke(app, ["types", "--worlds", "--json"]).stdout)
    assert [*data["worlds"], *data["known_bad"]] == list(shipped())


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(types, "catalogue", interrupted)
    assert RUN.invoke(app, ["types"]).exit_code == 130


@pytest.mark.slow
def test_the_program_itself_runs_without_colours_when_piped() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS")}
    done = subprocess.run(
        [sys.executable, "-m", "ockam_fsm.cli", "show", "no-such-type"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr.startswith("error: there is no type 'no-such-type'.")
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_imports_no_module_of_another_command() -> None:
    program = (
        "import atexit, sys; from ockam_fsm.cli import main; sys.argv[1:] = ['types']\n"
        "atexit.register(lambda: print(*(name for name in sys.modules if name.startswith('ockam_fsm.cli'))))\n"
        "main()"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    imported = set(shown.splitlines()[-1].split())
    assert {f"ockam_fsm.cli.{command}" for command in COMMANDS} & imported == {"ockam_fsm.cli.types"}


@pytest.mark.parametrize(("number", "text"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (3630, "3,630 steps")])
def test_counted_nouns(number: int, text: str) -> None:
    assert counted(number, "step") == text

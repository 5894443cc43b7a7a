"""Long commands in a real process: Ctrl-C keeps what was found until then, and a pipe sees that they run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.cli.shared import long_runs
from ockam_fsm.cli.shared.streams import OutputLost

PROCESS = """
import signal, sys
from ockam_fsm.cli import main, spec
from ockam_fsm.cli.shared import long_runs
from ockam_fsm.tools.tlc import TlcResult

found = iter([TlcResult("PROVED", "", 1, 1, None, (), 0.1, 1)])
spec.require = lambda: None
spec.run = lambda *arguments: next(found, None) or signal.pause()
long_runs.LINE_SECONDS = 0.0
sys.argv[0] = "ockam-fsm"
main()
"""
"""The command line with a line for every report. In place of TLC there is one result, and then none."""

LONG = [
    (["simulate", "--type", "explicit-transient", "--steps", "2000", "--runs", "100000"], "run 2 of", "runs"),
    (["pipelines", "--runs", "3"], "1 of", "deliveries"),
    (["check", "all", "--workers", "2", "--limit-states", "1000"], "1 of", "worlds"),
    (["spec", "--workers", "1"], "1 of", "models"),
]
NAMES = [arguments[0] for arguments, _, _ in LONG]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROCESS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupted(arguments: list[str], said: str) -> tuple[int, str, str]:
    """Start a command, interrupt it when it says this, and return its exit code and its output."""
    with running(*arguments) as process:
        assert process.stderr is not None
        heard = next(line for line in process.stderr if line.startswith(said))
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, heard + errors


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "said", "results"), LONG, ids=NAMES)
def test_ctrl_c_keeps_what_was_found_as_json(arguments: list[str], said: str, results: str) -> None:
    code, output, errors = interrupted([*arguments, "--json"], said)
    assert code == 130
    told: dict[str, Any] = json.loads(output)
    assert told["interrupted"] is True
    assert told[results] or told.get("known_bad")
    assert "interrupted: " in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "said", "results"), LONG, ids=NAMES)
def test_ctrl_c_keeps_what_was_found_as_text(arguments: list[str], said: str, results: str) -> None:
    code, output, errors = interrupted(arguments, said)
    assert code == 130
    assert len(output.splitlines()) >= 2
    assert "interrupted: " in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_the_interrupted_run_is_reported_with_its_steps() -> None:
    arguments = ["simulate", "--type", "explicit-transient", "--steps", "1000000000", "--json"]
    code, output, _ = interrupted(arguments, "run 1 of 1")
    (run,) = json.loads(output)["runs"]
    assert code == 130
    assert 0 < run["steps"] < 1_000_000_000
    assert run["broken"] == ""


def test_a_run_that_ends_by_itself_has_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_runs, "LINE_SECONDS", 0.0)
    result = CliRunner().invoke(app, ["check", "pipe", "--json"])
    assert result.exit_code == 0
    assert "interrupted" not in json.loads(result.stdout)
    assert "done, last pipe:" in result.stderr


def test_a_short_run_says_nothing() -> None:
    result = CliRunner().invoke(app, ["simulate", "--type", "explicit-transient", "--steps", "10"])
    assert (result.exit_code, result.stderr) == (0, "")


def test_lost_output_is_no_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OutputLost), long_runs.until_interrupted():
        raise OutputLost
    assert capsys.readouterr() == ("", "")


def test_the_second_ctrl_c_ends_a_run_that_goes_on() -> None:
    with long_runs.interruption_noted() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.happened
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one must end the block")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

"""Reliable delivery through SIGKILL of every process and cut connections; the account detects wrong processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from tests.streams.kills import Account, Run
from tests.streams.processes import publish_without_memory, serve_without_suppression


def account_of(run: Run) -> Account:
    return asyncio.run(run.run())


def validated(*traces: Path) -> Any:
    """Return the result of `ockam-fsm validate` for sessions whose ends were killed."""
    allowed = ("--allow", "restart-with-state", "--allow", "restart-without-state")
    return CliRunner().invoke(app, ["validate", *map(str, traces), *allowed])


@pytest.mark.slow
def test_every_message_is_stored_once_and_processed_through_20_kills(tmp_path: Path) -> None:
    run = Run(tmp_path, kills=20, seed=1, traced=True)
    account = account_of(run)
    assert account.problems(run.count) == []
    assert sum(account.kills.values()) == 20
    assert account.figures(run.count)["reliability"] == 1.0
    near, far = run.traces["publisher"], run.traces["node"]
    assert validated(near, far).exit_code == 0, validated(near, far).stdout
    without_an_answer = tmp_path / "spoilt" / far.name
    without_an_answer.parent.mkdir()
    lines = far.read_text().splitlines(keepends=True)
    answering = next(at for at, line in enumerate(lines) if '"kind": "answer"' in line)
    without_an_answer.write_text("".join([*lines[:answering], *lines[answering + 1 :]]))
    assert validated(near, without_an_answer).exit_code == 1


@pytest.mark.nightly
def test_every_message_is_stored_once_and_processed_through_1000_kills(tmp_path: Path) -> None:
    run = Run(tmp_path, kills=1000, seed=2)
    assert account_of(run).problems(run.count) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"node": serve_without_suppression}, {"publisher": publish_without_memory}], ids=["node", "publisher"]
)
def test_a_wrong_process_is_detected(tmp_path: Path, wrong: dict[str, Any]) -> None:
    run = Run(tmp_path, kills=8, seed=3, **wrong)
    assert "messages are stored twice" in account_of(run).problems(run.count)

"""Reliable delivery through SIGKILL of every process and cut connections; and the account can tell when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.streams.kills import Account, Run
from tests.streams.processes import publish_without_memory, serve_without_suppression


def account_of(run: Run) -> Account:
    return asyncio.run(run.run())


@pytest.mark.slow
def test_every_message_is_stored_once_and_processed_through_20_kills(tmp_path: Path) -> None:
    run = Run(tmp_path, kills=20, seed=1)
    account = account_of(run)
    assert account.problems(run.count) == []
    assert sum(account.kills.values()) == 20
    assert account.figures(run.count)["reliability"] == 1.0


@pytest.mark.nightly
def test_every_message_is_stored_once_and_processed_through_1000_kills(tmp_path: Path) -> None:
    run = Run(tmp_path, kills=1000, seed=2)
    assert account_of(run).problems(run.count) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"node": serve_without_suppression}, {"publisher": publish_without_memory}], ids=["node", "publisher"]
)
def test_a_wrong_process_is_found_out(tmp_path: Path, wrong: dict[str, Callable[..., None]]) -> None:
    run = Run(tmp_path, kills=8, seed=3, **wrong)
    assert "messages are stored twice" in account_of(run).problems(run.count)

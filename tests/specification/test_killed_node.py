"""Two processes over TCP with faults between them, one of them killed: their traces are a behaviour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from tests.specification.killed_node import ALLOWED, SAMPLE, record

ALLOWING = [word for fault in ALLOWED for word in ("--allow", fault)]


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("traces")
    near, far = folder / "near.jsonl", folder / "far.jsonl"
    record(near, far)
    return [near, far]


@pytest.mark.slow
def test_the_traces_of_two_processes_are_a_behaviour(traces: list[Path]) -> None:
    result = run(*traces, *ALLOWING, "--json")
    assert result.exit_code == 0, result.stdout
    assert json.loads(result.stdout)["sessions"] == 1


@pytest.mark.slow
def test_the_traces_are_rejected_without_the_fault_restart(traces: list[Path]) -> None:
    result = run(*traces, "--allow", "duplicate", "--json")
    rejection = json.loads(result.stdout)["rejection"]
    assert result.exit_code == 1
    assert (rejection["node"], rejection["why"]) == ("far", "an end starts before its predecessor has ended")


@pytest.mark.slow
def test_a_lost_record_is_detected(traces: list[Path], tmp_path: Path) -> None:
    lines = traces[1].read_bytes().splitlines(keepends=True)
    (tmp_path / "far.jsonl").write_bytes(b"".join([*lines[:5], *lines[6:]]))
    assert run(traces[0], tmp_path / "far.jsonl", *ALLOWING).exit_code == 1


def test_the_committed_trace_has_a_restarted_responder() -> None:
    head, *records = map(json.loads, SAMPLE.read_text().splitlines())
    assert set(head["faults"]) == set(ALLOWED)
    starts = [one for one in records if one.get("event") == "start"]
    assert [one["role"] for one in starts].count("responder") >= 2
    assert {one["node"] for one in records} == {"near", "far"}

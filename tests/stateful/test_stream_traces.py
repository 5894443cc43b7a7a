"""The sessions in random runs of a publisher and its stream, under every fault, are behaviours of the specification."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from tests.stateful.stream_traces import RecordedWalk

RUNS, MOVES = 6, 150


def walked(number: int) -> RecordedWalk:
    walk = RecordedWalk()
    walk.burst(hashlib.shake_128(f"trace {number}".encode()).digest(2 * MOVES))
    return walk


def validated(trace: Path, *options: str) -> Any:
    return CliRunner().invoke(app, ["validate", str(trace), *options])


@pytest.mark.slow
def test_the_traces_of_runs_are_accepted(tmp_path: Path) -> None:
    starts = 0
    for number in range(RUNS):
        walk = walked(number)
        walk.save(trace := tmp_path / f"{number}.jsonl")
        assert validated(trace).exit_code == 0, validated(trace).stdout
        starts += sum(facts["event"] == "start" for facts in walk.records)
    assert starts > 3 * RUNS  # ends were killed


def test_a_run_without_its_first_answer_is_rejected(tmp_path: Path) -> None:
    walk = walked(0)
    answering = next(facts for facts in walk.records if any(one["kind"] == "answer" for one in facts.get("sent", ())))
    walk.records.remove(answering)
    walk.save(trace := tmp_path / "spoiled.jsonl")
    assert validated(trace).exit_code == 1


@pytest.mark.thorough
def test_tlc_accepts_the_trace_of_a_run(tmp_path: Path) -> None:
    walked(0).save(trace := tmp_path / "run.jsonl")
    found = validated(trace, "--tlc")
    assert found.exit_code == 0, found.stdout

"""Every trace of `spec/traces` has the same verdict from TLC as from the Python validator, with the same line.

Needs Java and the extra `spec`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.specification.tlc_traces import judge, parts_of
from ockam_fsm.specification.trace_validation import validate
from ockam_fsm.tools import tlc
from tests.specification.crowded import crowded
from tests.specification.killed_node import ALLOWED, record

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2] / "spec"
TRACES = sorted((ROOT / "traces").glob("*/*.jsonl"))


@pytest.fixture(scope="module")
def by_tlc() -> dict[Path, list[int | None]]:
    found: dict[Path, list[int | None]] = {trace: [] for trace in TRACES}
    for one in judge([part for trace in TRACES for part in parts_of(trace)], ROOT / "tla"):
        found[one.trace].append(one.line)
    return found


def test_two_processes_one_of_them_killed(tmp_path: Path) -> None:
    near, far = tmp_path / "near.jsonl", tmp_path / "far.jsonl"
    record(near, far)
    allowing = [word for fault in ALLOWED for word in ("--allow", fault)]
    command = ["validate", str(near), str(far), *allowing, "--tlc", "--root", str(ROOT.parent)]
    result = CliRunner().invoke(app, command)
    assert "TLC agrees: accepted" in result.stdout, result.output


def test_there_are_accepted_and_rejected_traces() -> None:
    assert {trace.parent.name for trace in TRACES} == {"accepted", "rejected"}
    assert len(TRACES) > 30


@pytest.mark.parametrize("lost", [False, True], ids=["accepted", "rejected"])
def test_many_messages_in_one_step_take_no_more_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lost: bool
) -> None:
    head, *records = crowded(60)
    most = max(records, key=lambda record: len(record.get("sent", ())))
    if lost:
        most["sent"].pop()
    trace = tmp_path / "crowded.jsonl"
    trace.write_text("".join(json.dumps(line) + "\n" for line in (head, *records)))
    monkeypatch.setattr(tlc, "STACK_KILOBYTES", 1024)
    [found] = judge(parts_of(trace), ROOT / "tla")
    with trace.open("rb") as file:
        own = validate(file).rejection
    assert found.line == (None if own is None else own.line) == (records.index(most) + 2 if lost else None)


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_tlc_finds_what_our_validator_finds(trace: Path, by_tlc: dict[Path, list[int | None]]) -> None:
    with trace.open("rb") as file:
        own = validate(file).rejection
    lines = by_tlc[trace]
    assert lines
    assert (own is None) is (trace.parent.name == "accepted")
    assert min((line for line in lines if line is not None), default=None) == (None if own is None else own.line)

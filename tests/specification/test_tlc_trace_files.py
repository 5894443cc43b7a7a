"""Traces as TLA+ models, and the evaluation of TLC's output. TLC itself validates them in `make test-all`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.projections.tla import literal
from ockam_fsm.specification.tlc_traces import Unjudged, judge, parts_of
from ockam_fsm.tools import tlc
from ockam_fsm.tools.tlc import TlcResult

ROOT = Path(__file__).parents[2]
LIFE = ROOT / "spec" / "traces" / "accepted" / "life.jsonl"
GAP = ROOT / "spec" / "traces" / "rejected" / "sequence-gap.jsonl"
RECORDS = len(LIFE.read_text().splitlines()) - 1
FOUND = json.loads(GAP.read_text().splitlines()[0])["line"]
"""The line that must be reported; the header and the records before it are explained."""


def explaining(*furthest: int) -> Callable[..., TlcResult]:
    """Return a fake TLC that explains this many records of each trace and keeps its model."""

    def run(model: Path, root: Path) -> TlcResult:
        run.text = model.read_text()  # type: ignore[attr-defined]
        run.cfg = model.with_suffix(".cfg").read_text()  # type: ignore[attr-defined]
        lines = [
            f'<<"explained", {which}, {line}>>' for which, many in enumerate(furthest, 1) for line in range(1, many + 1)
        ]
        return TlcResult("PROVED", "", 1, 0, None, (), 0.1, 1, "\n".join(lines))

    return run


def test_a_literal_of_tla() -> None:
    value = {"a": (1, True), "b": frozenset({"y", "x"}), "c": 'say "hi"'}
    assert literal(value) == '[a |-> <<1, TRUE>>, b |-> {"x", "y"}, c |-> "say \\"hi\\""]'
    with pytest.raises(TypeError, match="no form in TLA"):
        literal(1.5)


def test_the_last_explained_record_is_the_furthest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = explaining(RECORDS, FOUND - 2)
    monkeypatch.setattr(tlc, "run", run)
    life, gap = judge([*parts_of(LIFE), *parts_of(GAP)], ROOT / "spec" / "tla")
    assert (life.trace, life.line) == (LIFE, None)
    assert (gap.trace, gap.line) == (GAP, FOUND)
    text, cfg = run.text, run.cfg  # type: ignore[attr-defined]
    assert text.count("[faults |-> {}, off |-> [responder |-> {}, initiator |-> {}], records |-> <<") == 2
    assert 'event |-> "RENEGOTIATE"' in text
    assert 'TheNodes == {"a", "b"}' in text
    assert "    Traces <- TheTraces\n" in cfg
    assert "    Spawned <- NeverSpawned\n" in cfg


def test_a_message_for_another_session_is_not_validated(tmp_path: Path) -> None:
    lines = LIFE.read_text().splitlines(keepends=True)
    found: dict[str, Any] = json.loads(lines[5])
    found["message"]["session"] = "another"
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join([*lines[:5], json.dumps(found) + "\n", *lines[6:]]))
    with pytest.raises(Unjudged, match="another session"):
        list(parts_of(trace))


@pytest.mark.parametrize(
    ("trace", "explained", "code", "says"),
    [
        (LIFE, RECORDS, 0, "TLC agrees: accepted"),
        (GAP, FOUND - 2, 1, "TLC agrees: rejected at the same line"),
        (LIFE, 9, 2, "TLC rejects line 11, ockam-fsm line none"),
    ],
)
def test_validate_runs_tlc(monkeypatch: pytest.MonkeyPatch, trace: Path, explained: int, code: int, says: str) -> None:
    monkeypatch.setattr(tlc, "run", explaining(explained))
    result = CliRunner().invoke(app, ["validate", "--tlc", str(trace)])
    assert (result.exit_code, says in result.output) == (code, True), result.output

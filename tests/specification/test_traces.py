"""Runs of the simulator are behaviours of the specification; seeded defects, wrong machines and malformed lines are
not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.checking.known_bad import Checker
from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.cli import app
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime import trace_recorder
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Keepalive
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.simulation import monitors, runs, workload
from ockam_fsm.simulation.monitors import WatchedSession
from ockam_fsm.specification.trace_reading import FORMAT, MAX_LINE_BYTES, VERSION, TraceError
from ockam_fsm.specification.trace_validation import Validation, validate
from tests.helpers import make_initiator
from tests.simulation.test_network import setup_of
from tests.specification.defects import DEFECTS, FOLDER, Trace, files, head, life, numbered

SELDOM = {
    "unconfirmed-attempt-ends-all": (2_000, range(3)),
    "returned-responder-forgotten": (2_000, range(12, 13)),
    "withdrawn-still-held": (600, range(5, 6)),
    "deadline-fails-session": (600, range(5, 6)),
}
"""The numbers of steps and the seeds of runs in which the fault of a machine shows."""

VISIBLE = [bad for bad in wrong_sessions() if bad.is_rejected_by(Checker.TRACES)]


def judged(records: Iterable[dict[str, Any]]) -> Validation:
    return validate(json.dumps(record).encode() + b"\n" for record in records)


def simulated(setup: workload.Setup, steps: int) -> Trace:
    records: Trace = [trace_recorder.header(map(setup.settings, Role), setup.faults.rates)]
    runs.simulate(setup, steps, trace=records.append)
    return records


def line(content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


# Behaviours -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_simulated_run_under_every_fault_is_a_behaviour(kind: SessionType, seed: int) -> None:
    records = simulated(workload.Setup(kind, seed), 2_000)
    result = judged(records)
    assert result.rejection is None, (result.rejection, records[result.records])
    assert result.steps > 500


def test_every_accepted_trace_is_accepted() -> None:
    found = sorted((FOLDER / "accepted").glob("*.jsonl"))
    assert len(found) >= 3
    for path in found:
        with path.open("rb") as file:
            assert validate(file).accepted, path.name


def test_fields_that_a_trace_lacks_may_have_any_value() -> None:
    trace = [head(), *life()]
    for record in trace:
        record.pop("armed", None)
    assert judged(trace).accepted


# Defects --------------------------------------------------------------------------------------------------------------


def test_the_committed_files_are_up_to_date() -> None:
    expected = {path: content for path, content in files() if path.parent.name == "rejected"}
    assert {path.name for path in expected} == {path.name for path in (FOLDER / "rejected").glob("*.jsonl")}
    for path, content in files():
        assert path.read_text(encoding="utf-8") == content, f"python -m tests.specification.defects writes {path.name}"


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found_at_its_line(name: str) -> None:
    with (FOLDER / "rejected" / f"{name}.jsonl").open("rb") as file:
        expected = json.loads(file.readline())["line"]
        file.seek(0)
        rejection = validate(file).rejection
    assert rejection is not None
    assert rejection.line == expected, rejection.why
    assert rejection.why


def test_a_rejection_lists_the_possible_outcomes() -> None:
    trace = [head(), *life()]
    trace[5]["state"] = "ESTABLISHED"
    rejection = judged(trace).rejection
    assert rejection is not None
    assert (rejection.line, rejection.node, rejection.sequence) == (6, "b", 2)
    assert rejection.possible == ("NEGOTIATING, sent answer 1i, told nothing, delivered 0, armed NEGOTIATION_EXPIRED",)


@pytest.mark.slow
@pytest.mark.parametrize("bad", VISIBLE, ids=lambda bad: str(bad.name))
def test_a_run_of_a_wrong_machine_is_rejected(bad: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trace is judged, and the run goes on when a step breaks a property."""
    monkeypatch.setattr(monitors, "broken", lambda step: ())
    steps, seeds = SELDOM.get(bad.name, (600, range(4)))
    assert not all(judged(simulated(setup_of(bad, seed), steps)).accepted for seed in seeds)


@pytest.mark.slow
def test_a_damaged_trace_is_validated_or_refused() -> None:
    draw, sound, rejected = Random(1), life(), 0
    for _ in range(400):
        trace = [head(), *json.loads(json.dumps(sound))]
        damage(trace, draw)
        try:
            rejected += not judged(trace).accepted
        except TraceError:
            rejected += 1
    assert rejected > 250


def damage(trace: Trace, draw: Random) -> None:
    """Change, remove, duplicate or replace a random record or field."""
    victim = draw.randrange(len(trace))
    record = trace[victim]
    name = draw.choice(sorted(record))
    wrong = draw.choice([None, -1, 2**70, "", "x", "CLOSED", [], [None], {}, {"kind": "hello"}, 0.5, True])
    match draw.randrange(4):
        case 0:
            record[name] = wrong
        case 1:
            del record[name]
        case 2:
            trace.insert(victim, draw.choice(trace))
        case _:
            trace[victim] = draw.choice(trace)
    if draw.random() < 0.5 and all(isinstance(one.get("node"), str) for one in trace[1:]):
        trace[1:] = json.loads(json.dumps(trace[1:]))  # separate duplicated records
        numbered(trace[1:])


# Malformed lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "number", "told"),
    [
        ([], 1, "not JSON"),
        ([b"no JSON\n"], 1, "not JSON"),
        ([b"[]\n"], 1, "not a JSON object"),
        ([b"{}\n"], 1, "must have `trace`"),
        ([line({"trace": FORMAT, "version": 2})], 1, "`version`: 1"),
        ([line(head() | {"type": "none"})], 1, "explicit-transient"),
        ([line(head() | {"profile": "ockam"})], 1, "generation"),
        ([line(head() | {"faults": 3})], 1, "`faults`"),
        ([line(head() | {"limits": {}})], 1, "must be an object"),
        ([line(head()), b"{" * 100_000 + b"\n"], 2, "not JSON"),
        ([line(head()), b"[" * 100_000 + b"\n"], 2, "not JSON"),
        ([line(head()), b'{"node": ' + b"9" * 10_000 + b"}\n"], 2, "not JSON"),
        ([line(head()), b" " * (MAX_LINE_BYTES + 1)], 2, "longer than"),
        ([line(head()), line(life()[0])[:-1]], 2, "truncated"),
        ([line(head()), b"\xff\n"], 2, "not JSON"),
        ([line(head()), b"{}\n"], 2, "neither a record"),
        ([line(head()), line({"node": 3})], 2, "`node`"),
        ([line(head()), line({"node": "a"})], 2, "`sequence`"),
        ([line(head()), line(life()[0] | {"role": "none"})], 2, "initiator"),
        ([line(head()), line(life()[0] | {"has_state": 1})], 2, "`has_state`"),
        ([line(head()), line(life()[0]), line(life()[2] | {"event": "none"})], 3, "`event`"),
        ([line(head()), line(life()[0]), line(life()[2] | {"state": "none"})], 3, "ESTABLISHED"),
        ([line(head()), line(life()[0]), line(life()[2] | {"sent": [1]})], 3, "object"),
        ([line(head()), line(life()[0]), line(life()[2] | {"sent": [{"kind": "none"}]})], 3, "hello"),
        ([line(head()), line(life()[0]), line(life()[2] | {"told": ["none"]})], 3, "timed out"),
        ([line(head()), line(life()[0]), line(life()[2] | {"armed": ["OPEN"]})], 3, "BACK_OFF_EXPIRED"),
    ],
)
def test_malformed_lines_are_refused_with_their_number(lines: list[bytes], number: int, told: str) -> None:
    with pytest.raises(TraceError) as found:
        validate(lines)
    assert found.value.line == number
    assert told in found.value.detail


def test_the_reader_and_the_writer_have_the_same_format() -> None:
    assert (FORMAT, VERSION) == (trace_recorder.FORMAT, trace_recorder.VERSION)


def test_profile_ockam_is_not_recorded() -> None:
    make = trace_recorder.Recorder("a", lambda facts: None, WatchedSession).session
    with pytest.raises(LocalSessionError, match="nothing to record"):
        make(SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, OCKAM), Terms(b"", local("a")), None)


# The command ----------------------------------------------------------------------------------------------------------

run = partial(CliRunner().invoke, app)


def test_the_command_accepts_rejects_and_refuses(tmp_path: Path) -> None:
    assert run(["validate", str(FOLDER / "accepted" / "life.jsonl")]).exit_code == 0
    result = run(["validate", str(FOLDER / "rejected" / "timer-not-armed.jsonl")])
    assert result.exit_code == 1
    assert "KEEPALIVE_DUE is not possible here" in result.stdout
    assert "possible: BACK_OFF_EXPIRED" in result.stdout
    assert run(["validate", str(tmp_path)]).exit_code == 2
    (tmp_path / "long").write_bytes(line(head()) + b" " * (3 * MAX_LINE_BYTES))
    result = run(["validate", str(tmp_path / "long")])
    assert result.exit_code == 2
    assert "line 2" in result.stderr


def test_the_command_prints_json() -> None:
    result = run(["validate", str(FOLDER / "rejected" / "sequence-gap.jsonl"), "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert not found["accepted"]
    assert found["rejection"]["line"] == 11


def test_validate_accepts_the_traces_of_simulate(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run(["simulate", "--type", "explicit-transient", "--steps", "200", "--trace", str(path)])
    assert run(["validate", str(path)]).exit_code == 0


def test_a_message_without_a_return_route_is_recorded_without_a_sender() -> None:
    initiator = make_initiator(EXPLICIT_TRANSIENT)
    initiator.order(Session.open)
    link = initiator.session.attempt
    assert link is not None
    facts = trace_recorder.arrived(initiator.session, Message((link.inner,), (), GENERATION.encode(Keepalive())))
    assert facts == {"kind": "keepalive", "to": trace_recorder.digest(link.inner.value)}

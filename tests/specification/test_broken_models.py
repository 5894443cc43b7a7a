"""The checks of the specification can fail: with a broken row or rule, TLC finds another count or a violation.

Needs Java and the extra `spec`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.tools import tlc

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2] / "spec" / "tla"
MODEL, NODE = "MCExplicitTransient", "MCNode"
PUBLISHING, TOLD_IN_THE_END = "MCStreamPatient", "MCRecoveryStreamPatientTold"
CONSUMED_IN_THE_END = "MCRecoveryStreamConsuming"
CHANNEL, AMONG_STRANGERS = "MCSecureExplicitTransient", "MCStrangersExplicitTransient"


@pytest.fixture
def specification(tmp_path: Path) -> Path:
    folder = tmp_path / "tla"
    shutil.copytree(ROOT, folder)
    return folder


def change(folder: Path, name: str, right: str, wrong: str) -> None:
    file = folder / name
    text = file.read_text()
    assert text.count(right) == 1
    file.write_text(text.replace(right, wrong))


def broken(folder: Path, name: str, right: str, wrong: str, model: str = MODEL) -> tlc.TlcResult:
    change(folder, name, right, wrong)
    return tlc.run(folder / "models" / f"{model}.tla", folder)


def test_the_unchanged_specification_is_proved(specification: Path) -> None:
    found = tlc.run(specification / "models" / f"{MODEL}.tla", specification)
    assert (found.verdict, found.states, found.transitions) == ("PROVED", 935, 5068)


def test_exported_files_are_complete(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert (
        CliRunner().invoke(app, ["export", "explicit-transient", "--to", "tla", "--output", str(folder)]).exit_code == 0
    )
    assert tlc.run(folder / f"{MODEL}.tla", folder).states == 935


def test_a_changed_row_changes_the_count(specification: Path) -> None:
    row = 'QT2(c, max) == Row("QT2", "NEGOTIATING", c, <<"SEND_ANSWER">>)'
    found = broken(specification, "tables/ExplicitTransientResponder.tla", row, row.replace('"SEND_ANSWER"', ""))
    assert (found.verdict, found.states == 935) == ("PROVED", False)


def test_a_timer_that_is_not_stopped_is_refuted(specification: Path) -> None:
    line = 'CASE effect = "STOP_TIMERS"         -> [run EXCEPT !.end.timers = {}]'
    found = broken(specification, "SessionPair.tla", line, line.replace("[run EXCEPT !.end.timers = {}]", "run"))
    assert (found.verdict, found.kind) == ("REFUTED", "invariant")


def test_a_failed_connection_that_is_not_given_up_changes_the_count(specification: Path) -> None:
    change(specification, f"models/{NODE}.tla", "FAIL |-> 1, FAIL_AND_WORK |-> 1", "FAIL |-> 0, FAIL_AND_WORK |-> 0")
    right = tlc.run(specification / "models" / f"{NODE}.tla", specification)
    rule = 'Lives(via) == via # None /\\ connections[via].state # "TIMED_OUT"'
    wrong = broken(specification, "Node.tla", rule, "Lives(via) == via # None", NODE)
    assert right.verdict == wrong.verdict == "PROVED"
    assert right.states != wrong.states


def test_data_held_although_its_connection_is_established_is_refuted(specification: Path) -> None:
    line = '[] effect = "SEND_DATA"           -> Say(run, "data", via, 1)'
    found = broken(specification, "Node.tla", line, line.replace('Say(run, "data", via, 1)', "run"), NODE)
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", "step", 4)


def test_a_message_that_is_lost_with_its_worker_is_refuted(specification: Path) -> None:
    line = "[] handles -> [run EXCEPT !.workers = Raised(@, letter.to), !.dead = @ \\union {letter}]"
    found = broken(specification, "Node.tla", line, line.replace(", !.dead = @ \\union {letter}", ""), NODE)
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", "step", 1)


def test_a_channel_that_accepts_reflected_messages_is_refuted(specification: Path) -> None:
    line = "/\\ message.author = Peer(role)"
    found = broken(specification, "Channel.tla", line, "/\\ TRUE", AMONG_STRANGERS)
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", "invariant", 3)


def test_a_forged_message_without_a_dead_letter_is_refuted(specification: Path) -> None:
    line = 'ELSE Take(run, "STRAY", message)'
    silent = 'ELSE IF Exists(channel) THEN run ELSE Take(run, "STRAY", message)'
    found = broken(specification, "Channel.tla", line, silent, AMONG_STRANGERS)
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", "invariant", 1)


def test_nonces_without_a_reserve_change_the_count(specification: Path) -> None:
    rule = "end.current.sent >= Nonces - Reserve"
    found = broken(specification, "Channel.tla", rule, "end.current.sent >= Nonces", CHANNEL)
    assert (found.verdict, found.states == 16_335) == ("PROVED", False)


def test_requests_that_are_not_sent_again_change_the_count(specification: Path) -> None:
    line = "[] OTHER -> PushAll(heard, waiting)"
    found = broken(specification, "Publishing.tla", line, "[] OTHER -> heard", PUBLISHING)
    assert (found.verdict, found.states == 4641) == ("PROVED", False)


def test_a_record_that_is_written_without_its_message_is_refuted(specification: Path) -> None:
    line = ", !.log.stored = Append(@, message), "
    found = broken(specification, "Publishing.tla", line, ", ", PUBLISHING)
    assert (found.verdict, found.kind, found.steps) == ("REFUTED", "invariant", 7)


def test_a_publisher_that_does_not_send_again_is_refuted(specification: Path) -> None:
    row = 'PB4(c, max) == Row("PB4", "PUBLISHING", c, <<"SEND_AGAIN">>)'
    found = broken(specification, "tables/StreamPublisher.tla", row, row.replace('"SEND_AGAIN"', ""), TOLD_IN_THE_END)
    assert (found.verdict, found.kind) == ("REFUTED", "temporal")


def test_a_consumer_whose_failure_is_not_reported_is_refuted(specification: Path) -> None:
    row = 'CN9(c, max) == Row("CN9", "FAILED", c, <<"REPORT_FAILED">>)'
    unreported = row.replace('"REPORT_FAILED"', "")
    found = broken(specification, "tables/StreamConsumer.tla", row, unreported, CONSUMED_IN_THE_END)
    assert (found.verdict, found.kind) == ("REFUTED", "temporal")


def test_a_message_that_fails_and_stops_its_consumer_is_refuted(specification: Path) -> None:
    row = 'CN8(c, max) == Row("CN8", "PROCESSING", [c EXCEPT !.tries = 0], <<"BURY">>)'
    stopping = row.replace('"BURY"', "")
    found = broken(specification, "tables/StreamConsumer.tla", row, stopping, CONSUMED_IN_THE_END)
    assert (found.verdict, found.kind) == ("REFUTED", "temporal")


def test_a_module_with_a_syntax_error_is_an_error(specification: Path) -> None:
    with pytest.raises(tlc.TlcError, match="TLC has no verdict"):
        broken(specification, "Network.tla", "CONSTANT InFlight", "CONSTANT")

"""A failing test of sessions shows the messages of its ends in its report (recording.py, conftest.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ockam_fsm.machines.vocabulary import State
from ockam_fsm.projections.sequence import MomentKind
from ockam_fsm.projections.sequence_text import to_text
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.session import Session
from tests.helpers import HOST, established_pair, open_pair, settle, transfer
from tests.recording import MOST_MOMENTS, RECORDING, Participant, Recording

ROOT = Path(__file__).parents[1]
PRELUDE = "import pytest\nfrom tests.helpers import *\n\n"
FAILING = """def test_it():
    established_pair()
    i, r = open_pair()
    transfer(i, r)
    drop(r)
    tick(i, seconds=10)
    {failure}
"""
OF_A_PAIR = """from tests.stateful.pairs import again

def test_it():
    again("explicit-transient", [["deliver", 0], ["drop", 0], ["fire", 0]])
    {failure}
"""
CHART = """\
                        initiator             host
                order: open │                   │
              [NEGOTIATING] │                   │
                            │──── hello 1i ────▶│
                            │                   │ [NEGOTIATING]
                            │                   │ lost: answer 1i
timer: negotiation, at 10 s │                   │
                [TIMED_OUT] │                   │
"""


def reported(tmp_path: Path, program: str) -> str:
    file = tmp_path / "test_it.py"
    file.write_text(program)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c",
               str(ROOT / "pyproject.toml"), "--color=no", str(file)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["assert i.state is State.ESTABLISHED", "pytest.fail('no')", "r.core.nothing"])
def test_a_failing_test_of_a_pair_shows_its_chart(tmp_path: Path, failure: str) -> None:
    said = reported(tmp_path, PRELUDE + FAILING.format(failure=failure))
    shown = "\n".join(line.removeprefix("E       ") for line in said.splitlines())
    assert f"What happened before:\n\n{CHART}" in shown, said


@pytest.mark.slow
def test_a_failing_test_of_stateful_ends_shows_its_chart(tmp_path: Path) -> None:
    said = reported(tmp_path, OF_A_PAIR.format(failure="assert False"))
    assert "hello 1i ─" in said
    assert "[NEGOTIATING]" in said


@pytest.mark.slow
def test_a_failing_test_without_ends_shows_no_chart(tmp_path: Path) -> None:
    said = reported(tmp_path, PRELUDE + "def test_a():\n    open_pair()\n\ndef test_b():\n    assert False\n")
    assert "1 failed, 1 passed" in said
    assert "What happened before" not in said


def told() -> list[tuple[str, str, str]]:
    chart = RECORDING.chart()
    assert chart is not None
    return [(moment.kind.name, moment.who, moment.label) for moment in chart.moments]


def test_ends_without_contact_to_the_last_one_are_left_out() -> None:
    established_pair()
    i, r = open_pair()
    transfer(i, r)
    assert told()[0] == ("ORDER", "initiator", "open")
    assert [one for one in told() if one[0] == "MESSAGE"] == [("MESSAGE", "initiator", "hello 1i")]


def test_messages_to_a_second_end_are_shown() -> None:
    (i, _), (_, other) = open_pair(), open_pair()
    transfer(i, other)
    chart = RECORDING.chart()
    assert chart is not None
    assert chart.participants == ("initiator", "host")
    open_pair()[0].order(Session.close)
    i.order(Session.close)
    assert told()[-1] == ("STATE", "initiator", "CLOSED")
    assert ("MESSAGE", "initiator", "hello 1i") in told()


def test_two_ends_with_one_name_are_numbered() -> None:
    (i, r), (j, _) = open_pair(), open_pair()
    transfer(i, r)
    transfer(j, r)
    senders = [who for kind, who, _ in told() if kind == "MESSAGE"]
    assert senders == ["initiator", "initiator 2"]


def test_refused_orders_and_dead_letters_are_shown() -> None:
    i, r = established_pair()
    r.receive(Message((HOST,), (), b"\x09junk"))
    r.receive(Message((), (), b""))
    assert told()[-2:] == [
        ("MESSAGE", "the test", "a message to nowhere"),
        ("NOTE", "host", "dead letter: unknown address"),
    ]
    with pytest.raises(Exception, match="refused"):
        i.order(Session.open)
    assert told()[-1][:2] == ("NOTE", "initiator")
    assert "refused: " in told()[-1][2]
    assert "5 bytes" in [label for _, _, label in told()]


def test_paused_recording_is_left_out() -> None:
    i, r = open_pair()
    before = told()
    with RECORDING.paused():
        settle(i, r)
        assert told() != before
    assert told() == before
    assert i.state is State.ESTABLISHED


def test_only_the_newest_moments_are_kept() -> None:
    recording, end = Recording(), Participant("initiator")
    assert recording.chart() is None
    for number in range(MOST_MOMENTS + 1):
        recording.add(MomentKind.NOTE, end, str(number))
    chart = recording.chart()
    assert chart is not None
    lines = to_text(chart).splitlines()
    assert len(lines) == MOST_MOMENTS + 2
    assert "earlier moments are not kept" in lines[1]
    assert lines[2].endswith("1")
    recording.clear()
    assert recording.chart() is None

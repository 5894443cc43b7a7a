"""The demonstration: real processes, real kills, and the counted messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ockam_fsm.demo.chart import recorded_chart, recorded_layers
from ockam_fsm.demo.outcome import DemoOutcome
from ockam_fsm.demo.process_reports import (
    Changed,
    Confirmed,
    Finished,
    PipelineLayer,
    Ready,
    Received,
    Sent,
    TimedEvent,
    read_trace,
    trace_line,
)
from ockam_fsm.demo.programs import Processed
from ockam_fsm.demo.run import KILLED

COMMAND = [sys.executable, "-m", "ockam_fsm.cli", "demo"]


def changed(before: str, after: str, cause: str = "", generation: int = 1) -> Changed:
    return Changed(PipelineLayer.CHANNEL, "a", before, after, generation, cause)


@pytest.mark.slow
def test_every_part_is_killed_and_nothing_is_lost() -> None:
    done = subprocess.run([*COMMAND, "--count", "8", "--json"], capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    facts = json.loads(done.stdout)
    summary, layers = facts["summary"], facts["layers"]
    assert facts["killed"] == list(KILLED)
    assert summary["sent"] == summary["confirmed"] == summary["received"] >= 8
    assert summary["lost"] == 0
    assert set(layers) == {"tcp", "publisher", "consumer", "channel"}
    device = [line for line in layers["channel"] if line["process"] == "device"]
    assert len(device) == 1, "it keeps its address"
    assert device[0]["established"] >= 2, "it has renegotiated with the service that was killed"
    assert device[0]["causes"]
    services = {line["session"] for line in layers["channel"] if line["process"] == "service"}
    assert len(services) >= 2, "a responder for each generation"
    assert any("lower layer lost" in cause for line in layers["publisher"] for cause in line["causes"])


def children_of(parent: int) -> set[int]:
    """Return all descendants of this process."""
    found = set[int]()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = status.read_text().partition(" (")
        except OSError:
            continue
        if int(rest.rpartition(") ")[2].split()[1]) in {parent, *found}:
            found.add(int(pid))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_it_leaves_no_process_and_no_file_behind(tmp_path: Path, ending: signal.Signals, code: int) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen([*COMMAND, "--count", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment, start_new_session=True)  # fmt: skip
    assert running.stdout is not None
    while b"secure channel" not in running.stdout.readline():
        assert running.poll() is None
    below = children_of(running.pid)
    assert len(below) >= 4
    if ending is signal.SIGINT:
        os.killpg(running.pid, ending)  # as a terminal does it
    else:
        running.send_signal(ending)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, b"Traceback" in errors) == (code, False), errors.decode()
    until = time.monotonic() + 20.0
    while any(Path(f"/proc/{pid}").exists() for pid in below):
        assert time.monotonic() < until, "a process is left"
        time.sleep(0.05)
    assert list(tmp_path.glob("ockam-fsm-demo-*")) == []


@pytest.mark.slow
def test_a_trace_that_cannot_be_written_is_an_error_before_the_run(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place, reason in ((pipe, "it is a FIFO without a reader, or a socket"), (tmp_path, "Is a directory")):
        done = subprocess.run([*COMMAND, "--trace", str(place)], capture_output=True, check=False, timeout=60)
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"error: cannot write {place}: {reason}." in done.stderr.decode()


def test_lost_numbers_are_counted() -> None:
    outcome = DemoOutcome()
    for report in (Sent(1), Sent(2), Received(1, again=False), Confirmed(1)):
        outcome.add("device", report)
    assert outcome.lost == 1, "2 was not answered"
    outcome.add("device", Confirmed(2))
    assert outcome.lost == 1, "2 was answered, but not processed"
    outcome.add("service", Received(2, again=True))
    outcome.add("device", Finished())
    assert (outcome.lost, outcome.duplicates, outcome.finished) == (0, 1, True)


def test_the_history_of_a_session_is_recorded() -> None:
    outcome = DemoOutcome()
    for change in (changed("NEGOTIATING", "ESTABLISHED"), changed("ESTABLISHED", "TIMED_OUT", "no answer"),
                   changed("TIMED_OUT", "RENEGOTIATING", generation=2),
                   changed("RENEGOTIATING", "ESTABLISHED", generation=2)):  # fmt: skip
        outcome.add("device", change)
    (line,) = outcome.sessions.values()
    assert (line.state, line.generation, line.established, line.causes) == ("ESTABLISHED", 2, 2, ["no answer"])
    outcome.add("device", changed("ESTABLISHED", "CLOSED", "closed by order", 2))
    assert line.causes == ["no answer"], "an end by order is no failure"


def test_a_trace_is_read_as_it_was_written() -> None:
    events = [
        TimedEvent(0.5, "hub", Ready()),
        TimedEvent(1.0, "device", changed("ESTABLISHED", "TIMED_OUT", "no answer")),
        TimedEvent(1.5, "client", None, "killed"),
        *(TimedEvent(2.0, "device", one) for one in (Sent(1), Confirmed(1), Received(1, again=True), Finished())),
    ]
    assert list(read_trace(map(trace_line, events))) == events


def test_the_recorded_run_is_one_of_the_demo() -> None:
    chart = recorded_chart()
    labels = [moment.label for moment in chart.moments]
    assert labels.count("killed, and started again") == len(KILLED)
    assert any(label.startswith("secure channel established, generation 2") for label in labels)
    layers = {row.name: row for row in recorded_layers().rows}
    assert list(layers) == [layer.value for layer in reversed(PipelineLayer)]
    assert layers["secure channel"].ends["hub"] == ""
    assert layers["secure channel"].ends["device"].startswith("1 session, ")


def test_processed_numbers_survive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    first = Processed(path)
    assert [first.add(number) for number in (1, 2, 2)] == [True, True, False]
    with path.open("ab") as file:
        file.write(b"3")  # killed in the middle of a line
    again = Processed(path)
    assert again.numbers == {1, 2}
    assert [again.add(number) for number in (2, 3)] == [False, True]
    assert path.read_text() == "1\n2\n3\n"

"""The trace of one node, in a file that survives its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net import trace_file
from ockam_fsm.net.trace_file import MIN_BYTES, TraceFile
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES, RecordedSession, header, line_of

OURS = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR)
HEAD = header((OURS,), ())


def recorded(path: Path, settings: SessionConfig = OURS) -> list[dict[str, Any]]:
    """Write a trace with one session, and return the records that a kill would leave."""
    with TraceFile(path, HEAD) as trace:
        trace.make(settings, Terms(b"", local("a")), None)
        return list(map(json.loads, path.read_text().splitlines()))


def test_each_record_is_written_before_its_step_is_carried_out(tmp_path: Path) -> None:
    head, record = recorded(tmp_path / "near.jsonl")
    assert head == HEAD
    assert (record["node"], record["sequence"], record["event"]) == ("near", 1, "start")


def test_a_restarted_process_continues_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    recorded(path)
    with path.open("a") as file:
        file.write('{"node": "near", "sequ')
    assert [line.get("sequence") for line in recorded(path)] == [None, 1, 2]


def test_an_incomplete_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    path.write_text('{"trace": "ock')
    assert [line.get("sequence") for line in recorded(path)] == [None, 1]


@pytest.mark.parametrize(
    "text",
    ["hello\n", "[]\n", json.dumps(header((SessionConfig(IMPLICIT_TRANSIENT, Role.INITIATOR),), ())) + "\n",
     json.dumps(HEAD) + '\n{"node": "far", "sequence": 1}\n'],
    ids=["no JSON", "no header", "another type", "another node"],
)  # fmt: skip
def test_another_file_is_not_changed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "near.jsonl"
    path.write_text(text)
    with pytest.raises(LocalSessionError, match="is not this trace"):
        recorded(path)
    assert path.read_text() == text


def test_profile_ockam_is_not_recorded(tmp_path: Path) -> None:
    with TraceFile(tmp_path / "near.jsonl", HEAD) as trace:
        terms = Terms(b"", local("a"))
        assert isinstance(trace.make(OURS, terms, None), RecordedSession)
        made = trace.make(SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, OCKAM), terms, None)
        assert type(made) is Session


# Size -----------------------------------------------------------------------------------------------------------------


def filled(path: Path, records: int, **options: int) -> None:
    with TraceFile(path, HEAD, **options) as trace:
        for _ in range(records):
            trace.make(OURS, Terms(b"", local("a")), None)


def records_of(path: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, path.read_text().splitlines()))


def test_a_full_file_is_rotated_and_the_oldest_removed(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    filled(path, 200, max_bytes=MIN_BYTES, kept=2)
    files = [tmp_path / name for name in ("near.jsonl.2", "near.jsonl.1", "near.jsonl")]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(file.stat().st_size <= MIN_BYTES for file in files)
    sequences = []
    for file in files:
        head, *records = records_of(file)
        assert head == HEAD | {"after": records[0]["sequence"] - 1}
        sequences += [record["sequence"] for record in records]
    assert sequences == list(range(sequences[0], 201))
    assert sequences[0] > 1


def test_a_rotated_trace_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    filled(path, 50, max_bytes=MIN_BYTES)
    filled(path, 50, max_bytes=MIN_BYTES)
    assert records_of(path)[-1]["sequence"] == 100


def test_a_trace_continues_after_a_kill_during_rotation(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    filled(path, 5)
    path.rename(tmp_path / "near.jsonl.1")
    (tmp_path / "near.jsonl.new").write_bytes(line_of(HEAD | {"after": 5}))
    filled(path, 1)
    assert [line.get("sequence") for line in records_of(path)] == [None, 6]


def test_only_the_end_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    record = line_of({"node": "near", "sequence": 12345})
    with path.open("wb") as file:
        file.write(line_of(HEAD))
        file.seek(1 << 36)
        file.write(b"\n" + record + b'{"node": "near", "sequ')
    whole = (1 << 36) + 1 + len(record)
    tracemalloc.start()
    with TraceFile(path, HEAD, max_bytes=1 << 40) as trace:
        assert (trace.recorder.sequence, path.stat().st_size) == (12345, whole)
    assert tracemalloc.get_traced_memory()[1] < 8 * MAX_LINE_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize("end", [b"no record\n", b"x" * (3 * MAX_LINE_BYTES), b"[" * 100_000 + b"\n", b"[]\n"])
def test_a_file_whose_end_is_no_record_is_not_changed(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "near.jsonl"
    path.write_bytes(line_of(HEAD) + end)
    with pytest.raises(LocalSessionError, match="is not this trace"):
        TraceFile(path, HEAD)
    assert path.read_bytes() == line_of(HEAD) + end


def test_a_file_with_an_endless_first_line_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    path.write_bytes(b"x" * (2 * MAX_LINE_BYTES))
    with pytest.raises(LocalSessionError, match="is not this trace"):
        TraceFile(path, HEAD)
    assert path.stat().st_size == 2 * MAX_LINE_BYTES


def test_a_size_too_small_is_refused(tmp_path: Path) -> None:
    for options in ({"max_bytes": MIN_BYTES - 1}, {"kept": 0}):
        with pytest.raises(DefinitionError, match="at least"):
            TraceFile(tmp_path / "near.jsonl", HEAD, **options)
    assert list(tmp_path.iterdir()) == []


# Other files, and full disks -----------------------------------------------------------------------------------------


def test_only_a_regular_file_is_a_trace(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/full"), Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            TraceFile(path, HEAD)


FULL = """
import logging, resource, sys
from pathlib import Path
from tests.net.test_trace_file import filled, OURS, HEAD
logging.basicConfig(format="%(levelname)s %(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))  # a write beyond it fails, as on a full disk
filled(Path(sys.argv[1]), 200)
print("goes on")
"""


@pytest.mark.slow
def test_a_full_disk_ends_the_trace_and_not_the_node(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    (line,) = done.stderr.splitlines()
    assert line == f"ERROR the trace {path} ends here: File too large; the node goes on without it"
    assert path.read_bytes().endswith(b"\n")
    assert [one.get("sequence") for one in records_of(path)[1:]] == list(range(1, len(records_of(path))))


def test_a_folder_that_is_not_writable_ends_the_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "near.jsonl"
    (tmp_path / "near.jsonl.new").mkdir()
    filled(path, 200, max_bytes=MIN_BYTES)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "not a regular file" in caplog.text or "directory" in caplog.text
    assert path.stat().st_size <= MIN_BYTES


def test_a_record_that_cannot_be_read_again_ends_the_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "MAX_LINE_BYTES", 200)
    filled(tmp_path / "near.jsonl", 3)
    assert "bytes, and 200 are readable" not in caplog.text
    with TraceFile(tmp_path / "near.jsonl", HEAD) as trace:
        trace.recorder.write({"sequence": 4, "x": "x" * 200})
    assert "bytes, and 200 are readable" in caplog.text

"""The trace of one node, in a file that outlives its process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.trace_file import TraceFile
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.runtime.session.knowledge import Terms
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.trace_recorder import RecordedSession, header

OURS = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR)
HEAD = header((OURS,), ())


def recorded(path: Path, settings: SessionConfig = OURS) -> list[dict[str, Any]]:
    """What a process that makes one session would leave, if it were killed then."""
    with TraceFile(path, HEAD) as trace:
        trace.make(settings, Terms(b"", local("a")), None)
        return list(map(json.loads, path.read_text().splitlines()))


def test_each_record_is_there_before_anything_else_happens(tmp_path: Path) -> None:
    head, record = recorded(tmp_path / "near.jsonl")
    assert head == HEAD
    assert (record["node"], record["sequence"], record["event"]) == ("near", 1, "start")


def test_a_process_that_is_started_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    recorded(path)
    with path.open("a") as file:
        file.write('{"node": "near", "sequ')
    assert [line.get("sequence") for line in recorded(path)] == [None, 1, 2]


def test_a_header_that_was_never_ended_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    path.write_text('{"trace": "ock')
    assert [line.get("sequence") for line in recorded(path)] == [None, 1]


@pytest.mark.parametrize(
    "text",
    ["hello\n", "[]\n", json.dumps(header((SessionConfig(IMPLICIT_TRANSIENT, Role.INITIATOR),), ())) + "\n",
     json.dumps(HEAD) + '\n{"node": "far", "sequence": 1}\n'],
    ids=["no JSON", "no header", "another type", "another node"],
)  # fmt: skip
def test_what_is_something_else_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "near.jsonl"
    path.write_text(text)
    with pytest.raises(LocalSessionError, match="the trace of something else"):
        recorded(path)
    assert path.read_text() == text


def test_profile_ockam_is_not_recorded(tmp_path: Path) -> None:
    with TraceFile(tmp_path / "near.jsonl", HEAD) as trace:
        terms = Terms(b"", local("a"))
        assert isinstance(trace.make(OURS, terms, None), RecordedSession)
        made = trace.make(SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, OCKAM), terms, None)
        assert type(made) is Session

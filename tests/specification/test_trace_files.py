"""A trace may be split into several files; a missing beginning is reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.specification.trace_files import TraceLines
from tests.specification.test_trace_merging import parts_of

LIFE = Path("spec/traces/accepted/life.jsonl")


def rotated(path: Path, lines: Sequence[bytes], cuts: Sequence[int]) -> None:
    """Write a trace as files that begin after these records."""
    head = json.loads(lines[0])
    bounds = [0, *cuts, len(lines) - 1]
    for number, (begin, end) in enumerate(reversed(list(pairwise(bounds)))):
        after = {"after": begin} if begin else {}
        own = path.with_name(f"{path.name}.{number}") if number else path
        own.write_bytes(json.dumps(head | after).encode() + b"\n" + b"".join(lines[begin + 1 : end + 1]))


@pytest.fixture
def traces(tmp_path: Path) -> list[Path]:
    """The traces of both nodes of a session, the first in three files."""
    paths = []
    for at, (name, lines) in enumerate(parts_of(LIFE).items()):
        paths.append(tmp_path / f"{name}.jsonl")
        rotated(paths[-1], lines, (2, 3) if not at else ())
    return paths


def validate(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["validate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_lines_are_numbered_over_all_files(traces: list[Path]) -> None:
    lines = next(iter(parts_of(LIFE).values()))
    found = TraceLines(traces[0])
    assert [path.name for path in found.files] == [f"{traces[0].name}{end}" for end in (".2", ".1", "")]
    assert list(found)[1:] == list(found)[1:] == lines[1:]
    for number, line in enumerate(found, 1):
        path, own = found.origin(number)
        assert path.read_bytes().splitlines(keepends=True)[own - 1] == line
    assert found.size == sum(path.stat().st_size for path in found.files)


def test_rotated_files_are_validated_with_their_newest(traces: list[Path]) -> None:
    code, out, _ = validate(*traces)
    assert (code, "accepted" in out) == (0, True)


def test_an_error_names_the_file_and_line(traces: list[Path]) -> None:
    older = traces[0].with_name(f"{traces[0].name}.1")
    head, record = older.read_bytes().splitlines(keepends=True)
    older.write_bytes(head + record.replace(b'"sequence"', b'"sekuence"'))
    code, _, err = validate(*traces)
    assert (code, f"{older.name}, line 2: `sequence`" in err.replace("\n", " ")) == (2, True)


def test_a_missing_beginning_is_reported(traces: list[Path]) -> None:
    oldest = traces[0].with_name(f"{traces[0].name}.2")
    oldest.unlink()
    for arguments in (traces, traces[:1], [traces[0].with_name(f"{traces[0].name}.1")]):
        code, _, err = validate(*arguments)
        assert code == 2
        assert "the trace begins after record 2" in err
        assert f"{traces[0].name}.1, line 1" in err


def test_a_file_given_twice_is_reported(traces: list[Path]) -> None:
    code, _, err = validate(*traces, f"{traces[0]}.2")
    assert (code, "only the newest file" in err) == (2, True)


def test_files_that_are_not_traces_are_errors_at_once(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    for path in ("/dev/zero", "/dev/full", tmp_path, tmp_path / "missing", huge):
        for arguments in ((path,), (path, LIFE), (LIFE, path), (path, "--tlc")):
            code, out, err = validate(*arguments)
            assert (code, out) == (2, "")
            assert str(path) in err.replace("\n", "")


def test_a_rejection_after_a_kill_suggests_the_faults(tmp_path: Path) -> None:
    """There is no hint if `--allow` would not help."""
    killed = Path("spec/traces/accepted/tcp-killed.jsonl").read_bytes().splitlines(keepends=True)
    head = json.loads(killed[0])
    trace = tmp_path / "killed.jsonl"
    trace.write_bytes(b"".join([json.dumps(head | {"faults": []}).encode() + b"\n", *killed[1:]]))
    code, out, _ = validate(trace)
    assert (code, "If a node was killed" in out) == (1, True)
    options = out.splitlines()[-1].split()
    assert options == ["--allow", "restart-without-state", "--allow", "duplicate"]
    assert validate(trace, *options)[0] == 0
    code, out, _ = validate("spec/traces/rejected/restart-without-the-fault.jsonl")
    assert (code, "killed" in out) == (1, False)

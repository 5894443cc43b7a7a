"""Traces of single nodes are merged in causal order, independent of clocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.cli import app
from ockam_fsm.specification.trace_merging import MergeError, SourceLine, merge
from ockam_fsm.specification.trace_validation import validate

FOLDER = Path(__file__).parents[2] / "spec" / "traces"
NAMED = pytest.mark.parametrize("trace", sorted(FOLDER.glob("*/*.jsonl")), ids=lambda trace: trace.stem)


def parts_of(trace: Path) -> dict[str, list[bytes]]:
    """Return the trace that each node would have written alone."""
    head, *records = trace.read_bytes().splitlines(keepends=True)
    parts: dict[str, list[bytes]] = {}
    for record in records:
        if "node" in (found := json.loads(record)):
            parts.setdefault(found["node"], [head]).append(record)
    return parts


@NAMED
@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned round"])
def test_a_split_trace_has_the_same_verdict(trace: Path, turned: bool) -> None:
    parts = list(parts_of(trace).values())[:: -1 if turned else 1]
    merged = merge(parts)
    assert sorted(merged.lines[1:]) == sorted(line for part in parts for line in part[1:])
    assert validate(merged.lines).accepted is (trace.parent.name == "accepted")


@NAMED
def test_every_line_has_its_origin(trace: Path) -> None:
    parts = list(parts_of(trace).values())
    merged = merge(parts)
    for at, line in enumerate(merged.lines[1:], 2):
        which, own = merged.origin(at)
        assert parts[which][own - 1] == line
    assert merged.origin(1) == SourceLine(0, 1)


# Rules --------------------------------------------------------------------------------------------------------------

LIFE = FOLDER / "accepted" / "life.jsonl"


def life() -> list[list[bytes]]:
    return list(parts_of(LIFE).values())


def with_head(part: list[bytes], **changes: Any) -> list[bytes]:
    head = json.loads(part[0]) | changes
    return [json.dumps(head).encode() + b"\n", *part[1:]]


def test_headers_are_merged() -> None:
    limits = json.loads(life()[0][0])["limits"]
    own = [
        with_head(part, limits={role: limits[role]}, faults=[fault])
        for part, role, fault in zip(life(), limits, ("reset", "drop"), strict=True)
    ]
    merged = merge(own, ["duplicate"])
    assert json.loads(merged.lines[0])["limits"] == limits
    assert json.loads(merged.lines[0])["faults"] == ["drop", "duplicate", "reset"]
    assert validate(merged.lines).accepted
    with pytest.raises(MergeError, match="no trace has the limits of the initiator"):
        merge(own[:1])


def test_inconsistent_traces_are_refused() -> None:
    first, second = life()
    other = with_head(second, type="implicit-transient")
    with pytest.raises(MergeError, match="its sessions are implicit-transient") as found:
        merge([first, other])
    assert (found.value.which, found.value.line) == (1, 1)
    limits = json.loads(first[0])["limits"]
    with pytest.raises(MergeError, match="the limits of the responder differ from those"):
        merge([first, with_head(second, limits=limits | {"responder": limits["responder"] | {"held": 7}})])
    with pytest.raises(MergeError, match="is in another trace too"):
        merge([first, second, first])
    with pytest.raises(MergeError, match="not JSON") as found:
        merge([first, [*second, b"{\n"]])
    assert (found.value.which, found.value.line) == (1, len(second) + 1)


# The command --------------------------------------------------------------------------------------------------------


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["validate", *map(str, arguments)])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name, part in parts_of(LIFE).items():
        found.append(tmp_path / f"{name}.jsonl")
        found[-1].write_bytes(b"".join(part))
    return found


def test_several_files_are_validated_as_one(files: list[Path], tmp_path: Path) -> None:
    merged = tmp_path / "merged.jsonl"
    result = run(*files, "--merged", merged)
    assert result.exit_code == 0, result.output
    assert run(merged).exit_code == 0


def test_a_rejected_line_is_reported_in_its_file(files: list[Path]) -> None:
    head, *records = files[1].read_text().splitlines()
    last = json.loads(records[-1]) | {"delivered": 7}
    files[1].write_text("\n".join([head, *records[:-1], json.dumps(last)]) + "\n")
    result = run(*files)
    assert result.exit_code == 1, result.output
    assert f"{files[1].name}, line {len(records) + 1}" in result.stdout.replace("\n", "")
    found = json.loads(run(*files, "--json").stdout)
    assert found["traces"] == list(map(str, files))
    assert (found["rejection"]["trace"], found["rejection"]["line"]) == (str(files[1]), len(records) + 1)


def test_unreadable_files_are_reported(files: list[Path], tmp_path: Path) -> None:
    result = run(files[0], tmp_path / "nothing")
    assert (result.exit_code, "nothing" in result.stderr) == (2, True)
    result = run(*files, "--allow", "rain")
    assert (result.exit_code, "there is no fault 'rain'" in result.stderr) == (2, True)
    files[1].write_text("{")
    result = run(*files)
    assert (result.exit_code, f"{files[1].name}, line 1" in result.stderr.replace("\n", "")) == (2, True)

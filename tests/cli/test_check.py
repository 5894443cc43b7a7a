"""`ockam-fsm check`: names, verdicts, exit codes, JSON, bounds, limits, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.cli import app, check
from ockam_fsm.cli.app import DIFFERS, OK, USAGE
from ockam_fsm.cli.shared import world_index

ROOT = Path(__file__).parents[2]
BAD = {bad.name: bad for bad in shipped_known_bad()}
PINNED = {entry["name"]: entry for entry in json.loads((ROOT / "spec" / "manifest.json").read_text())["known_bad"]}
SMALL = "explicit-transient:closed"
OWN = "tests.cli.own_worlds"


@pytest.fixture(autouse=True)
def wide_and_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(ROOT)


def invoke(*arguments: str) -> Any:  # typer's runner has no public name for it
    return CliRunner().invoke(app, ["check", *arguments])


def as_json(*arguments: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(invoke(*arguments, "--json").stdout)
    return data


# Names and verdicts


def test_a_proved_world_is_exit_code_0_with_its_bounds() -> None:
    result = invoke(SMALL)
    assert result.exit_code == OK
    assert "PROVED" in result.stdout
    assert "in_flight=2 drop duplicate initiator.open=1 attempts=2" in result.stdout
    assert "1 of 1 worlds proved within their bounds (146 states)." in result.stdout


def test_a_rejected_known_bad_machine_is_exit_code_0() -> None:
    result = invoke("late-response-counts")
    assert result.exit_code == OK
    assert f"late-response-counts: {BAD['late-response-counts'].property} REFUTED" in result.stdout
    assert "1. initiator: order open" in result.stdout
    assert "ockam-fsm replay late-response-counts 0" in result.stdout


def test_a_type_means_all_its_worlds_which_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    two = {name: one for name, one in world_index.shipped().items() if name in (SMALL, "explicit-transient:lossy")}
    monkeypatch.setattr(world_index, "shipped", lambda: two)
    result = invoke("explicit-transient", "--workers", "1")
    assert result.exit_code == OK
    assert "explicit-transient is a type: checking all its 2 worlds." in result.stderr
    assert "2 of 2 worlds proved" in result.stdout


def test_all_means_every_world_and_every_known_bad_machine() -> None:
    names = [candidate.name for candidate in world_index.worlds_named("all", "")]
    assert names == [*(world.name for world in shipped_worlds()), *(bad.name for bad in shipped_known_bad())]


def test_a_known_bad_machine_is_judged_by_its_own_property_alone() -> None:
    judged = {
        one.name: [rule.id for rule in one.world.properties] for one in world_index.shipped().values() if one.because
    }
    assert judged == {bad.name: [bad.property] for bad in shipped_known_bad()}


def test_a_known_bad_machine_that_is_not_rejected_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    innocent = next(world for world in shipped_worlds() if world.name == SMALL)
    candidate = world_index.Candidate("innocent", innocent, None, "S1", "nothing")
    monkeypatch.setattr(world_index, "shipped", lambda: {"innocent": candidate})
    result = invoke("innocent")
    assert result.exit_code == DIFFERS
    assert "innocent must be rejected by S1, but is not." in result.stdout


def test_rejection_by_another_property_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BAD["route-outlives-failure"]
    candidate = world_index.Candidate("wrong-name", bad.world, None, "S2", "nothing")
    monkeypatch.setattr(world_index, "shipped", lambda: {"wrong-name": candidate})
    assert invoke("wrong-name").exit_code == DIFFERS


# JSON


def test_json_is_one_object_with_the_documented_shape() -> None:
    found = as_json(SMALL)
    assert list(found) == ["worlds", "known_bad"]
    (world,) = found["worlds"]
    assert list(world) == [
        "name", "type", "bounds", "states", "transitions", "depth", "verdict", "properties",
        "never_taken", "seconds",
    ]  # fmt: skip
    assert (world["name"], world["type"], world["verdict"], world["states"]) == (
        SMALL, "explicit-transient", "PROVED", 146,
    )  # fmt: skip
    assert {one["verdict"] for one in world["properties"]} == {"HOLDS"}
    assert found["known_bad"] == []


def test_json_of_a_known_bad_machine() -> None:
    bad, pinned = BAD["forget-held-messages"], PINNED["forget-held-messages"]
    entry = {"name": bad.name, "verdict": "REFUTED", "property": bad.property, "trace_length": pinned["trace_length"]}
    assert as_json(bad.name) == {"worlds": [], "known_bad": [entry]}


@pytest.mark.slow
def test_a_missing_witness_has_no_trace() -> None:
    bad = BAD["no-superseded"]
    (found,) = as_json(bad.name, "--bound", "generations=1")["known_bad"]
    assert found == {"name": bad.name, "verdict": "REFUTED", "property": bad.property, "trace_length": None}


# A user's own world


def test_a_refuted_world_of_a_user_is_exit_code_1_with_a_shortest_counterexample() -> None:
    result = invoke("--from", f"{OWN}:WORLD")
    assert result.exit_code == DIFFERS
    assert "counting: S1 REFUTED" in result.stdout
    assert "the counter stays below 2" in result.stdout
    assert "replay: ockam-fsm replay --from tests.cli.own_worlds:WORLD 0/" in result.stdout
    (world,) = as_json("--from", f"{OWN}:WORLD")["worlds"]
    (claim,) = world["properties"]
    assert (world["verdict"], len(claim["labels"])) == ("REFUTED", 3)


def test_a_function_that_returns_a_world_is_accepted() -> None:
    assert invoke("--from", f"{OWN}:made").exit_code == OK


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ("nonsense", "is not MODULE:WORLD"),
        ("no_such_module:WORLD", "there is no module 'no_such_module'"),
        (f"{OWN}:NOTHING", "has no 'NOTHING'"),
        (f"{OWN}:NO_WORLD", "is a str, not a World"),
        (f"{OWN}:wrong", "two actors are called 'asker'"),
    ],
)
def test_a_world_that_cannot_be_loaded_is_exit_code_2(source: str, fact: str) -> None:
    result = invoke("--from", source)
    assert result.exit_code == USAGE
    assert fact in result.stderr


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("exiting", ("actor counter", "it ended the program with exit code 0", "after these steps (path 0)")),
        ("typo", ("property S1", "it raised AttributeError", "at the start")),
    ],
)
def test_an_exception_in_a_world_of_a_user_is_exit_code_2_with_its_path(name: str, facts: tuple[str, ...]) -> None:
    result = invoke("--from", f"{OWN}:{name}")
    assert result.exit_code == USAGE
    for fact in facts:
        assert fact in result.stderr


def test_a_world_without_properties_is_exit_code_2_and_unused_orders_are_listed() -> None:
    result = invoke("--from", f"{OWN}:unjudged")
    assert result.exit_code == USAGE
    assert "unjudged has no properties: nothing was judged." in result.stdout
    assert "never taken: order asker.sleep" in result.stdout


# Bounds and limits


def test_a_bound_is_replaced_and_printed() -> None:
    (world,) = as_json(SMALL, "--bound", "in_flight=1", "--bound", "order initiator.open=0")["worlds"]
    assert (world["bounds"]["in_flight"], world["bounds"]["order initiator.open"]) == (1, 0)
    assert world["states"] == 1


def test_a_counterexample_under_another_bound_is_replayed_under_it() -> None:
    result = invoke("--from", f"{OWN}:made", "--bound", "duplicate=9")
    assert result.exit_code == DIFFERS
    assert "--bound duplicate=9" in result.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("in_flite=3", "Did you mean in_flight?"),
        ("in_flight=x", "write NAME=NUMBER"),
        ("in_flight=unlimited", "in_flight must have a limit"),
    ],
)
def test_a_wrong_bound_is_exit_code_2_with_the_options(text: str, words: str) -> None:
    result = invoke(SMALL, "--bound", text)
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("limit", "words"),
    [(("--limit-states", "10"), "stopped by state limit 10"), (("--limit-seconds", "0"), "stopped by seconds limit 0")],
)
def test_a_limit_that_is_hit_is_exit_code_2_with_its_name(limit: tuple[str, str], words: str) -> None:
    result = invoke("explicit-transient:lossy", *limit)
    assert result.exit_code == USAGE
    assert "UNDETERMINED" in result.stdout
    assert words in result.stdout


def test_a_known_bad_machine_beyond_a_limit_is_exit_code_2() -> None:
    result = invoke("no-generation", "--limit-states", "3")
    assert result.exit_code == USAGE


def test_an_unknown_name_is_exit_code_2_with_the_closest() -> None:
    result = invoke("explicit-transiet")
    assert (result.exit_code, result.stdout) == (USAGE, "")
    assert "Did you mean explicit-transient?" in result.stderr


# Back ends


def test_missing_numba_is_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find_spec", lambda _name: None)
    result = invoke(SMALL, "--backend", "numba")
    assert result.exit_code == USAGE
    assert "pip install 'ockam-fsm[fast]'" in result.stderr


@pytest.mark.thorough
def test_a_world_that_numba_cannot_search_is_an_error_only_alone() -> None:
    result = invoke(SMALL, "--backend", "numba")
    assert result.exit_code == USAGE
    assert "cannot search" in result.stderr
    job = check.SearchJob(SMALL, "", (), "numba", 10**6, None, lenient=True)
    assert check.search_world(job, lambda _: None)["backend"] == "stdlib"


# Pins


def test_pins_are_written_for_all_only(tmp_path: Path) -> None:
    result = invoke(SMALL, "--pin", str(tmp_path / "m.json"))
    assert result.exit_code == USAGE
    assert "check all --pin spec/manifest.json" in result.stderr


def test_pins_have_no_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: one for name, one in world_index.shipped().items() if name in (SMALL, "forget-held-messages")}
    monkeypatch.setattr(world_index, "shipped", lambda: few)
    file = tmp_path / "m.json"
    file.write_text('{"tlc": [{"name": "MCExplicitTransient"}]}')
    assert invoke("all", "--workers", "1", "--pin", str(file)).exit_code == OK
    pinned = json.loads(file.read_text())
    assert "seconds" not in file.read_text()
    assert list(pinned) == ["label", "worlds", "known_bad", "tlc"]
    assert pinned["tlc"] == [{"name": "MCExplicitTransient"}]
    assert pinned["worlds"][0]["states"] == 146
    assert len(pinned["known_bad"][0]["trace"]) == pinned["known_bad"][0]["trace_length"] == 3
    assert invoke("all", "--workers", "1", "--pin", str(tmp_path / "no" / "m.json")).exit_code == USAGE


# Processes


@pytest.mark.slow
def test_two_processes_give_the_same_results_as_one() -> None:
    def without_times(workers: str) -> list[dict[str, Any]]:
        worlds: list[dict[str, Any]] = as_json("explicit-transient", "--workers", workers)["worlds"]
        return [{key: value for key, value in world.items() if key != "seconds"} for world in worlds]

    assert without_times("2") == without_times("1")


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    """A long check on two processes, in its own process group, as from a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ockam_fsm.cli", "check", "explicit-persistent-two-sided", "--backend", "stdlib",
         "--workers", "2", "--bound", "in_flight=4"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def members(group: int) -> list[int]:
    """Return the processes of a group, without zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, member = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(member) == group and state != "Z":
            found.append(int(folder.name))
    return found


POLLS = 100_000
"""Number of reads of /proc: together they take longer than the start or the end of a process."""


def started(group: int) -> bool:
    """Wait until the parent and two workers run."""
    return any(len(members(group)) >= 3 for _ in range(POLLS))


def ended(group: int) -> bool:
    """Wait until no process is left; the kernel closes the files of a process a moment before it ends."""
    return any(not members(group) for _ in range(POLLS))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see that no process is left")
@pytest.mark.parametrize("everyone", [True, False], ids=["as a terminal sends it", "to the parent alone"])
def test_an_interrupt_leaves_no_process(running: subprocess.Popen[str], everyone: bool) -> None:
    assert started(running.pid)
    (os.killpg if everyone else os.kill)(running.pid, signal.SIGINT)
    output, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert output == ""
    assert "Traceback" not in errors
    assert ended(running.pid)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see that no process is left")
def test_workers_end_when_their_parent_is_killed(running: subprocess.Popen[str]) -> None:
    assert started(running.pid)
    running.kill()
    running.communicate(timeout=60)  # the pipes close when the last process that has them ends
    assert ended(running.pid)


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_an_interrupt_keeps_the_results_so_far(option: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(function: Callable[..., Any], jobs: Sequence[Any], workers: int, hear: Callable[..., None]) -> None:
        hear((0, True, function(jobs[0], lambda heard: None)))
        raise KeyboardInterrupt

    monkeypatch.setattr("ockam_fsm.tools.process_pool.carry_out", interrupted)
    result = CliRunner().invoke(app, ["check", "pipe", *option])
    assert result.exit_code == 130
    assert "interrupted: 1 of " in result.stderr
    if option:
        assert [world["verdict"] for world in json.loads(result.stdout)["worlds"]] == ["PROVED"]
    else:
        assert result.stdout.count("PROVED") == 1

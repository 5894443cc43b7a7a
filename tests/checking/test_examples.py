"""The two examples give their documented results. Two-phase commit is compared with the published model, which is
recomputed here from its text."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import Backend, explore
from ockam_fsm.checking.result import Verdict


def example(name: str) -> Any:
    """Load an example as `python examples/<name>.py` does: examples are scripts, not a package."""
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


alternating_bit, two_phase_commit = example("alternating_bit"), example("two_phase_commit")


def test_alternating_bit_is_right_in_order_and_wrong_out_of_order(backend: Backend) -> None:
    right = explore(alternating_bit.world("ordered"), backend=backend)
    wrong = explore(alternating_bit.world("unordered"), backend=backend)
    assert right.verdict is Verdict.PROVED
    trace = wrong["S1"].trace
    assert trace is not None
    assert trace.labels == (
        "deliver Data(0, 0) from sender to receiver and keep a copy",
        "deliver Ack(0) from receiver to sender",
        "deliver Data(1, 1) from sender to receiver",
        "deliver Data(0, 0) from sender to receiver",
    )


def published_two_phase_states(resources: int) -> int:
    """Count the states of the TLA+ module TwoPhase, written as a program. Messages are never removed from their set."""
    everyone = frozenset(range(resources))
    start = (("working",) * resources, "init", frozenset[int](), frozenset[object]())
    known, queue = {start}, [start]
    for states, manager, prepared, messages in queue:
        found = []
        if manager == "init":
            found += [(states, manager, prepared | {r}, messages) for r in everyone if r in messages]
            found.append((states, "aborted", prepared, messages | {"abort"}))
            if prepared == everyone:
                found.append((states, "committed", prepared, messages | {"commit"}))
        for r in everyone:
            moved = {to: (*states[:r], to, *states[r + 1 :]) for to in ("prepared", "aborted", "committed")}
            if states[r] == "working":
                found.append((moved["prepared"], manager, prepared, messages | {r}))
                found.append((moved["aborted"], manager, prepared, messages))
            if "commit" in messages:
                found.append((moved["committed"], manager, prepared, messages))
            if "abort" in messages:
                found.append((moved["aborted"], manager, prepared, messages))
        fresh = [state for state in dict.fromkeys(found) if state not in known]
        known.update(fresh)
        queue += fresh
    return len(known)


def test_two_phase_commit_has_exactly_the_published_states() -> None:
    assert published_two_phase_states(3) == two_phase_commit.PUBLISHED_STATES[3]
    for resources in (1, 2, 3):
        result = explore(two_phase_commit.world(resources))
        assert (result.verdict, result.states) == (Verdict.PROVED, published_two_phase_states(resources))


@pytest.mark.slow
def test_two_phase_commit_with_five_resource_managers() -> None:
    assert explore(two_phase_commit.world(5)).states == 8_832 == published_two_phase_states(5)


def test_an_impatient_resource_manager_breaks_it() -> None:
    result = explore(two_phase_commit.world(3, impatient=True))
    trace = result["S1"].trace
    assert trace is not None
    assert len(trace) == 9
    assert "rm1: order abort" in trace.labels


@pytest.mark.slow
def test_both_run_as_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    alternating_bit.main()
    two_phase_commit.main()
    said = capsys.readouterr().out
    assert "S1 is violated after 4 steps (path 2/1/1/0)" in said
    assert "published for this world: 8,832 states" in said

"""Verdicts, traces, limits and bounds of explorations."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import pytest

from ockam_fsm.checking.actors import BoundReached, Disabled, Event, Fire, Order, Outbox
from ockam_fsm.checking.engine import backends, layout
from ockam_fsm.checking.engine.backends import BackendUnavailable
from ockam_fsm.checking.explore import Backend, explore, replay
from ockam_fsm.checking.properties import (
    Property,
    always,
    always_step,
    never_step,
    recoverable,
    sometimes,
    sometimes_step,
)
from ockam_fsm.checking.result import Progress, Verdict
from ockam_fsm.checking.world import Network, World
from tests.checking.small import Scripted, idle
from tests.checking.toys import random_world


def counting(state: int, event: Event, out: Outbox) -> Hashable:
    """A counter modulo ten driven by a timer; the user can break it (state -1, which is final)."""
    if event == Order("break") and state != -1:
        out.cancel_all_timers()
        return -1
    if not isinstance(event, Fire):
        raise Disabled
    out.set_timer("tick")
    out.record(("to", (state + 1) % 10))
    return (state + 1) % 10


def begin(out: Outbox) -> Hashable:
    out.set_timer("tick")
    return 0


def ring(*properties: Property, orders: bool = True, **more: Any) -> World:
    declared = {"ring": {"break": None}} if orders else {}
    return World("ring", (Scripted("ring", counting, begin),), orders=declared, properties=properties, **more)


HOLDING = [
    always("S", "small", lambda n: n < 10, over=("ring",)),
    never_step("S", "never jumps", lambda step: step.after > step.before + 1),
    always_step("S", "records or breaks", lambda step: step.records or step.after == -1),
    sometimes("W", "nine", lambda n: n == 9, over=("ring",)),
    sometimes_step("W", "to nine", lambda step: ("to", 9) in step.records),
    recoverable("R", "five", lambda n: n == 5, over=("ring",), given=lambda n: n != -1),
]
FAILING = [
    (always("S", "under four", lambda n: n < 4, over=("ring",)), "0/0/0/0"),
    (never_step("S", "never leaves three", lambda step: step.before == 3 and step.after == 4), "0/0/0/0"),
    (always_step("S", "always records", lambda step: step.records), "1"),
    (recoverable("R", "five", lambda n: n == 5, over=("ring",)), "1"),
]
MISSING = [
    sometimes("W", "eleven", lambda n: n == 11, over=("ring",)),
    sometimes_step("W", "to eleven", lambda step: ("to", 11) in step.records),
]


@pytest.mark.parametrize("one", HOLDING, ids=lambda one: one.sentence)
def test_properties_that_hold(backend: Backend, one: Property) -> None:
    result = explore(ring(one), backend=backend)
    assert (result.verdict, result[one.id].verdict) == (Verdict.PROVED, Verdict.HOLDS)
    assert (result[one.id].trace is not None) == one.is_witness
    assert (result.states, result.transitions, result.depth) == (11, 20, 9)


@pytest.mark.parametrize(("one", "path"), FAILING, ids=lambda one: getattr(one, "sentence", ""))
def test_a_failing_property_has_a_shortest_trace(backend: Backend, one: Property, path: str) -> None:
    result = explore(ring(one), backend=backend)
    trace = result[one.id].trace
    assert result.verdict is Verdict.REFUTED
    assert trace is not None
    assert trace.path == path
    assert len(trace) == len(trace.labels) == len(trace.steps) - 1
    assert tuple(replay(ring(one), trace.indices)) == trace.steps


@pytest.mark.parametrize("one", MISSING, ids=lambda one: one.sentence)
def test_a_witness_that_is_never_reached_is_missing(backend: Backend, one: Property) -> None:
    result = explore(ring(one), backend=backend)
    assert (result.verdict, result[one.id].verdict) == (Verdict.REFUTED, Verdict.MISSING)


def test_stop_at_first_stops_at_the_first_violation(backend: Backend) -> None:
    world = ring(
        always("S1", "under two", lambda n: n < 2, over=("ring",)),
        always("S2", "under four", lambda n: n < 4, over=("ring",)),
        sometimes("W1", "nine", lambda n: n == 9, over=("ring",)),
        recoverable("R1", "five", lambda n: n == 5, over=("ring",)),
    )
    first = explore(world, backend=backend)
    assert [one.verdict.value for one in first.properties] == ["REFUTED", *["UNDETERMINED"] * 3]
    every = explore(world, backend=backend, stop_at_first=False)
    assert [one.verdict.value for one in every.properties] == ["REFUTED", "REFUTED", "HOLDS", "REFUTED"]


def test_a_state_limit_gives_undetermined(backend: Backend) -> None:
    one = always("S1", "small", lambda n: n < 10, over=("ring",))
    result = explore(ring(one, orders=False), backend=backend, state_limit=5)
    assert (result.verdict, result["S1"].verdict, result.states) == (Verdict.UNDETERMINED, Verdict.UNDETERMINED, 5)
    assert result.limit_hit == "state_limit 5"
    assert "stopped by state_limit 5" in str(result)


def test_a_seconds_limit_gives_undetermined(backend: Backend) -> None:
    result = explore(ring(HOLDING[0]), backend=backend, seconds_limit=0)
    assert (result.verdict, result.limit_hit) == (Verdict.UNDETERMINED, "seconds_limit 0")


def test_progress_is_reported(backend: Backend) -> None:
    told: list[Progress] = []
    explore(ring(orders=False), backend=backend, progress=told.append)
    assert [(one.states, one.depth) for one in told] == [(min(n + 2, 10), n) for n in range(10)]


def bounded(state: int, event: Event, out: Outbox) -> Hashable:
    if state == 3:
        raise BoundReached("steps")
    out.set_timer("tick")
    return state + 1


def test_a_state_cut_by_a_bound_is_excused(backend: Backend) -> None:
    world = World(
        "bounded",
        (Scripted("a", bounded, begin),),
        properties=(recoverable("R1", "seven", lambda n: n == 7, over=("a",)),),
        extra_bounds={"steps": 3},
    )
    result = explore(world, backend=backend)
    assert (result.verdict, result.bounds_reached, result["R1"].excused) == (Verdict.PROVED, ("steps",), 4)
    assert result.bounds == {"in_flight": 4, "steps": 3}


def test_a_bound_on_orders_excuses_nothing(backend: Backend) -> None:
    def react(state: int, event: Event, out: Outbox) -> Hashable:
        raise BoundReached("patience")

    one = recoverable("R1", "one", lambda n: n == 1, over=("a",))
    world = World("stuck", (Scripted("a", react),), orders={"a": {"go": None}}, properties=(one,))
    result = explore(world, backend=backend)
    assert (result.verdict, result.bounds_reached) == (Verdict.REFUTED, ("patience",))


def test_steps_that_did_not_fit_prove_nothing(backend: Backend) -> None:
    def shout(state: int, event: Event, out: Outbox) -> Hashable:
        out.send("b", "x")
        out.send("b", "y")
        return 1

    one = never_step("S1", "never moves", lambda step: step.after == 1)
    world = World("quiet", (Scripted("a", shout, begin), Scripted("b", idle)), Network(in_flight=1), properties=(one,))
    result = explore(world, backend=backend)
    assert (result.verdict, result.states, result.bounds_reached) == (Verdict.PROVED, 1, ("in_flight",))


def wide(state: int, event: Event, out: Outbox) -> Hashable:
    out.set_timer("tick")
    out.send("b", (state * 7) % 200)
    return (state + 1) % 200


def swallow(state: int, event: Event, out: Outbox) -> Hashable:
    return 0


def test_ids_that_outgrow_their_fields_get_wider_ones(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "COMFORTABLE_BITS", 0)
    world = World("wide", (Scripted("a", wide, begin), Scripted("b", swallow)), Network(in_flight=1))
    result = explore(world, backend=backend)
    assert (result.states, result.transitions, result.depth) == (400, 400, 399)
    *_, last = replay(world, [0] * 399)
    assert last.state.locals == {"a": 0, "b": 0}


def test_an_unavailable_numba_gives_reason_and_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'ockam-fsm\[fast\]'"):
        explore(ring(), backend="numba")
    assert explore(ring(), backend="auto").backend == "stdlib"


@pytest.mark.thorough
def test_numba_refuses_states_larger_than_a_word() -> None:
    with pytest.raises(BackendUnavailable, match="a packed state takes"):
        explore(ring(network=Network(in_flight=40)), backend="numba")
    assert explore(ring(network=Network(in_flight=40)), backend="auto").states == 11


def test_an_unknown_back_end_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of auto, stdlib, numba"):
        explore(ring(), backend="abacus")  # type: ignore[arg-type]


@pytest.mark.thorough
def test_auto_changes_to_numba_when_the_world_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    world = random_world(7, ordered=False, faults={"drop": None, "duplicate": 2})
    plain = explore(world, backend="stdlib", stop_at_first=False)
    monkeypatch.setattr(backends, "WORTH_NUMBA_STATES", 20)
    changed = explore(world, stop_at_first=False)
    assert (plain.backend, changed.backend) == ("stdlib", "numba")
    assert replace(changed, seconds=0, backend="") == replace(plain, seconds=0, backend="")


def test_a_result_is_plain_data(backend: Backend) -> None:
    result = explore(ring(FAILING[3][0]), backend=backend)
    data = json.loads(json.dumps(result.to_json()))
    assert data["properties"] == [
        {
            "id": "R",
            "sentence": "five",
            "kind": "recoverable",
            "verdict": "REFUTED",
            "path": "1",
            "labels": ["ring: order break"],
            "excused": 0,
        }
    ]
    assert (data["states"], data["transitions"], data["depth"], data["backend"]) == (11, 20, 9, backend)
    with pytest.raises(KeyError):
        result["S99"]
    assert str(result["R"].trace) == "  1. ring: order break"


def test_a_path_with_an_invalid_position_is_refused() -> None:
    with pytest.raises(IndexError, match="action 5 is not among the 2 that are enabled"):
        list(replay(ring(), [5]))

"""Each known-bad machine violates its property, and its counterexample replays to the violation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking import Kind, PropertyResult, Verdict, World, explore, replay
from ockam_fsm.checking.known_bad import KnownBad
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds

LONG_TRACE = 12
REFUTED = [one for one in shipped_known_bad() if not one.property.startswith("W")]


def only(bad: KnownBad) -> World:
    return replace(bad.world, properties=tuple(one for one in bad.world.properties if one.id == bad.property))


def violated(world: World, found: PropertyResult) -> bool:
    """Replay the counterexample and evaluate the property at its end, without the engine."""
    assert found.trace is not None
    run = list(replay(world, found.trace.indices))
    rule = world.properties[0]
    if rule.reads_steps:
        steps = [point.step for point in run if point.step is not None]
        judged = [bool(rule.predicate(step)) is (rule.kind is Kind.NEVER_STEP) for step in steps]
        return judged[-1] and not any(judged[:-1])
    states = [[point.state.locals[name] for name in rule.over] for point in run]
    if rule.kind is Kind.RECOVERABLE:
        assert rule.given is not None
        return bool(rule.given(*states[-1])) and not rule.predicate(*states[-1])
    judged = [not rule.predicate(*state) for state in states]
    return judged[-1] and not any(judged[:-1])


def each() -> Iterator[Any]:
    """Yield each machine. Those with long counterexamples have large worlds and are marked for `make test-all`."""
    pinned = json.loads((Path(__file__).parents[2] / "spec" / "manifest.json").read_text())["known_bad"]
    steps = {entry["name"]: entry["trace_length"] for entry in pinned}
    for one in REFUTED:
        yield pytest.param(one, marks=pytest.mark.thorough if steps[one.name] > LONG_TRACE else pytest.mark.slow)


@pytest.mark.parametrize("bad", list(each()), ids=lambda one: one.name)
def test_its_counterexample_leads_to_the_violation(bad: KnownBad) -> None:
    world = only(bad)
    found = explore(world, backend="stdlib")[bad.property]
    assert found.verdict is Verdict.REFUTED
    assert violated(world, found)


def test_every_safety_and_recoverability_property_has_a_known_bad_machine() -> None:
    claimed = {one.id for world in shipped_worlds() for one in world.properties if not one.is_witness}
    assert claimed <= {one.property for one in shipped_known_bad()}


def test_names_are_unique() -> None:
    names = [one.name for one in shipped_known_bad()]
    assert len(set(names)) == len(names)
    assert [one.world.name for one in shipped_known_bad()] == names

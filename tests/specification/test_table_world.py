"""The table world is equivalent to the core world: the same counts, states and verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ockam_fsm.checking.explore import PropertyResult, Verdict, explore
from ockam_fsm.checking.properties import Property, always, always_step
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, End
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.world import NETWORK, World
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.specification.incarnations import Incarnations
from ockam_fsm.specification.table_world import pair_config_of, table_world
from ockam_fsm.specification.tla_files import of_pair
from ockam_fsm.specification.tlc_models import WITNESSES, TlcModel, tlc_models
from tests.specification.table_abstraction import symbol, table_end, table_timers
from tests.specification.table_properties import table_properties

ROOT = Path(__file__).parents[2]
REJECTED = {
    "transient-renegotiates": 3,
    "responder-renegotiates": 7,
    "retry-without-back-off": 4,
    "route-outlives-failure": 2,
}
"""Wrong tables that a lossy table world refutes, and the length of their shortest counterexamples."""


def seen_by(record: Callable[..., None], *over: str) -> Property:
    """Return a property that always holds and passes every combination of states that it reads to `record`."""

    def seen(*states: object) -> bool:
        record(*states)
        return True

    return always("S0", "it is seen", seen, over=over)


def checked(config: PairConfig) -> World:
    return replace(table_world(lossy(config)), properties=tuple(table_properties(config)))


def only(world: World, property_id: str) -> PropertyResult:
    """Return the result of one property in a world without its other properties."""
    judged = tuple(one for one in world.properties if one.id == property_id)
    return explore(replace(world, properties=judged))[property_id]


TLC = {entry["name"]: entry for entry in json.loads((ROOT / "spec" / "manifest.json").read_text())["tlc"]}
LARGE_STATES = 20_000
COUNTED = [one for one in tlc_models() if one.counts]


def size(one: TlcModel) -> pytest.MarkDecorator:
    return pytest.mark.thorough if TLC[of_pair(one).name]["states"] > LARGE_STATES else pytest.mark.slow


def witnesses_of(one: TlcModel) -> dict[str, int]:
    """Return the witnesses that TLC checked in the world of a model, with their distances."""
    models = [other for other in tlc_models() if other.name == f"witness {one.name}"]
    ids = {model.rejects.removeprefix("Never_").partition("_")[0]: model for model in models}
    return {property_id: TLC[of_pair(model).name]["steps"] for property_id, model in ids.items()}


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name, marks=size(one)) for one in COUNTED])
def test_the_core_world_the_table_world_and_tlc_agree(one: TlcModel) -> None:
    """One search of the core world and one of its table world. Ordinals distinguish restarted ends."""
    world, lives, witnesses = one.world, Incarnations(one.config.spawns), witnesses_of(one)
    of_core: set[object] = set()
    of_table: set[object] = set()

    def core_pair(initiator: End, responder: End) -> None:
        of_core.add((table_end(initiator, Role.INITIATOR, lives), table_end(responder, Role.RESPONDER, lives)))

    looked_for = [found for found in world.properties if found.id in witnesses]
    core = explore(replace(world, properties=(seen_by(core_pair, INITIATOR, RESPONDER), *looked_for)))
    kept = table_properties(one.config) if one.world.name.endswith(":lossy") else ()
    table = explore(
        replace(table_world(world), properties=(seen_by(lambda *ends: of_table.add(ends), INITIATOR, RESPONDER), *kept))
    )
    assert of_core == of_table
    assert table.limit_hit is None
    pinned = TLC[of_pair(one).name]
    assert (pinned["states"], pinned["transitions"]) == (table.states, table.transitions)
    assert {name: len(found.trace) for name in witnesses if (found := core[name]).trace} == witnesses
    if kept:
        assert table.verdict is Verdict.PROVED, str(table)
        assert (table.states, table.transitions, table.depth) == (core.states, core.transitions, core.depth)
        assert table.bounds_reached == core.bounds_reached


def test_every_witness_of_tlc_is_compared() -> None:
    found = [name for one in COUNTED for name in witnesses_of(one)]
    assert len(found) == len([one for one in tlc_models() if one.rejects in WITNESSES and not one.unwitnessed])


def test_messages_and_timers_are_the_same() -> None:
    world, of_core, of_table = lossy(config_of(EXPLICIT_TRANSIENT)), set(), set()

    def core_state(initiator: object, responder: object, network: tuple[object, ...]) -> None:
        ends = (table_end(initiator, Role.INITIATOR), table_end(responder, Role.RESPONDER))  # type: ignore[arg-type]
        of_core.add((*ends, tuple(sorted(repr(symbol(one.payload)) for one in network))))  # type: ignore[attr-defined]

    def table_state(initiator: object, responder: object, network: tuple[object, ...]) -> None:
        of_table.add((initiator, responder, tuple(sorted(repr(one.payload) for one in network))))  # type: ignore[attr-defined]

    armed_in_core, armed_in_table = set(), set()

    def core_timers(step: object) -> bool:
        role = Role[step.actor.upper()]  # type: ignore[attr-defined]
        armed_in_core.add((role, table_end(step.after, role), table_timers(step.after)))  # type: ignore[attr-defined]
        return True

    def table_armed(step: object) -> bool:
        armed_in_table.add((Role[step.actor.upper()], step.after, step.timers_after))  # type: ignore[attr-defined]
        return True

    over = (INITIATOR, RESPONDER, NETWORK)
    explore(replace(world, properties=(seen_by(core_state, *over), always_step("T", "timers", core_timers))))
    table = table_world(world)
    explore(replace(table, properties=(seen_by(table_state, *over), always_step("T", "timers", table_armed))))
    assert of_core == of_table
    assert armed_in_core == armed_in_table


@pytest.mark.parametrize("name", sorted(REJECTED))
def test_a_wrong_table_is_rejected_as_in_the_core_world(name: str) -> None:
    bad = next(one for one in known_bad() if one.name == name)
    config = replace(pair_config_of(bad.world), generations=3)
    table, core = (only(world, bad.property) for world in (checked(config), lossy(config)))
    assert table.trace is not None
    assert core.trace is not None
    assert table.verdict is Verdict.REFUTED
    assert len(table.trace) == len(core.trace) == REJECTED[name]

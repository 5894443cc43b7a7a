"""Replacing bounds of a world by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking.sessions.bounds import (
    UnknownBound,
    WrongBound,
    bounded,
    config_in,
    parsed_bound,
    possible_bounds,
)
from ockam_fsm.checking.sessions.worlds import worlds_of
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from tests.checking.small import Scripted, idle

WORLDS = [*shipped_worlds(), *(one.world for one in shipped_known_bad())]
LOSSY = worlds_of(EXPLICIT_TRANSIENT)[0]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_bound_replaced_by_itself_changes_nothing(world: World) -> None:
    config = config_in(world)
    attempts = {} if config is None else {"attempts": config.attempts}
    same = bounded(world, {**attempts, "in_flight": world.network.in_flight})
    assert (same.name, same.bounds, same.normaliser) == (world.name, world.bounds, world.normaliser)
    assert [one.id for one in same.properties] == [one.id for one in world.properties]
    assert same.actors == world.actors


def test_an_open_environment_has_bounds_for_its_events() -> None:
    alone = [world for world in WORLDS if "among-strangers" in world.name]
    assert {len(world.actors) for world in alone} == {1}
    assert possible_bounds(alone[0])[:3] == ("in_flight", "initiator.open", "initiator.send")
    assert not any("hello" in name for name in possible_bounds(alone[0]))


@pytest.mark.parametrize(
    ("name", "limit", "reported"),
    [
        ("in_flight", 3, "in_flight"),
        ("drop", 1, "drop"),
        ("duplicate", 0, "duplicate"),
        ("initiator.open", 4, "order initiator.open"),
        ("attempts", 5, "attempts"),
        ("generations", 6, "generations"),
        ("held", 7, "held"),
        ("misses", 8, "misses"),
        ("spawns", 9, "spawns"),
    ],
)
def test_every_bound_is_replaced_and_no_other(name: str, limit: int, reported: str) -> None:
    assert name in possible_bounds(LOSSY)
    assert bounded(LOSSY, {name: limit}).bounds == {**LOSSY.bounds, reported: limit}


def test_a_declared_limit_reaches_both_ends() -> None:
    changed = bounded(LOSSY, {"attempts": 5})
    assert [actor.config.attempts for actor in changed.actors] == [5, 5]  # type: ignore[attr-defined]


def test_replacing_a_bound_keeps_the_selected_properties() -> None:
    few = replace(LOSSY, properties=LOSSY.properties[:2])
    assert [one.id for one in bounded(few, {"attempts": 5}).properties] == ["S1", "S2"]


def test_a_budget_without_limit_is_unlimited() -> None:
    assert bounded(LOSSY, {"initiator.open": None}).bounds["order initiator.open"] == "unlimited"


def test_a_users_own_world_has_its_budgets() -> None:
    world = World("own", (Scripted("a", idle),), Network(faults=("drop",)), faults={"a": {"crash": 1}})
    assert possible_bounds(world) == ("in_flight", "drop", "a.crash")
    assert bounded(world, {"a.crash": 2}).bounds == {"in_flight": 4, "drop": "unlimited", "fault a.crash": 2}


def test_an_unknown_bound_is_refused() -> None:
    with pytest.raises(UnknownBound, match="no bound 'partition'"):
        bounded(LOSSY, {"partition": 1})


@pytest.mark.parametrize("text", ["in_flight", "in_flight=", "in_flight=-1", "in_flight=many", "in_flight=unlimited"])
def test_malformed_bounds_are_refused(text: str) -> None:
    with pytest.raises(WrongBound):
        parsed_bound(text)


def test_a_bound_is_a_name_and_a_number() -> None:
    assert (parsed_bound("drop=2"), parsed_bound("attempts=unlimited")) == (("drop", 2), ("attempts", None))

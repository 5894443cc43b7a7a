"""The pinned results of TLC for a publisher and its stream equal those of the explorer over the abstract session.

TLC itself runs in `make spec`, which compares it with the same pins.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.world import World
from ockam_fsm.specification.tla_files import of_world
from ockam_fsm.specification.tlc_claims import property_of
from ockam_fsm.specification.tlc_publisher_model import (
    CLAIMS,
    RECOVERY,
    WITNESS,
    WRONG_OPERATORS,
    TlcPublisherModel,
    tlc_publisher_models,
)

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
TEXT = "".join((ROOT / "spec" / "tla" / f"{name}.tla").read_text() for name in ("Publishing", "PublishingRecovery"))

WHOLE = [one for one in tlc_publisher_models() if one.claims == CLAIMS]
(SEEN,) = [one for one in tlc_publisher_models() if one.rejects == WITNESS]
CALM = [one for one in tlc_publisher_models() if one.claims == (*CLAIMS, RECOVERY)]
WRONG = [one for one in tlc_publisher_models() if one.rejects and one.rejects != WITNESS]

LARGE = pytest.mark.slow
SMALL_WORLDS = ("stream:patient", "stream:told", "stream:beginning")


def pinned(one: TlcPublisherModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_world(one).name]
    return found


def judging(world: World, *ids: str) -> World:
    return replace(world, properties=tuple(one for one in world.properties if one.id in ids))


def test_each_kind_of_model_exists() -> None:
    assert [len(some) for some in (WHOLE, CALM, WRONG)] == [7, 3, 13]


@pytest.mark.parametrize(
    "one",
    [pytest.param(one, id=one.name, marks=() if one.world.name in SMALL_WORLDS else LARGE) for one in WHOLE],
)
def test_tlc_counts_what_the_explorer_counts(one: TlcPublisherModel) -> None:
    found = explore(one.world)
    assert all(found[judged.id].verdict is Verdict.HOLDS for judged in one.world.properties)
    assert pinned(one) == {
        "name": of_world(one).name,
        "verdict": "PROVED",
        "states": found.states,
        "transitions": found.transitions,
        "steps": None,
    }


@pytest.mark.parametrize(
    "one",
    [pytest.param(one, id=one.name, marks=LARGE if "unfenced" in one.name else ()) for one in WRONG],
)
def test_pinned_counterexamples_have_the_length_of_those_found(one: TlcPublisherModel) -> None:
    id = property_of(one.rejects)
    found = explore(judging(one.world, id))[id]
    assert found.trace is not None
    assert found.verdict is Verdict.REFUTED
    assert pinned(one)["verdict"] == "REFUTED"
    assert pinned(one)["steps"] == (None if one.rejects == RECOVERY else len(found.trace))


def test_the_witness_has_the_pinned_length() -> None:
    witness = WITNESS.removeprefix("Never_")
    trace = explore(judging(SEEN.world, witness))[witness].trace
    assert trace is not None
    assert (pinned(SEEN)["verdict"], pinned(SEEN)["steps"]) == ("REFUTED", len(trace))


@pytest.mark.parametrize("one", CALM, ids=lambda one: one.name)
def test_recoverability_is_checked_in_the_same_states(one: TlcPublisherModel) -> None:
    """The model has each state of the world twice: while faults may occur, and after they have stopped."""
    found = explore(one.world)
    assert all(found[judged.id].verdict is Verdict.HOLDS for judged in one.world.properties)
    assert (pinned(one)["verdict"], pinned(one)["states"]) == ("PROVED", 2 * found.states)


def test_every_claim_is_defined_and_rejects_something() -> None:
    assert {*CLAIMS, RECOVERY} == {one.rejects for one in WRONG}
    for name in (*CLAIMS, RECOVERY, WITNESS):
        assert f"\n{name} ==" in TEXT


def test_every_wrong_operator_is_defined() -> None:
    assert {one.name for one in WRONG} == set(WRONG_OPERATORS)
    for pairs in WRONG_OPERATORS.values():
        for names in pairs:
            for name in names:
                assert f"\n{name}(" in TEXT or f"\n{name} ==" in TEXT


def test_every_property_of_the_worlds_is_claimed() -> None:
    claimed = {property_of(claim) for one in tlc_publisher_models() for claim in one.claims}
    assert claimed == {found.id for one in WHOLE for found in one.world.properties}

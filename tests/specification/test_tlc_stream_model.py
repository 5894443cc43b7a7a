"""The pinned results of TLC for a consumer and its workers equal those of the explorer.

TLC itself runs in `make spec`, which compares it with the same pins.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import explore
from ockam_fsm.specification.tla_files import of_world
from ockam_fsm.specification.tlc_claims import property_of
from ockam_fsm.specification.tlc_stream_model import (
    CLAIMS,
    RECOVERY,
    SKIPS,
    WITNESS,
    WRONG_OPERATORS,
    TlcStreamModel,
    tlc_consumer_models,
)

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
EXPLORED = {entry["name"]: entry for part in ("worlds", "known_bad") for entry in MANIFEST[part]}
TEXT = "".join((ROOT / "spec" / "tla" / f"{name}.tla").read_text() for name in ("Consuming", "ConsumingRecovery"))
WHOLE, SEEN, CALM, *REST = tlc_consumer_models()
WRONG = [one for one in REST if one.name in WRONG_OPERATORS]
SKIPPING = [one for one in REST if one.name not in WRONG_OPERATORS]


def pinned(one: TlcStreamModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_world(one).name]
    return found


def test_tlc_counts_what_the_explorer_counts() -> None:
    for field in ("verdict", "states", "transitions"):
        assert pinned(WHOLE)[field] == EXPLORED["stream:consuming"][field]


def test_recoverability_is_checked_in_the_same_states() -> None:
    """The model has each state of the world twice: while faults may occur, and after they have stopped."""
    explored = EXPLORED["stream:consuming"]
    assert explored["properties"]["R4"] == "HOLDS"
    assert CALM.claims == (RECOVERY,)
    assert (pinned(CALM)["verdict"], pinned(CALM)["states"]) == ("PROVED", 2 * explored["states"])


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one.name)
def test_counterexamples_have_the_pinned_length(one: TlcStreamModel) -> None:
    """A counterexample of a temporal property has no shortest length."""
    length = None if one.rejects == RECOVERY else EXPLORED[one.name]["trace_length"]
    assert pinned(one)["verdict"] == EXPLORED[one.name]["verdict"] == "REFUTED"
    assert pinned(one)["steps"] == length


@pytest.mark.slow
@pytest.mark.parametrize("one", SKIPPING, ids=lambda one: one.name)
def test_recoverability_rejects_a_skipped_message(one: TlcStreamModel) -> None:
    r4 = replace(one.world, properties=tuple(judged for judged in one.world.properties if judged.id == "R4"))
    assert pinned(one)["verdict"] == explore(r4)["R4"].verdict.value == "REFUTED"


def test_each_worker_that_skips_a_message_has_a_model_of_its_recoverability() -> None:
    assert [one.name for one in SKIPPING] == [f"recovery {name}" for name in SKIPS]


@pytest.mark.slow
def test_the_witness_has_the_pinned_length() -> None:
    witness = WITNESS.removeprefix("Never_")
    world = replace(SEEN.world, properties=tuple(one for one in SEEN.world.properties if one.id == witness))
    trace = explore(world)[witness].trace
    assert trace is not None
    assert (pinned(SEEN)["verdict"], pinned(SEEN)["steps"]) == ("REFUTED", len(trace))


def test_every_claim_is_defined_and_rejects_something() -> None:
    assert {one.name for one in WRONG} == set(WRONG_OPERATORS)
    assert {*CLAIMS, RECOVERY} == {one.rejects for one in WRONG}
    for name in (*CLAIMS, RECOVERY, WITNESS, *(other for wrong in WRONG_OPERATORS.values() for _, other in wrong)):
        assert f"\n{name}" in TEXT


def test_every_property_of_the_world_is_claimed() -> None:
    claimed = {property_of(claim) for one in tlc_consumer_models() for claim in one.claims}
    assert claimed == {one.id for one in WHOLE.world.properties}

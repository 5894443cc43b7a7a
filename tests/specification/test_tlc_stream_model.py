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
from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.specification.tla_files import of_world
from ockam_fsm.specification.tlc_stream_model import (
    CLAIMS,
    REJECTED_BY,
    WITNESS,
    WRONG_OPERATORS,
    TlcStreamModel,
    tlc_consumer_models,
)

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
EXPLORED = {entry["name"]: entry for part in ("worlds", "known_bad") for entry in MANIFEST[part]}
TEXT = (ROOT / "spec" / "tla" / "Consuming.tla").read_text()
WHOLE, SEEN, *WRONG = tlc_consumer_models()
NOT_CLAIMED = {"R4"}


def pinned(one: TlcStreamModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_world(one).name]
    return found


def test_tlc_counts_what_the_explorer_counts() -> None:
    for field in ("verdict", "states", "transitions"):
        assert pinned(WHOLE)[field] == EXPLORED["stream:consuming"][field]


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one.name)
def test_counterexamples_have_the_pinned_length(one: TlcStreamModel) -> None:
    assert pinned(one)["verdict"] == EXPLORED[one.name]["verdict"] == "REFUTED"
    assert pinned(one)["steps"] == EXPLORED[one.name]["trace_length"]


@pytest.mark.slow
def test_the_witness_has_the_pinned_length() -> None:
    witness = WITNESS.removeprefix("Never_")
    world = replace(SEEN.world, properties=tuple(one for one in SEEN.world.properties if one.id == witness))
    trace = explore(world)[witness].trace
    assert trace is not None
    assert (pinned(SEEN)["verdict"], pinned(SEEN)["steps"]) == ("REFUTED", len(trace))


def test_every_wrong_worker_is_rejected_by_the_same_property() -> None:
    by_name = {one.name: one.property for one in wrong_streams()}
    assert {one.name for one in WRONG} == set(REJECTED_BY) == set(WRONG_OPERATORS)
    for name, claim in REJECTED_BY.items():
        assert claim.partition("_")[0] == by_name[name]


def test_every_claim_is_defined_and_rejects_something() -> None:
    assert set(CLAIMS) == set(REJECTED_BY.values())
    for name in (*CLAIMS, WITNESS, *(other for wrong in WRONG_OPERATORS.values() for _, other in wrong)):
        assert f"\n{name}" in TEXT


def test_every_property_of_the_world_is_claimed_but_one() -> None:
    claimed = {claim.removeprefix("Never_").partition("_")[0] for one in tlc_consumer_models() for claim in one.claims}
    assert claimed | NOT_CLAIMED == {one.id for one in WHOLE.world.properties}

"""The pinned results of TLC for a node equal those of the explorer.

TLC itself runs in `make spec`, which compares it with the same pins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import explore
from ockam_fsm.specification.tla_files import of_world
from ockam_fsm.specification.tlc_claims import property_of
from ockam_fsm.specification.tlc_node_model import (
    CLAIMS,
    WITNESSES,
    WRONG_OPERATORS,
    TlcNodeModel,
    tlc_node_models,
)

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
EXPLORED = {entry["name"]: entry for part in ("worlds", "known_bad") for entry in MANIFEST[part]}
TEXT = (ROOT / "spec" / "tla" / "Node.tla").read_text()
WRONG = [one for one in tlc_node_models() if one.wrong]
SEEN = [one for one in tlc_node_models() if one.rejects in WITNESSES]


def pinned(one: TlcNodeModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_world(one).name]
    return found


def test_tlc_counts_what_the_explorer_counts() -> None:
    whole, explored = tlc_node_models()[0], EXPLORED["node:neighbours"]
    assert {field: pinned(whole)[field] for field in ("verdict", "states", "transitions")} == {
        field: explored[field] for field in ("verdict", "states", "transitions")
    }


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one.name)
def test_counterexamples_have_the_pinned_length(one: TlcNodeModel) -> None:
    assert pinned(one)["verdict"] == EXPLORED[one.name]["verdict"] == "REFUTED"
    assert pinned(one)["steps"] == EXPLORED[one.name]["trace_length"]


@pytest.mark.slow
def test_witnesses_have_the_pinned_length() -> None:
    found = explore(SEEN[0].world)
    for one in SEEN:
        trace = found[one.rejects.removeprefix("Never_")].trace
        assert trace is not None
        assert (pinned(one)["verdict"], pinned(one)["steps"]) == ("REFUTED", len(trace))


def test_every_claim_is_defined_and_rejects_something() -> None:
    assert set(CLAIMS) == {one.rejects for one in WRONG}
    for name in (*CLAIMS, *WITNESSES):
        assert f"\n{name} ==" in TEXT


def test_every_property_of_the_world_is_claimed() -> None:
    world = tlc_node_models()[0].world
    claimed = {property_of(claim) for one in tlc_node_models() for claim in one.claims}
    assert claimed == {one.id for one in world.properties}


def test_every_wrong_operator_is_defined() -> None:
    assert {one.name for one in WRONG} == set(WRONG_OPERATORS)
    for pairs in WRONG_OPERATORS.values():
        for replaced, other in pairs:
            assert f"\n{replaced}(" in TEXT
            assert f"\n{other}(" in TEXT

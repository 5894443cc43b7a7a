"""The pinned results of TLC for secure channels equal those of the explorer.

TLC itself runs in `make spec`, which compares it with the same pins.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.sessions.secure_worlds import secure_worlds
from ockam_fsm.specification.tla_files import of_channel
from ockam_fsm.specification.tlc_channel_model import (
    CLAIMS,
    RECOVERY,
    WITNESSES,
    WRONG_OPERATORS,
    TlcChannelModel,
    tlc_channel_models,
)
from ockam_fsm.specification.tlc_claims import property_of

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
EXPLORED = {entry["name"]: entry for part in ("worlds", "known_bad") for entry in MANIFEST[part]}
MODULES = ("Channel", "ChannelProperties", "ChannelRecovery")
TEXT = "".join((ROOT / "spec" / "tla" / f"{name}.tla").read_text() for name in MODULES)

WHOLE = [one for one in tlc_channel_models() if one.claims == CLAIMS]
SEEN = [one for one in tlc_channel_models() if one.rejects in WITNESSES]
CALM = [one for one in tlc_channel_models() if one.claims == (*CLAIMS, *RECOVERY)]
WRONG = [one for one in tlc_channel_models() if one.rejects and one.rejects not in WITNESSES]

OF_SESSIONS = {"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S9", "S11", "S12", "S13", "S16", "S17", "S18", "S19", "S20",
               "S21", "S26", "S28", "S29", "R1", "R2"}  # fmt: skip
"""The properties that SessionPair.tla checks for the same rows, and S28, which no module has."""
OF_REQUESTS = {"S8", "R3"}


def pinned(one: TlcChannelModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_channel(one).name]
    return found


def test_each_kind_of_model_exists() -> None:
    assert [len(some) for some in (WHOLE, SEEN, CALM, WRONG)] == [4, 3, 3, 4]
    assert [one.world.name for one in WHOLE] == [world.name for world in secure_worlds()]


@pytest.mark.parametrize("one", WHOLE, ids=lambda one: one.name)
def test_tlc_counts_what_the_explorer_counts(one: TlcChannelModel) -> None:
    for field in ("verdict", "states", "transitions"):
        assert pinned(one)[field] == EXPLORED[one.world.name][field]


@pytest.mark.parametrize("one", WRONG, ids=lambda one: one.name)
def test_counterexamples_have_the_pinned_length(one: TlcChannelModel) -> None:
    temporal = one.rejects in RECOVERY
    assert pinned(one)["verdict"] == EXPLORED[one.name]["verdict"] == "REFUTED"
    assert pinned(one)["steps"] == (None if temporal else EXPLORED[one.name]["trace_length"])


@pytest.mark.slow
def test_witnesses_have_the_pinned_length() -> None:
    found = explore(SEEN[0].world)
    for one in SEEN:
        trace = found[one.rejects.removeprefix("Never_")].trace
        assert trace is not None
        assert (pinned(one)["verdict"], pinned(one)["steps"]) == ("REFUTED", len(trace))


@pytest.mark.slow
@pytest.mark.parametrize("one", CALM, ids=lambda one: one.name)
def test_recoverability_is_checked_in_the_same_states(one: TlcChannelModel) -> None:
    """The model has each state of the world twice: while faults may occur, and after they have stopped."""
    ids = {property_of(claim) for claim in one.claims}
    found = explore(replace(one.world, properties=tuple(judged for judged in one.world.properties if judged.id in ids)))
    assert all(found[judged].verdict is Verdict.HOLDS for judged in ids)
    assert (pinned(one)["verdict"], pinned(one)["states"]) == ("PROVED", 2 * found.states)


def test_every_claim_is_defined_and_rejects_something() -> None:
    elsewhere = {"S37_ForgedIsADeadLetter"}  # test_broken_models.py
    assert {*CLAIMS, *RECOVERY} == {*(one.rejects for one in WRONG), *elsewhere}
    for name in (*CLAIMS, *RECOVERY, *WITNESSES):
        assert f"\n{name} ==" in TEXT


def test_every_wrong_operator_is_defined() -> None:
    for pairs in WRONG_OPERATORS.values():
        for replaced, other in pairs:
            assert f"\n{replaced}(" in TEXT
            assert f"\n{other}(" in TEXT


def test_every_property_of_the_worlds_is_claimed_or_checked_elsewhere() -> None:
    claimed = {property_of(claim) for one in tlc_channel_models() for claim in one.claims}
    assert claimed | OF_SESSIONS | OF_REQUESTS == {found.id for one in WHOLE for found in one.world.properties}
    assert not claimed & (OF_SESSIONS | OF_REQUESTS)

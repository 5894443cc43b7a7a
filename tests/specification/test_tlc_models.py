"""The pinned results of TLC equal those of the explorer: states, transitions, verdicts, lengths of counterexamples.

TLC itself runs in `make spec`, which compares it with the same pins.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.shipped.worlds import shipped_known_bad
from ockam_fsm.machines.session import TYPES
from ockam_fsm.projections import tla
from ockam_fsm.specification.tla_files import MODELS, models, of_pair
from ockam_fsm.specification.tlc_claims import checked_by_tlc, property_of
from ockam_fsm.specification.tlc_models import WITNESSES, WRONG_OPERATORS, TlcModel, tlc_models

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
TLC = {entry["name"]: entry for entry in MANIFEST["tlc"]}
EXPLORED = {entry["name"]: entry for part in ("worlds", "known_bad") for entry in MANIFEST[part]}
SHORTEST = [one for one in tlc_models() if one.rejects and not one.liveness and one.rejects not in WITNESSES]
"""The models with a shortest counterexample; test_table_world.py compares those of witnesses."""
WORLDS = {bad.name: bad.world for bad in known_bad()}
PINNED = [one for one in SHORTEST if WORLDS.get(one.name) is one.world]
ELSEWHERE = [one for one in SHORTEST if one not in PINNED]
"""Known-bad machines in the same world as in `known_bad`, and those with another world, because TLC does not fold."""


def pinned(one: TlcModel) -> dict[str, Any]:
    found: dict[str, Any] = TLC[of_pair(one).name]
    return found


def test_every_model_is_pinned_in_its_order() -> None:
    assert list(TLC) == [model.name for model in models()]
    assert {name for name, entry in TLC.items() if entry["verdict"] == "REFUTED"} == {
        model.name for model in models() if model.refuted
    }


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_tlc_counts_what_the_explorer_counts(kind: Any) -> None:
    whole = next(one for one in tlc_models() if one.name == kind.name)
    explored = EXPLORED[f"{kind.name}:lossy"]
    assert {field: pinned(whole)[field] for field in ("verdict", "states", "transitions")} == {
        field: explored[field] for field in ("verdict", "states", "transitions")
    }


def test_every_known_bad_machine_has_a_model_or_a_reason() -> None:
    names = {f"MC{tla.module_name(one.name)}": one for one in shipped_known_bad()}
    modelled = {names[model.name].name for model in models() if model.name in names}
    assert modelled == {one.name for one in checked_by_tlc(shipped_known_bad())}


def test_the_number_of_rejected_machines_is_the_documented_one() -> None:
    found = re.search(r"TLC rejects (\d+) of the machines", (ROOT / "spec" / "README.md").read_text())
    assert found is not None
    assert int(found[1]) == len(list(checked_by_tlc(shipped_known_bad())))


def test_a_machine_without_its_witness_is_searched_completely() -> None:
    """A known-bad machine that never reaches a witness has no counterexample, so its whole world is searched."""
    for one in tlc_models():
        if one.unwitnessed:
            assert EXPLORED[one.name]["verdict"] == "REFUTED"
            assert pinned(one)["verdict"] == "PROVED"
            assert pinned(one)["states"] == explore(replace(one.world, properties=())).states


@pytest.mark.parametrize("one", PINNED, ids=lambda one: one.name)
def test_counterexamples_have_the_pinned_length(one: TlcModel) -> None:
    assert pinned(one)["steps"] == EXPLORED[one.name]["trace_length"]


@pytest.mark.slow
@pytest.mark.parametrize("one", ELSEWHERE, ids=lambda one: one.name)
def test_pinned_counterexamples_have_the_length_of_those_found(one: TlcModel) -> None:
    world = one.world
    judged = tuple(found for found in world.properties if found.id == property_of(one.rejects))
    result = explore(replace(world, properties=judged))[property_of(one.rejects)]
    assert result.verdict is Verdict.REFUTED
    assert result.trace is not None
    assert pinned(one)["steps"] == len(result.trace)


def test_every_claim_is_defined_and_rejects_something() -> None:
    text = "".join((ROOT / "spec" / "tla" / f"{name}.tla").read_text() for name in ("SessionProperties", "Recovery"))
    claimed = {name for one in tlc_models() for name in (*one.invariants, *one.steps)}
    rejecting = {claim for one in tlc_models() if one.name in WORLDS for claim in (*one.invariants, *one.steps)}
    assert claimed == {*rejecting, *WITNESSES}
    for name in claimed:
        assert f"\n{name} ==" in text


def test_every_wrong_operator_is_defined() -> None:
    wrong, right = ((ROOT / "spec" / "tla" / f"{name}.tla").read_text() for name in ("Wrong", "SessionPair"))
    for pairs in WRONG_OPERATORS.values():
        for replaced, other in pairs:
            assert f"\n{replaced}(" in right
            assert f"\n{other}(" in wrong


def test_every_model_is_a_file() -> None:
    assert {f"{model.name}{suffix}" for model in models() for suffix in (".tla", ".cfg")} <= {
        file.name for file in (ROOT / MODELS).iterdir()
    }

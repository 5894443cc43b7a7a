"""Every world is explored again and compared with its pins. A commit that changes a number explains it.

To update the pins: `ockam-fsm check all --pin spec/manifest.json`. `make spec` compares the section `tlc`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking import Backend, BackendUnavailable, explore
from ockam_fsm.checking.shipped.worlds import shipped_known_bad, shipped_worlds
from ockam_fsm.cli.shared.pins import LABEL, SECTIONS, pins
from ockam_fsm.cli.shared.world_index import Candidate, shipped

ROOT = Path(__file__).parents[1]
PINNED: dict[str, Any] = json.loads((ROOT / "spec" / "manifest.json").read_text())
BY_NAME: dict[str, dict[str, Any]] = {
    entry["name"]: entry for part in ("worlds", "known_bad") for entry in PINNED[part]
}


def found(candidate: Candidate, backend: Backend) -> dict[str, Any]:
    try:
        result = explore(candidate.world, backend=backend)
    except BackendUnavailable as reason:
        pytest.skip(str(reason))
    both = pins([(candidate, result.to_json())])
    entry: dict[str, Any] = [*both["worlds"], *both["known_bad"]][0]
    return entry


def test_everything_is_pinned_in_order() -> None:
    assert PINNED["label"] == LABEL
    assert list(PINNED) == ["label", *SECTIONS]
    assert [entry["name"] for entry in PINNED["worlds"]] == [world.name for world in shipped_worlds()]
    assert [entry["name"] for entry in PINNED["known_bad"]] == [one.name for one in shipped_known_bad()]


def test_the_pinned_verdicts_are_those_claimed() -> None:
    assert {entry["verdict"] for entry in PINNED["worlds"]} == {"PROVED"}
    assert {verdict for entry in PINNED["worlds"] for verdict in entry["properties"].values()} == {"HOLDS"}
    assert {entry["verdict"] for entry in PINNED["known_bad"]} == {"REFUTED"}
    for entry in PINNED["known_bad"]:
        missing = entry["property"].startswith("W")
        assert (entry["trace_length"] is None) is missing
        assert len(entry["trace"]) == (entry["trace_length"] or 0)


LARGE_STATES, LARGE_TRANSITIONS, LONG_TRACE = 2_000, 15_000, 12
"""Limits beyond which worlds and counterexamples are searched by numba in `make test-all`, and by the standard library
in `make nightly`."""

LARGEST_STATES = 300_000
"""The limit beyond which worlds are searched in `make nightly` only."""


def is_large(entry: dict[str, Any]) -> bool:
    sizes = {"states": LARGE_STATES, "transitions": LARGE_TRANSITIONS, "trace_length": LONG_TRACE}
    return any((entry.get(name) or 0) > limit for name, limit in sizes.items())


def each_world(suites: Callable[[dict[str, Any]], pytest.MarkDecorator]) -> pytest.MarkDecorator:
    """Return a parameter for each pinned world, with the mark of its suite."""
    return pytest.mark.parametrize("name", [pytest.param(name, marks=suites(entry)) for name, entry in BY_NAME.items()])


@each_world(lambda entry: pytest.mark.nightly if is_large(entry) else pytest.mark.slow)
def test_the_standard_library_finds_what_is_pinned(name: str) -> None:
    assert found(shipped()[name], "stdlib") == BY_NAME[name]


@each_world(lambda entry: pytest.mark.nightly if (entry.get("states") or 0) > LARGEST_STATES else pytest.mark.thorough)
def test_numba_finds_the_same(name: str) -> None:
    assert found(shipped()[name], "numba") == BY_NAME[name]


@pytest.mark.parametrize("name", ["explicit-transient:closed", "late-response-counts", "route-outlives-failure"])
def test_small_ones_are_compared_always(name: str) -> None:
    assert found(shipped()[name], "stdlib") == BY_NAME[name]

"""Both back ends against a search that shares no code with them: counts, verdicts, bounds and paths must be equal."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ockam_fsm.checking.explore import Backend, explore, replay
from ockam_fsm.checking.properties import Kind
from ockam_fsm.checking.result import Verdict
from ockam_fsm.checking.world import World
from tests.checking.naive import Naive
from tests.checking.toys import random_world

SMALL = 1_500
FAULTS = ("drop", "duplicate", "corrupt", "partition")
budgets = st.dictionaries(st.sampled_from(FAULTS), st.sampled_from([None, 0, 1, 2]))


def compare(world: World, backend: Backend) -> None:
    result = explore(world, backend=backend, stop_at_first=False, state_limit=SMALL)
    assume(result.limit_hit is None)
    naive = Naive(world).found
    assert (result.states, result.transitions, result.depth) == (naive.states, naive.transitions, naive.depth)
    assert set(result.bounds_reached) == naive.bounds
    for one in result.properties:
        found = None if one.trace is None else one.trace.indices
        assert found == naive.paths.get(one.id), one.id
        hit = one.id in naive.paths
        witness = one.kind in (Kind.SOMETIMES, Kind.SOMETIMES_STEP)
        if witness:
            assert one.verdict is (Verdict.HOLDS if hit else Verdict.MISSING)
        else:
            assert one.verdict is (Verdict.REFUTED if hit else Verdict.HOLDS)
        assert one.excused == naive.excused.get(one.id, 0)
        if one.trace is not None:
            *_, last = replay(world, one.trace.indices)
            assert last == one.trace.steps[-1]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), ordered=st.booleans(), faults=budgets)
def test_stdlib_equals_naive(seed: int, ordered: bool, faults: dict[str, int | None]) -> None:
    compare(random_world(seed, ordered=ordered, faults=faults), "stdlib")


@pytest.mark.thorough
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), ordered=st.booleans(), faults=budgets)
def test_numba_equals_naive(seed: int, ordered: bool, faults: dict[str, int | None]) -> None:
    compare(random_world(seed, ordered=ordered, faults=faults), "numba")

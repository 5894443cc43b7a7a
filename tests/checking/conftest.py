"""Tests of the explorer run with both back ends."""

from __future__ import annotations

import pytest

from ockam_fsm.checking.explore import Backend


@pytest.fixture(params=["stdlib", pytest.param("numba", marks=pytest.mark.thorough)])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.param
    return found

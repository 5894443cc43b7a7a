"""Everything that the explorer claims is tested with both back ends."""

from __future__ import annotations

import pytest

from ockam_fsm.checking.explore import Backend


@pytest.fixture(params=["stdlib", "numba"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "numba":
        pytest.importorskip("numba", reason="numba (extra 'fast') is not installed: the numba back end was not tested")
        return "numba"
    return "stdlib"

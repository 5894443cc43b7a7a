"""Long simulated runs with faults for each session type and profile; a million steps in `make nightly`."""

from __future__ import annotations

import pytest

from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.simulation.runs import simulate
from ockam_fsm.simulation.workload import Setup

STEPS = (pytest.param(100_000, marks=pytest.mark.thorough), pytest.param(1_000_000, marks=pytest.mark.nightly))
COMBINATIONS = [(kind, GENERATION) for kind in TYPES]
COMBINATIONS += [(kind, OCKAM) for kind in TYPES if kind.renegotiation is not Renegotiation.TWO_SIDED]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS, ids=lambda one: str(one.name))
def test_many_steps(kind: SessionType, profile: Profile, steps: int) -> None:
    outcome = simulate(Setup(kind, 2024, profile), steps)
    assert (outcome.broken, outcome.detail) == ("", "")
    assert outcome.steps >= steps

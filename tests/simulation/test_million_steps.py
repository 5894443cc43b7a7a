"""A million simulated fault steps for each session type and profile."""

from __future__ import annotations

import pytest

from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.simulation.runs import simulate
from ockam_fsm.simulation.workload import Setup

pytestmark = pytest.mark.thorough

STEPS = 1_000_000
COMBINATIONS = [(kind, GENERATION) for kind in TYPES]
COMBINATIONS += [(kind, OCKAM) for kind in TYPES if kind.renegotiation is not Renegotiation.TWO_SIDED]


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS, ids=lambda one: str(one.name))
def test_a_million_steps(kind: SessionType, profile: Profile) -> None:
    outcome = simulate(Setup(kind, 2024, profile), STEPS)
    assert (outcome.broken, outcome.detail) == ("", "")
    assert outcome.steps >= STEPS

"""The in-process kit with its greatest effort, part of `make nightly`.

Every transition in every state and many random runs, with our own ends: no false alarm.
"""

from __future__ import annotations

import pytest

from ockam_fsm.conformance import Effort, our_end
from ockam_fsm.machines.vocabulary import SessionType
from tests.conformance.test_kit import SMALL, reasons
from tests.conformance.test_whole_kit import BOTH, each_two_sided_end

pytestmark = pytest.mark.nightly


@each_two_sided_end
def test_our_two_sided_ends_pass(check, kind: SessionType, make) -> None:  # type: ignore[no-untyped-def]
    assert reasons(check(make, [kind], effort=Effort(examples=200))) == []


@pytest.mark.parametrize("kind", SMALL, ids=lambda kind: str(kind.name))
@pytest.mark.parametrize("check", BOTH)
def test_our_own_ends_pass_thoroughly(check, kind: SessionType) -> None:  # type: ignore[no-untyped-def]
    assert reasons(check(our_end, [kind], effort=Effort(thorough=True, examples=500))) == []

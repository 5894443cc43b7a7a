"""One end among strangers: whatever anybody says to it, it does what it owes in every step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking import Verdict, explore
from ockam_fsm.checking.session_actor import Setting
from ockam_fsm.checking.strangers import sayings, strangers
from ockam_fsm.checking.worlds import setting_of
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, TYPES, table
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType

ONE_SIDED_AND_TRANSIENT = [kind for kind in TYPES if kind.renegotiation is not Renegotiation.TWO_SIDED]


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", ONE_SIDED_AND_TRANSIENT, ids=lambda kind: str(kind.name))
def test_strangers_break_nothing(kind: SessionType, role: Role) -> None:
    """With more messages, and for two-sided types, `tests.quality.mutants` explores the same; it takes minutes."""
    result = explore(strangers(role, setting_of(kind), messages=1), backend="stdlib")
    assert result.verdict is Verdict.PROVED, str(result)


def without(kind: SessionType, role: Role, row: str) -> Setting:
    machine = table(kind, role).with_rows(f"without {row}", without=(row,))
    return replace(setting_of(kind), variants=((role, machine),))


@pytest.mark.parametrize("row", ["EK1", "ZT1", "ZT2"])
def test_an_order_that_is_refused_for_no_reason_is_noticed(row: str) -> None:
    """Known-bad: S22 has teeth."""
    world = strangers(Role.INITIATOR, without(EXPLICIT_TRANSIENT, Role.INITIATOR, row))
    assert explore(world, backend="stdlib", state_limit=2000)["S22"].verdict is Verdict.REFUTED


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_the_alphabet_has_no_two_words_alike(kind: SessionType, role: Role) -> None:
    words = list(sayings(role, setting_of(kind)))
    assert len({word.label for word in words}) == len({word.packet for word in words}) == len(words)

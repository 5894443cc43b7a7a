"""The pure step: resolve, apply, refuse."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.step import Configuration, start, step
from tests.kernel.samples import LIGHT, Event, Light


def test_a_machine_starts_in_its_initial_state_with_its_counters_at_zero() -> None:
    assert start(LIGHT) == Configuration(Light.DARK, (0, 0))


def test_a_row_moves_the_state_and_its_counters_and_leaves_the_others() -> None:
    outcome = step(LIGHT, Configuration(Light.LIT, (1, 2)), Event.FLICKER)
    assert outcome.configuration == Configuration(Light.LIT, (2, 2))
    assert outcome.decision is LIGHT.rows[3]


def test_updates_apply_in_their_order_and_stop_at_the_limit() -> None:
    dimmed = step(LIGHT, Configuration(Light.LIT, (0, 2)), Event.DIM)
    assert dimmed.configuration == Configuration(Light.DARK, (0, 3))


def test_an_ignore_changes_nothing() -> None:
    dark = Configuration(Light.DARK, (3, 0))
    outcome = step(LIGHT, dark, Event.DIM)
    assert outcome.configuration is dark
    assert isinstance(outcome.decision, Ignore)


def test_a_refusal_lists_the_events_that_are_handled() -> None:
    with pytest.raises(EventRefused) as refused:
        step(LIGHT, Configuration(Light.BROKEN, (0, 0)), Event.PRESS)
    assert (refused.value.allowed, refused.value.because) == ((), "it is broken")
    assert refused.value.remedy == "buy another one"


@pytest.mark.parametrize(("limit", "wear"), [(2, 2), (3, 3), (None, 0)])
def test_each_instance_may_set_its_own_limits(limit: int | None, wear: int) -> None:
    at = Configuration(Light.LIT, (0, 0))
    for _ in range(3):
        at = step(LIGHT, at, Event.FLICKER, {"wear": limit, "steps": 3}).configuration
    assert at == (Configuration(Light.BROKEN, (0, 0)) if limit == 2 else Configuration(Light.LIT, (wear, 0)))

"""The pure step: resolve, apply, refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.step import Configuration, start, step
from ockam_fsm.machines.spawner import SpawnerEvent
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


@pytest.mark.parametrize("wrong", [5, None, "light", []])
def test_a_wrong_argument_is_named(wrong: Any) -> None:
    at, event = start(LIGHT), next(iter(LIGHT.events))
    calls: list[tuple[str, Callable[[], object]]] = [
        ("machine: .*, expected a Machine", lambda: start(wrong)),
        ("machine: .*, expected a Machine", lambda: step(wrong, at, event)),
        ("machine: .*, expected a Machine", lambda: driver_for(wrong)),
        ("configuration: .*, expected a Configuration", lambda: step(LIGHT, wrong, event)),
        ("event: .*, expected an Enum", lambda: step(LIGHT, at, wrong)),
    ]
    for told, call in calls:
        with pytest.raises(LocalSessionError, match=told):
            call()


def test_an_event_of_another_machine_is_named() -> None:
    wrong: Any = SpawnerEvent.STOP
    with pytest.raises(LocalSessionError, match=f"event: .*, expected an event and a state of {LIGHT.name}"):
        step(LIGHT, start(LIGHT), wrong)

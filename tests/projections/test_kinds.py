"""Kinds of states and events: determined by names, with distinguishable colours."""

from __future__ import annotations

from itertools import combinations

import pytest

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.machines import MACHINES
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.projections.styling import EventKind, Look, StateKind, event_kind, state_kind, state_kind_by_name


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("kind", [*StateKind, *EventKind], ids=str)
def test_ink_is_legible_on_its_paper_and_on_white(kind: StateKind | EventKind) -> None:
    look: Look = kind.value
    assert contrast(look.ink, look.paper) >= 4.5
    if kind is not StateKind.FINAL:
        assert contrast(look.ink, "#FFFFFF") >= 4.5


@pytest.mark.parametrize("event", EventKind, ids=str)
def test_a_row_is_legible_in_every_box(event: EventKind) -> None:
    papers = [kind.value.paper for kind in StateKind if kind is not StateKind.FINAL]
    assert min(contrast(event.value.ink, paper) for paper in papers) >= 4.5


def test_no_two_kinds_look_the_same() -> None:
    for one, two in combinations(EventKind, 2):
        assert one.value.ink != two.value.ink
    assert len({kind.value.paper for kind in StateKind}) == len(StateKind)


def test_the_states_of_a_session_are_of_all_kinds() -> None:
    machine: Machine[State, Event, object] = next(m for m in MACHINES if "two-sided" in m.name)  # type: ignore[type-var]
    assert [state_kind(machine, state) for state in State] == [  # type: ignore[type-var]
        StateKind.INITIAL,
        StateKind.UNDER_WAY,
        StateKind.SETTLED,
        StateKind.FAILURE,
        StateKind.UNDER_WAY,
        StateKind.FINAL,
    ]
    assert [state_kind_by_name(state.name) for state in State] == [state_kind(machine, state) for state in State]  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event.OPEN, EventKind.ORDER),
        (Event.SEND, EventKind.ORDER),
        (Event.HELLO_NEWER, EventKind.HANDSHAKE),
        (Event.SUPERSEDED, EventKind.HANDSHAKE),
        (Event.CONFIRMED, EventKind.HANDSHAKE),
        (Event.DATA_RECEIVED, EventKind.DATA),
        (Event.GOING_AWAY_RECEIVED, EventKind.FAILURE),
        (Event.KEEPALIVE_ANSWERED, EventKind.DATA),
        (Event.KEEPALIVE_DUE, EventKind.TIMER),
        (Event.REQUEST_EXPIRED, EventKind.TIMER),
        (Event.CLOSE_RECEIVED, EventKind.FAILURE),
        (Event.LOWER_LAYER_LOST, EventKind.FAILURE),
    ],
)
def test_the_kind_of_an_event_is_in_its_meaning_or_its_name(event: Event, kind: EventKind) -> None:
    assert event_kind(event) is kind

"""A machine is a complete table of rows; the error of a wrong table lists every problem."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import Comparison, Counter, Ignore, Machine, Refuse, counter_values
from ockam_fsm.machines import MACHINES
from tests.kernel.agreement import AnyMachine
from tests.kernel.samples import (
    COUNTERS,
    DIMMING,
    FLICKERING,
    LIGHT,
    PARTS,
    STEPS,
    SWITCHING,
    WEAR,
    LightMachine,
    LightPart,
    LightRow,
    light,
)
from tests.kernel.samples import Effect as F
from tests.kernel.samples import Event as E
from tests.kernel.samples import Light as S

BREAK = LightRow("B1", S.DARK, E.BREAK, S.BROKEN, cites="test")
REST: tuple[Refuse[S, E]] = (Refuse(E.BREAK, because="broken"),)


def problems(*decisions: Any, events: Sequence[E] = (E.BREAK,), counters: Sequence[Counter] = ()) -> tuple[str, ...]:
    """Return the problems of a machine of two states whose only other row breaks the light."""
    part = LightPart("test", (BREAK, *REST, *decisions))
    with pytest.raises(DefinitionError, match="faulty: ") as error:
        Machine("faulty", S.DARK, (S.BROKEN,), tuple(events), tuple(counters), (part,))
    return error.value.problems


def press(number: int, *when: Comparison, **more: Any) -> LightRow:
    return LightRow(f"P{number}", S.DARK, E.PRESS, S.DARK, when=when, cites="test", **more)


NO_PRESS: Ignore[S, E] = Ignore(E.PRESS, because="broken")
PRESSES = (E.BREAK, E.PRESS)


def test_the_machine_of_these_tests_is_right_without_the_faults() -> None:
    machine: LightMachine = Machine("right", S.DARK, (S.BROKEN,), (E.BREAK,), (), (LightPart("test", (BREAK, *REST)),))
    assert machine.states == (S.DARK, S.BROKEN)
    assert machine.rows == (BREAK,)


def test_two_rows_with_one_id() -> None:
    again = LightRow("B1", S.DARK, E.PRESS, S.DARK, cites="test")
    assert problems(again, NO_PRESS, events=PRESSES) == ("B1 is the id of two rows",)


def test_a_row_that_cites_nothing() -> None:
    row = LightRow("P1", S.DARK, E.PRESS, S.DARK)
    assert problems(row, NO_PRESS, events=PRESSES) == ("P1 cites nothing",)


@pytest.mark.parametrize("kind", [Ignore, Refuse])
def test_a_decision_without_a_reason(kind: type[Any]) -> None:
    assert problems(kind(E.PRESS), events=PRESSES) == (f"{kind.__name__} of PRESS gives no reason",)


def test_an_event_that_the_machine_does_not_have() -> None:
    assert problems(press(1), NO_PRESS) == (
        "P1 names event PRESS, which the machine does not have",
        "Ignore names event PRESS, which the machine does not have",
    )


def test_an_event_that_is_listed_twice() -> None:
    assert problems(events=(E.BREAK, E.BREAK)) == ("event BREAK is listed twice",)


def test_a_state_that_no_row_leads_to() -> None:
    lost = Ignore(E.BREAK, (S.LIT,), because="lit")
    assert problems(lost) == ("Ignore of BREAK names state LIT, which no row leads to",)


def test_a_row_out_of_a_final_state() -> None:
    revive = LightRow("P1", S.BROKEN, E.PRESS, S.DARK, cites="test")
    assert problems(revive, NO_PRESS, events=PRESSES) == ("P1 leaves final state BROKEN",)


def test_an_unreachable_state() -> None:
    unreachable = LightRow("P1", S.LIT, E.BREAK, S.BROKEN, cites="test")
    assert problems(unreachable) == ("state LIT is unreachable",)


def test_an_undecided_cell() -> None:
    assert problems(press(1), events=PRESSES) == ("BROKEN x PRESS is not decided",)


def test_a_cell_that_is_decided_twice() -> None:
    assert problems(press(1), press(2), NO_PRESS, events=PRESSES) == ("DARK x PRESS at any value matches P1, P2",)


def test_guards_with_a_gap() -> None:
    rows = press(1, STEPS.below(1), updates=(STEPS.increment,)), press(2, STEPS.at_least(2))
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[STEPS]) == (
        "DARK x PRESS at steps=1 (limit 1) matches nothing",
    )


def test_guards_that_overlap() -> None:
    rows = press(1, STEPS.below(2), updates=(STEPS.increment,)), press(2, STEPS.at_least(1))
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[STEPS]) == (
        "DARK x PRESS at steps=1 (limit 1) matches P1, P2",
    )


def test_a_gap_beyond_the_default_limit_is_found_because_an_instance_may_set_a_larger_one() -> None:
    rows = press(1, STEPS.below(5), updates=(STEPS.increment,)), press(2, STEPS.at_least(6))
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[STEPS]) == (
        "DARK x PRESS at steps=5 (limit 5) matches nothing",
    )


def test_a_decision_that_no_value_chooses() -> None:
    rows = (
        press(1, STEPS.below(), updates=(STEPS.increment,)),
        press(2, STEPS.at_least()),
        press(3, STEPS.below(1), STEPS.at_least(2)),
    )
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[STEPS]) == ("DARK x PRESS never matches P3",)


def test_counters_that_are_not_declared_never_read_or_never_moved() -> None:
    rows = (
        press(1, WEAR.below(), updates=(STEPS.increment, Counter("dust", 1, "").increment)),
        press(2, WEAR.at_least()),
    )
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[WEAR, STEPS]) == (
        "counter dust is not declared",
        "counter steps is updated and never read",
        "counter wear never moves",
    )


def test_a_guard_on_a_counter_that_is_not_declared_does_not_stop_the_search_for_problems() -> None:
    rows = press(1, Counter("dust", 1, "").below()), press(2, Counter("dust", 1, "").at_least())
    assert problems(*rows, NO_PRESS, events=PRESSES) == (
        "counter dust is not declared",
        "DARK x PRESS at any value matches P1, P2",
    )


def test_a_counter_that_may_be_unlimited_is_compared_with_its_limit_only() -> None:
    rows = press(1, WEAR.below(1), updates=(WEAR.increment,)), press(2, WEAR.at_least(1))
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[WEAR])[:2] == (
        "PRESS: wear < 1 compares a counter that may be unlimited with a number",
        "PRESS: wear ≥ 1 compares a counter that may be unlimited with a number",
    )


def test_a_negative_limit() -> None:
    counter = Counter("steps", -1, "backwards")
    rows = press(1, counter.below(), updates=(counter.increment,)), press(2, counter.at_least())
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[counter]) == ("counter steps has limit -1",)


@pytest.mark.parametrize("name", ["two words", "class"])
def test_a_counter_that_no_attribute_can_be_named_after(name: str) -> None:
    counter = Counter(name, 1, "")
    rows = press(1, counter.below(), updates=(counter.increment,)), press(2, counter.at_least())
    assert problems(*rows, NO_PRESS, events=PRESSES, counters=[counter]) == (f"{name!r} cannot be a name in Python",)


class Clash(Enum):
    STATE = "an effect that would replace the state of its session"


@pytest.mark.parametrize(
    ("counter", "effects"),
    [(Counter("limits", 1, ""), ()), (Counter("blink", 1, ""), (F.BLINK,)), (STEPS, (Clash.STATE,))],
)
def test_counters_effects_and_attributes_of_sessions_have_distinct_names(
    counter: Counter, effects: tuple[Any, ...]
) -> None:
    rows = press(1, counter.below(), updates=(counter.increment,), effects=effects), press(2, counter.at_least())
    (problem,) = problems(*rows, NO_PRESS, events=PRESSES, counters=[counter])
    assert "names two things: counters, effects and state, limits, hooks share" in problem


def test_every_problem_is_reported_at_once() -> None:
    found = problems(press(1), LightRow("P1", S.BROKEN, E.PRESS, S.DARK), Ignore(E.DIM), events=(*PRESSES, E.FLICKER))
    assert found == (
        "P1 is the id of two rows",
        "P1 cites nothing",
        "Ignore of DIM gives no reason",
        "Ignore names event DIM, which the machine does not have",
        "P1 leaves final state BROKEN",
        "DARK x FLICKER is not decided",
        "BROKEN x FLICKER is not decided",
    )


def test_the_text_of_the_error() -> None:
    with pytest.raises(DefinitionError) as error:
        Machine(
            "faulty", S.DARK, (S.BROKEN,), (E.BREAK,), (), (LightPart("a", (BREAK, *REST)), LightPart("b", (BREAK,)))
        )
    assert str(error.value) == (
        "faulty: 2 problems\n  - B1 is the id of two rows\n  - DARK x BREAK at any value matches B1, B1"
    )


# Guards and updates.


@pytest.mark.parametrize(
    ("value", "limit", "below"),
    [(0, 0, False), (0, 1, True), (1, 1, False), (2, 3, True), (3, 3, False), (0, None, True)],
)
def test_a_comparison_with_the_limit(value: int, limit: int | None, below: bool) -> None:
    assert WEAR.below().holds(value, limit) is below
    assert WEAR.at_least().holds(value, limit) is not below


@pytest.mark.parametrize(("value", "below"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_comparison_with_a_number_does_not_read_the_limit(value: int, below: bool) -> None:
    assert STEPS.below(2).holds(value, 3) is STEPS.below(2).holds(value, 9) is below
    assert STEPS.at_least(2).holds(value, 3) is not below


def test_an_increment_stops_at_the_limit_and_a_decrement_at_zero() -> None:
    assert [STEPS.increment.apply(value, 2) for value in (0, 1, 2)] == [1, 2, 2]
    assert [STEPS.decrement.apply(value, 2) for value in (0, 1, 2)] == [0, 0, 1]
    assert [STEPS.reset.apply(value, 2) for value in (0, 2)] == [0, 0]


def test_an_unlimited_counter_never_moves() -> None:
    assert [update.apply(0, None) for update in (WEAR.increment, WEAR.decrement, WEAR.reset)] == [0, 0, 0]


def test_guards_and_updates_read_as_english() -> None:
    assert str(WEAR.below()) == "wear < wear limit"
    assert str(STEPS.at_least(2)) == "steps ≥ 2"
    assert str(STEPS.increment) == "steps := steps + 1"
    assert str(STEPS.decrement) == "steps := steps - 1"
    assert str(STEPS.reset) == "steps := 0"


# Composition, variants, resolution.


def test_a_machine_is_the_sum_of_its_parts_in_their_order() -> None:
    assert [row.id for row in light(DIMMING, SWITCHING, FLICKERING).rows[:2]] == ["L7", "L8"]
    assert tuple(LIGHT.decisions()) == tuple(d for part in PARTS for d in part.decisions)
    assert LIGHT.states == (S.DARK, S.LIT, S.BROKEN)
    assert set(LIGHT.cells) == {(state, event) for state in S for event in E}


def test_a_decision_without_sources_yields_to_every_other_one() -> None:
    assert LIGHT.cells[S.BROKEN, E.PRESS] == (Refuse(E.PRESS, because="it is broken", remedy="buy another one"),)
    assert [len(LIGHT.cells[state, E.DIM]) for state in S] == [2, 3, 1]


def test_limits_and_zeros() -> None:
    assert LIGHT.default_limits() == {"wear": 4, "steps": 3}
    assert LIGHT.zeros() == {"wear": 0, "steps": 0}


def test_the_limits_that_decide_something_new() -> None:
    assert [limits["wear"] for limits in LIGHT.limit_choices(["wear"])] == [0, 1, 2, None]
    assert [limits["steps"] for limits in LIGHT.limit_choices(["steps"])] == [0, 1, 2, 3]
    assert len(list(LIGHT.limit_choices(["steps", "wear"]))) == 16
    assert list(LIGHT.limit_choices([])) == [{}]


def test_every_value_of_counters_with_given_limits() -> None:
    assert list(counter_values({"a": 1, "b": None})) == [{"a": 0, "b": 0}, {"a": 1, "b": 0}]


def test_a_variant_replaces_rows_by_id() -> None:
    quiet = LightRow("L1", S.DARK, E.PRESS, S.LIT, cites="test")
    variant = LIGHT.with_rows("quiet", quiet)
    assert variant.rows == (quiet, *LIGHT.rows[1:])
    assert variant.name == "quiet"
    assert variant != LIGHT
    assert variant.counters == COUNTERS


def test_a_variant_refuses_where_a_row_was_taken_out() -> None:
    variant = LIGHT.with_rows("tough", without=["L3"])
    decision = variant.resolve(S.LIT, E.FLICKER, {"wear": 0}, {"wear": 4})
    assert isinstance(decision, Refuse)
    assert str(variant.refusal(S.LIT, E.FLICKER, decision)).endswith("L3 is missing.")
    assert variant.resolve(S.LIT, E.FLICKER, {"wear": 4}, {"wear": 4}) is LIGHT.rows[2]


def test_a_variant_of_unknown_rows_is_refused() -> None:
    with pytest.raises(DefinitionError) as error:
        LIGHT.with_rows("odd", LightRow("L0", S.DARK, E.PRESS, S.LIT, cites="test"), without=["L99"])
    assert error.value.problems == ("no row L0 in light", "no row L99 in light")


def test_resolution_of_an_event_or_a_state_that_the_machine_lacks() -> None:
    machine: LightMachine = Machine("small", S.DARK, (S.BROKEN,), (E.BREAK,), (), (LightPart("test", (BREAK, *REST)),))
    with pytest.raises(KeyError):
        machine.resolve(S.LIT, E.BREAK, {}, {})
    with pytest.raises(KeyError):
        machine.resolve(S.DARK, E.PRESS, {}, {})


def test_resolving_an_undecided_cell_raises() -> None:
    holed = light(name="holed")
    object.__setattr__(holed, "cells", dict.fromkeys(holed.cells, ()))
    with pytest.raises(AssertionError, match="holed: DARK x PRESS matches nothing; validation has a hole"):
        holed.resolve(S.DARK, E.PRESS, {}, {})


def test_equal_machines_have_equal_hashes() -> None:
    assert light() == LIGHT
    assert hash(light()) == hash(LIGHT)
    assert len({LIGHT, light(), light(name="other")}) == 2


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_every_machine_lists_states_and_events_in_the_order_of_their_enumerations(machine: AnyMachine) -> None:
    assert list(machine.states) == [state for state in type(machine.initial) if state in machine.states]
    assert list(machine.events) == [event for event in type(machine.events[0]) if event in machine.events]

"""The scenarios that are drawn as charts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking.sessions.scenarios import NotEnabled, Scenario, record, scenarios
from ockam_fsm.machines.vocabulary import State


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: one.name)
def test_a_scenario_is_its_script_and_ends_established(scenario: Scenario) -> None:
    run = record(scenario)
    assert tuple(point.chosen.label for point in run if point.chosen) == scenario.script
    ends = [end.session for end in run[-1].state.locals.values()]  # type: ignore[attr-defined]
    assert [end.state for end in ends] == [State.ESTABLISHED, State.ESTABLISHED]
    assert ends[0].current.generation == ends[1].current.generation
    assert run[-1].state.network == ()


def test_a_label_that_is_not_enabled_lists_the_enabled_ones() -> None:
    first = scenarios()[0]
    wrong = replace(first, script=(*first.script[:1], "deliver hello 7i from initiator to responder"))
    with pytest.raises(NotEnabled, match=r"step 2: 'deliver hello 7i.*(?s:.*)drop hello 1i"):
        record(wrong)

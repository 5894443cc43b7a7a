"""The Promela models: every row is in them, and a model that cannot be expressed is refused. SPIN: test_spin.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ockam_fsm.checking.sessions.worlds import config_of, data, lossy
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import Ignore, Part
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, TYPES, table
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType, State
from ockam_fsm.projections.promela import MESSAGES, TIMERS, PairModel, to_promela
from ockam_fsm.specification.promela_files import FOLDER, model_of, texts
from tests.test_spec import ROOT

SMALL = model_of(lossy(config_of(EXPLICIT_TRANSIENT)))
NOT_IN_THE_WORLD = (
    "WITHDRAW", "CLOSE", "STOP", "RENEGOTIATE", "REISSUE", "LOWER_LAYER_LOST", "ERROR_RECEIVED", "REQUEST_EXPIRED",
)  # fmt: skip
"""Orders that are not given in worlds `lossy`, and events that are not in the table world."""


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_every_row_that_can_be_taken_is_in_the_model(kind: SessionType) -> None:
    text, model = texts()[f"{FOLDER}/{kind.name}.pml"], model_of(lossy(config_of(kind)))
    for _, side in model.sides:
        for row in side.machine.rows:
            if row.event.name in (*MESSAGES, *TIMERS, *side.orders):
                assert f"{row.id}: {row.event.name} in {row.source.name}" in text


def test_every_effect_is_in_the_template() -> None:
    template = (ROOT / "ockam_fsm" / "projections" / "session_pair.pml").read_text()
    for effect in Effect:
        assert f"#define {effect.name}(e, role)" in template or f"inline {effect.name}(e, role)" in template


def test_every_event_is_a_message_a_timer_or_named_as_left_out() -> None:
    for kind in TYPES:
        for role in Role:
            names = {event.name for event in table(kind, role).events}
            assert names <= {*MESSAGES, *TIMERS, *NOT_IN_THE_WORLD, "OPEN", "SEND"}


def refused(model: PairModel) -> str:
    with pytest.raises(DefinitionError) as found:
        to_promela(model, "a test")
    return str(found.value)


def test_a_model_that_cannot_be_expressed_is_refused() -> None:
    unlimited = replace(SMALL.initiator, limits={**SMALL.initiator.limits, "attempts": None})
    assert "attempts is unlimited" in refused(replace(SMALL, initiator=unlimited))
    assert "7 generations" in refused(replace(SMALL, generations=8))
    assert "3 responders" in refused(replace(SMALL, spawns=0))
    assert "nothing is asserted" in refused(replace(SMALL, asserted=()))


def test_an_ignored_timer_is_refused() -> None:
    machine = SMALL.initiator.machine
    ignoring: Part[State, Event, Effect] = Part(
        "wrong", (Ignore(Event.KEEPALIVE_DUE, (State.IDLE,), because="nobody cares"),)
    )
    wrong = replace(SMALL.initiator, machine=replace(machine, parts=(*machine.parts, ignoring)))
    assert "KEEPALIVE_DUE is ignored" in refused(replace(SMALL, initiator=wrong))


def test_only_worlds_of_the_template_are_modelled() -> None:
    with pytest.raises(DefinitionError, match="only worlds `lossy`"):
        model_of(data(config_of(EXPLICIT_PERSISTENT_ONE_SIDED)))

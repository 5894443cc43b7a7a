"""The driver: both paths agree with the table everywhere; hooks, nested events and the cache."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.machine import Ignore, Limits
from ockam_fsm.kernel.step import Configuration
from ockam_fsm.machines import MACHINES
from tests.kernel.agreement import AnyMachine, Probe, assert_paths_agree
from tests.kernel.samples import LIGHT, Effect, Event, Light, light

PATHS = ("fire", "fire_stock")


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver() -> Driver[Light, Event, Effect]:
    return Driver(LIGHT)


def probe(state: Light, wear: int = 0, steps: int = 0, limits: Limits | None = None) -> Probe:
    return Probe(LIGHT, Configuration(state, (wear, steps)), limits or LIGHT.default_limits())


def names(session: Probe) -> list[str]:
    return [what for what, *_ in session.seen]


def test_both_paths_agree_with_the_table_on_a_machine_that_uses_everything() -> None:
    assert assert_paths_agree(LIGHT) > 200


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_both_paths_agree_with_the_table_on_every_machine(machine: AnyMachine) -> None:
    assert assert_paths_agree(machine) >= len(machine.cells)


def test_the_decision_is_returned(driver: Driver[Light, Event, Effect], path: str) -> None:
    fire = getattr(driver, path)
    session = probe(Light.DARK)
    assert fire(session, Event.PRESS) is LIGHT.rows[0]
    assert fire(session, Event.REPAIR) == Ignore(Event.REPAIR, because="nobody repairs lights")
    assert session.seen == [("SWITCH_ON", None, Light.LIT, (0, 0))]


def test_a_refusal_lists_the_allowed_events_and_changes_nothing(
    driver: Driver[Light, Event, Effect], path: str
) -> None:
    session = probe(Light.LIT, wear=2, steps=3)
    with pytest.raises(EventRefused, match=r"light: DIM refused in LIT .allowed here: PRESS, FLICKER, DIM, BREAK."):
        getattr(driver, path)(session, Event.DIM, "cause")
    assert session.configuration == Configuration(Light.LIT, (2, 3))
    assert session.seen == []


def test_an_event_or_a_state_that_the_table_lacks_is_a_key_error(path: str) -> None:
    small = light(*LIGHT.parts, name="small")
    fire = getattr(Driver(small), path)
    session = probe(Light.DARK)
    session.state = Effect.BLINK
    with pytest.raises(KeyError, match="BLINK"):
        fire(session, Event.PRESS)
    with pytest.raises(KeyError, match="BLINK"):
        fire(probe(Light.DARK), Effect.BLINK)


def test_an_incomplete_table_raises_instead_of_returning_false(path: str) -> None:
    holed = light(name="holed")
    cells = {cell: tuple(d for d in found if not isinstance(d, Ignore)) for cell, found in holed.cells.items()}
    object.__setattr__(holed, "cells", cells)
    with pytest.raises(AssertionError, match="validation has a hole"):
        getattr(Driver(holed), path)(probe(Light.DARK), Event.DIM)


def test_an_effect_that_fails_leaves_the_step_taken_and_the_rest_undone(
    driver: Driver[Light, Event, Effect], path: str
) -> None:
    session = probe(Light.LIT)

    def fail(cause: object) -> None:
        raise OSError(cause)

    session.blink = fail  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="bulb"):
        getattr(driver, path)(session, Event.FLICKER, "bulb")
    assert (session.configuration, session.seen) == (Configuration(Light.LIT, (1, 0)), [])


class Private(Probe):
    """A session whose method of one effect is private."""

    def _switch_on(self, cause: object) -> None:
        self.note("private", cause)


def test_effects_may_be_private_methods(path: str) -> None:
    for private, called in ((True, "private"), (False, "SWITCH_ON")):
        session = Private(LIGHT, Configuration(Light.DARK, (0, 0)), LIGHT.default_limits())
        getattr(Driver(LIGHT, private_effects=private), path)(session, Event.PRESS, "finger")
        assert session.seen == [(called, "finger", Light.LIT, (0, 0))]


def test_drivers_with_private_and_with_public_effects_are_not_shared() -> None:
    assert driver_for(LIGHT, private_effects=True) is driver_for(LIGHT, private_effects=True)
    assert driver_for(LIGHT, private_effects=True) is not driver_for(LIGHT)


def test_an_effect_may_fire_and_the_inner_step_ends_first(driver: Driver[Light, Event, Effect], path: str) -> None:
    fire = getattr(driver, path)
    session = probe(Light.LIT)
    session.blink = lambda cause: fire(session, Event.BREAK, cause)  # type: ignore[attr-defined]
    driver.on_enter(Light.BROKEN, lambda model, cause: model.note("broken", cause))
    assert fire(session, Event.FLICKER, 7).id == "L3"
    assert session.seen == [("broken", 7, Light.BROKEN, (1, 0)), ("COMPLAIN", 7, Light.BROKEN, (1, 0))]


def test_an_entry_hook_may_fire_too(driver: Driver[Light, Event, Effect], path: str) -> None:
    fire = getattr(driver, path)
    session = probe(Light.DARK)
    driver.on_enter(Light.LIT, lambda model, cause: fire(model, Event.BREAK))
    assert fire(session, Event.PRESS).id == "L1"
    assert session.seen == [("SWITCH_ON", None, Light.BROKEN, (0, 0))]


def test_an_exit_hook_may_not_fire(driver: Driver[Light, Event, Effect], path: str) -> None:
    fire = getattr(driver, path)
    driver.on_exit(Light.LIT, lambda model, cause: cause or fire(model, Event.BREAK, "inner"))
    with pytest.raises(AssertionError, match="a hook on leaving LIT fired an event that led to BROKEN"):
        fire(probe(Light.LIT), Event.PRESS)


def test_a_row_that_leads_back_leaves_and_enters_and_an_ignore_does_neither(
    driver: Driver[Light, Event, Effect], path: str
) -> None:
    for state in LIGHT.states:
        driver.on_exit(state, partial(_note, f"exit {state.name}"))
        driver.on_enter(state, partial(_note, f"enter {state.name}"))
    session = probe(Light.LIT)
    getattr(driver, path)(session, Event.FLICKER)
    getattr(driver, path)(session, Event.REPAIR)
    assert names(session) == ["exit LIT", "enter LIT", "BLINK", "COMPLAIN"]


def test_a_hook_reaches_cells_that_are_compiled_already(driver: Driver[Light, Event, Effect], path: str) -> None:
    fire = getattr(driver, path)
    session = probe(Light.DARK)
    fire(session, Event.PRESS)
    fire(session, Event.PRESS)
    driver.on_exit(Light.DARK, partial(_note, "exit"))
    driver.on_enter(Light.LIT, partial(_note, "enter"))
    fire(session, Event.PRESS)
    assert names(session) == ["SWITCH_ON", "SWITCH_OFF", "exit", "enter", "SWITCH_ON"]


def test_hooks_of_one_session_run_after_those_of_the_machine_and_for_it_alone(
    driver: Driver[Light, Event, Effect], path: str
) -> None:
    fire = getattr(driver, path)
    one, other = probe(Light.DARK), probe(Light.DARK)
    driver.on_enter(Light.LIT, partial(_note, "own 1"), only=one)
    driver.on_enter(Light.LIT, partial(_note, "all 1"))
    fire(one, Event.PRESS)
    assert names(one) == ["all 1", "own 1", "SWITCH_ON"]
    one.seen.clear()
    driver.on_enter(Light.LIT, partial(_note, "own 2"), only=one)
    driver.on_enter(Light.LIT, partial(_note, "all 2"))
    driver.on_exit(Light.LIT, partial(_note, "left"), only=one)
    fire(one, Event.PRESS)
    fire(one, Event.PRESS)
    assert names(one) == ["left", "SWITCH_OFF", "all 1", "all 2", "own 1", "own 2", "SWITCH_ON"]
    fire(other, Event.PRESS)
    fire(other, Event.PRESS)
    assert names(other) == ["all 1", "all 2", "SWITCH_ON", "SWITCH_OFF"]


def test_a_hook_of_one_session_reaches_cells_that_are_compiled_already(
    driver: Driver[Light, Event, Effect], path: str
) -> None:
    fire = getattr(driver, path)
    session = probe(Light.LIT)
    fire(session, Event.FLICKER)
    driver.on_exit(Light.LIT, partial(_note, "exit"), only=session)
    fire(session, Event.FLICKER)
    assert names(session) == ["BLINK", "COMPLAIN", "exit", "BLINK", "COMPLAIN"]


def test_a_session_with_slots_needs_one_for_hooks_of_its_own(driver: Driver[Light, Event, Effect], path: str) -> None:
    session = Slotted()
    assert getattr(driver, path)(session, Event.PRESS).id == "L1"
    driver.on_exit(Light.LIT, lambda model, cause: None, only=probe(Light.LIT))
    assert getattr(driver, path)(session, Event.PRESS).id == "L2"
    with pytest.raises(AttributeError, match="hooks"):
        driver.on_exit(Light.LIT, lambda model, cause: None, only=session)


def test_further_hooks_of_sessions_leave_the_compiled_cells_alone(driver: Driver[Light, Event, Effect]) -> None:
    driver.on_enter(Light.LIT, partial(_note, "first"), only=probe(Light.DARK))
    session = probe(Light.DARK)
    driver.fire(session, Event.PRESS)
    kept = driver.library.events["PRESS"].compiled.copy()  # type: ignore[attr-defined]
    driver.on_enter(Light.LIT, partial(_note, "second"), only=session)
    assert kept == driver.library.events["PRESS"].compiled != {}  # type: ignore[attr-defined]


@pytest.mark.parametrize("attribute", ["prepare_event", "before_state_change", "after_state_change", "finalize_event"])
def test_callbacks_of_the_library_are_honoured_after_recompile(
    driver: Driver[Light, Event, Effect], attribute: str
) -> None:
    session = probe(Light.DARK)
    driver.fire(session, Event.PRESS)
    getattr(driver.library, attribute).append(lambda data: data.model.note(data.event.name, data.args[0]))
    driver.recompile()
    assert driver.fire(session, Event.PRESS, "cause") is LIGHT.rows[1]
    assert sorted(names(session)) == ["PRESS", "SWITCH_OFF", "SWITCH_ON"]


@pytest.mark.parametrize("trigger", ["enter", "exit"])
def test_callbacks_on_a_state_of_the_library_are_honoured_after_recompile(
    driver: Driver[Light, Event, Effect], trigger: str
) -> None:
    state = driver.library.get_state(Light.LIT)
    state.add_callback(trigger, lambda data: data.model.note(trigger, None))
    driver.recompile()
    session = probe(Light.LIT)
    assert driver.fire(session, Event.FLICKER) is LIGHT.rows[3]
    assert names(session)[0] == trigger


def test_one_driver_is_shared_and_registers_no_session() -> None:
    driver = driver_for(LIGHT)
    assert driver is driver_for(light())
    assert driver is not driver_for(LIGHT.with_rows("brighter", without=["L5"]))
    driver.fire(probe(Light.DARK), Event.PRESS)
    assert driver.library.models == []


class Slotted:
    """The smallest possible session."""

    __slots__ = ("limits", "state", "steps", "wear")

    def __init__(self) -> None:
        self.state = Light.DARK
        self.limits = LIGHT.default_limits()
        self.wear = self.steps = 0

    def switch_on(self, cause: object) -> None: ...

    def switch_off(self, cause: object) -> None: ...


def _note(what: str, model: Any, cause: object) -> None:
    model.note(what, cause)

"""The checker reports what could invalidate a result: equal values of different types, exceptions, vacuous worlds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal, NamedTuple

import pytest

from ockam_fsm.checking import (
    Deliver,
    Disabled,
    Event,
    Fire,
    Network,
    Order,
    Outbox,
    Property,
    Verdict,
    World,
    always,
    always_step,
    explore,
    recoverable,
    replay,
    sometimes,
)
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.naming import identity
from ockam_fsm.kernel.errors import DefinitionError

BACKENDS = ("stdlib", pytest.param("numba", marks=pytest.mark.thorough))


class Opened(NamedTuple):
    number: int


class Closed(NamedTuple):
    number: int


class Colour(IntEnum):
    RED = 1


@dataclass(frozen=True)
class Box:
    inside: Hashable


@dataclass(frozen=True)
class One:
    """An actor with a given handler."""

    begin: Hashable
    step: Callable[[Any, Event, Outbox], Any]
    name: str = "one"

    def start(self, out: Outbox) -> Hashable:
        return self.begin

    def handle(self, state: Any, event: Event, out: Outbox) -> Hashable:
        found: Hashable = self.step(state, event, out)
        return found


def world_of(begin: Hashable, step: Callable[[Any, Event, Outbox], Any], *properties: Property) -> World:
    return World("small", (One(begin, step),), orders={"one": {"go": None}}, properties=properties)


TWINS = [
    (Opened(0), Closed(0)), (1, True), (0, False), (1, 1.0), (Colour.RED, 1), ((1,), (True,)), (Box(1), Box(True)),
    (frozenset({1}), frozenset({True})), (Box((Opened(0),)), Box((Closed(0),))), (Opened(0), (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), TWINS, ids=str)
def test_equal_values_of_different_types_are_different_states(first: Hashable, second: Hashable) -> None:
    assert first == second or isinstance(first, Box)
    assert identity(first) != identity(second)
    world = world_of(
        first, lambda state, event, out: second,
        always("S1", "it stays as it is", lambda state: identity(state) == identity(first), over=("one",)),
    )  # fmt: skip
    result = explore(world)
    assert (result.verdict, result.states) == (Verdict.REFUTED, 2)
    assert str(result["S1"].trace) in "\n".join(line.strip() and line[6:] for line in str(result).splitlines())


def test_equal_messages_and_orders_of_different_types_are_different_events() -> None:
    def step(state: Any, event: Event, out: Outbox) -> Any:
        if isinstance(event, Deliver):
            return (*state, type(event.payload).__name__)
        if isinstance(event, Order) and not state:
            out.send("one", Opened(0))
            out.send("one", Closed(0))
            return ("sent",)
        raise Disabled

    heard = sometimes("W1", "both are heard", lambda state: {"Opened", "Closed"} <= set(state), over=("one",))
    for order in ("ordered", "unordered"):
        world = World("both", (One((), step),), Network(order, 2), {"one": {"go": None}}, properties=(heard,))
        assert explore(world)["W1"].verdict is Verdict.HOLDS


def test_equal_timers_of_different_types_are_refused_with_the_remedy() -> None:
    def step(state: Any, event: Event, out: Outbox) -> Any:
        out.set_timer(1)
        out.set_timer(1)
        out.set_timer(True)
        return state

    with pytest.raises(DefinitionError, match="1 and True are equal but differ in type; give one of them another"):
        explore(world_of(0, step, always("S1", "so", lambda state: True, over=("one",))))


def counting(state: int, event: Event, out: Outbox) -> int:
    return min(state + 1, 5)


def at_three(state: int) -> bool:
    if state == 3:
        raise KeyError("three")
    return True


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(0), SystemExit("x"), GeneratorExit(), IndexError()])
def test_a_handler_that_raises_is_reported_with_its_path(
    backend: Literal["stdlib", "numba"], error: BaseException
) -> None:
    def step(state: int, event: Event, out: Outbox) -> int:
        if state == 3:
            raise error
        return state + 1

    with pytest.raises(CodeRaised) as found:
        explore(world_of(0, step, always("S1", "so", lambda state: True, over=("one",))), backend=backend)
    assert found.value.subject == "actor one"
    assert (found.value.path, found.value.labels) == ("0/0/0", ("one: order go",) * 3)
    what = "ended the program" if isinstance(error, SystemExit) else f"raised {type(error).__name__}"
    assert what in str(found.value)
    assert "Local(3, {}), Order(order='go')" in str(found.value)
    assert found.value.__cause__ is error


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("property_", "path"),
    [
        (always("P", "so", at_three, over=("one",)), "0/0/0"),
        (sometimes("P", "so", lambda state: not at_three(state), over=("one",)), "0/0/0"),
        (always_step("P", "so", lambda step: at_three(step.before)), "0/0/0/0"),
        (recoverable("P", "so", lambda state: not at_three(state), over=("one",)), "0/0/0"),
        (recoverable("P", "so", lambda state: True, over=("one",), given=at_three), "0/0/0"),
    ],
    ids=("always", "sometimes", "always_step", "goal", "given"),
)
def test_a_property_that_raises_is_reported_with_its_path(
    backend: Literal["stdlib", "numba"], property_: Property, path: str
) -> None:
    if property_.given is not None:
        property_ = recoverable("P", "so", lambda state: state == 77, over=("one",), given=at_three)
    with pytest.raises(CodeRaised, match=r"(?s)property P.*KeyError") as found:
        explore(world_of(0, counting, property_), backend=backend)
    assert found.value.path == path


def test_an_error_at_the_start_is_located() -> None:
    class Broken(One):
        def start(self, out: Outbox) -> Hashable:
            raise OSError("no")

    with pytest.raises(CodeRaised, match=r"(?s)actor one.*OSError: no.*start"):
        explore(World("broken", (Broken(0, counting),)))


def test_a_handler_without_return_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"handle returned None.*return the next state"):
        explore(world_of(0, lambda state, event, out: None, always("S1", "so", lambda state: True, over=("one",))))


def test_an_unhashable_state_is_located() -> None:
    with pytest.raises(CodeRaised, match=r"unhashable type: 'list'.*Order\(order='go'\)"):
        explore(world_of(0, lambda state, event, out: [state]))


def test_an_actor_may_have_no_state() -> None:
    world = world_of(None, lambda state, event, out: None, always("S1", "so", lambda state: True, over=("one",)))
    assert explore(world).verdict is Verdict.PROVED


def test_without_properties_nothing_is_proved() -> None:
    result = explore(world_of(0, counting))
    assert result.verdict is Verdict.UNDETERMINED
    assert "the world has no properties: nothing was checked" in str(result)


def test_an_order_that_is_never_enabled_is_reported() -> None:
    def step(state: int, event: Event, out: Outbox) -> int:
        if event in (Order("never"), Fire("x")):
            raise Disabled
        return state

    orders = {"one": {"go": None, "never": 2}}
    kept = always("S1", "so", lambda state: True, over=("one",))
    result = explore(World("w", (One(0, step),), orders=orders, properties=(kept,)))
    assert result.never_taken == ("order one.never",)
    assert "never taken: order one.never" in str(result)
    assert result.to_json()["never_taken"] == ["order one.never"]


def test_a_refuted_result_prints_its_counterexample() -> None:
    lost = recoverable("R1", "back to 0", lambda state: state == 0, over=("one",))
    text = str(explore(world_of(0, counting, lost)))
    assert "1. one: order go" in text
    assert "from here the goal cannot be reached any more" in text


def test_a_refutation_at_the_start_has_an_empty_path() -> None:
    world = world_of(0, counting, recoverable("R1", "nine", lambda state: state == 9, over=("one",)))
    result = explore(world)
    found = result["R1"].trace
    assert found is not None
    assert "at the start" in str(result)
    assert [moment.state for moment in replay(world, found.path)] == [moment.state for moment in found.steps]
    assert [moment.state.locals["one"] for moment in replay(world, "0/0")] == [0, 1, 2]
    with pytest.raises(ValueError, match="invalid literal"):
        list(replay(world, "0/x"))

"""Invalid worlds, properties and actors are refused at definition or at the first call that shows the fault."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any, NamedTuple

import pytest

from ockam_fsm.checking.actors import CORRUPT, Event, Outbox
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.properties import Kind, Property, always, never_step
from ockam_fsm.checking.world import Network, World
from ockam_fsm.kernel.errors import DefinitionError
from tests.checking.small import Scripted, idle, sends


def test_all_problems_of_a_world_are_listed() -> None:
    one = always("S1", "x", bool, over=("a", "nobody"))
    with pytest.raises(DefinitionError) as caught:
        World(
            "bad",
            (Scripted("a", idle), Scripted("a", idle), Scripted("network", idle)),
            Network("sideways", -1, {"gremlins": 1, "drop": -2}),  # type: ignore[arg-type]
            orders={"c": {"open": -1}},
            properties=(one, one),
        )
    assert list(caught.value.problems) == [
        "two actors are called 'a'",
        "an actor is called 'network', the reserved name of the messages in flight; rename it",
        "network order 'sideways' is unknown; use one of ordered, unordered",
        "in_flight is -1; it must be 0 or more",
        "network fault 'gremlins' is unknown; use some of drop, duplicate, corrupt, partition",
        "the budget of network fault 'drop' is -2; it must be 0 or more, or None",
        "orders are given for 'c', which is not an actor of this world",
        "the budget of c's 'open' in orders is -1; it must be 0 or more, or None",
        "two properties have the id 'S1'",
        "property S1 reads 'nobody', which is not an actor of this world",
        "property S1 reads 'nobody', which is not an actor of this world",
    ]


def test_a_world_has_actors_and_a_normalised_one_no_property_called_inert() -> None:
    one = never_step("inert", "x", bool)
    with pytest.raises(DefinitionError, match="2 problems"):
        World("empty", (), properties=(one,), normaliser=object())  # type: ignore[arg-type]


def test_a_property_needs_an_id_a_sentence_and_its_actors() -> None:
    with pytest.raises(DefinitionError, match="3 problems"):
        Property("", "", Kind.ALWAYS, bool)


def run(*actors: Any, **network: Any) -> None:
    explore(World("run", actors, Network(**network)))


def test_sending_to_an_unknown_actor() -> None:
    with pytest.raises(DefinitionError, match="sends 1 to 'b', which is not an actor of run"):
        run(Scripted("a", idle, sends(1)))


def test_sending_too_much_at_the_start() -> None:
    with pytest.raises(DefinitionError, match="send 2 messages at the start, but in_flight is 1"):
        run(Scripted("a", idle, sends(1, 2)), Scripted("b", idle), in_flight=1)


def test_two_payloads_with_the_same_text() -> None:
    class Blank:
        def __repr__(self) -> str:
            return "blank"

    with pytest.raises(DefinitionError, match="two different payloads have the same text: blank"):
        run(Scripted("a", idle, sends(Blank(), Blank())), Scripted("b", idle))


def test_an_impure_handler() -> None:
    calls: Iterator[int] = count()

    def impure(state: Any, event: Event, out: Outbox) -> Hashable:
        return next(calls)

    with pytest.raises(DefinitionError, match="had different outcomes"):
        run(Scripted("a", idle, sends(1)), Scripted("b", impure))


def test_a_handler_that_raises_is_located() -> None:
    def broken(state: Any, event: Event, out: Outbox) -> Hashable:
        raise KeyError(event)

    with pytest.raises(CodeRaised) as caught:
        run(Scripted("a", idle, sends(1)), Scripted("b", broken))
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.place == "Local(0, {}), Deliver(payload=1, sender='a')"


def test_a_state_that_cannot_be_interned() -> None:
    with pytest.raises(CodeRaised, match="unhashable"):
        run(Scripted("a", idle, lambda out: []))  # type: ignore[arg-type, return-value]


def test_bounds_of_a_world_name_every_budget() -> None:
    world = World(
        "w", (Scripted("a", idle),), Network(in_flight=2, faults=("drop", ("corrupt", 3))), {"a": {"open": 1}}
    )
    assert world.bounds == {"in_flight": 2, "drop": "unlimited", "corrupt": 3, "order a.open": 1}


class Colour(Enum):
    RED = 1


class Pair(NamedTuple):
    x: Any
    y: Any


@dataclass(frozen=True)
class Box:
    inside: Any


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (frozenset({"b", "a"}), "{'a', 'b'}"),
        (Box(frozenset({2, 1})), "Box(inside={1, 2})"),
        (Pair(Colour.RED, (1,)), "Pair(Colour.RED, (1,))"),
        ((), "()"),
        (CORRUPT, "CORRUPT"),
    ],
)
def test_canonical_text(value: Any, text: str) -> None:
    assert canonical(value) == text


def test_strings_are_labelled_without_quotes() -> None:
    assert (spoken("open"), spoken(Colour.RED), spoken(("open",))) == ("open", "Colour.RED", "('open',)")

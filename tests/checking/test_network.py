"""The effect of each network order and each fault, observed in the reachable states of a receiver."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import pytest

from ockam_fsm.checking.actors import CORRUPT, Deliver, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.explore import Backend, explore, replay
from ockam_fsm.checking.properties import always
from ockam_fsm.checking.result import Verdict
from ockam_fsm.checking.world import Network, World
from tests.checking.small import Scripted, collect, idle, nothing_yet, sends

Faults = dict[str, int | None]


def heard(backend: Backend, order: Literal["ordered", "unordered"], *payloads: Hashable, **faults: Any) -> set[Any]:
    """Return every sequence of payloads that b can receive."""
    seen: set[Any] = set()

    def note(state: tuple[Deliver, ...]) -> bool:
        seen.add(tuple(event.payload for event in state))
        return True

    world = World(
        "listening",
        (Scripted("a", idle, sends(*payloads)), Scripted("b", collect, nothing_yet)),
        Network(order, len(payloads), faults),
        properties=(always("S1", "records what was received", note, over=("b",)),),
    )
    assert explore(world, backend=backend).verdict is Verdict.PROVED
    return seen


def test_an_ordered_network_keeps_the_order(backend: Backend) -> None:
    assert heard(backend, "ordered", 1, 2) == {(), (1,), (1, 2)}


def test_an_unordered_network_reorders(backend: Backend) -> None:
    assert heard(backend, "unordered", 1, 2) == {(), (1,), (2,), (1, 2), (2, 1)}


def test_dropped_messages_never_arrive(backend: Backend) -> None:
    assert heard(backend, "ordered", 1, 2, drop=1) == {(), (1,), (2,), (1, 2)}


def test_duplicates_arrive_again_as_often_as_the_budget_allows(backend: Backend) -> None:
    assert heard(backend, "ordered", 1, duplicate=2) == {(), (1,), (1, 1), (1, 1, 1)}


def test_a_corrupted_message_arrives_as_corrupt(backend: Backend) -> None:
    assert heard(backend, "ordered", 1, corrupt=None) == {(), (1,), (CORRUPT,)}


def test_a_budget_of_zero_disables_the_fault(backend: Backend) -> None:
    assert heard(backend, "ordered", 1, drop=0, duplicate=0, corrupt=0, partition=0) == {(), (1,)}


def partitioned() -> World:
    actors = (Scripted("a", idle, sends("x")), Scripted("b", collect, nothing_yet))
    return World("cut", actors, Network("ordered", 1, {"partition": 1}))


def test_a_cut_link_delivers_nothing_until_it_heals(backend: Backend) -> None:
    # The links are uncut, a-b cut or b-a cut, with the budget used up or not, and the message in flight or not; only
    # "link a-b cut before delivery" cannot be followed by a delivery.
    assert explore(partitioned(), backend=backend).states == 8
    *_, cut = replay(partitioned(), [1])
    assert cut.state.cut_links == (("a", "b"),)
    assert [choice.label for choice in cut.enabled] == ["heal the link from a to b"]
    assert cut.enabled[0].kind == "system"


def on_events(state: Any, event: Event, out: Outbox) -> Hashable:
    match event:
        case Order(what) | Fault(what):
            out.set_timer(what)
            out.set_timer(what)
        case Fire("stop"):
            out.cancel_all_timers()
        case Fire(what):
            out.cancel_timer("shut")
    return (*state, type(event).__name__)


def test_timers_orders_and_faults_of_an_actor() -> None:
    world = World(
        "alone",
        (Scripted("a", on_events, nothing_yet),),
        orders={"a": {"stop": 1, "shut": 1}},
        faults={"a": {"restart": 1}},
    )
    start, *_, last = replay(world, [0, 1, 2, 0, 0])
    assert [choice.label for choice in start.enabled] == ["a: order stop", "a: order shut", "a: fault restart"]
    assert [choice.kind for choice in start.enabled] == ["user", "user", "fault"]
    assert last.state.timers == {"a": ()}
    assert last.state.locals["a"] == ("Order", "Order", "Fault", "Fire", "Fire")
    assert last.state.budgets == {"a.order stop": 0, "a.order shut": 0, "a.fault restart": 0}
    assert (last.chosen, last.step, last.enabled) == (None, None, ())


def test_an_order_that_is_a_delivery_arrives_at_once(backend: Backend) -> None:
    """It comes from outside the world: no message is in flight, and it is not listed among the bounds."""
    said = Deliver("x", "somebody")
    world = World("alone", (Scripted("a", collect, nothing_yet),), Network("ordered", 0), orders={"a": {said: 1}})
    start, last = replay(world, [0])
    assert [choice.label for choice in start.enabled] == ["a: hears x from somebody"]
    assert start.step is not None
    assert (start.step.event, last.state.locals["a"], last.state.network) == (said, (said,), ())
    assert world.bounds == {"in_flight": 0}
    assert explore(world, backend=backend).states == 2


def chatter(state: Any, event: Event, out: Outbox) -> Hashable:
    out.send("b", "x")
    out.set_timer("again")
    return 0


def start_timer(out: Outbox) -> Hashable:
    out.set_timer("again")
    return 0


@pytest.mark.parametrize("faults", [(), ("drop",)])
def test_a_full_network_loses_the_surplus_if_it_may_drop_and_else_cuts(
    backend: Backend, faults: tuple[str, ...]
) -> None:
    deaf = Scripted("b", idle)
    world = World("full", (Scripted("a", chatter, start_timer), deaf), Network("ordered", 2, faults))
    result = explore(world, backend=backend)
    assert (result.states, result.bounds_reached) == (3, ("in_flight",))
    # 2 timers, 2 deliveries; with drop also the third timer's step (it changes nothing) and 2 drops
    assert result.transitions == (2 + 2 if not faults else 3 + 2 + 2)

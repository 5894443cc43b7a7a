"""Worlds as a user writes them: a counter that must stay small. `check --from tests.cli.own_worlds:WORLD`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ockam_fsm.checking import Deliver, Event, Network, Order, Outbox, World, always


@dataclass(frozen=True)
class Asker:
    name: str = "asker"

    def start(self, out: Outbox) -> Hashable:
        return "idle"

    def handle(self, state: str, event: Event, out: Outbox) -> Hashable:
        if event == Order("ask"):
            out.send("counter", "one more")
            return "asked"
        return state


@dataclass(frozen=True)
class Counter:
    name: str = "counter"

    def start(self, out: Outbox) -> Hashable:
        return 0

    def handle(self, state: int, event: Event, out: Outbox) -> Hashable:
        return state + 1 if isinstance(event, Deliver) else state


def counting_to(limit: int, questions: int = 2) -> World:
    small = always("S1", f"the counter stays below {limit}", lambda count: count < limit, over=("counter",))
    network = Network("unordered", 2, {"duplicate": 1, "partition": 1})
    orders = {"asker": {"ask": questions}}
    return World("counting", (Asker(), Counter()), network, orders=orders, properties=(small,))


WORLD = counting_to(2)
NO_WORLD = "a string"


def made() -> World:
    return counting_to(9)


def wrong() -> World:
    return World("wrong", (Asker(), Asker()))


class Exiting(Counter):
    """An actor whose handler ends the program, as with an accidental call of `sys.exit`."""

    def handle(self, state: int, event: Event, out: Outbox) -> Hashable:
        raise SystemExit(0)


def exiting() -> World:
    return World("exiting", (Asker(), Exiting()), orders={"asker": {"ask": 1}}, properties=counting_to(9).properties)


def typo() -> World:
    broken = always("S1", "a property with a mistake", lambda count: count.missing, over=("counter",))
    return World("typo", (Asker(), Counter()), orders={"asker": {"ask": 1}}, properties=(broken,))


def unjudged() -> World:
    return World("unjudged", (Asker(), Counter()), orders={"asker": {"ask": 1, "sleep": 0}})

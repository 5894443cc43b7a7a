"""Two-phase commit, model-checked: the states of the TLA+ module TwoPhase, and a counterexample for a faulty variant.

Run it: `python examples/two_phase_commit.py`.

A transaction manager and some resource managers; every spontaneous action of the TLA+ module is an `Order` here.
The module keeps every message in one set; here messages are consumed, and an abort to a resource manager that has
already aborted has no effect, so it is dropped. Then the reachable states correspond one to one: 288 for three resource
managers, 8,832 for five, the numbers that TLC and Stateright report.

The faulty variant: a resource manager that is prepared to commit aborts on its own.

Source: J. Gray, L. Lamport, "Consensus on Transaction Commit", ACM TODS 31(1), 2006, and its TLA+ module TwoPhase.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from ockam_fsm.checking import (
    Deliver,
    Disabled,
    Envelope,
    Event,
    Network,
    Order,
    Outbox,
    Result,
    World,
    always,
    explore,
    recoverable,
    sometimes,
)

MANAGER = "tm"
PUBLISHED_STATES = {3: 288, 5: 8_832}


class Resource(Enum):
    WORKING = "working"
    PREPARED = "prepared"
    COMMITTED = "committed"
    ABORTED = "aborted"


class Manager(NamedTuple):
    decision: str
    prepared: frozenset[str]


@dataclass(frozen=True)
class TransactionManager:
    resources: tuple[str, ...]
    name: str = MANAGER

    def start(self, out: Outbox) -> Hashable:
        return Manager("", frozenset())

    def handle(self, state: Manager, event: Event, out: Outbox) -> Hashable:
        if state.decision:
            raise Disabled
        match event:
            case Deliver("prepared", resource):
                return Manager("", state.prepared | {resource})
            case Order("commit") if len(state.prepared) == len(self.resources):
                return self._decide("commit", state, out)
            case Order("abort"):
                return self._decide("abort", state, out)
        raise Disabled

    def _decide(self, decision: str, state: Manager, out: Outbox) -> Manager:
        for resource in self.resources:
            out.send(resource, decision)
        return Manager(decision, state.prepared)


@dataclass(frozen=True)
class ResourceManager:
    name: str
    impatient: bool = False

    def start(self, out: Outbox) -> Hashable:
        return Resource.WORKING

    def handle(self, state: Resource, event: Event, out: Outbox) -> Hashable:
        match event:
            case Deliver("commit"):
                return Resource.COMMITTED
            case Deliver("abort"):
                return Resource.ABORTED
            case Order("prepare") if state is Resource.WORKING:
                out.send(MANAGER, "prepared")
                return Resource.PREPARED
            case Order("abort") if state is Resource.WORKING or (self.impatient and state is Resource.PREPARED):
                return Resource.ABORTED
        raise Disabled


class Aborted:
    """A normaliser that drops inert messages: aborts to managers that have aborted. No state counts, so no floors."""

    def floor(self, actor: str, state: Any) -> int | None:
        return None

    def shift(self, actor: str, state: Any, k: int) -> Hashable:
        raise AssertionError("nothing here has a floor")

    def floor_message(self, envelope: Envelope) -> int | None:
        return None

    def shift_message(self, envelope: Envelope, k: int) -> Envelope:
        raise AssertionError("nothing here has a floor")

    def inert(self, envelope: Envelope, receiver_state: Any, sender_state: Any) -> bool:
        return envelope.payload == "abort" and receiver_state is Resource.ABORTED


def world(resources: int, *, impatient: bool = False) -> World:
    names = tuple(f"rm{number}" for number in range(1, resources + 1))

    def consistent(*states: Resource) -> bool:
        return not (Resource.ABORTED in states and Resource.COMMITTED in states)

    def settled(manager: Manager, *states: Resource) -> bool:
        return all(state in (Resource.ABORTED, Resource.COMMITTED) for state in states)

    return World(
        f"two-phase commit, {resources} resource managers" + (", impatient" if impatient else ""),
        (TransactionManager(names), *(ResourceManager(name, impatient) for name in names)),
        Network("unordered", in_flight=2 * resources),
        orders={MANAGER: {"commit": None, "abort": None}} | {name: {"prepare": None, "abort": None} for name in names},
        properties=(
            always("S1", "no resource manager commits while another aborts", consistent, over=names),
            sometimes("W1", "all commit", lambda *all_: set(all_) == {Resource.COMMITTED}, over=names),
            sometimes("W2", "all abort", lambda *all_: set(all_) == {Resource.ABORTED}, over=names),
            recoverable(
                "R1",
                "once it is decided, deliveries alone settle every resource manager",
                settled,
                over=(MANAGER, *names),
                given=lambda manager, *states: bool(manager.decision),
            ),
        ),
        normaliser=Aborted(),
    )


def check() -> tuple[Result, Result, Result]:
    return explore(world(3)), explore(world(5)), explore(world(3, impatient=True))


def main() -> None:
    for result, published in zip(check(), (PUBLISHED_STATES[3], PUBLISHED_STATES[5], None), strict=True):
        print(result)
        if published is not None:
            print(f"  published for this world: {published:,} states")
        trace = result["S1"].trace
        if trace is not None:
            print(f"\n  S1 is violated after {len(trace)} steps (path {trace.path}):\n{trace}")
        print()


if __name__ == "__main__":
    main()

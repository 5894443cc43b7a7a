"""Normalised worlds: folding makes them finite, and a violation of the author's duties is detected."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from ockam_fsm.checking.actors import Deliver, Envelope, Event, Fire, Outbox
from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.properties import Property, always, never_step, sometimes
from ockam_fsm.checking.result import Verdict
from ockam_fsm.checking.world import Network, World
from ockam_fsm.kernel.errors import DefinitionError


class Number(NamedTuple):
    value: int


@dataclass(frozen=True)
class Counter:
    """Counts up without bound and sends the number; `stuck` handles one absolute number differently, `rude` answers
    outdated messages."""

    name: str = "counter"
    stuck: bool = False

    def start(self, out: Outbox) -> Hashable:
        out.set_timer("tick")
        return Number(0)

    def handle(self, state: Number, event: Event, out: Outbox) -> Hashable:
        if isinstance(event, Fire):
            out.set_timer("tick")
            out.send("follower", Number(state.value + 1))
            return state if self.stuck and state.value == 1 else Number(state.value + 1)
        return state


@dataclass(frozen=True)
class Follower:
    name: str = "follower"
    rude: bool = False
    fickle: bool = False

    def start(self, out: Outbox) -> Hashable:
        return Number(0)

    def handle(self, state: Number, event: Event, out: Outbox) -> Hashable:
        match event:
            case Deliver(Number(value)) if value > state.value:
                return Number(value)
            case Deliver(Number(value)):
                if self.rude:
                    out.send("counter", "old news")
                return Number(state.value + 1) if self.fickle else state
        return state


class Shift:
    """A normaliser for actors that compare numbers only with each other."""

    def floor(self, actor: str, state: Any) -> int | None:
        return int(state.value)

    def shift(self, actor: str, state: Any, k: int) -> Hashable:
        return Number(state.value - k)

    def floor_message(self, envelope: Envelope) -> int | None:
        return envelope.payload.value if isinstance(envelope.payload, Number) else None

    def shift_message(self, envelope: Envelope, k: int) -> Envelope:
        if not isinstance(envelope.payload, Number):
            return envelope
        return Envelope(envelope.sender, envelope.receiver, Number(envelope.payload.value - k))

    def inert(self, envelope: Envelope, receiver_state: Any, sender_state: Any) -> bool:
        return isinstance(envelope.payload, Number) and envelope.payload.value <= receiver_state.value


class Diverting(Shift):
    def shift_message(self, envelope: Envelope, k: int) -> Envelope:
        return Envelope(envelope.receiver, envelope.sender, envelope.payload)


def world(
    *properties: Property,
    counter: Counter | None = None,
    follower: Follower | None = None,
    normaliser: Shift | None = None,
    in_flight: int = 3,
    faults: tuple[str, ...] = ("drop", "duplicate"),
) -> World:
    actors = (counter or Counter(), follower or Follower())
    network = Network("unordered", in_flight, faults)
    return World("race", actors, network, properties=properties, normaliser=normaliser or Shift())


def test_folding_makes_a_counting_world_finite() -> None:
    ahead = always("S1", "the follower never overtakes", lambda c, f: f.value <= c.value, over=("counter", "follower"))
    bare = World("bare", (Counter(), Follower()), Network("unordered", 2), properties=(ahead,))
    assert explore(bare, state_limit=500).limit_hit is not None
    result = explore(world(ahead, in_flight=2, faults=()))
    assert (result.verdict, result.limit_hit) == (Verdict.PROVED, None)
    assert result["inert"].verdict is Verdict.HOLDS


def test_a_lossy_world_needs_an_extra_bound() -> None:
    """With loss the follower can fall behind without limit, so no floor rises and folding alone is not enough."""
    assert explore(world(), state_limit=500).limit_hit == "state_limit 500"


def test_a_message_dropped_as_inert_that_is_answered_refutes_the_world() -> None:
    result = explore(world(follower=Follower(rude=True), in_flight=2, faults=("duplicate",)))
    assert (result.verdict, result["inert"].verdict) == (Verdict.REFUTED, Verdict.REFUTED)
    trace = result["inert"].trace
    assert trace is not None
    assert trace.labels[-1] == "deliver Number(1) from counter to follower and keep a copy"
    assert len(trace) == 2


def test_a_message_dropped_as_inert_that_changes_a_state_refutes_the_world() -> None:
    result = explore(world(follower=Follower(fickle=True), in_flight=2, faults=("duplicate",)))
    assert result["inert"].verdict is Verdict.REFUTED


def test_shifting_that_does_not_commute_is_refused_with_the_pair() -> None:
    with pytest.raises(DefinitionError, match=r"shifting by 1 does not commute .*Fire.* in Number\(1\) of counter"):
        explore(world(counter=Counter(stuck=True), in_flight=2, faults=()))


def test_a_message_must_stay_on_its_link() -> None:
    with pytest.raises(DefinitionError, match="to another link"):
        explore(world(normaliser=Diverting(), in_flight=2, faults=()))


def test_step_properties_read_the_step_before_folding() -> None:
    one = never_step("S1", "never leaves zero", lambda step: step.actor == "follower" and step.after.value == 1)
    two = sometimes("W1", "but folded it does not", lambda c: c.value == 2, over=("counter",))
    result = explore(world(one, two, in_flight=2, faults=()), stop_at_first=False)
    trace = result["S1"].trace
    assert trace is not None
    assert trace.steps[1].step is not None
    assert trace.steps[1].step.after == Number(1)
    assert trace.steps[2].state.locals == {"counter": Number(0), "follower": Number(0)}

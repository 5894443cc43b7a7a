"""The worlds of layers: they are proved, and their nodes behave as real nodes do (spec/sessions.md clause 11.3)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from ockam_fsm.checking import Event, Outbox, Verdict, World, explore, replay
from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Fault, Fire, Order
from ockam_fsm.checking.layers.actors import LayersActor, NodeRun
from ockam_fsm.checking.layers.images import LayeredNode, LayersEnd, via
from ockam_fsm.checking.layers.inputs import InputRecorder, SessionInput
from ockam_fsm.checking.layers.setup import (
    ABOVE,
    BELOW,
    BOTH,
    CLOSE_BELOW,
    LOST,
    OUTER_ABOVE,
    OUTER_BELOW,
    Frame,
    LayersSetup,
    carried,
)
from ockam_fsm.checking.layers.worlds import ABOVE_PERSISTENT, BELOW_PERSISTENT, LOSSLESS, layers_world, layers_worlds
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.safety.session_step import CLOSE, OPEN, SEND

SETUPS = {"below-persistent": BELOW_PERSISTENT, "above-persistent": ABOVE_PERSISTENT}


def quiet(name: str, *orders: str) -> World:
    """Return the world without loss: small enough for the standard library."""
    return layers_world(name, SETUPS[name], orders=(OPEN, *orders), losers=(), network=LOSSLESS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETUPS)
def test_each_world_without_loss_is_proved(name: str) -> None:
    found = explore(quiet(name), backend="stdlib")
    assert found.verdict is Verdict.PROVED
    assert {one.verdict for one in found.properties} == {Verdict.HOLDS}


@pytest.mark.thorough
@pytest.mark.parametrize("world", layers_worlds(), ids=lambda world: str(world.name))
def test_each_world_is_proved(world: World) -> None:
    found = explore(world)
    assert found.verdict is Verdict.PROVED
    assert {one.verdict for one in found.properties} == {Verdict.HOLDS}
    assert found.never_taken == ()


def test_the_properties_are_those_of_the_session_above_and_those_between_the_layers() -> None:
    judged = {world.name: {one.id for one in world.properties} for world in layers_worlds()}
    both = {"S2", "S4", "S5", "S6", "S7", "S12", "S16", "S17", "S18", "S19", "S20", "S21", "S26",
            "S28", "R1", "R5", "S38", "S39", "S40", "R9", "W19"}  # fmt: skip
    data = {"S1", "S11", "S13", "W5"}
    assert judged == {
        "layers:below-persistent": both | {"W20", "W21"},
        "layers:below-persistent-data": both | data | {"W20"},
        "layers:above-persistent": both | {"S3", "R2", "W21", "W22"},
        "layers:above-persistent-data": both | data | {"S3", "R2", "W21", "W22"},
    }


# The nodes of these worlds are the real ones --------------------------------------------------------------------------


class Pair:
    """Two nodes under random events, each twice: one is restored for every event, as in a world, and one is kept."""

    def __init__(self, setup: LayersSetup, random: Random) -> None:
        self.setup, self.random, self.steps = setup, random, 0
        self.actors = {name: LayersActor(setup, name) for name in BOTH}
        self.outs = {name: Outbox(name) for name in BOTH}
        self.ends = {name: actor.start(self.outs[name]) for name, actor in self.actors.items()}
        self.kept = {name: NodeRun(actor, self.ends[name], Outbox(name)) for name, actor in self.actors.items()}
        self.flying: dict[str, list[Frame]] = {name: [] for name in BOTH}
        self._send(INITIATOR)

    def step(self) -> None:
        name = self.random.choice(BOTH)
        event = self._event(name)
        before, timers = self.ends[name], frozenset(self.outs[name].timers)
        out, other = Outbox(name, timers), Outbox(name, timers)
        try:
            after = self.actors[name].handle(before, event, out)
        except Disabled:
            return
        assert LayeredNode(self.setup, name, after, InputRecorder(lambda given: None)).image() == after
        run = self.kept[name]
        run.before, run.out, run.layered.recorder.record = before, other, other.record
        run.take(event)
        assert run.end() == after
        assert (out.sent, out.timers, seen(out)) == (other.sent, other.timers, seen(other))
        self.ends[name], self.outs[name], self.steps = after, out, self.steps + 1
        self._send(name)

    def _event(self, name: str) -> Event:
        draw, timers = self.random.random(), sorted(self.outs[name].timers, key=str)
        if draw < 0.7 and self.flying[name]:
            return Deliver(self.flying[name].pop(0), BOTH[1 - BOTH.index(name)])
        if draw < 0.85 and timers:
            return Fire(self.random.choice(timers))
        return Order(self.random.choice((OPEN, SEND, CLOSE_BELOW))) if draw < 0.95 else Fault(LOST)

    def _send(self, name: str) -> None:
        for envelope in self.outs[name].sent:
            assert isinstance(envelope.payload, Frame)
            if self.random.random() < 0.9:
                self.flying[envelope.receiver].append(envelope.payload)


def seen(out: Outbox) -> list[object]:
    """Return the inputs and outcomes of the sessions, without the fields that images leave out."""
    inputs = [one for one in out.records if isinstance(one, SessionInput)]
    return [(one.layer, one.outer, one.event, one.after._replace(reason="", back_off_step=0)) for one in inputs]


@pytest.mark.slow
@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
def test_a_restored_node_behaves_like_one_that_is_kept(setup: LayersSetup) -> None:
    roomy = replace(setup, connections=9, incarnations=9, above=replace(setup.above, generations=9, spawns=9),
                    below=replace(setup.below, generations=9, spawns=9))  # fmt: skip
    steps = 0
    for seed in range(40):
        pair = Pair(roomy, Random(seed))
        with suppress(BoundReached):
            for _ in range(60):
                pair.step()
        steps += pair.steps
    assert steps > 1_000


# Labels and steps -----------------------------------------------------------------------------------------------------


def test_messages_above_travel_inside_messages_below() -> None:
    world = quiet("below-persistent")
    labels = ("deliver hello 1i from initiator to responder", "deliver answer 1i from responder to initiator",
              "initiator: order open", "deliver keepalive (1i) from initiator to responder",
              "deliver [hello 1i] (1i) from initiator to responder")  # fmt: skip
    path: list[int] = []
    for label in labels:
        enabled = list(replay(world, path))[-1].enabled
        path.append(next(choice.index for choice in enabled if choice.label == label))
    end = list(replay(world, path))[-1].state.locals[RESPONDER]
    assert isinstance(end, LayersEnd)
    assert end.label == "below ESTABLISHED (current 1i), above NEGOTIATING (attempt 1i), connected over 1"
    (lower,), (upper,) = end.of(BELOW), end.of(ABOVE)
    assert upper.session.attempt is not None
    assert (upper.session.attempt.route[0], upper.carrier) == (lower.outer, lower.outer)
    assert lower.carrier == via(1)


def test_the_label_of_a_message_without_content() -> None:
    message = Message((OUTER_BELOW,), (), b"\xff")
    assert carried(message) is None
    assert Frame(1, message).label


def test_orders_go_to_the_session_above_and_impossible_events_are_disabled() -> None:
    actor = LayersActor(BELOW_PERSISTENT, INITIATOR)
    start = actor.start(Outbox(INITIATOR))
    for order in (SEND, CLOSE):
        out = Outbox(INITIATOR)
        if order == SEND:
            with pytest.raises(Disabled):
                actor.handle(start, Order(order), out)
        else:
            assert actor.handle(start, Order(order), out).at(OUTER_ABOVE) is None
    with pytest.raises(Disabled):
        LayersActor(BELOW_PERSISTENT, RESPONDER).handle(LayersEnd(), Fault(LOST), Outbox(RESPONDER))
    assert OPEN in layers_worlds()[0].orders[INITIATOR]


def test_frames_on_a_lost_connection_are_ignored() -> None:
    actor, other = LayersActor(ABOVE_PERSISTENT, INITIATOR), LayersActor(ABOVE_PERSISTENT, RESPONDER)
    out = Outbox(INITIATOR)
    opened = actor.handle(actor.start(out), Order(OPEN), out)
    (frame,) = [one.payload for one in out.sent]
    assert isinstance(frame, Frame)
    heard = other.handle(LayersEnd(), deliver(frame), Outbox(RESPONDER))
    assert heard.live == (1,)
    lost = other.handle(heard, Fault(LOST), Outbox(RESPONDER))
    assert lost.live == ()
    assert other.handle(lost, deliver(frame), Outbox(RESPONDER)) == lost
    assert opened.connections == 1


def deliver(frame: Frame) -> Event:
    return Deliver(frame, INITIATOR)

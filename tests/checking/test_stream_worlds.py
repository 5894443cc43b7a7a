"""The small worlds of streams with the standard library, and the labels of their traces.

The large worlds take minutes; `ockam-fsm check all` searches them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.checking import Result, Verdict, World, explore, replay
from ockam_fsm.checking.actors import Deliver, Event, Fault, Fire, Order, Outbox
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.names import (
    CONSUMER,
    FORGET_RECORDS,
    PUBLISH,
    PUBLISHER,
    RESTART,
    STREAM,
    StreamMessage,
    payload_label,
)
from ockam_fsm.checking.streams.publisher_actor import PublisherActor, PublisherEnd
from ockam_fsm.checking.streams.stream_actor import OPENED, WRITTEN, StreamActor
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.cli.shared.pins import pins
from ockam_fsm.cli.shared.world_index import shipped
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    GetIndex,
    Pull,
    Pulled,
    Push,
    Pushed,
    SaveIndex,
    Status,
    StoredMessage,
    StreamIndex,
    StreamRequest,
    StreamResponse,
    encode_request,
    encode_response,
)
from ockam_fsm.runtime.session.commands import RequestTimer
from ockam_fsm.runtime.session.commands import Timer as SessionTimer
from ockam_fsm.runtime.stream.commands import NewSession, StateLost

PINNED: dict[str, Any] = json.loads((Path(__file__).parents[2] / "spec" / "manifest.json").read_text())
PINS: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in PINNED["worlds"]}
SMALL = {
    "stream:consuming": (44_542, 271_026, 32),
    "stream:patient": (40_292, 255_034, 29),
    "stream:beginning": (72_253, 490_158, 24),
}
"""States, transitions and depth. A commit that moves a number explains it."""


def world(name: str) -> World:
    return next(one for one in stream_worlds() if one.name == name)


@cache
def result(name: str) -> Result:
    return explore(world(name), backend="stdlib")


# Proved ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_small_world_is_proved(name: str) -> None:
    found = result(name)
    assert found.verdict is Verdict.PROVED
    assert {one["id"]: one["verdict"] for one in found.to_json()["properties"]} == {
        one.id: "HOLDS" for one in world(name).properties
    }
    assert found.never_taken == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_its_size_is_pinned(name: str) -> None:
    found = result(name).to_json()
    assert (found["states"], found["transitions"], found["depth"]) == SMALL[name]
    if name in PINS:
        assert pins([(shipped()[name], found)])["worlds"] == [PINS[name]]


def test_every_property_of_streams_is_checked_in_some_world() -> None:
    judged = {one.id for world in stream_worlds() for one in world.properties}
    assert judged == {"S15a", "S15b", "S15c", "S15d", "S23", "S30", "S31", "R4", "R6", "W8", "W15", "W16"}


# Labels ---------------------------------------------------------------------------------------------------------------

WORDS: list[tuple[StreamRequest | StreamResponse, str]] = [
    (Push(1, b"1"), "push 1: 1"),
    (Pushed(1, Status.OK, 0), "confirmation 1"),
    (Pull(1, 0, 2), "pull 1 from 0"),
    (Pulled(1, (StoredMessage(0, b"1"), StoredMessage(1, b"2"))), "response 1, 0:1 1:2"),
    (Pulled(2, ()), "response 2, nothing"),
    (GetIndex("c", "s"), "get index"),
    (SaveIndex("c", "s", 1), "save index 1"),
    (StreamIndex("c", "s", 1), "index 1"),
    (StreamIndex("c", "s", None), "index None"),
    (CreateStream("s"), "CreateStream"),
]


@pytest.mark.parametrize(("message", "words"), WORDS, ids=lambda one: one if isinstance(one, str) else "")
def test_labels_of_stream_messages(message: StreamRequest | StreamResponse, words: str) -> None:
    asks = isinstance(message, CreateStream | Push | Pull | GetIndex | SaveIndex)
    payload = encode_request(message) if asks else encode_response(message)  # type: ignore[arg-type]
    assert payload_label(payload) == spoken(StreamMessage(payload)) == words


def test_the_label_of_malformed_bytes() -> None:
    assert payload_label(b"\xff") == "a malformed message"


@pytest.mark.slow
def test_the_labels_of_a_confirmation_after_a_renegotiation() -> None:
    witness = result("stream:patient")["W15"].trace
    assert witness is not None
    assert witness.labels[-5:] == (
        "deliver answer 2i from stream to publisher",
        "publisher: order publish",
        "deliver push 1: 1 (2i) from publisher to stream",
        "stream: timer written fires",
        "deliver confirmation 1 (2i) from stream to publisher",
    )
    last = list(replay(world("stream:patient"), witness.indices))[-1].state.locals
    assert spoken(last[PUBLISHER]) == "1 of 1 confirmed, ESTABLISHED"
    assert spoken(last[STREAM]) == "SERVING, 1 stored, 0 under way"


@pytest.mark.slow
def test_the_labels_of_a_message_processed_twice() -> None:
    witness = result("stream:consuming")["W8"].trace
    assert witness is not None
    assert "deliver pull 1 from 0 from consumer to stream" in witness.labels
    assert witness.labels[-2:] == (
        "deliver response 1, 0:1 1:2 from stream to consumer",
        "consumer: timer processing fires",
    )
    last = list(replay(world("stream:consuming"), witness.indices))[-1].state.locals
    assert spoken(last[CONSUMER]) == "PROCESSING at 1, 1 processed"


# The actors -----------------------------------------------------------------------------------------------------------


class Pair:
    """A publisher and its stream, and the messages in flight between them."""

    def __init__(self) -> None:
        config = PublishingConfig(window=3, generations=9, incarnations=9, spawns=9)
        self.actors: dict[str, Any] = {PUBLISHER: PublisherActor(config), STREAM: StreamActor(config)}
        self.timers: dict[str, frozenset[Any]] = {}
        self.states: dict[str, Any] = {}
        self.in_flight: list[Any] = []
        for name, actor in self.actors.items():
            out = Outbox(name)
            self.states[name] = actor.start(out)
            self._keep(name, out)

    @property
    def publisher(self) -> PublisherEnd:
        found: PublisherEnd = self.states[PUBLISHER]
        return found

    def step(self, name: str, event: Event) -> list[Any]:
        """Carry out one step and return its records."""
        fired = frozenset([event.timer]) if isinstance(event, Fire) else frozenset()
        out = Outbox(name, self.timers[name] - fired)
        self.states[name] = self.actors[name].handle(self.states[name], event, out)
        self._keep(name, out)
        return out.records

    def settle(self) -> list[Any]:
        """Deliver all messages and return the records."""
        records: list[Any] = []
        while self.in_flight:
            envelope = self.in_flight.pop(0)
            records += self.step(envelope.receiver, Deliver(envelope.payload, envelope.sender))
        return records

    def _keep(self, name: str, out: Outbox) -> None:
        self.timers[name] = frozenset(out.timers)
        self.in_flight += out.sent


def test_a_publisher_with_many_open_requests_takes_one_new_identity_when_its_record_is_lost() -> None:
    pair = Pair()
    pair.step(STREAM, Fire(OPENED))
    pair.settle()
    for _ in range(3):
        pair.step(PUBLISHER, Order(PUBLISH))
    pair.in_flight.clear()
    pair.step(STREAM, Fault(RESTART))
    pair.step(STREAM, Fire(OPENED))
    pair.step(PUBLISHER, Fire(RequestTimer(1)))
    pair.step(PUBLISHER, Fire(SessionTimer.BACK_OFF))
    records = pair.settle()
    assert [one for one in records if isinstance(one, NewSession | StateLost)] == [NewSession(), StateLost()]
    assert (pair.publisher.identities, len(pair.publisher.notified)) == (2, 1)
    assert pair.publisher.image.open == (1, 2, 3)
    session = pair.publisher.session
    assert session is not None
    assert session.state is State.ESTABLISHED
    assert [one.number for one in pair.states[STREAM].worker.under_way] == [1, 2, 3]


def test_an_idle_publisher_is_notified_that_its_record_is_lost() -> None:
    """Otherwise its pushes would never be accepted, because their numbers would be beyond the next."""
    pair = Pair()
    pair.step(STREAM, Fire(OPENED))
    pair.step(PUBLISHER, Order(PUBLISH))
    pair.settle()
    pair.step(STREAM, Fire(WRITTEN))
    pair.settle()
    for event in (Fault(RESTART), Fault(FORGET_RECORDS), Fire(OPENED)):
        pair.step(STREAM, event)
    pair.step(PUBLISHER, Fire(SessionTimer.KEEPALIVE))
    pair.step(PUBLISHER, Fire(SessionTimer.BACK_OFF))
    records = pair.settle()
    assert [one for one in records if isinstance(one, NewSession | StateLost)] == [NewSession(), StateLost()]
    pair.step(PUBLISHER, Order(PUBLISH))
    pair.settle()
    pair.step(STREAM, Fire(WRITTEN))
    pair.settle()
    assert (pair.publisher.identities, pair.publisher.confirmed) == (2, (b"1", b"2"))

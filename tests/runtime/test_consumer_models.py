"""Consumers and index workers compared with models that share no code with them, as in `test_stream_models.py`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.stream_messages import (
    GetIndex,
    Pull,
    Pulled,
    SaveIndex,
    StoredMessage,
    StreamCreated,
    StreamError,
    StreamIndex,
    StreamResponse,
)
from ockam_fsm.runtime.stream import commands as cmd
from ockam_fsm.runtime.stream.commands import StreamTimer
from ockam_fsm.runtime.stream.consumer import EXPIRED, Consumer, ConsumerConfig
from ockam_fsm.runtime.stream.index import IndexWorker
from tests.runtime.test_stream_models import ROUTES, Commands, alike, ignored, small, stable
from tests.runtime.wire_helpers import runs

# An index worker ------------------------------------------------------------------------------------------------------

partitions = st.sampled_from((None, None, 0, 3))


@stable
@given(st.lists(st.tuples(st.booleans(), small, st.none() | small, partitions), max_size=6), small)
def test_an_index_worker_agrees_with_its_model(
    moves: list[tuple[bool, int, int | None, int | None]], until: int
) -> None:
    worker = IndexWorker()
    for count, (saves, index, saved, partition) in enumerate(moves):
        over = count > until
        if count == until:
            assert worker.stop() == []
            over = True
        if saves:
            kept = saved is None or saved < index
            expected: Commands = [cmd.KeepIndex("group", "stream", partition, index)]
            expected = expected if kept else ignored("a later index is saved")
            found = worker.save(SaveIndex("group", "stream", index, partition), saved)
        else:
            expected = [cmd.Reply(ROUTES[index % 4], StreamIndex("group", "stream", saved, partition))]
            found = worker.get(GetIndex("group", "stream", partition), saved, ROUTES[index % 4])
        assert found == (ignored("the index worker has stopped") if over else expected)


# A consumer -----------------------------------------------------------------------------------------------------------

LIMIT, TRIES, REQUEST_SECONDS, POLL_SECONDS = 3, 2, 7.0, 0.25
GREATEST = 2**64 - 1
NOT_ASKED, CONSUMER_OVER = "it was not requested", "the consumer has ended"


class ConsumerModel:
    """Clauses 12.7 to 12.9."""

    def __init__(self, partition: int | None, first_index: int, restored: bool) -> None:
        self.partition = partition
        self.restored = restored
        self.first_index = first_index
        self.state = "starting"
        self.asked = self.saved = self.failures = 0
        self.batch: list[StoredMessage] = []

    def start(self) -> Commands:
        return [cmd.Ask(GetIndex("group", "stream", self.partition)), self._timer()]

    def receive(self, response: StreamResponse) -> Commands:
        if self._is_over:
            return ignored(CONSUMER_OVER)
        match response:
            case StreamIndex("group", "stream", index, self.partition) if self.state == "starting":
                self.saved = self.first_index if index is None else index
                return [self._stop_timer(), *self._pull()]
            case Pulled(self.asked, messages) if self.state == "pulling" and self._fits(messages):
                if not messages:
                    self.state = "waiting"
                    return [self._stop_timer(), SetTimer(StreamTimer.POLL, POLL_SECONDS)]
                self.state, self.batch = "processing", list(messages)
                return [self._stop_timer(), self._process()]
        return ignored(NOT_ASKED)

    def processed(self) -> Commands | str:
        if self.state != "processing":
            return ignored(CONSUMER_OVER) if self._is_over else "the application processes no message"
        self.failures, self.saved = 0, self.batch.pop(0).index + 1
        save = cmd.Ask(SaveIndex("group", "stream", self.saved, self.partition))
        return [save, *([self._process()] if self.batch else self._pull())]

    def processing_failed(self, reason: str) -> Commands | str:
        if self.state != "processing":
            return ignored(CONSUMER_OVER) if self._is_over else "the application processes no message"
        self.failures += 1
        if self.failures < TRIES:
            return [self._process()]
        buried = cmd.Bury(self.batch[0].index, self.batch[0].data, reason)
        return [buried, *self.processed()]

    def fire(self, timer: StreamTimer) -> Commands:
        if timer is StreamTimer.POLL and self.state == "waiting":
            return self._pull()
        if timer is StreamTimer.REQUEST and self.state in ("starting", "pulling"):
            self.state = "failed"
            return [cmd.ConsumerFailed(EXPIRED)]
        return []

    def end(self, into: str, *last: object) -> Commands:
        if self._is_over:
            return ignored(CONSUMER_OVER)
        running = {"processing": [], "waiting": [CancelTimer(StreamTimer.POLL)]}
        stopped, self.state = running.get(self.state, [self._stop_timer()]), into
        return [*stopped, *last]

    @property
    def _is_over(self) -> bool:
        return self.state in ("failed", "stopped")

    def _fits(self, messages: tuple[StoredMessage, ...]) -> bool:
        indexes = [one.index for one in messages]
        rising = sorted(set(indexes)) == indexes
        return len(indexes) <= LIMIT and rising and all(self.saved <= index < GREATEST for index in indexes)

    def _pull(self) -> Commands:
        self.state = "pulling"
        self.asked += 1
        return [cmd.Ask(Pull(self.asked, self.saved, LIMIT)), self._timer()]

    def _process(self) -> cmd.Process:
        return cmd.Process(self.batch[0].index, self.batch[0].data, self.failures + 1)

    def _timer(self) -> SetTimer[StreamTimer]:
        return SetTimer(StreamTimer.REQUEST, REQUEST_SECONDS)

    def _stop_timer(self) -> CancelTimer[StreamTimer]:
        return CancelTimer(StreamTimer.REQUEST)


steps = st.lists(st.integers(0, 2), max_size=LIMIT + 1)
orders = st.sampled_from(("processed", "processed", "processing failed"))
consumer_moves = runs(
    st.one_of(
        *[st.tuples(st.just("go"), st.integers(0, 11), st.just(0))] * 8,
        st.tuples(st.just("messages"), st.integers(0, 1), steps),
        st.tuples(st.just("messages"), st.just(0), st.lists(st.just(1), max_size=LIMIT)),
        st.tuples(st.just("messages"), st.just(0), st.lists(st.just(1), max_size=LIMIT)),
        st.tuples(st.just("index"), st.none() | small | st.sampled_from((GREATEST, GREATEST - 2)), st.integers(0, 9)),
        st.tuples(st.just("other"), st.sampled_from((StreamError("no"), StreamCreated("stream"))), st.just(0)),
        st.tuples(st.just("fire"), st.sampled_from((StreamTimer.POLL, StreamTimer.POLL, *StreamTimer)), st.just(0)),
        *[st.tuples(st.just("order"), orders, st.just(0))] * 3,
    ),
)


def index_of(which: int, index: int | None, partition: int | None) -> StreamIndex:
    """Return an index; every tenth is a response to another request, in one of four ways."""
    group, stream = ("other" if which == 1 else "group"), ("other" if which == 2 else "stream")
    return StreamIndex(group, stream, index, 1 if which == 3 else partition)


def called_for(model: ConsumerModel, number: int) -> tuple[str, Any, Any]:
    """Return an input that moves the consumer on."""
    match model.state:
        case "starting":
            return "index", None if number % 2 else number, 0
        case "pulling":
            return "messages", 0, [1] * (number % 4)
        case "processing":
            return "order", "processing failed" if number % 2 else "processed", 0
    return "fire", StreamTimer.POLL, 0


def consume_both(real: Consumer, model: ConsumerModel, move: tuple[str, Any, Any]) -> Consumer:
    match called_for(model, move[1]) if move[0] == "go" else move:
        case "messages", late, rises:
            indexes, at = [], model.saved - 1
            for rise in rises:
                at = min(at + rise, GREATEST)
                indexes.append(max(at, 0))
            stored = tuple(StoredMessage(index, b"%d" % index) for index in indexes)
            response: StreamResponse = Pulled(model.asked - late, stored) if model.asked else Pulled(0, stored)
            alike(lambda: real.receive(response), model.receive(response))
        case "index", index, which:
            told = index_of(which, index, model.partition)
            alike(lambda: real.receive(told), model.receive(told))
        case "other", response, _:
            alike(lambda: real.receive(response), model.receive(response))
        case "fire", timer, _:
            alike(lambda: real.fire(timer), model.fire(timer))
        case "order", "processed", _:
            alike(real.processed, model.processed())
        case "order", "processing failed", _:
            alike(lambda: real.processing_failed("why"), model.processing_failed("why"))
    assert (real.state.name.lower(), real.asked, real.saved) == (model.state, model.asked, model.saved)
    assert hash(real.image()) == hash(real.image())
    return Consumer(real.config, real.image()) if model.restored else real


@pytest.mark.slow
@stable
@given(
    st.sampled_from((None, None, 0, 3)),
    st.booleans(),
    consumer_moves,
    consumer_moves,
    st.sampled_from(("stop", "lost")),
)
def test_a_consumer_agrees_with_its_model(
    partition: int | None, restored: bool, moves: list[tuple[str, Any, Any]], late: list[tuple[str, Any, Any]], end: str
) -> None:
    """`restored`: the consumer is made anew from its image after each move."""
    first = len(moves) % 5
    config = ConsumerConfig("stream", "group", partition, LIMIT, TRIES, first, REQUEST_SECONDS, POLL_SECONDS)
    real, model = Consumer(config), ConsumerModel(partition, first, restored)
    alike(real.start, model.start())
    for move in moves:
        real = consume_both(real, model, move)
    if end == "stop":
        alike(real.stop, model.end("stopped"))
    else:
        alike(lambda: real.session_lost("lost"), model.end("failed", cmd.ConsumerFailed("lost")))
    for move in late[:6]:
        real = consume_both(real, model, move)
    alike(real.stop, model.end("stopped"))

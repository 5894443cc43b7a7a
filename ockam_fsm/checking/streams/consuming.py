"""A consumer and an index worker as actors of a world: the real workers, exchanging real bytes.

Rule 1: a message is processed when the timer `processing` fires. A consumer killed before that has not processed it.
Rule 2: the set of processed messages is a ghost and survives every fault.
Rule 3: a restarted consumer numbers its requests from the beginning again: the worst case.
Rule 4: a consumer polls without end, so the bound on its requests cuts every path. Only a request for every unprocessed
        message counts as cut: one for later messages cannot help, and must not excuse a skipped one (R4).
Left out: the consumer's session. It would give every consumer its own addresses; here a response to an earlier consumer
arrives, which there would be a dead letter.
Source: spec/sessions.md clauses 12.7 to 12.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from ockam_fsm.checking.actors import BoundReached, Deliver, Disabled, Event, Fault, Fire, Outbox
from ockam_fsm.checking.streams.names import CONSUMER, INDEX, PROCESSING_FAILS, STREAM, StreamMessage
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.consumer import ConsumerState
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.encoding.stream_messages import (
    GetIndex,
    Pull,
    SaveIndex,
    StreamIndex,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from ockam_fsm.runtime.stream.commands import (
    Ask,
    Bury,
    ConsumerCommand,
    ConsumerFailed,
    KeepIndex,
    Process,
    Reply,
    StreamTimer,
)
from ockam_fsm.runtime.stream.consumer import Consumer, ConsumerConfig, ConsumerImage
from ockam_fsm.runtime.stream.index import IndexWorker

PROCESSING, SUPERVISED = "processing", "supervised"
"""Timers: the application has processed its message; the supervisor starts another consumer."""


@dataclass(frozen=True)
class ConsumingConfig:
    """The configuration of the actors. `consumer` and `index` make the real workers; known-bad machines replace
    them."""

    limit: int = 2
    tries: int = 1
    pulls: int = 3
    consumer: Callable[..., Consumer] = Consumer
    index: Callable[..., IndexWorker] = IndexWorker

    def settings(self) -> ConsumerConfig:
        return ConsumerConfig("s", "c", limit=self.limit, tries=self.tries)


class ConsumerEnd(NamedTuple):
    """The state of the consumer's actor. Ghosts: the indexes that were `processed`, and those `buried` as failed."""

    image: ConsumerImage = ConsumerImage()
    processed: tuple[int, ...] = ()
    buried: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.image.state.name} at {self.image.saved}, {len(self.processed)} processed"


@dataclass(frozen=True)
class ConsumerActor:
    """The consumer, its supervisor and its application."""

    config: ConsumingConfig
    name: str = CONSUMER

    def start(self, out: Outbox) -> ConsumerEnd:
        return self._started(ConsumerEnd(), out)

    def handle(self, end: ConsumerEnd, event: Event, out: Outbox) -> ConsumerEnd:
        match event:
            case Fault(fault="restart"):
                out.cancel_all_timers()
                return self._started(end._replace(image=ConsumerImage()), out)
            case Fire(timer="supervised"):
                return self._started(end._replace(image=ConsumerImage(asked=end.image.asked)), out)
        consumer = self.config.consumer(self.config.settings(), end.image)
        processed, buried = self._carry_out(_hand_over(consumer, event, out), end, out)
        return ConsumerEnd(consumer.image(), processed, buried)

    def _started(self, end: ConsumerEnd, out: Outbox) -> ConsumerEnd:
        consumer = self.config.consumer(self.config.settings(), end.image)
        self._carry_out(consumer.start(), end, out)
        return end._replace(image=consumer.image())

    def _carry_out(
        self, commands: Iterable[ConsumerCommand], end: ConsumerEnd, out: Outbox
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        done = [end.image.batch[0].index] if PROCESSED in out.records else []
        buried: list[int] = []
        for command in commands:
            match command:
                case Ask(Pull(request_id, index)) if request_id > self.config.pulls:
                    missing = _first_without(*end.processed, *done, *end.buried, *buried)
                    raise BoundReached("pulls") if index <= missing else Disabled
                case Ask(request):
                    about_index = isinstance(request, GetIndex | SaveIndex)
                    out.send(INDEX if about_index else STREAM, StreamMessage(encode_request(request)))
                case Process():
                    out.set_timer(PROCESSING)
                case Bury(index):
                    buried.append(index)
                case ConsumerFailed():
                    out.cancel_timer(PROCESSING)
                    out.set_timer(SUPERVISED)
                case SetTimer(timer):
                    out.set_timer(timer)
                case CancelTimer(timer):
                    out.cancel_timer(timer)
            out.record(command)
        return _with(end.processed, done), _with(end.buried, buried)


PROCESSED = "processed"
"""The record of a step in which the application processes a message."""


def _hand_over(consumer: Consumer, event: Event, out: Outbox) -> list[ConsumerCommand]:
    match event:
        case Deliver(payload=StreamMessage(payload)):
            return consumer.receive(decode_response(payload))
        case Fire(timer="processing"):
            out.record(PROCESSED)
            return consumer.processed()
        case Fire(timer=StreamTimer() as timer):
            return consumer.fire(timer)
        case Fault(fault="processing-fails") if consumer.state is ConsumerState.PROCESSING:
            out.cancel_timer(PROCESSING)
            return consumer.processing_failed(PROCESSING_FAILS)
    raise Disabled


def _first_without(*indexes: int) -> int:
    return next(index for index in count() if index not in indexes)


def _with(known: tuple[int, ...], more: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*known, *more}))


class IndexEnd(NamedTuple):
    """The state of the index worker's actor: the saved index of the only group. It is stored durably."""

    saved: int | None = None

    @property
    def label(self) -> str:
        return "nothing saved" if self.saved is None else f"{self.saved} saved"


@dataclass(frozen=True)
class IndexActor:
    """The index worker and its storage."""

    config: ConsumingConfig
    name: str = INDEX

    def start(self, out: Outbox) -> IndexEnd:
        return IndexEnd()

    def handle(self, end: IndexEnd, event: Event, out: Outbox) -> IndexEnd:
        if not isinstance(event, Deliver) or not isinstance(event.payload, StreamMessage):
            raise Disabled
        worker, request = self.config.index(), decode_request(event.payload.payload)
        if isinstance(request, SaveIndex):
            commands = worker.save(request, end.saved)
        else:
            assert isinstance(request, GetIndex)
            commands = worker.get(request, end.saved, (local(CONSUMER),))
        for command in commands:
            match command:
                case KeepIndex(index=index):
                    end = IndexEnd(index)
                case Reply(_, response):
                    assert isinstance(response, StreamIndex)
                    out.send(CONSUMER, StreamMessage(encode_response(response)))
        return end

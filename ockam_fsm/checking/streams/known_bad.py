"""Publishers, stream workers and consumers as most people would write them first. The checks must reject each.

Source: spec/sessions.md section 9 and section 12, where each rule says what becomes of those who leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.sessions.known_bad import KnownBad
from ockam_fsm.checking.sessions.mutant_sessions import ReuseInnerAddress
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.consuming import ConsumingConfig
from ockam_fsm.checking.streams.names import (
    CONSUMER,
    FORGET_RECORDS,
    PROCESSING_FAILS,
    PUBLISHER,
    RESTART,
    RESTART_LOSING,
    STREAM,
)
from ockam_fsm.checking.streams.worlds import Faults, consuming_world, publishing_world
from ockam_fsm.machines.consumer import ConsumerEvent
from ockam_fsm.machines.stream import StreamEvent
from ockam_fsm.machines.stream_index import IndexEvent
from ockam_fsm.runtime.encoding.stream_messages import Pulled, Pushed, SaveIndex, Status, StreamResponse
from ockam_fsm.runtime.stream.commands import Ask, Bury, IndexCommand, PublisherCommand
from ockam_fsm.runtime.stream.consumer import Consumer
from ockam_fsm.runtime.stream.index import IndexWorker
from ockam_fsm.runtime.stream.publisher import Publisher
from ockam_fsm.runtime.stream.worker import Pushing, StreamWorker

# Wrong stream workers -------------------------------------------------------------------------------------------------


class SuppressByHighest(StreamWorker):
    """Stores whatever has a greater number than it has seen, and confirms everything up to that."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_BEYOND else event


class ConfirmBeforeStoring(StreamWorker):
    """Confirms what it has just given to the storage."""

    def append(self, cause: Pushing) -> None:
        super().append(cause)
        self._reply(cause.reply, Pushed(cause.push.request_id, Status.OK, 0))


class NoSuppression(StreamWorker):
    """Stores every push, as a plain stream does."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        return StreamEvent.PUSH_NEXT


class UnderWayIsUnknown(StreamWorker):
    """Knows only what is stored, and stores again what is under way."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_UNDER_WAY else event


class UnderWayIsStored(StreamWorker):
    """Knows only what it has accepted, and confirms it."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_STORED if event is StreamEvent.PUSH_UNDER_WAY else event


class StoresOutOfOrder(StreamWorker):
    """Stores what it has not seen yet, whatever is missing before it."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        under_way = {one.number for one in self.under_way if one.publisher == publisher}
        return StreamEvent.PUSH_UNDER_WAY if number in under_way else StreamEvent.PUSH_NEXT


class ResumedWithoutRecord(StreamWorker):
    """Lets its sessions say that they resumed, although the log has no record of the publisher."""

    def known(self, publisher: bytes, last: int | None) -> bool:
        super().known(publisher, last)
        return True


class SendsOnce(Publisher):
    """Has nothing to do when a request came to nothing."""

    def failed(self, number: int, reason: str) -> list[PublisherCommand]:
        self._closed(number)
        return []


# Wrong consumers and index workers ------------------------------------------------------------------------------------


class BelievesAnyResponse(Consumer):
    """Takes any response for the one that it waits for."""

    def _judge(self, response: StreamResponse) -> ConsumerEvent:
        if isinstance(response, Pulled):
            return ConsumerEvent.MESSAGES_RECEIVED if response.messages else ConsumerEvent.NOTHING_RECEIVED
        return super()._judge(response)


class SavesBeforeProcessing(Consumer):
    """Saves the index when it hands the message over."""

    def _hand_over(self) -> None:
        config, index = self.config, self.batch[0].index + 1
        self._commands.append(Ask(SaveIndex(config.client_id, config.stream_name, index, config.partition)))
        super()._hand_over()


class PassesOver(Consumer):
    """Goes on after a message that cannot be processed, and says nothing."""

    def bury(self, cause: object) -> None:
        super().bury(cause)
        self._commands = [command for command in self._commands if not isinstance(command, Bury)]


class WaitsForEver(Consumer):
    """Has no request timer."""

    def start_request(self, cause: object) -> None:
        """Nothing."""


class KeepsTheLatest(IndexWorker):
    """Keeps the index that arrived last."""

    def save(self, save: SaveIndex, saved: int | None) -> list[IndexCommand]:
        return self._fire(IndexEvent.SAVE_AHEAD, save)


# The list -------------------------------------------------------------------------------------------------------------

RESTARTED: Faults = {STREAM: {RESTART: 1}}
FORGOTTEN: Faults = {STREAM: {RESTART: 1, FORGET_RECORDS: 1}}


def _publishing(
    name: str, because: str, property: str, config: PublishingConfig, faults: Faults, messages: int = 2
) -> KnownBad:
    world = publishing_world(name, config, faults, messages)
    return KnownBad(name, because, property, replace(world, name=name))


def _consuming(name: str, because: str, property: str, config: ConsumingConfig, faults: Faults) -> KnownBad:
    return KnownBad(name, because, property, replace(consuming_world(name, config, faults), name=name))


def _storing() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "identity-reused", "what a publisher publishes after a restart would be taken for what it published before",
        "S15a", config(same_identity=True, window=1), {PUBLISHER: {RESTART_LOSING: 1}},
    )  # fmt: skip
    yield _publishing(
        "suppress-by-highest", "a message that was lost on the way would be confirmed", "S15a",
        config(worker=SuppressByHighest), {},
    )  # fmt: skip
    yield _publishing(
        "confirm-before-storing", "a confirmed message would be lost with the worker", "S15a",
        config(worker=ConfirmBeforeStoring), RESTARTED,
    )  # fmt: skip
    yield _publishing(
        "no-suppression", "a message that is sent again would be stored twice", "S15b", config(worker=NoSuppression), {}
    )
    yield _publishing(
        "record-ends-with-session", "a publisher that comes back late would have its messages stored twice", "S31",
        config(records_with_log=False, spawns=3), {}, 1,
    )  # fmt: skip
    yield _publishing(
        "under-way-is-unknown", "a message would be stored twice while the storage is slow", "S15b",
        config(worker=UnderWayIsUnknown), {},
    )  # fmt: skip
    yield _publishing(
        "under-way-is-stored", "a message would be confirmed that the storage never writes", "S15a",
        config(worker=UnderWayIsStored), RESTARTED,
    )  # fmt: skip
    yield _publishing(
        "unfenced", "the write of a killed worker would land late, and its message be stored twice", "S15b",
        config(fenced=False), RESTARTED,
    )  # fmt: skip


def _telling() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "stored-out-of-order", "a message would be stored before one that was accepted earlier", "S15c",
        config(worker=StoresOutOfOrder), {},
    )  # fmt: skip
    yield _publishing(
        "sends-once", "a message would wait for ever after a failure", "R6",
        config(publisher=SendsOnce, reissue=False, patient=True), {}, 1,
    )  # fmt: skip


def _identifying() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "push-by-identity", "a late push would be stored although its publisher has begun anew", "S15b",
        config(session=ReuseInnerAddress, same_inner=True), FORGOTTEN,
    )  # fmt: skip
    yield _publishing(
        "resumed-without-record", "a publisher would send again to a stream that has forgotten it", "S15b",
        config(worker=ResumedWithoutRecord), FORGOTTEN,
    )  # fmt: skip
    yield _publishing(
        "sent-before-resumed", "a publisher would send again before it knows whether the stream remembers it", "S15b",
        config(resumed_only=False), FORGOTTEN,
    )  # fmt: skip


def _reading() -> Iterator[KnownBad]:
    config, restarted = ConsumingConfig, {CONSUMER: {RESTART: 1}}
    yield _consuming(
        "any-response-counts", "a late response would turn a consumer back", "S23",
        config(consumer=BelievesAnyResponse), restarted,
    )  # fmt: skip
    yield _consuming(
        "index-saved-before-processing", "a message that was not processed would be passed over", "S15d",
        config(consumer=SavesBeforeProcessing), restarted,
    )  # fmt: skip
    yield _consuming(
        "index-overwritten", "an index that was overtaken would turn a group of consumers back", "S23",
        config(index=KeepsTheLatest), {},
    )  # fmt: skip


def _going_on() -> Iterator[KnownBad]:
    config = ConsumingConfig
    yield _consuming(
        "passes-over", "a message that cannot be processed would vanish without a trace", "S30",
        config(consumer=PassesOver), {CONSUMER: {PROCESSING_FAILS: 1}},
    )  # fmt: skip
    yield _consuming(
        "waits-for-ever", "a consumer would stand still when a response is lost", "R4",
        config(consumer=WaitsForEver), {},
    )  # fmt: skip


@cache
def wrong_streams() -> tuple[KnownBad, ...]:
    """The wrong workers of streams, each world named after its machine."""
    return (*_storing(), *_telling(), *_identifying(), *_reading(), *_going_on())

"""Known-bad publishers, stream workers and consumers: each breaks one rule, as a first implementation might. The checks
must reject every one.

Source: spec/sessions.md sections 9 and 12, which give the consequence of breaking each rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.known_bad import Checker, KnownBad
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
    """Stores any message with a greater number than the last, and confirms all numbers up to it."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_BEYOND else event


class ConfirmBeforeStoring(StreamWorker):
    """Confirms a message when it passes it to the storage."""

    def append(self, cause: Pushing) -> None:
        super().append(cause)
        self._reply(cause.reply, Pushed(cause.push.request_id, Status.OK, 0))


class NoSuppression(StreamWorker):
    """Stores every push, as a plain stream does."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        return StreamEvent.PUSH_NEXT


class UnderWayIsUnknown(StreamWorker):
    """Suppresses only stored messages, and stores again a message whose write is under way."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_NEXT if event is StreamEvent.PUSH_UNDER_WAY else event


class UnderWayIsStored(StreamWorker):
    """Treats a message whose write is under way as stored, and confirms it."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        event = super()._judge(publisher, number)
        return StreamEvent.PUSH_STORED if event is StreamEvent.PUSH_UNDER_WAY else event


class StoresOutOfOrder(StreamWorker):
    """Stores any message whose write is not under way, even if earlier ones are missing."""

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        under_way = {one.number for one in self.under_way if one.publisher == publisher}
        return StreamEvent.PUSH_UNDER_WAY if number in under_way else StreamEvent.PUSH_NEXT


class ResumedWithoutRecord(StreamWorker):
    """Has its sessions report "resumed" although the log has no record of the publisher."""

    def known(self, publisher: bytes, last: int | None) -> bool:
        super().known(publisher, last)
        return True


class SendsOnce(Publisher):
    """Ignores the failure of a request."""

    def failed(self, number: int, reason: str) -> list[PublisherCommand]:
        self._closed(number)
        return []


# Wrong consumers and index workers ------------------------------------------------------------------------------------


class AcceptsAnyResponse(Consumer):
    """Accepts any response as the one that it waits for."""

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


class SkipsMessages(Consumer):
    """Skips, without a report, a message that cannot be processed."""

    def bury(self, cause: object) -> None:
        super().bury(cause)
        self._commands = [command for command in self._commands if not isinstance(command, Bury)]


class NeverTimesOut(Consumer):
    """Has no request timer."""

    def start_request(self, cause: object) -> None:
        """Do nothing."""


class KeepsTheLatest(IndexWorker):
    """Keeps the index that arrived last."""

    def save(self, save: SaveIndex, saved: int | None) -> list[IndexCommand]:
        return self._fire(IndexEvent.SAVE_AHEAD, save)


# The list -------------------------------------------------------------------------------------------------------------

Missed = Mapping[Checker, str]
NONE: Missed = {}
RESTARTED: Faults = {STREAM: {RESTART: 1}}
FORGOTTEN: Faults = {STREAM: {RESTART: 1, FORGET_RECORDS: 1}}


def _publishing(
    name: str,
    because: str,
    property: str,
    config: PublishingConfig,
    faults: Faults,
    messages: int = 2,
    missed: Missed = NONE,
) -> KnownBad:
    world = publishing_world(name, config, faults, messages)
    return KnownBad(name, because, property, replace(world, name=name), missed)


def _consuming(
    name: str, because: str, property: str, config: ConsumingConfig, faults: Faults, missed: Missed = NONE
) -> KnownBad:
    return KnownBad(name, because, property, replace(consuming_world(name, config, faults), name=name), missed)


def _storing() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "identity-reused", "new messages after a restart would be confirmed as duplicates of old ones",
        "S15a", config(same_identity=True, window=1), {PUBLISHER: {RESTART_LOSING: 1}},
    )  # fmt: skip
    yield _publishing(
        "suppress-by-highest", "a message lost on the way would be confirmed", "S15a",
        config(worker=SuppressByHighest), {},
    )  # fmt: skip
    yield _publishing(
        "confirm-before-storing", "a confirmed message would be lost with the worker", "S15a",
        config(worker=ConfirmBeforeStoring), RESTARTED,
    )  # fmt: skip
    yield _publishing(
        "no-suppression", "a retransmitted message would be stored twice", "S15b", config(worker=NoSuppression), {}
    )
    yield _publishing(
        "record-ends-with-session", "the messages of a publisher that returns late would be stored twice", "S31",
        config(records_with_log=False, spawns=3), {}, 1,
    )  # fmt: skip
    yield _publishing(
        "under-way-is-unknown", "a message would be stored twice if the storage is slow", "S15b",
        config(worker=UnderWayIsUnknown), {},
    )  # fmt: skip
    yield _publishing(
        "under-way-is-stored", "a message that the storage never writes would be confirmed", "S15a",
        config(worker=UnderWayIsStored), RESTARTED,
    )  # fmt: skip
    yield _publishing(
        "unfenced", "a late write of a killed worker would store a message twice", "S15b",
        config(fenced=False), RESTARTED,
    )  # fmt: skip


def _telling() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "stored-out-of-order", "a message would be stored before an earlier one", "S15c",
        config(worker=StoresOutOfOrder), {},
    )  # fmt: skip
    yield _publishing(
        "sends-once", "a message whose request failed would never be confirmed", "R6",
        config(publisher=SendsOnce, reissue=False, patient=True), {}, 1,
    )  # fmt: skip


def _identifying() -> Iterator[KnownBad]:
    config = PublishingConfig
    yield _publishing(
        "push-by-identity", "a late push would be stored although its publisher has started over", "S15b",
        config(session=ReuseInnerAddress, same_inner=True), FORGOTTEN,
        missed={Checker.WALKS: "its push has to be late for two identities and a reused one"},
    )  # fmt: skip
    yield _publishing(
        "resumed-without-record", "a publisher would resend to a stream that has lost its record", "S15b",
        config(worker=ResumedWithoutRecord), FORGOTTEN,
    )  # fmt: skip
    yield _publishing(
        "sent-before-resumed", "a publisher would resend before it knows whether the stream has its record", "S15b",
        config(resumed_only=False), FORGOTTEN,
    )  # fmt: skip


def _reading() -> Iterator[KnownBad]:
    config, restarted = ConsumingConfig, {CONSUMER: {RESTART: 1}}
    yield _consuming(
        "any-response-counts", "a late response would move a consumer's index back", "S23",
        config(consumer=AcceptsAnyResponse), restarted,
    )  # fmt: skip
    yield _consuming(
        "index-saved-before-processing", "an unprocessed message would be skipped after a restart", "S15d",
        config(consumer=SavesBeforeProcessing), restarted,
    )  # fmt: skip
    yield _consuming(
        "index-overwritten", "a late save would move the saved index of a group back", "S23",
        config(index=KeepsTheLatest), {},
    )  # fmt: skip


def _going_on() -> Iterator[KnownBad]:
    config = ConsumingConfig
    yield _consuming(
        "passes-over", "a message that cannot be processed would be lost without a report", "S30",
        config(consumer=SkipsMessages), {CONSUMER: {PROCESSING_FAILS: 1}},
    )  # fmt: skip
    yield _consuming(
        "waits-for-ever", "a consumer would stop when a response is lost", "R4",
        config(consumer=NeverTimesOut), {},
    )  # fmt: skip


@cache
def wrong_streams() -> tuple[KnownBad, ...]:
    """Return the known-bad workers of streams. Each world has the name of its machine."""
    return (*_storing(), *_telling(), *_identifying(), *_reading(), *_going_on())

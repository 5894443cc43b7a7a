"""A log in Kafka: one partition of a topic, written by one transactional producer.

Theory: a group commit is a transaction. Each message carries its publisher and number in its headers, so the record is
stored in the same write as the message. Opening a log needs the last number of every publisher: for a publisher that
is not in the log, reading backwards would read all of it. So a compacted companion topic has the numbers as of an
offset (a checkpoint), written in the transaction of every `CHECKPOINT_MESSAGES`th message, and the log is read from
that offset on. A deleted companion is created again from the log.

Rule 1: the producer is opened first; that fences the predecessor and settles its last transaction. Then the companion
        is read, then the end of the log.
Rule 2: offsets are the indexes. Transaction markers take offsets too, so the indexes have gaps.
Rule 3: an acknowledgement without an offset, an offset that does not increase, a fatal error or a timeout fails the
        log; nothing is confirmed until it is opened and read again.
Rule 4: a change of the leader without loss has no effect, since the brokers check the sequence of each producer. A
        change with loss leads to rule 3: a gap in the sequence, an unknown producer, or a lower offset.
Rule 5: the log stores its end, so a read waits only for existing messages, without a request for the end.
Limit: the last number of every publisher is in memory, about 200 bytes each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import islice
from typing import NamedTuple

from ockam_fsm.storage import arguments
from ockam_fsm.storage.interface import Entry, StorageError, StorageRefused, StorageUnavailable, Stored
from ockam_fsm.storage.kafka_client import (
    TAKEN,
    Client,
    FetchedRecord,
    PartitionReader,
    Record,
    TransactionalProducer,
    everything,
)
from ockam_fsm.storage.outcomes import completed, fenced, first_bytes, through_future
from ockam_fsm.storage.worker import JOB_BYTES, QueuedCall, StorageThread

PUBLISHER, NUMBER = "publisher", "number"
CHECKPOINT_MESSAGES = 1000
COVERED = b""
"""The key of the checkpoint in the companion: the numbers in it cover the log before this offset."""


class LogPlace(NamedTuple):
    """The names of a log in Kafka."""

    name: str
    topic: str
    records: str
    partition: int
    transactional_id: str


class KafkaLog:
    """An open log. Only the writer thread writes `end`, `numbers` and `failure`."""

    def __init__(self, client: Client, place: LogPlace, queue_bytes: int, max_message_bytes: int) -> None:
        """Fence the predecessor, then read.

        Raises:
            StorageError: Kafka refuses, or cannot be reached.
        """
        self._client = client
        self._place = place
        self._max_message_bytes = max_message_bytes
        self.end = 0
        self.numbers: dict[bytes, int] = {}
        self.failure: StorageError | None = None
        self._retired = False
        self._changed: set[bytes] = set()
        self._covered = 0
        self._producer: TransactionalProducer | None = client.producer(
            place.transactional_id, [(place.topic, place.partition), (place.records, place.partition)]
        )
        try:
            self._restore()
        except BaseException:
            self._producer.close()
            raise
        self._writer: StorageThread[_Append] = StorageThread("kafka-writer", self._write, queue_bytes)
        self._reader: StorageThread[_Read] = StorageThread("kafka-reader", self._read, queue_bytes)
        self._tail: _Tail | None = None

    # The interface ----------------------------------------------------------------------------------------------------

    @through_future
    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        self._check_open()
        arguments.check_entries(entries)
        for entry in entries:
            if len(entry.data) > self._max_message_bytes:
                reason = f"a message has {len(entry.data)} bytes, more than {self._max_message_bytes}"
                raise StorageRefused(reason, "send a smaller one, or raise max_message_bytes here and at the broker")
        return self._writer.submit(_Append(tuple(entries)))

    @through_future
    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        self._check_open()
        arguments.check_read(start, limit, max_bytes)
        return self._reader.submit(_Read(start, limit, max_bytes))

    @through_future
    def last_number(self, publisher: bytes) -> Future[int | None]:
        self._check_open()
        return completed(self.numbers.get(publisher))

    def _check_open(self) -> None:
        if self._retired:
            raise fenced(self._place.name)
        self._writer.check_open()

    def retire(self) -> None:
        """Fail this log: another writer of this storage opens it."""
        self._retired = True
        self.failure = self.failure or fenced(self._place.name)

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        if self._tail is not None:
            self._tail.reader.close()
        if self._producer is not None:
            self._producer.close()
        self._producer = None

    # Opening ----------------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        place = self._place
        companion = self._client.reader(place.records, place.partition)
        try:
            for found in everything(companion, 0):
                number = int.from_bytes(found.value)
                if found.key == COVERED:
                    self._covered = number
                else:
                    self.numbers[found.key] = number
        finally:
            companion.close()
        reader = self._client.reader(place.topic, place.partition)
        try:
            self.end = self._covered
            for found in everything(reader, self._covered):
                self.end = found.offset + 1
                self._note(found)
        finally:
            reader.close()

    def _note(self, found: FetchedRecord) -> None:
        headers = dict(found.headers)
        if PUBLISHER in headers:
            self.numbers[headers[PUBLISHER]] = int.from_bytes(headers[NUMBER])
            self._changed.add(headers[PUBLISHER])

    # In the thread of the writer --------------------------------------------------------------------------------------

    def _write(self, jobs: Sequence[_Append]) -> None:
        outcomes: Sequence[tuple[int, ...] | StorageError]
        try:
            outcomes = self._transaction(jobs)
        except Exception as error:
            unexpected = StorageUnavailable(f"unexpected {type(error).__name__}: {error}", "report this as a bug")
            self.failure = self.failure or (error if isinstance(error, StorageError) else unexpected)
            outcomes = [self.failure] * len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.finish(outcome)

    def _transaction(self, jobs: Sequence[_Append]) -> list[tuple[int, ...]]:
        if self.failure is not None or self._producer is None:
            raise self.failure or fenced(self._place.name)
        entries = [entry for job in jobs for entry in job.entries]
        if not entries:
            return [() for _ in jobs]
        messages = [self._message(entry) for entry in entries]
        checkpoint = self._checkpoint() if self.end - self._covered >= CHECKPOINT_MESSAGES else []
        offsets = iter(self._grown(self._producer.commit([*messages, *checkpoint])[: len(messages)]))
        if checkpoint:
            self._covered = self.end
            self._changed.clear()
        indexes = [tuple(next(offsets) for _ in job.entries) for job in jobs]
        for entry in entries:
            if entry.publisher:
                self.numbers[entry.publisher] = entry.number
                self._changed.add(entry.publisher)
        self.end = max(index for group in indexes for index in group) + 1
        return indexes

    def _message(self, entry: Entry) -> Record:
        headers = ((PUBLISHER, entry.publisher), (NUMBER, entry.number.to_bytes(8))) if entry.publisher else ()
        return Record(self._place.topic, self._place.partition, None, entry.data, headers)

    def _checkpoint(self) -> list[Record]:
        """Return the changed numbers as of the end of the confirmed messages."""
        numbers = [(publisher, self.numbers[publisher]) for publisher in sorted(self._changed)]
        return [
            Record(self._place.records, self._place.partition, key, number.to_bytes(8))
            for key, number in (*numbers, (COVERED, self.end))
        ]

    def _grown(self, offsets: Sequence[int | None]) -> list[int]:
        """Return the offsets. Raises StorageUnavailable unless they increase (rule 3)."""
        known, last = [], self.end - 1
        for offset in offsets:
            if offset is None or offset <= last:
                reason = f"{self._place.name}: a message after offset {last} was acknowledged with {offset}"
                raise StorageUnavailable(reason, "open the log again, and confirm only messages that it then has")
            known.append(offset)
            last = offset
        return known

    # In the thread of the reader --------------------------------------------------------------------------------------

    def _read(self, jobs: Sequence[_Read]) -> None:
        for job in jobs:
            try:
                job.finish(self._messages(job))
            except StorageError as error:
                job.finish(error)

    def _messages(self, job: _Read) -> tuple[Stored, ...]:
        end = self.end
        if job.start >= end:
            return ()
        if self._tail is None:
            self._tail = _Tail(self._client.reader(self._place.topic, self._place.partition))
        return self._tail.messages(job, end)


class _Append(QueuedCall[tuple[int, ...]]):
    __slots__ = ("entries",)

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        super().__init__(sum(JOB_BYTES + len(entry.data) for entry in entries))
        self.entries = entries


class _Read(QueuedCall[tuple[Stored, ...]]):
    __slots__ = ("limit", "max_bytes", "start")

    def __init__(self, start: int, limit: int, max_bytes: int) -> None:
        super().__init__()
        self.start = start
        self.limit = limit
        self.max_bytes = max_bytes


class _Tail:
    """A reader with a buffer of messages that it has read ahead, so that consecutive reads need no seek."""

    def __init__(self, reader: PartitionReader) -> None:
        self.reader = reader
        self._ahead: deque[Stored] = deque()
        self._from = -1
        """`_ahead` and the next messages of the reader are all messages from this index on; -1: not positioned."""

    def messages(self, job: _Read, end: int) -> tuple[Stored, ...]:
        """Return the messages of a read before index `end`."""
        self._position(job.start)
        size = sum(len(message.data) for message in self._ahead)
        while len(self._ahead) < job.limit and size <= job.max_bytes and self._last < end - 1:
            taken = [Stored(one.offset, one.value) for one in self.reader.take(TAKEN)]
            self._ahead += taken
            size += sum(len(message.data) for message in taken)
        found = first_bytes(job.max_bytes, (one for one in islice(self._ahead, job.limit) if one.index < end))
        for _ in found:
            self._from = self._ahead.popleft().index + 1
        return found

    @property
    def _last(self) -> int:
        return self._ahead[-1].index if self._ahead else self._from - 1

    def _position(self, start: int) -> None:
        while self._ahead and self._ahead[0].index < start and self._from <= start:
            self._from = self._ahead.popleft().index + 1
        if self._from == start or (self._ahead and self._from <= start):
            self._from = start
            return
        self._ahead.clear()
        self._from = -1
        self.reader.seek(start)
        self._from = start

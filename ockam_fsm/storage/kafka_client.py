"""The client of Kafka: transactions, topics, reading, error texts. Only this module imports the client library.

Theory: a transactional id belongs to one producer. `init_transactions` increments its epoch at the coordinator, ends
the open transaction of the predecessor, and returns when the outcome of the last one is settled. From then on the
predecessor is fenced, and the readable messages are all that it has stored.

The coordinator reports a commit before it has written the markers that make the messages readable. A broker that is
killed in between and restarted may mistake a partition without a leader for a deleted one and omit the marker
(4.4.0 logs "these partitions are likely deleted already and hence can be skipped"). Such messages are not readable, and
would become readable with the next transaction of the same producer.

Rule 1: one transaction at a time, from one thread, which also serves the delivery callbacks.
Rule 2: every call is limited in time. Every exception becomes a `StorageError`.
Rule 3: readers see only committed messages (`read_committed`).
Rule 4: a transaction counts as committed when its messages are readable. Only then is its outcome in the partition.
Rule 5: a new producer aborts messages left without a marker: none of them was confirmed.
Source: KIP-98, "Exactly once delivery and transactional messaging"; the manual of librdkafka.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Any, NamedTuple, Protocol, TypeAlias

from ockam_fsm.storage.interface import Fenced, StorageError, StorageRefused, StorageUnavailable

logger = logging.getLogger("ockam_fsm.storage.kafka")
POLL_SECONDS = 0.1
WAIT_SECONDS = 0.0005
"""The first pause between two requests for the end of a partition; each pause is twice the last one."""

ABORT_SECONDS = 1.0
TAKEN = 500
"""Number of messages read from the client at a time."""

READER = {
    "group.id": "ockam_fsm",  # required but unused: partitions are assigned, offsets are not committed
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 4096,
    "fetch.message.max.bytes": 1_048_576,
}


Place: TypeAlias = tuple[str, int]
"""A topic and a partition."""


class Record(NamedTuple):
    """A record to write."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class FetchedRecord(NamedTuple):
    """A record that was read."""

    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class TransactionalProducer(Protocol):
    def commit(self, records: Sequence[Record]) -> list[int | None]:
        """Write the records in one transaction, and return their acknowledged offsets."""

    def close(self) -> None: ...


class PartitionReader(Protocol):
    at_end: bool
    """Whether all records have been read."""

    def seek(self, offset: int) -> None:
        """Continue with the first record at or after an offset."""

    def take(self, most: int) -> list[FetchedRecord]:
        """Return at least one and at most `most` records; an empty list at the end."""

    def close(self) -> None: ...


class Client(Protocol):
    """The interface of Kafka to the storage."""

    def create(self, topic: str, partitions: int, settings: Mapping[str, str]) -> int:
        """Create a topic unless it exists, and return the number of its partitions."""

    def partitions(self, topic: str) -> int | None:
        """Return the number of partitions of a topic; None if there is no such topic."""

    def producer(self, transactional_id: str, places: Sequence[Place]) -> TransactionalProducer:
        """Create a producer that has fenced its predecessor and settled its transactions in the partitions `places`."""

    def reader(self, topic: str, partition: int) -> PartitionReader: ...


def everything(reader: PartitionReader, start: int) -> Iterator[FetchedRecord]:
    """Iterate over the records from an offset to the end."""
    reader.seek(start)
    while not reader.at_end:
        yield from reader.take(TAKEN)


class ConfluentClient:
    """The client of the package `confluent_kafka`."""

    def __init__(self, bootstrap: str, timeout_seconds: float, options: Mapping[str, str]) -> None:
        self._options: dict[str, Any] = {"log_level": 0, **options, "bootstrap.servers": bootstrap, "logger": logger}
        self._bootstrap = bootstrap
        self._timeout = timeout_seconds
        try:
            import confluent_kafka
            import confluent_kafka.admin
        except ModuleNotFoundError as error:
            raise StorageRefused("confluent_kafka is not installed", "run pip install 'ockam-fsm[kafka]'") from error
        self._library: Any = confluent_kafka
        self._admin_library: Any = confluent_kafka.admin
        self._admin = self._administrator()

    def create(self, topic: str, partitions: int, settings: Mapping[str, str]) -> int:
        found = self.partitions(topic)
        if found is not None:
            return found
        new = self._admin_library.NewTopic(topic, partitions, config=dict(settings))
        exists = self._library.KafkaError.TOPIC_ALREADY_EXISTS
        futures = self.asked("creating a topic", lambda: self._admin.create_topics([new], **self._limits()))
        self.asked("creating a topic", lambda: futures[topic].result(self._timeout), accepted=exists)
        deadline = monotonic() + self._timeout
        while (found := self.partitions(topic)) is None:
            if monotonic() > deadline:
                raise StorageUnavailable(f"the topic {topic} does not appear", "check the broker, and try again")
        return found

    def partitions(self, topic: str) -> int | None:
        topics = self._library.TopicCollection([topic])
        missing = self._library.KafkaError.UNKNOWN_TOPIC_OR_PART
        futures = self.asked("describing a topic", lambda: self._admin.describe_topics(topics, **self._request()))
        found = self.asked("describing a topic", lambda: futures[topic].result(self._timeout), accepted=missing)
        return None if found is None else len(found.partitions)

    def producer(self, transactional_id: str, places: Sequence[Place]) -> TransactionalProducer:
        milliseconds = max(int(self._timeout * 1000), 1000)
        options = {
            **self._options,
            "transactional.id": transactional_id,
            "enable.idempotence": True,
            "acks": "all",
            "transaction.timeout.ms": milliseconds,
            "message.timeout.ms": milliseconds,
            "linger.ms": 0,
        }
        library = self.asked("making a producer", lambda: self._library.Producer(options))
        producer = _Producer(library, self._timeout, self)
        try:
            self.asked("opening a log", lambda: library.init_transactions(self._timeout))
            if any(self.end(place) < self.end(place, readable=False) for place in places):
                producer.abort_unsettled(places)
            for place in places:
                self.wait_for(place, self.end(place, readable=False))
        except BaseException:
            producer.close()
            raise
        return producer

    def end(self, place: Place, readable: bool = True) -> int:
        """Return the offset after the last record, or after the last readable one. A client with an outdated leader
        (FENCED_LEADER_EPOCH) keeps using it for minutes, so after an error a new client is tried."""
        try:
            return self._end(place, readable)
        except StorageUnavailable:
            self._admin = self._administrator()
            return self._end(place, readable)

    def _end(self, place: Place, readable: bool) -> int:
        levels = self._library.IsolationLevel
        latest = {self._library.TopicPartition(*place): self._admin_library.OffsetSpec.latest()}
        options = {**self._request(), "isolation_level": levels.READ_COMMITTED if readable else levels.READ_UNCOMMITTED}
        (future,) = self.asked("reading the end", lambda: self._admin.list_offsets(latest, **options)).values()
        return int(self.asked("reading the end", lambda: future.result(self._timeout)).offset)

    def _administrator(self) -> Any:
        return self.asked("connecting", lambda: self._admin_library.AdminClient(dict(self._options)))

    def wait_for(self, place: Place, end: int) -> None:
        """Wait until the records before offset `end` are readable."""
        deadline, pause = monotonic() + self._timeout, WAIT_SECONDS
        while self.end(place) < end:
            if monotonic() > deadline:
                reason = f"the records of {place[0]}, partition {place[1]}, are not readable up to offset {end}"
                remedy = "open the log again; if that does not help, run `kafka-transactions.sh find-hanging`"
                raise StorageUnavailable(reason, remedy)
            sleep(pause)
            pause = min(2 * pause, POLL_SECONDS)

    def reader(self, topic: str, partition: int) -> PartitionReader:
        consumer = self.asked("making a consumer", lambda: self._library.Consumer({**self._options, **READER}))
        place = partial(self._library.TopicPartition, topic, partition)
        return _Reader(consumer, place, self._timeout, self, self._library.KafkaError._PARTITION_EOF)

    def _limits(self) -> dict[str, float]:
        return {"operation_timeout": self._timeout, "request_timeout": self._timeout}

    def _request(self) -> dict[str, float]:
        return {"request_timeout": self._timeout}

    def asked(self, what: str, call: Callable[[], Any], accepted: int | None = None) -> Any:
        """Return the result of a call; None for the `accepted` error.

        Raises:
            StorageError: the call failed with another error.
        """
        try:
            return call()
        except Exception as error:
            code = getattr(error.args[0], "code", None) if error.args else None
            if accepted is not None and code is not None and code() == accepted:
                return None
            raise self.explained(what, error) from error

    def explained(self, what: str, error: object) -> StorageError:
        if isinstance(error, StorageError):
            return error
        found = error.args[0] if isinstance(error, BaseException) and error.args else error
        code = found.code() if hasattr(found, "code") else None
        kinds = self._library.KafkaError
        if code in (kinds._FENCED, kinds.PRODUCER_FENCED, kinds.INVALID_PRODUCER_EPOCH):
            return Fenced(f"another writer has opened the log ({found})", "stop this writer, or open the log again")
        reason = f"{what} at {self._bootstrap} failed: {str(found) or type(error).__name__}"
        return StorageUnavailable(reason, "check that the broker runs, and open the log again")


class _Producer:
    def __init__(self, producer: Any, timeout: float, client: ConfluentClient) -> None:
        self._producer = producer
        self._timeout = timeout
        self._client = client

    def commit(self, records: Sequence[Record]) -> list[int | None]:
        offsets = self._write(records)
        self._client.asked("committing", lambda: self._producer.commit_transaction(self._timeout))
        ends: dict[Place, int] = {}
        for record, offset in zip(records, offsets, strict=True):
            ends[record.topic, record.partition] = (offset or 0) + 1
        for place, end in ends.items():
            self._client.wait_for(place, end)
        return offsets

    def abort_unsettled(self, places: Sequence[Place]) -> None:
        """End unsettled transactions: this producer's abort marker in a partition ends its transaction there."""
        self._write([Record(topic, partition, b"aborted", b"") for topic, partition in places])
        self._client.asked("aborting", lambda: self._producer.abort_transaction(self._timeout))

    def _write(self, records: Sequence[Record]) -> list[int | None]:
        """Begin a transaction, write the records, and return their offsets."""
        offsets: list[int | None] = [None] * len(records)
        errors: list[object] = []

        def delivered(place: int, error: object, message: Any) -> None:
            if error is not None:
                errors.append(error)
            else:
                offsets[place] = message.offset()

        deadline = monotonic() + self._timeout
        self._client.asked("beginning a transaction", self._producer.begin_transaction)
        for place, record in enumerate(records):
            self._produce(record, partial(delivered, place), deadline)
        try:
            left = self._producer.flush(self._timeout)
        except Exception as error:  # a fatal error, or the report of an error in a callback
            left, errors = 0, [*errors, error]
        if left:
            errors.append(f"{left} records were not acknowledged within {self._timeout:g} s")
        if errors:
            raise self._given_up(errors)
        return offsets

    def _given_up(self, errors: list[object]) -> StorageError:
        """Return the most specific error. A record that was purged reports only a consequence; a fenced producer
        reports that it is fenced when it aborts."""
        try:
            self._producer.abort_transaction(min(ABORT_SECONDS, self._timeout))
        except Exception as error:
            errors = [*errors, error]
        found = [self._client.explained("writing", error) for error in errors]
        return next((error for error in found if isinstance(error, Fenced)), found[0])

    def _produce(self, record: Record, delivered: Callable[[object, Any], None], deadline: float) -> None:
        while monotonic() < deadline:
            try:
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition, delivered, headers=list(record.headers)
                )
            except BufferError:  # the client's queue is full
                self._producer.poll(POLL_SECONDS)
            except Exception as error:
                raise self._client.explained("writing", error) from error
            else:
                return
        raise self._client.explained("writing", f"the queue of the client was full for {self._timeout:g} s")

    def close(self) -> None:
        with suppress(Exception):
            self._producer.purge()
        self._producer = None


class _Reader:
    def __init__(
        self,
        consumer: Any,
        place: Callable[..., Any],
        timeout: float,
        client: ConfluentClient,
        end: int,
    ) -> None:
        self._consumer = consumer
        self._place = place
        self._timeout = timeout
        self._client = client
        self._end = end
        self.at_end = False

    def seek(self, offset: int) -> None:
        self.at_end = False
        self._client.asked("reading", lambda: self._consumer.assign([self._place(offset)]))

    def take(self, most: int) -> list[FetchedRecord]:
        deadline = monotonic() + self._timeout
        while monotonic() < deadline:
            first = self._client.asked("reading", lambda: self._consumer.poll(POLL_SECONDS))
            more = (
                self._client.asked("reading", lambda: self._consumer.consume(most - 1, 0)) if first and most > 1 else []
            )
            found = [_found(one) for one in (first, *more) if one is not None and self._is_record(one)]
            if found or self.at_end:
                return found
        raise StorageUnavailable(f"reading took longer than {self._timeout:g} s", "check that the broker runs")

    def _is_record(self, message: Any) -> bool:
        error = message.error()
        self.at_end = error is not None and error.code() == self._end
        if error is not None and not self.at_end and not error.retriable():
            raise StorageUnavailable(f"reading failed: {error}", "check the broker, and open the log again")
        return error is None

    def close(self) -> None:
        with suppress(Exception):
            self._consumer.close()


def _found(message: Any) -> FetchedRecord:
    headers = tuple((name, value or b"") for name, value in message.headers() or ())
    return FetchedRecord(message.offset(), message.key() or b"", message.value() or b"", headers)

"""Storage in Kafka, for more data than one machine holds.

Theory: a stream is a topic, a partition of the stream is a partition of the topic (kafka_log.py). Saved indexes are in
one compacted topic, not in the offsets of consumer groups: any client may set those, so a late save of a killed process
could decrease an index. The topic has one writer at a time, which reads it completely first and writes only higher
indexes.

Rule 1: `create` creates topics, which keep their messages indefinitely. The number of replicas is the default of the
        broker.
Rule 2: one thread creates topics and opens logs, one handles saved indexes; each log has a writer and a reader thread.
        Every call of Kafka is limited by `timeout_seconds`.
Rule 3: saves that wait together are one transaction. A fenced save reads the saved indexes again and saves the higher
        one; so two storages with one prefix slow each other down, but lose nothing.
Limit: a save of another storage with the same prefix is seen only at the next save here. Two nodes that serve the same
        consumers at the same time may read an index that is too low, never one that is too high.
Source: issue 12; KIP-98.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

from ockam_fsm.storage import arguments
from ockam_fsm.storage.interface import Fenced, Log, StorageError
from ockam_fsm.storage.kafka_client import Client, ConfluentClient, Record, TransactionalProducer, everything
from ockam_fsm.storage.kafka_log import KafkaLog, LogPlace
from ockam_fsm.storage.kafka_names import KafkaNames
from ockam_fsm.storage.outcomes import log_name, no_partition, no_stream, through_future
from ockam_fsm.storage.worker import QUEUE_BYTES, QueuedCall, StorageThread

Key: TypeAlias = tuple[str, str, int]
TIMEOUT_SECONDS = 10.0
MAX_MESSAGE_BYTES = 900_000
"""Kafka's default limit of a batch is 1 MiB."""

KEPT = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
COMPACTED = {"cleanup.policy": "compact", "segment.bytes": "8388608"}


class KafkaStorage:
    """A storage in Kafka."""

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str = "ockam",
        timeout_seconds: float = TIMEOUT_SECONDS,
        queue_bytes: int = QUEUE_BYTES,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        options: Mapping[str, str] | None = None,
        client: Client | None = None,
    ) -> None:
        """`bootstrap`: HOST:PORT, or several separated by commas. `options`: options of librdkafka, for example for
        TLS. The constructor does not connect.

        Raises:
            StorageRefused: confluent_kafka is not installed, or the prefix is not possible.
        """
        self._names = KafkaNames(prefix)
        self._client = client or ConfluentClient(bootstrap, timeout_seconds, options or {})
        self._queue_bytes = queue_bytes
        self._max_message_bytes = max_message_bytes
        self._logs: dict[tuple[str, int], KafkaLog] = {}
        self._saved = _SavedIndexes(self._client, self._names)
        self._admin: StorageThread[_Call] = StorageThread("kafka-admin", self._administer, queue_bytes)
        self._saver: StorageThread[_Save] = StorageThread("kafka-saved", self._saved.perform, queue_bytes)

    @through_future
    def create(self, stream: str, partitions: int) -> Future[int]:
        arguments.check_stream(stream, partitions)
        return self._admin.submit(_Call(stream, partitions, opens=False))

    @through_future
    def open_log(self, stream: str, partition: int) -> Future[Log]:
        arguments.check_name("stream", stream)
        return self._admin.submit(_Call(stream, partition, opens=True))

    @through_future
    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        arguments.check_saved(group, stream, partition)
        return self._saver.submit(_Save((group, stream, partition), None))

    @through_future
    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        arguments.check_saved(group, stream, partition, index)
        return self._saver.submit(_Save((group, stream, partition), index))

    def close(self) -> None:
        self._admin.close()
        self._saver.close()
        for log in self._logs.values():
            log.close()
        self._saved.close()

    # In the administrator thread --------------------------------------------------------------------------------------

    def _administer(self, jobs: Sequence[_Call]) -> None:
        for job in jobs:
            try:
                job.finish(self._open(job.stream, job.number) if job.opens else self._create(job.stream, job.number))
            except StorageError as error:
                job.finish(error)

    def _create(self, stream: str, partitions: int) -> int:
        found = self._client.create(self._names.stream(stream), partitions, KEPT)
        self._client.create(self._names.records(stream), found, COMPACTED)
        return found

    def _open(self, stream: str, partition: int) -> Log:
        partitions = self._client.partitions(self._names.stream(stream))
        if partitions is None:
            raise no_stream(stream)
        if not 0 <= partition < partitions:
            raise no_partition(stream, partition, partitions)
        previous = self._logs.get((stream, partition))
        if previous is not None:
            previous.retire()
        place = LogPlace(
            log_name(stream, partition),
            self._names.stream(stream),
            self._names.records(stream),
            partition,
            self._names.writer(stream, partition),
        )
        log = KafkaLog(self._client, place, self._queue_bytes, self._max_message_bytes)
        self._logs[stream, partition] = log
        if previous is not None:
            previous.close()
        return log


class _Call(QueuedCall[Any]):
    __slots__ = ("number", "opens", "stream")

    def __init__(self, stream: str, number: int, *, opens: bool) -> None:
        """`number`: the partition to open, or the number of partitions to create."""
        super().__init__()
        self.stream = stream
        self.number = number
        self.opens = opens


class _Save(QueuedCall[Any]):
    """A save of an index, or a read if the index is None."""

    __slots__ = ("index", "key")

    def __init__(self, key: Key, index: int | None) -> None:
        super().__init__()
        self.key = key
        self.index = index


class _SavedIndexes:
    """The saved indexes; used by one thread only."""

    def __init__(self, client: Client, names: KafkaNames) -> None:
        self._client = client
        self._names = names
        self._producer: TransactionalProducer | None = None
        self._indexes: dict[Key, int] = {}

    def perform(self, jobs: Sequence[_Save]) -> None:
        try:
            outcomes = self._outcomes_or_reopen(jobs)
        except StorageError as error:
            self.close()
            for job in jobs:
                job.finish(error)
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.finish(outcome)

    def _outcomes_or_reopen(self, jobs: Sequence[_Save]) -> list[int | None]:
        try:
            return self._outcomes(jobs)
        except Fenced:
            self.close()
            return self._outcomes(jobs)

    def _outcomes(self, jobs: Sequence[_Save]) -> list[int | None]:
        producer = self._producer or self._open()
        higher: dict[Key, int] = {}
        outcomes: list[int | None] = []
        for job in jobs:
            known = max(higher.get(job.key, -1), self._indexes.get(job.key, -1))
            if job.index is not None and job.index > known:
                higher[job.key] = job.index
            outcomes.append(None if job.index is not None or known < 0 else known)
        if higher:
            producer.commit([self._record(key, index) for key, index in higher.items()])
            self._indexes |= higher
        return outcomes

    def _record(self, key: Key, index: int) -> Record:
        return Record(self._names.saved, 0, json.dumps(key).encode(), b"%d" % index)

    def _open(self) -> TransactionalProducer:
        self._client.create(self._names.saved, 1, COMPACTED)
        producer = self._producer = self._client.producer(self._names.saved_writer(), [(self._names.saved, 0)])
        reader = self._client.reader(self._names.saved, 0)
        try:
            for found in everything(reader, 0):
                group, stream, partition = json.loads(found.key)
                self._indexes[group, stream, partition] = int(found.value)
        finally:
            reader.close()
        return producer

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close()
        self._producer = None
        self._indexes.clear()

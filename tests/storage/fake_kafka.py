"""A fake client of Kafka in memory: fencing, transaction markers, and faults.

Limit: it is only a model of Kafka; `make kafka` tests the real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from ockam_fsm.storage.interface import Fenced, StorageUnavailable
from ockam_fsm.storage.kafka_client import FetchedRecord, PartitionReader, Place, Record, TransactionalProducer


@dataclass
class Partition:
    found: list[FetchedRecord] = field(default_factory=list)
    next: int = 0


@dataclass
class Cluster:
    topics: dict[str, list[Partition]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """The faults of the next transactions: `stored` or `lost` (with unknown outcome), `no offset`, `backwards`."""
    commits: int = 0
    lock: Lock = field(default_factory=Lock)


class FakeClient:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def create(self, topic: str, partitions: int, settings: Mapping[str, str]) -> int:
        with self._cluster.lock:
            return len(self._cluster.topics.setdefault(topic, [Partition() for _ in range(partitions)]))

    def partitions(self, topic: str) -> int | None:
        found = self._cluster.topics.get(topic)
        return None if found is None else len(found)

    def producer(self, transactional_id: str, places: Sequence[Place]) -> TransactionalProducer:
        with self._cluster.lock:
            epoch = self._cluster.epochs[transactional_id] = self._cluster.epochs.get(transactional_id, 0) + 1
        return _Producer(self._cluster, transactional_id, epoch)

    def reader(self, topic: str, partition: int) -> PartitionReader:
        return _Reader(self._cluster.topics[topic][partition])


class _Producer:
    def __init__(self, cluster: Cluster, transactional_id: str, epoch: int) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self._epoch = epoch

    def commit(self, records: Sequence[Record]) -> list[int | None]:
        with self._cluster.lock:
            if self._cluster.epochs[self._id] != self._epoch:
                raise Fenced("another producer has this id", "open the log again")
            fault = self._cluster.faults.pop(0) if self._cluster.faults else ""
            if fault == "lost":
                raise StorageUnavailable("a time-out", "open the log again")
            self._cluster.commits += 1
            offsets: list[int | None] = [self._written(record) for record in records]
            for partition in {(record.topic, record.partition) for record in records}:
                self._cluster.topics[partition[0]][partition[1]].next += 1  # the marker of the transaction
        if fault == "stored":
            raise StorageUnavailable("a time-out", "open the log again")
        return (
            [None] * len(offsets) if fault == "no offset" else [0] * len(offsets) if fault == "backwards" else offsets
        )

    def _written(self, record: Record) -> int:
        partition = self._cluster.topics[record.topic][record.partition]
        partition.found.append(FetchedRecord(partition.next, record.key or b"", record.value, record.headers))
        partition.next += 1
        return partition.next - 1

    def close(self) -> None: ...


class _Reader:
    at_end = False

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._offset = 0

    def seek(self, offset: int) -> None:
        self._offset = offset
        self.at_end = False

    def take(self, most: int) -> list[FetchedRecord]:
        there = [found for found in self._partition.found if found.offset >= self._offset]
        self.at_end = len(there) <= most
        if there[:most]:
            self._offset = there[:most][-1].offset + 1
        return there[:most]

    def close(self) -> None: ...

"""Storage in the memory of this process: the reference model of the other storages, and for temporary streams.

Rule 1: every future is done when the call returns.
Limit: no message survives `close`. Memory grows with the stored messages.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from ockam_fsm.storage import arguments
from ockam_fsm.storage.interface import Entry, Log, Stored
from ockam_fsm.storage.outcomes import (
    closed,
    completed,
    fenced,
    first_bytes,
    log_name,
    no_partition,
    no_stream,
    through_future,
)


@dataclass
class _Partition:
    messages: list[bytes] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)
    epoch: int = 0


@dataclass
class _State:
    """The shared state of the storage and its logs; hold the lock to use it."""

    streams: dict[str, tuple[_Partition, ...]] = field(default_factory=dict)
    saved: dict[tuple[str, str, int], int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False

    def check(self) -> None:
        if self.closed:
            raise closed()


class MemoryStorage:
    """A storage in memory."""

    def __init__(self) -> None:
        self._state = _State()

    def __repr__(self) -> str:
        return f"<MemoryStorage: {len(self._state.streams)} streams>"

    @through_future
    def create(self, stream: str, partitions: int) -> Future[int]:
        arguments.check_stream(stream, partitions)
        with self._state.lock:
            self._state.check()
            found = self._state.streams.setdefault(stream, tuple(_Partition() for _ in range(partitions)))
            return completed(len(found))

    @through_future
    def open_log(self, stream: str, partition: int) -> Future[Log]:
        with self._state.lock:
            self._state.check()
            found = self._partition(stream, partition)
            found.epoch += 1
            return completed(_MemoryLog(self._state, log_name(stream, partition), found))

    @through_future
    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        arguments.check_saved(group, stream, partition)
        with self._state.lock:
            self._state.check()
            return completed(self._state.saved.get((group, stream, partition)))

    @through_future
    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        arguments.check_saved(group, stream, partition, index)
        with self._state.lock:
            self._state.check()
            key = (group, stream, partition)
            self._state.saved[key] = max(index, self._state.saved.get(key, index))
            return completed(None)

    def close(self) -> None:
        with self._state.lock:
            self._state.closed = True
            self._state.streams.clear()
            self._state.saved.clear()

    def _partition(self, stream: str, partition: int) -> _Partition:
        if stream not in self._state.streams:
            raise no_stream(stream)
        found = self._state.streams[stream]
        if not 0 <= partition < len(found):
            raise no_partition(stream, partition, len(found))
        return found[partition]


class _MemoryLog:
    def __init__(self, state: _State, name: str, partition: _Partition) -> None:
        self._state = state
        self._name = name
        self._partition = partition
        self._epoch = partition.epoch

    @through_future
    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        arguments.check_entries(entries)
        with self._state.lock:
            self._state.check()
            if self._epoch != self._partition.epoch:
                raise fenced(self._name)
            start = len(self._partition.messages)
            self._partition.messages += [entry.data for entry in entries]
            self._partition.numbers |= {entry.publisher: entry.number for entry in entries if entry.publisher}
            return completed(tuple(range(start, start + len(entries))))

    @through_future
    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        arguments.check_read(start, limit, max_bytes)
        with self._state.lock:
            self._state.check()
            found = self._partition.messages[start : start + limit]
            return completed(
                first_bytes(max_bytes, (Stored(start + offset, data) for offset, data in enumerate(found)))
            )

    @through_future
    def last_number(self, publisher: bytes) -> Future[int | None]:
        with self._state.lock:
            self._state.check()
            return completed(self._partition.numbers.get(publisher))

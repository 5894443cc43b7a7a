"""Storage in one file of SQLite: the embedded storage.

Theory: a commit costs one synchronisation of the disk, independent of its size. One thread writes, and all waiting
calls are one transaction (group commit). Reads have their own connection and thread, and see only committed data.

Rule 1: one transaction has the messages, the records of their publishers, the epochs of the logs and saved indexes. A
        future is completed after the commit.
Rule 2: each opening of a log increments its epoch in the file. Each transaction compares the epoch, so that a writer in
        another process is fenced. Incrementing the epoch and reading the end are one transaction.
Rule 3: a failed transaction is rolled back, and all its calls fail. A log with a failed append stays failed (rule 4 of
        the interface); the next transaction is not affected.
Rule 4: waiting is bounded: for the lock by `busy_seconds`, the queue by `queue_bytes`. Memory does not grow with the
        stored messages.
Limit: a network file system does not support locks and synchronisation reliably.
Source: "Write-Ahead Logging" and "PRAGMA synchronous" of SQLite's manual; issue 12.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from os import PathLike
from typing import Any, TypeAlias, TypeVar

from ockam_fsm.kernel.arguments import check_count, check_path, check_seconds
from ockam_fsm.storage import arguments
from ockam_fsm.storage.interface import Entry, Log, StorageError, StorageRefused, Stored
from ockam_fsm.storage.outcomes import fenced, first_bytes, log_name, no_partition, no_stream, through_future
from ockam_fsm.storage.sqlite_file import INDEX_BITS, connect, explained, opened
from ockam_fsm.storage.worker import JOB_BYTES, QUEUE_BYTES, QueuedCall, StorageThread

T = TypeVar("T")
BUSY_SECONDS = 5.0
LAST = 2**INDEX_BITS - 1
Order: TypeAlias = Callable[[sqlite3.Connection], T]


class SqliteStorage:
    """A storage in a file of SQLite."""

    def __init__(
        self, path: str | PathLike[str], *, busy_seconds: float = BUSY_SECONDS, queue_bytes: int = QUEUE_BYTES
    ) -> None:
        """
        Raises:
            StorageUnavailable: the file cannot be opened, or has another format. Only this call waits and raises.
            LocalSessionError: an argument is of the wrong type.
        """
        file = check_path("path", path)
        check_seconds("busy_seconds", busy_seconds)
        check_count("queue_bytes", queue_bytes)
        self.path = file
        self.transactions = 0
        """The number of committed transactions."""
        self._busy_seconds = busy_seconds
        self._writing: sqlite3.Connection | None = opened(self.path, busy_seconds)
        self._reading = connect(self.path, busy_seconds)
        self._writer: StorageThread[_Append | _Call] = StorageThread("sqlite-writer", self._write, queue_bytes)
        self._reader: StorageThread[_Call] = StorageThread("sqlite-reader", self._read, queue_bytes)

    def __repr__(self) -> str:
        return f"SqliteStorage({str(self.path)!r})"

    @through_future
    def create(self, stream: str, partitions: int) -> Future[int]:
        arguments.check_stream(stream, partitions)
        return self._writer.submit(_Call(lambda connection: _create(connection, stream, partitions)))

    @through_future
    def open_log(self, stream: str, partition: int) -> Future[Log]:
        arguments.check_name("stream", stream)
        return self._writer.submit(_Call(lambda connection: self._open(connection, stream, partition)))

    @through_future
    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        arguments.check_saved(group, stream, partition)
        key = (group, stream, partition)
        return self._reader.submit(_Call(lambda connection: _first(connection, SAVED, key)))

    @through_future
    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        arguments.check_saved(group, stream, partition, index)
        return self._writer.submit(_Call(lambda connection: _save(connection, (group, stream, partition, index))))

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._reading.close()
        if self._writing is not None:
            self._writing.close()
        self._writing = None

    # In the thread of the writer --------------------------------------------------------------------------------------

    def _write(self, jobs: Sequence[_Append | _Call]) -> None:
        try:
            outcomes = self._transaction(jobs)
        except Exception as error:
            self._roll_back()
            failure = error if isinstance(error, StorageError) else explained(self.path, error)
            for job in jobs:
                job.fail(failure)
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.finish(outcome)

    def _transaction(self, jobs: Sequence[_Append | _Call]) -> list[Any]:
        if self._writing is None:
            self._writing = opened(self.path, self._busy_seconds)
        self._writing.execute("BEGIN IMMEDIATE")
        group = _Group(self._writing)
        outcomes = [group.perform(job) for job in jobs]
        group.flush()
        self._writing.execute("COMMIT")
        self.transactions += 1
        return outcomes

    def _roll_back(self) -> None:
        """Roll back after a failure; if that fails too, close the connection, so that the next call opens a new one."""
        if self._writing is None:
            return
        try:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._writing.close()
            self._writing = None

    def _open(self, connection: sqlite3.Connection, stream: str, partition: int) -> Log:
        partitions = _first(connection, "SELECT partitions FROM streams WHERE name = ?", (stream,))
        if partitions is None:
            raise no_stream(stream)
        if not 0 <= partition < partitions:
            raise no_partition(stream, partition, partitions)
        number, epoch = connection.execute(FENCE, (stream, partition)).fetchone()
        last = _first(connection, END, _places(number, 0))
        log = _SqliteLog(log_name(stream, partition), number, epoch, self._writer, self._reader)
        log.end = 0 if last is None else (last & LAST) + 1
        return log

    # In the thread of the reader --------------------------------------------------------------------------------------

    def _read(self, jobs: Sequence[_Call]) -> None:
        for job in jobs:
            try:
                job.finish(job.order(self._reading))
            except sqlite3.Error as error:
                job.fail(explained(self.path, error))


class _SqliteLog:
    """An open log. Only the writer thread uses `end` and `failure`."""

    def __init__(
        self, name: str, number: int, epoch: int, writer: StorageThread[_Append | _Call], reader: StorageThread[_Call]
    ) -> None:
        self.name = name
        self.number = number
        self.epoch = epoch
        self.end = 0
        self.failure: StorageError | None = None
        self._writer = writer
        self._reader = reader

    @through_future
    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        arguments.check_entries(entries)
        return self._writer.submit(_Append(self, tuple(entries)))

    @through_future
    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        arguments.check_read(start, limit, max_bytes)
        return self._reader.submit(
            _Call(lambda connection: _messages(connection, self.number, start, limit, max_bytes))
        )

    @through_future
    def last_number(self, publisher: bytes) -> Future[int | None]:
        key = (self.number, publisher)
        return self._reader.submit(_Call(lambda connection: _first(connection, NUMBER, key)))


class _Append(QueuedCall[tuple[int, ...]]):
    __slots__ = ("entries", "log")

    def __init__(self, log: _SqliteLog, entries: tuple[Entry, ...]) -> None:
        super().__init__(sum(JOB_BYTES + len(entry.data) for entry in entries))
        self.log = log
        self.entries = entries

    def fail(self, error: StorageError) -> None:
        self.log.failure = self.log.failure or error
        self.finish(error)


class _Call(QueuedCall[Any]):
    """A queued call other than an append."""

    __slots__ = ("order",)

    def __init__(self, order: Order[Any]) -> None:
        super().__init__()
        self.order = order

    def fail(self, error: StorageError) -> None:
        self.finish(error)


class _Group:
    """One transaction. Messages and records are collected and written together."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._messages: list[tuple[int, bytes]] = []
        self._numbers: dict[tuple[int, bytes], int] = {}
        self._epochs: dict[int, int] = {}

    def perform(self, job: _Append | _Call) -> Any:
        """Return the outcome, for the future after the commit. A `StorageError` concerns only this job."""
        if isinstance(job, _Append):
            return self._append(job.log, job.entries)
        self.flush()
        self._epochs.clear()  # the call may open a log, which changes its epoch
        try:
            return job.order(self._connection)
        except StorageError as error:
            return error

    def _append(self, log: _SqliteLog, entries: tuple[Entry, ...]) -> tuple[int, ...] | StorageError:
        if log.failure is None and self._epoch(log.number) != log.epoch:
            log.failure = fenced(log.name)
        if log.failure is not None:
            return log.failure
        if log.end + len(entries) > LAST:
            return StorageRefused(f"{log.name} is full", "create another stream")
        first, place = log.end, log.number << INDEX_BITS
        for entry in entries:
            self._messages.append((place | log.end, entry.data))
            log.end += 1
            if entry.publisher:
                self._numbers[log.number, entry.publisher] = entry.number
        return tuple(range(first, log.end))

    def _epoch(self, number: int) -> int:
        if number not in self._epochs:
            self._epochs[number] = _first(self._connection, "SELECT epoch FROM logs WHERE id = ?", (number,)) or 0
        return self._epochs[number]

    def flush(self) -> None:
        if self._messages:
            self._connection.executemany("INSERT INTO messages VALUES (?, ?)", self._messages)
            numbers = [(log, publisher, number) for (log, publisher), number in self._numbers.items()]
            self._connection.executemany("INSERT OR REPLACE INTO publishers VALUES (?, ?, ?)", numbers)
            self._messages.clear()
            self._numbers.clear()


# Queries --------------------------------------------------------------------------------------------------------------

FENCE = """INSERT INTO logs (stream, partition, epoch) VALUES (?, ?, 1)
    ON CONFLICT (stream, partition) DO UPDATE SET epoch = epoch + 1 RETURNING id, epoch"""
END = "SELECT max(place) FROM messages WHERE place BETWEEN ? AND ?"
MESSAGES = "SELECT place, data FROM messages WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?"
NUMBER = "SELECT number FROM publishers WHERE log = ? AND publisher = ?"
SAVED = 'SELECT "index" FROM saved WHERE consumers = ? AND stream = ? AND partition = ?'
SAVE = """INSERT INTO saved VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET "index" = excluded."index" WHERE excluded."index" > "index" """


def _create(connection: sqlite3.Connection, stream: str, partitions: int) -> int:
    connection.execute("INSERT OR IGNORE INTO streams VALUES (?, ?)", (stream, partitions))
    found = _first(connection, "SELECT partitions FROM streams WHERE name = ?", (stream,))
    assert found is not None
    return found


def _save(connection: sqlite3.Connection, row: tuple[str, str, int, int]) -> None:
    connection.execute(SAVE, row)


def _messages(connection: sqlite3.Connection, log: int, start: int, limit: int, max_bytes: int) -> tuple[Stored, ...]:
    if start > LAST:
        return ()
    with closing(connection.execute(MESSAGES, (*_places(log, start), min(limit, LAST)))) as rows:
        return first_bytes(max_bytes, (Stored(place & LAST, data) for place, data in rows))


def _places(log: int, start: int) -> tuple[int, int]:
    """Return the first and the last place of a log, from an index on."""
    return log << INDEX_BITS | start, log << INDEX_BITS | LAST


def _first(connection: sqlite3.Connection, query: str, values: Sequence[Any]) -> int | None:
    """Return the integer in the first row; None if there is no row."""
    with closing(connection.execute(query, values)) as rows:
        row = rows.fetchone()
    return None if row is None else row[0]

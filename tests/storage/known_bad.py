"""Storages with one defect each, and the cases of the conformance suite that must reject them.

Theory: a case that no storage fails may be vacuous. Each class below is the SQLite storage without one of its
rules. If a defect is visible only for a moment, the class pauses there, so that a busy machine detects it too.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

from ockam_fsm.conformance.storage.writers import BATCH
from ockam_fsm.storage.interface import Entry, Log
from ockam_fsm.storage.outcomes import completed
from ockam_fsm.storage.sqlite import SqliteStorage, _Append, _Call, _Group, _SqliteLog

Jobs = Sequence["_Append | _Call"]

MOMENT_SECONDS = 0.005
"""How long a momentary defect is visible: a reader checks several times in this time."""


class ConfirmsBeforeCommit(SqliteStorage):
    """Completes the futures before the commit."""

    def _write(self, jobs: Jobs) -> None:
        assert self._writing is not None
        self._writing.execute("BEGIN IMMEDIATE")
        group = _Group(self._writing)
        for job in jobs:
            job.finish(group.perform(job))
        group.flush()
        self._writing.execute("COMMIT")


class ConfirmsWithoutCommit(SqliteStorage):
    """Confirms each group, but commits only every third time."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        assert self._writing is not None
        if not self._writing.in_transaction:
            self._writing.execute("BEGIN IMMEDIATE")
        group = _Group(self._writing)
        outcomes = [group.perform(job) for job in jobs]
        group.flush()
        self.transactions += 1
        if self.transactions % 3 == 0 or any(isinstance(job, _Call) for job in jobs):
            self._writing.execute("COMMIT")
        return outcomes


class _Apart(_Group):
    def flush(self) -> None:
        messages, self._messages = self._messages, []
        self._connection.executemany("INSERT INTO messages VALUES (?, ?)", messages)

    def records(self) -> None:
        rows = [(log, publisher, number) for (log, publisher), number in self._numbers.items()]
        self._connection.executemany("INSERT OR REPLACE INTO publishers VALUES (?, ?, ?)", rows)


class RecordApart(SqliteStorage):
    """Stores the messages in one transaction, and the records of their publishers in a second one."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        assert self._writing is not None
        self._writing.execute("BEGIN IMMEDIATE")
        group = _Apart(self._writing)
        outcomes = [group.perform(job) for job in jobs]
        group.flush()
        self._writing.execute("COMMIT")
        time.sleep(MOMENT_SECONDS)
        self._writing.execute("BEGIN IMMEDIATE")
        group.records()
        self._writing.execute("COMMIT")
        return outcomes


class RecordFirst(SqliteStorage):
    """Stores the records in one transaction, and the messages in the next one."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        assert self._writing is not None
        self._writing.execute("BEGIN IMMEDIATE")
        group = _Apart(self._writing)
        outcomes = []
        for job in jobs:
            if isinstance(job, _Call):
                group.records()
            outcomes.append(group.perform(job))
        group.records()
        self._writing.execute("COMMIT")
        time.sleep(MOMENT_SECONDS)
        self._writing.execute("BEGIN IMMEDIATE")
        group.flush()
        self._writing.execute("COMMIT")
        return outcomes


class RecordInMemory(SqliteStorage):
    """Keeps the records of publishers only until it is closed."""

    def close(self) -> None:
        super().close()
        with suppress(sqlite3.Error), sqlite3.connect(self.path) as connection:
            connection.execute("DELETE FROM publishers")
        connection.close()


class HalfABatch(SqliteStorage):
    """Commits each entry of a batch separately."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        outcomes: list[Any] = []
        for job in jobs:
            entries = job.entries if isinstance(job, _Append) else ()
            if not isinstance(job, _Append) or not entries:
                outcomes += super()._transaction([job])
                continue
            alone = [self._alone(job.log, entry) for entry in entries]
            errors = [one for (one,) in alone if not isinstance(one, tuple)]
            outcomes.append(errors[0] if errors else tuple(one[0] for (one,) in alone))
        return outcomes

    def _alone(self, log: _SqliteLog, entry: Entry) -> list[Any]:
        time.sleep(MOMENT_SECONDS / BATCH)
        return super()._transaction([_Append(log, (entry,))])


class _Unfenced(_Group):
    def _append(self, log: _SqliteLog, entries: tuple[Entry, ...]) -> Any:
        self.flush()
        self._epochs[log.number] = log.epoch
        last = self._connection.execute(
            "SELECT max(place) FROM messages WHERE place >> 40 = ?", (log.number,)
        ).fetchone()[0]
        log.end = 0 if last is None else (last & (2**40 - 1)) + 1
        return super()._append(log, entries)


class NotFenced(SqliteStorage):
    """Accepts appends of every writer, also after another one has opened the log."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        assert self._writing is not None
        self._writing.execute("BEGIN IMMEDIATE")
        group = _Unfenced(self._writing)
        outcomes = [group.perform(job) for job in jobs]
        group.flush()
        self._writing.execute("COMMIT")
        return outcomes


class FencedInThisProcessOnly(NotFenced):
    """Fences its own writers, but not those of another process."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._newest: dict[int, int] = {}

    def _open(self, connection: sqlite3.Connection, stream: str, partition: int) -> Log:
        log = super()._open(connection, stream, partition)
        assert isinstance(log, _SqliteLog)
        self._newest[log.number] = log.epoch
        return log

    def _transaction(self, jobs: Jobs) -> list[Any]:
        if all(isinstance(job, _Append) and self._newest[job.log.number] == job.log.epoch for job in jobs):
            return super()._transaction(jobs)
        return SqliteStorage._transaction(self, jobs)


class SavesLower(SqliteStorage):
    """Keeps the last saved index instead of the highest."""

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        row = (group, stream, partition, index)
        if index < 0:
            return super().save_index(group, stream, partition, index)

        def save(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO saved VALUES (?, ?, ?, ?)", row)

        return self._writer.submit(_Call(save))


class NewestFirst(SqliteStorage):
    """Stores appends that wait together in reverse order."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        time.sleep(MOMENT_SECONDS)  # makes larger groups
        return super()._transaction(jobs[::-1])[::-1]


class IgnoresWaitingAtClose(SqliteStorage):
    """Drops waiting calls when it is closed, without completing their futures."""

    def _transaction(self, jobs: Jobs) -> list[Any]:
        time.sleep(MOMENT_SECONDS)  # makes calls wait
        return super()._transaction(jobs)

    def close(self) -> None:
        with self._writer._changed:
            self._writer._queue.clear()
        super().close()


class CancellableFutures(SqliteStorage):
    """Returns futures that can be cancelled."""

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        found = super().open_log(stream, partition)
        if found.exception() is None:
            found.result().append = _cancellable(found.result().append)  # type: ignore[method-assign]
        return found


def _cancellable(append: Any) -> Any:
    def asked(entries: Sequence[Entry]) -> Future[Any]:
        outer: Future[Any] = Future()
        inner = append(entries)
        inner.add_done_callback(lambda done: _hand_over(done, outer))
        return outer

    return asked


def _hand_over(done: Future[Any], outer: Future[Any]) -> None:
    if outer.set_running_or_notify_cancel():
        error = done.exception()
        outer.set_result(done.result()) if error is None else outer.set_exception(error)


class NewPartitions(SqliteStorage):
    """Returns the requested number of partitions for an existing stream."""

    def create(self, stream: str, partitions: int) -> Future[int]:
        found = super().create(stream, partitions)
        return found if found.exception() else completed(partitions)


class KnownBad(NamedTuple):
    kind: type[SqliteStorage]
    case: str
    """The case that rejects it."""


KNOWN_BAD = (
    KnownBad(ConfirmsBeforeCommit, "confirmed-before-the-process-ends-itself"),
    KnownBad(ConfirmsWithoutCommit, "confirmed-before-the-process-ends-itself"),
    KnownBad(ConfirmsWithoutCommit, "confirmed-before-the-process-is-killed"),
    KnownBad(ConfirmsWithoutCommit, "a-read-sees-what-is-durable-at-once"),
    KnownBad(RecordApart, "a-batch-and-its-records-are-one-write"),
    KnownBad(RecordFirst, "a-batch-and-its-records-are-one-write"),
    KnownBad(RecordInMemory, "everything-survives"),
    KnownBad(HalfABatch, "a-batch-and-its-records-are-one-write"),
    KnownBad(NotFenced, "a-second-writer-fences-the-first"),
    KnownBad(NotFenced, "appends-race-with-a-second-writer"),
    KnownBad(FencedInThisProcessOnly, "a-writer-elsewhere-fences-the-first"),
    KnownBad(SavesLower, "saved-indexes-never-go-back"),
    KnownBad(SavesLower, "saves-that-overtake-each-other"),
    KnownBad(NewestFirst, "appends-keep-their-order"),
    KnownBad(IgnoresWaitingAtClose, "close-completes-what-waits"),
    KnownBad(CancellableFutures, "a-future-cannot-be-cancelled"),
    KnownBad(NewPartitions, "create-is-idempotent"),
)

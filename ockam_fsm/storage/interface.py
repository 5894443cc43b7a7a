"""The interface of every storage: streams, their logs, and the saved indexes of consumers.

Theory: a log is one partition of a stream. One writer has it open at a time. It asks for appends, and each append is
done when its messages would survive a loss of power. A storage does not judge duplicates: its caller does, with
`last_number`, and appends number last + 1 only.

Rule 1: an append is atomic. All entries of it are stored or none, in order, with growing indexes. Appends of one log
        are stored in the order in which they were asked for.
Rule 2: the record (publisher, last number) is stored in the same write as the message, and lives as long as the log.
Rule 3: `open_log` fences the predecessor, in this process or in another one, before it reads the end of the log.
Rule 4: an append that failed fails its log: every later append of that log fails too, so that nothing is stored behind
        a gap. The caller opens the log again, asks for `last_number`, and confirms nothing before that.
Rule 5: no call waits and no call raises. Each exception arrives through the future as a `StorageError`. A future cannot
        be cancelled: the write would go on.
Rule 6: `StorageRefused` says that nothing has happened. It is known when the call returns, unless the call has to
        look something up; the log stays open.
Rule 7: a saved index never goes back: of two saves the higher one counts, whatever their order.
Rule 8: `close` writes what was accepted before, and every future is done when it returns.
Left out: retention. A storage keeps every message.
Source: issue 12; the rules of reliable delivery, numbers 3, 5, 6 and 11.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol

from ockam_fsm.kernel.errors import Error
from ockam_fsm.kernel.value import value


class Entry(NamedTuple):
    """A message to append, from a publisher (its identity and the number of the message, from 1) or a plain client."""

    data: bytes
    publisher: bytes = b""
    """16 bytes; empty: a plain client, whose messages are not deduplicated."""
    number: int = 0


@value
class Stored:
    """A message of a log. Indexes grow, and may have gaps."""

    index: int
    data: bytes


class StorageError(Error, RuntimeError):
    """A storage did not do what it was asked for: `reason` says why, `remedy` what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}: {remedy}")


class StorageRefused(StorageError):
    """Nothing has happened: the call cannot be accepted now, or never. The log stays as it is."""


class StorageUnavailable(StorageError):
    """The back end failed. Whether an append is stored is not known: the log must be opened again."""


class Fenced(StorageError):
    """Another writer has opened the log since. Nothing of the append is stored."""


class Log(Protocol):
    """One partition of a stream, opened for writing by one writer."""

    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        """Done when the entries are durable; their indexes, in order."""

    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        """The durable messages from index `start` on, at most `limit` of at most `max_bytes` together. At least one if
        there is any, whatever its size. A log that was opened again may refuse it as fenced."""

    def last_number(self, publisher: bytes) -> Future[int | None]:
        """The number of the last durable message of a publisher."""


class Storage(Protocol):
    def create(self, stream: str, partitions: int) -> Future[int]:
        """Make a stream unless it exists; the result is the number of partitions that it has."""

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        """Fence the previous writer of the partition, then open it. Partitions count from 0."""

    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        """The highest index that the group has saved."""

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        """Done when the index is durable. A lower one than the saved one changes nothing."""

    def close(self) -> None:
        """Write what was accepted, complete every future, and free everything. May be called again."""

"""The interface of every storage: streams, their logs, and the saved indexes of consumers.

Theory: a log is one partition of a stream, opened by one writer at a time. An append is done when its messages would
survive a loss of power. A storage does not detect duplicates: its caller does, with `last_number`, and appends only
number last + 1.

Rule 1: an append is atomic: all its entries are stored or none, in order, with increasing indexes. Appends to one log
        are stored in the order of the calls.
Rule 2: the record (publisher, last number) is stored in the same write as the message, and is kept as long as the log.
Rule 3: `open_log` fences the previous writer, in this or another process, before it reads the end of the log.
Rule 4: a failed append fails its log: every later append to that log fails too, so that no message is stored after a
        gap. The caller opens the log again, reads `last_number`, and confirms no message before that.
Rule 5: no call waits and no call raises. Each exception arrives through the future as a `StorageError`. A future cannot
        be cancelled, since the write would go on.
Rule 6: `StorageRefused` means that nothing was stored, and the log stays open. It is raised by the time the call
        returns, unless the call must read the back end.
Rule 7: a saved index never decreases: of two saves the higher one counts, in any order.
Rule 8: `close` writes everything accepted before; all futures are done when it returns.
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
    """A call of a storage failed, for `reason`; `remedy` is a suggestion."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}: {remedy}")


class StorageRefused(StorageError):
    """The call was refused, and nothing was changed."""


class StorageUnavailable(StorageError):
    """The back end failed. It is unknown whether an append is stored: the log must be opened again."""


class Fenced(StorageError):
    """Another writer has opened the log meanwhile. Nothing of the append is stored."""


class Log(Protocol):
    """One partition of a stream, opened for writing by one writer."""

    def append(self, entries: Sequence[Entry]) -> Future[tuple[int, ...]]:
        """Append the entries; the result, available when they are durable, are their indexes in order."""

    def read(self, start: int, limit: int, max_bytes: int) -> Future[tuple[Stored, ...]]:
        """Read the durable messages from index `start` on, at most `limit`, with at most `max_bytes` in total; at least
        one, of any size, if there is one. A log that was opened again may refuse the call as fenced."""

    def last_number(self, publisher: bytes) -> Future[int | None]:
        """Read the number of the last durable message of a publisher; None if there is none."""


class Storage(Protocol):
    def create(self, stream: str, partitions: int) -> Future[int]:
        """Create a stream unless it exists; the result is the number of its partitions."""

    def open_log(self, stream: str, partition: int) -> Future[Log]:
        """Fence the previous writer of the partition, then open it. Partitions count from 0."""

    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        """Read the highest index that the group has saved; None if there is none."""

    def save_index(self, group: str, stream: str, partition: int, index: int) -> Future[None]:
        """Save an index; done when it is durable. An index below the saved one changes nothing."""

    def close(self) -> None:
        """Write everything accepted before, complete every future, and free all resources. May be called again."""

"""Cases of the storage suite and their bench.

Rule 1: every wait is bounded by the patience of the subject.
Rule 2: every storage that a case has opened is closed after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NoReturn, TypeAlias, TypeVar

from ockam_fsm.kernel.errors import Error
from ockam_fsm.kernel.text import docstring_of
from ockam_fsm.storage.interface import Entry, Log, Storage, StorageError, Stored

T = TypeVar("T")
READ_MESSAGES = 1000
READ_BYTES = 2**20
ALICE, BOB = b"a" * 16, b"b" * 16


class Nonconforming(Error, AssertionError):
    """A storage breaks a rule of the interface."""


@dataclass(frozen=True)
class StorageUnderTest:
    """The declaration of a storage. `open` opens the same data each time, also in another process; it is pickled."""

    open: Callable[[], Storage]
    survives: bool = True
    """Whether the data outlives the storage object."""
    prefix: str = ""
    """The prefix of every name; if the data outlives the run, another one for each run."""
    patience_seconds: float = 30.0


class Bench:
    def __init__(self, subject: StorageUnderTest, name: str) -> None:
        self.subject = subject
        self._name = f"{subject.prefix}{name}"
        self._names = 0
        self._opened: list[Storage] = []

    def open(self) -> Storage:
        storage = self.subject.open()
        self._opened.append(storage)
        return storage

    def close(self) -> None:
        for storage in self._opened:
            storage.close()

    def name(self) -> str:
        """A new name."""
        self._names += 1
        return f"{self._name}-{self._names}"

    def log(self, storage: Storage, stream: str = "", partition: int = 0) -> Log:
        """Open the log of a stream; by default of a new one."""
        if not stream:
            stream = self.name()
            self.done(storage.create(stream, partition + 1))
        return self.done(storage.open_log(stream, partition))

    def done(self, future: Future[T]) -> T:
        try:
            return future.result(self.subject.patience_seconds)
        except StorageError as error:
            raise Nonconforming(f"expected a call to succeed; got {type(error).__name__}: {error}") from error
        except TimeoutError:
            self.fail(f"expected a call to complete; its future is not done after {self.subject.patience_seconds:g} s")

    def error(self, future: Future[T], kind: type[StorageError], what: str) -> None:
        """Check that a call fails with this kind of error."""
        try:
            found = future.exception(self.subject.patience_seconds)
        except TimeoutError:
            seconds = self.subject.patience_seconds
            self.fail(f"{what}: expected {kind.__name__}; the future is not done after {seconds:g} s")
        if not isinstance(found, kind):
            outcome = repr(future.result()) if found is None else f"{type(found).__name__}: {found}"
            self.fail(f"{what}: expected {kind.__name__}; got {outcome}")

    def equal(self, found: object, wanted: object, what: str) -> None:
        if found != wanted:
            self.fail(f"{what}: expected {_short(wanted)}; got {_short(found)}")

    def fail(self, what: str) -> NoReturn:
        raise Nonconforming(what)

    def read(self, log: Log, start: int, limit: int, max_bytes: int) -> tuple[Stored, ...]:
        return self.done(log.read(start, limit, max_bytes))

    def all_messages(self, log: Log, start: int = 0) -> list[Stored]:
        """All messages from an index on, by as many reads as necessary."""
        found: list[Stored] = []
        while batch := self.read(log, start, READ_MESSAGES, READ_BYTES):
            found += batch
            if batch[-1].index < start:
                self.fail(f"a read from {start}: expected indexes from {start} on; got {batch[-1].index}")
            start = batch[-1].index + 1
        return found


Check: TypeAlias = Callable[[Bench], None]


@dataclass(frozen=True)
class StorageCase:
    name: str
    rule: str
    run: Check
    survival: bool
    """Whether the case opens the data a second time."""

    def __str__(self) -> str:
        return self.name

    def check(self, subject: StorageUnderTest) -> None:
        """Run the case on a storage.

        Raises:
            Nonconforming: the storage breaks the rule.
        """
        bench = Bench(subject, self.name)
        try:
            self.run(bench)
        finally:
            bench.close()


def case(into: list[StorageCase], *, survival: bool = False) -> Callable[[Check], Check]:
    """Make a case of a function, with its name and docstring, and append it to the list `into`."""

    def register(run: Check) -> Check:
        into.append(StorageCase(run.__name__.replace("_", "-"), docstring_of(run), run, survival))
        return run

    return register


def plain(*data: bytes) -> list[Entry]:
    return [Entry(one) for one in data]


def numbered(publisher: bytes, first: int, count: int) -> list[Entry]:
    """`count` messages of a publisher, from number `first` on; the data of each is its number."""
    return [Entry(b"%d" % number, publisher, number) for number in range(first, first + count)]


def data_of(messages: Sequence[Stored]) -> list[bytes]:
    return [message.data for message in messages]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"

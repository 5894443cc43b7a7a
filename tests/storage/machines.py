"""Hypothesis state machines that compare a storage with a model: in this process, and in one that is killed.

Rule 1: the model has the confirmed messages of each log with their indexes, and the pending appends.
Rule 2: after a kill the log has the confirmed messages, then whole pending batches, in order, from the first on.
        The model adopts them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ockam_fsm.storage.interface import Entry, Log, Storage, StorageError
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.sqlite import SqliteStorage
from tests.storage.storage_process import PATIENCE, StorageProcess

Place: TypeAlias = tuple[str, int]
LOGS: tuple[Place, ...] = (("a", 0), ("a", 1), ("b", 0))
PUBLISHERS = (b"", b"1" * 16, b"2" * 16)
BATCHES = st.lists(st.tuples(st.sampled_from(PUBLISHERS), st.binary(max_size=20)), max_size=6)
SHM = Path("/dev/shm")
FOLDER = SHM if SHM.is_dir() else None
"""A file system in memory, if there is one: its files survive a kill, and synchronising is fast."""

GROUPS = st.sampled_from(("g", "h"))


@dataclass
class LogModel:
    confirmed: list[tuple[int, Entry]] = field(default_factory=list)
    waiting: list[tuple[int, list[Entry]]] = field(default_factory=list)
    """Pending calls and their entries."""

    def last(self, publisher: bytes) -> int | None:
        return self._last(publisher, [entry for _, entry in self.confirmed])

    def next(self, publisher: bytes) -> int:
        waiting = [entry for _, batch in self.waiting for entry in batch]
        return (self._last(publisher, [*(entry for _, entry in self.confirmed), *waiting]) or 0) + 1

    def _last(self, publisher: bytes, entries: list[Entry]) -> int | None:
        return next((entry.number for entry in reversed(entries) if entry.publisher == publisher != b""), None)


class Local:
    """A storage in this process, with the interface of `StorageProcess`."""

    def __init__(self, opened: Callable[[], Storage]) -> None:
        self._opened = opened
        self._futures: list[Any] = []
        self.start()

    def start(self) -> None:
        self._storage = self._opened()
        self._logs: dict[Place, Log] = {}

    def send(self, name: str, *args: Any) -> int:
        if name == "open_log":
            self._logs[args] = self._storage.open_log(*args).result(PATIENCE)
            self._futures.append(self._storage.saved_index("", "", 0))
        elif name in ("append", "read", "last_number"):
            self._futures.append(getattr(self._logs[args[0]], name)(*args[1:]))
        else:
            self._futures.append(getattr(self._storage, name)(*args))
        return len(self._futures) - 1

    def outcome(self, call: int) -> Any:
        return self._futures[call].exception(PATIENCE) or self._futures[call].result()

    def call(self, name: str, *args: Any) -> Any:
        outcome = self.outcome(self.send(name, *args))
        assert not isinstance(outcome, StorageError), outcome
        return outcome

    def kill(self) -> dict[int, Any]:
        """Close the storage: all pending calls complete first."""
        self._storage.close()
        return {call: self.outcome(call) for call in range(len(self._futures))}


class StorageMachine(RuleBasedStateMachine):
    survives = True

    def made(self, folder: Path) -> Local | StorageProcess:
        return Local(lambda: SqliteStorage(folder / "s"))

    @initialize()
    def begin(self) -> None:
        self.folder = Path(mkdtemp(prefix="storage-", dir=FOLDER))
        self.storage = self.made(self.folder)
        self.logs = {place: LogModel() for place in LOGS}
        self.saved: dict[tuple[str, str, int], int] = {}
        self.saving: list[tuple[int, tuple[str, str, int], int]] = []
        self.open_all()

    def teardown(self) -> None:
        if hasattr(self, "storage"):
            try:
                self.crash_and_compare()
            finally:
                self.storage.kill()
                shutil.rmtree(self.folder)

    def open_all(self) -> None:
        for (stream, partition), partitions in zip(LOGS, (2, 2, 1), strict=True):
            assert self.storage.call("create", stream, partitions) == partitions
            self.storage.call("open_log", stream, partition)

    @rule(place=st.sampled_from(LOGS), batch=BATCHES)
    def append(self, place: Place, batch: list[tuple[bytes, bytes]]) -> None:
        model, entries, numbers = self.logs[place], [], {one: self.logs[place].next(one) for one in PUBLISHERS[1:]}
        for publisher, data in batch:
            entries.append(Entry(data, publisher, numbers.get(publisher, 0)))
            if publisher:
                numbers[publisher] += 1
        model.waiting.append((self.storage.send("append", place, entries), entries))

    @rule(place=st.sampled_from(LOGS))
    def wait_for_appends(self, place: Place) -> None:
        model = self.logs[place]
        for call, entries in model.waiting:
            self.confirm(model, entries, self.storage.outcome(call))
        model.waiting.clear()

    def confirm(self, model: LogModel, entries: list[Entry], indexes: Any) -> None:
        assert isinstance(indexes, tuple), indexes
        assert len(indexes) == len(entries)
        known = [index for index, _ in model.confirmed[-1:]]
        assert [*known, *indexes] == sorted({*known, *indexes})
        model.confirmed += zip(indexes, entries, strict=True)

    @rule(place=st.sampled_from(LOGS), start=st.integers(0, 60), limit=st.integers(1, 9), size=st.integers(1, 60))
    def read(self, place: Place, start: int, limit: int, size: int) -> None:
        self.wait_for_appends(place)
        wanted = [(index, entry.data) for index, entry in self.logs[place].confirmed if index >= start][:limit]
        while len(wanted) > 1 and sum(len(data) for _, data in wanted) > size:
            wanted.pop()
        found = self.storage.call("read", place, start, limit, size)
        assert [(one.index, one.data) for one in found] == wanted

    @rule(place=st.sampled_from(LOGS), publisher=st.sampled_from(PUBLISHERS))
    def last_number(self, place: Place, publisher: bytes) -> None:
        self.wait_for_appends(place)
        assert self.storage.call("last_number", place, publisher) == self.logs[place].last(publisher)

    @rule(place=st.sampled_from(LOGS))
    def open_again(self, place: Place) -> None:
        self.wait_for_appends(place)
        self.storage.call("open_log", *place)

    @rule(group=GROUPS, place=st.sampled_from(LOGS), index=st.integers(0, 30))
    def save(self, group: str, place: Place, index: int) -> None:
        self.saving.append((self.storage.send("save_index", group, *place, index), (group, *place), index))

    @rule(group=GROUPS, place=st.sampled_from(LOGS))
    def saved_index(self, group: str, place: Place) -> None:
        for call, key, index in self.saving:
            assert self.storage.outcome(call) is None
            self.saved[key] = max(index, self.saved.get(key, index))
        self.saving.clear()
        assert self.storage.call("saved_index", group, *place) == self.saved.get((group, *place))

    @precondition(lambda self: self.survives)
    @rule()
    def crash(self) -> None:
        self.crash_and_compare()

    def crash_and_compare(self) -> None:
        if self.survives:
            outcomes = self.storage.kill()
            self.storage.start()
            self.open_all()
        else:
            outcomes = {call: self.storage.outcome(call) for model in self.logs.values() for call, _ in model.waiting}
        for place, model in self.logs.items():
            self.compare_log(place, model, outcomes)
        self.compare_saved(outcomes)

    def compare_log(self, place: Place, model: LogModel, outcomes: dict[int, Any]) -> None:
        waiting, model.waiting = model.waiting, []
        found = [(one.index, one.data) for one in self.storage.call("read", place, 0, 10_000, 2**30)]
        for call, entries in waiting:
            if call in outcomes:
                self.confirm(model, entries, outcomes[call])
                continue
            unknown = found[len(model.confirmed) :][: len(entries)]
            if not unknown:
                break
            self.confirm(model, entries, tuple(index for index, _ in unknown))
        assert found == [(index, entry.data) for index, entry in model.confirmed]
        for publisher in PUBLISHERS:
            assert self.storage.call("last_number", place, publisher) == model.last(publisher)

    def compare_saved(self, outcomes: dict[int, Any]) -> None:
        for group in ("g", "h"):
            for place in LOGS:
                key = (group, *place)
                done = [index for call, one, index in self.saving if one == key and call in outcomes]
                least = max([*done, self.saved.get(key, -1)])
                allowed = {least, *(index for _, one, index in self.saving if one == key and index > least)}
                found = self.storage.call("saved_index", *key)
                assert (-1 if found is None else found) in allowed
                if found is not None:
                    self.saved[key] = found
        self.saving.clear()


class MemoryMachine(StorageMachine):
    survives = False

    def made(self, folder: Path) -> Local:
        return Local(MemoryStorage)


class SqliteMachine(StorageMachine):
    """A storage that is closed and opened again."""


class KilledMachine(StorageMachine):
    """A storage whose process is killed at any point."""

    def made(self, folder: Path) -> StorageProcess:
        return StorageProcess(folder / "s")

"""The SQLite storage in particular: its file, its lock, its queue, full disks, groups, memory."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.storage.interface import Entry, Fenced, Log, StorageRefused, StorageUnavailable
from ockam_fsm.storage.sqlite import SqliteStorage
from ockam_fsm.tools.killed_process import KilledProcess, Reports

PUBLISHER = b"p" * 16
PATIENCE = 30.0
KIBIBYTES = b"x" * 20_000


def opened(path: Path, **options: Any) -> tuple[SqliteStorage, Log]:
    storage = SqliteStorage(path, **options)
    storage.create("stream", 2).result(PATIENCE)
    return storage, storage.open_log("stream", 0).result(PATIENCE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a write transaction of another connection during the block."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def numbered(first: int, count: int, data: bytes = b"") -> list[Entry]:
    return [Entry(b"%d " % number + data, PUBLISHER, number) for number in range(first, first + count)]


def stored(log: Log) -> list[int]:
    """Return the numbers of all messages."""
    found: list[int] = []
    while batch := log.read(len(found), 1000, 2**20).result(PATIENCE):
        found += [int(message.data.split()[0]) for message in batch]
    return found


def unavailable(future: Future[Any]) -> str:
    error = future.exception(PATIENCE)
    assert isinstance(error, StorageUnavailable), error
    return str(error)


# Groups and queues ----------------------------------------------------------------------------------------------------


def test_all_waiting_calls_are_one_transaction(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s")
    with locked(storage.path):
        before = storage.transactions
        futures = [log.append(numbered(number, 1)) for number in range(1, 1001)]
        saves = [storage.save_index("group", "stream", 0, index) for index in range(100)]
    wait(futures, PATIENCE)
    wait(saves, PATIENCE)
    assert storage.transactions - before <= 2
    assert stored(log) == list(range(1, 1001))
    storage.close()


def test_the_queue_is_bounded(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s", queue_bytes=200_000)
    with locked(storage.path):
        futures = [log.append(numbered(number, 1, KIBIBYTES)) for number in range(1, 20)]
        refused = [future for future in futures if future.done()]
        assert len(refused) == 10
        error = refused[0].exception()
        assert isinstance(error, StorageRefused)
        assert "200000 bytes" in error.reason
        assert "queue_bytes" in error.remedy
    wait(futures, PATIENCE)
    assert stored(log) == list(range(1, 10))
    log.append(numbered(10, 1)).result(PATIENCE)
    storage.close()


def test_asyncio_can_await_its_futures(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s")

    async def append() -> list[tuple[int, ...]]:
        calls = [asyncio.wrap_future(log.append(numbered(number, 1))) for number in range(1, 65)]
        calls[3].cancel()  # the caller is cancelled, but the message is still stored
        return [one for one in await asyncio.gather(*calls, return_exceptions=True) if isinstance(one, tuple)]

    assert len(asyncio.run(append())) == 63
    assert stored(log) == list(range(1, 65))
    storage.close()


# Locks and other writers ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_locked_file_fails_the_log_until_it_is_opened_again(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s", busy_seconds=0.05)
    log.append(numbered(1, 1)).result(PATIENCE)
    with locked(storage.path):
        error_text = unavailable(log.append(numbered(2, 1)))
        assert "locked" in error_text
        assert "busy_seconds" in error_text
        unavailable(storage.open_log("stream", 0))
        assert stored(log) == [1]  # reads go on
    unavailable(log.append(numbered(3, 1)))  # otherwise it would be stored after a gap
    again = storage.open_log("stream", 0).result(PATIENCE)
    assert again.last_number(PUBLISHER).result(PATIENCE) == 1
    again.append(numbered(2, 2)).result(PATIENCE)
    assert stored(again) == [1, 2, 3]
    storage.close()


@pytest.mark.slow
def test_close_ends_while_the_file_is_locked(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s", busy_seconds=0.05)
    with locked(storage.path):
        futures = [log.append(numbered(number, 1)) for number in range(1, 11)]
        storage.close()
        assert all(future.done() for future in futures)
    assert {type(future.exception()) for future in futures} == {StorageUnavailable}


def open_and_append(reports: Reports, path: Path) -> None:
    storage = SqliteStorage(path)
    log = storage.open_log("stream", 0).result(PATIENCE)
    log.append(numbered(3, 1)).result(PATIENCE)
    reports.send(log.last_number(PUBLISHER).result(PATIENCE))
    storage.close()


@pytest.mark.slow
def test_another_process_fences_a_writer(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s")
    other = storage.open_log("stream", 1).result(PATIENCE)
    log.append(numbered(1, 2)).result(PATIENCE)
    with KilledProcess(open_and_append, storage.path) as process:
        assert process.report(60.0) == 3
    assert isinstance(log.append(numbered(3, 1)).exception(PATIENCE), Fenced)
    assert isinstance(log.append([]).exception(PATIENCE), Fenced)
    other.append(numbered(1, 1)).result(PATIENCE)
    assert stored(log) == [1, 2, 3]
    storage.close()


def test_a_fenced_append_does_not_affect_its_group(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s")
    other = storage.open_log("stream", 1).result(PATIENCE)
    with locked(storage.path):
        futures: list[Future[Any]] = [
            other.append(numbered(1, 1)),
            storage.open_log("stream", 0),
            log.append(numbered(1, 1)),
            storage.open_log("nothing", 0),
            other.append(numbered(2, 1)),
        ]
    errors = [type(future.exception(PATIENCE)) for future in futures]
    assert errors == [type(None), type(None), Fenced, StorageRefused, type(None)]
    assert stored(other) == [1, 2]
    storage.close()


# The file -------------------------------------------------------------------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(StorageUnavailable) as found:
        SqliteStorage(path)
    assert str(path) in found.value.reason
    return str(found.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"not a database, but long enough to have a header" * 100)
    before = (tmp_path / "s").read_bytes()
    assert "restore a copy" in refusal(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == before


def test_the_database_of_another_program(tmp_path: Path) -> None:
    for version in (0, 1):
        path = tmp_path / f"s{version}"
        with closing(sqlite3.connect(path)) as other:
            other.executescript(f"CREATE TABLE theirs (x); PRAGMA user_version = {version}")
        before = path.read_bytes()
        assert "name another file" in refusal(path)
        assert path.read_bytes() == before


def test_an_unknown_version(tmp_path: Path) -> None:
    storage, _ = opened(tmp_path / "s")
    storage.close()
    with closing(sqlite3.connect(storage.path)) as other:
        other.execute("PRAGMA user_version = 2")
    error_text = refusal(storage.path)
    assert "has version 2" in error_text
    assert "reads version 1" in error_text


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "check that its folder exists" in refusal(tmp_path / "no" / "s")


def test_a_corrupt_page_is_an_error_of_the_call(tmp_path: Path) -> None:
    storage, log = opened(tmp_path / "s")
    log.append(numbered(1, 200, KIBIBYTES[:2000])).result(PATIENCE)
    storage.close()
    size = storage.path.stat().st_size
    with storage.path.open("r+b") as file:
        file.seek(6 * 4096)
        file.write(b"\xff" * (size - 8 * 4096))
    again = SqliteStorage(storage.path)
    log = again.open_log("stream", 0).result(PATIENCE)
    error_text = unavailable(log.read(0, 1000, 2**30))
    assert "the file is corrupt" in error_text
    assert ".recover" in error_text
    again.close()


# A full disk ----------------------------------------------------------------------------------------------------------


def fill(log: Log, first: int, most: int = 10_000) -> tuple[int, str]:
    """Append until it fails, and return the last confirmed number and the error."""
    for number in range(first, first + most):
        error = log.append(numbered(number, 1, KIBIBYTES)).exception(PATIENCE)
        if error is not None:
            assert isinstance(error, StorageUnavailable), error
            return number - 1, str(error)
    raise AssertionError("the disk is never full")


def goes_on(storage: SqliteStorage, log: Log, confirmed: int) -> None:
    """Check that the storage works again when there is room."""
    unavailable(log.append(numbered(confirmed + 1, 1)))
    again = storage.open_log("stream", 0).result(PATIENCE)
    assert again.last_number(PUBLISHER).result(PATIENCE) == confirmed
    again.append(numbered(confirmed + 1, 5)).result(PATIENCE)
    assert stored(again) == list(range(1, confirmed + 6))
    storage.close()
    reopened = SqliteStorage(storage.path)
    assert stored(reopened.open_log("stream", 0).result(PATIENCE)) == list(range(1, confirmed + 6))
    reopened.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 5 * 2**20)
    storage, log = opened(small_disk / "s")
    confirmed, error_text = fill(log, 1)
    assert "the disk is full" in error_text
    assert "free some space" in error_text
    assert stored(log) == list(range(1, confirmed + 1))
    again = storage.open_log("stream", 0).exception(PATIENCE)
    assert again is None or isinstance(again, StorageUnavailable)
    (small_disk / "ballast").unlink()
    goes_on(storage, log, confirmed)


def with_a_small_limit(reports: Reports, path: Path) -> None:
    storage, log = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    confirmed, error_text = fill(log, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    goes_on(storage, log, confirmed)
    reports.send((confirmed, error_text))


@pytest.mark.slow
def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    with KilledProcess(with_a_small_limit, tmp_path / "s") as process:
        confirmed, error_text = process.report(60.0)
    assert confirmed > 10
    assert "input or output failed" in error_text or "the disk is full" in error_text


# Memory ---------------------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def a_million(reports: Reports, path: Path) -> None:
    storage, log = opened(path)
    number, sizes = 1, []
    for million_tenths in range(1, 11):
        while number < million_tenths * 100_000:
            log.append(numbered(number, 1000, b"x" * 90)).result(PATIENCE)
            number += 1000
        sizes.append(resident_bytes())
    start = 0
    while batch := log.read(start, 1000, 2**20).result(PATIENCE):
        start = batch[-1].index + 1
    sizes.append(resident_bytes())
    storage.close()
    reports.send((start, sizes))


@pytest.mark.thorough
def test_memory_is_flat_with_a_million_messages(tmp_path: Path) -> None:
    with KilledProcess(a_million, tmp_path / "s") as process:
        count, sizes = process.report(300.0)
    assert count == 1_000_000
    assert max(sizes) - sizes[0] < 4 * 2**20, sizes

"""The conformance suite of storages, run on the memory and the SQLite storage."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ockam_fsm.conformance.storage import StorageCase, StorageUnderTest, cases
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.sqlite import SqliteStorage


@pytest.mark.parametrize("case", cases(survives=False), ids=str)
def test_memory(case: StorageCase) -> None:
    case.check(StorageUnderTest(MemoryStorage, survives=False))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=str)
def test_sqlite(case: StorageCase, tmp_path: Path) -> None:
    case.check(StorageUnderTest(partial(SqliteStorage, tmp_path / "streams.sqlite")))

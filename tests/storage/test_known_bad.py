"""The conformance suite rejects defective storages, each with the case for its defect."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ockam_fsm.conformance.storage import Nonconforming, StorageUnderTest, cases, failures
from tests.storage.known_bad import KNOWN_BAD, KnownBad, SavesLower

NAMED = {case.name: case for case in cases()}


@pytest.mark.slow
@pytest.mark.parametrize("bad", KNOWN_BAD, ids=lambda bad: f"{bad.kind.__name__}:{bad.case}")
def test_a_defective_storage_is_rejected(bad: KnownBad, tmp_path: Path) -> None:
    subject = StorageUnderTest(partial(bad.kind, tmp_path / "streams.sqlite"), patience_seconds=10.0)
    with pytest.raises(Nonconforming):
        NAMED[bad.case].check(subject)


@pytest.mark.slow
def test_failures_lists_the_cases(tmp_path: Path) -> None:
    subject = StorageUnderTest(partial(SavesLower, tmp_path / "streams.sqlite"), survives=False)
    assert failures(subject).keys() == {"saved-indexes-never-go-back", "saves-that-overtake-each-other"}

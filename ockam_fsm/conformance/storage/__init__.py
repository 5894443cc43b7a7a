"""The conformance suite of storages: cases for every implementation of ockam_fsm/storage/interface.py.

    @pytest.mark.parametrize("case", cases(), ids=str)
    def test_my_storage(case, tmp_path):
        case.check(StorageUnderTest(partial(MyStorage, tmp_path / "data")))

    bench.py     the bench of a case: opens storages, waits for calls, compares results
    calls.py     single calls
    writers.py   concurrent calls, several writers, and readers meanwhile
    kills.py     kills of an appending process

Rule 1: a case judges one rule of the interface, which is its docstring. It raises `Nonconforming`.
Rule 2: a case makes its own streams, so that all cases can run on one back end, one after another.
Rule 3: durability is judged by opening the storage again, in this process or after a kill of another one.
Limit: a full disk or a lost connection is specific to a back end, and is tested there.
"""

from __future__ import annotations

from ockam_fsm.conformance.storage.bench import Bench, Nonconforming, StorageCase, StorageUnderTest
from ockam_fsm.conformance.storage.calls import CASES as CALLS
from ockam_fsm.conformance.storage.kills import CASES as KILLS
from ockam_fsm.conformance.storage.writers import CASES as WRITERS

__all__ = ["Bench", "Nonconforming", "StorageCase", "StorageUnderTest", "cases", "failures"]


def cases(survives: bool = True) -> tuple[StorageCase, ...]:
    """All cases. `survives=False`: only those for a storage whose data is lost when it is closed."""
    return tuple(case for case in (*CALLS, *WRITERS, *KILLS) if survives or not case.survival)


def failures(subject: StorageUnderTest) -> dict[str, str]:
    """The reasons of the cases that a storage fails, by case name."""
    found = {}
    for case in cases(subject.survives):
        try:
            case.check(subject)
        except Nonconforming as error:
            found[case.name] = str(error)
    return found

"""The conformance suite of storages: cases that hold for every storage of ockam_fsm/storage/interface.py.

    @pytest.mark.parametrize("case", cases(), ids=str)
    def test_my_storage(case, tmp_path):
        case.check(StorageUnderTest(partial(MyStorage, tmp_path / "data")))

    bench.py     what a case works with
    calls.py     what each call does
    writers.py   several calls at once, several writers, and what is seen meanwhile
    kills.py     a process that appends is killed

Rule 1: a case judges one rule of the interface, and says it in its docstring. It raises `Nonconforming`.
Rule 2: a case makes streams of its own, so that all of them may run on one back end, one after the other.
Rule 3: whatever survives is judged by opening the storage again, in this process or after a kill of another one.
Limit: a full disk or a lost connection is particular to a back end, and is tested there.
"""

from __future__ import annotations

from ockam_fsm.conformance.storage.bench import Bench, Nonconforming, StorageCase, StorageUnderTest
from ockam_fsm.conformance.storage.calls import CASES as CALLS
from ockam_fsm.conformance.storage.kills import CASES as KILLS
from ockam_fsm.conformance.storage.writers import CASES as WRITERS

__all__ = ["Bench", "Nonconforming", "StorageCase", "StorageUnderTest", "cases", "failures"]


def cases(survives: bool = True) -> tuple[StorageCase, ...]:
    """All cases; with `survives=False` those for a storage whose data ends with it."""
    return tuple(case for case in (*CALLS, *WRITERS, *KILLS) if survives or not case.survival)


def failures(subject: StorageUnderTest) -> dict[str, str]:
    """The names of the cases that a storage fails, each with the reason."""
    found = {}
    for case in cases(subject.survives):
        try:
            case.check(subject)
        except Nonconforming as error:
            found[case.name] = str(error)
    return found

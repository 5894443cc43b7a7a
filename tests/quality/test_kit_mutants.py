"""A bounded part of the mutation test of the kit (`python -m tests.quality.kit_mutants`), and its page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

import pytest

from ockam_fsm.conformance import Effort, check_initiator
from ockam_fsm.conformance.oracle import comparison, oracle
from ockam_fsm.conformance.oracle.comparison import ComparedOutput, Difference
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from tests.quality import report
from tests.quality.kit_mutants import KIT, by_table, judge_role, kit_fate, rehearsed, wrong_end
from tests.quality.operators import Mutant, mutants_of
from tests.quality.report import KILLED, SURVIVOR, Fate

INITIATOR, RESPONDER = Role.INITIATOR, Role.RESPONDER


def mutant(kind: SessionType, role: Role, fault: str) -> Mutant:
    (found,) = [one for one in mutants_of(kind, role) if one.fault == fault]
    return found


def fate(kind: SessionType, role: Role, fault: str) -> Fate:
    return kit_fate(mutant(kind, role, fault), rehearsed(kind, role))


# The sample -----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_mutants_of_one_table_are_rejected_or_explained() -> None:
    fates = judge_role(EXPLICIT_TRANSIENT, INITIATOR)
    assert report.unexplained(fates, KIT) == []
    assert Counter(one.verdict for one in fates)[KILLED] >= 196


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("role", "fault", "clause"),
    [
        (INITIATOR, "EP3 update missing misses := 0", "4.7"),  # a change that happens in a state that is rarely tried
        (INITIATOR, "BX1 update twice attempts := attempts + 1", "3.2"),  # shows when the attempts are used up
        (INITIATOR, "FO3 lose STOP_TIMERS", "3.5"),  # shows when little time is left
        (INITIATOR, "FO4 lose FORGET_ROUTE", "3.8"),  # shows when the end is closed
        (INITIATOR, "J2 lose ABANDON_REQUEST", "6.6"),  # shows when more requests are open than there is room for
        (RESPONDER, "AP1 lose SEND_SUPERSEDED", "4.2"),  # shows after a restart only
        (RESPONDER, "V3 update missing usable := 0", "3.9"),  # shows a generation later
    ],
)
def test_mutants_that_once_survived_are_rejected(role: Role, fault: str, clause: str) -> None:
    found = fate(EXPLICIT_PERSISTENT_ONE_SIDED, role, fault)
    assert (found.verdict, found.by) == (KILLED, clause)


# The check is checked -------------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("fault", "verdict"),
    [("NT1 lose NOTIFY_ESTABLISHED", KILLED), ("KT3 update missing misses := 0", KILLED),
     ("ZT2 lose FORGET_ROUTE", SURVIVOR), ("ZT4 update missing held := 0", SURVIVOR)],
)  # fmt: skip
def test_the_skipped_cases_find_nothing(fault: str, verdict: str) -> None:
    """The whole kit, called as by a user, gives the same verdict."""
    one = mutant(EXPLICIT_TRANSIENT, INITIATOR, fault)
    whole = check_initiator(wrong_end(one.machine()), [one.kind], effort=Effort(examples=0))
    assert fate(one.kind, one.role, fault).verdict == verdict
    assert whole.exit_code == (1 if verdict == KILLED else 0)


@pytest.mark.thorough
def test_a_kit_without_notices_misses_mutants(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [
        one
        for one in mutants_of(EXPLICIT_TRANSIENT, INITIATOR)
        if " lose NOTIFY" in one.fault and not one.fault.startswith("LT4")
    ]  # nothing orders a stop there
    rehearsal = rehearsed(EXPLICIT_TRANSIENT, INITIATOR)
    assert {kit_fate(one, rehearsal).verdict for one in chosen} == {KILLED}
    whole = comparison.compare_outputs

    def deaf(
        expected: Sequence[ComparedOutput], actual: Sequence[ComparedOutput], error_to: Hashable = None
    ) -> Iterator[Difference]:
        owed, said = ([one for one in some if one.channel != "notice"] for some in (expected, actual))
        yield from whole(owed, said, error_to)

    monkeypatch.setattr(oracle, "compare_outputs", deaf)
    assert {kit_fate(one, rehearsal).verdict for one in chosen} == {SURVIVOR}


# The page -------------------------------------------------------------------------------------------------------------


def test_every_survivor_has_a_reason_and_every_reason_a_survivor() -> None:
    page = KIT.path.read_text(encoding="utf-8")
    assert "no reason is known" not in page
    survivors = re.findall(r"^- `(\S+ \S+: .+?)`: (.+)$", page, re.MULTILINE)
    assert {name if name in KIT.reasons else name.partition(": ")[2] for name, _ in survivors} == set(KIT.reasons)
    assert all(reason == report.reason(Fate(name, SURVIVOR), KIT) for name, reason in survivors)


def test_the_page_counts_all_mutants() -> None:
    page = KIT.path.read_text(encoding="utf-8")
    total = 0
    for kind in TYPES:
        for role in Role:
            number = sum(1 for _ in mutants_of(kind, role))
            assert f"| {kind.name} {role.name.lower()} | {number} |" in page
            total += number
    assert f"| all | {total} |" in page


def test_tables_are_distinguished_by_type_and_role() -> None:
    fates = [Fate("a initiator: A1 drop", KILLED), Fate("a responder: A1 drop", KILLED)]
    assert {name: len(some) for name, some in by_table(fates).items()} == {"a initiator": 1, "a responder": 1}

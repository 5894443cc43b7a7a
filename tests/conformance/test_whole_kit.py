"""The long tests of the kits, part of `make test-all`.

Two-sided ends, whose automata are large; every defect over a pipe; no false alarm. test_thorough_kit.py takes longer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ockam_fsm.conformance import Effort, check_initiator, check_pair, check_responder, our_end, our_node
from ockam_fsm.conformance.pipe import Program
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_TWO_SIDED,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.net.event_loop import run
from tests.conformance.defective import failures
from tests.conformance.defects import DEFECTS, Defect
from tests.conformance.table_node import judged_by_rows, judged_mutants, settings
from tests.conformance.test_kit import ONE_SIDED, check_of, failed, reasons

pytestmark = pytest.mark.thorough

TWO_SIDED = (EXPLICIT_PERSISTENT_TWO_SIDED, IMPLICIT_PERSISTENT_TWO_SIDED)
BOTH = (check_initiator, check_responder)
ROOT = Path(__file__).parents[2]


def each_two_sided_end(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for either end of both types, as a session alone and in a whole node."""
    for mark in (
        pytest.mark.parametrize("make", [pytest.param(our_end, marks=pytest.mark.nightly), our_node]),
        pytest.mark.parametrize("kind", TWO_SIDED, ids=lambda kind: str(kind.name)),
        pytest.mark.parametrize("check", BOTH),
    ):
        test = mark(test)
    return test


@each_two_sided_end
def test_our_two_sided_ends_pass(check, kind: SessionType, make) -> None:  # type: ignore[no-untyped-def]
    assert reasons(check(make, [kind], effort=Effort(examples=20))) == []


@pytest.mark.parametrize(
    "defect", [one for one in DEFECTS if one not in ONE_SIDED], ids=lambda defect: str(defect.name)
)
def test_a_defect_is_rejected_for_its_clause(defect: Defect) -> None:
    """Defects of two-sided sessions; test_kit.py has the others."""
    report = check_of(defect)
    assert defect.clause in failed(report), reasons(report)


@pytest.mark.parametrize(
    "defect",
    [pytest.param(one, marks=() if number % 8 == 0 else pytest.mark.nightly) for number, one in enumerate(DEFECTS)],
    ids=lambda defect: str(defect.name),
)
def test_a_defect_is_rejected_by_pipe(defect: Defect) -> None:
    program = (
        "import sys; from ockam_fsm.conformance.pipe import serve; from tests.conformance.defects import DEFECTS\n"
        f"defect = next(one for one in DEFECTS if one.name == {defect.name!r})\n"
        "serve(defect.make, sys.stdin, lambda line: (sys.stdout.write(line), sys.stdout.flush()))"
    )
    check = check_initiator if defect.role is Role.INITIATOR else check_responder
    with Program([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"], 20.0) as running:
        report = check(running.make, [defect.kind], effort=Effort(examples=0, until=defect.clause))
    assert defect.clause in failed(report), reasons(report)


@pytest.mark.nightly
def test_no_false_alarm_in_fifty_runs() -> None:
    for number in range(50):
        kind = TYPES[number % len(TYPES)]
        assert reasons(check_pair(our_node, our_end, [kind], effort=Effort(examples=20))) == []


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_our_own_pairs_pass(kind: SessionType) -> None:
    for make in (our_end, our_node):
        assert reasons(check_pair(make, make, [kind], effort=Effort(examples=300))) == []


def test_a_wrong_pair_is_found() -> None:
    defect = next(one for one in DEFECTS if one.name == "deliver-before-established")
    report = check_pair(our_end, defect.make, [EXPLICIT_PERSISTENT_ONE_SIDED], effort=Effort(examples=400))
    assert "4.4" in failed(report), reasons(report)


WAITING = [
    (EXPLICIT_TRANSIENT, "ES2 lose START_IDLE", "row-es2-es1-data-in-the-last-moment", "3.7"),
    (EXPLICIT_PERSISTENT_ONE_SIDED, "RW7 retarget ESTABLISHED", "row-rw7-older-hello-and-time", "3.6"),
    (EXPLICIT_PERSISTENT_ONE_SIDED, "RW8 lose START_IDLE", "row-rw8-the-next-timer-expires-and-time", "3.7"),
    (EXPLICIT_PERSISTENT_ONE_SIDED, "SW1 retarget RENEGOTIATING", "row-sw1-the-next-timer-expires-and-time", "3.6"),
    (EXPLICIT_PERSISTENT_ONE_SIDED, "RW9 lose START_RETENTION", "row-rw9-the-next-timer-expires-and-time", "3.6"),
]
"""Faults in a table that show over TCP only after two timers."""

BY_ITSELF = [
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB1 lose SEND_KEEPALIVE", "row-gb1-answer-in-the-last-moment", "4.7"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB1 lose START_KEEPALIVE", "row-gb1-answer-and-time", "6.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB2 lose CATCH_UP", "row-gb2-superseded-by-three-more-and-time", "3.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB2 drop", "row-gb2-superseded-and-time", "3.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB3 retarget CLOSED", "row-gb3-error-for-the-attempt-and-time", "3.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "GB4 lose START_BACK_OFF", "row-gb4-close-for-the-attempt-and-time", "3.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "YO1 drop", "row-yo1-answer-of-a-restarted-peer-and-time", "3.5"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "BX1 lose START_NEGOTIATION", "row-bx1-the-next-timer-expires-and-time", "3.9"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "RO8 drop", "row-ro8-the-next-timer-expires", "3.9"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "V5 retarget CLOSED", "row-v5-close-of-the-peer", "3.8"),
    (IMPLICIT_PERSISTENT_TWO_SIDED, "BR1 lose SEND_HELLO", "row-br1-the-next-timer-expires", "3.5"),
    (IMPLICIT_PERSISTENT_TWO_SIDED, "BR3 retarget CLOSED", "row-br3-the-next-timer-expires", "3.5"),
]
"""Faults in the table of a responder that negotiates by itself."""


@pytest.mark.parametrize("kind", TWO_SIDED, ids=lambda kind: str(kind.name))
def test_the_rows_of_our_two_sided_responder_pass_over_tcp(kind: SessionType) -> None:
    report = run(judged_by_rows(settings(kind)), fast=False)
    assert failures(report) == set(), [one.reason for one in report.findings]
    assert report.counts["PASS"] > 0


def test_a_wrong_table_shows_over_tcp_when_its_timers_expire() -> None:
    wrong = (*WAITING, *BY_ITSELF)
    reports = judged_mutants(wrong)
    assert {fault: failures(report) for fault, report in reports.items()} == {one[1]: {one[3]} for one in wrong}

"""The cases of the tables: every row that a peer can make fire has one; mutants are rejected, slow nodes are not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ockam_fsm.conformance.report.findings import Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import Case
from ockam_fsm.conformance.wire.case_context import Wire
from ockam_fsm.conformance.wire.kit import selected_cases
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    TYPES,
    table,
)
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.raw_peer import pause, together
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from tests.conformance.defective import DECLARED, failures
from tests.conformance.table_node import DURATIONS, TWO_SIDED, fault_in, judged_by_rows, judged_mutants, settings

TRANSIENT, PERSISTENT = EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED
NOT_BY_WIRE = {
    "its application orders that": {
        *("HT1", "HP1", "HX1", "IT1", "IT2", "IP1", "IP2", "IP3"),
        *("ZT1", "ZT2", "ZT3", "ZT4", "ZP1", "ZP2", "ZP3", "ZP4", "ZP5"),
        *("LT1", "LT2", "LT3", "LT4", "LP1", "LP2", "LP3", "LP4", "LP5"),
        *("GB6", "HM1", "BR4"),
    },
    "only an end that has asked something is answered late": {"FT5", "FW5", "V6", "J1", "J2", "J3", "J4", "FR5"},
    "no session lies below it": {"FT2", "FT3", "FW2", "FW3", "DW3", "U2", "FR2", "FR3", "GB5"},
    "its storage has kept the number, or the state": {"AP1", "FW1", "FR1"},
    "limits of misses and attempts are not declared": {"KO2", "BX2", "BR2"},
    "a transient responder that has failed is closed at once": {"CT3"},
}
"""Rows that no peer can make fire."""


def rows_of(kind: SessionType, profile: Profile = GENERATION) -> list[Case]:
    target = NodeUnderTest("", "spawner", profile=profile, session_type=kind)
    return [one for one in selected_cases(target) if one.name.startswith("row-")]


def rows_in(case: Case) -> list[str]:
    """The rows that a case makes fire."""
    return case.tries.partition(":")[0].removeprefix("Rows ").split(", ")


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_row_that_a_peer_can_make_fire_is_tried(kind: SessionType) -> None:
    tried = {row for one in rows_of(kind) for row in rows_in(one)}
    there = {row.id for row in table(kind, Role.RESPONDER).rows}
    assert there - tried == there & set().union(*NOT_BY_WIRE.values())
    assert tried <= there


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_a_case_has_a_name_of_its_own(kind: SessionType) -> None:
    names = [one.name for one in rows_of(kind)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_a_responder_of_profile_ockam_has_the_rows_of_a_transient_one_without_generations() -> None:
    persistent = NodeUnderTest("", "spawner", profile=OCKAM, session_type=EXPLICIT_PERSISTENT_ONE_SIDED)
    assert {row for one in rows_of(TRANSIENT, OCKAM) for row in rows_in(one)} == {
        "A1",
        "QT1",
        "ES2",
        "FT1",
        "ST1",
        "TT1",
    }
    assert [one.name for one in selected_cases(persistent) if one.name.startswith("row-")] == [
        one.name for one in rows_of(TRANSIENT, OCKAM)
    ]


def test_time_is_not_judged_where_none_is_declared_and_nothing_without_an_echo_worker() -> None:
    target = NodeUnderTest("", "spawner", "echo", profile=GENERATION, session_type=EXPLICIT_PERSISTENT_ONE_SIDED)
    cases = rows_of(EXPLICIT_PERSISTENT_ONE_SIDED)
    told = replace(target, declared=DECLARED, durations=DURATIONS)
    assert {one.name for one in cases if one.lacks(target)} == {one.name for one in cases if "time" in one.tries}
    assert not any(one.lacks(told) for one in cases)
    assert all(one.lacks(replace(told, echo="")) for one in cases)
    assert all(one.lacks(replace(told, capacity=50)) for one in cases)


@pytest.mark.parametrize("idle_seconds", [None, 90.0])
def test_long_durations_are_not_judged(idle_seconds: float | None) -> None:
    durations = replace(DURATIONS, idle_seconds=idle_seconds)
    target = NodeUnderTest("", "spawner", "echo", declared=DECLARED, durations=durations, session_type=TRANSIENT)
    timed = [one for one in rows_of(TRANSIENT) if "time" in one.tries]
    assert {one.lacks(target) for one in timed} == {"declare at most 20 s to judge it: idle"}


def test_a_two_sided_responder_is_judged_only_with_declared_time_outs_into_which_steps_fit() -> None:
    target = NodeUnderTest(
        "", "spawner", "echo", profile=GENERATION, session_type=EXPLICIT_PERSISTENT_TWO_SIDED, durations=TWO_SIDED,
        declared=frozenset({"negotiation", "keepalive", "back-off"}),
    )  # fmt: skip
    cases = rows_of(EXPLICIT_PERSISTENT_TWO_SIDED)
    hasty = replace(target, durations=replace(TWO_SIDED, keepalive_seconds=0.5))
    assert not any(one.lacks(target) for one in cases)
    assert {one.lacks(replace(target, declared=frozenset({"keepalive"}))) for one in cases} == {
        "not declared (--durations): negotiation, back-off"
    }
    assert {one.lacks(hasty) for one in cases} == {"declare at least 2 s to judge it: keepalive"}


def test_a_transient_session_retains_nothing() -> None:
    target = NodeUnderTest(
        "", "spawner", "echo", profile=GENERATION, declared=DECLARED - {"retention"}, durations=DURATIONS
    )
    assert not any(one.lacks(replace(target, session_type=TRANSIENT)) for one in rows_of(TRANSIENT))
    assert any(one.lacks(replace(target, session_type=PERSISTENT)) for one in rows_of(PERSISTENT))


MUTANTS = [
    (TRANSIENT, "TT1 retarget ESTABLISHED", "row-ft4-tt1-error", "3.11"),
    (TRANSIENT, "QT1 lose START_IDLE", "row-qt1-confirming-keepalive-answer-and-time", "3.7"),
    (PERSISTENT, "V5 retarget IDLE", "row-v5-close-of-the-peer", "3.8"),
    (PERSISTENT, "V4 retarget TIMED_OUT", "row-v4-error", "4.4"),
    (PERSISTENT, "RW7 retarget CLOSED", "row-rw7-older-hello", "4.2"),
    (PERSISTENT, "HP2 retarget CLOSED", "row-rw2-newer-hello", "4.7"),
    (PERSISTENT, "RW9 retarget IDLE", "row-dw1-newer-hello-and-time", "3.9"),
    (PERSISTENT, "ES3 lose START_IDLE", "row-es3-keepalive-in-the-last-moment", "3.7"),
    (PERSISTENT, "RW3 lose START_NEGOTIATION", "row-rw3-newer-hello-and-time", "3.9"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "WX1 lose SEND_ANSWER", "row-wx1-newer-hello", "4.2"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "KO1 lose SEND_KEEPALIVE", "row-ko1-the-next-timer-expires", "4.7"),
    (EXPLICIT_PERSISTENT_TWO_SIDED, "BX1 lose SEND_HELLO", "row-bx1-the-next-timer-expires", "3.5"),
]
"""Single faults in a table that only this case can detect, or that it detects first. Slow ones are in
test_whole_kit.py."""


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return judged_mutants(MUTANTS)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "clause"), [(fault, clause) for _, fault, _, clause in MUTANTS])
def test_a_wrong_table_is_rejected(fault: str, clause: str, reports: dict[str, Report]) -> None:
    assert failures(reports[fault]) == {clause}, [one.reason for one in reports[fault].findings]


OF_OCKAM = [
    ("A1 lose START_NEGOTIATION", "row-ft1-tt1-the-next-timer-expires", {"3.9"}),
    ("FT1 drop", "row-ft1-tt1-the-next-timer-expires", {"3.9"}),
    ("ES2 lose START_IDLE", "row-es2-data-in-the-last-moment", {"3.7"}),
    ("ES2 retarget CLOSED", "row-es2-data", {"7.4"}),
    ("ST1 drop", "row-st1-tt1-the-next-timer-expires", {"3.7"}),
]
"""The same for responders of profile `ockam`."""


@pytest.mark.slow
def test_a_wrong_table_of_profile_ockam_is_rejected() -> None:
    async def main() -> list[Report]:
        tables = [fault_in(TRANSIENT, fault).machine() for fault, _, _ in OF_OCKAM]
        wrong = [(settings(TRANSIENT, one, OCKAM), case) for one, (_, case, _) in zip(tables, OF_OCKAM, strict=True)]
        return await together(judged_by_rows(*one) for one in wrong)

    reports = run(main(), fast=False)
    found = {fault: failures(report) for (fault, _, _), report in zip(OF_OCKAM, reports, strict=True)}
    assert found == {fault: clauses for fault, _, clauses in OF_OCKAM}


@pytest.mark.slow
def test_the_rows_of_our_responder_of_profile_ockam_pass() -> None:
    report = run(judged_by_rows(settings(TRANSIENT, profile=OCKAM)), fast=False)
    assert {one.verdict for one in report.findings} == {Verdict.PASS}, [one.reason for one in report.findings]


@pytest.mark.slow
def test_a_missing_message_is_a_deviation_without_declared_time_outs() -> None:
    """The time for which the kit waits for the message does not matter."""
    wanted = settings(machine=fault_in(PERSISTENT, "QW2 lose SEND_ANSWER").machine())
    report = run(judged_by_rows(wanted, "row-qw2-repeated-hello", declared=frozenset()), fast=False)
    assert failures(report) == {"4.2"}


@pytest.mark.slow
def test_a_node_that_holds_nothing_is_right_too() -> None:
    wanted = replace(settings(), held=0)
    cases = ("row-v1-hp2-data", "row-v1-hp2-empty-data", "row-v3-rw4-es2-es1-confirming-data")
    report = run(judged_by_rows(wanted, *cases), fast=False)
    assert {one.verdict for one in report.findings} == {Verdict.PASS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "stall_seconds", "verdict"),
    [("", 1.2, Verdict.PASS), ("QW2 drop", 0.0, Verdict.FAIL), ("QW2 drop", 1.2, Verdict.INCONCLUSIVE)],
)
def test_a_difference_in_a_step_that_outlasts_a_time_out_does_not_count(
    fault: str, stall_seconds: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node or kit stands still during the second step of every sequence, for longer than a negotiation may last."""
    steps: dict[Wire, int] = {}
    whole = Wire.settled

    async def stalling(wire: Wire) -> None:
        steps[wire] = steps.get(wire, 0) + 1
        await pause(stall_seconds if steps[wire] == 2 else 0.0)
        await whole(wire)

    monkeypatch.setattr(Wire, "settled", stalling)
    machine = fault_in(PERSISTENT, fault).machine() if fault else None
    case = "row-qw2-repeated-hello"
    report = run(judged_by_rows(settings(machine=machine), case), fast=False)
    assert [one.verdict for one in report.findings if one.case == case] == [verdict]


@pytest.mark.slow
def test_a_comparison_that_outlasts_a_time_out_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that shows without the tried stimulus, in a repetition during which node or kit stands still."""
    wires: list[Wire] = []
    whole = Wire.settled

    async def stalling(wire: Wire) -> None:
        if wire not in wires:
            wires.append(wire)
        elif wires.index(wire) == 1:  # the second sequence leaves the tried stimulus out
            await pause(1.2)
        await whole(wire)

    monkeypatch.setattr(Wire, "settled", stalling)
    machine = fault_in(PERSISTENT, "ES3 lose ANSWER_KEEPALIVE").machine()
    report = run(judged_by_rows(settings(machine=machine), "row-qw2-repeated-hello"), fast=False)
    assert failures(report) == {"4.7"}, [one.reason for one in report.findings]

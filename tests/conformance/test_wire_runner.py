"""A deviation has to occur twice: a case that fails once and then passes is INCONCLUSIVE."""

from __future__ import annotations

import pytest

from ockam_fsm.conformance.report.findings import Finding, Severity, Verdict
from ockam_fsm.conformance.wire.case import Case, Manner, nothing_lacks
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    CaseOutcome,
    Deviation,
    Follows,
    KitRun,
    NotApplicable,
    Undecided,
)
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.session.config import Durations

FAIL, PASS, OPEN, NONE = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE
BAD, GOOD, LOST = Deviation("bad"), None, Undecided("lost")


@pytest.mark.parametrize(
    ("manner", "outcomes", "verdict", "tries"),
    [
        (Manner.HOSTILE, [GOOD], PASS, 1),
        (Manner.HOSTILE, [BAD, BAD], FAIL, 2),
        (Manner.HOSTILE, [BAD, LOST], FAIL, 2),  # the first try may have ended the node
        (Manner.HOSTILE, [BAD, GOOD], OPEN, 2),
        (Manner.HOSTILE, [LOST], OPEN, 1),
        (Manner.PLAIN, [NotApplicable("none")], NONE, 1),
        (Manner.PATIENT, [BAD], FAIL, 1),
        (Manner.LAST, [BAD], FAIL, 1),
    ],
)
def test_a_failing_case_is_tried_once_more(
    manner: Manner, outcomes: list[CaseOutcome | None], verdict: Verdict, tries: int
) -> None:
    found, tried = tried_with(manner, outcomes, 0.0)
    assert found.verdict is verdict
    assert tried == tries
    assert ("passed when it was tried again: bad" in found.reason) == (verdict is OPEN and tries == 2)


@pytest.mark.parametrize(
    ("outcomes", "still_seconds", "verdict"),
    [
        ([BAD, GOOD], 1.1, PASS),  # the node may give a session up after 2 s
        ([BAD, GOOD], 0.9, OPEN),
        ([BAD, BAD], 1.1, FAIL),
        ([BAD, LOST], 1.1, FAIL),
    ],
)
def test_a_stall_excuses_a_failure_that_does_not_occur_again(
    outcomes: list[CaseOutcome | None], still_seconds: float, verdict: Verdict
) -> None:
    assert tried_with(Manner.PLAIN, outcomes, still_seconds)[0].verdict is verdict


@pytest.mark.parametrize(("other", "verdict"), [(GOOD, FAIL), (LOST, FAIL), (BAD, OPEN)])
def test_a_consequence_counts_only_where_no_cause_fails(other: CaseOutcome | None, verdict: Verdict) -> None:
    def ending(outcome: CaseOutcome | None) -> Case:
        async def once(context: CaseContext) -> str:
            if outcome is not None:
                raise outcome
            return "seen"

        return Case(str(outcome), "4.2", Severity.SAFETY, "tries", once, Manner.ALONGSIDE, (), nothing_lacks)

    cases = ending(Follows("too")), ending(other)

    async def main() -> list[Finding]:
        a_run = KitRun(NodeUnderTest("", "spawner"))
        runner = Runner(a_run, "conform")
        for one in cases:
            await runner.attempt(one, lambda: CaseContext(a_run))
        return runner.gathered(cases)

    found = {one.case: one.verdict for one in run(main(), fast=False)}
    assert found["too"] is verdict


def tried_with(manner: Manner, outcomes: list[CaseOutcome | None], still_seconds: float) -> tuple[Finding, int]:
    """The finding of a case with these outcomes of its tries, and the number of tries."""
    left = list(outcomes)

    async def once(context: CaseContext) -> str:
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome
        return "good"

    async def main() -> Runner:
        durations = Durations(negotiation_seconds=5.0, idle_seconds=2.0)
        run = KitRun(NodeUnderTest("127.0.0.1:1", "spawner", durations=durations))
        runner = Runner(run, "conform", lambda since: still_seconds)
        await runner.attempt(
            Case("case", "4.2", Severity.LEAK, "tries", once, manner, ("ockam",), nothing_lacks),
            lambda: CaseContext(runner.run),
        )
        return runner

    (found,) = run(main(), fast=False).findings
    return found, len(outcomes) - len(left)

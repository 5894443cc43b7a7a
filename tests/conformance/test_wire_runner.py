"""A deviation is one that can be shown again: what fails once and passes then decides nothing."""

from __future__ import annotations

import pytest

from ockam_fsm.conformance.findings import Severity, Verdict
from ockam_fsm.conformance.wire.cases import Case, Manner, nothing_lacks
from ockam_fsm.conformance.wire.lab import Deviation, Lab, NotApplicable, Outcome, Run, Undecided
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.edges.loop import run

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
def test_what_fails_is_tried_once_more(
    manner: Manner, outcomes: list[Outcome | None], verdict: Verdict, tries: int
) -> None:
    left = list(outcomes)

    async def once(lab: Lab) -> str:
        outcome = left.pop(0)
        if outcome is not None:
            raise outcome
        return "good"

    async def main() -> Runner:
        runner = Runner(Run(Target("127.0.0.1:1", "spawner")), "conform")
        await runner.attempt(
            Case("case", "4.2", Severity.LEAK, "tries", once, manner, ("ockam",), nothing_lacks),
            lambda: Lab(runner.run),
        )
        return runner

    (found,) = run(main(), fast=False).findings
    assert found.verdict is verdict
    assert len(outcomes) - len(left) == tries
    assert ("not when it was tried again: bad" in found.reason) == (verdict is OPEN and tries == 2)

"""Runs the cases in which the node under test connects to the kit: as an initiator, or as a client of a stream service.

Rule 1: cases run one after another, since they share one listener. Connections between two cases are closed.
Rule 2: after two cases in a row in which the node sends nothing, the others are not tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ockam_fsm.conformance.report.clauses import BY_ID
from ockam_fsm.conformance.report.findings import Expected, Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.case import EVERYTHING, Case, CaseSelection
from ockam_fsm.conformance.wire.case_context import KitRun
from ockam_fsm.conformance.wire.cases import (
    consuming,
    initiator_answers,
    initiator_connections,
    initiator_losses,
    initiators,
    publishing,
)
from ockam_fsm.conformance.wire.initiator_context import Begin, Ended, InitiatorContext, Watched, not_known
from ockam_fsm.conformance.wire.kit import GRACE_SECONDS, MOST_SILENT, NOT_ON_THE_WIRE, ShowProgress
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.net.raw_peer import RawListener, at_most, now, pause
from ockam_fsm.runtime.encoding.frames import VERSION
from ockam_fsm.tools.clock import utc_minute

OTHERS = {
    "responder": "not about initiators of this profile, or not observable on the wire",
    "stream": "not about publishers (profile generation) or consumers (profile ockam), or not observable on the wire",
}
NOT_JUDGED = dict.fromkeys(("3.1", "3.10", "6.1", "6.6", "7.1", "7.2", "7.5"), NOT_ON_THE_WIRE)


CASES: Mapping[str, Sequence[Case]] = {
    "responder": (
        *initiators.CASES,
        *initiator_answers.CASES,
        *initiator_losses.CASES,
        *initiator_connections.CASES,
    ),
    "stream": (*publishing.CASES, *consuming.CASES),
}
"""The cases by the role of the kit. A stream service judges publishers in profile `generation`, consumers in profile
`ockam`."""


def selected_cases(target: NodeUnderTest, choice: CaseSelection = EVERYTHING, role: str = "responder") -> list[Case]:
    """The cases of the target's profile for a kit in this role, as selected by `choice`."""
    return choice.of(one for one in CASES[role] if target.profile.name in one.profiles)


class InitiatorKit:
    """One run. `begin` makes the node open a session; its hello may take `wait_seconds`."""

    def __init__(
        self, target: NodeUnderTest, command: str, progress: ShowProgress, begin: Begin, wait_seconds: float,
        choice: CaseSelection = EVERYTHING, role: str = "responder", ended: Ended = not_known,
    ) -> None:  # fmt: skip
        """`role`: the kit's, a key of `CASES`. `ended`: as in `InitiatorContext`."""
        self.target, self.role = target, role
        self.progress = progress
        self.cases = selected_cases(target, choice, role)
        self.run = KitRun(target)
        self.runner = Runner(self.run, command)
        self.begin, self.wait_seconds, self.ended = begin, wait_seconds, ended
        self.watched: Watched = []
        self.silent = 0
        self.began = now()

    async def judge(self, listener: RawListener, expected: Sequence[Expected] = ()) -> Report:
        listener.greeting = VERSION
        try:
            with suppress(TimeoutError):
                await at_most(self.target.pace.run_seconds + GRACE_SECONDS, self._all(listener))
        finally:
            listener.close()
            await pause(0.01)  # aborted connections are closed in the next turns of the event loop
        return self.report(expected)

    async def _all(self, listener: RawListener) -> None:
        for done, one in enumerate(self.cases):
            self.progress(done, len(self.cases), one.name)
            await self._one(one, listener)

    def report(self, expected: Sequence[Expected] = ()) -> Report:
        """The report so far, also of a run that was ended early."""
        reasons = dict.fromkeys(BY_ID, OTHERS[self.role]) | NOT_JUDGED
        findings = self.runner.gathered(self.cases)
        return Report(
            self.target.name, findings, reasons, expected, round(now() - self.began, 3), (), self.runner.command,
            utc_minute(),
        )  # fmt: skip

    async def _one(self, one: Case, listener: RawListener) -> None:
        if why := one.lacks(self.target):
            self.runner.found(one, Verdict.NOT_APPLICABLE, why)
            return
        if self.silent >= MOST_SILENT:
            self.runner.found(one, Verdict.INCONCLUSIVE, "the node sent nothing in the last two cases; giving up")
            return
        heard = self.run.heard
        await self.runner.attempt(
            one, lambda: InitiatorContext(self.run, listener, self.begin, self.wait_seconds, self.watched, self.ended)
        )
        self.silent = 0 if self.run.heard > heard or self.watched else self.silent + 1

"""Tries one case after another and keeps what was found: what the kits for both roles share.

Rule 1: a case ends in a finding, whatever the node did to it; only a defect of the kit's own gets through.
Rule 2: a deviation can be shown again. A case that fails is tried once more; if it passes then, nothing is decided. So
        a machine that stood still for a moment accuses nobody; where it is known to have stood still (`still`) for so
        long that a time-out of the node was near, the second try is all that counts. Patient cases leave time enough,
        and the last ones leave a full spawner: they are tried once.
Rule 3: a deviation that others lead to accuses nobody while one of those is there: one mistake is one failure.
Rule 4: what a case has opened is closed when it ends.
Rule 5: while the node does not answer anything a failure is not the case's (`lives`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from ockam_fsm.conformance.report.findings import Finding, Reproduction, Severity, Verdict
from ockam_fsm.conformance.wire.case import Case, Manner
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, Follows, NotApplicable, Outcome, Run
from ockam_fsm.conformance.wire.cases.connections import writes
from ockam_fsm.conformance.wire.record import Record
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.raw_peer import at_most, now

L = TypeVar("L", bound=CaseContext)
ENDED = "the run was ended before this was tried"
OVER = "the time of the whole run (--limit) was over before this was tried"
After: TypeAlias = Callable[[L], Awaitable[None]]
Lives: TypeAlias = Callable[[], Awaitable[bool]]
"""Whether the node answers at all."""


async def nothing_after(lab: CaseContext) -> None:
    """What follows a case of which nothing follows."""


async def unasked() -> bool:
    """Where it is not asked whether the node lives, it is taken for granted."""
    return True


@dataclass(frozen=True)
class Tried:
    """How a case ended. `follows`: another case shows it better, unless none does."""

    finding: Finding
    follows: bool = False

    @property
    def verdict(self) -> Verdict:
        return self.finding.verdict

    def once_only(self) -> Tried:
        """It failed once, and not when it was tried again."""
        reason = f"it failed once, and not when it was tried again: {self.finding.reason}"
        return self.undecided(reason)

    def undecided(self, reason: str) -> Tried:
        return Tried(replace(self.finding, verdict=Verdict.INCONCLUSIVE, reason=reason))


class Runner:
    """`command` is how the user starts the kit; reproductions repeat it for one case."""

    def __init__(self, run: Run, command: str, still: Callable[[float], float] = lambda since: 0.0) -> None:
        """`still`: for how many seconds at most node or machine have stood still since a time."""
        self.run = run
        self.still = still
        self.command = command
        self.findings: list[Finding] = []
        self.following: list[Finding] = []
        self.explained = False

    async def attempt(
        self, one: Case, make: Callable[[], L], after: After[L] = nothing_after, lives: Lives = unasked
    ) -> None:
        """Carry a case through in a lab of its own, and once more if it fails; then `after`, with its last lab."""
        if now() >= self.run.deadline:
            self.found(one, Verdict.INCONCLUSIVE, OVER)
            return
        lab, began = make(), now()
        try:
            tried = await self._try(one, lab)
            if tried.verdict is Verdict.FAIL and not await lives():
                tried = tried.undecided(f"the node answers nothing meanwhile: {tried.finding.reason}")
            elif tried.verdict is Verdict.FAIL and one.manner not in (Manner.PATIENT, Manner.LAST):
                lab.close()
                lab = make()
                excused = self.still(began) > self.run.target.shortest_seconds / 2
                again = await self._try(one, lab)
                if again.verdict is Verdict.PASS:
                    tried = again if excused else tried.once_only()
            (self.following if tried.follows else self.findings).append(tried.finding)
            self.explained |= one.manner is Manner.ALONGSIDE and tried.verdict is Verdict.FAIL and not tried.follows
            await after(lab)
        finally:
            lab.close()

    async def alone(self, one: Case, lab: CaseContext) -> Finding:
        """What one more try finds. It is not added to what was found."""
        return (await self._try(one, lab)).finding

    # What was found ---------------------------------------------------------------------------------------------------

    def finding(self, one: Case) -> Finding | None:
        """The case's own."""
        return next((found for found in (*self.findings, *self.following) if found.case == one.name), None)

    def verdict(self, one: Case) -> Verdict | None:
        found = self.finding(one)
        return found.verdict if found is not None else None

    def change(self, cases: Iterable[Case], how: Callable[[Finding], Finding | None]) -> None:
        """Put something else for what these cases have found; None takes it away."""
        names = {one.name for one in cases}

        def changed(findings: list[Finding]) -> list[Finding]:
            new = (how(found) if found.case in names else found for found in findings)
            return [found for found in new if found is not None]

        self.findings, self.following = changed(self.findings), changed(self.following)

    async def _try(self, one: Case, lab: CaseContext) -> Tried:
        left = max(0.1, self.run.deadline - now())
        lab.case = one.name
        try:
            return self._tried(one, Verdict.PASS, await at_most(left, one.run(lab)), lab)
        except Deviation as error:
            tried = self._tried(one, Verdict.FAIL, error.reason, lab, error.clause)
            return replace(tried, follows=isinstance(error, Follows))
        except NotApplicable as error:
            return self._tried(one, Verdict.NOT_APPLICABLE, error.reason)
        except (Outcome, RemoteSessionError, LocalSessionError, OSError) as error:
            return self._tried(one, Verdict.INCONCLUSIVE, str(error) or type(error).__name__, lab)
        except TimeoutError:
            reason = f"the time of the run was over: {left:.0f} s were left for it"
            return self._tried(one, Verdict.INCONCLUSIVE, reason, lab)

    def _tried(
        self, one: Case, verdict: Verdict, reason: str, lab: CaseContext | None = None, clause: str = ""
    ) -> Tried:
        return Tried(self._finding(one, verdict, reason, lab, clause or one.clause, one.severity))

    def found(self, one: Case, verdict: Verdict, reason: str) -> None:
        """A case that was not tried."""
        self.findings.append(self._finding(one, verdict, reason, None, one.clause, one.severity))

    def harmed(self, one: Case, reason: str, verdict: Verdict, shown: Reproduction | None = None) -> None:
        """A case after which the rest of the node was not as before (clause 14.4). `shown`: what was said in it."""
        shown = shown or Record().reproduction(one.name, one.name, one.tries, "")
        shown = replace(shown, command=self._command(one))
        self.findings.append(Finding("14.4", one.name, verdict, Severity.SAFETY, reason, shown))

    def _command(self, one: Case) -> str:
        return f"{self.command} --only {one.name}"

    def _finding(
        self, one: Case, verdict: Verdict, reason: str, lab: CaseContext | None, clause: str, severity: Severity
    ) -> Finding:
        shown = None
        if lab is not None and (lab.record.moments or verdict is Verdict.FAIL):
            shown = lab.record.reproduction(one.name, one.name, one.tries, self._command(one))
        return Finding(clause, one.name, verdict, severity, reason, shown)

    def gathered(self, cases: Iterable[Case]) -> list[Finding]:
        """What was found; of cases that were not come to nothing is known."""
        found = [*self.findings, *self._following(), self._written()]
        come_to = {finding.case for finding in found}
        rest = (one for one in cases if one.name not in come_to)
        return [
            *found,
            *(self._finding(one, Verdict.INCONCLUSIVE, ENDED, None, one.clause, one.severity) for one in rest),
        ]

    def _following(self) -> list[Finding]:
        """They decide nothing where another of their kind fails that may be their cause."""
        if not self.explained:
            return self.following
        reason = "what leads there goes wrong already"
        return [replace(one, verdict=Verdict.INCONCLUSIVE, reason=f"{reason}: {one.reason}") for one in self.following]

    def _written(self) -> Finding:
        """What was seen of every message that the node wrote."""
        try:
            verdict, reason = Verdict.PASS, writes(self.run)
        except Deviation as error:
            verdict, reason = Verdict.FAIL, error.reason
        except NotApplicable as error:
            verdict, reason = Verdict.NOT_APPLICABLE, error.reason
        return Finding("14.1", "writes", verdict, Severity.ROBUSTNESS, reason, self._shown_unwritable(verdict))

    def _shown_unwritable(self, verdict: Verdict) -> Reproduction | None:
        """By the case in which it was seen. What was seen before any case is seen in each."""
        case = self.run.unwritable_in or next((found.case for found in self.findings), "")
        if verdict is not Verdict.FAIL or not case:
            return None
        record = Record()
        record.note(self.run.unwritable)
        return record.reproduction("writes", "writes", "what the node writes", f"{self.command} --only {case}")

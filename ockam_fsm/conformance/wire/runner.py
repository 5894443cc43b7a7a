"""The runner of cases, for the kits of both roles: tries a case and keeps its finding.

Rule 1: a case ends in a finding, whatever the node does. Only an exception from a bug of the kit propagates.
Rule 2: a deviation has to occur twice. A case that fails is tried once more; if it passes then, it is INCONCLUSIVE, so
        that a machine that stood still for a moment causes no deviation. If the stall detector (`still`) has seen a
        stall of half of a time-out, only the second try counts. Patient cases, which leave time enough, and the last
        ones, which leave a full spawner, are tried once.
Rule 3: a deviation that follows from others does not count while one of them fails: one defect is one failure.
Rule 4: the connections of a case are closed when it ends.
Rule 5: a failure while the node does not answer at all (`lives`) is not a deviation of the case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from ockam_fsm.conformance.report.findings import Finding, Reproduction, Severity, Verdict
from ockam_fsm.conformance.wire.case import Case, Manner
from ockam_fsm.conformance.wire.case_context import CaseContext, CaseOutcome, Deviation, Follows, KitRun, NotApplicable
from ockam_fsm.conformance.wire.cases.connections import writes
from ockam_fsm.conformance.wire.record import CaseRecord
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.raw_peer import at_most, now

L = TypeVar("L", bound=CaseContext)
ENDED = "the run was ended before this was tried"
OVER = "the time of the run (--limit) was over before this was tried"
After: TypeAlias = Callable[[L], Awaitable[None]]
Lives: TypeAlias = Callable[[], Awaitable[bool]]
"""Returns whether the node answers at all."""


async def nothing_after(context: CaseContext) -> None:
    """An `After` that does nothing."""


async def unasked() -> bool:
    """A `Lives` that assumes, without a probe, that the node answers."""
    return True


@dataclass(frozen=True)
class Tried:
    """The finding of a case. `follows`: as in `Follows`."""

    finding: Finding
    follows: bool = False

    @property
    def verdict(self) -> Verdict:
        return self.finding.verdict

    def once_only(self) -> Tried:
        return self.undecided(f"it failed once and passed when it was tried again: {self.finding.reason}")

    def undecided(self, reason: str) -> Tried:
        return Tried(replace(self.finding, verdict=Verdict.INCONCLUSIVE, reason=reason))


class Runner:
    """Runs cases and collects findings. `command`: starts the kit; reproductions repeat it for one case."""

    def __init__(self, run: KitRun, command: str, still: Callable[[float], float] = lambda since: 0.0) -> None:
        """`still`: returns the longest stall of node or machine since a time, in seconds."""
        self.run = run
        self.still = still
        self.command = command
        self.findings: list[Finding] = []
        self.following: list[Finding] = []
        self.explained = False

    async def attempt(
        self, one: Case, make: Callable[[], L], after: After[L] = nothing_after, lives: Lives = unasked
    ) -> None:
        """Try a case in a new context, and once more if it fails; then call `after` with its last context."""
        if now() >= self.run.deadline:
            self.found(one, Verdict.INCONCLUSIVE, OVER)
            return
        context, began = make(), now()
        try:
            tried = await self._try(one, context)
            if tried.verdict is Verdict.FAIL and not await lives():
                tried = tried.undecided(f"the node did not answer at all meanwhile: {tried.finding.reason}")
            elif tried.verdict is Verdict.FAIL and one.manner not in (Manner.PATIENT, Manner.LAST):
                context.close()
                context = make()
                excused = self.still(began) > self.run.target.shortest_seconds / 2
                again = await self._try(one, context)
                if again.verdict is Verdict.PASS:
                    tried = again if excused else tried.once_only()
            (self.following if tried.follows else self.findings).append(tried.finding)
            self.explained |= one.manner is Manner.ALONGSIDE and tried.verdict is Verdict.FAIL and not tried.follows
            await after(context)
        finally:
            context.close()

    async def alone(self, one: Case, context: CaseContext) -> Finding:
        """Try a case once more and return its finding, without recording it."""
        return (await self._try(one, context)).finding

    # Findings ---------------------------------------------------------------------------------------------------------

    def finding(self, one: Case) -> Finding | None:
        """The recorded finding of a case."""
        return next((found for found in (*self.findings, *self.following) if found.case == one.name), None)

    def verdict(self, one: Case) -> Verdict | None:
        found = self.finding(one)
        return found.verdict if found is not None else None

    def change(self, cases: Iterable[Case], how: Callable[[Finding], Finding | None]) -> None:
        """Replace the findings of these cases by the results of `how`; None removes a finding."""
        names = {one.name for one in cases}

        def changed(findings: list[Finding]) -> list[Finding]:
            new = (how(found) if found.case in names else found for found in findings)
            return [found for found in new if found is not None]

        self.findings, self.following = changed(self.findings), changed(self.following)

    async def _try(self, one: Case, context: CaseContext) -> Tried:
        left = max(0.1, self.run.deadline - now())
        context.case = one.name
        try:
            return self._tried(one, Verdict.PASS, await at_most(left, one.run(context)), context)
        except Deviation as error:
            tried = self._tried(one, Verdict.FAIL, error.reason, context, error.clause)
            return replace(tried, follows=isinstance(error, Follows))
        except NotApplicable as error:
            return self._tried(one, Verdict.NOT_APPLICABLE, error.reason)
        except (CaseOutcome, RemoteSessionError, LocalSessionError, OSError) as error:
            return self._tried(one, Verdict.INCONCLUSIVE, str(error) or type(error).__name__, context)
        except TimeoutError:
            reason = f"the time of the run (--limit) was over: {left:.0f} s were left for this case"
            return self._tried(one, Verdict.INCONCLUSIVE, reason, context)

    def _tried(
        self, one: Case, verdict: Verdict, reason: str, context: CaseContext | None = None, clause: str = ""
    ) -> Tried:
        return Tried(self._finding(one, verdict, reason, context, clause or one.clause, one.severity))

    def found(self, one: Case, verdict: Verdict, reason: str) -> None:
        """Record a finding for a case that was not tried."""
        self.findings.append(self._finding(one, verdict, reason, None, one.clause, one.severity))

    def harmed(self, one: Case, reason: str, verdict: Verdict, shown: Reproduction | None = None) -> None:
        """Record a finding for a case that has harmed the rest of the node (clause 14.4). `shown`: its messages."""
        shown = shown or CaseRecord().reproduction(one.name, one.name, one.tries, "")
        shown = replace(shown, command=self._command(one))
        self.findings.append(Finding("14.4", one.name, verdict, Severity.SAFETY, reason, shown))

    def _command(self, one: Case) -> str:
        return f"{self.command} --only {one.name}"

    def _finding(
        self, one: Case, verdict: Verdict, reason: str, context: CaseContext | None, clause: str, severity: Severity
    ) -> Finding:
        shown = None
        if context is not None and (context.record.moments or verdict is Verdict.FAIL):
            shown = context.record.reproduction(one.name, one.name, one.tries, self._command(one))
        return Finding(clause, one.name, verdict, severity, reason, shown)

    def gathered(self, cases: Iterable[Case]) -> list[Finding]:
        """All findings; cases that were not reached are INCONCLUSIVE."""
        found = [*self.findings, *self._following(), self._written()]
        reached = {finding.case for finding in found}
        rest = (one for one in cases if one.name not in reached)
        return [
            *found,
            *(self._finding(one, Verdict.INCONCLUSIVE, ENDED, None, one.clause, one.severity) for one in rest),
        ]

    def _following(self) -> list[Finding]:
        """The findings of rule 3: INCONCLUSIVE where another independent case fails, which may be their cause."""
        if not self.explained:
            return self.following
        reason = "a prerequisite step failed"
        return [replace(one, verdict=Verdict.INCONCLUSIVE, reason=f"{reason}: {one.reason}") for one in self.following]

    def _written(self) -> Finding:
        """The finding about the form of every message that the node wrote (14.1)."""
        try:
            verdict, reason = Verdict.PASS, writes(self.run)
        except Deviation as error:
            verdict, reason = Verdict.FAIL, error.reason
        except NotApplicable as error:
            verdict, reason = Verdict.NOT_APPLICABLE, error.reason
        return Finding("14.1", "writes", verdict, Severity.ROBUSTNESS, reason, self._shown_unwritable(verdict))

    def _shown_unwritable(self, verdict: Verdict) -> Reproduction | None:
        """The case in which the first wrong form came; any case, if it came before the first one."""
        case = self.run.unwritable_in or next((found.case for found in self.findings), "")
        if verdict is not Verdict.FAIL or not case:
            return None
        record = CaseRecord()
        record.note(self.run.unwritable)
        sentence = "The node writes messages of 4 elements in definite and shortest forms."
        return record.reproduction("writes", "writes", sentence, f"{self.command} --only {case}")

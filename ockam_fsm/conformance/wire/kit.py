"""Runs the cases against a node, in order, and gathers the report.

Rule 1: the run is bounded, and so is what one silent node costs: where its version byte or its sessions cannot be had,
        cases that need them are not tried one by one, and two hostile cases in a row before which the node does not
        answer end the run.
Rule 2: after a hostile case the bystander is asked. If it is harmed that is a finding of its own, about clause 14.4,
        with the case as its reproduction.
Rule 3: whatever happens every connection is closed in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ockam_fsm.conformance.findings import Expected, Finding, Report, Severity, Verdict
from ockam_fsm.conformance.wire import connections, generations, handshakes, timing
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.cases import Case, Manner
from ockam_fsm.conformance.wire.lab import Deviation, Lab, NotApplicable, Outcome, OutOfTime, Run, Undecided
from ockam_fsm.conformance.wire.talk import find_onward
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.edges.wire_peer import at_most, now, pause, together
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError

Progress = Callable[[int, int, str], None]
"""How many cases are done, of how many, and which one is next."""

SESSION_CASES: Sequence[Case] = (*handshakes.CASES, *generations.CASES, *timing.CASES)
ALL_CASES: Sequence[Case] = (*connections.CASES, *SESSION_CASES)
NEEDS_SESSIONS = {one.name for one in SESSION_CASES} - {"handshake"}
MOST_SILENT = 2

OWN_BUSINESS = "it shows at the application of the node only: judge it in process or by pipe"
AS_RESPONDER = "only initiators do that: run the kit with --as responder"
NOT_JUDGED = {
    "2.2": AS_RESPONDER,
    "2.4": "declarations are made at the node, not by wire",
    "3.1": OWN_BUSINESS,
    "3.2": AS_RESPONDER,
    "3.3": AS_RESPONDER,
    "3.4": AS_RESPONDER,
    "3.5": AS_RESPONDER,
    "3.10": OWN_BUSINESS,
    "4.6": "both ends would have to start at once, by orders at the node",
    "5.2": AS_RESPONDER,
    "5.3": "the responder's own negotiations begin with a failure that it decides by itself",
    "6.1": OWN_BUSINESS,
    "6.3": AS_RESPONDER,
    "6.4": AS_RESPONDER,
    "6.5": AS_RESPONDER,
    "6.6": OWN_BUSINESS,
    "7.1": OWN_BUSINESS,
    "7.2": OWN_BUSINESS,
    "7.5": OWN_BUSINESS,
    "10.2": "no stock node lets a peer make its handlers raise",
    "11.1": "sessions over sessions are built at the node",
}
OTHER_PROFILE = "profile {} does not say this, or this kind of session does not have it"


def chosen(target: Target, only: Iterable[str] = ()) -> list[Case]:
    """The cases that are tried: those of the target's profile, or of these those named."""
    wanted = set(only)
    mine = [one for one in ALL_CASES if target.profile.name in one.profiles]
    return [one for one in mine if not wanted or one.name in wanted]


class Kit:
    """One run against one target. `command` is how the user starts it; reproductions repeat it for one case."""

    def __init__(self, target: Target, command: str, progress: Progress, only: Iterable[str] = ()) -> None:
        self.target = target
        self.command = command
        self.progress = progress
        self.cases = chosen(target, only)
        self.findings: list[Finding] = []
        self.run = Run(target)
        self.bystander: Bystander | None = None
        self.no_session = self.given_up = ""
        self.silent = self.done = 0

    async def judge(self, expected: Sequence[Expected] = ()) -> Report:
        began = now()
        try:
            await self._first()
            for one in self._of(Manner.PLAIN, Manner.HOSTILE):
                await self._one(one)
            await together(self._patient(one) for one in self._of(Manner.PATIENT))
            # What fills the spawner for good comes after everything that needs a place in it.
            for one in sorted(self._of(Manner.LAST), key=lambda one: one.name == "capacity"):
                await self._one(one)
            self._written()
        finally:
            if self.bystander is not None:
                self.bystander.lab.close()
            await pause(0.01)  # what was aborted is closed in the next turns of the loop
        missing = {one: OTHER_PROFILE.format(self.target.profile.name) for one in _clauses()} | NOT_JUDGED
        return Report(self.target.name, self.findings, missing, expected, round(now() - began, 3))

    async def _first(self) -> None:
        """Whether there is a node at all, and how its sessions send data back."""
        lab = Lab(self.run)
        try:
            wire = await lab.wire()
            if {one.name for one in self.cases} & NEEDS_SESSIONS:
                await find_onward(lab, wire)
        except (Undecided, Deviation) as error:
            if not lab.wires:
                self.given_up = f"the node cannot be reached: {error.reason}"
            elif not self.run.heard and "version" in error.reason:
                self.given_up = error.reason
            else:
                self.no_session = error.reason
        finally:
            lab.close()
        self.bystander = Bystander(self.run, with_session=not self.no_session)

    def _of(self, *manners: Manner) -> list[Case]:
        return [one for one in self.cases if one.manner in manners]

    async def _one(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if not self._skipped(one):
            lab = Lab(self.run)
            hostile = one.manner is not Manner.PLAIN and self.bystander is not None
            if not hostile or await self._undisturbed(one):
                await self._try(one, lab)
                if hostile:
                    await self._after(one, lab)
        self.done += 1

    async def _patient(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if not self._skipped(one):
            await self._try(one, Lab(self.run))
        self.done += 1
        self.progress(self.done, len(self.cases), one.name)

    def _skipped(self, one: Case) -> bool:
        """Whether there is no use in trying it, which is then said."""
        reason = self.given_up if one.name != "version-byte" or "reached" in self.given_up else ""
        if not reason and one.name in NEEDS_SESSIONS:
            reason = self.no_session
        if reason:
            self._found(one, Verdict.INCONCLUSIVE, reason, None)
        elif why := one.lacks(self.target):
            self._found(one, Verdict.NOT_APPLICABLE, why, None)
        else:
            return False
        return True

    async def _undisturbed(self, one: Case) -> bool:
        """Whether the node answers before a hostile case."""
        assert self.bystander is not None
        try:
            problem = await self.bystander.ready()
        except OutOfTime as error:
            problem = error.reason
        self.silent = self.silent + 1 if problem else 0
        if self.silent >= MOST_SILENT:
            self.given_up = f"the node does not answer any more: {problem}"
        if problem:
            self._found(one, Verdict.INCONCLUSIVE, f"before it the node does not answer: {problem}", None)
        return not problem

    async def _try(self, one: Case, lab: Lab) -> None:
        left = max(0.1, self.run.deadline - now())
        try:
            reason = await at_most(left, one.run(lab))
            self._found(one, Verdict.PASS, reason, lab)
        except Deviation as error:
            self._found(one, Verdict.FAIL, error.reason, lab, error.clause)
        except NotApplicable as error:
            self._found(one, Verdict.NOT_APPLICABLE, error.reason, None)
        except (Outcome, RemoteSessionError, LocalSessionError, OSError) as error:
            self._found(one, Verdict.INCONCLUSIVE, str(error) or type(error).__name__, lab)
        except TimeoutError:
            self._found(one, Verdict.INCONCLUSIVE, f"the time of the run was over: {left:.0f} s were left for it", lab)
        finally:
            lab.close()

    async def _after(self, one: Case, lab: Lab) -> None:
        """Rule 2."""
        assert self.bystander is not None
        try:
            problem = await self.bystander.harmed()
        except OutOfTime:
            return
        if problem:
            shown = lab.record.reproduction(one.name, one.name, one.tries, f"{self.command} --only {one.name}")
            reason = f"after {one.name}: {problem}"
            self.findings.append(Finding("14.4", one.name, Verdict.FAIL, Severity.SAFETY, reason, shown))

    def _written(self) -> None:
        try:
            verdict, reason = Verdict.PASS, connections.writes(self.run)
        except Deviation as error:
            verdict, reason = Verdict.FAIL, error.reason
        except NotApplicable as error:
            verdict, reason = Verdict.NOT_APPLICABLE, error.reason
        self.findings.append(Finding("14.1", "writes", verdict, Severity.ROBUSTNESS, reason))

    def _found(self, one: Case, verdict: Verdict, reason: str, lab: Lab | None, clause: str = "") -> None:
        command = f"{self.command} --only {one.name}"
        shown = None
        if lab is not None and lab.record.moments:
            shown = lab.record.reproduction(one.name, one.name, one.tries, command)
        self.findings.append(Finding(clause or one.clause, one.name, verdict, one.severity, reason, shown))


def _clauses() -> Sequence[str]:
    from ockam_fsm.conformance.clauses import CLAUSES

    return [clause.id for clause in CLAUSES]

"""Finds the case that has harmed the node, by trying the suspected ones alone.

Theory: a node may answer for a moment after a harmful case and end later. Cases in between pass, and the next one is
suspected. So the rest of the node is probed at once and again later, and harm is attributed only once it is confirmed.

Rule 1: the suspects are the cases since the last harm, the latest first, up to `MOST_SUSPECTS`. Each is tried alone on
        a node that answers again, by itself or by `--restart`, and the node is watched for as long as the harm took to
        show.
Rule 2: the first suspect that causes harm again fails. Where none does, the harm is INCONCLUSIVE.
Rule 3: a node that does not come back cannot be tested. It counts as dead since the last case before which it answered;
        this is reported once, as an unconfirmed failure, and cases that were not tried are INCONCLUSIVE.
Rule 4: one defect is one failure. A case that kills the node fails by that alone; where a case only blocks the rest of
        the node, its own failure is the only one.
Rule 5: a case after which the node dies does not pass.
Source: clause 14.4 (S14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ockam_fsm.conformance.report.findings import Finding, Verdict
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.case import Case, Manner
from ockam_fsm.conformance.wire.case_context import CaseContext, KitRun
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.net.raw_peer import now, pause

POLL_SECONDS = 0.2
LEAST_STEP_SECONDS = 0.25
"""The shortest interval between two probes of the rest of the node."""
MOST_NAMED = 10
MOST_SUSPECTS = 12
"""The largest number of cases that are tried alone for one harm."""
CROWDING = {"hello-flood"}
"""The cases that make many sessions at once."""
HELD_UP_TRIES = 2
"""How often blocked connections are probed again, each time for twice the patience."""
NOT_BACK = "the node does not answer, and does not come back"
MOST_WATCHED_SECONDS = 10.0
"""The longest time for which the node is watched after a suspect was tried alone."""

Restart = Callable[[], Awaitable[None]]
"""Starts the node under test again."""


@dataclass(frozen=True)
class Suspect:
    case: Case
    ended: float


class Harm:
    """The search for harmful cases. `restart` None: the kit cannot start the node again."""

    def __init__(self, run: KitRun, runner: Runner, bystander: Bystander, restart: Restart | None) -> None:
        self.run, self.runner, self.bystander, self.restart = run, runner, bystander, restart
        self.suspects: list[Suspect] = []
        self.deadly: list[str] = []
        """The cases that have killed the node, by name."""
        self.notes: list[str] = []
        self.dead = ""
        """Why nothing else can be tried; empty while the node answers."""

    async def watch(self, one: Case) -> None:
        """Probe the rest of the node after a case: at once, and again later unless the case is plain."""
        self.suspects.append(Suspect(one, now()))
        if problem := await self._harmed(one, self._linger_seconds(one)):
            await self.judge(problem)

    async def well(self, problem: str) -> bool:
        """Whether the node answers, or answers again, after `problem` was found before a case."""
        if self.suspects:
            await self.judge(problem)
        if not self.dead and await self.bystander.ready() and not await self.revived():
            self._gone(f"the node has been dead since case {self.deadly[-1]}" if self.deadly else NOT_BACK)
        return not self.dead

    async def judge(self, problem: str) -> None:
        """Find the case that has harmed the rest of the node, and record the finding. `problem`: the harm."""
        found, suspects, last = now(), self.suspects[: -1 - MOST_SUSPECTS : -1], self.suspects[-1].case
        goes_on = await self._goes_on(last)
        held_up, died = goes_on or self.bystander.held_up, not goes_on and bool(await self._unwell())
        if died and not await self.revived():
            self._stays_away(last, problem)
            return
        self.suspects.clear()
        tried = 0
        for suspect in suspects:
            if now() >= self.run.deadline or (await self._unwell() and not await self.revived()):
                break
            tried += 1
            if again := await self._does_it_again(suspect, found):
                self._guilty(suspect.case, again, died, held_up)
                return
        alone = f"not confirmed when {tried} of the {len(suspects)} latest cases were tried alone"
        self.runner.harmed(last, f"after {last.name}: {problem}; {alone}", Verdict.INCONCLUSIVE)

    async def revived(self) -> bool:
        """Whether the node answers again: by itself, as a supervised node does, or after `restart`."""
        if await self._comes_back(self.run.target.pace.patience_seconds):
            return True
        return self.restart is not None and await self.renewed(self.restart)

    async def renewed(self, restart: Restart) -> bool:
        """Start the node again. Return whether it answers then."""
        await restart()
        return await self._comes_back(self.run.target.pace.start_seconds)

    async def _comes_back(self, seconds: float) -> bool:
        until = now() + seconds
        while await self._unwell():
            if now() >= until:
                return False
            await pause(POLL_SECONDS)
        return True

    async def _unwell(self) -> str:
        return await self.bystander.ready() or await self.bystander.newcomer()

    async def _goes_on(self, after: Case) -> bool:
        """Whether the bystander answers after all. Blocked connections get more time."""
        for _ in range(HELD_UP_TRIES if self.bystander.witnesses else 0):
            if not await self.bystander.missing():
                return after.manner is Manner.LAST or not await self.bystander.newcomer()
            if not self.bystander.held_up:
                break
        return False

    async def _harmed(self, after: Case, seconds: float) -> str:
        """The harm to the rest of the node, now or within `seconds` (0: now only); empty if there is none. Probes are
        frequent enough to keep the sessions alive."""
        until, step = now() + seconds, max(LEAST_STEP_SECONDS, self.bystander.believed_seconds / 3)
        while not (problem := await self.bystander.harmed()) and (left := until - now()) > 0:
            await pause(min(left, step))
        if not problem and seconds and after.manner is not Manner.LAST:
            problem = await self.bystander.newcomer()
        return problem

    def _linger_seconds(self, one: Case) -> float:
        return 0.0 if one.manner is Manner.PLAIN else self.run.target.pace.linger_seconds

    async def _does_it_again(self, suspect: Suspect, found: float) -> str:
        """Try a suspect alone on a node that answers. Return the harm. If there is none, return "" and keep the finding
        of this try."""
        context = CaseContext(self.run)
        try:
            finding = await self.runner.alone(suspect.case, context)
            had = min(found - suspect.ended, MOST_WATCHED_SECONDS)
            problem = await self._harmed(suspect.case, had + self.run.target.pace.linger_seconds)
        finally:
            context.close()
        if not problem:
            self.runner.change([suspect.case], partial(_better, finding))
        return problem

    def _guilty(self, one: Case, problem: str, died: bool, held_up: bool) -> None:
        if died:
            self.deadly.append(one.name)
        elif held_up and self.runner.verdict(one) is Verdict.FAIL:
            return  # Rule 4: its own failure is that it blocks everything
        self._accuse(one, f"after {one.name}, also when it was tried alone: {problem}", died)

    def _stays_away(self, last: Case, problem: str) -> None:
        """Record that the node does not come back (rule 3). After a flood of hellos its spawner may only be full."""
        crowds = any(one.case.name in CROWDING or one.case.manner is Manner.LAST for one in self.suspects)
        self.suspects.clear()
        if self.bystander.starved and (crowds or self.bystander.full):
            self._gone(f"no session can be opened since case {last.name}: the spawner may be full (--capacity)")
            self.runner.harmed(last, f"{self.dead}; {problem}", Verdict.INCONCLUSIVE)
            return
        self.deadly.append(last.name)
        self._gone(f"the node has been dead since case {last.name}")
        self._accuse(last, f"{self.dead}: {problem} (not confirmed: it was not tried alone)", died=True)

    def _gone(self, why: str) -> None:
        self.dead = why
        remedy = "" if self.restart is not None else " --restart COMMAND starts it again and goes on."
        self.notes.append(f"{why[0].upper()}{why[1:]}.{remedy}")

    def _accuse(self, one: Case, reason: str, died: bool) -> None:
        """Record that a case has harmed the node (rules 4 and 5)."""
        own = self.runner.finding(one)
        if own is not None and own.verdict is Verdict.FAIL and own.clause == "14.4":
            reason = f"{own.reason}; {reason}"
            self.runner.change([one], lambda before: None)
        elif died:
            self.runner.change([one], lambda before: undecided(before, "the node died after this case"))
        self.runner.harmed(one, reason, Verdict.FAIL, own.reproduction if own is not None else None)

    # Cases that run at the same time ----------------------------------------------------------------------------------

    async def outlived(self, cases: Sequence[Case], fallen: bool) -> list[Case]:
        """Of cases that ran at the same time, those that have to be tried again one by one.

        `fallen`: the node did not answer meanwhile, so that some cases were not judged.
        """
        if self.dead or not cases:
            return []
        if not await self.bystander.ready() or await self._comes_back(self.run.target.pace.patience_seconds):
            left = [one for one in cases if fallen and self.runner.verdict(one) is Verdict.INCONCLUSIVE]
        elif self.restart is not None and await self.renewed(self.restart):
            left = list(cases)
        else:
            self._all_lost(cases)
            return []
        self.runner.change(left, lambda before: None)
        return left

    def _all_lost(self, cases: Sequence[Case]) -> None:
        names = ", ".join(one.name for one in cases[:MOST_NAMED])
        more = f" and {len(cases) - MOST_NAMED} more" if len(cases) > MOST_NAMED else ""
        self._gone(f"the node has been dead since one of the cases that ran at the same time: {names}{more}")
        self.runner.change(cases, lambda before: undecided(before, "the node died meanwhile"))
        self.runner.harmed(cases[-1], self.dead, Verdict.FAIL)


def _better(now_found: Finding, before: Finding) -> Finding:
    """The finding of a case that caused no harm when tried alone: the second one, but a failure only if it occurred
    twice."""
    fails_first = now_found.verdict is Verdict.FAIL and before.verdict is not Verdict.FAIL
    return before if fails_first else now_found


def undecided(before: Finding, why: str) -> Finding:
    """A finding of a case during which the node died: INCONCLUSIVE, unless it is NOT APPLICABLE."""
    if before.verdict is Verdict.NOT_APPLICABLE:
        return before
    return replace(before, verdict=Verdict.INCONCLUSIVE, reason=f"{why}; before that: {before.reason}")

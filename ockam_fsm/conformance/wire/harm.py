"""Which case has harmed the node: found by trying the suspected ones alone.

Theory: a node may answer for a moment and then be gone. What is tried meanwhile goes well, and what is tried next looks
guilty. So the rest of the node is asked at once and again later, and a harm is nobody's until it is confirmed.

Rule 1: the suspects are the cases since the last harm, the latest first, up to `MOST_SUSPECTS`. Each is tried alone on
        a node that is well again, by itself or by `--restart`, and is watched for as long as it had before the harm was
        seen.
Rule 2: the first that does it again is guilty. Where none does, nothing is decided, and nobody is accused.
Rule 3: a node that stays away cannot be asked. It is dead since the last case before which it was well; that is said
        once, as a failure that was not confirmed, and what was not tried is inconclusive.
Rule 4: one mistake is one failure. What a case fails by the death that it has caused is that death; where the rest of
        the node was only held up, the case's own failure is all there is.
Rule 5: a case after which the node dies has not passed.
Source: clause 14.4 (S14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ockam_fsm.conformance.report.findings import Finding, Verdict
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.case import Case, Manner
from ockam_fsm.conformance.wire.case_context import CaseContext, Run
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.net.raw_peer import now, pause

POLL_SECONDS = 0.2
LEAST_STEP_SECONDS = 0.25
"""The rest of the node is not asked more often than this."""
MOST_NAMED = 10
MOST_SUSPECTS = 12
"""So many cases are tried alone for one harm."""
CROWDING = {"hello-flood"}
"""The cases that make many sessions at once."""
HELD_UP_TRIES = 2
"""Each waits for twice the patience."""
NOT_BACK = "your node does not come back"
MOST_WATCHED_SECONDS = 10.0
"""A suspect is watched no longer than this when it is tried alone."""

Restart = Callable[[], Awaitable[None]]
"""Start the node under test again, by whatever means."""


@dataclass(frozen=True)
class Suspect:
    case: Case
    ended: float


class Harm:
    """`restart` None: nobody can start the node again."""

    def __init__(self, run: Run, runner: Runner, bystander: Bystander, restart: Restart | None) -> None:
        self.run, self.runner, self.bystander, self.restart = run, runner, bystander, restart
        self.suspects: list[Suspect] = []
        self.deadly: list[str] = []
        """The cases that have killed the node, by name."""
        self.notes: list[str] = []
        self.dead = ""
        """Why nothing can be tried any more, once that is so."""

    async def watch(self, one: Case) -> None:
        """After a case: at once, and once more later, where it is one that may do harm."""
        self.suspects.append(Suspect(one, now()))
        if problem := await self._harmed(one, self._linger_seconds(one)):
            await self.judge(problem)

    async def well(self, problem: str) -> bool:
        """Whether the node is well, or has become so again, when before a case `problem` was found."""
        if self.suspects:
            await self.judge(problem)
        if not self.dead and await self.bystander.ready() and not await self.revived():
            self._gone(f"your node has been dead since case {self.deadly[-1]}" if self.deadly else NOT_BACK)
        return not self.dead

    async def judge(self, problem: str) -> None:
        """The rest of the node is not as before: `problem`. Find out whose doing it is."""
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
        alone = f"not again when {tried} of the {len(suspects)} cases until then were tried alone"
        self.runner.harmed(last, f"after {last.name}: {problem}; {alone}", Verdict.INCONCLUSIVE)

    async def revived(self) -> bool:
        """Whether the node is well again: by itself, as nodes that are supervised are, or because it was restarted."""
        if await self._comes_back(self.run.target.pace.patience_seconds):
            return True
        return self.restart is not None and await self.renewed(self.restart)

    async def renewed(self, restart: Restart) -> bool:
        """Whether the node is well once it was started again."""
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
        """Whether those that did not answer do, after all. What is only held up is given time to."""
        for _ in range(HELD_UP_TRIES if self.bystander.witnesses else 0):
            if not await self.bystander.missing():
                return after.manner is Manner.LAST or not await self.bystander.newcomer()
            if not self.bystander.held_up:
                break
        return False

    async def _harmed(self, after: Case, seconds: float) -> str:
        """At once, and until so many seconds later (0: only at once). Asked often enough, a session stays alive."""
        until, step = now() + seconds, max(LEAST_STEP_SECONDS, self.bystander.believed_seconds / 3)
        while not (problem := await self.bystander.harmed()) and (left := until - now()) > 0:
            await pause(min(left, step))
        if not problem and seconds and after.manner is not Manner.LAST:
            problem = await self.bystander.newcomer()
        return problem

    def _linger_seconds(self, one: Case) -> float:
        return 0.0 if one.manner is Manner.PLAIN else self.run.target.pace.linger_seconds

    async def _does_it_again(self, suspect: Suspect, found: float) -> str:
        """Try it alone on a node that is well. What it has done; empty: nothing, and its finding is this try's."""
        lab = CaseContext(self.run)
        try:
            finding = await self.runner.alone(suspect.case, lab)
            had = min(found - suspect.ended, MOST_WATCHED_SECONDS)
            problem = await self._harmed(suspect.case, had + self.run.target.pace.linger_seconds)
        finally:
            lab.close()
        if not problem:
            self.runner.change([suspect.case], partial(_better, finding))
        return problem

    def _guilty(self, one: Case, problem: str, died: bool, held_up: bool) -> None:
        if died:
            self.deadly.append(one.name)
        elif held_up and self.runner.verdict(one) is Verdict.FAIL:
            return  # Rule 4: that it holds up everything is what it fails by
        self._accuse(one, f"after {one.name}, also when it was tried alone: {problem}", died)

    def _stays_away(self, last: Case, problem: str) -> None:
        """Rule 3. A spawner that is full has a right to be; after a flood of hellos it may be."""
        crowds = any(one.case.name in CROWDING or one.case.manner is Manner.LAST for one in self.suspects)
        self.suspects.clear()
        if self.bystander.starved and (crowds or self.bystander.full):
            self._gone(f"no session can be had since case {last.name}: the spawner may be full (--capacity)")
            self.runner.harmed(last, f"{self.dead}; {problem}", Verdict.INCONCLUSIVE)
            return
        self.deadly.append(last.name)
        self._gone(f"your node has been dead since case {last.name}")
        self._accuse(last, f"{self.dead}: {problem} (it was not tried alone after that)", died=True)

    def _gone(self, why: str) -> None:
        self.dead = why
        remedy = "" if self.restart is not None else " --restart COMMAND starts it again and goes on."
        self.notes.append(f"{why[0].upper()}{why[1:]}.{remedy}")

    def _accuse(self, one: Case, reason: str, died: bool) -> None:
        """Rules 4 and 5."""
        own = self.runner.finding(one)
        if own is not None and own.verdict is Verdict.FAIL and own.clause == "14.4":
            reason = f"{own.reason}; {reason}"
            self.runner.change([one], lambda before: None)
        elif died:
            self.runner.change([one], lambda before: undecided(before, "the node died of it"))
        self.runner.harmed(one, reason, Verdict.FAIL, own.reproduction if own is not None else None)

    # Cases that run at the same time ----------------------------------------------------------------------------------

    async def outlived(self, cases: Sequence[Case], fallen: bool) -> list[Case]:
        """After cases that ran at the same time: those that have to be tried again, one by one.

        `fallen`: it was seen not to answer, so that some of them were not judged.
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
        self._gone(f"your node has been dead since one of the cases that ran at the same time: {names}{more}")
        self.runner.change(cases, lambda before: undecided(before, "the node died meanwhile"))
        self.runner.harmed(cases[-1], self.dead, Verdict.FAIL)


def _better(now_found: Finding, before: Finding) -> Finding:
    """What an innocent case finds on a node that is well counts; a failure only if it is the second one."""
    fails_first = now_found.verdict is Verdict.FAIL and before.verdict is not Verdict.FAIL
    return before if fails_first else now_found


def undecided(before: Finding, why: str) -> Finding:
    """What was found is the node's death, not the case's outcome."""
    if before.verdict is Verdict.NOT_APPLICABLE:
        return before
    return replace(before, verdict=Verdict.INCONCLUSIVE, reason=f"{why}; before that: {before.reason}")

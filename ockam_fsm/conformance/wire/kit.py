"""Runs the cases against a node, in order, and gathers the report.

Rule 1: the run is bounded, and so is what one silent node costs: where its version byte or its sessions cannot be had,
        cases that need them are not tried one by one, and two hostile cases in a row before which the node does not
        answer end the run.
Rule 2: after each case the bystander is asked, after a hostile one at once and again later. Whose doing a harm is,
        harm.py finds out; it is a finding of its own, about clause 14.4, with the case as its reproduction.
Rule 3: whatever happens every connection is closed in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from ockam_fsm.conformance.report.clauses import BY_ID
from ockam_fsm.conformance.report.findings import Expected, Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.case import EVERYTHING, Case, Choice, Manner, no_spawner
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    NotApplicable,
    NoVersion,
    Outcome,
    OutOfTime,
    Run,
    Undecided,
    fresh,
    no_connection,
)
from ockam_fsm.conformance.wire.cases import (
    connections,
    destinations,
    generations,
    handshakes,
    leaks,
    publishers,
    streams,
    table_cases,
    timing,
)
from ockam_fsm.conformance.wire.client_session import find_onward
from ockam_fsm.conformance.wire.harm import CROWDING, Harm, Restart
from ockam_fsm.conformance.wire.runner import Runner
from ockam_fsm.conformance.wire.stall_detector import StallDetector
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import RawListener, at_most, beside, now, pause, together
from ockam_fsm.net.routes import tcp
from ockam_fsm.tools.clock import utc_minute

Progress = Callable[[int, int, str], None]
"""How many cases are done, of how many, and which one is next."""

SESSION_CASES: Sequence[Case] = (*handshakes.CASES, *leaks.CASES, *generations.CASES, *timing.CASES)
STREAM_CASES: Sequence[Case] = (*streams.CASES, *publishers.CASES)
PLAIN_CASES: Sequence[Case] = (*connections.CASES, *destinations.CASES, *STREAM_CASES)
ALL_CASES: Sequence[Case] = (*PLAIN_CASES, *SESSION_CASES)
NAME_NO_SESSION = {one.name for one in PLAIN_CASES}
NEED_NO_SESSION = NAME_NO_SESSION | {"handshake"}
MOST_SILENT = 2
GRACE_SECONDS = 1.0
"""For what a case has to close when the time of the run is over; what is not closed then is ended."""
AT_ONCE = 24
"""More would keep each other, and the node, from their time-outs."""

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
    "6.1": OWN_BUSINESS,
    "6.3": AS_RESPONDER,
    "6.4": AS_RESPONDER,
    "6.5": AS_RESPONDER,
    "6.6": OWN_BUSINESS,
    "7.1": OWN_BUSINESS,
    "7.2": OWN_BUSINESS,
    "7.5": OWN_BUSINESS,
    "10.2": "whether a handler has raised does not show by wire; what it takes with it does, and is judged at 14.4",
    "11.1": "sessions over sessions are built at the node",
    "12.2": "publishers do that: run the kit with --as stream --profile generation",
}
OTHER_PROFILE = "profile {} does not say this, or this kind of session does not have it"


def chosen(target: Target, choice: Choice = EVERYTHING) -> list[Case]:
    """The cases that are tried: those of the target's profile, as chosen."""
    every = (*ALL_CASES, *table_cases.cases_of(target))
    return choice.of(one for one in every if target.profile.name in one.profiles)


class Kit:
    """One run against one target. `command`: see `Runner`. `restart`: starts the node again, if anybody can."""

    def __init__(
        self, target: Target, command: str, progress: Progress, choice: Choice = EVERYTHING,
        restart: Restart | None = None,
    ) -> None:  # fmt: skip
        self.target = target
        self.progress = progress
        self.cases = chosen(target, choice)
        self.deadly = [one for one in self.cases if one.name in choice.last]
        self.run = Run(target)
        self.pulse = StallDetector(self.run)
        self.runner = Runner(self.run, command, self.pulse.longest_seconds)
        self.bystander = Bystander(self.run, with_session=True)
        self.harm = Harm(self.run, self.runner, self.bystander, restart)
        self.contact: RawListener | None = None
        self.no_session = self.no_way_back = self.given_up = ""
        self.exempt: set[str] = set()
        self.was_well = self.fallen = False
        """The node was well once; it answered nothing while several cases ran at the same time."""
        self.silent = self.done = 0
        self.began = now()

    async def judge(self, expected: Sequence[Expected] = ()) -> Report:
        try:
            with suppress(TimeoutError):
                await at_most(self.target.pace.run_seconds + GRACE_SECONDS, self._whole())
        finally:
            self.bystander.close()
            if self.contact is not None:
                self.contact.close()
            await pause(0.01)  # what was aborted is closed in the next turns of the loop
        return self.report(expected)

    def report(self, expected: Sequence[Expected] = ()) -> Report:
        """What is known by now: of a run that was ended early, too."""
        missing = {one: OTHER_PROFILE.format(self.target.profile.name) for one in BY_ID} | NOT_JUDGED
        findings = self.runner.gathered(self.cases)
        return Report(
            self.target.name, findings, missing, expected, round(now() - self.began, 3), self.harm.notes,
            self.runner.command, utc_minute(),
        )  # fmt: skip

    async def _whole(self) -> None:
        await self._first()
        async with beside(self._pulse()):
            await self._all()

    async def _all(self) -> None:
        # What makes many sessions comes after what makes few: a spawner may be small.
        for one in sorted(self._of(Manner.PLAIN, Manner.HOSTILE), key=lambda one: one.name in CROWDING):
            await self._one(one)
        await self._group(self._of(Manner.PATIENT))
        await self._group(self._of(Manner.ALONGSIDE), AT_ONCE)
        # What fills the spawner for good comes after everything that needs a place in it.
        for one in sorted(self._of(Manner.LAST), key=lambda one: one.name == "capacity"):
            await self._one(one)
        if self.deadly and self.done and self.harm.restart is not None:
            await self.harm.renewed(self.harm.restart)
        for one in self.deadly:
            await self._one(one)

    async def _group(self, cases: list[Case], at_once: int | None = None) -> None:
        """Several cases at the same time."""
        self.fallen = False
        await together((self._beside(one) for one in cases), at_once)
        with suppress(OutOfTime):
            if self.was_well:
                for one in await self.harm.outlived(cases, self.fallen):
                    self.done -= 1
                    await self._one(one)

    async def _pulse(self) -> None:
        if self.target.echo and not self.given_up:
            await self.pulse.beat()

    async def _first(self) -> None:
        """Whether there is a node at all, and how its sessions send data back."""
        lab = CaseContext(self.run)
        try:
            wire = await lab.wire()
            await self._be_reachable(lab)
            if self.target.spawner:
                await find_onward(lab, wire)  # for the bystander, whatever is tried
        except NoVersion as error:
            self.given_up, self.exempt = error.reason, {"version-byte"}
        except (Undecided, Deviation) as error:
            if not lab.wires:
                self.given_up = f"the node cannot be reached: {error.reason}"
            elif self.contact is not None and not await self._connects(lab, self.contact):
                self.no_way_back = no_connection(self.contact.where)
            else:
                self.no_session = error.reason
        finally:
            lab.close()
        named = bool(self.target.spawner)
        self.bystander.with_session = named and not (self.no_session or self.no_way_back)

    async def _be_reachable(self, lab: CaseContext) -> None:
        """In two-sided sessions the node may want to negotiate by itself: somebody listens, and says nothing."""
        if self.target.session_type.renegotiation is Renegotiation.TWO_SIDED:
            with suppress(NotApplicable):  # then it was given a route at its start, or answers no hello
                self.contact = await lab.listen()
                lab.listeners.remove(self.contact)
                self.run.contact = (tcp(self.contact.where), fresh("contact"))

    async def _connects(self, lab: CaseContext, contact: RawListener) -> bool:
        """Whether the node connects to the kit for a message of the kit. A two-sided hello asks it to."""
        lab.wires[0].send((tcp(contact.where), fresh()), b"", (), "to tcp://kit")
        try:
            (await contact.next(lab.patience)).abort()
        except TimeoutError:
            return False
        return True

    def _of(self, *manners: Manner) -> list[Case]:
        return [one for one in self.cases if one.manner in manners and one not in self.deadly]

    async def _one(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if not self._skipped(one) and await self._undisturbed(one):
            await self.runner.attempt(one, self._lab, partial(self._after, one))
        self.done += 1

    async def _beside(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if self.fallen:
            self.runner.found(one, Verdict.INCONCLUSIVE, "the node answers nothing meanwhile")
        elif not self._skipped(one):
            await self.runner.attempt(one, self._lab, lives=self._lives)
        self.done += 1
        self.progress(self.done, len(self.cases), one.name)

    async def _lives(self) -> bool:
        """Whether the node answers on a new connection."""
        lab = self._lab()
        try:
            self.fallen = self.fallen or not await (await lab.wire()).echoes()
        except Outcome:
            self.fallen = True
        finally:
            lab.close()
        return not self.fallen

    def _skipped(self, one: Case) -> bool:
        """Whether there is no use in trying it, which is then said. First what the target lacks: that stays so."""
        if why := one.lacks(self.target) or ("" if one.name in NAME_NO_SESSION else no_spawner(self.target)):
            self.runner.found(one, Verdict.NOT_APPLICABLE, why)
        elif reason := self._hopeless(one):
            self.runner.found(one, Verdict.INCONCLUSIVE, reason)
        elif one.name not in NAME_NO_SESSION and self.no_way_back:
            self.runner.found(one, Verdict.NOT_APPLICABLE, self.no_way_back)
        else:
            return False
        return True

    def _hopeless(self, one: Case) -> str:
        """Why a case would only wait for the node."""
        given_up = "" if one.name in self.exempt else self.given_up
        return self.harm.dead or given_up or ("" if one.name in NEED_NO_SESSION else self.no_session)

    async def _undisturbed(self, one: Case) -> bool:
        """Whether the node answers before a case. What has never answered is tried all the same, if nothing hostile."""
        try:
            # Once more: a machine that stood still is no harm, and to look for one takes long.
            problem = await self.bystander.ready() and await self.bystander.ready()
            if problem and self.was_well and one.manner is not Manner.LAST:
                problem = "" if await self.harm.well(problem) else self.harm.dead
        except OutOfTime as error:
            problem = error.reason
        self.was_well |= not problem
        if one.manner is Manner.PLAIN and not self.was_well:
            return True
        self.silent = self.silent + 1 if problem else 0
        if self.silent >= MOST_SILENT:
            self.given_up = self.given_up or f"the node does not answer any more: {problem}"
        if problem:
            why = self.harm.dead or f"before it the node does not answer: {problem}"
            self.runner.found(one, Verdict.INCONCLUSIVE, why)
        return not problem

    async def _after(self, one: Case, lab: CaseContext) -> None:
        """Rule 2."""
        with suppress(OutOfTime):
            if self.was_well:
                await self.harm.watch(one)

    def _lab(self) -> CaseContext:
        return CaseContext(self.run)

"""Runs the cases against a node, in order, and makes the report.

Rule 1: the run is bounded, also for a silent node: where it sends no version byte or opens no sessions, cases that need
        them are not tried, and two cases in a row before which the node does not answer end the run.
Rule 2: after each case the bystander is probed, after a hostile one at once and again later. harm.py finds the case
        that has harmed it; this is a separate finding about clause 14.4, with the case as its reproduction.
Rule 3: every connection is closed in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from ockam_fsm.conformance.report.clauses import BY_ID
from ockam_fsm.conformance.report.findings import Expected, Verdict
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.wire.bystander import Bystander
from ockam_fsm.conformance.wire.case import EVERYTHING, Case, CaseSelection, Manner, no_spawner
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    CaseOutcome,
    Deviation,
    KitRun,
    NotApplicable,
    NoVersion,
    OutOfTime,
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
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.machines.vocabulary import Renegotiation
from ockam_fsm.net.raw_peer import RawListener, at_most, beside, now, pause, together
from ockam_fsm.net.routes import tcp
from ockam_fsm.tools.clock import utc_minute

ShowProgress = Callable[[int, int, str], None]
"""Reports the number of cases done, the number of all cases, and the name of the next one."""

SESSION_CASES: Sequence[Case] = (*handshakes.CASES, *leaks.CASES, *generations.CASES, *timing.CASES)
STREAM_CASES: Sequence[Case] = (*streams.CASES, *publishers.CASES)
PLAIN_CASES: Sequence[Case] = (*connections.CASES, *destinations.CASES, *STREAM_CASES)
ALL_CASES: Sequence[Case] = (*PLAIN_CASES, *SESSION_CASES)
NAME_NO_SESSION = {one.name for one in PLAIN_CASES}
NEED_NO_SESSION = NAME_NO_SESSION | {"handshake"}
MOST_SILENT = 2
GRACE_SECONDS = 1.0
"""How long a case may take to close its connections after the time of the run is over."""
AT_ONCE = 24
"""The number of independent cases at a time: more would delay each other and the node beyond time-outs."""

NOT_ON_THE_WIRE = "it shows only at the application of the node; judge it in process or by pipe"
AS_RESPONDER = "it is about initiators; run the kit with --as responder"
NOT_JUDGED = {
    "2.2": AS_RESPONDER,
    "2.4": "session types are declared at the node, not on the wire",
    "3.1": NOT_ON_THE_WIRE,
    "3.2": AS_RESPONDER,
    "3.3": AS_RESPONDER,
    "3.4": AS_RESPONDER,
    "3.10": NOT_ON_THE_WIRE,
    "4.6": "both ends would have to start at once, which takes orders at the node",
    "5.2": AS_RESPONDER,
    "6.1": NOT_ON_THE_WIRE,
    "6.3": AS_RESPONDER,
    "6.4": AS_RESPONDER,
    "6.6": NOT_ON_THE_WIRE,
    "7.1": NOT_ON_THE_WIRE,
    "7.2": NOT_ON_THE_WIRE,
    "7.5": NOT_ON_THE_WIRE,
    "10.2": "an exception of a handler does not show on the wire; its effect on other workers is judged by 14.4",
    "11.1": "sessions over sessions are configured at the node",
    "12.2": "it is about publishers; run the kit with --as stream --profile generation",
}
OF_STARTERS = dict.fromkeys(
    ("3.5", "6.5"), "it is about ends that negotiate: initiators (--as responder) and two-sided responders"
)
OTHER_PROFILE = "it does not apply to profile {}, to this session type or to the declared addresses"


def selected_cases(target: NodeUnderTest, choice: CaseSelection = EVERYTHING) -> list[Case]:
    """The cases of the target's profile, as selected by `choice`."""
    every = (*ALL_CASES, *table_cases.cases_of(target))
    return choice.of(one for one in every if target.profile.name in one.profiles)


def lacking(one: Case, target: NodeUnderTest) -> str:
    """Return why a case is not applicable to a target by its declaration; empty if it is."""
    return one.lacks(target) or ("" if one.name in NAME_NO_SESSION else no_spawner(target))


class Kit:
    """One run against one target. `command`: see `Runner`. `restart`: starts the node again; None if the kit cannot."""

    def __init__(
        self, target: NodeUnderTest, command: str, progress: ShowProgress, choice: CaseSelection = EVERYTHING,
        restart: Restart | None = None,
    ) -> None:  # fmt: skip
        self.target = target
        self.progress = progress
        self.cases = selected_cases(target, choice)
        self.deadly = [one for one in self.cases if one.name in choice.last]
        self.run = KitRun(target)
        self.pulse = StallDetector(self.run)
        self.runner = Runner(self.run, command, self.pulse.longest_seconds)
        self.bystander = Bystander(self.run, with_session=True)
        self.harm = Harm(self.run, self.runner, self.bystander, restart)
        self.contact: RawListener | None = None
        self.no_session = self.no_way_back = self.given_up = ""
        self.exempt: set[str] = set()
        self.was_well = self.fallen = False
        """`was_well`: the bystander was ready once. `fallen`: the node did not answer while a group of cases ran."""
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
            await pause(0.01)  # aborted connections are closed in the next turns of the event loop
        return self.report(expected)

    def report(self, expected: Sequence[Expected] = ()) -> Report:
        """The report so far, also of a run that was ended early."""
        missing = {one: OTHER_PROFILE.format(self.target.profile.name) for one in BY_ID} | NOT_JUDGED | OF_STARTERS
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
        # Cases that make many sessions come after the others: a spawner may have few places.
        for one in sorted(self._of(Manner.PLAIN, Manner.HOSTILE), key=lambda one: one.name in CROWDING):
            await self._one(one)
        await self._group(self._of(Manner.PATIENT))
        await self._group(self._of(Manner.ALONGSIDE), AT_ONCE)
        # Cases that leave the spawner full come after everything that needs a place in it.
        for one in sorted(self._of(Manner.LAST), key=lambda one: one.name == "capacity"):
            await self._one(one)
        if self.deadly and self.done and self.harm.restart is not None:
            await self.harm.renewed(self.harm.restart)
        for one in self.deadly:
            await self._one(one)

    async def _group(self, cases: list[Case], at_once: int | None = None) -> None:
        """Run several cases at the same time."""
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
        """Check that there is a node, and find out how its sessions send data back."""
        context = CaseContext(self.run)
        try:
            wire = await context.wire()
            await self._be_reachable(context)
            if self.target.spawner:
                await find_onward(context, wire)  # for the bystander, whatever the cases are
        except NoVersion as error:
            self.given_up, self.exempt = error.reason, {"version-byte"}
        except (Undecided, Deviation) as error:
            if not context.wires:
                self.given_up = f"the node cannot be reached: {error.reason}"
            elif self.contact is not None and not await self._connects(context, self.contact):
                self.no_way_back = no_connection(self.contact.where)
            else:
                self.no_session = error.reason
        finally:
            context.close()
        named = bool(self.target.spawner)
        self.bystander.with_session = named and not (self.no_session or self.no_way_back)

    async def _be_reachable(self, context: CaseContext) -> None:
        """For two-sided sessions, in which the node may send hellos: listen, without ever answering."""
        if self.target.session_type.renegotiation is Renegotiation.TWO_SIDED:
            with suppress(NotApplicable):  # then the node has a route of its own, or answers no hello
                self.contact = await context.listen()
                context.listeners.remove(self.contact)
                self.run.contact = (tcp(self.contact.where), fresh("contact"))

    async def _connects(self, context: CaseContext, contact: RawListener) -> bool:
        """Whether the node connects to the kit for a message of the kit, as a two-sided hello requires."""
        context.wires[0].send((tcp(contact.where), fresh()), b"", (), "to tcp://kit")
        try:
            (await contact.next(context.patience)).abort()
        except TimeoutError:
            return False
        return True

    def _of(self, *manners: Manner) -> list[Case]:
        return [one for one in self.cases if one.manner in manners and one not in self.deadly]

    async def _one(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if not self._skipped(one) and await self._undisturbed(one):
            await self.runner.attempt(one, self._context, partial(self._after, one))
        self.done += 1

    async def _beside(self, one: Case) -> None:
        self.progress(self.done, len(self.cases), one.name)
        if self.fallen:
            self.runner.found(one, Verdict.INCONCLUSIVE, "the node did not answer while this case was to run")
        elif not self._skipped(one):
            await self.runner.attempt(one, self._context, lives=self._lives)
        self.done += 1
        self.progress(self.done, len(self.cases), one.name)

    async def _lives(self) -> bool:
        """Whether the node answers on a new connection."""
        context = self._context()
        try:
            self.fallen = self.fallen or not await (await context.wire()).echoes()
        except CaseOutcome:
            self.fallen = True
        finally:
            context.close()
        return not self.fallen

    def _skipped(self, one: Case) -> bool:
        """Whether a case is not tried; then its finding is recorded. Features that the target lacks come first."""
        if why := lacking(one, self.target):
            self.runner.found(one, Verdict.NOT_APPLICABLE, why)
        elif reason := self._hopeless(one):
            self.runner.found(one, Verdict.INCONCLUSIVE, reason)
        elif one.name not in NAME_NO_SESSION and self.no_way_back:
            self.runner.found(one, Verdict.NOT_APPLICABLE, self.no_way_back)
        else:
            return False
        return True

    def _hopeless(self, one: Case) -> str:
        """The reason why a case would wait for the node without effect; empty if there is none."""
        given_up = "" if one.name in self.exempt else self.given_up
        return self.harm.dead or given_up or ("" if one.name in NEED_NO_SESSION else self.no_session)

    async def _undisturbed(self, one: Case) -> bool:
        """Whether the node answers before a case. A plain case is tried also on a node that has never answered."""
        try:
            # Twice: a machine that stood still is no harm, and the search for a harmful case takes long.
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
            self.given_up = self.given_up or f"the node did not answer before two cases in a row: {problem}"
        if problem:
            why = self.harm.dead or f"the node did not answer before this case: {problem}"
            self.runner.found(one, Verdict.INCONCLUSIVE, why)
        return not problem

    async def _after(self, one: Case, context: CaseContext) -> None:
        """Probe the bystander after a case (rule 2)."""
        with suppress(OutOfTime):
            if self.was_well:
                await self.harm.watch(one)

    def _context(self) -> CaseContext:
        return CaseContext(self.run)

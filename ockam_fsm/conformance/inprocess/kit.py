"""The kit for implementations that are called in process or over a pipe: call `check_*`, read the `Report`.

    from ockam_fsm.conformance import check_responder

    report = check_responder(MyEnd)      # MyEnd(declaration) is a Target (target.py)
    print(report.summary)

Rule 1: kinds of ends are judged one after another; an unsupported one is not applicable, with the reason.
Rule 2: a target that does not return from one call within `Effort.patience_seconds` ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ockam_fsm.conformance.inprocess.pair import PairOfJudges
from ockam_fsm.conformance.inprocess.runner import Effort, Judge
from ockam_fsm.conformance.pipe import Program
from ockam_fsm.conformance.report.clauses import CLAUSES
from ockam_fsm.conformance.report.report import Report
from ockam_fsm.conformance.target import EndpointUnderTest, TargetFactory
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType
from ockam_fsm.runtime.session.handshake import GENERATION, PROFILES, Profile
from ockam_fsm.tools.clock import utc_minute
from ockam_fsm.tools.watchdog import watched

USUAL = Effort()


def check_initiator(
    make: TargetFactory,
    kinds: Iterable[SessionType] = TYPES,
    profile: Profile = GENERATION,
    effort: Effort = USUAL,
    target: str = "an initiator",
) -> Report:
    """Judge the ends that `make` returns as initiators of these types."""
    return _checked(_judges(make, kinds, Role.INITIATOR, profile, effort), target)


def check_responder(
    make: TargetFactory,
    kinds: Iterable[SessionType] = TYPES,
    profile: Profile = GENERATION,
    effort: Effort = USUAL,
    target: str = "a responder",
) -> Report:
    """Judge the ends that `make` returns as hosts of responders of these types."""
    return _checked(_judges(make, kinds, Role.RESPONDER, profile, effort), target)


def check_program(
    command: Sequence[str],
    kinds: Iterable[SessionType] = TYPES,
    profile: Profile = GENERATION,
    effort: Effort = USUAL,
    answer_seconds: float = 5.0,
) -> Report:
    """Judge a program over a pipe (`spec/conformance-pipe.md`), as initiator and as responder."""
    with Program(command, answer_seconds, effort.over) as program:
        chosen = tuple(kinds)
        judges = [one for role in reversed(Role) for one in _judges(program.make, chosen, role, profile, effort)]
        return _checked(judges, " ".join(command))


def check_pair(
    make_initiator: TargetFactory,
    make_responder: TargetFactory,
    kinds: Iterable[SessionType] = TYPES,
    profile: Profile = GENERATION,
    effort: Effort = USUAL,
    target: str = "a pair",
) -> Report:
    """Judge two implementations that communicate over a network that loses, repeats, reorders and damages messages, and
    that are restarted.

    Both may be the same, and one of them may be the reference implementation (`our_end`).
    """
    judges: list[Judge] = []
    for kind in _spoken(kinds, profile):
        ends = PairOfJudges(
            Judge(EndpointUnderTest(kind, Role.INITIATOR, profile), make_initiator, effort),
            Judge(EndpointUnderTest(kind, Role.RESPONDER, profile), make_responder, effort),
        )
        judges += ends.judges
        if not watched(ends.check, lambda ends=ends: ends.called, effort.patience_seconds):  # type: ignore[misc]
            ends.stall()
            break
    return report(target, judges)


def _judges(
    make: TargetFactory, kinds: Iterable[SessionType], role: Role, profile: Profile, effort: Effort
) -> list[Judge]:
    return [Judge(one, make, effort) for kind in _spoken(kinds, profile) for one in declarations(kind, role, profile)]


def declarations(kind: SessionType, role: Role, profile: Profile = GENERATION) -> Iterator[EndpointUnderTest]:
    """Yield the ends to test for a type and role: a new one and, if it has durable state, a restarted one."""
    new = EndpointUnderTest(kind, role, profile)
    yield new
    if kind.persistent and profile.names_sessions:
        yield new.restarted


def _spoken(kinds: Iterable[SessionType], profile: Profile) -> list[SessionType]:
    """The types that a profile supports: profile `ockam` cannot order two colliding hellos (clause 2.4)."""
    two_sided = Renegotiation.TWO_SIDED
    return [kind for kind in kinds if profile.names_sessions or kind.renegotiation is not two_sided]


def _checked(judges: Sequence[Judge], target: str) -> Report:
    for judge in judges:
        if not watched(judge.check, lambda judge=judge: judge.calls.open, judge.effort.patience_seconds):  # type: ignore[misc]
            judge.stall()
            break
    return report(target, judges)


def report(target: str, judges: Sequence[Judge]) -> Report:
    """Make one report about all judged ends."""
    findings = tuple(finding for judge in judges for finding in judge.verdicts())
    reasons = [f"{judge.endpoint.name}: {judge.unsupported}" for judge in judges if judge.unsupported]
    why = "; ".join(reasons) or "no test step of these ends is about this clause"
    judged = {finding.clause for finding in findings}
    not_judged = {clause.id: why for clause in CLAUSES if clause.id not in judged}
    return Report(target, findings, not_judged, made=utc_minute())


def again(
    make: TargetFactory, kind: str, role: str, profile: str, stimuli: Sequence[str], *, restarted: bool = False
) -> str:
    """Repeat a reproduction, as the program in a report does. Return the differences as text."""
    found = next(one for one in TYPES if one.name == kind)
    new = EndpointUnderTest(found, Role[role], PROFILES[profile])
    judge = Judge(new.restarted if restarted else new, make, USUAL)
    judge.settle(judge.run([judge.stimuli[name] for name in stimuli]))
    if judge.stopped:
        return judge.stopped
    return "\n".join(f"{one.clause}: {one.reason}" for one in judge.findings) or "nothing differs"

"""Runs test sequences on one kind of end and attributes each difference to a clause.

Rule 1: a clause passes if a step was about it and the target did not differ; it is not applicable if no step was.
Rule 2: one defect is one finding: the same input, the same difference, the same clause.
Rule 3: everything is bounded: steps by the sequences, outputs by the lockstep, time by `over`, lost targets by
        `MOST_LOST`. Clauses that are not judged any more are INCONCLUSIVE, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ockam_fsm.conformance.generation.hostile import HOSTILE, hostile_to
from ockam_fsm.conformance.generation.peer import Stimulus
from ockam_fsm.conformance.generation.random_runs import choices, shortest
from ockam_fsm.conformance.generation.sequences import InputSequence, alone, input_sequences
from ockam_fsm.conformance.generation.stimuli import HOSTS, stimuli_of
from ockam_fsm.conformance.inprocess.chart import reproduction
from ockam_fsm.conformance.inprocess.lockstep import Lockstep
from ockam_fsm.conformance.oracle.attribution import about, clause_of, severity_of
from ockam_fsm.conformance.oracle.comparison import LOST
from ockam_fsm.conformance.oracle.oracle import Stepped
from ockam_fsm.conformance.report.findings import Finding, Severity, Verdict
from ockam_fsm.conformance.target import EndpointUnderTest, Feature, TargetFactory, TargetLost, Unsupported
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.tools.watchdog import Calls

MOST_LOST = 5
"""After this many targets that crashed or did not answer the run ends."""

MOST_MISTAKES = 5
"""How many different defects are searched for at random."""

MIN_BYTES = 16
MIN_DISTANCE = 8
"""Two random addresses of 16 bytes differ in fewer places once in 10^20 runs."""

ENDED = "the run was ended, or its time was over"
STALLED = "a call of the target did not return"


@dataclass(frozen=True)
class Effort:
    """The effort of a run. `thorough`: try every transition in every state of the automaton, instead of every
    transition of the table. `examples`: the number of random runs. `patience_seconds`: the limit of one call. `until`:
    stop when this clause has failed. `over`: returns whether the run has to end."""

    thorough: bool = False
    examples: int = 50
    patience_seconds: float = 30.0
    until: str = ""
    over: Callable[[], bool] = lambda: False


@dataclass
class Judge:
    """The findings about one kind of end, and the runs that make them. `calls`: of the target, for the watchdog."""

    endpoint: EndpointUnderTest
    make: TargetFactory
    effort: Effort
    findings: list[Finding] = field(default_factory=list)
    about: dict[str, int] = field(default_factory=dict)
    known: set[Hashable] = field(default_factory=set)
    used: dict[Address, None] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    lost: int = 0
    stopped: str = ""
    unsupported: str = ""
    running: Lockstep | None = None

    @property
    def features(self) -> frozenset[Feature] | None:
        """The features that the implementation claims; None if it does not support this end or was lost."""
        if self.effort.over():
            self.stopped = ENDED
            return None
        try:
            with self.calls:
                return self.make(self.endpoint).features
        except Unsupported as reason:
            self.unsupported = str(reason) or "the implementation does not support this kind of end"
        except TargetLost as lost:
            self.stopped = str(lost)
        return None

    @property
    def stimuli(self) -> Mapping[str, Stimulus]:
        return {one.name: one for one in (*stimuli_of(self.endpoint.settings.events), *HOSTS, *HOSTILE)}

    def check(self) -> None:
        """Run every test sequence of the table, then random runs."""
        features = self.features
        if features is None:
            return
        known = self.stimuli
        for case in input_sequences(self.endpoint, features, thorough=self.effort.thorough):
            if self.stopped:
                return
            if not self._holds(case, known) and len(case.tried) > 1:
                self._ask_alone(case, known)
        if not self.endpoint.remembered:
            self._search(features, self.effort.examples)

    def _ask_alone(self, case: InputSequence, known: Mapping[str, Stimulus]) -> None:
        """Find the silent input that caused a failure. A difference that shows only later, and not without the input,
        is attributed to the input's clause."""
        for one in alone(case):
            steps = self.run(known[name] for name in one.word)
            before = [known[name] for name in (*one.way, *one.tail)]
            if steps and steps[-1].parted and self.is_new(steps[-1]) and self._is_sound(before):
                self.attribute(steps, known[one.tried[0]])
            self.settle(steps)

    def _is_sound(self, stimuli: Sequence[Stimulus]) -> bool:
        steps = self.run(stimuli)
        return bool(steps) and not steps[-1].parted

    def _holds(self, case: InputSequence, known: Mapping[str, Stimulus]) -> bool:
        return self.settle(self.run(known[name] for name in case.word))

    def _search(self, features: frozenset[Feature], examples: int) -> None:
        alphabet = (*stimuli_of(self.endpoint.settings.events), *HOSTS, *hostile_to(features))

        def fails(burst: bytes) -> bool:
            steps = self.run(choices(burst, alphabet))
            return bool(steps) and steps[-1].parted and self.is_new(steps[-1])

        for _ in range(MOST_MISTAKES if examples else 0):
            found = None if self.stopped else shortest(fails, examples, 60)
            if found is None:
                return
            self.settle(self.run(choices(found, alphabet)))

    def run(self, stimuli: Iterable[Stimulus]) -> Sequence[Stepped]:
        """Run a new target and return its steps; none if the target cannot be started or time is over."""
        if self.effort.over():
            self.stopped = self.stopped or ENDED
        running = None if self.stopped else self.start(self.endpoint)
        if running is None:
            return ()
        for stimulus in stimuli:
            if not running.step(stimulus):
                break
        if self.effort.over():  # the target may have been lost for that reason
            self.stopped = self.stopped or ENDED
            return ()
        return self.count(running.steps)

    def start(self, endpoint: EndpointUnderTest) -> Lockstep | None:
        """Start a new target with its reference. None if the target is lost."""
        try:
            self.running = Lockstep(endpoint, self.make, self.used, self.calls)
        except TargetLost as lost:
            self._lose(str(lost))
            self.running = None
        return self.running

    def count(self, steps: Sequence[Stepped]) -> Sequence[Stepped]:
        for step in steps:
            for clause in about(step, self.endpoint) if not step.differences else ():
                self.about[clause] = self.about.get(clause, 0) + 1
        if steps and any(difference.problem == LOST for difference in steps[-1].differences):
            self._lose(steps[-1].differences[0].detail)
        return steps

    def settle(self, steps: Sequence[Stepped]) -> bool:
        """Record a finding for each step that differs. Return whether the two ends have not parted."""
        for number, step in enumerate(steps, 1):
            if step.differences:
                self.attribute(steps[:number])
        return not steps or not steps[-1].parted

    def is_new(self, step: Stepped) -> bool:
        """Whether the defect of this step was not found before."""
        return self._mistake(step)[1] not in self.known

    def _mistake(self, step: Stepped) -> tuple[str, Hashable]:
        clause = clause_of(step, self.endpoint)
        first = step.differences[0]
        return clause, (clause, step.stimulus.name, first.problem, first.kind)

    def attribute(self, steps: Sequence[Stepped], because: Stimulus | None = None) -> None:
        """Record a finding for the last of these steps. `because`: an earlier stimulus that caused it, if known."""
        clause, mistake = self._mistake(steps[-1])
        if mistake in self.known:
            return
        self.known.add(mistake)
        clause = because.clause if because is not None else clause
        case = f"{self.endpoint.name}: {' / '.join(step.stimulus.name for step in steps)}"
        reason = f"{steps[-1].stimulus.name}: {'; '.join(map(str, steps[-1].differences))}"
        shown = reproduction(self.endpoint, steps)
        self.findings.append(Finding(clause, case, Verdict.FAIL, severity_of(clause), reason, shown))
        if clause == self.effort.until:
            self.stopped = f"clause {clause} failed, and the run was to end then"

    def stall(self) -> None:
        """Record that a call of the target did not return."""
        self.stopped = STALLED
        names = [step.stimulus.name for step in self.running.steps] if self.running is not None else []
        case = f"{self.endpoint.name}: {' / '.join([*names, '...'])}"
        self.findings.append(Finding("14.4", case, Verdict.FAIL, severity_of("14.4"), STALLED))

    def _guessable(self) -> Iterator[Finding]:
        """A finding if addresses are short or similar: those with 128 random bits are not (clause 4.1)."""
        drawn = [address.value for address in self.used]
        alike = [pair for pair in pairwise(drawn) if _distance(*pair) < MIN_DISTANCE]
        if short := [value for value in drawn if len(value) < MIN_BYTES]:
            reason = (
                f"expected inner addresses of at least {MIN_BYTES} bytes; got {short[0]!r} of {len(short[0])} bytes"
            )
        elif alike:
            one, other = alike[0]
            places = _distance(one, other)
            reason = f"expected random inner addresses; {one!r} and {other!r} differ in {places} bytes"
        else:
            return
        yield Finding("4.1", f"{self.endpoint.name}: addresses", Verdict.FAIL, Severity.SECURITY, reason)

    def _lose(self, why: str) -> None:
        self.lost += 1
        if self.lost >= MOST_LOST:
            self.stopped = f"the target was lost {self.lost} times, the last time: {why}"

    def verdicts(self) -> Iterator[Finding]:
        """All findings: the recorded ones, and one for each clause that no step differed in."""
        yield from self.findings
        failed = {finding.clause for finding in self.findings}
        verdict = Verdict.INCONCLUSIVE if self.stopped else Verdict.PASS
        then = f", then {self.stopped}" if self.stopped else ""
        for clause, steps in sorted(self.about.items()):
            if clause not in failed:
                yield Finding(
                    clause, self.endpoint.name, verdict, severity_of(clause), f"no difference in {steps} steps{then}"
                )
        yield from self._guessable()
        if self.stopped and not self.about:
            yield Finding("3.1", self.endpoint.name, verdict, severity_of("3.1"), self.stopped)


def _distance(one: bytes, other: bytes) -> int:
    """The number of bytes in which two addresses differ."""
    return abs(len(one) - len(other)) + sum(a != b for a, b in zip(one, other, strict=False))

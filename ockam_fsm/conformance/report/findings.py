"""The findings of a kit, and one verdict with its reason for each clause. report.py renders them.

Rule 1: a finding is the verdict of one case about one clause. The report has one line for every clause: its worst
        finding, or NOT APPLICABLE with the reason why this kit does not judge it.
Rule 2: a reproduction is complete: the bytes, the chart, and a command or program that repeats it. Every failing case
        has its own; a clause shows the shortest first. An inconclusive finding has no command: the next run may decide.
Rule 3: an expected deviation stays a FAIL. It is listed with its reason and does not count in the exit code; one that
        does not occur is reported as stale.
Rule 4: reasons and meanings may contain text of a peer: they are made neutral (kernel/text.py) and bounded.
Exit codes: 0 no deviation, 1 a deviation, 2 a clause that had to be judged could not be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

from ockam_fsm.conformance.report.clauses import BY_ID, CLAUSES, Clause
from ockam_fsm.kernel.text import neutral
from ockam_fsm.projections import sequence_text
from ockam_fsm.projections.sequence import Chart

REASON_CHARACTERS = 4000
NOT_JUDGED = "this kit does not judge this clause"


class Verdict(Enum):
    """Verdicts, the worst first. A clause has the worst verdict of its cases."""

    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"
    NOT_APPLICABLE = "NOT APPLICABLE"


class Severity(Enum):
    """The consequence of a deviation, the worst first."""

    SAFETY = "safety"
    SECURITY = "security"
    LIVENESS = "liveness"
    LEAK = "leak"
    ROBUSTNESS = "robustness"


_VERDICTS, _SEVERITIES = list(Verdict), list(Severity)


@dataclass(frozen=True)
class Transmission:
    """Bytes that one participant sent to another. `meaning`: a description for readers."""

    who: str
    whom: str
    data: bytes
    meaning: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "meaning", neutral(self.meaning))


@dataclass(frozen=True)
class Reproduction:
    """A repeatable failure: its bytes, its sequence chart, and a command or a program that repeats it."""

    chart: Chart
    transmissions: tuple[Transmission, ...] = ()
    command: str = ""
    program: str = ""

    @property
    def length(self) -> int:
        return len(self.chart.moments)

    @property
    def unrepeated(self) -> Reproduction:
        """The bytes and the chart, without command and program."""
        return replace(self, command="", program="")

    def to_json(self) -> dict[str, Any]:
        transmissions = [
            {"from": s.who, "to": s.whom, "bytes": s.data.hex(), "meaning": s.meaning} for s in self.transmissions
        ]
        return {
            "command": self.command,
            "program": self.program,
            "bytes": transmissions,
            "chart": sequence_text.to_text(self.chart),
        }


@dataclass(frozen=True)
class Finding:
    """The verdict of one case, given by its stable name, about one clause. `severity`: what is at stake in any case.

    Raises:
        ValueError: the clause does not exist, or the reason is empty.
    """

    clause: str
    case: str
    verdict: Verdict
    severity: Severity
    reason: str
    reproduction: Reproduction | None = None

    def __post_init__(self) -> None:
        if self.clause not in BY_ID:
            raise ValueError(f"{self.case}: there is no clause {self.clause}; known: {', '.join(BY_ID)}")
        if not self.reason:
            raise ValueError(f"{self.case}, clause {self.clause}: the reason is empty; a verdict needs one")
        object.__setattr__(self, "reason", neutral(self.reason[:REASON_CHARACTERS], "\n"))
        if self.verdict is Verdict.INCONCLUSIVE and self.reproduction is not None:
            object.__setattr__(self, "reproduction", self.reproduction.unrepeated)

    def to_json(self) -> dict[str, Any]:
        """The finding for JSON, with its reproduction only if it failed."""
        shown = self.reproduction if self.verdict is Verdict.FAIL else None
        return {
            "case": self.case,
            "verdict": self.verdict.value,
            "severity": self.severity.value,
            "reason": self.reason,
            "reproduction": shown.to_json() if shown else None,
        }


@dataclass(frozen=True)
class Expected:
    """A deviation that is known and accepted. `case` empty: every failure of this clause."""

    clause: str
    reason: str
    case: str = ""

    def covers(self, finding: Finding) -> bool:
        return finding.clause == self.clause and self.case in ("", finding.case)


@dataclass(frozen=True)
class Line:
    """One clause of the report."""

    clause: Clause
    verdict: Verdict
    severity: Severity | None
    reason: str
    reproduction: Reproduction | None
    findings: tuple[Finding, ...]
    expected: tuple[Expected, ...] = ()

    @property
    def deviates(self) -> bool:
        """Whether the clause fails unexpectedly."""
        return self.verdict is Verdict.FAIL and not self.expected

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The cases that fail, the shortest reproduction first."""
        failed = [one for one in self.findings if one.verdict is Verdict.FAIL]
        return tuple(sorted(failed, key=lambda one: one.reproduction.length if one.reproduction else 0))

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.clause.id,
            "title": self.clause.title,
            "verdict": self.verdict.value,
            "severity": self.severity.value if self.severity else None,
            "reason": self.reason,
            "reproduction": self.reproduction.to_json() if self.reproduction else None,
            "cases": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True)
class Findings:
    """All findings about one target.

    `not_judged`: the reasons why this kit does not judge a clause. `seconds`: the duration of the run, if measured.
    `notes`: remarks about the whole run. `command`: the command line of the run. `made`: its time, in UTC.
    """

    target: str
    findings: Sequence[Finding]
    not_judged: Mapping[str, str] = field(default_factory=dict)
    expected: Sequence[Expected] = ()
    seconds: float | None = None
    notes: Sequence[str] = ()
    command: str = ""
    made: str = ""

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._line(clause) for clause in CLAUSES)

    @property
    def deviations(self) -> tuple[Line, ...]:
        """The lines that deviate, the worst first."""
        found = [(_SEVERITIES.index(line.severity), line) for line in self.lines if line.deviates and line.severity]
        return tuple(line for _, line in sorted(found, key=lambda pair: pair[0]))

    @property
    def stale(self) -> tuple[Expected, ...]:
        """Expected deviations that did not occur."""
        failed = [finding for finding in self.findings if finding.verdict is Verdict.FAIL]
        return tuple(one for one in self.expected if not any(one.covers(finding) for finding in failed))

    @property
    def exit_code(self) -> int:
        verdicts = {line.verdict for line in self.lines}
        if self.deviations:
            return 1
        decided = Verdict.INCONCLUSIVE not in verdicts and verdicts != {Verdict.NOT_APPLICABLE}
        return 0 if decided else 2

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(line.verdict.value for line in self.lines)
        return {verdict.value: found[verdict.value] for verdict in Verdict}

    @property
    def summary(self) -> dict[str, Any]:
        return {
            "verdict": {0: "conforms", 1: "deviates", 2: "undetermined"}[self.exit_code],
            "clauses": self.counts,
            "cases": len({finding.case for finding in self.findings}),
            "expected": [{"clause": e.clause, "case": e.case, "reason": e.reason} for e in self.expected],
            "stale": [{"clause": e.clause, "case": e.case} for e in self.stale],
            "exit_code": self.exit_code,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def to_json(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {"target": self.target, "clauses": [line.to_json() for line in self.lines], "summary": self.summary}

    def _line(self, clause: Clause) -> Line:
        mine = tuple(finding for finding in self.findings if finding.clause == clause.id)
        if not mine:
            reason = self.not_judged.get(clause.id, NOT_JUDGED)
            return Line(clause, Verdict.NOT_APPLICABLE, None, reason, None, ())
        verdict = min((finding.verdict for finding in mine), key=_VERDICTS.index)
        decisive = [finding for finding in mine if finding.verdict is verdict]
        severity = min((finding.severity for finding in decisive), key=_SEVERITIES.index)
        shown = sorted((f.reproduction for f in decisive if f.reproduction), key=lambda shown: shown.length)
        accepted = self._accepted(decisive) if verdict is Verdict.FAIL else ()
        reason = _joined([*(finding.reason for finding in decisive), *(f"expected: {e.reason}" for e in accepted)])
        return Line(clause, verdict, severity, reason, shown[0] if shown else None, mine, accepted)

    def _accepted(self, failures: Sequence[Finding]) -> tuple[Expected, ...]:
        """The expected deviations that cover these failures; empty unless all failures are covered."""
        if not all(any(one.covers(finding) for one in self.expected) for finding in failures):
            return ()
        return tuple(one for one in self.expected if any(one.covers(finding) for finding in failures))


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reasons))

"""Tries one case after another and keeps what was found: what the kits for both roles share.

Rule 1: a case ends in a finding, whatever the node did to it; only a defect of the kit's own gets through.
Rule 2: what a case has opened is closed when it ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ockam_fsm.conformance.findings import Finding, Severity, Verdict
from ockam_fsm.conformance.wire.cases import Case
from ockam_fsm.conformance.wire.connections import writes
from ockam_fsm.conformance.wire.lab import Deviation, Lab, NotApplicable, Outcome, Run
from ockam_fsm.edges.wire_peer import at_most, now
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError


class Runner:
    """`command` is how the user starts the kit; reproductions repeat it for one case."""

    def __init__(self, run: Run, command: str) -> None:
        self.run = run
        self.command = command
        self.findings: list[Finding] = []

    async def attempt(self, one: Case, lab: Lab, job: Callable[[], Awaitable[str]]) -> None:
        """Carry a case through, and close its lab."""
        left = max(0.1, self.run.deadline - now())
        try:
            reason = await at_most(left, job())
            self.found(one, Verdict.PASS, reason, lab)
        except Deviation as error:
            self.found(one, Verdict.FAIL, error.reason, lab, error.clause)
        except NotApplicable as error:
            self.found(one, Verdict.NOT_APPLICABLE, error.reason)
        except (Outcome, RemoteSessionError, LocalSessionError, OSError) as error:
            self.found(one, Verdict.INCONCLUSIVE, str(error) or type(error).__name__, lab)
        except TimeoutError:
            self.found(one, Verdict.INCONCLUSIVE, f"the time of the run was over: {left:.0f} s were left for it", lab)
        finally:
            lab.close()

    def found(
        self, one: Case, verdict: Verdict, reason: str, lab: Lab | None = None, clause: str = "",
        severity: Severity | None = None,
    ) -> None:  # fmt: skip
        shown = None
        if lab is not None and lab.record.moments:
            command = f"{self.command} --only {one.name}"
            shown = lab.record.reproduction(one.name, one.name, one.tries, command)
        wanted = severity or one.severity
        self.findings.append(Finding(clause or one.clause, one.name, verdict, wanted, reason, shown))

    def written(self) -> None:
        """What was seen of every message that the node wrote."""
        try:
            verdict, reason = Verdict.PASS, writes(self.run)
        except Deviation as error:
            verdict, reason = Verdict.FAIL, error.reason
        except NotApplicable as error:
            verdict, reason = Verdict.NOT_APPLICABLE, error.reason
        self.findings.append(Finding("14.1", "writes", verdict, Severity.ROBUSTNESS, reason))

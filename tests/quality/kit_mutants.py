"""Mutation test of the conformance kit: its target is the real session with a mutated table, which it must reject.

    python -m tests.quality.kit_mutants             all of them; writes KIT_SURVIVORS.md
    python -m tests.quality.kit_mutants TYPE...     those of some types; writes nothing

The kit has no access to tables: it observes messages, notices, deliveries and refusals. A mutant is

    undefinable         as in mutants.py, which determines it
    indistinguishable   as in mutants.py, which determines it
    killed              a case of the kit fails and is attributed to a clause
    survivor            no case fails

It takes about seventeen minutes of processor time: ten for mutants.py, seven for the kit. `test_kit_mutants.py` runs
one table, and the mutants that once survived.

Theory: while the real table takes none of the rows that a mutant changes, the mutant is the real table (stage.py). So a
case that takes none of them with the real table has the same result with the mutant, and is not run again.

Rule 1: the cases of the default effort alone must kill the mutant. Random cases are not run; they can only help.
Rule 2: the reference end with the right table passes every case; otherwise the results have no meaning.
Left out: profile `ockam`, pairs and the black-box kit. This kit detects all that they can.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from ockam_fsm.conformance.generation.sequences import InputSequence, input_sequences
from ockam_fsm.conformance.inprocess.kit import declarations
from ockam_fsm.conformance.inprocess.runner import Effort, Judge
from ockam_fsm.conformance.oracle.attribution import rows_of
from ockam_fsm.conformance.reference.reference_end import ReferenceEnd, our_end
from ockam_fsm.conformance.target import EndpointUnderTest, TargetFactory
from ockam_fsm.machines.session import TYPES, SessionMachine
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.net.entropy import SystemEntropy
from tests.quality import report
from tests.quality.kit_reasons import REASONS
from tests.quality.mutants import fate_of, judge_all, scenes_for
from tests.quality.operators import Mutant, mutants_of
from tests.quality.report import INDISTINGUISHABLE, KILLED, SURVIVOR, UNDEFINABLE, Fate, Page
from tests.quality.stage import stepped

EFFORT = Effort(examples=0)

KIT = Page(
    Path(__file__).with_name("KIT_SURVIVORS.md"),
    "`python -m tests.quality.kit_mutants`; reasons are written in kit_reasons.py",
    "Table mutants, judged by the conformance kit",
    "The same single faults as in SURVIVORS.md, each in a reference end that the in-process kit tests as a black box; "
    "kit_mutants.py defines the terms.",
    "The clause to which the first failing case is attributed.",
    "clause",
    REASONS,
    {},
)

Rehearsed = tuple[tuple[EndpointUnderTest, InputSequence, frozenset[str]], ...]


def wrong_end(machine: SessionMachine) -> TargetFactory:
    """Return a maker of reference ends with this table."""

    def make(declared: EndpointUnderTest) -> ReferenceEnd:
        settings = stepped(replace(declared.settings, variant=machine))
        return ReferenceEnd(declared, SystemEntropy(), settings=settings)

    return make


@cache
def rehearsed(kind: SessionType, role: Role) -> Rehearsed:
    """Return the cases of the kit, each with the rows of the real table that it takes."""
    found = []
    for declared in declarations(kind, role):
        judge = Judge(declared, our_end, EFFORT)
        known = judge.stimuli
        for case in input_sequences(declared, ReferenceEnd.features, thorough=EFFORT.thorough):
            steps = judge.run(known[name] for name in case.word)
            assert judge.settle(steps), judge.findings
            found.append((declared, case, frozenset(row for step in steps for row in rows_of(step.fired))))
    return tuple(found)


def kit_fate(mutant: Mutant, rehearsal: Rehearsed) -> Fate:
    """Return the fate of one definable mutant."""
    began = time.perf_counter()
    make = wrong_end(mutant.machine())
    judges = {one: Judge(one, make, EFFORT) for one in declarations(mutant.kind, mutant.role)}
    known = next(iter(judges.values())).stimuli
    for declared, case, rows in rehearsal:
        judge = judges[declared]
        if not rows.isdisjoint(mutant.rows) and not judge.settle(judge.run(known[name] for name in case.word)):
            return Fate(mutant.name, KILLED, judge.findings[0].clause, seconds=time.perf_counter() - began)
    return Fate(mutant.name, SURVIVOR, seconds=time.perf_counter() - began)


def judge_role(kind: SessionType, role: Role) -> list[Fate]:
    """Return the fates of all mutants of one table."""
    scenes = scenes_for(kind, role)
    told = [(mutant, fate_of(mutant, scenes)) for mutant in mutants_of(kind, role)]
    decided = (UNDEFINABLE, INDISTINGUISHABLE)
    return [fate if fate.verdict in decided else kit_fate(mutant, rehearsed(kind, role)) for mutant, fate in told]


def judge(kind: SessionType) -> list[Fate]:
    """Return the fates of all mutants of a type."""
    return [fate for role in Role for fate in judge_role(kind, role)]


def by_table(fates: Sequence[Fate]) -> dict[str, list[Fate]]:
    """Group fates by type and role, the beginning of a mutant's name."""
    found: dict[str, list[Fate]] = {}
    for fate in fates:
        found.setdefault(fate.mutant.partition(": ")[0], []).append(fate)
    return found


def main(names: list[str]) -> int:
    kinds = tuple(kind for kind in TYPES if not names or kind.name in names)
    began = time.perf_counter()
    every = [fate for _, fates in judge_all(kinds, print, judge) for fate in fates]
    print(report.line("all", every), f"{time.perf_counter() - began:.0f} s")
    print(f"in the kit: {sum(fate.seconds for fate in every):.0f} s")
    if not names:
        KIT.path.write_text(report.text(by_table(every), KIT), encoding="utf-8")
    unexplained = report.unexplained(every, KIT)
    for name in unexplained:
        print(f"survivor without a reason: {name}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Mutation test of the properties: S, W and R must kill every table mutant in the worlds of its type.

    python -m tests.quality.mutants                 all of them; writes SURVIVORS.md
    python -m tests.quality.mutants TYPE...         those of some types; writes nothing

The properties do not refer to the right table. A mutant is

    undefinable         the constructor of `Machine` refuses it
    indistinguishable   in every world of its type each end has the same outcome for each event in each state (stage.py)
    killed              a property fails or a witness is missing in one of the worlds, or an end raises there
    survivor            none of these

The worlds of a type are those of `worlds.py`, and each of its ends in an open environment.

It takes eight minutes of processor time, on two processes. `test_mutants.py` runs one type in half a minute.

Theory: most mutants violate a step property in the first step that differs from the real machine. These steps are
checked without a search. The other mutants are explored, small worlds first, until a world is refuted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

from ockam_fsm.checking.actors import BoundReached, Disabled
from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.properties import Property, Step
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from tests.quality import report
from tests.quality.operators import Mutant, mutants_of
from tests.quality.report import CRASH, INDISTINGUISHABLE, KILLED, NEVER_TAKEN, SURVIVOR, UNDEFINABLE, Fate
from tests.quality.stage import Crash, Outcome, Scene, mutated, scenes_of

SLOWER_WHEN_FOLDED = 10
"""The cost of a folded state, relative to an ordinary one."""
SECONDS_PER_WORLD = 60.0
PROCESSES = 2
HEAVY_FIRST = tuple(reversed(TYPES))


@cache
def scene(kind: SessionType, way: str) -> Scene:
    one = Scene(kind, way)
    result = one.rehearse()
    assert result.verdict is Verdict.PROVED, result
    return one


def scenes_for(kind: SessionType, role: Role) -> list[Scene]:
    """Return every world in which a table runs, in the order of the cost of its search."""

    def cost(one: Scene) -> int:
        return one.states * (SLOWER_WHEN_FOLDED if one.way == "closed" else 1)

    return sorted((scene(kind, way) for way in scenes_of(kind, role)), key=cost)


def fate_of(mutant: Mutant, scenes: list[Scene], ignoring: frozenset[str] = frozenset()) -> Fate:
    """Return the fate of one mutant in these worlds, by all properties except the ignored ones."""
    began = time.perf_counter()
    try:
        machine = mutant.machine()
    except DefinitionError:
        return Fate(mutant.name, UNDEFINABLE)
    changed = []
    for one in scenes:
        one.play(mutant.role, machine, mutant.rows)
        claims = [claim for claim in one.world.properties if claim.id not in ignoring]
        differs, by = at_first_sight(one, mutant, claims)
        if by:
            return Fate(mutant.name, KILLED, by, one.way, time.perf_counter() - began)
        if differs:
            changed.append((one, claims))
    for one, claims in changed:
        if by := by_exploring(one, claims):
            return Fate(mutant.name, KILLED, by, one.way, time.perf_counter() - began)
    if changed:
        return Fate(mutant.name, SURVIVOR, seconds=time.perf_counter() - began)
    taken = any(one.takers[mutant.role].get(row) for one in scenes for row in mutant.rows)
    return Fate(mutant.name, INDISTINGUISHABLE, "" if taken else NEVER_TAKEN)


def at_first_sight(one: Scene, mutant: Mutant, claims: list[Property]) -> tuple[bool, str]:
    """Return whether the mutant differs, and the step property that fails in the first steps that differ.

    No step of a lesser depth differs, so the mutant reaches every state of that depth as the real machine does.
    """
    differs, least = False, None
    for pair, mine in one.different(mutant.role, mutant.rows):
        differs, depth = True, one.depth(mutant.role, pair)
        if depth != (depth if least is None else least):
            break
        least = depth
        if by := failing(one.step(mutant.role, pair), mine, claims):
            return True, by
    return differs, ""


def failing(step: Step | None, mine: Outcome, claims: list[Property]) -> str:
    """Return the first property that the mutant's step violates."""
    if step is None or isinstance(mine.failure, Disabled | BoundReached):
        return ""
    if mine.failure is not None:
        return CRASH
    taken = mutated(step, mine)
    for claim in claims:
        if claim.reads_steps and not claim.is_witness and claim.is_hit(claim.predicate(taken)):
            return claim.id
    return ""


def by_exploring(one: Scene, claims: list[Property]) -> str:
    """Return the first property that is refuted, or the witness that is missing, in the whole world."""
    world, most = replace(one.world, properties=tuple(claims)), 4 * one.states + 1000
    try:
        result = explore(world, backend="stdlib", seconds_limit=SECONDS_PER_WORLD, state_limit=most)
    except Crash:
        return CRASH
    found = [claim.id for claim in result.properties if claim.verdict in (Verdict.REFUTED, Verdict.MISSING)]
    return found[0] if found else ""


def judge(kind: SessionType) -> list[Fate]:
    """Return the fates of all mutants of a type."""
    return [fate_of(mutant, scenes_for(kind, role)) for role in Role for mutant in mutants_of(kind, role)]


def judge_all(
    kinds: tuple[SessionType, ...], say: Callable[[str], None], judging: Callable[[SessionType], list[Fate]] = judge
) -> Iterator[tuple[SessionType, list[Fate]]]:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {kind: pool.submit(judging, kind) for kind in HEAVY_FIRST if kind in kinds}
        for kind in kinds:
            fates = running[kind].result()
            say(report.line(kind.name, fates))
            yield kind, fates


def main(names: list[str]) -> int:
    kinds = tuple(kind for kind in TYPES if not names or kind.name in names)
    began = time.perf_counter()
    found = {kind.name: fates for kind, fates in judge_all(kinds, print)}
    every = [fate for fates in found.values() for fate in fates]
    print(report.line("all", every), f"{time.perf_counter() - began:.0f} s")
    if not names:
        report.PROPERTIES.path.write_text(report.text(found), encoding="utf-8")
    unexplained = report.unexplained(every)
    for name in unexplained:
        print(f"survivor without a reason: {name}")
    return 1 if unexplained or report.share_killed(every) < report.GOAL else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

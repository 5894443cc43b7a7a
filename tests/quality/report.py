"""The mutation reports: one page per oracle, with the verdicts and the hand-written reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.quality.reasons import NEVER, REASONS

GOAL = 0.95
"""The required share of killed mutants among the distinguishable ones."""

UNDEFINABLE, INDISTINGUISHABLE, KILLED, SURVIVOR = "undefinable", "indistinguishable", "killed", "survivor"
CRASH = "crash"
NEVER_TAKEN = "never taken"


@dataclass(frozen=True)
class Page:
    """The texts of one report. `reasons`: why survivors survive; `never`: why rows are never taken."""

    path: Path
    source: str
    title: str
    about: str
    kills: str
    killer: str
    reasons: Mapping[str, str]
    never: Mapping[str, str]


PROPERTIES = Page(
    Path(__file__).with_name("SURVIVORS.md"),
    "`python -m tests.quality.mutants`; reasons are written in reasons.py",
    "Table mutants",
    "Single faults in the twelve session tables, and their verdicts; mutants.py defines the terms.",
    "The first property that fails, in the first world that is tried; others may fail as well.",
    "property",
    REASONS,
    NEVER,
)


@dataclass(frozen=True)
class Fate:
    """The verdict on a mutant. `by`: the property or clause that killed it; `world`: where."""

    mutant: str
    verdict: str
    by: str = ""
    world: str = ""
    seconds: float = 0.0

    @property
    def fault(self) -> str:
        """The row and the fault, without the table."""
        return self.mutant.partition(": ")[2]

    @property
    def row(self) -> str:
        return self.fault.partition(" ")[0]


class Judged(Protocol):
    @property
    def verdict(self) -> str: ...


def share_killed(fates: Iterable[Judged]) -> float:
    """Return the share of killed mutants among those killed or surviving."""
    count = Counter(fate.verdict for fate in fates)
    told = count[KILLED] + count[SURVIVOR]
    return count[KILLED] / told if told else 1.0


def reason(fate: Fate, page: Page = PROPERTIES) -> str:
    """Return the written reason of a survivor, or "" if there is none."""
    return page.reasons.get(fate.mutant) or page.reasons.get(fate.fault, "")


def unexplained(fates: Iterable[Fate], page: Page = PROPERTIES) -> list[str]:
    """Return the survivors and the rows never taken that have no written reason."""
    found = list(fates)
    open_rows = dict.fromkeys(_place(fate) for fate in found if fate.by == NEVER_TAKEN)
    rows = [place for place in open_rows if place not in page.never]
    return [fate.mutant for fate in found if fate.verdict == SURVIVOR and not reason(fate, page)] + rows


def line(name: str, fates: Sequence[Fate]) -> str:
    """Return a summary in one line."""
    count = Counter(fate.verdict for fate in fates)
    said = ", ".join(f"{count[word]} {word}" for word in (UNDEFINABLE, INDISTINGUISHABLE, KILLED, SURVIVOR))
    return f"{name}: {len(fates)} mutants, {said}; {share_killed(fates):.1%} of the distinguishable killed"


def text(found: Mapping[str, Sequence[Fate]], page: Page = PROPERTIES) -> str:
    """Return the page. It depends on the verdicts alone, so equal results give equal pages."""
    every = [fate for fates in found.values() for fate in fates]
    lines = [
        f"<!-- GENERATED from {page.source} -->",
        f"# {page.title}",
        "",
        page.about,
        "",
        *_figures(found),
        "",
        f"{share_killed(every):.2%} of the distinguishable mutants are killed; the goal is {GOAL:.0%}.",
        "",
        "## Killed by",
        "",
        *_killers(every, page),
        "",
        "## Survivors",
        "",
        *_survivors(every, page),
        "",
        "## Rows that no world takes",
        "",
        *_untaken(every, page),
    ]
    return "\n".join(lines) + "\n"


def _figures(found: Mapping[str, Sequence[Fate]]) -> Iterator[str]:
    yield "| type | mutants | undefinable | indistinguishable | of these in rows never taken | killed | survivors |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    every = [fate for fates in found.values() for fate in fates]
    for name, fates in (*found.items(), ("all", every)):
        count = Counter(fate.verdict for fate in fates)
        never = sum(fate.by == NEVER_TAKEN for fate in fates)
        numbers = (count[UNDEFINABLE], count[INDISTINGUISHABLE], never, count[KILLED], count[SURVIVOR])
        yield f"| {name} | {len(fates)} | {' | '.join(map(str, numbers))} |"


def _killers(fates: Iterable[Fate], page: Page) -> Iterator[str]:
    yield page.kills
    yield ""
    yield f"| {page.killer} | mutants |"
    yield "| --- | --- |"
    for name, number in sorted(Counter(fate.by for fate in fates if fate.verdict == KILLED).items(), key=_by_id):
        yield f"| {name} | {number} |"


def _by_id(item: tuple[str, int]) -> tuple[str, list[int], str]:
    """Return the sort key: `S4` before `S11`, clause 4.9 before 4.10."""
    numbers = [int(digits) for digits in re.findall(r"\d+", item[0])]
    return item[0][:1] if item[0][:1].isalpha() else "", numbers, item[0]


def _survivors(fates: Iterable[Fate], page: Page) -> Iterator[str]:
    survivors = [fate for fate in fates if fate.verdict == SURVIVOR]
    yield from (f"- `{fate.mutant}`: {reason(fate, page) or 'no reason is known'}" for fate in survivors)
    if not survivors:
        yield "None."


def _untaken(fates: Iterable[Fate], page: Page) -> Iterator[str]:
    places = dict.fromkeys(_place(fate) for fate in fates if fate.by == NEVER_TAKEN)
    yield from (f"- `{place}`: {page.never.get(place, 'no reason is known')}" for place in places)
    if not places:
        yield "None."


def _place(fate: Fate) -> str:
    """Return role and row, which the tables of a role share."""
    role = fate.mutant.partition(": ")[0].rpartition(" ")[2]
    return f"{role} {fate.row}"

"""The clauses of reports have the number, title, level and link of the specification."""

from __future__ import annotations

import re

import pytest

from ockam_fsm.conformance.report.clauses import CLAUSES, Clause, Level
from tests.test_spec import ROOT, SESSIONS, Spec, _anchor

AROUND_THE_ENDS = {f"16.{number}" for number in range(1, 10)}
"""Clauses that bind a node, not an end of a session."""

OF_STREAMS = {"6.8", "12.5", "12.9", "12.11"}
"""Clauses that bind the storage, or the application of publishers and consumers. The kit has no cases for these."""

OF_PIPES = {f"17.{number}" for number in range(1, 9)}
"""Clauses about pipes, for which the kit has no cases."""

OF_CHANNELS = {"11.2", *(f"18.{number}" for number in range(1, 6))}
"""Clauses about secure channels and recreated sessions, for which the kit has no cases."""

NOT_BEHAVIOUR = {"1.2", "1.4", "8.1", "8.2", "8.3", "10.1", *AROUND_THE_ENDS, *OF_STREAMS, *OF_PIPES, *OF_CHANNELS}
"""Binding clauses that say nothing of what an end does: words, passages, properties, faults for testers, the node,
streams, pipes, and channels."""


def read_off(text: str) -> list[Clause]:
    spec = Spec(text)
    titles = dict(re.findall(r"^### (\d+\.\d+) ([^\n]+)$", text, re.M))
    wanted = [number for number in spec.clauses if number not in spec.informative | NOT_BEHAVIOUR]
    return [Clause(number, titles[number], level(spec.clauses[number])) for number in wanted]


def level(body: str) -> Level:
    return next((one for one in (Level.MUST, Level.SHOULD) if re.search(rf"\b{one.value}\b", body)), Level.PLAIN)


def test_every_clause_that_binds_an_end_is_here_with_its_title_and_level() -> None:
    assert list(CLAUSES) == read_off(SESSIONS.read_text())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("### 4.6 Collision", "### 4.6 Crossing"),
        ("### 3.9 The", "### 3.12 The"),
        ("implementation SHOULD be", "implementation may be"),
        ("It SHOULD be at\nleast 1", "It is at\nleast 1"),
    ],
)
def test_prose_that_changed_is_noticed(before: str, after: str) -> None:
    text = SESSIONS.read_text()
    assert before in text
    changed = read_off(text.replace(before, after))
    assert (changed == list(CLAUSES)) == ("implementation" in before)  # 10.1 does not bind an end


def test_links_lead_to_the_text() -> None:
    for clause in CLAUSES:
        path, _, anchor = clause.link.partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.M)
        assert anchor in {_anchor(heading) for heading in headings}, clause.link

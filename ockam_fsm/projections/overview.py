"""A family of machines in one picture: the parts that each dimension adds.

Each member is a box in a grid of two dimensions. Between neighbours is a card with the difference: the titles of the
parts that one is composed of and the other is not. The titles are those of the tables; none is written for the picture.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import graphviz

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.projections.dot import canvas, identifier, left_aligned
from ockam_fsm.projections.styling import EventKind, StateKind

WRAP = 46
MORE, LESS = "+", "−"


@dataclass(frozen=True)
class Member:
    """A member of the family: `row` and `column` are its values of the two dimensions, in order."""

    name: str
    summary: str
    row: int
    column: int
    machines: tuple[Machine[Any, Any, Any], ...]

    def titles(self) -> dict[str, None]:
        """Return the titles of all parts of its machines, in order, once each."""
        return {part.title: None for machine in self.machines for part in machine.parts}


def overview_to_dot(members: Sequence[Member], page: str, title: str, summary: str) -> str:
    """Return the picture of a family as DOT. Rows go down the page."""
    graph = canvas(page, title, summary)
    graph.attr(nodesep="0.25", ranksep="0.28")
    by_place = {(member.row, member.column): member for member in members}
    for row in sorted({member.row for member in members}):
        _row(graph, [member for member in members if member.row == row])
    for (row, column), member in sorted(by_place.items()):
        if below := by_place.get((row + 1, column)):
            card = _card(graph, member, below)
            graph.edge(identifier(member.name), card, arrowhead="none", weight="4")
            graph.edge(card, identifier(below.name), weight="4")
    return str(graph.source)


def difference(first: Member, second: Member) -> Iterator[tuple[str, str]]:
    """Yield the parts that only `second` or only `first` has: a sign and the title of the part."""
    for title in second.titles():
        if title not in first.titles():
            yield MORE, title
    for title in first.titles():
        if title not in second.titles():
            yield LESS, title


def overview_inks() -> dict[str, str]:
    """Return the colours of the lines, by their sign."""
    return {MORE: EventKind.DATA.value.ink, LESS: EventKind.FAILURE.value.ink}


def _row(graph: graphviz.Digraph, members: Sequence[Member]) -> None:
    ordered = sorted(members, key=lambda member: member.column)
    with graph.subgraph() as same:
        same.attr(rank="same")
        for member in ordered:
            _box(same, member)
        for first, second in pairwise(ordered):
            card = _card(same, first, second)
            same.edge(identifier(first.name), card, arrowhead="none")
            same.edge(card, identifier(second.name))


def _box(graph: graphviz.Digraph, member: Member) -> None:
    # Not a record: Graphviz draws no line between neighbours of one rank if one of them is a record.
    sizes = [f"{m.name.rpartition(' ')[2]}: {len(m.states)} states, {len(m.rows)} rows" for m in member.machines]
    lines = [member.name, "", *textwrap.wrap(member.summary, 34), "", *sizes]
    look = StateKind.SETTLED.value if member.row else StateKind.UNDER_WAY.value
    graph.node(
        identifier(member.name), label="\\n".join(graphviz.escape(line) for line in lines), shape="box",
        style="rounded,filled", fillcolor=look.paper, color=look.ink, fontcolor=look.ink, fontname="Helvetica",
        fontsize="11", width="2.9",
    )  # fmt: skip


def _card(graph: graphviz.Digraph, first: Member, second: Member) -> str:
    name = identifier(f"{first.name} to {second.name}")
    lines = []
    for sign, title in difference(first, second):
        wrapped = textwrap.wrap(title, WRAP)
        lines += [f"{sign} {wrapped[0]}", *(f"  {line}" for line in wrapped[1:])]
    graph.node(
        name, label=left_aligned(lines), shape="box", style="rounded,filled", fillcolor="#FFFFFF", fontname="Courier",
        fontsize="9", margin="0.09,0.06", width="0", height="0",
    )  # fmt: skip
    return name

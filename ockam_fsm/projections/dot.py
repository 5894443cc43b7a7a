"""The machine as a picture: Graphviz DOT.

A state is a box, which lists the rows that stay in the state. All rows between the same two states are one arrow with a
card on it, one line per row: id, event, guard. An arrow has a strand for each kind of its events. Hovering over a card
shows the effects; otherwise they are in the printed table.

Rule 1: cards are nodes, not edge labels. Graphviz then keeps them apart, and no label can lie on a line or a box.
Rule 2: states go down the page in the order of their enumeration, and an arrow that goes up is laid out as if it went
        down; so both run side by side, and not around the picture.
Rule 3: only features of Graphviz as WebAssembly: no HTML-like labels, no fonts beyond the standard three (`svg.py` does
        the rest). From top to bottom, because labels are wide: from left to right the same machine is three pages wide.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import pairwise

import graphviz

from ockam_fsm.kernel.machine import E, F, Machine, Row, S
from ockam_fsm.projections.styling import EventKind, StateKind, event_kind, generated, grouped, guard_text, state_kind

INK = "#26303A"
FAINT = "#C9D1D9"
_STROKES = {"solid": "──", "bold": "━━", "dashed": "╌╌", "dotted": "┈┈"}


def to_dot(machine: Machine[S, E, F], page: str, summary: str = "") -> str:
    """Return the picture of `machine` as DOT; `summary` is one sentence under its name."""
    graph = canvas(page, machine.name, summary)
    groups = grouped(machine)
    _start(graph, machine)
    for state in machine.states:
        add_state(graph, machine, state, groups.get((state, state), ()))
    for (source, target), rows in groups.items():
        if source is not target:
            _arrow(graph, machine, source, target, rows)
    _legend(graph, machine)
    return str(graph.source)


def canvas(page: str, title: str, *lines: str, **attributes: str) -> graphviz.Digraph:
    """Return an empty picture with its title and the lines below it."""
    graph = graphviz.Digraph(comment=generated(page))
    heading = left_aligned(line for line in (title, *lines) if line)
    graph.attr(
        label=heading, labelloc="t", labeljust="l", fontname="Helvetica", fontsize="15", fontcolor=INK,
        bgcolor="#FFFFFF", pad="0.3", nodesep="0.3", ranksep="0.35", tooltip=title, **attributes,
    )  # fmt: skip
    graph.attr("node", fontname="Courier", fontsize="10", fontcolor=INK, color=FAINT, penwidth="1.2", tooltip=" ")
    graph.attr("edge", arrowsize="0.7", penwidth="1.3", color=INK, tooltip=" ")
    return graph


def add_state(
    graph: graphviz.Digraph, machine: Machine[S, E, F], state: S, rows: tuple[Row[S, E, F], ...], prefix: str = ""
) -> None:
    """Add the box of a state, with the rows that stay in it."""
    look = state_kind(machine, state).value
    fields = [record_field(state.name)]
    if rows:
        fields.append("".join(f"{record_field(line)}\\l" for line in row_lines(rows)))
    graph.node(
        identifier(prefix + state.name), label=f"{{{'|'.join(fields)}}}", shape="Mrecord", style="filled",
        fillcolor=look.paper, color=look.paper if look is StateKind.FINAL.value else look.ink, fontcolor=look.ink,
        tooltip=effects_text(rows),
    )  # fmt: skip


def row_lines(rows: Iterable[Row[S, E, F]]) -> list[str]:
    """Return one line per row, with the events aligned."""
    rows = list(rows)
    width = max(len(row.id) for row in rows)
    return [f"{row.id:<{width}} {row.event.name}{f' [{guard_text(row)}]' if row.when else ''}" for row in rows]


def effects_text(rows: Iterable[Row[S, E, F]]) -> str:
    """Return the text that is shown on hovering: the effects of each row."""
    lines = [f"{row.id}: {', '.join(effect.name for effect in row.effects) or 'no effects'}" for row in rows]
    return graphviz.escape("\n".join(lines)) or " "


def record_field(text: str) -> str:
    """Return any text as a field of a record."""
    return re.sub(r"([\\{}|<>]|(?<= ) | (?= ))", r"\\\1", " ".join(text.split("\n")))


def left_aligned(lines: Iterable[str]) -> str:
    """Return the lines as a label, each aligned to the left."""
    return "".join(f"{graphviz.escape(' '.join(line.split(chr(10))))}\\l" for line in lines)


def identifier(text: str) -> str:
    """Return the name of a node, which viewers show. A colon (a port) and a backslash (an escape) are replaced."""
    return re.sub(r"[^\w -]", lambda found: f"_{ord(found[0]):x}_", text)


def strands(kinds: Iterable[EventKind]) -> dict[str, str]:
    """Return the attributes of an arrow for events of these kinds."""
    present = frozenset(kinds)
    looks = [kind.value for kind in EventKind if kind in present]
    style = looks[0].line if len(looks) == 1 else "solid"
    return {"color": ":".join(look.ink for look in looks), "style": style}


def inks(machine: Machine[S, E, F]) -> dict[str, str]:
    """Return the colours of the lines of labels, by the row id at their beginning."""
    return {row.id: event_kind(row.event).value.ink for row in machine.rows}


def headings(machine: Machine[S, E, F]) -> frozenset[str]:
    """Return the lines that are set bold as a whole."""
    return frozenset({machine.name, *(state.name for state in machine.states)})


def _start(graph: graphviz.Digraph, machine: Machine[S, E, F]) -> None:
    graph.node(
        "start", label="", shape="circle", width="0.14", style="filled", fillcolor=INK, color=INK, tooltip="start"
    )
    graph.edge("start", identifier(machine.initial.name), color=INK)


def _arrow(
    graph: graphviz.Digraph, machine: Machine[S, E, F], source: S, target: S, rows: tuple[Row[S, E, F], ...]
) -> None:
    tail, head = identifier(source.name), identifier(target.name)
    card = f"{tail} to {head}"
    graph.node(
        card, label=left_aligned(row_lines(rows)), shape="box", style="rounded,filled", fillcolor="#FFFFFF",
        margin="0.06,0.04", height="0", width="0", tooltip=effects_text(rows),
    )  # fmt: skip
    look = strands(event_kind(row.event) for row in rows)
    states = machine.states
    if states.index(source) < states.index(target):
        weight = "4" if states.index(target) == states.index(source) + 1 else "1"
        graph.edge(tail, card, arrowhead="none", weight=weight, **look)
        graph.edge(card, head, weight=weight, **look)
    else:
        graph.edge(head, card, dir="back", **look)
        graph.edge(card, tail, arrowhead="none", **look)


def _legend(graph: graphviz.Digraph, machine: Machine[S, E, F]) -> None:
    present = {state_kind(machine, state) for state in machine.states}
    legend_rows(graph, identifier(machine.states[-1].name), present, {event_kind(row.event) for row in machine.rows})


def legend_rows(
    graph: graphviz.Digraph, above: str, states: Collection[StateKind], events: Collection[EventKind]
) -> None:
    """Add two rows below the node `above`: kinds of states, kinds of events. Invisible lines keep them there."""
    captions = [_legend_state(graph, kind) for kind in StateKind if kind in states]
    strokes = [_legend_event(graph, kind) for kind in EventKind if kind in events]
    for names in (captions, strokes):
        with graph.subgraph() as row:
            row.attr(rank="same")
            for left, right in pairwise(names):
                row.edge(left, right, style="invis")
    for name in captions:
        graph.edge(above, name, style="invis")
    for index, name in enumerate(strokes):
        graph.edge(captions[index % len(captions)], name, style="invis")


def _legend_state(graph: graphviz.Digraph, kind: StateKind) -> str:
    look, name = kind.value, f"legend {kind.name.lower()} state"
    graph.node(
        name, label=look.caption, shape="box", style="rounded,filled", fillcolor=look.paper, fontcolor=look.ink,
        color=look.paper if kind is StateKind.FINAL else look.ink, fontname="Helvetica", fontsize="9",
        height="0.22", width="0", margin="0.09,0.02",
    )  # fmt: skip
    return name


def _legend_event(graph: graphviz.Digraph, kind: EventKind) -> str:
    look, name = kind.value, f"legend {kind.name.lower()} event"
    graph.node(
        name, label=f"{_STROKES[look.line]} {look.caption}", shape="plaintext", fontcolor=look.ink,
        fontname="Helvetica", fontsize="9", height="0.22", width="0", margin="0.04,0.02",
    )  # fmt: skip
    return name

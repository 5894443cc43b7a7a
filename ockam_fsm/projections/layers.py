"""Layers of sessions in one picture: the nodes of each session, and the layer that it relies on.

A row is a layer, the highest first, and a column is a node. A line within a row is a session between two nodes; a
dashed line leads down to the layer that the session above it relies on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import graphviz

from ockam_fsm.projections.dot import FAINT, canvas, identifier
from ockam_fsm.projections.styling import StateKind


@dataclass(frozen=True)
class LayerRow:
    """One layer: its sessions as pairs of nodes, and the text of each end."""

    name: str
    sessions: tuple[tuple[str, str], ...]
    ends: Mapping[str, str]


@dataclass(frozen=True)
class Layering:
    """Layers, the highest first, between nodes that stand from left to right."""

    name: str
    title: str
    sentence: str
    nodes: tuple[str, ...]
    rows: tuple[LayerRow, ...]


def layers_to_dot(layering: Layering, page: str) -> str:
    """Return the picture as DOT."""
    graph = canvas(page, layering.title)
    graph.attr(nodesep="0.6", ranksep="0.45")
    with graph.subgraph() as top:
        top.attr(rank="same")
        for node in layering.nodes:
            top.node(identifier(node), label=node, shape="plaintext", fontname="Helvetica", fontsize="13")
    for row in layering.rows:
        _row(graph, layering.nodes, row)
    for node in layering.nodes:
        graph.edge(identifier(node), _ends(layering.rows[0])[node], style="invis")
        for upper, lower in pairwise(layering.rows):
            style = "dashed" if upper.ends[node] and lower.ends[node] else "invis"
            graph.edge(_ends(upper)[node], _ends(lower)[node], style=style, color=FAINT)
    return str(graph.source)


def _ends(row: LayerRow) -> dict[str, str]:
    return {node: identifier(f"{row.name} {node}") for node in row.ends}


def _row(graph: graphviz.Digraph, nodes: Sequence[str], row: LayerRow) -> None:
    look = StateKind.SETTLED.value
    with graph.subgraph() as same:
        same.attr(rank="same")
        for node in nodes:
            label = f"{row.name}\\n{row.ends[node]}" if row.ends[node] else ""
            shape = {"shape": "box", "style": "rounded,filled"} if label else {"shape": "point", "style": "invis"}
            same.node(_ends(row)[node], label=label, fillcolor=look.paper, color=look.ink, fontcolor=look.ink, **shape)
    for one, other in row.sessions:
        graph.edge(_ends(row)[one], _ends(row)[other], dir="both", color=look.ink, constraint="false")

"""Two machines that exchange messages, side by side, with the rows that send and receive each message.

Left and right are the states of the two machines, each with the rows that send or receive a message, and their targets;
between them are the messages. Dashed lines go from a row that sends a message to every row that receives it.

Rule 1: the mapping of messages is data: for each effect that sends one, the events that it may be at the other side.
        Nothing here depends on session types.
Left out: rows that stay in their state, and messages of which the other side has no row then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, TypeAlias

import graphviz

from ockam_fsm.kernel.machine import Machine, Row
from ockam_fsm.projections.dot import canvas, identifier, record_field
from ockam_fsm.projections.styling import StateKind, event_kind, guard_text, state_kind

EXPLANATION = "Dashed: a message, from the rows that send it to the rows that receive it. Rows that stay are left out."

Messages: TypeAlias = Mapping[Any, Sequence[Any]]
"""An effect that sends a message -> the events that the message may be at its receiver."""

AnyMachine: TypeAlias = Machine[Any, Any, Any]
AnyRow: TypeAlias = Row[Any, Any, Any]


@dataclass(frozen=True)
class Side:
    """One machine of a pair: its side, and its rows that send or receive messages."""

    machine: AnyMachine
    name: str
    left: bool
    rows: tuple[AnyRow, ...]

    def node(self, state: Enum) -> str:
        return identifier(f"{self.name} {state.name}")

    def port(self, row: AnyRow) -> str:
        # The port is the row's place in the table: a row id may hold anything, a port may not.
        return f"{self.node(row.source)}:r{self.machine.rows.index(row)}:{'e' if self.left else 'w'}"

    def grouped_by_state(self) -> Iterable[tuple[Enum, list[AnyRow]]]:
        for state in self.machine.states:
            yield state, [row for row in self.rows if row.source is state]


def pair_to_dot(left: AnyMachine, right: AnyMachine, messages: Messages, page: str, title: str, summary: str) -> str:
    """Return the picture of two machines and the messages between them as DOT."""
    graph = canvas(page, title, summary, EXPLANATION, rankdir="LR")
    graph.attr(ranksep="1.8", nodesep="0.22")
    sides = [_side(left, right, messages, True), _side(right, left, messages, False)]
    for side in sides:
        _states(graph, side)
    for sender, receiver in (sides, reversed(sides)):
        for effect in messages:
            _message(graph, sender, receiver, effect, messages[effect])
    return str(graph.source)


def _moving(machine: AnyMachine) -> list[AnyRow]:
    return [row for row in machine.rows if row.target is not row.source]


def _receives(machine: AnyMachine, events: Iterable[Enum]) -> list[AnyRow]:
    wanted = frozenset(events)
    return [row for row in _moving(machine) if row.event in wanted]


def _sends(machine: AnyMachine, effect: Enum) -> list[AnyRow]:
    return [row for row in _moving(machine) if effect in row.effects]


def _side(machine: AnyMachine, other: AnyMachine, messages: Messages, left: bool) -> Side:
    chosen: set[str] = set()
    for effect, events in messages.items():
        if _receives(other, events):
            chosen |= {row.id for row in _sends(machine, effect)}
        if _sends(other, effect):
            chosen |= {row.id for row in _receives(machine, events)}
    name = machine.name.rpartition(" ")[2]
    return Side(machine, name, left, tuple(row for row in machine.rows if row.id in chosen))


def _states(graph: graphviz.Digraph, side: Side) -> None:
    with graph.subgraph(name=f"side {side.name}") as column:
        column.attr(rank="min" if side.left else "max")
        names = [identifier(side.name)]
        column.node(names[0], label=side.name, shape="plaintext", fontname="Helvetica", fontsize="13")
        for state, rows in side.grouped_by_state():
            look = state_kind(side.machine, state).value
            fields = [record_field(state.name), *(_field(side, row) for row in rows)]
            column.node(
                side.node(state), label="|".join(fields), shape="Mrecord", style="filled", fillcolor=look.paper,
                fontcolor=look.ink, color=look.paper if look is StateKind.FINAL.value else look.ink,
            )  # fmt: skip
            names.append(side.node(state))
        for upper, lower in pairwise(names):
            column.edge(upper, lower, style="invis", weight="10")


def _field(side: Side, row: AnyRow) -> str:
    guard = f" [{guard_text(row)}]" if row.when else ""
    text = record_field(f"{row.id} {row.event.name}{guard} → {row.target.name}")
    return f"<r{side.machine.rows.index(row)}> {text}\\l"


def _message(graph: graphviz.Digraph, sender: Side, receiver: Side, effect: Enum, events: Sequence[Enum]) -> None:
    senders, receivers = _sends(sender.machine, effect), _receives(receiver.machine, events)
    if not senders or not receivers:
        return
    name = identifier(f"{effect.name} of the {sender.name}")
    ink = event_kind(events[0]).value.ink
    word = effect.name.removeprefix("SEND_")
    graph.node(
        name, label=f"{word} →" if sender.left else f"← {word}", shape="box", style="rounded,filled",
        fillcolor="#FFFFFF", color=ink, fontcolor=ink, height="0.3", margin="0.1,0.03",
    )  # fmt: skip
    look = {"color": ink, "style": "dashed", "penwidth": "1"}
    for row in senders:
        _wire(graph, sender.port(row), name, sender.left, look | {"arrowhead": "none"})
    for row in receivers:
        _wire(graph, name, receiver.port(row), sender.left, look)


def _wire(graph: graphviz.Digraph, tail: str, head: str, rightwards: bool, look: Mapping[str, str]) -> None:
    """Add an arrow between two columns; one that goes left is laid out as if it went right."""
    if rightwards:
        graph.edge(tail, head, **look)
    elif look.get("arrowhead") == "none":
        graph.edge(head, tail, **look)
    else:
        graph.edge(head, tail, dir="back", **look)

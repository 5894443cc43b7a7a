"""The strict readers of TLC's output: values and its state graph. TLC itself runs in test_tlc_cases.py."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ockam_fsm.checking.actors import Deliver, Order
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.specification.table_world import Symbol, SymbolicLink
from tests.specification.covering import Transition, along, covering
from tests.specification.tla_graph import StepGraph, Under, Unreadable
from tests.specification.tla_values import Function, NoValue, value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-3", -3),
        ("TRUE", True),
        ('"a |-> b"', "a |-> b"),
        ("<< >>", ()),
        ('<<1, "x", FALSE>>', (1, "x", False)),
        ("{}", frozenset()),
        ('{"b",\n "a"}', frozenset({"a", "b"})),
        ("[ a |-> 1,\n  b |-> [c |-> <<2>>] ]", {"a": 1, "b": {"c": (2,)}}),
        ("([a |-> 1] :> 2 @@ [a |-> 2] :> 1)", Function((({"a": 1}, 2), ({"a": 2}, 1)))),
    ],
)
def test_values(text: str, found: Any) -> None:
    assert value(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "1 2", "<<1, 2", "<<1 2>>", "[a |-> 1, a |-> 2]", "[a -> 1]", "[1 |-> 1]", "{1, 1}", "{[a |-> 1]}", "(1 :> )",
     "()", "@@", "hello", "#", '"open', "1,", "(1 :> 2 @@)", "- 1", "{,}"],
)  # fmt: skip
def test_malformed_values(text: str) -> None:
    with pytest.raises(NoValue):
        value(text)


# A graph of three states: nothing; an order; the hello that it sent arrives -----------------------------------------

NO_LINK = '[number |-> 0, starter |-> "responder", peer |-> 0, resumed |-> FALSE]'
LINK = NO_LINK.replace("0, starter", "1, starter", 1).replace("responder", "initiator")
COUNTERS = "[attempts |-> 0, held |-> 0, misses |-> 0, usable |-> 0, resting |-> 0]"
HELLO = (
    '[to |-> "responder", kind |-> "hello", number |-> 1, starter |-> "initiator", sender |-> 1, receiver |-> 0, '
    "resumed |-> FALSE, seen |-> 0]"
)
SAID = Under("responder", Symbol("hello", 1, Role.INITIATOR, 1))


def end(state: str = "IDLE", ordinal: int = 1, attempt: str = NO_LINK, timers: str = "{}") -> str:
    seen = '[number |-> 0, starter |-> "responder"]'
    return (
        f'[ordinal |-> {ordinal}, state |-> "{state}",\n counters |-> {COUNTERS}, seen |-> {seen}, attempt |-> '
        f"{attempt}, current |-> {NO_LINK}, established |-> {NO_LINK}, "
        f"waiting |-> << >>, pending |-> << >>, hasState |-> FALSE, rested |-> TRUE, "
        f"accepted |-> 0, timers |-> {timers}]"
    )


def step(by: str = "rest", role: str = "nobody", name: str = "", rows: str = "<< >>", sent: str = "<< >>") -> str:
    return (
        f'[by |-> "{by}", role |-> "{role}", name |-> "{name}", message |-> {HELLO}, rows |-> {rows}, sent |-> {sent}]'
    )


def node(number: int, initiator: str, network: str, said: str, style: str = "]") -> str:
    label = (
        f"/\\ step = {said}\n/\\ ends = [initiator |-> {initiator}, responder |-> {end(ordinal=0)}]\n"
        f"/\\ network = {network}\n/\\ orders = 0"
    )
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{number} [label="{escaped}"{style};'


def arrow(one: int, other: int) -> str:
    return f'{one} -> {other} [label="Next",color="black",fontcolor="black"];'


ASKING = end("NEGOTIATING", attempt=LINK, timers='{"NEGOTIATION_EXPIRED"}')
OPENS = step("order", "initiator", "OPEN", '<<"IT1">>', f"<<{HELLO}>>")
GRAPH = (
    "strict digraph DiskGraph {", "nodesep=0.35;", "subgraph cluster_graph {", 'color="white";',
    node(-1, end(), "<< >>", step(), ",style = filled]").replace("];", "]"),
    arrow(-1, 2), node(2, ASKING, f"({HELLO} :> 1)", OPENS),
    arrow(2, 3), node(3, ASKING, f"({HELLO} :> 1)", step()),
    arrow(3, 4), node(4, ASKING, "<< >>", step("drop", "responder")),
    arrow(3, 5), node(5, ASKING, "<< >>", step("deliver", "responder")),
    arrow(4, 6), arrow(5, 6), node(6, ASKING, "<< >>", step()),
    "{rank = same; -1;2;}", "}", "}}",
)  # fmt: skip
"""Not a behaviour: the hello that arrives is ignored."""


def test_states_and_steps() -> None:
    graph = StepGraph(GRAPH)
    assert (len(graph.states), graph.steps) == (3, 3)
    (opened, after), (arrived, last) = (
        (graph.step(arrow), graph.state(arrow.successor)) for _, arrow in along(graph, (0, 1))
    )
    assert (opened.event, opened.rows, opened.sent) == (Order("open"), ("IT1",), (SAID,))
    assert after.network == Counter([SAID])
    initiator, timers = after.ends["initiator"]
    assert (initiator.state, initiator.attempt) == (State.NEGOTIATING, SymbolicLink(1, Role.INITIATOR))
    assert timers == {Event.NEGOTIATION_EXPIRED}
    assert (arrived.event, arrived.message) == (Deliver(SAID.said, "initiator"), SAID)
    assert not last.network


def test_cases() -> None:
    found = covering(StepGraph(GRAPH))
    assert found.paths == ((0, 1),)
    assert found.transitions == {
        Transition("initiator", "IDLE", "an order", ("IT1",), "IDLE"),
        Transition("responder", "IDLE", "hello", (), "NEGOTIATING"),
    }


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (GRAPH[1], "splines=true;"),
        (GRAPH[4], GRAPH[4].replace(",style = filled", "")),
        (GRAPH[6], GRAPH[6].replace('by |-> \\"order', 'by |-> \\"sleep')),
    ],
)
def test_unexpected_lines_are_errors(line: str, other: str) -> None:
    lines = [other if one is line else one for one in GRAPH]
    assert tuple(lines) != GRAPH
    with pytest.raises(Unreadable):
        StepGraph(lines)


@pytest.mark.parametrize(
    "lines",
    [
        [line for line in GRAPH if line != arrow(2, 3)],
        [*GRAPH, arrow(2, 6)],
        [*GRAPH, arrow(-1, 3)],
        [*GRAPH, arrow(6, -1)],
    ],
    ids=["no rest", "two rests", "rest after rest", "rest after the last"],
)
def test_states_and_steps_that_do_not_alternate_are_refused(lines: list[str]) -> None:
    with pytest.raises(Unreadable, match="do not alternate"):
        covering(StepGraph(lines))

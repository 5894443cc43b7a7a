"""The graph of the explorer page is the graph of the checker, with the texts of `replay` and the tables' decisions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ockam_fsm.checking import explore, replay, spoken
from ockam_fsm.checking.engine.handler_cache import HandlerCache
from ockam_fsm.explorer.ends import session_end
from ockam_fsm.explorer.graph import OUTSIDE, NoPath, graph
from ockam_fsm.kernel.machine import Row
from tests.cli.own_worlds import counting_to
from tests.explorer.pages import bad_world, locals_of, pinned, status_of, steps, walked, world_named

SMALL = "explicit-transient:closed"
WHOLE = (SMALL, "implicit-transient:closed", "implicit-persistent-one-sided:returned-responder-among-strangers")
MANY = 10_000


@cache
def whole(name: str) -> Any:
    return graph(world_named(name), (), MANY)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_world_has_the_states_and_transitions_that_the_checker_counts(name: str) -> None:
    found, pin = whole(name), pinned(name)
    assert found["complete"]
    assert len(found["states"]) == pin["states"]
    assert sum(len(flat) // 2 for flat in found["steps"]) == pin["transitions"]


def some_paths(name: str, depth: int) -> Iterator[tuple[int, ...]]:
    """Every path of this length through the graph of a world."""
    found = whole(name)
    level: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for _ in range(depth):
        level = [
            ((*path, position), successor)
            for path, state in level
            for position, (_, successor) in enumerate(steps(found, state))
        ]
    yield from (path for path, _ in level)


@pytest.mark.slow
def test_each_state_is_that_of_a_replay() -> None:
    found, world = whole(SMALL), world_named(SMALL)
    compared = 0
    for path in some_paths(SMALL, 4):
        *_, end = replay(world, path)
        state = walked(found, path)[-1]
        here = locals_of(found, state)
        assert [one["label"] for one in here] == [spoken(local) for local in end.state.locals.values()]
        assert [one["timers"] for one in here] == [sorted(map(spoken, all_)) for all_ in end.state.timers.values()]
        assert [move["label"] for move, _ in steps(found, state)] == [choice.label for choice in end.enabled]
        messages = [found["messages"][number]["text"] for number in found["networks"][found["states"][state][-3]]]
        assert messages == [spoken(envelope.payload) for envelope in end.state.network]
        compared += 1
    assert compared > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_the_row_taken_is_the_one_that_the_table_decides(name: str) -> None:
    """What the driver recorded in a step is what `why not` shows for that event in the state before."""
    found, world = whole(name), world_named(name)
    compared = 0
    for state in range(len(found["states"])):
        for move, _ in steps(found, state):
            row = found["rows"][move["row"]] if move["row"] >= 0 else {"fired": []}
            sessions = locals_of(found, state)[move["actor"]]["sessions"]
            if not row["fired"] or len(sessions) != 1:
                continue
            end = session_end(world.actors[move["actor"]])
            assert end is not None
            before, event, decision = row["fired"][0]
            place = [one.name for one in end.machine.events].index(event)
            assert before == sessions[0]["state"]
            if decision != OUTSIDE:
                assert found["situations"][sessions[0]["situation"]][place] == decision
            compared += 1
    assert compared > 100


@pytest.mark.slow
def test_a_row_leads_to_its_target() -> None:
    found, world = whole(SMALL), world_named(SMALL)
    rows = 0
    for state in range(len(found["states"])):
        for move, successor in steps(found, state):
            fired = found["rows"][move["row"]]["fired"] if move["row"] >= 0 else []
            sessions = locals_of(found, successor)[move["actor"]]["sessions"]
            end = session_end(world.actors[move["actor"]])
            if not fired or len(sessions) != 1 or end is None:
                continue
            decision = list(end.machine.decisions())[fired[-1][2]]
            target = decision.target.name if isinstance(decision, Row) else fired[-1][0]
            assert sessions[0]["state"] == target
            rows += isinstance(decision, Row)
    assert rows > 100


def test_the_first_step_takes_the_first_row() -> None:
    found = graph(world_named(SMALL), (0,))
    ((move, _),) = steps(found, 0)
    assert (move["label"], move["action"], move["kind"]) == ("initiator: order open", "order", "user")
    assert found["rows"][move["row"]]["fired"] == [["IDLE", "OPEN", 0]]
    assert [found["messages"][number]["text"] for number in found["rows"][move["row"]]["sent"]] == ["hello 1i"]


def test_a_known_bad_machine_is_violated_by_the_last_step_only() -> None:
    world = bad_world("no-generation")
    place = [one.id for one in world.properties].index("S4")
    path = (0, 0, 1, 1, 1)
    found = graph(world, path)
    states = walked(found, path)
    marks = [
        found["rows"][steps(found, state)[position][0]["row"]]["status"][place]
        for state, position in zip(states, path, strict=False)
    ]
    assert marks == ["+", "+", "+", "+", "!"]


def test_the_status_of_state_properties() -> None:
    world = world_named(SMALL)
    trace = explore(world)["W1"].trace
    assert trace is not None
    found = graph(world, trace.indices)
    place = {one.id: number for number, one in enumerate(world.properties)}
    marks = [status_of(found, state) for state in walked(found, trace.indices)]
    assert [mark[place["W1"]] for mark in marks] == ["-"] * len(trace) + ["w"]
    assert [mark[place["R1"]] for mark in marks] == [".", "o", "o", "g", "g"]
    assert {mark[place["S7"]] for mark in marks} == {"+"}
    assert {mark[place["S1"]] for mark in marks} == {" "}


def test_a_part_of_a_world_has_all_steps_of_its_states() -> None:
    found = graph(world_named(SMALL), (), 20)
    assert len(found["states"]) == len(found["steps"]) == 20
    assert not found["complete"]
    inside = whole(SMALL)
    assert [len(flat) for flat in found["steps"]] == [len(flat) for flat in inside["steps"][:20]]
    assert OUTSIDE in {successor for state in range(20) for _, successor in steps(found, state)}


def test_the_states_of_the_path_are_in_every_part() -> None:
    path = (0, 0, 1, 0)
    alone = graph(world_named(SMALL), path)
    assert len(alone["states"]) == len({*walked(alone, path)})
    assert OUTSIDE not in walked(graph(world_named(SMALL), path, 3), path)


def test_the_same_world_gives_the_same_graph() -> None:
    world = world_named(SMALL)
    cache = HandlerCache(world)
    graph(world, (0, 0, 0, 0), 100, cache)
    assert graph(world, (0, 0), 30, cache) == graph(world, (0, 0), 30)


@pytest.mark.parametrize("path", [(1,), (0, 99), (0, -1)])
def test_a_path_that_does_not_exist_is_refused(path: tuple[int, ...]) -> None:
    with pytest.raises(NoPath, match="enabled here"):
        graph(world_named(SMALL), path)


def test_actors_that_are_no_ends_of_sessions_have_no_table() -> None:
    found = graph(counting_to(3), (), MANY)
    result = explore(counting_to(3), stop_at_first=False)
    assert [actor["table"] for actor in found["actors"]] == [None, None]
    assert len(found["states"]) == result.states
    assert found["rows"][0]["fired"] == []
    assert {status_of(found, state) for state in range(len(found["states"]))} == {"+", "!"}
    assert found["rests"][0]["left"] == {"duplicate": 1, "partition": 1, "asker.order ask": 2}

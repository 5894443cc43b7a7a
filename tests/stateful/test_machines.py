"""The generated machines, with a small budget; `test_long_runs.py` has the large one. They reject known-bad machines.

A failure prints the program that Hypothesis has shrunk, and a call of `again` that replays its trace without it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, table
from ockam_fsm.specification.table_world import pair_config_of
from tests.recording import RECORDING
from tests.stateful import nodes, pairs
from tests.stateful.ends import END_MACHINES
from tests.stateful.nodes import NODE_MACHINES
from tests.stateful.pairs import PAIR_MACHINES
from tests.stateful.sockets import SOCKET_MACHINES


def budget(examples: int, steps: int, **more: Any) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False, **more,
    )  # fmt: skip


def run(machine: type[RuleBasedStateMachine], examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(machine, settings=budget(examples, steps, **more))


@pytest.mark.slow
@pytest.mark.parametrize("machine", END_MACHINES, ids=lambda machine: str(machine.__name__))
def test_ends(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 12, 30)


@pytest.mark.slow
@pytest.mark.parametrize("machine", PAIR_MACHINES, ids=lambda machine: str(machine.__name__))
def test_pairs(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 15, 40)


def test_a_hello_that_a_full_host_refuses_is_no_step_of_a_session() -> None:
    """The host answers it, and makes no responder to which S28 could apply."""
    pairs.again("explicit-transient", [["fault", 4], ["fire", 12], ["deliver", 0], ["deliver", 0]])


@pytest.mark.slow
@pytest.mark.parametrize("machine", NODE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_nodes(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 5, 10)


@pytest.mark.slow
@pytest.mark.parametrize("machine", SOCKET_MACHINES[2:3], ids=lambda machine: str(machine.__name__))
def test_nodes_over_tcp(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 2, 8)


def test_there_is_a_machine_for_each_type_and_role_and_each_pair() -> None:
    assert len({machine.__name__ for machine in END_MACHINES}) == 12
    assert len({machine.__name__ for machine in (*PAIR_MACHINES, *NODE_MACHINES, *SOCKET_MACHINES)}) == 18


def test_every_event_of_a_table_has_a_rule_unless_it_follows_from_others() -> None:
    for machine in END_MACHINES:
        events = {event.name.lower() for event in table(machine.kind, machine.role).events}
        assert events - set(vars(machine)) <= {"previous_ended", "reissue"}


# Known-bad machines ---------------------------------------------------------------------------------------------------

BAD = {bad.name: bad for bad in known_bad()}
MOST_EXAMPLES = 3_000
"""The first failure ends the search. The draws of Hypothesis depend on the loaded modules."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["route-outlives-failure"])
def test_a_wrong_pair_is_found_shrunk_and_replayed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_and_replay(name, monkeypatch)


def find_and_replay(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that the machine finds it, that the example is short, and that its trace violates the same property."""
    bad, broken = pair_config_of(BAD[name].world), BAD[name].property
    right, properties = pairs.subject(EXPLICIT_PERSISTENT_ONE_SIDED)
    wrong = replace(right, make=bad.make, variants=bad.variants)
    chosen = tuple(one for one in properties if one.id == broken)
    monkeypatch.setattr(pairs, "subject", lambda kind: (wrong, chosen))
    machine = pairs.pair_machine(EXPLICIT_PERSISTENT_ONE_SIDED)
    with pytest.raises(AssertionError, match=f"{broken} does not hold") as found:
        run(machine, MOST_EXAMPLES, 30, phases=(Phase.generate, Phase.shrink))
    call = re.search(r"replay: (again\(.*\))", str(found.value))
    assert call is not None
    assert len(re.findall(r'\["', call[1])) < 12
    with pytest.raises(AssertionError, match=f"{broken} does not hold"):
        eval(call[1], {"again": pairs.again})


@pytest.mark.slow
def test_a_pair_that_never_recovers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BAD["no-negotiation-timer"]
    variants = pair_config_of(bad.world).variants
    right, properties = pairs.subject(EXPLICIT_PERSISTENT_ONE_SIDED)
    chosen = tuple(one for one in properties if one.id == bad.property)
    monkeypatch.setattr(pairs, "subject", lambda kind: (replace(right, variants=variants), chosen))
    with pytest.raises(AssertionError, match=f"{bad.property} does not reach its goal"):
        pairs.again("explicit-persistent-one-sided", [["drop", 0]])


def test_the_chart_of_a_failure_ends_where_healing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    right, properties = pairs.subject(EXPLICIT_PERSISTENT_ONE_SIDED)
    never = tuple(replace(one, predicate=lambda *_: False) for one in properties if one.id == "R1")
    monkeypatch.setattr(pairs, "subject", lambda kind: (right, never))
    with pytest.raises(AssertionError, match="R1 does not reach its goal"):
        pairs.again("explicit-persistent-one-sided", [["drop", 0]])
    chart = RECORDING.chart()
    assert chart is not None
    told = [(moment.kind.name, moment.label) for moment in chart.moments]
    assert told == [("ORDER", "open"), ("STATE", "NEGOTIATING"), ("LOST", "hello 1i")]


def test_a_run_of_nodes_is_the_same_again() -> None:
    moves = [("use", 5), ("storm", 100), ("strike", 2), ("run", 50)]
    runs = []
    for _ in range(2):
        walk = nodes.NodeWalk(EXPLICIT_PERSISTENT_ONE_SIDED, 7)
        for move, which in moves:
            walk.take(move, which)
        runs.append((walk.steps, walk.simulation.network.now, walk.simulation.figures()))
    assert runs[0] == runs[1]

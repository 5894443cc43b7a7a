"""The property tests that must kill mutants of the runtime's code: the explorer, Hypothesis machines, simulated runs.

All other tests with inputs from Hypothesis belong to them too (`-m hypothesis`, in pyproject.toml). Example tests do
not, so a surviving mutant shows a gap in the properties (`make code-mutants`).
"""

from __future__ import annotations

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.pipes.worlds import pipe_worlds
from ockam_fsm.checking.sessions.secure_worlds import secure_worlds
from ockam_fsm.checking.sessions.worlds import all_worlds
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.trace_recorder import header
from ockam_fsm.simulation.pipelines import BARE, CONFIRM, INDEXES, RESENDS, Delivery, measure
from ockam_fsm.simulation.runs import simulate
from ockam_fsm.simulation.workload import Setup
from tests.secure.test_stateful import ChannelMachine
from tests.specification.test_traces import judged
from tests.stateful import full_node, mail
from tests.stateful.ends import END_MACHINES
from tests.stateful.nodes import NODE_MACHINES
from tests.stateful.pairs import PAIR_MACHINES
from tests.stateful.pipes import PIPE_MACHINES
from tests.stateful.streams import STREAM_MACHINES
from tests.stateful.test_machines import run
from tests.stateful.test_whole_node import bytes_of
from tests.stateful.whole_node_moves import MACHINE, burst

pytestmark = pytest.mark.hypothesis  # the tests that mutmut runs

MOST_STATES = 4_000
"""The state limit of each world."""


WORLDS = (
    *(one for one in all_worlds() if not ("two-sided" in one.name and "strangers" in one.name)),
    *pipe_worlds(),
    *stream_worlds(),
    *secure_worlds(),
)
"""Left out: open environments of two-sided ends, which take as long as all the others together."""

DELIVERIES = (
    BARE.inside(CONFIRM),
    *(BARE.inside(resend).inside(index) for resend in RESENDS for index in INDEXES),
    BARE.inside(RESENDS[1]).then(BARE.inside(RESENDS[1])),
)
"""One delivery of each kind of pipe and of nested pipes, in nodes over a faulty network."""


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: str(world.name))
def test_no_property_is_refuted(world: World) -> None:
    result = explore(world, state_limit=MOST_STATES)
    refuted = [one.id for one in result.properties if one.verdict is Verdict.REFUTED]
    assert refuted == []
    if result.verdict is not Verdict.UNDETERMINED:
        assert result.verdict is Verdict.PROVED


@pytest.mark.parametrize("machine", [*END_MACHINES, *PAIR_MACHINES], ids=lambda machine: str(machine.__name__))
def test_sessions(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 40, 40)


@pytest.mark.parametrize("machine", NODE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_nodes(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 10, 20)


def test_a_whole_node() -> None:
    run(MACHINE, 20, 40)


def test_message_routing() -> None:
    run(mail.MACHINE, 20, 30)


@pytest.mark.parametrize("number", range(12))
def test_bursts_of_messages(number: int) -> None:
    mail.burst(number, 200)


def test_a_full_node() -> None:
    run(full_node.MACHINE, 20, 40)


@pytest.mark.parametrize("number", range(6))
def test_bursts_at_a_full_node(number: int) -> None:
    full_node.burst(number, 200)


@pytest.mark.parametrize("number", range(10))
def test_bursts(number: int) -> None:
    burst(bytes_of(number))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_a_simulated_run_is_a_behaviour(kind: SessionType) -> None:
    setup = Setup(kind, 3)
    records = [header(map(setup.settings, Role), setup.faults.rates)]
    outcome = simulate(setup, 800, trace=records.append)
    assert outcome.broken == "", outcome.detail
    result = judged(records)
    assert result.rejection is None
    assert result.steps > 100, "the run has too few events"


@pytest.mark.parametrize("machine", PIPE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_pipes(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 8, 30)


@pytest.mark.parametrize("delivery", DELIVERIES, ids=lambda delivery: str(delivery.name))
def test_a_pipe_has_its_promised_properties(delivery: Delivery) -> None:
    assert measure(delivery, 11, 1).broken == ()


@pytest.mark.parametrize("machine", STREAM_MACHINES, ids=lambda machine: str(machine.__name__))
def test_streams(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 8, 20)


def test_a_secure_channel() -> None:
    run(ChannelMachine, 15, 30)

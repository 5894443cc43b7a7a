"""The generated machines with their large budget.

About 100,000 fine steps on the session core and 180,000 burst steps on simulated nodes; a million in `make nightly`.
Every reachable cell of every table is reached.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.vocabulary import Event, Role, SessionType, State
from ockam_fsm.runtime.stream.commands import PublisherCommand
from ockam_fsm.runtime.stream.publisher import Publisher
from tests.stateful.ends import COVERED, END_MACHINES, EndMachine, TableOracle, reachable_cells
from tests.stateful.nodes import NODE_MACHINES, NodeWalk
from tests.stateful.pairs import PAIR_MACHINES
from tests.stateful.pipes import PIPE_MACHINES
from tests.stateful.sockets import SOCKET_MACHINES
from tests.stateful.streams import PARTS, STREAM_MACHINES, SUBJECT
from tests.stateful.test_machines import find_and_replay, run
from tests.stateful.test_streams import SELDOM, assert_is_found, walks

pytestmark = pytest.mark.thorough

BURST_STEPS = 30_000
MANY_BURST_STEPS = 170_000
"""For each of six types, on simulated nodes."""

LEAST_BURSTS, MOST_BURSTS = 200, 20_000
"""Runs of 100 choices at each end: some cells need four rare events in a row."""

NO_SUCH_ORDER = {(State.CLOSED, Event.CLOSE), (State.CLOSED, Event.STOP)}
"""The explorer's actor closes or stops no closed session."""


def bytes_of(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


def suite(machine: type[EndMachine]) -> tuple[pytest.MarkDecorator, ...]:
    """Rare cells of a responder that renegotiates take a quarter of an hour to reach."""
    two_sided = machine.role is Role.RESPONDER and machine.kind.renegotiated_by(Role.RESPONDER)
    return (pytest.mark.nightly,) if two_sided else ()


@pytest.mark.parametrize("machine", [pytest.param(one, id=one.__name__, marks=suite(one)) for one in END_MACHINES])
def test_ends_and_every_cell(machine: type[EndMachine]) -> None:
    run(machine, 100, 50)
    name = table(machine.kind, machine.role).name
    wanted, covered = reachable_cells(machine.kind, machine.role) - NO_SUCH_ORDER, COVERED[name]
    for number in range(MOST_BURSTS):
        if number >= LEAST_BURSTS and wanted <= covered:
            break
        walk = TableOracle(machine.kind, machine.role)
        for byte in bytes_of(f"{name} {number}", 100):
            walk.take(machine.alphabet[byte % len(machine.alphabet)])
    print(f"{name}: {len(covered)} cells met, all {len(wanted)} that the exploration meets among them")
    assert wanted - covered == set()


@pytest.mark.parametrize("name", ["no-generation", "deliver-before-established"])
def test_a_wrong_pair_is_found_shrunk_and_replayed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_and_replay(name, monkeypatch)


@pytest.mark.parametrize("machine", PAIR_MACHINES, ids=lambda machine: str(machine.__name__))
def test_pairs(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 100, 60)


@pytest.mark.parametrize("machine", NODE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_nodes(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 20, 30)


@pytest.mark.parametrize("most", [BURST_STEPS, pytest.param(MANY_BURST_STEPS, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(kind.name))
def test_bursts_on_nodes(kind: SessionType, most: int) -> None:
    steps, number = 0, 0
    while steps < most:
        walk = NodeWalk(kind, number)
        walk.burst(bytes_of(f"{kind.name} {number}", 1000))
        walk.settle()
        steps, number = steps + walk.steps, number + 1


@pytest.mark.parametrize("machine", SOCKET_MACHINES, ids=lambda machine: str(machine.__name__))
def test_nodes_over_tcp(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 10, 12)


@pytest.mark.parametrize("machine", STREAM_MACHINES, ids=lambda machine: str(machine.__name__))
def test_streams(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 60, 50)


@pytest.mark.parametrize("machine", PIPE_MACHINES, ids=lambda machine: str(machine.__name__))
def test_pipes(machine: type[RuleBasedStateMachine]) -> None:
    run(machine, 60, 50)


@pytest.mark.parametrize("runs", [300, pytest.param(10_000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", PARTS)
def test_bursts_on_streams(name: str, runs: int) -> None:
    walks(name, SUBJECT, runs)


@pytest.mark.parametrize("name", SELDOM)
def test_wrong_workers_of_streams_that_are_seldom_found(name: str) -> None:
    assert_is_found(name, 400)


class DetectsLossByRequestsOnly(Publisher):
    """A publisher that detects the loss of its record by failed requests only, as an earlier version did."""

    def established(self, resumed: bool) -> list[PublisherCommand]:
        return []


def test_a_publisher_that_misses_the_loss_of_its_record_is_found() -> None:
    wrong = replace(SUBJECT, publishing=replace(SUBJECT.publishing, publisher=DetectsLossByRequestsOnly))
    with pytest.raises(AssertionError, match="R6 does not reach its goal"):
        walks("publishing", wrong, 300)

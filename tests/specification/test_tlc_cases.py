"""Test cases from TLC's state graph, run by the same two nodes that run those of the explorer.

TLC writes the graph of each type. Its transitions must be those that the explorer finds in the world with the same
bounds. After each step of each case, two real nodes must match the graph: both ends, their timers, and the messages in
flight.

Bounds: those of the world `lossy` for transient types. The graphs of persistent types would have up to a million steps,
so they have one message in flight, and two generations if both sides negotiate, else three.

Needs Java and the extra `spec`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

import pytest

from ockam_fsm.checking.explore import explore
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.projections import tla_model
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.specification.table_world import TableActor, pair_config_of, table_world
from ockam_fsm.specification.tla_files import of_pair
from ockam_fsm.specification.tlc_models import TlcModel, tlc_models
from ockam_fsm.tools import tlc
from tests.specification.covering import Cases, Path, along, covering
from tests.specification.node_pair import Moment, difference
from tests.specification.spec_cases import cases
from tests.specification.tla_graph import Happened, Pair, Standing, StepGraph, Under

pytestmark = pytest.mark.thorough

ROOT = File(__file__).parents[2] / "spec" / "tla"
MODEL = "MCSteps"

Breaking: TypeAlias = Callable[[str, str, str], "Tried"]


@dataclass(frozen=True)
class Tried:
    """TLC's graph of a type, and the explorer's world with the same bounds."""

    graph: StepGraph
    world: World

    @cached_property
    def cases(self) -> Cases:
        return covering(self.graph)

    def differences(self, paths: Sequence[Path], make: type[Session] = Session) -> list[str]:
        config = pair_config_of(self.world)
        found = ((path, difference(config, self.moments(path), make)) for path in paths)
        return [f"{path}: {where}" for path, where in found if where]

    def moments(self, path: Path) -> Iterator[Moment]:
        """Yield the steps of a path that reach an end. Checks that the messages in flight are those sent by the
        ends."""
        network: Counter[Under] = Counter()
        for _, arrow in along(self.graph, path):
            happened, after = self.graph.step(arrow), self.graph.state(arrow.successor)
            carried(network, happened, self.world.network.in_flight)
            assert network == after.network, (path, happened)
            if happened.event is not None:
                sent = [under.said for under in happened.sent]
                yield Moment(str(happened), happened.actor, happened.event, shown(after), sent)


def carried(network: Counter[Under], happened: Happened, most: int) -> None:
    """Apply a step to the messages in flight, as spec/tla/Network.tla does."""
    if happened.message is not None and happened.by in ("deliver", "drop"):
        network -= Counter([happened.message])
    network.update(happened.sent[: most - network.total()])


def shown(pair: Pair) -> Mapping[str, Standing]:
    return {role: Standing(one.end._replace(rested=True), one.timers) for role, one in pair.ends.items()}


# TLC


class Bounds(NamedTuple):
    generations: int
    in_flight: int


LEAST = Bounds(2, 1)
"""The bounds for broken specifications, large enough for their tests."""


def bounds(kind: SessionType) -> Bounds:
    if not kind.persistent:
        return Bounds(3, 2)
    return Bounds(2 if kind.renegotiated_by(Role.RESPONDER) else 3, 1)


def world_of(kind: SessionType, within: Bounds) -> World:
    one = whole(kind)
    config = replace(pair_config_of(one.world), generations=within.generations)
    actors = tuple(TableActor(config, role) for role in (Role.INITIATOR, Role.RESPONDER))
    network = replace(one.world.network, in_flight=within.in_flight)
    return replace(table_world(one.world), actors=actors, network=network)


def whole(kind: SessionType) -> TlcModel:
    return next(one for one in tlc_models() if one.name == kind.name)


@cache
def graphed(kind: SessionType, within: Bounds, root: File = ROOT) -> Tried:
    """Return TLC's graph of a type. `root`: the folder of the specification."""
    smaller = (("Generations", within.generations), ("InFlight", within.in_flight))
    model = replace(
        of_pair(replace(whole(kind), smaller=smaller)),
        name=MODEL,
        extends="SessionSteps",
        specification="StepsSpec",
        invariants=(),
        properties=(),
    )
    with TemporaryDirectory(prefix="steps-") as folder:
        for name, text in tla_model.texts(model, "tests/specification/test_tlc_cases.py").items():
            File(folder, name).write_text(text, encoding="utf-8")
        written = File(folder, "graph.dot")
        tlc.run(File(folder, f"{MODEL}.tla"), root, graph=written)
        with written.open(encoding="utf-8") as lines:
            return Tried(StepGraph(lines), world_of(kind, within))


@pytest.fixture(params=TYPES, ids=lambda kind: kind.name)
def tried(request: pytest.FixtureRequest) -> Tried:
    return graphed(request.param, bounds(request.param))


def test_tlc_finds_the_transitions_that_our_explorer_finds(tried: Tried) -> None:
    assert tried.cases.transitions == cases(tried.world).transitions


def test_describing_steps_adds_no_states_or_steps(tried: Tried) -> None:
    """The graph has the same numbers of states and steps as the explorer's world."""
    result = explore(tried.world)
    assert (len(tried.graph.states), tried.graph.steps) == (result.states, result.transitions)


def test_two_nodes_follow_the_graph_of_tlc(tried: Tried) -> None:
    assert tried.differences(tried.cases.paths) == []


# It can fail


@pytest.fixture
def broken(tmp_path: File) -> Breaking:
    def breaking(name: str, right: str, wrong: str) -> Tried:
        root = tmp_path / "tla"
        shutil.copytree(ROOT, root)
        text = (root / name).read_text()
        assert text.count(right) == 1
        (root / name).write_text(text.replace(right, wrong))
        return graphed(EXPLICIT_TRANSIENT, LEAST, root)

    return breaking


def test_a_changed_row_is_detected(broken: Breaking) -> None:
    row = 'QT2(c, max) == Row("QT2", "NEGOTIATING", c, <<"SEND_ANSWER">>)'
    silent = broken("tables/ExplicitTransientResponder.tla", row, row.replace('"SEND_ANSWER"', ""))
    assert silent.differences(silent.cases.paths)


def test_an_effect_without_action_is_detected(broken: Breaking) -> None:
    line = 'CASE effect = "STOP_TIMERS"         -> [run EXCEPT !.end.timers = {}]'
    armed = broken("SessionPair.tla", line, line.replace("[run EXCEPT !.end.timers = {}]", "run"))
    assert armed.differences(armed.cases.paths)
    assert armed.cases.transitions != cases(armed.world).transitions


def test_a_renamed_row_is_another_transition(broken: Breaking) -> None:
    named = broken("tables/ExplicitTransientResponder.tla", 'Row("QT2"', 'Row("QT9"')
    assert named.differences(named.cases.paths) == []
    mistaken = named.cases.transitions - cases(named.world).transitions
    assert {row for one in mistaken for row in one.rows} >= {"QT9"}


def test_a_wrong_node_is_detected() -> None:
    both = graphed(EXPLICIT_PERSISTENT_TWO_SIDED, bounds(EXPLICIT_PERSISTENT_TWO_SIDED))
    bad = next(bad for bad in known_bad() if bad.name == "first-established-wins")
    make = bad.world.actors[0].config.make  # type: ignore[attr-defined]
    assert issubclass(make, Session)
    assert both.differences(both.cases.paths, make)

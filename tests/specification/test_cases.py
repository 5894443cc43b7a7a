"""Test cases from the specification, run by two real nodes: after each step each end has the state of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from ockam_fsm.checking.replay import replay
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Event, SessionType
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.specification.table_world import Symbol, TableEnd, pair_config_of
from tests.specification.cases import committed, lost_and_repeated, ordered, paths, worlds, written
from tests.specification.covering import Path
from tests.specification.node_pair import Moment, difference
from tests.specification.spec_cases import cases

NAMED = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
HOW = "python -m tests.specification.cases generates the cases again"
PART = 5
"""One of this many cases is run here."""


def differences(world: World, chosen: Iterable[Path], make: type[Session] = Session) -> list[str]:
    """Return the differences between two nodes and the table world; at most one per path."""
    config = pair_config_of(world)
    found = ((path, difference(config, moments(world, path), make)) for path in chosen)
    return [f"{path}: {where}" for path, where in found if where]


def moments(world: World, path: Path) -> Iterator[Moment]:
    """Yield the steps of a path, each with the end that takes it."""
    for moment in replay(world, path):
        step = moment.step
        if step is not None:
            assert isinstance(step.after, TableEnd)
            sent = [envelope.payload for envelope in step.sent if isinstance(envelope.payload, Symbol)]
            timers = frozenset(timer for timer in step.timers_after if isinstance(timer, Event))
            ends = {step.actor: (step.after._replace(rested=True), timers)}
            yield Moment(str(moment.chosen), step.actor, step.event, ends, sent)


@pytest.mark.slow
@NAMED
def test_two_nodes_follow_the_tables(kind: SessionType) -> None:
    """All cases of the transient types, and a part of the others; test_every_case.py runs all."""
    for world in worlds(kind):
        chosen = list(paths(world))
        assert differences(world, chosen[:: PART if kind.persistent else 1]) == []


def test_the_committed_cases_are_up_to_date() -> None:
    """The cases of the larger types are compared in test_every_case.py."""
    for world in worlds(EXPLICIT_TRANSIENT):
        assert written(cases(world)) == committed(world), HOW


@pytest.mark.slow
@pytest.mark.parametrize("name", ["established-on-answering", "first-established-wins"])
def test_wrong_nodes_are_detected(name: str) -> None:
    world = lost_and_repeated(EXPLICIT_PERSISTENT_TWO_SIDED)
    bad = next(bad for bad in known_bad() if bad.name == name)
    make = bad.world.actors[0].config.make  # type: ignore[attr-defined]
    assert issubclass(make, Session)
    assert differences(world, list(paths(world))[:100], make)


def test_a_case_with_an_invalid_position_is_an_error() -> None:
    with pytest.raises(IndexError):
        differences(ordered(EXPLICIT_TRANSIENT), [(99,)])

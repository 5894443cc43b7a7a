"""Test cases from the specification, run by two real nodes: each step leaves each end as the tables say."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ockam_fsm.checking.replay import replay
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.specification.cases import Path, cases
from ockam_fsm.checking.specification.table_world import setting_of_world
from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, EXPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.runtime.session import Session
from tests.spec.cases import committed, lost_and_repeated, ordered, paths, worlds, written
from tests.spec.node_pair import NodePair, expected

NAMED = pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
HOW = "python -m tests.spec.cases writes the cases anew"
PART = 5
"""Of so many cases one is run here."""


def differences(world: World, chosen: Iterable[Path], make: type[Session] = Session) -> list[str]:
    """Where two nodes are not what the table world says; at most one on each path."""
    return [found for path in chosen if (found := difference(world, path, make))]


def difference(world: World, path: Path, make: type[Session]) -> str:
    pair = NodePair(setting_of_world(world), make)
    for moment in replay(world, path):
        if moment.step is not None:
            try:
                pair.does(moment.step)
            except KeyError as missing:
                return f"{path}: {missing} was never sent"
            if (*pair.end(moment.step.actor), pair.sent) != expected(moment.step):
                return f"{path}: after {moment.chosen}"
    return ""


@pytest.mark.slow
@NAMED
def test_two_nodes_do_what_the_tables_say(kind: SessionType) -> None:
    """All cases of the transient types, and a part of the others; every_case.py has them all."""
    for world in worlds(kind):
        chosen = list(paths(world))
        assert differences(world, chosen[:: PART if kind.persistent else 1]) == []


def test_the_cases_are_those_that_are_generated() -> None:
    """Those of the larger types are compared in every_case.py."""
    for world in worlds(EXPLICIT_TRANSIENT):
        assert written(cases(world)) == committed(world), HOW


@pytest.mark.slow
@pytest.mark.parametrize("name", ["established-on-answering", "first-established-wins"])
def test_wrong_nodes_are_noticed(name: str) -> None:
    world = lost_and_repeated(EXPLICIT_PERSISTENT_TWO_SIDED)
    bad = next(bad for bad in known_bad() if bad.name == name)
    make = bad.world.actors[0].setting.make  # type: ignore[attr-defined]
    assert issubclass(make, Session)
    assert differences(world, list(paths(world))[:100], make)


def test_a_case_that_leads_nowhere_is_an_error() -> None:
    with pytest.raises(IndexError):
        differences(ordered(EXPLICIT_TRANSIENT), [(99,)])

"""The table world is the core world in other words: the same counts, the same states, the same verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ockam_fsm.checking.explore import PropertyResult, Verdict, explore
from ockam_fsm.checking.properties import Property, always, always_step
from ockam_fsm.checking.sessions.known_bad import known_bad
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, End
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.world import NETWORK, World
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT, TYPES
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.specification.incarnations import Incarnations
from ockam_fsm.specification.table_world import pair_config_of, table_world
from ockam_fsm.specification.tlc_models import TlcModel, specified
from tests.specification.table_abstraction import symbol, table_end, table_timers
from tests.specification.table_properties import table_properties

REJECTED = {
    "transient-renegotiates": 3,
    "responder-renegotiates": 4,
    "retry-without-back-off": 4,
    "route-outlives-failure": 2,
}
"""Wrong tables that a lossy table world shows, and the length of their shortest counterexamples."""


def seen_by(record: Callable[..., None], *over: str) -> Property:
    """A property that holds always, and hands every combination of states that it reads to `record`."""

    def seen(*states: object) -> bool:
        record(*states)
        return True

    return always("S0", "it is seen", seen, over=over)


def checked(config: PairConfig) -> World:
    return replace(table_world(lossy(config)), properties=tuple(table_properties(config)))


def only(world: World, property_id: str) -> PropertyResult:
    """The result of one property, whatever else a world would find sooner."""
    judged = tuple(one for one in world.properties if one.id == property_id)
    return explore(replace(world, properties=judged))[property_id]


SMALL = (EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT)
NAMED = pytest.mark.parametrize(
    "kind", [pytest.param(k, id=k.name, marks=() if k in SMALL else pytest.mark.slow) for k in TYPES]
)


@NAMED
def test_the_core_and_its_tables_have_the_same_counts(kind: SessionType) -> None:
    world = lossy(config_of(kind))
    core, table = explore(replace(world, properties=())), explore(table_world(world))
    assert core.limit_hit is None
    assert (table.states, table.transitions, table.depth) == (core.states, core.transitions, core.depth)
    assert table.bounds_reached == core.bounds_reached


@pytest.mark.slow
@pytest.mark.parametrize("one", [one for one in specified() if one.counts], ids=lambda one: one.name)
def test_the_core_reaches_exactly_the_table_states(one: TlcModel) -> None:
    """Ends that have restarted included: an ordinal tells in which life they are."""
    world, lives = one.world, Incarnations(one.config.spawns)
    of_core: set[object] = set()
    of_table: set[object] = set()

    def core_pair(initiator: End, responder: End) -> None:
        of_core.add((table_end(initiator, Role.INITIATOR, lives), table_end(responder, Role.RESPONDER, lives)))

    explore(replace(world, properties=(seen_by(core_pair, INITIATOR, RESPONDER),)))
    explore(replace(table_world(world), properties=(seen_by(lambda *ends: of_table.add(ends), INITIATOR, RESPONDER),)))
    assert of_core == of_table


def test_messages_and_timers_are_the_same_as_well() -> None:
    world, of_core, of_table = lossy(config_of(EXPLICIT_TRANSIENT)), set(), set()

    def core_state(initiator: object, responder: object, network: tuple[object, ...]) -> None:
        ends = (table_end(initiator, Role.INITIATOR), table_end(responder, Role.RESPONDER))  # type: ignore[arg-type]
        of_core.add((*ends, tuple(sorted(repr(symbol(one.payload)) for one in network))))  # type: ignore[attr-defined]

    def table_state(initiator: object, responder: object, network: tuple[object, ...]) -> None:
        of_table.add((initiator, responder, tuple(sorted(repr(one.payload) for one in network))))  # type: ignore[attr-defined]

    armed_in_core, armed_in_table = set(), set()

    def core_timers(step: object) -> bool:
        role = Role[step.actor.upper()]  # type: ignore[attr-defined]
        armed_in_core.add((role, table_end(step.after, role), table_timers(step.after)))  # type: ignore[attr-defined]
        return True

    def table_armed(step: object) -> bool:
        armed_in_table.add((Role[step.actor.upper()], step.after, step.timers_after))  # type: ignore[attr-defined]
        return True

    over = (INITIATOR, RESPONDER, NETWORK)
    explore(replace(world, properties=(seen_by(core_state, *over), always_step("T", "timers", core_timers))))
    table = table_world(world)
    explore(replace(table, properties=(seen_by(table_state, *over), always_step("T", "timers", table_armed))))
    assert of_core == of_table
    assert armed_in_core == armed_in_table


@NAMED
def test_every_table_keeps_the_properties(kind: SessionType) -> None:
    result = explore(checked(config_of(kind)))
    assert result.verdict is Verdict.PROVED, str(result)


@pytest.mark.parametrize("name", sorted(REJECTED))
def test_a_wrong_table_is_rejected_as_in_the_core_world(name: str) -> None:
    bad = next(one for one in known_bad() if one.name == name)
    config = replace(pair_config_of(bad.world), generations=3)
    table, core = (only(world, bad.property) for world in (checked(config), lossy(config)))
    assert table.trace is not None
    assert core.trace is not None
    assert table.verdict is Verdict.REFUTED
    assert len(table.trace) == len(core.trace) == REJECTED[name]

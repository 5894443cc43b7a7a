"""The table world is equivalent to the core world: the same counts, states, steps and verdicts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ockam_fsm.checking.explore import Verdict, explore
from ockam_fsm.checking.properties import Property, Step, always, always_step
from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER, End
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.world import NETWORK, World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.runtime.session.commands import DeadLetter, Deliver, Notify
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.safety.session_step import REQUEST
from ockam_fsm.specification.incarnations import Incarnations
from ockam_fsm.specification.table_world import pair_config_of, table_world
from ockam_fsm.specification.tla_files import of_pair
from ockam_fsm.specification.tlc_models import WITNESSES, TlcModel, tlc_models
from tests.specification.table_abstraction import symbol, table_end, table_timers
from tests.specification.table_steps import judged_table_world, session_step

ROOT = Path(__file__).parents[2]
TOLD = (Deliver, DeadLetter, Notify)


def seen_by(record: Callable[..., None], *over: str) -> Property:
    """Return a property that always holds and passes every combination of states that it reads to `record`."""

    def seen(*states: object) -> bool:
        record(*states)
        return True

    return always("S0", "it is seen", seen, over=over)


TLC = {entry["name"]: entry for entry in json.loads((ROOT / "spec" / "manifest.json").read_text())["tlc"]}
LARGE_STATES = 20_000
COUNTED = [one for one in tlc_models() if one.counts]


def size(one: TlcModel) -> pytest.MarkDecorator:
    return pytest.mark.thorough if TLC[of_pair(one).name]["states"] > LARGE_STATES else pytest.mark.slow


def witnesses_of(one: TlcModel) -> dict[str, int]:
    """Return the witnesses that TLC checked in the world of a model, with their distances."""
    models = [other for other in tlc_models() if other.name == f"witness {one.name}"]
    ids = {model.rejects.removeprefix("Never_").partition("_")[0]: model for model in models}
    return {property_id: TLC[of_pair(model).name]["steps"] for property_id, model in ids.items()}


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name, marks=size(one)) for one in COUNTED])
def test_the_core_world_the_table_world_and_tlc_agree(one: TlcModel) -> None:
    """One search of the core world and one of its table world. Ordinals distinguish restarted ends."""
    world, lives, witnesses = one.world, Incarnations(one.config.spawns), witnesses_of(one)
    of_core: set[object] = set()
    of_table: set[object] = set()

    def core_pair(initiator: End, responder: End) -> None:
        of_core.add((table_end(initiator, Role.INITIATOR, lives), table_end(responder, Role.RESPONDER, lives)))

    looked_for = [found for found in world.properties if found.id in witnesses]
    core = explore(replace(world, properties=(seen_by(core_pair, INITIATOR, RESPONDER), *looked_for)))
    judged = judged_table_world(world)
    seen = seen_by(lambda *ends: of_table.add(ends), INITIATOR, RESPONDER)
    table = explore(replace(judged, properties=(seen, *judged.properties)))
    assert of_core == of_table
    assert table.verdict is Verdict.PROVED, str(table)
    pinned = TLC[of_pair(one).name]
    assert (pinned["states"], pinned["transitions"]) == (table.states, table.transitions)
    assert {name: len(found.trace) for name in witnesses if (found := core[name]).trace} == witnesses
    if world.name.endswith(":lossy"):
        assert (table.states, table.transitions, table.depth) == (core.states, core.transitions, core.depth)
        assert table.bounds_reached == core.bounds_reached


def test_every_witness_of_tlc_is_compared() -> None:
    found = [name for one in COUNTED for name in witnesses_of(one)]
    assert len(found) == len([one for one in tlc_models() if one.rejects in WITNESSES and not one.unwitnessed])


def test_messages_and_timers_are_the_same() -> None:
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


def recorded(world: World, change: Callable[[Step], Step]) -> set[tuple[object, ...]]:
    """Return every step of a world: the ends, the event, the messages, and the kind of each command that is a message
    or a notice."""
    found: set[tuple[object, ...]] = set()

    def see(given: Step) -> bool:
        step = change(given)
        kinds = Counter(_kind(command) for _, command in step.records if isinstance(command, TOLD))
        ends = (step.before, step.event, step.after, step.timers_before, step.timers_after)
        found.add((step.actor, *ends, step.sent, frozenset(kinds.items())))
        return True

    explore(replace(world, properties=(always_step("T", "it is seen", see),)))
    return found


def _kind(command: object) -> str:
    return type(command.notice if isinstance(command, Notify) else command).__name__


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED], ids=lambda kind: kind.name)
def test_converted_steps_are_those_of_the_real_ends(kind: SessionType) -> None:
    world = lossy(config_of(kind))
    config = pair_config_of(world)
    of_core = recorded(world, lambda step: step)
    assert recorded(table_world(world), lambda step: session_step(step, config)) == of_core


def wrong_tables() -> Iterator[TlcModel]:
    """Yield the models of known-bad machines whose fault is in a table. Table worlds have no requests."""
    machines = {one.name for one in wrong_sessions()}
    for one in tlc_models():
        asks = any(REQUEST in given for given in one.world.orders.values())
        if one.name in machines and one.config.make is Session and not asks:
            yield one


@pytest.mark.slow
@pytest.mark.parametrize("one", list(wrong_tables()), ids=lambda one: one.name)
def test_a_wrong_table_is_rejected_by_the_same_property_as_the_session(one: TlcModel) -> None:
    """Its counterexample is as long as that of TLC, if TLC finds a shortest one."""
    bad = next(bad for bad in wrong_sessions() if bad.name == one.name)
    world = judged_table_world(one.world)
    judged = tuple(found for found in world.properties if found.id == bad.property)
    found = explore(replace(world, properties=judged))[bad.property]
    assert found.verdict is (Verdict.MISSING if one.unwitnessed else Verdict.REFUTED)
    pinned = TLC[of_pair(one).name]["steps"]
    if pinned is not None:
        assert found.trace is not None
        assert len(found.trace) == pinned

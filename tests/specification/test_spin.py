"""SPIN agrees with the explorer on every session type and on wrong tables: in states and counterexample lengths.

Needs SPIN and a C compiler; `make test-all` installs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ockam_fsm.checking.explore import PropertyResult, explore
from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.sessions.wrong_tables import with_row
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, TYPES, table
from ockam_fsm.machines.vocabulary import Effect, Role, SessionType, State
from ockam_fsm.projections.promela import SAFETY, WITNESS, to_promela
from ockam_fsm.specification.promela_files import model_of, texts
from ockam_fsm.specification.table_world import table_world
from ockam_fsm.tools.spin import SpinResult, run
from tests.specification.table_steps import judged_table_world
from tests.specification.test_table_world import wrong_tables

pytestmark = pytest.mark.thorough

RESPONDER = table(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER)
GIVE_UP = (Effect.STOP_TIMERS, Effect.FORGET_ROUTE, Effect.START_RETENTION)
OLD_HELLO_CLOSES = with_row(RESPONDER, "an old hello fails a session", "QW5", State.TIMED_OUT, GIVE_UP)
REACHED_OTHERWISE = with_row(RESPONDER, "", "AP1", State.NEGOTIATING, (Effect.SEND_SUPERSEDED,))
"""A table with an unreachable state is refused. AP1 is never taken, because nothing restarts here."""

BELIEVES_A_HELLO = with_row(
    REACHED_OTHERWISE,
    "established on answering",
    "A1",
    State.ESTABLISHED,
    (Effect.STOP_TIMERS, Effect.ACCEPT_ATTEMPT, Effect.SEND_ANSWER, Effect.ADOPT_LINK, Effect.START_IDLE),
)


def wrong() -> Iterator[tuple[str, str, PairConfig]]:
    """Yield wrong tables: the name, the property that rejects it, and the configuration with the table."""
    rejected_by = {bad.name: bad.property for bad in wrong_sessions()}
    for one in wrong_tables():
        if f"breaks_{rejected_by[one.name]}" in SAFETY:
            yield one.name, rejected_by[one.name], one.config
    sound = config_of(EXPLICIT_PERSISTENT_ONE_SIDED)
    for machine, property_id in ((OLD_HELLO_CLOSES, "S4"), (BELIEVES_A_HELLO, "S7")):
        yield machine.name, property_id, replace(sound, variants=((Role.RESPONDER, machine),))


WRONG = list(wrong())


def ours(config: PairConfig, property_id: str) -> PropertyResult:
    """Return the explorer's result of one property in the table world."""
    world = judged_table_world(lossy(config))
    judged = tuple(one for one in world.properties if one.id == property_id)
    return explore(replace(world, properties=judged))[property_id]


def opinion(config: PairConfig, *asserted: str) -> SpinResult:
    return run(to_promela(model_of(lossy(config), asserted or SAFETY), "a test"))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_spin_finds_as_many_states(kind: SessionType) -> None:
    table = explore(table_world(lossy(config_of(kind))))
    spin = run(texts()[f"spec/promela/{kind.name}.pml"])
    assert spin.violated == ""
    assert (spin.states, spin.transitions, spin.depth) == (table.states, table.transitions, table.depth)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_every_model_reaches_its_witness(kind: SessionType) -> None:
    trace = ours(config_of(kind), "W1").trace
    assert trace is not None
    assert opinion(config_of(kind), *WITNESS).steps == len(trace)


@pytest.mark.parametrize(("name", "property_id", "config"), WRONG, ids=[name for name, _, _ in WRONG])
def test_spin_rejects_a_wrong_table_after_as_many_steps(name: str, property_id: str, config: PairConfig) -> None:
    found, trace = opinion(config, f"breaks_{property_id}"), ours(config, property_id).trace
    assert trace is not None
    assert found.violated == f"breaks_{property_id}"
    assert found.steps == len(trace)


def test_every_assertion_rejects_something() -> None:
    assert {f"breaks_{property_id}" for _, property_id, _ in WRONG} == set(SAFETY)

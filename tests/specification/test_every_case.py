"""All cases of spec/cases.json: generated again and compared, run by two real nodes, and checked to take every row."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.vocabulary import Role, SessionType
from tests.specification.cases import committed, paths, worlds, written
from tests.specification.spec_cases import cases, taken
from tests.specification.test_cases import HOW, NAMED, differences

pytestmark = pytest.mark.thorough

WORLDS = [world for kind in TYPES for world in worlds(kind)]
UNMODELLED = (
    "WITHDRAW", "REISSUE", "LOWER_LAYER_LOST", "ERROR_RECEIVED", "REQUEST_EXPIRED", "STOP", "GOING_AWAY_RECEIVED",
)  # fmt: skip
"""Events that these worlds leave out; other tests of the runtime cover them."""

ONE_ATTEMPT = "a transient session has one attempt, so there is no older hello, and nothing is superseded"
FORGOTTEN = "a closed end starts no negotiation, and an end that starts one has no route left for a close"
NO_MEMORY = "nothing restarts, so an end in IDLE remembers no number"
NOT_ASKED = "the responder of this type sends no keepalives"
NO_STATE = "nothing restarts, so no responder comes back with its state"
NOT_OLDER = "nothing restarts, and a number counts when its answer is confirmed: no hello of the only starter is older"
NOT_YET = "a responder negotiates only after it was confirmed; then its initiator is past its first negotiation"
NEVER_IDLE = "a host keeps no responder in IDLE, so none can be ordered to close"
BOUND = "the bounds of these worlds cut the paths to it"
UNTAKEN: Mapping[str, Mapping[str, str]] = {
    "explicit-transient": {
        "initiator EK3": NOT_ASKED, "initiator NT2": ONE_ATTEMPT, "responder QT4": ONE_ATTEMPT,
        "responder QT5": ONE_ATTEMPT,
        "responder ZT1": NEVER_IDLE,
    },
    "implicit-transient": {
        "initiator EU3": NOT_ASKED, "initiator HT1": BOUND, "initiator NTI2": ONE_ATTEMPT,
        "responder QT4": ONE_ATTEMPT, "responder QT5": ONE_ATTEMPT,
        "responder ZT1": NEVER_IDLE,
    },
    "explicit-persistent-one-sided": {
        "initiator EP3": NOT_ASKED, "responder AP1": NO_MEMORY, "responder FW1": NO_STATE,
        "initiator NP2": NOT_OLDER, "initiator GO2": NOT_OLDER, "responder V5": FORGOTTEN,
        "responder ZP1": NEVER_IDLE,
    },
    "implicit-persistent-one-sided": {
        "initiator EP3": NOT_ASKED, "initiator HP1": BOUND, "initiator HP2": BOUND, "responder AP1": NO_MEMORY,
        "responder V5": FORGOTTEN, "responder FW1": NO_STATE, "initiator NP2": NOT_OLDER, "initiator GO2": NOT_OLDER,
        "responder ZP1": NEVER_IDLE,
    },
    "explicit-persistent-two-sided": {
        "initiator V1": BOUND, "initiator V5": FORGOTTEN, "responder AP1": NO_MEMORY,
        "responder V1": BOUND, "responder V5": FORGOTTEN, "responder YO1": BOUND,
        "responder FR1": NO_STATE, "initiator NP2": NOT_OLDER, "initiator C1": NOT_YET, "initiator QO1": NOT_YET,
        "initiator QO2": NOT_YET, "initiator QO4": NOT_YET, "initiator RO1": NOT_YET,
        "responder ZP1": NEVER_IDLE,
    },
    "implicit-persistent-two-sided": {
        "initiator HP1": BOUND, "initiator V1": BOUND, "initiator V2": BOUND, "initiator V5": FORGOTTEN,
        "responder AP1": NO_MEMORY, "responder V1": BOUND, "responder V2": BOUND,
        "responder V5": FORGOTTEN, "responder YO1": BOUND,
        "responder FR1": NO_STATE, "initiator NP2": NOT_OLDER, "initiator C1": NOT_YET, "initiator QO1": NOT_YET,
        "initiator QO2": NOT_YET, "initiator QO4": NOT_YET, "initiator RO1": NOT_YET,
        "responder RO5": BOUND, "initiator GB2": BOUND,
        "responder ZP1": NEVER_IDLE,
    },
}  # fmt: skip
"""The rows that no case takes, with the reasons."""


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_committed_cases_are_up_to_date(world: World) -> None:
    assert written(cases(world)) == committed(world), HOW


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_two_nodes_take_every_transition(world: World) -> None:
    assert differences(world, paths(world)) == []


@NAMED
def test_every_row_is_taken_or_has_a_reason(kind: SessionType) -> None:
    rows = {
        f"{one.actor} {row}"
        for world in worlds(kind) for path in paths(world) for one in taken(world, path) for row in one.rows
    }  # fmt: skip
    there = {
        f"{role.name.lower()} {row.id}"
        for role in Role for row in table(kind, role).rows if row.event.name not in UNMODELLED
    }  # fmt: skip
    assert there - rows == UNTAKEN[kind.name].keys()

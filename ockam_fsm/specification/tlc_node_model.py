"""The TLC models of a node, as data: the world of S10 and S14, its witnesses, and two known-bad nodes.

Theory: as in tlc_models.py. Each model takes its bounds from the world that the explorer searches, and must give the
same number of states and transitions, and counterexamples and witnesses of the same length.

Rule 1: a wrong node is specified in `spec/tla/Node.tla`, as one operator that replaces the right one.
Rule 2: TLC refutes one claim per model, so each witness has its own model.
Left out: bounds that no world has, and all that Node.tla leaves out.
Source: spec/sessions.md sections 8 and 9, clauses 2.2, 10.2 and 14.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ockam_fsm.checking.sessions.node_actor import (
    FAIL,
    FAIL_AND_WORK,
    HANG_UP,
    HELD,
    NODE,
    RESTARTS,
    TO_X,
    TO_Y,
    X,
    Y,
)
from ockam_fsm.checking.sessions.node_world import neighbours, wrong_nodes
from ockam_fsm.specification.tlc_claims import claim_of
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

CLAIMS = ("S10_OneConnectionEach", "S14_FailureStaysWhereItIs")
WITNESSES = ("Never_W10", "Never_W11", "Never_W12")

WRONG_OPERATORS = {
    "connection-per-message": (("Taker", "AnotherEachTime"),),
    "crash-takes-neighbours": (("Raised", "RaisedAndStopped"),),
}
"""The operators that a wrong node replaces."""


class TlcNodeModel(TlcWorldModel):
    """A model of a node."""

    extends = "Node"
    of_states = ("Never_W10", "Never_W12")

    @property
    def bounds(self) -> dict[str, int]:
        return {"Connections": int(self.world.extra_bounds["connections"]), "InFlight": self.world.network.in_flight}

    @property
    def budgets(self) -> dict[str, dict[str, object]]:
        """Bounds that are records, by their names in Node.tla. Connections there send no keepalives (misses 0)."""
        orders = {order: _finite(budget) for order, budget in self.world.orders[NODE].items()}
        return {
            "Limits": {"connection": {"held": HELD, "misses": 0}, "worker": {"failures": RESTARTS}},
            "Orders": {
                "SEND": {X: orders[TO_X], Y: orders[TO_Y]},
                "FAIL": orders[FAIL],
                "FAIL_AND_WORK": orders[FAIL_AND_WORK],
            },
            "HangUps": {to: _finite(self.world.faults.get(to, {}).get(HANG_UP, 0)) for to in (X, Y)},
        }


def _finite(budget: int | None) -> int:
    assert budget is not None
    return budget


@cache
def tlc_node_models() -> tuple[TlcNodeModel, ...]:
    """Return every model of a node, the correct one first."""
    return (
        TlcNodeModel("node", f"a node: {neighbours().description}", neighbours(), CLAIMS),
        *_witnesses(),
        *_known_bad(),
    )


def _witnesses() -> Iterator[TlcNodeModel]:
    world = neighbours()
    said = {one.id: one.sentence for one in world.properties}
    for claim in WITNESSES:
        witness = claim.removeprefix("Never_")
        about = f"a node: {said[witness]}, which refutes this claim"
        yield TlcNodeModel(f"witness node {witness}", about, world, (claim,), rejects=claim)


def _known_bad() -> Iterator[TlcNodeModel]:
    for one in wrong_nodes():
        claim, wrong = claim_of(one, CLAIMS), WRONG_OPERATORS[one.name]
        yield TlcNodeModel(one.name, f"{one.name}: {one.because}", one.world, (claim,), rejects=claim, wrong=wrong)

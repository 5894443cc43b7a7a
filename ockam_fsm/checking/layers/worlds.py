"""The worlds of layers, as data: both arrangements of the discussion.

    below-persistent   a transient session over a persistent one, which hides the failures of its connections
    above-persistent   a persistent session over a transient one, whose failures it hides and which its messages
                       recreate
    ...-data           the same, and the application sends data

Rule 1: two real nodes with two sessions each, over connections that lose messages and fail at either end.
Rule 2: bounds are defined here only, and printed with every verdict.
Source: spec/sessions.md section 11; the sizes are pinned in spec/manifest.json.
"""

from __future__ import annotations

from functools import cache

from ockam_fsm.checking.layers.actors import LayersActor
from ockam_fsm.checking.layers.properties import (
    FAILS_WITH_BELOW,
    OVER_NEW_SESSION,
    SURVIVES_RENEGOTIATION,
    between_the_layers,
    of_the_session_above,
)
from ockam_fsm.checking.layers.setup import BOTH, CLOSE_BELOW, LOST, LayersSetup
from ockam_fsm.checking.properties import Property
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT
from ockam_fsm.safety.session_step import OPEN, SEND

LOSSY, LOSSLESS = Network("ordered", 2, ("drop",)), Network("ordered", 2)
PERSISTENT, TRANSIENT = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT

BELOW_PERSISTENT = LayersSetup(
    above=PairConfig(TRANSIENT, misses=0, generations=1, spawns=1),
    below=PairConfig(PERSISTENT, misses=0, generations=2, spawns=1),
)
ABOVE_PERSISTENT = LayersSetup(
    above=PairConfig(PERSISTENT, misses=0, generations=2, spawns=1),
    below=PairConfig(IMPLICIT_TRANSIENT, misses=0, generations=1, spawns=2, capacity=2),
    recreated=True,
    incarnations=2,
)


def layers_world(
    name: str,
    setup: LayersSetup,
    witnesses: tuple[Property, ...] = (),
    orders: tuple[str, ...] = (OPEN,),
    losers: tuple[str, ...] = BOTH,
    network: Network = LOSSY,
) -> World:
    """Return the world of two nodes with a session over a session. `orders`: the orders to the node of the starters,
    once each. `losers`: the nodes at which a connection may be lost."""
    above, below = setup.above, setup.below
    return World(
        name=f"layers:{name}",
        actors=(LayersActor(setup, INITIATOR), LayersActor(setup, RESPONDER)),
        network=network,
        orders={INITIATOR: dict.fromkeys(orders, 1)},
        faults={one: {LOST: 1} for one in losers},
        properties=(*of_the_session_above(setup, sends=SEND in orders), *between_the_layers(setup, *witnesses)),
        title=f"{above.session_type.name} over {below.session_type.name}",
        description="a session over another session, between two nodes",
        extra_bounds={
            "attempts": above.attempts or "unlimited",
            "generations above": above.generations or "unlimited",
            "generations below": below.generations or "unlimited",
            "connections": setup.connections,
            "incarnations": setup.incarnations,
        },
    )


@cache
def layers_worlds() -> tuple[World, ...]:
    """Return every world of layers."""
    closed, back = (OPEN, CLOSE_BELOW), (FAILS_WITH_BELOW, OVER_NEW_SESSION)
    return (
        layers_world("below-persistent", BELOW_PERSISTENT, (SURVIVES_RENEGOTIATION, FAILS_WITH_BELOW), closed),
        layers_world("below-persistent-data", BELOW_PERSISTENT, (SURVIVES_RENEGOTIATION,), (OPEN, SEND), (INITIATOR,)),
        layers_world("above-persistent", ABOVE_PERSISTENT, back, losers=(INITIATOR,)),
        layers_world("above-persistent-data", ABOVE_PERSISTENT, back, (OPEN, SEND), (), LOSSLESS),
    )

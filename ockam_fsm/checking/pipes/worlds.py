"""The worlds of pipes, as data.

    sequential   a resend pipe that sends one message at a time; its receiver may die while it handles a message
    window       the same with a window of three messages
    monotonic, strict, continuous, absolute
                 an index pipe of this ordering alone
    ordered      an absolute index pipe around a resend pipe: every message arrives once and in order

Rule 1: every world uses the real ends, and a network that loses, duplicates, reorders and corrupts messages.
Rule 2: bounds are defined here only, and printed with every verdict.
Source: spec/sessions.md section 17; the sizes are pinned in spec/manifest.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ockam_fsm.checking.pipes.actors import DIES, RECEIVER, SEND, SENDER, PipeSetup, ReceiverActor, SenderActor
from ockam_fsm.checking.pipes.properties import DELIVERED_WAS_ACCEPTED, RESENDING, WAITED, ordering_property
from ockam_fsm.checking.properties import Property
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.pipe.sender import PipeConfig

LOSSY = Network("unordered", 4, ("drop", "duplicate", "corrupt"))
SEQUENTIAL, WINDOW = PipeConfig(window=1), PipeConfig(window=3)


def pipe_world(name: str, config: PipeSetup, messages: int = 4, dies: int | None = None) -> World:
    """Return the world of a sender and a receiver. `dies`: how often the receiver may be killed (None: no bound)."""
    properties: tuple[Property, ...] = (DELIVERED_WAS_ACCEPTED,)
    bounds = {}
    if config.resend is not None:
        properties += RESENDING
        bounds["window"] = config.resend.window
    if config.ordering is not None:
        properties += (ordering_property(config.ordering),)
    if config.ordering is not None and not config.ordering.leaves_out:
        properties += (WAITED,)
        bounds["capacity"] = config.capacity
    faults: Mapping[str, Mapping[str, int | None]] = {RECEIVER: {DIES: dies}} if config.resend is not None else {}
    return World(
        name=f"pipe:{name}",
        actors=(SenderActor(config), ReceiverActor(config)),
        network=LOSSY,
        orders={SENDER: {SEND: messages}},
        faults=faults,
        properties=properties,
        title=f"sender and receiver, {name}",
        description="a pipe over a network that loses, duplicates, reorders and corrupts messages",
        extra_bounds=bounds,
    )


@cache
def pipe_worlds() -> tuple[World, ...]:
    """Return every world of pipes."""
    return (
        pipe_world("sequential", PipeSetup(SEQUENTIAL)),
        pipe_world("window", PipeSetup(WINDOW)),
        *(pipe_world(one.value, PipeSetup(ordering=one)) for one in Ordering),
        pipe_world("ordered", PipeSetup(WINDOW, Ordering.ABSOLUTE)),
    )

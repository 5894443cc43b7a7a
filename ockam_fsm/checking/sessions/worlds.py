"""The worlds of sessions, as data: each session type in several environments.

    lossy      messages are lost, duplicated and reordered; timers fire at any time
    restarts   either end restarts without its state
    faults     the lower layer is lost, error messages arrive, ends restart with their state, an order renegotiates
    data       messages and requests of the application, held and reissued, under loss
    orders     orders at either end, in any state; a refused order is a step too
    reopened   a session is closed by order and opened again under the same id, while late messages arrive
    closed     lossy, folded by normalisation: any number of renegotiations
    ockam      profile `ockam`: no generations and no keepalives on the wire
    ...-among-strangers    one end alone, to which a stranger may send any message (`open_environment.py`)

Rule 1: a world has every S and R property of its type (among strangers: those of one step), and its own witnesses.
Rule 2: bounds belong to worlds; every verdict prints them.
Source: spec/sessions.md sections 8 and 10; the sizes are pinned in spec/manifest.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from ockam_fsm.checking.properties import Property
from ockam_fsm.checking.sessions.greedy_world import greedy
from ockam_fsm.checking.sessions.node_world import neighbours
from ockam_fsm.checking.sessions.normaliser import SessionNormaliser
from ockam_fsm.checking.sessions.open_environment import strangers
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.properties import (
    authenticity,
    recoverability,
    safety,
    witness,
)
from ockam_fsm.checking.sessions.session_actors import (
    ERROR,
    INITIATOR,
    LOWER_LAYER_LOST,
    REOPENED,
    RESPONDER,
    RESTART_KEEPING,
    RESTART_LOSING,
    InitiatorActor,
    ResponderActor,
)
from ockam_fsm.checking.world import Budget, Network, World
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.safety.session_step import CLOSE, OPEN, RENEGOTIATE, REQUEST, SEND, STOP, WITHDRAW

Orders = Mapping[str, Mapping[Any, Budget]]
WorldFactory = Callable[[PairConfig], World]


def begin(config: PairConfig, messages: Budget = 1) -> dict[Any, Budget]:
    """The order that creates a session of this type, with its budget."""
    return {OPEN: 1} if config.session_type.creation is Creation.EXPLICIT else {SEND: messages}


def world_of(
    config: PairConfig,
    name: str,
    network: Network,
    orders: Orders,
    faults: Orders | None = None,
    witnesses: tuple[str, ...] = ("W1",),
) -> World:
    """The world of both ends of a session, with the properties and witnesses that it checks."""
    bounds = {"attempts": config.attempts, "misses": config.misses, "held": config.held, "spawns": config.spawns}
    properties: tuple[Property, ...] = (
        *safety(config),
        *recoverability(config),
        *authenticity(config),
        *(witness(one, config) for one in witnesses),
    )
    return World(
        name=f"{config.session_type.name}:{name}",
        actors=(InitiatorActor(config), ResponderActor(config)),
        network=network,
        orders=orders,
        faults=faults or {},
        properties=properties,
        title=f"{config.session_type.name}, {name}",
        description=config.session_type.summary,
        extra_bounds={k: "unlimited" if v is None else v for k, v in bounds.items()}
        | {"generations": "unlimited" if config.generations is None else config.generations},
    )


def lossy(config: PairConfig) -> World:
    kind = config.session_type
    witnesses = ["W1", "W4", "W7"]
    orders: dict[str, dict[Any, Budget]] = {INITIATOR: begin(config, 2)}
    if kind.persistent:
        witnesses.append("W6")
    if kind.renegotiation is Renegotiation.TWO_SIDED:
        witnesses.append("W3")
        config = replace(config, misses=0)
        if kind.creation is Creation.IMPLICIT:
            # One message at each end. The closed world covers how a further message wakes an end that rests; a second
            # message here would make this world four times as large for that alone.
            orders = {INITIATOR: begin(config), RESPONDER: {SEND: 1}}
    network = Network("unordered", 2, ("drop", "duplicate"))
    return world_of(config, "lossy", network, orders, witnesses=tuple(witnesses))


def restarts(config: PairConfig) -> World:
    two_sided = config.session_type.renegotiation is Renegotiation.TWO_SIDED
    config = replace(config, misses=0, generations=2 if two_sided else 3)
    network = Network("unordered", 2, ("drop", "duplicate"))
    witnesses = ("W1", "W9") if config.session_type.persistent else ("W1",)
    losing = {INITIATOR: {RESTART_LOSING: 1}, RESPONDER: {RESTART_LOSING: 1}}
    return world_of(config, "restarts", network, {INITIATOR: begin(config, 2)}, losing, witnesses)


FAILURES = (
    "negotiation timed out",
    "keepalives missed",
    "error message",
    "lower layer lost",
    "the peer goes away",
    "renegotiation by order",
)


def faults(config: PairConfig) -> World:
    kind = config.session_type
    network = Network("ordered", 2, ("drop", "corrupt"))
    orders: dict[str, dict[Any, Budget]] = {INITIATOR: begin(config, 2), RESPONDER: {STOP: 1}}
    witnesses = ["W1"]
    if kind.persistent:
        orders[INITIATOR] |= {RENEGOTIATE: 1}
        witnesses += [f"W2:{reason}" for reason in FAILURES]
    either: dict[Any, Budget] = {LOWER_LAYER_LOST: 1, RESTART_KEEPING: 1}
    happening = {INITIATOR: {**either, ERROR: 1}, RESPONDER: either}
    config = replace(config, reasons=True, misses=0, generations=2)
    return world_of(config, "faults", network, orders, happening, tuple(witnesses))


def data(config: PairConfig) -> World:
    kind = config.session_type
    config = replace(config, distinct=True, held=2, reissue=kind.persistent, generations=2, misses=0)
    explicit: dict[Any, Budget] = {OPEN: 1} if kind.creation is Creation.EXPLICIT else {}
    orders: Orders = {INITIATOR: {**explicit, SEND: 1, REQUEST: 1, WITHDRAW: 1, CLOSE: 1}, RESPONDER: {SEND: 1}}
    return world_of(config, "data", Network("ordered", 2, ("drop",)), orders, witnesses=("W1", "W5"))


def orders(config: PairConfig) -> World:
    kind = config.session_type
    config = replace(config, distinct=True, refusals=True, generations=2, misses=0)
    ends = {RENEGOTIATE: 1, CLOSE: 1}
    given: Orders = {INITIATOR: {OPEN: 1, SEND: 1, WITHDRAW: 1, **ends}, RESPONDER: {**ends, STOP: 1}}
    shown = ("W1", "W5") if kind.persistent else ("W1",)
    return world_of(config, "orders", Network("unordered", 1, ("drop", "duplicate")), given, witnesses=shown)


def reopened(config: PairConfig) -> World:
    config = replace(config, misses=0, generations=2 if config.session_type.creation is Creation.EXPLICIT else 3)
    given: Orders = {INITIATOR: {**begin(config, 2), RENEGOTIATE: 1, CLOSE: 1}, RESPONDER: {CLOSE: 1}}
    network = Network("unordered", 2, ("drop", "duplicate"))
    return world_of(config, "reopened", network, given, {INITIATOR: {REOPENED: 1}})


def closed(config: PairConfig) -> World:
    # One attempt more than elsewhere: R2 is about ends with two attempts left (clause 15.3).
    attempts = 3 if config.session_type.persistent else config.attempts
    config = replace(config, generations=None, spawns=1, attempts=attempts)
    network = Network("unordered", 2, ("drop", "duplicate"))
    world = world_of(config, "closed", network, {INITIATOR: begin(config, None)})
    return replace(world, normaliser=SessionNormaliser(config.profile))


def ockam(config: PairConfig) -> World:
    config = replace(config, profile=OCKAM, capacity=2, spawns=3, generations=2, reissue=config.session_type.persistent)
    network = Network("unordered", 2, ("drop", "duplicate"))
    orders = {INITIATOR: {**begin(config), REQUEST: 1}}
    return world_of(config, "ockam", network, orders, {INITIATOR: {LOWER_LAYER_LOST: 1}}, ("W1", "W4", "W7"))


def full_host(config: PairConfig) -> World:
    """An initiator returns as another session. The host has room for one responder, and may still have the first."""
    config = replace(config, misses=0, generations=2, capacity=1)
    network = Network("unordered", 1, ("drop", "duplicate"))
    return world_of(config, "full-host", network, {INITIATOR: begin(config, 2)}, {INITIATOR: {RESTART_LOSING: 1}},
                    ("W1", "W23"))  # fmt: skip


WAYS: Mapping[str, WorldFactory] = {
    "lossy": lossy,
    "restarts": restarts,
    "faults": faults,
    "data": data,
    "orders": orders,
    "reopened": reopened,
    "closed": closed,
    "ockam": ockam,
    "initiator-among-strangers": partial(strangers, Role.INITIATOR),
    "responder-among-strangers": partial(strangers, Role.RESPONDER),
    "returned-responder-among-strangers": partial(strangers, Role.RESPONDER, returned=True),
    "full-host": full_host,
}


def config_of(kind: SessionType) -> PairConfig:
    """The declared limits that a type's worlds share."""
    return PairConfig(kind, capacity=1 if kind.persistent else 2)


def ways_of(kind: SessionType) -> tuple[str, ...]:
    """The environments of a type. Profile `ockam` cannot encode the generations that two-sided sessions need. A
    transient session is not opened again, and its responder has no state to return with. A persistent one keeps its id,
    so its initiator never needs a second responder."""
    senseless = {"reopened": not kind.persistent, "full-host": kind.persistent,
                 "ockam": kind.renegotiation is Renegotiation.TWO_SIDED,
                 "returned-responder-among-strangers": not kind.persistent}  # fmt: skip
    return tuple(way for way in WAYS if not senseless.get(way))


@cache
def worlds_of(kind: SessionType) -> tuple[World, ...]:
    """Every world of a type."""
    return tuple(WAYS[way](config_of(kind)) for way in ways_of(kind))


def all_worlds() -> tuple[World, ...]:
    """Every world of every type, and the worlds of whole nodes."""
    return (*(world for kind in TYPES for world in worlds_of(kind)), neighbours(), greedy())

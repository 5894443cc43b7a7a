"""Other bounds for an existing world: `in_flight=3`, `initiator.send=2`, `drop=1`, `attempts=3`.

Theory: bounds are data of a world, so another bound makes another world of the same name; every verdict prints the
bounds that it holds within. Every world has budgets and `in_flight`. A world of sessions also has the bounds of its
`PairConfig`: these are replaced for both ends and the world is built again, since its properties read them too.

Left out: orders and faults that a world does not have. Adding one makes a new world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ockam_fsm.checking.actors import Deliver
from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import InitiatorActor
from ockam_fsm.checking.sessions.worlds import world_of
from ockam_fsm.checking.world import Budget, Network, World
from ockam_fsm.kernel.errors import Error

SETTING_BOUNDS = ("attempts", "generations", "held", "misses", "spawns")
UNLIMITED = "unlimited"
MOST_DIGITS = 9
ALWAYS_LIMITED = ("in_flight", "misses", "spawns")


class UnknownBound(Error, ValueError):
    """The world has no bound of that name."""


class WrongBound(Error, ValueError):
    """The value of a bound is not accepted."""


def possible_bounds(world: World) -> tuple[str, ...]:
    """The names of the bounds that `bounded` accepts, in order."""
    config = SETTING_BOUNDS if config_in(world) is not None else ()
    return ("in_flight", *config, *world.network.budgets, *_budgets(world))


def parsed_bound(text: str) -> tuple[str, Budget]:
    """Parse `K=V` as a name and a number, None for `unlimited`."""
    name, equals, value = text.partition("=")
    if not equals or not (value == UNLIMITED or (value.isdecimal() and len(value) <= MOST_DIGITS)):
        raise WrongBound(
            f"{text[:80]!r} is not a bound: write NAME=NUMBER of at most {MOST_DIGITS} digits, or NAME={UNLIMITED}"
        )
    limit = None if value == UNLIMITED else int(value)
    if limit is None and name in ALWAYS_LIMITED:
        raise WrongBound(f"{name} must have a limit")
    return name, limit


def bounded(world: World, bounds: Mapping[str, Budget]) -> World:
    """Return `world` with other bounds.

    Raises:
        UnknownBound: the world has no bound of that name.
    """
    for name in bounds:
        if name not in possible_bounds(world):
            raise UnknownBound(f"{world.name} has no bound {name!r}")
    config = config_in(world)
    inside = {name: limit for name, limit in bounds.items() if name in SETTING_BOUNDS}
    if config is not None and inside:
        world = _rebuilt(world, replace(config, **inside))  # type: ignore[arg-type]
    return replace(
        world,
        network=_network(world.network, bounds),
        orders=_replaced(world.orders, bounds),
        faults=_replaced(world.faults, bounds),
    )


def config_in(world: World) -> PairConfig | None:
    """The configuration that both ends of a world of sessions share; None for a world of other actors."""
    return next((actor.config for actor in world.actors if isinstance(actor, InitiatorActor)), None)


def _rebuilt(world: World, config: PairConfig) -> World:
    witnesses = tuple(one.id for one in world.properties if one.is_witness)
    fresh = world_of(config, world.name, world.network, world.orders, world.faults, witnesses)
    had = [one.id for one in world.properties]
    properties = tuple(one for one in fresh.properties if one.id in had)
    return replace(fresh, name=world.name, title=world.title, properties=properties, normaliser=world.normaliser)


def _budgets(world: World) -> dict[str, Budget]:
    tables = (world.orders, world.faults)
    return {
        f"{actor}.{spoken(what)}": budget
        for table in tables
        for actor, budgets in table.items()
        for what, budget in budgets.items()
        if not isinstance(what, Deliver)
    }


def _network(network: Network, bounds: Mapping[str, Budget]) -> Network:
    faults = {fault: bounds.get(fault, budget) for fault, budget in network.budgets.items()}
    in_flight = bounds.get("in_flight")
    return replace(network, in_flight=network.in_flight if in_flight is None else in_flight, faults=faults)


def _replaced(
    table: Mapping[str, Mapping[object, Budget]], bounds: Mapping[str, Budget]
) -> dict[str, dict[object, Budget]]:
    return {
        actor: {what: bounds.get(f"{actor}.{spoken(what)}", budget) for what, budget in budgets.items()}
        for actor, budgets in table.items()
    }

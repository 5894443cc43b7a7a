"""The Promela models of session worlds, and the files that `render` writes for them."""

from __future__ import annotations

from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.checking.sessions.worlds import config_of, lossy
from ockam_fsm.checking.world import World
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.projections.promela import COUNTERS, SAFETY, PairModel, PromelaEnd, to_promela
from ockam_fsm.specification.table_world import ORDERS, pair_config_of

FOLDER = "spec/promela"
PAGE = "ockam_fsm/machines/session.py and ockam_fsm/projections/session_pair.pml"
NETWORK = ("unordered", 2, {"drop": None, "duplicate": None})
"""The network of the template: order, messages in flight, faults."""


def model_of(world: World, asserted: tuple[str, ...] = SAFETY) -> PairModel:
    """Return the model of a world of two session ends.

    Raises:
        DefinitionError: the world differs from the worlds that the template can model.
    """
    config, network = pair_config_of(world), world.network
    if world.faults or world.normaliser or (network.order, network.in_flight, network.budgets) != NETWORK:
        problem = "the template models only worlds `lossy`: two unordered messages in flight, drop and duplicate"
        raise DefinitionError(f"Promela model of {world.name}", [problem])
    kind = config.session_type
    assert config.generations is not None
    return PairModel(
        title=world.title,
        initiator=_side(world, Role.INITIATOR, INITIATOR),
        responder=_side(world, Role.RESPONDER, RESPONDER),
        persistent=kind.persistent,
        two_sided=kind.renegotiated_by(Role.RESPONDER),
        generations=config.generations,
        spawns=config.spawns,
        asserted=asserted,
    )


def _side(world: World, role: Role, name: str) -> PromelaEnd:
    settings = pair_config_of(world).settings(role)
    orders = {ORDERS[order].name: many for order, many in world.orders.get(name, {}).items()}
    return PromelaEnd(settings.machine, {counter: settings.limits[counter] for counter in COUNTERS}, orders)


def texts() -> dict[str, str]:
    """Return path -> text of the model of each session type."""
    return {f"{FOLDER}/{kind.name}.pml": to_promela(model_of(lossy(config_of(kind))), PAGE) for kind in TYPES}

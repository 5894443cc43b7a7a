"""The TLC models of secure channels, as data: their worlds, their witnesses, and the known-bad channels.

Theory: as in tlc_models.py. Each model takes its bounds from the world that the explorer searches, and must give the
same number of states and transitions, and witnesses and counterexamples of S36 and S37 of the same length.

Rule 1: a wrong channel is one operator of `spec/tla/ChannelProperties.tla` that replaces the right one, a wrong table,
        or a changed bound.
Rule 2: R5 and R8 are temporal in TLA+ (ChannelRecovery.tla), so their counterexamples have no shortest length.
Left out: the claims about sessions in SessionPair.tla (a channel has the same rows), and requests (Request.tla).
Source: spec/sessions.md sections 8, 9 and 18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.actors import Deliver
from ockam_fsm.checking.sessions.known_bad import wrong_channels
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.secure_worlds import SECURE_TYPES, among_strangers, secure
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.checking.sessions.symbolic_channel import SYMBOLIC, SymbolicProfile
from ockam_fsm.checking.sessions.worlds import config_of
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.specification.table_world import pair_config_of
from ockam_fsm.specification.tlc_claims import claim_of
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

CLAIMS = ("S36_DeliveredOnce", "S37_ForgedChangesNothing", "S37_ForgedIsADeadLetter")
RECOVERY = ("R5_OrphansAreReaped", "R8_HearEachOther")
WITNESSES = ("Never_W1", "Never_W4", "Never_W7")

CHOSEN = {"anybody-is-trusted": "S37_ForgedChangesNothing"}
"""Known-bad channel -> the claim that rejects it, where several claims state its property."""

WRONG_OPERATORS = {
    "replay-is-read": (("Replayed", "NeverReplayed"),),
    "anybody-is-trusted": (("Trusts", "TrustsAnybody"),),
}
"""The operators that a wrong channel replaces. Of the other two, one has a wrong table, one sends no keepalives."""


class TlcChannelModel(TlcWorldModel):
    """A model of the safety of a secure channel."""

    extends = "ChannelProperties"
    of_states = ("S37_ForgedIsADeadLetter", "Never_W1")

    @property
    def config(self) -> PairConfig:
        return pair_config_of(self.world)

    @property
    def bounds(self) -> dict[str, object]:
        """The bounds of the world and of its channels, by their names in Channel.tla."""
        config, network = self.config, self.world.network
        profile = config.profile
        assert isinstance(profile, SymbolicProfile)
        said = self.world.orders.get(RESPONDER, {})
        return {
            "Generations": config.generations,
            "Spawns": config.spawns,
            "Capacity": config.capacity,
            "Nonces": profile.nonces,
            "Reserve": profile.reserve,
            "Lost": profile.lost,
            "Late": profile.late,
            "KeepsAlive": profile.keeps_alive,
            "Duplicates": network.budgets.get("duplicate", 0),
            "Strangers": sum(budget for budget in said.values() if budget is not None),
            "InFlight": network.in_flight,
        }

    @property
    def orders(self) -> Mapping[str, int]:
        """How often the initiator's application may give each order; messages of strangers are not orders here."""
        given = {order: budget for order, budget in self.world.orders[INITIATOR].items() if type(order) is not Deliver}
        return {order.upper(): budget for order, budget in given.items() if budget is not None}


class TlcChannelRecovery(TlcChannelModel):
    """A model of the recoverability of a secure channel."""

    extends = "ChannelRecovery"
    specification = "RecoverySpec"

    @property
    def bounds(self) -> dict[str, object]:
        return super().bounds | {"Persistent": self.config.session_type.persistent}


@cache
def tlc_channel_models() -> tuple[TlcChannelModel, ...]:
    """Return every model of a secure channel, the correct ones first."""
    return (*_whole(), *_witnesses(), *_recovery(), *_known_bad())


def _whole() -> Iterator[TlcChannelModel]:
    for kind in SECURE_TYPES:
        for name, build in (("secure", secure), ("strangers", among_strangers)):
            world = build(config_of(kind))
            yield TlcChannelModel(f"{name} {kind.name}", f"{world.title}: {kind.summary}", world, CLAIMS)


def _witnesses() -> Iterator[TlcChannelModel]:
    world = secure(config_of(EXPLICIT_TRANSIENT))
    said = {one.id: one.sentence for one in world.properties}
    for claim in WITNESSES:
        witness = claim.removeprefix("Never_")
        about = f"{world.title}: {said[witness]}, which refutes this claim"
        yield TlcChannelModel(f"witness secure {witness}", about, world, (claim,), rejects=claim)


def _recovery() -> Iterator[TlcChannelModel]:
    worlds = {f"secure {kind.name}": narrow(kind) for kind in SECURE_TYPES}
    worlds[f"strangers {EXPLICIT_TRANSIENT.name}"] = among_strangers(config_of(EXPLICIT_TRANSIENT))
    for name, world in worlds.items():
        about = f"{world.title}: recoverability, under fairness, and safety"
        yield TlcChannelRecovery(f"recovery {name}", about, world, (*CLAIMS, *RECOVERY))


def narrow(kind: SessionType) -> World:
    """Return the world `secure` with one message in flight and no duplicates, because TLC checks temporal claims in
    memory. The window tolerates no loss, so one lost message makes an end reject all later ones."""
    world = secure(config_of(kind), replace(SYMBOLIC, lost=0))
    return replace(world, network=Network("unordered", 1, ("drop",)))


def _known_bad() -> Iterator[TlcChannelModel]:
    for one in wrong_channels():
        claim = claim_of(one, (*CLAIMS, *RECOVERY), CHOSEN.get(one.name, ""))
        about = f"{one.name}: {one.because}"
        made = TlcChannelRecovery if claim in RECOVERY else TlcChannelModel
        wrong = WRONG_OPERATORS.get(one.name, ())
        yield made(one.name, about, one.world, (claim,), rejects=claim, wrong=wrong)

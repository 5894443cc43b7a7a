"""What TLC checks, as data: a world for each model of `spec/tla/models`, and what it claims or rejects.

Theory: TLC judges the same worlds as our explorer, from a specification that shares nothing with it but the tables. So
each model is made from a world, takes every bound from it, and is expected to find what the explorer finds: as many
states, and for a wrong machine a shortest counterexample of the same length.

Rule 1: bounds are those of the world. Where a model is smaller, to stay within minutes, `smaller` says so.
Rule 2: a wrong table is the one of `known_bad.py`. A wrong session is said again in `spec/tla/Wrong.tla`.
Left out, for want of something that a state there would have to hold: restarts (no-superseded,
established-on-answering) and what messages say (forget-held-messages, held-overtakes-reissued). Wrong nodes have more
than one session; the two wrong requests are models of spec/tla/Request.tla.
Source: spec/sessions.md sections 8 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.setting import Setting
from ockam_fsm.checking.sessions.worlds import lossy, setting_of
from ockam_fsm.checking.specification.table_world import setting_of_world
from ockam_fsm.checking.world import World
from ockam_fsm.machines.session import TYPES

INVARIANTS = ("S5_RoutesAreForgotten", "S7_EndsAgree", "S12_WithinLimits", "S18_EachStateHasItsOwn")
STEPS = (
    "S1_DeliveredInTime",
    "S2_ClosedIsFinal",
    "S3_StateSurvives",
    "S4_OnlyItsGenerationChangesIt",
    "S6_OneSidedResponderNeverStarts",
    "S9_DeliveredInItsGeneration",
    "S16_RestedBeforeAttempt",
    "S17_OwnerIsTold",
    "S19_HearingCounts",
    "S20_CountersTellTheTruth",
    "S21_KeepalivesAreAnswered",
)
RECOVERY = ("R1_InitiatorSettles", "R2_PairIsEstablished", "R5_OrphansAreReaped")
WITNESS = "Never_W1"


@dataclass(frozen=True)
class Specified:
    """One model of two ends. `rejects`: the claim that a wrong machine, or a witness, refutes; empty: all claims hold.

    `wrong`: operators of the specification that are replaced. `liveness`: what is claimed is temporal, so a
    counterexample has no shortest length.
    """

    name: str
    about: str
    world: World
    invariants: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    rejects: str = ""
    wrong: tuple[tuple[str, str], ...] = ()
    liveness: bool = False
    smaller: tuple[tuple[str, int], ...] = ()

    @property
    def setting(self) -> Setting:
        return setting_of_world(self.world)

    @property
    def counts(self) -> bool:
        """Whether TLC searches every state of the world itself."""
        return not (self.rejects or self.liveness)


REJECTED_BY = {
    "route-outlives-failure": "S5_RoutesAreForgotten",
    "transient-renegotiates": "S2_ClosedIsFinal",
    "responder-renegotiates": "S6_OneSidedResponderNeverStarts",
    "retry-without-back-off": "S16_RestedBeforeAttempt",
    "unwatched-peer": "S18_EachStateHasItsOwn",
    "uncounted-attempts": "S20_CountersTellTheTruth",
    "unanswered-keepalive": "S21_KeepalivesAreAnswered",
    "closing-untold": "S17_OwnerIsTold",
    "deaf-responder": "S19_HearingCounts",
    "deliver-before-established": "S1_DeliveredInTime",
    "reuse-inner-address": "S9_DeliveredInItsGeneration",
    "no-generation": "S4_OnlyItsGenerationChangesIt",
    "first-established-wins": "S7_EndsAgree",
    "lose-state-on-renegotiation": "S3_StateSurvives",
    "unbounded-hold": "S12_WithinLimits",
    "no-negotiation-timer": "R1_InitiatorSettles",
    "no-keepalive": "R2_PairIsEstablished",
    "never-reap": "R5_OrphansAreReaped",
}
"""Known-bad machine -> the claim that rejects it."""

WRONG_OPERATORS = {
    "no-generation": (("At", "OneAddress"), ("JudgeAnswer", "EveryAnswerIsBelieved")),
    "deliver-before-established": (("Received", "DeliverAtOnce"),),
    "reuse-inner-address": (("At", "SameAddress"),),
    "first-established-wins": (("Received", "BothGoOn"),),
    "lose-state-on-renegotiation": (("AdoptLink", "AdoptAndForget"),),
    "unbounded-hold": (("Order", "HoldAnyway"),),
}
"""What a wrong session replaces; the others have wrong tables."""

SMALL = (("Generations", 2), ("InFlight", 1))
"""Temporal claims are searched with their graph in memory, so persistent types are given smaller bounds for them."""


@cache
def specified() -> tuple[Specified, ...]:
    """Every model of two ends, the whole ones first."""
    return (*_types(), *_witnesses(), *_recovery(), *_known_bad())


def _types() -> Iterator[Specified]:
    for kind in TYPES:
        yield Specified(kind.name, f"{kind.name}: {kind.summary}", lossy(setting_of(kind)), INVARIANTS, STEPS)


def _witnesses() -> Iterator[Specified]:
    for kind in TYPES:
        about = f"{kind.name}: both ends come to be established in one generation, so this claim is refuted"
        yield Specified(f"witness {kind.name}", about, lossy(setting_of(kind)), (WITNESS,), rejects=WITNESS)


def _recovery() -> Iterator[Specified]:
    for kind in TYPES:
        claims = RECOVERY if kind.persistent else tuple(one for one in RECOVERY if not one.startswith("R2"))
        about = f"{kind.name}: what must remain possible, under fairness"
        smaller = SMALL if kind.persistent else ()
        world = lossy(setting_of(kind))
        yield Specified(f"recovery {kind.name}", about, world, steps=claims, liveness=True, smaller=smaller)


def _known_bad() -> Iterator[Specified]:
    for one in wrong_sessions():
        if one.name not in REJECTED_BY:
            continue
        setting = setting_of_world(one.world)
        claim, wrong = REJECTED_BY[one.name], WRONG_OPERATORS.get(one.name, ())
        # A world that its machine needs in another shape than `lossy` is taken as it is, but for folding: TLC counts.
        folded = one.world.normaliser is not None
        attempts = setting_of(setting.session_type).attempts
        world = lossy(replace(setting, generations=3, spawns=2, attempts=attempts)) if folded else one.world
        invariants, steps = ((claim,), ()) if claim in INVARIANTS else ((), (claim,))
        yield Specified(
            one.name,
            f"{one.name}: {one.because}",
            world,
            invariants,
            steps,
            rejects=claim,
            wrong=wrong,
            liveness=claim in RECOVERY,
            smaller=SMALL if claim in RECOVERY else (),
        )

"""The TLC models of two session ends, as data: a world, and the claims that hold in it or reject it.

Theory: TLC checks the same worlds as the explorer, from a specification that shares only the tables with it. Each model
takes every bound from a world and must give the same result as the explorer: the same number of states and, for a
known-bad machine, a shortest counterexample of the same length.

Rule 1: the bounds are those of the world, except for those in `smaller`, which keep TLC within minutes.
Rule 2: a wrong table comes from `known_bad.py`. A wrong session is specified again in `spec/tla/Wrong.tla`.
Left out: wrong nodes, which are models of spec/tla/Node.tla (tlc_node_model.py); streams (tlc_stream_model.py,
tlc_publisher_model.py); secure channels (tlc_channel_model.py); and the two wrong requests, which are models of
spec/tla/Request.tla.
Source: spec/sessions.md sections 8 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ockam_fsm.checking.sessions.known_bad import wrong_sessions
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.worlds import config_of, lossy, orders, restarts
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import SessionType
from ockam_fsm.specification.table_world import pair_config_of

INVARIANTS = ("S5_RoutesAreForgotten", "S7_EndsAgree", "S12_WithinLimits", "S18_EachStateHasItsOwn")
STEPS = (
    "S1_DeliveredInTime",
    "S2_ClosedIsFinal",
    "S3_StateSurvives",
    "S4_OnlyItsGenerationChangesIt",
    "S6_OneSidedResponderNeverStarts",
    "S9_DeliveredInItsGeneration",
    "S11_NothingIsLost",
    "S13_LeaveInOrder",
    "S16_RestedBeforeAttempt",
    "S17_OwnerIsTold",
    "S19_HearingCounts",
    "S20_CountersTellTheTruth",
    "S21_KeepalivesAreAnswered",
    "S21_ClosesAreHeard",
    "S22_OrdersAreTaken",
    "S26_CloseEnds",
    "S27_CollisionHasAWinner",
    "S29_WithdrawnIsNotSent",
)
RECOVERY = ("R1_InitiatorSettles", "R2_PairIsEstablished", "R5_OrphansAreReaped")
WITNESSES = ("Never_W1", "Never_W9")


@dataclass(frozen=True)
class TlcModel:
    """A model of two ends. `rejects`: the claim that a known-bad machine or a witness refutes; empty: all claims hold.

    `wrong`: replaced operators of the specification. `liveness`: the claims are temporal, so a counterexample has no
    shortest length. `unwitnessed`: a known-bad machine is rejected because it never reaches a witness; so the negation
    of the witness holds.
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
    unwitnessed: bool = False

    @property
    def config(self) -> PairConfig:
        return pair_config_of(self.world)

    @property
    def counts(self) -> bool:
        """Whether TLC searches every state of the world, so that the counts can be compared."""
        return not (self.rejects or self.liveness or self.unwitnessed)


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
    "first-established-wins": "S27_CollisionHasAWinner",
    "lose-state-on-renegotiation": "S3_StateSurvives",
    "unbounded-hold": "S12_WithinLimits",
    "established-on-answering": "S7_EndsAgree",
    "no-superseded": "Never_W9",
    "forget-held-messages": "S11_NothingIsLost",
    "held-overtakes-reissued": "S13_LeaveInOrder",
    "close-to-the-past": "S21_ClosesAreHeard",
    "refused-close": "S22_OrdersAreTaken",
    "close-is-a-failure": "S26_CloseEnds",
    "close-without-route-unsaid": "S21_ClosesAreHeard",
    "unconfirmed-attempt-ends-all": "S3_StateSurvives",
    "withdrawn-still-held": "S29_WithdrawnIsNotSent",
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
    "established-on-answering": (("Received", "EstablishedAtOnce"),),
    "forget-held-messages": (("DiscardHeld", "ForgetHeld"),),
    "close-to-the-past": (("SayClose", "CloseInThePast"),),
}
"""The operators that a wrong session replaces; the other machines have wrong tables."""

SMALL = (("Generations", 2), ("InFlight", 1))
"""Smaller bounds for temporal claims of persistent types, because TLC checks these with the whole graph in memory."""


@cache
def tlc_models() -> tuple[TlcModel, ...]:
    """Return every model of two ends, the correct machines first."""
    return (*_types(), *_witnesses(), *_recovery(), *_known_bad())


def restarted(kind: SessionType) -> World:
    """Return the world `restarts` with one message in flight: with two, TLC would take minutes."""
    world = restarts(config_of(kind))
    return replace(world, network=Network("unordered", 1, ("drop", "duplicate")))


def _types() -> Iterator[TlcModel]:
    for kind in TYPES:
        yield TlcModel(kind.name, f"{kind.name}: {kind.summary}", lossy(config_of(kind)), INVARIANTS, STEPS)
    for kind in TYPES:
        about = f"{kind.name}: every order, in any state"
        yield TlcModel(f"orders {kind.name}", about, orders(config_of(kind)), INVARIANTS, STEPS)
    for kind in filter(_persists, TYPES):
        about = f"{kind.name}: either end restarts without its state"
        yield TlcModel(f"restarts {kind.name}", about, restarted(kind), INVARIANTS, STEPS)


def _persists(kind: SessionType) -> bool:
    """Return whether a type has worlds with restarts of two ends. A transient session that is reopened is a new
    session, and the host has both for a while, so a pair of ends does not describe it."""
    return kind.persistent


def _witnesses() -> Iterator[TlcModel]:
    established, caught_up = WITNESSES
    for kind in TYPES:
        about = f"{kind.name}: both ends are established in one generation, so this claim is refuted"
        yield TlcModel(f"witness {kind.name}", about, lossy(config_of(kind)), (established,), rejects=established)
    for kind in filter(_persists, TYPES):
        about = f"{kind.name}: an end that lost its state catches up in one attempt, which refutes this claim"
        yield TlcModel(f"witness restarts {kind.name}", about, restarted(kind), steps=(caught_up,), rejects=caught_up)


def _recovery() -> Iterator[TlcModel]:
    for kind in TYPES:
        claims = RECOVERY if kind.persistent else tuple(one for one in RECOVERY if not one.startswith("R2"))
        about = f"{kind.name}: recoverability, under fairness"
        smaller = SMALL if kind.persistent else ()
        world = lossy(config_of(kind))
        yield TlcModel(f"recovery {kind.name}", about, world, steps=claims, liveness=True, smaller=smaller)


def _known_bad() -> Iterator[TlcModel]:
    for one in wrong_sessions():
        if one.name not in REJECTED_BY:
            continue
        config = pair_config_of(one.world)
        claim, wrong = REJECTED_BY[one.name], WRONG_OPERATORS.get(one.name, ())
        # TLC compares counts, so a folded world is replaced by `lossy`; any other world is taken as it is.
        folded = one.world.normaliser is not None
        attempts = config_of(config.session_type).attempts
        world = lossy(replace(config, generations=3, spawns=2, attempts=attempts)) if folded else one.world
        invariants, steps = ((claim,), ()) if claim in INVARIANTS else ((), (claim,))
        unwitnessed = claim in WITNESSES
        yield TlcModel(
            one.name,
            f"{one.name}: {one.because}",
            world,
            invariants,
            steps,
            rejects="" if unwitnessed else claim,
            unwitnessed=unwitnessed,
            wrong=wrong,
            liveness=claim in RECOVERY,
            smaller=SMALL if claim in RECOVERY else (),
        )

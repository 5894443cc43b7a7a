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
from ockam_fsm.specification.tlc_claims import checked_by_tlc, claim_of

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
CLAIMS = (*INVARIANTS, *STEPS, *RECOVERY, *WITNESSES)


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


CHOSEN = {
    "unanswered-keepalive": "S21_KeepalivesAreAnswered",
    "close-to-the-past": "S21_ClosesAreHeard",
    "close-without-route-unsaid": "S21_ClosesAreHeard",
}
"""Known-bad machine -> the claim that rejects it, where several claims state its property."""

OF_REQUESTS = {
    "no-request-timer": (("Timing", "Untimed"),),
    "late-response-counts": (("Expire", "ExpireAndStay"),),
}
"""Known-bad machines of which `spec/tla/Request.tla` has the fault, and the operators that they replace."""

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
    for one in checked_by_tlc(wrong_sessions()):
        if one.name in OF_REQUESTS:
            continue
        config = pair_config_of(one.world)
        claim = claim_of(one, CLAIMS, CHOSEN.get(one.name, ""))
        wrong = WRONG_OPERATORS.get(one.name, ())
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

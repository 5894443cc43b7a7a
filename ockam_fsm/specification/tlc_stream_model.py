"""The TLC models of a consumer, its stream and its index worker, as data: the world, its witness, known-bad workers.

Theory: as in tlc_models.py. Each model takes its bounds from the world that the explorer searches, and must give the
same number of states and transitions, and counterexamples and the witness of the same length.

Rule 1: a wrong worker is specified in `spec/tla/Consuming.tla`, as one operator that replaces the right one.
Rule 2: R4 is temporal in TLA+ (ConsumingRecovery.tla), so its counterexample has no shortest length.
Left out: publishers (tlc_publisher_model.py), and the world of all four workers, which the explorer alone searches.
Source: spec/sessions.md sections 8 and 9, clauses 12.7 to 12.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.checking.streams.names import CONSUMER, PROCESSING_FAILS, RESTART
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.checking.world import World
from ockam_fsm.specification.tlc_claims import checked_by_tlc, claim_of
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

CLAIMS = ("S15d_IndexPassesOnlyProcessed", "S23_IndexRises", "S30_ProcessedInOrder")
RECOVERY = "R4_AllProcessed"
WITNESS = "Never_W8"

WRONG_OPERATORS = {
    "any-response-counts": (("Judge", "BelieveAnyResponse"),),
    "index-saved-before-processing": (("HandOver", "SaveAndHandOver"),),
    "index-overwritten": (("JudgeSave", "KeepTheLatest"),),
    "passes-over": (("BuryFirst", "PassOver"),),
    "waits-for-ever": (("RequestTimer", "NoTimer"),),
}
"""The operators that a wrong worker replaces."""

SKIPS = ("index-saved-before-processing", "passes-over")
"""Workers that skip a message: R4 rejects them too, although they are never stuck."""


class TlcStreamModel(TlcWorldModel):
    """A model of the safety of a consumer, its stream and its index worker."""

    extends = "Consuming"
    of_states = ("S15d_IndexPassesOnlyProcessed",)

    @property
    def bounds(self) -> dict[str, object]:
        """The bounds of the world, by their names in Consuming.tla."""
        extra, faults = self.world.extra_bounds, self.world.faults.get(CONSUMER, {})
        (stream, *_) = self.world.actors
        return {
            "Messages": stream.stored,  # type: ignore[attr-defined]
            "Limit": extra["limit"],
            "Tries": extra["tries"],
            "Pulls": extra["pulls"],
            "Restarts": faults.get(RESTART, 0),
            "Failures": faults.get(PROCESSING_FAILS, 0),
            "InFlight": self.world.network.in_flight,
        }


class TlcConsumerRecovery(TlcStreamModel):
    """A model of the recoverability of a consumer."""

    extends = "ConsumingRecovery"
    specification = "RecoverySpec"


@cache
def tlc_consumer_models() -> tuple[TlcStreamModel, ...]:
    """Return every model of a consumer, the correct one first."""
    (world,) = [one for one in stream_worlds() if one.name == "stream:consuming"]
    return (
        TlcStreamModel("stream consuming", f"a stream: {world.description}", world, CLAIMS),
        _witness(world),
        _recovery(world),
        *_known_bad(),
        *_skipping(),
    )


def _witness(world: World) -> TlcStreamModel:
    said = {one.id: one.sentence for one in world.properties}
    about = f"a stream: {said[WITNESS.removeprefix('Never_')]}, which refutes this claim"
    return TlcStreamModel("witness stream consuming", about, world, (WITNESS,), rejects=WITNESS)


def _recovery(world: World) -> TlcConsumerRecovery:
    about = "a stream: recoverability, under fairness"
    return TlcConsumerRecovery("recovery stream consuming", about, world, (RECOVERY,))


def _known_bad() -> Iterator[TlcStreamModel]:
    for one in checked_by_tlc(wrong_streams()):
        if CONSUMER in one.world.actor_names:
            claim = claim_of(one, (*CLAIMS, RECOVERY))
            about, wrong = f"{one.name}: {one.because}", WRONG_OPERATORS[one.name]
            made = TlcConsumerRecovery if claim == RECOVERY else TlcStreamModel
            yield made(one.name, about, one.world, (claim,), rejects=claim, wrong=wrong)


def _skipping() -> Iterator[TlcConsumerRecovery]:
    for one in wrong_streams():
        if one.name in SKIPS:
            about, wrong = f"{one.name}: a skipped message would never be processed", WRONG_OPERATORS[one.name]
            yield TlcConsumerRecovery(f"recovery {one.name}", about, one.world, (RECOVERY,), RECOVERY, wrong)

"""The TLC models of a consumer, its stream and its index worker, as data: the world, its witness, known-bad workers.

Theory: as in tlc_models.py. Each model takes its bounds from the world that the explorer searches, and must give the
same number of states and transitions, and counterexamples and the witness of the same length.

Rule 1: a wrong worker is specified in `spec/tla/Consuming.tla`, as one operator that replaces the right one.
Left out: R4 and `waits-for-ever`, for the reason given in Consuming.tla; publishers (tlc_publisher_model.py).
Source: spec/sessions.md sections 8 and 9, clauses 12.7 to 12.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.checking.streams.names import CONSUMER, PROCESSING_FAILS, RESTART
from ockam_fsm.checking.streams.worlds import stream_worlds
from ockam_fsm.checking.world import World
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

CLAIMS = ("S15d_IndexPassesOnlyProcessed", "S23_IndexRises", "S30_ProcessedInOrder")
WITNESS = "Never_W8"

REJECTED_BY = {
    "any-response-counts": "S23_IndexRises",
    "index-saved-before-processing": "S15d_IndexPassesOnlyProcessed",
    "index-overwritten": "S23_IndexRises",
    "passes-over": "S30_ProcessedInOrder",
}
"""Known-bad consumer or index worker -> the claim that rejects it."""

WRONG_OPERATORS = {
    "any-response-counts": (("Judge", "BelieveAnyResponse"),),
    "index-saved-before-processing": (("HandOver", "SaveAndHandOver"),),
    "index-overwritten": (("JudgeSave", "KeepTheLatest"),),
    "passes-over": (("BuryFirst", "PassOver"),),
}
"""The operators that a wrong worker replaces."""


class TlcStreamModel(TlcWorldModel):
    """A model of a consumer, its stream and its index worker."""

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


@cache
def tlc_consumer_models() -> tuple[TlcStreamModel, ...]:
    """Return every model of a consumer, the correct one first."""
    (world,) = [one for one in stream_worlds() if one.name == "stream:consuming"]
    return (
        TlcStreamModel("stream consuming", f"a stream: {world.description}", world, CLAIMS),
        _witness(world),
        *_known_bad(),
    )


def _witness(world: World) -> TlcStreamModel:
    said = {one.id: one.sentence for one in world.properties}
    about = f"a stream: {said[WITNESS.removeprefix('Never_')]}, which refutes this claim"
    return TlcStreamModel("witness stream consuming", about, world, (WITNESS,), rejects=WITNESS)


def _known_bad() -> Iterator[TlcStreamModel]:
    for one in wrong_streams():
        if claim := REJECTED_BY.get(one.name):
            about, wrong = f"{one.name}: {one.because}", WRONG_OPERATORS[one.name]
            yield TlcStreamModel(one.name, about, one.world, (claim,), rejects=claim, wrong=wrong)

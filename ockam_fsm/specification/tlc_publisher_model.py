"""The TLC models of a publisher and its stream, as data: their worlds, the witness, and the known-bad workers.

Theory: as in tlc_models.py. Each model takes its bounds from a world of a publisher, with the abstract session in place
of the real one. It must give the same number of states and transitions as the explorer in that world, and
counterexamples and the witness of the same length.

Rule 1: a wrong worker is specified in `spec/tla/Publishing.tla`, as one operator that replaces the right one.
Rule 2: R6 is temporal in TLA+ (PublishingRecovery.tla), so its counterexample has no shortest length.
Left out: W15, which is about real sessions; S15d, S23 and R4, which are about consumers (tlc_stream_model.py).
Source: spec/sessions.md sections 8 and 9, clauses 12.2 to 12.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from ockam_fsm.checking.streams.abstract_session import over_abstract_session, publishing_config_of
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.checking.streams.names import (
    FORGET_RECORDS,
    PUBLISH,
    PUBLISHER,
    RESTART,
    RESTART_KEEPING,
    RESTART_LOSING,
    STORAGE_FAILS,
    STREAM,
)
from ockam_fsm.checking.streams.worlds import LOSSY, publishing_world, stream_worlds
from ockam_fsm.checking.world import World
from ockam_fsm.specification.tlc_claims import checked_by_tlc, claim_of
from ockam_fsm.specification.tlc_world_model import TlcWorldModel

CLAIMS = ("S15a_ConfirmedIsStored", "S15b_StoredOnce", "S15c_StoredInOrder", "S31_ToldOfLoss")
RECOVERY = "R6_AllConfirmed"
WITNESS = "Never_W16"

WRONG_OPERATORS = {
    "identity-reused": (("NextIdentity", "SameIdentity"),),
    "suppress-by-highest": (("Judge", "JudgeByHighest"),),
    "confirm-before-storing": (("AppendPush", "AppendAndConfirm"),),
    "no-suppression": (("Judge", "AlwaysNext"),),
    "record-ends-with-session": (("RecordsAfter", "RecordsWithout"),),
    "under-way-is-unknown": (("Judge", "JudgeByStored"),),
    "under-way-is-stored": (("Judge", "JudgeByAccepted"),),
    "unfenced": (("Fenced", "Unfenced"),),
    "stored-out-of-order": (("Judge", "JudgeByUnderWay"),),
    "sends-once": (("Failed", "NothingDone"),),
    "push-by-identity": (("Reaches", "ReachesAnybody"),),
    "resumed-without-record": (("Remembers", "RemembersAll"),),
    "sent-before-resumed": (("ResumedOnly", "Regardless"),),
}
"""The operators that a wrong worker replaces."""

ONE_UNDER_WAY = frozenset({
    "stream:resuming", "stream:failing", "stream:forgetful",
    "confirm-before-storing", "under-way-is-stored", "unfenced", "resumed-without-record", "sent-before-resumed",
})  # fmt: skip
"""Worlds with faults that TLC checks with one message in flight: with two, it would take a minute. The other worlds
cover messages that overtake each other; `push-by-identity` covers a late push."""


class TlcPublisherModel(TlcWorldModel):
    """A model of the safety of a publisher and its stream."""

    extends = "Publishing"
    of_states = CLAIMS

    @property
    def bounds(self) -> dict[str, object]:
        """The bounds of the world, by their names in Publishing.tla."""
        config = publishing_config_of(self.world)
        at_stream, at_publisher = (self.world.faults.get(actor, {}) for actor in (STREAM, PUBLISHER))
        return {
            "Messages": self.world.orders[PUBLISHER][PUBLISH],
            "Window": config.window,
            "Generations": config.generations,
            "Spawns": config.spawns,
            "Incarnations": config.incarnations,
            "Patient": config.patient,
            "Reissue": config.reissue,
            "Restarts": at_stream.get(RESTART, 0),
            "Failures": at_stream.get(STORAGE_FAILS, 0),
            "Forgets": at_stream.get(FORGET_RECORDS, 0),
            "Resumptions": at_publisher.get(RESTART_KEEPING, 0),
            "Losses": at_publisher.get(RESTART_LOSING, 0),
            "InFlight": self.world.network.in_flight,
        }


class TlcPublisherRecovery(TlcPublisherModel):
    """A model of the recoverability of a publisher and its stream."""

    extends = "PublishingRecovery"
    specification = "RecoverySpec"


@cache
def tlc_publisher_models() -> tuple[TlcPublisherModel, ...]:
    """Return every model of a publisher, the correct ones first."""
    return (*_whole(), _witness(), *_recovery(), *_known_bad())


def _publishing_worlds() -> Iterator[World]:
    """Yield the worlds of a publisher and its stream, and one in which requests fail with their session."""
    yield from (one for one in stream_worlds() if one.actor_names == (PUBLISHER, STREAM))
    yield publishing_world("told", PublishingConfig(reissue=False), {}, witnesses=())


def abstract(world: World) -> World:
    """Return a world as TLC checks it: over the abstract session, with its bound of messages in flight."""
    laid = over_abstract_session(world)
    network = laid.network
    return replace(laid, network=replace(network, in_flight=1)) if world.name in ONE_UNDER_WAY else laid


def _whole() -> Iterator[TlcPublisherModel]:
    for world in _publishing_worlds():
        name, about = world.name.replace(":", " "), f"{world.title}: {world.description}"
        yield TlcPublisherModel(name, about, abstract(world), CLAIMS)


def _witness() -> TlcPublisherModel:
    (world,) = [one for one in stream_worlds() if one.name == "stream:forgetful"]
    said = {one.id: one.sentence for one in world.properties}
    about = f"{world.title}: {said[WITNESS.removeprefix('Never_')]}, which refutes this claim"
    return TlcPublisherModel("witness stream forgetful", about, abstract(world), (WITNESS,),
                             rejects=WITNESS)  # fmt: skip


def _recovery() -> Iterator[TlcPublisherModel]:
    for world in recovering_worlds():
        about = f"{world.title}: recoverability, under fairness, and safety"
        name = f"recovery {world.name.replace(':', ' ')}"
        yield TlcPublisherRecovery(name, about, abstract(world), (*CLAIMS, RECOVERY))


def recovering_worlds() -> Iterator[World]:
    """Yield patient worlds: one where requests are reissued, one where they fail with their session, one with
    faults."""
    config = PublishingConfig(patient=True)
    faults = {STREAM: {STORAGE_FAILS: 1, FORGET_RECORDS: 1}, PUBLISHER: {RESTART_KEEPING: 1}}
    yield publishing_world("patient", config, {}, witnesses=())
    yield publishing_world("patient-told", replace(config, reissue=False), {}, witnesses=())
    faulty = publishing_world("patient-faulty", replace(config, generations=3, spawns=3), faults, 1, ())
    yield replace(faulty, network=replace(LOSSY, in_flight=1))


def _known_bad() -> Iterator[TlcPublisherModel]:
    for one in checked_by_tlc(wrong_streams()):
        if one.world.actor_names == (PUBLISHER, STREAM):
            claim = claim_of(one, (*CLAIMS, RECOVERY))
            about, wrong = f"{one.name}: {one.because}", WRONG_OPERATORS[one.name]
            made = TlcPublisherRecovery if claim == RECOVERY else TlcPublisherModel
            yield made(one.name, about, abstract(one.world), (claim,), rejects=claim, wrong=wrong)

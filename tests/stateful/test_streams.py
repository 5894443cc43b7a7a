"""The workers of a stream under every fault, with a small budget; `test_long_runs.py` has the large one. Known-bad
workers are rejected."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase

from ockam_fsm.checking.known_bad import Checker
from ockam_fsm.checking.streams.config import PublishingConfig
from ockam_fsm.checking.streams.known_bad import wrong_streams
from ockam_fsm.checking.streams.names import CONSUMER, PUBLISHER, STREAM
from ockam_fsm.runtime.stream.commands import PublisherCommand
from ockam_fsm.runtime.stream.consumer import Consumer
from ockam_fsm.runtime.stream.publisher import Publisher
from ockam_fsm.runtime.stream.worker import StreamWorker
from tests.stateful.streams import (
    FAULTS,
    PARTS,
    STREAM_MACHINES,
    SUBJECT,
    StreamMachine,
    StreamWalk,
    Subject,
    again,
    moves_of,
    stream_machine,
    wrong_subject,
)
from tests.stateful.test_machines import run

BAD = {bad.name: bad for bad in wrong_streams()}
SELDOM = ("resumed-without-record", "sent-before-resumed", "unfenced", "any-response-counts", "passes-over")
"""Found after some seconds or a minute; `test_long_runs.py` has them."""
OFTEN = [bad.name for bad in BAD.values() if bad.is_rejected_by(Checker.WALKS) and bad.name not in SELDOM]
MOVES_AT_ONCE = 100


def walks(name: str, subject: Subject, most: int) -> None:
    """Return this number of runs, the same each time."""
    for number in range(most):
        walk = StreamWalk(name, subject)
        walk.burst(hashlib.shake_128(f"{name} {number}".encode()).digest(2 * MOVES_AT_ONCE))
        walk.settle()


def assert_is_found(name: str, most: int) -> None:
    part, wrong = wrong_subject(BAD[name])
    with pytest.raises(AssertionError, match=f"{BAD[name].property} does not"):
        walks(part, wrong, most)


@pytest.mark.slow
@pytest.mark.parametrize("machine", STREAM_MACHINES, ids=lambda machine: str(machine.__name__))
def test_streams(machine: type[StreamMachine]) -> None:
    run(machine, 8, 20)


def test_every_fault_of_every_worker_has_a_rule() -> None:
    for machine in STREAM_MACHINES:
        rules = {move.replace(" ", "_").replace("-", "_") for move in moves_of(machine.name)}
        assert rules <= set(vars(machine))
    whole = moves_of("whole")
    assert {f"{fault} {actor}" for actor, faults in FAULTS.items() for fault in faults} <= set(whole)
    assert {actor for actor in PARTS["whole"] if FAULTS[actor]} == {PUBLISHER, STREAM, CONSUMER}


@pytest.mark.slow
def test_runs_reach_the_events_of_interest() -> None:
    met: set[str] = set()
    for number in range(6):
        walk = StreamWalk("whole")
        walk.burst(hashlib.shake_128(b"worth %d" % number).digest(600))
        met |= walk.met
    assert met >= {"Stored", "Withdraw", "StateLost", "Append", "EndSessions", "Process", "ConsumerFailed"}


# Known-bad machines ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", OFTEN)
def test_wrong_workers_are_found(name: str) -> None:
    assert_is_found(name, 120)


class SavesTheProcessed(Consumer):
    """A consumer that saves the index of the processed message, and so requests it again."""

    def save_index(self, cause: object) -> None:
        super().save_index(cause)
        self.saved -= 1


class ResumesWithOpenRequests(Publisher):
    """A publisher that treats the requests of its previous incarnation as open."""

    def resume(self) -> list[PublisherCommand]:
        self.send_again(None)
        return self._take()


class KeepsAcceptedWrites(StreamWorker):
    """A stream worker that waits for the writes of a failed log."""

    def forget_accepted(self, cause: object) -> None:
        self.records = {}


class ConfirmsTheNewest(StreamWorker):
    """A stream worker that confirms the newest message when the oldest is stored."""

    def confirm(self, cause: object) -> None:
        self.under_way.insert(0, self.under_way.pop())
        super().confirm(cause)


class IgnoresTheRecord(StreamWorker):
    """A stream worker that does not read the record of a publisher from the log."""

    def known(self, publisher: bytes, last: int | None) -> bool:
        return super().known(publisher, None)


def publishing(**wrong: Any) -> Subject:
    return replace(SUBJECT, publishing=replace(SUBJECT.publishing, **wrong))


FURTHER = {
    "saves-the-processed": ("R4", replace(SUBJECT, consuming=replace(SUBJECT.consuming, consumer=SavesTheProcessed))),
    "resumes-with-open-requests": ("R6", publishing(publisher=ResumesWithOpenRequests)),
    "keeps-accepted-writes": ("R6", publishing(worker=KeepsAcceptedWrites)),
    "confirms-the-newest": ("S15a", publishing(worker=ConfirmsTheNewest)),
    "ignores-the-record": ("S31", publishing(worker=IgnoresTheRecord)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FURTHER)
def test_further_faults_are_found(name: str) -> None:
    property, wrong = FURTHER[name]
    judged = tuple(one for one in SUBJECT.properties if one.id == property)
    with pytest.raises(AssertionError, match=f"{property} does not"):
        walks("whole", replace(wrong, properties=judged), 120)


@pytest.mark.slow
def test_a_wrong_worker_is_found_shrunk_and_replayed() -> None:
    bad = BAD["index-saved-before-processing"]
    (part, wrong), broken = wrong_subject(bad), f"{bad.property} does not hold"
    with pytest.raises(AssertionError, match=broken) as found:
        run(stream_machine(part, wrong), 200, 30, phases=(Phase.generate, Phase.shrink))
    call = re.search(r"replay: (again\(.*\))", str(found.value))
    assert call is not None
    with pytest.raises(AssertionError, match=broken):
        eval(call[1], {"again": partial(again, subject=wrong)})


def test_the_correct_workers_are_not_rejected() -> None:
    """The rejection of a subject is due to the known-bad machine alone."""
    assert wrong_subject(BAD["no-suppression"])[1].publishing.worker is not SUBJECT.publishing.worker
    assert wrong_subject(BAD["waits-for-ever"])[1].publishing == SUBJECT.publishing
    assert PublishingConfig().worker is SUBJECT.publishing.worker

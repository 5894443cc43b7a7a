"""The node under test consumes, and the kit is the stream and its index worker.

Rule 1: what a node has believed shows in what it saves, and where it pulls next.
Limit: whether a message was processed before its index was saved does not show by wire.
Source: clauses 12.7, 12.10.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable
from ockam_fsm.conformance.wire.cases.streams import no_index
from ockam_fsm.conformance.wire.initiator_steps import door
from ockam_fsm.conformance.wire.stream_server import Consuming, Pulling

CASES: list[Case] = []
SAFETY, LIVENESS = Severity.SAFETY, Severity.LIVENESS
PLAIN = ("ockam",)
BEGIN = 5
"""The saved index of the group."""
FAR = 1000


async def consuming(lab: CaseContext) -> tuple[Consuming, Pulling]:
    """A consumer, and its first pull. Raises Undecided: none comes."""
    doorway = door(lab)
    own = Consuming(doorway, BEGIN)
    await doorway.start()
    return own, await own.needed(doorway.wait_seconds)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_from_the_saved_index(lab: CaseContext) -> str:
    """The first pull is from the index that the group has saved."""
    _, pulling = await consuming(lab)
    if pulling.pull.index != BEGIN:
        raise Deviation(f"the group has saved {BEGIN}; the first pull is from {pulling.pull.index}")
    return f"from {BEGIN} on"


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_and_saves(lab: CaseContext) -> str:
    """After each message the index after it is saved, and the next pull goes on there. A log may have gaps."""
    own, pulling = await consuming(lab)
    pulling.answer(BEGIN, BEGIN + 1, BEGIN + 4)
    following = await own.needed()
    if not await own.has_saved(BEGIN + 5) or not set(own.saves) <= {BEGIN + 1, BEGIN + 2, BEGIN + 5}:
        raise Deviation(f"{BEGIN}, {BEGIN + 1} and {BEGIN + 4} were handed out; the saves are {own.saves}")
    if following.pull.index != BEGIN + 5:
        raise Deviation(f"{BEGIN + 4} was handed out last; the next pull is from {following.pull.index}")
    return f"saves {own.saves}, then a pull from {following.pull.index}"


@case("12.7", LIVENESS, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_what_comes_later(lab: CaseContext) -> str:
    """Where there is nothing yet, it asks again from the same index."""
    own, pulling = await consuming(lab)
    pulling.answer()
    following = await own.pulling()
    if following is None or following.pull.index != BEGIN or own.saves:
        within = f"within {lab.target.pace.patience_seconds:g} s"
        raise Deviation(f"nothing was there; {within} came {following and following.pull}, and the saves {own.saves}")
    return "it asks again"


@case("12.10", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_its_partition(lab: CaseContext) -> str:
    """Who saves the index of a partition pulls from the worker of that partition."""
    own, pulling = await consuming(lab)
    if own.partition is None:
        raise NotApplicable("the node consumes no partition: let it consume the second of a stream")
    found = own.workers.index(pulling.worker)
    if found != own.partition:
        raise Deviation(f"asked for the index of partition {own.partition}, and pulls from partition {found}")
    return f"from partition {found}"


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_no_stale_response(lab: CaseContext) -> str:
    """A response that carries the identifier of no pending pull does not count."""
    own, pulling = await consuming(lab)
    pulling.answer(BEGIN + FAR, number=pulling.pull.request_id + 7)
    return await disbelieves(own, pulling)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_nothing_before(lab: CaseContext) -> str:
    """A response whose first index is before the one that was asked for does not count."""
    own, pulling = await consuming(lab)
    pulling.answer(BEGIN - 2, BEGIN + FAR)
    return await disbelieves(own, pulling)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_in_order(lab: CaseContext) -> str:
    """A response whose indexes do not rise does not count."""
    own, pulling = await consuming(lab)
    pulling.answer(BEGIN + FAR, BEGIN)
    return await disbelieves(own, pulling)


async def disbelieves(own: Consuming, pulling: Pulling) -> str:
    """Whether nothing of a wrong response was taken. The right one follows; a node that has begun anew gets it, too."""
    pulling.answer(BEGIN)
    following = await own.needed(own.doorway.patience)
    if following.pull.index == BEGIN:  # it began anew
        following.answer(BEGIN)
        following = await own.needed(own.doorway.patience)
    if not set(own.saves) <= {BEGIN + 1} or following.pull.index != BEGIN + 1:
        raise Deviation(f"a wrong response was taken: the saves are {own.saves}, {following.pull} follows")
    return "it is a dead letter"

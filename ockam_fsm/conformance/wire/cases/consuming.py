"""Cases about consumers: the node under test consumes, and the kit is the stream and its index worker.

Rule 1: the saves and the next pull show which messages a node has accepted.
Limit: whether a message was processed before its index was saved is not observable on the wire.
Source: clauses 12.7, 12.10.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable
from ockam_fsm.conformance.wire.cases.streams import no_index
from ockam_fsm.conformance.wire.initiator_steps import initiator_context
from ockam_fsm.conformance.wire.stream_server import Consuming, Pulling

CASES: list[Case] = []
SAFETY, LIVENESS = Severity.SAFETY, Severity.LIVENESS
PLAIN = ("ockam",)
BEGIN = 5
"""The saved index of the group."""
FAR = 1000


async def consuming(context: CaseContext) -> tuple[Consuming, Pulling]:
    """A consumer and its first pull. Raises Undecided: no pull comes."""
    initiator = initiator_context(context)
    own = Consuming(initiator, BEGIN)
    await initiator.start()
    return own, await own.needed(initiator.wait_seconds)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_from_the_saved_index(context: CaseContext) -> str:
    """The first pull is from the saved index of the group."""
    _, pulling = await consuming(context)
    if pulling.pull.index != BEGIN:
        raise Deviation(f"expected the first pull from the saved index {BEGIN}; got one from {pulling.pull.index}")
    return f"the first pull is from index {BEGIN}"


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_and_saves(context: CaseContext) -> str:
    """After each message its index + 1 is saved, and the next pull is from there. A log may have gaps."""
    own, pulling = await consuming(context)
    pulling.answer(BEGIN, BEGIN + 1, BEGIN + 4)
    following = await own.needed()
    if not await own.has_saved(BEGIN + 5) or not set(own.saves) <= {BEGIN + 1, BEGIN + 2, BEGIN + 5}:
        sent = f"messages {BEGIN}, {BEGIN + 1} and {BEGIN + 4}"
        raise Deviation(f"expected saves up to {BEGIN + 5} after {sent}; got saves {own.saves}")
    if following.pull.index != BEGIN + 5:
        raise Deviation(f"expected a pull from {BEGIN + 5} after message {BEGIN + 4}; got {following.pull.index}")
    return f"saves {own.saves}, then a pull from {following.pull.index}"


@case("12.7", LIVENESS, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_what_comes_later(context: CaseContext) -> str:
    """After an empty response the consumer pulls again from the same index."""
    own, pulling = await consuming(context)
    pulling.answer()
    following = await own.pulling()
    if following is None or following.pull.index != BEGIN or own.saves:
        within = f"within {context.target.pace.patience_seconds:g} s"
        got = f"{following and following.pull} and the saves {own.saves}"
        raise Deviation(f"expected another pull from {BEGIN} and no save {within}, after an empty response; got {got}")
    return "another pull from the same index"


@case("12.10", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_its_partition(context: CaseContext) -> str:
    """A consumer of a partition pulls from the worker of that partition."""
    own, pulling = await consuming(context)
    if own.partition is None:
        raise NotApplicable("the node names no partition to the index worker; let it consume the second of a stream")
    found = own.workers.index(pulling.worker)
    if found != own.partition:
        raise Deviation(f"expected pulls from partition {own.partition}, whose index the node requested; got {found}")
    return f"pulls from partition {found}"


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_no_stale_response(context: CaseContext) -> str:
    """A response with the identifier of no pending pull is ignored."""
    own, pulling = await consuming(context)
    pulling.answer(BEGIN + FAR, number=pulling.pull.request_id + 7)
    return await disbelieves(own, pulling)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_nothing_before(context: CaseContext) -> str:
    """A response whose first index is before that of the pull is ignored."""
    own, pulling = await consuming(context)
    pulling.answer(BEGIN - 2, BEGIN + FAR)
    return await disbelieves(own, pulling)


@case("12.7", SAFETY, Manner.PLAIN, profiles=PLAIN, lacks=no_index, into=CASES)
async def consumes_in_order(context: CaseContext) -> str:
    """A response whose indexes do not rise is ignored."""
    own, pulling = await consuming(context)
    pulling.answer(BEGIN + FAR, BEGIN)
    return await disbelieves(own, pulling)


async def disbelieves(own: Consuming, pulling: Pulling) -> str:
    """Check that no message of a wrong response was accepted, by the right response, also to a repeated pull.

    Raises:
        Deviation: a message was accepted.
    """
    pulling.answer(BEGIN)
    following = await own.needed(own.initiator.patience)
    if following.pull.index == BEGIN:  # a repeated pull
        following.answer(BEGIN)
        following = await own.needed(own.initiator.patience)
    if not set(own.saves) <= {BEGIN + 1} or following.pull.index != BEGIN + 1:
        got = f"saves {own.saves} and {following.pull}"
        raise Deviation(f"expected a wrong response to be ignored, and a pull from {BEGIN + 1}; got {got}")
    return "the wrong response is ignored"

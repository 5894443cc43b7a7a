"""Cases about publishers: the node under test publishes, and the kit is the stream.

Rule 1: a node may have one message in flight at a time, so a case about several messages confirms them one by one.
Limit: the outcome that the node reports to its application is not observable on the wire.
Source: clauses 12.2 to 12.4.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import FLOOD, CaseContext, Deviation, NotApplicable
from ockam_fsm.conformance.wire.initiator_steps import initiator_context, pause_seconds
from ockam_fsm.conformance.wire.stream_server import Publishing, comes_back
from ockam_fsm.runtime.encoding.stream_messages import Status

CASES: list[Case] = []
SAFETY = Severity.SAFETY
GENERATION = ("generation",)
SEEN = 3


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_in_order(context: CaseContext) -> str:
    """The messages of an identity are numbered from 1, without gaps."""
    own = Publishing(await initiator_context(context).begin())
    numbers = []
    for _ in range(SEEN):
        arrived = await own.needed()
        numbers.append(arrived.push.request_id)
        own.confirm(arrived)
    if numbers != list(range(1, SEEN + 1)):
        raise Deviation(f"expected the numbers {list(range(1, SEEN + 1))} of the first pushes; got {numbers}")
    return f"numbers {', '.join(map(str, numbers))}"


@case("12.2", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_again(context: CaseContext) -> str:
    """An unconfirmed message is pushed again, unchanged and under its number, to a stream that resumes."""
    initiator = initiator_context(context)
    own = Publishing(await initiator.begin())
    before = await own.needed()
    await own.reset()
    following = Publishing(await comes_back(initiator), resumed=True)
    arrived = await following.under(before.push.request_id)
    if arrived is None:
        raise Deviation(f"expected unconfirmed push {before.push.request_id} again after a reset; it did not come")
    if arrived.push != before.push:
        raise Deviation(f"expected unconfirmed {before.push} again after a reset; got {arrived.push}", "12.3")
    return "the same message comes again under its number"


@case("12.2", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_after_an_error(context: CaseContext) -> str:
    """A push that the stream could not store is made again in the same session."""
    own = Publishing(await initiator_context(context).begin())
    refused = await own.needed()
    own.confirm(refused, Status.ERROR)
    wait_seconds = context.patience + pause_seconds(context.target.durations, 1)
    for _ in range(FLOOD):
        arrived = await own.arrived(wait_seconds)
        if arrived is None:
            break
        if arrived.push == refused.push:
            return "the same message comes again"
        own.confirm(arrived, Status.ERROR)
    wanted = f"expected push {refused.push.request_id}, which the stream could not store, again"
    raise Deviation(f"{wanted}; it did not come")


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_once_confirmed(context: CaseContext) -> str:
    """A confirmation covers all numbers up to its own: none of them is pushed again."""
    initiator = initiator_context(context)
    own = Publishing(await initiator.begin())
    first, second = await own.needed(), await own.arrived(context.patience)
    if second is None:
        raise NotApplicable("the node has one message in flight at a time")
    own.confirm(second)
    await own.reset()
    following = Publishing(await comes_back(initiator), resumed=True)
    again = await following.arrived(context.patience)
    if again is not None and again.push.request_id <= second.push.request_id:
        confirmed = f"{first.push.request_id} and {second.push.request_id}, which one confirmation covers"
        raise Deviation(f"expected no push of {confirmed}, after a reset; got {again.push}")
    return "no confirmed message comes again"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_anew(context: CaseContext) -> str:
    """A publisher whose record is lost takes a new identity, whose number 1 is the first unconfirmed message."""
    initiator = initiator_context(context)
    own = Publishing(await initiator.begin())
    own.confirm(await own.needed())
    left = await own.needed()
    await own.reset()
    asked = await comes_back(initiator)
    lost = Publishing(asked, resumed=False)
    anew = await initiator.hello(context.patience)
    if (sent := await lost.arrived(0.0)) is not None:
        raise Deviation(f"expected no push under an identity whose record is lost; got {sent.push}")
    if anew is None or anew.hello.session_id == asked.hello.session_id:
        got = "no hello" if anew is None else "a hello of the same one"
        raise Deviation(f"expected a hello of a new identity after the record was lost; got {got}")
    first = await Publishing(anew).under(1)
    if first is None or first.push.data != left.push.data:
        got = "none" if first is None else str(first.push)
        raise Deviation(f"expected unconfirmed {left.push} as number 1 of the new identity; got {got}")
    return "number 1 of a new identity is the first unconfirmed message"

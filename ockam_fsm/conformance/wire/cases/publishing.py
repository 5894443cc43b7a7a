"""The node under test publishes, and the kit is the stream: what it pushes, and pushes again.

Rule 1: a node may have one message under way at a time, so what is to be seen of several is confirmed one by one.
Limit: a message that nobody confirms is one that the node has accepted; what it tells its application does not show.
Source: clauses 12.2 to 12.4.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import FLOOD, CaseContext, Deviation, NotApplicable
from ockam_fsm.conformance.wire.initiator_steps import door, pause_seconds
from ockam_fsm.conformance.wire.stream_server import Publishing, comes_back
from ockam_fsm.runtime.encoding.stream_messages import Status

CASES: list[Case] = []
SAFETY = Severity.SAFETY
GENERATION = ("generation",)
SEEN = 3


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_in_order(lab: CaseContext) -> str:
    """The messages of an identity are numbered from 1, without gaps."""
    own = Publishing(await door(lab).begin())
    numbers = []
    for _ in range(SEEN):
        arrived = await own.needed()
        numbers.append(arrived.push.request_id)
        own.confirm(arrived)
    if numbers != list(range(1, SEEN + 1)):
        raise Deviation(f"the first pushes of an identity have the numbers {numbers}")
    return f"numbers {', '.join(map(str, numbers))}"


@case("12.2", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_again(lab: CaseContext) -> str:
    """What is not confirmed is pushed again, the same under the same number, to a stream that has resumed."""
    doorway = door(lab)
    own = Publishing(await doorway.begin())
    before = await own.needed()
    await own.reset()
    following = Publishing(await comes_back(doorway), resumed=True)
    arrived = await following.under(before.push.request_id)
    if arrived is None:
        raise Deviation(f"push {before.push.request_id} is not confirmed, and after a reset it is not made again")
    if arrived.push != before.push:
        raise Deviation(f"{before.push} is not confirmed; after a reset it has become {arrived.push}", "12.3")
    return "the same message comes again under its number"


@case("12.2", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_after_an_error(lab: CaseContext) -> str:
    """A push that the stream could not store is made again, in the session that goes on."""
    own = Publishing(await door(lab).begin())
    refused = await own.needed()
    own.confirm(refused, Status.ERROR)
    wait_seconds = lab.patience + pause_seconds(lab.target.durations, 1)
    for _ in range(FLOOD):
        arrived = await own.arrived(wait_seconds)
        if arrived is None:
            break
        if arrived.push == refused.push:
            return "the same message comes again"
        own.confirm(arrived, Status.ERROR)
    raise Deviation(f"the stream could not store push {refused.push.request_id}, which does not come again")


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_once_confirmed(lab: CaseContext) -> str:
    """A confirmation speaks for all numbers up to its own: none of them is pushed again."""
    doorway = door(lab)
    own = Publishing(await doorway.begin())
    first, second = await own.needed(), await own.arrived(lab.patience)
    if second is None:
        raise NotApplicable("the node has one message under way at a time")
    own.confirm(second)
    await own.reset()
    following = Publishing(await comes_back(doorway), resumed=True)
    again = await following.arrived(lab.patience)
    if again is not None and again.push.request_id <= second.push.request_id:
        confirmed = f"{second.push.request_id} is confirmed, and so is {first.push.request_id}"
        raise Deviation(f"{confirmed}; after a reset {again.push} is pushed")
    return "nothing that is confirmed comes again"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, into=CASES)
async def publishes_anew(lab: CaseContext) -> str:
    """A stream that has lost the record is sent no numbers of it: a new identity begins with what is not confirmed."""
    doorway = door(lab)
    own = Publishing(await doorway.begin())
    own.confirm(await own.needed())
    left = await own.needed()
    await own.reset()
    asked = await comes_back(doorway)
    lost = Publishing(asked, resumed=False)
    anew = await doorway.hello(lab.patience)
    if (sent := await lost.arrived(0.0)) is not None:
        raise Deviation(f"the stream has no record of this publisher, and is sent {sent.push}")
    if anew is None or anew.hello.session_id == asked.hello.session_id:
        raise Deviation("the stream has no record of this publisher, which takes no new identity")
    first = await Publishing(anew).under(1)
    if first is None or first.push.data != left.push.data:
        raise Deviation(f"{left.push} is not confirmed; number 1 of the new identity is {first and first.push}")
    return "a new identity begins with number 1, and loses nothing"

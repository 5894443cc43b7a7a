"""A stream service by wire, for publishers: sessions of profile `generation` in which the numbers count.

Rule 1: a publisher's messages are judged by what a plain pull hands out, and by their confirmations.
Rule 2: that a number is not confirmed is judged when a later message was answered, that it is not stored when a later
        number is.
Left out: the answer to a hello in a confirmed session in which nothing was pushed (12.4).
Source: clauses 12.3, 12.4, 12.10.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, payload
from ockam_fsm.conformance.wire.cases.streams import no_stream
from ockam_fsm.conformance.wire.stream_client import Publisher, Stream, created, needed, new_name, new_stream, publisher

CASES: list[Case] = []
LIVENESS, SAFETY = Severity.LIVENESS, Severity.SAFETY
GENERATION = ("generation",)


@case("12.10", LIVENESS, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_route(lab: CaseContext) -> str:
    """The route of a publisher: the service, the stream, and its partition, if that is not the first."""
    first, second = sorted(await needed(created(await lab.wire(), new_name(), 2)), key=lambda one: one.partition or 0)
    sent = {first: payload("first"), second: payload("second")}
    for partition, stream in ((None, first), (1, second)):
        await needed((await publisher(stream, partition)).push((1, sent[stream])))
    for stream, data in sent.items():
        await keeps(stream, [data], f"a publisher of partition {stream.partition} has pushed")
    return "a publisher reaches the partition that its route names"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_repeats(lab: CaseContext) -> str:
    """A number that is stored is confirmed again, and not stored again."""
    stream = await new_stream(lab)
    own, sent = await needed(publisher(stream)), [payload("1"), payload("2")]
    await own.push((1, sent[0]), (2, sent[1]))
    await own.push((2, sent[1]), (1, sent[0]))
    await keeps(stream, sent, "each was pushed twice under its number")
    return "confirmed again, stored once"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_gap(lab: CaseContext) -> str:
    """A number beyond the next is neither confirmed nor stored; in its turn it is."""
    stream = await new_stream(lab)
    own, sent = await needed(publisher(stream)), [payload(str(number)) for number in (1, 2, 3)]
    await own.push((1, sent[0]))
    await unheard(own, 3, sent[2])
    await own.push((2, sent[1]))
    await keeps(stream, sent[:2], "1, 3 and 2 were pushed, and 3 has to wait for 2")
    await own.push((3, sent[2]))
    await keeps(stream, sent, "3 was pushed again after 2")
    return "it waits for those before it"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_under_0(lab: CaseContext) -> str:
    """Numbers begin with 1: a push under 0 is neither confirmed nor stored."""
    stream = await new_stream(lab)
    own, data = await needed(publisher(stream)), payload()
    await unheard(own, 0, payload("zero"))
    await own.push((1, data))
    await keeps(stream, [data], "only this one has a number")
    return "nothing was ever stored under 0"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publishers_apart(lab: CaseContext) -> str:
    """Each identity has numbers of its own."""
    stream = await new_stream(lab)
    sent = [payload("one"), payload("another")]
    for data in sent:
        await (await needed(publisher(stream))).push((1, data))
    await keeps(stream, sent, "two publishers have pushed one each, under 1")
    return "number 1 of each is stored"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_unknown(lab: CaseContext) -> str:
    """An unused identity has no record: neither its first answer says `resumed`, nor the next one."""
    own = await needed(publisher(await new_stream(lab)))
    again = await own.again()
    if own.resumed or again.resumed:
        raise Deviation("the answer says `resumed` to a publisher of which nothing is stored")
    return "neither answer says so"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_known(lab: CaseContext) -> str:
    """Where there is a record of an identity, the answer says `resumed`, and its numbers go on."""
    stream = await new_stream(lab)
    own, sent = await needed(publisher(stream)), [payload("1"), payload("2")]
    await needed(own.push((1, sent[0])))
    again = await own.again()
    if not again.resumed:
        raise Deviation("number 1 of this publisher is stored, and the next answer does not say `resumed`")
    await again.push((1, sent[0]), (2, sent[1]))
    await keeps(stream, sent, "1 was pushed before and after a negotiation, and 2 after it", "12.3")
    return "`resumed`, and nothing is stored twice"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_comes_back(lab: CaseContext) -> str:
    """The record lives with the log: it is there when the session was closed, and its responder is gone."""
    stream = await new_stream(lab)
    own, data = await needed(publisher(stream)), payload()
    await needed(own.push((1, data)))
    own.session.say(own.session.close(), "close")
    await own.session.wire.settled()
    again = await own.again()
    if not again.resumed:
        raise Deviation("number 1 of this publisher is stored; after a close the answer does not say `resumed`")
    await again.push((1, data))
    await keeps(stream, [data], "1 was pushed before and after a close", "12.3")
    return "`resumed` after a close, too"


async def keeps(stream: Stream, wanted: list[bytes], because: str, clause: str = "") -> None:
    """Raises Deviation: it keeps something else. `clause`: as in `Outcome`."""
    if (kept := await needed(stream.kept())) != wanted:
        raise Deviation(f"{because}: the stream keeps {kept}, not {wanted}", clause)


async def unheard(own: Publisher, number: int, data: bytes) -> None:
    """Push under a number that has no turn. Raises Deviation: it is confirmed."""
    if (reply := await own.confirmation(number, data, seconds=0.0)) is not None:
        raise Deviation(f"push {number}, which has no turn, is confirmed: {reply}")

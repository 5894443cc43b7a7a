"""Cases about a stream service for publishers: sessions of profile `generation` with numbered messages.

Rule 1: a publisher's messages are judged by a plain pull and by their confirmations.
Rule 2: a number counts as not confirmed once a later message was answered, and as not stored once a later number is
        stored.
Left out: the answer to a hello in a confirmed session in which nothing was pushed (12.4).
Source: clauses 12.3, 12.4, 12.10.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, payload
from ockam_fsm.conformance.wire.cases.streams import no_stream
from ockam_fsm.conformance.wire.stream_client import (
    KitPublisher,
    Stream,
    created,
    needed,
    new_name,
    new_stream,
    publisher,
)

CASES: list[Case] = []
LIVENESS, SAFETY = Severity.LIVENESS, Severity.SAFETY
GENERATION = ("generation",)


@case("12.10", LIVENESS, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_route(context: CaseContext) -> str:
    """A publisher reaches a partition by the route service, stream, partition number (none for the first)."""
    first, second = sorted(
        await needed(created(await context.wire(), new_name(), 2)), key=lambda one: one.partition or 0
    )
    sent = {first: payload("first"), second: payload("second")}
    for partition, stream in ((None, first), (1, second)):
        await needed((await publisher(stream, partition)).push((1, sent[stream])))
    for stream, data in sent.items():
        await keeps(stream, [data], f"a push to partition {stream.partition}")
    return "each push is stored in the partition that its route names"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_repeats(context: CaseContext) -> str:
    """A number that is already stored is confirmed again and not stored again."""
    stream = await new_stream(context)
    own, sent = await needed(publisher(stream)), [payload("1"), payload("2")]
    await own.push((1, sent[0]), (2, sent[1]))
    await own.push((2, sent[1]), (1, sent[0]))
    await keeps(stream, sent, "two pushes, each repeated under its number")
    return "repeated numbers are confirmed again and stored once"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_gap(context: CaseContext) -> str:
    """A number beyond the next one is neither confirmed nor stored until the gap is filled."""
    stream = await new_stream(context)
    own, sent = await needed(publisher(stream)), [payload(str(number)) for number in (1, 2, 3)]
    await own.push((1, sent[0]))
    await unheard(own, 3, sent[2])
    await own.push((2, sent[1]))
    await keeps(stream, sent[:2], "pushes of 1, 3 and 2")
    await own.push((3, sent[2]))
    await keeps(stream, sent, "pushes of 1, 3, 2 and 3")
    return "number 3 is stored only after number 2"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_under_0(context: CaseContext) -> str:
    """Numbers begin with 1: a push under 0 is neither confirmed nor stored."""
    stream = await new_stream(context)
    own, data = await needed(publisher(stream)), payload()
    await unheard(own, 0, payload("zero"))
    await own.push((1, data))
    await keeps(stream, [data], "pushes of 0 and 1")
    return "number 0 is neither confirmed nor stored"


@case("12.3", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publishers_apart(context: CaseContext) -> str:
    """Each identity has its own numbers."""
    stream = await new_stream(context)
    sent = [payload("one"), payload("another")]
    for data in sent:
        await (await needed(publisher(stream))).push((1, data))
    await keeps(stream, sent, "a push of number 1 by each of two publishers")
    return "number 1 of each publisher is stored"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_unknown(context: CaseContext) -> str:
    """An identity without stored messages gets resumed=False in its first and in its second answer."""
    own = await needed(publisher(await new_stream(context)))
    again = await own.again()
    if own.resumed or again.resumed:
        got = f"{own.resumed}, then {again.resumed}"
        raise Deviation(f"expected resumed=False for a publisher without stored messages, twice; got {got}")
    return "resumed=False in both answers of an unknown publisher"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_known(context: CaseContext) -> str:
    """An identity with a record gets resumed=True, and its numbers go on."""
    stream = await new_stream(context)
    own, sent = await needed(publisher(stream)), [payload("1"), payload("2")]
    await needed(own.push((1, sent[0])))
    again = await own.again()
    if not again.resumed:
        raise Deviation("expected resumed=True for a publisher whose number 1 is stored; got resumed=False")
    await again.push((1, sent[0]), (2, sent[1]))
    await keeps(stream, sent, "number 1 before and after a renegotiation, and 2 after it", "12.3")
    return "resumed=True for a known publisher, and nothing is stored twice"


@case("12.4", SAFETY, Manner.PLAIN, profiles=GENERATION, lacks=no_stream, into=CASES)
async def publisher_comes_back(context: CaseContext) -> str:
    """The record of a publisher belongs to the log: it outlives a closed session and its responder."""
    stream = await new_stream(context)
    own, data = await needed(publisher(stream)), payload()
    await needed(own.push((1, data)))
    own.session.send_signal(own.session.close(), "close")
    await own.session.wire.settled()
    again = await own.again()
    if not again.resumed:
        wanted = "expected resumed=True after a close, for a publisher whose number 1 is stored"
        raise Deviation(f"{wanted}; got resumed=False")
    await again.push((1, data))
    await keeps(stream, [data], "number 1 before and after a close", "12.3")
    return "resumed=True after a close"


async def keeps(stream: Stream, wanted: list[bytes], after: str, clause: str = "") -> None:
    """Raise Deviation if the stream has other messages than `wanted`. `clause`: as in `CaseOutcome`."""
    if (kept := await needed(stream.kept())) != wanted:
        raise Deviation(f"expected the stream to have {wanted} after {after}; got {kept}", clause)


async def unheard(own: KitPublisher, number: int, data: bytes) -> None:
    """Push under a number that is not the next one. Raises Deviation: it is confirmed."""
    if (reply := await own.confirmation(number, data, seconds=0.0)) is not None:
        raise Deviation(f"expected no confirmation of push {number}, which is not the next number; got {reply}")

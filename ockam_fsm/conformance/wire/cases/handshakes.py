"""Cases of responders in both profiles: the handshake, data, and their abuse.

Source: clauses 2.3, 4.1, 4.9, 5.1, 5.4, 6.2, 7.3, 7.4, 14.2 to 14.4.
"""

from __future__ import annotations

import string
from math import log2

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, too_large
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    Undecided,
    any_hello,
    fresh,
    payload,
)
from ockam_fsm.conformance.wire.client_session import Attempt, at_once, hello, session
from ockam_fsm.conformance.wire.own_bounds import goes_on
from ockam_fsm.net.raw_peer import now, pause
from ockam_fsm.runtime.encoding.message import LOCAL, Address, local
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import KeepaliveAnswer

CASES: list[Case] = []
SAFETY, SECURITY, LIVENESS, LEAK = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS, Severity.LEAK
HEX, ALPHANUMERIC = set(string.hexdigits.encode()), set((string.ascii_letters + string.digits + "-_+/=").encode())
WANTED_BITS = 128
MANY = 50
SAMPLES = 24


# Regular use ----------------------------------------------------------------------------------------------------------


async def handshake(context: CaseContext) -> str:
    """A hello to the spawner gets an answer at the address that it names, with the address of a local worker."""
    wire = await context.wire()
    attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if talk.worker.type != LOCAL or not talk.worker.value:
        raise Deviation(f"expected a local worker address in the answer; got {talk.worker!r}")
    if context.target.generations and talk.answer.resumed:
        raise Deviation("expected resumed=False in the first answer of a new session; got resumed=True")
    return f"answered; the responder's worker is {talk.worker}"


for _clause, _profile in (("14.2", "ockam"), ("14.3", "generation")):
    case(_clause, LIVENESS, Manner.PLAIN, profiles=(_profile,), into=CASES)(handshake)


@case("14.2", LIVENESS, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def one_address(context: CaseContext) -> str:
    """A hello with one address for the answer and for data, as stock initiators send it, gets an answer."""
    wire, address = await context.wire(), fresh("client")
    attempt = hello(wire, inner=address, back=(address,))
    attempt.send("hello, with one address for the answer and for data")
    talk = await attempt.talk()
    if not await talk.ask():
        raise Deviation(wire.missing("a reply to data at the address that the answer came to"))
    return "answer and data come to the same address"


@case("7.3", LIVENESS, Manner.PLAIN, into=CASES)
async def data(context: CaseContext) -> str:
    """Data sent along the messaging route comes back unchanged, also if it is empty or large."""
    wire = await context.wire()
    talk = await session(wire)
    for size in (0, 1, 23, 24, 255, 256, 65_536, 1_000_000):
        sent = bytes(size % 251 for _ in range(size))
        talk.data(sent, meaning=f"data, {size} bytes")
        reply = await talk.reply()
        if reply is None:
            raise Deviation(wire.missing(f"a reply to data of {size} bytes"))
        if reply != sent:
            raise Deviation(f"expected data of {size} bytes to come back unchanged; got {len(reply)} other bytes")
    return "data of 0 bytes to 1 MB comes back unchanged"


@case("7.3", SAFETY, Manner.PLAIN, into=CASES)
async def data_beyond(context: CaseContext) -> str:
    """Data whose onward route goes beyond the session is for the worker at its end, not for the session's own."""
    wire = await context.wire()
    talk = await session(wire)
    sent, reply = payload("beyond"), Address(LOCAL, talk.inner.value + b".1")
    talk.data(sent, reply=reply, onward=(fresh("nobody"),), meaning="data for a worker that does not exist")
    await wire.settled()
    if wire.holds(sent):
        raise Deviation("expected no reply to data for a worker that does not exist; the session's own worker replied")
    if not await goes_on(talk):
        raise Deviation("expected the session to go on after data for a worker that does not exist; it ended")
    return "no reply to data for a worker that does not exist; the session goes on"


@case("7.4", SAFETY, Manner.PLAIN, into=CASES)
async def order(context: CaseContext) -> str:
    """Messages of a session arrive in order, each once."""
    wire = await context.wire()
    talk = await session(wire)
    sent = [b"%d" % number for number in range(MANY)]
    for one in sent:
        talk.data(one)
    found = [await talk.reply() for _ in sent]
    if found != sent:
        got = [one.decode(errors="replace") if one else one for one in found]
        raise Deviation(f"expected the messages 0 to {MANY - 1} in order; got {got}")
    await wire.settled()
    if (more := await talk.reply(seconds=0.0)) is not None:
        raise Deviation(f"expected each message once; got {more.decode(errors='replace')} again")
    return f"{MANY} messages came back in order, each once"


@case("6.2", SAFETY, Manner.PLAIN, into=CASES)
async def reply_addresses(context: CaseContext) -> str:
    """A response goes to the reply address of its request, in whatever order the requests are sent."""
    wire = await context.wire()
    talk = await session(wire)
    replies = [Address(LOCAL, talk.inner.value + b".%d" % number) for number in (3, 1, 2)]
    asked = {reply: payload("request") for reply in replies}
    for reply, request in asked.items():
        talk.data(request, reply=reply, meaning=f"request with reply address {reply}")
    found = await talk.replies(replies)
    for reply, request in asked.items():
        if reply not in found:
            raise Deviation(f"expected a response at the reply address {reply}; got none")
        if found[reply] != request:
            raise Deviation(
                f"expected the response {request.decode()} at the reply address {reply}; got {found[reply][:40]!r}"
            )
    return "three requests, each response at the reply address of its request"


@case("7.3", SAFETY, Manner.PLAIN, into=CASES)
async def two_sessions(context: CaseContext) -> str:
    """Two sessions over one connection do not mix."""
    wire = await context.wire()
    one, two = await session(wire), await session(wire)
    if one.worker == two.worker:
        raise Deviation(f"expected a worker for each of two sessions; both have {one.worker}")
    texts = payload("one"), payload("two")
    two.data(texts[1])
    one.data(texts[0])
    if (await one.reply(), await two.reply()) != texts:
        raise Deviation("expected the data of each session to come back in it; it did not")
    return "the data of each session comes back in it"


@case("4.1", SECURITY, Manner.PLAIN, into=CASES)
async def fresh_addresses(context: CaseContext) -> str:
    """Each negotiation has a fresh worker address, with 128 random bits against guessing."""
    wire = await context.wire()
    workers = [(await session(wire, confirmed=False)).worker for _ in range(SAMPLES)]
    if len(set(workers)) < len(workers):
        raise Deviation(f"expected {SAMPLES} worker addresses in {SAMPLES} negotiations; got {len(set(workers))}")
    bits = most_bits([worker.value for worker in workers])
    if bits < WANTED_BITS:
        raise Deviation(
            f"expected {WANTED_BITS} random bits in a worker address; addresses such as {workers[0]} and {workers[1]} "
            f"vary in at most {bits} bits"
        )
    return f"{SAMPLES} negotiations, {SAMPLES} addresses, each with at most {bits} random bits"


def most_bits(samples: list[bytes]) -> int:
    """An upper bound of the random bits of these samples: from the characters that differ between them."""
    length = min(map(len, samples))
    letters = {byte for sample in samples for byte in sample}
    each = 4.0 if letters <= HEX else log2(64) if letters <= ALPHANUMERIC else 8.0
    varying = sum(len({sample[at] for sample in samples}) > 1 for at in range(length))
    return int(varying * each)


# Refused input --------------------------------------------------------------------------------------------------------


def unreadable_hellos(context: CaseContext) -> dict[str, bytes]:
    whole = any_hello(context.run, fresh("inner"))
    return {
        "empty": b"",
        "half a hello": whole[: len(whole) // 2],
        "a hello and a surplus byte": whole + b"\x00",
        "a length beyond the end": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x",
        "an unterminated varint": b"\xff" * 40,
        "invalid UTF-8": b"\x02\xc3\x28",
        "text": b"GET / HTTP/1.1",
        "zeros": bytes(64),
        "random bytes": bytes(range(255, 155, -1)),
    }


@case("14.4", SAFETY, into=CASES)
async def malformed_hello(context: CaseContext) -> str:
    """An unreadable hello gets no answer and harms no other session."""
    wire = await context.wire()
    live = await session(wire)
    for name, bad in unreadable_hellos(context).items():
        back = fresh("handshake")
        wire.send((context.target.host,), bad, (back,), f"hello: {name}")
        if (message := await wire.silent(back)) is not None:
            raise Deviation(f"expected no answer to a hello that is {name}; got {message.payload[:40].hex()}")
        if not await goes_on(live):
            raise Deviation(
                f"expected another session of the connection to go on after a hello that is {name}; it ended"
            )
    return f"no answer, and another session goes on, after: {', '.join(unreadable_hellos(context))}"


@case("2.3", LIVENESS, into=CASES)
async def spawner_after_malformed(context: CaseContext) -> str:
    """After unreadable hellos the spawner serves the next valid one."""
    wire = await context.wire()
    for name, bad in unreadable_hellos(context).items():
        wire.send((context.target.host,), bad, (fresh("handshake"),), f"hello: {name}")
    attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if not await talk.ask():
        raise Deviation(wire.missing("a reply in a session opened after unreadable hellos"))
    return "the next session works after unreadable hellos"


@case("5.1", SECURITY, into=CASES)
async def names_a_local_worker(context: CaseContext) -> str:
    """A hello without a return route is refused: its worker would be one of the node's own workers."""
    wire = await context.wire()
    for victim in filter(None, (context.target.echo, context.target.spawner)):
        attempt = hello(wire, inner=local(victim), back=())
        attempt.send(f"hello without a return route, worker {victim}")
        if (message := await wire.silent(None, local(victim))) is not None:
            raise Deviation(
                f"expected no answer to a hello without a return route; got {message.payload[:40].hex()}: the session "
                f"would send to the node's own worker {victim}"
            )
    return "a hello without a return route gets no answer"


@case("5.1", SECURITY, profiles=("generation",), into=CASES)
async def names_a_foreign_worker(context: CaseContext) -> str:
    """A hello with a TCP address as its worker is refused: it would let a peer choose where the node connects."""
    wire = await context.wire()
    foreign = Address(1, b"127.0.0.1:1")
    attempt = hello(wire, inner=foreign, back=(fresh("handshake"),))
    attempt.send(f"hello, worker {foreign}")
    if await wire.silent(attempt.back[-1], foreign) is not None:
        raise Deviation(f"expected no answer to a hello with the TCP address {foreign} as its worker; got one")
    return "a hello with a TCP address as its worker gets no answer"


@case("5.4", SECURITY, into=CASES)
async def foreign_connection(context: CaseContext) -> str:
    """A message for a session over another connection than the session's is a dead letter."""
    wire, other = await context.wire(), await context.wire("another peer")
    talk = await session(wire)
    if not await talk.dead(wire=other, meaning="data for the session, over another connection"):
        raise Deviation("expected data over another connection to be a dead letter; the session replied to it")
    if not await goes_on(talk):
        raise Deviation("expected the session to go on after data over another connection; it ended")
    return "data over another connection is a dead letter; the session goes on"


@case("5.4", SECURITY, into=CASES)
async def after_reconnect(context: CaseContext) -> str:
    """A session does not move to another connection when its own is lost: its route belongs to the old one."""
    wire = await context.wire()
    talk = await session(wire)
    wire.peer.reset()
    context.record.note("the connection is reset", wire.name)
    second = await context.wire("kit, reconnected")
    if not await talk.dead(wire=second, meaning="data for the old session"):
        raise Deviation("expected data over a new connection to be a dead letter; the session of the lost one replied")
    return "the session is not reached over a new connection"


@case("4.9", LEAK, Manner.LAST, lacks=too_large, into=CASES)
async def capacity(context: CaseContext) -> str:
    """The spawner makes no more responders than declared; further hellos get an error no larger than the hello."""
    capacity = context.target.capacity or 0
    wire, began = await context.wire(), now()
    attempts = at_once(wire, capacity + 10)
    await wire.settled()
    took = now() - began
    replies = [(attempt, message) for attempt in attempts if (message := await attempt.answered(0.0)) is not None]
    refused = [(attempt, message) for attempt, message in replies if attempt.is_refused_by(message)]
    answered = len(replies) - len(refused)
    if answered > capacity and took >= context.target.durations.negotiation_seconds:
        raise Undecided(f"the hellos took {took:.1f} s: unconfirmed responders may have ended meanwhile")
    if answered > capacity:
        raise Deviation(f"expected at most {capacity} responders, as declared; {len(attempts)} hellos made {answered}")
    if not answered:
        raise Undecided("no hello was answered")
    if larger := [len(message.payload) for attempt, message in refused if len(message.payload) > len(attempt.payload)]:
        raise Deviation(
            f"expected an error no larger than its hello ({len(attempts[0].payload)} bytes); got {larger[0]}"
        )
    if context.target.generations and not refused:
        raise Deviation(f"expected errors for {len(attempts) - answered} hellos beyond the capacity; got none")
    return f"{len(attempts)} hellos, {answered} answers, {len(refused)} errors"


@case("4.9", SAFETY, into=CASES)
async def hello_flood(context: CaseContext) -> str:
    """A hundred hellos at once, within the capacity, get an answer each, from a responder each."""
    wire = await context.wire()
    attempts = at_once(wire, min(100, (context.target.capacity or 200) // 2))
    workers = [(await attempt.talk()).worker for attempt in attempts]
    if len(set(workers)) < len(workers):
        raise Deviation(f"expected {len(workers)} responders for {len(workers)} hellos; got {len(set(workers))}")
    await pause(0)
    return f"{len(workers)} hellos, {len(workers)} responders"


@case("4.2", SAFETY, into=CASES)
async def duplicated_hello(context: CaseContext) -> str:
    """A repeated hello does not harm the session that it began."""
    wire = await context.wire()
    attempt: Attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if not await talk.ask():
        raise Undecided("data does not come back in the session")
    attempt.send("the same hello again")
    await wire.settled()
    if not await goes_on(talk):
        raise Deviation("expected the session to go on after its hello was repeated; it ended")
    return "the session goes on after its hello was repeated"


@case("14.4", SAFETY, into=CASES)
async def hostile_data(context: CaseContext) -> str:
    """Unreadable data at a session worker's address does not harm another session."""
    wire = await context.wire()
    victim, beside = await session(wire), await session(wire)
    for name, bad in unreadable_hellos(context).items():
        wire.send(victim.route, bad, (fresh("nobody"),), f"to the session worker: {name}")
        wire.send(victim.route, bad, (), f"to the session worker, without a return route: {name}")
    await wire.settled()
    if not await goes_on(beside):
        raise Deviation("expected another session of the connection to go on; it ended")
    return "another session goes on after unreadable data"


@case("5.4", SECURITY, into=CASES)
async def spoofed_end(context: CaseContext) -> str:
    """Signals sent to a session worker over another connection do not end the session."""
    wire, other = await context.wire(), await context.wire("another peer")
    talk = await session(wire)
    for spoofed in (b"\x07\x00", b"\x08\x04gone", GENERATION.encode(KeepaliveAnswer()), b""):
        other.send(talk.route, spoofed, (talk.inner,), f"to the session worker: {spoofed.hex() or 'nothing'}")
    await other.settled()
    if not await goes_on(talk):
        raise Deviation("expected signals over another connection to be dead letters; they ended the session")
    return "the session goes on after signals over another connection"

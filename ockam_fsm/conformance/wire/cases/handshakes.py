"""Sessions of both profiles in which the node under test responds: the handshake, data, and every way to abuse them.

Source: clauses 2.3, 4.1, 4.9, 5.1, 5.4, 6.2, 7.3, 7.4, 14.2 to 14.4; semantics of the wire.
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


# As it should be ------------------------------------------------------------------------------------------------------


async def handshake(lab: CaseContext) -> str:
    """A hello to the spawner is answered: to the address that it names, with a worker to talk to."""
    wire = await lab.wire()
    attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if talk.worker.type != LOCAL or not talk.worker.value:
        raise Deviation(f"the answer names {talk.worker!r}, which is no local worker")
    if lab.target.generations and talk.answer.resumed:
        raise Deviation("the first answer of a new session says that its state is resumed")
    return f"answered; the responder's worker is {talk.worker}"


for _clause, _profile in (("14.2", "ockam"), ("14.3", "generation")):
    case(_clause, LIVENESS, Manner.PLAIN, profiles=(_profile,), into=CASES)(handshake)


@case("14.2", LIVENESS, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def one_address(lab: CaseContext) -> str:
    """A hello with one address for the answer and for data, as stock initiators have it, is answered like others."""
    wire, address = await lab.wire(), fresh("client")
    attempt = hello(wire, inner=address, back=(address,))
    attempt.send("hello, with one address for the answer and for data")
    talk = await attempt.talk()
    if not await talk.ask():
        raise Deviation(wire.missing("reply to data at the address that was the answer's, too"))
    return "answered, and data comes back to the same address"


@case("7.3", LIVENESS, Manner.PLAIN, into=CASES)
async def data(lab: CaseContext) -> str:
    """Data sent on the messaging route comes back, whole, also when it is empty or large."""
    wire = await lab.wire()
    talk = await session(wire)
    for size in (0, 1, 23, 24, 255, 256, 65_536, 1_000_000):
        sent = bytes(size % 251 for _ in range(size))
        talk.data(sent, meaning=f"data, {size} bytes")
        if await talk.reply() != sent:
            raise Deviation(wire.missing(f"reply to data of {size} bytes, or it was changed"))
    return "data of 0 bytes to 1 MB comes back unchanged"


@case("7.3", SAFETY, Manner.PLAIN, into=CASES)
async def data_beyond(lab: CaseContext) -> str:
    """Data whose onward route leads beyond the session is for the worker named there, not for the session's own."""
    wire = await lab.wire()
    talk = await session(wire)
    sent, reply = payload("beyond"), Address(LOCAL, talk.inner.value + b".1")
    talk.data(sent, reply=reply, onward=(fresh("nobody"),), meaning="data for a worker that does not exist")
    await wire.settled()
    if wire.holds(sent):
        raise Deviation("data for another worker was handled by the session's own")
    if not await talk.ask():
        raise Deviation("data for a worker that does not exist has ended the session")
    return "no reply to data for a worker that does not exist, and the session goes on"


@case("7.4", SAFETY, Manner.PLAIN, into=CASES)
async def order(lab: CaseContext) -> str:
    """Messages of a session arrive in their order, each once."""
    wire = await lab.wire()
    talk = await session(wire)
    sent = [b"%d" % number for number in range(MANY)]
    for one in sent:
        talk.data(one)
    found = [await talk.reply() for _ in sent]
    if found != sent:
        raise Deviation(f"{MANY} messages came back as {[one.decode() if one else one for one in found]}")
    await wire.settled()
    if (more := await talk.reply(seconds=0.0)) is not None:
        raise Deviation(f"a message came back once more: {more.decode(errors='replace')}")
    return f"{MANY} messages came back in order, each once"


@case("6.2", SAFETY, Manner.PLAIN, into=CASES)
async def reply_addresses(lab: CaseContext) -> str:
    """A response goes to the reply address of its own request, whichever request is sent first."""
    wire = await lab.wire()
    talk = await session(wire)
    replies = [Address(LOCAL, talk.inner.value + b".%d" % number) for number in (3, 1, 2)]
    asked = {reply: payload("request") for reply in replies}
    for reply, request in asked.items():
        talk.data(request, reply=reply, meaning=f"request with reply address {reply}")
    found = await talk.replies(replies)
    for reply, request in asked.items():
        if reply not in found:
            raise Deviation(f"no response at the reply address {reply} of a request")
        if found[reply] != request:
            raise Deviation(f"at the reply address {reply} arrived the response to another request")
    return "three requests, each response at its own reply address"


@case("7.3", SAFETY, Manner.PLAIN, into=CASES)
async def two_sessions(lab: CaseContext) -> str:
    """Two sessions over one connection do not mix."""
    wire = await lab.wire()
    one, two = await session(wire), await session(wire)
    if one.worker == two.worker:
        raise Deviation(f"two sessions have one worker, {one.worker}")
    texts = payload("one"), payload("two")
    two.data(texts[1])
    one.data(texts[0])
    if (await one.reply(), await two.reply()) != texts:
        raise Deviation("data of one session came back in the other")
    return "each session's data comes back in it"


@case("4.1", SECURITY, Manner.PLAIN, into=CASES)
async def fresh_addresses(lab: CaseContext) -> str:
    """The address of a session worker is fresh for every negotiation, and hard to guess: 128 random bits."""
    wire = await lab.wire()
    workers = [(await session(wire, confirmed=False)).worker for _ in range(SAMPLES)]
    if len(set(workers)) < len(workers):
        raise Deviation(f"of {SAMPLES} negotiations some have the same worker address")
    bits = most_bits([worker.value for worker in workers])
    if bits < WANTED_BITS:
        raise Deviation(f"worker addresses such as {workers[0]} and {workers[1]} vary in at most {bits} bits")
    return f"{SAMPLES} negotiations, {SAMPLES} addresses, each with room for {bits} random bits"


def most_bits(samples: list[bytes]) -> int:
    """At most how many random bits these have, judging by the places in which they differ. Generous to the node."""
    length = min(map(len, samples))
    letters = {byte for sample in samples for byte in sample}
    each = 4.0 if letters <= HEX else log2(64) if letters <= ALPHANUMERIC else 8.0
    varying = sum(len({sample[at] for sample in samples}) > 1 for at in range(length))
    return int(varying * each)


# What must be refused -------------------------------------------------------------------------------------------------


def unreadable_hellos(lab: CaseContext) -> dict[str, bytes]:
    whole = any_hello(lab.run, fresh("inner"))
    return {
        "nothing": b"",
        "half a hello": whole[: len(whole) // 2],
        "a hello and another byte": whole + b"\x00",
        "a length that lies": b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x",
        "a varint without end": b"\xff" * 40,
        "no UTF-8": b"\x02\xc3\x28",
        "text": b"GET / HTTP/1.1",
        "zeros": bytes(64),
        "random bytes": bytes(range(255, 155, -1)),
    }


@case("14.4", SAFETY, into=CASES)
async def malformed_hello(lab: CaseContext) -> str:
    """A hello that cannot be read gets no answer, and harms no other session and no other worker."""
    wire = await lab.wire()
    live = await session(wire)
    for name, bad in unreadable_hellos(lab).items():
        back = fresh("handshake")
        wire.send((lab.target.host,), bad, (back,), f"hello: {name}")
        if (message := await wire.silent(back)) is not None:
            raise Deviation(f"a hello that is {name} is answered: {message.payload[:40].hex()}")
        if not await live.ask():
            raise Deviation(f"after a hello that is {name} another session of the same connection is dead")
    return f"no answer, and the session beside it lives: {', '.join(unreadable_hellos(lab))}"


@case("2.3", LIVENESS, into=CASES)
async def spawner_after_malformed(lab: CaseContext) -> str:
    """After hellos that cannot be read the spawner serves the next good one."""
    wire = await lab.wire()
    for name, bad in unreadable_hellos(lab).items():
        wire.send((lab.target.host,), bad, (fresh("handshake"),), f"hello: {name}")
    attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if not await talk.ask():
        raise Deviation(wire.missing("reply in a session that was made after them"))
    return "served"


@case("5.1", SECURITY, into=CASES)
async def names_a_local_worker(lab: CaseContext) -> str:
    """A hello whose return route ends at the node, so that its worker would be one of the node's own, is refused."""
    wire = await lab.wire()
    for victim in filter(None, (lab.target.echo, lab.target.spawner)):
        attempt = hello(wire, inner=local(victim), back=())
        attempt.send(f"hello without a return route, worker {victim}")
        if (message := await wire.silent(None, local(victim))) is not None:
            raise Deviation(f"it is answered ({message.payload[:40].hex()}): the session would talk to {victim}")
    return "no answer"


@case("5.1", SECURITY, profiles=("generation",), into=CASES)
async def names_a_foreign_worker(lab: CaseContext) -> str:
    """A hello that names a worker at a TCP address is refused: the node would connect to wherever a peer likes."""
    wire = await lab.wire()
    foreign = Address(1, b"127.0.0.1:1")
    attempt = hello(wire, inner=foreign, back=(fresh("handshake"),))
    attempt.send(f"hello, worker {foreign}")
    if await wire.silent(attempt.back[-1], foreign) is not None:
        raise Deviation("a hello that names a worker at a TCP address is answered")
    return "no answer"


@case("5.4", SECURITY, into=CASES)
async def foreign_connection(lab: CaseContext) -> str:
    """A message for a session that comes over another connection than the session's is a dead letter."""
    wire, other = await lab.wire(), await lab.wire("another peer")
    talk = await session(wire)
    if not await talk.dead(wire=other, meaning="data for the session, over another connection"):
        raise Deviation("data that came over another connection is taken for the session's")
    if not await talk.ask():
        raise Deviation("a stranger's message has ended the session")
    return "not taken, and the session goes on"


@case("5.4", SECURITY, into=CASES)
async def after_reconnect(lab: CaseContext) -> str:
    """A session does not go over to another connection when its own is lost: its route belongs to the old one."""
    wire = await lab.wire()
    talk = await session(wire)
    wire.peer.reset()
    lab.record.note("the connection is reset", wire.name)
    second = await lab.wire("kit, reconnected")
    if not await talk.dead(wire=second, meaning="data for the old session"):
        raise Deviation("data over a new connection reaches the session of the old one")
    return "not reached"


@case("4.9", LEAK, Manner.LAST, lacks=too_large, into=CASES)
async def capacity(lab: CaseContext) -> str:
    """The spawner makes no more responders than declared, and says so to who is beyond, in no more bytes than asked."""
    capacity = lab.target.capacity or 0
    wire, began = await lab.wire(), now()
    attempts = at_once(wire, capacity + 10)
    await wire.settled()
    took = now() - began
    replies = [(attempt, message) for attempt in attempts if (message := await attempt.answered(0.0)) is not None]
    refused = [(attempt, message) for attempt, message in replies if attempt.is_refused_by(message)]
    answered = len(replies) - len(refused)
    if answered > capacity and took >= lab.target.durations.negotiation_seconds:
        raise Undecided(f"it took {took:.1f} s, in which unconfirmed responders may have made the room")
    if answered > capacity:
        raise Deviation(f"{len(attempts)} hellos made {answered} responders, {capacity} are declared")
    if not answered:
        raise Undecided("no hello was answered")
    if any(len(message.payload) > len(attempt.payload) for attempt, message in refused):
        raise Deviation("the error for a hello that finds no room is larger than the hello")
    if lab.target.generations and not refused:
        raise Deviation(f"none of {len(attempts) - answered} hellos beyond the capacity has an error for a reply")
    return f"{len(attempts)} hellos, {answered} answers, {len(refused)} errors"


@case("4.9", SAFETY, into=CASES)
async def hello_flood(lab: CaseContext) -> str:
    """A hundred hellos at once (within the capacity) are all answered, each by a responder of its own."""
    wire = await lab.wire()
    attempts = at_once(wire, min(100, (lab.target.capacity or 200) // 2))
    workers = [(await attempt.talk()).worker for attempt in attempts]
    if len(set(workers)) < len(workers):
        raise Deviation("two hellos were answered by one responder")
    await pause(0)
    return f"{len(workers)} hellos, {len(workers)} responders"


@case("4.2", SAFETY, into=CASES)
async def duplicated_hello(lab: CaseContext) -> str:
    """A hello that arrives twice does not harm the session that it began."""
    wire = await lab.wire()
    attempt: Attempt = hello(wire)
    attempt.send()
    talk = await attempt.talk()
    if not await talk.ask():
        raise Undecided("data does not come back")
    attempt.send("the same hello again")
    await wire.settled()
    if not await talk.ask():
        raise Deviation("after its hello came again the session is dead")
    return "the session goes on"


@case("14.4", SAFETY, into=CASES)
async def hostile_data(lab: CaseContext) -> str:
    """Anything at a session worker's address is that session's business alone."""
    wire = await lab.wire()
    victim, beside = await session(wire), await session(wire)
    for name, bad in unreadable_hellos(lab).items():
        wire.send(victim.route, bad, (fresh("nobody"),), f"to the session worker: {name}")
        wire.send(victim.route, bad, (), f"to the session worker, without a return route: {name}")
    await wire.settled()
    if not await beside.ask():
        raise Deviation("another session of the same connection is dead")
    return "the session beside it lives"


@case("5.4", SECURITY, into=CASES)
async def spoofed_end(lab: CaseContext) -> str:
    """A stranger who knows a session's address cannot end it, nor answer in its name."""
    wire, other = await lab.wire(), await lab.wire("another peer")
    talk = await session(wire)
    for spoofed in (b"\x07\x00", b"\x08\x04gone", GENERATION.encode(KeepaliveAnswer()), b""):
        other.send(talk.route, spoofed, (talk.inner,), f"to the session worker: {spoofed.hex() or 'nothing'}")
    await other.settled()
    if not await talk.ask():
        raise Deviation("a stranger's message has ended the session")
    return "the session goes on"

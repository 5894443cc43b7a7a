"""Cases of responders in profile `generation`: hellos of every kind, keepalives, closing, renegotiation.

Source: clauses 2.1, 3.8, 3.9, 4.2, 4.4, 4.5, 4.7, 14.3, 14.4.
"""

from __future__ import annotations

from dataclasses import replace

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, not_persistent, too_large, undeclared
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    NotApplicable,
    Undecided,
    Wire,
    fresh,
    new_session_id,
    payload,
)
from ockam_fsm.conformance.wire.client_session import (
    Attempt,
    ClientSession,
    as_first,
    hello,
    is_bounded,
    next_generation,
    session,
)
from ockam_fsm.conformance.wire.own_bounds import goes_on, is_evidence
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)

CASES: list[Case] = []
ONLY = ("generation",)
JUMP = 2**20
SAFETY, SECURITY, LIVENESS, LEAK = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS, Severity.LEAK


def read(message: Message | None) -> Signal | None:
    if message is None:
        return None
    try:
        return GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError as error:
        got = f"{message.payload[:40].hex()} ({error})"
        raise Deviation(f"expected a signal of profile generation; got {got}", "14.3") from None


async def expect(wire: Wire, attempt: Attempt, wanted: type[Signal], what: str) -> Signal:
    """Return the reply to an attempt. Raises Deviation: it is missing, or not of the type `wanted`."""
    signal = read(await attempt.answered())
    if signal is None:
        raise Deviation(wire.missing(what))
    if not isinstance(signal, wanted):
        raise Deviation(f"expected {what}; got {signal}")
    return signal


async def alive(talk: ClientSession) -> bool:
    """Whether a keepalive in this generation is answered."""
    talk.send_signal(Keepalive(), "keepalive")
    while (signal := read(await talk.wire.receive(talk.inner))) is not None:
        if isinstance(signal, KeepaliveAnswer):
            return True
    return False


async def answering(talk: ClientSession) -> None:
    """Raise Undecided if the node answers no keepalives, because then `alive` is no evidence."""
    if not await alive(talk):
        raise Undecided("the node answers no keepalive, so a live generation looks like a dead one")


@case("4.2", LEAK, profiles=ONLY, into=CASES)
async def repeated_hello(context: CaseContext) -> str:
    """A repeated hello gets the same answer from the same responder."""
    wire = await context.wire()
    attempt = hello(wire)
    attempt.send()
    first = await attempt.answered()
    for _ in range(5):
        attempt.send("the same hello again")
        again = await attempt.answered()
        if first is None or again is None:
            raise Deviation(wire.missing("an answer to a hello"))
        if again.payload != first.payload:
            raise Deviation(
                f"expected the same answer to a repeated hello; got another one ({again.payload[:40].hex()} after "
                f"{first.payload[:40].hex()}): it made another responder or another address"
            )
    return "six hellos, six identical answers"


@case("4.2", LEAK, Manner.LAST, profiles=ONLY, lacks=too_large, into=CASES)
async def repeated_hello_leaks(context: CaseContext) -> str:
    """A hello that is repeated more often than the capacity takes one place of the spawner."""
    wire, capacity = await context.wire(), context.target.capacity or 0
    if not await is_taken(wire):
        raise Undecided("the spawner is full before the first repeated hello")
    attempt = hello(wire)
    for _ in range(capacity + 5):
        attempt.send("the same hello again")
    await wire.settled()
    if not await is_taken(wire):
        raise Deviation(
            f"expected {capacity + 5} repeated hellos to take one of {capacity} places; the spawner has no place for "
            "another session"
        )
    if not await is_bounded(wire, capacity):
        raise NotApplicable(f"the spawner admits more sessions than the declared {capacity}, so a leak does not show")
    return f"after {capacity + 5} repeated hellos the spawner admits another session"


async def is_taken(wire: Wire) -> bool:
    """Whether the spawner admits one more session."""
    other = hello(wire)
    other.send("hello for another session")
    return await other.taken()


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def older_hello(context: CaseContext) -> str:
    """A hello that is not newer gets `superseded` with the largest number and the hello's own address."""
    wire = await context.wire()
    attempt = hello(wire, number=7)
    attempt.send()
    talk = await attempt.talk()
    await talk.ask()
    for number in (3, 7):
        old = hello(wire, session_id=attempt.session_id, number=number)
        old.send()
        signal = await expect(wire, old, Superseded, "superseded")
        if signal != Superseded(attempt.session_id, 7, old.generation.address):
            raise Deviation(
                f"expected superseded by 7 at {old.generation.address} for a hello of generation {number} after 7; "
                f"got {signal}"
            )
    if not await goes_on(talk):
        raise Deviation("expected the session to go on after an older hello; it ended")
    return "superseded by 7; the session goes on"


@case("4.2", SECURITY, profiles=ONLY, into=CASES)
async def reflected_hello(context: CaseContext) -> str:
    """A hello whose starter is the responder is a reflection: it gets no reply."""
    wire = await context.wire()
    attempt = hello(wire, starter=Role.RESPONDER)
    attempt.send()
    if (message := await wire.silent(attempt.back[-1])) is not None:
        raise Deviation(
            f"expected no reply to a hello whose starter is the responder; got {message.payload[:40].hex()}"
        )
    return "a reflected hello gets no reply"


@case("4.2", SECURITY, profiles=ONLY, into=CASES)
async def jumping_number(context: CaseContext) -> str:
    """A hello whose number is more than 2^20 larger than the largest known one is refused."""
    wire = await context.wire()
    for number in (JUMP + 1, 2**64 - 1):
        attempt = hello(wire, number=number)
        attempt.send()
        if await wire.silent(attempt.back[-1]) is not None:
            raise Deviation(f"expected no answer to a first hello with the number {number}; got one")
    edge = hello(wire, number=JUMP)
    edge.send()
    if await edge.answered() is None:
        raise Deviation(wire.missing(f"an answer to a hello with the number {JUMP}, the largest allowed one"))
    return f"number {JUMP} is answered, {JUMP + 1} is not"


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def misplaced_signals(context: CaseContext) -> str:
    """Handshake messages at a session worker's address are dead letters: neither data nor a negotiation."""
    wire = await context.wire()
    talk = await session(wire)
    generation = talk.attempt.generation
    strange = fresh("strange")
    misplaced: tuple[Signal, ...] = (
        Hello(talk.attempt.session_id, generation._replace(number=2, address=strange)),
        Answer(talk.attempt.session_id, generation, strange, False),
        Superseded(talk.attempt.session_id, 5, talk.inner),
    )
    for signal in misplaced:
        what = f"a {type(signal).__name__} at the session worker's address"
        wire.send(talk.route, GENERATION.encode(signal), (strange,), f"{type(signal).__name__} to the session worker")
        await wire.settled()
        for address in (strange, talk.inner):
            reply = read(await wire.receive(address, seconds=0.0))
            if isinstance(reply, Data):
                raise Deviation(f"expected {what} to be a dead letter; it is handled as data")
            if reply is not None and not isinstance(reply, KeepaliveAnswer | Keepalive):
                raise Deviation(f"expected no reply to {what}; got {reply}")
        if not await goes_on(talk):
            raise Deviation(f"expected the session to go on after {what}; it ended")
    return "hello, answer and superseded are dead letters; the session goes on"


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def talk_to_the_spawner(context: CaseContext) -> str:
    """Signals other than hellos get no reply at the spawner's address."""
    wire = await context.wire()
    strange = Close(new_session_id(GENERATION), 1, fresh("strange"), "x")
    for signal in (Keepalive(), KeepaliveAnswer(), Data(b"x"), strange, GoingAway("x"), Error("x")):
        back = fresh("back")
        wire.send((context.target.host,), GENERATION.encode(signal), (back,), f"{type(signal).__name__} to the spawner")
        if (reply := await wire.silent(back)) is not None:
            got = reply.payload[:40].hex()
            raise Deviation(
                f"expected no reply to a {type(signal).__name__} at the spawner's address; got {got}", "2.3"
            )
    return "other signals get no reply from the spawner"


@case("4.7", LIVENESS, Manner.PLAIN, profiles=ONLY, into=CASES)
async def keepalive(context: CaseContext) -> str:
    """Each keepalive is answered once."""
    wire = await context.wire()
    talk = await session(wire, confirmed=False)
    for _ in range(3):
        if not await alive(talk):
            raise Deviation(wire.missing("an answer to a keepalive"))
        if isinstance(read(await wire.silent(talk.inner)), KeepaliveAnswer):
            raise Deviation("expected one answer to a keepalive; got two")
    return "three keepalives, one answer each"


@case("7.3", SAFETY, Manner.PLAIN, profiles=ONLY, into=CASES)
async def reply_through_the_session(context: CaseContext) -> str:
    """The reply to data is data whose onward route is the return route of that data."""
    wire = await context.wire()
    talk = await session(wire)
    sent, way = payload(), (fresh("beyond"), fresh("further"))
    talk.send_signal(Data(sent, context.run.onward, way), "data with a return route")
    reply = read(await wire.receive(talk.inner))
    if not isinstance(reply, Data) or (reply.payload, reply.onward_route) != (sent, way):
        raise Deviation(f"expected {Data(sent, way, ())} as the reply; got {reply or 'nothing'}")
    return "the reply is data for the return route"


@case("14.3", SAFETY, into=CASES, profiles=ONLY)
async def malformed_signals(context: CaseContext) -> str:
    """A payload that is not exactly one signal gets no reply from a session worker; the session goes on."""
    wire = await context.wire()
    talk = await session(wire)
    good = Data(payload("never"), context.run.onward, ())
    bad = {
        "an unknown tag": b"\x7f",
        "bytes after a keepalive": b"\x04\x00",
        "data with a surplus byte": GENERATION.encode(good) + b"\x00",
        "data cut short": GENERATION.encode(good)[:-1],
        "a number that is not in its shortest form": b"\x06\x80\x00\x00\x00",
        "a route of 129 addresses": b"\x06\x81\x01" + b"\x00\x01a" * 129 + b"\x00\x00",
        "a reason that is not UTF-8": b"\x07\x02\xc3\x28",
        "an empty payload": b"",
    }
    for name, data in bad.items():
        wire.send(talk.route, data, (talk.inner,), f"signal: {name}")
        if (reply := read(await wire.silent(talk.inner))) is not None and not isinstance(reply, Keepalive):
            raise Deviation(f"expected no reply to a signal with {name}; got {reply}")
        if not await goes_on(talk):
            raise Deviation(f"expected the session to go on after a signal with {name}; it ended")
    return f"refused: {', '.join(bad)}"


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def close(context: CaseContext) -> str:
    """A close ends a session of any type and discards its state; a new hello under its id begins anew."""
    wire = await context.wire()
    talk = await session(wire)
    talk.send_signal(talk.close(), "close")
    return await _over(talk, resumed=False)


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def close_without_a_route(context: CaseContext) -> str:
    """A close along the initialization route ends the session: the closing end may have no messaging route."""
    wire = await context.wire()
    talk = await session(wire)
    talk.close_at_host(talk.close(), "close, to the spawner")
    return await _over(talk, resumed=False)


@case("3.8", SECURITY, profiles=ONLY, into=CASES)
async def close_by_a_stranger(context: CaseContext) -> str:
    """A close with the session's id but the address of none of its generations does not end the session."""
    wire = await context.wire()
    talk = await session(wire)
    strange = replace(talk.close(), address=fresh("strange"))
    talk.close_at_host(strange, "close, to the spawner, with an unknown address")
    if not await goes_on(talk):
        raise Deviation("expected a close with an unknown address to be ignored; it ended the session")
    return "the session goes on after a close with an unknown address"


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def going_away(context: CaseContext) -> str:
    """`going away` is a failure: it ends the generation, and a persistent session keeps its state."""
    wire = await context.wire()
    talk = await session(wire)
    talk.send_signal(GoingAway("stop"), "going away")
    return await _over(talk, resumed=context.target.session_type.persistent)


@case("3.8", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def late_close(context: CaseContext) -> str:
    """A late close of the previous generation does not end the new generation."""
    wire = await context.wire()
    talk = await session(wire)
    again = await next_generation(talk)
    talk.close_at_host(talk.close(), "late close of the previous generation, to the spawner")
    talk.send_signal(talk.close(), "late close in the previous generation")
    if not await goes_on(again):
        raise Deviation("expected the new generation to go on after a late close of the previous one; it ended")
    return "the new generation goes on after late closes of the previous one"


async def _over(talk: ClientSession, *, resumed: bool) -> str:
    """Check that the worker is gone, and by the next negotiation whether the state is."""
    if not await talk.dead():
        raise Deviation("expected the worker to be gone; it still replies to data")
    attempt = hello(talk.wire, session_id=talk.attempt.session_id, number=2)
    attempt.send()
    again = await attempt.talk()
    unknown = undeclared("retention")(talk.wire.context.target)
    if resumed and not again.answer.resumed and unknown:
        raise NotApplicable(f"the state was gone when the session was negotiated again; {unknown}")
    if again.answer.resumed is not resumed:
        raise Deviation(f"expected resumed={resumed} in the next answer; got resumed={again.answer.resumed}")
    return f"the worker is gone; the next answer has resumed={again.answer.resumed}"


# One generation after another -----------------------------------------------------------------------------------------


@case("2.1", SAFETY, Manner.PLAIN, profiles=ONLY, lacks=not_persistent, into=CASES)
async def renegotiation(context: CaseContext) -> str:
    """A newer hello renegotiates: the answer has a fresh worker address, and the session keeps its state."""
    wire = await context.wire()
    first = await session(wire)
    second = await next_generation(first)
    if not second.answer.resumed:
        raise Deviation("expected resumed=True in the answer to the second generation; got resumed=False")
    if second.worker == first.worker:
        raise Deviation(f"expected a fresh worker address in the second generation; got {first.worker} again", "4.1")
    if not await second.ask():
        raise Deviation(wire.missing("a reply in the second generation"))
    return "the session is resumed at a fresh address"


@case("4.4", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def unconfirmed_generation(context: CaseContext) -> str:
    """A newer hello without a confirmation does not end the live generation: forged hellos are harmless."""
    wire = await context.wire()
    first = await session(wire)
    await answering(first)
    await next_generation(first)
    # Not data: its reply is a message of the node's own application, which is held until this is decided (4.4).
    alone_seconds = first.alone_seconds
    if not await alive(first):
        await is_evidence(first, alone_seconds)
        raise Deviation("expected the live generation to answer until the new one is confirmed; it does not answer")
    return "the previous generation answers until the new one is confirmed"


@case("4.5", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def previous_generation(context: CaseContext) -> str:
    """Once the new generation is confirmed, the worker address of the previous one is gone."""
    wire = await context.wire()
    first = await session(wire)
    second = await next_generation(first)
    if not await second.ask():
        raise Undecided("the second generation cannot be confirmed: its worker does not reply")
    if not await first.dead(meaning="data of the first generation"):
        raise Deviation("expected no reply to data of the previous generation; got one")
    if not await goes_on(second):
        raise Deviation("expected the new generation to go on after late data of the previous one; it ended")
    return "the previous generation does not reply, the new one does"


@case("4.3", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def late_hello(context: CaseContext) -> str:
    """A late hello of the first generation changes nothing in the second."""
    wire = await context.wire()
    first = await session(wire)
    second = await next_generation(first)
    await second.ask()
    late = replace(first.attempt, back=(fresh("late"),))
    late.send("the first hello, late")
    reply = read(await wire.silent(late.back[-1]))
    if isinstance(reply, Answer):
        raise Deviation(f"expected no answer to a late hello of an earlier generation; got {reply}")
    if not await goes_on(second):
        raise Deviation("expected the present generation to go on after a late hello of an earlier one; it ended")
    return "a late hello gets no answer; the present generation goes on"


@case("4.9", SAFETY, profiles=ONLY, into=CASES)
async def sessions_by_id(context: CaseContext) -> str:
    """Hellos with the same number and different session ids get a responder each."""
    wire = await context.wire()
    talks: list[ClientSession] = []
    for _ in range(3):
        attempt = as_first(hello(wire, session_id=new_session_id(context.target.profile)), 4)
        attempt.send()
        talks.append(await attempt.talk())
    if len({talk.worker for talk in talks}) < len(talks) or any(talk.answer.resumed for talk in talks):
        got = ", ".join(f"{talk.worker} (resumed={talk.answer.resumed})" for talk in talks)
        raise Deviation(f"expected a new responder for each of three session ids; got {got}")
    return "three session ids, three responders"

"""Profile generation, the node under test responds: hellos of every kind, keepalives, closing, renegotiation.

Source: clauses 2.1, 3.8, 3.9, 4.2, 4.4, 4.5, 4.7, 14.3, 14.4.
"""

from __future__ import annotations

from dataclasses import replace

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, not_persistent, too_large
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
        raise Deviation(f"the node says what is no signal: {error} ({message.payload[:40].hex()})", "14.3") from None


async def expect(wire: Wire, attempt: Attempt, wanted: type[Signal], what: str) -> Signal:
    """The reply to an attempt has to be of this kind."""
    signal = read(await attempt.answered())
    if signal is None:
        raise Deviation(wire.missing(what))
    if not isinstance(signal, wanted):
        raise Deviation(f"a {type(signal).__name__} came where {what} belongs")
    return signal


async def alive(talk: ClientSession) -> bool:
    """Whether a keepalive in this generation is answered."""
    talk.say(Keepalive(), "keepalive")
    while (signal := read(await talk.wire.hear(talk.inner))) is not None:
        if isinstance(signal, KeepaliveAnswer):
            return True
    return False


async def answering(talk: ClientSession) -> None:
    """Make sure that `alive` can say something of this node."""
    if not await alive(talk):
        raise Undecided("keepalives are not answered at all, so nothing shows whether a generation lives")


@case("4.2", LEAK, profiles=ONLY, into=CASES)
async def repeated_hello(lab: CaseContext) -> str:
    """The very same hello again: the same answer, from the same responder."""
    wire = await lab.wire()
    attempt = hello(wire)
    attempt.send()
    first = await attempt.answered()
    for _ in range(5):
        attempt.send("the same hello again")
        again = await attempt.answered()
        if first is None or again is None:
            raise Deviation(wire.missing("answer to a hello"))
        if again.payload != first.payload:
            raise Deviation("a repeated hello has another answer: it made another responder, or another address")
    return "six times the same answer"


@case("4.2", LEAK, Manner.LAST, profiles=ONLY, lacks=too_large, into=CASES)
async def repeated_hello_leaks(lab: CaseContext) -> str:
    """The same hello, more often than the spawner has places: it takes one place."""
    wire, capacity = await lab.wire(), lab.target.capacity or 0
    if not await is_taken(wire):
        raise Undecided("the spawner is full before the first of them")
    attempt = hello(wire)
    for _ in range(capacity + 5):
        attempt.send("the same hello again")
    await wire.settled()
    if not await is_taken(wire):
        raise Deviation("after so many repeated hellos the spawner has no place for another session")
    if not await is_bounded(wire, capacity):
        raise NotApplicable(f"there is a place for another session, and for more than the {capacity} that are declared")
    return f"{capacity + 5} times, and there is a place for another session"


async def is_taken(wire: Wire) -> bool:
    """Whether there is a place for one more session."""
    other = hello(wire)
    other.send("hello for another session")
    return await other.taken()


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def older_hello(lab: CaseContext) -> str:
    """A hello that is not newer is answered by `superseded`, with the largest number and the hello's own address."""
    wire = await lab.wire()
    attempt = hello(wire, number=7)
    attempt.send()
    talk = await attempt.talk()
    await talk.ask()
    for number in (3, 7):
        old = hello(wire, session_id=attempt.session_id, number=number)
        old.send()
        signal = await expect(wire, old, Superseded, "superseded")
        if signal != Superseded(attempt.session_id, 7, old.generation.address):
            raise Deviation(f"a hello of generation {number} after 7 is answered by {signal}")
    if not await talk.ask():
        raise Deviation("an old hello has ended the session")
    return "superseded by 7, and the session goes on"


@case("4.2", SECURITY, profiles=ONLY, into=CASES)
async def reflected_hello(lab: CaseContext) -> str:
    """A hello that carries the responder's own role is a reflection: no reply."""
    wire = await lab.wire()
    attempt = hello(wire, starter=Role.RESPONDER)
    attempt.send()
    if await wire.silent(attempt.back[-1]) is not None:
        raise Deviation("a hello that says it comes from a responder is answered by a responder")
    return "no reply"


@case("4.2", SECURITY, profiles=ONLY, into=CASES)
async def jumping_number(lab: CaseContext) -> str:
    """A number that is more than 2^20 larger than the largest known is refused: numbers come from peers."""
    wire = await lab.wire()
    for number in (JUMP + 1, 2**64 - 1):
        attempt = hello(wire, number=number)
        attempt.send()
        if await wire.silent(attempt.back[-1]) is not None:
            raise Deviation(f"a first hello with the number {number} is answered")
    edge = hello(wire, number=JUMP)
    edge.send()
    if await edge.answered() is None:
        raise Deviation(f"a hello with the number {JUMP}, which is just allowed, is not answered")
    return f"{JUMP} is answered, {JUMP + 1} is not"


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def misplaced_signals(lab: CaseContext) -> str:
    """Handshake messages at a session worker's address are not data, and no negotiation either."""
    wire = await lab.wire()
    talk = await session(wire)
    generation = talk.attempt.generation
    strange = fresh("strange")
    misplaced: tuple[Signal, ...] = (
        Hello(talk.attempt.session_id, generation._replace(number=2, address=strange)),
        Answer(talk.attempt.session_id, generation, strange, False),
        Superseded(talk.attempt.session_id, 5, talk.inner),
    )
    for signal in misplaced:
        wire.send(talk.route, GENERATION.encode(signal), (strange,), f"{type(signal).__name__} to the session worker")
        await wire.settled()
        for address in (strange, talk.inner):
            reply = read(await wire.hear(address, seconds=0.0))
            if isinstance(reply, Data):
                raise Deviation(f"a {type(signal).__name__} at the session worker's address is handled as data")
            if reply is not None and not isinstance(reply, KeepaliveAnswer | Keepalive):
                raise Deviation(f"a {type(signal).__name__} at the session worker's address has the reply {reply}")
        if not await talk.ask():
            raise Deviation(f"a {type(signal).__name__} at its worker's address has ended the session")
    return "hello, answer and superseded are dead letters there, and the session goes on"


@case("4.2", SAFETY, profiles=ONLY, into=CASES)
async def talk_to_the_spawner(lab: CaseContext) -> str:
    """What is no hello has no reply at the spawner's address, and makes no responder."""
    wire = await lab.wire()
    strange = Close(new_session_id(GENERATION), 1, fresh("strange"), "x")
    for signal in (Keepalive(), KeepaliveAnswer(), Data(b"x"), strange, GoingAway("x"), Error("x")):
        back = fresh("back")
        wire.send((lab.target.host,), GENERATION.encode(signal), (back,), f"{type(signal).__name__} to the spawner")
        if await wire.silent(back) is not None:
            raise Deviation(f"a {type(signal).__name__} at the spawner's address has a reply", "2.3")
    return "no reply"


@case("4.7", LIVENESS, Manner.PLAIN, profiles=ONLY, into=CASES)
async def keepalive(lab: CaseContext) -> str:
    """A keepalive is answered, each time, and once."""
    wire = await lab.wire()
    talk = await session(wire, confirmed=False)
    for _ in range(3):
        if not await alive(talk):
            raise Deviation(wire.missing("answer to a keepalive"))
        if isinstance(read(await wire.silent(talk.inner)), KeepaliveAnswer):
            raise Deviation("a keepalive is answered twice")
    return "answered once each; the first one confirms the session"


@case("7.3", SAFETY, Manner.PLAIN, profiles=ONLY, into=CASES)
async def reply_through_the_session(lab: CaseContext) -> str:
    """The return route of data leads back through the session: the reply is data for just that route."""
    wire = await lab.wire()
    talk = await session(wire)
    sent, way = payload(), (fresh("beyond"), fresh("further"))
    talk.say(Data(sent, lab.run.onward, way), "data with a return route")
    reply = read(await wire.hear(talk.inner))
    if not isinstance(reply, Data) or (reply.payload, reply.onward_route) != (sent, way):
        raise Deviation("the reply does not go the way of the return route")
    return "the reply comes as data for the return route"


@case("14.3", SAFETY, into=CASES, profiles=ONLY)
async def malformed_signals(lab: CaseContext) -> str:
    """What is not exactly one signal is refused at a session worker: no reply, and the session goes on."""
    wire = await lab.wire()
    talk = await session(wire)
    good = Data(payload("never"), lab.run.onward, ())
    bad = {
        "an unknown tag": b"\x7f",
        "bytes after a keepalive": b"\x04\x00",
        "data with a byte too many": GENERATION.encode(good) + b"\x00",
        "data cut short": GENERATION.encode(good)[:-1],
        "a number that is not in its shortest form": b"\x06\x80\x00\x00\x00",
        "a route of 129 addresses": b"\x06\x81\x01" + b"\x00\x01a" * 129 + b"\x00\x00",
        "a reason that is not UTF-8": b"\x07\x02\xc3\x28",
        "nothing": b"",
    }
    for name, data in bad.items():
        wire.send(talk.route, data, (talk.inner,), f"signal: {name}")
        if (reply := read(await wire.silent(talk.inner))) is not None and not isinstance(reply, Keepalive):
            raise Deviation(f"{name} has the reply {reply}")
        if not await talk.ask():
            raise Deviation(f"{name} has ended the session")
    return f"refused: {', '.join(bad)}"


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def close(lab: CaseContext) -> str:
    """A close ends a session of any type, with its state; a new hello under its id begins another one."""
    wire = await lab.wire()
    talk = await session(wire)
    talk.say(talk.close(), "close")
    return await _over(talk, resumed=False)


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def close_without_a_route(lab: CaseContext) -> str:
    """A close along the initialization route ends the session too: whoever closes may have no other route."""
    wire = await lab.wire()
    talk = await session(wire)
    talk.close_at_host(talk.close(), "close, to the spawner")
    return await _over(talk, resumed=False)


@case("3.8", SECURITY, profiles=ONLY, into=CASES)
async def close_by_a_stranger(lab: CaseContext) -> str:
    """Who knows a session's id, and was in none of its generations, cannot close it."""
    wire = await lab.wire()
    talk = await session(wire)
    strange = replace(talk.close(), address=fresh("strange"))
    talk.close_at_host(strange, "close, to the spawner, of a generation that is none")
    if not await talk.ask():
        raise Deviation("the session has ended")
    return "the session goes on"


@case("3.8", LIVENESS, profiles=ONLY, into=CASES)
async def going_away(lab: CaseContext) -> str:
    """That the peer's node stops is a failure: a persistent session keeps its state, and may be asked again."""
    wire = await lab.wire()
    talk = await session(wire)
    talk.say(GoingAway("stop"), "going away")
    return await _over(talk, resumed=lab.target.session_type.persistent)


@case("3.8", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def late_close(lab: CaseContext) -> str:
    """A close that was said in the generation before must not end a session that has been opened again."""
    wire = await lab.wire()
    talk = await session(wire)
    again = await next_generation(talk)
    talk.close_at_host(talk.close(), "close of the generation before, to the spawner, late")
    talk.say(talk.close(), "close in the generation before, late")
    if not await again.ask():
        raise Deviation("the generation that was opened since has ended")
    return "the new generation goes on"


async def _over(talk: ClientSession, *, resumed: bool) -> str:
    """The worker is gone; whether the state is, the next negotiation says."""
    if not await talk.dead():
        raise Deviation("data is answered after that")
    attempt = hello(talk.wire, session_id=talk.attempt.session_id, number=2)
    attempt.send()
    again = await attempt.talk()
    if again.answer.resumed is not resumed:
        raise Deviation(f"the answer after it says resumed={again.answer.resumed}")
    return f"the worker is gone; the next negotiation says resumed={again.answer.resumed}"


# One generation after another -----------------------------------------------------------------------------------------


@case("2.1", SAFETY, Manner.PLAIN, profiles=ONLY, lacks=not_persistent, into=CASES)
async def renegotiation(lab: CaseContext) -> str:
    """A newer hello renegotiates: a fresh worker address, and the session's state is still there."""
    wire = await lab.wire()
    first = await session(wire)
    second = await next_generation(first)
    if not second.answer.resumed:
        raise Deviation("the answer to the second generation says that the session's state is lost")
    if second.worker == first.worker:
        raise Deviation("the second generation has the worker address of the first", "4.1")
    if not await second.ask():
        raise Deviation(wire.missing("reply in the second generation"))
    return "resumed, at a fresh address"


@case("4.4", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def unconfirmed_generation(lab: CaseContext) -> str:
    """A newer hello that nobody confirms does not end the live generation: forged hellos are harmless."""
    wire = await lab.wire()
    first = await session(wire)
    await answering(first)
    await next_generation(first)
    # Not data: its reply is a message of the node's own application, which is held until this is decided (4.4).
    if not await alive(first):
        raise Deviation("a hello alone has ended the live generation: the answer counted as a session already")
    return "the previous generation answers until the new one is confirmed"


@case("4.5", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def previous_generation(lab: CaseContext) -> str:
    """Once the new generation is confirmed, data of the previous one reaches an address that is gone."""
    wire = await lab.wire()
    first = await session(wire)
    second = await next_generation(first)
    if not await second.ask():
        raise Undecided("the second generation does not stand")
    if not await first.dead(meaning="data of the first generation"):
        raise Deviation("data of the previous generation is still answered")
    if not await second.ask():
        raise Deviation("late data of the previous generation has ended the new one")
    return "the previous generation is dead, the new one lives"


@case("4.3", SAFETY, profiles=ONLY, lacks=not_persistent, into=CASES)
async def late_hello(lab: CaseContext) -> str:
    """The hello of the first generation, arriving late in the second, changes nothing."""
    wire = await lab.wire()
    first = await session(wire)
    second = await next_generation(first)
    await second.ask()
    late = replace(first.attempt, back=(fresh("late"),))
    late.send("the first hello, late")
    reply = read(await wire.silent(late.back[-1]))
    if isinstance(reply, Answer):
        raise Deviation("a late hello of an earlier generation is answered as if it were new")
    if not await second.ask():
        raise Deviation("a late hello of an earlier generation has ended the present one")
    return "not answered, and the present generation lives"


@case("4.9", SAFETY, profiles=ONLY, into=CASES)
async def sessions_by_id(lab: CaseContext) -> str:
    """Hellos of the same number for different sessions are different sessions, each with its own responder."""
    wire = await lab.wire()
    talks: list[ClientSession] = []
    for _ in range(3):
        attempt = as_first(hello(wire, session_id=new_session_id(lab.target.profile)), 4)
        attempt.send()
        talks.append(await attempt.talk())
    if len({talk.worker for talk in talks}) < len(talks) or any(talk.answer.resumed for talk in talks):
        raise Deviation("hellos of different sessions reach one responder")
    return "three session ids, three responders"

"""Cases about leaked responders, which outlive their connection: found by their replies or by the spawner's places.

Theory: a responder whose connection is lost can only be observed over another connection. There its address replies, in
a node that accepts a session's messages over any connection (5.4 forbids it; stock nodes do it). In profile
`generation` its hello gets the same answer as before (4.2). In a spawner whose bound was observed, it takes a place.

Rule 1: silence is evidence only where a live session would reply. So a live session is asked over another connection
        first; where it is silent, too, the case is not applicable, and its reason names the option to declare.
Rule 2: a node may notice a lost connection after it has accepted the next one: a responder that replies is asked again.
Source: clauses 2.3, 3.11, 4.2, 4.9, 5.4.
"""

from __future__ import annotations

from dataclasses import replace

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, too_large
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire
from ockam_fsm.conformance.wire.client_session import ClientSession, at_once, confirm, hello, is_bounded, session
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.net.raw_peer import now, pause

CASES: list[Case] = []
LEAK = Severity.LEAK
NOTICED_SECONDS = 0.5
TIMES = 3
"""How often a responder has to reply before it counts as leaked."""


def keeps_its_place(target: NodeUnderTest) -> str:
    kept = target.session_type.persistent and target.generations
    return "a persistent responder keeps its state and its place for the retention time" if kept else ""


@case("3.11", LEAK, Manner.PLAIN, lacks=keeps_its_place, into=CASES)
async def gone_with_its_connection(context: CaseContext) -> str:
    """A responder, confirmed or not, ends when its connection is reset or closed."""
    other = await context.wire("kit, another connection")
    if not context.target.generations:
        await reached(await session(await context.wire("kit, which stays")), other)
    talks: dict[str, ClientSession] = {}
    for wire, lost in (await context.wire(), "reset"), (await context.wire("kit, second connection"), "closed"):
        talks[f"a responder whose connection was {lost}"] = await session(wire)
        talks[f"an unconfirmed responder whose connection was {lost}"] = await session(wire, confirmed=False)
        (wire.peer.reset if lost == "reset" else wire.peer.abort)()
        context.record.note(f"the connection is {lost}", wire.name)
    if left := await outliving(talks, other):
        raise Deviation(f"expected no reply over another connection; got one from: {'; '.join(left)}")
    return f"gone: {'; '.join(talks)}"


@case("3.11", LEAK, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def duplicate_gone_with_its_connection(context: CaseContext) -> str:
    """A repeated hello may make a second responder (2.3), which ends with its connection."""
    other, wire = await context.wire("kit, another connection"), await context.wire()
    attempt = hello(wire)
    attempt.send()
    first = await attempt.talk()
    await confirm(first)
    attempt.send("the same hello again")
    await wire.settled()
    message = await attempt.answered(context.target.pace.linger_seconds)
    if message is None:
        raise NotApplicable("a repeated hello gets no second answer, so no second responder shows")
    second = attempt.completed(message)
    if second.worker == first.worker:
        return "a repeated hello gets the same responder"
    await reached(first, other)
    wire.peer.reset()
    context.record.note("the connection is reset", wire.name)
    if await outliving({"": second}, other):
        raise Deviation(
            "expected the second responder of a repeated hello to end with its connection; it still replies over "
            "another one"
        )
    return "a repeated hello makes a second responder, which ends with its connection"


async def reached(live: ClientSession, other: Wire) -> None:
    """Check rule 1 in profile `ockam`. Raises NotApplicable: a live session does not reply over another connection."""
    if not await live.dead(wire=other, meaning="data for a live session, over another connection"):
        return
    remedy = "see case lost-connection-frees" if live.wire.context.target.capacity else "declare --capacity to judge it"
    raise NotApplicable(
        f"a live session does not reply over another connection (5.4), so a leaked responder does not show; {remedy}"
    )


async def outliving(talks: dict[str, ClientSession], other: Wire) -> list[str]:
    """The names of the sessions whose responder replies over another connection although its own is lost (rule 2)."""
    left = talks
    for time in range(TIMES):
        await pause(NOTICED_SECONDS if time else 0.0)
        left = {name: talk for name, talk in left.items() if await is_there(talk, other)}
        if not left:
            break
    return list(left)


async def is_there(talk: ClientSession, other: Wire) -> bool:
    if not talk.attempt.profile.names_sessions:
        return not await talk.dead(wire=other, meaning="data for the session whose connection is lost")
    again = replace(talk.attempt, wire=other)
    again.send("the hello of the session whose connection is lost")
    await other.settled()  # a responder that is just ending need not answer
    message = await again.answered(0.0)
    if message is None or again.is_refused_by(message):
        return False
    return again.completed(message).worker == talk.worker


@case("3.11", LEAK, Manner.LAST, lacks=lambda target: keeps_its_place(target) or too_large(target), into=CASES)
async def lost_connection_frees(context: CaseContext) -> str:
    """Responders whose connection is lost give their places in the spawner back."""
    capacity = context.target.capacity or 0
    wire, began, half = await context.wire(), now(), capacity // 2 + 1
    if (made := await admitted(wire, half)) < half:
        raise Deviation(f"expected places for {half} sessions once earlier connections are closed; got {made}")
    await wire.settled()
    wire.peer.reset()
    context.record.note("the connection is reset", wire.name)
    second = await context.wire("kit, reconnected")
    missing = wanted = capacity // 2
    for _ in range(2):  # the node may notice the new connection first
        missing -= await admitted(second, missing)
        await pause(NOTICED_SECONDS if missing else 0.0)
    if missing:
        raise Deviation(
            f"expected places for {wanted} sessions after the connection of the others was lost; {missing} were refused"
        )
    idle_seconds = context.target.durations.idle_seconds if "idle" in context.target.declared else None
    if idle_seconds is not None and now() - began >= idle_seconds:
        raise Undecided("node or machine were too slow: responders may have ended by their idle time-out meanwhile")
    if not await is_bounded(second, capacity - wanted + 1):
        raise NotApplicable(f"the spawner admits more sessions than the declared {capacity}, so a leak does not show")
    return f"{wanted} sessions found a place again, and the capacity is bounded"


async def admitted(wire: Wire, number: int) -> int:
    """How many of `number` hellos make a responder. Each is confirmed, so that it keeps its place."""
    attempts = at_once(wire, number)
    await wire.settled()
    replies = [(attempt, message) for attempt in attempts if (message := await attempt.answered(0.0)) is not None]
    taken = [(attempt, message) for attempt, message in replies if not attempt.is_refused_by(message)]
    for attempt, message in taken:
        attempt.completed(message).data(b"confirmed")
    return len(taken)

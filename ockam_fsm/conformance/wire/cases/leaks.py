"""What the node under test keeps of a responder that nobody can use any more: shown by who answers, or by room.

Theory: that a responder has outlived its connection cannot be asked over that connection. Over another one its address
tells, in a node that takes a session's messages from anywhere (which 5.4 forbids, and stock nodes do). In profile
`generation` its hello tells: the responder that is still there answers it as before (4.2). Room tells in a spawner that
is seen to have a bound.

Rule 1: nothing is shown by the silence of what would be silent in any case. So a session that lives is asked the same
        way before; where it is silent, too, the case is not applicable, and says what to declare.
Rule 2: a node may hear of a lost connection after it has heard of the next one: who answers is asked again.
Source: clauses 2.3, 3.11, 4.2, 4.9, 5.4.
"""

from __future__ import annotations

from dataclasses import replace

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, too_large
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire
from ockam_fsm.conformance.wire.client_session import ClientSession, at_once, confirm, hello, is_bounded, session
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.net.raw_peer import now, pause

CASES: list[Case] = []
LEAK = Severity.LEAK
NOTICED_SECONDS = 0.5
TIMES = 3
"""So often it is asked who answers, before it is said that somebody has outlived a connection."""


def keeps_its_place(target: Target) -> str:
    kept = target.session_type.persistent and target.generations
    return "a persistent responder keeps its state, and its place, for the retention time" if kept else ""


@case("3.11", LEAK, Manner.PLAIN, lacks=keeps_its_place, into=CASES)
async def gone_with_its_connection(lab: CaseContext) -> str:
    """When its connection is reset or closed a responder ends with it, confirmed or not: nothing answers for it."""
    other = await lab.wire("kit, another connection")
    if not lab.target.generations:
        await reached(await session(await lab.wire("kit, which stays")), other)
    talks: dict[str, ClientSession] = {}
    for wire, lost in (await lab.wire(), "reset"), (await lab.wire("kit, too"), "closed"):
        talks[f"a responder whose connection was {lost}"] = await session(wire)
        talks[f"an unconfirmed one whose connection was {lost}"] = await session(wire, confirmed=False)
        (wire.peer.reset if lost == "reset" else wire.peer.abort)()
        lab.record.note(f"the connection is {lost}", wire.name)
    if left := await outliving(talks, other):
        raise Deviation(f"over another connection still answers: {'; '.join(left)}")
    return f"gone: {'; '.join(talks)}"


@case("3.11", LEAK, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def duplicate_gone_with_its_connection(lab: CaseContext) -> str:
    """A hello that arrives twice may have two responders (2.3). The one that nobody uses ends with its connection."""
    other, wire = await lab.wire("kit, another connection"), await lab.wire()
    attempt = hello(wire)
    attempt.send()
    first = await attempt.talk()
    await confirm(first)
    attempt.send("the same hello again")
    await wire.settled()
    message = await attempt.answered(lab.target.pace.linger_seconds)
    if message is None:
        raise NotApplicable("a hello that comes again has no second answer, so no second responder shows")
    second = attempt.completed(message)
    if second.worker == first.worker:
        return "a hello that comes again has the same responder"
    await reached(first, other)
    wire.peer.reset()
    lab.record.note("the connection is reset", wire.name)
    if await outliving({"": second}, other):
        raise Deviation(
            "a hello that came again has made a second responder, which nobody uses; over another connection it still "
            "answers when the connection of both is lost"
        )
    return "a hello that comes again makes a second responder, which is gone with the connection of both"


async def reached(live: ClientSession, other: Wire) -> None:
    """Rule 1, in profile `ockam`. Raises NotApplicable."""
    if not await live.dead(wire=other, meaning="data for a session that lives, over another connection"):
        return
    remedy = "lost-connection-frees tells by room" if live.wire.lab.target.capacity else "with --capacity room tells"
    raise NotApplicable(
        f"a session that lives takes nothing over another connection (5.4), so who has outlived its own does not show; "
        f"{remedy}"
    )


async def outliving(talks: dict[str, ClientSession], other: Wire) -> list[str]:
    """Rule 2: who answers over another connection, although its own is lost."""
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
    await other.settled()  # one that is just ending need not answer
    message = await again.answered(0.0)
    if message is None or again.is_refused_by(message):
        return False
    return again.completed(message).worker == talk.worker


@case("3.11", LEAK, Manner.LAST, lacks=lambda target: keeps_its_place(target) or too_large(target), into=CASES)
async def lost_connection_frees(lab: CaseContext) -> str:
    """When a connection is lost, the responders that rely on it are told: they do not fill the spawner."""
    capacity = lab.target.capacity or 0
    wire, began, half = await lab.wire(), now(), capacity // 2 + 1
    if (made := await admitted(wire, half)) < half:
        raise Deviation(f"there is room for {made} of {half} sessions, although the connections before are closed")
    await wire.settled()
    wire.peer.reset()
    lab.record.note("the connection is reset", wire.name)
    second = await lab.wire("kit, reconnected")
    missing = wanted = capacity // 2
    for _ in range(2):  # the node may hear of the new connection first
        missing -= await admitted(second, missing)
        await pause(NOTICED_SECONDS if missing else 0.0)
    if missing:
        raise Deviation(f"for {missing} of {wanted} more sessions there is no room, as if the connection were not lost")
    idle_seconds = lab.target.durations.idle_seconds if "idle" in lab.target.declared else None
    if idle_seconds is not None and now() - began >= idle_seconds:
        raise Undecided("node or machine were too slow: idle responders may have made the room")
    if not await is_bounded(second, capacity - wanted + 1):
        raise NotApplicable(f"there is room for more than the {capacity} sessions that are declared: it shows nothing")
    return "room for as many sessions again, and for no more"


async def admitted(wire: Wire, number: int) -> int:
    """How many of so many hellos make a responder. Each is confirmed, so that it keeps its place."""
    attempts = at_once(wire, number)
    await wire.settled()
    replies = [(attempt, message) for attempt in attempts if (message := await attempt.answered(0.0)) is not None]
    taken = [(attempt, message) for attempt, message in replies if not attempt.is_refused_by(message)]
    for attempt, message in taken:
        attempt.completed(message).data(b"confirmed")
    return len(taken)

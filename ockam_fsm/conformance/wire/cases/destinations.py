"""Connections that the node under test makes: how it uses them, and what it makes of what comes back over them.

Rule 1: the kit is a node like another one there: it sends its version byte on every connection, unless a case is about
        one that is slow, silent or wrong.
Rule 2: a node that makes no connection (16.8) has nothing to be judged.
Source: clauses 14.1 and 14.4.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    NotApplicable,
    Undecided,
    Wire,
    fresh,
    no_connection,
)
from ockam_fsm.conformance.wire.cases.connections import UNREADABLE, VERSION_SECONDS, parts
from ockam_fsm.net.raw_peer import RawListener, now, pause
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.frames import MAX_FRAME_BYTES, VERSION, encode_frame
from ockam_fsm.runtime.encoding.message import local

CASES: list[Case] = []
ROBUSTNESS, LIVENESS, SAFETY, LEAK = Severity.ROBUSTNESS, Severity.LIVENESS, Severity.SAFETY, Severity.LEAK
RELAYED = 20
SLOW_SECONDS = 1.0


@case("14.1", LEAK, into=CASES)
async def one_connection(lab: CaseContext) -> str:
    """Messages to one TCP destination travel over one connection, in order."""
    wire, listener = await lab.wire(), await lab.listen()
    mine = await relayed(lab, wire, listener, range(RELAYED))
    arrived = await numbers(lab, mine, RELAYED)
    await wire.settled()
    if listener.accepted > 1:
        raise Deviation(f"{RELAYED} messages to one destination made {listener.accepted} connections")
    if arrived != list(range(RELAYED)):
        raise Deviation(f"{RELAYED} messages arrived as {arrived}")
    return f"{RELAYED} messages, one connection, in order"


@case("14.1", SAFETY, into=CASES)
async def order_on_reconnect(lab: CaseContext) -> str:
    """When a connection of the node's breaks, what it sends over the next one is in order, and nothing twice."""
    wire, listener = await lab.wire(), await lab.listen()
    first = await relayed(lab, wire, listener, range(5))
    await numbers(lab, first, 5)
    first.peer.reset()
    lab.record.note("the connection is reset", first.name)
    await wire.settled()
    try:
        second = await relayed(lab, wire, listener, range(5, 5 + RELAYED))
    except NotApplicable:
        raise Undecided("the node does not connect again within the patience of the kit") from None
    arrived = await numbers(lab, second, RELAYED)
    if not arrived:
        raise Undecided("no message came over the new connection")
    if arrived != sorted(set(arrived)):
        raise Deviation(f"messages arrived as {arrived} over the new connection")
    return f"{len(arrived)} of {RELAYED} messages came over the new connection, in order"


@case("14.1", LIVENESS, into=CASES)
async def unreachable_destination(lab: CaseContext) -> str:
    """While messages wait for a destination that does not answer, nothing else waits."""
    wire, listener = await lab.wire(), await lab.listen(greeting=b"")
    nowhere = tcp(listener.where)
    for _ in range(3):
        wire.send((nowhere, local("x")), b"waits", (fresh(),), "to a destination that says nothing")
    if not await wire.echoes(note=True):
        raise Deviation(wire.missing("reply while other messages wait for their connection"))
    return "everything else goes on"


@case("14.1", LIVENESS, into=CASES)
async def slow_destination(lab: CaseContext) -> str:
    """Messages for a destination whose version byte takes a second wait for it, and arrive in order."""
    wire, listener = await lab.wire(), await lab.listen(greeting=b"")
    ask(wire, listener, range(RELAYED))
    mine = await connection(lab, listener)
    await pause(SLOW_SECONDS)
    mine.raw(VERSION, f"version byte, {SLOW_SECONDS:g} s late")
    arrived = await numbers(lab, mine, RELAYED)
    if mine.peer.ended and not arrived:
        raise Deviation(f"it does not wait for the version byte: {mine.peer.ended}")
    if arrived != list(range(RELAYED)):
        raise Deviation(f"{RELAYED} messages arrived as {arrived}")
    return f"{RELAYED} messages waited, and arrived in order"


@case("14.1", LEAK, Manner.PATIENT, into=CASES)
async def silent_destination(lab: CaseContext) -> str:
    """A connection that the node made, and on which no version byte comes, is closed after 5 s."""
    wire, listener = await lab.wire(), await lab.listen(greeting=b"")
    ask(wire, listener, range(1))
    mine = await connection(lab, listener)
    lab.record.note("the kit says nothing", mine.name)
    if not await mine.closes(VERSION_SECONDS):
        raise Deviation(f"the connection is open long after {VERSION_SECONDS:g} s")
    return "closed"


@case("14.1", ROBUSTNESS, into=CASES)
async def wrong_version_of_a_destination(lab: CaseContext) -> str:
    """A connection that the node made, and whose other end begins with another byte than 01, is closed."""
    wire, listener = await lab.wire(), await lab.listen(greeting=b"")
    ask(wire, listener, range(1))
    mine = await connection(lab, listener)
    mine.raw(b"\x02", "version byte 02")
    if not await mine.closes():
        raise Deviation("a connection whose other end begins with 02 stays open")
    return "closed"


@case("14.1", ROBUSTNESS, into=CASES)
async def empty_frames_of_a_destination(lab: CaseContext) -> str:
    """Frames of length 0 are ignored on a connection that the node made, too: what follows travels over it."""
    wire, listener = await lab.wire(), await lab.listen()
    mine = await relayed(lab, wire, listener, range(1))
    await numbers(lab, mine, 1)
    mine.raw(bytes(4) * 3, "three frames of length 0")
    await wire.settled()
    ask(wire, listener, range(1, 2))
    if await numbers(lab, mine, 1) != [1]:
        raise Deviation(mine.missing("message over the connection after frames of length 0"))
    return "ignored"


@case("14.1", ROBUSTNESS, into=CASES)
async def oversized_frame_of_a_destination(lab: CaseContext) -> str:
    """A frame of more than 16 MiB on a connection that the node made closes it before its body is read."""
    wire, listener = await lab.wire(), await lab.listen()
    mine = await relayed(lab, wire, listener, range(1))
    mine.raw((MAX_FRAME_BYTES + 1).to_bytes(4, "big"), "length of 16 MiB + 1")
    if not await mine.closes():
        raise Deviation("the connection stays open, so the node waits for the body")
    return "closed at the length"


@case("14.4", SAFETY, into=CASES)
async def malformed_frames_of_a_destination(lab: CaseContext) -> str:
    """What cannot be read on a connection that the node made ends nothing: messages for there arrive, over it or over
    the next one."""
    wire = await lab.wire()
    for name, make in UNREADABLE.items():
        listener = await lab.listen()
        mine = await relayed(lab, wire, listener, range(1))
        await numbers(lab, mine, 1)
        mine.raw(encode_frame(make(*parts((fresh("nobody"),), (fresh("back"),), b"unreadable"))), name)
        await wire.settled()
        if not await goes_on(lab, wire, listener, mine):
            raise Deviation(mine.missing(f"message for this destination after a frame with {name}"))
    return f"messages go on after {', '.join(UNREADABLE)}"


async def goes_on(lab: CaseContext, wire: Wire, listener: RawListener, mine: Wire) -> bool:
    """Whether a message for this destination arrives, over the connection or over the next one. What is written into a
    connection that is about to close is lost by right, so it is sent twice."""
    for _ in range(2):
        ask(wire, listener, range(1, 2))
        if await numbers(lab, mine, 1) or (
            mine.peer.ended and await numbers(lab, mine := await connection(lab, listener), 1)
        ):
            return True
    return False


def ask(wire: Wire, listener: RawListener, which: range) -> None:
    """Have the node send numbered messages to the kit's listener."""
    for number in which:
        back = (tcp(listener.where), local("numbered"))
        wire.send(back, str(number).encode(), (), f"to tcp://kit: {number}")


async def connection(lab: CaseContext, listener: RawListener) -> Wire:
    """The next connection that the node makes to the kit."""
    try:
        return lab.adopt(await listener.next(lab.patience), "kit, as a destination")
    except TimeoutError:
        raise NotApplicable(no_connection(listener.where)) from None


async def relayed(lab: CaseContext, wire: Wire, listener: RawListener, which: range) -> Wire:
    """Have the node send numbered messages to the kit's listener; the result is the connection that it makes."""
    ask(wire, listener, which)
    mine = await connection(lab, listener)
    await lab.expect_version(mine)
    return mine


async def numbers(lab: CaseContext, wire: Wire, most: int) -> list[int]:
    """The numbers that arrive over one connection, until all are here or no more come."""
    arrived: list[int] = []
    deadline = now() + lab.patience
    while len(arrived) < most and now() < deadline:
        message = await wire.hear(local("numbered"), seconds=min(1.0, lab.patience))
        if message is None and (arrived or wire.peer.ended):
            break
        arrived += [int(message.payload)] if message is not None and message.payload.isdigit() else []
    return arrived

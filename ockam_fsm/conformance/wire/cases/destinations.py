"""Cases about connections that the node under test makes: how it uses them, and how it handles incoming bytes on them.

Rule 1: the kit acts as a node there: it sends its version byte on every connection, unless a case is about a peer that
        is slow, silent or wrong.
Rule 2: for a node that makes no connections (16.8) these cases are not applicable.
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
async def one_connection(context: CaseContext) -> str:
    """Messages to one TCP destination go over one connection, in order."""
    wire, listener = await context.wire(), await context.listen()
    mine = await relayed(context, wire, listener, range(RELAYED))
    arrived = await numbers(context, mine, RELAYED)
    await wire.settled()
    if listener.accepted > 1:
        raise Deviation(f"expected one connection for {RELAYED} messages to one destination; got {listener.accepted}")
    if arrived != list(range(RELAYED)):
        raise Deviation(f"expected the messages 0 to {RELAYED - 1} in order; got {arrived}")
    return f"{RELAYED} messages over one connection, in order"


@case("14.1", SAFETY, into=CASES)
async def order_on_reconnect(context: CaseContext) -> str:
    """After a connection that the node made is lost, messages over the next one are in order, none twice."""
    wire, listener = await context.wire(), await context.listen()
    first = await relayed(context, wire, listener, range(5))
    await numbers(context, first, 5)
    first.peer.reset()
    context.record.note("the connection is reset", first.name)
    await wire.settled()
    try:
        second = await relayed(context, wire, listener, range(5, 5 + RELAYED))
    except NotApplicable:
        raise Undecided(f"the node made no new connection within {context.patience:g} s (--patience)") from None
    arrived = await numbers(context, second, RELAYED)
    if not arrived:
        raise Undecided("no message came over the new connection")
    if arrived != sorted(set(arrived)):
        raise Deviation(f"expected rising numbers over the new connection; got {arrived}")
    return f"{len(arrived)} of {RELAYED} messages came over the new connection, in order"


@case("14.1", LIVENESS, into=CASES)
async def unreachable_destination(context: CaseContext) -> str:
    """Messages that wait for a destination without a version byte delay nothing else."""
    wire, listener = await context.wire(), await context.listen(greeting=b"")
    nowhere = tcp(listener.where)
    for _ in range(3):
        wire.send((nowhere, local("x")), b"waits", (fresh(),), "to a silent destination")
    if not await wire.echoes(note=True):
        raise Deviation(wire.missing("a reply while other messages wait for their connection"))
    return "the node replies while messages wait for their connection"


@case("14.1", LIVENESS, into=CASES)
async def slow_destination(context: CaseContext) -> str:
    """Messages for a destination whose version byte takes a second wait for it and arrive in order."""
    wire, listener = await context.wire(), await context.listen(greeting=b"")
    ask(wire, listener, range(RELAYED))
    mine = await connection(context, listener)
    await pause(SLOW_SECONDS)
    mine.raw(VERSION, f"version byte, {SLOW_SECONDS:g} s late")
    arrived = await numbers(context, mine, RELAYED)
    if mine.peer.ended and not arrived:
        raise Deviation(f"expected the node to wait {SLOW_SECONDS:g} s for the version byte; {mine.peer.ended}")
    if arrived != list(range(RELAYED)):
        raise Deviation(f"expected the messages 0 to {RELAYED - 1} in order; got {arrived}")
    return f"{RELAYED} messages waited and arrived in order"


@case("14.1", LEAK, Manner.PATIENT, into=CASES)
async def silent_destination(context: CaseContext) -> str:
    """A connection that the node made is closed after 5 s without a version byte."""
    wire, listener = await context.wire(), await context.listen(greeting=b"")
    ask(wire, listener, range(1))
    mine = await connection(context, listener)
    context.record.note("the kit sends nothing", mine.name)
    if not await mine.closes(VERSION_SECONDS):
        raise Deviation(f"expected a silent connection to be closed after {VERSION_SECONDS:g} s; it is still open")
    return "a connection made by the node is closed without a version byte"


@case("14.1", ROBUSTNESS, into=CASES)
async def wrong_version_of_a_destination(context: CaseContext) -> str:
    """A connection that the node made is closed if its peer begins with another byte than 01."""
    wire, listener = await context.wire(), await context.listen(greeting=b"")
    ask(wire, listener, range(1))
    mine = await connection(context, listener)
    mine.raw(b"\x02", "version byte 02")
    if not await mine.closes():
        raise Deviation("expected a connection whose peer begins with 02 to be closed; it stays open")
    return "a connection made by the node is closed after version byte 02"


@case("14.1", ROBUSTNESS, into=CASES)
async def empty_frames_of_a_destination(context: CaseContext) -> str:
    """Frames of length 0 are ignored on a connection that the node made: messages still go over it."""
    wire, listener = await context.wire(), await context.listen()
    mine = await relayed(context, wire, listener, range(1))
    await numbers(context, mine, 1)
    mine.raw(bytes(4) * 3, "three frames of length 0")
    await wire.settled()
    ask(wire, listener, range(1, 2))
    if await numbers(context, mine, 1) != [1]:
        raise Deviation(mine.missing("a message over the connection after frames of length 0"))
    return "frames of length 0 are ignored on a connection made by the node"


@case("14.1", ROBUSTNESS, into=CASES)
async def oversized_frame_of_a_destination(context: CaseContext) -> str:
    """A frame of more than 16 MiB on a connection that the node made closes it before the body is read."""
    wire, listener = await context.wire(), await context.listen()
    mine = await relayed(context, wire, listener, range(1))
    mine.raw((MAX_FRAME_BYTES + 1).to_bytes(4, "big"), "length of 16 MiB + 1")
    if not await mine.closes():
        raise Deviation("expected the connection to be closed at a length of 16 MiB + 1; it stays open for the body")
    return "a frame of 16 MiB + 1 closes a connection made by the node at its length"


@case("14.4", SAFETY, into=CASES)
async def malformed_frames_of_a_destination(context: CaseContext) -> str:
    """After unreadable frames on a connection that the node made, messages to its peer arrive, over it or the next."""
    wire = await context.wire()
    for name, make in UNREADABLE.items():
        listener = await context.listen()
        mine = await relayed(context, wire, listener, range(1))
        await numbers(context, mine, 1)
        mine.raw(encode_frame(make(*parts((fresh("nobody"),), (fresh("back"),), b"unreadable"))), name)
        await wire.settled()
        if not await goes_on(context, wire, listener, mine):
            raise Deviation(mine.missing(f"a message for this destination after a frame with {name}"))
    return f"messages arrive after frames with {', '.join(UNREADABLE)}"


async def goes_on(context: CaseContext, wire: Wire, listener: RawListener, mine: Wire) -> bool:
    """Whether a message for this destination arrives, over the connection or the next one. It is sent twice, since a
    message written to a closing connection may be lost."""
    for _ in range(2):
        ask(wire, listener, range(1, 2))
        if await numbers(context, mine, 1) or (
            mine.peer.ended and await numbers(context, mine := await connection(context, listener), 1)
        ):
            return True
    return False


def ask(wire: Wire, listener: RawListener, which: range) -> None:
    """Make the node send numbered messages to the kit's listener."""
    for number in which:
        back = (tcp(listener.where), local("numbered"))
        wire.send(back, str(number).encode(), (), f"to tcp://kit: {number}")


async def connection(context: CaseContext, listener: RawListener) -> Wire:
    """The next connection that the node makes to the kit."""
    try:
        return context.adopt(await listener.next(context.patience), "kit, as a destination")
    except TimeoutError:
        raise NotApplicable(no_connection(listener.where)) from None


async def relayed(context: CaseContext, wire: Wire, listener: RawListener, which: range) -> Wire:
    """Make the node send numbered messages to the kit's listener. Return the connection that it makes."""
    ask(wire, listener, which)
    mine = await connection(context, listener)
    await context.expect_version(mine)
    return mine


async def numbers(context: CaseContext, wire: Wire, most: int) -> list[int]:
    """The numbers that arrive over one connection, until there are `most` or no more come."""
    arrived: list[int] = []
    deadline = now() + context.patience
    while len(arrived) < most and now() < deadline:
        message = await wire.receive(local("numbered"), seconds=min(1.0, context.patience))
        if message is None and (arrived or wire.peer.ended):
            break
        arrived += [int(message.payload)] if message is not None and message.payload.isdigit() else []
    return arrived

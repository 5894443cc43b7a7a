"""Cases about the connection of an initiator: empty and malformed frames, a slow or silent kit.

Source: clauses 3.11, 14.1 and 14.4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire, fresh
from ockam_fsm.conformance.wire.cases.connections import UNREADABLE, VERSION_SECONDS, parts
from ockam_fsm.conformance.wire.initiator_context import InitiatorContext
from ockam_fsm.conformance.wire.initiator_steps import (
    believed,
    initiator_context,
    next_hello,
    renegotiates,
    shows,
    transient,
)
from ockam_fsm.runtime.encoding.frames import VERSION, encode_frame

CASES: list[Case] = []
ROBUSTNESS, LIVENESS, SAFETY, LEAK = Severity.ROBUSTNESS, Severity.LIVENESS, Severity.SAFETY, Severity.LEAK
SLOW_SECONDS = 1.0


@case("14.1", ROBUSTNESS, Manner.PLAIN, into=CASES)
async def empty_frames(context: CaseContext) -> str:
    """Frames of length 0 before the answer are ignored: the answer is accepted over the same connection."""
    asked = await initiator_context(context).begin()
    asked.wire.raw(bytes(4) * 3, "three frames of length 0")
    await believed(context, asked, "frames of length 0")
    return "frames of length 0 are ignored"


@case("14.4", SAFETY, Manner.PLAIN, into=CASES)
async def malformed_frames(context: CaseContext) -> str:
    """After unreadable frames the answer is accepted, or another hello comes over the next connection."""
    initiator = initiator_context(context)
    asked = await initiator.begin()
    for name, make in UNREADABLE.items():
        asked.wire.raw(encode_frame(make(*parts((fresh("nobody"),), (fresh("back"),), b"unreadable"))), name)
    worker = fresh("worker")
    asked.answer(worker)
    if await asked.wire.receive(worker) is not None:
        return "the answer after unreadable frames is accepted"
    if not asked.wire.peer.ended:
        await shows(context)
        raise Deviation(asked.wire.missing("a message in the session after unreadable frames"))
    if renegotiates(context.target) is False:
        raise NotApplicable("the node closes the connection after unreadable frames, and a transient session with it")
    following = await next_hello(context, 1, "the node closed the connection after unreadable frames")
    await believed(context, following, "unreadable frames, over the next connection")
    return "the connection is closed, and another hello comes over the next one"


@asynccontextmanager
async def _unanswered(context: CaseContext) -> AsyncIterator[tuple[InitiatorContext, Wire]]:
    """A connection that the node has made and on which the kit has not sent its version byte."""
    initiator = initiator_context(context)
    initiator.listener.greeting = b""
    try:
        await initiator.start()
        yield initiator, initiator.adopt(await initiator.listener.next(initiator.wait_seconds), "kit")
    except TimeoutError:
        raise Undecided("no connection came; let the node open a session to this address (--run)") from None
    finally:
        initiator.listener.greeting = VERSION


@case("14.1", LIVENESS, Manner.PLAIN, into=CASES)
async def slow_version(context: CaseContext) -> str:
    """The node waits for a version byte that takes a second, and then sends its hello."""
    async with _unanswered(context) as (initiator, wire):
        await wire.receive(seconds=SLOW_SECONDS)
        if wire.peer.ended:
            raise Deviation(f"expected the node to wait {SLOW_SECONDS:g} s for the version byte; {wire.peer.ended}")
        wire.raw(VERSION, f"version byte, {SLOW_SECONDS:g} s late")
    if await initiator.hello(context.patience) is None:
        raise Deviation(wire.missing("a hello after a version byte that took a second"))
    return "the hello comes after a slow version byte"


@case("14.1", LEAK, Manner.PLAIN, into=CASES)
async def silent_version(context: CaseContext) -> str:
    """A connection without a version byte of the peer is closed after 5 s."""
    async with _unanswered(context) as (_, wire):
        context.record.note("the kit sends nothing", wire.name)
        if not await wire.closes(VERSION_SECONDS):
            raise Deviation(f"expected a silent connection to be closed after {VERSION_SECONDS:g} s; it is still open")
    return "a silent connection is closed"


@case("3.11", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def lost_before_the_hello(context: CaseContext) -> str:
    """After a connection is lost before its version byte, the node makes another one and sends its hello."""
    async with _unanswered(context) as (_, wire):
        wire.peer.reset()
        context.record.note("the connection is reset before the version byte", wire.name)
    await next_hello(context, 0, "a connection was lost before its version byte")
    return "the hello comes over another connection"

"""The connection over which the node under test initiates: frames that are empty or malformed, a slow or silent kit.

Source: clauses 14.1 and 14.4.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire, fresh
from ockam_fsm.conformance.wire.cases.connections import UNREADABLE, VERSION_SECONDS, parts
from ockam_fsm.conformance.wire.cases.initiators import door, pause_seconds
from ockam_fsm.conformance.wire.initiator_context import Asked, InitiatorContext
from ockam_fsm.runtime.encoding.frames import VERSION, encode_frame

CASES: list[Case] = []
ROBUSTNESS, LIVENESS, SAFETY, LEAK = Severity.ROBUSTNESS, Severity.LIVENESS, Severity.SAFETY, Severity.LEAK
SLOW_SECONDS = 1.0


@case("14.1", ROBUSTNESS, Manner.PLAIN, into=CASES)
async def empty_frames(lab: CaseContext) -> str:
    """Frames of length 0 before the answer are ignored: the answer is believed, over the same connection."""
    asked = await door(lab).begin()
    asked.wire.raw(bytes(4) * 3, "three frames of length 0")
    await believed(lab, asked, "frames of length 0")
    return "ignored"


@case("14.4", SAFETY, Manner.PLAIN, into=CASES)
async def malformed_frames(lab: CaseContext) -> str:
    """What cannot be read before the answer ends nothing: the answer is believed, or another hello comes."""
    doorway = door(lab)
    asked = await doorway.begin()
    for name, make in UNREADABLE.items():
        asked.wire.raw(encode_frame(make(*parts((fresh("nobody"),), (fresh("back"),), b"unreadable"))), name)
    if not await asked.wire.peer.closed(SLOW_SECONDS):
        await believed(lab, asked, "frames that cannot be read")
        return "the answer after them is believed"
    if not lab.target.session_type.persistent:
        raise NotApplicable("the node closes the connection, and a transient session ends with it")
    durations = lab.target.durations
    following = await doorway.hello(durations.negotiation_seconds * 2 + pause_seconds(durations, 1) + lab.patience)
    if following is None:
        raise Deviation("the node closes the connection, and no other hello comes")
    await believed(lab, following, "a frame that cannot be read, over the next connection")
    return "the connection is closed, and another hello comes over the next one"


@asynccontextmanager
async def _unanswered(lab: CaseContext) -> AsyncIterator[tuple[InitiatorContext, Wire]]:
    """A connection that the node has made, on which the kit has not said its version byte."""
    doorway = door(lab)
    doorway.listener.greeting = b""
    try:
        await doorway.start()
        yield doorway, doorway.adopt(await doorway.listener.next(doorway.wait_seconds), "kit")
    except TimeoutError:
        raise Undecided("no connection came: is the node told to open a session to this address?") from None
    finally:
        doorway.listener.greeting = VERSION


@case("14.1", LIVENESS, Manner.PLAIN, into=CASES)
async def slow_version(lab: CaseContext) -> str:
    """A version byte that takes a second is waited for: the hello comes."""
    async with _unanswered(lab) as (doorway, wire):
        await wire.hear(seconds=SLOW_SECONDS)
        if wire.peer.ended:
            raise Deviation(f"it does not wait for the version byte: {wire.peer.ended}")
        wire.raw(VERSION, f"version byte, {SLOW_SECONDS:g} s late")
    if await doorway.hello(lab.patience) is None:
        raise Deviation(wire.missing("hello after a version byte that took a second"))
    return "the hello comes"


@case("14.1", LEAK, Manner.PLAIN, into=CASES)
async def silent_version(lab: CaseContext) -> str:
    """A connection on which no version byte comes is closed after 5 s."""
    async with _unanswered(lab) as (_, wire):
        lab.record.note("the kit says nothing", wire.name)
        if not await wire.closes(VERSION_SECONDS):
            raise Deviation(f"the connection is open long after {VERSION_SECONDS:g} s")
    return "closed"


async def believed(lab: CaseContext, asked: Asked, after: str) -> None:
    """Answer, and see that the node talks in the session.

    Raises:
        Deviation: it does not.
    """
    worker = fresh("worker")
    asked.answer(worker)
    if await asked.wire.hear(worker) is not None:
        return
    if not lab.target.generations and not asked.wire.peer.ended:
        raise NotApplicable("the node's application says nothing, so in profile ockam nothing shows")
    raise Deviation(asked.wire.missing(f"message in the session after {after}"))

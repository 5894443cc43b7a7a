"""Common steps of cases about initiators: waiting for a hello, and checking that an answer is accepted.

Rule 1: an initiator chooses its own time-outs. A missing hello is a deviation only where they are declared and a hello
        is required; else the case is not applicable, and its reason names the options to declare. A hello that comes is
        always judged. An application may close its session after a failure.
Rule 2: in profile `ockam` an initiator sends nothing until its application does. Silence is evidence only if the same
        node sends something in an undisturbed session, which is tried afterwards.
Rule 3: without a declared type, a second hello counts neither for nor against a node in profile `ockam`.
Source: clauses 3.2 to 3.4, 3.9, 4.3.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from ockam_fsm.conformance.wire.case import not_persistent, undeclared
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    CaseOutcome,
    Deviation,
    NotApplicable,
    Wire,
    fresh,
)
from ockam_fsm.conformance.wire.initiator_context import SILENT, Asked, InitiatorContext
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.net.raw_peer import now
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.session.config import Durations

LATE_SECONDS = 2.0
TIMES_PATIENCE = 3
"""How long to wait for a hello without declared times, in multiples of the patience. By default this is longer than the
usual attempt and back-off of 10 s and 1 s."""
RETRY_TIMES = ("negotiation", "back-off")


def initiator_context(context: CaseContext) -> InitiatorContext:
    """The context of a case as that of a case about initiators."""
    assert isinstance(context, InitiatorContext), "cases about initiators have an InitiatorContext"
    return context


# What is known of the target ------------------------------------------------------------------------------------------


def renegotiates(target: NodeUnderTest) -> bool | None:
    """Whether a failed session is negotiated again. None: not declared (Rule 3)."""
    if target.session_type.persistent or target.type_declared:
        return target.session_type.persistent
    return True if "back-off" in target.declared else None


def transient(target: NodeUnderTest) -> str:
    """The reason not to run a case about renegotiation; empty if there is none."""
    return "the sessions are transient" if renegotiates(target) is False else ""


def persistent(target: NodeUnderTest) -> str:
    """The reason not to run a case about sessions that end with a failure; empty if there is none."""
    return "the sessions are persistent" if renegotiates(target) else ""


def retries(target: NodeUnderTest) -> str:
    return not_persistent(target) or undeclared(*RETRY_TIMES)(target)


# Deadlines ------------------------------------------------------------------------------------------------------------


def pause_seconds(durations: Durations, failures: int) -> float:
    """The longest back-off after `failures` failures, with a generous margin."""
    back_off = durations.back_off
    return back_off.delay_seconds(failures, 1.0) * 1.5 + LATE_SECONDS


def hello_seconds(target: NodeUnderTest, failures: int = 0) -> float:
    """How long to wait for the next hello after `failures` failures (Rule 1)."""
    if undeclared(*RETRY_TIMES)(target):
        return TIMES_PATIENCE * target.pace.patience_seconds
    return target.durations.negotiation_seconds * 1.5 + pause_seconds(target.durations, failures)


def no_hello(context: CaseContext, seconds: float, after: str, clause: str = "") -> CaseOutcome:
    """The outcome of a case in which no hello came within `seconds` after an event (Rule 1)."""
    target = context.target
    if ended := initiator_context(context).ended():
        return NotApplicable(f"no other hello came: {ended}")
    untyped = "not declared: --type" if renegotiates(target) is None else ""
    if unknown := "; ".join(filter(None, (untyped, undeclared(*RETRY_TIMES)(target)))):
        return NotApplicable(f"no other hello came within {seconds:g} s; not judged: {unknown}")
    return Deviation(f"{after}; expected another hello, none came within {seconds:g} s", clause)


async def next_hello(context: CaseContext, failures: int, after: str, clause: str = "") -> Asked:
    """Wait for the next hello of a session whose attempt or generation has failed. Raises the result of `no_hello`."""
    seconds = hello_seconds(context.target, failures)
    found = await initiator_context(context).hello(seconds)
    if found is None:
        raise no_hello(context, seconds, after, clause)
    return found


async def ends(context: CaseContext, asked: Asked, seconds: float) -> None:
    """Check that a transient session sends no other hello within `seconds`. Hellos of other sessions may come (2.2)."""
    until = now() + seconds
    while (again := await initiator_context(context).hello(max(0.0, until - now()))) is not None:
        if context.target.generations and again.hello.session_id != asked.hello.session_id:
            continue
        if renegotiates(context.target) is None:
            raise NotApplicable("another hello came, of this session or of another one; declare --type to judge it")
        raise Deviation("expected no other hello of a transient session; got one", "3.3")


# Accepted answers -----------------------------------------------------------------------------------------------------


async def believed(
    context: CaseContext, asked: Asked, after: str, *, wrong: Address | None = None, over: Wire | None = None
) -> None:
    """Send the valid answer and check that the node sends to its worker. It must not send to the worker `wrong`, on the
    same connection or on `over`.

    Raises:
        Deviation: it sends nothing, or to the wrong worker.
        NotApplicable: it sends nothing in an undisturbed session either (Rule 2).
    """
    if context.run.says_nothing:
        raise NotApplicable(SILENT)
    right = fresh("worker")
    asked.answer(right)
    message = await asked.wire.receive(right, *([wrong] if wrong else []))
    elsewhere = await over.receive(wrong, seconds=0.0) if over is not None else None
    if elsewhere is not None or (message is not None and message.onward_route[:1] != (right,)):
        raise Deviation(f"expected {after} to be refused; the node sends to its worker")
    if message is None:
        await shows(context)
        raise Deviation(asked.wire.missing(f"a message in the session, opened by a valid answer after {after}"))


async def shows(context: CaseContext) -> None:
    """Check that the node sends something in an undisturbed session (Rule 2). Raises NotApplicable: it does not."""
    if context.target.generations:
        return
    context.record.note("once more, with the valid answer only")
    asked, worker = await initiator_context(context).anew(), fresh("worker")
    asked.answer(worker)
    if await asked.wire.receive(worker) is None:
        raise initiator_context(context).unheard(SILENT)


def middle_pause(found: list[Asked]) -> float:
    return median(after.at - before.at for before, after in pairwise(found))


def pauses(found: list[Asked]) -> str:
    return ", ".join(f"{after.at - before.at:.2f} s" for before, after in pairwise(found))

"""What cases of initiators have in common: how long a hello is waited for, and what shows that an answer is believed.

Rule 1: how long an initiator waits is its own affair. That a hello is missing is a deviation only where the times are
        declared, and where it has to come at all; else it is not applicable, and the reason says what to declare. A
        hello that comes is judged in any case. An application may close its session when something has failed.
Rule 2: in profile `ockam` an initiator says nothing until its application does. So that nothing comes shows something
        only if the same node says something in a session that nobody has disturbed: that is tried afterwards.
Rule 3: where nobody has said the type, the usual one of profile `ockam` is taken for neither right nor wrong.
Source: clauses 3.2 to 3.4, 3.9, 4.3.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from ockam_fsm.conformance.wire.case import not_persistent, undeclared
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    NotApplicable,
    Outcome,
    Wire,
    fresh,
)
from ockam_fsm.conformance.wire.initiator_context import SILENT, Asked, InitiatorContext
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.net.raw_peer import now
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.session.config import Durations

LATE_SECONDS = 2.0
TIMES_PATIENCE = 3
"""A hello of which no time is declared is waited for for so many times the patience. It is longer than an attempt and a
pause take by the usual time-outs: 10 s and 1 s."""
RETRY_TIMES = ("negotiation", "back-off")


def door(lab: CaseContext) -> InitiatorContext:
    assert isinstance(lab, InitiatorContext), "cases of initiators are tried at a door"
    return lab


# What is known of the target ------------------------------------------------------------------------------------------


def renegotiates(target: Target) -> bool | None:
    """Whether a session that has failed is negotiated again. None: nobody has said so (Rule 3)."""
    if target.session_type.persistent or target.type_declared:
        return target.session_type.persistent
    return True if "back-off" in target.declared else None


def transient(target: Target) -> str:
    """Why a case about sessions that come back is not applicable."""
    return "the sessions are transient" if renegotiates(target) is False else ""


def persistent(target: Target) -> str:
    """Why a case about sessions that end is not applicable."""
    return "the sessions are persistent" if renegotiates(target) else ""


def retries(target: Target) -> str:
    return not_persistent(target) or undeclared(*RETRY_TIMES)(target)


# How long to wait -----------------------------------------------------------------------------------------------------


def pause_seconds(durations: Durations, failures: int) -> float:
    """The longest that a back-off may take after so many failures, and a generous rest."""
    back_off = durations.back_off
    return back_off.delay_seconds(failures, 1.0) * 1.5 + LATE_SECONDS


def hello_seconds(target: Target, failures: int = 0) -> float:
    """How long the next hello is waited for after so many failures (Rule 1)."""
    if undeclared(*RETRY_TIMES)(target):
        return TIMES_PATIENCE * target.pace.patience_seconds
    return target.durations.negotiation_seconds * 1.5 + pause_seconds(target.durations, failures)


def no_hello(lab: CaseContext, seconds: float, otherwise: str, clause: str = "") -> Outcome:
    """What it means that no other hello came within so many seconds (Rule 1)."""
    target = lab.target
    if ended := door(lab).ended():
        return NotApplicable(f"no other hello came: {ended}")
    untyped = "not declared: --type" if renegotiates(target) is None else ""
    if unknown := "; ".join(filter(None, (untyped, undeclared(*RETRY_TIMES)(target)))):
        return NotApplicable(f"no other hello came within {seconds:g} s, which shows nothing: {unknown}")
    return Deviation(f"{otherwise} (waited for {seconds:g} s)", clause)


async def next_hello(lab: CaseContext, failures: int, otherwise: str, clause: str = "") -> Asked:
    """The next hello of a session whose attempt or generation has failed."""
    seconds = hello_seconds(lab.target, failures)
    found = await door(lab).hello(seconds)
    if found is None:
        raise no_hello(lab, seconds, otherwise, clause)
    return found


async def ends(lab: CaseContext, asked: Asked, seconds: float) -> None:
    """No other hello of a transient session comes within so many seconds. One of another session may (2.2)."""
    until = now() + seconds
    while (again := await door(lab).hello(max(0.0, until - now()))) is not None:
        if lab.target.generations and again.hello.session_id != asked.hello.session_id:
            continue
        if renegotiates(lab.target) is None:
            raise NotApplicable("another hello comes: of a persistent session, or of another one; --type says which")
        raise Deviation("a transient session negotiates a second time", "3.3")


# What shows that an answer is believed --------------------------------------------------------------------------------


async def believed(
    lab: CaseContext, asked: Asked, after: str, *, wrong: Address | None = None, over: Wire | None = None
) -> None:
    """Answer as it should be, and see that the node talks in the session. `wrong`: a worker to which it must not talk,
    nor `over` another connection.

    Raises:
        Deviation: it does not, or it talks to the wrong one.
        NotApplicable: it never talks (Rule 2).
    """
    if lab.run.says_nothing:
        raise NotApplicable(SILENT)
    right = fresh("worker")
    asked.answer(right)
    message = await asked.wire.hear(right, *([wrong] if wrong else []))
    elsewhere = await over.hear(wrong, seconds=0.0) if over is not None else None
    if elsewhere is not None or (message is not None and message.onward_route[:1] != (right,)):
        raise Deviation(f"{after} is believed: the node talks to the worker that it names")
    if message is None:
        await shows(lab)
        raise Deviation(asked.wire.missing(f"message in the session: the right answer is not believed after {after}"))


async def shows(lab: CaseContext) -> None:
    """Rule 2. Raises NotApplicable."""
    if lab.target.generations:
        return
    lab.record.note("once more, with the right answer only")
    asked, worker = await door(lab).anew(), fresh("worker")
    asked.answer(worker)
    if await asked.wire.hear(worker) is None:
        raise door(lab).unheard(SILENT)


def middle_pause(found: list[Asked]) -> float:
    return median(after.at - before.at for before, after in pairwise(found))


def pauses(found: list[Asked]) -> str:
    return ", ".join(f"{after.at - before.at:.2f} s" for before, after in pairwise(found))

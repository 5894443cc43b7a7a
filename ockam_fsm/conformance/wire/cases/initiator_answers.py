"""Cases about the answers that an initiator accepts: valid, malformed, repeated, late, local and foreign ones.

Rule 1: the valid answer follows an answer that must be refused, and must be accepted. So a node that has ended, or
        whose application is silent, does not pass.
Rule 2: the valid answer follows at once: the duration of an attempt may be undeclared, and it must not end meanwhile.
Source: clauses 4.3, 4.7, 5.1, 5.4, 14.4.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, fresh
from ockam_fsm.conformance.wire.initiator_context import SILENT, Asked, answering_keepalives, signal_of
from ockam_fsm.conformance.wire.initiator_steps import (
    believed,
    hello_seconds,
    initiator_context,
    renegotiates,
    shows,
)
from ockam_fsm.net.raw_peer import pause
from ockam_fsm.runtime.encoding.message import LOCAL, Address
from ockam_fsm.runtime.session.signals import Keepalive

CASES: list[Case] = []
SAFETY, SECURITY, LIVENESS = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS
UNREADABLE = (b"", b"\xff" * 40, b"\x02\xc3\x28", b"\x02" + bytes(20), b"GET /", bytes(64))
"""Payloads that are no answer in either profile."""
WATCHED_SECONDS = 0.5
IN_ORDER_SECONDS = 0.1
"""A message sent this long after one over another connection almost always arrives after it."""


@case("4.3", LIVENESS, Manner.PLAIN, into=CASES)
async def answered(context: CaseContext) -> str:
    """The answer establishes the session: the node sends to the worker that the answer names."""
    asked = await initiator_context(context).begin()
    worker = fresh("worker")
    asked.answer(worker)
    message = await asked.wire.receive(worker)
    if message is None and not context.target.generations:
        raise initiator_context(context).unheard(SILENT)
    if message is None:
        raise Deviation(asked.wire.missing("a keepalive at the worker that the answer names"), "4.7")
    if context.target.generations and not isinstance(signal_of(message), Keepalive):
        got = message.payload[:40].hex()
        raise Deviation(f"expected a keepalive as the first signal of the session; got {got}", "4.7")
    return "a keepalive comes at once" if context.target.generations else "data comes to the worker of the answer"


@case("14.4", SAFETY, Manner.PLAIN, into=CASES)
async def malformed_answers(context: CaseContext) -> str:
    """Unreadable answers change nothing: the valid one is still accepted."""
    asked = await initiator_context(context).begin()
    for bad in UNREADABLE:
        asked.wire.send(asked.message.return_route, bad, (fresh("worker"),), f"answer: {bad[:8].hex() or 'empty'}")
    await believed(context, asked, "unreadable answers")
    return "the valid answer is accepted after unreadable ones"


@case("4.3", SAFETY, Manner.PLAIN, profiles=("generation",), into=CASES)
async def second_answer(context: CaseContext) -> str:
    """A repeated answer is ignored: the session goes on."""
    asked, worker = await initiator_context(context).established()
    answering_keepalives(asked, worker)
    for _ in range(2):
        asked.answer(worker, meaning="the same answer again")
    if await initiator_context(context).hello(0.5) is not None:
        raise Deviation("expected the session to go on after a repeated answer; the node sent another hello")
    asked.send_signal(Keepalive(), "keepalive", worker=worker)
    if await asked.wire.receive(worker) is None:
        raise Deviation(asked.wire.missing("an answer to a keepalive after a repeated answer"))
    return "the session goes on after repeated answers"


@case("4.3", SAFETY, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def repeated_answers(context: CaseContext) -> str:
    """The handshake address takes one answer: a repeated one, and one that names another worker, change nothing."""
    if context.run.says_nothing:
        raise NotApplicable(SILENT)
    asked, worker, other = await initiator_context(context).begin(), fresh("worker"), fresh("other")
    asked.answer(worker)
    asked.answer(worker, meaning="the same answer again")
    asked.answer(other, back=(fresh("back"),), meaning="an answer that names another worker")
    message = await asked.wire.receive(worker, other)
    if message is None:
        await shows(context)
        if asked.back == asked.inner:
            raise NotApplicable("the node has one address for answers and data, so its application gets these answers")
        raise Deviation(asked.wire.missing("data in the session after repeated answers"))
    otherwise = "expected data for the worker of the first answer; the node sends to the worker of a second one"
    if message.onward_route[:1] == (other,):
        raise Deviation(otherwise)
    asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
    if await asked.wire.receive(other, seconds=WATCHED_SECONDS) is not None:
        raise Deviation(otherwise)
    return "the node sends to the worker of the first answer"


@case("4.3", SAFETY, Manner.PLAIN, into=CASES)
async def late_answer(context: CaseContext) -> str:
    """A late answer to an earlier attempt is refused; the answer to the present one is accepted."""
    first = await initiator_context(context).begin()
    second = await _later(context)
    late, over = fresh("late"), first.wire.peer.gone or first.wire.peer.ended
    way = second.wire if over else first.wire
    first.answer(late, wire=way, meaning="answer to the first hello, late")
    await pause(IN_ORDER_SECONDS if way is not second.wire else 0.0)
    await believed(context, second, "a late answer to an earlier hello", wrong=late, over=way)
    return "the late answer is refused, the valid one accepted"


async def _later(context: CaseContext) -> Asked:
    """The hello of a later attempt or, where there is none, of a later session."""
    again = None
    if renegotiates(context.target) is not False:
        again = await initiator_context(context).hello(hello_seconds(context.target))
    return await initiator_context(context).anew() if again is None else again


@case("5.1", SECURITY, Manner.PLAIN, into=CASES)
async def local_answer(context: CaseContext) -> str:
    """An answer without a return route is refused: its worker would be one of the node's own workers."""
    asked = await initiator_context(context).begin()
    asked.answer(Address(LOCAL, asked.inner.value), back=(), meaning="answer without a return route")
    await believed(context, asked, "an answer without a return route")
    return "the answer without a return route is refused, the valid one accepted"


@case("5.4", SECURITY, Manner.PLAIN, into=CASES)
async def foreign_answer(context: CaseContext) -> str:
    """An answer over another connection than its hello's is refused, whatever its return route."""
    asked = await initiator_context(context).begin()
    other, foreign = await initiator_context(context).other_way(), fresh("foreign")
    asked.answer(foreign, wire=other, meaning="answer, over another connection")
    await pause(IN_ORDER_SECONDS)
    await believed(context, asked, "an answer over another connection", wrong=foreign, over=other)
    return "the answer over another connection is refused, the valid one accepted"

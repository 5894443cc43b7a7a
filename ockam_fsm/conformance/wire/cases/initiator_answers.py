"""The node under test initiates: what it believes. Answers that are right, malformed, repeated, late, local or foreign.

Rule 1: what must not be believed is followed by the right answer, which must be. So a node passes that has gone on, and
        not one that is dead, or whose application would be silent in any case.
Rule 2: the right answer follows at once. How long an attempt lasts may not be declared, and it must not end meanwhile.
Source: clauses 4.3, 4.7, 5.1, 5.4, 14.4.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, fresh
from ockam_fsm.conformance.wire.initiator_context import SILENT, Asked, answering_keepalives, said
from ockam_fsm.conformance.wire.initiator_steps import (
    believed,
    door,
    hello_seconds,
    renegotiates,
    shows,
)
from ockam_fsm.net.raw_peer import pause
from ockam_fsm.runtime.encoding.message import LOCAL, Address
from ockam_fsm.runtime.session.signals import Keepalive

CASES: list[Case] = []
SAFETY, SECURITY, LIVENESS = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS
UNREADABLE = (b"", b"\xff" * 40, b"\x02\xc3\x28", b"\x02" + bytes(20), b"GET /", bytes(64))
"""No answers, in either profile."""
WATCHED_SECONDS = 0.5
IN_ORDER_SECONDS = 0.1
"""What is sent over one connection has arrived before what is sent over another so much later, or nearly always."""


@case("4.3", LIVENESS, Manner.PLAIN, into=CASES)
async def answered(lab: CaseContext) -> str:
    """The answer establishes the session: the node talks to the worker that the answer names."""
    asked = await door(lab).begin()
    worker = fresh("worker")
    asked.answer(worker)
    message = await asked.wire.hear(worker)
    if message is None and not lab.target.generations:
        raise door(lab).unheard(SILENT)
    if message is None:
        raise Deviation(asked.wire.missing("keepalive at the worker that the answer names"), "4.7")
    if lab.target.generations and not isinstance(said(message), Keepalive):
        raise Deviation(f"the first thing that it says is no keepalive: {message.payload[:40].hex()}", "4.7")
    return "a keepalive comes at once" if lab.target.generations else "data comes to the worker of the answer"


@case("14.4", SAFETY, Manner.PLAIN, into=CASES)
async def malformed_answers(lab: CaseContext) -> str:
    """Answers that cannot be read change nothing: the right one is still believed."""
    asked = await door(lab).begin()
    for bad in UNREADABLE:
        asked.wire.send(asked.message.return_route, bad, (fresh("worker"),), f"answer: {bad[:8].hex() or 'nothing'}")
    await believed(lab, asked, "answers that cannot be read")
    return "the right answer is believed"


@case("4.3", SAFETY, Manner.PLAIN, profiles=("generation",), into=CASES)
async def second_answer(lab: CaseContext) -> str:
    """The same answer once more is late: the session goes on, and it is not handled as data."""
    asked, worker = await door(lab).established()
    answering_keepalives(asked, worker)
    for _ in range(2):
        asked.answer(worker, meaning="the same answer again")
    if await door(lab).hello(0.5) is not None:
        raise Deviation("a repeated answer has ended the session")
    asked.say(Keepalive(), "keepalive", worker=worker)
    if await asked.wire.hear(worker) is None:
        raise Deviation(asked.wire.missing("answer to a keepalive"))
    return "the session goes on"


@case("4.3", SAFETY, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def repeated_answers(lab: CaseContext) -> str:
    """The first answer uses the handshake address up: the same once more, and one of another worker, change nothing."""
    if lab.run.says_nothing:
        raise NotApplicable(SILENT)
    asked, worker, other = await door(lab).begin(), fresh("worker"), fresh("other")
    asked.answer(worker)
    asked.answer(worker, meaning="the same answer again")
    asked.answer(other, back=(fresh("back"),), meaning="an answer that names another worker")
    message = await asked.wire.hear(worker, other)
    if message is None:
        await shows(lab)
        if asked.back == asked.inner:
            raise NotApplicable("it has one address for the answer and for data: to its application these were data")
        raise Deviation(asked.wire.missing("data in the session: answers that came again have ended it"))
    otherwise = "a second answer is believed: the node talks to the worker that it names"
    if message.onward_route[:1] == (other,):
        raise Deviation(otherwise)
    asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
    if await asked.wire.hear(other, seconds=WATCHED_SECONDS) is not None:
        raise Deviation(otherwise)
    return "the node talks to the worker of the first answer"


@case("4.3", SAFETY, Manner.PLAIN, into=CASES)
async def late_answer(lab: CaseContext) -> str:
    """The answer to an attempt that was given up is not believed; that to the present one is."""
    first = await door(lab).begin()
    second = await _later(lab)
    late, over = fresh("late"), first.wire.peer.gone or first.wire.peer.ended
    way = second.wire if over else first.wire
    first.answer(late, wire=way, meaning="answer to the first hello, late")
    await pause(IN_ORDER_SECONDS if way is not second.wire else 0.0)
    await believed(lab, second, "a late answer to an earlier hello", wrong=late, over=way)
    return "not believed; the right one is"


async def _later(lab: CaseContext) -> Asked:
    """The hello of a later attempt, or, where there is none, of a later session."""
    again = None
    if renegotiates(lab.target) is not False:
        again = await door(lab).hello(hello_seconds(lab.target))
    return await door(lab).anew() if again is None else again


@case("5.1", SECURITY, Manner.PLAIN, into=CASES)
async def local_answer(lab: CaseContext) -> str:
    """An answer without a return route, so that its worker would be one of the node's own, is refused."""
    asked = await door(lab).begin()
    asked.answer(Address(LOCAL, asked.inner.value), back=(), meaning="answer without a return route")
    await believed(lab, asked, "an answer without a return route")
    return "not believed; the right one is"


@case("5.4", SECURITY, Manner.PLAIN, into=CASES)
async def foreign_answer(lab: CaseContext) -> str:
    """An answer that comes over another connection than its hello's is refused, whatever return route it claims."""
    asked = await door(lab).begin()
    other, foreign = await door(lab).other_way(), fresh("foreign")
    asked.answer(foreign, wire=other, meaning="answer, over another connection")
    await pause(IN_ORDER_SECONDS)
    await believed(lab, asked, "an answer over another connection", wrong=foreign, over=other)
    return "not believed; the right one is"

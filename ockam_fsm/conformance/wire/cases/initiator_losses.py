"""The node under test initiates: its connection is lost, in every state, and the kit is silent.

Theory: what an initiator makes of a lost connection is another hello, or none ever. In `TIMED_OUT` nothing relies on a
connection any more.

Rule 1: what must not come is waited for as long as an attempt takes that is begun after the usual back-off.
Limit: in profile `ockam` there are no keepalives. A kit that is silent is noticed by a request only, if one waits.
Source: clauses 2.2, 3.3, 3.11, 6.3.
"""

from __future__ import annotations

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, undeclared
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, fresh
from ockam_fsm.conformance.wire.initiator_context import SILENT, Asked
from ockam_fsm.conformance.wire.initiator_steps import (
    RETRY_TIMES,
    TIMES_PATIENCE,
    door,
    ends,
    next_hello,
    pause_seconds,
    persistent,
    renegotiates,
    transient,
)
from ockam_fsm.net.raw_peer import now

CASES: list[Case] = []
LIVENESS, SAFETY = Severity.LIVENESS, Severity.SAFETY
ESTABLISHED_SECONDS = 0.5
"""So long after its answer a session of profile `ockam` counts as established, if nothing is said in it before."""

IN_ORDER_SECONDS = 0.1
"""What was sent has arrived so much later, or nearly always, before its connection is reset."""


@case("3.11", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def lost_connection(lab: CaseContext) -> str:
    """When the connection is lost the node negotiates again, over another one."""
    asked = await in_session(lab, await door(lab).begin())
    lose(lab, asked)
    following = await next_hello(lab, 0, "no hello after the connection was lost")
    if following.hello.session_id != asked.hello.session_id:
        raise Deviation("it comes back as another session", "2.2")
    return "a hello of the same session over a new connection"


@case("3.11", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def lost_while_renegotiating(lab: CaseContext) -> str:
    """A connection that is lost once more, while the node negotiates again, is no end: another hello comes."""
    asked = await in_session(lab, await door(lab).begin())
    lose(lab, asked)
    try:
        again = await next_hello(lab, 0, "no hello after the connection was lost for the first time")
    except Deviation as error:
        raise Undecided(f"{error.reason}, which lost-connection judges") from None
    lose(lab, again)
    await next_hello(lab, 1, "no hello after the connection was lost once more")
    return "a third hello comes"


@case("3.11", LIVENESS, Manner.PLAIN, lacks=lambda target: transient(target) or undeclared(*RETRY_TIMES)(target),
      into=CASES)  # fmt: skip
async def lost_while_timed_out(lab: CaseContext) -> str:
    """A connection that is lost during the back-off changes nothing: no route leads over it. The next hello comes."""
    durations, asked = lab.target.durations, await door(lab).begin()
    asked.wire.send((fresh("nobody"),), b"", (), "to nobody: the connection is not dead, and stays")
    await asked.wire.hear(seconds=durations.negotiation_seconds + durations.back_off.initial_seconds / 2)
    lose(lab, asked)
    await next_hello(lab, 1, "no hello after the connection was lost during the back-off")
    return "the next hello comes"


@case("3.3", SAFETY, Manner.PLAIN, lacks=persistent, into=CASES)
async def transient_ends_with_its_connection(lab: CaseContext) -> str:
    """A transient session ends with its connection, negotiating or established: no second hello."""
    seconds = pause_seconds(lab.target.durations, 0)
    asked = await door(lab).begin()
    lose(lab, asked)
    await ends(lab, asked, seconds)
    asked = await in_session(lab, await door(lab).anew())
    lose(lab, asked)
    await ends(lab, asked, seconds)
    return f"no second hello within {seconds:g} s, neither before the answer nor after it"


@case("6.3", LIVENESS, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def silence(lab: CaseContext) -> str:
    """The kit answers, and then says nothing: a request without a response in time has failed; a late one is late."""
    if lab.run.says_nothing:
        raise NotApplicable(SILENT)
    target, asked, worker = lab.target, await door(lab).begin(), fresh("worker")
    asked.answer(worker)
    message, began = await asked.wire.hear(worker), now()
    if message is None:
        raise door(lab).unheard(SILENT)
    lab.record.note("the kit falls silent", asked.wire.name)
    if await _comes_again(lab, asked):
        return f"another hello {now() - began:.1f} s later"
    if await asked.wire.hear(worker, seconds=0.0) is not None:
        raise NotApplicable("its application speaks by itself, so what it waits for does not show")
    asked.wire.send(message.return_route, message.payload, (worker,), "the same data back, too late")
    late = f"the response that came after {now() - began:.1f} s"
    if await asked.wire.hear(worker, seconds=lab.patience) is None:
        raise NotApplicable(f"{late} changes nothing, and no other hello came: its application may have given up")
    if not any(address.value.startswith(asked.inner.value + b".") for address in message.return_route[-1:]):
        raise NotApplicable("what it has said is no request, as far as its return route tells (6.2)")
    if unknown := undeclared("request")(target):
        raise NotApplicable(f"{late} is still waited for; {unknown}")
    raise Deviation(f"{late} is still waited for; {target.durations.request_seconds:g} s are declared")


async def _comes_again(lab: CaseContext, asked: Asked) -> bool:
    """Whether another hello comes when a request was waited for for too long."""
    durations, known = lab.target.durations, not undeclared("request")(lab.target)
    seconds = durations.request_seconds * 1.5 + pause_seconds(durations, 0)
    seconds = seconds if known else TIMES_PATIENCE * lab.target.pace.patience_seconds
    if renegotiates(lab.target) is False:
        await ends(lab, asked, seconds)
        return False
    return await door(lab).hello(seconds) is not None


async def in_session(lab: CaseContext, asked: Asked) -> Asked:
    """Answer this hello, and wait for what shows that the session stands, if anything does."""
    worker = fresh("worker")
    asked.answer(worker)
    message = await asked.wire.hear(worker, seconds=lab.patience if lab.target.generations else ESTABLISHED_SECONDS)
    if message is None and lab.target.generations:
        raise Deviation(asked.wire.missing("keepalive after the answer"), "4.7")
    if message is not None and not lab.target.generations:  # a request, perhaps: its application may end with it
        asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
        await asked.wire.hear(seconds=IN_ORDER_SECONDS)
    return asked


def lose(lab: CaseContext, asked: Asked) -> None:
    asked.wire.peer.reset()
    lab.record.note("the connection is reset", asked.wire.name)

"""Cases about initiators whose connection is lost, in every state, or whose peer is silent.

Theory: after a lost connection an initiator sends another hello, or none at all. In `TIMED_OUT` a session relies on no
connection.

Rule 1: a hello that must not come is waited for as long as an attempt after the usual back-off would take.
Limit: profile `ockam` has no keepalives: an initiator notices a silent peer only by a pending request.
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
    ends,
    initiator_context,
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
"""How long after its answer a session of profile `ockam` counts as established if it sends nothing."""

IN_ORDER_SECONDS = 0.1
"""A message has almost always arrived this long after it was sent, before its connection is reset."""


@case("3.11", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def lost_connection(context: CaseContext) -> str:
    """After its connection is lost the node negotiates the session again over another one."""
    asked = await in_session(context, await initiator_context(context).begin())
    lose(context, asked)
    following = await next_hello(context, 0, "the connection was lost")
    if following.hello.session_id != asked.hello.session_id:
        ids = f"{following.hello.session_id.hex()}, not {asked.hello.session_id.hex()}"
        raise Deviation(
            f"expected a hello of the same session after its connection was lost; got session id {ids}", "2.2"
        )
    return "a hello of the same session over a new connection"


@case("3.11", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def lost_while_renegotiating(context: CaseContext) -> str:
    """After a connection is lost once more, while the node negotiates again, another hello comes."""
    asked = await in_session(context, await initiator_context(context).begin())
    lose(context, asked)
    try:
        again = await next_hello(context, 0, "the connection was lost for the first time")
    except Deviation as error:
        raise Undecided(f"{error.reason}; see case lost-connection") from None
    lose(context, again)
    await next_hello(context, 1, "the connection was lost once more")
    return "a third hello comes after two lost connections"


@case("3.11", LIVENESS, Manner.PLAIN, lacks=lambda target: transient(target) or undeclared(*RETRY_TIMES)(target),
      into=CASES)  # fmt: skip
async def lost_while_timed_out(context: CaseContext) -> str:
    """A connection that is lost during the back-off changes nothing, since no route uses it: the next hello comes."""
    durations, asked = context.target.durations, await initiator_context(context).begin()
    asked.wire.send((fresh("nobody"),), b"", (), "undeliverable message, so that the connection stays")
    await asked.wire.receive(seconds=durations.negotiation_seconds + durations.back_off.initial_seconds / 2)
    lose(context, asked)
    await next_hello(context, 1, "the connection was lost during the back-off")
    return "the next hello comes after a connection lost in the back-off"


@case("3.3", SAFETY, Manner.PLAIN, lacks=persistent, into=CASES)
async def transient_ends_with_its_connection(context: CaseContext) -> str:
    """A transient session, negotiating or established, ends with its connection and sends no second hello."""
    seconds = pause_seconds(context.target.durations, 0)
    asked = await initiator_context(context).begin()
    lose(context, asked)
    await ends(context, asked, seconds)
    asked = await in_session(context, await initiator_context(context).anew())
    lose(context, asked)
    await ends(context, asked, seconds)
    return f"no second hello within {seconds:g} s, for a connection lost before the answer and for one after it"


@case("6.3", LIVENESS, Manner.PLAIN, profiles=("ockam",), into=CASES)
async def silence(context: CaseContext) -> str:
    """A request without a response in time fails, and a late response is ignored."""
    if context.run.says_nothing:
        raise NotApplicable(SILENT)
    target, asked, worker = context.target, await initiator_context(context).begin(), fresh("worker")
    asked.answer(worker)
    message, began = await asked.wire.receive(worker), now()
    if message is None:
        raise initiator_context(context).unheard(SILENT)
    context.record.note("the kit stops sending", asked.wire.name)
    if await _comes_again(context, asked):
        return f"another hello {now() - began:.1f} s later"
    if await asked.wire.receive(worker, seconds=0.0) is not None:
        raise NotApplicable("the node's application sends by itself, so a pending request does not show")
    asked.wire.send(message.return_route, message.payload, (worker,), "the same data back, too late")
    late = f"a response after {now() - began:.1f} s"
    if await asked.wire.receive(worker, seconds=context.patience) is None:
        raise NotApplicable(f"{late} changed nothing, and no other hello came: the node's application may have ended")
    if not any(address.value.startswith(asked.inner.value + b".") for address in message.return_route[-1:]):
        raise NotApplicable("the node's data is no request: it has no reply address of its own (6.2)")
    if unknown := undeclared("request")(target):
        raise NotApplicable(f"{late} was accepted; whether it is late is {unknown}")
    wanted = f"expected the request to fail after {target.durations.request_seconds:g} s, as declared"
    raise Deviation(f"{wanted}; {late} was accepted")


async def _comes_again(context: CaseContext, asked: Asked) -> bool:
    """Whether another hello comes once a request has timed out."""
    durations, known = context.target.durations, not undeclared("request")(context.target)
    seconds = durations.request_seconds * 1.5 + pause_seconds(durations, 0)
    seconds = seconds if known else TIMES_PATIENCE * context.target.pace.patience_seconds
    if renegotiates(context.target) is False:
        await ends(context, asked, seconds)
        return False
    return await initiator_context(context).hello(seconds) is not None


async def in_session(context: CaseContext, asked: Asked) -> Asked:
    """Answer this hello and wait for the first message of the session, if one comes."""
    worker = fresh("worker")
    asked.answer(worker)
    message = await asked.wire.receive(
        worker, seconds=context.patience if context.target.generations else ESTABLISHED_SECONDS
    )
    if message is None and context.target.generations:
        raise Deviation(asked.wire.missing("a keepalive after the answer"), "4.7")
    if message is not None and not context.target.generations:  # a request, perhaps: its application may end with it
        asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
        await asked.wire.receive(seconds=IN_ORDER_SECONDS)
    return asked


def lose(context: CaseContext, asked: Asked) -> None:
    asked.wire.peer.reset()
    context.record.note("the connection is reset", asked.wire.name)

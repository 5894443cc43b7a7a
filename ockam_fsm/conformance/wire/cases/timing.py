"""Cases about the time-outs of responders, judged against the durations that the operator declares.

Theory: a message to a responder keeps it alive: it confirms the session or restarts its idle timer. So each point in
time has a session of its own, begun with the others and asked once.

Rule 1: a responder has to be alive at half of the declared time and gone at a multiple of it. Between them nothing is
        judged, since timers and loaded machines are late.
Source: clauses 3.6, 3.7, 3.9, 4.4, 4.9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, not_persistent, undeclared
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire, fresh
from ockam_fsm.conformance.wire.cases.generations import alive, answering, read
from ockam_fsm.conformance.wire.client_session import ClientSession, confirm, hello, next_generation, session
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role
from ockam_fsm.net.raw_peer import now, pause
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Answer, Error, Hello, Keepalive

CASES: list[Case] = []
LATE = (1.25, 1.5, 2.0, 3.0)
"""When a responder is asked whether it is gone, in multiples of the declared time."""
LATE_SECONDS = 1.0
MOST_SECONDS = 60.0
"""The longest wait for a declared time."""


def is_bearable(seconds: float) -> bool:
    return seconds * LATE[-1] <= MOST_SECONDS


def bearable(what: str, seconds: float | None) -> float:
    if seconds is None or not is_bearable(seconds):
        most = MOST_SECONDS / LATE[-1]
        raise NotApplicable(f"the declared {what} time is {seconds} s; declare at most {most:g} s to judge it")
    return seconds


async def gone_in_time(
    context: CaseContext, seconds: float, began: float, talks: list[ClientSession], what: str
) -> str:
    """Ask one session after another, at the times of `LATE`, until one is gone.

    Raises:
        Deviation: the last one still replies.
    """
    for factor, talk in zip(LATE, talks, strict=True):
        await pause(max(0.0, began + seconds * factor + LATE_SECONDS * (factor - 1) - now()))
        if await talk.dead():
            still(talk)
            return f"{what} was gone after {now() - began:.1f} s; {seconds:g} s are declared"
    raise Deviation(
        f"expected {what} to be gone after {seconds:g} s, as declared; it replies after {now() - began:.1f} s"
    )


async def not_too_early(talk: ClientSession, seconds: float, began: float, what: str) -> None:
    await pause(max(0.0, began + seconds / 2 - now()))
    asked = now()
    if asked - began < seconds * 0.75 and not await talk.ask(seconds=seconds):
        still(talk)
        raise Deviation(
            f"expected {what} to stay for {seconds:g} s, as declared; it is gone after {asked - began:.1f} s"
        )


def still(talk: ClientSession) -> None:
    """Raise Undecided if the connection of a session ended, which ends the session as well."""
    if talk.wire.peer.ended:
        raise Undecided(f"the connection ended meanwhile: {talk.wire.peer.ended}")


@case("3.9", Severity.LEAK, Manner.PATIENT, lacks=undeclared("negotiation"), into=CASES)
async def negotiation_timeout(context: CaseContext) -> str:
    """An unconfirmed responder ends when its negotiation time is over, and not before."""
    seconds = bearable("negotiation", context.target.durations.negotiation_seconds)
    wire = await context.wire()
    began = now()
    early, *late = [await session(wire, confirmed=False) for _ in range(1 + len(LATE))]
    context.record.note("the kit does not confirm the answers")
    await not_too_early(early, seconds, began, "an unconfirmed responder")
    return await gone_in_time(context, seconds, began, late, "an unconfirmed responder")


@case("3.7", Severity.LEAK, Manner.PATIENT, lacks=undeclared("idle"), into=CASES)
async def idle(context: CaseContext) -> str:
    """A responder that receives nothing for its idle time ends, and not before."""
    if context.target.generations and context.target.session_type.renegotiation is Renegotiation.TWO_SIDED:
        raise NotApplicable("the responder of a two-sided session sends keepalives and has no idle time-out")
    seconds = bearable("idle", context.target.durations.idle_seconds)
    wire = await context.wire()
    began = now()
    early, *late = [await session(wire) for _ in range(1 + len(LATE))]
    context.record.note("the kit falls silent")
    await not_too_early(early, seconds, began, "an idle responder")
    return await gone_in_time(context, seconds, began, late, "an idle responder")


@case("3.6", Severity.LEAK, Manner.PATIENT, profiles=("generation",), lacks=undeclared("retention"), into=CASES)
async def retention(context: CaseContext) -> str:
    """A responder that waits for its initiator is discarded when its retention time is over."""
    if context.target.session_type.renegotiation is not Renegotiation.ONE_SIDED:
        raise NotApplicable("only responders of one-sided sessions have a retention time")
    durations = context.target.durations
    seconds = bearable("retention", durations.retention_seconds)
    wire = await context.wire()
    talks = [await session(wire) for _ in LATE]
    began = now()
    for talk in talks:
        talk.send_signal(Error("lost"), "error, which is a failure")
    for factor, talk in zip(LATE, talks, strict=True):
        await pause(max(0.0, began + seconds * factor + LATE_SECONDS * (factor - 1) - now()))
        attempt = hello(wire, session_id=talk.attempt.session_id, number=2)
        attempt.send()
        still(talk)
        if not (await attempt.talk()).answer.resumed:
            return f"the state was discarded after {now() - began:.1f} s; {seconds:g} s are declared"
    raise Deviation(
        f"expected the state to be discarded after {seconds:g} s, as declared; it is there after {now() - began:.1f} s"
    )


@case(
    "4.4",
    Severity.SAFETY,
    Manner.PATIENT,
    profiles=("generation",),
    lacks=undeclared("negotiation", "keepalive", "idle"),
    into=CASES,
)
async def falls_back(context: CaseContext) -> str:
    """An unconfirmed answer is given up when the negotiation time is over; the live generation goes on."""
    if why := not_persistent(context.target):
        raise NotApplicable(why)
    seconds = bearable("negotiation", context.target.durations.negotiation_seconds)
    wire = await context.wire()
    pairs: list[tuple[ClientSession, ClientSession]] = []
    for _ in LATE:
        first = await session(wire)
        await answering(first)
        pairs.append((first, await next_generation(first)))
    began = now()

    async def keep() -> None:
        for first, _ in pairs:
            first.send_signal(Keepalive(), "keepalive in the first generation")

    await waiting(context, wire, seconds, keep)
    for factor, (first, second) in zip(LATE, pairs, strict=True):
        await waiting(context, wire, max(0.0, began + seconds * factor + LATE_SECONDS * (factor - 1) - now()), keep)
        if not await alive(first):
            still(first)
            raise Deviation("expected the live generation to outlive the unconfirmed attempt; it has ended")
        if await second.dead(meaning="data in the generation that was not confirmed"):
            still(second)
            return f"the attempt was given up after {now() - began:.1f} s; {seconds:g} s are declared"
    raise Deviation(
        f"expected the attempt to be given up after {seconds:g} s, as declared; it is open after {now() - began:.1f} s"
    )


def never_asks(target: NodeUnderTest) -> str:
    if target.session_type.renegotiation is not Renegotiation.TWO_SIDED:
        return "only responders of two-sided sessions send hellos"
    if target.session_type.creation is Creation.IMPLICIT:
        return "an implicit session sends a hello only when its application sends a message"
    return undeclared("keepalive", "back-off")(target)


@case("5.3", Severity.LIVENESS, Manner.PATIENT, profiles=("generation",), lacks=never_asks, into=CASES)
async def asks_by_itself(context: CaseContext) -> str:
    """The responder of a two-sided session with a silent peer sends a hello along the route of the peer's hello."""
    durations, wire, listener = context.target.durations, await context.wire(), await context.listen()
    contact, worker = fresh("contact"), fresh("worker")
    attempt = hello(wire, own_route=(tcp(listener.where), contact))
    attempt.send()
    talk = await attempt.talk()
    await confirm(talk)
    del wire.answers[talk.inner]
    context.record.note("the kit stops answering keepalives", wire.name)
    seconds = durations.keepalive_seconds * 10 + durations.back_off.initial_seconds * 2 + 5.0
    try:
        peer = await listener.next(seconds)
    except TimeoutError:
        wanted = f"a connection to {listener.where}, the initialization route of the kit's hello"
        raise Deviation(f"expected {wanted}; none came within {seconds:g} s") from None
    mine = context.adopt(peer, "kit, as a contact")
    message = await mine.need(contact, what="a hello of the responder")
    asked = read(message)
    if not isinstance(asked, Hello) or asked.session_id != attempt.session_id:
        raise Deviation(f"expected a hello of this session at its initialization route; got {asked}")
    if asked.generation.starter is not Role.RESPONDER or asked.generation.number <= 1:
        wanted = "expected a generation above 1 started by the responder"
        raise Deviation(f"{wanted}; got generation {asked.generation}", "4.1")
    answer = Answer(attempt.session_id, asked.generation, worker, False)
    mine.send(message.return_route, GENERATION.encode(answer), (worker,), "answer")
    await mine.need(worker, what="a keepalive after the answer to the responder's hello")
    return f"a hello of generation {asked.generation}, and a keepalive after its answer"


async def waiting(context: CaseContext, wire: Wire, seconds: float, keep: Callable[[], Awaitable[None]]) -> None:
    """Wait for some seconds and call `keep` often enough that the sessions stay alive."""
    durations = context.target.durations
    step = min(durations.keepalive_seconds, (durations.idle_seconds or 10.0) / 4)
    until = now() + seconds
    while (left := until - now()) > 0:
        await keep()
        await wire.receive(seconds=min(step, left))
    if wire.peer.ended:
        raise Undecided(f"the connection ended meanwhile: {wire.peer.ended}")

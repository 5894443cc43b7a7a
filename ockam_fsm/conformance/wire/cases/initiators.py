"""Cases about initiators: their hellos, retries, signals in a session, and how they notice a silent peer.

Theory: an initiator is observed by its hellos and by its signals in a session. In profile `ockam` it sends nothing in a
session until its application does, so some cases need an application that sends something.

Rule 1: a retry is judged by the median pause of several attempts, so that one delay of the kit or the network is no
        deviation.
Rule 2: without a declared back-off only a missing one is judged, by the shortest pause: delays make pauses longer.
Source: clauses 3.2, 3.3, 3.8, 3.9, 3.11, 4.1 to 4.3, 4.7, 6.5, 14.2, 14.3.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, undeclared
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, fresh
from ockam_fsm.conformance.wire.initiator_context import Asked, answering_keepalives, signal_of
from ockam_fsm.conformance.wire.initiator_steps import (
    LATE_SECONDS,
    RETRY_TIMES,
    TIMES_PATIENCE,
    ends,
    hello_seconds,
    initiator_context,
    middle_pause,
    no_hello,
    pause_seconds,
    pauses,
    persistent,
    renegotiates,
    retries,
    shows,
    transient,
)
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.raw_peer import now
from ockam_fsm.runtime.encoding.message import LOCAL
from ockam_fsm.runtime.session.signals import GoingAway, Hello, Keepalive, KeepaliveAnswer, Superseded

CASES: list[Case] = []
ONLY = ("generation",)
SAFETY, SECURITY, LIVENESS = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS
WATCHED = 4
RESETS, FEWER_RESETS = 12, 3
"""How many connections are reset to measure the pause after each; fewer if pauses are long."""
LONG_SECONDS = 0.2
NO_PAUSE_SECONDS = 0.03
"""A pause below this is no back-off: making a connection takes as long."""


# Hellos ---------------------------------------------------------------------------------------------------------------


async def hello(context: CaseContext) -> str:
    """The node's hello goes to the spawner, is readable, and has a local return address and worker address."""
    asked = await initiator_context(context).begin()
    back, generation = asked.message.return_route, asked.hello.generation
    if not back or any(address.type != LOCAL for address in (*back[-1:], generation.address)):
        got = f"return route {back}, worker {generation.address!r}"
        raise Deviation(f"expected a return route that ends at a local address, and a local worker; got {got}")
    if context.target.generations and (generation.starter is not Role.INITIATOR or asked.back != generation.address):
        got = f"starter {generation.starter.name}, return route {back}, inner address {generation.address}"
        raise Deviation(f"expected starter INITIATOR, and a return route that ends at the inner address; got {got}")
    if context.target.generations:
        return f"readable; generation {generation}"
    if asked.back == generation.address:
        return "readable; one address for the answer and for data, as in stock nodes; it SHOULD be two (14.2)"
    return "readable, with an address for the answer and another one for data"


for _clause, _profile in (("14.2", "ockam"), ("14.3", "generation")):
    case(_clause, LIVENESS, Manner.PLAIN, profiles=(_profile,), into=CASES)(hello)


async def unanswered(context: CaseContext) -> list[Asked]:
    """The first hellos of a session whose hellos the kit does not answer."""
    initiator = initiator_context(context)
    if initiator.watched:  # several cases judge the same hellos
        found, context.record = initiator.watched[0]
        return found
    found = [await initiator.begin()]
    initiator.watched.append((found, context.record))
    while len(found) < WATCHED:
        following = await initiator.hello(hello_seconds(context.target, len(found)))
        if following is None:
            break
        context.record.note(f"{following.at - found[-1].at:.2f} s after the hello before")
        found.append(following)
    return found


@case("3.9", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def unanswered_hello(context: CaseContext) -> str:
    """An unanswered hello is given up when the negotiation time is over, and another one follows."""
    found = await unanswered(context)
    if len(found) < 2:
        seconds = hello_seconds(context.target, 1)
        raise no_hello(context, seconds, "the first hello was not answered")
    return f"{len(found)} hellos, {pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def back_off(context: CaseContext) -> str:
    """A back-off passes between a failed attempt and the next one."""
    found, durations, unknown = (
        await unanswered(context),
        context.target.durations,
        undeclared(*RETRY_TIMES)(context.target),
    )
    if len(found) < 3:
        few = f"{len(found)} hellos came; it takes 3 to judge the back-off"
        raise NotApplicable(f"{few}; {unknown}") if unknown else Undecided(few)
    least = NO_PAUSE_SECONDS if unknown else durations.negotiation_seconds + durations.back_off.initial_seconds / 2
    if middle_pause(found) < least:
        wanted = f"expected a median of at least {least:g} s between unanswered hellos"
        raise Deviation(f"{wanted}, the negotiation time and a back-off; got {pauses(found)}")
    if unknown:
        apart = f"hellos came {pauses(found)} apart"
        raise NotApplicable(f"{apart}; which part is the back-off does not show: {unknown}")
    return f"hellos came {pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def back_off_after_reset(context: CaseContext) -> str:
    """The back-off passes also where the connection is reset after each hello."""
    known = "back-off" in context.target.declared
    least = context.target.durations.back_off.initial_seconds / 2 if known else NO_PAUSE_SECONDS
    asked, found = await initiator_context(context).begin(), list[float]()
    while len(found) < FEWER_RESETS or (len(found) < RESETS and found[-1] < LONG_SECONDS):
        asked.wire.peer.reset()
        context.record.note("the connection is reset", asked.wire.name)
        lost = now()
        seconds = hello_seconds(context.target, len(found))
        following = await initiator_context(context).hello(seconds)
        if following is None and found:  # its budget of attempts may be spent (3.4)
            break
        if following is None:
            raise no_hello(context, seconds, "the connection was reset", "3.11")
        asked = following
        found.append(asked.at - lost)
    shown = ", ".join(f"{seconds:.2f} s" for seconds in found)
    if (median(found) if known else min(found)) < least:
        raise Deviation(
            f"expected a back-off of at least {least:g} s after a reset connection; hellos came after {shown}"
        )
    return f"hellos came {shown} after a reset connection"


@case("4.1", SECURITY, Manner.PLAIN, into=CASES)
async def fresh_attempts(context: CaseContext) -> str:
    """Each attempt has fresh addresses, also in another session; in profile generation it has a larger number."""
    ended = renegotiates(context.target) is False
    found = [await initiator_context(context).begin()] if ended else list(await unanswered(context))
    if len(found) < 2:
        found.append(await initiator_context(context).anew())
    addresses = [address for one in found for address in {one.inner, one.back}]
    if len(set(addresses)) < len(addresses):
        again = next(str(address) for address in addresses if addresses.count(address) > 1)
        raise Deviation(f"expected fresh addresses in each attempt; two attempts have {again}")
    numbers = [one.hello.generation.number for one in found if one.hello.session_id == found[0].hello.session_id]
    if context.target.generations and any(after <= before for before, after in pairwise(numbers)):
        raise Deviation(f"expected rising numbers of the attempts; got {numbers}")
    return f"{len(found)} attempts, no address twice"


@case("3.3", SAFETY, Manner.PLAIN, lacks=persistent, into=CASES)
async def transient_ends(context: CaseContext) -> str:
    """A transient session with an unanswered hello ends: no second hello, and a late answer is ignored."""
    target, asked = context.target, await initiator_context(context).begin()
    unknown = undeclared("negotiation")(target)
    seconds = target.durations.negotiation_seconds * 2 + LATE_SECONDS
    if unknown:
        seconds = TIMES_PATIENCE * target.pace.patience_seconds
    await ends(context, asked, seconds)
    late = fresh("late")
    asked.answer(late, meaning="answer, too late")
    if await asked.wire.receive(late, seconds=context.patience) is not None:
        got = f"an answer after {seconds:g} s was accepted"
        if unknown:
            raise NotApplicable(f"{got}; whether it is late is {unknown}")
        wanted = f"expected the attempt to end after {target.durations.negotiation_seconds:g} s, as declared"
        raise Deviation(f"{wanted}; {got}", "3.9")
    if not unknown:
        return f"no second hello within {seconds:g} s, and a late answer is ignored"
    await shows(context)
    return f"the attempt ended within {seconds:g} s, without a second hello"


@case("4.2", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def superseded(context: CaseContext) -> str:
    """After `superseded` the node sends a hello with the next larger number."""
    asked = await initiator_context(context).begin()
    number = asked.hello.generation.number + 40
    reply = Superseded(asked.hello.session_id, number, asked.inner)
    asked.wire.send(asked.message.return_route, context.target.profile.encode(reply), (fresh("outer"),),
                    f"superseded by {number}")  # fmt: skip
    following = await initiator_context(context).hello(
        context.target.durations.negotiation_seconds + pause_seconds(context.target.durations, 1)
    )
    if following is None:
        raise Deviation(f"expected a hello with number {number + 1} after superseded by {number}; none came")
    if following.hello.generation.number != number + 1:
        got = following.hello.generation.number
        raise Deviation(f"expected a hello with number {number + 1} after superseded by {number}; got {got}")
    return f"a hello with number {number + 1} after superseded by {number}"


# Sessions -------------------------------------------------------------------------------------------------------------


@case("4.7", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=undeclared("keepalive"), into=CASES)
async def keepalives(context: CaseContext) -> str:
    """An established session sends a keepalive in each keepalive interval while they are answered."""
    asked, worker = await initiator_context(context).established()
    asked.send_signal(Keepalive(), "keepalive", worker=worker)
    seconds, came, began = context.target.durations.keepalive_seconds, 0, now()
    reply = context.target.profile.encode(Keepalive())
    while now() - began < seconds * 5 + LATE_SECONDS and came < 4:
        message = await asked.wire.receive(worker, seconds=seconds * 2 + LATE_SECONDS)
        if message is not None and message.payload == reply:
            came += 1
            asked.send_signal(KeepaliveAnswer(), "keepalive answer", worker=worker)
    if came < 2:
        raise Deviation(f"expected a keepalive every {seconds:g} s, as declared; got {came} in {now() - began:.1f} s")
    return f"{came} keepalives in {now() - began:.1f} s"


@case("6.5", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=lambda target: retries(target) or undeclared("keepalive")(
    target), into=CASES)  # fmt: skip
async def missed_keepalives(context: CaseContext) -> str:
    """When its keepalives are not answered the node gives the generation up and sends another hello."""
    asked, _ = await initiator_context(context).established()
    context.record.note("the kit stops sending", asked.wire.name)
    durations, began = context.target.durations, now()
    if await initiator_context(context).hello(durations.keepalive_seconds * 10 + pause_seconds(durations, 0)) is None:
        raise Deviation(f"expected a hello after missed keepalives; none came within {now() - began:.1f} s")
    return f"a hello {now() - began:.1f} s after the last signal of the kit"


@case("3.8", LIVENESS, Manner.PLAIN, profiles=ONLY, into=CASES)
async def close(context: CaseContext) -> str:
    """After a close of the peer the node answers no keepalive and sends no hello for the session."""
    asked, worker = await initiator_context(context).established()
    asked.close(worker)
    asked.send_signal(Keepalive(), "keepalive, after the close", worker=worker)
    answered = context.target.profile.encode(KeepaliveAnswer())
    reply = await asked.wire.receive(worker, seconds=context.patience)
    while reply is not None:
        if reply.payload == answered:
            raise Deviation("expected no answer to a keepalive after a close; got one")
        reply = await asked.wire.receive(worker, seconds=context.patience)
    again = await initiator_context(context).hello(pause_seconds(context.target.durations, 0))
    if again is not None and again.hello.session_id == asked.hello.session_id:
        raise Deviation("expected no hello for a session that its peer has closed; got one")
    return "no keepalive answer and no hello after the close"


@case("3.8", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def going_away_is_a_failure(context: CaseContext) -> str:
    """`going away` is a failure of a persistent session: after the back-off the node sends another hello."""
    asked, worker = await initiator_context(context).established()
    answering_keepalives(asked, worker)
    asked.send_signal(GoingAway("stop"), "going away", worker=worker)
    following = await initiator_context(context).hello(
        pause_seconds(context.target.durations, 0) + context.target.durations.negotiation_seconds
    )
    if following is None:
        raise Deviation("expected a hello after going away; none came")
    return "a hello after going away and the back-off"


@case("3.11", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def restarted_peer(context: CaseContext) -> str:
    """A second answer with another worker means that the peer was restarted: the node sends another hello."""
    asked, worker = await initiator_context(context).established()
    answering_keepalives(asked, worker)
    asked.answer(fresh("restarted"), meaning="answer from another worker")
    if await initiator_context(context).hello(pause_seconds(context.target.durations, 0)) is None:
        raise Deviation("expected a hello after a second answer with another worker; none came")
    return "a hello after an answer of another worker"


@case("4.2", SAFETY, Manner.PLAIN, profiles=ONLY, into=CASES)
async def misplaced_hello(context: CaseContext) -> str:
    """A hello at the inner address of an initiator is a dead letter."""
    asked, worker = await initiator_context(context).established()
    answering_keepalives(asked, worker)
    strange = fresh("strange")
    generation = asked.hello.generation._replace(number=asked.hello.generation.number + 1, starter=Role.RESPONDER)
    signal = Hello(asked.hello.session_id, generation._replace(address=strange))
    asked.wire.send(asked.route, context.target.profile.encode(signal), (strange,), "hello to the inner address")
    if (reply := signal_of(await asked.wire.receive(strange, seconds=0.5))) is not None:
        raise Deviation(f"expected no reply to a hello at an initiator's inner address; got {reply}")
    return "a hello at the inner address gets no reply"

"""The node under test initiates: its hellos, how it retries, what it says in a session, how it notices a silent kit.

Theory: an initiator shows two things by wire, its hellos and what it says in a session. In profile `ockam` it says
nothing there until its application does, so for some cases the application has to send something.

Rule 1: several attempts are watched before a retry is called too early: the middle one of the pauses between them
        counts, so that a kit or a network that is late at one moment accuses nobody.
Rule 2: where no back-off is declared it is not known how long one has to be, but none at all shows: in the shortest
        pause, since whatever is late makes a pause longer.
Source: clauses 3.2, 3.3, 3.8, 3.9, 3.11, 4.1 to 4.3, 4.7, 6.5, 14.2, 14.3.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, undeclared
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, fresh
from ockam_fsm.conformance.wire.initiator_context import Asked, answering_keepalives, said
from ockam_fsm.conformance.wire.initiator_steps import (
    LATE_SECONDS,
    RETRY_TIMES,
    TIMES_PATIENCE,
    door,
    ends,
    hello_seconds,
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
"""So many connections are reset to see the pause after each; fewer where it is long."""
LONG_SECONDS = 0.2
NO_PAUSE_SECONDS = 0.03
"""No back-off: what is shorter than this is taken up by making a connection."""


# Hellos ---------------------------------------------------------------------------------------------------------------


async def hello(lab: CaseContext) -> str:
    """The node's hello: to the spawner, readable, with a way back and a worker address of its own."""
    asked = await door(lab).begin()
    back, generation = asked.message.return_route, asked.hello.generation
    if not back or any(address.type != LOCAL for address in (*back[-1:], generation.address)):
        raise Deviation(f"nobody can answer it: its return route is {back}, its worker {generation.address!r}")
    if lab.target.generations and (generation.starter is not Role.INITIATOR or asked.back != generation.address):
        raise Deviation("its return route does not end at its starter's inner address, or its starter is no initiator")
    if lab.target.generations:
        return f"readable; generation {generation}"
    if asked.back == generation.address:
        return "readable; one address for the answer and for data, as stock nodes have it; it SHOULD be two (14.2)"
    return "readable, with two addresses"


for _clause, _profile in (("14.2", "ockam"), ("14.3", "generation")):
    case(_clause, LIVENESS, Manner.PLAIN, profiles=(_profile,), into=CASES)(hello)


async def unanswered(lab: CaseContext) -> list[Asked]:
    """The first hellos of a session whose hellos nobody answers."""
    doorway = door(lab)
    if doorway.watched:  # several cases judge what is watched once
        found, lab.record = doorway.watched[0]
        return found
    found = [await doorway.begin()]
    doorway.watched.append((found, lab.record))
    while len(found) < WATCHED:
        following = await doorway.hello(hello_seconds(lab.target, len(found)))
        if following is None:
            break
        lab.record.note(f"{following.at - found[-1].at:.2f} s after the one before")
        found.append(following)
    return found


@case("3.9", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def unanswered_hello(lab: CaseContext) -> str:
    """A hello that nobody answers is given up when the negotiation time is over, and another one follows."""
    found = await unanswered(lab)
    if len(found) < 2:
        seconds = hello_seconds(lab.target, 1)
        raise no_hello(lab, seconds, "no second hello: the node waits for the first answer for ever")
    return f"{len(found)} hellos, {pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def back_off(lab: CaseContext) -> str:
    """Between a failed attempt and the next one a back-off passes."""
    found, durations, unknown = await unanswered(lab), lab.target.durations, undeclared(*RETRY_TIMES)(lab.target)
    if len(found) < 3:
        few = f"too few hellos came to judge: {len(found)}"
        raise NotApplicable(f"{few}; {unknown}") if unknown else Undecided(few)
    least = NO_PAUSE_SECONDS if unknown else durations.negotiation_seconds + durations.back_off.initial_seconds / 2
    if middle_pause(found) < least:
        raise Deviation(f"hellos come {pauses(found)} apart: after the negotiation time there is no back-off")
    if unknown:
        apart = f"hellos come {pauses(found)} apart"
        raise NotApplicable(f"{apart}; how much of that is a back-off does not show: {unknown}")
    return f"{pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=transient, into=CASES)
async def back_off_after_reset(lab: CaseContext) -> str:
    """A connection that is reset whenever a hello comes is no reason to hurry: the back-off passes."""
    known = "back-off" in lab.target.declared
    least = lab.target.durations.back_off.initial_seconds / 2 if known else NO_PAUSE_SECONDS
    asked, found = await door(lab).begin(), list[float]()
    while len(found) < FEWER_RESETS or (len(found) < RESETS and found[-1] < LONG_SECONDS):
        asked.wire.peer.reset()
        lab.record.note("the connection is reset", asked.wire.name)
        lost = now()
        seconds = hello_seconds(lab.target, len(found))
        following = await door(lab).hello(seconds)
        if following is None and found:  # its budget of attempts may be spent (3.4)
            break
        if following is None:
            raise no_hello(lab, seconds, "after a reset connection no other hello comes", "3.11")
        asked = following
        found.append(asked.at - lost)
    shown = ", ".join(f"{seconds:.2f} s" for seconds in found)
    if (median(found) if known else min(found)) < least:
        wanted = f"{lab.target.durations.back_off.initial_seconds:g} s are declared" if known else "that is no back-off"
        raise Deviation(f"hellos come {shown} after a reset connection; {wanted}")
    return f"{shown} after a reset connection"


@case("4.1", SECURITY, Manner.PLAIN, into=CASES)
async def fresh_attempts(lab: CaseContext) -> str:
    """Each attempt has fresh addresses, in another session too; in profile generation it has the next number."""
    ended = renegotiates(lab.target) is False
    found = [await door(lab).begin()] if ended else list(await unanswered(lab))
    if len(found) < 2:
        found.append(await door(lab).anew())
    addresses = [address for one in found for address in {one.inner, one.back}]
    if len(set(addresses)) < len(addresses):
        again = next(str(address) for address in addresses if addresses.count(address) > 1)
        raise Deviation(f"two attempts have an address in common: {again}")
    numbers = [one.hello.generation.number for one in found if one.hello.session_id == found[0].hello.session_id]
    if lab.target.generations and any(after <= before for before, after in pairwise(numbers)):
        raise Deviation(f"the numbers of the attempts are {numbers}: not each larger than the one before")
    return f"{len(found)} attempts, no address twice"


@case("3.3", SAFETY, Manner.PLAIN, lacks=persistent, into=CASES)
async def transient_ends(lab: CaseContext) -> str:
    """A transient session whose hello nobody answers ends: no second hello, and a late answer finds nobody."""
    target, asked = lab.target, await door(lab).begin()
    unknown = undeclared("negotiation")(target)
    seconds = target.durations.negotiation_seconds * 2 + LATE_SECONDS
    if unknown:
        seconds = TIMES_PATIENCE * target.pace.patience_seconds
    await ends(lab, asked, seconds)
    late = fresh("late")
    asked.answer(late, meaning="answer, too late")
    if await asked.wire.hear(late, seconds=lab.patience) is not None:
        waits = f"after {seconds:g} s it still waits for an answer"
        raise NotApplicable(f"{waits}; {unknown}") if unknown else Deviation(waits, "3.9")
    if not unknown:
        return f"no second hello within {seconds:g} s"
    await shows(lab)
    return f"given up within {seconds:g} s, and no second hello"


@case("4.2", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def superseded(lab: CaseContext) -> str:
    """Told that its number is superseded, the node comes back with a larger one."""
    asked = await door(lab).begin()
    number = asked.hello.generation.number + 40
    reply = Superseded(asked.hello.session_id, number, asked.inner)
    asked.wire.send(asked.message.return_route, lab.target.profile.encode(reply), (fresh("outer"),),
                    f"superseded by {number}")  # fmt: skip
    following = await door(lab).hello(lab.target.durations.negotiation_seconds + pause_seconds(lab.target.durations, 1))
    if following is None:
        raise Deviation("no other hello comes")
    if following.hello.generation.number != number + 1:
        raise Deviation(f"superseded by {number} it comes back with {following.hello.generation.number}")
    return f"it comes back with {number + 1}"


# Sessions -------------------------------------------------------------------------------------------------------------


@case("4.7", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=undeclared("keepalive"), into=CASES)
async def keepalives(lab: CaseContext) -> str:
    """While it is established the node sends keepalives, again and again, and stays as long as they are answered."""
    asked, worker = await door(lab).established()
    asked.say(Keepalive(), "keepalive", worker=worker)
    seconds, came, began = lab.target.durations.keepalive_seconds, 0, now()
    reply = lab.target.profile.encode(Keepalive())
    while now() - began < seconds * 5 + LATE_SECONDS and came < 4:
        message = await asked.wire.hear(worker, seconds=seconds * 2 + LATE_SECONDS)
        if message is not None and message.payload == reply:
            came += 1
            asked.say(KeepaliveAnswer(), "answer to it", worker=worker)
    if came < 2:
        raise Deviation(f"{came} keepalives in {now() - began:.1f} s; one in {seconds:g} s is declared")
    return f"{came} keepalives in {now() - began:.1f} s"


@case("6.5", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=lambda target: retries(target) or undeclared("keepalive")(
    target), into=CASES)  # fmt: skip
async def missed_keepalives(lab: CaseContext) -> str:
    """When its keepalives are not answered the node gives the generation up, and asks again."""
    asked, _ = await door(lab).established()
    lab.record.note("the kit falls silent", asked.wire.name)
    durations, began = lab.target.durations, now()
    if await door(lab).hello(durations.keepalive_seconds * 10 + pause_seconds(durations, 0)) is None:
        raise Deviation(f"the kit is silent for {now() - began:.1f} s, and the node does not notice")
    return f"noticed after {now() - began:.1f} s"


@case("3.8", LIVENESS, Manner.PLAIN, profiles=ONLY, into=CASES)
async def close(lab: CaseContext) -> str:
    """What the peer has closed is over: a keepalive is not answered, and nobody asks for the session again."""
    asked, worker = await door(lab).established()
    asked.close(worker)
    asked.say(Keepalive(), "keepalive, after the close", worker=worker)
    answered = lab.target.profile.encode(KeepaliveAnswer())
    reply = await asked.wire.hear(worker, seconds=lab.patience)
    while reply is not None:
        if reply.payload == answered:
            raise Deviation("a keepalive is answered after the session was closed")
        reply = await asked.wire.hear(worker, seconds=lab.patience)
    again = await door(lab).hello(pause_seconds(lab.target.durations, 0))
    if again is not None and again.hello.session_id == asked.hello.session_id:
        raise Deviation("a session that its peer has closed is asked for again")
    return "nothing more of the session"


@case("3.8", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def going_away_is_a_failure(lab: CaseContext) -> str:
    """That the peer's node stops is a failure of a persistent session: it asks again."""
    asked, worker = await door(lab).established()
    answering_keepalives(asked, worker)
    asked.say(GoingAway("stop"), "going away", worker=worker)
    following = await door(lab).hello(pause_seconds(lab.target.durations, 0) + lab.target.durations.negotiation_seconds)
    if following is None:
        raise Deviation("no hello after the peer's node has stopped")
    return "a hello after the back-off"


@case("3.11", LIVENESS, Manner.PLAIN, profiles=ONLY, lacks=retries, into=CASES)
async def restarted_peer(lab: CaseContext) -> str:
    """The same hello answered from another address says that the peer was restarted: the node asks again."""
    asked, worker = await door(lab).established()
    answering_keepalives(asked, worker)
    asked.answer(fresh("restarted"), meaning="answer from another worker")
    if await door(lab).hello(pause_seconds(lab.target.durations, 0)) is None:
        raise Deviation("it does not notice")
    return "a hello after the back-off"


@case("4.2", SAFETY, Manner.PLAIN, profiles=ONLY, into=CASES)
async def misplaced_hello(lab: CaseContext) -> str:
    """A hello at the inner address of an initiator is a dead letter."""
    asked, worker = await door(lab).established()
    answering_keepalives(asked, worker)
    strange = fresh("strange")
    generation = asked.hello.generation._replace(number=asked.hello.generation.number + 1, starter=Role.RESPONDER)
    signal = Hello(asked.hello.session_id, generation._replace(address=strange))
    asked.wire.send(asked.route, lab.target.profile.encode(signal), (strange,), "hello to the inner address")
    if (reply := said(await asked.wire.hear(strange, seconds=0.5))) is not None:
        raise Deviation(f"it has a reply: {type(reply).__name__}")
    return "no reply"

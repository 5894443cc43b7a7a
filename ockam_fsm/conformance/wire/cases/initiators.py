"""The node under test initiates: its hellos, what it believes, how it retries, how it notices that the kit is gone.

Theory: an initiator shows two things by wire, its hellos and what it says in a session. In profile `ockam` it says
nothing there until its application does, so for some cases the application has to send something.

Rule 1: several attempts are watched before a retry is called too early: the middle one of the pauses between them
        counts, so that a kit or a network that is late at one moment accuses nobody.
Source: clauses 3.2, 3.3, 3.8, 3.9, 3.11, 4.1 to 4.3, 4.7, 5.1, 5.4, 6.5, 14.2, 14.3.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, not_persistent, undeclared
from ockam_fsm.conformance.wire.case_context import CaseContext, Deviation, NotApplicable, Undecided, Wire, fresh
from ockam_fsm.conformance.wire.initiator_context import Asked, InitiatorContext, answering_keepalives, said
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.raw_peer import now
from ockam_fsm.runtime.encoding.message import LOCAL, Address
from ockam_fsm.runtime.session.config import Durations
from ockam_fsm.runtime.session.signals import GoingAway, Hello, Keepalive, KeepaliveAnswer, Superseded

CASES: list[Case] = []
ONLY = ("generation",)
SAFETY, SECURITY, LIVENESS, LEAK = Severity.SAFETY, Severity.SECURITY, Severity.LIVENESS, Severity.LEAK
ROBUSTNESS = Severity.ROBUSTNESS
WATCHED = 4
LATE_SECONDS = 2.0


def door(lab: CaseContext) -> InitiatorContext:
    assert isinstance(lab, InitiatorContext), "cases of initiators are tried at a door"
    return lab


def transient(target: Target) -> str:
    return "the sessions are persistent" if target.session_type.persistent else ""


def retries(target: Target) -> str:
    return not_persistent(target) or undeclared("negotiation", "back-off")(target)


def pause_seconds(durations: Durations, failures: int) -> float:
    """The longest that a back-off may take after so many failures, and a generous rest."""
    back_off = durations.back_off
    return back_off.delay_seconds(failures, 1.0) * 1.5 + LATE_SECONDS


# Hellos ---------------------------------------------------------------------------------------------------------------


async def hello(lab: CaseContext) -> str:
    """The node's hello: to the spawner, readable, with a way back and a worker address of its own."""
    asked = await door(lab).begin()
    back, generation = asked.message.return_route, asked.hello.generation
    if not back or any(address.type != LOCAL for address in (*back[-1:], generation.address)):
        raise Deviation(f"nobody can answer it: its return route is {back}, its worker {generation.address!r}")
    if lab.target.generations and (generation.starter is not Role.INITIATOR or asked.back != generation.address):
        raise Deviation("its return route does not end at its starter's inner address, or its starter is no initiator")
    if not lab.target.generations and asked.back == generation.address:
        raise Deviation("one address for the answer and for data: each attempt has two")
    return f"readable; generation {generation}" if lab.target.generations else "readable, with two addresses"


for _clause, _profile in (("14.2", "ockam"), ("14.3", "generation")):
    case(_clause, LIVENESS, Manner.PLAIN, profiles=(_profile,), into=CASES)(hello)


async def unanswered(lab: CaseContext) -> list[Asked]:
    """The first hellos of a session whose hellos nobody answers."""
    doorway, durations = door(lab), lab.target.durations
    if doorway.watched:  # several cases judge what is watched once
        found, lab.record = doorway.watched[0]
        return found
    found = [await doorway.begin()]
    doorway.watched.append((found, lab.record))
    while len(found) < WATCHED:
        after = durations.negotiation_seconds * 1.5 + pause_seconds(durations, len(found))
        following = await doorway.hello(after)
        if following is None:
            break
        lab.record.note(f"{following.at - found[-1].at:.2f} s after the one before")
        found.append(following)
    return found


@case("3.9", LIVENESS, Manner.PLAIN, lacks=retries, into=CASES)
async def unanswered_hello(lab: CaseContext) -> str:
    """A hello that nobody answers is given up when the negotiation time is over, and another one follows."""
    found = await unanswered(lab)
    if len(found) < 2:
        raise Deviation("no second hello: the node waits for the first answer for ever")
    return f"{len(found)} hellos, {pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=retries, into=CASES)
async def back_off(lab: CaseContext) -> str:
    """Between a failed attempt and the next one a back-off passes."""
    found = await unanswered(lab)
    if len(found) < 3:
        raise Undecided(f"{len(found)} hellos came, which is too few to judge")
    durations = lab.target.durations
    least = durations.negotiation_seconds + durations.back_off.initial_seconds / 2
    if middle_pause(found) < least:
        raise Deviation(f"hellos come {pauses(found)} apart: after the negotiation time there is no back-off")
    return f"{pauses(found)} apart"


@case("3.2", LIVENESS, Manner.PLAIN, lacks=retries, into=CASES)
async def back_off_after_reset(lab: CaseContext) -> str:
    """A connection that is reset whenever a hello comes is no reason to hurry: the back-off passes."""
    doorway, durations = door(lab), lab.target.durations
    found = [await doorway.begin()]
    while len(found) < WATCHED:
        found[-1].wire.peer.reset()
        lab.record.note("the connection is reset", found[-1].wire.name)
        after = durations.negotiation_seconds * 1.5 + pause_seconds(durations, len(found))
        following = await doorway.hello(after)
        if following is None:
            raise Deviation("after a reset connection no other hello comes", "3.11")
        found.append(following)
    least = durations.back_off.initial_seconds / 2
    if middle_pause(found) < least:
        raise Deviation(f"hellos come {pauses(found)} apart, {durations.back_off.initial_seconds:g} s are declared")
    return f"{pauses(found)} apart"


@case("4.1", SECURITY, Manner.PLAIN, lacks=retries, into=CASES)
async def fresh_attempts(lab: CaseContext) -> str:
    """Each attempt has fresh addresses and, in profile generation, the next number."""
    found = await unanswered(lab)
    if len(found) < 2:
        raise Undecided("no second hello came")
    addresses = [address for one in found for address in {one.inner, one.back}]
    if len(set(addresses)) < len(addresses):
        raise Deviation("two attempts have an address in common")
    numbers = [one.hello.generation.number for one in found]
    if lab.target.generations and any(after <= before for before, after in pairwise(numbers)):
        raise Deviation(f"the numbers of the attempts are {numbers}: not each larger than the one before")
    return f"{len(found)} attempts, no address twice"


@case("3.3", SAFETY, Manner.PLAIN, lacks=lambda target: transient(target) or undeclared("negotiation")(target),
      into=CASES)  # fmt: skip
async def transient_ends(lab: CaseContext) -> str:
    """A transient session whose hello nobody answers ends: no second hello."""
    await door(lab).begin()
    seconds = lab.target.durations.negotiation_seconds * 2 + LATE_SECONDS
    if await door(lab).hello(seconds) is not None:
        raise Deviation("a transient session negotiates a second time")
    return f"no second hello within {seconds:g} s"


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


# Answers --------------------------------------------------------------------------------------------------------------


@case("4.3", LIVENESS, Manner.PLAIN, into=CASES)
async def answered(lab: CaseContext) -> str:
    """The answer establishes the session: the node talks to the worker that the answer names."""
    asked = await door(lab).begin()
    worker = fresh("worker")
    asked.answer(worker)
    message = await asked.wire.hear(worker)
    if message is None and not lab.target.generations:
        raise NotApplicable("the node's application says nothing, so in profile ockam nothing shows")
    if message is None:
        raise Deviation(asked.wire.missing("keepalive at the worker that the answer names"), "4.7")
    if lab.target.generations and not isinstance(said(message), Keepalive):
        raise Deviation(f"the first thing that it says is no keepalive: {message.payload[:40].hex()}", "4.7")
    return "a keepalive comes at once" if lab.target.generations else "data comes to the worker of the answer"


@case("4.3", SAFETY, Manner.PLAIN, lacks=retries, into=CASES)
async def late_answer(lab: CaseContext) -> str:
    """The answer to an attempt that was given up is not believed; that to the present one is."""
    first = await door(lab).begin()
    second = await following_hello(lab, first)
    late, right = fresh("late"), fresh("worker")
    first.answer(late, wire=second.wire, meaning="answer to the first hello, late")
    await silent_at(
        second.wire, late, "the late answer to an earlier hello is believed: the node talks to its worker", lab
    )
    second.answer(right)
    if lab.target.generations and await second.wire.hear(right) is None:
        raise Deviation(second.wire.missing("keepalive after the right answer"))
    return "not believed; the right one is"


@case("4.3", SAFETY, Manner.PLAIN, profiles=ONLY, into=CASES)
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


@case("14.4", SAFETY, Manner.PLAIN, into=CASES)
async def malformed_answers(lab: CaseContext) -> str:
    """Answers that cannot be read change nothing: the right one is still believed."""
    asked = await door(lab).begin()
    for bad in (b"", b"\xff" * 40, b"\x02\xc3\x28", b"\x02" + bytes(20), b"GET /", bytes(64)):
        asked.wire.send(asked.message.return_route, bad, (fresh("worker"),), f"answer: {bad[:8].hex() or 'nothing'}")
    worker = fresh("worker")
    asked.answer(worker)
    if await asked.wire.hear(worker) is None:
        if not lab.target.generations:
            raise NotApplicable("the node's application says nothing, so in profile ockam nothing shows")
        raise Deviation(
            asked.wire.missing("keepalive after the right answer: what cannot be read has ended the attempt")
        )
    return "the right answer is believed"


@case("5.1", SECURITY, Manner.PLAIN, profiles=ONLY, into=CASES)
async def local_answer(lab: CaseContext) -> str:
    """An answer without a return route, so that its worker would be one of the node's own, is refused."""
    asked = await door(lab).begin()
    asked.answer(Address(LOCAL, asked.inner.value), back=(), meaning="answer without a return route")
    worker = fresh("worker")
    asked.answer(worker)
    if await asked.wire.hear(worker) is None:
        raise Deviation("it is believed: the right answer after it comes too late")
    return "not believed; the right one is"


@case("5.4", SECURITY, Manner.PLAIN, into=CASES)
async def foreign_answer(lab: CaseContext) -> str:
    """An answer that comes over another connection than its hello's is refused, whatever return route it claims."""
    asked, other = await door(lab).begin(), await door(lab).other_way()
    foreign, right = fresh("foreign"), fresh("worker")
    asked.answer(foreign, wire=other, meaning="answer, over another connection")
    otherwise = "the answer that came over another connection is believed: the node talks to its worker"
    await silent_at(other, foreign, otherwise, lab)
    await silent_at(asked.wire, foreign, otherwise, lab)
    asked.answer(right)
    believed = await asked.wire.hear(right)
    if believed is None and lab.target.generations:
        raise Deviation(asked.wire.missing("keepalive after the right answer"))
    return "not believed; the right one is"


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


@case("3.11", LIVENESS, Manner.PLAIN, lacks=retries, into=CASES)
async def lost_connection(lab: CaseContext) -> str:
    """When the connection is lost the node negotiates again, over another one."""
    asked, _ = await door(lab).established()
    asked.wire.peer.reset()
    lab.record.note("the connection is reset", asked.wire.name)
    following = await door(lab).hello(pause_seconds(lab.target.durations, 0) + lab.target.durations.negotiation_seconds)
    if following is None:
        raise Deviation("no hello after the connection was lost")
    if following.hello.session_id != asked.hello.session_id:
        raise Deviation("it comes back as another session", "2.2")
    return "a hello of the same session over a new connection"


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


async def following_hello(lab: CaseContext, asked: Asked) -> Asked:
    durations = lab.target.durations
    found = await door(lab).hello(durations.negotiation_seconds * 1.5 + pause_seconds(durations, 0))
    if found is None:
        raise Undecided("no second hello came")
    return found


async def silent_at(wire: Wire, worker: Address, otherwise: str, lab: CaseContext) -> None:
    """Nothing comes for this worker of the kit. There is nothing to ask an initiator, so this waits."""
    if await wire.hear(worker, seconds=min(0.4, lab.target.durations.negotiation_seconds / 4)) is not None:
        raise Deviation(otherwise)


def middle_pause(found: list[Asked]) -> float:
    return median(after.at - before.at for before, after in pairwise(found))


def pauses(found: list[Asked]) -> str:
    return ", ".join(f"{after.at - before.at:.2f} s" for before, after in pairwise(found))

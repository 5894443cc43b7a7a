"""Safety invariants of a step of one session: S1 to S6, S8, S9, S11 to S13, S16 and S27.

Rule 1: a predicate reads a `SessionStep`, never a table and never the code that it judges.
Left out: properties of several workers (S7, S10, S14), and S12 of a host, which reads all its responders.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from itertools import pairwise

from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Hello,
    Superseded,
)
from ockam_fsm.safety.links import closes, is_own, largest, live_links, reaches
from ockam_fsm.safety.session_step import (
    REQUEST,
    SEND,
    TALK,
    WITHDRAW,
    SessionStep,
)

AWAY = (State.IDLE, State.TIMED_OUT, State.CLOSED)
"""The states in which an end has no messaging route."""

# S1, S2, S3 -----------------------------------------------------------------------------------------------------------


def data_arrives_in_time(step: SessionStep) -> bool:
    """S1: data is delivered in an established session, or in the previous generation while that is usable."""
    if not step.did(commands.Deliver) or State.ESTABLISHED in (step.was, step.came_to):
        return True
    before, message = step.before, step.received
    if before is None or message is None or before.current is None or not before.usable:
        return False
    return before.state is State.RENEGOTIATING and reaches(before.current, message.onward_route[0])


def end_is_final(step: SessionStep) -> bool:
    """S2: a closed session stays closed and sends nothing, and a transient one negotiates once."""
    if step.was is State.CLOSED:
        stays = step.after is not None and step.after.state is State.CLOSED
        return stays and not step.did(commands.Send)
    return step.settings.session_type.persistent or not step.starts or step.was is State.IDLE


def state_is_kept(step: SessionStep) -> bool:
    """S3: a persistent session keeps its state and its outer address; while it has state, only an order, a close of its
    peer, or a bound ends it."""
    before, after = step.before, step.after
    if before is not None and after is not None and before.has_state and not after.has_state:
        return False
    backs = [deliver.return_route[0] for deliver in step.did(commands.Deliver)]
    if step.settings.profile.carries_routes and any(back != step.outer for back in backs):
        return False
    if before is None or not before.has_state or not step.ends:
        return True
    by_bound = step.timer in (Timer.RETENTION, Timer.BACK_OFF)
    return step.ends_by_order or by_bound or step.is_closed_by_peer


# S4 -------------------------------------------------------------------------------------------------------------------


def only_its_generation_changes_it(step: SessionStep) -> bool:
    """S4: numbers only grow; except for a newer hello, no message of another generation changes an end."""
    return _numbers_grow(step) and _message_concerns_it(step)


def _numbers_grow(step: SessionStep) -> bool:
    """Whether the number seen grows only by an own attempt, by a superseded, or by the confirmation of this end's
    answer, and never by a hello alone."""
    before, after = step.before, step.after
    if before is None or after is None or before.seen == after.seen:
        return True
    if after.seen < before.seen or step.starts:
        return after.seen >= before.seen
    attempt = before.attempt
    if attempt is None or step.signal is None:
        return False
    return (step.arrived_at(attempt) and after.seen == attempt.generation.rank) or is_own(attempt)


def _message_concerns_it(step: SessionStep) -> bool:
    image = step.before
    if step.received is None or image is None or image == step.after:
        return True
    forgotten = image.state is State.IDLE and step.after is None  # its host drops an unused session
    return forgotten or _belongs(step, image)


def _belongs(step: SessionStep, image: Snapshot) -> bool:
    """Whether the message belongs to a generation that this end has under way, or is a newer hello."""
    links = live_links(image)
    match step.signal:
        case None:
            return False
        case Hello(generation=generation):
            return generation.rank > largest(image)
        case Answer(generation=generation) if generation is not None:
            return any(link.generation == generation for link in links)
        case Superseded(address=address):
            return image.attempt is not None and image.attempt.generation.address == address
        case Close() as close if step.address is not None and step.address == step.contact:
            return closes(close, image)
        case Data():
            return any(step.is_sent_in(link) for link in links)
    return any(step.arrived_at(link) for link in links)


# S5, S6 ---------------------------------------------------------------------------------------------------------------


def forgets_routes(image: Snapshot | None) -> bool:
    """S5: an end has no attempt and no current generation in the states `AWAY`."""
    return image is None or image.state not in AWAY or not live_links(image)


def route_is_of_its_generation(step: SessionStep) -> bool:
    """S5: talk is sent along the route of a generation that this end knows, and data only while one is established."""
    if not forgets_routes(step.after):
        return False
    profile = step.settings.profile
    hides = profile.carries_routes and not profile.names_sessions  # return routes are hidden in a secure channel
    links = [*live_links(step.before), *live_links(step.after)]
    for signal, message in step.sent:
        if not isinstance(signal, TALK) or not (hides or message.return_route):
            continue
        if not any(step.follows(message.onward_route, link) for link in links):
            return False
        if isinstance(signal, Data) and not (State.ESTABLISHED in (step.was, step.came_to) or step.adopts):
            return False
    return True


def is_no_start_of_a_responder(step: SessionStep) -> bool:
    """S6: a one-sided responder never starts a negotiation."""
    return step.settings.role is Role.INITIATOR or not step.starts


# S8, S9 ---------------------------------------------------------------------------------------------------------------


def one_outcome(step: SessionStep) -> bool:
    """S8: a request has at most one outcome, which ends it; an end has at most one own negotiation under way."""
    if sum(isinstance(signal, Hello) for signal, _ in step.sent) > 1:
        return False
    outcomes = [n.request for n in step.noticed(commands.Responded, commands.RequestFailed, commands.RequestTimedOut)]
    open_before = {one.identifier for one in step.before.requests} if step.before is not None else set()
    open_after = {one.identifier for one in step.after.requests} if step.after is not None else set()
    if not (outcomes or open_before or open_after):
        return True
    if len(outcomes) != len(set(outcomes)) or not set(outcomes) <= open_before | step.accepts:
        return False
    if step.after is not None and not _requests_wait_somewhere(step.after):
        return False
    over = set() if step.order == WITHDRAW else open_before - open_after
    at_once = set(outcomes) & step.accepts  # its generation had no keys left for it
    return not set(outcomes) & open_after and set(outcomes) == over | at_once


def _requests_wait_somewhere(image: Snapshot) -> bool:
    """A pending request waits in the current generation, one that is not sent is held, and a closed end has none."""
    held = [outgoing.request for outgoing, _ in image.waiting]
    for request in image.requests:
        pending = request.state is RequestState.PENDING
        waits = image.current is not None and request.reply is not None and reaches(image.current, request.reply)
        if image.state is State.CLOSED or (not waits if pending else request.identifier not in held):
            return False
    return True


def delivered_in_its_generation(step: SessionStep) -> bool:
    """S9: data is delivered in the generation that it was sent in."""
    if step.received is None or not (step.did(commands.Deliver) or step.noticed(commands.Responded)):
        return True
    address, links = step.received.onward_route[0], [*live_links(step.before), *live_links(step.after)]
    return any(reaches(link, address) and step.is_sent_in(link) for link in links)


# S11, S12, S13 --------------------------------------------------------------------------------------------------------


def nothing_is_lost(step: SessionStep) -> bool:
    """S11: held and accepted messages are held, sent, or dead letters; received data is delivered or a dead letter."""
    used = step.did(commands.Deliver) or step.did(commands.DeadLetter) or step.noticed(commands.Responded)
    if isinstance(step.signal, Data) and not used:
        return False
    kept = [outgoing for outgoing, _ in step.after.waiting] if step.after is not None else []
    gone = [letter.message for letter in step.did(commands.DeadLetter)]
    was = [outgoing for outgoing, _ in step.before.waiting] if step.before is not None else []
    if any(one not in kept and one not in gone and one.payload not in step.sent_data for one in was):
        return False
    return step.order not in (SEND, REQUEST) or len(was) + 1 <= len(kept) + len(gone) + len(step.sent_data)


def stays_within_capacity(step: SessionStep) -> bool:
    """S12: attempts, misses, held messages and open requests stay within their limits."""
    image, limits = step.after, step.settings.limits
    if image is None:
        return True
    values = {"attempts": image.attempts, "held": len(image.waiting), "misses": image.misses}
    bounded = all(limits[name] is None or value <= (limits[name] or 0) for name, value in values.items())
    return bounded and len(image.waiting) == image.held and len(image.requests) <= step.settings.requests


def leaves_in_order(step: SessionStep) -> bool:
    """S13: reissued messages leave before held ones, held ones before new ones, each once and in its order."""
    held = step.before.waiting if step.before is not None else ()
    waits = step.after.waiting if step.after is not None else ()
    if any(again and not ahead for (_, ahead), (_, again) in pairwise(waits)):
        return False
    if step.came_to is not State.ESTABLISHED:
        return True
    if waits:
        return False
    payloads = [outgoing.payload for outgoing, _ in held]
    return not held or any(_leave_from(place, payloads, step) for place in range(len(step.sent_data)))


def _leave_from(place: int, held: list[bytes], step: SessionStep) -> bool:
    """Whether the held messages are sent from this place on: after open requests, which keep their order, and before
    all other data."""
    assert step.before is not None
    sent, end = step.sent_data, place + len(held)
    requests = [request.outgoing.payload for request in step.before.requests]
    accepted = iter(requests)
    reissued = all(payload in accepted for payload in sent[:place])
    return reissued and sent[place:end] == held and not {*held, *requests} & {*sent[end:]}


# S16, S27 -------------------------------------------------------------------------------------------------------------


def rests_before_an_attempt(step: SessionStep) -> bool:
    """S16: between two attempts of an end a back-off has expired."""
    return not step.starts or step.rested or step.timer is Timer.BACK_OFF


def collision_has_one_winner(step: SessionStep) -> bool:
    """S27: of two attempts with one number the initiator's continues. The responder drops its own and answers the
    initiator's hello; the initiator does not answer."""
    hello, before = step.signal, step.before
    attempt = before.attempt if before is not None else None
    if not isinstance(hello, Hello) or not is_own(attempt):
        return True
    own, other = attempt.generation, hello.generation
    if own.number != other.number or own.starter is other.starter:
        return True
    goes_on = step.after is not None and step.after.attempt == attempt
    answers = any(isinstance(signal, Answer) for signal, _ in step.sent)
    initiates = own.starter is Role.INITIATOR
    return goes_on is initiates and answers is not initiates

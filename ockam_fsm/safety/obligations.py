"""The obligations of an end in a step: to its owner, its peer, its timers and counters (S17 to S21, S26, S28).

Theory: a missing notice, timer or count may break another property only much later, or never in a world of two ends.
So the obligations are judged directly, in every step.

Rule 1: the expected behaviour is written here again, from the specification alone: no table is read, and none of the
        code that is judged.
Left out: the length of a back-off; worlds have no durations.
Source: spec/sessions.md sections 3, 4 and 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.causes import EXHAUSTED, NO_ROOM
from ockam_fsm.runtime.session.commands import AnyTimer, RequestTimer, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.safety.links import is_own, largest, live_links, named
from ockam_fsm.safety.session_step import CLOSE, NEGOTIATIONS, REQUEST, SEND, STOP, SessionStep, unchanged

# S26, S28 -------------------------------------------------------------------------------------------------------------


def close_ends(step: SessionStep) -> bool:
    """S26: a close of the peer closes the session, whatever its type."""
    return not step.is_closed_by_peer or step.came_to is State.CLOSED


def every_message_counts(step: SessionStep) -> bool:
    """S28: a message that arrives changes something, leads to a command, or is a dead letter with a reason. Only the
    answer to a keepalive may have no effect."""
    if not step.reached:
        return True
    if not unchanged(step):
        return all(letter.reason for letter in step.did(commands.DeadLetter))
    current = step.before.current if step.before is not None and step.was is State.ESTABLISHED else None
    return isinstance(step.signal, KeepaliveAnswer) and step.arrived_at(current)


# S17 ------------------------------------------------------------------------------------------------------------------


def owner_is_notified(step: SessionStep) -> bool:
    """S17: every establishment, failure and closing is notified once, after the failures of its requests."""
    if not (step.notices or step.adopts or step.was is not step.came_to):
        return True
    expected: list[type] = [commands.Established] * step.adopts
    expected += [commands.TimedOut] * (step.came_to is State.TIMED_OUT is not step.was)
    expected += [commands.Closed] * step.ends
    notices = [type(notice) for notice in step.noticed(commands.Established, commands.TimedOut, commands.Closed)]
    spent = step.timer is Timer.BACK_OFF and step.settings.session_type.persistent
    exhausted = any((notice.reason == EXHAUSTED) is not spent for notice in step.noticed(commands.Closed))
    adopted = all(_names_what_was_adopted(step, notice) for notice in step.noticed(commands.Established))
    return notices == expected and adopted and not exhausted and _failures_are_notified(step)


def _names_what_was_adopted(step: SessionStep, notice: commands.Established) -> bool:
    """Whether the notice names the adopted generation, and whether the answering end still had its state."""
    attempt = step.before.attempt if step.before is not None else None
    if attempt is None or notice.generation != attempt.generation:
        return False
    return notice.resumed is (step.signal.resumed if isinstance(step.signal, Answer) else attempt.resumed)


def _failures_are_notified(step: SessionStep) -> bool:
    """Whether requests and held messages fail with the reason of the failure or closing, and before its notice."""
    notices: Sequence[commands.Notice] = step.notices
    ends = [notice for notice in notices if isinstance(notice, commands.TimedOut | commands.Closed)]
    place = notices.index(ends[0]) if ends else len(notices)
    for number, notice in enumerate(notices):
        if not isinstance(notice, commands.RequestFailed):
            continue
        if notice.reason == NO_ROOM:
            fits = _is_full(step)
        else:
            fits = not ends or ((number < place or notice.request in step.accepts) and notice.reason == ends[0].reason)
        if not fits:
            return False
    discarded = {letter.reason for letter in step.did(commands.DeadLetter) if isinstance(letter.message, Outgoing)}
    return not ends or discarded <= {ends[-1].reason}


def _is_full(step: SessionStep) -> bool:
    """Whether the hold queue was full in this step; its messages may have been sent by the end."""
    return step.adopts or (step.after is not None and step.after.held >= step.settings.held_limit)


# S18 ------------------------------------------------------------------------------------------------------------------


def state_has_what_belongs_to_it(step: SessionStep) -> bool:
    """S18: a negotiation has an attempt, an established end a route, and each state exactly its timers."""
    image = step.after
    if not _timers_are_its_own(step) or not _addresses_live_with_their_links(step):
        return False
    if image is None:
        return True
    if image.state in NEGOTIATIONS and image.attempt is None:
        return False
    known = image.current is not None and bool(image.current.route) and image.attempt is None
    if (image.state is State.ESTABLISHED and not known) or not _is_for_a_message(step, image):
        return False
    return image.armed == _timers_of(image, step.settings) and _follows(step.was, image.state)


def _is_for_a_message(step: SessionStep, image: Snapshot) -> bool:
    """Whether an implicit session negotiates only for a waiting message, and rests only while none waits."""
    if step.settings.session_type.creation is Creation.IMPLICIT and step.starts:
        return bool(image.waiting)
    return not (image.resting and image.waiting)


def _timers_are_its_own(step: SessionStep) -> bool:
    image = step.after
    if image is None:
        return not step.running
    pending = {RequestTimer(one.identifier) for one in image.requests if one.state is RequestState.PENDING}
    expected: set[AnyTimer] = {*image.armed, *pending}
    return expected == step.running


def _addresses_live_with_their_links(step: SessionStep) -> bool:
    if live_links(step.before) == live_links(step.after):
        return not (step.did(commands.Register) or step.did(commands.Unregister))
    known = _addresses(step.before)
    for command in step.commands:
        if isinstance(command, commands.Register):
            known.add(command.address)
        elif isinstance(command, commands.Unregister):
            known.discard(command.address)
    return known == _addresses(step.after)


def _addresses(image: Snapshot | None) -> set[Address]:
    return {one for link in live_links(image) for one in (link.inner, link.handshake) if one is not None}


def _timers_of(image: Snapshot, settings: SessionConfig) -> set[Timer]:
    kind, role = settings.session_type, settings.role
    if image.state in NEGOTIATIONS:
        return {Timer.NEGOTIATION}
    if image.state is State.ESTABLISHED and asks(settings):
        unused = kind.creation is Creation.IMPLICIT and not kind.persistent
        asked = settings.profile.keeps_alive
        return ({Timer.KEEPALIVE} if asked else set()) | ({Timer.IDLE} if unused else set())
    if image.state is State.ESTABLISHED:
        return {Timer.IDLE}
    if image.state is State.TIMED_OUT:
        waits = kind.persistent and not kind.renegotiated_by(role)
        if waits or (image.resting and role is Role.RESPONDER):
            return {Timer.RETENTION}
        return set() if image.resting else {Timer.BACK_OFF}
    return set()


def asks(settings: SessionConfig) -> bool:
    """Whether this end probes its peer; the other end only detects silence."""
    return settings.role is Role.INITIATOR or settings.session_type.renegotiated_by(settings.role)


_NEXT = {
    State.IDLE: (State.NEGOTIATING, State.CLOSED),
    State.NEGOTIATING: (State.ESTABLISHED, State.TIMED_OUT, State.CLOSED),
    State.ESTABLISHED: (State.TIMED_OUT, State.RENEGOTIATING, State.CLOSED),
    State.TIMED_OUT: (State.RENEGOTIATING, State.CLOSED),
    State.RENEGOTIATING: (State.ESTABLISHED, State.TIMED_OUT, State.CLOSED),
    State.CLOSED: (),
}
"""The states that may follow (section 3). One message may both confirm an answer and end that generation."""


def _follows(was: State, is_now: State) -> bool:
    return was is is_now or is_now in _NEXT[was]


# S19 ------------------------------------------------------------------------------------------------------------------


def hearing_counts(step: SessionStep) -> bool:
    """S19: talk in the current generation is a sign of life, and so is the use of an implicit transient session."""
    settings, image = step.settings, step.after
    idle = settings.durations.idle_seconds
    restarts = idle is None or SetTimer(Timer.IDLE, idle) in step.commands
    kind = settings.session_type
    used = step.order == SEND or step.order == REQUEST or isinstance(step.signal, Data)
    if step.hears and not asks(settings):
        return restarts
    if asks(settings) and kind.creation is Creation.IMPLICIT and not kind.persistent and used:
        stays = step.was is State.ESTABLISHED is step.came_to
        if stays and (step.hears or not isinstance(step.signal, Data)) and not restarts:
            return False
    if not (step.hears or step.confirms) or image is None or image.state is not State.ESTABLISHED:
        return True
    return image.misses == 0 and image.attempts == 0 and image.back_off_step == 0


# S20 ------------------------------------------------------------------------------------------------------------------


def counters_tell_the_truth(step: SessionStep) -> bool:
    """S20: attempts, unanswered keepalives and usable generations are counted where they occur, and only there."""
    image, limit = step.after, step.settings.limits["attempts"]
    spent = limit is not None and step.before is not None and step.before.attempts >= limit
    if step.settings.session_type.persistent and step.timer is Timer.BACK_OFF and step.came_to is State.CLOSED:
        return spent
    if image is None or image.state is State.CLOSED:  # nothing reads a counter any more
        return True
    kind, role = step.settings.session_type, step.settings.role
    if kind.persistent and role is Role.RESPONDER and bool(image.confirmed) is not image.has_state:
        return False
    usable = image.state is State.RENEGOTIATING and image.current is not None
    resting = image.state is State.TIMED_OUT and Timer.BACK_OFF not in image.armed
    counted = step.settings.session_type.renegotiated_by(step.settings.role)
    if image.usable != usable or image.resting != (resting and counted):
        return False
    signal, attempt = step.signal, step.before.attempt if step.before is not None else None
    if isinstance(signal, Superseded) and is_own(attempt) and attempt.generation.address == signal.address:
        return image.seen[0] >= signal.number
    return _attempts_are_counted(step, image) and _misses_are_counted(step, image)


def _attempts_are_counted(step: SessionStep, image: Snapshot) -> bool:
    before = step.before.attempts if step.before is not None else 0
    limit = step.settings.limits["attempts"]
    if not step.settings.session_type.persistent or limit is None:
        return image.attempts == 0
    if step.timer is Timer.BACK_OFF and before >= limit:
        return False
    if step.starts:
        return image.attempts == before + 1
    proves = step.signal is not None and not (isinstance(step.signal, Answer) and step.settings.profile.keeps_alive)
    cleared = image.attempts == 0 and proves
    return image.attempts == before or cleared


def _misses_are_counted(step: SessionStep, image: Snapshot) -> bool:
    before = step.before.misses if step.before is not None else 0
    if step.timer is Timer.KEEPALIVE:
        missed = before >= (step.settings.limits["misses"] or 0)
        if missed:
            return image.state is State.TIMED_OUT
        return image.state is State.ESTABLISHED and image.misses == before + 1
    falls_back = step.was is State.RENEGOTIATING and not step.adopts
    if image.state is State.ESTABLISHED and (step.adopts or falls_back):
        return image.misses == 0
    return image.misses == before or (image.misses == 0 and step.signal is not None)


# S21 ------------------------------------------------------------------------------------------------------------------


def peer_receives_its_signals(step: SessionStep) -> bool:
    """S21: hello, answer, superseded, keepalive, its answer and close are sent to where the peer expects them, once."""
    sent = Counter(type(signal) for signal, _ in step.sent if not isinstance(signal, Data | None))
    expected = Counter(kind for kind in _due(step) if step.can_send(kind))
    return sent == expected and all(_fits(step, signal, message) for signal, message in step.sent)


def _fits(step: SessionStep, signal: Signal | None, message: Message) -> bool:
    """Whether a signal names its generation, or is sent along the route of its generation."""
    match signal:
        case Keepalive() | Confirmation():
            return _is_sent_in(step, message, step.after.current if step.after is not None else None)
        case KeepaliveAnswer():
            return message.return_route == step.return_route(step.address, message)
        case Close(number=number, address=address):
            return (message.onward_route, number, address) == _closing(step)
        case GoingAway():
            return _is_sent_in(step, message, _last_to_hear(step.before))
        case Hello(generation=generation):
            return any(link.generation.address == generation.address for link in live_links(step.after))
        case Answer(worker=worker):
            return any(link.inner == worker for link in live_links(step.after))
        case Superseded(number=number):
            return number == step.seen[0]
    return True


def _due(step: SessionStep) -> Iterator[type[Signal]]:
    before, after = step.before, step.after
    if step.starts:
        yield Hello
    elif isinstance(step.signal, Hello):
        yield from _due_for_a_hello(step, step.signal)
    if isinstance(step.signal, Keepalive) and (step.hears or step.confirms or _heard_in_previous(step)):
        yield KeepaliveAnswer
    began = isinstance(step.signal, Answer) and step.adopts
    if began or (step.timer is Timer.KEEPALIVE and after is not None and after.state is State.ESTABLISHED):
        protected = step.settings.profile.protection(step.settings.role) is not None
        yield Confirmation if began and protected else Keepalive
    by_itself = step.order == CLOSE or (step.timer is Timer.IDLE and step.was is State.ESTABLISHED)
    if step.ends and by_itself and _closing(step) is not None:
        yield Close
    if step.ends and step.order == STOP and _last_to_hear(before) is not None:
        yield GoingAway


def _closing(step: SessionStep) -> tuple[Route, int, Address] | None:
    """The route of a close, and the number and address that it names: the messaging route, or without one the
    initialization route."""
    image, link = step.before, _last_to_hear(step.before)
    if image is None:
        return None
    if link is not None:
        return link.route, link.generation.number, link.generation.address
    last = named(image, own=True)
    if last is None or not image.initialization_route:
        return None
    return image.initialization_route, largest(image)[0], last


def _last_to_hear(image: Snapshot | None) -> Link | None:
    """The generation in which the peer receives a close: its attempt that this end answered, else the current one."""
    if image is None:
        return None
    return image.attempt if image.attempt is not None and image.attempt.route else image.current


def _is_sent_in(step: SessionStep, message: Message, link: Link | None) -> bool:
    routes = message.onward_route, message.return_route
    return link is not None and routes == (link.route, step.return_route(link.inner, message))


def _heard_in_previous(step: SessionStep) -> bool:
    return step.before is not None and step.was is State.RENEGOTIATING and step.arrived_at(step.before.current)


def _due_for_a_hello(step: SessionStep, hello: Hello) -> Iterator[type[Signal]]:
    before, kind = step.before, step.settings.session_type
    newer = hello.generation.rank > step.largest
    if hello.generation.starter is step.settings.role:
        return
    if before is None or step.was is State.IDLE:
        asked = step.settings.role is Role.RESPONDER
        yield from (Answer,) * (asked and newer and step.after is not None)
        yield from (Superseded,) * (asked and not newer)
        return
    over = step.was is State.CLOSED or (step.was is State.TIMED_OUT and not kind.persistent)
    answers = step.settings.role is Role.RESPONDER or kind.renegotiated_by(Role.RESPONDER)
    if over or not answers:
        return
    if any(link.generation == hello.generation for link in live_links(before)):
        yield Answer
    elif not newer:
        yield Superseded
    elif kind.persistent:
        yield Answer

"""What an end owes, step by step: to its owner, to its peer, and to its own timers and counters (S17 to S22).

Theory: a table that forgets a notice, a timer or a count may go on for a long time before anything breaks, and some of
what it owes nobody in a world of two ends ever misses. So it is judged at once, from the snapshots before and after a
step and from its commands.

Rule 1: as in `safety.py`: no table is read, and none of the code that is judged. What is expected is written
        here once more, from the semantics alone.
Left out: how long a back-off is; worlds have no durations, so that they stay small.
Source: spec/sessions.md sections 3, 4 and 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from ockam_fsm.checking.properties import Step
from ockam_fsm.checking.sessions.pair_config import SESSION_ID
from ockam_fsm.checking.sessions.safety import (
    accepted_requests,
    arrival,
    largest,
    live_links,
    named,
    owned,
    reaches,
    signal_of,
)
from ockam_fsm.checking.sessions.session_actors import (
    CLOSE,
    REOPEN,
    REQUEST,
    SEND,
    STOP,
    Packet,
)
from ockam_fsm.checking.sessions.session_step import NEGOTIATIONS, SessionStep, is_own
from ockam_fsm.checking.sessions.symbolic_channel import TALK, Open, SymbolicProfile, term_of
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import RequestTimer, Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.effects import EXHAUSTED, NO_ROOM
from ockam_fsm.runtime.session.handshake import GENERATION
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

# S3 -------------------------------------------------------------------------------------------------------------------


def state_is_kept(deed: SessionStep) -> bool:
    """A persistent session with a state ends by an order, by a close of its peer, or by a bound; nothing else ends it,
    and restarts do not."""
    if deed.before is None or not deed.before.has_state or not deed.ends:
        return True
    by_bound = deed.fired(Timer.RETENTION) or deed.fired(Timer.BACK_OFF)
    return deed.ends_by_order or by_bound or deed.is_closed_by_peer


# S26 ------------------------------------------------------------------------------------------------------------------


def close_ends(deed: SessionStep) -> bool:
    """What the peer closes is closed, whatever the type."""
    return not deed.is_closed_by_peer or deed.came_to is State.CLOSED


# S28 ------------------------------------------------------------------------------------------------------------------


def every_message_counts(step: Step) -> bool:
    """What arrives changes something, has something said, or is a dead letter with a reason. A keepalive that is
    answered may change nothing: that the peer is there is all that it says."""
    packet = arrival(step)
    letters = [command for _, command in owned(step) if isinstance(command, commands.DeadLetter)]
    if packet is None or not all(letter.reason for letter in letters):
        return packet is None
    changed = step.before != step.after or step.timers_before != step.timers_after
    return changed or bool(step.records) or _is_sign_of_life(step, packet)


def _is_sign_of_life(step: Step, packet: Packet) -> bool:
    if not isinstance(signal_of(packet.message, GENERATION), KeepaliveAnswer):
        return False
    ends = (image for _, image in step.before.sessions if image.state is State.ESTABLISHED)
    address = packet.message.onward_route[0]
    return any(image.current is not None and reaches(image.current, address) for image in ends)


# S17 ------------------------------------------------------------------------------------------------------------------


def owner_is_told(deed: SessionStep) -> bool:
    """Every establishment, failure and closing is told, once, and after the requests that fail with it."""
    kinds = (commands.Established, commands.TimedOut, commands.Closed)
    notices = [command.notice for command in deed.did(commands.Notify) if isinstance(command, commands.Notify)]
    expected: list[type] = [commands.Established] * deed.adopts
    expected += [commands.TimedOut] * (deed.came_to is State.TIMED_OUT is not deed.was)
    expected += [commands.Closed] * deed.ends
    told = [type(notice) for notice in notices if isinstance(notice, kinds)]
    spent = deed.fired(Timer.BACK_OFF) and deed.settings.session_type.persistent
    why = any(isinstance(notice, commands.Closed) and (notice.reason == EXHAUSTED) is not spent for notice in notices)
    established = [notice for notice in notices if isinstance(notice, commands.Established)]
    names_it = all(_names_what_was_adopted(deed, notice) for notice in established)
    return told == expected and names_it and not why and _failures_are_told(deed, notices)


def _names_what_was_adopted(deed: SessionStep, notice: commands.Established) -> bool:
    """It names the generation, and says what the end that answered has said of its state."""
    attempt = deed.before.attempt if deed.before is not None else None
    if attempt is None or notice.generation != attempt.generation:
        return False
    return notice.resumed is (deed.signal.resumed if isinstance(deed.signal, Answer) else attempt.resumed)


def _failures_are_told(deed: SessionStep, notices: Sequence[commands.Notice]) -> bool:
    """Requests, and what was held, fail with the reason of what ended them, before that is told itself."""
    ends = [notice for notice in notices if isinstance(notice, commands.TimedOut | commands.Closed)]
    place = notices.index(ends[0]) if ends else len(notices)
    for number, notice in enumerate(notices):
        if not isinstance(notice, commands.RequestFailed):
            continue
        if notice.reason == NO_ROOM:
            told = _is_full(deed)
        else:
            before = number < place or notice.request in accepted_requests(deed.step)
            told = not ends or (before and notice.reason == ends[0].reason)
        if not told:
            return False
    letters = [letter for letter in deed.did(commands.DeadLetter) if isinstance(letter, commands.DeadLetter)]
    discarded = [letter.reason for letter in letters if isinstance(letter.message, Outgoing)]
    return not ends or set(discarded) <= {ends[-1].reason}


def _is_full(deed: SessionStep) -> bool:
    """Whether there was no room in this step; what was held may have left by its end."""
    return deed.adopts or (deed.after is not None and deed.after.held >= deed.settings.held_limit)


# S18 ------------------------------------------------------------------------------------------------------------------


def state_has_what_belongs_to_it(deed: SessionStep) -> bool:
    """A negotiation has an attempt, an established end a route, and each state its timers; nothing else runs."""
    image = deed.after
    if not _timers_are_those_of_the_sessions(deed) or not _addresses_live_with_their_links(deed):
        return False
    if image is None:
        return True
    if image.state in NEGOTIATIONS and image.attempt is None:
        return False
    known = image.current is not None and bool(image.current.route) and image.attempt is None
    if (image.state is State.ESTABLISHED and not known) or not _is_for_a_message(deed, image):
        return False
    return image.armed == _timers_of(image, deed.settings) and _follows(deed.was, image.state)


def _is_for_a_message(deed: SessionStep, image: Snapshot) -> bool:
    """An implicit session negotiates for a message that waits, and rests only while none does."""
    if deed.settings.session_type.creation is Creation.IMPLICIT and deed.starts:
        return bool(image.waiting)
    return not (image.resting and image.waiting)


def _timers_are_those_of_the_sessions(deed: SessionStep) -> bool:
    expected: set[Hashable] = set(deed.step.timers_after).intersection([REOPEN])
    for key, image in deed.step.after.sessions:
        pending = [RequestTimer(one.identifier) for one in image.requests if one.state is RequestState.PENDING]
        for name in (*image.armed, *pending):
            expected.add(name if key in (None, SESSION_ID) else (key, name))
    return expected == deed.step.timers_after


def _addresses_live_with_their_links(deed: SessionStep) -> bool:
    known = _addresses(deed.before)
    for command in deed.did(object):
        if isinstance(command, commands.Register):
            known.add(command.address)
        elif isinstance(command, commands.Unregister):
            known.discard(command.address)
    return known == _addresses(deed.after)


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
    """Whether this end asks its peer whether it is alive; the other one listens for silence."""
    return settings.role is Role.INITIATOR or settings.session_type.renegotiated_by(settings.role)


_NEXT = {
    State.IDLE: (State.NEGOTIATING, State.CLOSED),
    State.NEGOTIATING: (State.ESTABLISHED, State.TIMED_OUT, State.CLOSED),
    State.ESTABLISHED: (State.TIMED_OUT, State.RENEGOTIATING, State.CLOSED),
    State.TIMED_OUT: (State.RENEGOTIATING, State.CLOSED),
    State.RENEGOTIATING: (State.ESTABLISHED, State.TIMED_OUT, State.CLOSED),
    State.CLOSED: (),
}
"""Section 3: which state may follow. One message may both confirm an answer and end what it has confirmed."""


def _follows(was: State, is_now: State) -> bool:
    return was is is_now or is_now in _NEXT[was]


# S19 ------------------------------------------------------------------------------------------------------------------


def hearing_counts(deed: SessionStep) -> bool:
    """Whatever is heard in the current generation is a sign of life; using an implicit transient session is one too."""
    settings, image = deed.settings, deed.after
    restarts = any(command == commands.SetTimer(Timer.IDLE, _idle_seconds(settings))
                   for command in deed.did(commands.SetTimer))  # fmt: skip
    kind = settings.session_type
    used = deed.ordered(SEND) or deed.ordered(REQUEST) or isinstance(deed.signal, Data)
    if deed.heard and not asks(settings):
        return restarts
    if asks(settings) and kind.creation is Creation.IMPLICIT and not kind.persistent and used:
        stays = deed.was is State.ESTABLISHED is deed.came_to
        if stays and (deed.heard or not isinstance(deed.signal, Data)) and not restarts:
            return False
    if not (deed.heard or deed.confirms) or image is None or image.state is not State.ESTABLISHED:
        return True
    return image.misses == 0 and image.attempts == 0 and image.back_off_step == 0


def _idle_seconds(settings: SessionConfig) -> float:
    assert settings.durations.idle_seconds is not None
    return settings.durations.idle_seconds


# S20 ------------------------------------------------------------------------------------------------------------------


def counters_tell_the_truth(deed: SessionStep) -> bool:
    """Attempts, unanswered keepalives and usable generations are counted, each where it happens and only there."""
    image, limit = deed.after, deed.settings.limits["attempts"]
    spent = limit is not None and deed.before is not None and deed.before.attempts >= limit
    if deed.settings.session_type.persistent and deed.fired(Timer.BACK_OFF) and deed.came_to is State.CLOSED:
        return spent
    if image is None or image.state is State.CLOSED:  # nothing reads a counter any more
        return True
    kind, role = deed.settings.session_type, deed.settings.role
    if kind.persistent and role is Role.RESPONDER and bool(image.confirmed) is not image.has_state:
        return False
    usable = image.state is State.RENEGOTIATING and image.current is not None
    resting = image.state is State.TIMED_OUT and Timer.BACK_OFF not in image.armed
    counted = deed.settings.session_type.renegotiated_by(deed.settings.role)
    if image.usable != usable or image.resting != (resting and counted):
        return False
    signal, attempt = deed.signal, deed.before.attempt if deed.before is not None else None
    if isinstance(signal, Superseded) and is_own(attempt) and attempt.generation.address == signal.address:
        return image.seen[0] >= signal.number
    return _attempts_are_counted(deed, image) and _misses_are_counted(deed, image)


def _attempts_are_counted(deed: SessionStep, image: Snapshot) -> bool:
    before = deed.before.attempts if deed.before is not None else 0
    limit = deed.settings.limits["attempts"]
    if not deed.settings.session_type.persistent or limit is None:
        return image.attempts == 0
    if deed.fired(Timer.BACK_OFF) and before >= limit:
        return False
    if deed.starts:
        return image.attempts == before + 1
    proves = deed.signal is not None and not (isinstance(deed.signal, Answer) and deed.settings.profile.keeps_alive)
    cleared = image.attempts == 0 and proves
    return image.attempts == before or cleared


def _misses_are_counted(deed: SessionStep, image: Snapshot) -> bool:
    before = deed.before.misses if deed.before is not None else 0
    if deed.fired(Timer.KEEPALIVE):
        missed = before >= (deed.settings.limits["misses"] or 0)
        if missed:
            return image.state is State.TIMED_OUT
        return image.state is State.ESTABLISHED and image.misses == before + 1
    falls_back = deed.was is State.RENEGOTIATING and not deed.adopts
    if image.state is State.ESTABLISHED and (deed.adopts or falls_back):
        return image.misses == 0
    return image.misses == before or (image.misses == 0 and deed.signal is not None)


# S21 ------------------------------------------------------------------------------------------------------------------


def peer_is_told(deed: SessionStep) -> bool:
    """Hello, answer, superseded, keepalive, its answer and close are said where the peer waits for them, once."""
    profile = deed.settings.profile
    messages = [send.message for send in deed.did(commands.Send) if isinstance(send, commands.Send)]
    sent = [(signal_of(message, profile), message) for message in messages]
    said = Counter(type(signal) for signal, _ in sent if not isinstance(signal, Data | None))
    expected = Counter(kind for kind in _owed(deed) if _can_be_said(deed, kind))
    return said == expected and all(_fits(deed, signal, message) for signal, message in sent)


def _can_be_said(deed: SessionStep, kind: type[Signal]) -> bool:
    """The profile has words for it, and in a channel there is a nonce left for it."""
    profile = deed.settings.profile
    if kind in (Hello, Answer, Confirmation) or not isinstance(profile, SymbolicProfile):
        return profile.keeps_alive or kind in (Hello, Answer)
    image = deed.before if kind is Close else deed.after
    channel = image.current_protection if image is not None else None
    if kind in (GoingAway, Superseded) or not isinstance(channel, Open):
        return False
    used = len(deed.did(commands.Send)) if kind is not Close else 0
    return (profile.keeps_alive or kind is Close) and channel.sent - used < profile.nonces


def _fits(deed: SessionStep, signal: Signal | None, message: Message) -> bool:
    """What is said names the generation that it is about, or is said in it."""
    match signal:
        case Keepalive() | Confirmation():
            return _is_said_in(message, deed.after.current if deed.after is not None else None)
        case KeepaliveAnswer():
            return message.return_route == _back(deed.address, message)
        case Close(number=number, address=address):
            return (message.onward_route, number, address) == _closing(deed)
        case GoingAway():
            return _is_said_in(message, _last_to_hear(deed.before))
        case Hello(generation=generation):
            return any(link.generation.address == generation.address for link in live_links(deed.after))
        case Answer(worker=worker):
            return any(link.inner == worker for link in live_links(deed.after))
        case Superseded(number=number):
            return number == deed.seen[0]
    return True


def _owed(deed: SessionStep) -> Iterator[type[Signal]]:
    before, after = deed.before, deed.after
    if deed.starts:
        yield Hello
    elif isinstance(deed.signal, Hello):
        yield from _owed_to_a_hello(deed, deed.signal)
    if isinstance(deed.signal, Keepalive) and (deed.heard or deed.confirms or _heard_in_previous(deed)):
        yield KeepaliveAnswer
    began = isinstance(deed.signal, Answer) and deed.adopts
    if began or (deed.fired(Timer.KEEPALIVE) and after is not None and after.state is State.ESTABLISHED):
        yield Confirmation if began and isinstance(deed.settings.profile, SymbolicProfile) else Keepalive
    by_itself = deed.ordered(CLOSE) or (deed.fired(Timer.IDLE) and deed.was is State.ESTABLISHED)
    if deed.ends and by_itself and _closing(deed) is not None:
        yield Close
    if deed.ends and deed.ordered(STOP) and _last_to_hear(before) is not None:
        yield GoingAway


def _closing(deed: SessionStep) -> tuple[Route, int, Address] | None:
    """Where the peer hears that the session is closed, and what names the generation: on the messaging route, or
    without one along the initialization route."""
    image, link = deed.before, _last_to_hear(deed.before)
    if image is None:
        return None
    if link is not None:
        return link.route, link.generation.number, link.generation.address
    last = named(image, own=True)
    if last is None or not image.initialization_route:
        return None
    return image.initialization_route, largest(image)[0], last


def _last_to_hear(image: Snapshot | None) -> Link | None:
    """Where the peer hears a close: in the attempt of its own that this end has answered, else where both talk."""
    if image is None:
        return None
    return image.attempt if image.attempt is not None and image.attempt.route else image.current


def _is_said_in(message: Message, link: Link | None) -> bool:
    routes = message.onward_route, message.return_route
    return link is not None and routes == (link.route, _back(link.inner, message))


def _back(address: Address | None, message: Message) -> Route:
    """The return route of what is said in a generation; inside an open channel nobody sees it."""
    term = term_of(message.payload)
    return () if address is None or (term is not None and term.message == TALK) else (address,)


def _heard_in_previous(deed: SessionStep) -> bool:
    return deed.before is not None and deed.was is State.RENEGOTIATING and deed.arrived_at(deed.before.current)


def _owed_to_a_hello(deed: SessionStep, hello: Hello) -> Iterator[type[Signal]]:
    before, kind = deed.before, deed.settings.session_type
    newer = hello.generation.rank > deed.largest
    if hello.generation.starter is deed.settings.role:
        return
    if before is None or deed.was is State.IDLE:
        asked = deed.settings.role is Role.RESPONDER
        yield from (Answer,) * (asked and newer and deed.after is not None)
        yield from (Superseded,) * (asked and not newer)
        return
    over = deed.was is State.CLOSED or (deed.was is State.TIMED_OUT and not kind.persistent)
    answers = deed.settings.role is Role.RESPONDER or kind.renegotiated_by(Role.RESPONDER)
    if over or not answers:
        return
    if any(link.generation == hello.generation for link in live_links(before)):
        yield Answer
    elif not newer:
        yield Superseded
    elif kind.persistent:
        yield Answer

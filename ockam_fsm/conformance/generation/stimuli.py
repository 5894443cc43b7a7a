"""Stimuli: the inputs of an end, made from the events of its table.

Theory: a table has events; a tester has messages, orders and time. For each event of a table, this module has the
messages, orders and waits that a session classifies as that event in its present situation. A stimulus is a name and a
function of that situation, which returns None where the event is not possible.

Rule 1: a list of names is a test sequence for any implementation, and a reproduction.
Rule 2: nothing is random. The same names in the same situation are the same bytes, except for the target's addresses.
Left out: damaged messages (`hostile.py`).
Source: spec/sessions.md, Appendix A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ockam_fsm.conformance.generation.peer import ActionFactory, Arrive, AtOnce, Do, Peer, Stimulus, Wait
from ockam_fsm.conformance.reference.instrumentation import PEER_HANDSHAKE
from ockam_fsm.conformance.target import (
    BEYOND,
    CONTACT,
    HOP,
    HOST,
    OTHER_SESSION_ID,
    SHORTLY_SECONDS,
    Order,
    Ordered,
)
from ockam_fsm.machines.request import RequestState
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.encoding.message import Address, Route, local
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import MAX_NUMBER_JUMP
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)

MUCH_BYTES = 5_000
"""More than the range of a length of one byte, and more than a memory page."""

AT_ONCE = ", then closed at once"

LONG_SECONDS = 64.0
"""Longer than any timer: a timer that was not stopped expires meanwhile."""

# Hellos ---------------------------------------------------------------------------------------------------------------


def hello_of(
    peer: Peer, number: int, *, starter: Role | None = None, address: Address | None = None,
    session_id: bytes | None = None, proxied: bool = False,
) -> Arrive | None:  # fmt: skip
    """A hello of the peer. Where no contact address is declared, it goes to `CONTACT`."""
    inner = address or peer.fresh()
    own_route: Route = (HOP, HOST) if peer.endpoint.role is Role.RESPONDER and peer.endpoint.two_sided else ()
    generation = Generation(number, peer.role if starter is None else starter, inner)
    hello = Hello(session_id or peer.session_id, generation, own_route)
    back = (HOP, _answer_address(peer, inner, proxied=proxied))
    return peer.say(peer.endpoint.contact or CONTACT, hello, back)


def _answer_address(peer: Peer, inner: Address, *, proxied: bool) -> Address:
    """The address for the answer. In profile `ockam` its prefix identifies an answer."""
    if not peer.profile.names_sessions:
        return peer.fresh(PEER_HANDSHAKE.decode())
    return peer.fresh("proxy") if proxied else inner


def _newer(peer: Peer, *, proxied: bool = False) -> Arrive | None:
    number = peer.seen[0] + 1
    return hello_of(peer, number, proxied=proxied) if number <= _furthest(peer) else None


def _far_ahead(peer: Peer) -> Arrive | None:
    return hello_of(peer, _furthest(peer)) if peer.seen[0] < _furthest(peer) else None


def _furthest(peer: Peer) -> int:
    """The largest number that the target has to accept."""
    return peer.confirmed[0] + MAX_NUMBER_JUMP


def _repeated(peer: Peer) -> Arrive | None:
    for link in peer.links():
        if link.generation.starter is peer.role and peer.profile.names_sessions:
            return hello_of(peer, link.generation.number, address=link.generation.address)
    return None


def _another(peer: Peer, *, fits: bool) -> Arrive | None:
    """A hello for a session that the host does not have."""
    core = peer.end.core
    if not isinstance(core, Host) or (len(core.sessions) < peer.endpoint.capacity) is not fits:
        return None
    peer.made += 1
    session_id = OTHER_SESSION_ID[:-1] + bytes([peer.made % 256]) if peer.profile.names_sessions else b""
    return hello_of(peer, 1, session_id=session_id)


def _ended(peer: Peer) -> Arrive | None:
    """The hello that was answered last, after its generation has ended."""
    greeted = peer.greeted
    if greeted is None or not peer.profile.names_sessions or any(link.generation == greeted for link in peer.links()):
        return None
    return hello_of(peer, greeted.number, address=greeted.address)


def _older(peer: Peer) -> Arrive | None:
    """A hello that is not newer, from another address. In a collision it has the number of the initiator's attempt."""
    number, role = peer.seen
    if not peer.profile.names_sessions or (number, role) < (1, 0) or (number == 1 and peer.role > role):
        return None
    return hello_of(peer, number if peer.role <= role else number - 1)


# Answers --------------------------------------------------------------------------------------------------------------


def _answer(peer: Peer, generation: Generation, to: Address, worker: Address | None = None, *, resumed: bool = True,
            proxied: bool = False) -> Arrive | None:  # fmt: skip
    worker = worker or peer.fresh()
    if not peer.profile.names_sessions:
        return peer.say(to, Answer(b"", None, worker, resumed=False), (HOP, worker))
    back = (HOP, peer.fresh("proxy") if proxied else worker)
    return peer.say(to, Answer(peer.session_id, generation, worker, resumed), back)


def _current_answer(peer: Peer, *, resumed: bool = True, proxied: bool = False) -> Arrive | None:
    link = peer.own_attempt()
    if link is None:
        return None
    return _answer(peer, link.generation, link.handshake or link.inner, resumed=resumed, proxied=proxied)


def _own_current(peer: Peer) -> Link | None:
    session, link = peer.session, peer.current()
    return link if session is not None and link is not None and session.is_own(link) else None


def _changed_answer(peer: Peer) -> Arrive | None:
    link = _own_current(peer)
    return _answer(peer, link.generation, link.inner) if link is not None and peer.profile.names_sessions else None


def _repeated_answer(peer: Peer) -> Arrive | None:
    link = _own_current(peer)
    if link is None or not peer.profile.names_sessions:
        return None
    return _answer(peer, link.generation, link.inner, link.route[-1])


def _earlier_answer(peer: Peer) -> Arrive | None:
    """The answer to an earlier attempt, at the address of the present one if there is one."""
    attempt = peer.own_attempt()
    earlier = [one for one in peer.asked if attempt is None or one[0] != attempt.generation]
    if not earlier or (peer.current() is not None and earlier[-1][0] == peer.current().generation):  # type: ignore[union-attr]
        return None
    generation, address = earlier[-1]
    to = attempt.inner if attempt is not None and peer.profile.names_sessions else address
    return _answer(peer, generation, to)


def _superseded(peer: Peer, ahead: int = 0) -> Arrive | None:
    link = peer.own_attempt()
    if link is None:
        return None
    number = link.generation.number + ahead
    return peer.say(link.inner, Superseded(peer.session_id, number, link.inner), (HOP, local("peer-outer")))


# Data -----------------------------------------------------------------------------------------------------------------


def _data(peer: Peer, link: Link | None, *, routed: bool = False, length: int | None = None) -> Arrive | None:
    """Data of the peer. `routed`: with a return route beyond the peer's end; in profile `ockam` it is the message's."""
    if link is None:
        return None
    payload = _payload(peer, "d", length)
    if routed and not peer.profile.names_sessions:
        return peer.say(link.inner, Data(payload), (HOP, BEYOND))
    return peer.talk(link, Data(payload, (), (BEYOND,) if routed else ()))


def _payload(peer: Peer, letter: str, length: int | None) -> bytes:
    """A new payload, of `length` bytes if given."""
    label = peer.label(letter)
    return label if length is None else label.ljust(length, b".")[:length]


def _data_beyond(peer: Peer) -> Arrive | None:
    """Data for a worker behind the end: by the onward route of the data, in profile `ockam` by that of the message."""
    link = peer.current()
    if link is None:
        return None
    if peer.profile.names_sessions:
        return peer.talk(link, Data(peer.label("d"), (BEYOND,)))
    return peer.say(link.inner, Data(peer.label("d")), (HOP, link.route[-1]), (BEYOND,))


def _of_attempt(signal: Signal) -> ActionFactory:
    return lambda peer: peer.talk(peer.own_attempt(), signal)


def _of_current(signal: Signal) -> ActionFactory:
    return lambda peer: peer.talk(peer.current(), signal)


def _confirming(signal: Signal) -> ActionFactory:
    return lambda peer: peer.talk(peer.answered(), signal)


def _closing(link_of: Callable[[Peer], Link | None]) -> ActionFactory:
    return lambda peer: peer.talk(link_of(peer), peer.close_in(link_of(peer)))


def close_at_contact(peer: Peer, close: Close | None) -> Arrive | None:
    """A close along the initialization route, from a peer without a messaging route."""
    if close is None:
        return None
    return peer.say(peer.endpoint.contact or CONTACT, close, (HOP, local("peer-outer")))


def _response(peer: Peer) -> Arrive | None:
    session, link = peer.session, peer.current()
    if session is None or link is None:
        return None
    for request in session.requests.values():
        if request.state is RequestState.PENDING and request.reply is not None:
            return peer.say(request.reply, Data(b"re:" + request.outgoing.payload), (HOP, link.route[-1]))
    return None


# Orders and time ------------------------------------------------------------------------------------------------------


def _order(what: Ordered) -> ActionFactory:
    return lambda peer: Do(Order(what))


def _send(peer: Peer, *, traced: bool = False, length: int | None = None) -> Do:
    onward = (BEYOND,) if traced else ()
    payload = _payload(peer, "m", length)
    return Do(Order(Ordered.SEND, payload, onward, tracing_context="a trace" if traced else None))


def _request(peer: Peer, *, reissue: bool) -> Do:
    payload = peer.label("q")
    return Do(Order(Ordered.REQUEST, payload, request=payload.decode(), reissue=reissue))


def _withdraw(peer: Peer) -> Do | None:
    """Withdraw an open request."""
    for identifier in peer.session.requests if peer.session is not None else ():
        return Do(Order(Ordered.WITHDRAW, request=str(identifier)))
    return None


def _then_closed(name: str, build: ActionFactory) -> Stimulus:
    """A failure, and a close by the application in the same moment, before the end closes by itself. Only for transient
    sessions, since a persistent one may have sent a hello by then; and only for one session, since a host would give
    the order to another responder."""

    def build_both(peer: Peer) -> AtOnce | None:
        core = peer.end.core
        several = isinstance(core, Host) and len(core.sessions) > 1
        if peer.session is None or peer.endpoint.session_type.persistent or several:
            return None
        first = build(peer)
        return AtOnce(first, Do(Order(Ordered.CLOSE))) if isinstance(first, Arrive | Do) else None

    return Stimulus(f"{name}{AT_ONCE}", None, "3.8", build_both)


def _elapse(peer: Peer) -> Wait | None:
    """Wait until the next timer is due."""
    due = peer.end.next_due()
    return None if due is None or peer.end.tied() else Wait(due - peer.end.now)


def _nearly(peer: Peer) -> Wait | None:
    """Wait until shortly before the next timer is due."""
    due = peer.end.next_due()
    return None if due is None or peer.end.soon() else Wait(due - peer.end.now - SHORTLY_SECONDS)


def _moment(peer: Peer) -> Wait | None:
    """Wait a second, if no timer is due within it."""
    due = peer.end.next_due()
    return Wait(1.0) if due is None or due - peer.end.now > 1.0 else None


def _long(peer: Peer) -> Wait | None:
    return Wait(LONG_SECONDS) if peer.end.next_due() is None else None


_TIMED = {
    Event.NEGOTIATION_EXPIRED: "3.9",
    Event.BACK_OFF_EXPIRED: "3.5",
    Event.KEEPALIVE_DUE: "6.5",
    Event.IDLE_EXPIRED: "3.7",
    Event.RETENTION_EXPIRED: "3.6",
    Event.REQUEST_EXPIRED: "6.3",
}
"""The clause of each timer."""

ELAPSE = Stimulus("the next timer expires", None, "3.1", _elapse)
NOT_YET = Stimulus("the next timer does not expire yet", None, "3.1", _nearly)
MOMENT = Stimulus("a moment passes", None, "3.1", _moment)
QUIET = Stimulus("nothing is due and a long time passes", None, "3.1", _long)

_OF_EVENT: Mapping[Event, tuple[Stimulus, ...]] = {
    Event.OPEN: (Stimulus("open", Event.OPEN, "2.2", _order(Ordered.OPEN)),),
    Event.SEND: (
        Stimulus("send", Event.SEND, "7.1", _send),
        Stimulus("send beyond", Event.SEND, "7.3", lambda peer: _send(peer, traced=True)),
        Stimulus("send nothing", Event.SEND, "7.3", lambda peer: _send(peer, length=0)),
        Stimulus("send much", Event.SEND, "7.3", lambda peer: _send(peer, length=MUCH_BYTES)),
        Stimulus("request", Event.SEND, "6.1", lambda peer: _request(peer, reissue=False)),
        Stimulus("request to be reissued", Event.SEND, "6.6", lambda peer: _request(peer, reissue=True)),
    ),
    Event.WITHDRAW: (Stimulus("withdraw", Event.WITHDRAW, "6.7", _withdraw),),
    Event.RENEGOTIATE: (Stimulus("renegotiate", Event.RENEGOTIATE, "3.2", _order(Ordered.RENEGOTIATE)),),
    Event.CLOSE: (Stimulus("close", Event.CLOSE, "3.8", _order(Ordered.CLOSE)),),
    Event.STOP: (Stimulus("stop", Event.STOP, "3.8", _order(Ordered.STOP)),),
    Event.LOWER_LAYER_LOST: (
        Stimulus("lower layer lost", Event.LOWER_LAYER_LOST, "3.11", _order(Ordered.LOWER_LAYER_LOST)),
        _then_closed("lower layer lost", _order(Ordered.LOWER_LAYER_LOST)),
    ),
    Event.HELLO_NEWER: (
        Stimulus("newer hello", Event.HELLO_NEWER, "4.2", _newer),
        Stimulus("newer hello by proxy", Event.HELLO_NEWER, "5.1", lambda peer: _newer(peer, proxied=True)),
        Stimulus("newer hello far ahead", Event.HELLO_NEWER, "4.2", _far_ahead),
    ),
    Event.HELLO_REPEATED: (Stimulus("repeated hello", Event.HELLO_REPEATED, "4.2", _repeated),),
    Event.HELLO_OLDER: (
        Stimulus("older hello", Event.HELLO_OLDER, "4.2", _older),
        Stimulus("hello of a generation that has ended", Event.HELLO_OLDER, "3.2", _ended),
    ),
    Event.ANSWER_CURRENT: (
        Stimulus("answer", Event.ANSWER_CURRENT, "4.3", _current_answer),
        Stimulus("answer, not resumed", Event.ANSWER_CURRENT, "4.3", lambda p: _current_answer(p, resumed=False)),
        Stimulus("answer by proxy", Event.ANSWER_CURRENT, "5.1", lambda p: _current_answer(p, proxied=True)),
    ),
    Event.ANSWER_CHANGED: (
        Stimulus("answer of a restarted peer", Event.ANSWER_CHANGED, "4.3", _changed_answer),
        _then_closed("answer of a restarted peer", _changed_answer),
    ),
    Event.ANSWER_STALE: (
        Stimulus("repeated answer", Event.ANSWER_STALE, "4.3", _repeated_answer),
        Stimulus("answer to an earlier attempt", Event.ANSWER_STALE, "4.3", _earlier_answer),
    ),
    Event.SUPERSEDED: (
        Stimulus("superseded", Event.SUPERSEDED, "4.2", _superseded),
        Stimulus("superseded by three more", Event.SUPERSEDED, "4.2", lambda peer: _superseded(peer, 3)),
        _then_closed("superseded", _superseded),
    ),
    Event.CONFIRMED: (
        Stimulus("confirming keepalive", Event.CONFIRMED, "4.4", _confirming(Keepalive())),
        Stimulus("confirming keepalive answer", Event.CONFIRMED, "4.4", _confirming(KeepaliveAnswer())),
        Stimulus("confirming data", Event.CONFIRMED, "4.4", lambda peer: _data(peer, peer.answered())),
        Stimulus("confirming close", Event.CONFIRMED, "4.4", _closing(Peer.answered)),
        Stimulus("confirming going away", Event.CONFIRMED, "4.4", _confirming(GoingAway("stop"))),
        Stimulus("confirming error", Event.CONFIRMED, "4.4", _confirming(Error("lost"))),
    ),
    Event.DATA_RECEIVED: (
        Stimulus("data", Event.DATA_RECEIVED, "7.3", lambda peer: _data(peer, peer.current())),
        Stimulus("data with a way back", Event.DATA_RECEIVED, "7.3", lambda p: _data(p, p.current(), routed=True)),
        Stimulus("data for another worker", Event.DATA_RECEIVED, "7.3", _data_beyond),
        Stimulus("empty data", Event.DATA_RECEIVED, "7.3", lambda p: _data(p, p.current(), length=0)),
        Stimulus("much data", Event.DATA_RECEIVED, "7.3", lambda p: _data(p, p.current(), length=MUCH_BYTES)),
        Stimulus("response", Event.DATA_RECEIVED, "6.2", _response),
    ),
    Event.KEEPALIVE_RECEIVED: (Stimulus("keepalive", Event.KEEPALIVE_RECEIVED, "4.7", _of_current(Keepalive())),),
    Event.KEEPALIVE_ANSWERED: (
        Stimulus("keepalive answer", Event.KEEPALIVE_ANSWERED, "4.7", _of_current(KeepaliveAnswer())),
    ),
    Event.CLOSE_RECEIVED: (
        Stimulus("close of the peer", Event.CLOSE_RECEIVED, "3.8", _closing(Peer.current)),
        Stimulus("close for the attempt", Event.CLOSE_RECEIVED, "3.8", _closing(Peer.own_attempt)),
    ),
    Event.CLOSE_AT_CONTACT: (
        Stimulus(
            "close along the initialization route",
            Event.CLOSE_AT_CONTACT,
            "3.8",
            lambda peer: close_at_contact(peer, peer.close()),
        ),
    ),
    Event.GOING_AWAY_RECEIVED: (
        Stimulus("going away", Event.GOING_AWAY_RECEIVED, "3.8", _of_current(GoingAway("stop"))),
        Stimulus("going away, for the attempt", Event.GOING_AWAY_RECEIVED, "3.8", _of_attempt(GoingAway("stop"))),
    ),
    Event.ERROR_RECEIVED: (
        Stimulus("error", Event.ERROR_RECEIVED, "3.11", _of_current(Error("lost"))),
        Stimulus("error for the attempt", Event.ERROR_RECEIVED, "3.11", _of_attempt(Error("lost"))),
        _then_closed("error", _of_current(Error("lost"))),
        _then_closed("error for the attempt", _of_attempt(Error("lost"))),
    ),
}
"""Left out: PREVIOUS_ENDED and REISSUE, which follow from other events; timers, which expire in order by `ELAPSE`;
STRAY, which is every other input."""

HOSTS: tuple[Stimulus, ...] = (
    Stimulus("hello for another session", None, "2.3", lambda peer: _another(peer, fits=True)),
    Stimulus("hello beyond the capacity", None, "4.9", lambda peer: _another(peer, fits=False)),
)
"""Stimuli for a host of responders only. All other stimuli are for its newest responder."""


def stimuli_of(events: frozenset[Event]) -> tuple[Stimulus, ...]:
    """The stimuli for the events of a table, in the order of the events, and those for time."""
    found = [stimulus for event in Event if event in events for stimulus in _OF_EVENT.get(event, ())]
    return (*found, ELAPSE, NOT_YET, MOMENT, QUIET)


_BY_ORDER = (Event.OPEN, Event.SEND, Event.RENEGOTIATE, Event.CLOSE, Event.STOP, Event.LOWER_LAYER_LOST)


def orders_of(events: frozenset[Event]) -> tuple[Stimulus, ...]:
    """The orders of the application and of the lower layer for a table with these events."""
    return tuple(stimulus for event in _BY_ORDER if event in events for stimulus in _OF_EVENT[event])


def peer_stimuli(events: frozenset[Event]) -> tuple[Stimulus, ...]:
    """The stimuli of a peer that only sends messages."""
    by_order = orders_of(events)
    found = (one for one in stimuli_of(events) if one not in by_order and not one.name.endswith(AT_ONCE))
    return tuple(one for one in found if one.event is not None)


def clause_of_timer(event: Event, persistent: bool) -> str:
    """The clause of a timer. The back-off of a transient session has no delay and ends it (3.3)."""
    return "3.3" if event is Event.BACK_OFF_EXPIRED and not persistent else _TIMED[event]

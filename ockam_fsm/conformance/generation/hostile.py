"""Hostile messages: damaged, misplaced, reflected, spoofed, late and oversized ones.

Theory: each is a dead letter for a session and changes nothing. So no output may follow, and later inputs have to find
the end unchanged. Most of these messages need the inner address, which a stranger does not have. The peer itself, or an
observer of its connection, can still send them.

Rule 1: a stimulus names the feature without which its effect cannot be observed; without the feature it is not tried.
Source: spec/sessions.md clauses 4.2, 4.5, 5.1, 5.4, 6.2, 14.3, 14.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ockam_fsm.conformance.generation.peer import ActionFactory, Arrive, Peer, Stimulus
from ockam_fsm.conformance.generation.stimuli import close_at_contact, hello_of
from ockam_fsm.conformance.target import CONTACT, HOP, OTHER_CARRIER, OTHER_SESSION_ID, Feature
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
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
    Signal,
    Superseded,
)

FOREIGN = Address(TCP, b"198.51.100.1:9")
"""An address to which a peer could make a node connect; no host has it, since it is reserved for documentation."""


@dataclass(frozen=True)
class Hostile(Stimulus):
    feature: Feature | None = None


def _contact(peer: Peer) -> Address:
    return peer.endpoint.contact or CONTACT


def _live(peer: Peer) -> Link | None:
    """The current generation of the target, else its attempt."""
    return peer.current() or next(peer.links(), None)


def _raw(peer: Peer, to: Address | None, payload: bytes, back: Route | None = None) -> Arrive | None:
    """A message with a raw payload. In profile `ockam` an inner address takes any bytes as data."""
    if to is None:
        return None
    return Arrive(Message((to,), (HOP, local("peer/0")) if back is None else back, payload))


def _at_contact(make: Callable[[Peer], bytes]) -> ActionFactory:
    return lambda peer: _raw(peer, _contact(peer), make(peer))


def _at_inner(make: Callable[[Peer], bytes]) -> ActionFactory:
    def build(peer: Peer) -> Arrive | None:
        link = _live(peer)
        return _raw(peer, link.inner, make(peer)) if link is not None and peer.profile.names_sessions else None

    return build


def _encoded(peer: Peer, signal: Signal) -> bytes:
    return peer.profile.encode(signal) if peer.profile.can_send(signal) else b"\xff"


def _some_hello(peer: Peer) -> bytes:
    generation = Generation(peer.seen[0] + 1, peer.role, local("peer/hostile"))
    return _encoded(peer, Hello(peer.session_id, generation))


def _truncated(peer: Peer) -> bytes:
    return _some_hello(peer)[:-1]


def _extended(peer: Peer) -> bytes:
    return _some_hello(peer) + b"\x00"


def _long_number(peer: Peer) -> bytes:
    """A hello with the number 1 in two bytes, although every value has exactly one encoding."""
    hello = _some_hello(peer)
    return hello[:17] + b"\x81\x00" + hello[18:] if peer.profile.names_sessions else b"\x81\x00a"


def _unknown_starter(peer: Peer) -> bytes:
    generation = Generation(1, peer.role, local("peer/hostile"))
    hello = _encoded(peer, Hello(peer.session_id, generation))
    return hello[:18] + b"\x02" + hello[19:] if peer.profile.names_sessions else b"\xff"


def _huge_claim(peer: Peer) -> bytes:
    """Data with a length of 2^62 bytes and none of them: an end must not allocate by a length alone."""
    return b"\x06\x00\x00" + b"\xff" * 8 + b"\x3f"


def _hello_with(peer: Peer, address: Address, back: Route) -> Arrive | None:
    generation = Generation(peer.seen[0] + 1, peer.role, address)
    return peer.say(_contact(peer), Hello(peer.session_id, generation), back)


def _foreign_worker(peer: Peer) -> Arrive | None:
    return _hello_with(peer, FOREIGN, (HOP, local("peer/9"))) if peer.profile.names_sessions else None


def _answer_with(peer: Peer, worker: Address, back: Route, session_id: bytes | None = None) -> Arrive | None:
    link = peer.own_attempt()
    if link is None or (worker.type and not peer.profile.names_sessions):
        return None
    answer = Answer(session_id or peer.session_id, link.generation, worker, resumed=True)
    return peer.say(link.handshake or link.inner, answer, back)


def _at_ended(signal: Signal, place: int) -> ActionFactory:
    """A signal at the inner address of an ended generation. `place`: 1 for the last one, 2 for the one before."""

    def build(peer: Peer) -> Arrive | None:
        if len(peer.ended) < place or not peer.profile.names_sessions:
            return None
        return peer.say(peer.ended[-place], signal, (HOP, local("peer/0")))

    return build


def _late_response(peer: Peer) -> Arrive | None:
    link, session = peer.current(), peer.session
    if link is None or session is None:
        return None
    reply = Address(link.inner.type, link.reply_prefix + b"4000000000")
    return peer.say(reply, Data(b"re:nothing"), (HOP, link.route[-1]))


def _reflected(peer: Peer) -> Arrive | None:
    if not peer.profile.names_sessions:
        return None
    return hello_of(peer, peer.seen[0] + 1, starter=peer.endpoint.role)


def _misplaced_hello(peer: Peer) -> Arrive | None:
    link = _live(peer)
    if link is None or not peer.profile.names_sessions:
        return None
    generation = Generation(peer.seen[0] + 1, peer.role, local("peer/hostile"))
    return peer.say(link.inner, Hello(peer.session_id, generation), (HOP, local("peer/hostile")))


def _of_another_session(peer: Peer) -> Arrive | None:
    """A hello for another session, for an initiator; a host takes any session."""
    if peer.endpoint.role is Role.RESPONDER or not peer.profile.names_sessions:
        return None
    return hello_of(peer, peer.seen[0] + 1, session_id=OTHER_SESSION_ID)


def _superseding(peer: Peer, ahead: int, address: Address | None = None) -> Arrive | None:
    link = peer.own_attempt()
    if link is None:
        return None
    number = link.generation.number + ahead
    signal = Superseded(peer.session_id, number, address or link.inner)
    return peer.say(link.inner, signal, (HOP, local("peer-outer")))


def _before_the_answer(peer: Peer, signal: Signal) -> Arrive | None:
    link = peer.own_attempt()
    return peer.talk(link, signal) if link is not None and link is not peer.current() else None


def _foreign_carrier(build: ActionFactory) -> ActionFactory:
    def at_other(peer: Peer) -> Arrive | None:
        found = build(peer)
        if not isinstance(found, Arrive):
            return None
        return Arrive(found.message, OTHER_CARRIER, unheard=True)

    return at_other


def _spoofed_answer(peer: Peer) -> Arrive | None:
    return _answer_with(peer, local("spoof"), (HOP, local("spoof")))


def _spoofed_data(peer: Peer) -> Arrive | None:
    return peer.talk(peer.current() or peer.answered(), Data(b"spoofed"))


def _spoofed_close(peer: Peer) -> Arrive | None:
    return peer.talk(peer.current(), peer.close_in(peer.current()))


def _close_with(peer: Peer, session_id: bytes | None = None, address: Address | None = None) -> Close | None:
    close = peer.close()
    if close is None:
        return None
    return replace(close, session_id=session_id or close.session_id, address=address or close.address)


def _at_live(signal: Callable[[Peer], Signal | None]) -> ActionFactory:
    return lambda peer: peer.talk(peer.current() or peer.answered(), signal(peer))


def _ends_at_target(peer: Peer) -> Arrive | None:
    """A hello whose return route is only the hop, the target's own address for the connection: with its last address
    replaced, it leads to one of the target's own workers."""
    found = _hello_with(peer, local("echo"), (HOP,))
    if found is None or peer.endpoint.contact is None:
        return None
    return Arrive(found.message, found.carrier, unheard=True)


def _stray(name: str, clause: str, build: ActionFactory, feature: Feature | None = None) -> Hostile:
    return Hostile(name, Event.STRAY, clause, build, feature)


HOSTILE: tuple[Hostile, ...] = (
    _stray("nothing at the contact address", "14.4", _at_contact(lambda peer: b"")),
    _stray("garbage at the contact address", "14.4", _at_contact(lambda peer: b"\xff\xfe\xfd")),
    _stray("a megabyte at the contact address", "14.4", _at_contact(lambda peer: b"\xff" * (1 << 20))),
    _stray("garbage at the inner address", "14.4", _at_inner(lambda peer: b"\x80\x80\x80")),
    _stray("data of 2^62 bytes announced", "14.4", _at_inner(_huge_claim)),
    _stray("a truncated hello", "14.3", _at_contact(_truncated)),
    _stray("a hello with a byte too many", "14.3", _at_contact(_extended)),
    _stray("a number that is longer than necessary", "14.3", _at_contact(_long_number)),
    _stray("a starter that is nobody", "14.3", _at_contact(_unknown_starter)),
    _stray("a keepalive with a byte too many", "14.3", _at_inner(lambda peer: b"\x04\x00")),
    _stray("a reason that is not text", "14.3", _at_inner(lambda peer: b"\x07\x02\xff\xff")),
    _stray("a keepalive at the contact address", "4.2", _at_contact(lambda peer: _encoded(peer, Keepalive()))),
    _stray("data at the contact address", "7.1", _at_contact(lambda peer: _encoded(peer, Data(b"misplaced")) * 4)),
    _stray("a reflected hello", "4.2", _reflected),
    _stray("a hello that jumps too far", "4.2", lambda p: hello_of(p, p.confirmed[0] + MAX_NUMBER_JUMP + 1)
           if p.profile.names_sessions else None),
    _stray("a hello without a return route", "5.1", lambda peer: _hello_with(peer, local("peer/9"), ())),
    _stray("a hello that names a foreign worker", "5.1", _foreign_worker),
    _stray("a hello at an inner address", "4.2", _misplaced_hello),
    _stray("a hello for another session", "4.2", _of_another_session),
    _stray("an answer without a return route", "5.1", lambda peer: _answer_with(peer, local("peer/9"), ())),
    _stray("an answer that names a foreign worker", "5.1",
           lambda peer: _answer_with(peer, FOREIGN, (HOP, local("peer/9")))),
    _stray("an answer for another session", "4.3",
           lambda p: _answer_with(p, local("peer/9"), (HOP, local("peer/9")), OTHER_SESSION_ID)
           if p.profile.names_sessions else None),
    _stray("superseded for another attempt", "4.2", lambda peer: _superseding(peer, 0, local("another"))),
    _stray("superseded that jumps too far", "4.2", lambda peer: _superseding(peer, MAX_NUMBER_JUMP + 1)),
    _stray("data before the answer", "4.3", lambda peer: _before_the_answer(peer, Data(b"early"))),
    _stray("a keepalive before the answer", "4.3", lambda peer: _before_the_answer(peer, Keepalive())),
    _stray("a response to no request", "6.2", _late_response),
    _stray("data in an ended generation", "4.5", _at_ended(Data(b"late"), 1)),
    _stray("data in the generation before", "4.5", _at_ended(Data(b"late"), 2)),
    _stray("a keepalive in an ended generation", "4.5", _at_ended(Keepalive(), 1)),
    _stray("a close in an ended generation", "3.8",
           lambda p: _at_ended(close, 1)(p) if (close := p.close()) is not None else None),
    _stray("going away in an ended generation", "3.8", _at_ended(GoingAway("late"), 1)),
    _stray("a close of another session", "3.8", _at_live(lambda peer: _close_with(peer, OTHER_SESSION_ID))),
    _stray("a close by who was not there", "3.8",
           lambda peer: close_at_contact(peer, _close_with(peer, address=local("another")))),
    _stray("a close of an earlier time", "3.8", lambda peer: close_at_contact(peer, peer.close(earlier=1))),
    _stray("a close of another session at the contact address", "3.8",
           lambda peer: close_at_contact(peer, _close_with(peer, OTHER_SESSION_ID))),
    _stray("going away at the contact address", "3.8", _at_contact(lambda peer: _encoded(peer, GoingAway("stop")))),
    _stray("an error in an ended generation", "3.11", _at_ended(Error("late"), 1)),
    _stray("an answer over another carrier", "5.4", _foreign_carrier(_spoofed_answer), Feature.CARRIERS),
    _stray("data over another carrier", "5.4", _foreign_carrier(_spoofed_data), Feature.CARRIERS),
    _stray("a close over another carrier", "5.4", _foreign_carrier(_spoofed_close), Feature.CARRIERS),
    _stray("a hello whose return route ends at the target", "5.1", _ends_at_target, Feature.OWN_ADDRESSES),
)  # fmt: skip


def hostile_to(features: frozenset[Feature]) -> Iterator[Hostile]:
    """The hostile stimuli for an end with these features."""
    yield from (one for one in HOSTILE if one.feature is None or one.feature in features)

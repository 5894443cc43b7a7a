"""The abstraction from the core world to the table world: each end, its timers and each message, translated.

Theory: the translation drops bytes, but no information about the state. In the worlds `lossy`, `orders` and `restarts`
it is one to one: the real core and the table world reach the same states.

Rule 1: addresses are parsed as they were derived (`session_actors.DerivedEntropy`): "responder0.2/1iw" is the inner
        address of the second responder in generation 1, which the initiator started.
Left out: all that the table world leaves out. A restart with state, a request or a second responder fails an assertion
here.
"""

from __future__ import annotations

import re

from ockam_fsm.checking.sessions.session_actors import CONTACT, HOST_ADDRESS, End, Packet
from ockam_fsm.machines.vocabulary import Effect, Event, Role
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Superseded,
)
from ockam_fsm.specification.incarnations import Incarnations
from ockam_fsm.specification.table_world import (
    ANSWER,
    CLOSING,
    DATA,
    GOING_AWAY,
    HELLO,
    KEEPALIVE,
    KEEPALIVE_ANSWER,
    SUPERSEDED,
    TIMERS,
    Counters,
    Symbol,
    SymbolicLink,
    TableEnd,
)

_INNER = re.compile(rb"(?:initiator|responder)(\d+)(?:\.(\d+))?/(\d+)([ir])w")
_TALK = {Data: DATA, Keepalive: KEEPALIVE, KeepaliveAnswer: KEEPALIVE_ANSWER, Close: CLOSING, GoingAway: GOING_AWAY}
_TIMERS = {timer: TIMERS[Effect[f"START_{timer.name}"]] for timer in Timer}

ONE_LIFE = Incarnations(0)
"""Sufficient without restarts: ordinals of the first incarnation do not depend on the bound."""


def table_end(end: End, role: Role, lives: Incarnations = ONE_LIFE) -> TableEnd:
    """Return the abstraction of an end, without its timers."""
    assert not any(has_state or number for _, number, has_state in end.memory)
    ordinal = lives.ordinal(end.incarnation, 1 if role is Role.INITIATOR else end.spawned)
    image = end.session
    if image is None:
        return TableEnd(ordinal, rested=end.rested, accepted=end.accepted)
    assert len(end.sessions) == 1
    assert not image.requests
    assert len(image.waiting) == image.held
    return TableEnd(
        ordinal,
        image.state,
        Counters(image.attempts, image.held, image.misses, image.usable, image.confirmed, image.resting),
        (image.seen[0], Role(image.seen[1])),
        _link(image.attempt, lives),
        _link(image.current, lives),
        image.has_state,
        _established(image.established_in, lives),
        end.rested,
        end.accepted,
    )


def table_timers(end: End) -> frozenset[Event]:
    """Return the armed timers of an end."""
    return frozenset(_TIMERS[timer] for _, image in end.sessions for timer in image.armed)


def symbol(packet: Packet, lives: Incarnations = ONE_LIFE) -> Symbol:
    """Return the abstraction of a message."""
    message = packet.message
    said = GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    match said:
        case Hello(generation=generation):
            return Symbol(HELLO, generation.number, generation.starter, sender=_ordinal(generation.address, lives))
        case Answer(worker=worker, resumed=resumed):
            return _between(ANSWER, message, lives)._replace(sender=_ordinal(worker, lives), resumed=resumed)
        case Superseded(number=number, address=address):
            receiver, count, starter = _read(address, lives)
            return Symbol(SUPERSEDED, count, starter, 0, receiver, seen=number)
        case Close(number=number, address=address) if message.onward_route[0] in (HOST_ADDRESS, CONTACT):
            sender, count, starter = _read(address, lives)
            return Symbol(CLOSING, count, starter, sender, seen=number)
    return _between(_TALK[type(said)], message, lives)


def _between(kind: str, message: Message, lives: Incarnations) -> Symbol:
    receiver, number, starter = _read(message.onward_route[-1], lives)
    return Symbol(kind, number, starter, _ordinal(message.return_route[0], lives), receiver)


def _link(link: Link | None, lives: Incarnations) -> SymbolicLink | None:
    if link is None:
        return None
    peer = _ordinal(link.route[-1], lives) if link.route else 0
    return SymbolicLink(link.generation.number, link.generation.starter, peer, link.resumed)


def _established(address: Address | None, lives: Incarnations) -> SymbolicLink | None:
    if address is None:
        return None
    ordinal, number, starter = _read(address, lives)
    return SymbolicLink(number, starter, ordinal)


def _ordinal(address: Address, lives: Incarnations) -> int:
    return _read(address, lives)[0]


def _read(address: Address, lives: Incarnations) -> tuple[int, int, Role]:
    """Return ordinal, number and starter of an inner address."""
    found = _INNER.fullmatch(address.value)
    assert found is not None, address
    ordinal = lives.ordinal(int(found[1]), int(found[2] or b"1"))
    return ordinal, int(found[3]), Role.INITIATOR if found[4] == b"i" else Role.RESPONDER

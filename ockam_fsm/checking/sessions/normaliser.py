"""Folding of states that differ only by an offset of all generation numbers (spec/sessions.md clause 4.8).

Theory: an end only compares numbers and adds one. So all numbers present, also those in derived addresses, may be
lowered until the smallest is 1. Messages on which no end will ever act would keep old numbers present; they are inert
and are dropped. With a bounded budget of attempts the world is then finite for any number of renegotiations.

Rule 1: a message is inert if its receiver can only make it a dead letter, or reply with another inert message. The
        engine calls the real handler for every dropped message, and refutes the world if the message has an effect.
Rule 2: not for worlds in which a restart loses state, or in which a second responder is spawned: a fresh responder
        has seen no number, so no message is old for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ockam_fsm.checking.actors import Envelope
from ockam_fsm.checking.sessions.session_actors import CONTACT, HOST_ADDRESS, End, Packet
from ockam_fsm.checking.sessions.step_facts import signal_of
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.handshake import Profile
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.runtime.session.signals import Answer, Close, Generation, Hello, Signal, Superseded
from ockam_fsm.safety.links import closes, largest, live_links, reaches

_NUMBERED = re.compile(rb"(?s)(.*/)(\d+)([ir][wh].*)")


class SessionNormaliser:
    """The normaliser of worlds whose actors are the two ends of a session of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def floor(self, actor: str, state: End) -> int | None:
        numbers = [number for _, image in state.sessions for number in _numbers_of(image)]
        return _floor(numbers)

    def shift(self, actor: str, state: End, k: int) -> End:
        return state._replace(sessions=tuple((key, _shifted(image, k)) for key, image in state.sessions))

    def floor_message(self, envelope: Envelope) -> int | None:
        message = _packet(envelope).message
        numbers = [*_in_route(message.onward_route), *_in_route(message.return_route)]
        match signal_of(message, self.profile):
            case Hello(generation=generation) | Answer(generation=Generation() as generation):
                numbers.append(generation.number)
            case Superseded(number=number) | Close(number=number):
                numbers.append(number)
        return _floor(numbers)

    def shift_message(self, envelope: Envelope, k: int) -> Envelope:
        packet = _packet(envelope)
        message = packet.message
        signal = signal_of(message, self.profile)
        assert signal is not None
        payload = self.profile.encode(_shifted_signal(signal, k))
        moved = Message(_shifted_route(message.onward_route, k), _shifted_route(message.return_route, k), payload)
        sent_in = packet.sent_in
        if isinstance(sent_in, tuple):
            sent_in = (sent_in[0] - k, *sent_in[1:])
        return Envelope(envelope.sender, envelope.receiver, Packet(moved, sent_in))

    def inert(self, envelope: Envelope, receiver_state: End, sender_state: End) -> bool:
        message = _packet(envelope).message
        image, starter = receiver_state.session, sender_state.session
        match signal_of(message, self.profile):
            case Hello(generation=generation):
                return image is not None and _is_old(generation, image) and not _awaited(generation.address, starter)
            case Superseded(address=address):
                return not _awaited(address, image)
            case Close() as close if message.onward_route[0] in (HOST_ADDRESS, CONTACT):
                return image is None or not closes(close, image)
        return image is None or not any(reaches(link, message.onward_route[0]) for link in live_links(image))


def _floor(numbers: Iterable[int]) -> int | None:
    """The offset that lowers the smallest number to 1. 0 is ignored: it stands for an end that has seen no number."""
    there = [number for number in numbers if number]
    return min(there) - 1 if there else None


def _lowered(number: int, k: int) -> int:
    return number - k if number else 0


def _packet(envelope: Envelope) -> Packet:
    assert isinstance(envelope.payload, Packet)
    return envelope.payload


def _is_old(generation: Generation, image: Snapshot) -> bool:
    known = any(link.generation == generation for link in live_links(image))
    return generation.rank <= largest(image) and not known


def _awaited(address: Address, starter: Snapshot | None) -> bool:
    """Whether the starter's attempt under way is the one that `address` names."""
    return starter is not None and starter.attempt is not None and starter.attempt.generation.address == address


def _numbers_of(image: Snapshot) -> Iterator[int]:
    yield image.seen[0]
    if image.established_in is not None:
        yield from _in_route((image.established_in,))
    for link in live_links(image):
        yield link.generation.number


def _in_route(route: Route) -> Iterator[int]:
    for address in route:
        found = _NUMBERED.fullmatch(address.value)
        if found:
            yield int(found[2])


def _shifted_address(address: Address, k: int) -> Address:
    found = _NUMBERED.fullmatch(address.value)
    if not found or address in (HOST_ADDRESS, CONTACT):
        return address
    return Address(address.type, found[1] + str(int(found[2]) - k).encode() + found[3])


def _shifted_route(route: Route, k: int) -> Route:
    return tuple(_shifted_address(address, k) for address in route)


def _shifted_generation(generation: Generation, k: int) -> Generation:
    return Generation(generation.number - k, generation.starter, _shifted_address(generation.address, k))


def _shifted_link(link: Link | None, k: int) -> Link | None:
    if link is None:
        return None
    return link._replace(
        generation=_shifted_generation(link.generation, k),
        inner=_shifted_address(link.inner, k),
        handshake=_shifted_address(link.handshake, k) if link.handshake is not None else None,
        route=_shifted_route(link.route, k),
    )


def _shifted(image: Snapshot, k: int) -> Snapshot:
    return image._replace(
        seen=(_lowered(image.seen[0], k), image.seen[1]),
        attempt=_shifted_link(image.attempt, k),
        current=_shifted_link(image.current, k),
        established_in=_shifted_address(image.established_in, k) if image.established_in is not None else None,
    )


def _shifted_signal(signal: Signal, k: int) -> Signal:
    match signal:
        case Hello(generation=generation):
            return replace(signal, generation=_shifted_generation(generation, k))
        case Answer(generation=Generation() as generation):
            moved = _shifted_generation(generation, k)
            return replace(signal, generation=moved, worker=_shifted_address(signal.worker, k))
        case Superseded(number=number, address=address) | Close(number=number, address=address):
            return replace(signal, number=_lowered(number, k), address=_shifted_address(address, k))
    return signal

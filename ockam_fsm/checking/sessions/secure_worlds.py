"""Worlds of secure channels: the real session, with the symbolic cryptography of `symbolic_channel.py`.

    secure             messages are lost, duplicated and reordered; the initiator sends a request
    secure-strangers   the same two ends, and a stranger that sends at any time terms that it can make or copy

Rule 1: explicit sessions, transient and one-sided: two-sided ones need generations on the wire.
Rule 2: a stranger sends refused messages any number of times, and a first message, which makes a responder, once.
Left out: a stranger that alters routes. Like a cut cable, it can only delay a channel; R8 covers the recovery.
Source: spec/sessions.md section 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product

from ockam_fsm.checking.actors import Deliver
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, INITIATOR, RESPONDER, Packet
from ockam_fsm.checking.sessions.symbolic_channel import (
    ANSWER,
    CHANNEL_MESSAGE,
    CONFIRMATION,
    HELLO,
    STRANGER,
    SYMBOLIC,
    SymbolicProfile,
    Term,
    plaintext_of_signal,
)
from ockam_fsm.checking.sessions.worlds import Orders, config_of, world_of
from ockam_fsm.checking.world import Network, World
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.signals import Answer, Data, Generation, Hello
from ockam_fsm.safety.session_step import CLOSE, OPEN, REQUEST, SEND

SECURE_TYPES = (EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED)


def secure(config: PairConfig, profile: SymbolicProfile = SYMBOLIC) -> World:
    """A world of a channel. `profile`: the behaviour of the channel; known-bad worlds use a wrong one."""
    network = Network("unordered", 2, ("drop", ("duplicate", 1)))
    given: Orders = {INITIATOR: {OPEN: 1, REQUEST: 1}}
    return world_of(in_channel(config, profile), "secure", network, given, {}, ("W1", "W4", "W7"))


def in_channel(config: PairConfig, profile: SymbolicProfile) -> PairConfig:
    """The declared limits that worlds with a channel share."""
    return replace(config, profile=profile, capacity=2, spawns=2, generations=2)


def among_strangers(config: PairConfig, profile: SymbolicProfile = SYMBOLIC) -> World:
    """A world in which a stranger sends, to either end, every kind of term that it can make or copy."""
    orders: Orders = {
        INITIATOR: {OPEN: 1, SEND: 1, CLOSE: 1, **dict.fromkeys(_from_stranger(messages_to_initiator()), None)},
        RESPONDER: {Deliver(_first(), STRANGER): 1, **dict.fromkeys(_from_stranger(messages_to_responder()), None)},
    }
    config = replace(in_channel(config, profile), misses=0)
    return world_of(config, "secure-strangers", Network("unordered", 1, ("drop",)), orders, {}, ("W1", "W7"))


def _from_stranger(packets: Iterator[Packet]) -> Iterator[Deliver]:
    return (Deliver(packet, STRANGER) for packet in packets)


def _first() -> Packet:
    """The first message of a stranger's own handshake."""
    hello = Hello(b"", Generation(1, Role.INITIATOR, local(b"stranger/1iw")))
    return _packet(
        HOST_ADDRESS.value, Term(HELLO, b"stranger/1iw", b"", STRANGER, plaintext=plaintext_of_signal(hello))
    )


def messages_to_initiator() -> Iterator[Packet]:
    """The stranger's messages to the addresses of the first two attempts: its own answers, messages of the responder to
    the other attempt, and messages in the open channel that this end or the stranger has written."""
    for number, other in ((1, 2), (2, 1)):
        starter, spawned = f"initiator0/{number}iw".encode(), f"responder0.{number}/1iw".encode()
        elsewhere = f"initiator0/{other}iw".encode()
        yield _packet(starter, _answer(starter, b"stranger/1iw", STRANGER))
        yield _packet(starter, _answer(elsewhere, spawned, RESPONDER))
        yield _packet(starter, Term(CHANNEL_MESSAGE, elsewhere, spawned, RESPONDER, plaintext=_DATA))
        yield from _in_open_channel(starter, starter, spawned, INITIATOR)


def messages_to_responder() -> Iterator[Packet]:
    """The stranger's messages to the host and to the first two responders, in each handshake. A copied first message
    makes a second responder for one key, and messages to one of them are sent to the other."""
    yield _packet(
        HOST_ADDRESS.value, Term(CHANNEL_MESSAGE, b"initiator0/1iw", b"responder0.1/1iw", INITIATOR, plaintext=_DATA)
    )
    for number, spawn in product((1, 2), (1, 2)):
        starter, spawned = f"initiator0/{number}iw".encode(), f"responder0.{spawn}/1iw".encode()
        elsewhere = f"responder0.{3 - spawn}/1iw".encode()
        yield _packet(spawned, Term(CONFIRMATION, b"stranger/1iw", spawned, STRANGER))
        yield _packet(spawned, Term(CONFIRMATION, starter, elsewhere, INITIATOR))
        yield _packet(spawned, Term(CHANNEL_MESSAGE, starter, elsewhere, INITIATOR, plaintext=_DATA))
        yield _packet(spawned, _answer(starter, spawned, RESPONDER))
        yield from _in_open_channel(spawned, starter, spawned, RESPONDER)


def _in_open_channel(address: bytes, starter: bytes, answerer: bytes, own: str) -> Iterator[Packet]:
    """Reflected messages of this end and forged ones, with nonces near the window and far ahead of it."""
    for author, nonce in product((own, STRANGER), (0, 9)):
        yield _packet(address, Term(CHANNEL_MESSAGE, starter, answerer, author, nonce, _DATA))


_DATA = plaintext_of_signal(Data(b"m"))


def _answer(starter: bytes, answerer: bytes, author: str) -> Term:
    answer = Answer(b"", Generation(1, Role.INITIATOR, local(starter)), local(answerer), False)
    return Term(ANSWER, starter, answerer, author, plaintext=plaintext_of_signal(answer))


def _packet(address: bytes, term: Term) -> Packet:
    return Packet(Message((local(address),), (local("stranger/1iw"),), term.encode()))


@cache
def secure_worlds() -> tuple[World, ...]:
    """The worlds of every type that supports secure channels."""
    return tuple(build(config_of(kind)) for kind in SECURE_TYPES for build in (secure, among_strangers))

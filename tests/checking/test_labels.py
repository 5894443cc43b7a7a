"""The labels of messages, timers and states in worlds of sessions."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.checking.naming import canonical, spoken
from ockam_fsm.checking.sessions.labels import said
from ockam_fsm.checking.sessions.session_actors import HOST_ADDRESS, End, KeyedTimer, Packet
from ockam_fsm.checking.sessions.symbolic_channel import (
    ANSWER,
    CHANNEL_MESSAGE,
    CONFIRMATION,
    HELLO,
    STRANGER,
    Term,
    plaintext_of_signal,
)
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.commands import RequestTimer, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
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

FIRST = Generation(1, Role.INITIATOR, local("initiator0/1iw"))
AGAIN = Generation(2, Role.INITIATOR, local("initiator1/2iw"))
THEIRS = Generation(2, Role.RESPONDER, local("responder0.1/2rw"))
WORKER, RESTARTED = local("responder0.1/1iw"), local("responder1.1/2iw")
ID = bytes(16)


def sealed(number: int, signal: Signal | None, author: str = "initiator", to: Address = WORKER) -> Message:
    plaintext = b"" if signal is None else plaintext_of_signal(signal)
    term = Term(number, FIRST.address.value, WORKER.value, author, 2 if number == CHANNEL_MESSAGE else 0, plaintext)
    return Message((to,), (FIRST.address,), term.encode())


def message(signal: Signal, to: Address = WORKER, profile: Profile = GENERATION) -> Message:
    return Message((to,), (local("initiator"),), profile.encode(signal))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (sealed(HELLO, Hello(b"", FIRST), to=HOST_ADDRESS), "hello 1i"),
        (sealed(ANSWER, Answer(b"", FIRST, WORKER, False)), "answer 1i"),
        (sealed(CONFIRMATION, None), "confirmation (1i)"),
        (sealed(CHANNEL_MESSAGE, Keepalive()), "keepalive (1i) nonce 2"),
        (sealed(CHANNEL_MESSAGE, Data(b"m1"), STRANGER), "data m1 (1i) nonce 2 of a stranger"),
        (sealed(CHANNEL_MESSAGE, Close(b"", 1, FIRST.address, "")), "close (1i) nonce 2"),
    ],
)
def test_terms_of_a_secure_channel(message: Message, words: str) -> None:
    assert said(message) == words
    assert spoken(Packet(message)) == words


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (Hello(ID, FIRST), "hello 1i"),
        (Hello(ID, AGAIN), "hello 2i'"),
        (Hello(ID, THEIRS, (local("x"),)), "hello 2r"),
        (Answer(ID, FIRST, WORKER, False), "answer 1i"),
        (Answer(ID, AGAIN, RESTARTED, True), "answer 2i' by a restarted end"),
        (Superseded(ID, 3, FIRST.address), "superseded 3"),
        (Keepalive(), "keepalive (1i)"),
        (KeepaliveAnswer(), "keepalive answer (1i)"),
        (Data(b"m1"), "data m1 (1i)"),
        (Close(ID, 1, FIRST.address, "done"), "close (1i)"),
        (GoingAway("done"), "going away (1i)"),
        (Error("gone"), "error (1i)"),
    ],
)
def test_signals_of_profile_generation(signal: Signal, words: str) -> None:
    assert said(message(signal)) == words
    assert spoken(Packet(message(signal))) == words


@pytest.mark.parametrize(
    ("signal", "to", "words"),
    [
        (Hello(b"", FIRST), HOST_ADDRESS, "hello 1i"),
        (Hello(b"", AGAIN), HOST_ADDRESS, "hello 2i'"),
        (Answer(b"", None, WORKER, False), local("initiator0/1ih"), "answer 1i"),
        (Data(b"q1"), WORKER, "data q1 (1i)"),
        (Data(b"re:q1"), local("initiator0/1iw.1"), "data re:q1 (1i)"),
    ],
)
def test_signals_of_profile_ockam(signal: Signal, to: Address, words: str) -> None:
    assert said(message(signal, to, OCKAM)) == words


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (Message((), (), b"x"), "a message to nowhere"),
        (Message((WORKER,), (), b"\x02short"), "unreadable bytes"),
        (Message((local("elsewhere"),), (), b"\x04"), "keepalive"),
        (Message((local("elsewhere"),), (), b"raw"), "hello"),
    ],
)
def test_labels_of_malformed_messages(odd: Message, words: str) -> None:
    assert said(odd) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Timer.BACK_OFF, "back-off"),
        (RequestTimer("q1"), "request q1"),
        (KeyedTimer(bytes(15) + b"\x02", Timer.IDLE), "idle of session 2"),
        (KeyedTimer(0, RequestTimer("q")), "request q of session 0"),
        (End(), "no session"),
        (End(incarnation=2), "no session, restarted 2x"),
    ],
)
def test_timers_and_states(value: Any, words: str) -> None:
    assert spoken(value) == words


def test_values_with_equal_labels_stay_different() -> None:
    one, other = Packet(message(Keepalive())), Packet(message(Keepalive(), RESTARTED))
    again = Packet(message(Keepalive()), sent_in=(1, 0))
    assert len({canonical(packet) for packet in (one, other, again)}) == 3
    assert spoken(one) == spoken(again)


def test_a_custom_label_is_shown_and_orders_nothing() -> None:
    class Coin:
        label = "a coin"

        def __repr__(self) -> str:
            return "Coin()"

    assert (spoken(Coin()), canonical(Coin())) == ("a coin", "Coin()")

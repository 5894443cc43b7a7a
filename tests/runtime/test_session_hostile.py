"""Messages of hostile peers, strangers and broken networks: no exception, no growth, no live session ends."""

from __future__ import annotations

import pytest

from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.commands import DeadLetter
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.signals import (
    Answer,
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
from tests.helpers import (
    CONTACT,
    HOP_TO_INITIATOR,
    HOST,
    SESSION_ID,
    End,
    established_pair,
    make_host,
    make_initiator,
    open_pair,
    settle,
    tick,
    transfer,
)

FORGER = (HOP_TO_INITIATOR, local("forger"))
GARBAGE = [b"", b"\x00", b"\xff", b"\x01", b"\x01" + bytes(15), b"\x02" * 40, b"\x03" + b"\xff" * 99, b"\x04x", b"\x06"]
TALK: list[Signal] = [Keepalive(), KeepaliveAnswer(), Data(b"m"), GoingAway("x"), Error("x")]


def inner(end: End) -> Address:
    link = end.session.current or end.session.attempt
    assert link is not None
    return link.inner


def hello(number: int = 1, session_id: bytes = SESSION_ID, starter: Role = Role.INITIATOR) -> bytes:
    return GENERATION.encode(Hello(session_id, Generation(number, starter, local(f"forged{number}"))))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("payload", GARBAGE)
def test_garbage_is_a_dead_letter_and_changes_nothing(kind: SessionType, payload: bytes) -> None:
    i, r = established_pair(kind)
    for end, address in ((i, inner(i)), (r, inner(r)), (r, HOST)):
        before, letters = end.session.snapshot(), len(end.reasons)
        end.receive(Message((address,), FORGER, payload))
        assert end.session.snapshot() == before
        assert len(end.reasons) == letters + 1


def test_a_two_sided_responder_without_an_initialization_route_is_not_made() -> None:
    r = make_host(EXPLICIT_PERSISTENT_TWO_SIDED)
    r.receive(Message((HOST,), FORGER, hello()))
    assert (r.reasons, r.addresses, r.state) == (["no initialization route"], set(), State.CLOSED)


@pytest.mark.parametrize("payload", [b"", b"\x05ab", b"\x02\xff\xff", b"\x02okay"])
def test_garbage_in_profile_ockam_is_a_dead_letter(payload: bytes) -> None:
    i, _ = open_pair(profile=OCKAM)
    r = make_host(EXPLICIT_TRANSIENT, OCKAM)
    attempt = i.session.attempt
    assert attempt is not None
    assert attempt.handshake is not None
    before = i.session.snapshot()
    i.receive(Message((attempt.handshake,), FORGER, payload))
    r.receive(Message((HOST,), FORGER, payload))
    assert (i.session.snapshot(), len(i.reasons), len(r.reasons)) == (before, 1, 1)
    assert isinstance(r.core, Host)
    assert r.core.sessions == {}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("signal", TALK, ids=lambda signal: type(signal).__name__)
def test_signals_of_an_established_session_at_an_address_for_hellos_are_misplaced(
    kind: SessionType, signal: Signal
) -> None:
    i, r = established_pair(kind)
    before = i.session.snapshot(), r.session.snapshot()
    r.receive(Message((HOST,), FORGER, GENERATION.encode(signal)))
    if kind.renegotiated_by(Role.RESPONDER):
        i.receive(Message((CONTACT,), FORGER, GENERATION.encode(signal)))
        assert i.reasons == ["misplaced"]
    assert (i.session.snapshot(), r.session.snapshot()) == before
    assert r.reasons == ["misplaced"]


def test_a_hello_at_an_inner_address_is_misplaced() -> None:
    _, r = established_pair()
    r.receive(Message((inner(r),), FORGER, hello(9)))
    assert (r.state, r.reasons) == (State.ESTABLISHED, ["misplaced"])


def test_a_hello_for_another_session_is_misplaced() -> None:
    i, _ = established_pair(EXPLICIT_PERSISTENT_TWO_SIDED)
    i.receive(Message((CONTACT,), FORGER, hello(9, bytes(16), Role.RESPONDER)))
    assert (i.state, i.reasons) == (State.ESTABLISHED, ["misplaced"])


@pytest.mark.parametrize("kind", TYPES)
def test_answers_to_nothing_are_dead_letters(kind: SessionType) -> None:
    i, r = established_pair(kind)
    answer = Answer(SESSION_ID, Generation(7, Role.INITIATOR, local("x")), local("worker"), True)
    for end in (i, r):
        before, letters = end.session.snapshot(), len(end.reasons)
        end.receive(Message((inner(end),), FORGER, GENERATION.encode(answer)))
        assert end.session.snapshot() == before
        assert len(end.reasons) == letters + 1


def test_a_one_sided_responder_refuses_superseded() -> None:
    _, r = established_pair()
    r.receive(Message((inner(r),), (), GENERATION.encode(Superseded(SESSION_ID, 5, local("x")))))
    assert (r.state, r.reasons) == (State.ESTABLISHED, ["superseded names no attempt of this end"])


def test_an_end_that_sends_no_keepalives_refuses_their_answers() -> None:
    _, r = established_pair()
    r.receive(Message((inner(r),), (), GENERATION.encode(KeepaliveAnswer())))
    assert (r.state, r.reasons) == (State.ESTABLISHED, ["this end sends no keepalives"])


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("where", [(), (local("nowhere"),), (Address(7, b"\x00"),)])
def test_messages_to_no_address_of_this_end_are_dead_letters(kind: SessionType, where: tuple[Address, ...]) -> None:
    i, r = established_pair(kind)
    for end in (i, r):
        before, letters = end.session.snapshot(), len(end.reasons)
        end.receive(Message(where, (), b"m"))
        assert end.session.snapshot() == before
        assert end.reasons[letters:] == ["unknown address"]


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_hello_that_cannot_be_answered_makes_no_responder_and_harms_none(order: str) -> None:
    i, r = open_pair()
    if order == "after":
        settle(i, r)
    assert isinstance(r.core, Host)
    before = r.core.snapshot()
    r.receive(Message((HOST,), (), hello(4)))
    assert r.reasons == ["no-return-route"]
    assert r.core.snapshot()._replace(spawned=before.spawned) == before


def test_thousands_of_hellos_find_no_more_room_than_was_declared() -> None:
    r = make_host(EXPLICIT_PERSISTENT_ONE_SIDED, capacity=5)
    for number in range(2000):
        r.receive(Message((HOST,), FORGER, hello(session_id=number.to_bytes(16, "big"))))
    assert isinstance(r.core, Host)
    assert len(r.core.sessions) == r.core.responders == len(r.core.owners) == len(r.addresses) == 5
    assert r.reasons == ["the host has no room for another responder"] * 1995
    tick(r, seconds=10 + 600)
    assert (r.core.sessions, r.core.owners, r.addresses, r.timers, r.core.responders) == ({}, {}, set(), {}, 0)


def test_thousands_of_hellos_in_profile_ockam_find_no_more_room_either() -> None:
    r = make_host(EXPLICIT_TRANSIENT, OCKAM, capacity=5)
    i, _ = open_pair(profile=OCKAM)
    message = Message((HOST,), FORGER, i.outbox[0].payload)
    for _ in range(2000):
        r.receive(message)
    assert isinstance(r.core, Host)
    assert len(r.core.sessions) == r.core.responders == len(r.addresses) == 5
    tick(r, seconds=10)
    assert (r.core.sessions, r.addresses, r.timers) == ({}, set(), {})


@pytest.mark.parametrize("kind", TYPES)
def test_thousands_of_newer_hellos_for_one_session_leave_one_address_each_time(kind: SessionType) -> None:
    i, r = established_pair(kind)
    for number in range(2, 1000):
        r.receive(Message((HOST,), FORGER, hello(number)))
    assert len(r.addresses) <= 2
    assert len(r.timers) <= 1
    r.outbox.clear()
    tick(r, seconds=10)
    i.send(b"still alive")
    settle(i, r)
    assert r.delivered[-1] == b"still alive"


def test_thousands_of_duplicates_change_nothing() -> None:
    i, r = established_pair()
    i.send(b"m")
    message = i.outbox[0]
    transfer(i, r)
    before = r.session.snapshot()
    for _ in range(1000):
        i.outbox.append(message)
        transfer(i, r)
    assert r.session.snapshot() == before


def test_a_reply_address_of_another_generation_reaches_nothing() -> None:
    i, r = established_pair()
    i.request("q")
    settle(i, r)
    reply = i.session.requests["q"].reply
    assert reply is not None
    i.receive(Message((Address(0, reply.value + b"9"),), (), GENERATION.encode(Data(b"guess"))))
    i.receive(Message((inner(i),), (), GENERATION.encode(Data(b"guess", (Address(0, inner(i).value + b".7"),)))))
    assert i.reasons == ["late or unknown response"] * 2
    assert "q" in i.session.requests


def test_every_dead_letter_names_the_message_and_why() -> None:
    i = make_initiator(EXPLICIT_TRANSIENT)
    message = Message((local("nowhere"),), (), b"m")
    i.receive(message)
    assert i.log == [DeadLetter("unknown address", message)]

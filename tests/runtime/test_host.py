"""The host of responders, at the address of a spawner or a static responder."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.spawner import SpawnerState
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import Closed, TimedOut, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.host import FULL, Host, error_for
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import (
    Error,
    Generation,
    GoingAway,
    Hello,
)
from tests.helpers import (
    HOP_TO_INITIATOR,
    HOST,
    SESSION_ID,
    End,
    established_pair,
    make_host,
    open_pair,
    said,
    settle,
    tick,
    transfer,
)


def host_of(end: End) -> Host:
    assert isinstance(end.core, Host)
    return end.core


def hello(session_id: bytes, number: int = 1) -> Message:
    generation = Generation(number, Role.INITIATOR, local(session_id[:4]))
    return Message((HOST,), (HOP_TO_INITIATOR, local("peer")), GENERATION.encode(Hello(session_id, generation)))


def test_a_hello_makes_the_responder_of_its_session() -> None:
    i, r = open_pair()
    assert host_of(r).sessions == {}
    transfer(i, r)
    assert list(host_of(r).sessions) == [SESSION_ID]
    assert (host_of(r).responders, host_of(r).spawned) == (1, 1)


def test_a_further_hello_of_the_session_finds_the_same_responder() -> None:
    i, r = established_pair()
    session = r.session
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    assert r.session is session
    assert host_of(r).spawned == 1


def test_sessions_do_not_touch_each_other() -> None:
    r = make_host(EXPLICIT_TRANSIENT)
    for name in (b"a" * 16, b"b" * 16):
        r.receive(hello(name))
    first, second = host_of(r).sessions.values()
    before = second.snapshot()
    r.perform(host_of(r).fire(b"a" * 16, Timer.NEGOTIATION))
    assert first.state is State.TIMED_OUT
    assert second.snapshot() == before


def test_when_a_responder_closes_the_next_hello_finds_a_fresh_one() -> None:
    _, r = established_pair(EXPLICIT_TRANSIENT)
    old = r.session
    r.order(Session.close)
    assert (host_of(r).sessions, host_of(r).responders, host_of(r).owners) == ({}, 0, {})
    r.receive(hello(SESSION_ID, 2))
    assert r.session is not old
    assert r.session.largest[0] == 2


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_host_without_room_makes_no_responder_until_one_closes(profile: Profile) -> None:
    r = make_host(EXPLICIT_TRANSIENT, profile, capacity=1)
    i, _ = open_pair(EXPLICIT_TRANSIENT, profile)
    first = i.outbox[0]
    transfer(i, r)
    again = Message((HOST,), (HOP_TO_INITIATOR, local("peer")), first.payload)
    r.receive(hello(b"x" * 16) if profile is GENERATION else again)
    assert r.reasons == ["the host has no room for another responder"]
    tick(r, seconds=10)
    r.receive(hello(b"x" * 16) if profile is GENERATION else again)
    assert len(host_of(r).sessions) == 1


def test_commands_have_the_key_of_their_responder() -> None:
    host = host_of(make_host(EXPLICIT_TRANSIENT))
    keys = {key for key, _ in host.receive(hello(b"a" * 16))}
    assert keys == {b"a" * 16}
    assert [key for key, _ in host.receive(Message((local("nowhere"),), (), b""))] == [None]


def test_a_timer_of_a_responder_that_is_gone_is_ignored() -> None:
    assert host_of(make_host(EXPLICIT_TRANSIENT)).fire(b"gone", Timer.IDLE) == []


def test_an_order_for_an_unknown_responder_is_an_error() -> None:
    with pytest.raises(KeyError):
        host_of(make_host(EXPLICIT_TRANSIENT)).order(b"nobody", Session.close)


def test_an_order_that_a_responder_refuses_is_refused_to_its_caller() -> None:
    _, r = established_pair()
    before = host_of(r).snapshot()
    with pytest.raises(EventRefused):
        r.order(Session.open)
    assert host_of(r).snapshot() == before


def test_a_host_that_stops_closes_its_responders_and_accepts_no_more() -> None:
    _, r = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    r.perform(host_of(r).stop())
    assert (r.notices[-1], r.timers, r.addresses) == (Closed("stopped"), {}, set())
    assert [said(message) for message in r.outbox] == [GoingAway("stopped")]
    assert (host_of(r).state, host_of(r).sessions, host_of(r).owners) == (SpawnerState.STOPPED, {}, {})
    r.receive(hello(SESSION_ID, 2))
    assert r.reasons == ["the host has stopped"]
    assert host_of(r).stop() == []


def test_a_restored_host_has_its_responders_and_their_addresses() -> None:
    i, r = established_pair()
    i.request("q")
    copy = make_host(EXPLICIT_PERSISTENT_ONE_SIDED)
    host_of(copy).restore(host_of(r).snapshot())
    assert host_of(copy).snapshot() == host_of(r).snapshot()
    assert host_of(copy).owners == host_of(r).owners
    transfer(i, copy)
    assert copy.delivered == [b"q"]


def test_a_restored_host_of_profile_ockam_has_them_too() -> None:
    i, r = established_pair(EXPLICIT_TRANSIENT, OCKAM)
    i.send(b"m")
    copy = make_host(EXPLICIT_TRANSIENT, OCKAM)
    host_of(copy).restore(host_of(r).snapshot())
    assert host_of(copy).owners == host_of(r).owners
    copy.timers = r.timers
    transfer(i, copy)
    assert (copy.delivered, host_of(copy).spawned) == ([b"m"], 1)


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_the_rejection_of_a_hello_is_not_larger_than_the_hello(profile: Profile) -> None:
    r = make_host(EXPLICIT_TRANSIENT, profile, capacity=0)
    i, _ = open_pair(EXPLICIT_TRANSIENT, profile)
    asked = i.outbox[0]
    transfer(i, r)
    assert (r.state, r.reasons) == (State.CLOSED, [FULL])
    if profile is OCKAM:
        assert r.outbox == []
        return
    (reply,) = r.outbox
    signal = said(reply)
    assert isinstance(signal, Error)
    assert FULL.startswith(signal.reason)
    assert len(reply.payload) <= len(asked.payload)
    transfer(r, i)
    assert (i.notices, i.notices[0].detail) == ([TimedOut("error message")], signal.reason)


@pytest.mark.parametrize("size", [2, 3, 10, 200, 5_000])
def test_the_reason_of_a_rejection_is_cut_to_the_size_of_the_hello(size: int) -> None:
    hello = Message((HOST,), (HOP_TO_INITIATOR, local("peer")), bytes(size))
    reply = error_for(hello, "é" * 1_000)
    assert len(reply.payload) <= max(size, 2)
    assert isinstance(said(reply), Error)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"address": 5}, "address: int"),
        ({"profile": "generation"}, "profile: str, expected a Profile"),
        ({"make": 5}, "make: 5, expected a function"),
        ({"admit": None}, "admit: None, expected a function"),
        ({"capacity": True}, "capacity: True, expected a whole number"),
        ({"capacity": -1}, "capacity: -1, expected a whole number"),
    ],
)
def test_a_wrong_argument_is_named(wrong: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"address": local("api"), "profile": GENERATION, "make": print} | wrong
    with pytest.raises(LocalSessionError, match=told):
        Host(**given)

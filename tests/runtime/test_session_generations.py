"""Generations: newer and stale ones, and collisions (spec/sessions.md section 4)."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_TWO_SIDED,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.commands import Established, Register, TimedOut, Timer, Unregister
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.session import MAX_NUMBER_JUMP, Session
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Error,
    Generation,
    GoingAway,
    Hello,
    Signal,
    Superseded,
)
from tests.helpers import (
    CONTACT,
    HOP_TO_INITIATOR,
    HOP_TO_RESPONDER,
    HOST,
    SESSION_ID,
    End,
    drop,
    established_pair,
    make_host,
    make_initiator,
    open_pair,
    said,
    settle,
    tick,
    transfer,
)

ONE_SIDED, TWO_SIDED = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED
PERSISTENT = [kind for kind in TYPES if kind.persistent]


def hello(
    number: int, starter: Role = Role.INITIATOR, address: str = "forged", session_id: bytes = SESSION_ID
) -> bytes:
    return GENERATION.encode(Hello(session_id, Generation(number, starter, local(address))))


def to_host(payload: bytes) -> Message:
    return Message((HOST,), (HOP_TO_INITIATOR, local("forger")), payload)


def renegotiate(i: End) -> None:
    """Begin a further negotiation; its hello is in flight."""
    i.order(Session.renegotiate)
    tick(i, seconds=0)


def restarted(i: End, **memory: Any) -> End:
    """Return the initiator after a restart of its process; `memory` is its durable state."""
    fresh = make_initiator(i.session.settings.session_type, name="j", **memory)
    fresh.order(Session.open)
    return fresh


def generation_of(end: End) -> Generation:
    assert end.session.current is not None
    return end.session.current.generation


# Rule 1: every attempt gets a new number ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PERSISTENT)
def test_every_attempt_is_a_new_generation_under_a_fresh_address(kind: SessionType) -> None:
    i, _ = open_pair(kind, attempts=9)
    seen = []
    for _ in range(4):
        assert i.session.attempt is not None
        seen.append(i.session.attempt)
        i.order(Session.lower_layer_lost)
        tick(i, seconds=10)
    assert [link.generation.number for link in seen] == [1, 2, 3, 4]
    assert len({link.inner for link in seen}) == 4


def test_the_next_number_follows_the_largest_that_was_seen() -> None:
    i, r = established_pair(TWO_SIDED)
    r.order(Session.renegotiate)
    tick(r, seconds=0)
    settle(i, r)
    assert generation_of(i).number == generation_of(r).number == 2
    renegotiate(i)
    settle(i, r)
    assert generation_of(i).number == 3


# Rule 2: hellos -------------------------------------------------------------------------------------------------------


def test_a_repeated_hello_is_answered_with_the_same_answer() -> None:
    i, r = open_pair()
    again = i.outbox[0]
    i.outbox.append(again)
    transfer(i, r)
    transfer(i, r)
    assert r.outbox[0] == r.outbox[1]
    transfer(r, i)
    transfer(i, r)
    assert r.state is State.ESTABLISHED
    transfer(r, i)
    assert i.reasons == ["late answer"]


def test_a_hello_that_is_repeated_when_established_gets_the_same_answer() -> None:
    i, r = open_pair()
    again = i.outbox[0]
    settle(i, r)
    before = r.session.snapshot()
    i.outbox.append(again)
    transfer(i, r)
    assert r.session.snapshot() == before
    answer = said(transfer(r, i))
    assert isinstance(answer, Answer)
    assert r.session.current is not None
    assert answer.worker == r.session.current.inner
    assert i.state is State.ESTABLISHED


def test_a_hello_that_is_repeated_while_renegotiating_gets_the_same_answer() -> None:
    i, r = established_pair()
    renegotiate(i)
    i.outbox.append(i.outbox[0])
    transfer(i, r)
    transfer(i, r)
    assert r.outbox[0] == r.outbox[1]
    assert r.state is State.RENEGOTIATING


@pytest.mark.parametrize("where", ["negotiating", "established", "renegotiating", "timed out"])
def test_an_older_hello_is_superseded(where: str) -> None:
    i, r = open_pair() if where == "negotiating" else established_pair()
    if where == "negotiating":
        transfer(i, r)
        drop(r)
    elif where == "renegotiating":
        renegotiate(i)
        transfer(i, r)
        drop(r)
    elif where == "timed out":
        tick(r, seconds=90)
    before = r.session.snapshot()
    r.receive(to_host(hello(1, address="another")))
    assert r.session.snapshot() == before
    assert said(r.outbox[-1]) == Superseded(SESSION_ID, r.session.seen[0], local("another"))


def test_a_responder_that_restarted_with_memory_supersedes_old_hellos() -> None:
    r = make_host(ONE_SIDED, remembered=7, has_state=True)
    r.receive(to_host(hello(3)))
    assert isinstance(r.core, Host)
    assert r.core.sessions == {}
    assert said(r.outbox[-1]) == Superseded(SESSION_ID, 7, local("forged"))


def test_an_initiator_that_lost_its_state_catches_up_in_one_attempt() -> None:
    i, r = established_pair()
    for _ in range(4):
        renegotiate(i)
        settle(i, r)
    assert generation_of(i).number == 5
    i = restarted(i)
    transfer(i, r)
    transfer(r, i)
    assert (i.state, i.session.seen, i.notices) == (State.TIMED_OUT, (5, Role.RESPONDER), [TimedOut("superseded")])
    tick(i, seconds=1)
    settle(i, r)
    assert (i.state, r.state, generation_of(i).number) == (State.ESTABLISHED, State.ESTABLISHED, 6)


def test_an_attempt_to_renegotiate_is_superseded_as_the_first_one_is() -> None:
    i, _ = established_pair()
    renegotiate(i)
    attempt = i.session.attempt
    assert attempt is not None
    superseded = Superseded(SESSION_ID, 40, attempt.generation.address)
    i.receive(Message((attempt.inner,), (), GENERATION.encode(superseded)))
    assert (i.state, i.session.seen[0]) == (State.TIMED_OUT, 40)


def test_an_endpoint_with_durable_state_needs_no_catching_up() -> None:
    i, r = established_pair()
    i = restarted(i, remembered=1, has_state=True)
    settle(i, r)
    assert (i.state, generation_of(i).number) == (State.ESTABLISHED, 2)


def test_superseded_counts_for_the_attempt_that_it_names_only() -> None:
    i, _ = open_pair()
    attempt = i.session.attempt
    assert attempt is not None
    before = i.session.snapshot()
    i.receive(Message((attempt.inner,), (), GENERATION.encode(Superseded(SESSION_ID, 9, local("another")))))
    assert i.session.snapshot() == before
    assert i.reasons == ["superseded names no attempt of this end"]


def test_superseded_of_another_session_counts_for_none() -> None:
    i, _ = established_pair()
    renegotiate(i)
    attempt = i.session.attempt
    assert attempt is not None
    before = i.session.snapshot()
    other = Superseded(b"another session.", 40, attempt.generation.address)
    i.receive(Message((attempt.inner,), (), GENERATION.encode(other)))
    assert (i.session.snapshot(), i.reasons) == (before, ["superseded names no attempt of this end"])


def test_superseded_counts_for_no_attempt_that_is_over() -> None:
    i, _ = established_pair()
    link = i.session.current
    assert link is not None
    i.receive(Message((link.inner,), (), GENERATION.encode(Superseded(SESSION_ID, 9, link.inner))))
    assert (i.state, i.reasons) == (State.ESTABLISHED, ["superseded names no attempt of this end"])


@pytest.mark.parametrize("jump", [MAX_NUMBER_JUMP + 1, 2**63])
def test_a_hello_whose_number_jumps_too_far_is_refused(jump: int) -> None:
    _, r = established_pair()
    before = r.session.snapshot()
    r.receive(to_host(hello(1 + jump)))
    assert (r.session.snapshot(), r.reasons) == (before, ["number jumps too far"])
    r.receive(to_host(hello(1 + MAX_NUMBER_JUMP)))
    assert (r.session.seen[0], r.session.largest[0]) == (1, 1 + MAX_NUMBER_JUMP)


@pytest.mark.parametrize(
    ("jump", "state"), [(MAX_NUMBER_JUMP, State.TIMED_OUT), (MAX_NUMBER_JUMP + 1, State.NEGOTIATING)]
)
def test_a_superseded_whose_number_jumps_too_far_is_refused(jump: int, state: State) -> None:
    i, _ = open_pair()
    attempt = i.session.attempt
    assert attempt is not None
    i.receive(Message((attempt.inner,), (), GENERATION.encode(Superseded(SESSION_ID, 1 + jump, attempt.inner))))
    assert i.state is state


def test_a_hello_that_carries_the_receivers_own_role_is_a_reflection() -> None:
    i, r = established_pair(TWO_SIDED)
    r.receive(to_host(hello(5, Role.RESPONDER)))
    assert (r.state, r.reasons) == (State.ESTABLISHED, ["reflection"])
    i.receive(Message((CONTACT,), (HOP_TO_RESPONDER, local("x")), hello(5, Role.INITIATOR)))
    assert (i.state, i.reasons) == (State.ESTABLISHED, ["reflection"])


def test_an_initiators_own_hello_that_comes_back_is_a_reflection() -> None:
    i, _ = open_pair(TWO_SIDED)
    i.receive(Message((CONTACT,), (HOP_TO_RESPONDER, local("x")), i.outbox[0].payload))
    assert i.reasons == ["reflection"]


def test_a_one_sided_initiator_answers_no_hello() -> None:
    i, _ = established_pair()
    link = i.session.current
    assert link is not None
    i.receive(Message((link.inner,), (HOP_TO_RESPONDER, local("x")), hello(5, Role.RESPONDER)))
    assert i.reasons == ["a one-sided initiator answers no hello"]


# Rule 3: answers ------------------------------------------------------------------------------------------------------


def test_an_answer_to_an_earlier_attempt_is_late() -> None:
    i, r = open_pair()
    transfer(i, r)
    tick(i, seconds=11)
    transfer(r, i)
    assert (i.state, i.reasons) == (State.RENEGOTIATING, ["unknown address"])


def test_an_answer_for_another_generation_is_late_even_at_the_right_address() -> None:
    i, _ = open_pair()
    attempt = i.session.attempt
    assert attempt is not None
    wrong = attempt.generation._replace(number=9)
    for answer in (
        Answer(SESSION_ID, wrong, local("x"), False),
        Answer(bytes(16), attempt.generation, local("x"), False),
    ):
        i.receive(Message((attempt.inner,), (local("x"),), GENERATION.encode(answer)))
    assert (i.state, i.reasons) == (State.NEGOTIATING, ["late answer"] * 2)


def test_an_answer_from_another_address_means_that_the_peer_restarted() -> None:
    i, r = open_pair()
    again = i.outbox[0]
    settle(i, r)
    i.outbox.append(again)
    restarted_responder = make_host(ONE_SIDED, name="s")
    transfer(i, restarted_responder)
    transfer(restarted_responder, i)
    assert (i.state, i.notices[-1]) == (State.TIMED_OUT, TimedOut("peer restarted"))


@pytest.mark.parametrize("kind", PERSISTENT)
def test_an_answer_without_a_return_route_is_a_dead_letter(kind: SessionType) -> None:
    i, r = open_pair(kind)
    transfer(i, r)
    answer = r.outbox[0]
    before = i.session.snapshot()
    i.receive(Message(answer.onward_route[1:], (), answer.payload))
    assert (i.session.snapshot(), i.reasons) == (before, ["no-return-route"])


def test_profile_ockam_takes_one_answer_per_attempt() -> None:
    i, r = open_pair(profile=OCKAM)
    transfer(i, r)
    r.outbox.append(r.outbox[0])
    transfer(r, i)
    assert i.state is State.ESTABLISHED
    transfer(r, i)
    assert (i.state, i.reasons) == (State.ESTABLISHED, ["unknown address"])


def test_profile_ockam_gives_each_attempt_two_fresh_addresses() -> None:
    i, r = open_pair(profile=OCKAM)
    first = set(i.addresses)
    assert len(first) == 2
    tick(i, seconds=11)
    assert len(i.addresses) == 2
    assert not first & i.addresses
    settle(i, r)
    assert i.session.current is not None
    assert i.addresses == {i.session.current.inner}


def test_profile_ockam_finds_a_new_responder_for_every_generation() -> None:
    i, r = established_pair(profile=OCKAM)
    renegotiate(i)
    settle(i, r)
    assert isinstance(r.core, Host)
    assert len(r.core.sessions) == 2
    assert isinstance(i.notices[-1], Established)
    assert not i.notices[-1].resumed


# Rule 4: an answer is not yet a session -------------------------------------------------------------------------------


def test_a_responder_that_has_answered_sends_no_data_before_it_is_confirmed() -> None:
    i, r = open_pair()
    transfer(i, r)
    r.send(b"early")
    assert len(r.outbox) == 1
    transfer(r, i)
    transfer(i, r)
    settle(i, r)
    assert i.delivered == [b"early"]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_while_a_new_generation_waits_the_old_one_still_delivers(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.send(b"old")
    tick(i, seconds=15)
    r.receive(to_host(hello(2)))
    assert (r.state, r.session.usable) == (State.RENEGOTIATING, 1)
    before = len(r.outbox)
    transfer(i, r)
    transfer(i, r)
    assert r.delivered[-1] == b"old"
    assert len(r.outbox) == before + 1
    assert r.state is State.RENEGOTIATING


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_forged_hello_never_harms_a_live_session(kind: SessionType) -> None:
    i, r = established_pair(kind)
    r.receive(to_host(hello(2)))
    r.send(b"held meanwhile")
    tick(r, seconds=10)
    assert (r.state, r.session.usable, r.session.attempt) == (State.ESTABLISHED, 0, None)
    drop(r)
    settle(i, r)
    assert i.delivered == [b"held meanwhile"]
    i.send(b"alive")
    settle(i, r)
    assert r.delivered[-1] == b"alive"


@pytest.mark.parametrize("kind", PERSISTENT)
def test_the_confirmation_ends_the_old_generation(kind: SessionType) -> None:
    i, r = established_pair(kind)
    old = r.session.current
    assert old is not None
    renegotiate(i)
    i.send(b"new")
    transfer(i, r)
    transfer(r, i)
    transfer(i, r)
    assert (r.state, r.session.usable) == (State.ESTABLISHED, 0)
    assert old.inner not in r.addresses
    r.receive(Message((old.inner,), (), GENERATION.encode(said(i.outbox[-1]))))
    assert r.reasons[-1] == "unknown address"


@pytest.mark.parametrize("ending", ["error", "close", "going away", "lower layer"])
def test_the_old_generation_may_end_while_the_new_one_waits(ending: str) -> None:
    _, r = established_pair()
    r.receive(to_host(hello(2)))
    old = r.session.current
    assert old is not None
    if ending == "lower layer":
        r.order(Session.lower_layer_lost)
        assert (r.state, r.notices[-1]) == (State.TIMED_OUT, TimedOut("lower layer lost"))
        return
    close = Close(SESSION_ID, 1, local("i1.1iw"), "")
    signals: dict[str, Signal] = {"error": Error("x"), "going away": GoingAway("x"), "close": close}
    signal = signals[ending]
    r.receive(Message((old.inner,), (), GENERATION.encode(signal)))
    assert (r.state, r.session.usable, r.session.current) == (State.RENEGOTIATING, 0, None)
    tick(r, seconds=10)
    assert (r.state, r.notices[-1]) == (State.TIMED_OUT, TimedOut("negotiation timed out"))


@pytest.mark.parametrize("kind", PERSISTENT)
def test_forged_hellos_do_not_lock_out_the_peer(kind: SessionType) -> None:
    """An attacker has the session's id: each number jumps as far as it may, and none outlives its attempt."""
    i, r = established_pair(kind)
    for number in range(1, 6):
        r.receive(to_host(hello(1 + number * MAX_NUMBER_JUMP)))
    tick(r, seconds=10)
    assert (r.state, r.session.seen[0]) == (State.ESTABLISHED, 1)
    r.outbox.clear()
    i.order(Session.renegotiate)
    if kind.creation is Creation.IMPLICIT:
        i.send(b"more")
    tick(i, seconds=0)
    settle(i, r)
    assert (i.state, r.state, r.session.seen) == (State.ESTABLISHED, State.ESTABLISHED, (2, Role.INITIATOR))


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_newer_hello_replaces_an_answer_that_waits(kind: SessionType) -> None:
    i, r = open_pair(kind)
    transfer(i, r)
    first = r.session.attempt
    assert first is not None
    r.receive(to_host(hello(2)))
    assert (r.state, r.session.largest) == (State.NEGOTIATING, (2, Role.INITIATOR))
    assert first.inner not in r.addresses


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_newer_hello_replaces_an_answer_that_waits_in_a_renegotiation(kind: SessionType) -> None:
    i, r = established_pair(kind)
    r.receive(to_host(hello(2)))
    r.receive(to_host(hello(3, address="newer")))
    assert (r.state, r.session.usable, r.session.largest[0]) == (State.RENEGOTIATING, 1, 3)
    settle(i, r)
    tick(r, seconds=10)
    assert r.state is State.ESTABLISHED


def test_an_answering_end_waits_on_when_nothing_is_usable_any_more() -> None:
    _, r = established_pair()
    tick(r, seconds=90)
    r.receive(to_host(hello(2)))
    assert (r.state, r.session.usable) == (State.RENEGOTIATING, 0)
    tick(r, seconds=10)
    assert (r.state, r.armed) == (State.TIMED_OUT, {Timer.RETENTION})


def test_messages_after_an_answered_hello_belong_to_the_new_generation() -> None:
    i, r = established_pair()
    renegotiate(i)
    transfer(i, r)
    r.order(Session.close)
    assert [said(message).__class__.__name__ for message in r.outbox] == ["Answer", "Close"]


# Rule 5: addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_every_address_that_was_registered_vanishes_by_the_end(kind: SessionType) -> None:
    i, r = established_pair(kind)
    if kind.persistent:
        renegotiate(i)
        i.send(b"wanted")
        settle(i, r)
    for end in (i, r):
        end.order(Session.close)
        registered = [one.address for one in end.of(Register)]
        assert sorted(registered) == sorted(one.address for one in end.of(Unregister))
        assert len(registered) == len(set(registered))


# Rule 6: collisions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EXPLICIT_PERSISTENT_TWO_SIDED, IMPLICIT_PERSISTENT_TWO_SIDED])
@pytest.mark.parametrize("first", ["initiator's", "responder's"])
def test_a_collision_has_one_winner(kind: SessionType, first: str) -> None:
    i, r = established_pair(kind)
    for end in (i, r):
        end.order(Session.lower_layer_lost)
        end.send(b"wanted")
        tick(end, seconds=1)
    assert (i.state, r.state) == (State.RENEGOTIATING, State.RENEGOTIATING)
    if first == "initiator's":
        transfer(i, r)
        transfer(r, i)
    else:
        transfer(r, i)
        transfer(i, r)
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert generation_of(i) == generation_of(r)
    assert generation_of(i).starter is Role.INITIATOR
    assert i.delivered[-1] == r.delivered[-1] == b"wanted"


def test_the_responder_of_a_two_sided_session_starts_the_next_generation() -> None:
    i, r = established_pair(TWO_SIDED)
    r.order(Session.renegotiate)
    tick(r, seconds=0)
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert generation_of(i) == generation_of(r) == r.session.current.generation  # type: ignore[union-attr]
    assert generation_of(i).starter is Role.RESPONDER


def test_a_hello_is_answered_during_the_back_off() -> None:
    i, r = established_pair(TWO_SIDED)
    i.order(Session.lower_layer_lost)
    r.order(Session.renegotiate)
    tick(r, seconds=0)
    settle(i, r)
    assert (i.state, r.state, i.armed) == (State.ESTABLISHED, State.ESTABLISHED, {Timer.KEEPALIVE})


# resumed --------------------------------------------------------------------------------------------------------------


def resumed(end: End) -> list[bool]:
    return [notice.resumed for notice in end.notices if isinstance(notice, Established)]


def test_an_answer_reports_whether_the_state_was_kept() -> None:
    i, r = established_pair()
    renegotiate(i)
    settle(i, r)
    assert resumed(i) == resumed(r) == [False, True]


def test_a_responder_that_lost_its_state_reports_it() -> None:
    i, _ = established_pair()
    fresh = make_host(ONE_SIDED)
    renegotiate(i)
    settle(i, fresh)
    assert resumed(i) == [False, False]
    assert resumed(fresh) == [False]


def test_a_responder_that_restarted_with_its_state_reports_it() -> None:
    i, _ = established_pair()
    fresh = make_host(ONE_SIDED, remembered=1, has_state=True)
    renegotiate(i)
    settle(i, fresh)
    assert resumed(i) == [False, True]


def test_a_transient_session_has_nothing_to_resume() -> None:
    i, r = established_pair(EXPLICIT_TRANSIENT)
    assert resumed(i) == resumed(r) == [False]

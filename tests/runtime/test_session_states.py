"""Control states: negotiation, failure, back-off, budget, closing, timers (spec/sessions.md section 3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_PERSISTENT_TWO_SIDED,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.commands import Closed, DeadLetter, Established, Remember, Send, TimedOut, Timer
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import (
    Close,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
)
from ockam_fsm.runtime.session.terms import Terms
from tests.helpers import (
    CONTACT,
    HOP_TO_INITIATOR,
    HOP_TO_RESPONDER,
    HOST,
    SESSION_ID,
    Counted,
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

PERSISTENT = [kind for kind in TYPES if kind.persistent]
FIRST_ADDRESS = local("i1.1iw")
"""The initiator's inner address in its first generation."""
TRANSIENT = [EXPLICIT_TRANSIENT, IMPLICIT_TRANSIENT]
TWO_SIDED = [kind for kind in TYPES if kind.renegotiation is Renegotiation.TWO_SIDED]
COMBINATIONS = [(kind, profile) for kind in TYPES for profile in (GENERATION, OCKAM)
                if profile.keeps_alive or kind not in TWO_SIDED]  # fmt: skip


def error_message(end: End) -> Message:
    link = end.session.current or end.session.attempt
    assert link is not None
    return Message((link.inner,), (), GENERATION.encode(Error("undeliverable")))


def number_of(end: End) -> int:
    assert end.session.current is not None
    return end.session.current.generation.number


# Negotiating ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_a_hello_and_an_answer_establish_the_initiator(kind: SessionType, profile: Profile) -> None:
    i, r = open_pair(kind, profile)
    assert (i.state, i.armed) == (State.NEGOTIATING, {Timer.NEGOTIATION})
    transfer(i, r)
    assert (r.state, r.armed) == (State.NEGOTIATING, {Timer.NEGOTIATION})
    transfer(r, i)
    assert i.state is State.ESTABLISHED
    assert [type(notice) for notice in i.notices] == [Established]
    assert Timer.NEGOTIATION not in i.armed


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_both_ends_are_established_after_the_first_message_to_the_responder(
    kind: SessionType, profile: Profile
) -> None:
    i, r = open_pair(kind, profile)
    settle(i, r)
    i.send(b"one more")
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert r.delivered[-1:] == [b"one more"]
    assert Timer.NEGOTIATION not in i.armed | r.armed


def test_a_hello_leaves_after_its_number_was_remembered_and_its_address_registered() -> None:
    i, _ = open_pair()
    names = [type(command).__name__ for command in i.log]
    assert names == ["Remember", "Register", "Send", "SetTimer"]


def test_an_explicit_session_opens_once() -> None:
    i, _ = open_pair()
    with pytest.raises(EventRefused, match="open already"):
        i.order(Session.open)


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.creation is Creation.IMPLICIT])
def test_an_implicit_session_is_not_opened_but_used(kind: SessionType) -> None:
    i = make_initiator(kind)
    with pytest.raises(EventRefused, match="Send a message through it"):
        i.order(Session.open)
    assert i.log == []
    i.send(b"first")
    assert i.state is State.NEGOTIATING


# Failing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_session_ends_with_its_first_failure(kind: SessionType) -> None:
    i, _ = open_pair(kind)
    drop(i)
    tick(i, seconds=9.9)
    assert i.notices == []
    tick(i, seconds=0.1)
    assert i.state is State.CLOSED
    assert i.notices == [TimedOut("negotiation timed out"), Closed("negotiation timed out")]
    assert (i.armed, i.outbox, i.addresses) == (set(), [], set())


def test_a_transient_session_refuses_messages_while_it_fails() -> None:
    i, _ = established_pair(EXPLICIT_TRANSIENT)
    i.receive(error_message(i))
    assert i.state is State.TIMED_OUT
    with pytest.raises(EventRefused, match="has failed"):
        i.send(b"too late")


@pytest.mark.parametrize("kind", PERSISTENT)
@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (lambda i: tick(i, seconds=60), "keepalives missed"),
        (lambda i: i.receive(error_message(i)), "error message"),
        (lambda i: i.order(Session.lower_layer_lost), "lower layer lost"),
        (lambda i: i.order(Session.renegotiate), "renegotiation by order"),
    ],
)  # fmt: skip
def test_a_persistent_session_comes_back_after_each_failure(kind: SessionType, failure: object, reason: str) -> None:
    i, r = established_pair(kind, misses=3)
    assert callable(failure)
    failure(i)
    assert (i.state, i.notices[-1], i.session.current) == (State.TIMED_OUT, TimedOut(reason), None)
    i.outbox.clear()
    i.send(b"held")
    tick(i, seconds=1)
    assert i.state is State.RENEGOTIATING
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert number_of(i) == number_of(r) == 2
    assert i.session.reason == ""
    assert r.delivered[-1:] == [b"held"]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_failure_forgets_the_route_and_every_address(kind: SessionType) -> None:
    i, _ = established_pair(kind)
    i.order(Session.lower_layer_lost)
    assert (i.session.current, i.session.attempt, i.addresses) == (None, None, set())
    assert i.armed == {Timer.BACK_OFF}


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_a_lower_layer_that_is_lost_during_a_negotiation_ends_the_attempt(kind: SessionType, profile: Profile) -> None:
    i, _ = open_pair(kind, profile)
    i.order(Session.lower_layer_lost)
    assert i.state is State.TIMED_OUT
    assert i.addresses == set()


def test_a_lower_layer_that_no_route_leads_over_is_no_failure() -> None:
    i = make_initiator(EXPLICIT_PERSISTENT_ONE_SIDED)
    i.order(Session.lower_layer_lost)
    assert (i.state, i.log) == (State.IDLE, [])


def test_between_two_attempts_a_back_off_runs() -> None:
    i, _ = open_pair()
    drop(i)
    tick(i, seconds=10)
    assert (i.state, i.outbox, i.armed) == (State.TIMED_OUT, [], {Timer.BACK_OFF})
    tick(i, seconds=0.9)
    assert i.outbox == []
    tick(i, seconds=0.1)
    assert i.state is State.RENEGOTIATING
    assert [said(message).generation.number for message in i.outbox] == [2]  # type: ignore[union-attr]


def test_back_offs_grow_until_a_message_of_the_peer_arrives() -> None:
    i, r = open_pair(attempts=None)
    for _ in range(3):
        tick(i, seconds=10)
        tick(i, seconds=5)
    delays = [command.after_seconds for command in i.of(SetTimer) if command.timer is Timer.BACK_OFF]
    assert delays == pytest.approx([1.0, 1.6, 2.56])
    drop(i, len(i.outbox) - 1)
    settle(i, r)
    assert i.session.back_off_step == 0
    i.order(Session.lower_layer_lost)
    assert i.of(SetTimer)[-1] == SetTimer(Timer.BACK_OFF, 1.0)


def test_an_answer_alone_does_not_reset_the_back_off() -> None:
    i, r = open_pair()
    drop(i)
    tick(i, seconds=11)
    transfer(i, r)
    transfer(r, i)
    assert (i.state, i.session.attempts, i.session.back_off_step) == (State.ESTABLISHED, 2, 1)
    transfer(i, r)
    transfer(r, i)
    assert (i.session.attempts, i.session.back_off_step) == (0, 0)


def test_data_of_the_peer_resets_the_budget_as_an_answered_keepalive_does() -> None:
    i, r = open_pair()
    transfer(i, r)
    transfer(r, i)
    transfer(i, r)
    drop(r)
    assert i.session.attempts == 1
    r.send(b"heard")
    transfer(r, i)
    assert (i.session.attempts, i.delivered) == (0, [b"heard"])


def test_in_profile_ockam_an_answer_resets_the_budget() -> None:
    i, r = open_pair(profile=OCKAM)
    drop(i)
    tick(i, seconds=11)
    transfer(i, r)
    transfer(r, i)
    assert (i.state, i.session.attempts, i.session.back_off_step) == (State.ESTABLISHED, 0, 0)


def test_an_order_to_renegotiate_enters_timed_out_with_no_delay() -> None:
    i, _ = established_pair()
    i.order(Session.renegotiate)
    assert (i.state, i.of(SetTimer)[-1]) == (State.TIMED_OUT, SetTimer(Timer.BACK_OFF, 0.0))
    tick(i, seconds=0)
    assert i.state is State.RENEGOTIATING


def test_an_order_to_renegotiate_does_not_shorten_a_back_off_that_runs() -> None:
    i, _ = established_pair()
    i.order(Session.lower_layer_lost)
    with pytest.raises(EventRefused, match="no established session"):
        i.order(Session.renegotiate)
    assert i.of(SetTimer)[-1] == SetTimer(Timer.BACK_OFF, 1.0)


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_session_is_never_renegotiated(kind: SessionType) -> None:
    i, _ = established_pair(kind)
    with pytest.raises(EventRefused, match="transient"):
        i.order(Session.renegotiate)


# Budgets --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_session_whose_budget_is_spent_closes(attempts: int) -> None:
    i, _ = open_pair(attempts=attempts)
    tick(i, seconds=1000)
    assert (i.state, i.notices[-1]) == (State.CLOSED, Closed(EXHAUSTED))
    assert len(i.of(Send)) == attempts
    assert (i.armed, i.addresses) == (set(), set())


def test_an_initiator_without_a_budget_tries_indefinitely() -> None:
    i, _ = open_pair(attempts=None)
    tick(i, seconds=10_000)
    assert i.state in (State.RENEGOTIATING, State.TIMED_OUT)
    assert len(i.of(Send)) > 60
    assert i.session.attempts == 0


def test_a_responder_of_a_two_sided_session_has_a_budget_too() -> None:
    i, r = established_pair(EXPLICIT_PERSISTENT_TWO_SIDED, attempts=2)
    i.order(Session.close)
    drop(i)
    tick(r, seconds=1000)
    assert r.state is State.CLOSED
    assert r.notices[-1] == Closed(EXHAUSTED)


# Implicit sessions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [IMPLICIT_PERSISTENT_ONE_SIDED, IMPLICIT_PERSISTENT_TWO_SIDED])
def test_an_implicit_session_rests_until_a_message_is_sent(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.order(Session.lower_layer_lost)
    tick(i, seconds=100)
    assert (i.state, i.outbox, i.armed) == (State.TIMED_OUT, [], set())
    i.send(b"wanted")
    assert i.state is State.RENEGOTIATING
    settle(i, r)
    assert r.delivered == [b"first", b"wanted"]


def test_a_message_that_comes_during_the_back_off_waits_for_its_end() -> None:
    i, _ = established_pair(IMPLICIT_PERSISTENT_ONE_SIDED)
    i.order(Session.lower_layer_lost)
    i.send(b"early")
    assert (i.state, i.outbox) == (State.TIMED_OUT, [])
    tick(i, seconds=1)
    assert i.state is State.RENEGOTIATING


def test_an_unused_implicit_transient_session_closes() -> None:
    i, r = established_pair(IMPLICIT_TRANSIENT)
    for seconds in (80, 89):
        i.send(b"used")
        for _ in range(seconds):
            tick(i, seconds=1)
            settle(i, r)
        assert i.state is State.ESTABLISHED
    tick(i, seconds=1)
    assert (i.state, i.notices[-1]) == (State.CLOSED, Closed("idle for too long"))
    settle(i, r)
    assert r.state is State.CLOSED


# Responders that receive nothing --------------------------------------------------------------------------------------


def test_a_one_sided_responder_keeps_its_state_and_never_sends_a_hello() -> None:
    i, r = established_pair()
    tick(r, seconds=90)
    assert (r.state, r.armed, r.session.has_state) == (State.TIMED_OUT, {Timer.RETENTION}, True)
    assert r.outbox == []
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)


def test_a_one_sided_responder_cannot_be_ordered_to_renegotiate() -> None:
    _, r = established_pair()
    with pytest.raises(EventRefused, match="only the initiator"):
        r.order(Session.renegotiate)


def test_an_orphaned_responder_is_reaped() -> None:
    _, r = established_pair()
    tick(r, seconds=90 + 600)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("reaped"))
    assert (r.addresses, r.timers) == (set(), {})


def test_a_resting_responder_of_an_implicit_session_is_reaped() -> None:
    _, r = established_pair(IMPLICIT_PERSISTENT_TWO_SIDED)
    r.order(Session.lower_layer_lost)
    tick(r, seconds=1)
    assert (r.state, r.armed) == (State.TIMED_OUT, {Timer.RETENTION})
    tick(r, seconds=600)
    assert r.notices[-1] == Closed("reaped")


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_responder_that_receives_nothing_closes(kind: SessionType) -> None:
    _, r = established_pair(kind)
    tick(r, seconds=90)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("idle for too long"))


def test_a_responder_without_an_idle_timer_waits_as_long_as_it_takes() -> None:
    _, r = established_pair(durations=Durations(idle_seconds=None))
    tick(r, seconds=100_000)
    assert (r.state, r.armed) == (State.ESTABLISHED, set())


def test_each_message_of_the_peer_keeps_a_responder_from_giving_up() -> None:
    i, r = established_pair()
    for _ in range(10):
        tick(r, seconds=80)
        i.send(b"still here")
        settle(i, r)
    assert r.state is State.ESTABLISHED


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_a_responder_whose_answer_is_not_confirmed_gives_up(kind: SessionType, profile: Profile) -> None:
    i, r = open_pair(kind, profile)
    transfer(i, r)
    drop(r)
    tick(r, seconds=10)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("negotiation timed out"))
    assert (TimedOut("negotiation timed out") in r.notices) is (profile is OCKAM or not kind.persistent)


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_restarted_responder_keeps_its_state_without_a_confirmation(kind: SessionType) -> None:
    r = make_host(kind, remembered=1, has_state=True)
    i, _ = open_pair(kind, remembered=1)
    transfer(i, r)
    tick(r, seconds=10)
    assert (r.state, r.session.has_state) == (State.TIMED_OUT, True)


@pytest.mark.parametrize("kind", PERSISTENT)
def test_an_unconfirmed_responder_ends_with_its_lower_layer(kind: SessionType) -> None:
    i, r = open_pair(kind)
    transfer(i, r)
    r.order(Session.lower_layer_lost)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("lower layer lost"))


# Keepalives -----------------------------------------------------------------------------------------------------------


def test_a_bounded_number_of_missed_keepalives_is_a_failure() -> None:
    i, _ = established_pair(misses=2)
    tick(i, seconds=30)
    assert (i.state, i.session.misses, [said(one) for one in i.outbox]) == (State.ESTABLISHED, 2, [Keepalive()] * 2)
    drop(i, 2)
    tick(i, seconds=15)
    assert (i.state, i.notices[-1]) == (State.TIMED_OUT, TimedOut("keepalives missed"))


@pytest.mark.parametrize("heard", ["an answer", "data"])
def test_any_message_of_the_peer_resets_the_misses(heard: str) -> None:
    i, r = established_pair(misses=2)
    tick(i, seconds=30)
    if heard == "data":
        drop(i, 2)
        r.send(b"data")
    settle(i, r)
    assert i.session.misses == 0


def test_with_no_misses_allowed_the_first_silence_is_the_failure() -> None:
    i, _ = established_pair(misses=0)
    tick(i, seconds=15)
    assert i.state is State.TIMED_OUT


@pytest.mark.parametrize("kind", TWO_SIDED)
def test_both_ends_of_a_two_sided_session_send_keepalives(kind: SessionType) -> None:
    i, r = established_pair(kind)
    tick(r, seconds=15)
    assert [said(message) for message in r.outbox] == [Keepalive()]
    settle(i, r)
    assert (i.session.misses, r.session.misses) == (0, 0)


# Closing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_closing_sends_a_close_to_the_peer(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.order(Session.close)
    assert (i.state, i.notices[-1], i.armed, i.addresses) == (State.CLOSED, Closed("closed by order"), set(), set())
    assert [said(message) for message in i.outbox] == [Close(SESSION_ID, 1, FIRST_ADDRESS, "closed by order")]
    transfer(i, r)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("closed by the peer"))


@pytest.mark.parametrize("kind", TYPES)
def test_going_away_is_a_failure_which_persistent_sessions_survive(kind: SessionType) -> None:
    i, r = established_pair(kind)
    r.order(Session.stop)
    assert (r.state, r.notices[-1]) == (State.CLOSED, Closed("stopped"))
    assert [said(message) for message in r.outbox] == [GoingAway("stopped")]
    transfer(r, i)
    assert (i.state, i.notices[-1]) == (State.TIMED_OUT, TimedOut("the peer goes away"))


def test_going_away_before_the_confirmation_fails_the_attempt() -> None:
    i, r = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    transfer(i, r)
    r.order(Session.stop)
    transfer(r, i, position=1)
    assert (i.state, i.notices[-1]) == (State.TIMED_OUT, TimedOut("the peer goes away"))


def test_stopping_without_a_messaging_route_sends_nothing() -> None:
    i, _ = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    drop(i)
    i.order(Session.stop)
    assert (i.state, i.outbox) == (State.CLOSED, [])


def test_profile_ockam_sends_no_close() -> None:
    i, _ = established_pair(EXPLICIT_TRANSIENT, OCKAM)
    i.order(Session.close)
    assert (i.state, i.outbox) == (State.CLOSED, [])


@pytest.mark.parametrize("kind", TYPES)
def test_a_session_closes_from_every_state_and_twice_is_once(kind: SessionType) -> None:
    idle = make_initiator(kind)
    opening, _ = open_pair(kind)
    failed, _ = established_pair(kind)
    failed.order(Session.lower_layer_lost)
    for end in (idle, opening, failed):
        end.order(Session.close)
        assert (end.state, end.timers, end.addresses) == (State.CLOSED, {}, set())
        said_before = len(end.log)
        end.order(Session.close)
        assert len(end.log) == said_before


@pytest.mark.parametrize("kind", PERSISTENT)
def test_closing_during_a_renegotiation_ends_the_attempt(kind: SessionType) -> None:
    i, _ = established_pair(kind)
    i.order(Session.lower_layer_lost)
    i.send(b"held")
    tick(i, seconds=1)
    assert i.state is State.RENEGOTIATING
    i.order(Session.close)
    assert (i.state, i.timers, i.addresses) == (State.CLOSED, {}, set())
    assert "closed by order" in i.reasons


@pytest.mark.parametrize("answered_first", [False, True])
def test_a_close_goes_to_the_generation_in_which_the_peer_receives(answered_first: bool) -> None:
    i, r = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    transfer(i, r)
    assert (r.state, r.session.usable) == (State.RENEGOTIATING, 1)
    if answered_first:
        transfer(r, i)
        assert i.state is State.ESTABLISHED
    r.order(Session.close)
    while r.outbox:
        transfer(r, i)
    assert (i.state, i.notices[-1]) == (State.CLOSED, Closed("closed by the peer"))


def _renegotiating(i: End, r: End) -> None:
    i.order(Session.renegotiate)
    if i.session.settings.session_type.creation is Creation.IMPLICIT:
        i.send(b"more")
    tick(i, seconds=0)


def _timed_out(i: End, r: End) -> None:
    i.order(Session.lower_layer_lost)


def _both_timed_out(i: End, r: End) -> None:
    _timed_out(i, r)
    _timed_out(r, i)


def _answered(i: End, r: End) -> None:
    _renegotiating(i, r)
    transfer(i, r)


@pytest.mark.parametrize("kind", PERSISTENT)
@pytest.mark.parametrize("reach", [_renegotiating, _timed_out, _both_timed_out, _answered])
def test_a_close_without_a_messaging_route_takes_the_initialization_route(
    kind: SessionType, reach: Callable[[End, End], None]
) -> None:
    i, r = established_pair(kind)
    reach(i, r)
    i.order(Session.close)
    while i.outbox:
        transfer(i, r)
    assert r.state is State.CLOSED
    assert r.notices[-1] == Closed("closed by the peer")


def test_a_first_attempt_is_closed_along_the_initialization_route() -> None:
    i, r = open_pair(EXPLICIT_TRANSIENT)
    transfer(i, r)
    i.order(Session.close)
    transfer(i, r)
    assert r.notices[-1] == Closed("closed by the peer")


@pytest.mark.parametrize(
    ("close", "reason"),
    [
        (Close(SESSION_ID, 1, local("forged"), ""), "close names no generation of this session"),
        (Close(SESSION_ID, 0, FIRST_ADDRESS, ""), "close of an earlier generation"),
        (Close(bytes(16), 1, FIRST_ADDRESS, ""), "misplaced"),
    ],
)
def test_a_close_of_another_end_or_a_late_one_closes_nothing(close: Close, reason: str) -> None:
    _, r = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    before = r.session.snapshot()
    r.receive(Message((HOST,), (HOP_TO_INITIATOR,), GENERATION.encode(close)))
    assert (r.session.snapshot(), r.reasons) == (before, [reason])


def test_a_restarted_responder_is_not_closed_by_an_unconfirmed_attempt() -> None:
    r = make_host(EXPLICIT_PERSISTENT_ONE_SIDED, remembered=5, has_state=True)
    generation = Generation(6, Role.INITIATOR, local("evil"))
    hello = GENERATION.encode(Hello(SESSION_ID, generation))
    r.receive(Message((HOST,), (HOP_TO_INITIATOR, local("evil")), hello))
    close = GENERATION.encode(Close(SESSION_ID, 6, local("evil"), ""))
    r.receive(Message((HOST,), (HOP_TO_INITIATOR, local("evil")), close))
    assert (r.state, r.reasons) == (State.NEGOTIATING, ["close names no generation of this session"])


def test_an_end_that_answers_no_hello_is_closed_at_no_contact_address() -> None:
    settings = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR)
    session = Session(settings, Terms(SESSION_ID, local("outer"), CONTACT), Counted("i"), (HOP_TO_RESPONDER, HOST))
    session.open()
    close = GENERATION.encode(Close(SESSION_ID, 1, local("i1.1iw"), ""))
    (letter,) = session.receive(Message((CONTACT,), (), close))
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "misplaced"


def test_a_close_in_the_generation_names_its_own_session() -> None:
    i, r = established_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    assert r.session.current is not None
    close = GENERATION.encode(Close(bytes(16), 1, FIRST_ADDRESS, ""))
    r.receive(Message((r.session.current.inner,), (HOP_TO_INITIATOR,), close))
    assert (r.state, r.reasons) == (State.ESTABLISHED, ["misplaced"])
    settle(i, r)


def test_the_answering_end_may_close_before_it_was_confirmed() -> None:
    i, r = open_pair(EXPLICIT_TRANSIENT)
    transfer(i, r)
    r.order(Session.close)
    transfer(r, i, position=1)
    assert (i.state, i.notices[-1]) == (State.CLOSED, Closed("closed by the peer"))
    transfer(r, i)
    assert i.reasons == ["unknown address"]


def test_an_error_instead_of_an_answer_ends_the_attempt() -> None:
    i, _ = open_pair()
    i.receive(error_message(i))
    assert (i.state, i.notices[-1]) == (State.TIMED_OUT, TimedOut("error message"))


def test_a_timer_that_was_cancelled_or_never_set_is_ignored() -> None:
    i, _ = established_pair()
    before = i.session.snapshot()
    for timer in (Timer.NEGOTIATION, Timer.BACK_OFF, Timer.IDLE, Timer.RETENTION):
        assert i.session.fire(timer) == []
    assert i.session.snapshot() == before


# Routes (section 5) ---------------------------------------------------------------------------------------------------


def test_a_worker_route_is_the_return_route_with_its_last_address_replaced() -> None:
    i, r = established_pair()
    here, there = i.session.current, r.session.current
    assert here is not None
    assert there is not None
    assert here.route == (HOP_TO_RESPONDER, there.inner)
    assert there.route == (HOP_TO_INITIATOR, here.inner)


def test_the_initialization_route_is_never_rewritten() -> None:
    i, r = established_pair()
    route = i.session.initialization_route
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    assert i.session.initialization_route == route == (HOP_TO_RESPONDER, HOST)


@pytest.mark.parametrize("kind", TWO_SIDED)
def test_the_responder_of_a_two_sided_session_learns_its_initialization_route_from_the_hello(kind: SessionType) -> None:
    i, r = open_pair(kind)
    hello = said(transfer(i, r))
    assert isinstance(hello, Hello)
    assert hello.initialization_route == r.session.initialization_route == (HOP_TO_INITIATOR, CONTACT)


def test_a_one_sided_hello_carries_no_initialization_route() -> None:
    i, r = open_pair()
    hello = said(transfer(i, r))
    assert isinstance(hello, Hello)
    assert hello.initialization_route == r.session.initialization_route == ()


def test_a_number_is_remembered_before_it_leaves() -> None:
    i, r = open_pair(remembered=41, has_state=True)
    assert i.of(Remember) == [Remember(42)]
    transfer(i, r)
    assert r.of(Remember) == []  # the number of an unconfirmed hello is not remembered
    settle(i, r)
    assert r.of(Remember) == [Remember(42)]

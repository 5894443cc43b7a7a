"""Messages of the application in each state, and held messages (spec/sessions.md section 7)."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.causes import PEER_LOST_STATE
from ockam_fsm.runtime.session.commands import DeadLetter, Deliver, RequestFailed, RequestTimer, Send
from ockam_fsm.runtime.session.config import Durations
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Data
from tests.helpers import (
    HOP_TO_RESPONDER,
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

EXPLICIT = [kind for kind in TYPES if kind.creation is Creation.EXPLICIT]
PERSISTENT = [kind for kind in TYPES if kind.persistent]


def payloads(end: End) -> list[bytes]:
    """Return the data that this end has sent so far."""
    signals = [said(command.message) for command in end.of(Send)]
    return [signal.payload for signal in signals if isinstance(signal, Data)]


# IDLE -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EXPLICIT)
def test_an_explicit_session_that_is_not_open_refuses_messages_with_a_remedy(kind: SessionType) -> None:
    i = make_initiator(kind)
    with pytest.raises(EventRefused, match="Open the session first"):
        i.send(b"too early")


def test_an_implicit_session_holds_the_message_that_creates_it() -> None:
    i, r = open_pair(IMPLICIT_TRANSIENT)
    assert payloads(i) == []
    settle(i, r)
    assert r.delivered == [b"first"]


def test_a_responder_without_a_hello_refuses_messages() -> None:
    r = make_host(EXPLICIT_TRANSIENT)
    session = r.core.make(b"x" * 16, b"x" * 16)  # type: ignore[union-attr]
    for order in (Session.open, lambda one: one.send(Outgoing(b"m"))):
        with pytest.raises(EventRefused, match="hello"):
            order(session)


# Before the session is established ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind is not EXPLICIT_TRANSIENT])
def test_messages_wait_and_leave_in_order_once_it_is_established(kind: SessionType) -> None:
    i, r = open_pair(kind)
    for payload in (b"1", b"2", b"3"):
        i.send(payload)
    settle(i, r)
    assert r.delivered[-3:] == [b"1", b"2", b"3"]
    assert (i.session.held, list(i.session.waiting)) == (0, [])


@pytest.mark.parametrize("kind", PERSISTENT)
def test_messages_wait_through_failure_back_off_and_renegotiation(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.order(Session.lower_layer_lost)
    i.send(b"in the back-off")
    tick(i, seconds=1)
    i.send(b"in the renegotiation")
    settle(i, r)
    i.send(b"after it")
    settle(i, r)
    assert r.delivered[-3:] == [b"in the back-off", b"in the renegotiation", b"after it"]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_held_messages_are_bounded_and_overflow_is_an_error_of_the_sender(kind: SessionType) -> None:
    i, r = open_pair(kind, held=2)
    i.send(b"1") if kind.creation is Creation.EXPLICIT else None
    i.send(b"2")
    before = i.session.snapshot()
    with pytest.raises(EventRefused, match="can hold no more"):
        i.send(b"3")
    assert i.session.snapshot() == before
    i.order(Session.lower_layer_lost)
    with pytest.raises(EventRefused, match="can hold no more"):
        i.send(b"3")
    tick(i, seconds=1)
    with pytest.raises(EventRefused, match="can hold no more"):
        i.send(b"3")
    settle(i, r)
    i.send(b"3")
    settle(i, r)
    assert r.delivered[-2:] == [b"2", b"3"]


def test_an_explicit_transient_session_holds_nothing_by_default() -> None:
    i, _ = open_pair(EXPLICIT_TRANSIENT)
    with pytest.raises(EventRefused, match="can hold no more"):
        i.send(b"m")
    i, r = open_pair(EXPLICIT_TRANSIENT, held=1)
    i.send(b"m")
    settle(i, r)
    assert r.delivered == [b"m"]


def test_a_responder_holds_messages_of_its_application_until_it_is_established() -> None:
    i, r = open_pair()
    transfer(i, r)
    r.send(b"1")
    settle(i, r)
    tick(r, seconds=90)
    r.send(b"2")
    assert (r.state, i.delivered) == (State.TIMED_OUT, [b"1"])
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    assert i.delivered == [b"1", b"2"]


# ESTABLISHED ----------------------------------------------------------------------------------------------------------


def test_data_travels_on_the_messaging_route() -> None:
    i, r = established_pair()
    i.send(b"m")
    assert r.session.current is not None
    assert i.outbox[0].onward_route == (HOP_TO_RESPONDER, r.session.current.inner)
    transfer(i, r)
    assert r.of(Deliver) == [Deliver(b"m", (), (local("responder"),))]


def test_data_may_be_for_a_worker_behind_the_peer() -> None:
    i, r = established_pair()
    echo = local("echo")
    i.order(lambda session: session.send(Outgoing(b"m", (echo,), (local("app"),))))
    settle(i, r)
    assert r.of(Deliver) == [Deliver(b"m", (echo,), (local("responder"), local("app")))]


def test_profile_ockam_carries_routes_in_the_message() -> None:
    i, r = established_pair(profile=OCKAM)
    echo = local("echo")
    i.order(lambda session: session.send(Outgoing(b"m", (echo,), (local("app"),))))
    assert i.outbox[0].onward_route[-1] == echo
    assert i.outbox[0].return_route == (local("app"),)
    settle(i, r)
    assert r.of(Deliver)[0].onward_route == (echo,)


def test_data_that_reaches_no_current_inner_address_is_a_dead_letter() -> None:
    i, r = established_pair()
    r.receive(Message((local("nowhere"),), (), GENERATION.encode(Data(b"m"))))
    i.receive(Message((local("nowhere"),), (), GENERATION.encode(Data(b"m"))))
    assert i.reasons == r.reasons == ["unknown address"]
    assert r.delivered == []


def test_data_before_the_answer_is_a_dead_letter() -> None:
    i, _ = open_pair()
    assert i.session.attempt is not None
    i.receive(Message((i.session.attempt.inner,), (), GENERATION.encode(Data(b"m"))))
    assert (i.reasons, i.delivered) == (["unexpected before the answer"], [])


def test_data_confirms_the_answer_and_is_delivered() -> None:
    i, r = open_pair()
    transfer(i, r)
    transfer(r, i)
    i.send(b"m")
    drop(i)
    transfer(i, r)
    assert (r.state, r.delivered) == (State.ESTABLISHED, [b"m"])


def test_data_is_not_sent_to_the_generation_before() -> None:
    i, r = established_pair()
    i.send(b"lost")
    old = i.outbox.pop()
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    i.outbox.append(old)
    transfer(i, r)
    assert (r.delivered, r.reasons) == ([], ["unknown address"])


# CLOSED ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_a_closed_session_refuses_messages_with_a_reason(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.order(Session.close)
    with pytest.raises(EventRefused, match="the session is closed"):
        i.send(b"m")
    before = i.session.snapshot()
    r.send(b"m")
    settle(i, r)
    assert i.reasons == ["unknown address"]
    assert i.session.snapshot() == before


@pytest.mark.parametrize("kind", PERSISTENT)
def test_held_messages_of_a_closed_session_become_dead_letters(kind: SessionType) -> None:
    i, _ = open_pair(kind, held=3)
    i.send(b"held")
    i.order(Session.close)
    assert i.of(DeadLetter)[-1] == DeadLetter("closed by order", Outgoing(b"held"))
    assert (i.session.held, list(i.session.waiting)) == (0, [])


def test_held_messages_become_dead_letters_when_the_budget_is_spent() -> None:
    i, _ = open_pair(IMPLICIT_PERSISTENT_ONE_SIDED, attempts=2)
    tick(i, seconds=100)
    assert i.of(DeadLetter) == [DeadLetter("attempts exhausted", Outgoing(b"first"))]


def test_held_messages_of_a_failed_implicit_transient_session_become_dead_letters() -> None:
    i, _ = open_pair(IMPLICIT_TRANSIENT)
    tick(i, seconds=10)
    assert i.of(DeadLetter) == [DeadLetter("negotiation timed out", Outgoing(b"first"))]


def test_held_messages_of_a_reaped_responder_become_dead_letters() -> None:
    _, r = established_pair()
    tick(r, seconds=90)
    r.send(b"held")
    tick(r, seconds=600)
    assert r.of(DeadLetter) == [DeadLetter("reaped", Outgoing(b"held"))]


def test_closing_an_idle_session_sends_nothing() -> None:
    i = make_initiator(EXPLICIT_TRANSIENT)
    i.order(Session.close)
    assert [type(command).__name__ for command in i.log] == ["Notify"]


# Requests (section 6) -------------------------------------------------------------------------------------------------


def outcomes(end: End) -> list[tuple[str, str]]:
    return [(type(notice).__name__, notice.request) for notice in end.notices if hasattr(notice, "request")]


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_response_is_the_outcome_of_its_request(profile: object) -> None:
    i, r = established_pair(profile=profile)
    i.request("q1")
    i.request("q2")
    settle(i, r)
    assert r.delivered == [b"q1", b"q2"]
    r.reply(b"to q2")
    settle(i, r)
    assert (outcomes(i), i.notices[-1].payload, i.delivered) == ([("Responded", "q2")], b"to q2", [])
    assert i.armed - {None} >= {timer for timer in i.armed if "q1" in str(timer)}
    assert list(i.session.requests) == ["q1"]


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_second_response_is_a_dead_letter(profile: object) -> None:
    i, r = established_pair(profile=profile)
    i.request("q")
    settle(i, r)
    r.reply(b"once")
    r.reply(b"twice")
    settle(i, r)
    assert (outcomes(i), i.reasons) == ([("Responded", "q")], ["late or unknown response"])


def test_a_request_that_gets_no_response_expires_and_that_is_a_failure() -> None:
    i, _ = established_pair()
    i.request("q")
    drop(i)
    tick(i, seconds=10)
    assert (outcomes(i), i.state) == ([("RequestTimedOut", "q")], State.TIMED_OUT)
    assert i.notices[-1].reason == "request timed out"


def test_a_late_response_is_a_dead_letter() -> None:
    i, r = established_pair()
    i.request("q")
    settle(i, r)
    r.reply(b"late")
    tick(i, seconds=10)
    settle(i, r)
    assert (outcomes(i), i.reasons) == ([("RequestTimedOut", "q")], ["unknown address"])


def test_a_request_that_expires_in_the_old_generation_ends_it_only() -> None:
    i, r = established_pair(durations=Durations(request_seconds=1))
    r.request("q")
    drop(r)
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    transfer(i, r)
    assert r.state is State.RENEGOTIATING
    tick(r, seconds=1)
    assert (r.session.usable, outcomes(r)) == (0, [("RequestTimedOut", "q")])
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)


@pytest.mark.parametrize("kind", TYPES)
def test_a_withdrawn_waiting_request_is_never_sent(kind: SessionType) -> None:
    i, r = open_pair(kind, held=3)
    for name in ("1", "2", "3")[kind.creation is Creation.IMPLICIT :]:
        i.request(name)
    before, state = i.session.held, i.state
    i.order(lambda session: session.withdraw_request("2"))
    assert (i.session.held, i.state, "2" in i.session.requests) == (before - 1, state, False)
    (letter,) = i.of(DeadLetter)
    assert (letter.reason, getattr(letter.message, "payload", None)) == ("withdrawn", b"2")
    settle(i, r)
    assert (b"2" in r.delivered, b"3" in r.delivered, outcomes(i)) == (False, True, [])


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_request_to_be_reissued_is_withdrawn_while_it_waits(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.request("q", reissue=True)
    drop(i)
    i.order(Session.lower_layer_lost)
    i.send(b"m")
    assert i.session.held == 2
    i.order(lambda session: session.withdraw_request("q"))
    assert (i.session.held, i.session.requests, i.state) == (1, {}, State.TIMED_OUT)
    tick(i, seconds=1)
    settle(i, r)
    assert (r.delivered[-1:], b"q" in r.delivered, outcomes(i)) == ([b"m"], False, [])


def test_the_response_of_a_withdrawn_sent_request_is_a_dead_letter() -> None:
    i, r = established_pair()
    i.request("q")
    settle(i, r)
    i.order(lambda session: session.withdraw_request("q"))
    r.reply(b"late")
    settle(i, r)
    tick(i, seconds=10)
    assert (outcomes(i), i.reasons, i.state) == ([], ["late or unknown response"], State.ESTABLISHED)
    i.request("q")  # the identifier is free again


def test_a_message_that_waits_is_withdrawn() -> None:
    i, r = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    i.send(b"1")
    i.send(b"2")
    i.order(lambda session: session.withdraw(Outgoing(b"1")))
    settle(i, r)
    assert (r.delivered, i.reasons) == ([b"2"], ["withdrawn"])


def test_a_finished_or_sent_message_is_not_withdrawn() -> None:
    i, r = established_pair()
    i.send(b"m")
    i.request("q")
    settle(i, r)
    r.reply(b"in time")
    settle(i, r)
    before = i.session.snapshot()
    for order in (lambda s: s.withdraw_request("q"), lambda s: s.withdraw_request("x"),
                  lambda s: s.withdraw(Outgoing(b"m"))):  # fmt: skip
        i.order(order)
    assert (i.session.snapshot(), outcomes(i)) == (before, [("Responded", "q")])
    with pytest.raises(LocalSessionError, match="identifier"):
        i.order(lambda session: session.withdraw_request(["q"]))  # type: ignore[arg-type]


def test_a_pending_request_fails_with_its_session_by_default() -> None:
    i, _ = established_pair()
    i.request("q")
    i.order(Session.lower_layer_lost)
    assert outcomes(i) == [("RequestFailed", "q")]
    assert i.session.requests == {}


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_request_may_ask_to_be_reissued_under_the_same_identifier(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.request("q1", reissue=True)
    i.request("q2", reissue=True)
    i.outbox.clear()
    i.order(Session.lower_layer_lost)
    i.send(b"held")
    tick(i, seconds=1)
    settle(i, r)
    i.send(b"new")
    settle(i, r)
    assert r.delivered[-4:] == [b"q1", b"q2", b"held", b"new"]
    assert outcomes(i) == []


def test_a_request_to_be_reissued_survives_its_timeout() -> None:
    i, r = established_pair()
    i.request("q", reissue=True)
    drop(i)
    tick(i, seconds=10)
    assert (i.state, outcomes(i)) == (State.TIMED_OUT, [])
    tick(i, seconds=1)
    settle(i, r)
    r.reply(b"at last")
    settle(i, r)
    assert outcomes(i) == [("Responded", "q")]


def test_a_reissued_request_that_finds_no_room_fails() -> None:
    i, _ = established_pair(held=1)
    i.request("q1", reissue=True)
    i.request("q2", reissue=True)
    i.order(Session.lower_layer_lost)
    assert [notice.reason for notice in i.notices if hasattr(notice, "request")] == ["no room to hold it"]
    assert list(i.session.requests) == ["q1"]


@pytest.mark.parametrize("held", [0, 1])
def test_a_responders_requests_are_reissued_when_the_old_generation_ends(held: int) -> None:
    i, r = established_pair(held=held)
    r.request("q", reissue=True)
    drop(r)
    i.order(Session.renegotiate)
    tick(i, seconds=0)
    settle(i, r)
    assert (i.delivered, outcomes(r)) == (([b"q"], []) if held else ([], [("RequestFailed", "q")]))


def test_a_transient_session_reissues_nothing() -> None:
    i, _ = established_pair(EXPLICIT_TRANSIENT)
    i.request("q", reissue=True)
    i.order(Session.lower_layer_lost)
    assert outcomes(i) == [("RequestFailed", "q")]
    tick(i, seconds=0)
    assert i.state is State.CLOSED


def test_a_request_that_a_transient_session_cannot_reissue_expires_as_others_do() -> None:
    i, _ = established_pair(EXPLICIT_TRANSIENT)
    i.request("q", reissue=True)
    tick(i, seconds=10)
    assert (outcomes(i), i.state) == ([("RequestTimedOut", "q")], State.CLOSED)


@pytest.mark.parametrize("kind", PERSISTENT)
def test_every_open_request_fails_when_the_session_closes(kind: SessionType) -> None:
    i, _ = established_pair(kind)
    i.request("q1", reissue=True)
    i.order(Session.lower_layer_lost)
    i.request("q2")
    i.order(Session.close)
    assert outcomes(i) == [("RequestFailed", "q1"), ("RequestFailed", "q2")]
    assert {notice.reason for notice in i.notices if hasattr(notice, "request")} == {"closed by order"}
    assert i.timers == {}


def test_identifiers_are_in_use_once() -> None:
    i, _ = established_pair()
    i.request("q")
    before = i.session.snapshot()
    for identifier in ("q", None):
        with pytest.raises(LocalSessionError, match="choose an identifier"):
            i.order(lambda session, identifier=identifier: session.request(identifier, Outgoing(b"")))  # type: ignore[misc]
    assert i.session.snapshot() == before


def test_open_requests_are_bounded() -> None:
    i, _ = established_pair(requests=2)
    i.request("q1")
    i.request("q2")
    before = i.session.snapshot()
    with pytest.raises(LocalSessionError, match="declared capacity"):
        i.request("q3")
    assert i.session.snapshot() == before


def test_a_refused_request_leaves_no_state() -> None:
    i = make_initiator(EXPLICIT_PERSISTENT_ONE_SIDED)
    before = i.session.snapshot()
    with pytest.raises(EventRefused):
        i.request("q")
    assert i.session.snapshot() == before


def test_a_late_request_timer_is_ignored() -> None:
    i, _ = open_pair()
    i.request("waits")

    before = i.session.snapshot()
    for identifier in ("waits", "unknown"):
        assert i.session.fire(RequestTimer(identifier)) == []
    assert i.session.snapshot() == before


@pytest.mark.parametrize("role", list(Role))
def test_either_end_may_send_requests(role: Role) -> None:
    i, r = established_pair()
    asks, answers = (i, r) if role is Role.INITIATOR else (r, i)
    asks.request("q")
    settle(i, r)
    answers.reply(b"yes")
    settle(i, r)
    assert outcomes(asks) == [("Responded", "q")]


# Requests that need the peer's state (clause 6.8) ---------------------------------------------------------------------


def restarted_peer(kind: SessionType, **limits: object) -> End:
    """Return a host that has lost the session."""
    return make_host(kind, name="s", **limits)  # type: ignore[arg-type]


def renegotiate(i: End, r: End) -> None:
    """Fail the initiator's session, and let it negotiate again with `r` after its back-off."""
    i.order(Session.lower_layer_lost)
    tick(i, seconds=1)
    settle(i, r)


def failures(end: End) -> list[RequestFailed]:
    return [notice for notice in end.notices if isinstance(notice, RequestFailed)]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_request_that_needs_the_peers_state_fails_where_the_peer_has_lost_it(kind: SessionType) -> None:
    i, _ = established_pair(kind)
    r = restarted_peer(kind)
    i.order(Session.lower_layer_lost)
    i.request("waits", resumed_only=True)
    tick(i, seconds=1)
    settle(i, r)
    assert (i.state, i.session.held, i.session.requests) == (State.ESTABLISHED, 0, {})
    assert failures(i) == [RequestFailed("waits", PEER_LOST_STATE)]
    assert b"waits" not in r.delivered


@pytest.mark.parametrize("kind", PERSISTENT)
def test_a_reissued_request_that_needs_the_peers_state_is_not_sent_again_to_one_that_has_lost_it(
    kind: SessionType,
) -> None:
    i, _ = established_pair(kind)
    for identifier in ("q1", "q2"):
        i.request(identifier, reissue=True, resumed_only=True)
    i.outbox.clear()
    r = restarted_peer(kind)
    renegotiate(i, r)
    assert failures(i) == [RequestFailed(one, PEER_LOST_STATE) for one in ("q1", "q2")]
    assert r.delivered == []
    assert not [timer for timer in i.armed if isinstance(timer, RequestTimer)]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_it_is_sent_in_the_first_negotiation_where_there_is_nothing_to_remember(kind: SessionType) -> None:
    i, r = open_pair(kind)
    i.request("q", resumed_only=True)
    settle(i, r)
    assert (r.delivered[-1], failures(i)) == (b"q", [])


def test_an_end_with_kept_state_requires_a_resumed_peer() -> None:
    i = make_initiator(EXPLICIT_PERSISTENT_ONE_SIDED, remembered=1, has_state=True)
    i.order(Session.open)
    i.request("q", resumed_only=True)
    settle(i, restarted_peer(EXPLICIT_PERSISTENT_ONE_SIDED))
    assert failures(i) == [RequestFailed("q", PEER_LOST_STATE)]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_it_is_sent_where_the_peer_resumed(kind: SessionType) -> None:
    i, r = established_pair(kind)
    i.request("pending", reissue=True, resumed_only=True)
    i.outbox.clear()
    i.order(Session.lower_layer_lost)
    i.request("waits", resumed_only=True)
    tick(i, seconds=1)
    settle(i, r)
    assert (r.delivered[-2:], failures(i)) == ([b"pending", b"waits"], [])


def test_other_held_messages_keep_their_order_and_are_sent() -> None:
    i, _ = established_pair()
    i.request("again", reissue=True)
    i.request("lost", reissue=True, resumed_only=True)
    i.outbox.clear()
    i.order(Session.lower_layer_lost)
    i.send(b"1")
    i.request("lost too", resumed_only=True)
    i.request("2")
    i.send(b"3")
    r = restarted_peer(EXPLICIT_PERSISTENT_ONE_SIDED)
    tick(i, seconds=1)
    settle(i, r)
    assert r.delivered == [b"again", b"1", b"2", b"3"]
    assert [one.request for one in failures(i)] == ["lost", "lost too"]
    r.reply(b"yes")
    assert (i.session.held, list(i.session.requests)) == (0, ["again", "2"])


def test_a_request_that_needs_the_peers_state_can_be_repeated_afterwards() -> None:
    i, _ = established_pair()
    i.request("q", reissue=True, resumed_only=True)
    i.outbox.clear()
    r = restarted_peer(EXPLICIT_PERSISTENT_ONE_SIDED)
    renegotiate(i, r)
    i.request("q", resumed_only=True)
    settle(i, r)
    assert r.delivered == [b"q"]


def test_in_a_transient_session_there_is_no_peer_that_could_have_lost_anything() -> None:
    i, r = open_pair(EXPLICIT_TRANSIENT, held=1)
    i.request("q", resumed_only=True)
    settle(i, r)
    assert (r.delivered, failures(i)) == ([b"q"], [])
    i.request("p", resumed_only=True)
    i.order(Session.lower_layer_lost)
    assert [one.request for one in failures(i)] == ["q", "p"]
    assert PEER_LOST_STATE not in [one.reason for one in failures(i)]


def test_a_snapshot_records_which_requests_need_the_peers_state() -> None:
    i, _ = established_pair()
    i.request("needs", reissue=True, resumed_only=True)
    i.request("other", reissue=True)
    i.outbox.clear()
    i.order(Session.lower_layer_lost)
    image = i.session.snapshot()
    assert [(one.identifier, one.resumed_only) for one in image.requests] == [("needs", True), ("other", False)]
    i.session.restore(image)
    assert i.session.snapshot() == image
    tick(i, seconds=1)
    settle(i, restarted_peer(EXPLICIT_PERSISTENT_ONE_SIDED))
    assert failures(i) == [RequestFailed("needs", PEER_LOST_STATE)]

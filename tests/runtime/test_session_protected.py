"""Sessions with a protection: used up keys, and the meaning of the second message.

The channel is symbolic. `SHORT` has four messages in each direction, the last of them for the session itself.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.checking.sessions.symbolic_channel import STRANGER, SymbolicProfile, term_of
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import CancelTimer
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import SessionType, State
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.session.commands import RequestFailed, TimedOut
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import KEYS_USED_UP
from tests.helpers import End, drop, established_pair, open_pair, settle, tick, transfer
from tests.runtime.wire_helpers import runs

SHORT = SymbolicProfile(nonces=4)


def used_up(kind: SessionType, **limits: object) -> tuple[End, End]:
    """Return an established pair whose initiator has used up its keys."""
    initiator, responder = established_pair(kind, SHORT, **limits)
    for _ in range(3):
        initiator.send(b"m")
    settle(initiator, responder)
    assert responder.delivered == [b"m", b"m", b"m"]
    assert initiator.state is State.ESTABLISHED
    return initiator, responder


def test_a_persistent_end_holds_the_message_and_negotiates_again() -> None:
    initiator, responder = used_up(EXPLICIT_PERSISTENT_ONE_SIDED)
    initiator.send(b"next")
    assert [notice for notice in initiator.notices if isinstance(notice, TimedOut)] == [
        TimedOut("lower layer lost", KEYS_USED_UP)
    ]
    tick(initiator, 2.0)
    settle(initiator, responder)
    assert responder.delivered[-1] == b"next"


def test_a_transient_end_notifies_its_owner_and_the_message_is_a_dead_letter() -> None:
    initiator, _ = used_up(EXPLICIT_TRANSIENT)
    initiator.send(b"next")
    assert TimedOut("lower layer lost", KEYS_USED_UP) in initiator.notices
    assert initiator.of(CancelTimer)
    assert initiator.reasons == ["lower layer lost"]
    with pytest.raises(EventRefused):
        initiator.send(b"too late")


@pytest.mark.parametrize("kind", [EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED], ids=lambda kind: kind.name)
def test_a_request_that_finds_no_room_fails_once(kind: SessionType) -> None:
    initiator, _ = used_up(kind, held=0)
    initiator.request("q")
    assert [notice for notice in initiator.notices if isinstance(notice, RequestFailed)] == [
        RequestFailed("q", "lower layer lost", KEYS_USED_UP)
    ]
    assert not initiator.session.requests


def test_the_refused_event_is_the_ordered_one() -> None:
    initiator, _ = used_up(EXPLICIT_TRANSIENT)
    initiator.send(b"next")
    letters = [letter.message for letter in initiator.log if hasattr(letter, "message") and hasattr(letter, "reason")]
    assert letters == [Outgoing(b"next")]


@pytest.mark.parametrize(("keeps_alive", "attempts"), [(True, 1), (False, 0)])
def test_an_answer_renews_the_budget_only_in_profiles_without_keepalives(keeps_alive: bool, attempts: int) -> None:
    profile = SymbolicProfile(keeps_alive=keeps_alive)
    initiator, responder = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED, profile, attempts=2)
    transfer(initiator, responder)
    transfer(responder, initiator)
    assert (initiator.state, initiator.session.attempts) == (State.ESTABLISHED, attempts)


def test_a_peer_that_only_answers_uses_the_budget_up() -> None:
    initiator, responder = open_pair(EXPLICIT_PERSISTENT_ONE_SIDED, SHORT, attempts=2, misses=0)
    for _ in range(2):
        transfer(initiator, responder)
        transfer(responder, initiator)
        drop(initiator)  # the third message
        tick(initiator, 20.0)
    assert initiator.state is State.CLOSED


def test_a_refusal_in_a_handshake_is_reported_when_it_fails() -> None:
    initiator, responder = open_pair(EXPLICIT_TRANSIENT, SHORT)
    transfer(initiator, responder)
    (answer,) = responder.outbox
    forged = replace(answer, payload=answer.payload[:-1])
    responder.outbox.insert(0, forged)
    transfer(responder, initiator)
    drop(responder)
    tick(initiator, 10.0)
    (failure,) = [notice for notice in initiator.notices if isinstance(notice, TimedOut)]
    assert "; refused was: " in failure.detail


def test_an_established_end_has_an_authenticated_peer_and_follows_its_route() -> None:
    initiator, responder = open_pair(EXPLICIT_TRANSIENT, SHORT)
    assert initiator.session.peer is None
    settle(initiator, responder)
    assert initiator.session.peer
    before = responder.session.current
    assert before is not None
    for back in ((), (Address(TCP, b"elsewhere:1"),), before.route[:-1]):
        initiator.send(b"m")
        message = initiator.outbox.pop()
        responder.receive(Message(message.onward_route[1:], back, message.payload))
        now = responder.session.current
        assert now is not None
        assert now.route == ((*back, before.route[-1]) if back else before.route)
    responder.receive(Message((before.inner,), (), b"forged"))
    assert responder.delivered == [b"m"] * 3
    assert responder.session._refusal == "", "it is for handshakes only"


ANYWHERE: Route = (Address(TCP, b"elsewhere:1"), local("hop"))
ways = st.sampled_from(
    ((), ANYWHERE[:1], ANYWHERE, ANYWHERE * ((MAX_ROUTE_LENGTH - 2) // 2), ANYWHERE * (MAX_ROUTE_LENGTH // 2))
)
kinds = st.sampled_from(("next", "next", "again", "spoiled", "kept back"))
arrivals = runs(st.tuples(st.booleans(), kinds, st.integers(0, 9), ways), 25)


@pytest.mark.slow
@settings(derandomize=True, database=None, deadline=None, max_examples=120)
@given(st.sampled_from((EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED)), arrivals)
def test_the_route_of_a_responder_follows_the_newest_authentic_message(
    kind: SessionType, arriving: list[tuple[bool, str, int, Route]]
) -> None:
    ends = established_pair(kind, SymbolicProfile(nonces=99, lost=99, late=99))
    sent: tuple[list[Message], list[Message]] = ([], [])
    read: tuple[list[int], list[int]] = ([], [])
    for from_responder, how, which, way in arriving:
        sender, receiver = (ends[1], ends[0]) if from_responder else ends
        messages, known = sent[from_responder], read[from_responder]
        if how in ("next", "kept back") or not messages:
            sender.send(b"%d" % len(messages))
            messages.append(sender.outbox.pop())
            assert messages[-1].return_route == (), "the return route is hidden on the way"
        if how == "kept back":
            continue
        number = len(messages) - 1 if how == "next" else which % len(messages)
        term = term_of(messages[number].payload)
        assert term is not None
        payload = (term._replace(author=STRANGER) if how == "spoiled" else term).encode()
        before, letters = receiver.session.current, len(receiver.reasons)
        assert before is not None
        assert receiver.session.authenticates(before)
        receiver.receive(Message(messages[number].onward_route[-1:], way, payload))
        now, route = receiver.session.current, before.route
        if how == "spoiled" or number in known:
            assert len(receiver.reasons) == letters + 1
        else:
            newest = number > max(known, default=-1)
            if newest and not from_responder and way and len(way) < MAX_ROUTE_LENGTH:
                route = (*way, before.route[-1])
            known.append(number)
        assert now == before._replace(route=route)
        assert receiver.delivered == [b"%d" % one for one in known]
    assert [end.session.peer for end in ends] == ["responder", "initiator"]
    current = ends[0].session.current
    assert current is not None
    assert not ends[0].session.authenticates(current._replace(inner=local("another")))

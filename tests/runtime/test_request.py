"""One synchronous request: sent, followed by exactly one outcome."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.request import RequestEvent, RequestState
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.session.commands import Command, Notify, RequestFailed, RequestTimedOut, RequestTimer, Responded
from ockam_fsm.runtime.session.request import Outgoing, Request, RequestRecord

STARTED, STOPPED = SetTimer(RequestTimer("q"), 5.0), CancelTimer(RequestTimer("q"))


def request() -> tuple[Request, list[Command]]:
    commands: list[Command] = []
    record = RequestRecord("q", RequestState.READY, Outgoing(b"?", request="q"), False, None)
    return Request(record, commands.append, 5.0), commands


def sent() -> tuple[Request, list[Command]]:
    one, commands = request()
    one.sent(local("reply"))
    return one, commands


def test_a_request_that_is_sent_waits_for_its_response() -> None:
    one, commands = sent()
    assert (one.pending, one.reply, commands) == (True, local("reply"), [STARTED])


OUTCOMES = [
    (RequestEvent.RESPONSE_RECEIVED, b"!", RequestState.RESPONDED, [STOPPED, Notify(Responded("q", b"!"))]),
    (RequestEvent.REQUEST_EXPIRED, None, RequestState.EXPIRED, [Notify(RequestTimedOut("q"))]),
    (RequestEvent.ABANDONED, "why", RequestState.FAILED, [STOPPED, Notify(RequestFailed("q", "why"))]),
    (RequestEvent.WITHDRAW, None, RequestState.WITHDRAWN, [STOPPED]),
]


@pytest.mark.parametrize(("event", "cause", "state", "expected"), OUTCOMES)
def test_each_outcome_is_reported_once(
    event: RequestEvent, cause: object, state: RequestState, expected: list[Command]
) -> None:
    one, commands = sent()
    one.fire(event, cause)
    assert (one.state, one.pending, commands[1:]) == (state, False, expected)
    for late in (RequestEvent.RESPONSE_RECEIVED, RequestEvent.ABANDONED, RequestEvent.REISSUED, RequestEvent.WITHDRAW):
        one.fire(late)
    with pytest.raises(EventRefused, match="runs in PENDING only"):
        one.fire(RequestEvent.REQUEST_EXPIRED)
    assert (one.state, commands[1:]) == (state, expected)


def test_a_request_that_is_reissued_may_be_sent_again() -> None:
    one, commands = sent()
    one.fire(RequestEvent.REISSUED)
    assert (one.state, commands[1:]) == (RequestState.READY, [STOPPED])
    one.sent(local("another reply"))
    assert (one.reply, commands[2:]) == (local("another reply"), [STARTED])


def test_a_request_that_was_never_sent_fails_without_a_timer() -> None:
    one, commands = request()
    one.fire(RequestEvent.ABANDONED, "closed")
    assert commands == [Notify(RequestFailed("q", "closed"))]


def test_a_request_that_was_never_sent_is_withdrawn_without_a_notice() -> None:
    one, commands = request()
    one.fire(RequestEvent.WITHDRAW)
    assert (one.state, commands) == (RequestState.WITHDRAWN, [])


def test_a_request_is_sent_once_in_each_generation() -> None:
    one, commands = sent()
    with pytest.raises(EventRefused, match="once in each generation"):
        one.fire(RequestEvent.SENT)
    assert commands == [STARTED]


def test_the_record_of_a_request_is_its_complete_state() -> None:
    one, commands = sent()
    twin = Request(one.record(), commands.append, 5.0)
    assert (hash(twin.record()), twin.record()) == (hash(one.record()), one.record())

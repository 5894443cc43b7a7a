"""A publisher: kept, sent and dropped messages, and its reports (spec/sessions.md clauses 12.2 to 12.4)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, EventRefused, LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.publisher import PublisherState
from ockam_fsm.runtime.encoding.gate import check_payload
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_MESSAGE_BYTES,
    Pulled,
    Push,
    Pushed,
    Status,
    StoredMessage,
    StreamError,
    StreamResponse,
    encode_request,
    encode_response,
)
from ockam_fsm.runtime.session.causes import NO_ROOM, PEER_LOST_STATE
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.runtime.session.request import Outgoing, check_outgoing
from ockam_fsm.runtime.stream.commands import (
    CloseSession,
    Ignored,
    NewSession,
    PublisherClosed,
    PublisherCommand,
    Request,
    StateLost,
    Stored,
    StreamTimer,
    Withdraw,
)
from ockam_fsm.runtime.stream.publisher import BY_ORDER, NEVER_SENT, Publisher, PublisherConfig, PublisherImage

STOPPED = CancelTimer(StreamTimer.RETRY)
STARTED = SetTimer(StreamTimer.RETRY, 2.0)
CONFIRMED_BEFORE = Ignored("it is confirmed already")
OVER = Ignored("the publisher is closed")


def pushed(number: int, data: bytes) -> Request:
    """Return the request that publishes `data` under `number`."""
    return Request(number, encode_request(Push(number, data)))


def confirmation(number: int, status: Status = Status.OK) -> bytes:
    return encode_response(Pushed(number, status, 7))


def publisher(*messages: bytes, window: int = 3) -> Publisher:
    """Return a publisher that has published these messages."""
    made = Publisher(PublisherConfig(window, BackOff(initial_seconds=2.0)))
    for message in messages:
        made.publish(message)
    return made


def confirm(one: Publisher, number: int) -> list[PublisherCommand]:
    return one.responded(number, confirmation(number))


def closed(*messages: bytes) -> Publisher:
    one = publisher(*messages)
    one.close()
    return one


# Publishing -----------------------------------------------------------------------------------------------------------


def test_messages_are_numbered_from_1_without_gaps() -> None:
    one = publisher()
    assert [one.publish(data) for data in (b"a", b"b")] == [[pushed(1, b"a")], [pushed(2, b"b")]]
    assert one.image() == PublisherImage(messages=(b"a", b"b"), open=(1, 2))


def test_a_full_window_refuses_one_more_and_nothing_changes() -> None:
    one = publisher(b"a", b"b", b"c")
    before = one.image()
    with pytest.raises(EventRefused, match="the window is full"):
        one.publish(b"d")
    assert one.image() == before
    confirm(one, 1)
    assert one.publish(b"d") == [pushed(4, b"d")]


@pytest.mark.parametrize("wrong", ["text", None, 7, bytearray(b"m")])
def test_a_message_is_bytes(wrong: Any) -> None:
    one = publisher(b"a")
    before = one.image()
    with pytest.raises(LocalSessionError, match="expected bytes"):
        one.publish(wrong)
    assert one.image() == before


def test_a_message_that_is_accepted_fits_into_a_push_and_into_a_response() -> None:
    one = publisher()
    (request,) = one.publish(bytes(MAX_MESSAGE_BYTES))
    assert isinstance(request, Request)
    check_outgoing(Outgoing(request.payload))
    check_payload(encode_request(Push(2**64 - 1, one.messages[0])))
    check_payload(encode_response(Pulled(2**64 - 1, (StoredMessage(2**64 - 1, one.messages[0]),))))


def test_a_message_that_is_too_large_is_refused_and_nothing_changes() -> None:
    one = publisher()
    with pytest.raises(LocalSessionError, match=f"limit {MAX_MESSAGE_BYTES}"):
        one.publish(bytes(MAX_MESSAGE_BYTES + 1))
    assert one.image() == PublisherImage()


# Confirmations --------------------------------------------------------------------------------------------------------


def test_a_confirmed_message_is_dropped_and_reported() -> None:
    one = publisher(b"a", b"b")
    assert confirm(one, 1) == [Stored(1)]
    assert one.image() == PublisherImage(confirmed=1, messages=(b"b",), open=(2,))
    assert one.unconfirmed == 1


def test_a_confirmation_covers_every_number_up_to_its_own_and_withdraws_their_requests() -> None:
    one = publisher(b"a", b"b", b"c")
    assert confirm(one, 2) == [Withdraw(1), Stored(1), Stored(2)]
    assert one.image() == PublisherImage(confirmed=2, messages=(b"c",), open=(3,))


def test_a_confirmation_that_comes_twice_changes_nothing() -> None:
    one = publisher(b"a", b"b")
    confirm(one, 1)
    before = one.image()
    assert confirm(one, 1) == [CONFIRMED_BEFORE]
    assert one.image() == before


def test_a_message_whose_request_has_failed_is_dropped_without_taking_a_request_back() -> None:
    one = publisher(b"a", b"b")
    one.failed(1, NO_ROOM)
    assert confirm(one, 2) == [Stored(1), Stored(2)]


def test_the_confirmation_of_a_number_that_was_never_sent_is_ignored() -> None:
    one = publisher(b"a")
    before = one.image()
    for number in (2, 2**64 - 1):
        assert confirm(one, number) == [Ignored(NEVER_SENT)]
    assert confirm(one, 0) == [CONFIRMED_BEFORE]
    assert one.image() == before


# Rejections -----------------------------------------------------------------------------------------------------------


RESPONSES: list[StreamResponse] = [
    Pushed(2, Status.OK, 0),
    Pushed(1, Status.ERROR, 0),
    Pulled(1, ()),
    StreamError("no"),
]


@pytest.mark.parametrize("payload", [b"", b"\xff" * 20, *map(encode_response, RESPONSES)])
def test_a_rejected_message_is_sent_again_after_a_pause(payload: bytes) -> None:
    one = publisher(b"a")
    assert one.responded(1, payload) == [STARTED]
    assert one.image() == PublisherImage(messages=(b"a",))
    assert one.retry_due() == [pushed(1, b"a")]
    assert confirm(one, 1) == [Stored(1)]


def test_after_the_pause_only_messages_without_an_open_request_are_sent_in_order() -> None:
    one = publisher(b"a", b"b", b"c")
    for number in (3, 1):
        assert one.failed(number, NO_ROOM) == [STARTED]
    assert one.retry_due() == [pushed(1, b"a"), pushed(3, b"c")]
    assert one.retry_due() == []


def test_a_message_keeps_its_number_however_often_it_is_sent() -> None:
    one = publisher(b"a", b"b", b"c")
    confirm(one, 1)
    for _ in range(3):
        one.failed(3, NO_ROOM)
        assert one.retry_due() == [pushed(3, b"c")]


def test_the_failure_of_a_request_that_is_not_open_is_ignored() -> None:
    one = publisher(b"a")
    one.failed(1, NO_ROOM)
    before = one.image()
    for number in (0, 1, 2):
        for reason in (NO_ROOM, PEER_LOST_STATE):
            assert one.failed(number, reason) == []
    assert one.image() == before


# A new identity -------------------------------------------------------------------------------------------------------


def test_a_stream_that_has_lost_the_record_gets_unconfirmed_messages_under_a_new_identity() -> None:
    one = publisher(b"a", b"b", b"c")
    confirm(one, 1)
    assert one.failed(2, PEER_LOST_STATE) == [
        STOPPED, NewSession(), pushed(1, b"b"), pushed(2, b"c"), StateLost(),
    ]  # fmt: skip
    assert one.image() == PublisherImage(before=1, confirmed=1, messages=(b"b", b"c"), open=(1, 2))


def test_ordinals_go_on_under_a_new_identity_and_numbers_begin_again() -> None:
    one = publisher(b"a", b"b")
    confirm(one, 1)
    one.failed(2, PEER_LOST_STATE)
    assert confirm(one, 1) == [Stored(2)]
    assert one.publish(b"c") == [pushed(2, b"c")]
    assert confirm(one, 2) == [Stored(3)]


def test_a_lost_record_is_detected_without_a_waiting_request() -> None:
    one = publisher(b"a")
    confirm(one, 1)
    assert one.established(resumed=True) == []
    assert one.established(resumed=False) == [STOPPED, NewSession(), StateLost()]
    assert one.publish(b"b") == [pushed(1, b"b")]


def test_a_stream_without_a_record_of_unconfirmed_messages_has_lost_nothing() -> None:
    one = publisher(b"a")
    assert one.established(resumed=False) == []
    confirm(one, 1)
    one.established(resumed=False)
    assert one.established(resumed=False) == []
    assert one.publish(b"b") == [pushed(1, b"b")]


def test_a_closed_publisher_renews_no_identity() -> None:
    one = publisher(b"a")
    confirm(one, 1)
    one.close()
    assert one.established(resumed=False) == [OVER]


def test_a_pause_that_runs_ends_with_the_identity() -> None:
    one = publisher(b"a", b"b")
    one.failed(1, NO_ROOM)
    assert one.failed(2, PEER_LOST_STATE)[0] == STOPPED
    assert one.retry_due() == []


# The end --------------------------------------------------------------------------------------------------------------


def test_closing_reports_which_messages_are_not_confirmed() -> None:
    one = publisher(b"a", b"b")
    confirm(one, 1)
    assert one.close() == [STOPPED, CloseSession(), PublisherClosed(1, BY_ORDER)]
    assert (one.state, one.image().messages) == (PublisherState.CLOSED, (b"b",))


def test_the_end_of_the_session_is_the_end_of_the_publisher() -> None:
    one = publisher(b"a")
    assert one.session_closed("attempts exhausted") == [STOPPED, PublisherClosed(0, "attempts exhausted")]
    assert one.state is PublisherState.CLOSED


def test_late_events_of_a_closed_publisher_change_nothing() -> None:
    one = closed(b"a", b"b")
    before = one.image()
    for late in (one.close, one.retry_due, lambda: one.session_closed("late")):
        assert late() == [OVER]
    assert one.image() == before


def test_late_outcomes_of_requests_of_a_closed_publisher_are_ignored() -> None:
    one = closed(b"a", b"b", b"c")
    assert one.failed(1, "closed by order") == [OVER]
    assert one.failed(2, PEER_LOST_STATE) == [OVER]
    assert one.responded(3, b"") == [OVER]
    assert (one.open, one.messages) == ([], [b"a", b"b", b"c"])


def test_a_confirmation_for_a_closed_publisher_is_not_reported() -> None:
    one = closed(b"a")
    assert confirm(one, 1) == []
    assert one.image().messages == (b"a",)


def test_a_closed_publisher_refuses_messages_with_a_remedy() -> None:
    one = closed()
    with pytest.raises(EventRefused, match="Start another publisher"):
        one.publish(b"a")


# Continuing after a restart -------------------------------------------------------------------------------------------


def test_a_publisher_continues_from_its_image_with_the_same_numbers() -> None:
    one = publisher(b"a", b"b", b"c")
    confirm(one, 1)
    again = Publisher(one.config, one.image())
    assert (again.image(), again.unconfirmed) == (one.image(), 2)
    assert again.resume() == [pushed(2, b"b"), pushed(3, b"c")]
    assert again.publish(b"d") == [pushed(4, b"d")]
    with pytest.raises(EventRefused, match="window is full"):
        again.publish(b"e")


def test_resuming_an_image_without_messages_sends_nothing() -> None:
    one = publisher(b"a")
    confirm(one, 1)
    again = Publisher(one.config, one.image())
    assert again.resume() == []
    assert again.publish(b"b") == [pushed(2, b"b")]


def test_an_image_can_be_hashed_and_is_exact() -> None:
    one, other = publisher(b"a"), publisher(b"a")
    assert hash(one.image()) == hash(other.image())
    other.failed(1, NO_ROOM)
    assert one.image() != other.image()


# Configurations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "3", None])
def test_a_window_is_a_whole_number_from_1(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match=r"window: .*expected a whole number from 1"):
        PublisherConfig(window=wrong)


@pytest.mark.parametrize("wrong", [None, 1.0, "1 s"])
def test_a_pause_is_a_back_off(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match="expected a BackOff"):
        PublisherConfig(retry=wrong)


def test_every_problem_of_a_configuration_is_listed() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)window.*retry"):
        PublisherConfig(window=0, retry=None)  # type: ignore[arg-type]


def test_a_configuration_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        PublisherConfig().window = 2  # type: ignore[misc]

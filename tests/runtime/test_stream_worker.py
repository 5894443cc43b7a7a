"""A stream worker: stored and confirmed pushes, and failures of the storage
(spec/sessions.md clauses 12.3 to 12.7)."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.stream import StreamState
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import MAX_PULLED_MESSAGES, Pull, Push, Pushed, Status, StreamError
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.runtime.stream.commands import (
    Append,
    CloseLog,
    EndSessions,
    Ignored,
    OpenLog,
    Read,
    Reply,
    StreamCommand,
    StreamTimer,
)
from ockam_fsm.runtime.stream.worker import (
    NO_NUMBER,
    NOT_SERVED,
    PLAIN,
    UNKNOWN_PUBLISHER,
    Accepted,
    PublisherRecord,
    StreamConfig,
    StreamImage,
    StreamWorker,
)

ANN, BOB = b"ann" * 5, b"bob" * 5
BACK: Route = (local("session"), local("reply.1"))
NEWER: Route = (local("session"), local("reply.2"))
CLIENT: Route = (local("client"),)
NOT_OPEN = Ignored("the log is not open")
NOT_OPENING = Ignored("no opening of the log is under way")
GIVEN_BEFORE = Ignored("it was given to a log that is closed")
STOPPED = Ignored("the stream worker has stopped")
FULL = Ignored("too many messages wait to be stored")


def opening(pending: int = 3) -> StreamWorker:
    worker = StreamWorker(StreamConfig(pending, BackOff(initial_seconds=2.0, factor=2.0)))
    assert worker.start() == [OpenLog()]
    return worker


def serving(pending: int = 3) -> StreamWorker:
    """Return a worker whose log is open and empty, with records of two publishers."""
    worker = opening(pending)
    assert worker.opened() == []
    assert not worker.known(ANN, None)
    assert not worker.known(BOB, None)
    return worker


def waiting() -> StreamWorker:
    worker = opening()
    worker.storage_failed()
    return worker


def stopped() -> StreamWorker:
    worker = serving()
    worker.stop()
    return worker


def push(worker: StreamWorker, number: int, publisher: bytes = ANN, reply: Route = BACK) -> list[StreamCommand]:
    return worker.push(publisher, Push(number, b"m%d" % number), reply)


def plain(worker: StreamWorker, request_id: int = 1) -> list[StreamCommand]:
    return push(worker, request_id, PLAIN, CLIENT)


def given(number: int, publisher: bytes = ANN) -> Append:
    return Append(publisher, number, b"m%d" % number)


def confirmed(number: int, index: int, reply: Route = BACK) -> Reply:
    return Reply(reply, Pushed(number, Status.OK, index))


def rejected(number: int) -> Reply:
    return Reply(CLIENT, Pushed(number, Status.ERROR, 0))


# Numbers --------------------------------------------------------------------------------------------------------------


def test_the_next_number_is_given_to_the_storage_and_confirmed_when_it_is_stored() -> None:
    worker = serving()
    assert push(worker, 1) == [given(1)]
    assert worker.appended(4) == [confirmed(1, 4)]
    assert worker.image().records[0] == (ANN, PublisherRecord(1, 1))


def test_confirmations_come_in_the_order_in_which_messages_were_given_to_the_storage() -> None:
    worker = serving()
    for number, publisher in ((1, ANN), (1, BOB), (2, ANN)):
        assert push(worker, number, publisher) == [given(number, publisher)]
    assert [worker.appended(index) for index in range(3)] == [[confirmed(n, i)] for i, n in enumerate((1, 1, 2))]


def test_a_stored_message_is_confirmed_again_and_not_stored_again() -> None:
    worker = serving()
    push(worker, 1)
    worker.appended(0)
    before = worker.image()
    assert push(worker, 1, reply=NEWER) == [confirmed(1, 0, NEWER)]
    assert worker.image() == before


def test_an_accepted_message_is_neither_stored_again_nor_confirmed_and_its_newest_route_is_used() -> None:
    worker = serving()
    push(worker, 1)
    push(worker, 2)
    push(worker, 1, BOB)
    assert push(worker, 1, reply=NEWER) == []
    assert worker.pending == 3
    assert [worker.appended(index) for index in range(3)] == [
        [confirmed(1, 0, NEWER)], [confirmed(2, 1)], [confirmed(1, 2)],
    ]  # fmt: skip


@pytest.mark.parametrize("number", [2, 3, 2**64 - 1, 2**64])
def test_a_number_beyond_the_next_is_neither_stored_nor_confirmed(number: int) -> None:
    worker = serving()
    before = worker.image()
    assert push(worker, number) == [Ignored("a message before it is missing")]
    assert worker.image() == before


def test_nothing_was_ever_stored_under_number_0() -> None:
    worker = serving()
    before = worker.image()
    assert push(worker, 0) == [Ignored(NO_NUMBER)]
    push(worker, 1)
    worker.appended(0)
    assert push(worker, 0) == [Ignored(NO_NUMBER)]
    assert worker.image().records[1:] == before.records[1:]


def test_each_publisher_has_numbers_of_its_own() -> None:
    worker = serving()
    push(worker, 1)
    worker.appended(0)
    assert push(worker, 2, BOB) == [Ignored("a message before it is missing")]
    assert push(worker, 1, BOB) == [given(1, BOB)]


def test_a_publisher_whose_record_was_not_looked_up_is_not_served() -> None:
    worker = serving()
    before = worker.image()
    assert push(worker, 1, b"eve") == [Ignored(UNKNOWN_PUBLISHER)]
    assert worker.image() == before


def test_beyond_the_declared_capacity_a_push_is_a_dead_letter_and_may_come_again() -> None:
    worker = serving(pending=1)
    push(worker, 1)
    assert push(worker, 2) == [FULL]
    worker.appended(0)
    assert push(worker, 2) == [given(2)]


# Records --------------------------------------------------------------------------------------------------------------


def test_a_publisher_continues_from_its_record_in_the_log() -> None:
    worker = serving()
    assert worker.known(b"cat", 7)
    assert push(worker, 7, b"cat") == [confirmed(7, 0)]
    assert push(worker, 8, b"cat") == [given(8, b"cat")]


def test_messages_accepted_since_the_log_was_opened_are_a_record() -> None:
    worker = serving()
    push(worker, 1)
    assert worker.known(ANN, None)
    assert push(worker, 1) == []


def test_a_publisher_whose_session_has_ended_is_looked_up_in_the_log_again() -> None:
    worker = serving()
    push(worker, 1)
    worker.appended(0)
    worker.forget(ANN)
    assert push(worker, 2) == [Ignored(UNKNOWN_PUBLISHER)]
    assert worker.known(ANN, 1)
    assert push(worker, 2) == [given(2)]


def test_accepted_messages_are_not_forgotten_with_the_session() -> None:
    worker = serving()
    push(worker, 1)
    worker.forget(ANN)
    worker.forget(BOB)
    assert worker.known(ANN, None)
    assert not worker.known(BOB, None)
    assert push(worker, 1, reply=NEWER) == []
    assert worker.appended(0) == [confirmed(1, 0, NEWER)]


def test_forgetting_an_unknown_publisher_changes_nothing() -> None:
    worker = serving()
    before = worker.image()
    worker.forget(b"eve")
    assert worker.image() == before


# Plain clients --------------------------------------------------------------------------------------------------------


def test_every_push_of_a_plain_client_is_stored_under_any_id() -> None:
    worker = serving()
    for request_id in (1, 1, 0):
        assert plain(worker, request_id) == [Append(PLAIN, 0, b"m%d" % request_id)]
    assert [worker.appended(index) for index in (5, 6, 7)] == [
        [confirmed(1, 5, CLIENT)], [confirmed(1, 6, CLIENT)], [confirmed(0, 7, CLIENT)],
    ]  # fmt: skip


def test_a_plain_client_gets_an_error_when_there_is_no_room() -> None:
    worker = serving(pending=1)
    plain(worker)
    before = worker.image()
    assert plain(worker, 2) == [rejected(2)]
    assert worker.image() == before


@pytest.mark.parametrize("make", [opening, waiting])
def test_a_plain_client_gets_an_error_while_the_log_is_not_open(make: Any) -> None:
    worker = make()
    assert plain(worker, 9) == [rejected(9)]
    assert worker.pull(Pull(1, 0, 1), CLIENT) == [Reply(CLIENT, StreamError(NOT_SERVED))]


# Pulling --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "limit"), [(0, 0), (5, 5), (2**64 - 1, MAX_PULLED_MESSAGES)])
def test_a_pull_reads_the_log_and_never_more_than_a_response_can_hold(asked: int, limit: int) -> None:
    assert serving().pull(Pull(3, 2**64 - 1, asked), CLIENT) == [Read(3, 2**64 - 1, limit, CLIENT)]


# The storage fails ----------------------------------------------------------------------------------------------------


def test_when_the_storage_fails_accepted_messages_are_forgotten_and_sessions_end() -> None:
    worker = serving()
    push(worker, 1)
    assert worker.storage_failed() == [EndSessions(), SetTimer(StreamTimer.BACK_OFF, 2.0)]
    assert worker.image() == StreamImage(StreamState.WAITING, failures=1)
    assert worker.pending == 0


def test_plain_clients_get_an_error_for_messages_that_may_be_stored() -> None:
    worker = serving()
    plain(worker, 6)
    push(worker, 1)
    plain(worker, 7)
    assert worker.storage_failed()[:2] == [rejected(6), rejected(7)]


def test_the_log_is_opened_again_after_a_back_off_and_its_records_count() -> None:
    worker = serving()
    push(worker, 1)
    worker.storage_failed()
    assert worker.retry_due() == [OpenLog()]
    assert worker.opened() == []
    assert push(worker, 1) == [Ignored(UNKNOWN_PUBLISHER)]
    assert worker.known(ANN, 1)
    assert push(worker, 1) == [confirmed(1, 0)]


def test_the_back_off_grows_until_the_log_is_open() -> None:
    worker = opening()
    for seconds in (2.0, 4.0, 8.0):
        assert worker.storage_failed() == [EndSessions(), SetTimer(StreamTimer.BACK_OFF, seconds)]
        worker.retry_due()
    worker.opened()
    assert worker.storage_failed() == [EndSessions(), SetTimer(StreamTimer.BACK_OFF, 2.0)]


@pytest.mark.parametrize("make", [opening, waiting])
def test_numbered_messages_are_dead_letters_while_the_log_is_not_open(make: Any) -> None:
    worker = make()
    worker.known(ANN, 1)
    before = worker.image()
    for number in (1, 2, 3):
        assert push(worker, number) == [NOT_OPEN]
    assert worker.image() == before


def test_late_reports_about_a_closed_log_are_ignored() -> None:
    worker = serving()
    push(worker, 1)
    worker.storage_failed()
    before = worker.image()
    assert worker.appended(0) == [GIVEN_BEFORE]
    assert worker.storage_failed() == [GIVEN_BEFORE]
    assert worker.opened() == [NOT_OPENING]
    assert worker.image() == before
    worker.retry_due()
    assert worker.appended(0) == [GIVEN_BEFORE]


@pytest.mark.parametrize("make", [opening, serving, stopped])
def test_the_back_off_runs_while_it_waits_only(make: Any) -> None:
    with pytest.raises(EventRefused, match="the back-off runs in WAITING only"):
        make().retry_due()


def test_a_log_is_opened_once() -> None:
    worker = serving()
    assert worker.opened() == [NOT_OPENING]


# The end --------------------------------------------------------------------------------------------------------------


def test_a_worker_that_stops_ends_its_sessions_and_closes_its_log() -> None:
    assert opening().stop() == [EndSessions(), CloseLog()]
    assert waiting().stop() == [CancelTimer(StreamTimer.BACK_OFF), EndSessions()]
    worker = serving()
    push(worker, 1)
    plain(worker, 5)
    assert worker.stop() == [rejected(5), EndSessions(), CloseLog()]
    assert worker.image() == StreamImage(StreamState.STOPPED)


def test_late_events_of_a_stopped_worker_change_nothing() -> None:
    worker = stopped()
    before = worker.image()
    assert (plain(worker), worker.pull(Pull(1, 0, 1), CLIENT), worker.appended(0), worker.stop()) == ([STOPPED],) * 4
    assert (worker.opened(), worker.storage_failed()) == ([NOT_OPENING], [GIVEN_BEFORE])
    assert push(worker, 1) == [Ignored(UNKNOWN_PUBLISHER)]
    assert worker.image() == before
    worker.known(ANN, 1)
    assert [push(worker, number) for number in (1, 2, 3)] == [[STOPPED]] * 3


# Images and configurations --------------------------------------------------------------------------------------------


def test_an_image_is_exact_and_can_be_hashed() -> None:
    worker = serving(pending=2)
    push(worker, 1)
    image = worker.image()
    assert image.under_way == (Accepted(ANN, 1, BACK),)
    again = StreamWorker(worker.config, image)
    assert hash(again.image()) == hash(image)
    assert (again.pending, push(again, 2), push(again, 3)) == (1, [given(2)], [FULL])
    assert worker.image() == image


@pytest.mark.parametrize("wrong", [0, -1, 2.0, False, None])
def test_a_capacity_is_a_whole_number_from_1(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match=r"pending: .*expected a whole number from 1"):
        StreamConfig(pending=wrong)


def test_every_problem_of_a_configuration_is_listed() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)pending.*back_off: 3, expected a BackOff"):
        StreamConfig(pending=0, back_off=3)  # type: ignore[arg-type]

"""A consumer: its requests, the accepted responses, and the saved index (spec/sessions.md, 12.7 to 12.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.consumer import ConsumerState
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_PULLED_MESSAGES,
    GetIndex,
    Pull,
    Pulled,
    Pushed,
    SaveIndex,
    Status,
    StoredMessage,
    StreamCreated,
    StreamError,
    StreamIndex,
    StreamResponse,
    encode_request,
)
from ockam_fsm.runtime.stream.commands import Ask, Bury, ConsumerCommand, ConsumerFailed, Ignored, Process, StreamTimer
from ockam_fsm.runtime.stream.consumer import EXPIRED, Consumer, ConsumerConfig, ConsumerImage

REQUEST, POLL = StreamTimer.REQUEST, StreamTimer.POLL
STARTED, STOPPED = SetTimer(REQUEST, 5.0), CancelTimer(REQUEST)
NOT_ASKED = Ignored("it was not requested")
OVER = Ignored("the consumer has ended")
GREATEST = 2**64 - 1


def starting(**declared: Any) -> Consumer:
    options = {"limit": 2, "tries": 2, "request_seconds": 5.0, "poll_seconds": 0.5, **declared}
    consumer = Consumer(ConsumerConfig("stream", "group", **options))
    assert consumer.start()[1] == STARTED
    return consumer


def pulling(saved: int | None = 4, **declared: Any) -> Consumer:
    """Return a consumer that has requested messages from `saved` on, as request 1."""
    consumer = starting(**declared)
    consumer.receive(StreamIndex("group", "stream", saved))
    return consumer


def processing(*indexes: int, **declared: Any) -> Consumer:
    """Return a consumer whose first message is being processed."""
    consumer = pulling(**declared)
    consumer.receive(pulled(*indexes or (4, 5)))
    assert consumer.state is ConsumerState.PROCESSING
    return consumer


def waiting() -> Consumer:
    consumer = pulling()
    consumer.receive(pulled())
    return consumer


def failed() -> Consumer:
    consumer = pulling()
    consumer.session_lost("gone")
    return consumer


def stopped() -> Consumer:
    consumer = processing()
    consumer.stop()
    return consumer


def pulled(*indexes: int, request_id: int = 1) -> Pulled:
    return Pulled(request_id, tuple(StoredMessage(index, b"m%d" % index) for index in indexes))


def handed(index: int, attempt: int = 1) -> Process:
    return Process(index, b"m%d" % index, attempt)


def saved(index: int) -> Ask:
    return Ask(SaveIndex("group", "stream", index))


def asked(request_id: int, index: int, limit: int = 2) -> list[ConsumerCommand]:
    return [Ask(Pull(request_id, index, limit)), STARTED]


# The saved index ------------------------------------------------------------------------------------------------------


def test_a_consumer_begins_by_requesting_the_saved_index() -> None:
    consumer = Consumer(ConsumerConfig("stream", "group", request_seconds=5.0))
    assert consumer.start() == [Ask(GetIndex("group", "stream")), STARTED]
    assert consumer.state is ConsumerState.STARTING


@pytest.mark.parametrize("index", [0, 7, GREATEST])
def test_it_pulls_from_the_saved_index_on(index: int) -> None:
    assert starting().receive(StreamIndex("group", "stream", index)) == [STOPPED, *asked(1, index)]


def test_a_group_that_has_saved_nothing_begins_where_it_is_declared() -> None:
    assert starting().receive(StreamIndex("group", "stream", None)) == [STOPPED, *asked(1, 0)]
    assert starting(first_index=9).receive(StreamIndex("group", "stream", None)) == [STOPPED, *asked(1, 9)]


def test_the_index_of_another_group_stream_or_partition_does_not_count() -> None:
    for one in (("other", "stream", 3), ("group", "other", 3), ("group", "stream", 3, 0)):
        consumer = starting()
        assert consumer.receive(StreamIndex(*one)) == [NOT_ASKED]
        assert consumer.state is ConsumerState.STARTING


def test_a_consumer_of_a_partition_requests_and_saves_for_that_partition() -> None:
    consumer = starting(partition=2)
    assert consumer.receive(StreamIndex("group", "stream", 3)) == [NOT_ASKED]
    consumer.receive(StreamIndex("group", "stream", 3, 2))
    consumer.receive(pulled(3))
    assert consumer.processed()[0] == Ask(SaveIndex("group", "stream", 4, 2))


def test_a_late_index_does_not_move_a_consumer_back() -> None:
    for consumer in (pulling(), processing(), waiting()):
        before = consumer.image()
        assert consumer.receive(StreamIndex("group", "stream", 0)) == [NOT_ASKED]
        assert consumer.image() == before


# Pulling and processing -----------------------------------------------------------------------------------------------


def test_messages_are_delivered_one_by_one_and_the_index_is_saved_after_each() -> None:
    consumer = pulling()
    assert consumer.receive(pulled(4, 5)) == [STOPPED, handed(4)]
    assert consumer.processed() == [saved(5), handed(5)]
    assert consumer.processed() == [saved(6), *asked(2, 6)]
    assert consumer.image() == ConsumerImage(ConsumerState.PULLING, asked=2, saved=6)


def test_a_log_may_have_gaps() -> None:
    consumer = pulling()
    assert consumer.receive(pulled(6, 90)) == [STOPPED, handed(6)]
    assert consumer.processed() == [saved(7), handed(90)]
    assert consumer.processed() == [saved(91), *asked(2, 91)]


def test_without_new_messages_it_polls_again_after_a_pause() -> None:
    consumer = pulling()
    assert consumer.receive(pulled()) == [STOPPED, SetTimer(POLL, 0.5)]
    assert consumer.fire(POLL) == asked(2, 4)


WRONG = {
    "another request": pulled(4, request_id=2),
    "an earlier request": pulled(4, request_id=0),
    "the greatest request": pulled(request_id=GREATEST),
    "before the requested index": pulled(3, 4),
    "out of order": pulled(5, 4),
    "twice": pulled(4, 4),
    "more than requested": pulled(4, 5, 6),
    "a confirmation": Pushed(1, Status.OK, 4),
    "an error": StreamError("no"),
    "a created stream": StreamCreated("stream"),
}  # fmt: skip


@pytest.mark.parametrize("response", WRONG.values(), ids=WRONG)
def test_a_response_that_was_not_requested_is_ignored(response: StreamResponse) -> None:
    consumer = pulling()
    before = consumer.image()
    assert consumer.receive(response) == [NOT_ASKED]
    assert consumer.image() == before
    assert consumer.receive(pulled(4)) == [STOPPED, handed(4)]


def test_a_response_that_comes_twice_counts_once() -> None:
    for consumer in (processing(), waiting()):
        before = consumer.image()
        for response in (pulled(4, 5), pulled()):
            assert consumer.receive(response) == [NOT_ASKED]
        assert consumer.image() == before


def test_messages_do_not_count_before_the_index_is_known() -> None:
    consumer = starting()
    for response in (pulled(0, request_id=0), pulled(request_id=0)):
        assert consumer.receive(response) == [NOT_ASKED]
    assert consumer.state is ConsumerState.STARTING


def test_the_index_after_any_accepted_one_can_be_saved_and_requested() -> None:
    consumer = pulling(GREATEST - 1)
    assert consumer.receive(pulled(GREATEST)) == [NOT_ASKED]
    consumer.receive(pulled(GREATEST - 1))
    for command in consumer.processed():
        assert not isinstance(command, Ask) or encode_request(command.request)
    assert consumer.receive(pulled(GREATEST, request_id=2)) == [NOT_ASKED]


# Messages that cannot be processed ------------------------------------------------------------------------------------


def test_a_message_that_cannot_be_processed_is_tried_again_then_a_dead_letter() -> None:
    consumer = processing(4, 5)
    assert consumer.processing_failed("once") == [handed(4, attempt=2)]
    assert consumer.processing_failed("twice") == [Bury(4, b"m4", "twice"), saved(5), handed(5)]
    assert consumer.tries == 0


def test_after_a_dead_letter_at_the_end_of_a_batch_it_pulls_again() -> None:
    consumer = processing(4, tries=1)
    assert consumer.processing_failed("no") == [Bury(4, b"m4", "no"), saved(5), *asked(2, 5)]


def test_tries_are_counted_for_each_message() -> None:
    consumer = processing(4, 5)
    consumer.processing_failed("once")
    assert consumer.processed() == [saved(5), handed(5)]
    assert consumer.processing_failed("once") == [handed(5, attempt=2)]


@pytest.mark.parametrize("make", [starting, pulling, waiting])
def test_only_a_delivered_message_can_be_processed(make: Callable[[], Consumer]) -> None:
    consumer = make()
    before = consumer.image()
    for order in (consumer.processed, lambda: consumer.processing_failed("no")):
        with pytest.raises(EventRefused, match="the application processes no message"):
            order()
    assert consumer.image() == before


# Failing and stopping -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [starting, pulling])
def test_a_response_that_is_overdue_is_a_failure(make: Callable[[], Consumer]) -> None:
    consumer = make()
    assert consumer.fire(REQUEST) == [ConsumerFailed(EXPIRED)]
    assert consumer.state is ConsumerState.FAILED


@pytest.mark.parametrize(
    ("make", "timers"), [(starting, [STOPPED]), (pulling, [STOPPED]), (waiting, [CancelTimer(POLL)]), (processing, [])]
)
def test_a_session_that_is_lost_is_a_failure(make: Callable[[], Consumer], timers: list[ConsumerCommand]) -> None:
    consumer = make()
    assert consumer.session_lost("peer restarted") == [*timers, ConsumerFailed("peer restarted")]
    assert consumer.state is ConsumerState.FAILED


@pytest.mark.parametrize(
    ("make", "timers"), [(starting, [STOPPED]), (pulling, [STOPPED]), (waiting, [CancelTimer(POLL)]), (processing, [])]
)
def test_a_consumer_stops_in_every_state(make: Callable[[], Consumer], timers: list[ConsumerCommand]) -> None:
    consumer = make()
    assert consumer.stop() == timers
    assert consumer.state is ConsumerState.STOPPED


@pytest.mark.parametrize("make", [failed, stopped])
def test_late_events_of_a_finished_consumer_change_nothing(make: Callable[[], Consumer]) -> None:
    consumer = make()
    before = consumer.image()
    late: list[Callable[[], list[ConsumerCommand]]] = [
        consumer.processed, consumer.stop, lambda: consumer.processing_failed("no"), lambda: consumer.session_lost("no")
    ]  # fmt: skip
    assert [one() for one in late] == [[OVER]] * len(late)
    for response in (pulled(4), pulled(), StreamError("no"), StreamIndex("group", "stream", 1)):
        assert consumer.receive(response) == [OVER]
    assert (consumer.fire(REQUEST), consumer.fire(POLL)) == ([], [])
    assert consumer.image() == before


def test_a_late_timer_is_ignored() -> None:
    for consumer, timer in ((waiting(), REQUEST), (processing(), REQUEST), (pulling(), POLL), (processing(), POLL)):
        before = consumer.image()
        assert consumer.fire(timer) == []
        assert consumer.image() == before
    assert waiting().fire(StreamTimer.RETRY) == []


# Continuing -----------------------------------------------------------------------------------------------------------


def test_the_next_consumer_ignores_responses_to_the_previous_one() -> None:
    one = failed()
    again = Consumer(one.config, ConsumerImage(asked=one.image().asked))
    again.start()
    again.receive(StreamIndex("group", "stream", 4))
    assert again.receive(pulled(4)) == [NOT_ASKED]
    assert again.receive(pulled(4, request_id=2)) == [STOPPED, handed(4)]


def test_an_image_is_exact_and_can_be_hashed() -> None:
    consumer = processing(4, 5)
    consumer.processing_failed("once")
    image = consumer.image()
    again = Consumer(consumer.config, image)
    assert (again.image(), hash(again.image())) == (image, hash(image))
    assert again.processing_failed("twice") == [Bury(4, b"m4", "twice"), saved(5), handed(5)]
    assert consumer.image() == image


# Configurations -------------------------------------------------------------------------------------------------------

WRONG_DECLARATIONS: list[tuple[dict[str, Any], str]] = [
    ({"stream_name": b"stream"}, "stream_name: b'stream', expected a text"),
    ({"client_id": None}, "client_id: None, expected a text"),
    ({"limit": 0}, "limit: 0, expected a whole number from 1"),
    ({"limit": MAX_PULLED_MESSAGES + 1}, f"expected at most {MAX_PULLED_MESSAGES}"),
    ({"tries": 0}, "tries: 0, expected a whole number from 1"),
    ({"tries": True}, "tries: True, expected a whole number from 1"),
    ({"first_index": -1}, "first_index: -1, expected a whole number from 0"),
    ({"partition": -1}, "partition: -1, expected a whole number from 0"),
    ({"partition": "0"}, "partition: '0', expected a whole number from 0"),
    ({"partition": GREATEST + 1}, f"the largest number that can be encoded is {GREATEST}"),
    ({"first_index": GREATEST + 1}, f"the largest number that can be encoded is {GREATEST}"),
    ({"request_seconds": 0}, "request_seconds: 0 seconds, expected at least"),
    ({"poll_seconds": "1"}, "poll_seconds: "),
]


@pytest.mark.parametrize(("wrong", "problem"), WRONG_DECLARATIONS, ids=lambda one: str(one)[:30])
def test_a_wrong_configuration_lists_its_problem(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem):
        ConsumerConfig(**{"stream_name": "stream", "client_id": "group", **wrong})


def test_every_problem_of_a_configuration_is_listed() -> None:
    with pytest.raises(DefinitionError, match=r"(?s)stream_name.*limit.*poll_seconds"):
        ConsumerConfig(1, "group", limit=0, poll_seconds=-1)  # type: ignore[arg-type]

"""The cores of pipes, and their encodings, compared with models that share no code with them.

Hypothesis chooses the inputs of an end; the end and its model have to give the same commands. The models
are written from spec/sessions.md section 17, over lists; examples are in `test_pipe_sender.py` and
`test_pipe_receiver.py`. Code mutants are tested with these properties as well (`make code-mutants`).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.encoding.pipe_frames import (
    Frame,
    decode_confirmation,
    decode_frame,
    encode_confirmation,
    encode_frame,
)
from ockam_fsm.runtime.pipe.commands import (
    CancelResend,
    Confirm,
    Confirmed,
    Forward,
    Held,
    Ignored,
    Lost,
    SenderClosed,
    SetResend,
    Transmit,
)
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender
from ockam_fsm.runtime.session.config import BackOff
from tests.runtime.wire_helpers import refused_in_words, runs, value_three_ways

stable = settings(derandomize=True, database=None, deadline=None, max_examples=120)

numbers = st.integers(0, 9)
pushes = st.tuples(st.just("send"), st.binary(max_size=3))
moves = st.one_of(
    pushes,
    pushes,
    st.tuples(st.just("confirm"), numbers),
    st.tuples(st.just("confirm"), numbers),
    st.tuples(st.sampled_from(("time out", "oldest", "oldest")), st.just(0)),
    st.tuples(st.just("give up"), numbers),
)
senders = st.builds(
    PipeConfig, st.integers(1, 4), st.integers(1, 6), st.sampled_from((BackOff(0.5, 3.0, 10.0, 0.2), None))
)


# Encodings ------------------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """Return a number in LEB128, as in the BARE draft."""
    low = number % 128
    return bytes((low,)) if number < 128 else bytes((low + 128,)) + varint(number // 128)


uints = st.integers(0, 2**64 - 1) | st.integers(0, 300)


@stable
@given(uints, st.binary(max_size=9) | st.sampled_from((127, 128, 300)).map(bytes))
def test_frames_and_confirmations_are_encoded_as_in_the_draft(number: int, message: bytes) -> None:
    written = varint(number) + varint(len(message)) + message
    assert encode_frame(Frame(number, message)) == written
    assert encode_confirmation(number) == varint(number)
    assert value_three_ways(decode_confirmation, varint(number)) == number
    if len(message) < 10:
        assert value_three_ways(decode_frame, written) == Frame(number, message)
    else:
        assert decode_frame(written) == Frame(number, message)


# The sender -----------------------------------------------------------------------------------------------------------


class SenderModel:
    """Clauses 17.3 and 17.4: the waiting messages, those of them that were sent, and the next time-out."""

    def __init__(self, config: PipeConfig, restored: bool = False) -> None:
        """`restored`: the end is made anew from its image after each move."""
        self.config = config
        self.restored = restored
        self.accepted = 0
        self.waiting: dict[int, bytes] = {}
        self.sent: set[int] = set()
        self.repeated: set[int] = set()
        self.overdue = 0
        self.closed = False

    def send(self, message: bytes) -> list[Any] | str:
        if self.closed:
            return "the sender is closed"
        if len(self.waiting) >= self.config.capacity:
            return "too many messages wait to be confirmed"
        self.accepted += 1
        self.waiting[self.accepted] = message
        return self._due() + (self._timer() if len(self.waiting) == 1 else [])

    def confirm(self, number: int) -> list[Any]:
        if number in self.waiting and number in self.sent:
            if self.closed:
                return [Ignored("the sender is closed")]
            del self.waiting[number]
            self.overdue = self.overdue if number in self.repeated else 0
            return [Confirmed(number), *(self._due() + self._timer() if self.waiting else [CancelResend()])]
        was_there = 1 <= number <= self.accepted and number not in self.waiting
        return [Ignored("it is confirmed already" if was_there else "no message was sent under this number")]

    def time_out(self) -> list[Any]:
        if self.closed or not self.waiting:
            return []
        again = [number for number in self.waiting if number in self.sent]
        self.repeated.update(again)
        self.overdue += 1
        return [self._transmit(number) for number in again] + self._timer()

    def give_up(self, number: int) -> list[Any]:
        if self.closed:
            return [Ignored("the sender is closed")]
        lost = Lost(Frame(number, self.waiting.pop(number)))
        return [lost, *(self._due() if self.waiting else [CancelResend()])]

    def close(self) -> list[Any]:
        if self.closed:
            return [Ignored("the sender is closed")]
        self.closed = True
        left = SenderClosed(tuple(Frame(*one) for one in self.waiting.items()))
        return [CancelResend(), left] if self.waiting else [left]

    def _due(self) -> list[Any]:
        within = range(min(self.waiting), min(self.waiting) + self.config.window)
        due = [number for number in self.waiting if number in within and number not in self.sent]
        self.sent.update(due)
        return list(map(self._transmit, due))

    def _transmit(self, number: int) -> Transmit:
        return Transmit(Frame(number, self.waiting[number]))

    def _timer(self) -> list[Any]:
        """The time-out: half a second, three times as long after each time-out, at most ten seconds."""
        seconds = (0.5, 1.5, 4.5, 10.0)[min(self.overdue, 3)]
        return [] if self.config.resend is None else [SetResend(seconds)]


def both(sender: PipeSender, model: SenderModel, move: tuple[str, Any]) -> PipeSender:
    """Give the same input to both."""
    name, given = move
    if name == "send":
        expected = model.send(given)
        if isinstance(expected, str):
            before = sender.image()
            with pytest.raises(EventRefused) as caught:
                sender.send(given)
            assert (caught.value.because, sender.image()) == (expected, before)
        else:
            assert sender.send(given) == expected
    elif name == "confirm":
        assert sender.confirmed(given) == model.confirm(given)
    elif name == "oldest":
        oldest = min(model.waiting, default=0)
        assert sender.confirmed(oldest) == model.confirm(oldest)
    elif name == "time out" and model.config.resend is not None:
        assert sender.resend_due() == model.time_out()
    elif name == "give up" and model.waiting:
        number = sorted(model.waiting)[given % len(model.waiting)]
        assert sender.give_up(number) == model.give_up(number)
    assert sender.frames == {number: Frame(number, message) for number, message in model.waiting.items()}
    assert (sender.kept, sender.accepted) == (len(model.waiting), model.accepted)
    assert hash(sender.image()) == hash(sender.image())
    return PipeSender(sender.config, sender.image()) if model.restored else sender


@pytest.mark.slow
@settings(stable, max_examples=150)
@given(senders, runs(moves), st.lists(moves, max_size=4), st.booleans())
def test_a_sender_agrees_with_its_model(
    config: PipeConfig, before: list[tuple[str, Any]], after: list[tuple[str, Any]], restored: bool
) -> None:
    sender, model = PipeSender(config), SenderModel(config, restored)
    for move in before:
        sender = both(sender, model, move)
    assert sender.close() == model.close()
    for move in after:
        sender = both(sender, model, move)
    assert sender.close() == model.close()
    assert sender.resend_due() == []


# The receivers --------------------------------------------------------------------------------------------------------


class OrderingModel:
    """Clauses 17.6 and 17.7."""

    def __init__(self, ordering: Ordering, capacity: int) -> None:
        self.leaves_out = ordering in (Ordering.MONOTONIC, Ordering.STRICT)
        self.repeats = ordering in (Ordering.MONOTONIC, Ordering.CONTINUOUS)
        self.capacity = capacity
        self.last = 0
        self.waiting: dict[int, Frame] = {}

    def would_hold(self, index: int) -> bool:
        ahead = index > self.last + 1 and index not in self.waiting
        return ahead and not self.leaves_out and len(self.waiting) < self.capacity

    def received(self, frame: Frame) -> list[Any]:
        index = frame.number
        if index in self.waiting:
            return [Ignored("it waits for its turn already")]
        if self.would_hold(index):
            self.waiting[index] = frame
            return [Held(index)]
        if index > self.last + 1 and not self.leaves_out:
            return [Ignored("too many messages wait for their turn")]
        if index > self.last:
            found = [frame]
            while index + len(found) in self.waiting:
                found.append(self.waiting.pop(index + len(found)))
            self.last = found[-1].number
            return list(map(Forward, found))
        if index != self.last or index == 0:
            return [Ignored("a later message was forwarded already")]
        return [Forward(frame)] if self.repeats else [Ignored("it was forwarded already")]


arrivals = runs(
    st.tuples(st.sampled_from(("arrives", "arrives", "next", "ahead", "again", "give up", "restore")), numbers),
    30,
)


@pytest.mark.slow
@settings(stable, max_examples=150)
@given(st.sampled_from(Ordering), st.integers(0, 4), arrivals, st.booleans())
def test_an_ordering_receiver_agrees_with_its_model(
    ordering: Ordering, capacity: int, arriving: list[tuple[str, int]], jumps: bool
) -> None:
    receiver, model = OrderingReceiver(ordering, capacity), OrderingModel(ordering, capacity)
    for count, (name, number) in enumerate(arriving):
        if name == "give up":
            if model.waiting:
                given_up = sorted(model.waiting)[number % len(model.waiting)]
                receiver.give_up(given_up)
                del model.waiting[given_up]
        elif name == "restore":
            assert hash(receiver.image()) == hash(receiver.image())
            receiver = OrderingReceiver(ordering, capacity, receiver.image())
        else:
            named = {"next": model.last + 1, "ahead": model.last + 2 + number % 3, "again": model.last}
            index = named.get(name, number)
            frame = Frame(index + (2**40 if jumps and number == 9 else 0), b"%d" % count)
            assert receiver.received(frame) == model.received(frame)
        assert (receiver.last, receiver.waiting, receiver.held) == (model.last, model.waiting, len(model.waiting))


@given(st.lists(st.tuples(uints, st.binary(max_size=2)), max_size=5))
@stable
def test_a_confirming_receiver_forwards_and_then_confirms_every_message(frames: list[tuple[int, bytes]]) -> None:
    receiver = ConfirmingReceiver()
    for frame in (Frame(*one) for one in frames):
        assert receiver.received(frame) == [Forward(frame), Confirm(frame.number)]


@given(st.sampled_from(("monotonic", None, 1, Ordering.STRICT)), st.sampled_from((-1, True, "3", 1.0, None, 0, 1)))
@stable
def test_a_receiver_is_declared_by_an_ordering_and_a_whole_number(ordering: Any, capacity: Any) -> None:
    right = isinstance(ordering, Ordering), type(capacity) is int and capacity >= 0
    if all(right):
        assert OrderingReceiver(ordering, capacity).held == 0
    else:
        error = refused_in_words(LocalSessionError, lambda: OrderingReceiver(ordering, capacity))
        assert ("capacity" if right[0] else "ordering") in str(error)

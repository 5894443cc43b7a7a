"""The receivers of pipes: forwarded, confirmed, held and dropped messages (clauses 17.2, 17.5 to 17.7)."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.runtime.encoding.pipe_frames import (
    Frame,
    decode_confirmation,
    decode_frame,
    encode_confirmation,
    encode_frame,
)
from ockam_fsm.runtime.pipe.commands import Confirm, Forward, Held, Ignored
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingImage, OrderingReceiver

LATE = Ignored("a later message was forwarded already")
TWICE = Ignored("it was forwarded already")
WAITS = Ignored("it waits for its turn already")
FULL = Ignored("too many messages wait for their turn")


def frame(number: int) -> Frame:
    return Frame(number, b"%d" % number)


def routed_on(one: OrderingReceiver, *numbers: int) -> list[int]:
    commands = [command for number in numbers for command in one.received(frame(number))]
    return [command.frame.number for command in commands if isinstance(command, Forward)]


def test_every_copy_is_forwarded_and_then_confirmed() -> None:
    one = ConfirmingReceiver()
    for _ in range(2):
        assert one.received(frame(7)) == [Forward(frame(7)), Confirm(7)]
    with pytest.raises(AssertionError):
        one.give_up(7)


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        (Ordering.MONOTONIC, [1, 1, 3, 5, 5]),
        (Ordering.STRICT, [1, 3, 5]),
        (Ordering.CONTINUOUS, [1, 1, 2, 3, 4, 5, 5]),
        (Ordering.ABSOLUTE, [1, 2, 3, 4, 5]),
    ],
)
def test_the_messages_that_an_ordering_forwards(ordering: Ordering, expected: list[int]) -> None:
    assert routed_on(OrderingReceiver(ordering), 1, 1, 3, 2, 5, 4, 5, 2) == expected


@pytest.mark.parametrize("ordering", Ordering)
@pytest.mark.parametrize("number", [0, 1])
def test_a_smaller_index_is_a_dead_letter(ordering: Ordering, number: int) -> None:
    one = OrderingReceiver(ordering, image=OrderingImage(2))
    assert one.received(frame(number)) == [LATE]
    assert one.image() == OrderingImage(2)
    assert OrderingReceiver(ordering).received(frame(0)) == [LATE], "numbers begin with 1"


def test_a_repeated_message_is_distinguished_from_a_waiting_one() -> None:
    one = OrderingReceiver(Ordering.ABSOLUTE)
    assert one.received(frame(2)) == [Held(2)]
    assert one.received(Frame(2, b"other")) == [WAITS]
    assert one.received(frame(1)) == [Forward(frame(1)), Forward(frame(2))]
    assert one.received(frame(2)) == [TWICE]


def test_waiting_messages_are_bounded() -> None:
    one = OrderingReceiver(Ordering.CONTINUOUS, 2)
    assert one.received(frame(3)) == [Held(3)]
    assert one.received(frame(9)) == [Held(9)]
    assert one.received(frame(4)) == [FULL]
    assert OrderingReceiver(Ordering.ABSOLUTE, 0).received(frame(2)) == [FULL]


def test_a_message_that_is_given_up_has_lost_its_turn() -> None:
    one = OrderingReceiver(Ordering.ABSOLUTE)
    one.received(frame(2))
    one.give_up(2)
    assert (one.waiting, one.held) == ({}, 0)
    assert routed_on(one, 1, 3) == [1]
    assert routed_on(one, 2) == [2, 3], "it may come again"


def test_it_continues_from_its_image() -> None:
    one = OrderingReceiver(Ordering.ABSOLUTE)
    routed_on(one, 1, 3)
    other = OrderingReceiver(Ordering.ABSOLUTE, image=one.image())
    assert other.image() == one.image()
    assert routed_on(other, 2) == [2, 3]


@pytest.mark.parametrize("wrong", [("absolute", 1), (Ordering.STRICT, -1), (Ordering.STRICT, True)])
def test_a_wrong_argument_is_refused(wrong: tuple[Any, Any]) -> None:
    with pytest.raises(LocalSessionError):
        OrderingReceiver(*wrong)


# Bytes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [("01026869", Frame(1, b"hi")), ("ac0200", Frame(300, b"")), ("ffffffffffffffffff010178", Frame(2**64 - 1, b"x"))],
)
def test_the_bytes_of_a_frame(written: str, value: Frame) -> None:
    payload = bytes.fromhex(written)
    assert (encode_frame(value), decode_frame(payload)) == (payload, value)


@pytest.mark.parametrize(("written", "number"), [("01", 1), ("ac02", 300)])
def test_the_bytes_of_a_confirmation(written: str, number: int) -> None:
    payload = bytes.fromhex(written)
    assert (encode_confirmation(number), decode_confirmation(payload)) == (payload, number)


@pytest.mark.parametrize("payload", ["", "01", "0102", "010268", "0102686900", "800102", "ffffffffffffffffff0200"])
def test_bytes_that_are_not_a_frame(payload: str) -> None:
    with pytest.raises(RemoteSessionError, match="malformed"):
        decode_frame(bytes.fromhex(payload))


@pytest.mark.parametrize("payload", ["", "0100", "8000", "ffffffffffffffffff02"])
def test_bytes_that_are_not_a_confirmation(payload: str) -> None:
    with pytest.raises(RemoteSessionError, match="malformed"):
        decode_confirmation(bytes.fromhex(payload))

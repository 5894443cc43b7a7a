"""The sender of a confirming pipe: kept messages, transmissions and reports (clauses 17.3, 17.4)."""

from __future__ import annotations

from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, EventRefused
from ockam_fsm.machines.pipe_sender import SenderState
from ockam_fsm.runtime.encoding.pipe_frames import Frame
from ockam_fsm.runtime.pipe.commands import (
    CancelResend,
    Confirmed,
    Ignored,
    Lost,
    SenderClosed,
    SenderCommand,
    SetResend,
    Transmit,
)
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender, SenderImage
from ockam_fsm.runtime.session.config import BackOff

DOUBLING = BackOff(1.0, 2.0, 3.0, 0.0)
BEFORE = Ignored("it is confirmed already")
NEVER = Ignored("no message was sent under this number")
OVER = Ignored("the sender is closed")


def sender(*messages: bytes, window: int = 2, capacity: int = 4, resend: BackOff | None = DOUBLING) -> PipeSender:
    """Return a sender that has accepted these messages."""
    one = PipeSender(PipeConfig(window, capacity, resend))
    for message in messages:
        one.send(message)
    return one


def sent(*numbers: int) -> list[SenderCommand]:
    return [Transmit(Frame(number, b"%d" % number)) for number in numbers]


def test_a_message_is_sent_at_once_and_kept_until_it_is_confirmed() -> None:
    one = sender()
    assert one.send(b"1") == [*sent(1), SetResend(1.0)]
    assert one.send(b"2") == sent(2)
    assert one.confirmed(1) == [Confirmed(1), SetResend(1.0)]
    assert one.confirmed(2) == [Confirmed(2), CancelResend()]
    assert one.image() == SenderImage(SenderState.AT_REST, accepted=2, sent=2)


def test_messages_beyond_the_window_wait_for_the_oldest() -> None:
    one = sender(b"1", b"2", b"3", b"4")
    assert one.image().sent == 2
    assert one.confirmed(2) == [Confirmed(2), SetResend(1.0)], "the window is a distance"
    assert one.confirmed(1) == [Confirmed(1), *sent(3, 4), SetResend(1.0)]


def test_one_at_a_time() -> None:
    one = sender(b"1", b"2", window=1)
    assert one.confirmed(1) == [Confirmed(1), *sent(2), SetResend(1.0)]


def test_overdue_messages_are_sent_again_in_order_at_growing_intervals() -> None:
    one = sender(b"1", b"2", b"3")
    assert one.resend_due() == [*sent(1, 2), SetResend(2.0)]
    assert one.resend_due() == [*sent(1, 2), SetResend(3.0)]
    assert one.confirmed(1) == [Confirmed(1), *sent(3), SetResend(3.0)], "which sending was confirmed is not known"
    assert one.confirmed(3) == [Confirmed(3), SetResend(1.0)], "this one was sent once: the time-out is short again"
    assert one.image().overdue == 0


def test_the_confirmation_of_any_transmission_counts() -> None:
    """A naive sender numbers transmissions, and sends its first message indefinitely (checking, `naive-resend`)."""
    one = sender(b"1")
    one.resend_due()
    one.resend_due()
    assert one.confirmed(1) == [Confirmed(1), CancelResend()]


def test_a_confirm_pipe_never_sends_again() -> None:
    one = sender(resend=None)
    assert one.send(b"1") == sent(1)
    assert one.confirmed(1) == [Confirmed(1), CancelResend()]


@pytest.mark.parametrize(
    ("number", "why"),
    [(1, BEFORE), (2, BEFORE), (0, NEVER), (5, NEVER), (6, NEVER), (2**64 - 1, NEVER)],
)
def test_a_confirmation_that_fits_nothing_changes_nothing(number: int, why: Ignored) -> None:
    one = sender(b"1", b"2", b"3", b"4", b"5", capacity=9)
    one.confirmed(1)
    one.confirmed(2)
    before = one.image()
    assert before.sent == 4
    assert one.confirmed(number) == [why]
    assert one.image() == before


def test_a_full_sender_refuses_and_nothing_has_changed() -> None:
    one = sender(b"1", b"2", b"3", b"4")
    before = one.image()
    with pytest.raises(EventRefused, match="too many messages wait"):
        one.send(b"5")
    assert one.image() == before


def test_a_message_that_is_given_up_makes_room_and_has_no_confirmation() -> None:
    one = sender(b"1", b"2", b"3")
    assert one.give_up(1) == [Lost(Frame(1, b"1")), *sent(3)]
    assert one.confirmed(1) == [BEFORE]
    one.give_up(3)
    assert one.give_up(2) == [Lost(Frame(2, b"2")), CancelResend()]
    assert one.send(b"4") == [*sent(4), SetResend(1.0)]


def test_a_message_given_up_before_it_was_sent_is_not_sent() -> None:
    one = sender(b"1", b"2", b"3", b"4")
    one.give_up(3)
    assert one.confirmed(1) == [Confirmed(1), SetResend(1.0)]
    assert one.confirmed(2) == [Confirmed(2), *sent(4), SetResend(1.0)]


def test_a_time_out_that_was_stopped_is_ignored() -> None:
    one = sender()
    assert one.resend_due() == []
    one.close()
    assert one.resend_due() == []


def test_closing_reports_the_unconfirmed_messages() -> None:
    one = sender(b"1", b"2")
    one.confirmed(1)
    assert one.close() == [CancelResend(), SenderClosed((Frame(2, b"2"),))]
    assert one.close() == [OVER]
    assert one.confirmed(2) == [OVER]
    assert one.give_up(2) == [OVER]
    with pytest.raises(EventRefused, match="closed"):
        one.send(b"3")
    assert sender().close() == [SenderClosed(())]


def test_it_continues_from_its_image() -> None:
    one = sender(b"1", b"2", b"3")
    one.resend_due()
    other = PipeSender(one.config, one.image())
    assert other.image() == one.image()
    assert [other.confirmed(2), other.resend_due()] == [one.confirmed(2), one.resend_due()]


@pytest.mark.parametrize("wrong", [{"window": 0}, {"capacity": 0}, {"window": True}, {"resend": 1.0}])
def test_a_wrong_declaration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=next(iter(wrong))):
        PipeConfig(**wrong)

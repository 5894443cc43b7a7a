"""What the ends of a pipe ask of whoever runs them. An edge acts on it and decides nothing.

Rule 1: commands are values, in the order in which they are to be carried out. Durations are in seconds from now.
Source: spec/sessions.md section 17.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.value import value
from ockam_fsm.runtime.encoding.pipe_frames import Frame


@value
class Transmit:
    """Send a frame to the receiver, for the first time or again."""

    frame: Frame


@value
class Confirmed:
    """Tell the application: the message of this number was routed on."""

    number: int


@value
class Lost:
    """This message was given up: it is a dead letter."""

    frame: Frame


@value
class SenderClosed:
    """Tell the application: nothing is sent any more. These messages are not confirmed."""

    unconfirmed: tuple[Frame, ...]


@value
class SetResend:
    """Call `resend_due` once, `after_seconds` from now; a time-out that runs is replaced."""

    after_seconds: float


@value
class CancelResend:
    """The time-out runs no more."""


@value
class Forward:
    """Route the message on."""

    frame: Frame


@value
class Confirm:
    """Confirm this number to where it came from."""

    number: int


@value
class Held:
    """The message of this index waits for its turn."""

    number: int


@value
class Ignored:
    """What arrived is a dead letter, and this is why."""

    reason: str


SenderCommand: TypeAlias = Transmit | Confirmed | Lost | SenderClosed | SetResend | CancelResend | Ignored
ReceiverCommand: TypeAlias = Forward | Confirm | Held | Ignored

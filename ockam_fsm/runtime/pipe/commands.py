"""The commands of the ends of a pipe to an edge. An edge carries them out and decides nothing.

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
    """Report to the application that the receiver has forwarded the message of this number."""

    number: int


@value
class Lost:
    """A message that was given up: it is a dead letter."""

    frame: Frame


@value
class SenderClosed:
    """Report to the application that the sender has closed, and which messages are not confirmed."""

    unconfirmed: tuple[Frame, ...]


@value
class SetResend:
    """Call `resend_due` once, `after_seconds` from now; a time-out that runs is replaced."""

    after_seconds: float


@value
class CancelResend:
    """Stop the time-out."""


@value
class Forward:
    """Forward the message."""

    frame: Frame


@value
class Confirm:
    """Confirm this number along the return route of its frame."""

    number: int


@value
class Held:
    """The message of this index waits for its turn."""

    number: int


@value
class Ignored:
    """The message that arrived is a dead letter, for this reason."""

    reason: str


SenderCommand: TypeAlias = Transmit | Confirmed | Lost | SenderClosed | SetResend | CancelResend | Ignored
ReceiverCommand: TypeAlias = Forward | Confirm | Held | Ignored

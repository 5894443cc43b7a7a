"""The sender of a confirming pipe, without I/O: it numbers, keeps and retransmits messages.

Rule 1: numbers count the accepted messages, from 1, and never change.
Rule 2: a message may be sent while its number is less than a window beyond the oldest that is kept. So the window
        bounds the range of the numbers in flight, and not only their count.
Rule 3: a longer time-out stays until a message is confirmed that was sent only once. So it becomes longer than the
        round trip, as in TCP (Karn and Partridge).
Source: spec/sessions.md clauses 17.3 and 17.4; machines/pipe_sender.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.machines.pipe_sender import PIPE_SENDER, SenderEvent, SenderState
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
from ockam_fsm.runtime.session.config import BackOff, back_off_problems, count_problems

_DRIVER = driver_for(PIPE_SENDER)
_MIDDLE = 0.5
"""No jitter: two pipes do not disturb each other."""

USUAL_RESEND = BackOff(1.0, 1.6, 30.0, 0.0)


@dataclass(frozen=True, slots=True)
class PipeConfig:
    """The configuration of a confirming pipe.

    `window`: the range of the numbers of messages that are sent and not confirmed; 1 sends one at a time. `capacity`:
    the most messages that are accepted and not confirmed. `resend`: the time-out of a confirmation, and its growth
    while none arrives; None is a confirm pipe, which never sends again.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    window: int = 64
    capacity: int = 1000
    resend: BackOff | None = USUAL_RESEND

    def __post_init__(self) -> None:
        problems = [*count_problems(self, "window", "capacity", least=1)]
        problems += back_off_problems(self, *(() if self.resend is None else ("resend",)))
        if problems:
            raise DefinitionError("pipe sender", problems)


class SenderImage(NamedTuple):
    """The state of a sender, as a hashable value. `accepted` and `sent`: the last number of either. `kept`: the
    unconfirmed messages. `overdue`: time-outs since a message was confirmed that was sent only once; `resent`: the last
    number that was sent again."""

    state: SenderState = SenderState.AT_REST
    accepted: int = 0
    sent: int = 0
    kept: tuple[Frame, ...] = ()
    overdue: int = 0
    resent: int = 0


class PipeSender:
    """One sender. Every method that takes an input returns its commands, in order."""

    __slots__ = ("_commands", "accepted", "config", "frames", "kept", "limits", "overdue", "resent", "sent", "state")

    def __init__(self, config: PipeConfig, image: SenderImage = SenderImage()) -> None:  # noqa: B008
        self.config = config
        self.limits: Mapping[str, int | None] = {"kept": config.capacity}
        self.state, self.accepted, self.sent, kept, self.overdue, self.resent = image
        self.frames = {frame.number: frame for frame in kept}
        self.kept = len(self.frames)
        self._commands: list[SenderCommand] = []

    def image(self) -> SenderImage:
        kept = tuple(self.frames.values())
        return SenderImage(self.state, self.accepted, self.sent, kept, self.overdue, self.resent)

    # In ---------------------------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> list[SenderCommand]:
        """Accept a message under the next number.

        Raises:
            EventRefused: too many messages wait, or the sender is closed; nothing has changed.
        """
        return self._fire(SenderEvent.SEND, message)

    def confirmed(self, number: int) -> list[SenderCommand]:
        """Handle a confirmation, of any transmission of the message."""
        return self._fire(self._judge(number), number)

    def resend_due(self) -> list[SenderCommand]:
        """Handle the end of the time-out. One that was stopped is ignored: edges may be late."""
        return self._fire(SenderEvent.RESEND_DUE) if self.state is SenderState.WAITING else []

    def give_up(self, number: int) -> list[SenderCommand]:
        """Give up a waiting message; the node needs its memory."""
        return self._fire(SenderEvent.GIVEN_UP, number)

    def close(self) -> list[SenderCommand]:
        """Close the sender. Unconfirmed messages may have been delivered or not."""
        return self._fire(SenderEvent.CLOSE)

    def _judge(self, number: int) -> SenderEvent:
        if number in self.frames and number <= self.sent:
            return SenderEvent.CONFIRMED
        before = 0 < number <= self.accepted and number not in self.frames
        return SenderEvent.CONFIRMED_BEFORE if before else SenderEvent.NEVER_SENT

    # Effects ----------------------------------------------------------------------------------------------------------

    def keep(self, message: bytes) -> None:
        self.accepted += 1
        self.frames[self.accepted] = Frame(self.accepted, message)

    def send_due(self, cause: object) -> None:
        oldest = next(iter(self.frames))
        for number in range(self.sent + 1, min(self.accepted + 1, oldest + self.config.window)):
            self.sent = number
            if number in self.frames:
                self._commands.append(Transmit(self.frames[number]))

    def settle(self, number: int) -> None:
        del self.frames[number]
        if number > self.resent:
            self.overdue = 0
        self._commands.append(Confirmed(number))

    def lose(self, number: int) -> None:
        self._commands.append(Lost(self.frames.pop(number)))

    def send_again(self, cause: object) -> None:
        self.resent = self.sent
        self._commands += [Transmit(frame) for frame in self.frames.values() if frame.number <= self.sent]

    def start_resend(self, cause: object) -> None:
        if self.config.resend is not None:
            self._commands.append(SetResend(self.config.resend.delay_seconds(self.overdue, _MIDDLE)))

    def prolong_resend(self, cause: object) -> None:
        self.overdue += 1
        self.start_resend(cause)

    def stop_resend(self, cause: object) -> None:
        self._commands.append(CancelResend())

    def report_closed(self, cause: object) -> None:
        self._commands.append(SenderClosed(tuple(self.frames.values())))

    def _fire(self, event: SenderEvent, cause: object = None) -> list[SenderCommand]:
        decision = _DRIVER.fire(self, event, cause)
        if isinstance(decision, Ignore):
            self._commands.append(Ignored(decision.because))
        commands, self._commands = self._commands, []
        return commands

"""The sender of a resend pipe as Ockam has it: each sending has a number of its own, and the last one only counts."""

from __future__ import annotations

from ockam_fsm.runtime.encoding.pipe_frames import Frame
from ockam_fsm.runtime.pipe.commands import Transmit
from ockam_fsm.runtime.pipe.sender import PipeSender


class NaiveSender(PipeSender):
    """Numbers again whatever it sends again."""

    __slots__ = ()

    def send_again(self, cause: object) -> None:
        for number, frame in tuple(self.frames.items()):
            del self.frames[number]
            self.accepted += 1
            self.frames[self.accepted] = Frame(self.accepted, frame.message)
        self.sent = self.accepted
        self._commands += [Transmit(frame) for frame in self.frames.values()]

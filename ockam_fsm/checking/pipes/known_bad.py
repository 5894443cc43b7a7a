"""Pipes as most people would write them first. The checks must reject each.

Source: spec/sessions.md section 9 and section 17, where each rule says what becomes of those who leave it out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ockam_fsm.checking.pipes.actors import PipeSetup
from ockam_fsm.checking.pipes.worlds import SEQUENTIAL, WINDOW, pipe_world
from ockam_fsm.checking.sessions.known_bad import KnownBad
from ockam_fsm.machines.pipe_ordering import Ordering, OrderingEvent
from ockam_fsm.runtime.encoding.pipe_frames import Frame
from ockam_fsm.runtime.pipe.commands import ReceiverCommand, Transmit
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeSender


class NaiveSender(PipeSender):
    """Gives each sending a number of its own, as Ockam's resend pipe does, and believes the last one only."""

    def send_again(self, cause: object) -> None:
        for number, frame in tuple(self.frames.items()):
            del self.frames[number]
            self.accepted += 1
            self.frames[self.accepted] = Frame(self.accepted, frame.message)
        self.sent = self.accepted
        self._commands += [Transmit(frame) for frame in self.frames.values()]


class ConfirmsFirst(ConfirmingReceiver):
    """Confirms a message, and routes it on then."""

    def received(self, frame: Frame) -> list[ReceiverCommand]:
        return super().received(frame)[::-1]


class RoutesOnWhatIsLate(OrderingReceiver):
    """Takes a smaller index for the last one, repeated."""

    def _judge(self, index: int) -> OrderingEvent:
        event = super()._judge(index)
        return OrderingEvent.INDEX_REPEATED if event is OrderingEvent.INDEX_BEHIND else event


class FillsGaps(OrderingReceiver):
    """Routes something else on in the place of what is missing."""

    def hold(self, frame: Frame) -> None:
        for number in range(self.last + 1, frame.number):
            self.forward(Frame(number, b"0"))
        self.forward(frame)


def _bad(name: str, because: str, property: str, config: PipeSetup, messages: int = 2) -> KnownBad:
    return KnownBad(name, because, property, replace(pipe_world(name, config, messages, dies=1), name=name))


@cache
def wrong_pipes() -> tuple[KnownBad, ...]:
    """The wrong ends of pipes, each world named after its machine."""
    return (
        _bad(
            "naive-resend", "where the round trip takes longer than the time-out, nothing would ever be confirmed",
            "S35", PipeSetup(SEQUENTIAL, sendings=4, sender=NaiveSender), 1,
        ),
        _bad(
            "never-resends", "a message that is lost on the way would wait to be confirmed for ever", "R7",
            PipeSetup(replace(WINDOW, resend=None)),
        ),
        _bad(
            "confirm-before-forward", "a confirmed message would be lost with its receiver", "S32",
            PipeSetup(WINDOW, receiver=ConfirmsFirst),
        ),
        _bad(
            "late-index-passes", "a message would be routed on after a later one", "S34",
            PipeSetup(ordering=Ordering.MONOTONIC, orderer=RoutesOnWhatIsLate),
        ),
        _bad(
            "gap-filled", "what nobody has sent would be delivered", "S33",
            PipeSetup(ordering=Ordering.ABSOLUTE, orderer=FillsGaps),
        ),
    )  # fmt: skip

"""Known-bad pipes: each breaks one rule, as a first implementation might. The checks must reject every one.

Source: spec/sessions.md sections 9 and 17, which give the consequence of breaking each rule.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ockam_fsm.checking.known_bad import Checker, KnownBad
from ockam_fsm.checking.pipes.actors import PipeSetup
from ockam_fsm.checking.pipes.worlds import SEQUENTIAL, WINDOW, pipe_world
from ockam_fsm.machines.pipe_ordering import Ordering, OrderingEvent
from ockam_fsm.runtime.encoding.pipe_frames import Frame
from ockam_fsm.runtime.pipe.commands import ReceiverCommand, Transmit
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeSender


class NaiveSender(PipeSender):
    """Gives each transmission a new number, as Ockam's resend pipe does, and accepts a confirmation of the last
    only."""

    def send_again(self, cause: object) -> None:
        for number, frame in tuple(self.frames.items()):
            del self.frames[number]
            self.accepted += 1
            self.frames[self.accepted] = Frame(self.accepted, frame.message)
        self.sent = self.accepted
        self._commands += [Transmit(frame) for frame in self.frames.values()]


class ConfirmsFirst(ConfirmingReceiver):
    """Confirms a message before it routes it on."""

    def received(self, frame: Frame) -> list[ReceiverCommand]:
        return super().received(frame)[::-1]


class RoutesLateMessages(OrderingReceiver):
    """Treats a smaller index as a repetition of the last one."""

    def _judge(self, index: int) -> OrderingEvent:
        event = super()._judge(index)
        return OrderingEvent.INDEX_REPEATED if event is OrderingEvent.INDEX_BEHIND else event


class FillsGaps(OrderingReceiver):
    """Routes on an invented message in place of each missing one."""

    def hold(self, frame: Frame) -> None:
        for number in range(self.last + 1, frame.number):
            self.forward(Frame(number, b"0"))
        self.forward(frame)


def _bad(name: str, because: str, property: str, config: PipeSetup, messages: int = 2) -> KnownBad:
    world = replace(pipe_world(name, config, messages, dies=1), name=name)
    return KnownBad(name, because, property, world, {Checker.TLC: "no model has pipes"})


@cache
def wrong_pipes() -> tuple[KnownBad, ...]:
    """Return the known-bad pipes. Each world has the name of its machine."""
    return (
        _bad(
            "naive-resend", "no message would be confirmed if the round trip takes longer than the time-out",
            "S35", PipeSetup(SEQUENTIAL, sendings=4, sender=NaiveSender), 1,
        ),
        _bad(
            "never-resends", "a message lost on the way would never be confirmed", "R7",
            PipeSetup(replace(WINDOW, resend=None)),
        ),
        _bad(
            "confirm-before-forward", "a confirmed message would be lost with its receiver", "S32",
            PipeSetup(WINDOW, receiver=ConfirmsFirst),
        ),
        _bad(
            "late-index-passes", "a message would be routed on after a later one", "S34",
            PipeSetup(ordering=Ordering.MONOTONIC, orderer=RoutesLateMessages),
        ),
        _bad(
            "gap-filled", "a message that was never sent would be delivered", "S33",
            PipeSetup(ordering=Ordering.ABSOLUTE, orderer=FillsGaps),
        ),
    )  # fmt: skip

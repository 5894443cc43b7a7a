"""The receivers of pipes, without I/O: the one that confirms, and those that order.

Rule 1: a number comes from a peer and may be any: the table decides what changes for each.
Source: spec/sessions.md clauses 17.5 to 17.7; machines/pipe_receiver.py, machines/pipe_ordering.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

from ockam_fsm.kernel.arguments import check_count
from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.pipe_ordering import ORDERING_RECEIVERS, Ordering, OrderingEvent, OrderingState
from ockam_fsm.machines.pipe_receiver import PIPE_RECEIVER, ReceiverEvent, ReceiverState
from ockam_fsm.runtime.encoding.pipe_frames import Frame
from ockam_fsm.runtime.pipe.commands import Confirm, Forward, Held, Ignored, ReceiverCommand

_CONFIRMING = driver_for(PIPE_RECEIVER)


class Receiver(Protocol):
    """The receiver of a pipe of any kind."""

    def received(self, frame: Frame) -> list[ReceiverCommand]:
        """Handle a frame, and return the commands, in order."""
        ...

    def give_up(self, number: int) -> None:
        """Give up a waiting message; the node needs its memory, and makes it a dead letter."""
        ...


class ConfirmingReceiver:
    """Forwards every message, then confirms it. It keeps nothing."""

    __slots__ = ("_commands", "state")
    limits: ClassVar[Mapping[str, int | None]] = {}

    def __init__(self) -> None:
        self.state = ReceiverState.RECEIVING
        self._commands: list[ReceiverCommand] = []

    def received(self, frame: Frame) -> list[ReceiverCommand]:
        _CONFIRMING.fire(self, ReceiverEvent.MESSAGE_RECEIVED, frame)
        commands, self._commands = self._commands, []
        return commands

    def give_up(self, number: int) -> None:
        raise AssertionError("it keeps nothing")

    def forward(self, frame: Frame) -> None:
        self._commands.append(Forward(frame))

    def confirm(self, frame: Frame) -> None:
        self._commands.append(Confirm(frame.number))


class OrderingImage(NamedTuple):
    """The state of an ordering receiver, as a hashable value. `last`: the index forwarded last, from 1; 0: none."""

    last: int = 0
    waiting: tuple[Frame, ...] = ()


class OrderingReceiver:
    """Forwards messages as its ordering allows. At most `capacity` messages wait for their turn."""

    __slots__ = ("_commands", "_driver", "held", "last", "limits", "ordering", "state", "waiting")

    def __init__(self, ordering: Ordering, capacity: int = 64, image: OrderingImage = OrderingImage()) -> None:  # noqa: B008
        """Raises LocalSessionError: `ordering` is not an Ordering, or `capacity` is not a whole number from 0."""
        if not isinstance(ordering, Ordering):
            raise LocalSessionError(f"ordering: {shown(ordering)}, expected one of {', '.join(map(str, Ordering))}")
        check_count("capacity", capacity)
        self.ordering = ordering
        self.limits: Mapping[str, int | None] = {} if ordering.leaves_out else {"held": capacity}
        self.state = OrderingState.RECEIVING
        self.last = image.last
        self.waiting = {frame.number: frame for frame in image.waiting}
        self.held = len(self.waiting)
        self._driver = driver_for(ORDERING_RECEIVERS[ordering])
        self._commands: list[ReceiverCommand] = []

    def image(self) -> OrderingImage:
        return OrderingImage(self.last, tuple(self.waiting.values()))

    def received(self, frame: Frame) -> list[ReceiverCommand]:
        self._fire(self._judge(frame.number), frame)
        while self.last + 1 in self.waiting:
            self._fire(OrderingEvent.TURN_CAME, self.waiting[self.last + 1])
        commands, self._commands = self._commands, []
        return commands

    def give_up(self, number: int) -> None:
        self._fire(OrderingEvent.GIVEN_UP, self.waiting[number])

    def _judge(self, index: int) -> OrderingEvent:
        if index in self.waiting:
            return OrderingEvent.INDEX_HELD
        if index > self.last:
            return OrderingEvent.INDEX_NEXT if index == self.last + 1 else OrderingEvent.INDEX_AHEAD
        return OrderingEvent.INDEX_REPEATED if index == self.last > 0 else OrderingEvent.INDEX_BEHIND

    # Effects ----------------------------------------------------------------------------------------------------------

    def forward(self, frame: Frame) -> None:
        self.last = frame.number
        self._commands.append(Forward(frame))

    def hold(self, frame: Frame) -> None:
        self.waiting[frame.number] = frame
        self._commands.append(Held(frame.number))

    def forward_held(self, frame: Frame) -> None:
        del self.waiting[frame.number]
        self.forward(frame)

    def lose(self, frame: Frame) -> None:
        del self.waiting[frame.number]

    def _fire(self, event: OrderingEvent, frame: Frame) -> None:
        decision = self._driver.fire(self, event, frame)
        if isinstance(decision, Ignore):
            self._commands.append(Ignored(decision.because))

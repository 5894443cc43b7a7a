"""The ends of pipes as actors of a world: the real senders and receivers, exchanging real bytes.

Rule 1: a message of the application is the ordinal of its acceptance, as text, so each delivered message shows which
        accepted message it is.
Rule 2: a pipe that orders and resends is an index pipe around a resend pipe: one actor has both senders, the other both
        receivers.
Rule 3: the fault `dies` kills the confirming receiver while it handles its next message, after the first command of
        that message. The receiver has no state, so nothing else is lost with it.
Left out: node, routes and sessions. The duration of a time-out is not part of any state.
Source: spec/sessions.md section 17.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.checking.actors import CORRUPT, BoundReached, Deliver, Disabled, Event, Fault, Fire, Order, Outbox
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.kernel.value import value
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
    ReceiverCommand,
    SenderCommand,
    SetResend,
    Transmit,
)
from ockam_fsm.runtime.pipe.receiver import ConfirmingReceiver, OrderingImage, OrderingReceiver
from ockam_fsm.runtime.pipe.sender import PipeConfig, PipeSender, SenderImage

SENDER, RECEIVER = "sender", "receiver"
SEND, DIES = "send", "dies"
"""The order of the application; the fault of the receiver."""
RESEND = "resend"
"""The sender's timer."""


@dataclass(frozen=True)
class PipeSetup:
    """The configuration of both actors. `resend` None: an index pipe alone. `ordering` None: a resend pipe alone.

    `capacity`: the largest number of messages waiting in the receiver. `sendings`: the largest frame number, a bound
    for senders that number without end. `sender`, `receiver` and `orderer` make the ends; known-bad machines replace
    them.
    """

    resend: PipeConfig | None = None
    ordering: Ordering | None = None
    capacity: int = 2
    sendings: int = 100
    sender: Callable[..., PipeSender] = PipeSender
    receiver: Callable[[], ConfirmingReceiver] = ConfirmingReceiver
    orderer: Callable[..., OrderingReceiver] = OrderingReceiver


@dataclass(frozen=True, slots=True)
class PipeMessage:
    """A frame or a confirmation. `about` is a ghost: the application's message that it carries or confirms."""

    payload: bytes
    about: int

    @property
    def label(self) -> str:
        return f"{'frame' if len(self.payload) > 1 else 'confirmation'} of {self.about}"


@value
class RoutedOn:
    """The record of a step in which the confirming receiver routes a message on."""

    message: int


@value
class Delivered:
    """The record of a step in which a message is delivered to the application."""

    message: int


class SenderEnd(NamedTuple):
    """The state of the sender's actor. Ghosts: the number of `accepted` messages, and the `confirmed` ones."""

    image: SenderImage = SenderImage()
    accepted: int = 0
    confirmed: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.accepted} accepted, {len(self.confirmed)} confirmed"

    @property
    def waiting(self) -> frozenset[int]:
        """The accepted messages that are not confirmed."""
        return frozenset(range(1, self.accepted + 1)) - {*self.confirmed}


class ReceiverEnd(NamedTuple):
    """The state of the receiver's actor. Ghosts: the messages that the confirming receiver `routed` on, and those that
    were `delivered` to the application."""

    image: OrderingImage = OrderingImage()
    dying: bool = False
    routed: tuple[int, ...] = ()
    delivered: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        return max(self.delivered, default=0)

    @property
    def label(self) -> str:
        return f"{len(self.delivered)} delivered, {len(self.image.waiting)} waiting"


@dataclass(frozen=True)
class SenderActor:
    """The application and the sender of a pipe, or of an index pipe around a resend pipe."""

    config: PipeSetup
    name: str = SENDER

    def start(self, out: Outbox) -> SenderEnd:
        return SenderEnd()

    def handle(self, end: SenderEnd, event: Event, out: Outbox) -> SenderEnd:
        core = None if self.config.resend is None else self.config.sender(self.config.resend, end.image)
        match event:
            case Order():
                end = end._replace(accepted=end.accepted + 1)
                message = b"%d" % end.accepted
                whole = message if self.config.ordering is None else encode_frame(Frame(end.accepted, message))
                if core is None:
                    out.send(RECEIVER, PipeMessage(whole, end.accepted))
                    return end
                return self._carry_out(end, core, core.send, whole, out)
            case Deliver(payload) if core is not None:
                try:
                    number = decode_confirmation(_bytes(payload))
                except RemoteSessionError:
                    return end
                return self._carry_out(end, core, core.confirmed, number, out)
            case Fire() if core is not None:
                return self._carry_out(end, core, lambda _: core.resend_due(), None, out)
        raise Disabled

    def _carry_out(
        self, end: SenderEnd, core: PipeSender, call: Callable[..., list[SenderCommand]], argument: object, out: Outbox
    ) -> SenderEnd:
        before, confirmed = dict(core.frames), set(end.confirmed)
        for command in call(argument):
            match command:
                case Transmit(frame) if frame.number > self.config.sendings:
                    raise BoundReached("sendings")
                case Transmit(frame):
                    out.send(RECEIVER, PipeMessage(encode_frame(frame), self._message(frame)))
                case Confirmed(number):
                    confirmed.add(self._message(before[number]))
                case SetResend():
                    out.set_timer(RESEND)
                case CancelResend():
                    out.cancel_timer(RESEND)
        image = core.image()._replace(overdue=0, resent=0)
        return end._replace(image=image, confirmed=tuple(sorted(confirmed)))

    def _message(self, frame: Frame) -> int:
        return int(frame.message if self.config.ordering is None else decode_frame(frame.message).message)


@dataclass(frozen=True)
class ReceiverActor:
    """The application and the receiver of a pipe, or of a resend pipe inside an index pipe."""

    config: PipeSetup
    name: str = RECEIVER

    def start(self, out: Outbox) -> ReceiverEnd:
        return ReceiverEnd()

    def handle(self, end: ReceiverEnd, event: Event, out: Outbox) -> ReceiverEnd:
        match event:
            case Fault() if not end.dying:
                return end._replace(dying=True)
            case Deliver(payload):
                try:
                    frame = decode_frame(_bytes(payload))
                except RemoteSessionError:
                    return end
                assert isinstance(payload, PipeMessage)
                return self._received(end, frame, payload.about, out)
        raise Disabled

    def _received(self, end: ReceiverEnd, frame: Frame, about: int, out: Outbox) -> ReceiverEnd:
        if self.config.resend is None:
            return self._ordered(end, (frame,), out)
        commands = self.config.receiver().received(frame)
        routed = []
        for command in commands[:1] if end.dying else commands:
            match command:
                case Forward(whole):
                    out.record(RoutedOn(about))
                    routed.append(whole)
                case Confirm(number):
                    out.send(SENDER, PipeMessage(encode_confirmation(number), about))
        end = end._replace(dying=False, routed=_with(end.routed, [about] if routed else []))
        if self.config.ordering is None:
            return self._delivered(end, map(Forward, routed), out)
        return self._ordered(end, [decode_frame(whole.message) for whole in routed], out)

    def _ordered(self, end: ReceiverEnd, frames: Iterable[Frame], out: Outbox) -> ReceiverEnd:
        assert self.config.ordering is not None
        orderer = self.config.orderer(self.config.ordering, self.config.capacity, end.image)
        commands = [command for frame in frames for command in orderer.received(frame)]
        return self._delivered(end._replace(image=orderer.image()), commands, out)

    def _delivered(self, end: ReceiverEnd, commands: Iterable[ReceiverCommand], out: Outbox) -> ReceiverEnd:
        messages = [int(command.frame.message) for command in commands if isinstance(command, Forward)]
        for message in messages:
            out.record(Delivered(message))
        return end._replace(delivered=_with(end.delivered, messages))


def _bytes(payload: object) -> bytes:
    """Return the bytes that an end receives; a corrupted payload is empty."""
    assert payload is CORRUPT or isinstance(payload, PipeMessage)
    return payload.payload if isinstance(payload, PipeMessage) else b""


def _with(known: tuple[int, ...], more: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*known, *more}))

"""The ends of pipes as actors of a world: the real senders and receivers, and the bytes that they send.

Rule 1: a message of the application is the ordinal of its acceptance, as text. So what is delivered shows what became
        of it.
Rule 2: where a pipe orders and sends again, the index pipe is around the resend pipe: one actor has both senders, the
        other one both receivers.
Rule 3: the fault `dies` kills the confirming receiver while it handles its next message, after the first thing that it
        does. It keeps nothing, so nothing else can be lost with it.
Left out: node, routes and sessions. How long a time-out lasts is no part of any state.
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
    """What the two actors have in common. `resend` None: an index pipe alone. `ordering` None: a resend pipe alone.

    `capacity` is the receiver's, for what waits; `sendings` bounds the numbers of a sender that never stops numbering.
    The makers are those of known-bad machines where a check needs one.
    """

    resend: PipeConfig | None = None
    ordering: Ordering | None = None
    capacity: int = 2
    sendings: int = 100
    sender: Callable[..., PipeSender] = PipeSender
    receiver: Callable[[], ConfirmingReceiver] = ConfirmingReceiver
    orderer: Callable[..., OrderingReceiver] = OrderingReceiver


@dataclass(frozen=True, slots=True)
class Said:
    """A frame or a confirmation. `about` is a ghost: the message that it carries or confirms."""

    payload: bytes
    about: int

    @property
    def label(self) -> str:
        return f"{'frame' if len(self.payload) > 1 else 'confirmation'} of {self.about}"


@value
class RoutedOn:
    """The record of a step in which the confirming receiver has routed a message on."""

    message: int


@value
class Delivered:
    """The record of a step in which the application got a message."""

    message: int


class SenderEnd(NamedTuple):
    """The actor of the sender. Ghosts: how many messages were `accepted`, and which are `confirmed`."""

    image: SenderImage = SenderImage()
    accepted: int = 0
    confirmed: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.accepted} accepted, {len(self.confirmed)} confirmed"

    @property
    def waiting(self) -> frozenset[int]:
        """The messages that are not confirmed."""
        return frozenset(range(1, self.accepted + 1)) - {*self.confirmed}


class ReceiverEnd(NamedTuple):
    """The actor of the receiver. Ghosts: what the confirming receiver has `routed` on, what the application was
    `delivered`, and the greatest of it."""

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
    """The sender of a pipe, or one around the other, and the application."""

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
                    out.send(RECEIVER, Said(whole, end.accepted))
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
                    out.send(RECEIVER, Said(encode_frame(frame), self._message(frame)))
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
    """The receiver of a pipe, or one behind the other, and the application."""

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
                assert isinstance(payload, Said)
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
                    out.send(SENDER, Said(encode_confirmation(number), about))
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
    """What an end sees of a payload."""
    assert payload is CORRUPT or isinstance(payload, Said)
    return payload.payload if isinstance(payload, Said) else b""


def _with(known: tuple[int, ...], more: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*known, *more}))

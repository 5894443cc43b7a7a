"""The ends of pipes in a node, without I/O: the sender is a resident, the receiver the handler of a worker.

Theory: a message to the sender's outer address leaves as the payload of a frame, whole, with the rest of its onward
route and with its return route. The receiver forwards it from its own node unchanged. So a pipe preserves the return
route and adds no address to it; it is a step in a route, and pipes nest.

Rule 1: the messages kept at a sender and those waiting at a receiver are bounded, and charged to their origin.
Rule 2: a message that leaves a receiver is from outside if its frame was (`Context.forward`): it reaches no private
        worker. A frame that stays within the node is from outside if its message was.
Rule 3: a message that cannot be carried or read is a dead letter with a reason. Nothing here raises.
Left out: order between messages that reach one receiver over several connections: between origins a node keeps none.
Source: spec/sessions.md clauses 17.1, 17.2 and 17.8; Ockam's documents, "Pipes and channels".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ockam_fsm.kernel.errors import EventRefused, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import MAX_UINT_BYTES
from ockam_fsm.runtime.encoding.frames import decode_message, encode_message
from ockam_fsm.runtime.encoding.gate import PAYLOAD_TOO_LARGE
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route
from ockam_fsm.runtime.encoding.pipe_frames import (
    Frame,
    decode_confirmation,
    decode_frame,
    encode_confirmation,
    encode_frame,
)
from ockam_fsm.runtime.node.layers import Layer, largest_payload, written_bytes
from ockam_fsm.runtime.node.ledger import NODE_FULL, Receipt, weight_of
from ockam_fsm.runtime.node.residents import Access, Envelope, Inner, Resident
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.pipe.commands import (
    CancelResend,
    Confirm,
    Confirmed,
    Forward,
    Held,
    Lost,
    ReceiverCommand,
    SenderClosed,
    SenderCommand,
    SetResend,
    Transmit,
)
from ockam_fsm.runtime.pipe.receiver import Receiver
from ockam_fsm.runtime.pipe.sender import PipeSender

IS_OVER = "the pipe is closed"
NOT_A_CONFIRMATION = "not a confirmation"
RESEND = "resend"
"""The sender's timer."""
FRAME_BYTES = 2 * MAX_UINT_BYTES
"""The most bytes that a frame adds to its message."""


class SendingEnd(Inner):
    """The sender of a pipe, at an outer address and at a fresh inner one. It takes messages until `close`."""

    __slots__ = ("_changed", "_kept", "_return_route", "core", "inner", "last", "outer", "route", "router")

    def __init__(
        self,
        router: Router,
        route: Route,
        core: PipeSender | None,
        *,
        outer: Address | None = None,
        access: Access = Access.PRIVATE,
        back: Route = (),
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """`route` leads to the receiver. `core` None: an index pipe, whose sender only numbers. `outer`: the outer
        address, with this `access`; by default a secret one. `changed` is called when a message was confirmed or given
        up. `back`: the route from the receiver to this node, where the messages do not trace it."""
        self.router, self.route, self.core, self._changed = router, route, core, changed
        self.outer, self.inner = outer or router.fresh_address(), router.fresh_address()
        self._return_route = (*back, self.inner)
        self.last = 0
        self._kept: dict[int, tuple[Receipt, Resident | None]] = {}
        """The charge of each message, and the resident that brought it into the node."""
        router.register(self.outer, self, Access.SECRET if outer is None else access)
        router.register(self.inner, self, Access.SECRET)

    @property
    def unconfirmed(self) -> int:
        """The number of accepted messages that are not confirmed; 0 for an index pipe, which keeps none."""
        return len(self._kept)

    def take(self, envelope: Envelope) -> None:
        message = envelope.message
        if message.onward_route[0] == self.inner:
            self._confirmed(message)
        elif refused := self.offer(message, envelope.arrived):
            self.router.bury(refused, message, self.outer)

    def offer(self, message: Message, arrived: Resident | None) -> str:
        """Accept a message that `arrived` brought into the node. Return the reason if it is refused, else empty."""
        whole = encode_message(replace(message, onward_route=message.onward_route[1:]))
        router = self.router
        most = largest_payload(router.residents, self.route, self._return_route, router.max_payload_bytes)
        if len(whole) > most - FRAME_BYTES:
            return PAYLOAD_TOO_LARGE
        if self.core is None:
            return self._number(whole, arrived)
        return self._accept(self.core, message, whole, arrived)

    def layer(self, onward_route: Route, return_route: Route) -> Layer:
        return Layer(self.route, self._return_route, written_bytes(onward_route, return_route), whole=True)

    def fire(self, timer: object) -> None:
        if self.core is not None:
            self._carry_out(self.core.resend_due())

    def close(self) -> None:
        """Close the pipe. Its addresses vanish; unconfirmed messages are dead letters and may have been delivered."""
        self.router.unregister(self.outer)
        self.router.unregister(self.inner)
        if self.core is not None:
            self._carry_out(self.core.close())

    def _number(self, whole: bytes, arrived: Resident | None) -> str:
        """Number and send a message. One that a pipe inside this one refuses gets no index, or a gap would remain."""
        frame = Frame(self.last + 1, whole)
        inside = self.router.residents.get(self.route[0])
        if isinstance(inside, SendingEnd):
            refused = inside.offer(self._framed(frame), arrived)
        else:
            refused = ""
            self.router.route(self._envelope(frame, arrived))
        self.last += not refused
        return refused

    def _accept(self, core: PipeSender, message: Message, whole: bytes, arrived: Resident | None) -> str:
        receipt = self.router.ledger.take(self.router.serving, weight_of(message))
        if receipt is None:
            return NODE_FULL
        try:
            commands = core.send(whole)
        except EventRefused as error:
            self.router.ledger.give_back(receipt)
            return error.because
        self._kept[core.accepted] = receipt, arrived
        self.router.ledger.may_give_up(receipt, self._give_up)
        self._carry_out(commands)
        return ""

    def _confirmed(self, message: Message) -> None:
        try:
            number = decode_confirmation(message.payload)
        except RemoteSessionError as error:
            self.router.bury(error.reason, message, self.inner, error.detail)
            return
        if self.core is None:
            self.router.bury(NOT_A_CONFIRMATION, message, self.inner)
        else:
            self._carry_out(self.core.confirmed(number), message)

    def _give_up(self, receipt: Receipt) -> None:
        assert self.core is not None
        number = next(number for number, (kept, _) in self._kept.items() if kept is receipt)
        self._carry_out(self.core.give_up(number))

    def _carry_out(self, commands: Iterable[SenderCommand], cause: Message | None = None) -> None:
        for command in commands:
            match command:
                case Transmit(frame):
                    self._transmit(frame)
                case Confirmed(number):
                    self._release(number)
                case Lost(frame):
                    self._lose(frame, NODE_FULL)
                case SenderClosed(frames):
                    for frame in frames:
                        self._lose(frame, IS_OVER)
                case SetResend(seconds):
                    self.router.set_timer(self.outer, RESEND, seconds)
                case CancelResend():
                    self.router.cancel_timer(self.outer, RESEND)
                case _:
                    self.router.bury(command.reason, cause, self.inner)

    def _transmit(self, frame: Frame) -> None:
        """Send a frame on behalf of its message's origin, unless the message was given up for the one before it."""
        if frame.number in self._kept:
            receipt, arrived = self._kept[frame.number]
            self.router.route(self._envelope(frame, arrived), receipt.origin)

    def _envelope(self, frame: Frame, arrived: Resident | None) -> Envelope:
        """Return the envelope of a frame. One that leaves the node is from outside where it arrives. The route is the
        application's, not a peer's, so a frame that stays here may go to a private receiver."""
        leaves = self.router.carrier(self.route) is not None or any(one.type == TCP for one in self.route)
        if arrived is None or leaves:
            return Envelope(self._framed(frame))
        return Envelope(self._framed(frame), arrived, invited=True)

    def _framed(self, frame: Frame) -> Message:
        return Message(self.route, self._return_route, encode_frame(frame))

    def _release(self, number: int) -> None:
        self.router.ledger.give_back(self._kept.pop(number)[0])
        self._changed()

    def _lose(self, frame: Frame, reason: str) -> None:
        self.router.bury(reason, decode_message(frame.message), self.outer)
        self._release(frame.number)


class ReceivingEnd:
    """The receiver of a pipe, as the handler of a worker. One that orders has one sender."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._held: dict[int, tuple[Receipt, Context]] = {}

    def __call__(self, message: Message, context: Context) -> None:
        try:
            frame = decode_frame(message.payload)
            decode_message(frame.message)
        except RemoteSessionError as error:
            context.dead_letter(error.reason, error.detail)
        else:
            self._carry_out(self.receiver.received(frame), context)

    def on_stop(self) -> None:
        """Make the waiting messages dead letters."""
        while self._held:
            receipt, context = self._held.popitem()[1]
            context.lose(receipt, IS_OVER)

    def _carry_out(self, commands: Iterable[ReceiverCommand], context: Context) -> None:
        for command in commands:
            match command:
                case Forward(frame):
                    self._forward(frame, context)
                case Confirm(number):
                    context.reply(encode_confirmation(number))
                case Held(number):
                    self._hold(number, context)
                case _:
                    context.dead_letter(command.reason)

    def _forward(self, frame: Frame, context: Context) -> None:
        """Forward a message. One that has waited joins the origin of the message that it waited for, so the two stay in
        order. Its own sender decides whether it is from outside: else a frame of this node could take a peer's message
        to a private worker."""
        held = self._held.pop(frame.number, None)
        if held is None:
            context.forward(decode_message(frame.message))
            return
        receipt, sent = held
        sent.release(receipt)
        sent.forward(decode_message(frame.message))
        sent.join(context)

    def _hold(self, number: int, context: Context) -> None:
        receipt = context.keep(self._give_up)
        if receipt is None:
            self.receiver.give_up(number)
            context.dead_letter(NODE_FULL)
        else:
            self._held[number] = receipt, context

    def _give_up(self, receipt: Receipt) -> None:
        number = next(number for number, (kept, _) in self._held.items() if kept is receipt)
        self.receiver.give_up(number)
        self._held.pop(number)[1].lose(receipt, NODE_FULL)

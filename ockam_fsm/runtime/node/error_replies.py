"""Errors that answer undeliverable messages: few, and only where a session can use them.

Rule 1: an error answers data and keepalives to an inner address of profile `generation` that has ended here; and a
        hello of that profile that makes no responder, since its host has no room or no worker has its address. No
        error answers an error. A peer of profile `ockam` never gets one.
Rule 2: at most `ERRORS_PER_WINDOW` of either kind in a window, so that hellos of strangers leave room for sessions.
Source: spec/sessions.md clauses 4.9 and 14.4.
"""

from __future__ import annotations

from collections import Counter

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.message import LOCAL, Message
from ockam_fsm.runtime.node.commands import WorkerTimer
from ockam_fsm.runtime.node.residents import Envelope
from ockam_fsm.runtime.node.router import ROUTER, Router
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.host import error_for
from ockam_fsm.runtime.session.signals import Error, Hello

ERRORS_PER_WINDOW = 100
WINDOW_SECONDS = 1.0
WINDOW = WorkerTimer(ROUTER, "errors")
_HELLO = b"\x01"
"""The tag of Hello."""
_TALK = (b"\x04", b"\x05", b"\x06")
"""The tags of Keepalive, KeepaliveAnswer and Data, the signals of an established session."""


class ErrorReplies:
    def __init__(self, router: Router) -> None:
        self._router = router
        self._sent: Counter[str] = Counter()

    def on_unknown(self, envelope: Envelope) -> None:
        """Answer a message to an unknown address, if it gets an answer."""
        message = envelope.message
        address, tag = message.onward_route[0], message.payload[:1]
        if not message.return_route or address.type != LOCAL:
            return
        if tag in _TALK and address in self._router.vanished:
            self._send(Message(message.return_route, (), GENERATION.encode(Error("unknown address"))), "talk")
        elif tag == _HELLO and self._leads_back(envelope) and _is_hello(message):
            self.refuse(error_for(message, f"no such worker: {address}"))

    def refuse(self, error: Message) -> None:
        """Send the error for a hello, if the window has room for it."""
        self._send(error, "hellos")

    def _send(self, error: Message, kind: str) -> None:
        if self._sent[kind] >= ERRORS_PER_WINDOW:
            return
        if not self._sent.total():
            self._router.set_timer(*WINDOW, WINDOW_SECONDS)
        self._sent[kind] += 1
        self._router.route(Envelope(error))

    def window_over(self) -> None:
        self._sent.clear()

    def _leads_back(self, envelope: Envelope) -> bool:
        """Whether a message from outside has a return route that leads out again, not to a worker of this node."""
        return envelope.arrived is None or self._router.leads_out(envelope.message.return_route)


def _is_hello(message: Message) -> bool:
    """Decode the payload to be sure: in profile `ockam` a short address begins with the same byte."""
    try:
        return isinstance(GENERATION.decode(message.payload, Place.NEGOTIATION_START, message.return_route), Hello)
    except RemoteSessionError:
        return False

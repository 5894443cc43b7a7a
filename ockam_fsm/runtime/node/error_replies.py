"""Errors that go back for undeliverable messages: few, and only where a session is known to profit from one.

Rule 1: an error goes back where the address was an inner one of profile `generation` that has ended here, for what such
        a session says while it talks; and for a hello of that profile that makes no responder, since its host has no
        room or nobody is at its address. Never for an error. A peer of profile `ockam` therefore never gets one.
Rule 2: at most `ERRORS_PER_WINDOW` of either kind in a window, so that a stranger's hellos leave room for sessions.
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
"""The tags of Keepalive, KeepaliveAnswer and Data: what a session says while it talks."""


class ErrorReplies:
    def __init__(self, router: Router) -> None:
        self._router = router
        self._sent: Counter[str] = Counter()

    def on_unknown(self, envelope: Envelope) -> None:
        """A message reached no address of this node."""
        message = envelope.message
        address, tag = message.onward_route[0], message.payload[:1]
        if not message.return_route or address.type != LOCAL:
            return
        if tag in _TALK and address in self._router.vanished:
            self._say(Message(message.return_route, (), GENERATION.encode(Error("unknown address"))), "talk")
        elif tag == _HELLO and self._leads_back(envelope) and _is_hello(message):
            self.refuse(error_for(message, f"no such worker: {address}"))

    def refuse(self, error: Message) -> None:
        """Send the error for a hello, if the window has room for it."""
        self._say(error, "hellos")

    def _say(self, error: Message, kind: str) -> None:
        if self._sent[kind] >= ERRORS_PER_WINDOW:
            return
        if not self._sent.total():
            self._router.set_timer(*WINDOW, WINDOW_SECONDS)
        self._sent[kind] += 1
        self._router.route(Envelope(error))

    def window_over(self) -> None:
        self._sent.clear()

    def _leads_back(self, envelope: Envelope) -> bool:
        """Not to one of this node's own workers, if it came from outside."""
        return envelope.arrived is None or self._router.leads_out(envelope.message.return_route)


def _is_hello(message: Message) -> bool:
    """In profile `ockam` the same first byte begins a short address."""
    try:
        return isinstance(GENERATION.decode(message.payload, Place.NEGOTIATION_START, message.return_route), Hello)
    except RemoteSessionError:
        return False

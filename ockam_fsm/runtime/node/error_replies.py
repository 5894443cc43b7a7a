"""Errors that go back for undeliverable messages: few, and only where a session is known to profit from one.

Rule 1: an error goes back only where the address was an inner one of profile `generation` that has ended here, only for
        what such a session says while it talks, never for an error, and at most `ERRORS_PER_WINDOW` in a window. A peer
        of profile `ockam` therefore never gets one.
"""

from __future__ import annotations

from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.commands import WorkerTimer
from ockam_fsm.runtime.node.router import ROUTER, Envelope, Router
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Error

ERRORS_PER_WINDOW = 100
WINDOW_SECONDS = 1.0
WINDOW = WorkerTimer(ROUTER, "errors")
_TALK = (b"\x04", b"\x05", b"\x06")
"""The tags of Keepalive, KeepaliveAnswer and Data: what a session says while it talks."""


class ErrorReplies:
    def __init__(self, router: Router) -> None:
        self._router = router
        self._sent = 0

    def on_unknown(self, envelope: Envelope) -> None:
        """A message reached no address of this node."""
        message = envelope.message
        told = message.onward_route[0] in self._router.vanished and message.payload[:1] in _TALK
        if not told or not message.return_route or self._sent >= ERRORS_PER_WINDOW:
            return
        if self._sent == 0:
            self._router.set_timer(*WINDOW, WINDOW_SECONDS)
        self._sent += 1
        self._router.route(Envelope(Message(message.return_route, (), GENERATION.encode(Error("unknown address")))))

    def window_over(self) -> None:
        self._sent = 0

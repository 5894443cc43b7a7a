"""A node with one peer in which the ends of pipes and of stream sessions are compared with models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.frames import encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import commands as cmd
from ockam_fsm.runtime.node.ledger import Origin
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access, Envelope
from ockam_fsm.runtime.node.workers import Context
from tests.runtime.node_helpers import Counted

stable = settings(derandomize=True, database=None, deadline=None, max_examples=100)

WIRE, APP, VAULT, ME, FAR = (local(name) for name in ("wire", "app", "vault", "me", "far"))
LARGEST = 400
small = st.integers(0, 5)
routes = st.sampled_from(((), (APP,), (FAR, APP)))
backs = st.sampled_from(((), (ME,)))
contexts = st.sampled_from((None, "trace"))
garbage = st.sampled_from((b"", b"\x80\x00", b"\x01\x02", b"\xff" * 11))


class Rig:
    """A node with a peer, and records of its events."""

    def __init__(self) -> None:
        self.node = Node(Counted("n"))
        self.router = self.node.router
        self.router.max_payload_bytes = LARGEST
        self.via = self.node.accepted("10.0.0.1")
        self.peer: Origin = self.router.residents[self.via].origin  # type: ignore[attr-defined]
        self.got: list[tuple[Address, Message, bool]] = []
        """(worker, message, of the peer's origin), and (connection, frame, _)."""
        self.origins: set[Origin] = set()
        """The origins of messages that workers have received."""
        self.letters: list[tuple[str, object, Address | None]] = []
        self.timers: list[tuple[Address, object, float | None]] = []
        self.node.add_observer(self)
        self.node.run()
        for name, access in ((WIRE, Access.PRIVATE), (APP, Access.PUBLIC), (VAULT, Access.PRIVATE)):
            self.node.start_worker(
                name, handler=lambda message, context: self.received(message, context), access=access
            )

    def received(self, message: Message, context: Context) -> None:
        self.got.append((context.address, message, context.origin is self.peer))
        self.origins.add(context.origin)

    def observe(self, observation: object) -> None:
        if isinstance(observation, cmd.Letter):
            assert isinstance(observation.detail, str), f"no text: {observation.detail!r}"
            self.letters.append((observation.reason, observation.message, observation.worker))
        assert not isinstance(observation, cmd.WorkerFailed), observation

    def give(self, message: Message, outside: bool) -> Message:
        """Deliver a message to one of its workers."""
        if not outside:
            self.router.route(Envelope(message))  # as a handler sends it
            return message
        self.node.receive(message, self.via)
        return replace(message, return_route=(self.via, *message.return_route))

    def run(self) -> None:
        for command in self.node.run():
            match command:
                case cmd.Transmit(via, message):
                    self.got.append((via, message, True))
                case SetTimer(timer, seconds):
                    self.timers.append((*timer, seconds))
                case CancelTimer(timer):
                    self.timers.append((*timer, None))

    def give_without_room(self, message: Message, outside: bool) -> Message:
        """Deliver as `give` does, while nothing can be charged and no origin gives anything up."""
        ledger = self.router.ledger
        before, ledger.makes_room = ledger.total_bytes, False
        ledger.limit(0)
        arrived = self.give(message, outside)
        self.run()
        ledger.limit(before)
        ledger.makes_room = True
        return arrived

    def need_room(self, outside: bool) -> None:
        """Give up the newest item of this origin, as the ledger does."""
        discards = (self.peer if outside else self.router.application).discards
        if discards:
            receipt, give_up = discards.popitem()
            give_up(receipt)

    def agrees(self, got: list[Any], letters: list[Any], timers: list[Any], held: int) -> None:
        """Compare with the model what has happened since the last call."""
        self.run()
        assert self.got == got
        assert self.letters == letters
        assert self.timers == timers
        assert self.router.ledger.held_bytes == held, "the charged bytes"
        self.got, self.letters, self.timers = [], [], []


def sized(message: Message, length: int, write: Callable[[Message], bytes] = encode_message) -> Message:
    """Return the message with a payload so long that its encoding has this size."""
    size = length
    while len(write(replace(message, payload=bytes(size)))) > length:
        size -= 1
    return replace(message, payload=bytes(size))

"""The queue of received messages of a session without a handler.

Rule: it holds a bounded number of messages, and each is charged to its sender (ledger.py).
Source: spec/sessions.md clause 16.4.
"""

from __future__ import annotations

import asyncio

from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.ledger import NODE_FULL, Receipt
from ockam_fsm.runtime.node.workers import Context


class Inbox:
    """The default handler of a session: it keeps messages for `receive`, up to a capacity."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.messages: dict[Receipt, tuple[Message, Context]] = {}
        self.arrived = asyncio.Event()

    def __call__(self, message: Message, context: Context) -> None:
        receipt = context.keep(self._give_up) if len(self.messages) < self.capacity else None
        if receipt is None:
            context.dead_letter("inbox full" if len(self.messages) >= self.capacity else NODE_FULL)
            return
        self.messages[receipt] = message, context
        self.arrived.set()

    def pop(self) -> Message:
        receipt = next(iter(self.messages))
        message, context = self.messages.pop(receipt)
        context.release(receipt)
        return message

    def _give_up(self, receipt: Receipt) -> None:
        _, context = self.messages.pop(receipt)
        context.lose(receipt, NODE_FULL)

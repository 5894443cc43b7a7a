"""The account of a node: what is kept for whom, in bytes, and who pays when a limit is met.

Theory: everything that is kept costs memory, and someone caused it: the peer at the other end of a connection, or the
application of this node. Each of them is an `Origin`. What waits (queues, mailboxes, inboxes, held messages, unfinished
frames, unread output, responders that are not confirmed) is charged to its origin until it is gone.

Rule 1: the limits hold. A charge that would pass one is refused, or another origin gives something up for it.
Rule 2: the greatest holder pays, never the newcomer: while there is no room, the origin that holds the most gives up
        the newest of what waits for it (`may_give_up`), then its connection. If it is the origin that asks, its charge
        is refused.
Rule 3: a quarter of the total is kept from all peers together, and a quarter from the application, so that neither can
        take everything from the other. The application is never evicted; its charge is refused and the caller is told.
Rule 4: a weight is an estimate that errs upwards (`weight_of`): two addresses of the largest size fit into it.
Rule 5: what was charged is released exactly once. When all origins are gone the account is zero.
Source: spec/sessions.md section 16.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.request import Outgoing

TOTAL_BYTES = 128 * 1024 * 1024
RESERVE = 4
"""This part of the total is kept from all peers together, and as much from the application."""

MESSAGE_BYTES = 512
"""What a message costs besides its payload, its addresses and its tracing context."""

ADDRESS_BYTES = 576
RESPONDER_BYTES = 4096
"""What a responder costs that no peer has confirmed: session, worker, addresses."""

NODE_FULL = "the node keeps too much"


def weight_of(message: Message | Outgoing, addresses: int | None = None) -> int:
    """An upper estimate of the memory that a message takes, in bytes; `addresses`: how many it has, where known."""
    text = message.tracing_context
    if addresses is None:
        addresses = len(message.onward_route) + len(message.return_route)
    return MESSAGE_BYTES + len(message.payload) + ADDRESS_BYTES * addresses + (0 if text is None else 4 * len(text))


class Origin:
    """Who causes work and memory: a peer (one for each connection), or the application of this node.

    `host`: the peer's address without its port, for the forwarding policy. `evict`: ends its connection and drops what
    that holds.
    """

    __slots__ = ("__weakref__", "destinations", "discards", "evict", "held_bytes", "host", "name",
                 "outside", "queue", "ready")  # fmt: skip

    def __init__(self, name: str, *, outside: bool, host: str = "", evict: Callable[[], None] | None = None) -> None:
        self.name = name
        self.outside = outside
        self.host = host
        self.evict = evict
        self.held_bytes = 0
        self.destinations = 0
        """How many connections this node has opened on its behalf."""
        self.discards: dict[Receipt, GiveUp] = {}
        """What can be given up one by one, and how, the oldest first: messages that wait, responders without a peer."""
        self.queue: deque[tuple[Any, int]] = deque()
        """Envelopes that wait for the router, each with its weight."""
        self.ready = False
        """It stands in the router's round of origins that have something to deliver."""


class Receipt:
    """A charge that has to be released."""

    __slots__ = ("origin", "size")

    def __init__(self, origin: Origin, size: int) -> None:
        self.origin = origin
        self.size = size


GiveUp: TypeAlias = Callable[[Receipt], None]
"""Drops what was charged, makes a dead letter of it, and gives the receipt back."""


class Ledger:
    def __init__(self, total_bytes: int = TOTAL_BYTES) -> None:
        self.limit(total_bytes)
        self.held_bytes = 0
        self.outside_bytes = 0
        """What all peers hold together."""
        self.origins: dict[Origin, None] = {}
        """Those that hold something."""
        self.makes_room = True
        """Origins may have to give something up for others. Not for the farewell of what was given up (router.py)."""

    def limit(self, total_bytes: int) -> None:
        """Set the limit of everything together."""
        self.total_bytes = total_bytes
        self.share_bytes = total_bytes - total_bytes // RESERVE
        """What all peers together may hold, and what the application may hold."""

    def charge(self, origin: Origin, size: int) -> bool:
        """Charge `size` bytes. False: it is refused, and nothing has changed."""
        # Every message is charged, so the usual case calls nothing.
        own = self.outside_bytes if origin.outside else origin.held_bytes
        if (self.held_bytes + size > self.total_bytes or own + size > self.share_bytes) and not self.fits(origin, size):
            return False
        if size and not origin.held_bytes:
            self.origins[origin] = None
        self.held_bytes += size
        origin.held_bytes += size
        if origin.outside:
            self.outside_bytes += size
        return True

    def fits(self, origin: Origin, size: int) -> bool:
        """Whether a charge would be accepted; other origins may have to give something up for it."""
        return self._has_room(origin, size) or (self.makes_room and self._make_room(origin, size))

    def require(self, origin: Origin, size: int) -> None:
        """Raises LocalSessionError unless a charge would be accepted."""
        if not self.fits(origin, size):
            raise LocalSessionError(
                f"{NODE_FULL}: {self.held_bytes} bytes, limit {self.total_bytes}; wait until messages have left"
            )

    def release(self, origin: Origin, size: int) -> None:
        self.held_bytes -= size
        origin.held_bytes -= size
        if origin.outside:
            self.outside_bytes -= size
        if not origin.held_bytes:
            self.origins.pop(origin, None)

    def take(self, origin: Origin, size: int) -> Receipt | None:
        """As `charge`, with a receipt for `give_back`; None: refused."""
        return Receipt(origin, size) if self.charge(origin, size) else None

    def may_give_up(self, receipt: Receipt, give_up: GiveUp) -> None:
        """What was charged may be given up for others from now on, until the receipt is given back."""
        receipt.origin.discards[receipt] = give_up

    def give_back(self, receipt: Receipt) -> None:
        receipt.origin.discards.pop(receipt, None)
        self.release(receipt.origin, receipt.size)

    def _has_room(self, origin: Origin, size: int) -> bool:
        own = self.outside_bytes if origin.outside else origin.held_bytes
        return self.held_bytes + size <= self.total_bytes and own + size <= self.share_bytes

    def _make_room(self, origin: Origin, size: int) -> bool:
        """Let the greatest holder give something up until `size` fits, unless `origin` itself would be the greatest."""
        while not self._has_room(origin, size):
            peers = (one for one in self.origins if one.outside)
            greatest = max(peers, key=lambda one: one.held_bytes, default=None)
            if greatest is None or greatest is origin or greatest.held_bytes <= origin.held_bytes + size:
                return False
            before = self.held_bytes
            if greatest.discards:
                receipt, give_up = greatest.discards.popitem()
                give_up(receipt)
            elif greatest.evict is not None:
                greatest.evict()
            if self.held_bytes >= before:  # it holds what cannot be given up now
                return False
        return True

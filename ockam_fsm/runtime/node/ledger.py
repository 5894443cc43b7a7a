"""The memory account of a node: the bytes held for each origin, and the eviction at a limit.

Theory: everything that a node keeps takes memory, and has a cause: the peer at the other end of a connection, or the
application of this node. Each of them is an `Origin`. Waiting data (queues, mailboxes, inboxes, held messages,
unfinished frames, unread output, responders that are not confirmed) is charged to its origin until it is gone.

Rule 1: the limits hold. A charge that would exceed one is refused, or another origin gives memory up for it.
Rule 2: the greatest holder gives up memory, not the newcomer: while there is no room, the origin that holds the most
        gives up its newest waiting item (`may_give_up`), then its connection. If it is the origin of the charge, the
        charge is refused.
Rule 3: all peers together may hold three quarters of the total, and so may the application: neither can take
        everything. The application is never evicted; its charge is refused with an error to the caller.
Rule 4: a weight is an upper estimate (`weight_of`): two addresses of the largest size fit into it.
Rule 5: a charge is released exactly once. When all origins are gone the account is zero.
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
"""All peers together may hold the total less one part in `RESERVE`, and so may the application."""

MESSAGE_BYTES = 512
"""The memory of a message besides its payload, its addresses and its tracing context."""

ADDRESS_BYTES = 576
RESPONDER_BYTES = 4096
"""The memory of a responder that no peer has confirmed: session, worker, addresses."""

NODE_FULL = "the node is full"


def weight_of(message: Message | Outgoing, addresses: int | None = None) -> int:
    """Return an upper estimate of the memory of a message, in bytes; `addresses`: their number, if known."""
    text = message.tracing_context
    if addresses is None:
        addresses = len(message.onward_route) + len(message.return_route)
    return MESSAGE_BYTES + len(message.payload) + ADDRESS_BYTES * addresses + (0 if text is None else 4 * len(text))


class Origin:
    """A cause of work and memory: a peer (one for each connection), or the application of this node.

    `host`: the peer's address without its port, for the forwarding policy. `evict`: ends its connection and drops the
    data that it holds.
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
        """The number of connections that this node has opened on its behalf."""
        self.discards: dict[Receipt, GiveUp] = {}
        """The items that can be given up one by one, oldest first: waiting messages, unconfirmed responders."""
        self.queue: deque[tuple[Any, int]] = deque()
        """The envelopes that wait for the router, each with its weight."""
        self.ready = False
        """Whether this origin is in the router's round of origins that have something to deliver."""


class Receipt:
    """A charge that has to be released."""

    __slots__ = ("origin", "size")

    def __init__(self, origin: Origin, size: int) -> None:
        self.origin = origin
        self.size = size


GiveUp: TypeAlias = Callable[[Receipt], None]
"""Drops the charged item, makes it a dead letter, and gives the receipt back."""


class Ledger:
    def __init__(self, total_bytes: int = TOTAL_BYTES) -> None:
        self.limit(total_bytes)
        self.held_bytes = 0
        self.outside_bytes = 0
        """The bytes that all peers hold together."""
        self.origins: dict[Origin, None] = {}
        """The origins that hold something."""
        self.makes_room = True
        """Whether origins may be made to give up memory; not while a delivery is finished (`Router._finish`)."""

    def limit(self, total_bytes: int) -> None:
        """Set the limit of the total, in bytes."""
        self.total_bytes = total_bytes
        self.share_bytes = total_bytes - total_bytes // RESERVE
        """The most bytes that all peers together may hold; the same for the application."""

    def charge(self, origin: Origin, size: int) -> bool:
        """Charge `size` bytes. False: the charge is refused, and nothing has changed."""
        # Every message is charged, so the usual case makes no calls.
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
        """Whether a charge would be accepted; other origins may give up memory for it."""
        return self._has_room(origin, size) or (self.makes_room and self._make_room(origin, size))

    def require(self, origin: Origin, size: int) -> None:
        """Raise LocalSessionError unless a charge would be accepted."""
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
        """Charge as `charge` does and return a receipt for `give_back`; None: refused."""
        return Receipt(origin, size) if self.charge(origin, size) else None

    def may_give_up(self, receipt: Receipt, give_up: GiveUp) -> None:
        """Allow the charged item to be given up for others, until the receipt is given back."""
        receipt.origin.discards[receipt] = give_up

    def give_back(self, receipt: Receipt) -> None:
        receipt.origin.discards.pop(receipt, None)
        self.release(receipt.origin, receipt.size)

    def _has_room(self, origin: Origin, size: int) -> bool:
        own = self.outside_bytes if origin.outside else origin.held_bytes
        return self.held_bytes + size <= self.total_bytes and own + size <= self.share_bytes

    def _make_room(self, origin: Origin, size: int) -> bool:
        """Let the greatest holder give up items until `size` fits, unless `origin` itself would be the greatest."""
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
            if self.held_bytes >= before:  # its memory cannot be given up now
                return False
        return True

"""One generation at one end: the end's own addresses in it, and the route to the peer.

Rule 1: an inner address is fresh in every generation and belongs to it alone (spec/sessions.md clause 4.5).
Rule 2: a link is a value. Learning the messaging route makes a new one.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import Address, Route
from ockam_fsm.runtime.session.signals import Generation


class Purpose(Enum):
    """The purpose of a fresh address."""

    WORKER = "worker"
    HANDSHAKE = "handshake"


class Entropy(Protocol):
    """The source of unguessable values. An edge draws them at random, a world derives them."""

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        """A local address that was never used before, with 128 random bits where an edge draws it."""
        ...

    def fraction(self) -> float:
        """A number in [0, 1) for jitter."""
        ...


class Link(NamedTuple):
    """One generation at one end.

    `handshake` is the one-shot address of profile `ockam`, while the answer is awaited. `route` is the messaging
    route, empty until it is learned. `resumed` is the flag of the answer. `requests_sent` numbers the reply addresses.
    """

    generation: Generation
    inner: Address
    handshake: Address | None = None
    route: Route = ()
    resumed: bool = False
    requests_sent: int = 0

    @property
    def reply_prefix(self) -> bytes:
        return self.inner.value + b"."

    def takes(self, address: Address) -> bool:
        """Whether an address is the inner address of this generation, or a reply address made from it."""
        return address == self.inner or address.value.startswith(self.reply_prefix)

    def next_reply(self) -> tuple[Address, Link]:
        """Return a reply address for one request of this generation, and the link after it."""
        number = self.requests_sent + 1
        reply = Address(self.inner.type, self.reply_prefix + str(number).encode())
        return reply, self._replace(requests_sent=number)


def inner_of_reply(address: Address) -> Address:
    """Return the inner address from which a reply address was made."""
    return Address(address.type, address.value.rpartition(b".")[0])

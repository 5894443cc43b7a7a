"""The signals between two session workers, as values. `handshake.py` encodes them in each profile.

Rule 1: a signal is immutable and hashable: the explorer interns it and a trace prints it.
Rule 2: signals have no state. The session classifies them.
Source: `spec/sessions.md` section 4 (generations).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.value import value
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Address, Route


class Generation(NamedTuple):
    """One negotiation of a session. Ordered by (number, starter); `address` is the starter's inner address."""

    number: int
    starter: Role
    address: Address

    @property
    def rank(self) -> tuple[int, Role]:
        return (self.number, self.starter)

    def __str__(self) -> str:
        return f"{self.number}{'i' if self.starter is Role.INITIATOR else 'r'}"


@value
class Hello:
    """First message of a negotiation. `initialization_route` (two-sided sessions only) leads back to the starter's
    static address, for the peer's own negotiations; it is empty where the peer was given one at its start."""

    session_id: bytes
    generation: Generation
    initialization_route: Route = ()


@value
class Answer:
    """Completes the starter's side. `generation` is None in profile `ockam`, where the address that the answer
    reached determines its attempt. `resumed`: the answerer still has the session's state."""

    session_id: bytes
    generation: Generation | None
    worker: Address
    resumed: bool


@value
class Superseded:
    """The hello with this starter's `address` is not newer than `number`, the largest number the sender has seen."""

    session_id: bytes
    number: int
    address: Address


@value
class Keepalive:
    """Checks whether the peer is still in this generation; the peer answers with `KeepaliveAnswer`."""


@value
class KeepaliveAnswer:
    """Confirms that the sender is still in this generation."""


@value
class Confirmation:
    """The third message of a handshake: it confirms the answer and carries nothing else (`protection.py`)."""


@value
class Data:
    """A message of the application. Where a profile carries routes, the peer forwards it along `onward_route` (empty:
    it is for the peer's own application), and `return_route` is the route of replies from there."""

    payload: bytes
    onward_route: Route = ()
    return_route: Route = ()


@value
class Close:
    """The application of the sender has closed the session (best effort: it may never arrive).

    On the messaging route, `number` and `address` are those of the generation in which it is sent. Along the
    initialization route, `number` is the largest that the sender has used or seen, and `address` is the starter's in
    the generation that the sender was last established in, else in its attempt: only the two ends know it."""

    session_id: bytes
    number: int
    address: Address
    reason: str

    @classmethod
    def of(cls, session_id: bytes, generation: Generation, reason: str) -> Close:
        """Return the close to be sent in `generation`."""
        return cls(session_id, generation.number, generation.address, reason)


@value
class GoingAway:
    """The node or the host of the sender stops (best effort). The session may continue elsewhere, or later."""

    reason: str


@value
class Error:
    """A message of the receiver could not be delivered."""

    reason: str


Signal: TypeAlias = (
    Hello | Answer | Superseded | Keepalive | KeepaliveAnswer | Confirmation | Data | Close | GoingAway | Error
)

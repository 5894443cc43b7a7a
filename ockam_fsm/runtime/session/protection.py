"""The protection of the messages of one generation, for profiles with a handshake of three messages.

    message   signal that is written      read as
    first     Hello                       Hello (decoded by the profile: there are no keys yet)
    second    Answer                      Answer
    third     Keepalive, the first one    Confirmation
    then      Data, Close, ...            the same

Theory: a handshake begins with the hello and ends with the message that confirms the answer (spec/sessions.md clause
4.4), which in other profiles is the starter's first keepalive. So a third message needs no rows of its own.

Rule 1: a protection is a value. Writing and reading return the next one, so a refused message changes nothing, and a
        snapshot of a session is exact.
Rule 2: reading returns a signal or raises `RemoteSessionError`.
Left out: cryptography (`ockam_fsm/secure`); the explorer uses symbols instead.
Source: spec/sessions.md clauses 15.13 and 18.1.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.session.signals import Signal


class Reading(NamedTuple):
    """The result of reading an authentic message."""

    signal: Signal
    newest: bool
    """No later message was read before: the route to the peer may follow this one."""
    after: Protection


class Protection(Protocol):
    """One end's side of the protected exchange of one generation."""

    @property
    def peer(self) -> str | None:
        """The identifier of the peer once it is authenticated; None before."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the handshake is over. From then on the return route of a message is inside it only."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether the keys are used up: the generation has to end."""
        ...

    def can_send(self, signal: Signal) -> bool:
        """Whether `signal` can be sent now; others are omitted."""
        ...

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        """Return the payload of `signal`, and the protection after it.

        Raises:
            LocalSessionError: it cannot be sent now, or its routes are too long.
        """
        ...

    def read(self, payload: bytes, return_route: Route) -> Reading:
        """Check a payload of the peer.

        Raises:
            RemoteSessionError: the payload is not authentic or not expected now, or the peer is not trusted.
        """
        ...

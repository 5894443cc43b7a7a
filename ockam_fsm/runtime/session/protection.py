"""How the messages of one generation are protected, for profiles that have a handshake of three messages.

    message   signal that is written      read as
    first     Hello                       Hello (the profile decodes it: nothing is known before)
    second    Answer                      Answer
    third     Keepalive, the first one    Confirmation
    then      Data, Close, ...            the same

Theory: a handshake begins with the hello and ends with the message that confirms the answer (spec/sessions.md clause
4.4), which in other profiles is the starter's first keepalive. So a third message needs no rows of its own.

Rule 1: a protection is a value. Writing and reading give the one that follows, so that a message that is refused
        changes nothing, and a snapshot of a session is exact.
Rule 2: whatever a peer sends ends in a signal or in `RemoteSessionError`.
Left out: cryptography (`ockam_fsm/secure`); the explorer has symbols in its place.
Source: spec/sessions.md clauses 15.13 and 18.1.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.session.signals import Signal


class Reading(NamedTuple):
    """What an authentic message says."""

    signal: Signal
    newest: bool
    """No later message was read before: the way back may follow this one."""
    after: Protection


class Protection(Protocol):
    """One end's side of the protected exchange of one generation."""

    @property
    def peer(self) -> str | None:
        """Who the peer is, once it has proved that; None before."""
        ...

    @property
    def complete(self) -> bool:
        """The handshake is over. From now on a message says its return route inside only."""
        ...

    @property
    def exhausted(self) -> bool:
        """It protects no more messages of the application: the generation has to end."""
        ...

    def speaks(self, signal: Signal) -> bool:
        """True if `signal` can be sent now. Others are left unsaid."""
        ...

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        """The payload that says `signal`, and the protection after it.

        Raises:
            LocalSessionError: it cannot be said now, or its routes are too long.
        """
        ...

    def read(self, payload: bytes, return_route: Route) -> Reading:
        """Check a payload of the peer.

        Raises:
            RemoteSessionError: it is not authentic, not expected now, or the peer is not trusted.
        """
        ...

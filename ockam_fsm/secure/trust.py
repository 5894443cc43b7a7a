"""Trust policies: they accept or refuse peers by their verified identifiers.

Rule: a policy that raises refuses the peer. Only the value True accepts it.
Source: Ockam's Rust implementation, `secure_channel/trust_policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.secure.identity import Identifier

UNTRUSTED = "untrusted"


class TrustPolicy(Protocol):
    """A decision about a peer whose identity is verified."""

    def trusts(self, identifier: Identifier) -> bool:
        """True if a channel may be opened with this peer."""


class TrustEveryone:
    """Accepts every peer with a verified identity. The channel is private, but its peer may be anyone."""

    def __repr__(self) -> str:
        return "TrustEveryone()"

    def trusts(self, identifier: Identifier) -> bool:
        """Return True."""
        return True


class TrustIdentifiers:
    """Accepts only the listed peers.

    Args:
        identifiers: identifiers, or their text ("I" and 64 hexadecimal digits).

    Raises:
        LocalSessionError: a text is not an identifier, or the list is empty.
    """

    def __init__(self, identifiers: Iterable[Identifier | str]) -> None:
        check_type("identifiers", identifiers, Iterable)
        if isinstance(identifiers, str):
            identifiers = (identifiers,)
        found = {one if isinstance(one, Identifier) else Identifier.parse(one) for one in identifiers}
        if not found:
            raise LocalSessionError("identifiers: the list is empty; give at least one, or use TrustEveryone")
        self.identifiers = tuple(sorted(found))

    def __repr__(self) -> str:
        return f"TrustIdentifiers({', '.join(map(str, self.identifiers))})"

    def trusts(self, identifier: Identifier) -> bool:
        """Return True for the listed identifiers."""
        return identifier in self.identifiers


class TrustCallback:
    """Lets a function of the application decide. It is called once for each handshake, and must not block.

    Args:
        decide: returns True to accept the peer. Any other value, and any exception, refuses it.

    Raises:
        LocalSessionError: `decide` is not a function.
    """

    def __init__(self, decide: Callable[[Identifier], bool]) -> None:
        if not callable(decide):
            raise LocalSessionError(f"decide: {type(decide).__name__}; give a function of an Identifier")
        self._decide = decide

    def __repr__(self) -> str:
        return f"TrustCallback({getattr(self._decide, '__name__', type(self._decide).__name__)})"

    def trusts(self, identifier: Identifier) -> bool:
        """Return the result of the function."""
        return self._decide(identifier)


def check_trust(policy: TrustPolicy, identifier: Identifier) -> None:
    """Check a peer with a policy.

    Raises:
        RemoteSessionError: the policy refuses the peer or raised an exception, which is chained.
    """
    try:
        trusted = policy.trusts(identifier)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise RemoteSessionError(UNTRUSTED, f"{identifier}: {policy!r} raised {type(error).__name__}") from error
    if trusted is not True:
        raise RemoteSessionError(UNTRUSTED, f"{identifier} is not trusted by {type(policy).__name__}")

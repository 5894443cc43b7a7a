"""Trust policies: which peers a channel is opened with, by their verified identifiers.

Rule: a policy that cannot decide refuses. Only the value True is trust.
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
    """Decides about a peer whose identity is verified."""

    def trusts(self, identifier: Identifier) -> bool:
        """True if a channel may be opened with this peer."""


class TrustEveryone:
    """Whoever proves to own an identity. The channel is private, but nothing says with whom it is."""

    def __repr__(self) -> str:
        return "TrustEveryone()"

    def trusts(self, identifier: Identifier) -> bool:
        """True."""
        return True


class TrustIdentifiers:
    """The peers that are listed, and no others.

    Args:
        identifiers: identifiers, or their text ("I" and 64 hexadecimal digits).

    Raises:
        LocalSessionError: a text is no identifier, or none is listed.
    """

    def __init__(self, identifiers: Iterable[Identifier | str]) -> None:
        check_type("identifiers", identifiers, Iterable)
        if isinstance(identifiers, str):
            identifiers = (identifiers,)
        found = {one if isinstance(one, Identifier) else Identifier.parse(one) for one in identifiers}
        if not found:
            raise LocalSessionError("no identifier is trusted; list at least one, or use TrustEveryone")
        self.identifiers = tuple(sorted(found))

    def __repr__(self) -> str:
        return f"TrustIdentifiers({', '.join(map(str, self.identifiers))})"

    def trusts(self, identifier: Identifier) -> bool:
        """True for those that are listed."""
        return identifier in self.identifiers


class TrustCallback:
    """What a function of the application says. It is called once for each handshake, and it may not wait.

    Args:
        decide: returns True to trust. Any other value, and any exception, refuses.

    Raises:
        LocalSessionError: `decide` is no function.
    """

    def __init__(self, decide: Callable[[Identifier], bool]) -> None:
        if not callable(decide):
            raise LocalSessionError(f"decide: {type(decide).__name__}, a function of an Identifier belongs")
        self._decide = decide

    def __repr__(self) -> str:
        return f"TrustCallback({getattr(self._decide, '__name__', type(self._decide).__name__)})"

    def trusts(self, identifier: Identifier) -> bool:
        """What the function returns."""
        return self._decide(identifier)


def check_trust(policy: TrustPolicy, identifier: Identifier) -> None:
    """Ask a policy about a peer.

    Raises:
        RemoteSessionError: the policy does not trust it, or could not decide. The cause is chained.
    """
    try:
        trusted = policy.trusts(identifier)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise RemoteSessionError(UNTRUSTED, f"{identifier}: {policy!r} raised {type(error).__name__}") from error
    if trusted is not True:
        raise RemoteSessionError(UNTRUSTED, f"{identifier} is not trusted by {type(policy).__name__}")

"""Forwarding policies, which limit the connections that a message from outside may cause, and canonical destinations.

Theory: a node that opens connections to any destination of a peer is a tool for attacks on others. So a policy decides,
for routes in messages and for the initialization routes of hellos alike. It gets the host that the peer's own
connection came from, which cannot be forged, and the destination.

Rule 1: the policy applies to messages from outside. The application of this node may connect anywhere.
Rule 2: all spellings of a destination have one canonical name, so it has one connection.
Source: spec/sessions.md section 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.runtime.encoding.message import Address

FORWARDING_REFUSED = "forwarding is not allowed"

ForwardingPolicy: TypeAlias = Callable[[str, Address], bool]
"""(host of the peer, canonical destination) -> whether its message may make this node connect there."""


def allow_any(host: str, destination: Address) -> bool:
    """Allow every destination."""
    return True


def allow_none(host: str, destination: Address) -> bool:
    """Allow no destination."""
    return False


def allow_peer(host: str, destination: Address) -> bool:
    """Allow the host that the peer's own connection came from, at any port."""
    return bool(host) and host_of(destination) == canonical_host(host)


def only(destinations: Iterable[Address]) -> ForwardingPolicy:
    """Return the policy that allows these destinations to every peer."""
    known = frozenset(map(canonical, destinations))
    return lambda host, destination: destination in known


def policy_of(words: str | Iterable[str], address_of: Callable[[str], Address]) -> ForwardingPolicy:
    """Return the policy named by words: `peer`, `any`, `none`, or HOST:PORT; several are combined.

    Raises:
        LocalSessionError: a word is none of these.
    """
    named = {"any": allow_any, "none": allow_none, "peer": allow_peer}
    check_type("forward_to", words, Iterable)
    chosen = [words] if isinstance(words, str) else list(words)
    for word in chosen:
        check_type("forward_to", word, str)
    policies = [named[word] for word in chosen if word in named]
    others = only([address_of(word) for word in chosen if word not in named])
    if not chosen:
        raise LocalSessionError("forward_to: give peer, any, none, or HOST:PORT")
    if "none" in chosen and len(chosen) > 1:
        raise LocalSessionError("forward_to: none cannot be combined with other values")
    return lambda host, destination: others(host, destination) or any(one(host, destination) for one in policies)


@lru_cache(maxsize=4096)
def canonical(destination: Address) -> Address:
    """Return the canonical name of a destination: its IP address, or its host name in lower case, and the port."""
    host, colon, port = destination.value.rpartition(b":")
    if not colon:
        return destination
    number = port.decode("ascii", "replace").lstrip("0") or "0"
    name = canonical_host(host.decode("utf-8", "surrogateescape"))
    text = f"[{name}]:{number}" if ":" in name else f"{name}:{number}"
    return Address(destination.type, text.encode("utf-8", "surrogateescape"))


def host_of(destination: Address) -> str:
    return canonical_host(destination.value.rpartition(b":")[0].decode("utf-8", "surrogateescape"))


@lru_cache(maxsize=4096)
def canonical_host(host: str) -> str:
    """Return an IP address in its usual form (IPv4 within IPv6 as IPv4), or a name in lower case without a last dot."""
    bare = (host[1:-1] if host.startswith("[") and host.endswith("]") else host).rstrip(".")
    try:
        address = ip_address(bare)
    except ValueError:
        return bare.lower()
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)

"""Conversion of the arguments of applications (names, routes, session types) to the values of the runtime."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from types import NoneType
from typing import Protocol, TypeAlias

from ockam_fsm.kernel.arguments import check_type, look_up
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.session import EXPLICIT_TRANSIENT, session_type_of
from ockam_fsm.machines.vocabulary import Role, SessionType
from ockam_fsm.net.routes import EXAMPLE, parse_route, split_host, tcp
from ockam_fsm.runtime.encoding.gate import check_address, check_route
from ockam_fsm.runtime.encoding.message import LOCAL, Address, Route, local
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import PROFILES, Profile

NameOrAddress: TypeAlias = str | Address
TextOrRoute: TypeAlias = str | Route

WILDCARDS = ("0.0.0.0", "::", "")
"""Listening addresses that name no reachable host for a peer."""

_DURATIONS = Durations()


def address_of(name: NameOrAddress) -> Address:
    """Return the address of a worker. Raises LocalSessionError unless `name` is a name or an address."""
    return local(name) if isinstance(name, str) else check_address("name", name)


def route_of(route: TextOrRoute) -> Route:
    """Return the route. Raises LocalSessionError unless it is a route or the text of one."""
    return _parsed(route) if isinstance(route, str) else check_route("route", route)


class Running(Protocol):
    def require_running(self) -> None: ...


def check_running(node: Running) -> None:
    """Raise LocalSessionError unless `node` is a running node."""
    if isinstance(node, type) or not callable(getattr(node, "require_running", None)):
        raise LocalSessionError(f"node: {type(node).__name__} is not a node; give a TcpNode")
    node.require_running()


class Carrier(Protocol):
    """The layer below a session: a session or a stream session."""

    @property
    def address(self) -> Address:
        """The local address that accepts messages for the other end."""
        ...


def route_over(over: Carrier | None, route: TextOrRoute) -> Route:
    """Return the route, with the address of the carrier in front if there is one.

    Raises:
        LocalSessionError: the carrier has no address or carries no replies, or the route is invalid.
    """
    if over is None:
        return route_of(route)
    address = getattr(over, "address", None) if getattr(over, "traces", True) else None
    if not isinstance(address, Address):
        raise LocalSessionError(f"over: {type(over).__name__} carries no replies; give a session or a stream session")
    return (address, *route_of(route))


_parsed = lru_cache(maxsize=256)(parse_route)


def way_out(route: Route, residents: Container[Address]) -> Route:
    """Return the route to a peer after a check: it begins with a TCP address or with a worker of this node.

    Raises:
        LocalSessionError: it begins with an unknown local worker.
    """
    if route and route[0].type == LOCAL and route[0] not in residents:
        raise LocalSessionError(
            f"route: this node has no worker {route[0]}; begin with a TCP address, as in {EXAMPLE}, or a local worker"
        )
    return route


def way_back(own_route: TextOrRoute | None, addresses: Sequence[str]) -> Route:
    """Return the route from peers to this node: `own_route`, or the first listening address that is not a wildcard.

    Raises:
        LocalSessionError: there is neither.
    """
    if own_route is not None:
        return route_of(own_route)
    for address in addresses:
        if split_host(address)[0] not in WILDCARDS:
            return (tcp(address),)
    raise LocalSessionError(
        "the peer of a two-sided session needs a route to this node: `listen` at an address that peers can reach "
        "(not a wildcard), or give `own_route`"
    )


def config_of(
    session_type: SessionType | str,
    role: Role,
    profile: Profile | str,
    durations: Durations | None,
    attempts: int | None = 5,
    settings: SessionConfig | None = None,
) -> SessionConfig:
    """Return the configuration of a session: `settings`, or one made from the other arguments.

    In profiles that name no sessions (`ockam`, `secure`) every responder is explicit transient, independent of
    `session_type`.

    Raises:
        LocalSessionError: there is no such type or profile, or an argument is of the wrong type.
        DefinitionError: the arguments contradict each other.
    """
    check_type("settings", settings, SessionConfig, NoneType)
    if settings is not None:
        return settings
    if not isinstance(profile, str | Profile):
        raise LocalSessionError(f"profile: {shown(profile)}; give {', '.join(PROFILES)}, or a `secure_profile`")
    check_type("durations", durations, Durations, NoneType)
    check_type("attempts", attempts, int, NoneType)
    kind = session_type_of(session_type)
    chosen = look_up("profile", profile, PROFILES) if isinstance(profile, str) else profile
    if role is Role.RESPONDER and not chosen.names_sessions:
        kind = EXPLICIT_TRANSIENT
    if chosen not in PROFILES.values():  # it may hold secrets, so no cache may keep it longer than its sessions
        return SessionConfig(kind, role, chosen, durations or _DURATIONS, attempts)
    return _config(kind, role, chosen.name, durations or _DURATIONS, attempts)


@lru_cache(maxsize=256)
def _config(kind: SessionType, role: Role, profile: str, durations: Durations, attempts: int | None) -> SessionConfig:
    """Return a shared configuration: it is a value, and its lookups are then done once for all sessions."""
    return SessionConfig(kind, role, PROFILES[profile], durations, attempts)

"""What users of a node write - names, routes, session types - as the values that the runtime takes."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import lru_cache
from types import NoneType
from typing import Protocol, TypeAlias

from ockam_fsm.kernel.arguments import check_type, named
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
"""Addresses to listen at that mean another host elsewhere."""

_DURATIONS = Durations()


def address_of(name: NameOrAddress) -> Address:
    """Raises LocalSessionError unless it is the name or the address of a worker."""
    return local(name) if isinstance(name, str) else check_address("name", name)


def route_of(route: TextOrRoute) -> Route:
    """Raises LocalSessionError unless it is a route, or the text of one."""
    return _parsed(route) if isinstance(route, str) else check_route("route", route)


class Running(Protocol):
    def require_running(self) -> None: ...


def check_running(node: Running) -> None:
    """Raises LocalSessionError unless it is a node that runs."""
    if isinstance(node, type) or not callable(getattr(node, "require_running", None)):
        raise LocalSessionError(f"node: {type(node).__name__}, a TcpNode belongs")
    node.require_running()


class Carrier(Protocol):
    """Whatever messages travel through: a session, or a stream session."""

    @property
    def address(self) -> Address:
        """Where messages for the other end go in."""
        ...


def route_over(over: Carrier | None, route: TextOrRoute) -> Route:
    """A route that begins with a carrier.

    Raises:
        LocalSessionError: the carrier has no address, or the route is none.
    """
    if over is None:
        return route_of(route)
    address = getattr(over, "address", None) if getattr(over, "traces", True) else None
    if not isinstance(address, Address):
        raise LocalSessionError(
            f"over: {type(over).__name__}; a session or a stream session belongs, through which replies come back"
        )
    return (address, *route_of(route))


_parsed = lru_cache(maxsize=256)(parse_route)


def way_out(route: Route, residents: Container[Address]) -> Route:
    """A way to a peer: over TCP, or through a worker that is here.

    Raises:
        LocalSessionError: it begins with a local worker that is not here.
    """
    if route and route[0].type == LOCAL and route[0] not in residents:
        raise LocalSessionError(
            f"route: no worker {route[0]} is here; a peer is reached as {EXAMPLE}, or through a local worker"
        )
    return route


def way_back(own_route: TextOrRoute | None, addresses: Sequence[str]) -> Route:
    """How peers reach this node: a declared way, or an address that it listens at and that means it elsewhere too.

    Raises:
        LocalSessionError: there is none.
    """
    if own_route is not None:
        return route_of(own_route)
    for address in addresses:
        if split_host(address)[0] not in WILDCARDS:
            return (tcp(address),)
    raise LocalSessionError(
        "a two-sided session is called back: `listen` at an address that peers can reach (not a wildcard), "
        "or give `own_route`"
    )


def config_of(
    session_type: SessionType | str,
    role: Role,
    profile: Profile | str,
    durations: Durations | None,
    attempts: int | None = 5,
    settings: SessionConfig | None = None,
) -> SessionConfig:
    """The configuration of a session: `settings`, or what the other arguments say. In profiles that name no sessions
    (`ockam`, `secure`) every responder is explicit transient, whatever `session_type` says.

    Raises:
        LocalSessionError: there is no such type or profile, or an argument is of the wrong type.
        DefinitionError: they do not fit together.
    """
    check_type("settings", settings, SessionConfig, NoneType)
    if settings is not None:
        return settings
    if not isinstance(profile, str | Profile):
        raise LocalSessionError(f"profile: {shown(profile)}; there are {', '.join(PROFILES)}, or use `secure_profile`")
    check_type("durations", durations, Durations, NoneType)
    check_type("attempts", attempts, int, NoneType)
    kind = session_type_of(session_type)
    spoken = named("profile", profile, PROFILES) if isinstance(profile, str) else profile
    if role is Role.RESPONDER and not spoken.names_sessions:
        kind = EXPLICIT_TRANSIENT
    if spoken not in PROFILES.values():  # it may hold secrets: nothing keeps it longer than its sessions do
        return SessionConfig(kind, role, spoken, durations or _DURATIONS, attempts)
    return _config(kind, role, spoken.name, durations or _DURATIONS, attempts)


@lru_cache(maxsize=256)
def _config(kind: SessionType, role: Role, profile: str, durations: Durations, attempts: int | None) -> SessionConfig:
    """One for all sessions of a kind: they are values, and what they look up once is then looked up once for all."""
    return SessionConfig(kind, role, PROFILES[profile], durations, attempts)

"""Checks of the arguments with which workers, sessions and hosts are started.

Rule 1: a wrong value raises `LocalSessionError` in the caller's stack, and nothing has changed (gate.py, rule 1).
Source: spec/sessions.md section 16.
"""

from __future__ import annotations

from collections.abc import Container

from ockam_fsm.kernel.arguments import check_count, check_type
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.vocabulary import Creation
from ockam_fsm.runtime.encoding.bare import MAX_UINT
from ockam_fsm.runtime.encoding.gate import check_address, check_route
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.router import ROUTER
from ockam_fsm.runtime.node.workers import RestartPolicy, plain_function
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES


def check_free(taken: Container[Address], *addresses: object) -> None:
    """Raise LocalSessionError unless a worker can have these addresses."""
    for address in addresses:
        if check_address("address", address) == ROUTER:
            raise LocalSessionError("address: the empty one is reserved for the node, choose another one")
        if address in taken:
            raise LocalSessionError(f"{address}: the address is taken, choose another one")


def check_supervision(restart: object, make: object, stopped: object) -> None:
    """Raise LocalSessionError unless a worker can be supervised with these arguments."""
    if not isinstance(restart, RestartPolicy | None):
        raise LocalSessionError(f"restart: {type(restart).__name__}, expected a RestartPolicy")
    if make is not None:
        plain_function("make", make)
    plain_function("stopped", stopped)


def check_session(
    settings: SessionConfig,
    initialization_route: object,
    own_route: object,
    session_id: object,
    remembered: object,
    recreated: object,
) -> None:
    """Raise LocalSessionError unless an initiator can be started with these arguments."""
    check_type("settings", settings, SessionConfig)
    kind = settings.session_type
    if recreated and (kind.persistent or kind.creation is Creation.EXPLICIT):
        raise LocalSessionError(f"recreated: {kind.name}; only implicit-transient sessions are made anew by a message")
    if not check_route("initialization_route", initialization_route):
        raise LocalSessionError("an initiator needs an initialization route")
    check_route("own_route", own_route)
    if session_id is not None and not (isinstance(session_id, bytes) and len(session_id) in (0, SESSION_ID_BYTES)):
        raise LocalSessionError(f"session_id: {shown(session_id)}, expected {SESSION_ID_BYTES} bytes")
    if type(remembered) is not int or not 0 <= remembered < MAX_UINT:
        raise LocalSessionError(f"remembered: {shown(remembered)}, expected a whole number of 64 bits")


def check_host(settings: object, capacity: object, durable: object, make: object) -> None:
    """Raise LocalSessionError unless a host can be started with these arguments."""
    check_type("settings", settings, SessionConfig)
    check_count("capacity", capacity)
    plain_function("durable", durable)
    if make is not None:
        plain_function("make", make)


def check_application(application: object) -> None:
    """Raise LocalSessionError unless it is None or an address; its worker may be started later."""
    if application is not None:
        check_address("application", application)

"""The gate: the checks of every message that enters this node. A message that passes can always be encoded.

Theory: a message grows on its way. Hops add addresses, and a session writes two more routes before its payload. So the
limits here are less than a frame can hold, and the difference is the reserve for growth. The only later check is the
length of a route, where one is extended (`Router.route`).

Rule 1: a message of the application is checked completely, types included. An error is a `LocalSessionError` in the
        caller's stack, with the limit and the value, and nothing has changed.
Rule 2: a message of a peer has passed the decoder, which checks types and sizes. Here only the reserve for growth is
        checked; a message without it is a dead letter with a reason.
Source: spec/sessions.md section 16.
"""

from __future__ import annotations

import sys

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.text import shown
from ockam_fsm.runtime.encoding.frames import MAX_ADDRESS_BYTES, MAX_FRAME_BYTES, MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import Address, Message, Route

ROOM_FOR_HOPS = 8
MAX_ACCEPTED_ROUTE = MAX_ROUTE_LENGTH - ROOM_FOR_HOPS
MAX_TRACING_CONTEXT_BYTES = 8 * 1024
UNLIMITED = sys.maxsize
_WRITTEN_ADDRESS_BYTES = MAX_ADDRESS_BYTES + 8
ENVELOPE_BYTES = 4 * MAX_ROUTE_LENGTH * _WRITTEN_ADDRESS_BYTES + MAX_TRACING_CONTEXT_BYTES + 64
"""The most bytes of two routes of a message, two more of a session's data, and the tracing context."""

ROUTE_TOO_LONG = "route too long"
PAYLOAD_TOO_LARGE = "payload too large"
TRACING_CONTEXT_TOO_LONG = "tracing context too long"


def payload_limit(frame_bytes: int = MAX_FRAME_BYTES) -> int:
    """Return the largest payload of a message, in bytes, where frames hold `frame_bytes`; half of a small frame."""
    return max(frame_bytes - ENVELOPE_BYTES, frame_bytes // 2)


MAX_PAYLOAD_BYTES = payload_limit()


def check_message(
    message: object,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    longest_route: int = MAX_ACCEPTED_ROUTE,
    max_context_bytes: int = MAX_TRACING_CONTEXT_BYTES,
) -> Message:
    """Check a message of the application completely.

    Raises:
        LocalSessionError: a part is of the wrong type, too large or too long; the text names it and the limit.
    """
    if not isinstance(message, Message):
        raise LocalSessionError(f"message: {_kind(message)}, expected a Message")
    check_route("onward_route", message.onward_route, longest_route)
    check_route("return_route", message.return_route, longest_route)
    check_payload(message.payload, max_payload_bytes)
    check_tracing_context(message.tracing_context, max_context_bytes)
    return message


def check_route(name: str, route: object, longest: int = MAX_ACCEPTED_ROUTE) -> Route:
    """Return `route`. Raises LocalSessionError unless it is a tuple of at most `longest` addresses."""
    if not isinstance(route, tuple) or isinstance(route, Address):
        raise LocalSessionError(f"{name}: a route is a tuple of Address, not {_kind(route)}; write (local('name'),)")
    if len(route) > longest:
        raise LocalSessionError(f"{name}: {len(route)} addresses, limit {longest}")
    for address in route:
        check_address(name, address)
    return route


def check_address(name: str, address: object) -> Address:
    """Return `address`. Raises LocalSessionError unless it can be encoded."""
    if type(address) is not Address:
        raise LocalSessionError(f"{name}: {_kind(address)}, expected an Address; write local('name')")
    kind, value = address
    if type(kind) is not int or not 0 <= kind <= 0xFF:
        raise LocalSessionError(f"{name}: address type {shown(kind)}, expected an int from 0 to 255")
    if type(value) is not bytes:
        raise LocalSessionError(f"{name}: address value of {_kind(value)}, expected bytes; write local('name')")
    if len(value) > MAX_ADDRESS_BYTES:
        raise LocalSessionError(f"{name}: address of {len(value)} bytes, limit {MAX_ADDRESS_BYTES}")
    return address


def check_payload(payload: object, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Return `payload`. Raises LocalSessionError unless it is bytes within the limit."""
    if not isinstance(payload, bytes):
        raise LocalSessionError(f"payload: {_kind(payload)}, expected bytes; encode text with .encode()")
    if len(payload) > max_payload_bytes:
        raise LocalSessionError(f"payload: {len(payload)} bytes, limit {max_payload_bytes}; send it in parts")
    return payload


def check_tracing_context(text: object, max_bytes: int = MAX_TRACING_CONTEXT_BYTES) -> str | None:
    """Return `text`. Raises LocalSessionError unless it is None, or text of at most `max_bytes` in UTF-8."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise LocalSessionError(f"tracing_context: {_kind(text)}, expected text or None")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise LocalSessionError(f"tracing_context: UTF-8 cannot encode it: {error.reason}") from None
    if size > max_bytes:
        raise LocalSessionError(f"tracing_context: {size} bytes, limit {max_bytes}")
    return text


def check_hashable(name: str, value: object) -> None:
    """Raise LocalSessionError unless `value` is hashable."""
    try:
        hash(value)
    except TypeError:
        raise LocalSessionError(f"{name}: {type(value).__name__} cannot be hashed; use text or a tuple") from None


def refusal(
    message: Message, max_payload_bytes: int, longest_route: int = MAX_ACCEPTED_ROUTE
) -> tuple[str, str] | None:
    """Return why a message of a peer is not accepted, as reason and detail; None: it is accepted."""
    if len(message.onward_route) > longest_route or len(message.return_route) > longest_route:
        longest = max(len(message.onward_route), len(message.return_route))
        return ROUTE_TOO_LONG, f"{longest} addresses, limit {longest_route}"
    if len(message.payload) > max_payload_bytes:
        return PAYLOAD_TOO_LARGE, f"{len(message.payload)} bytes, limit {max_payload_bytes}"
    if message.tracing_context is not None:
        size = len(message.tracing_context.encode())
        if size > MAX_TRACING_CONTEXT_BYTES:
            return TRACING_CONTEXT_TOO_LONG, f"{size} bytes, limit {MAX_TRACING_CONTEXT_BYTES}"
    return None


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__

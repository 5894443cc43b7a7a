"""The addresses, routes and messages of Ockam Routing. Their encoding is in `frames.py`.

Source: the discussion, "Session routes"; Ockam's routing protocol as observed (spec/sessions.md, wire clauses).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.arguments import check_type, encode_utf8
from ockam_fsm.kernel.text import neutral
from ockam_fsm.kernel.value import value

LOCAL = 0
TCP = 1
UDP = 2


class Address(NamedTuple):
    """One step of a route: a type (0 local worker, 1 TCP, 2 UDP) and its value in bytes."""

    type: int
    value: bytes

    def __str__(self) -> str:
        text = neutral(self.value.decode("utf-8", "backslashreplace"))
        return text if self.type == LOCAL else f"{self.type}#{text}"


Route: TypeAlias = tuple[Address, ...]


def local(value: str | bytes) -> Address:
    """Return the address of a local worker; text is encoded as UTF-8.

    Raises:
        LocalSessionError: the value is neither text nor bytes, or UTF-8 cannot encode it.
    """
    if isinstance(value, str):
        value = encode_utf8(value)
    elif not isinstance(value, bytes):
        check_type("the value of an address", value, str, bytes)
    return Address(LOCAL, value)


@value
class Message:
    """A message with the rest of its onward route, its return route and its payload.

    `tracing_context` is forwarded unchanged; None: there is none.
    """

    onward_route: Route
    return_route: Route
    payload: bytes
    tracing_context: str | None = None

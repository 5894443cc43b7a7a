"""The largest payload that fits through the layers on its way, each of which adds bytes.

    resident                     how it carries a message                     adds
    session that carries routes  data of the session, along its own route     both routes, heads, perhaps a tag
    session that does not        the message, along the session's route       nothing
    pipe, stream session         a frame or a push with the whole message     both routes, heads, tracing context
    worker                       the message along its route, as a hop        nothing
    any other                    the message as it is                         nothing

Rule 1: a message that does not fit is refused when the application sends it. If it left, a peer would refuse every
        transmission, and a session or a pipe would repeat it indefinitely.
Rule 2: the bytes that a layer adds are an upper estimate.
Rule 3: the last layer is a frame: where frames are small, the routes and the tracing context on the wire count too.
Left out: layers in other nodes, which this node does not know; a message too large for them is a dead letter there. And
        workers that forward a message along a route other than its own.
Source: spec/sessions.md clause 16.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.runtime.encoding.gate import ENVELOPE_BYTES, check_payload
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route
from ockam_fsm.runtime.session.request import Outgoing

MAX_LAYERS = 16
HEAD_BYTES = 128
"""The most bytes that a layer adds besides routes: the heads of a frame or of data, a nonce and a tag."""
ADDRESS_HEAD_BYTES = 8
MOST_ADDED_BYTES = MAX_LAYERS * ENVELOPE_BYTES
"""An upper bound of the bytes that all layers and the routes on the wire add."""
ANSWER_BYTES = 512
"""The bytes by which the routes of an answer may be longer than those of its request."""


class Layer(NamedTuple):
    """The message that a layer makes of another: its routes, and the bytes added to its payload. `whole`: the tracing
    context becomes a part of the payload as well."""

    onward_route: Route
    return_route: Route
    added_bytes: int
    whole: bool = False


class Layered(Protocol):
    def layer(self, onward_route: Route, return_route: Route) -> Layer | None:
        """Return the layer that this resident adds to a message with these routes; None: it adds none."""
        ...


def written_bytes(*routes: Route) -> int:
    """Return the largest number of bytes that a layer adds if it writes these routes beside the payload."""
    return HEAD_BYTES + sum(ADDRESS_HEAD_BYTES + len(one.value) for route in routes for one in route)


def check_fits(
    residents: Mapping[Address, Layered],
    message: Message | Outgoing,
    onward_route: Route,
    most: int,
    *,
    answered: bool = False,
) -> None:
    """Raise LocalSessionError if a message is too large with the bytes that the layers on this route add."""
    if len(message.payload) + MOST_ADDED_BYTES <= most:
        return  # usual messages fit with any layers
    context_bytes = len((message.tracing_context or "").encode())
    back = message.return_route
    limit = largest_payload(residents, onward_route, back, most, answered=answered, context_bytes=context_bytes)
    if limit < 0:
        raise LocalSessionError(f"layers, routes and tracing context: {-limit} bytes too many, without a payload")
    check_payload(message.payload, limit)


def largest_payload(
    residents: Mapping[Address, Layered],
    onward_route: Route,
    return_route: Route,
    most: int,
    *,
    answered: bool = False,
    context_bytes: int = 0,
) -> int:
    """Return the largest payload, in bytes, of a message on this route, where one on the wire may have `most`.

    `answered`: an answer of the same size has to fit too, and its routes are longer. `context_bytes`: the size of the
    tracing context. A negative result: the message does not fit even without a payload.
    """
    room = most  # a frame has as much for the rest of a message, at least (gate.payload_limit)
    for _ in range(MAX_LAYERS):
        resident = residents.get(onward_route[0]) if onward_route else None
        layer = resident.layer(onward_route[1:], return_route) if resident is not None else None
        if layer is None:
            break
        onward_route, return_route, added_bytes, whole = layer
        most -= added_bytes + (ANSWER_BYTES if answered and added_bytes else 0)
        if whole:
            most, context_bytes = most - context_bytes, 0
    if onward_route and (onward_route[0] in residents or onward_route[0].type == TCP):
        most -= max(0, written_bytes(onward_route, return_route) + context_bytes - room)
    return most

"""How large a payload may be that passes through layers: each of them writes something around it.

    resident                     what carries a message on                    adds
    session that carries routes  data of the session, along its own route     both routes, heads, perhaps a tag
    session that does not        the message, along the session's route       nothing
    pipe, stream session         a frame or a push with the whole message     both routes, heads, tracing context
    worker                       the message along its route, as a hop        nothing
    any other                    the message as it is                         nothing

Rule 1: what does not fit is refused where the application gives it. What a peer would refuse is lost at every sending,
        and a session or a pipe would send it again for ever.
Rule 2: what a layer adds is an upper estimate.
Rule 3: in the end it is a frame: where frames are small, the routes and the tracing context on the wire count too.
Left out: layers in other nodes, which this node does not know. What is too large for them is a dead letter there. And
        workers that pass a message on along another route than its own.
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
"""The most that a layer adds besides routes: the heads of a frame or of data, a nonce and a tag."""
ADDRESS_HEAD_BYTES = 8
MOST_ADDED_BYTES = MAX_LAYERS * ENVELOPE_BYTES
"""More than all layers together add, and the routes on the wire."""
ANSWER_BYTES = 512
"""What the routes of an answer may have more than those of its request."""


class Layer(NamedTuple):
    """What becomes of a message: where it is carried on, and how many bytes are added to its payload. `whole`: its
    tracing context becomes a part of the payload as well."""

    onward_route: Route
    return_route: Route
    added_bytes: int
    whole: bool = False


class Layered(Protocol):
    def layer(self, onward_route: Route, return_route: Route) -> Layer | None:
        """What this resident makes of a message that goes on with these routes; None: it leaves as it is."""
        ...


def written_bytes(*routes: Route) -> int:
    """The most that a layer adds which writes these routes beside the payload."""
    return HEAD_BYTES + sum(ADDRESS_HEAD_BYTES + len(one.value) for route in routes for one in route)


def check_fits(
    residents: Mapping[Address, Layered],
    message: Message | Outgoing,
    onward_route: Route,
    most: int,
    *,
    answered: bool = False,
) -> None:
    """Raises LocalSessionError if what layers add makes a message too large that goes this way."""
    if len(message.payload) + MOST_ADDED_BYTES <= most:
        return  # usual messages fit, whatever is added
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
    """How many bytes of payload a message may have that goes this way, where one on the wire may have `most`.

    `answered`: an answer may have as many, whose routes are longer. `context_bytes`: of its tracing context. Less than
    0: not even the rest of it fits.
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

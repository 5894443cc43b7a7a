"""How large a payload may be that passes through layers: each of them writes something around it.

    resident                     what carries a message on                    adds
    session that carries routes  data of the session, along its own route     both routes, heads, perhaps a tag
    session that does not        the message, along the session's route       nothing
    pipe, stream session         a frame or a push with the whole message     both routes, heads
    any other                    the message as it is                         nothing

Rule 1: what does not fit is refused where the application gives it. What a peer would refuse is lost at every sending,
        and a session or a pipe would send it again for ever.
Rule 2: what a layer adds is an upper estimate.
Left out: layers in other nodes, which this node does not know. What is too large for them is a dead letter there.
Source: spec/sessions.md clause 16.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import Address, Route

MAX_LAYERS = 16
HEAD_BYTES = 128
"""The most that a layer adds besides routes: the heads of a frame or of data, a nonce and a tag."""
ADDRESS_HEAD_BYTES = 8
ANSWER_BYTES = 512
"""What the routes of an answer may have more than those of its request."""


class Layer(NamedTuple):
    """What becomes of a message: where it is carried on, and how many bytes are added to its payload."""

    onward_route: Route
    return_route: Route
    added_bytes: int


class Layered(Protocol):
    def layer(self, onward_route: Route, return_route: Route) -> Layer | None:
        """What this resident makes of a message that goes on with these routes; None: it leaves as it is."""
        ...


def written_bytes(*routes: Route) -> int:
    """The most that a layer adds which writes these routes beside the payload."""
    return HEAD_BYTES + sum(ADDRESS_HEAD_BYTES + len(one.value) for route in routes for one in route)


def largest_payload(
    residents: Mapping[Address, Layered], onward_route: Route, return_route: Route, most: int, *, answered: bool = False
) -> int:
    """How many bytes of payload a message may have that goes this way, where one on the wire may have `most`.

    `answered`: an answer may have as many, whose routes are longer.
    """
    for _ in range(MAX_LAYERS):
        resident = residents.get(onward_route[0]) if onward_route else None
        layer = resident.layer(onward_route[1:], return_route) if resident is not None else None
        if layer is None:
            break
        onward_route, return_route, added_bytes = layer
        most -= added_bytes + (ANSWER_BYTES if answered and added_bytes else 0)
    return most

"""The fixed parameters of one session.

Source: spec/sessions.md sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from ockam_fsm.runtime.encoding.message import Address, Route


@dataclass(frozen=True, slots=True)
class Terms:
    """The fixed parameters of one session.

    `outer` is the address that the application sends to. `contact` is the address at which hellos for this end
    arrive: the host's address at a responder, an address of its own at an initiator that answers hellos, else None.
    `own_route` is the initialization route that a two-sided starter gives its peer (empty: the peer has one already).
    """

    session_id: bytes
    outer: Address
    contact: Address | None = None
    own_route: Route = ()

"""Residents: the objects at the addresses of a node, and the envelopes of messages to them.

    resident     its addresses                         carries messages out of the node
    worker       its names                             no
    host         that of a spawner                     no
    session      the outer one, those of its links     to its outer address
    connection   a secret one for each connection      yes
    pipe's end   outer and inner                       as another message (layers.py)

Source: spec/sessions.md sections 10 and 11; router.py has the rules.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.layers import Layer, Layered


class Access(Enum):
    """The senders that may use an address."""

    PRIVATE = "workers of this node"
    PUBLIC = "all nodes"
    SECRET = "all that know its random bits"


class Dependent(Protocol):
    """A session whose messages travel over a connection, or over another session."""

    def lower_layer_lost(self, detail: str) -> None:
        """Handle the loss of the carrier; `detail` is the reason."""
        ...


class Resident(Layered, Protocol):
    """An object with addresses at this node: a worker, a session, a connection."""

    @property
    def replies(self) -> bool:
        """Whether the resident also takes messages to reply addresses made from its own address (sessions do)."""
        ...

    def carries(self, address: Address) -> bool:
        """Whether a message to this address of it leaves the node (a connection's, a session's outer one)."""
        ...

    def sent(self, address: Address, carrier: Resident) -> None:
        """Note that a message whose return route ends at this address of it leaves over `carrier`."""
        ...

    def relied_on_by(self, dependent: Dependent) -> None:
        """Call `dependent.lower_layer_lost` when this carrier is lost."""
        ...

    def dropped_by(self, dependent: Dependent) -> None: ...

    def take(self, envelope: Envelope) -> None:
        """Handle a message to one of its addresses. It never raises."""
        ...

    def fire(self, timer: object) -> None:
        """Handle a timer that it has set."""
        ...


class Inner:
    """The base of residents that carry nothing out of the node and do not track the carriers of their messages."""

    __slots__ = ()

    @property
    def replies(self) -> bool:
        return False

    def carries(self, address: Address) -> bool:
        return False

    def sent(self, address: Address, carrier: Resident) -> None: ...

    def relied_on_by(self, dependent: Dependent) -> None: ...

    def dropped_by(self, dependent: Dependent) -> None: ...

    def layer(self, onward_route: Route, return_route: Route) -> Layer | None:
        return None


class Envelope(NamedTuple):
    """A message within the node.

    `arrived`: the connection or session that brought it in; None: it began here. `alias`: the address that the receiver
    uses as its own, where it is not the one that was reached. `invited`: a session delivers to its own application,
    which may be private. `peer`: the sender's identifier, as authenticated by a secure channel.
    """

    message: Message
    arrived: Resident | None = None
    alias: Address | None = None
    invited: bool = False
    peer: str | None = None

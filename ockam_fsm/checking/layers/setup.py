"""The configuration shared by the two nodes of a world of layers, and the names in it.

    initiator   the node of the two starters: the session above has the outer address `initiator`, the one below `below`
    responder   the node of the two hosts: `host` above, `below-host` below

Source: spec/sessions.md section 11.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.checking.naming import spoken
from ockam_fsm.checking.sessions.labels import said
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import DATA_TAG, INITIATOR, RESPONDER
from ockam_fsm.checking.sessions.symbolic_channel import plaintext_of
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.session.handshake import GENERATION, Place
from ockam_fsm.runtime.session.signals import Data

BOTH = (INITIATOR, RESPONDER)
ABOVE, BELOW = "above", "below"
"""The two layers."""

OUTER_ABOVE, OUTER_BELOW = local(INITIATOR), local("below")
HOST_BELOW = local("below-host")
PEER = Address(TCP, RESPONDER.encode())
"""The address at which the node of the hosts accepts connections."""

LOST = "connection-lost"
"""The fault: this end's newest connection is lost, and only this end is notified."""

CLOSE_BELOW = "close-below"
"""The order to close the session below."""


@dataclass(frozen=True)
class LayersSetup:
    """Two sessions, one over the other. `recreated`: the next message recreates an ended session below (clause 11.2).

    `connections` bounds the connections, `incarnations` the sessions below. `node` is the class of the nodes; known-bad
    machines replace it.
    """

    above: PairConfig
    below: PairConfig
    recreated: bool = False
    connections: int = 2
    incarnations: int = 1
    node: type[Node] = Node

    def config(self, layer: str) -> PairConfig:
        return self.above if layer == ABOVE else self.below

    def session_id(self, layer: str) -> bytes:
        """Return the id of a layer's session. Both sessions may have the same id, since each has its own host."""
        return self.config(layer).session_id(0)


@dataclass(frozen=True, slots=True)
class Frame:
    """A message on a numbered connection."""

    connection: int
    message: Message

    @property
    def label(self) -> str:
        """The message of the session below, with the message of the session above in brackets."""
        return said(self.message, lambda payload: f"[{_carried(self.message)}]")


def _carried(message: Message) -> str:
    data = carried(message)
    return "nothing" if data is None else said(Message(data.onward_route, data.return_route, data.payload))


def carried(message: Message) -> Data | None:
    """Return the data that a message of the session below carries for the one above; None if it carries none."""
    payload = plaintext_of(message.payload)
    if payload[:1] != DATA_TAG:
        return None
    data = GENERATION.decode(payload, Place.WORKER, message.return_route)
    assert isinstance(data, Data)
    return data


class LayerTimer(NamedTuple):
    """A timer of the session with this outer address."""

    worker: Address
    timer: Hashable

    @property
    def label(self) -> str:
        return f"{spoken(self.timer)} of {self.worker}"


def role_of(actor: str) -> Role:
    return Role.INITIATOR if actor == INITIATOR else Role.RESPONDER

"""The connections, sessions and waiting messages of a simulated node."""

from __future__ import annotations

from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.simulation.network import SimulatedNode


def connections_of(node: SimulatedNode) -> list[Connection]:
    return [resident for resident in node.node.router.residents.values() if isinstance(resident, Connection)]


def waiting_in(node: SimulatedNode) -> list[Message]:
    """Return the messages that wait in a node for a connection or for their turn."""
    held = [message for connection in connections_of(node) for message in connection.waiting]
    return held + [envelope.message for origin in node.node.router.round for envelope, _ in origin.queue]


def sessions_of(node: SimulatedNode) -> list[Session]:
    """Return each session of a node once."""
    found: dict[int, Session] = {}
    for resident in node.node.router.residents.values():
        if isinstance(resident, SessionWorker):
            found[id(resident)] = resident.session
    return list(found.values())

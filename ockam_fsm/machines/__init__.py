"""All machines as tables: twelve for sessions, one each for synchronous requests, hosts of responders and supervised
workers, four for streams, and six for pipes."""

from __future__ import annotations

from typing import Any

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.machines.consumer import CONSUMER
from ockam_fsm.machines.pipe_ordering import ORDERING_RECEIVERS
from ockam_fsm.machines.pipe_receiver import PIPE_RECEIVER
from ockam_fsm.machines.pipe_sender import PIPE_SENDER
from ockam_fsm.machines.publisher import PUBLISHER
from ockam_fsm.machines.request import REQUEST
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.spawner import SPAWNER
from ockam_fsm.machines.stream import STREAM
from ockam_fsm.machines.stream_index import STREAM_INDEX
from ockam_fsm.machines.supervised import SUPERVISED
from ockam_fsm.machines.vocabulary import Role

MACHINES: tuple[Machine[Any, Any, Any], ...] = (
    *(table(session_type, role) for session_type in TYPES for role in (Role.INITIATOR, Role.RESPONDER)),
    REQUEST,
    SPAWNER,
    SUPERVISED,
    PUBLISHER,
    STREAM,
    STREAM_INDEX,
    CONSUMER,
    PIPE_SENDER,
    PIPE_RECEIVER,
    *ORDERING_RECEIVERS.values(),
)

__all__ = [
    "CONSUMER",
    "MACHINES",
    "ORDERING_RECEIVERS",
    "PIPE_RECEIVER",
    "PIPE_SENDER",
    "PUBLISHER",
    "REQUEST",
    "SPAWNER",
    "STREAM",
    "STREAM_INDEX",
    "SUPERVISED",
    "TYPES",
    "table",
]

"""Ockam, as tables: the twelve session machines, the synchronous request, the host of responders, the worker,
and the four of a stream."""

from __future__ import annotations

from typing import Any

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.machines.consumer import CONSUMER
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
)

__all__ = [
    "CONSUMER",
    "MACHINES",
    "PUBLISHER",
    "REQUEST",
    "SPAWNER",
    "STREAM",
    "STREAM_INDEX",
    "SUPERVISED",
    "TYPES",
    "table",
]

"""Ockam, as tables: the twelve session machines, the synchronous request, the host of responders, the worker."""

from __future__ import annotations

from typing import Any

from ockam_fsm.kernel.machine import Machine
from ockam_fsm.machines.request import REQUEST
from ockam_fsm.machines.session import TYPES, table
from ockam_fsm.machines.spawner import SPAWNER
from ockam_fsm.machines.supervised import SUPERVISED
from ockam_fsm.machines.vocabulary import Role

MACHINES: tuple[Machine[Any, Any, Any], ...] = (
    *(table(session_type, role) for session_type in TYPES for role in (Role.INITIATOR, Role.RESPONDER)),
    REQUEST,
    SPAWNER,
    SUPERVISED,
)

__all__ = ["MACHINES", "REQUEST", "SPAWNER", "SUPERVISED", "TYPES", "table"]

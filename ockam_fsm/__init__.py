"""Ockam sessions as explicit state machines: drawn, printed, model-checked and run from one table.

Start with `TYPES` and `table(type, role)`. `step` takes one step of a table, pure; `driver_for` runs sessions of it;
`Session` is one end of a session without I/O. The checking engine, for actors of any kind, is `ockam_fsm.checking`.
"""

from __future__ import annotations

from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import DefinitionError, EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.machine import LIMIT, Comparison, Counter, Ignore, Machine, Part, Refuse, Row, Update
from ockam_fsm.kernel.step import Configuration, Outcome, start, step
from ockam_fsm.machines import MACHINES, REQUEST, SPAWNER, TYPES, table
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_PERSISTENT_TWO_SIDED,
    IMPLICIT_TRANSIENT,
)
from ockam_fsm.machines.vocabulary import Creation, Effect, Event, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.host import Host
from ockam_fsm.runtime.knowledge import Terms
from ockam_fsm.runtime.message import Address, Message, Route, local
from ockam_fsm.runtime.request import Outgoing
from ockam_fsm.runtime.session import Session
from ockam_fsm.runtime.settings import BackOff, Durations, Settings

__all__ = [
    "EXPLICIT_PERSISTENT_ONE_SIDED",
    "EXPLICIT_PERSISTENT_TWO_SIDED",
    "EXPLICIT_TRANSIENT",
    "GENERATION",
    "IMPLICIT_PERSISTENT_ONE_SIDED",
    "IMPLICIT_PERSISTENT_TWO_SIDED",
    "IMPLICIT_TRANSIENT",
    "LIMIT",
    "MACHINES",
    "OCKAM",
    "REQUEST",
    "SPAWNER",
    "TYPES",
    "Address",
    "BackOff",
    "Comparison",
    "Configuration",
    "Counter",
    "Creation",
    "DefinitionError",
    "Driver",
    "Durations",
    "Effect",
    "Event",
    "EventRefused",
    "Host",
    "Ignore",
    "LocalSessionError",
    "Machine",
    "Message",
    "Outcome",
    "Outgoing",
    "Part",
    "Profile",
    "Refuse",
    "RemoteSessionError",
    "Renegotiation",
    "Role",
    "Route",
    "Row",
    "Session",
    "SessionType",
    "Settings",
    "State",
    "Terms",
    "Update",
    "driver_for",
    "local",
    "start",
    "step",
    "table",
]

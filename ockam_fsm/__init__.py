"""Ockam sessions as explicit state machines: drawn, printed, model-checked and run from one table.

Start with `TYPES` and `table(type, role)`. `step` takes one step of a table, pure; `driver_for` runs sessions of it;
`Session` is one end of a session without I/O, `TcpNode` a node with sessions over TCP. The checking engine, for actors
of any kind, is `ockam_fsm.checking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import DefinitionError, EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.machine import LIMIT, Comparison, Counter, Ignore, Machine, Part, Refuse, Row, Update
from ockam_fsm.kernel.step import Configuration, Outcome, start, step
from ockam_fsm.machines import MACHINES, REQUEST, SPAWNER, SUPERVISED, TYPES, table
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_PERSISTENT_ONE_SIDED,
    IMPLICIT_PERSISTENT_TWO_SIDED,
    IMPLICIT_TRANSIENT,
)
from ockam_fsm.machines.vocabulary import Creation, Effect, Event, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.pipe.sender import PipeConfig
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.knowledge import Terms
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session

if TYPE_CHECKING:
    from ockam_fsm.net.connection import TcpLimits
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.observability import Metrics
    from ockam_fsm.net.pipes import Pipe, pipe_receiver, pipe_spawner
    from ockam_fsm.net.session import TcpSession
    from ockam_fsm.net.streams.consumer import StreamConsumer
    from ockam_fsm.net.streams.publisher import StreamPublisher
    from ockam_fsm.net.streams.service import StreamService
    from ockam_fsm.net.streams.session import StreamSession
    from ockam_fsm.storage.memory import MemoryStorage
    from ockam_fsm.storage.sqlite import SqliteStorage

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
    "SUPERVISED",
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
    "FileIdentityStore",
    "Host",
    "IdentityStore",
    "Ignore",
    "LocalSessionError",
    "Machine",
    "MemoryIdentityStore",
    "MemoryStorage",
    "Message",
    "Metrics",
    "Ordering",
    "Outcome",
    "Outgoing",
    "Part",
    "Pipe",
    "PipeConfig",
    "Profile",
    "Refuse",
    "RemoteSessionError",
    "Renegotiation",
    "Role",
    "Route",
    "Row",
    "SecureProfile",
    "Session",
    "SessionConfig",
    "SessionType",
    "SqliteStorage",
    "State",
    "StreamConsumer",
    "StreamPublisher",
    "StreamService",
    "StreamSession",
    "TcpLimits",
    "TcpNode",
    "TcpSession",
    "Terms",
    "TrustCallback",
    "TrustEveryone",
    "TrustIdentifiers",
    "TrustPolicy",
    "Update",
    "driver_for",
    "local",
    "pipe_receiver",
    "pipe_spawner",
    "secure_profile",
    "start",
    "step",
    "table",
]

_ON_FIRST_USE = {
    "FileIdentityStore": "secure.identity_store",
    "IdentityStore": "secure.identity_store",
    "MemoryIdentityStore": "secure.identity_store",
    "MemoryStorage": "storage.memory",
    "Metrics": "net.observability",
    "Pipe": "net.pipes",
    "SecureProfile": "secure.profile",
    "SqliteStorage": "storage.sqlite",
    "StreamConsumer": "net.streams.consumer",
    "StreamPublisher": "net.streams.publisher",
    "StreamService": "net.streams.service",
    "StreamSession": "net.streams.session",
    "TcpLimits": "net.connection",
    "TcpNode": "net.node",
    "TcpSession": "net.session",
    "TrustCallback": "secure.trust",
    "TrustEveryone": "secure.trust",
    "TrustIdentifiers": "secure.trust",
    "TrustPolicy": "secure.trust",
    "pipe_receiver": "net.pipes",
    "pipe_spawner": "net.pipes",
    "secure_profile": "net.secure.channels",
}
"""Drawing and checking machines needs neither asyncio nor a database."""


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)

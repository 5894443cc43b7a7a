"""Ockam sessions as explicit state machines: drawn, printed, model-checked and run from one table.

Start with `TYPES` and `table(type, role)`. `step` takes one step of a table as a pure function; `driver_for` returns
the driver that runs sessions of it; `Session` is one end of a session without I/O, `TcpNode` a node with sessions over
TCP. The checking engine, for actors of any kind, is `ockam_fsm.checking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import DefinitionError, Error, EventRefused, LocalSessionError, RemoteSessionError
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
from ockam_fsm.runtime.node.commands import AttemptStarted, Letter, Observation, Observer, StateChanged, WorkerFailed
from ockam_fsm.runtime.node.connections import ConnectionConfig
from ockam_fsm.runtime.node.relay import Registrar, Relay
from ockam_fsm.runtime.node.services import discovery, static_forwarder
from ockam_fsm.runtime.node.workers import Context, Handler, RestartPolicy, echo, hop
from ockam_fsm.runtime.pipe.sender import PipeConfig
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.host import Host
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.terms import Terms
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.publisher import PublisherConfig
from ockam_fsm.runtime.stream.worker import StreamConfig
from ockam_fsm.storage.interface import Storage, StorageError

if TYPE_CHECKING:
    from ockam_fsm.net.async_workers import AsyncHandler
    from ockam_fsm.net.connection import TcpLimits
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.observability import Metrics
    from ockam_fsm.net.pipes import Pipe, pipe_receiver, pipe_spawner
    from ockam_fsm.net.routes import parse_route
    from ockam_fsm.net.session import TcpSession
    from ockam_fsm.net.streams.consumer import StreamConsumer
    from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
    from ockam_fsm.net.streams.publisher_file import PublisherFile
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
    "AsyncHandler",
    "AttemptStarted",
    "BackOff",
    "Comparison",
    "Configuration",
    "ConnectionConfig",
    "ConsumerConfig",
    "Context",
    "Counter",
    "Creation",
    "DefinitionError",
    "Driver",
    "Durations",
    "Effect",
    "Error",
    "Event",
    "EventRefused",
    "FileIdentityStore",
    "Handler",
    "Host",
    "IdentityStore",
    "Ignore",
    "Kept",
    "Letter",
    "LocalSessionError",
    "Machine",
    "MemoryIdentityStore",
    "MemoryStorage",
    "Message",
    "Metrics",
    "Observation",
    "Observer",
    "Ordering",
    "Outcome",
    "Outgoing",
    "Part",
    "Pipe",
    "PipeConfig",
    "Profile",
    "PublisherConfig",
    "PublisherFile",
    "Refuse",
    "Registrar",
    "Relay",
    "RemoteSessionError",
    "Renegotiation",
    "RestartPolicy",
    "Role",
    "Route",
    "Row",
    "SecureProfile",
    "Session",
    "SessionConfig",
    "SessionType",
    "SqliteStorage",
    "State",
    "StateChanged",
    "Storage",
    "StorageError",
    "StreamConfig",
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
    "WorkerFailed",
    "discovery",
    "driver_for",
    "echo",
    "hop",
    "local",
    "parse_route",
    "pipe_receiver",
    "pipe_spawner",
    "secure_profile",
    "start",
    "static_forwarder",
    "step",
    "table",
]

_ON_FIRST_USE = {
    "AsyncHandler": "net.async_workers",
    "FileIdentityStore": "secure.identity_store",
    "IdentityStore": "secure.identity_store",
    "Kept": "net.streams.publisher",
    "MemoryIdentityStore": "secure.identity_store",
    "MemoryStorage": "storage.memory",
    "Metrics": "net.observability",
    "Pipe": "net.pipes",
    "PublisherFile": "net.streams.publisher_file",
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
    "parse_route": "net.routes",
    "pipe_receiver": "net.pipes",
    "pipe_spawner": "net.pipes",
    "secure_profile": "net.secure.channels",
}
"""Names imported on first use: drawing and checking machines needs neither asyncio nor a database."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ockam-fsm")
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ON_FIRST_USE[name]}"), name)

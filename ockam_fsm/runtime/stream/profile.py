"""The plain stream protocol as the handshake profile of a session: `stream_create` is its hello.

    place         signal   payload
    -             Hello    stream_create, or stream_create_partitioned with the number of partitions
    HANDSHAKE     Answer   its response; the last address of the return route is the stream's worker
    HANDSHAKE     Error    `error`: there is no such stream, and why
    WORKER        Data     the payload itself: pushes, pulls and their responses

Rule 1: a service answers once for each partition. The session refuses answers for other partitions.
Left out: the service's side. Its answer makes no session, and needs no state (clause 12.6).
Source: captured from a real node (`tests/vectors/ockam-elixir-wire.json`); spec/sessions.md clause 12.10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    StreamCreated,
    StreamError,
    decode_response,
    encode_request,
)
from ockam_fsm.runtime.session.handshake import NO_RETURN_ROUTE, Place, worker_route
from ockam_fsm.runtime.session.signals import Answer, Data, Error, Hello, Signal

NO_PARTITION = "no such partition"
"""The beginning of the error for the hello of a publisher to a partition that its stream does not have (12.10)."""


@dataclass(frozen=True)
class StreamProfile:
    """The profile of a plain client's session with one partition of a stream. `partitions`: the least number that the
    stream has; None selects the protocol without partitions."""

    stream_name: str
    partition: int = 0
    partitions: int | None = None
    name: ClassVar[str] = "stream"
    keeps_alive: ClassVar[bool] = False
    names_sessions: ClassVar[bool] = False
    carries_routes: ClassVar[bool] = False
    answers_once: ClassVar[bool] = True

    def protection(self, role: Role) -> None:
        """None: messages are not protected."""

    def can_send(self, signal: Signal) -> bool:
        return isinstance(signal, Hello | Data)

    def encode(self, signal: Signal) -> bytes:
        match signal:
            case Hello():
                return encode_request(CreateStream(self.stream_name, self.partitions))
            case Data(payload=payload, onward_route=(), return_route=()):
                return payload
        raise LocalSessionError(f"profile stream has no {type(signal).__name__} with routes of its own")

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        if place is Place.WORKER:
            return Data(payload)
        created = decode_response(payload)
        if isinstance(created, StreamError):
            return Error(created.shown)
        wanted = (self.stream_name, None if self.partitions is None else self.partition)
        if not isinstance(created, StreamCreated) or (created.stream_name, created.partition) != wanted:
            raise RemoteSessionError("misplaced", "an answer for another stream or partition")
        if not return_route:
            raise RemoteSessionError(NO_RETURN_ROUTE, "a stream that cannot be reached")
        worker_route(return_route, return_route[-1])
        return Answer(session_id=b"", generation=None, worker=return_route[-1], resumed=False)

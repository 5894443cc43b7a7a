"""The actors of the worlds of streams, what happens to them, and what they say outside of sessions."""

from __future__ import annotations

from dataclasses import dataclass

from ockam_fsm.checking.sessions.labels import said
from ockam_fsm.checking.sessions.session_actors import Packet
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.stream_messages import (
    GetIndex,
    Pull,
    Pulled,
    Push,
    Pushed,
    SaveIndex,
    Status,
    StreamIndex,
    decode_request,
    decode_response,
)

PUBLISHER, STREAM, INDEX, CONSUMER = "publisher", "stream", "index", "consumer"

PUBLISH = "publish"
"""The order of the application."""

RESTART, STORAGE_FAILS, FORGET_RECORDS = "restart", "storage-fails", "forget-records"
"""Faults: the worker is killed; the storage does not know what it has stored; the log forgets the records of publishers
that have no session."""
RESTART_KEEPING, RESTART_LOSING = "restart-with-state", "restart-without-state"
"""The publisher is killed, and has stored its image or not."""
PROCESSING_FAILS = "processing-fails"
"""The application fails to process a message."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the stream protocol, in bytes."""

    payload: bytes

    @property
    def label(self) -> str:
        return spoken_payload(self.payload)


@dataclass(frozen=True, slots=True)
class StreamPacket(Packet):
    """A message of a session whose data are those of the stream protocol."""

    @property
    def label(self) -> str:
        return said(self.message, spoken_payload)


def spoken_payload(payload: bytes) -> str:
    """A message of the stream protocol, as people call it."""
    for decode in (decode_request, decode_response):
        try:
            return _spoken(decode(payload))
        except RemoteSessionError:
            continue
    return "what nobody understands"


def _spoken(message: object) -> str:
    match message:
        case Push(number, data):
            return f"push {number}: {data.decode()}"
        case Pushed(number, status):
            return f"confirmation {number}" if status is Status.OK else f"rejection {number}"
        case Pull(request_id, index):
            return f"pull {request_id} from {index}"
        case Pulled(request_id, messages):
            found = " ".join(f"{one.index}:{one.data.decode()}" for one in messages)
            return f"response {request_id}, {found or 'nothing'}"
        case GetIndex():
            return "get index"
        case SaveIndex(index=index):
            return f"save index {index}"
        case StreamIndex(index=saved):
            return f"index {saved}"
    return type(message).__name__

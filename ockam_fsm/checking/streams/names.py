"""The names of the actors, orders and faults in worlds of streams, and the messages of the stream protocol."""

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
"""Faults: the worker is killed; the storage fails, with unknown outcome of its writes; the log forgets the records of
all publishers while none has a session."""
RESTART_KEEPING, RESTART_LOSING = "restart-with-state", "restart-without-state"
"""Faults: the publisher is killed, with or without a stored image."""
PROCESSING_FAILS = "processing-fails"
"""Fault: the application fails to process a message."""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """An encoded message of the stream protocol, sent outside of a session."""

    payload: bytes

    @property
    def label(self) -> str:
        return payload_label(self.payload)


@dataclass(frozen=True, slots=True)
class StreamPacket(Packet):
    """A message of a session that carries the stream protocol."""

    @property
    def label(self) -> str:
        return said(self.message, payload_label)


def payload_label(payload: bytes) -> str:
    """Return the label of a message of the stream protocol."""
    for decode in (decode_request, decode_response):
        try:
            return _label(decode(payload))
        except RemoteSessionError:
            continue
    return "a malformed message"


def _label(message: object) -> str:
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

"""The messages of publishers, consumers, stream workers and index workers, in the encoding of real Ockam nodes.

A payload is the BARE struct {protocol: string, data: data}, and data is the body of that protocol:

    protocol                    request                                        response
    stream_create               CreateStream   stream_name: optional string    StreamCreated  stream_name
    stream_create_partitioned   ... then partitions: uint                      ... then partition: uint
    stream_push                 Push           request_id: uint, data          Pushed         request_id, status, index
    stream_pull                 Pull           request_id, index, limit: uint  Pulled         request_id, [index, data]
    stream_index                0 GetIndex     client_id, stream_name          StreamIndex    client_id, stream_name,
                                1 SaveIndex    ... then index: uint                           index: optional uint
    stream_index_partitioned    the same, partition: uint after stream_name    the same
    error                       -                                              StreamError    reason: string

Request and response of one protocol have the same name, so there is a decoder for either. A partition of None is the
plain protocol. SaveIndex has no response; StreamCreated's return route leads to the stream worker.

Rule 1: as in `bare.py`: one encoding per value; `RemoteSessionError` when reading and `LocalSessionError` when writing.
Limit:  `MAX_PULLED_MESSAGES`, because a message is an object for as little as two bytes.
Source: captured from a real node (`tests/vectors/ockam-elixir-wire.json`), except `stream_index_partitioned` and
        `error`, which were read in its source only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias, TypeVar

from ockam_fsm.kernel.text import neutral
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.gate import MAX_PAYLOAD_BYTES

MAX_PULLED_MESSAGES = 65_536
PUSH_BYTES = 64
"""An upper bound of the bytes that a push adds to its data."""
MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES - PUSH_BYTES
"""A message of a stream has to fit into a push, and into a response to a pull that has this one message."""

SHOWN_CHARACTERS = 256
"""The most characters of an error's reason in `StreamError.shown`."""


class Status(IntEnum):
    OK = 0
    ERROR = 1


@dataclass(frozen=True, slots=True)
class StoredMessage:
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CreateStream:
    stream_name: str | None
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class StreamCreated:
    stream_name: str
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Push:
    request_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Pushed:
    request_id: int
    status: Status
    index: int


@dataclass(frozen=True, slots=True)
class Pull:
    request_id: int
    index: int
    limit: int


@dataclass(frozen=True, slots=True)
class Pulled:
    request_id: int
    messages: tuple[StoredMessage, ...]


@dataclass(frozen=True, slots=True)
class GetIndex:
    client_id: str
    stream_name: str
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class SaveIndex:
    client_id: str
    stream_name: str
    index: int
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class StreamIndex:
    client_id: str
    stream_name: str
    index: int | None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class StreamError:
    reason: str

    @property
    def shown(self) -> str:
        """The neutral beginning of the reason, for people. A peer may send megabytes."""
        return neutral(self.reason[:SHOWN_CHARACTERS])


StreamRequest: TypeAlias = CreateStream | Push | Pull | GetIndex | SaveIndex
StreamResponse: TypeAlias = StreamCreated | Pushed | Pulled | StreamIndex | StreamError

T = TypeVar("T")


def encode_request(request: StreamRequest) -> bytes:
    match request:
        case CreateStream(name, partitions):
            return _wrap("stream_create", bare.optional(name, bare.string), partitions)
        case Push(request_id, data):
            return _wrap("stream_push", bare.uint(request_id) + bare.data(data))
        case Pull(request_id, index, limit):
            return _wrap("stream_pull", bare.uint(request_id) + bare.uint(index) + bare.uint(limit))
        case GetIndex(client_id, name, partition):
            return _wrap("stream_index", b"\x00" + bare.string(client_id) + bare.string(name), partition)
    key = b"\x01" + bare.string(request.client_id) + bare.string(request.stream_name)
    return _wrap("stream_index", key, request.partition, bare.uint(request.index))


def encode_response(response: StreamResponse) -> bytes:
    match response:
        case StreamCreated(name, partition):
            return _wrap("stream_create", bare.string(name), partition)
        case Pushed(request_id, status, index):
            return _wrap("stream_push", bare.uint(request_id) + bare.uint(status) + bare.uint(index))
        case Pulled(request_id, messages):
            stored = bare.sequence(messages, _write_stored, MAX_PULLED_MESSAGES)
            return _wrap("stream_pull", bare.uint(request_id) + stored)
        case StreamIndex(client_id, name, index, partition):
            key = bare.string(client_id) + bare.string(name)
            return _wrap("stream_index", key, partition, bare.optional(index, bare.uint))
    return _wrap("error", bare.string(response.reason))


def decode_request(payload: bytes) -> StreamRequest:
    return _unwrap(payload, _REQUESTS)


def decode_response(payload: bytes) -> StreamResponse:
    return _unwrap(payload, _RESPONSES)


def _wrap(protocol: str, before: bytes, partition: int | None = None, after: bytes = b"") -> bytes:
    """Return the payload. A partition stands between `before` and `after`, and changes the protocol's name."""
    if partition is not None:
        protocol, before = f"{protocol}_partitioned", before + bare.uint(partition)
    return bare.string(protocol) + bare.data(before + after)


def _unwrap(payload: bytes, readers: Mapping[str, Callable[[bare.Reader], T]]) -> T:
    envelope = bare.Reader(payload)
    protocol, body = envelope.string(), bare.Reader(envelope.data())
    envelope.end()
    if protocol not in readers:
        raise bare.malformed(f"unexpected stream protocol {protocol[:40]!r}")
    message = readers[protocol](body)
    body.end()
    return message


def _write_stored(message: StoredMessage) -> bytes:
    return bare.uint(message.index) + bare.data(message.data)


def _read_stored(body: bare.Reader) -> StoredMessage:
    return StoredMessage(body.uint(), body.data())


def _read_pulled(body: bare.Reader) -> Pulled:
    return Pulled(body.uint(), body.sequence(lambda: _read_stored(body), MAX_PULLED_MESSAGES))


def _read_index_request(body: bare.Reader, partitioned: bool) -> GetIndex | SaveIndex:
    tag = body.uint()
    if tag > 1:
        raise bare.malformed(f"{tag} is not the tag of an index request")
    client_id, name = body.string(), body.string()
    partition = body.uint() if partitioned else None
    if tag == 0:
        return GetIndex(client_id, name, partition)
    return SaveIndex(client_id, name, body.uint(), partition)


def _read_index(body: bare.Reader, partitioned: bool) -> StreamIndex:
    client_id, name = body.string(), body.string()
    partition = body.uint() if partitioned else None
    return StreamIndex(client_id, name, body.optional(body.uint), partition)


_REQUESTS: Mapping[str, Callable[[bare.Reader], StreamRequest]] = {
    "stream_create": lambda body: CreateStream(body.optional(body.string)),
    "stream_create_partitioned": lambda body: CreateStream(body.optional(body.string), body.uint()),
    "stream_push": lambda body: Push(body.uint(), body.data()),
    "stream_pull": lambda body: Pull(body.uint(), body.uint(), body.uint()),
    "stream_index": lambda body: _read_index_request(body, partitioned=False),
    "stream_index_partitioned": lambda body: _read_index_request(body, partitioned=True),
}
_RESPONSES: Mapping[str, Callable[[bare.Reader], StreamResponse]] = {
    "stream_create": lambda body: StreamCreated(body.string()),
    "stream_create_partitioned": lambda body: StreamCreated(body.string(), body.uint()),
    "stream_push": lambda body: Pushed(body.uint(), body.enum(Status), body.uint()),
    "stream_pull": _read_pulled,
    "stream_index": lambda body: _read_index(body, partitioned=False),
    "stream_index_partitioned": lambda body: _read_index(body, partitioned=True),
    "error": lambda body: StreamError(body.string()),
}

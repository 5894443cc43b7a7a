"""The bytes of a TCP connection between two nodes: one version byte, then frames, each with one message in CBOR.

    connection  01, then frames
    frame       length (4 bytes, big-endian), body; a length of 0 is ignored; at most `MAX_FRAME_BYTES`
    body        [onward_route, return_route, payload, tracing_context]
    route       array of addresses                address   [type 0..255, value]
    payload     byte string                       tracing_context   text or null

Observed on a real Ockam Elixir node, and the captured bytes are the tests (`tests/vectors/ockam-elixir-wire.json`).

Written: exactly 4 elements (a real node closes the connection on 3 and on 5), definite and shortest forms only.
Read:    the forms of that grammar that real nodes accept - indefinite arrays, chunked byte strings, heads that are
     longer than necessary (record `nonminimal_int`: a real node answers `18 00` like `00`) - and 3 elements as well,
     since Rust's encoder may drop a trailing null. Nothing else: no text for bytes, maps, tags, floats, bignums,
     `undefined`, chunked text, or bytes after the message.

Rule 1: decoding a peer's bytes returns a value or raises `RemoteSessionError`. A decoder that has raised once raises
        for everything after; then the connection is closed.
Rule 2: memory is allocated for bytes that have arrived, not for a length field.
Limits of this implementation: `MAX_ROUTE_LENGTH`, `MAX_ADDRESS_BYTES` and `MAX_CHUNKS` per byte string (`cbor.py`);
real nodes state none.

Reader and writer are own code, and cbor2 is the reference in the tests. Measured with cbor2 6.3: a legal frame of
16 MiB full of empty arrays takes 1.1 GiB and 6.5 s before the call returns, and no option limits that; it also resolves
tags (shared references, even cyclic ones, string references, bignums) into types that a later check could not
distinguish. The grammar above is small enough to be read and written directly, which is also faster. The same addresses
occur again and again, so the latest are kept, read and written, in a bounded cache.

Left out: sockets, and the limit of five seconds for the version byte (the edge checks `started`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ockam_fsm.kernel.errors import LocalSessionError, Portable, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.runtime.encoding.cbor import (
    ARRAY,
    BYTES,
    NULL,
    ONE_BYTE_MORE,
    TEXT,
    UINT,
    byte_string,
    head,
    is_break,
    skip_break,
    take,
    written_head,
)
from ockam_fsm.runtime.encoding.message import Address, Message, Route

VERSION = b"\x01"
MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_ROUTE_LENGTH = 128
MAX_ADDRESS_BYTES = 512  # a host name of 253 characters, a port, and some reserve

KEPT_ADDRESSES = 4096
"""The size of each of the two caches of addresses, written and read."""

WRONG_VERSION = "wrong-version"
FRAME_TOO_LARGE = "frame-too-large"

_LENGTH_BYTES = 4
_NO_LENGTH = bytes(_LENGTH_BYTES)
_ZEROS = re.compile(rb"\0+")
_WRITTEN_MESSAGE, _WRITTEN_NULL = b"\x84", b"\xf6"
_PLAIN_MESSAGE, _PLAIN_ADDRESS, _PLAIN_ARRAY, _PLAIN_BYTES = 0x84, 0x82, 0x80, 0x40
_TWO_BYTES_MORE = ONE_BYTE_MORE + 1


def encode_frame(body: bytes, max_frame_bytes: int = MAX_FRAME_BYTES) -> bytes:
    if not 0 < len(body) <= max_frame_bytes:
        raise LocalSessionError(f"a frame holds 1 to {max_frame_bytes} bytes, not {len(body)}")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


class FrameDecoder:
    """Turns chunks of a connection, cut anywhere, into frame bodies.

    `feed` is a generator, so the frames before a bad one are still returned; exhaust it before feeding again. Between
    two chunks only the incomplete part of one frame is kept.
    """

    __slots__ = ("_buffer", "_expecting_body", "_max_frame_bytes", "_refusal", "_wanted", "started")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.started = False
        """Whether the version byte has arrived and is right."""
        self._max_frame_bytes = max_frame_bytes
        self._buffer = bytearray()
        self._wanted = _LENGTH_BYTES
        self._expecting_body = False
        self._refusal: RemoteSessionError | None = None

    @property
    def idle(self) -> bool:
        """Whether no frame is incomplete: a connection that ends now loses nothing."""
        return not self._expecting_body and not self._buffer

    @property
    def buffered(self) -> int:
        """The number of bytes of an incomplete frame."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if self._refusal is not None:
            raise RemoteSessionError(self._refusal.reason, self._refusal.detail)
        at = self._begin(chunk)
        while at < len(chunk):
            if not self._buffer and not self._expecting_body:  # most frames arrive whole
                begin = at + _LENGTH_BYTES
                end = begin + int.from_bytes(chunk[at:begin], "big")
                if begin < end <= len(chunk) and end - begin <= self._max_frame_bytes:
                    yield chunk[begin:end]
                    at = end
                    continue
            if skipped := self._empty_frames(chunk, at):
                at += skipped
                continue
            part = chunk[at : at + self._wanted - len(self._buffer)]
            at += len(part)
            if len(self._buffer) + len(part) < self._wanted:
                self._buffer += part
                return
            if self._buffer:
                self._buffer += part
                part = bytes(self._buffer)
                self._buffer = bytearray()
            if self._expecting_body:
                self._expect(_LENGTH_BYTES, body=False)
                yield part
            else:
                self._announce(int.from_bytes(part, "big"))

    def _begin(self, chunk: bytes) -> int:
        """Return the offset of the frames: after the version byte, if this chunk has it."""
        if self.started or not chunk:
            return 0
        if chunk[:1] != VERSION:
            raise self._refuse(WRONG_VERSION, f"version byte {chunk[0]:#04x}, supported: {VERSION[0]:#04x}")
        self.started = True
        return 1

    def _empty_frames(self, chunk: bytes, at: int) -> int:
        """Return the length of the empty frames that begin here, which are skipped all at once."""
        if self._buffer or self._expecting_body or chunk[at : at + _LENGTH_BYTES] != _NO_LENGTH:
            return 0
        run = _ZEROS.match(chunk, at)  # reads the run only: a chunk may have thousands of them
        zeros = run.end() - at if run is not None else 0
        return zeros - zeros % _LENGTH_BYTES

    def _announce(self, size: int) -> None:
        if size > self._max_frame_bytes:
            raise self._refuse(FRAME_TOO_LARGE, f"frame of {size} bytes announced, limit {self._max_frame_bytes}")
        if size:
            self._expect(size, body=True)

    def _expect(self, size: int, *, body: bool) -> None:
        self._wanted = size
        self._expecting_body = body

    def _refuse(self, reason: str, detail: str) -> RemoteSessionError:
        self._refusal = RemoteSessionError(reason, detail)
        return self._refusal


def encode_message(message: Message) -> bytes:
    """Return the body of a frame.

    Raises:
        LocalSessionError: the decoder would refuse it.
    """
    payload = message.payload
    return b"".join(
        (
            _WRITTEN_MESSAGE,
            written_route(message.onward_route),
            written_route(message.return_route),
            written_head(BYTES, len(payload)),
            payload,
            _WRITTEN_NULL if message.tracing_context is None else _written_text(message.tracing_context),
        )
    )


def check_route(route: Route) -> None:
    """Raise LocalSessionError if `encode_message` would refuse this route."""
    written_route(route)


def written_route(route: Route) -> bytes:
    """Return a route as CBOR.

    Raises:
        LocalSessionError: the route or one of its addresses is too long.
    """
    if len(route) > MAX_ROUTE_LENGTH:
        raise LocalSessionError(f"route of {len(route)} addresses, limit {MAX_ROUTE_LENGTH}")
    return written_head(ARRAY, len(route)) + b"".join(map(_written_address, route))


@lru_cache(maxsize=KEPT_ADDRESSES)
def _written_address(address: Address) -> bytes:
    kind, value = address
    if not 0 <= kind <= 0xFF or len(value) > MAX_ADDRESS_BYTES:
        raise LocalSessionError(
            f"address of type {kind} and {len(value)} bytes; types are 0 to 255, limit {MAX_ADDRESS_BYTES} bytes"
        )
    return written_head(ARRAY, 2) + written_head(UINT, kind) + written_head(BYTES, len(value)) + value


def _written_text(text: str) -> bytes:
    try:
        written = text.encode()
    except UnicodeEncodeError as error:
        raise LocalSessionError(f"tracing context that UTF-8 cannot encode: {error.reason}") from None
    return written_head(TEXT, len(written)) + written


def decode_message(body: bytes) -> Message:
    return decode_plain(body) or decode_any(body)


def decode_plain(body: bytes) -> Message | None:
    """Decode the usual form of a message: short heads, definite lengths, no tracing context. None: another form.

    Encoders, also those of real nodes, write nearly every message in it, and this is three times as fast as
    `decode_any`, with which tests compare it (tests/runtime/test_wire.py). It refuses nothing itself.
    """
    try:
        if body[0] != _PLAIN_MESSAGE:
            return None
        onward_route, at = _plain_route(body, 1)
        return_route, at = _plain_route(body, at)
        size, at = body[at] - _PLAIN_BYTES, at + 1
        if size == ONE_BYTE_MORE:
            size, at = body[at], at + 1
        elif size == _TWO_BYTES_MORE:
            size, at = body[at] << 8 | body[at + 1], at + 2
        elif not 0 <= size < ONE_BYTE_MORE:
            return None
        end = at + size
        if end + 1 != len(body) or body[end] != NULL:
            return None
    except (IndexError, _NotPlain):
        return None
    return Message(onward_route, return_route, body[at:end])


class _NotPlain(Portable, Exception):
    """Not the usual form, which is not an error."""


def _plain_route(body: bytes, at: int) -> tuple[Route, int]:
    count, at = body[at] - _PLAIN_ARRAY, at + 1
    if not 0 <= count < ONE_BYTE_MORE:
        raise _NotPlain
    route: list[Address] = []
    for _ in range(count):
        size = body[at + 2] - _PLAIN_BYTES
        end = at + 4 + body[at + 3] if size == ONE_BYTE_MORE else at + 3 + size
        route.append(_plain_address(body[at:end]))
        at = end
    return tuple(route), at


@lru_cache(maxsize=KEPT_ADDRESSES)
def _plain_address(written: bytes) -> Address:
    kind, size, value = written[1], written[2] - _PLAIN_BYTES, written[3:]
    if size == ONE_BYTE_MORE:
        size, value = written[3], written[4:]
    elif size > ONE_BYTE_MORE:
        raise _NotPlain
    if written[0] != _PLAIN_ADDRESS or kind >= ONE_BYTE_MORE or size != len(value):
        raise _NotPlain
    return Address(kind, value)


def decode_any(body: bytes) -> Message:
    """Decode the whole grammar. Raises RemoteSessionError with the reason for any other body."""
    count, at = head(body, 0, ARRAY)
    if count not in (3, 4, None):
        raise malformed(f"message of {count} elements, expected 3 or 4")
    onward_route, at = read_route(body, at)
    return_route, at = read_route(body, at)
    payload, at = byte_string(body, at)
    tracing_context = None
    if count == 4 or (count is None and not is_break(body, at)):
        tracing_context, at = _tracing_context(body, at)
    if count is None:
        at = skip_break(body, at)
    if at != len(body):
        raise malformed(f"{len(body) - at} bytes after the message")
    return Message(onward_route, return_route, payload, tracing_context)


def read_route(body: bytes, at: int) -> tuple[Route, int]:
    """Return a route, and the offset after it.

    Raises:
        RemoteSessionError: the bytes are not a route, or the route is too long.
    """
    count, at = head(body, at, ARRAY)
    route: list[Address] = []
    while len(route) != count:  # None is never equal: an indefinite array ends at its break
        if count is None and is_break(body, at):
            at += 1
            break
        if len(route) == MAX_ROUTE_LENGTH:
            raise malformed(f"route of more than {MAX_ROUTE_LENGTH} addresses")
        address, at = _address(body, at)
        route.append(address)
    return tuple(route), at


def _address(body: bytes, at: int) -> tuple[Address, int]:
    count, at = head(body, at, ARRAY)
    if count not in (2, None):
        raise malformed(f"address of {count} elements, expected 2")
    kind, at = head(body, at, UINT)
    if kind is None or kind > 0xFF:
        raise malformed(f"address type {kind}, expected 0 to 255")
    value, at = byte_string(body, at)
    if len(value) > MAX_ADDRESS_BYTES:
        raise malformed(f"address of {len(value)} bytes, limit {MAX_ADDRESS_BYTES}")
    if count is None:
        at = skip_break(body, at)
    return Address(kind, value), at


def _tracing_context(body: bytes, at: int) -> tuple[str | None, int]:
    if body[at : at + 1] == bytes((NULL,)):
        return None, at + 1
    size, at = head(body, at, TEXT)
    written, at = take(body, at, size)
    try:
        return written.decode(), at
    except UnicodeDecodeError as error:
        raise malformed(f"tracing context is not UTF-8: {error.reason}") from None

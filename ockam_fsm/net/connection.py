"""One TCP connection of a node: conversion of bytes to messages and back, and the limits for hostile peers.

Rule 1: received bytes become messages, or the connection is closed and the reason logged. Nothing else is affected.
Rule 2: input of a slow inbound peer is not read, so that answers to it wait only in its own connection. Input of a slow
        outbound peer is read: if both ends paused, two nodes that flood each other would deadlock. Other output to a
        slow peer waits within `held_bytes`; beyond that it becomes dead letters, since blocking its sender would block
        the other messages of that sender.
Rule 3: every wait for a peer is limited: for the version byte, for the rest of a frame, for a slow peer to read, for
        the last bytes before closing.
Rule 4: input is decoded in turns (`take`), a bounded number of frames each, so that no connection starves the others.
        Reading pauses while input waits. Kept bytes are charged to the origin of the connection.
Source: spec/sessions.md, wire clauses; frames.py.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Transport
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from ockam_fsm.kernel.errors import DefinitionError, RemoteSessionError
from ockam_fsm.runtime.encoding.frames import (
    MAX_FRAME_BYTES,
    VERSION,
    FrameDecoder,
    decode_message,
    encode_frame,
    encode_message,
)
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.node.ledger import TOTAL_BYTES, Origin
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.session.config import count_problems, seconds_problems

NOT_READING = "the peer does not read"

SLICE_BYTES = 16 * 1024
"""Input is decoded in slices of this size."""

MAX_CHUNKS = 8
"""Reading pauses while more slices than this wait."""

BACKLOG_BYTES = 64 * 1024
"""While messages of one peer wait for delivery with more bytes than this, no more of its input is decoded."""

logger = logging.getLogger("ockam_fsm.tcp")


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """The limits of the resources that peers may use at a node.

    `frame_bytes`: the largest frame. `connections`: how many are accepted. `write_ahead_bytes`: output not yet taken by
    the operating system, beyond which a connection is slow. `held_bytes`: unread output of one slow connection.
    `total_bytes`: everything that is kept for peers and the application together (ledger.py).

    `version_seconds`: until the version byte. `frame_seconds`: until a frame is complete. `stalled_seconds`: until a
    slow peer reads again. `linger_seconds`: to write pending output before closing. `silent_seconds`: until a peer that
    acknowledges nothing is given up. `first_frame_seconds`: until an accepted connection has carried a message.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    frame_bytes: int = MAX_FRAME_BYTES
    connections: int = 10_000
    write_ahead_bytes: int = 256 * 1024
    held_bytes: int = 16 * 1024 * 1024
    total_bytes: int = TOTAL_BYTES
    version_seconds: float = 5.0
    frame_seconds: float = 30.0
    stalled_seconds: float = 60.0
    linger_seconds: float = 5.0
    silent_seconds: int = 60
    first_frame_seconds: float = 120.0

    def __post_init__(self) -> None:
        problems = [
            *count_problems(self, "frame_bytes", "held_bytes", "silent_seconds", least=1),
            *count_problems(self, "connections", "write_ahead_bytes", "total_bytes"),
            *seconds_problems(self, "version_seconds", "frame_seconds", "stalled_seconds", "linger_seconds",
                              "first_frame_seconds"),
        ]  # fmt: skip
        if problems:
            raise DefinitionError("TCP limits", problems)


class ConnectionOwner(Protocol):
    """The interface of the edge to its connections; `TcpEdge` implements it."""

    node: Node
    limits: TcpLimits
    loop: asyncio.AbstractEventLoop

    def admit(self, connection: TcpConnection) -> bool: ...
    def accepted(self, connection: TcpConnection) -> None: ...
    def lost(self, connection: TcpConnection, reason: str) -> None: ...
    def forget(self, connection: TcpConnection, reason: str) -> None: ...
    def account(self, connection: TcpConnection, size: int) -> bool: ...
    def has_input(self, connection: TcpConnection) -> None: ...
    def pump(self) -> None: ...


class TcpConnection(asyncio.Protocol):
    """The protocol of one connection. An outbound one has its `via` from `Connect`; an inbound one gets it with the
    version byte of the peer."""

    __slots__ = (
        "_carried", "_chunks", "_deadline", "_decoder", "_edge", "_ended", "_frame_since", "_frames", "_out",
        "_out_bytes", "_reading", "_started_at", "_unread_since", "_waiting", "counted", "has_input", "inbound",
        "origin", "peer", "reason", "transport", "via",
    )  # fmt: skip

    def __init__(self, edge: ConnectionOwner, via: Address | None = None, peer: str = "") -> None:
        self._edge = edge
        self.via = via
        self.inbound = via is None
        self.peer = peer
        self.reason = ""
        self.transport: Transport | None = None
        self.counted = 0
        """Bytes of this connection that are charged to its origin."""
        self._decoder = FrameDecoder(edge.limits.frame_bytes)
        self.origin: Origin | None = None
        """The origin that its bytes are charged to, once the node has registered the connection."""
        self._chunks: deque[bytes] = deque()
        """Input that is not decoded yet."""
        self._frames: Iterator[bytes] = iter(())
        self._carried = False
        self._ended: str | None = None
        """The reason why its socket closed, while input waits."""
        self.has_input = False
        """Whether there is input that is not decoded yet."""
        self._reading = True
        self._started_at = edge.loop.time()
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._frame_since: float | None = None
        self._unread_since: float | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def slow(self) -> bool:
        """Whether the peer reads more slowly than this node writes."""
        return self._unread_since is not None

    # From the event loop ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("Transport", transport)
        edge, limits = self._edge, self._edge.limits
        if not edge.admit(self):
            return
        self.transport.set_write_buffer_limits(high=limits.write_ahead_bytes)
        self.transport.write(VERSION)
        self._deadline = edge.loop.call_later(limits.version_seconds, self.fail, "no version byte in time")

    def data_received(self, data: bytes) -> None:
        if self.reason:
            return
        if len(data) <= SLICE_BYTES:
            self._chunks.append(data)
        else:
            self._chunks.extend(data[at : at + SLICE_BYTES] for at in range(0, len(data), SLICE_BYTES))
        if not self.has_input:
            self.has_input = True
            self._edge.has_input(self)
        if len(self._chunks) > MAX_CHUNKS:
            self._read_or_pause()

    def pause_writing(self) -> None:
        self._unread_since = self._edge.loop.time()
        self._read_or_pause()

    def resume_writing(self) -> None:
        self._unread_since = None
        if self._frame_since is not None:  # this node had paused reading its rest
            self._frame_since = self._edge.loop.time()
        self._edge.account(self, self._decoder.buffered)
        self._read_or_pause()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._cancel_deadline()
        self._wake()
        unfinished = "" if self._decoder.idle or self.has_input else "in the middle of a frame"
        ended = self.reason or str(exc or "") or unfinished or "closed by the peer"
        if self.has_input and not self.reason:
            self._ended = ended  # received input is delivered first
        else:
            self._lost(ended)

    # From the edge ----------------------------------------------------------------------------------------------------

    def take(self, most: int) -> int:
        """Decode at most `most` units of input, pass the messages to the node, and return the number of units.

        A slice of input is one unit. A frame is one unit, plus one for each `SLICE_BYTES` of it, so that ignored empty
        frames count as well. Nothing is decoded while the backlog of this peer is full.
        """
        used = 0
        try:
            while used < most and not self.reason and not self._backlogged:
                for body in self._frames:
                    used += 1 + len(body) // SLICE_BYTES
                    self._receive(body)
                    if used >= most or self.reason or self._backlogged:
                        break
                else:
                    if not self._chunks:
                        self.has_input = False
                        break
                    used += 1
                    self._decode_next()
        except RemoteSessionError as error:
            self._edge.pump()  # earlier messages are answered first
            self.fail(str(error))
        if self.reason:
            self._drop_input()
        if not self.has_input:
            self._input_taken()
        return used

    @property
    def _backlogged(self) -> bool:
        """Whether enough messages of this peer wait in the node for delivery."""
        origin = self.origin
        return origin is not None and origin.held_bytes > BACKLOG_BYTES and bool(origin.queue)

    def _receive(self, body: bytes) -> None:
        self._frame_since = None
        self._carried = True
        assert self.via is not None
        self._edge.node.receive(decode_message(body), self.via)

    def _decode_next(self) -> None:
        chunk = self._chunks.popleft()
        if not self._decoder.started:
            tuple(self._decoder.feed(chunk[:1]))
            self._version_received()
            chunk = chunk[1:]
        self._frames = self._decoder.feed(chunk)

    def _input_taken(self) -> None:
        """All input is decoded: wait for the rest of a frame, or report a connection whose socket has closed."""
        if self._ended is not None:
            self._lost(self._ended)
        elif not self.reason:
            if self.counted or not self._decoder.idle:
                self._account_unfinished()
            if not self._reading:
                self._read_or_pause()

    def _lost(self, ended: str) -> None:
        self._ended = None
        self._drop_input()
        self._edge.lost(self, ended)

    def _drop_input(self) -> None:
        self._chunks.clear()
        self._frames = iter(())
        self._decoder = FrameDecoder(self._edge.limits.frame_bytes)  # drops the unfinished frame of the old one
        self.has_input = False

    def _read_or_pause(self) -> None:
        """Pause reading while input waits, and for a slow inbound peer (rule 2)."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        waits = len(self._chunks) > MAX_CHUNKS
        read = not waits and not (self.slow and self.inbound)
        if read is not self._reading:
            self._reading = read
            (transport.resume_reading if read else transport.pause_reading)()

    def write(self, message: Message) -> str:
        """Queue a message for the next `flush`. Return the reason if it cannot be written, else an empty text."""
        if self.transport is None or self.reason:
            return "connection lost"
        frame = encode_frame(encode_message(message), self._edge.limits.frame_bytes)
        if self.slow:
            size = self.transport.get_write_buffer_size() + self._out_bytes + len(frame)
            if size > self._edge.limits.held_bytes or not self._edge.account(self, size + self._decoder.buffered):
                return NOT_READING
        self._out.append(frame)
        self._out_bytes += len(frame)
        return ""

    def flush(self) -> None:
        out, self._out, self._out_bytes = self._out, [], 0
        if out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(out) if len(out) > 1 else out[0])

    def fail(self, reason: str) -> None:
        """Close the connection and log the reason."""
        logger.warning("connection to %s closed: %s", self.peer, reason, extra=self.facts(reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Notify the node at once; close the connection once its output is written, at most `linger_seconds` later."""
        if self.reason:
            return
        if self.transport is None:
            self._give_up_input()
            return
        self.reason = reason
        self._cancel_deadline()
        self.flush()
        self.transport.close()
        self._edge.forget(self, reason)
        self._deadline = self._edge.loop.call_later(self._edge.limits.linger_seconds, self.abort)

    def abort(self) -> None:
        self._give_up_input()
        self.reason = self.reason or "aborted"
        if self.transport is not None:
            self.transport.abort()

    def _give_up_input(self) -> None:
        """Drop the input of a connection whose socket closed before the input was decoded."""
        if self._ended is not None:
            self.reason = self._ended
            self._lost(self._ended)

    def evict(self, reason: str) -> None:
        """End the connection at once, without a call into the node, which may be in the middle of a delivery."""
        if not self.reason:
            logger.warning("connection to %s closed: %s", self.peer, reason, extra=self.facts(reason))
        self.reason = self.reason or reason
        self._drop_input()
        if self.transport is not None:
            self.transport.abort()

    def check(self, now: float) -> None:
        """Close the connection if a wait has lasted too long; called periodically."""
        limits = self._edge.limits
        if self._unread_since is not None:
            if now - self._unread_since > limits.stalled_seconds:
                self.fail(NOT_READING)
                self.abort()
        elif self.has_input or not self._reading:
            return  # this node delays the peer
        elif self._frame_since is not None and now - self._frame_since > limits.frame_seconds:
            self.fail("a frame was not finished in time")
        elif self.inbound and not self._carried and now - self._started_at > limits.first_frame_seconds:
            self.fail("no message in time")

    async def writable(self) -> None:
        """Wait until the peer reads again or the connection is closed."""
        while self.slow and self.transport is not None:
            if self._waiting is None:
                self._waiting = self._edge.loop.create_future()
            await asyncio.shield(self._waiting)

    def facts(self, reason: str) -> dict[str, object]:
        """Return the fields of a structured log record."""
        return {"peer": self.peer, "via": str(self.via or ""), "reason": reason}

    def _version_received(self) -> None:
        """The version byte of the peer was received and is valid."""
        self._cancel_deadline()
        if self.via is None:
            self._edge.accepted(self)
        else:
            self._edge.node.connected(self.via)

    def _account_unfinished(self) -> None:
        """Charge an unfinished frame to the origin, and start its time limit."""
        if self._decoder.idle:
            if self.counted and not self.slow:
                self._edge.account(self, 0)
            return
        if self._frame_since is None:
            self._frame_since = self._edge.loop.time()
        if not self._edge.account(self, self._decoder.buffered):
            self.fail("the node is full, and this peer uses the largest part")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

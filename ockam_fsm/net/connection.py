"""One TCP connection of a node: bytes to messages and back, and everything that a hostile peer can do to it.

Rule 1: bytes end in messages, or the connection is closed with the reason logged. Nothing else is affected.
Rule 2: a peer that connected to us and does not read is not read from, so that answers wait nowhere but in its own
        connection. Whom we connected to is read from even so: if both ends did the same, two of ours that flood each
        other would both stop for ever. What else is sent to a slow peer waits within `held_bytes`; what is more is a
        dead letter, since holding its sender up would hold up everything else that it sends.
Rule 3: every wait for a peer has an end: the version byte, the rest of a frame, the reading of what was written, the
        last bytes before closing.
Rule 4: messages of one read are handed to the node together, and what they lead to is written at once (`TcpEdge.pump`).
Source: spec/sessions.md, wire clauses; frames.py.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Transport
from dataclasses import dataclass
from typing import Protocol, cast

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.frames import (
    MAX_FRAME_BYTES,
    VERSION,
    FrameDecoder,
    decode_message,
    encode_frame,
    encode_message,
)
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.node.node import Node

NOT_READING = "the peer does not read"
UNWRITABLE = "no frame can hold it"

logger = logging.getLogger("ockam_fsm.tcp")


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What a peer may cost us. `connections`: those accepted. `write_ahead_bytes`: written and not yet taken by the
    operating system before a connection counts as slow. `held_bytes` for one slow connection, `total_bytes` for all of
    them and all unfinished frames together."""

    frame_bytes: int = MAX_FRAME_BYTES
    connections: int = 10_000
    write_ahead_bytes: int = 256 * 1024
    held_bytes: int = 16 * 1024 * 1024
    total_bytes: int = 256 * 1024 * 1024
    version_seconds: float = 5.0
    frame_seconds: float = 30.0
    stalled_seconds: float = 60.0
    linger_seconds: float = 5.0
    silent_seconds: int = 60


class ConnectionOwner(Protocol):
    """What a connection needs of the edge that it belongs to; `TcpEdge` has it."""

    node: Node
    limits: TcpLimits
    loop: asyncio.AbstractEventLoop

    def admit(self, connection: TcpConnection) -> bool: ...
    def accepted(self, connection: TcpConnection) -> None: ...
    def lost(self, connection: TcpConnection, reason: str) -> None: ...
    def forget(self, connection: TcpConnection, reason: str) -> None: ...
    def account(self, connection: TcpConnection, size: int) -> bool: ...
    def pump(self) -> None: ...


class TcpConnection(asyncio.Protocol):
    """Made by the edge: for `Connect` with its `via`, by a listener without one until the version byte is here."""

    __slots__ = (
        "_deadline",
        "_decoder",
        "_edge",
        "_frame_since",
        "_out",
        "_out_bytes",
        "_unread_since",
        "_waiting",
        "counted",
        "inbound",
        "peer",
        "reason",
        "transport",
        "via",
    )  # fmt: skip

    def __init__(self, edge: ConnectionOwner, via: Address | None = None, peer: str = "") -> None:
        self._edge = edge
        self.via = via
        self.inbound = via is None
        self.peer = peer
        self.reason = ""
        self.transport: Transport | None = None
        self.counted = 0
        """Bytes of this connection in the edge's account."""
        self._decoder = FrameDecoder(edge.limits.frame_bytes)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._frame_since: float | None = None
        self._unread_since: float | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def slow(self) -> bool:
        """The peer does not read as fast as we write."""
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
        decoder, edge = self._decoder, self._edge
        if self.reason:
            return
        try:
            if not decoder.started:
                tuple(decoder.feed(data[:1]))
                data = data[1:]
                self._stand()
            assert self.via is not None
            for body in decoder.feed(data):
                self._frame_since = None
                edge.node.receive(decode_message(body), self.via)
        except RemoteSessionError as error:
            edge.pump()
            self.fail(str(error))
            return
        edge.pump()
        self._account_unfinished()

    def pause_writing(self) -> None:
        self._unread_since = self._edge.loop.time()
        if self.inbound and self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._unread_since = None
        if self._frame_since is not None:  # it was we who did not read its rest
            self._frame_since = self._edge.loop.time()
        self._edge.account(self, self._decoder.buffered)
        if self.inbound and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._cancel_deadline()
        self._wake()
        unfinished = "" if self._decoder.idle else "in the middle of a frame"
        self._edge.lost(self, self.reason or str(exc or "") or unfinished or "closed by the peer")

    # From the edge ----------------------------------------------------------------------------------------------------

    def write(self, message: Message) -> str:
        """Write a message with the next `flush`. The result says why it cannot be, if so."""
        if self.transport is None or self.reason:
            return "connection lost"
        try:
            frame = encode_frame(encode_message(message), self._edge.limits.frame_bytes)
        except LocalSessionError as error:
            logger.warning("message not written: %s", error, extra={"peer": self.peer, "reason": str(error)})
            return UNWRITABLE
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
        """Close the connection, and log why."""
        logger.warning("connection to %s closed: %s", self.peer, reason, extra=self.facts(reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Close it after what was written, `linger_seconds` later at the latest; the node hears of it at once."""
        if self.reason or self.transport is None:
            return
        self.reason = reason
        self._cancel_deadline()
        self.flush()
        self.transport.close()
        self._edge.forget(self, reason)
        self._deadline = self._edge.loop.call_later(self._edge.limits.linger_seconds, self.abort)

    def abort(self) -> None:
        self.reason = self.reason or "aborted"
        if self.transport is not None:
            self.transport.abort()

    def check(self, now: float) -> None:
        """Called from time to time: a wait that has lasted too long ends the connection."""
        limits = self._edge.limits
        if self._unread_since is not None:
            if now - self._unread_since > limits.stalled_seconds:
                self.fail(NOT_READING)
                self.abort()
        elif self._frame_since is not None and now - self._frame_since > limits.frame_seconds:
            self.fail("a frame was not finished in time")

    async def writable(self) -> None:
        """Wait until the peer reads again, or is gone."""
        while self.slow and self.transport is not None:
            if self._waiting is None:
                self._waiting = self._edge.loop.create_future()
            await asyncio.shield(self._waiting)

    def facts(self, reason: str) -> dict[str, object]:
        """What a structured log says of this connection."""
        return {"peer": self.peer, "via": str(self.via or ""), "reason": reason}

    # Within -----------------------------------------------------------------------------------------------------------

    def _stand(self) -> None:
        """The peer's version byte is here and right."""
        self._cancel_deadline()
        if self.via is None:
            self._edge.accepted(self)
        else:
            self._edge.node.connected(self.via)

    def _account_unfinished(self) -> None:
        """An unfinished frame waits for its rest, for a time and within the common limit."""
        if self._decoder.idle:
            if self.counted and not self.slow:
                self._edge.account(self, 0)
            return
        if self._frame_since is None:
            self._frame_since = self._edge.loop.time()
        if not self._edge.account(self, self._decoder.buffered):
            self.fail("unfinished frames take too much memory")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

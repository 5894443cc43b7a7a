"""One TCP connection of a node: bytes to messages and back, and everything that a hostile peer can do to it.

Rule 1: bytes end in messages, or the connection is closed with the reason logged. Nothing else is affected.
Rule 2: a peer that connected to us and does not read is not read from, so that answers wait nowhere but in its own
        connection. Whom we connected to is read from even so: if both ends did the same, two of ours that flood each
        other would both stop for ever. What else is sent to a slow peer waits within `held_bytes`; what is more is a
        dead letter, since holding its sender up would hold up everything else that it sends.
Rule 3: every wait for a peer has an end: the version byte, the rest of a frame, the reading of what was written, the
        last bytes before closing.
Rule 4: input is decoded in turns (`take`), a bounded number of frames each, so that no connection takes the node's time
        from the others. Reading pauses while input waits. What is kept is charged to the connection's origin.
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
"""More slices than these are not waited for: reading pauses."""

BACKLOG_BYTES = 64 * 1024
"""While messages of one peer wait for delivery and keep more than this, no more of its input is decoded."""

logger = logging.getLogger("ockam_fsm.tcp")


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What peers may cost a node.

    `frame_bytes`: the largest frame. `connections`: how many are accepted. `write_ahead_bytes`: written and not yet
    taken by the operating system before a connection counts as slow. `held_bytes`: unread output of one slow
    connection. `total_bytes`: everything that is kept for peers and the application together (ledger.py).

    `version_seconds`: until the version byte. `frame_seconds`: until a frame is complete. `stalled_seconds`: until a
    slow peer reads again. `linger_seconds`: to write what is left before closing. `silent_seconds`: until a peer that
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
    """What a connection needs of the edge that it belongs to; `TcpEdge` has it."""

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
    """Made by the edge: for `Connect` with its `via`, by a listener without one until the version byte is here."""

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
        """Bytes of this connection in the edge's account."""
        self._decoder = FrameDecoder(edge.limits.frame_bytes)
        self.origin: Origin | None = None
        """Whom its bytes are charged to, once the node knows it."""
        self._chunks: deque[bytes] = deque()
        """Input that is not decoded yet."""
        self._frames: Iterator[bytes] = iter(())
        self._carried = False
        self._ended: str | None = None
        """Why its socket has closed, while input waits."""
        self.has_input = False
        """There is input that is not decoded yet."""
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
        if self._frame_since is not None:  # it was we who did not read its rest
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
            self._ended = ended  # what has arrived is delivered first
        else:
            self._lost(ended)

    # From the edge ----------------------------------------------------------------------------------------------------

    def take(self, most: int) -> int:
        """Decode at most `most` units of input and hand the messages to the node; the result says how many.

        A slice of input is a unit, and so is a frame, for each `SLICE_BYTES` of it: frames without content, which are
        ignored, cost their sender as well. Nothing is decoded while the node has enough of this peer to do.
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
            self._edge.pump()  # what came before it is answered
            self.fail(str(error))
        if self.reason:
            self._drop_input()
        if not self.has_input:
            self._input_taken()
        return used

    @property
    def _backlogged(self) -> bool:
        """The node has enough of this peer's messages to deliver."""
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
            self._stand()
            chunk = chunk[1:]
        self._frames = self._decoder.feed(chunk)

    def _input_taken(self) -> None:
        """All input is decoded: the rest of a frame is waited for, or a connection that has ended is lost now."""
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
        self._decoder = FrameDecoder(self._edge.limits.frame_bytes)  # with the beginning of a frame that it had
        self.has_input = False

    def _read_or_pause(self) -> None:
        """Do not read while input waits, nor from a slow peer that connected to us (rule 2)."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        waits = len(self._chunks) > MAX_CHUNKS
        read = not waits and not (self.slow and self.inbound)
        if read is not self._reading:
            self._reading = read
            (transport.resume_reading if read else transport.pause_reading)()

    def write(self, message: Message) -> str:
        """Write a message with the next `flush`. The result says why it cannot be, if so."""
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
        """Close the connection, and log why."""
        logger.warning("connection to %s closed: %s", self.peer, reason, extra=self.facts(reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Close it after what was written, `linger_seconds` later at the latest; the node hears of it at once."""
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
        """Its socket has closed before its input was decoded, and nothing of that is wanted any more."""
        if self._ended is not None:
            self.reason = self._ended
            self._lost(self._ended)

    def evict(self, reason: str) -> None:
        """End it at once, within whatever the node is doing: nothing is told to the node here."""
        if not self.reason:
            logger.warning("connection to %s closed: %s", self.peer, reason, extra=self.facts(reason))
        self.reason = self.reason or reason
        self._drop_input()
        if self.transport is not None:
            self.transport.abort()

    def check(self, now: float) -> None:
        """Called from time to time: a wait that has lasted too long ends the connection."""
        limits = self._edge.limits
        if self._unread_since is not None:
            if now - self._unread_since > limits.stalled_seconds:
                self.fail(NOT_READING)
                self.abort()
        elif self.has_input or not self._reading:
            return  # it is this node that makes the peer wait
        elif self._frame_since is not None and now - self._frame_since > limits.frame_seconds:
            self.fail("a frame was not finished in time")
        elif self.inbound and not self._carried and now - self._started_at > limits.first_frame_seconds:
            self.fail("no message in time")

    async def writable(self) -> None:
        """Wait until the peer reads again, or is gone."""
        while self.slow and self.transport is not None:
            if self._waiting is None:
                self._waiting = self._edge.loop.create_future()
            await asyncio.shield(self._waiting)

    def facts(self, reason: str) -> dict[str, object]:
        """What a structured log says of this connection."""
        return {"peer": self.peer, "via": str(self.via or ""), "reason": reason}

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
            self.fail("this peer keeps the most of a full node")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

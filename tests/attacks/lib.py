"""The parts of attacks: raw connections, and frames that are written with the project's own encoders."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import VERSION, FrameDecoder, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.gate import MAX_PAYLOAD_BYTES
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Generation, Hello

Load: TypeAlias = dict[str, Any]
"""What an attack has done and found: `messages`, `bytes`, and what its judge reads."""

Strike: TypeAlias = Callable[[int, float], Load]
"""(port of the node, seconds that it may take) -> what it has done."""

HOST = "127.0.0.1"
ME = (local("me"),)
LARGE = bytes(MAX_PAYLOAD_BYTES)
"""The largest payload that the gate accepts: 16 MiB, less the room for routes."""


def way(*names: str | Address) -> Route:
    return tuple(local(name) if isinstance(name, str) else name for name in names)


def tcp(host_and_port: str) -> Address:
    return Address(TCP, host_and_port.encode())


def frame(onward: Route, payload: bytes = b"", back: Route = ME, tracing_context: str | None = None) -> bytes:
    return encode_frame(encode_message(Message(onward, back, payload, tracing_context)))


def hello(session_id: bytes, number: int = 1, inner: str = "me", route: Route = ()) -> bytes:
    return GENERATION.encode(Hello(session_id, Generation(number, Role.INITIATOR, local(inner)), route))


class Peer:
    """One raw connection to a node."""

    def __init__(self, port: int, timeout: float = 10.0, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._decoder = FrameDecoder()
        self._bodies: deque[bytes] = deque()
        try:
            self.socket.connect((HOST, port))
            self.socket.sendall(VERSION)
        except OSError:
            self.socket.close()
            raise

    def send(self, onward: Route, payload: bytes = b"", back: Route = ME) -> None:
        self.socket.sendall(frame(onward, payload, back))

    def receive(self) -> Message:
        """The next message.

        Raises:
            OSError: none in time, or the connection is lost.
        """
        while not self._bodies:
            chunk = self.socket.recv(1 << 16)
            if not chunk:
                raise ConnectionResetError("closed by the node")
            self._bodies.extend(self._decoder.feed(chunk))
        return decode_message(self._bodies.popleft())

    def ask(self, onward: Route, payload: bytes = b"", back: Route = ME) -> Message:
        self.send(onward, payload, back)
        return self.receive()

    def close(self) -> None:
        self.socket.close()


def peers(port: int, count: int) -> list[Peer]:
    return [Peer(port) for _ in range(count)]


def pour(connections: Sequence[Peer], next_batch: Callable[[], bytes], seconds: float, *, read: bool = True) -> int:
    """Write batch after batch over each connection, as fast as the node takes them; the result is in bytes.

    What the node answers is read and forgotten.
    """
    end, written = time.monotonic() + seconds, 0
    rest = {one: memoryview(b"") for one in connections}
    with selectors.DefaultSelector() as selector:
        for one in connections:
            one.socket.setblocking(False)
            selector.register(one.socket, selectors.EVENT_WRITE | (selectors.EVENT_READ if read else 0), one)
        while time.monotonic() < end and selector.get_map():
            for key, events in selector.select(0.1):
                one = key.data
                try:
                    if events & selectors.EVENT_READ and not one.socket.recv(1 << 20):
                        raise ConnectionResetError
                    if events & selectors.EVENT_WRITE:
                        rest[one] = rest[one] or memoryview(next_batch())
                        size = one.socket.send(rest[one])
                        rest[one] = rest[one][size:]
                        written += size
                except BlockingIOError:
                    continue
                except OSError:  # the node has ended it
                    selector.unregister(one.socket)
    return written


def write_each(connection: Peer, frames: Iterable[bytes], seconds: float) -> tuple[int, int]:
    """Write frames until they or the time end, also over a connection that the node ends; how many, and bytes."""
    end, count, size = time.monotonic() + seconds, 0, 0
    with suppress(OSError):
        for one in frames:
            if time.monotonic() >= end:
                break
            connection.socket.settimeout(max(0.1, end - time.monotonic()))
            connection.socket.sendall(one)
            count, size = count + 1, size + len(one)
    return count, size


def wait(seconds: float) -> None:
    """Keep the connections open without sending."""
    time.sleep(max(0.0, seconds))


def listener(host: str = HOST, backlog: int = 128) -> tuple[socket.socket, int]:
    """A destination that connects (the operating system does) and then sends nothing."""
    found = socket.socket()
    found.bind((host, 0))
    found.listen(backlog)
    return found, found.getsockname()[1]


def accepted(listening: socket.socket) -> int:
    """How many connections wait at a listener."""
    count = 0
    listening.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count

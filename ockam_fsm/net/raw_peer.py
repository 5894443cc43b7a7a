"""A raw peer for tests: TCP connections that carry arbitrary bytes, with a limit for every wait.

The conformance kit uses it instead of a node (tcp_edge.py), which cannot send what a broken or hostile peer sends, and
validates input before a test can see it.

Rule 1: nothing is sent automatically, not even the version byte. Input is not interpreted, only split into frames.
Rule 2: it reads only while a caller waits, so TCP slows down a peer that floods, and memory stays bounded.
Rule 3: the caller limits every wait, in seconds.
Left out: the meaning of the bytes (conformance/wire).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ockam_fsm.kernel.errors import Error
from ockam_fsm.net.routes import join_host, split_host
from ockam_fsm.runtime.encoding.frames import FrameDecoder

READ_BYTES = 65_536
MOST_WAITING = 256
"""Most accepted connections that wait for `RawListener.next`."""

T = TypeVar("T")


class Unreachable(Error):
    """No connection could be made."""


class Ended(Error):
    """The peer has closed the connection."""


def now() -> float:
    return asyncio.get_running_loop().time()


async def pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def together(jobs: Iterable[Coroutine[Any, Any, T]], at_once: int | None = None) -> list[T]:
    """Run jobs concurrently, at most `at_once` at a time; the first error cancels the rest."""
    waiting = list(jobs)
    room = asyncio.Semaphore(len(waiting) if at_once is None else at_once)

    async def admitted(job: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await job

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(admitted(job)) for job in waiting]
    finally:
        for job in waiting:  # closes those that never started
            job.close()
    return [task.result() for task in tasks]


async def at_most(seconds: float, job: Awaitable[T]) -> T:
    """Wait for `job`. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        return await job


@asynccontextmanager
async def beside(job: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `job` during the block, and cancel it at the end."""
    task = asyncio.ensure_future(job)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()


class RawPeer:
    """One connection, inbound or outbound."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._decoder = FrameDecoder()
        self._frames: deque[bytes] = deque()
        self.ended = ""
        """The reason why nothing more will arrive; empty before."""
        self.first: bytes = b""
        """The first received byte: the version byte."""
        self.after_read: Callable[[], None] = lambda: None
        """Called after each read, for accounting."""

    @classmethod
    async def to(cls, where: str, seconds: float) -> RawPeer:
        """Connect to HOST:PORT.

        Raises:
            Unreachable: refused, or not within `seconds`.
        """
        host, port = split_host(where)
        try:
            return cls(*await at_most(seconds, asyncio.open_connection(host, port)))
        except TimeoutError:
            raise Unreachable(f"{where} accepts no connection within {seconds:g} s") from None
        except OSError as error:
            raise Unreachable(f"{where}: {error.strerror or error}") from None

    @property
    def own_host(self) -> str:
        """The address of this end of the connection."""
        return str(self._writer.get_extra_info("sockname")[0])

    @property
    def held_bytes(self) -> int:
        """Bytes that wait here: an unfinished frame, unread frames, and output that the peer does not read."""
        unsent: int = self._writer.transport.get_write_buffer_size()
        return self._decoder.buffered + sum(map(len, self._frames)) + unsent

    @property
    def gone(self) -> bool:
        return self._writer.transport.is_closing()

    def send(self, data: bytes) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def flushed(self, seconds: float) -> bool:
        """Wait until the peer reads the output; False after `seconds`."""
        try:
            await at_most(seconds, self._writer.drain())
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    async def frame(self, seconds: float) -> bytes:
        """Return the body of the next frame.

        Raises:
            TimeoutError: no frame in time.
            Ended: the peer has closed, or sent an invalid frame.
        """
        await self._read_until(lambda: bool(self._frames), seconds)
        return self._frames.popleft()

    async def version(self, seconds: float) -> bytes:
        """Return the first byte of the peer. Raises the errors of `frame`."""
        await self._read_until(lambda: bool(self.first), seconds)
        return self.first

    async def closed(self, seconds: float) -> bool:
        """Wait until the peer closes, and drop its input; False after `seconds`."""

        def never() -> bool:
            self._frames.clear()
            return False

        try:
            await self._read_until(never, seconds)
        except Ended:
            return True
        except TimeoutError:
            return False
        raise AssertionError("nothing else ends this")

    def finish(self) -> None:
        """Close the sending direction of the connection."""
        if self._writer.can_write_eof() and not self._writer.transport.is_closing():
            self._writer.write_eof()

    def abort(self) -> None:
        self._writer.transport.abort()

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        raw: socket.socket = self._writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    async def _read_until(self, satisfied: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not satisfied():
                if self.ended:
                    raise Ended(self.ended)
                await self._read()

    async def _read(self) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
        except OSError as error:
            self.ended = f"the connection broke: {error.strerror or error}"
            return
        if not data:
            self.ended = "the peer closed the connection"
            return
        self.first = self.first or data[:1]
        try:
            self._frames.extend(self._decoder.feed(data))
        except Exception as error:
            self.ended = f"received bytes are not a frame: {error}"
        self.after_read()


class RawListener:
    """Accepts connections; each waits for `next`, at most MOST_WAITING of them.

    Not an `asyncio.Server` nor `sock_accept`: if closed while a connection arrives, both leak its socket (Python 3.11).
    """

    def __init__(self, listening: socket.socket) -> None:
        self.where = join_host(*listening.getsockname()[:2])
        self.accepted = 0
        """The number of connections accepted so far."""
        self.greeting = b""
        """Bytes that are sent at once on each connection."""
        self._waiting: asyncio.Queue[RawPeer] = asyncio.Queue()
        self._all: list[RawPeer] = []
        self._listening = listening
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listening.fileno(), self._accept)
        self._greeting: set[asyncio.Task[None]] = set()

    @classmethod
    async def at(cls, address: str) -> RawListener:
        """Listen at HOST:PORT. Raises OSError."""
        host, port = split_host(address)
        return cls(_listening(host, port))

    async def next(self, seconds: float) -> RawPeer:
        """Return the next connection. Raises TimeoutError."""
        return await at_most(seconds, self._waiting.get())

    def greet(self, greeting: bytes) -> None:
        """Send `greeting` at once on each connection from now on, and on those that wait."""
        self.greeting = greeting
        for _ in range(self._waiting.qsize()):
            peer = self._waiting.get_nowait()
            peer.send(greeting)
            self._waiting.put_nowait(peer)

    def pending(self) -> bool:
        """Whether a connection waits for `next`."""
        return not self._waiting.empty()

    def close(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening.fileno())
            self._listening.close()
        for peer in self._all:
            peer.abort()

    def _accept(self) -> None:
        try:
            connected, _ = self._listening.accept()
        except OSError:  # the connection is already closed
            return
        self.accepted += 1
        connected.setblocking(False)
        task = self._loop.create_task(self._greet(connected))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _greet(self, connected: socket.socket) -> None:
        peer = RawPeer(*await asyncio.open_connection(sock=connected))
        if self._listening.fileno() < 0:
            peer.abort()
            return
        self._all = [known for known in self._all if not known.gone]
        if self._waiting.qsize() >= MOST_WAITING:
            peer.abort()
            return
        peer.send(self.greeting)
        self._all.append(peer)
        self._waiting.put_nowait(peer)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=128)
    listening.setblocking(False)
    return listening

"""A proxy between two nodes with the faults of networks and middleboxes, drawn from a seed.

    cut            both connections are reset; frames in transit are lost
    cut-in-frame   the same, after half of a frame
stall          this direction delays all frames for a while
    duplicate      a frame passes twice
    reorder        a frame passes after the one behind it (or alone, a little later)

and, on a call, `swallow`: the current connections accept all frames and forward none; later connections work.

Rule 1: the draws depend on the seed and on the order of the frames, which depends on real time: a seed makes a run
        likely to be repeated, not certain. The simulator repeats runs exactly.
Rule 2: the frames that the proxy drops are in `taken`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from random import Random

from ockam_fsm.runtime.encoding.frames import VERSION, FrameDecoder, decode_message, encode_frame
from ockam_fsm.runtime.encoding.message import Message

MOST_STALL_SECONDS = 0.4
REORDER_SECONDS = 0.05
CHAOS: Mapping[str, float] = {
    "cut": 0.02, "cut-in-frame": 0.02, "stall": 0.05, "duplicate": 0.1, "reorder": 0.1,
}  # fmt: skip


class Cut(Exception):
    """The proxy has cut this connection."""


class FaultProxy:
    """`async with FaultProxy(where, seed) as proxy`: connect to `proxy.where`."""

    def __init__(self, target: str, seed: int = 0, rates: Mapping[str, float] | None = None) -> None:
        self.target = target
        self.random = Random(seed)
        self.rates: Mapping[str, float] = rates or {}
        self.struck: dict[str, int] = {}
        self.taken: list[Message] = []
        self.where = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallowing: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.where = "127.0.0.1:{1}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()

    def heal(self) -> None:
        self.rates = {}

    def cut(self) -> None:
        """Reset every connection now."""
        for writer in tuple(self._writers):
            self._reset(writer)

    def swallow(self) -> None:
        self._swallowing |= self._writers

    def _hit(self, fault: str) -> bool:
        if self.random.random() < self.rates.get(fault, 0.0):
            self.struck[fault] = self.struck.get(fault, 0) + 1
            return True
        return False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        host, _, port = self.target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            self._reset(writer)
            return
        self._writers.add(far_writer)
        pair = (writer, far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._pass_on(source, sink, pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
    ) -> None:
        decoder = FrameDecoder()
        late: list[bytes] = []
        sink.write(VERSION)
        try:
            while True:
                try:
                    data = await asyncio.wait_for(source.read(65536), REORDER_SECONDS if late else None)
                except TimeoutError:
                    sink.write(late.pop())
                    continue
                if not data:
                    break
                for body in decoder.feed(data):
                    await self._frame(encode_frame(body), body, sink, late)
                await sink.drain()
        except (OSError, Cut):
            pass
        finally:
            for writer in pair:
                self._reset(writer)

    async def _frame(self, frame: bytes, body: bytes, sink: asyncio.StreamWriter, late: list[bytes]) -> None:
        if self._hit("stall"):
            await asyncio.sleep(self.random.uniform(0.0, MOST_STALL_SECONDS))
        if sink in self._swallowing:
            self.taken.append(decode_message(body))
            return
        in_frame = self._hit("cut-in-frame")
        if in_frame or self._hit("cut"):
            self.taken.append(decode_message(body))
            sink.write(frame[: len(frame) // 2] if in_frame else b"")
            raise Cut
        if not late and self._hit("reorder"):
            late.append(frame)
            return
        sink.write(frame)
        if self._hit("duplicate"):
            sink.write(frame)
        while late:
            sink.write(late.pop())

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        raw: socket.socket | None = writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

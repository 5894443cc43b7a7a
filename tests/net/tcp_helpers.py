"""Helpers for tests over real sockets: an event loop with a deadline, waiting for conditions, and a bare client."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from ockam_fsm.net.event_loop import run
from ockam_fsm.runtime.encoding.frames import VERSION, FrameDecoder, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.session.config import BackOff, Durations

DEADLINE_SECONDS = 20.0
"""Generous for loaded machines: only a failing test waits this long."""

QUICK = Durations(2.0, 0.3, 3.0, 1.0, 2.0, BackOff(0.02, 1.6, 0.2, 0.2))
"""Failures are detected and repaired within about a second."""


def over_tcp(main: Coroutine[Any, Any, None], *, fast: bool = False) -> None:
    """Run a test, and fail it if it hangs."""

    async def bounded() -> None:
        async with asyncio.timeout(3 * DEADLINE_SECONDS):
            await main

    run(bounded(), fast=fast)


async def until(seen: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until a condition holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not seen():
        assert loop.time() < deadline, f"not observed within {seconds} s"
        await asyncio.sleep(0.002)


def to_echo(payload: bytes, back: str = "me", at: str = "echo") -> bytes:
    """Return a frame for a worker that replies to `back`."""
    return encode_frame(encode_message(Message((local(at),), (local(back),), payload)))


class Client:
    """A peer that sends arbitrary bytes. `async with await Client.to(where) as client`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.decoder = FrameDecoder()
        self.messages: list[Message] = []

    @classmethod
    async def to(cls, where: str, *, version: bool = True) -> Client:
        host, _, port = where.rpartition(":")
        client = cls(*await asyncio.open_connection(host.strip("[]"), int(port)))
        if version:
            client.writer.write(VERSION)
        return client

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.transport.abort()

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def message(self, seconds: float = DEADLINE_SECONDS) -> Message:
        """Return the next message of the node. Raises EOFError if it closes instead."""
        async with asyncio.timeout(seconds):
            while not self.messages:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self.messages += [decode_message(body) for body in self.decoder.feed(data)]
        return self.messages.pop(0)

    async def closed(self, seconds: float = DEADLINE_SECONDS) -> bytes:
        """Wait until the node closes, and return what it has sent before."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        raw: socket.socket = self.writer.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def still_echoes(client: Client, payload: bytes = b"alive") -> None:
    client.write(to_echo(payload))
    assert (await client.message()).payload == payload

"""A bare asyncio echo with CBOR only: the cost of the same bytes without sessions, routes, limits or errors.

It uses the same frames, decodes and encodes with cbor2, answers a whole read with one write, and validates nothing. It
is a lower limit for an echo of Ockam messages in Python.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import cbor2


class Bare(asyncio.Protocol):
    """A protocol that reads and writes frames. Subclasses define the answer to a message."""

    def __init__(self) -> None:
        self.buffer = b""
        self.transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        at, end, out = 0, len(buffer), []
        while at + 4 <= end:
            after = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
            if after > end:
                break
            body = self.answer(cbor2.loads(buffer[at + 4 : after]))
            if body is not None:
                out.append(len(body).to_bytes(4, "big") + body)
            at = after
        self.buffer = buffer[at:]
        if out:
            self.transport.write(b"".join(out))

    def answer(self, message: list[Any]) -> bytes | None:
        raise NotImplementedError


class BareServer(Bare):
    def answer(self, message: list[Any]) -> bytes:
        return cbor2.dumps([message[1], [[0, b"echo"]], message[2], None])


class BareClient(Bare):
    """Keeps `window` messages in flight until `wanted` replies have arrived."""

    def __init__(self, payload: bytes) -> None:
        super().__init__()
        self.payload = payload
        self.to_send = self.missing = 0
        self.done: asyncio.Future[None] | None = None

    def request(self) -> bytes:
        self.to_send -= 1
        return cbor2.dumps([[[0, b"echo"]], [[0, b"me"]], self.payload, None])

    def answer(self, message: list[Any]) -> bytes | None:
        assert message[2] == self.payload
        self.missing -= 1
        if self.missing == 0 and self.done is not None:
            self.done.set_result(None)
        return self.request() if self.to_send else None

    async def echo(self, wanted: int, window: int) -> None:
        self.to_send = self.missing = wanted
        self.done = asyncio.get_running_loop().create_future()
        bodies = [self.request() for _ in range(min(window, wanted))]
        self.transport.write(b"".join(len(body).to_bytes(4, "big") + body for body in bodies))
        await self.done


async def serve() -> str:
    server = await asyncio.get_running_loop().create_server(BareServer, "127.0.0.1", 0)
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

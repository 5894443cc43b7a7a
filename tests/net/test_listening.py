"""Accepting: a few at a time, never with the last descriptors, and logged once."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

import pytest

from ockam_fsm.net import listening
from ockam_fsm.net.listening import Listener
from ockam_fsm.net.routes import join_host, split_host


class Refusing(socket.socket):
    """A socket that is out of descriptors once, and then works."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def accepted(listener: Listener, opened: asyncio.Queue[str]) -> tuple[socket.socket, str]:
    loop, client = asyncio.get_running_loop(), socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, listener.where)
    return client, await asyncio.wait_for(opened.get(), 10.0)


def protocol(opened: asyncio.Queue[str]) -> asyncio.Protocol:
    class Noting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened.put_nowait("made")
            transport.close()

    return Noting()


def test_without_descriptors_accepting_pauses_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "RETRY_SECONDS", 0.01)

    async def main() -> None:
        raw, opened = Refusing(), asyncio.Queue[str]()
        raw.bind(("127.0.0.1", 0))
        raw.listen()
        listener = Listener(asyncio.get_running_loop(), raw, lambda: protocol(opened))
        client, found = await accepted(listener, opened)
        assert found == "made"
        client.close()
        listener.close()
        listener.close()

    with caplog.at_level(logging.ERROR, "ockam_fsm.tcp"):
        asyncio.run(main())
    assert [record.message for record in caplog.records] == [
        "connections are refused, out of descriptors: Too many open files"
    ]


def test_the_reserve_is_not_given_to_peers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(listening, "descriptors", lambda: 4)  # all descriptors are in use already

    async def main() -> None:
        loop, opened = asyncio.get_running_loop(), asyncio.Queue[str]()
        (listener,) = await listening.listen(loop, *split_host("127.0.0.1:0"), lambda: protocol(opened))
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*listener.where)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert opened.empty()
        listener.close()

    with caplog.at_level(logging.ERROR, "ockam_fsm.tcp"):
        asyncio.run(main())
    assert len(caplog.records) == 1


def test_an_address_in_use_cannot_be_listened_at() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
            await listening.listen(loop, *split_host(join_host(*taken.getsockname())), asyncio.Protocol)

    asyncio.run(main())

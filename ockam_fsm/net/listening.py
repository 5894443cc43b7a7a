"""The listening sockets of a node: connections are accepted a few at a time, and never with the last descriptors.

Theory: event loops accept connections by themselves. When descriptors run out, asyncio repeatedly logs a traceback for
each pending connection, and uvloop silently closes connections. So this module accepts them itself.

Rule 1: at most `AT_ONCE` connections are accepted in one turn of the loop.
Rule 2: some descriptors are reserved for what this node opens. A connection that would take one of them is closed.
Rule 3: refused connections are logged once in `QUIET_SECONDS`. If accepting itself fails, it pauses for
        `RETRY_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

AT_ONCE = 16
RESERVED = 32
RETRY_SECONDS = 1.0
QUIET_SECONDS = 60.0
BACKLOG = 1024

logger = logging.getLogger("ockam_fsm.tcp")


def descriptors() -> int:
    """Return the largest number of descriptors of this process."""
    try:
        import resource
    except ImportError:  # not every system has a limit
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


class Listener:
    """One listening socket. `make` creates the protocol of each connection."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, raw: socket.socket, make: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self.where: Any = raw.getsockname()
        self._loop = loop
        self._raw = raw
        self._make = make
        self._most = descriptors() - min(RESERVED, descriptors() // 4)
        self._logged_at: float | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        raw.setblocking(False)
        loop.add_reader(raw.fileno(), self._accept)

    def close(self) -> None:
        if self._raw.fileno() >= 0:
            self._loop.remove_reader(self._raw.fileno())
            self._raw.close()
        if self._retry is not None:
            self._retry.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                raw, _ = self._raw.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._log(error.strerror or str(error))
                self._pause()
                return
            if raw.fileno() >= self._most:
                raw.close()
                self._log(f"{self._most} descriptors are in use, the rest is reserved")
                continue
            raw.setblocking(False)
            task = self._loop.create_task(self._take(raw))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, raw: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, raw)
        except OSError as error:  # the peer has already closed it
            raw.close()
            logger.info("not accepted: %s", error, extra={"reason": str(error)})

    def _pause(self) -> None:
        self._loop.remove_reader(self._raw.fileno())
        self._retry = self._loop.call_later(
            RETRY_SECONDS, lambda: self._loop.add_reader(self._raw.fileno(), self._accept)
        )

    def _log(self, reason: str) -> None:
        now = self._loop.time()
        if self._logged_at is None or now - self._logged_at > QUIET_SECONDS:
            self._logged_at = now
            logger.error("connections are refused, out of descriptors: %s", reason, extra={"reason": reason})


async def listen(
    loop: asyncio.AbstractEventLoop, host: str, port: int, make: Callable[[], asyncio.BaseProtocol]
) -> list[Listener]:
    """Listen at every address of a host (empty: every address of this machine).

    Raises:
        OSError: the name is unknown, or one of its addresses cannot be listened at.
    """
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except OSError:
        for raw in sockets:
            raw.close()
        raise
    return [Listener(loop, raw, make) for raw in sockets]

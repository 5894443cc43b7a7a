"""Outbound connections: name lookup and connecting, without blocking the event loop.

Theory: the operating system resolves a name in a blocking call that may take tens of seconds and cannot be cancelled.
So lookups run in a bounded number of threads, and each origin may use only a few of them at once: a peer that names
slow hosts delays only itself.

Rule 1: numeric addresses are never looked up.
Rule 2: at most `RESOLVER_THREADS` lookups run, at most `LOOKUPS_AT_ONCE` for one origin. A lookup that has not begun is
        cancelled with its connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio import AbstractEventLoop, Semaphore
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Any
from weakref import WeakKeyDictionary

from ockam_fsm.runtime.node.ledger import Origin

RESOLVER_THREADS = 8
LOOKUPS_AT_ONCE = 2


class Connector:
    """Opens TCP connections for one node."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._threads: ThreadPoolExecutor | None = None
        self._turns: WeakKeyDictionary[Origin, Semaphore] = WeakKeyDictionary()

    async def connect(self, host: str, port: int, origin: Origin, make: Callable[[], asyncio.BaseProtocol]) -> None:
        """Connect to the first address of a host that accepts, on behalf of `origin`.

        Raises:
            OSError: the name is unknown, or no address accepts; with the reason of the last one.
        """
        found = await self._addresses(host, port, origin)
        for position, (family, kind, protocol, _, address) in enumerate(found):
            try:
                await self._open(socket.socket(family, kind, protocol), address, make)
            except OSError:
                if position == len(found) - 1:
                    raise
            else:
                return

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _addresses(self, host: str, port: int, origin: Origin) -> list[Any]:
        if _is_numeric(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(RESOLVER_THREADS, "ockam-fsm-resolver")
        if origin not in self._turns:
            self._turns[origin] = Semaphore(LOOKUPS_AT_ONCE)
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        async with self._turns[origin]:
            return await self._loop.run_in_executor(self._threads, look_up)

    async def _open(self, raw: socket.socket, address: Any, make: Callable[[], asyncio.BaseProtocol]) -> None:
        try:
            raw.setblocking(False)
            await self._loop.sock_connect(raw, address)
            await self._loop.create_connection(make, sock=raw)
        except BaseException:
            raw.close()
            raise


def not_connected(error: Exception) -> str:
    """Return the reason as text without the address and the error number that the system's text contains."""
    if isinstance(error, socket.gaierror):
        return "the name cannot be looked up"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True

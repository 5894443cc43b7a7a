"""The TCP edge: one node without I/O, driven over real sockets by asyncio.

Theory: the edge waits for bytes or for the earliest timer, tells the node, lets it run, and carries out its commands.
That is `pump`, and it is all. It decides nothing, keeps no list by destination, and never waits within.

Rule 1: `asyncio.Protocol`, no streams (architecture.md has the figures). Everything runs on one loop, in one thread.
Rule 2: writes are gathered and leave once per pump, one write for each connection.
Rule 3: `Remember` is stored before the commands after it are carried out. If that fails the promise of rule 1 of
        generations cannot be kept, and the edge stops as a crash would (`failed`).
Left out: sessions as objects (node.py).
Source: runtime/node/node.py, "How an edge uses it".
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.net.connection import TcpConnection, TcpLimits
from ockam_fsm.net.routes import join_host, split_host
from ockam_fsm.net.timers import Timers
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.commands import (
    CancelTimer,
    Connect,
    Disconnect,
    Notify,
    Remember,
    SetTimer,
    Transmit,
    WorkerTimer,
)
from ockam_fsm.runtime.node.node import Node

MOST_CHECK_SECONDS = 1.0
BACKLOG = 1024

logger = logging.getLogger("ockam_fsm.tcp")


def set_patience(raw: socket.socket, seconds: int) -> None:
    """Let the operating system end a connection whose peer acknowledges nothing for about so long."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probes = max(1, seconds // 4)
    wanted = {"TCP_KEEPIDLE": probes, "TCP_KEEPINTVL": probes, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": seconds * 1000}
    for name, value in wanted.items():
        if hasattr(socket, name):  # not every system has every one of them
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class TcpEdge:
    """Made within a running event loop. `notified` hears what sessions tell, `remember` stores numbers durably."""

    def __init__(
        self,
        node: Node,
        limits: TcpLimits | None = None,
        *,
        notified: Callable[[Notify], None] = lambda notify: None,
        remember: Callable[[Remember], None] = lambda command: None,
    ) -> None:
        self.node = node
        self.limits = limits or TcpLimits()
        self.loop = asyncio.get_running_loop()
        self.connections: dict[Address, TcpConnection] = {}
        """Those that the node knows, by the name that it knows them by."""
        self.failed: Exception | None = None
        self._open: set[TcpConnection] = set()
        self._accepted = 0
        self._bytes = 0
        self._servers: list[asyncio.Server] = []
        self._connecting: dict[Address, asyncio.Task[None]] = {}
        self._dirty: dict[TcpConnection, None] = {}
        self._timers = Timers(self.loop, self._due)
        self._pumping = self._gathering = self._stopped = False
        self._empty: asyncio.Future[None] | None = None
        self._checking: asyncio.TimerHandle | None = None
        self._check_seconds = min(MOST_CHECK_SECONDS, self.limits.frame_seconds / 4, self.limits.stalled_seconds / 4)
        self._perform: dict[type, Callable[[Any], None]] = {
            Transmit: self._transmit,
            SetTimer: lambda command: self._timers.set(command.timer, command.after_seconds),
            CancelTimer: lambda command: self._timers.cancel(command.timer),
            Connect: self._connect,
            Disconnect: self._disconnect,
            Remember: remember,
            Notify: notified,
        }

    async def listen(self, address: str = "127.0.0.1:0") -> str:
        """Listen at `HOST:PORT` (port 0: a free one). The result says where.

        Raises:
            LocalSessionError: `address` is not HOST:PORT.
            OSError: it cannot be listened at.
        """
        host, port = split_host(address)
        server = await self.loop.create_server(
            lambda: TcpConnection(self), host, port, backlog=BACKLOG, reuse_address=True
        )
        self._servers.append(server)
        return join_host(*server.sockets[0].getsockname()[:2])

    def pump(self, *, gather: bool = False) -> None:
        """Deliver what is under way in the node, and carry out what it asks for.

        `gather`, for orders of the application: the first of a turn of the loop is written at once, and the others
        together at its end. A system call costs more than all that leads to it.
        """
        if self._pumping:
            self.loop.call_soon(self.pump)
            return
        self._pumping = True
        try:
            perform = self._perform
            for command in self.node.run():
                perform[type(command)](command)
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self._pumping = False
        if not gather:
            self._flush()
        elif not self._gathering:
            self._gathering = True
            self._flush()
            self.loop.call_soon(self._end_turn)

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop listening, write what is to be written, and end every connection."""
        self.pump()
        self._stop()
        for connection in tuple(self._open):
            connection.close("this node closes")
        if not await self._ended(grace_seconds):
            self.abort()
            await self._ended(grace_seconds)

    def abort(self) -> None:
        """End everything now, as a crash would."""
        self._stop()
        for connection in tuple(self._open):
            connection.abort()

    # From connections -------------------------------------------------------------------------------------------------

    def admit(self, connection: TcpConnection) -> bool:
        """A socket is connected. False: there is no room for it, and it is closed."""
        assert connection.transport is not None
        name = connection.transport.get_extra_info("peername")
        connection.peer = connection.peer or (join_host(*name[:2]) if name else "?")
        if connection.via is None and self._accepted >= self.limits.connections:
            connection.fail(f"{self._accepted} connections are accepted, which is the limit")
            connection.abort()
            return False
        self._accepted += connection.via is None
        self._open.add(connection)
        set_patience(connection.transport.get_extra_info("socket"), self.limits.silent_seconds)
        if self._checking is None:
            self._checking = self.loop.call_later(self._check_seconds, self._check)
        return True

    def accepted(self, connection: TcpConnection) -> None:
        connection.via = self.node.accepted()
        self.connections[connection.via] = connection
        logger.info("accepted %s", connection.peer, extra=connection.facts(""))

    def lost(self, connection: TcpConnection, reason: str) -> None:
        """Its socket is closed."""
        self.account(connection, 0)
        if connection in self._open:
            self._open.discard(connection)
            self._accepted -= connection.inbound
            self.forget(connection, reason)
        if not self._open and self._empty is not None:
            self._empty.set_result(None)
            self._empty = None

    def forget(self, connection: TcpConnection, reason: str) -> None:
        """Nothing comes or goes over it any more."""
        via = connection.via
        if via is not None and self.connections.get(via) is connection:
            del self.connections[via]
            logger.info("lost %s: %s", connection.peer, reason, extra=connection.facts(reason))
            self.node.connection_lost(via, reason)
            self.pump()

    def account(self, connection: TcpConnection, size: int) -> bool:
        """Bytes that wait for a peer. False: they would be too many in all, and nothing has changed."""
        total = self._bytes - connection.counted + size
        if total > self.limits.total_bytes and size > connection.counted:
            return False
        self._bytes, connection.counted = total, size
        return True

    # Commands ---------------------------------------------------------------------------------------------------------

    def _transmit(self, command: Transmit) -> None:
        connection = self.connections.get(command.via)
        refusal = "connection lost" if connection is None else connection.write(command.message)
        if connection is None or refusal:
            self.node.router.bury(refusal, command.message, command.via)
        else:
            self._dirty[connection] = None

    def _connect(self, command: Connect) -> None:
        if self._stopped:
            return
        task = self.loop.create_task(self._reach(command))
        self._connecting[command.via] = task
        task.add_done_callback(lambda done: self._connecting.pop(command.via, None))

    async def _reach(self, command: Connect) -> None:
        via = command.via
        try:
            peer = command.destination.value.decode()
            host, port = split_host(peer)
            connection = TcpConnection(self, via, peer)
            self.connections[via] = connection
            await self.loop.create_connection(lambda: connection, host, port)
        except (OSError, LocalSessionError, UnicodeError) as error:
            self.connections.pop(via, None)
            logger.info("not connected: %s", error, extra={"peer": str(command.destination), "reason": str(error)})
            self.node.connection_lost(via, str(error))
            self.pump()

    def _disconnect(self, command: Disconnect) -> None:
        task = self._connecting.pop(command.via, None)
        if task is not None:
            task.cancel()
        connection = self.connections.pop(command.via, None)
        if connection is not None:
            self._dirty.pop(connection, None)
            connection.close("this node closes the connection")

    def _due(self, timers: list[WorkerTimer]) -> None:
        for timer in timers:
            self.node.fire(timer)
        self.pump()

    # Within -----------------------------------------------------------------------------------------------------------

    def _end_turn(self) -> None:
        self._gathering = False
        self._flush()

    def _flush(self) -> None:
        if self._dirty:
            dirty, self._dirty = self._dirty, {}
            for connection in dirty:
                connection.flush()

    async def _ended(self, seconds: float) -> bool:
        """Whether every socket is closed within this time."""
        if self._open:
            self._empty = self.loop.create_future()
            await asyncio.wait((self._empty,), timeout=seconds)
        return not self._open

    def _check(self) -> None:
        now = self.loop.time()
        for connection in tuple(self._open):
            connection.check(now)
        self._checking = self.loop.call_later(self._check_seconds, self._check) if self._open else None

    def _stop(self) -> None:
        self._stopped = True
        for server in self._servers:
            server.close()
        self._servers.clear()
        for task in tuple(self._connecting.values()):
            task.cancel()
        self._timers.stop()
        if self._checking is not None:
            self._checking.cancel()
            self._checking = None

    def _fail(self, error: Exception) -> None:
        """A command could not be carried out: nothing after it may be believed."""
        self.failed = error
        logger.critical("the node stops: %r", error, extra={"reason": repr(error)})
        self.abort()

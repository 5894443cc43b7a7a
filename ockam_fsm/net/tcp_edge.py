"""The TCP edge: drives one node without I/O over real sockets, with asyncio.

Theory: the edge waits for bytes or for the earliest timer, passes them to the node, runs it, and carries out its
commands (`pump`). It makes no decisions, keeps no list by destination, and `pump` never waits.

Input is decoded in turns of the loop: in each turn every connection with input decodes an equal share, at most
`QUANTUM` units, and all connections together at most `TURN_UNITS`. The rest waits for the next turn. So a turn is
short for any input, every peer has a share of every turn, and a peer delays only itself.

Rule 1: `asyncio.Protocol`, no asyncio streams, for speed. Everything runs on one loop, in one thread.
Rule 2: output is collected and written once per pump, with one write for each connection.
Rule 3: `RememberNumber` is stored before the commands after it are carried out. If storing fails, a generation number
        could be used twice (clause 4.1), so the edge stops as in a crash (`failed`). Any other command that fails is
        logged, its message becomes a dead letter, and the other commands go on.
Left out: sessions as objects (node.py).
Source: runtime/node/node.py, "How an edge uses it".
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.net import listening
from ockam_fsm.net.connecting import Connector, not_connected
from ockam_fsm.net.connection import TcpConnection, TcpLimits
from ockam_fsm.net.routes import join_host, split_host
from ockam_fsm.net.timers import Timers
from ockam_fsm.runtime.encoding.gate import payload_limit
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.commands import (
    Connect,
    Disconnect,
    NodeCommand,
    NotifyOwner,
    RememberNumber,
    Transmit,
    WorkerTimer,
)
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.dead_letters import short_repr
from ockam_fsm.runtime.node.ledger import Origin
from ockam_fsm.runtime.node.node import Node

MOST_CHECK_SECONDS = 1.0
TURN_UNITS = 128
QUANTUM = 16
ABORT_SECONDS = 1.0
"""Longest wait for the operating system to close aborted connections."""

logger = logging.getLogger("ockam_fsm.tcp")


def set_patience(raw: socket.socket, seconds: int) -> None:
    """Make the operating system end a connection whose peer acknowledges nothing for about `seconds`."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probes = max(1, seconds // 4)
    wanted = {"TCP_KEEPIDLE": probes, "TCP_KEEPINTVL": probes, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": seconds * 1000}
    for name, value in wanted.items():
        if hasattr(socket, name):  # some systems lack some of these options
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class TcpEdge:
    """The edge of one node; created inside a running event loop."""

    def __init__(
        self,
        node: Node,
        limits: TcpLimits | None = None,
        *,
        notified: Callable[[NotifyOwner], None] = lambda notify: None,
        remember: Callable[[RememberNumber], None] = lambda command: None,
        stopped: Callable[[Exception | None], None] = lambda cause: None,
    ) -> None:
        """Args:
        notified: receives the notices of sessions.
        remember: stores numbers of generations durably.
        stopped: called once, when the edge stops; with the cause if it stops by itself, else None.
        """
        self.node = node
        self.limits = limits or TcpLimits()
        self.node.router.ledger.limit(self.limits.total_bytes)
        self.node.router.max_payload_bytes = payload_limit(self.limits.frame_bytes)
        self._on_stopped = stopped
        self.loop = asyncio.get_running_loop()
        self.connections: dict[Address, TcpConnection] = {}
        """The connections that are registered with the node, by their address there."""
        self.failed: Exception | None = None
        self._open: set[TcpConnection] = set()
        self._accepted = 0
        self._inputs: deque[TcpConnection] = deque()
        """The connections with input that is not decoded yet, in the order of their turns."""
        self._turning = False
        self._connector = Connector(self.loop)
        self._listeners: list[listening.Listener] = []
        self._connecting: dict[Address, asyncio.Task[None]] = {}
        self._dirty: dict[TcpConnection, None] = {}
        self._timers = Timers(self.loop, self._due)
        self._pumping = self._gathering = False
        self.stopped = False
        """Whether the edge was stopped or has failed."""
        self._empty: asyncio.Future[None] | None = None
        self._checking: asyncio.TimerHandle | None = None
        self._check_seconds = min(MOST_CHECK_SECONDS, self.limits.frame_seconds / 4, self.limits.stalled_seconds / 4)
        self._perform: dict[type, Callable[[Any], None]] = {
            Transmit: self._transmit,
            SetTimer: lambda command: self._timers.set(command.timer, command.after_seconds),
            CancelTimer: lambda command: self._timers.cancel(command.timer),
            Connect: self._connect,
            Disconnect: self._disconnect,
            NotifyOwner: notified,
        }
        self._remember = remember

    async def listen(self, address: str = "127.0.0.1:0") -> str:
        """Listen at `HOST:PORT` (port 0: a free one), and return the address with its port.

        Raises:
            LocalSessionError: `address` is not HOST:PORT.
            OSError: it cannot be listened at.
        """
        host, port = split_host(address)
        found = await listening.listen(self.loop, host, port, lambda: TcpConnection(self))
        self._listeners.extend(found)
        return join_host(*found[0].where[:2])

    def pump(self, *, gather: bool = False) -> None:
        """Deliver the pending messages of the node, and carry out its commands.

        gather: for orders of the application. The output of the first order in a turn of the loop is written at once,
            that of the others together at the end of the turn: a system call costs more than the work before it.
        """
        if self._pumping:
            self.loop.call_soon(self.pump)
            return
        self._pumping = True
        try:
            perform = self._perform
            for command in self.node.run():
                if type(command) is RememberNumber:
                    if not self._remembered(command):
                        return
                    continue
                try:
                    perform[type(command)](command)
                except Exception as error:
                    self._not_performed(command, error)
        finally:
            self._pumping = False
        if not gather:
            self._flush()
        elif not self._gathering:
            self._gathering = True
            self._flush()
            self.loop.call_soon(self._end_turn)

    def turn(self) -> None:
        """Decode a share of the input of each connection, and run the node."""
        self._turning = False
        left, inputs, blocked = TURN_UNITS, self._inputs, 0
        share = min(QUANTUM, max(1, TURN_UNITS // len(inputs))) if len(inputs) > 1 else QUANTUM
        while left > 0 and blocked < len(inputs):
            connection = inputs.popleft()
            used = connection.take(share)
            left -= used
            blocked = 0 if used else blocked + 1
            if connection.has_input:
                inputs.append(connection)
        self.pump()
        if inputs and not self._turning:
            self._turning = True
            self.loop.call_soon(self.turn)

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Stop listening, write pending output, and end every connection."""
        self.pump()
        self._stop()
        for connection in tuple(self._open):
            connection.close("this node closes")
        if not await self._ended(grace_seconds):
            self.abort()
            await self._ended(ABORT_SECONDS)

    def abort(self) -> None:
        """End everything now, as in a crash."""
        self._stop()
        for connection in tuple(self._open):
            connection.abort()

    def _remembered(self, command: RememberNumber) -> bool:
        """Store a number. If that fails, the node stops, and no later command is carried out."""
        try:
            self._remember(command)
        except Exception as error:
            self._fail(error)
            return False
        return True

    def _not_performed(self, command: NodeCommand, error: Exception) -> None:
        logger.error("command %s failed", type(command).__name__, exc_info=error, extra={"reason": short_repr(error)})
        message = command.message if isinstance(command, Transmit) else command
        self.node.router.failed("command failed", message, None, error)

    # From connections -------------------------------------------------------------------------------------------------

    def admit(self, connection: TcpConnection) -> bool:
        """Register a connected socket. False: too many are accepted, and this one is closed."""
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

    def has_input(self, connection: TcpConnection) -> None:
        """Queue a connection with input; decode it at once if no turn is scheduled."""
        self._inputs.append(connection)
        if not self._turning:
            self.turn()

    def accepted(self, connection: TcpConnection) -> None:
        connection.via = self.node.accepted(split_host(connection.peer)[0] if connection.peer != "?" else "")
        self.connections[connection.via] = connection
        self._known(connection)
        logger.info("accepted %s", connection.peer, extra=connection.facts(""))

    def lost(self, connection: TcpConnection, reason: str) -> None:
        """Remove a connection whose socket is closed."""
        self.account(connection, 0)
        if connection in self._open:
            self._open.discard(connection)
            self._accepted -= connection.inbound
            self.forget(connection, reason)
        if not self._open and self._empty is not None:
            self._empty.set_result(None)
            self._empty = None

    def forget(self, connection: TcpConnection, reason: str) -> None:
        """Unregister a connection from the node: no message arrives or leaves over it from now on."""
        via = connection.via
        if via is not None and self.connections.get(via) is connection:
            del self.connections[via]
            logger.info("lost %s: %s", connection.peer, reason, extra=connection.facts(reason))
            self.node.connection_lost(via, reason)
            self.pump()

    def _known(self, connection: TcpConnection) -> None:
        """Charge the bytes of a connection to its origin, now that it is registered with the node."""
        assert connection.via is not None
        resident = self.node.router.residents.get(connection.via)
        if isinstance(resident, Connection):
            connection.origin = resident.origin
            resident.origin.evict = lambda: self._evict(connection)

    def _evict(self, connection: TcpConnection) -> None:
        """End a connection because its peer uses the largest part of a full node's account. The node is notified when
        the socket is closed."""
        connection.evict("the node is full, and this peer uses the largest part")
        self.account(connection, 0)
        if connection.origin is not None:
            self.node.router.forget(connection.origin)

    def account(self, connection: TcpConnection, size: int) -> bool:
        """Charge `size` waiting bytes to the origin, in place of the last amount. False: no room, and no change."""
        origin, ledger = connection.origin, self.node.router.ledger
        if origin is None:
            return True
        counted, connection.counted = connection.counted, 0
        if counted:
            ledger.release(origin, counted)
        if size and not ledger.charge(origin, size):
            if counted:
                ledger.charge(origin, counted)
                connection.counted = counted
            return False
        connection.counted = size
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
        if self.stopped:
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
            self._known(connection)
            await self._connector.connect(host, port, self._opened_for(via), lambda: connection)
        except Exception as error:  # a host name may be arbitrary text: any error ends this connection only
            self.connections.pop(via, None)
            reason = not_connected(error)
            logger.info("not connected: %s", reason, extra={"peer": str(command.destination), "reason": reason})
            self.node.connection_lost(via, reason)
            self.pump()

    def _opened_for(self, via: Address) -> Origin:
        """Return the origin whose message made this node open a connection."""
        resident = self.node.router.residents.get(via)
        origin = resident.opened_for if isinstance(resident, Connection) else None
        return origin or self.node.router.application

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
        """Wait until every socket is closed; False after `seconds`."""
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
        if not self.stopped:
            self.stopped = True
            self._on_stopped(self.failed)
        self._inputs.clear()
        self._connector.close()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for task in tuple(self._connecting.values()):
            task.cancel()
        self._timers.stop()
        if self._checking is not None:
            self._checking.cancel()
            self._checking = None

    def _fail(self, error: Exception) -> None:
        """Stop as in a crash: a number could not be stored (rule 3)."""
        self.failed = error
        logger.critical("the node stops: %r", error, extra={"reason": repr(error)})
        self.abort()

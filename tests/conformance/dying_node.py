"""Nodes that a hostile message harms with a delay, to test the attribution of harm.

    python -m tests.conformance.dying_node NAME [HOST:PORT]

prints HOST:PORT and runs until it dies or is killed. It has the workers of defective_node.py.

Theory: a foreign node may answer for a moment and then lose some or all workers, its connections, or its process; a
supervisor may restart them. Here an unreadable hello or frame causes that.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.connection import TcpConnection
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Address, local
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.residents import Envelope, Resident
from ockam_fsm.runtime.node.session_workers import SessionWorker

LATE_SECONDS = 0.2
MOST_SECONDS = 300.0
"""The node ends by itself after this time, also if its test was killed."""
NAMED = ("echo", "session_spawner", "generation_spawner", "two_sided_spawner")
Harm = Callable[[TcpNode], None]


def workers(node: TcpNode) -> dict[Address, Resident]:
    residents = node.node.router.residents
    return {address: one for address, one in residents.items() if not isinstance(one, Connection)}


def lose_all(node: TcpNode) -> None:
    for address in workers(node):
        node.node.router.unregister(address)


def lose_spawners(node: TcpNode) -> None:
    for name in NAMED[1:]:
        node.node.router.unregister(local(name))


def lose_half(node: TcpNode) -> None:
    """End every second session worker."""
    sessions = [address for address, one in workers(node).items() if isinstance(one, SessionWorker)]
    for address in sessions[::2]:
        node.node.router.unregister(address)


def lose_for_a_while(node: TcpNode) -> None:
    """Restart the named workers, as a supervisor does, but not the sessions."""
    lost = workers(node)
    lose_all(node)

    def back() -> None:
        for name in NAMED:
            node.node.router.residents.setdefault(local(name), lost[local(name)])

    asyncio.get_running_loop().call_later(0.6, back)


def die(node: TcpNode) -> None:
    os._exit(3)


def after_malformed_hello(harm: Harm, seconds: float = LATE_SECONDS) -> Harm:
    def spoil(node: TcpNode) -> None:
        for name in NAMED[1:]:
            host = node.node.host(local(name))

            def take(envelope: Envelope, host: Any = host, whole: Callable[[Envelope], None] = host.take) -> None:
                try:
                    host.host._key(envelope.message)
                except RemoteSessionError:
                    asyncio.get_running_loop().call_later(seconds, harm, node)
                whole(envelope)

            host.take = take  # type: ignore[method-assign]

    return spoil


class LateInfection(TcpConnection):
    """A malformed frame ends every connection, a moment later."""

    def fail(self, reason: str) -> None:
        super().fail(reason)
        assert isinstance(self._edge, TcpEdge)
        edge = self._edge

        def close() -> None:
            for connection in tuple(edge.connections.values()):
                connection.abort()

        edge.loop.call_later(LATE_SECONDS, close)


LATE = {
    "late-death": after_malformed_hello(lose_all),
    "late-loss-of-spawners": after_malformed_hello(lose_spawners),
    "late-loss-of-half": after_malformed_hello(lose_half),
    "supervised": after_malformed_hello(lose_for_a_while),
    "late-closing": lambda node: None,
}
DYING = {
    "exits": after_malformed_hello(die),
    "exits-much-later": after_malformed_hello(die, 1.4),
}


async def main(name: str, where: str) -> None:
    from tests.conformance.defective_node import Defect, start

    async with TcpNode() as node:
        print(await start(Defect(name, DYING[name]), node, where), flush=True)
        await asyncio.sleep(MOST_SECONDS)


if __name__ == "__main__":
    from tests.conformance import defective_node

    defective_node.install()
    run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:0"), fast=False)

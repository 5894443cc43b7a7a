"""Two nodes `a` and `b` joined by an edge, with the same interface to tests for every edge.

A rig has both nodes, their addresses, a method to wait for conditions, and a few faults.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.net.event_loop import loop_factory
from ockam_fsm.net.routes import tcp
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Address
from ockam_fsm.runtime.node.commands import NotifyOwner
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.simulation.faults import NO_FAULTS
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode
from ockam_fsm.simulation.network import tcp as simulated_tcp
from tests.net.ports import nowhere
from tests.net.tcp_helpers import until

MOST_STEPS = 10_000


class Rig(Protocol):
    a: Node
    b: Node
    at_a: Address
    at_b: Address
    nowhere: Address
    """An address at which no node listens."""
    notices: list[NotifyOwner]

    def pump(self) -> None:
        """Carry out the pending commands of the nodes."""
        ...

    def until(self, seen: Callable[[], object]) -> None:
        """Run the nodes until the condition holds; fail if it never does."""
        ...

    def connections(self) -> int:
        """Return the number of connections of `a`."""
        ...

    def reset(self) -> None:
        """Reset every connection between the two nodes."""
        ...

    def close(self) -> None: ...


class SimulatedRig:
    def __init__(self) -> None:
        self.notices: list[NotifyOwner] = []
        self.network = SimulatedNetwork(1, NO_FAULTS, notified=self._notified)
        self.ends = [self.network.add_node(name) for name in ("a", "b")]
        self.a, self.b = (end.node for end in self.ends)
        self.at_a, self.at_b, self.nowhere = map(simulated_tcp, ("a", "b", "nowhere"))

    def _notified(self, node: SimulatedNode, notify: NotifyOwner) -> None:
        self.notices.append(notify)

    def pump(self) -> None:
        for end in self.ends:
            end.run()

    def until(self, seen: Callable[[], object]) -> None:
        self.pump()
        for _ in range(MOST_STEPS):
            if seen():
                return
            assert self.network.step(), "nothing more happens, and it was not observed"
        raise AssertionError("not observed")

    def connections(self) -> int:
        return len(self.ends[0].links)

    def reset(self) -> None:
        for via in tuple(self.ends[0].links):
            self.network.reset(self.ends[0], via)

    def close(self) -> None: ...


class TcpRig:
    """Both nodes in one process and one loop, with real sockets between them."""

    def __init__(self, *, fast: bool = False) -> None:
        self.notices: list[NotifyOwner] = []
        self.loop = loop_factory(fast=fast)()
        self.a, self.b = Node(SystemEntropy()), Node(SystemEntropy())
        self.edges: list[TcpEdge] = []
        self.loop.run_until_complete(self._start())
        self.nowhere = tcp(nowhere())

    async def _start(self) -> None:
        self.edges = [TcpEdge(node, notified=self.notices.append) for node in (self.a, self.b)]
        self.at_a, self.at_b = [tcp(await edge.listen()) for edge in self.edges]

    def pump(self) -> None:
        async def both() -> None:
            for edge in self.edges:
                edge.pump()

        self.loop.run_until_complete(both())

    def until(self, seen: Callable[[], object]) -> None:
        self.pump()
        self.loop.run_until_complete(until(seen))

    def connections(self) -> int:
        return len(self.edges[0].connections)

    def reset(self) -> None:
        async def now() -> None:
            for connection in tuple(self.edges[0].connections.values()):
                assert connection.transport is not None
                raw = connection.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.abort()
            await asyncio.sleep(0)

        self.loop.run_until_complete(now())

    def close(self) -> None:
        for edge in self.edges:
            self.loop.run_until_complete(edge.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


RIGS: dict[str, Callable[[], Rig]] = {
    "simulated": SimulatedRig,
    "tcp": TcpRig,
    "tcp-uvloop": lambda: TcpRig(fast=True),
}

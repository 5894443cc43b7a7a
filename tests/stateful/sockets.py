"""Two nodes and real TCP between them, as a Hypothesis machine: few steps, each waits for its result.

The properties are the simulation's monitors, which observe the sessions over any carrier. At the end the initiator has
to be established again, closed, or at rest, with every request resolved (R1, R3).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.net.routes import tcp
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.simulation.monitors import Broken, Monitor, mark
from tests.net.tcp_helpers import until

QUICK = Durations(0.5, 0.1, 1.0, 0.5, 0.5, BackOff(0.01, 1.6, 0.05, 0.2))
OUTER, HOST, CONTACT = local("outer"), local("host"), local("contact")


class SocketWalk:
    """A run over real sockets."""

    def __init__(self, kind: SessionType) -> None:
        self.kind = kind
        self.monitor = Monitor()
        self.loop = asyncio.new_event_loop()
        self.broken: list[BaseException] = []
        self.loop.set_exception_handler(lambda loop, context: self._raised(context))
        self.numbered = 0
        make = self.monitor.maker()
        self.a, self.b = Node(SystemEntropy(), make=make), Node(SystemEntropy(), make=make)
        self.edges: list[TcpEdge] = []
        self.loop.run_until_complete(self._start())
        self.session: Session = self.a.session(OUTER)
        if kind.creation is Creation.EXPLICIT:
            self.order("open")
        else:
            self.order("send")

    def _raised(self, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), Broken):
            self.broken.append(context["exception"])

    async def _start(self) -> None:
        self.edges = [TcpEdge(node) for node in (self.a, self.b)]
        at_a, at_b = [tcp(await edge.listen()) for edge in self.edges]
        two_sided = self.kind.renegotiated_by(Role.RESPONDER)
        settings = [SessionConfig(self.kind, role, durations=QUICK, attempts=20, held=20) for role in Role]
        self.b.start_host(HOST, settings[Role.RESPONDER], handler=self._answer, capacity=20)
        self.a.start_session(
            settings[Role.INITIATOR], (at_b, HOST), outer=OUTER, handler=lambda message, context: None,
            contact=CONTACT if two_sided else None, own_route=(at_a, CONTACT) if two_sided else (),
        )  # fmt: skip

    def _answer(self, message: Message, context: Context) -> None:
        if message.payload[:1] == b"q":
            context.reply(b"r" + message.payload[1:])

    def order(self, what: str) -> None:
        self.numbered += 1
        found = mark("q" if what == "request" else "m", self.numbered)
        orders = {
            "open": lambda: self.a.open(OUTER),
            "send": lambda: self.a.send(OUTER, found),
            "request": lambda: self.a.request(OUTER, found, found, reissue=True),
            "withdraw": lambda: self.a.withdraw_request(OUTER, next(iter(self.session.requests), None)),
            "renegotiate": lambda: self.a.renegotiate(OUTER),
            "close": lambda: self.a.close(OUTER),
        }
        try:
            orders[what]()
        except LocalSessionError:
            return
        self.pump()

    def pump(self, turns: int = 3) -> None:
        async def both() -> None:
            for _ in range(turns):
                for edge in self.edges:
                    edge.pump()
                await asyncio.sleep(0)

        self.loop.run_until_complete(both())
        self.check()

    def check(self) -> None:
        assert self.broken == [], self.broken[0]

    def reset(self) -> None:
        """Reset every connection."""

        async def now() -> None:
            for connection in tuple(self.edges[0].connections.values()):
                if connection.transport is not None:
                    raw = connection.transport.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.abort()

        self.loop.run_until_complete(now())
        self.pump()

    def restart_host(self) -> None:
        """Restart the host: its responders and their state are gone."""
        self.b.stop(HOST)
        settings = SessionConfig(self.kind, Role.RESPONDER, durations=QUICK, attempts=20, held=20)
        self.b.start_host(HOST, settings, handler=self._answer, capacity=20)
        self.pump()

    def settled(self) -> bool:
        self.check()
        session = self.session
        rests = session.state is State.TIMED_OUT and bool(session.resting) and not session.waiting
        return not session.requests and (session.state in (State.ESTABLISHED, State.CLOSED, State.IDLE) or rests)

    def settle(self) -> None:
        """Wait for the goals of R1 and R3."""
        try:
            self.loop.run_until_complete(until(self.settled))
        finally:
            self.close()

    def close(self) -> None:
        for edge in self.edges:
            self.loop.run_until_complete(edge.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class SocketMachine(RuleBasedStateMachine):
    """Two nodes over TCP. Subclasses are generated."""

    kind: ClassVar[SessionType]

    def __init__(self) -> None:
        super().__init__()
        self.walk = SocketWalk(self.kind)

    @rule(what=st.sampled_from(("open", "send", "request", "withdraw", "renegotiate", "send", "request", "close")))
    def order(self, what: str) -> None:
        self.walk.order(what)

    @rule()
    def reset(self) -> None:
        self.walk.reset()

    @rule()
    def restart_host(self) -> None:
        self.walk.restart_host()

    @rule(turns=st.integers(1, 20))
    def pump(self, turns: int) -> None:
        self.walk.pump(turns)

    def teardown(self) -> None:
        self.walk.settle()


def socket_machine(kind: SessionType) -> type[SocketMachine]:
    name = f"{kind.name} sockets".title().replace("-", "").replace(" ", "")
    return type(name, (SocketMachine,), {"kind": kind})


SOCKET_MACHINES: tuple[type[SocketMachine], ...] = tuple(socket_machine(kind) for kind in TYPES)

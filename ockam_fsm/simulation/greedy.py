"""Greedy and hostile peers in a simulation: real nodes that fill the account of `b` and send it malformed messages.

    hello       requests sessions, and confirms none
    forward     sends large messages for a destination that never answers; `b` holds them meanwhile
    oversize    sends large payloads to an address that does not exist
    malformed   sends arbitrary bytes, with routes of any length, to the host, to a private worker or to no worker
    leave       closes its connection; its next message opens another one

Rule 1: `b` has a small account, so that every run reaches its limits. accounts.py checks them.
Source: spec/sessions.md clauses 16.4 and 16.5.
"""

from __future__ import annotations

from random import Random

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.gate import MAX_ACCEPTED_ROUTE
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import Observer
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES, Profile
from ockam_fsm.runtime.session.signals import Generation, Hello
from ockam_fsm.simulation.network import SimulatedNetwork, SimulatedNode, tcp

SMALL_ACCOUNT_BYTES = 96 * 1024
MOST_AT_ONCE = 12
PAUSE_SECONDS = 0.5
"""The mean time between two actions of one peer."""

SILENT = "silent"
NO_WORKER = local("no-worker")
_ACTIONS = ("hello", "hello", "forward", "forward", "oversize", "malformed", "leave")


class GreedyPeers:
    """`count` greedy peers that act on the host `host` of node `b`, from `begin` until `end`."""

    def __init__(
        self, network: SimulatedNetwork, count: int, host: Address, profile: Profile, observer: Observer
    ) -> None:
        """`observer` receives the observations of their nodes."""
        self._network = network
        self._host = host
        self._profile = profile
        self._asked = 0
        self._nodes = [
            network.add_node(f"greedy-{number}", lambda node: node.node.add_observer(observer))
            for number in range(count)
        ]
        if count:
            network.add_node(SILENT, lambda node: node.node.add_observer(observer))
            network.cuts.add(("b", SILENT))

    def begin(self) -> None:
        for node in self._nodes:
            self._later(node)

    def end(self) -> None:
        """Disconnect all peers and stop their actions."""
        nodes, self._nodes = self._nodes, []
        for node in nodes:
            self._leave(node)

    @property
    def _random(self) -> Random:
        return self._network.random

    def _later(self, node: SimulatedNode) -> None:
        self._network.after(self._random.expovariate(1 / PAUSE_SECONDS), "greedy-peer", self._act, node)

    def _act(self, node: SimulatedNode) -> None:
        if node not in self._nodes:
            return
        action, times = self._random.choice(_ACTIONS), self._random.randint(1, MOST_AT_ONCE)
        if action == "leave":
            self._leave(node)
        else:
            for _ in range(times):
                node.node.route(self._message(action))
            node.run()
        self._later(node)

    def _message(self, action: str) -> Message:
        if action == "hello":
            return self._hello()
        if action == "malformed":
            return self._malformed()
        payload = bytes(self._random.randint(0, SMALL_ACCOUNT_BYTES // 8))
        beyond = (tcp(SILENT), NO_WORKER) if action == "forward" else (NO_WORKER,)
        return Message((tcp("b"), *beyond), (NO_WORKER,), payload)

    def _hello(self) -> Message:
        self._asked += 1
        session_id = b"\xff" + self._asked.to_bytes(SESSION_ID_BYTES - 1, "big")
        generation = Generation(1, Role.INITIATOR, local(f"greedy{self._asked}"))
        hello = self._profile.encode(Hello(session_id, generation, ()))
        return Message((tcp("b"), self._host), (generation.address,), hello)

    def _malformed(self) -> Message:
        onward = self._random.choice(((self._host,), (local("application"),), (NO_WORKER,) * 100, ()))
        back = (NO_WORKER,) * self._random.randint(0, MAX_ACCEPTED_ROUTE)
        return Message((tcp("b"), *onward), back, self._random.randbytes(self._random.randint(0, 40)))

    def _leave(self, node: SimulatedNode) -> None:
        for via in tuple(node.links):
            self._network.reset(node, via)

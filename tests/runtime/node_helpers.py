"""Nodes joined by perfect connections, for tests: no time passes, and every frame arrives at once and in order."""

from __future__ import annotations

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, Role, SessionType
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.node.commands import (
    Connect,
    Disconnect,
    NodeCommand,
    NotifyOwner,
    RememberNumber,
    Transmit,
    WorkerTimer,
)
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.commands import Notice
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, Profile
from ockam_fsm.runtime.session.link import Purpose

HOST = local("host")


class Counted:
    """Entropy that counts its addresses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made = 0

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.made += 1
        return local(f"{self.name}-{number}{purpose.value[0]}{self.made}")

    def fraction(self) -> float:
        return 0.5


def tcp(name: str) -> Address:
    return Address(TCP, name.encode())


class Inbox:
    """A handler that keeps its messages."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.addresses: list[Address] = []

    def __call__(self, message: Message, context: Context) -> None:
        self.messages.append(message)
        self.addresses.append(context.address)

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


class Wires:
    """Nodes by name, the connections between them, and the armed timers."""

    def __init__(self, *names: str) -> None:
        self.nodes = {name: Node(Counted(name)) for name in names}
        self.ends: dict[tuple[str, Address], tuple[str, Address]] = {}
        self.timers: dict[str, dict[WorkerTimer, float]] = {name: {} for name in names}
        self.notices: list[tuple[str, Address, Notice]] = []
        self.remembered: list[RememberNumber] = []
        self.frames: list[tuple[str, Message]] = []

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def pump(self) -> None:
        """Deliver until nothing is left to deliver."""
        busy = True
        while busy:
            busy = False
            for name, node in self.nodes.items():
                for command in node.run():
                    busy = True
                    self._perform(name, node, command)

    def carry_out(self, name: str, commands: list[NodeCommand]) -> None:
        """Carry out commands that a node has given, and deliver what follows from them."""
        for command in commands:
            self._perform(name, self.nodes[name], command)
        self.pump()

    def fire(self, name: str, *names: object) -> None:
        """Fire the armed timers of a node that have one of these names, the earliest first."""
        for timer in sorted(self.timers[name], key=lambda t: self.timers[name].get(t, 0.0)):
            if timer.timer not in names:
                continue
            if timer in self.timers[name]:
                del self.timers[name][timer]
                self.nodes[name].fire(timer)
                self.pump()

    def cut(self, name: str) -> None:
        """Lose every connection of a node, at both ends."""
        for (here, via), (there, peer_via) in tuple(self.ends.items()):
            if here == name and self.ends.pop((here, via), ("", via))[0]:
                self.ends.pop((there, peer_via), None)
                self.nodes[here].connection_lost(via, "reset")
                self.nodes[there].connection_lost(peer_via, "reset")
        self.pump()

    def _perform(self, name: str, node: Node, command: NodeCommand) -> None:
        match command:
            case Connect(via, destination):
                self._connect(name, node, via, destination.value.decode())
            case Transmit(via, message):
                self.frames.append((name, message))
                there, peer_via = self.ends[name, via]
                self.nodes[there].receive(message, peer_via)
            case Disconnect(via):
                end = self.ends.pop((name, via), None)
                if end is not None:
                    self.ends.pop(end, None)
                    self.nodes[end[0]].connection_lost(end[1], "closed")
            case SetTimer(timer, seconds):
                self.timers[name][timer] = seconds
            case CancelTimer(timer):
                self.timers[name].pop(timer, None)
            case RememberNumber():
                self.remembered.append(command)
            case NotifyOwner(worker, notice):
                self.notices.append((name, worker, notice))

    def _connect(self, name: str, node: Node, via: Address, destination: str) -> None:
        if destination not in self.nodes:
            node.connection_lost(via, "refused")
            return
        peer_via = self.nodes[destination].accepted()
        self.ends[name, via] = destination, peer_via
        self.ends[destination, peer_via] = name, via
        node.connected(via)


def settings(kind: SessionType, role: Role, profile: Profile = GENERATION, **options: object) -> SessionConfig:
    fresh = role is Role.RESPONDER and not profile.keeps_alive
    return SessionConfig(TYPES[0] if fresh else kind, role, profile, **options)  # type: ignore[arg-type]


def pair(
    kind: SessionType, profile: Profile = GENERATION, route: Route | None = None
) -> tuple[Wires, Address, Inbox, Inbox]:
    """Return nodes a and b, a session of a to the host of b, and the inboxes of its two ends."""
    wires, here, there = Wires("a", "b"), Inbox(), Inbox()
    wires["b"].start_host(HOST, settings(kind, Role.RESPONDER, profile), handler=there)
    two_sided = kind.renegotiation is Renegotiation.TWO_SIDED
    session = wires["a"].start_session(
        settings(kind, Role.INITIATOR, profile),
        route or (tcp("b"), HOST),
        handler=here,
        contact=local("contact") if two_sided else None,
        own_route=(tcp("a"), local("contact")) if two_sided else (),
    )
    return wires, session, here, there

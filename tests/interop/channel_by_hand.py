"""Secure channels over plain messages of a node, driven step by step: handshake messages, then data.

    initiator    message 1 to the listener; message 3 and data to the return route of message 2
    responder    message 2 to the return route of message 1, and from an address of its own; data to the same route

Data has an empty outer return route; in a close of a Rust node it is the address of its encryptor.

Rule: no session is used here, so that only `ockam_fsm.secure` is tested.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.arguments import TextOrRoute, route_of
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.secure.channel import Channel, ChannelHandshake, PurposeKey
from ockam_fsm.secure.identity import OwnIdentity
from ockam_fsm.secure.plaintext import Close, Data, decode_plaintext, encode_close, encode_data
from ockam_fsm.secure.secret import Secret
from ockam_fsm.secure.suite import OCKAM, Suite
from ockam_fsm.secure.trust import TrustEveryone

PATIENCE = 20.0
HOP = local("hop")
BACK = local("back")
"""The address for replies inside a channel, which only the channel contains."""


def entropy() -> Secret:
    return Secret(secrets.token_bytes(32))


def now() -> int:
    return int(time.time())


def new_identity() -> PurposeKey:
    return PurposeKey.create(OwnIdentity.create(entropy(), now()), entropy(), now())


class Mailbox:
    """A public worker and its received messages. `address` None: a fresh one."""

    def __init__(self, node: TcpNode, address: str | Address | None = None) -> None:
        self.node = node
        self._arrivals: asyncio.Queue[Message] = asyncio.Queue()
        self.address = node.worker(address, self._keep, public=True)

    def _keep(self, message: Message, context: Context) -> None:
        self._arrivals.put_nowait(message)

    @property
    def waiting(self) -> int:
        return self._arrivals.qsize()

    async def next(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            return await self._arrivals.get()


@dataclass
class HandDriven:
    """One open channel. `handshake`: its three messages. `received`: every message after them."""

    mailbox: Mailbox
    remote: Route
    channel: Channel
    handshake: tuple[bytes, bytes, bytes]
    received: list[bytes] = field(default_factory=list)

    @property
    def peer(self) -> str:
        return str(self.channel.peer.identifier)

    def send(self, data: Data) -> None:
        self.mailbox.node.send(self.remote, self.channel.encryptor.encrypt(encode_data(data)))

    def close(self) -> None:
        self.mailbox.node.send(self.remote, self.channel.encryptor.encrypt(encode_close()))

    def lose(self, count: int) -> None:
        """Encrypt messages without sending them."""
        for _ in range(count):
            self.channel.encryptor.encrypt(b"lost")

    async def receive(self) -> Data | None:
        """The next data; None once the peer has closed the channel."""
        message = await self.mailbox.next()
        self.received.append(message.payload)
        plain = decode_plaintext(self.channel.decryptor.decrypt(message.payload).plaintext)
        assert isinstance(plain, Data | Close)
        written = [
            address for address in message.return_route[1:] if address != HOP
        ]  # the rest was put there on the way
        assert len(written) == (0 if isinstance(plain, Data) else 1)
        return plain if isinstance(plain, Data) else None

    async def ask(self, payloads: Iterable[bytes], worker: str = "echo") -> list[bytes]:
        """Send these payloads to a worker behind the channel and return its replies."""
        asked = tuple(payloads)
        for payload in asked:
            self.send(Data((local(worker),), (BACK,), payload))
        replies = [await self.receive() for _ in asked]
        assert all(reply is not None and reply.onward_route == (BACK,) for reply in replies)
        return [reply.payload for reply in replies if reply is not None]


async def opened(
    node: TcpNode,
    listener: TextOrRoute,
    own: PurposeKey,
    *,
    at: int | None = None,
    ephemeral: Secret | None = None,
    suite: Suite = OCKAM,
) -> HandDriven:
    """Open a channel as the initiator, at a time in seconds since 1970."""
    second = at or now()
    handshake = ChannelHandshake(Role.INITIATOR, own, TrustEveryone(), ephemeral or entropy(), suite)
    mailbox, first = Mailbox(node), handshake.write()
    node.send(route_of(listener), first, return_route=(mailbox.address,))
    answer = await mailbox.next()
    handshake.read(answer.payload, second)
    third = handshake.write()
    node.send(answer.return_route, third, return_route=(mailbox.address,))
    return HandDriven(mailbox, answer.return_route, handshake.channel(), (first, answer.payload, third))


async def accepted(
    listener: Mailbox, own: PurposeKey, *, at: int | None = None, ephemeral: Secret | None = None
) -> HandDriven:
    """Accept a channel as the responder to the next first message."""
    second = at or now()
    handshake = ChannelHandshake(Role.RESPONDER, own, TrustEveryone(), ephemeral or entropy())
    first = await listener.next()
    handshake.read(first.payload, second)
    mailbox, answer = Mailbox(listener.node), handshake.write()
    listener.node.send(first.return_route, answer, return_route=(mailbox.address,))
    third = await mailbox.next()
    handshake.read(third.payload, second)
    return HandDriven(mailbox, first.return_route, handshake.channel(), (first.payload, answer, third.payload))


async def echo_until_closed(channel: HandDriven) -> None:
    """Act as the worker `echo` behind a channel until it is closed."""
    while (data := await channel.receive()) is not None:
        assert data.onward_route == (local("echo"),)
        channel.send(Data(data.return_route, (), data.payload))

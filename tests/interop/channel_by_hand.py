"""Secure channels over a node's plain messages, driven by hand: the messages of the handshake, then data.

    initiator    message 1 to the listener; message 3 and data to the return route of message 2
    responder    message 2 to the return route of message 1, and from an address of its own; data to the same route

Data has an empty outer return route; a close of a Rust node names its encryptor there. Rule: no session is used here, so what is tried is `ockam_fsm.secure` alone.
"""

from __future__ import annotations

import asyncio
import secrets
import time

from ockam_fsm.net.arguments import TextOrRoute, route_of
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.secure.channel import Channel, ChannelHandshake
from ockam_fsm.secure.identity import Identity
from ockam_fsm.secure.identity_store import StoredIdentity
from ockam_fsm.secure.plaintext import Close, Data, decode_plaintext, encode_close, encode_data
from ockam_fsm.secure.secret import Secret
from ockam_fsm.secure.suite import HandshakeRole
from ockam_fsm.secure.trust import TrustEveryone

PATIENCE = 20.0


def entropy() -> Secret:
    return Secret(secrets.token_bytes(32))


def now() -> int:
    return int(time.time())


def new_identity() -> StoredIdentity:
    return StoredIdentity.create(entropy(), entropy(), now())


class HandDrivenChannel:
    """One open channel. Messages for it wait in `arrivals`."""

    def __init__(self, node: TcpNode, arrivals: asyncio.Queue[Message], remote: Route, channel: Channel) -> None:
        self.remote = remote
        self.peer: Identity = channel.peer
        self._node = node
        self._arrivals = arrivals
        self._channel = channel

    def send(self, data: Data) -> None:
        self._put(encode_data(data))

    def close(self) -> None:
        self._put(encode_close())

    async def receive(self) -> Data | None:
        """The next data; None when the peer has closed."""
        async with asyncio.timeout(PATIENCE):
            message = await self._arrivals.get()
        plain = decode_plaintext(self._channel.decryptor.decrypt(message.payload).plaintext)
        assert isinstance(plain, Data | Close)
        outer = message.return_route[1:]  # without the connection, which our node has put in front
        assert len(outer) == (0 if isinstance(plain, Data) else 1)
        return plain if isinstance(plain, Data) else None

    def _put(self, plaintext: bytes) -> None:
        self._node.send(self.remote, self._channel.encryptor.encrypt(plaintext))


def mailbox(node: TcpNode, name: str | None = None) -> tuple[Address, asyncio.Queue[Message]]:
    """A worker that peers reach, and what arrives at it."""
    arrivals: asyncio.Queue[Message] = asyncio.Queue()

    def keep(message: Message, context: Context) -> None:
        arrivals.put_nowait(message)

    return node.worker(name, keep, public=True), arrivals


async def opened(node: TcpNode, listener: TextOrRoute, own: StoredIdentity) -> HandDrivenChannel:
    """Be the initiator."""
    handshake = ChannelHandshake(HandshakeRole.INITIATOR, own.purpose_key(now()), TrustEveryone(), entropy())
    address, arrivals = mailbox(node)
    node.send(route_of(listener), handshake.write(), return_route=(address,))
    async with asyncio.timeout(PATIENCE):
        second = await arrivals.get()
    handshake.read(second.payload, now())
    node.send(second.return_route, handshake.write(), return_route=(address,))
    return HandDrivenChannel(node, arrivals, second.return_route, handshake.channel())


async def accepted(node: TcpNode, firsts: asyncio.Queue[Message], own: StoredIdentity) -> HandDrivenChannel:
    """Be the responder of the next first message."""
    handshake = ChannelHandshake(HandshakeRole.RESPONDER, own.purpose_key(now()), TrustEveryone(), entropy())
    async with asyncio.timeout(PATIENCE):
        first = await firsts.get()
    handshake.read(first.payload, now())
    address, arrivals = mailbox(node)
    node.send(first.return_route, handshake.write(), return_route=(address,))
    async with asyncio.timeout(PATIENCE):
        third = await arrivals.get()
    handshake.read(third.payload, now())
    return HandDrivenChannel(node, arrivals, first.return_route, handshake.channel())


async def ask(channel: HandDrivenChannel, worker: str, payload: bytes) -> bytes:
    """Send a payload to a worker behind the channel; its reply comes to an address that only the channel knows."""
    back = local("back")
    channel.send(Data((local(worker),), (back,), payload))
    reply = await channel.receive()
    assert reply is not None
    assert reply.onward_route == (back,)
    return reply.payload

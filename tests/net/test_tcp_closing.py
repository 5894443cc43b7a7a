"""The end of sessions between real nodes: closed by the application, stopped with a node, or attacked by a stranger."""

from __future__ import annotations

import asyncio

import pytest

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, local
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.config import BackOff, Durations
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.session import MAX_NUMBER_JUMP
from ockam_fsm.runtime.session.signals import Generation, Hello

DURATIONS = Durations(negotiation_seconds=0.5, keepalive_seconds=0.2, back_off=BackOff(0.1, max_seconds=0.3))
SECONDS = 20.0
SESSION_ID = bytes(range(16))
PERSISTENT = [kind for kind in TYPES if kind.persistent]
EXPLICIT = [kind for kind in PERSISTENT if kind.creation is Creation.EXPLICIT]


async def until_empty(hub: TcpNode) -> None:
    async with asyncio.timeout(SECONDS):
        while hub.responders("hub"):
            await asyncio.sleep(0.01)


async def listening(hub: TcpNode, kind: SessionType, address: str = "127.0.0.1:0", capacity: int = 50) -> str:
    hub.spawner("hub", kind, handler=echo, durations=DURATIONS, capacity=capacity)
    return await hub.listen(address)


async def established(node: TcpNode, where: str, kind: SessionType, session_id: bytes | None = None) -> TcpSession:
    await node.listen("127.0.0.1:0")  # the responder of a two-sided session connects back
    session = node.session(f"tcp://{where}/hub", kind, session_id=session_id, durations=DURATIONS)
    if kind.creation is Creation.EXPLICIT:
        await session.open(SECONDS)
    assert await session.request(b"x", timeout_seconds=SECONDS) == b"x"
    return session


def renegotiating(node: TcpNode, session: TcpSession) -> None:
    """Give the order without waiting."""
    node.order(lambda inner: inner.renegotiate(session.address))


def send(node: TcpNode, message: Message) -> None:
    node.order(lambda inner: inner.route(message))


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_closed_sessions_leave_room(kind: SessionType) -> None:
    async def main() -> None:
        async with TcpNode() as hub, TcpNode() as node:
            where = await listening(hub, kind, capacity=5)
            for _ in range(20):
                session = await established(node, where, kind)
                await session.close()
            await until_empty(hub)

    run(main())


@pytest.mark.parametrize("kind", EXPLICIT, ids=str)
def test_closing_in_the_middle_of_a_renegotiation_leaves_no_responder(kind: SessionType) -> None:
    async def main() -> None:
        async with TcpNode() as hub, TcpNode() as node:
            where = await listening(hub, kind)
            sessions = [await established(node, where, kind) for _ in range(20)]
            for session in sessions:
                renegotiating(node, session)
                await session.close()
            await until_empty(hub)

    run(main())


@pytest.mark.parametrize("kind", EXPLICIT, ids=str)
def test_a_hub_that_is_restarted_in_order_ends_no_persistent_session(kind: SessionType) -> None:
    async def main() -> None:
        async with TcpNode() as node:
            async with TcpNode() as hub:
                where = await listening(hub, kind)
                session = await established(node, where, kind)
            async with TcpNode() as hub:
                await listening(hub, kind, where)
                assert await session.request(b"again", timeout_seconds=SECONDS, reissue=True) == b"again"
                await session.close()
                await until_empty(hub)

    run(main())


def test_a_responder_that_closes_ends_the_session_of_its_peer() -> None:
    """A two-sided session, which would renegotiate after a failure."""

    async def main() -> None:
        async with TcpNode() as hub, TcpNode() as node:
            where = await listening(hub, EXPLICIT_PERSISTENT_TWO_SIDED)
            session = await established(node, where, EXPLICIT_PERSISTENT_TWO_SIDED)
            (responder,) = hub.node.host(local("hub")).responders.values()
            hub.order(lambda inner: inner.close(responder.outer))
            assert await session.closed(SECONDS) == "closed by the peer"

    run(main())


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("forged", [1, 3])
def test_forged_hellos_neither_end_a_session_nor_lock_its_initiator_out(forged: int, closes: bool) -> None:
    """The stranger knows the session's id, and may close its connection again."""

    async def main() -> None:
        async with TcpNode() as hub, TcpNode() as node, TcpNode() as stranger:
            where = await listening(hub, EXPLICIT_PERSISTENT_ONE_SIDED)
            session = await established(node, where, EXPLICIT_PERSISTENT_ONE_SIDED, SESSION_ID)
            changes: list[State] = []
            session.on_change(lambda change: changes.append(State[change.after]))
            way = (Address(TCP, where.encode()), local("hub"))
            for number in range(1, forged + 1):
                generation = Generation(1 + number * MAX_NUMBER_JUMP, Role.INITIATOR, local(f"evil {number}"))
                hello = GENERATION.encode(Hello(SESSION_ID, generation))
                send(stranger, Message(way, (local("evil"),), hello))
            await asyncio.sleep(0.1)
            if closes:
                await stranger.close()
            await asyncio.sleep(4 * DURATIONS.negotiation_seconds)
            assert changes == []
            await session.renegotiate(SECONDS)
            assert await session.request(b"x", timeout_seconds=SECONDS) == b"x"
            assert session.generation == 2

    run(main())


def test_the_memory_of_an_unconfirmed_hello_is_released_after_its_negotiation() -> None:
    async def main() -> None:
        async with TcpNode() as hub, TcpNode() as stranger:
            where = await listening(hub, EXPLICIT_PERSISTENT_ONE_SIDED)
            way = (Address(TCP, where.encode()), local("hub"))
            for number in range(60):
                generation = Generation(1, Role.INITIATOR, local(f"evil {number}"))
                hello = GENERATION.encode(Hello(bytes([number]) * 16, generation))
                send(stranger, Message(way, (local("evil"),), hello))
            async with asyncio.timeout(SECONDS):
                while len(hub.responders("hub")) < 50:
                    await asyncio.sleep(0.01)
            await until_empty(hub)

    run(main())

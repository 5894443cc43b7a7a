"""Deadlines are the caller's: a request ends in time in every state; what is given up is taken back (clause 6.7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.frames import VERSION
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.runtime.session.config import SessionConfig
from tests.net.tcp_helpers import QUICK, over_tcp, until

DEADLINE_SECONDS = 0.2
LATE_SECONDS = 1.5
"""Far from the deadline, and shorter than every duration that could end a request instead."""

PERSISTENT = "explicit-persistent-one-sided"
HURRIED = replace(QUICK, request_seconds=0.3)


async def misses_its_deadline(session: TcpSession, payload: bytes = b"too late") -> None:
    state, began = session.state, time.monotonic()
    with pytest.raises(TimeoutError, match=f"no response within 0.2 s, in {state.name}"):
        await session.request(payload, timeout_seconds=DEADLINE_SECONDS)
    assert DEADLINE_SECONDS - 0.02 <= time.monotonic() - began < LATE_SECONDS
    assert session.state is state


def open_requests(node: TcpNode, session: TcpSession) -> int:
    return len(node.node.session(session.address).requests)


def dead_letters(node: TcpNode) -> list[tuple[str, bytes]]:
    return [
        (letter.reason, getattr(letter.message, "payload", b"")) for letter in node.node.router.dead_letters.letters
    ]


class Door:
    """A TCP server that says nothing until it is told to, and keeps what it is sent."""

    def __init__(self) -> None:
        self.speaks = asyncio.Event()
        self.heard = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.speaks.wait()
        writer.write(VERSION)
        with suppress(ConnectionError):
            while data := await reader.read(1000):
                self.heard += data
        writer.close()


@asynccontextmanager
async def silent_door() -> AsyncIterator[tuple[Door, str]]:
    door = Door()
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    try:
        yield door, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        door.speaks.set()
        server.close()


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_request_ends_in_time_while_nothing_is_established(kind: SessionType) -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            await here.listen()
            session = here.session(f"tcp://{where}/hub", kind, settings=SessionConfig(kind, Role.INITIATOR, held=3))
            if kind.creation is Creation.EXPLICIT:
                opening = asyncio.ensure_future(session.open())
                await until(lambda: session.state is State.NEGOTIATING)
            else:
                session.post(b"first")
            await misses_its_deadline(session)
            assert open_requests(here, session) == 0
            assert ("withdrawn", b"too late") in dead_letters(here)
            if kind.creation is Creation.EXPLICIT:
                opening.cancel()

    over_tcp(main())


def test_a_request_ends_in_time_while_the_peer_is_away_and_is_not_sent_when_it_is_back() -> None:
    async def main() -> None:
        heard: list[bytes] = []

        def hears(message: Message, context: Context) -> None:
            heard.append(message.payload)
            context.reply(message.payload)

        async with TcpNode() as here:
            there = await TcpNode().__aenter__()
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=hears)
            session = here.session(f"tcp://{where}/hub", PERSISTENT, attempts=None, durations=QUICK)
            await session.open(2)
            await there.abort()
            await until(lambda: session.state is State.TIMED_OUT)
            began = time.monotonic()
            with pytest.raises(TimeoutError, match=r"no response within 0.2 s.*the last failure: .*refused"):
                await session.request(b"too late", timeout_seconds=DEADLINE_SECONDS)
            assert time.monotonic() - began < LATE_SECONDS
            async with TcpNode() as again:
                again.spawner("hub", PERSISTENT, handler=hears)
                await again.listen(where)
                assert await session.request(b"in time", timeout_seconds=10) == b"in time"
            assert heard == [b"in time"]

    over_tcp(main())


@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
def test_a_request_that_is_given_up_leaves_an_established_session_alone(cancelled: bool) -> None:
    async def main() -> None:
        arrived, given_up = asyncio.Event(), asyncio.Event()

        async def answers_late(message: Message, context: Context) -> None:
            arrived.set()
            await given_up.wait()
            context.reply(message.payload)

        async with TcpNode() as there, TcpNode() as here:
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=answers_late)
            limits = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=QUICK, requests=1)
            async with here.session(f"tcp://{where}/hub", settings=limits) as session:
                if cancelled:
                    asking = asyncio.ensure_future(session.request(b"too late"))
                    await arrived.wait()
                    with pytest.raises(LocalSessionError, match="1 requests are open"):
                        await session.request(b"one more")
                    asking.cancel()
                    await asyncio.wait([asking])
                else:
                    await misses_its_deadline(session)
                assert open_requests(here, session) == 0
                given_up.set()
                await until(lambda: "late or unknown response" in [reason for reason, _ in dead_letters(here)])
                await asyncio.sleep(QUICK.request_seconds + 0.2)  # its timer would have failed the session by now
                assert (session.state, session.generation) == (State.ESTABLISHED, 1)
                assert await session.request(b"in time") == b"in time"

    over_tcp(main())


def test_a_message_of_a_node_that_is_given_up_is_not_sent() -> None:
    async def main() -> None:
        async with silent_door() as (door, where), TcpNode() as here:
            with pytest.raises(TimeoutError, match=r"no reply within 0.2 s"):
                await here.request(f"tcp://{where}/echo", b"too late", timeout_seconds=DEADLINE_SECONDS)
            asking = asyncio.ensure_future(here.request(f"tcp://{where}/echo", b"cancelled"))
            await asyncio.sleep(0.05)
            asking.cancel()
            await asyncio.wait([asking])
            assert dead_letters(here) == [("withdrawn", b"too late"), ("withdrawn", b"cancelled")]
            here.send(f"tcp://{where}/echo", b"wanted")
            door.speaks.set()
            await until(lambda: b"wanted" in door.heard)
            assert b"too late" not in door.heard
            assert b"cancelled" not in door.heard

    over_tcp(main())


def test_a_message_through_a_session_that_is_given_up_is_not_sent() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", PERSISTENT, name="through", handler=echo)
            opening = asyncio.ensure_future(session.open())
            await until(lambda: session.state is State.NEGOTIATING)
            with pytest.raises(TimeoutError):
                await here.request("through", b"too late", timeout_seconds=DEADLINE_SECONDS)
            assert dead_letters(here) == [("withdrawn", b"too late")]
            assert here.node.session(session.address).held == 0
            opening.cancel()

    over_tcp(main())


def test_an_opening_that_is_cancelled_closes_the_session_at_both_ends() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=echo)
            session = here.session(f"tcp://{where}/hub", PERSISTENT)
            opening = asyncio.ensure_future(session.open())
            session.on_change(lambda change: opening.cancel())
            await asyncio.wait([opening])
            assert opening.cancelled()
            assert (session.state, session.reason) == (State.CLOSED, "closed by order")
            await until(lambda: there.responders("hub") == ())

    over_tcp(main())


def test_an_opening_that_takes_too_long_goes_on() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", PERSISTENT)
            with pytest.raises(TimeoutError, match=r"not established within 0.2 s, in NEGOTIATING"):
                await session.open(DEADLINE_SECONDS)
            assert session.state is State.NEGOTIATING

    over_tcp(main())


@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
def test_a_receive_that_is_given_up_loses_no_message(cancelled: bool) -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=echo)
            async with here.session(f"tcp://{where}/hub", PERSISTENT) as session:
                for number in range(20):
                    receiving = asyncio.ensure_future(session.receive(None if cancelled else 0.001 * number))
                    await session.send(b"%d" % number)
                    await asyncio.sleep(0.0005 * number)
                    if cancelled:
                        receiving.cancel()
                    done = await asyncio.gather(receiving, return_exceptions=True)
                    given_up = isinstance(done[0], asyncio.CancelledError | TimeoutError)
                    message = await session.receive(5) if given_up else done[0]
                    assert isinstance(message, Message)
                    assert message.payload == b"%d" % number

    over_tcp(main())


def test_the_time_for_one_sending_is_not_the_deadline() -> None:
    """The session fails when a sending is not answered in time; who asked for it waits for the next one."""

    async def main() -> None:
        asked: list[bytes] = []

        def answers_the_second(message: Message, context: Context) -> None:
            asked.append(message.payload)
            if len(asked) > 1:
                context.reply(b"answer")

        async with TcpNode() as there, TcpNode() as here:
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=answers_the_second)
            hurried = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, durations=HURRIED)
            async with here.session(f"tcp://{where}/hub", settings=hurried) as session:
                assert await session.request(b"question", reissue=True, timeout_seconds=10) == b"answer"
                assert (asked, session.generation) == ([b"question", b"question"], 2)
                asked.clear()
                with pytest.raises((TimeoutError, RemoteSessionError)):
                    await session.request(b"question", timeout_seconds=10)
                assert session.reason == "request timed out"

    over_tcp(main())

"""Deadlines of callers: a request ends in time in every state, and an abandoned one is withdrawn (clause 6.7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import tcp
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.frames import VERSION
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.commands import Letter, Observation, StateChanged
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import Context, echo, hop
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.session import Session
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


def ignores(message: Message, context: Context) -> None: ...


class Door:
    """A TCP server that is silent until the test makes it answer, and keeps its input."""

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
def test_a_request_ends_in_time_while_no_session_is_established(kind: SessionType) -> None:
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


def test_a_request_that_ended_while_the_peer_was_down_is_not_sent_later() -> None:
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
def test_an_abandoned_request_does_not_affect_an_established_session(cancelled: bool) -> None:
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


def test_an_abandoned_request_of_a_node_is_not_sent() -> None:
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


def test_an_abandoned_request_through_a_session_is_not_sent() -> None:
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
def test_an_abandoned_receive_loses_no_message(cancelled: bool) -> None:
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


def test_the_time_for_one_transmission_is_not_the_deadline() -> None:
    """The session fails if one transmission is not answered in time; the caller waits for the next one."""

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
                with pytest.raises(TimeoutError, match="request_seconds"):
                    await session.request(b"question", timeout_seconds=10)
                assert session.reason == "request timed out"

    over_tcp(main())


def test_an_abandoned_request_is_not_sent_by_a_worker_or_from_the_queue() -> None:
    async def main() -> None:
        def many(message: Message, context: Context) -> None:
            for _ in range(3000):
                context.send((local("sink"),), b"x")

        async with silent_door() as (door, where), TcpNode() as here:
            here.worker("hop", hop)
            here.worker("sink", ignores)
            here.worker("many", many)
            with pytest.raises(TimeoutError):
                await here.request((local("hop"), tcp(where), local("echo")), b"by a hop", timeout_seconds=0.05)
            here.send("many", b"go")
            with pytest.raises(TimeoutError):
                await here.request(f"tcp://{where}/echo", b"in the queue", timeout_seconds=0)
            here.send(f"tcp://{where}/echo", b"wanted")
            door.speaks.set()
            await until(lambda: b"wanted" in door.heard)
            withdrawn = [payload for reason, payload in dead_letters(here) if reason == "withdrawn"]
            assert withdrawn == [b"by a hop", b"in the queue"]
            assert b"by a hop" not in door.heard
            assert b"in the queue" not in door.heard

    over_tcp(main())


def test_a_call_that_is_cancelled_while_the_peers_close_waits_for_its_turn_is_cancelled() -> None:
    """The order that withdraws the request first processes queued events, which may end the session."""

    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            where = await there.listen()
            there.spawner("hub", PERSISTENT, handler=ignores)
            session = here.session(f"tcp://{where}/hub", PERSISTENT, handler=ignores)
            await session.open(2)
            asking = asyncio.ensure_future(session.request(b"question"))
            await until(lambda: open_requests(here, session) == 1)
            worker = here.node.router.residents[session.address]
            assert isinstance(worker, SessionWorker)
            here.node.router.afterwards.append(lambda: worker.order(Session.close))
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            await session.close()  # it is already closed
            assert session.state is State.CLOSED

    over_tcp(main())


def test_a_cancelled_opening_does_not_close_a_session_in_use() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", PERSISTENT)
            opening = asyncio.ensure_future(session.open())
            await until(lambda: session.state is State.NEGOTIATING)
            session.post(b"of somebody else")
            opening.cancel()
            await asyncio.wait([opening])
            assert (session.state, here.node.session(session.address).held) == (State.NEGOTIATING, 1)

    over_tcp(main())


def test_a_wrong_deadline_is_refused_without_any_effect() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", PERSISTENT)
            calls: tuple[Callable[[Any], Awaitable[object]], ...] = (
                session.open, session.established, session.closed, session.renegotiate, session.receive,
                lambda seconds: session.request(b"x", timeout_seconds=seconds),
                lambda seconds: here.request("x", b"x", timeout_seconds=seconds),
            )  # fmt: skip
            for call, wrong in product(calls, (-1, float("nan"), float("inf"), True, "5")):
                with pytest.raises(LocalSessionError, match="timeout_seconds"):
                    await call(wrong)
            assert session.state is State.IDLE

    over_tcp(main())


def test_an_abandoned_request_is_no_longer_charged() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", "implicit-persistent-one-sided")
            ledger, refused = here.node.router.ledger, 0
            session.post(b"first")
            held = ledger.held_bytes
            for number in range(20):
                asking = asyncio.ensure_future(session.request(b"x" * 10_000, timeout_seconds=0.01 * (number % 3)))
                await asyncio.sleep(0)
                if number % 2:
                    asking.cancel()
                await asyncio.wait([asking])
                refused += ledger.held_bytes != held
            assert (refused, here.node.session(session.address).held) == (0, 1)

    over_tcp(main())


def test_a_request_that_ends_while_it_is_accepted_is_no_longer_charged() -> None:
    async def main() -> None:
        async with silent_door() as (_, where), TcpNode() as here:
            session = here.session(f"tcp://{where}/hub", "implicit-persistent-one-sided")

            def ends_it(change: StateChanged) -> None:
                if change.after == "NEGOTIATING":
                    here.node.withdraw_request(session.address, "q")

            session.on_change(ends_it)
            here.node.request(session.address, "q", b"x" * 100_000)
            assert here.node.session(session.address).held == 0
            assert here.node.router.ledger.held_bytes < 10_000

    over_tcp(main())


def test_a_message_in_place_of_a_withdrawn_one_is_charged() -> None:
    async def main() -> None:
        class SendsInstead:
            def observe(self, observation: Observation) -> None:
                if isinstance(observation, Letter) and observation.reason == "withdrawn":
                    session.post(b"x" * 900_000)

        async with silent_door() as (_, where), TcpNode(observers=[SendsInstead()]) as here:
            session = here.session(f"tcp://{where}/hub", "implicit-persistent-one-sided")
            here.node.request(session.address, "q", b"x")
            here.node.withdraw_request(session.address, "q")
            assert here.node.session(session.address).held == 1
            assert here.node.router.ledger.held_bytes > 900_000

    over_tcp(main())

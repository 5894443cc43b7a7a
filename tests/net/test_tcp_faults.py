"""Real faults between two processes: this one and `ockam-fsm node`.

After every fault: a persistent session is established again at both ends on one generation, a transient one is closed
at both ends, and every accepted message has a known outcome: answered, refused with an error, a dead letter, or
written to a connection that the fault has taken.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.connection import TcpConnection
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.commands import Letter, Observation, Transmit
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM
from tests.net.fault_proxy import CHAOS, FaultProxy
from tests.net.node_process import NodeProcess
from tests.net.tcp_helpers import QUICK, Client, over_tcp, still_echoes, until

pytestmark = pytest.mark.slow

PERSISTENT = [kind for kind in TYPES if kind.persistent]
SEEDS = int(os.environ.get("OCKAM_FSM_FAULT_SEEDS", "1"))
"""Number of seeds of the fault proxy for each type."""


class Accounts:
    """The outcome of every message that a session accepted, by its number."""

    def __init__(self) -> None:
        self.sent = 0
        self.accepted: set[bytes] = set()
        self.answered: list[bytes] = []
        self.dead: set[bytes] = set()

    def observe(self, observation: Observation) -> None:
        if isinstance(observation, Letter):
            self.dead.add(_number(getattr(observation.message, "payload", b"")))

    def post(self, session: TcpSession) -> None:
        self.sent += 1
        payload = b"#%d#" % self.sent
        try:
            session.post(payload)
        except LocalSessionError:
            return  # refused, and its sender knows
        self.accepted.add(payload)

    def taken(self, node: TcpNode, session: TcpSession) -> set[bytes]:
        """Messages that were accepted, but are neither answered, nor dead letters, nor held."""
        held = set()
        if session.state is not State.CLOSED:
            held = {outgoing.payload for outgoing, _ in node.node.session(session.address).waiting}
        return self.accepted - set(self.answered) - self.dead - held


def _number(payload: object) -> bytes:
    """Return the number of a message, also inside a message of a session."""
    if not isinstance(payload, bytes) or payload.count(b"#") < 2:
        return b""
    return b"#" + payload.split(b"#")[-2] + b"#"


class Written:
    """A wrapper of a node's edge that records the connections to which each number was written."""

    def __init__(self, node: TcpNode) -> None:
        self.on: dict[bytes, set[TcpConnection]] = {}
        transmit = node.edge._transmit

        def watched(command: Transmit) -> None:
            connection = node.edge.connections.get(command.via)
            if connection is not None:
                self.on.setdefault(_number(command.message.payload), set()).add(connection)
            transmit(command)

        node.edge._perform[Transmit] = watched


class Case:
    """A node, a session to the other process, and the accounts of its messages."""

    def __init__(self, node: TcpNode, session: TcpSession, accounts: Accounts, process: NodeProcess) -> None:
        self.node, self.session, self.accounts, self.process = node, session, accounts, process
        self.written = Written(node)
        self.swallowed: list[Message] = []
        """Messages that a proxy dropped silently, on a connection that may still be open."""

    async def use(self, many: int = 20) -> None:
        for _ in range(many):
            self.accounts.post(self.session)
            await asyncio.sleep(0)

    async def answered(self) -> None:
        """Wait until the session works: a new message is answered."""
        before = len(self.accounts.answered)
        self.accounts.post(self.session)
        await until(lambda: len(self.accounts.answered) > before)

    async def established_again(self, after: int = 0) -> None:
        """Wait until both ends are on one generation newer than `after`, and every accepted message has an outcome."""
        session, accounts = self.session, self.accounts

        def agreed() -> bool:
            here = (session.state.name, session.generation)
            return here[0] == "ESTABLISHED" and here[1] > after and here in self.process.states()

        await asyncio.wait_for(self._insist(agreed), 30.0)
        last = b"#%d#" % accounts.sent
        await until(lambda: last in accounts.answered or last in accounts.dead)
        await self.check_accounts()

    async def _insist(self, agreed: Callable[[], bool]) -> None:
        """Send a message: an implicit session negotiates only then."""
        while not agreed():
            accounts = self.accounts
            accounts.post(self.session)
            await asyncio.sleep(0.05)

    async def closed(self) -> None:
        await self.session.closed(20.0)
        await until(lambda: not self.process.states())
        await self.check_accounts()

    async def check_accounts(self) -> None:
        """Check that missing messages were written to a lost connection, or are dead letters of the other process."""
        await until(lambda: len(self._missing()) <= self.process.dead_letters)

    def _missing(self) -> list[bytes]:
        missing = self.accounts.taken(self.node, self.session)
        for number in missing:
            assert number in self.written.on, f"{number!r} was accepted, and has no known outcome"
        gone = {number for number in missing if any(c.transport is None for c in self.written.on[number])}
        return sorted(missing - gone - {_number(message.payload) for message in self.swallowed})


@asynccontextmanager
async def session_with(
    process: NodeProcess,
    kind: SessionType,
    *,
    where: str = "",
    profile: str = "generation",
    durations: Durations = QUICK,
    opened: bool = True,
) -> AsyncIterator[Case]:
    accounts = Accounts()

    def take(message: Message, context: object) -> None:
        accounts.answered.append(message.payload)

    async with TcpNode(observers=[accounts]) as node:
        await node.listen()
        attempts = None if kind.persistent else 5
        spoken = GENERATION if profile == "generation" else OCKAM
        target = "responder" if profile == "generation" else "session_spawner"
        settings = SessionConfig(kind, Role.INITIATOR, spoken, durations, attempts)
        session = node.session(f"tcp://{where or process.where}/{target}", settings=settings, handler=take)
        case = Case(node, session, accounts, process)
        if opened:
            if kind.creation is Creation.EXPLICIT:
                await session.open(20.0)
            await case.answered()
        yield case


Fault: TypeAlias = Callable[[Case], Awaitable[None]]


async def killed_and_restarted(case: Case) -> None:
    await case.process.kill()
    await case.use()
    await case.process.start()


async def stopped_and_continued(case: Case) -> None:
    """Stop the process until keepalives are missed; afterwards its whole backlog arrives at once."""
    case.process.signal(signal.SIGSTOP)
    await case.use()
    await until(lambda: case.session.state is not State.ESTABLISHED)
    case.process.signal(signal.SIGCONT)


async def reset(case: Case) -> None:
    await case.use()
    for connection in tuple(case.node.edge.connections.values()):
        assert connection.transport is not None
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.abort()
    await until(lambda: case.session.state is not State.ESTABLISHED)
    await case.use()


TCP_REPAIR = 19


async def vanished(case: Case) -> None:
    """Half-open: this end's socket is closed silently, so the other end considers it open until it writes."""
    for connection in tuple(case.node.edge.connections.values()):
        assert connection.transport is not None
        raw = connection.transport.get_extra_info("socket")
        try:
            raw.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except OSError:
            pytest.skip("only root may make a socket vanish")
        connection.abort()
    await until(lambda: case.session.state is not State.ESTABLISHED)


FAULTS: dict[str, Fault] = {
    "killed-and-restarted": killed_and_restarted,
    "stopped-and-continued": stopped_and_continued,
    "reset": reset,
    "half-open": vanished,
}


@pytest.mark.parametrize("kind", PERSISTENT, ids=lambda kind: kind.name)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_persistent_session_survives(fault: str, kind: SessionType) -> None:
    async def main() -> None:
        async with NodeProcess(kind.name) as process, session_with(process, kind) as case:
            before = case.session.generation
            await FAULTS[fault](case)
            await case.established_again(before)

    over_tcp(main())


@pytest.mark.parametrize("kind", [kind for kind in TYPES if not kind.persistent], ids=lambda kind: kind.name)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_transient_session_is_closed(fault: str, kind: SessionType) -> None:
    async def main() -> None:
        async with NodeProcess(kind.name) as process, session_with(process, kind) as case:
            await FAULTS[fault](case)
            await case.closed()

    over_tcp(main())


@pytest.mark.parametrize("fault", ["killed-and-restarted", "reset"])
def test_a_session_of_profile_ockam_survives_with_a_new_responder(fault: str) -> None:
    kind = EXPLICIT_PERSISTENT_ONE_SIDED

    async def main() -> None:
        async with NodeProcess() as process, session_with(process, kind, profile="ockam") as case:
            await FAULTS[fault](case)
            await until(lambda: case.session.generation > 1 and case.session.state is State.ESTABLISHED)
            await case.answered()
            await case.check_accounts()

    over_tcp(main())


def test_a_refused_connection_is_retried_until_a_node_listens() -> None:
    process = NodeProcess()

    async def main() -> None:
        async with session_with(process, EXPLICIT_PERSISTENT_ONE_SIDED, opened=False) as case:
            opening = asyncio.ensure_future(case.session.open(30.0))
            await until(lambda: case.session.state is not State.IDLE)
            await case.use()
            await until(lambda: case.session.generation >= 2)
            async with process:
                await opening
                await case.established_again()
                expected = [b"#%d#" % number for number in range(1, 21)]
                assert case.accounts.answered[:20] == expected, "held messages leave in their order"

    over_tcp(main())


def test_a_slow_reader_slows_the_sender_down_and_loses_nothing() -> None:
    patient = Durations(30.0, 30.0, None, 30.0, 30.0)
    there = "negotiation=30,keepalive=30,idle=60,retention=30,request=30,back-off=0.02"
    payload = b"x" * 50_000

    async def main() -> None:
        kind = EXPLICIT_PERSISTENT_ONE_SIDED
        async with (
            NodeProcess(durations=there) as process,
            session_with(process, kind, durations=patient) as case,
        ):
            process.signal(signal.SIGSTOP)
            sent: list[float] = []
            sending = asyncio.ensure_future(_send_while(case.session, payload, sent))
            (connection,) = case.node.edge.connections.values()
            # The buffers of the system take some megabytes; then the sender blocks.
            await until(lambda: connection.slow and sent[-1] < case.node.loop.time() - 0.3)
            assert connection.transport is not None
            assert connection.transport.get_write_buffer_size() < 256 * 1024 + 2 * len(payload)
            before = len(sent)
            process.signal(signal.SIGCONT)
            await until(lambda: len(sent) > before)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await until(lambda: case.accounts.answered.count(payload) == len(sent))
            assert case.session.generation == 1
            assert case.accounts.dead == set()

    over_tcp(main())


async def _send_while(session: TcpSession, payload: bytes, sent: list[float]) -> None:
    """Send indefinitely, and record when each message was accepted."""
    loop = asyncio.get_running_loop()
    while True:
        await session.send(payload)
        sent.append(loop.time())
        await asyncio.sleep(0)


@pytest.mark.parametrize("rates", [{"cut-in-frame": 1.0}, {"cut": 1.0}], ids=lambda rates: next(iter(rates)))
def test_a_frame_cut_in_the_middle(rates: dict[str, float]) -> None:
    async def main() -> None:
        kind = EXPLICIT_PERSISTENT_ONE_SIDED
        async with (
            NodeProcess() as process,
            FaultProxy(process.where) as proxy,
            session_with(process, kind, where=proxy.where) as case,
        ):
            before = case.session.generation
            proxy.rates = rates
            await case.use()
            await until(lambda: case.session.state is not State.ESTABLISHED)
            proxy.heal()
            await case.established_again(before)

    over_tcp(main())


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_connection_that_swallows_everything_is_replaced(kind: SessionType) -> None:
    """Like a middlebox that has lost its state: it acknowledges, but forwards nothing."""

    async def main() -> None:
        async with (
            NodeProcess(kind.name) as process,
            FaultProxy(process.where) as proxy,
            session_with(process, kind, where=proxy.where) as case,
        ):
            before, case.swallowed = case.session.generation, proxy.taken
            proxy.swallow()
            await case.use()
            if kind.persistent:
                await case.established_again(before)
            else:
                await until(lambda: case.session.state is State.CLOSED)
            assert proxy.taken

    over_tcp(main())


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_sessions_recover_from_all_faults_of_the_proxy(kind: SessionType, seed: int) -> None:
    """Cuts, stalls, duplicates and frames out of order, for a limited time."""

    async def main() -> None:
        async with (
            NodeProcess(kind.name) as process,
            FaultProxy(process.where, seed) as proxy,
            session_with(process, kind, where=proxy.where) as case,
        ):
            proxy.rates = CHAOS
            for _ in range(40):
                await case.use(5)
                await asyncio.sleep(0.02)
            proxy.heal()
            assert proxy.struck
            if kind.persistent:
                await case.established_again()
            else:
                proxy.cut()
                await case.closed()

    over_tcp(main())


def test_requests_have_one_outcome_each_under_faults() -> None:
    async def main() -> None:
        outcomes: dict[str, int] = {}

        async def ask(session: TcpSession, number: int) -> None:
            try:
                assert await session.request(b"%d" % number) == b"%d" % number
                name = "answered"
            except (LocalSessionError, RemoteSessionError, TimeoutError) as error:
                name = type(error).__name__
            outcomes[name] = outcomes.get(name, 0) + 1

        async with NodeProcess() as process, session_with(process, EXPLICIT_PERSISTENT_ONE_SIDED) as case:
            asking = [asyncio.ensure_future(ask(case.session, number)) for number in range(50)]
            await asyncio.sleep(0)
            await process.kill()
            asking += [asyncio.ensure_future(ask(case.session, number)) for number in range(50, 100)]
            await process.start()
            await asyncio.wait_for(asyncio.gather(*asking), 30.0)
            assert sum(outcomes.values()) == 100
            await case.established_again(1)
            await ask(case.session, 1)
            assert outcomes["answered"] > 0

    over_tcp(main())


def test_a_node_that_is_stopped_notifies_its_peers() -> None:
    async def main() -> None:
        kind = EXPLICIT_PERSISTENT_ONE_SIDED
        async with NodeProcess() as process, session_with(process, kind) as case:
            reasons: list[str] = []
            case.session.on_change(lambda change: reasons.append(change.after))
            assert await process.end(signal.SIGTERM) == 0
            await until(lambda: "TIMED_OUT" in reasons)
            assert case.session.reason in ("closed by the peer", "lower layer lost")

    over_tcp(main())


def test_strangers_do_not_affect_other_peers_of_a_process() -> None:
    async def main() -> None:
        async with NodeProcess() as process, session_with(process, EXPLICIT_PERSISTENT_ONE_SIDED) as case:
            for junk in (b"\x02", b"\x01\xff\xff\xff\xff", b"\x01\x00\x00\x00\x01\xff", b"\x01" + os.urandom(5000)):
                async with await Client.to(process.where, version=False) as client:
                    client.write(junk)
                    await client.closed()
            async with await Client.to(process.where) as client:
                await still_echoes(client)
            await case.answered()
            assert case.session.generation == 1

    over_tcp(main())

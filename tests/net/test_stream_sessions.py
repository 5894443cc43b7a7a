"""Bidirectional stream sessions over TCP: an echo, a killed hub, hostile streams, an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.publisher_file import PublisherFile
from ockam_fsm.net.streams.session import CLOSED_HERE, StreamSession
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import encode_message
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.sqlite import SqliteStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import consumer, node_with_streams, numbered, publisher, stored_in
from tests.net.tcp_helpers import QUICK, over_tcp, until


def end(node: TcpNode, where: str, sending: str, receiving: str) -> StreamSession:
    """Return a stream session with short time-outs and pauses."""
    reader = consumer(node, where, receiving, group="end")
    return StreamSession(node, publisher(node, where, sending), reader, sending=sending)


def published(message: Message, replies_to: str = "to-a") -> bytes:
    """Return the record of Ockam's bidirectional client: `{return_stream: string, message: data}`."""
    return bare.string(replies_to) + bare.data(encode_message(message))


@asynccontextmanager
async def two_ends(where: str) -> AsyncIterator[tuple[TcpNode, StreamSession, TcpNode, StreamSession]]:
    """Two nodes that cannot connect to each other: neither listens, and both use the hub."""
    async with TcpNode() as a, TcpNode() as b:
        b.worker("echo", echo, public=True)
        a.worker("echo", echo, public=True)
        async with end(a, where, "to-b", "to-a") as ours, end(b, where, "to-a", "to-b") as theirs:
            yield a, ours, b, theirs


async def echoed(node: TcpNode, through: StreamSession, payload: bytes) -> bytes:
    return (await node.request((through.address, local("echo")), payload, timeout_seconds=20.0)).payload


def saved_up_to(storage: MemoryStorage, index: int) -> bool:
    return storage.saved_index("end", "to-b", 0).result() == index


def has(answers: list[bytes], least: int) -> bool:
    return len(answers) >= least


@pytest.mark.slow
def test_an_echo_through_the_hub_both_ways() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, two_ends(hub.addresses[0]) as (a, ours, b, theirs):
            assert await echoed(a, ours, b"hello") == b"hello"
            assert await echoed(b, theirs, b"and back") == b"and back"
            assert (a.addresses, b.addresses) == ([], [])

    over_tcp(main())


def test_the_whole_message_is_published_and_its_return_route_leads_back() -> None:
    async def main() -> None:
        storage, seen, saved = MemoryStorage(), list[Message](), list[int]()

        def keep(message: Message, context: Context) -> None:
            seen.append(message)
            saved.append(theirs.consumer._core.saved)

        async with node_with_streams(storage) as hub, two_ends(hub.addresses[0]) as (a, ours, b, theirs):
            b.worker("keep", keep, public=True)
            onward = (ours.address, local("keep"), local("behind"))
            a.send(onward, b"x", return_route=(local("me"),), tracing_context="t")
            await until(lambda: seen)
            assert saved == [0]  # during the delivery; afterwards:
            await until(partial(saved_up_to, storage, 1))
            assert seen == [Message(onward[1:], (theirs.address, local("me")), b"x", "t")]
        assert stored_in(storage, "to-b") == [published(Message(onward[1:], (local("me"),), b"x", "t"))]

    over_tcp(main())


@pytest.mark.slow
def test_kept_messages_of_an_end_are_stored_once_after_its_restart(tmp_path: Path) -> None:
    """The process of the end is killed while the hub is down: no message is stored yet, and none is lost."""

    def connected(node: TcpNode, where: str) -> StreamSession:
        kept_in = PublisherFile(tmp_path / "kept", "to-b")
        return StreamSession.connect(node, f"tcp://{where}/stream", sending="to-b", receiving="to-a",
                                     kept=kept_in.load(), keep=kept_in.keep)  # fmt: skip

    async def main() -> None:
        where, storage, seen = kept_address(), MemoryStorage(), list[bytes]()

        def keep(message: Message, context: Context) -> None:
            seen.append(message.payload)

        async with TcpNode() as a:
            session = await connected(a, where).__aenter__()
            for payload in numbered(5):
                a.send((session.address, local("keep")), payload)
            await until(lambda: session.publisher.accepted == 5)
            await a.abort()
            with suppress(LocalSessionError, RemoteSessionError):
                await session.__aexit__(None, None, None)
        async with node_with_streams(storage, where), TcpNode() as a, TcpNode() as b:
            b.worker("keep", keep, public=True)
            async with connected(a, where) as session, end(b, where, "to-a", "to-b"):
                a.send((session.address, local("keep")), b"after it")
                await until(lambda: len(seen) == 6)
        assert seen == [*numbered(5), b"after it"]
        assert len(stored_in(storage, "to-b")) == 6

    over_tcp(main())


@pytest.mark.slow
def test_the_ends_need_not_run_at_the_same_time() -> None:
    """Stored messages wait for the other end, in order. A restarted end resumes at its saved index."""

    async def main() -> None:
        storage, seen = MemoryStorage(), dict[bytes, None]()

        def keep(message: Message, context: Context) -> None:
            seen[message.payload] = None

        async with node_with_streams(storage) as hub:
            for first in (0, 20):
                async with TcpNode() as a, end(a, hub.addresses[0], "to-b", "to-a") as ours:
                    for payload in numbered(20, first):
                        a.send((ours.address, local("keep")), payload)
                async with TcpNode() as b:
                    b.worker("keep", keep, public=True)
                    async with end(b, hub.addresses[0], "to-a", "to-b"):
                        await until(partial(saved_up_to, storage, first + 20))
                assert list(seen) == numbered(first + 20)

    over_tcp(main())


@pytest.mark.slow
def test_nothing_is_lost_when_the_hub_is_killed_and_restarted(tmp_path: Path) -> None:
    """Twice its node ends as in a crash, and another one with the same file starts at the same address."""
    where, path, count = kept_address(), tmp_path / "streams.db", 20

    async def main() -> None:
        async with two_ends(where) as (a, ours, b, theirs):
            addresses = ours.address, theirs.address
            answers: list[bytes] = []

            async def ask(first: int) -> None:
                for payload in numbered(count, first):
                    answer = await echoed(a, ours, payload)
                    answers.append(answer)

            asking = [asyncio.ensure_future(ask(first)) for first in (0, 100)]  # before the hub is up
            for least in (count // 2, count, 2 * count):
                storage = SqliteStorage(path)
                async with node_with_streams(storage, where) as hub:
                    await until(partial(has, answers, least))
                    await hub.abort()
                storage.close()
            await asyncio.gather(*asking)
            assert sorted(answers, key=int) == [*numbered(count), *numbered(count, 100)]
            assert (ours.address, theirs.address) == addresses
            storage = SqliteStorage(path)
            async with node_with_streams(storage, where):
                assert await echoed(b, theirs, b"after all") == b"after all"
            storage.close()

    over_tcp(main())


@pytest.mark.slow
def test_hostile_messages_in_a_stream_are_dead_letters_and_the_session_goes_on() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, two_ends(hub.addresses[0]) as (a, ours, b, _):
            b.worker("secret", echo)
            hostile = [
                b"\xff no message",
                published(Message((), (), b"to nobody")),
                published(Message((local("secret"),), (local("me"),), b"x")),
                published(Message((local("nowhere"),), (local("me"),), b"x")),
                published(Message((local("echo"),) * 125, (), b"long")),
                published(Message((local("echo"),), (local("me"),), b"x"), "elsewhere"),
            ]
            async with publisher(a, hub.addresses[0], "to-b") as stranger:
                await stranger.send(*hostile)
            assert await echoed(a, ours, b"still here") == b"still here"
            reasons = {"malformed", "empty onward route", "private address", "unknown address", "route too long"}
            assert {*reasons, "replies to another stream"} <= b.node.dead_letters.counts.keys()

    over_tcp(main())


@pytest.mark.slow
def test_a_session_over_a_stream_session_is_notified_when_that_closes() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, TcpNode() as a, TcpNode() as b:
            where = hub.addresses[0]
            b.spawner("spawner", "explicit-persistent-one-sided", handler=echo, durations=QUICK)
            async with end(b, where, "to-a", "to-b"):
                async with end(a, where, "to-b", "to-a") as ours:
                    route = (ours.address, local("spawner"))
                    upper = a.session(route, "explicit-persistent-one-sided", durations=QUICK)
                    await upper.open(20.0)
                    assert await upper.request(b"over streams") == b"over streams"
                assert (upper.state, upper.detail) == (State.TIMED_OUT, CLOSED_HERE)
                await upper.close()

    over_tcp(main())


@pytest.mark.slow
def test_leaving_waits_until_all_messages_are_stored() -> None:
    async def main() -> None:
        storage, where = MemoryStorage(), kept_address()
        async with TcpNode() as a:
            session = end(a, where, "to-b", "to-a")
            with pytest.raises(LocalSessionError, match="not open"):
                session.address  # noqa: B018
            address = (await session.__aenter__()).address
            for payload in numbered(100):  # more than the window of the publisher
                a.send((address, local("echo")), payload)
            leaving = asyncio.ensure_future(session.__aexit__(None, None, None))
            await until(lambda: address not in a.node.router.residents)
            a.send((address, local("echo")), b"too late")
            async with node_with_streams(storage, where):
                await leaving
            with pytest.raises(LocalSessionError, match="before"):
                await session.__aenter__()
        sent = [Message((local("echo"),), (), payload) for payload in numbered(100)]
        assert stored_in(storage, "to-b") == [published(message) for message in sent]
        late = Message((address, local("echo")), (), b"too late")
        assert ("unknown address", late) in [(one.reason, one.message) for one in a.node.dead_letters.letters]

    over_tcp(main())


def test_after_an_exception_waiting_messages_are_dead_letters() -> None:
    async def main() -> None:
        async def leave() -> None:
            async with end(a, kept_address(), "to-b", "to-a") as session:
                for payload in numbered(20):
                    a.send((session.address, local("echo")), payload)
                await until(lambda: session.publisher.accepted == 16)
                raise ValueError("mine")

        async with TcpNode() as a:
            with pytest.raises(ValueError, match="mine"):
                await leave()
            counts = a.node.dead_letters.counts
            assert (counts["closed by order"], counts["the stream session is over"]) == (16, 4)

    over_tcp(main())


def test_a_publisher_that_closes_ends_the_session() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, TcpNode() as a:
            session = await end(a, hub.addresses[0], "to-b", "to-a").__aenter__()
            session.publisher.close()
            a.send((session.address, local("echo")), b"x")
            await until(lambda: session.address not in a.node.router.residents)
            with pytest.raises(RemoteSessionError, match="publisher closed"):
                await session.__aexit__(None, None, None)
            assert "the stream session is over" in a.node.dead_letters.counts

    over_tcp(main())


def test_a_session_ends_with_its_node() -> None:
    async def main() -> None:
        async with TcpNode() as a:
            session = await end(a, kept_address(), "to-b", "to-a").__aenter__()
            a.send((session.address, local("echo")), b"x")
            await until(lambda: session.publisher.accepted == 1)
        with pytest.raises(RemoteSessionError, match="stopped; 1 messages are not confirmed"):
            await session.__aexit__(None, None, None)
        with pytest.raises(LocalSessionError, match="the node has stopped"):
            StreamSession(a, session.publisher, session.consumer, sending="to-b")

    over_tcp(main())


@pytest.mark.slow
def test_connect_needs_the_service_and_two_names() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, TcpNode() as a, TcpNode() as b:
            service = f"tcp://{hub.addresses[0]}/stream"
            b.worker("echo", echo, public=True)
            async with (
                StreamSession.connect(a, service, sending="to-b", receiving="to-a") as ours,
                StreamSession.connect(b, service, sending="to-a", receiving="to-b"),
            ):
                assert await echoed(a, ours, b"hello") == b"hello"

    over_tcp(main())

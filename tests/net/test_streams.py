"""Streams over TCP through the public interface: publishing, restarts, and lost records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
from ockam_fsm.net.streams.publisher_file import PublisherFile
from ockam_fsm.runtime.encoding.frames import MAX_FRAME_BYTES
from ockam_fsm.runtime.encoding.gate import payload_limit
from ockam_fsm.runtime.encoding.stream_messages import PUSH_BYTES
from ockam_fsm.runtime.node.layers import ANSWER_BYTES
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.stream.publisher import PublisherConfig, PublisherImage
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.sqlite import SqliteStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import (
    STORAGES,
    Failing,
    a_storage,
    consumer,
    node_with_streams,
    numbered,
    publisher,
    read,
    stored_at,
    stored_in,
    streams,
)
from tests.net.tcp_helpers import over_tcp, until


@pytest.mark.parametrize("kind", STORAGES)
def test_published_messages_are_consumed_in_order(kind: str, tmp_path: Path) -> None:
    storage = a_storage(kind, tmp_path)

    async def main() -> None:
        async with streams(storage) as (here, _, where):
            async with publisher(here, where) as sender:
                assert await sender.publish(b"0") == 1
                assert await sender.send(*numbered(99, 1)) == 100
                await sender.flush()
                assert (sender.accepted, sender.confirmed, sender.state_losses) == (100, 100, 0)
            async with consumer(here, where) as reader:
                found = [await reader.__anext__() for _ in range(100)]
                assert [(one.index, one.data) for one in found] == list(enumerate(numbered(100)))
                assert await reader.next(idle_seconds=0.05) is None

    over_tcp(main())
    storage.close()


def test_arbitrary_messages_are_kept_unchanged() -> None:
    given = [b"", b"\0", b"\n", bytes(range(256)), b"x" * 1_000_000]

    async def main() -> None:
        async with streams() as (here, _, where):
            async with publisher(here, where) as sender:
                await sender.send(*given)
            async with consumer(here, where) as reader:
                assert await read(reader, len(given)) == given

    over_tcp(main())


def test_a_message_that_a_full_node_refuses_is_sent_when_there_is_room() -> None:
    """It was accepted, so it must not be dropped: otherwise a call would wait for it indefinitely."""
    storage = MemoryStorage()

    async def main() -> None:
        async with streams(storage) as (here, _, where), publisher(here, where) as sender:
            await sender.publish(b"first")
            ledger = here.node.router.ledger
            taken = []
            while (receipt := ledger.take(here.node.router.application, 100_000)) is not None:
                taken.append(receipt)
            assert await sender.send(b"x" * 100_000) == 2
            for receipt in taken:
                ledger.give_back(receipt)
            await sender.flush()
        assert stored_in(storage) == [b"first", b"x" * 100_000]

    over_tcp(main())


def test_a_kept_message_too_large_for_another_node_is_refused_at_the_start() -> None:
    kept = Kept(bytes(16), 1, PublisherImage(messages=(b"small", bytes(30_000))))

    async def main() -> None:
        async with (
            node_with_streams(MemoryStorage()) as there,
            TcpNode(limits=TcpLimits(frame_bytes=40_000)) as here,
        ):
            sender = StreamPublisher(here, f"tcp://{there.addresses[0]}/stream/orders", kept=kept)
            with pytest.raises(LocalSessionError, match=r"kept: payload: 30000 bytes, limit \d+"):
                await sender.__aenter__()
            assert not any(isinstance(one, SessionWorker) for one in here.node.router.residents.values())

    over_tcp(main())


@pytest.mark.parametrize("wrong", [("x", 1, PublisherImage()), (b"", "1", PublisherImage()), (b"", 1, None)])
def test_kept_must_be_a_state_that_keep_received(wrong: Any) -> None:
    async def main() -> None:
        async with TcpNode() as here:
            with pytest.raises(LocalSessionError, match=r"kept\.\w+: .* expected"):
                StreamPublisher(here, "tcp://127.0.0.1:1/stream/orders", kept=Kept(*wrong))

    over_tcp(main())


def test_a_service_with_few_waiting_requests_still_serves_peers() -> None:
    """A quarter of three rounds to zero, but each peer may have one."""
    storage = MemoryStorage()

    async def main() -> None:
        async with (
            node_with_streams(storage, max_waiting=3) as there,
            TcpNode() as here,
            publisher(here, there.addresses[0]) as sender,
        ):
            await sender.publish(b"one")
        assert stored_in(storage) == [b"one"]

    over_tcp(main())


def test_at_most_the_window_waits_for_confirmation() -> None:
    storage = Failing()

    async def main() -> None:
        async with streams(storage) as (here, _, where), publisher(here, where, window=4) as sender:
            await sender.publish(b"first")
            storage.broken = {"orders"}
            sending = asyncio.ensure_future(sender.send(*numbered(10)))
            await until(lambda: sender.accepted == 5)
            await asyncio.sleep(0.05)
            assert (sender.accepted, sender.confirmed, sending.done()) == (5, 1, False)
            storage.broken = set()
            assert await sending == 11
            await sender.flush()
        assert stored_in(storage) == [b"first", *numbered(10)]

    over_tcp(main())


def test_waiting_for_a_stream_ends_at_the_deadline_of_the_caller() -> None:
    async def main() -> None:
        async with TcpNode() as here:
            sender = await publisher(here, kept_address()).__aenter__()
            with pytest.raises(TimeoutError, match=r"not stored within 0\.05 s: 1 messages; "):
                await sender.publish(b"x", timeout_seconds=0.05)
            with pytest.raises(TimeoutError, match=r"not stored within 0\.05 s: 1 messages; "):
                await sender.flush(timeout_seconds=0.05)
            with pytest.raises(LocalSessionError, match="timeout_seconds: str"):
                await sender.flush("1")  # type: ignore[arg-type]
            sender.close()

    over_tcp(main())


def test_many_tasks_publish_concurrently_with_one_publisher() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        async with streams(storage) as (here, _, where), publisher(here, where, window=4) as sender:
            ordinals = await asyncio.gather(*(sender.publish(data) for data in numbered(40)))
            assert sorted(ordinals) == list(range(1, 41))
        kept = stored_in(storage)
        assert [kept[ordinal - 1] for ordinal in ordinals] == numbered(40)

    over_tcp(main())


def test_two_publishers_of_one_stream_keep_their_own_order() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        async with (
            streams(storage) as (here, _, where),
            publisher(here, where) as one,
            publisher(here, where) as two,
        ):
            await asyncio.gather(one.send(*numbered(50)), two.send(*numbered(50, 100)))
        kept = stored_in(storage)
        assert [data for data in kept if len(data) < 3] == numbered(50)
        assert [data for data in kept if len(data) == 3] == numbered(50, 100)

    over_tcp(main())


def test_a_message_that_cannot_be_sent_is_refused_and_the_publisher_goes_on() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        async with streams(storage) as (here, _, where), publisher(here, where) as sender:
            for wrong in ("text", b"x" * 2**24, None):
                with pytest.raises(LocalSessionError):
                    await sender.send(b"good", wrong)  # type: ignore[arg-type]
            assert sender.accepted == 0
            await sender.publish(b"after")
        assert stored_in(storage) == [b"after"]

    over_tcp(main())


@pytest.mark.parametrize("frame_bytes", [MAX_FRAME_BYTES, 40_000])
def test_the_largest_message_is_published_and_none_is_accepted_beside_a_larger_one(frame_bytes: int) -> None:
    async def main() -> None:
        storage, kept = MemoryStorage(), list[Kept]()
        async with (
            node_with_streams(storage) as there,
            TcpNode(limits=TcpLimits(frame_bytes=frame_bytes)) as here,
            publisher(here, there.addresses[0], keep=kept.append) as sender,
        ):
            most = sender.largest
            assert 0 < payload_limit(frame_bytes) - PUSH_BYTES - most < 2 * ANSWER_BYTES
            with pytest.raises(LocalSessionError, match=f"limit {most}"):
                await sender.send(b"beside", b"x" * (most + 1))
            assert (sender.accepted, any(one.image.messages for one in kept)) == (0, False)
            await sender.send(b"x" * most, b"after")
        assert stored_in(storage) == [b"x" * most, b"after"]

    over_tcp(main())


# Restarts and records -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_node_is_restarted_on_the_same_file(tmp_path: Path) -> None:
    """Publisher and consumer continue; no message is stored twice or lost, and the saved index survives."""
    where, path, got = kept_address(), tmp_path / "streams.db", list[bytes]()

    async def one_life(sending: asyncio.Task[object] | None, wanted: int) -> None:
        storage = SqliteStorage(path)
        try:
            async with node_with_streams(storage, where):
                await until(lambda: len(set(got)) >= wanted and (sending is None or sending.done()))
        finally:
            storage.close()

    async def main() -> None:
        async with TcpNode() as here, publisher(here, where) as sender, consumer(here, where) as reader:

            async def consume() -> None:
                async for message in reader:
                    got.append(message.data)

            consuming = asyncio.ensure_future(consume())
            sending: asyncio.Task[object] = asyncio.ensure_future(sender.send(*numbered(600)))
            for wanted in (50, 200):
                await one_life(None, wanted)
            await one_life(sending, 600)
            consuming.cancel()
            await asyncio.wait([consuming])
            assert sender.state_losses == 0

    over_tcp(main())
    assert stored_at(path) == numbered(600)
    assert list(dict.fromkeys(got)) == numbered(600)
    storage = SqliteStorage(path)
    assert 500 <= (storage.saved_index("billing", "orders", 0).result() or 0) <= 600
    storage.close()


@pytest.mark.parametrize("kind", STORAGES)
def test_a_publisher_resumes_from_its_kept_state(kind: str, tmp_path: Path) -> None:
    """Each publisher is stopped in the middle, and the next one starts with its kept state."""
    storage, kept_in = a_storage(kind, tmp_path), PublisherFile(tmp_path / "state", "orders")

    async def main() -> None:
        async with node_with_streams(storage) as there:
            where = there.addresses[0]
            for until_message in (10, 25, 40):
                async with TcpNode() as here:
                    sender = publisher(here, where, kept=kept_in.load(), keep=kept_in.keep)
                    await sender.__aenter__()
                    await sender.send(*numbered(until_message - sender.accepted, sender.accepted))
                    await here.abort()
            async with TcpNode() as here, publisher(here, where, kept=kept_in.load(), keep=kept_in.keep) as last:
                assert last.accepted == 40
            assert (last.confirmed, last.state_losses) == (40, 0)
        assert stored_in(storage) == numbered(40)

    over_tcp(main())
    storage.close()


def test_a_publisher_with_a_smaller_window_resumes_from_a_kept_state() -> None:
    """Messages accepted with a larger window are sent again, and the smaller one applies to later messages."""

    async def main() -> None:
        storage, images = MemoryStorage(), list[Kept]()
        async with streams(storage) as (here, _, where):
            async with publisher(here, where, window=16, keep=images.append) as sender:
                await sender.send(*numbered(16))
            route, small = f"tcp://{where}/stream/orders", PublisherConfig(window=2)
            async with StreamPublisher(here, route, config=small, kept=images[-1], keep=images.append) as again:
                await again.send(*numbered(4, 16))
                assert len(images[-1].image.messages) <= 2
            assert (again.confirmed, again.state_losses) == (20, 0)
        assert stored_in(storage) == numbered(20)

    over_tcp(main())


def test_a_lost_confirmation_does_not_store_twice() -> None:
    """All messages are stored, but the kept state has no confirmation."""

    async def main() -> None:
        storage, images = MemoryStorage(), list[Kept]()
        async with streams(storage) as (here, _, where):
            async with publisher(here, where, keep=images.append) as sender:
                await sender.send(*numbered(8))
            assert images[-1].image.confirmed == 0
            async with publisher(here, where, kept=images[-1]) as again:
                assert (again.accepted, again.confirmed) == (8, 0)
            assert (again.confirmed, again.state_losses) == (8, 0)
        assert stored_in(storage) == numbered(8)

    over_tcp(main())


def test_a_lost_record_is_reported_and_no_message_is_lost() -> None:
    """The node is restarted with an empty storage."""
    where = kept_address()

    async def main() -> None:
        second = MemoryStorage()
        async with TcpNode() as here, publisher(here, where) as sender:
            async with node_with_streams(MemoryStorage(), where):
                await sender.send(*numbered(10))
                await sender.flush()
            await sender.send(*numbered(5, 10))
            async with node_with_streams(second, where):
                await sender.flush()
                assert (sender.confirmed, sender.state_losses) == (15, 1)
                assert stored_in(second) == numbered(5, 10)
                sender.close()
                return

    over_tcp(main())


def test_a_state_that_cannot_be_kept_ends_the_publisher_with_the_cause() -> None:
    """A message that cannot be kept must not be sent; pending calls raise the cause."""

    def full(kept: Kept) -> None:
        if kept.image.messages:
            raise OSError("disk full")

    async def main() -> None:
        storage = MemoryStorage()
        async with streams(storage) as (here, _, where):
            sender = publisher(here, where, keep=full)
            await sender.__aenter__()
            for call in (lambda: sender.publish(b"x"), sender.flush, lambda: sender.send(b"y")):
                with pytest.raises((OSError, LocalSessionError), match="disk full"):
                    await call()
            sender.close()
            async with publisher(here, where) as another:
                await another.publish(b"z")
            assert here.running
        assert stored_in(storage) == [b"z"]

    over_tcp(main())

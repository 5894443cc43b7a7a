"""Consumers of streams over TCP: groups, partitions, poison messages, and unreachable streams."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.consumer import StreamConsumer, _profile
from ockam_fsm.net.streams.service import STREAM, STREAM_INDEX, StreamService
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    StoredMessage,
    StreamCreated,
    StreamError,
    encode_response,
)
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.commands import TimedOut
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.runtime.stream.profile import NO_PARTITION
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import (
    consumer,
    node_with_streams,
    numbered,
    plain,
    publisher,
    read,
    streams,
)
from tests.net.tcp_helpers import over_tcp, until


def test_each_group_has_its_own_index() -> None:
    async def main() -> None:
        async with streams() as (here, _, where):
            async with publisher(here, where) as sender:
                await sender.send(*numbered(10))
            async with consumer(here, where, group="one") as reader:
                assert await read(reader, 4) == numbered(4)
            async with consumer(here, where, group="two") as reader:
                assert await read(reader, 2) == numbered(2)
            for group, first in (("one", 3), ("two", 1), ("three", 0)):  # the last one was not processed
                async with consumer(here, where, group=group) as reader:
                    assert await read(reader, 10 - first) == numbered(10 - first, first)

    over_tcp(main())


def test_partitions_are_independent_streams() -> None:
    async def main() -> None:
        async with streams() as (here, _, where), plain(where) as client:
            await client.worker(CreateStream("orders", 3))
            with pytest.raises(LocalSessionError, match="partition 3 of 3"):
                StreamConsumer(here, f"tcp://{where}/stream", "orders", group="g", partition=3, partitions=3)
            for partition in range(3):
                async with publisher(here, where, f"orders/{partition}") as sender:
                    await sender.send(*numbered(5, 100 * partition))
            for partition in range(3):
                async with consumer(here, where, partition=partition) as reader:
                    assert await read(reader, 5) == numbered(5, 100 * partition)
            async with consumer(here, where, group="plain") as reader:  # a plain client reads the first one
                assert await read(reader, 5) == numbered(5)
            lost = publisher(here, where, "orders/3")
            await lost.__aenter__()
            with pytest.raises(RemoteSessionError, match="no such partition: orders has no partition 3; publish to"):
                await lost.publish(b"x")
            with pytest.raises(RemoteSessionError, match="no such partition"):
                await lost.flush()
            async with consumer(here, where, partition=3, request_seconds=1.0) as reader:
                with pytest.raises(RemoteSessionError, match="orders has no partition 3, only 0, 1, 2;"):
                    await reader.next()

    over_tcp(main())


def test_a_partition_that_was_answered_for_is_not_missing_later() -> None:
    """The answers for the partitions after it say nothing about it."""
    profile = _profile(ConsumerConfig("s", "g", 1), 3)
    for number in (0, 1, 2):
        with suppress(RemoteSessionError):
            profile.decode(encode_response(StreamCreated("s", number)), Place.HANDSHAKE, (local("worker"),))
        assert profile.others == ([0] if number == 0 else [])


def test_a_publisher_goes_on_if_a_stream_lacks_its_partition_later() -> None:
    """A storage may be replaced by mistake: messages that were accepted before wait until it is back."""

    async def main() -> None:
        async with streams() as (here, _, where):
            sender = publisher(here, where, "orders")
            async with sender:
                await sender.publish(b"x")
                sender.notified(TimedOut("error message", f"{NO_PARTITION}: orders has no partition 0"))
                assert "no such partition" in sender.waits_for
                await sender.publish(b"y")

    over_tcp(main())


def test_two_consumers_of_one_group_lose_nothing() -> None:
    async def main() -> None:
        async with streams() as (here, _, where):
            async with publisher(here, where) as sender:
                await sender.send(*numbered(60))
            got: list[list[bytes]] = [[], []]

            async def consume(into: list[bytes]) -> None:
                async with consumer(here, where, limit=3) as reader:
                    while (message := await reader.next(0.1)) is not None:
                        into.append(message.data)

            await asyncio.gather(*map(consume, got))
            assert {*got[0], *got[1]} == set(numbered(60))
            for one in got:
                assert one == sorted(one, key=int)

    over_tcp(main())


def test_a_message_that_cannot_be_processed_is_a_dead_letter_with_the_reason() -> None:
    async def main() -> None:
        async with streams() as (here, _, where):
            async with publisher(here, where) as sender:
                await sender.send(b"good", b"poison", b"better")
            tried: list[bytes] = []

            async def handle(message: StoredMessage) -> None:
                tried.append(message.data)
                if message.data == b"poison":
                    raise ValueError("not for me")

            async with consumer(here, where, tries=3) as reader:
                assert await reader.process(handle, idle_seconds=0.05) == 2
            assert tried == [b"good", *[b"poison"] * 3, b"better"]
            assert here.node.dead_letters.counts == {"processing failed: ValueError('not for me')": 1}
            async with consumer(here, where) as reader:
                assert await reader.next(0.05) is None

    over_tcp(main())


def test_the_reason_why_a_stream_is_not_created_is_reported_at_once() -> None:
    """The answer to `stream_create` is an error: it ends the attempt with its reason, without waiting for a timer."""

    async def main() -> None:
        async with streams() as (here, _, where), consumer(here, where, partition=70, request_seconds=60.0) as reader:
            waiting = asyncio.ensure_future(reader.next())
            await until(lambda: reader.restarts >= 1)
            assert reader.reason == "session closed: error message: 71 partitions: 1 to 64 are allowed"
            waiting.cancel()

    over_tcp(main())


@pytest.mark.parametrize("refuses", [STREAM, STREAM_INDEX])
def test_a_very_long_reason_is_truncated(refuses: str) -> None:
    """A service sends a reason of megabytes with terminal escapes: only its beginning is kept and shown."""

    def refuse(message: Message, context: Context) -> None:
        context.reply(encode_response(StreamError("\x1b[2J" + "x" * 2**20)))

    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            others = {"name": STREAM, "index_name": STREAM_INDEX}
            names = {key: "elsewhere" if name == refuses else name for key, name in others.items()}
            StreamService(there, MemoryStorage(), **names)  # type: ignore[arg-type]
            there.worker(refuses, refuse, public=True)
            async with consumer(here, await there.listen()) as reader:
                waiting = asyncio.ensure_future(reader.next())
                await until(lambda: reader.restarts >= 1)
                assert r"\x1b[2Jxxx" in reader.reason
                assert len(reader.reason) < 400
                waiting.cancel()

    over_tcp(main())


@pytest.mark.slow
def test_a_consumer_waits_for_an_unreachable_stream() -> None:
    where, storage = kept_address(), MemoryStorage()

    async def main() -> None:
        async with TcpNode() as here, consumer(here, where) as reader:
            waiting = asyncio.ensure_future(reader.next())
            await until(lambda: reader.restarts >= 2)
            assert reader.reason
            async with node_with_streams(storage, where) as there:
                async with publisher(here, where) as sender:
                    await sender.send(*numbered(3))
                assert (await waiting).data == b"0"  # type: ignore[union-attr]
                assert await read(reader, 2) == numbered(2, 1)
                waiting = asyncio.ensure_future(reader.next())
                await asyncio.sleep(0.05)
                assert there.running
            before = reader.restarts
            await until(lambda: reader.restarts > before)
            async with node_with_streams(storage, where):
                async with publisher(here, where) as sender:
                    await sender.publish(b"3")
                assert (await waiting).data == b"3"  # type: ignore[union-attr]

    over_tcp(main())

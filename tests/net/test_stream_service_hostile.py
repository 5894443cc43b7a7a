"""Hostile input to the workers of streams: it is answered or a dead letter, and affects no other peer.

`node_with_streams` fails the test if an exception was raised in the node, whatever was sent.
"""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import Future
from pathlib import Path

import pytest

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.partition import MAX_READ_BYTES, Partition
from ockam_fsm.net.streams.service import NO_STREAM, STREAM, STREAM_INDEX, TOO_MANY
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.frames import encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_MESSAGE_BYTES,
    CreateStream,
    GetIndex,
    Pull,
    Pulled,
    Push,
    Pushed,
    SaveIndex,
    Status,
    StoredMessage,
    StreamCreated,
    StreamError,
    StreamIndex,
    StreamRequest,
    encode_request,
)
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Generation, Hello
from ockam_fsm.runtime.stream.worker import NOT_SERVED
from ockam_fsm.storage.interface import Entry, StorageUnavailable
from ockam_fsm.storage.memory import MemoryStorage
from ockam_fsm.storage.outcomes import failed
from tests.net.stream_helpers import (
    STORAGES,
    a_storage,
    consumer,
    node_with_streams,
    numbered,
    plain,
    publisher,
    read,
    streams,
)
from tests.net.tcp_helpers import Client, over_tcp, still_echoes, to_echo, until

GREATEST = 2**64 - 1
WRONG = {
    "nothing": b"",
    "no-bare": b"\xff" * 20,
    "unknown-protocol": bare.string("stream_burn") + bare.data(b""),
    "cut-off": encode_request(Push(1, b"message"))[:-3],
    "with-more": encode_request(CreateStream("x")) + b"more",
    "not-utf8": bare.string("stream_create") + bare.data(b"\x01\x02\xff\xfe"),
    "huge-length": bare.string("stream_create") + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "index-tag-2": bare.string("stream_index") + bare.data(b"\x02\x00\x00"),
}


@pytest.mark.slow
@pytest.mark.parametrize("worker", [STREAM, STREAM_INDEX, "partition"])
def test_an_undecodable_message_is_a_dead_letter(worker: str) -> None:
    async def main() -> None:
        async with streams() as (_, there, where), plain(where) as client:
            at = (await client.worker(CreateStream("orders")),) if worker == "partition" else (local(worker),)
            for payload in WRONG.values():
                client.transmit(at, payload)
            await still_echoes(client)
            assert there.node.dead_letters.counts == {"malformed": len(WRONG)}
            assert there.node.router.ledger.held_bytes == 0

    over_tcp(main())


MISPLACED: list[tuple[str, StreamRequest]] = [
    (STREAM, Push(1, b"x")),
    (STREAM, Pull(1, 0, 1)),
    (STREAM, GetIndex("group", "orders")),
    (STREAM_INDEX, CreateStream("x")),
    (STREAM_INDEX, Push(1, b"x")),
    ("partition", CreateStream("x")),
    ("partition", CreateStream("x", 3)),
    ("partition", SaveIndex("group", "orders", 1)),
]


@pytest.mark.slow
def test_a_request_of_another_worker_is_answered_with_an_error() -> None:
    async def main() -> None:
        async with streams() as (_, _, where), plain(where) as client:
            partition = (await client.worker(CreateStream("orders")),)
            for worker, request in MISPLACED:
                found = await client.ask(partition if worker == "partition" else worker, request)
                assert isinstance(found, StreamError)
                assert type(request).__name__ in found.reason
            assert await client.ask(partition, Push(1, b"x")) == Pushed(1, Status.OK, 0)

    over_tcp(main())


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORAGES)
def test_numbers_and_names_out_of_every_range(kind: str, tmp_path: Path) -> None:
    storage = a_storage(kind, tmp_path)

    async def main() -> None:
        async with streams(storage) as (_, _, where), plain(where) as client:
            for partitions in (0, 65, 2**40, GREATEST):
                found = await client.ask(STREAM, CreateStream("wide", partitions))
                assert found == StreamError(f"{partitions} partitions: 1 to 64 are allowed")
            for name in ("a/b", "é\0\n", "x" * 65_535):
                assert await client.ask(STREAM, CreateStream(name)) == StreamCreated(name)
            assert isinstance(await client.ask(STREAM, CreateStream("x" * 65_536)), StreamError)
            names = [await client.ask(STREAM, CreateStream(name)) for name in (None, None)]
            assert isinstance(names[0], StreamCreated)
            assert names[0] != names[1]

            assert await client.ask(STREAM_INDEX, GetIndex("nobody", "nothing")) == StreamIndex(
                "nobody", "nothing", None
            )
            assert isinstance(await client.ask(STREAM_INDEX, GetIndex("g", "s", 2**40)), StreamError)
            assert isinstance(await client.ask(STREAM_INDEX, SaveIndex("g", "s", GREATEST)), StreamError)
            assert isinstance(await client.ask(STREAM_INDEX, GetIndex("x" * 65_536, "s")), StreamError)
            client.transmit(STREAM_INDEX, SaveIndex("", "", 5))
            assert await client.ask(STREAM_INDEX, GetIndex("", "")) == StreamIndex("", "", 5)

    over_tcp(main())
    storage.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", STORAGES)
def test_pulls_out_of_every_range(kind: str, tmp_path: Path) -> None:
    storage = a_storage(kind, tmp_path)

    async def main() -> None:
        async with streams(storage) as (_, _, where), plain(where) as client:
            at = (await client.worker(CreateStream("orders")),)
            stored = tuple(StoredMessage(number, b"%d" % number) for number in range(3))
            for one in stored:
                assert await client.ask(at, Push(GREATEST, one.data)) == Pushed(GREATEST, Status.OK, one.index)
            for index, limit, wanted in (
                (0, 2**40, stored),
                (0, GREATEST, stored),
                (1, 1, stored[1:2]),
                (0, 0, ()),
                (3, 10, ()),
                (2**63, 10, ()),
                (GREATEST, GREATEST, ()),
            ):
                assert await client.ask(at, Pull(7, index, limit)) == Pulled(7, wanted), (index, limit)

    over_tcp(main())
    storage.close()


def hello(number: int) -> bytes:
    return GENERATION.encode(
        Hello(b"%016d" % number, Generation(1, Role.INITIATOR, local(f"w{number}")), (local("stream"),))
    )


NOWHERE = {
    "no-such-partition": [b"orders", b"64"],
    "no-number": [b"orders", b"first"],
    "negative": [b"orders", b"-1"],
    "2**40": [b"orders", b"1099511627776"],
    "other-digits": [b"orders", "²".encode()],
    "not-utf8": [b"\xff\xfe"],
    "no-partition-of-it": [b"small", b"3"],
}


@pytest.mark.slow
def test_a_hello_for_a_missing_stream_is_a_dead_letter_with_the_reason() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        assert storage.create("small", 3).result() == 3
        async with streams(storage) as (_, there, where), plain(where) as client:
            for count, steps in enumerate(NOWHERE.values(), 1):
                client.transmit((local(STREAM), *(Address(0, step) for step in steps)), hello(count))
                await until(lambda wanted=count: there.node.dead_letters.counts.get("no such stream") == wanted)  # type: ignore[misc]
            client.transmit((local(STREAM), local("orders"), local("0")), b"no hello")
            client.transmit((local(STREAM), Address(0, b"")), hello(99))
            client.write(to_echo(b"alive"))
            while (await client.message()).payload != b"alive":  # the errors for hellos arrive before it
                pass

    over_tcp(main())


@pytest.mark.slow
@pytest.mark.parametrize("what", ["hellos", "creates", "hellos-of-one-stream"])
def test_a_flood_is_bounded_and_its_memory_is_released(what: str) -> None:
    """2,000 requests of one peer, while another peer is served. Afterwards there is room again."""

    def one(number: int) -> tuple[Route, bytes]:
        if what == "creates":
            return (local(STREAM),), encode_request(CreateStream(f"s{number}"))
        name = "one" if what == "hellos-of-one-stream" else f"s{number}"
        return (local(STREAM), local(name)), hello(number)

    async def main() -> None:
        async with node_with_streams(MemoryStorage(), max_partitions=50, max_waiting=100, unused_seconds=0.1) as node:
            where = node.addresses[0]
            async with plain(where) as bystander:
                at = (await bystander.worker(CreateStream("mine")),)
                async with await Client.to(where) as client:
                    for number in range(2000):
                        onward, payload = one(number)
                        client.write(encode_frame(encode_message(Message(onward, (local("me"),), payload))))
                        if number % 500 == 0:
                            pushed = await bystander.ask(at, Push(1, b"x"))
                            assert isinstance(pushed, Pushed)
                            assert pushed.status is Status.OK
                    await still_echoes(bystander)
                    assert len(node.node.router.residents) < 50 * 6 + 1100
                await until(lambda: len(node.edge.connections) == 1)
                await until(lambda: node.node.router.ledger.held_bytes == 0)
                await asyncio.sleep(0.1)
                while not isinstance(await bystander.ask(STREAM, CreateStream("later")), StreamCreated):
                    await asyncio.sleep(0.05)
                gc.collect()

    over_tcp(main())


@pytest.mark.slow
def test_a_partition_that_was_closed_for_room_has_lost_nothing() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage(), max_partitions=2, unused_seconds=0.0) as node, TcpNode() as here:
            where = node.addresses[0]
            for stream in ("a", "b", "c", "a", "d"):
                async with publisher(here, where, stream) as sender:
                    await sender.send(*numbered(3))
            async with consumer(here, where, "a") as reader:
                assert await read(reader, 6) == numbered(3) * 2
            async with publisher(here, where, "e") as one, publisher(here, where, "f") as two, plain(where) as client:
                await one.publish(b"0")
                await two.publish(b"0")
                found = await client.ask(STREAM, CreateStream("g"))
                assert found == StreamError("2 partitions are open, which is the limit")

    over_tcp(main())


@pytest.mark.slow
def test_a_peer_that_opens_all_partitions_gives_some_up_for_a_peer_with_fewer() -> None:
    async def main() -> None:
        node_of_ten = node_with_streams(MemoryStorage(), max_partitions=10, unused_seconds=3600.0)
        async with node_of_ten as node, plain(node.addresses[0]) as greedy, plain(node.addresses[0]) as modest:
            for number in range(10):
                assert await greedy.ask(STREAM, CreateStream(f"s{number}")) == StreamCreated(f"s{number}")
            full = StreamError("10 partitions are open, which is the limit")
            for number in range(5):  # they are opened one after the other, until both peers hold five
                assert await greedy.ask(STREAM, CreateStream("more")) == full
                assert await modest.ask(STREAM, CreateStream(f"m{number}")) == StreamCreated(f"m{number}")
            assert await modest.ask(STREAM, CreateStream("more")) == full
            async with plain(node.addresses[0]) as third:
                assert await third.ask(STREAM, CreateStream("mine")) == StreamCreated("mine")

    over_tcp(main())


@pytest.mark.slow
def test_a_stream_that_is_opened_closes_none_of_its_own_partitions() -> None:
    """Its first partition is the least recently used one when its last partition needs room."""

    async def main() -> None:
        storage = MemoryStorage()
        storage.create("wide", 3).result()
        async with (
            node_with_streams(storage, max_partitions=3, unused_seconds=0.0) as node,
            plain(node.addresses[0]) as client,
        ):
            for stream in ("wide", "a", "b"):
                assert await client.ask(STREAM, CreateStream(stream)) == StreamCreated(stream)
            assert await client.ask(STREAM, CreateStream("wide", 3)) == StreamCreated("wide", 0)

    over_tcp(main())


class Stuck(MemoryStorage):
    """A storage whose `create` does not complete until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = list[Future[int]]()

    def create(self, stream: str, partitions: int) -> Future[int]:
        self.asked.append(Future())
        return self.asked[-1]


@pytest.mark.slow
def test_one_connection_cannot_take_all_the_requests_that_may_wait() -> None:
    async def main() -> None:
        storage = Stuck()
        async with node_with_streams(storage, max_waiting=40) as node:
            where = node.addresses[0]
            async with plain(where) as greedy, plain(where) as modest:
                for number in range(100):
                    greedy.transmit(STREAM, CreateStream(f"s{number}"))
                await until(lambda: node.node.dead_letters.counts.get(TOO_MANY) == 90)
                modest.transmit(STREAM, CreateStream("mine"))
                await until(lambda: len(storage.asked) == 11)
            for one in storage.asked:
                one.set_exception(StorageUnavailable("over", "end"))

    over_tcp(main())


@pytest.mark.slow
def test_a_partition_out_of_range_creates_no_stream() -> None:
    """An allowed partition creates the stream with as many partitions as it needs."""
    hello = GENERATION.encode(Hello(bytes(16), Generation(1, Role.INITIATOR, local("me"))))

    async def main() -> None:
        storage = MemoryStorage()
        async with streams(storage) as (_, there, where), plain(where) as client:
            for partition in ("64", "999", "x"):
                client.transmit((local(STREAM), local("s"), local(partition)), hello)
            await until(lambda: there.node.dead_letters.counts.get(NO_STREAM) == 3)
            assert storage.create("s", 1).result() == 1, "it was not there"
            client.transmit((local(STREAM), local("t"), local("3")), hello)
            await until(lambda: "t" in storage._state.streams)
            assert storage.create("t", 1).result() == 4

    over_tcp(main())


class Leaky(MemoryStorage):
    """A storage whose errors contain its path."""

    def saved_index(self, group: str, stream: str, partition: int) -> Future[int | None]:
        return failed(StorageUnavailable("/secret/place: the disk is full", "make room"))

    def create(self, stream: str, partitions: int) -> Future[int]:
        return failed(StorageUnavailable("/secret/place: the disk is full", "make room"))


@pytest.mark.slow
def test_peers_do_not_receive_internal_details(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with node_with_streams(Leaky()) as node, plain(node.addresses[0]) as client:
            for worker, request in ((STREAM, CreateStream("b")), (STREAM_INDEX, GetIndex("g", "a"))):
                assert await client.ask(worker, request) == StreamError(NOT_SERVED)

    over_tcp(main())
    assert "/secret/place: the disk is full" in caplog.text


@pytest.mark.slow
def test_requests_without_room_do_not_search_all_partitions_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    unused_since = Partition.unused_since

    def counted(partition: Partition) -> float | None:
        nonlocal looks
        looks += 1
        return unused_since(partition)

    monkeypatch.setattr(Partition, "unused_since", counted)

    async def main() -> None:
        async with node_with_streams(MemoryStorage(), max_partitions=10) as node, plain(node.addresses[0]) as client:
            for number in range(10):
                assert isinstance(await client.ask(STREAM, CreateStream(f"s{number}")), StreamCreated)
            for number in range(10, 300):
                assert isinstance(await client.ask(STREAM, CreateStream(f"s{number}")), StreamError)
        assert 10 <= looks < 100

    over_tcp(main())


@pytest.mark.slow
def test_the_largest_messages_are_stored_and_read_and_larger_ones_are_refused() -> None:
    async def main() -> None:
        async with streams() as (here, _, where), plain(where) as client:
            at = (await client.worker(CreateStream("orders")),)
            largest = b"x" * MAX_MESSAGE_BYTES
            assert await client.ask(at, Push(1, b"first")) == Pushed(1, Status.OK, 0)
            assert await client.ask(at, Push(2, largest)) == Pushed(2, Status.OK, 1)
            assert await client.ask(at, Push(3, largest + b"x" * 20)) == Pushed(3, Status.ERROR, 0)
            assert await client.ask(at, Push(4, b"y" * MAX_READ_BYTES)) == Pushed(4, Status.OK, 2)
            assert await client.ask(at, Push(GREATEST, b"last")) == Pushed(GREATEST, Status.OK, 3)
            assert isinstance(await client.ask(at, Pull(GREATEST, 1, 10)), Pulled)
            async with consumer(here, where, request_seconds=10.0) as reader:
                found: list[bytes] = []
                while not found or found[-1] != b"last":
                    found += await read(reader, 1)
            assert found == [b"first", largest, b"y" * MAX_READ_BYTES, b"last"]

    over_tcp(main())


@pytest.mark.slow
def test_a_node_with_small_frames_answers_with_the_messages_that_fit() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        storage.create("orders", 1).result()
        log = storage.open_log("orders", 0).result()
        log.append([Entry(b"%04d" % number) for number in range(3000)]).result()
        log.append([Entry(b"x" * 60_000), Entry(b"last")]).result()
        async with (
            node_with_streams(storage, limits=TcpLimits(frame_bytes=40_000)) as node,
            plain(node.addresses[0]) as client,
        ):
            at = (await client.worker(CreateStream("orders")),)
            first = await client.ask(at, Pull(1, 0, 5000))
            assert isinstance(first, Pulled)
            assert 500 < len(first.messages) < 3000
            assert isinstance(await client.ask(at, Pull(2, 3000, 10)), StreamError)
            assert await client.ask(at, Pull(3, 3001, 10)) == Pulled(3, (StoredMessage(3001, b"last"),))
            assert await client.ask(at, Push(4, b"x" * 19_950)) == Pushed(4, Status.ERROR, 0)

    over_tcp(main())


@pytest.mark.slow
def test_concurrent_reads_for_one_peer_are_limited(tmp_path: Path) -> None:
    storage = a_storage("sqlite", tmp_path)

    async def main() -> None:
        async with streams(storage) as (_, there, where), plain(where) as bystander:
            at = (await bystander.worker(CreateStream("orders")),)
            for number in range(4):
                await bystander.ask(at, Push(number, b"x" * 250_000))
            async with plain(where) as client:
                for number in range(2000):
                    client.transmit(at, Pull(number, 0, 10))
                await still_echoes(bystander)
                await until(lambda: there.node.router.ledger.held_bytes > 0)
                assert isinstance(await bystander.ask(at, Push(9, b"y")), Pushed)
            await until(lambda: there.node.router.ledger.held_bytes == 0)
            await still_echoes(bystander)

    over_tcp(main())
    storage.close()

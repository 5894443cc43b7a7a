"""Publishers and consumers that are cancelled, closed and stopped at any time; and a failing storage."""

from __future__ import annotations

import asyncio

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    Pull,
    Pulled,
    Push,
    Pushed,
    Status,
    StoredMessage,
    StreamError,
)
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import (
    Failing,
    consumer,
    node_with_streams,
    numbered,
    plain,
    publisher,
    read,
    stored_in,
    streams,
)
from tests.net.tcp_helpers import over_tcp, still_echoes, until


async def cancelled(task: asyncio.Future[object], seconds: float) -> None:
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.slow
def test_next_may_be_cancelled_at_any_time() -> None:
    """During a request, a poll, a restart or a connect: the next call continues, and no message is lost."""
    where, storage = kept_address(), MemoryStorage()

    async def main() -> None:
        async with TcpNode() as here, consumer(here, where) as reader:
            for moment in range(12):
                await cancelled(asyncio.ensure_future(reader.next()), moment * 0.01)
            async with node_with_streams(storage, where):
                for moment in range(15):
                    await cancelled(asyncio.ensure_future(reader.next()), moment * 0.002)
                async with publisher(here, where) as sender:
                    await sender.send(*numbered(5))
                assert await read(reader, 5) == numbered(5)

    over_tcp(main())


def test_a_handler_that_is_cancelled_has_not_processed_its_message() -> None:
    async def main() -> None:
        async with streams() as (here, _, where):
            async with publisher(here, where) as sender:
                await sender.send(*numbered(3))
            done: list[bytes] = []
            started = asyncio.Event()

            async def slow(message: StoredMessage) -> None:
                started.set()
                await asyncio.sleep(60)

            async def quick(message: StoredMessage) -> None:
                done.append(message.data)

            async with consumer(here, where) as reader:
                processing = asyncio.ensure_future(reader.process(slow))
                await started.wait()
                processing.cancel()
                await asyncio.wait([processing])
                assert await reader.process(quick, idle_seconds=0.05) == 3
            assert done == numbered(3)

    over_tcp(main())


def test_publish_send_and_flush_may_be_cancelled() -> None:
    async def main() -> None:
        storage = Failing()
        async with streams(storage) as (here, _, where), publisher(here, where, window=2) as sender:
            await sender.publish(b"0")
            storage.broken = {"orders"}
            await cancelled(asyncio.ensure_future(sender.publish(b"1")), 0.02)
            await cancelled(asyncio.ensure_future(sender.flush()), 0.02)
            await cancelled(asyncio.ensure_future(sender.send(b"2", b"never")), 0.02)
            assert (sender.accepted, sender.confirmed) == (3, 1)
            storage.broken = set()
            assert await sender.publish(b"3") == 4
        assert stored_in(storage) == numbered(4)

    over_tcp(main())


def test_a_publisher_closes_in_every_state() -> None:
    async def main() -> None:
        storage = Failing()
        async with streams(storage) as (here, _, where):
            fresh = publisher(here, where)
            with pytest.raises(LocalSessionError, match="async with"):
                await fresh.send(b"x")
            fresh.close()
            fresh.close()
            with pytest.raises(LocalSessionError):
                await fresh.__aenter__()
            async with publisher(here, where) as idle:
                idle.close()
                idle.close()
            with pytest.raises(RemoteSessionError, match="0 messages are not confirmed"):
                await idle.publish(b"x")
            storage.broken = {"orders"}
            waiting = publisher(here, where, window=1)
            await waiting.__aenter__()
            calls = [asyncio.ensure_future(call) for call in (waiting.publish(b"x"), waiting.send(b"y"))]
            calls.append(asyncio.ensure_future(waiting.flush()))  # type: ignore[arg-type]
            await asyncio.sleep(0.02)
            waiting.close()
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert "closed by order; 1 messages are not confirmed" in str(error)

            async def leave() -> None:
                async with publisher(here, where) as left:
                    await left.send(b"z")
                    raise ValueError("mine")

            with pytest.raises(ValueError, match="mine"):  # after an exception it does not wait for confirmations
                await leave()

    over_tcp(main())


def test_a_closed_consumer_returns_no_more_messages() -> None:
    async def main() -> None:
        where = kept_address()
        async with TcpNode() as here:
            async with consumer(here, where) as away:
                waiting = asyncio.ensure_future(away.next())
                await until(lambda: away.restarts >= 1)
            with pytest.raises(LocalSessionError, match="closed"):
                await asyncio.wait_for(waiting, 0.1)
            async with node_with_streams(MemoryStorage(), where) as there:
                async with consumer(here, where) as reader:
                    polling = asyncio.ensure_future(reader.next())
                    await until(lambda: there.node.dead_letters.counts or not polling.done())
                    await asyncio.sleep(0.05)
                with pytest.raises(LocalSessionError, match="closed"):
                    await asyncio.wait_for(polling, 0.1)
                with pytest.raises(LocalSessionError, match="closed"):
                    await reader.next()

    over_tcp(main())


@pytest.mark.parametrize("away", [False, True], ids=["served", "away"])
def test_when_the_node_stops_all_pending_calls_fail(away: bool) -> None:
    async def main() -> None:
        storage = Failing()
        async with node_with_streams(storage) as there:
            where = kept_address() if away else there.addresses[0]
            async with TcpNode() as here:
                sender, reader = publisher(here, where, window=1), consumer(here, where)
                await sender.__aenter__()
                storage.broken = {"orders"}
                calls: list[asyncio.Future[object]] = [
                    asyncio.ensure_future(call)
                    for call in (sender.publish(b"x"), sender.send(b"y"), sender.flush(), reader.next())
                ]
                await asyncio.sleep(0.3)
            found = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 0.5)
            assert ["stopped" in str(error) for error in found] == [True] * 4, found
            sender.close()
            await reader.__aexit__(None, None, None)

    over_tcp(main())


# A storage that fails -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("after_writing", [False, True], ids=["before-writing", "after-writing"])
def test_while_the_storage_fails_publishers_wait_and_others_are_served(after_writing: bool) -> None:
    async def main() -> None:
        storage = Failing()
        storage.after_writing = after_writing
        async with streams(storage) as (here, _, where), plain(where) as client:
            async with publisher(here, where) as sender, publisher(here, where, "others") as other:
                await sender.publish(b"0")
                for number in range(1, 6):
                    storage.broken = {"orders"}
                    waiting = asyncio.ensure_future(sender.publish(b"%d" % number))
                    failures = storage.failures
                    await until(lambda before=failures: storage.failures > before + 1)  # type: ignore[misc]
                    await other.publish(b"%d" % number)
                    await still_echoes(client)
                    assert not waiting.done()
                    storage.broken = set()
                    await waiting
                assert (sender.state_losses, other.state_losses, sender.confirmed) == (0, 0, 6)
            assert stored_in(storage) == numbered(6)
            assert stored_in(storage, "others") == numbered(5, 1)

    over_tcp(main())


@pytest.mark.slow
def test_a_failure_of_the_storage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """And once more when it fails again after a success."""
    storage = Failing()

    async def main() -> None:
        async with streams(storage) as (here, _, where), publisher(here, where) as sender:
            await sender.publish(b"0")
            for text in (b"1", b"2"):
                before, storage.broken = storage.failures, {"orders"}
                await sender.send(text)
                await until(lambda before=before: storage.failures > before + 3)  # type: ignore[misc]
                storage.broken = set()
                await sender.flush()

    over_tcp(main())
    expected = "partition 0 of 'orders' is not served: the disk is full"
    warnings_logged = [one for one in caplog.records if one.name == "ockam_fsm.streams"]
    assert [(one.levelname, one.getMessage().startswith(expected)) for one in warnings_logged] == [
        ("WARNING", True)
    ] * 2


def test_plain_clients_receive_an_error_while_the_storage_fails() -> None:
    async def main() -> None:
        storage = Failing()
        async with streams(storage) as (_, _, where), plain(where) as client:
            at = (await client.worker(CreateStream("orders")),)
            assert await client.ask(at, Push(1, b"a")) == Pushed(1, Status.OK, 0)
            storage.broken = {"orders"}
            assert await client.ask(at, Push(2, b"b")) == Pushed(2, Status.ERROR, 0)
            assert await client.ask(at, Push(3, b"c")) == Pushed(3, Status.ERROR, 0)
            assert isinstance(await client.ask(at, Pull(4, 0, 10)), StreamError)
            other = (await client.worker(CreateStream("others")),)
            assert await client.ask(other, Push(5, b"d")) == Pushed(5, Status.OK, 0)
            storage.broken = set()
            while (await client.ask(at, Push(6, b"e"))) != Pushed(6, Status.OK, 1):
                await asyncio.sleep(0.01)
            found = await client.ask(at, Pull(7, 0, 10))
            assert found == Pulled(7, (StoredMessage(0, b"a"), StoredMessage(1, b"e")))
            assert await client.ask("stream", CreateStream("orders"))

    over_tcp(main())


def test_a_look_up_during_a_reopening_of_the_log_reports_no_lost_record() -> None:
    async def main() -> None:
        storage = Failing()
        async with streams(storage) as (here, _, where), plain(where) as client:
            at = (await client.worker(CreateStream("orders")),)
            async with publisher(here, where) as sender:
                await sender.publish(b"0")
                storage.held = []
                for push in (Push(1, b"x"), Push(2, b"x")):  # the second failure comes while the record is looked up
                    storage.broken = {"orders"}
                    assert await client.ask(at, push) == Pushed(push.request_id, Status.ERROR, 0)
                    storage.broken = set()
                    await until(lambda: storage.held)
                while isinstance(await client.ask(at, Pull(3, 0, 1)), StreamError):
                    await asyncio.sleep(0.002)
                (answer,), storage.held = storage.held, None
                answer()
                await sender.publish(b"1")
                assert sender.state_losses == 0
        assert stored_in(storage) == numbered(2)

    over_tcp(main())


@pytest.mark.slow
def test_an_intermittent_storage_loses_and_duplicates_nothing() -> None:
    """The log fails in every phase of a publisher: at its hello, between two pushes, during its look-up."""

    async def main() -> None:
        storage = Failing()
        async with streams(storage) as (here, _, where), publisher(here, where, window=4) as sender:

            async def flicker() -> None:
                for turn in range(60):
                    storage.after_writing = turn % 3 == 0
                    storage.broken = {"orders"}
                    await asyncio.sleep(0.001 * (turn % 7))
                    storage.broken = set()
                    await asyncio.sleep(0.004 * (turn % 11))

            await sender.publish(b"0")  # before that there is no record (clause 12.4)
            flickering = asyncio.ensure_future(flicker())
            await sender.send(*numbered(299, 1))
            await flickering
            await sender.flush()
            assert sender.state_losses == 0
        assert stored_in(storage) == numbered(300)

    over_tcp(main())

"""The Kafka storage on a real broker: the conformance suite, and kills of the broker."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from random import Random
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from ockam_fsm.conformance.storage import StorageCase, StorageUnderTest, cases
from ockam_fsm.storage.interface import Entry, Log, StorageUnavailable
from ockam_fsm.storage.kafka import KafkaStorage
from ockam_fsm.storage.kafka_client import ConfluentClient
from tests.storage.kafka_broker import Broker, running_broker

pytestmark = pytest.mark.kafka
PUBLISHER = b"p" * 16
PATIENCE = 120.0
IN_FLIGHT = 16


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with running_broker() as broker:
        yield broker


@pytest.mark.parametrize("case", cases(), ids=str)
def test_conformance(case: StorageCase, broker: Broker) -> None:
    opened = partial(KafkaStorage, broker.address)
    case.check(StorageUnderTest(opened, prefix=uuid4().hex, patience_seconds=60.0))


class Publisher:
    """Numbers its messages from 1, and after a failure of its log appends unconfirmed messages again."""

    def __init__(self, storage: KafkaStorage, stream: str) -> None:
        self.storage = storage
        self.stream = stream
        self.confirmed: dict[int, int] = {}
        """Numbers and their indexes."""
        self.reopened = -1
        self.open()

    def open(self) -> None:
        """Open the log; retry until the broker is up."""
        self.log: Log = self.insist(lambda: self.storage.open_log(self.stream, 0))
        self.last = self.log.last_number(PUBLISHER).result(PATIENCE) or 0
        self.waiting: dict[int, Future[tuple[int, ...]]] = {}
        self.reopened += 1
        assert self.last >= max(self.confirmed, default=0)

    def insist(self, call: Any) -> Any:
        deadline = monotonic() + PATIENCE
        while True:
            error = (future := call()).exception(PATIENCE)
            if error is None:
                return future.result()
            assert isinstance(error, StorageUnavailable), error
            assert monotonic() < deadline, error

    def append(self) -> None:
        """Append messages up to IN_FLIGHT."""
        while len(self.waiting) < IN_FLIGHT:
            self.last += 1
            entry = Entry(b"%d" % self.last, PUBLISHER, self.last)
            self.waiting[self.last] = self.log.append([entry])

    def confirm(self) -> None:
        """Wait for the oldest append."""
        number, future = next(iter(self.waiting.items()))
        error = future.exception(PATIENCE)
        if error is None:
            (self.confirmed[number],) = future.result()
            del self.waiting[number]
            return
        assert isinstance(error, StorageUnavailable), error
        for later in self.waiting.values():
            assert isinstance(later.exception(PATIENCE), StorageUnavailable)
        self.open()

    def finish(self) -> None:
        while self.waiting:
            self.confirm()


def stored(log: Log) -> dict[int, int]:
    """Return the index of each number, and check that every number is stored once, in order."""
    found: dict[int, int] = {}
    start = 0
    while batch := log.read(start, 1000, 2**20).result(PATIENCE):
        for message in batch:
            assert int(message.data) == len(found) + 1
            found[int(message.data)] = message.index
        start = batch[-1].index + 1
    return found


def killed_while_appending(broker: Broker, kills: int, seed: int) -> Publisher:
    chance = Random(seed)
    storage = KafkaStorage(broker.address, timeout_seconds=chance.choice((3.0, 20.0)))
    stream = uuid4().hex
    storage_create(storage, stream)
    publisher = Publisher(storage, stream)
    for _ in range(kills):
        for _ in range(chance.randrange(5, 200)):
            publisher.append()
            publisher.confirm()
        publisher.append()
        broker.kill()
        if chance.random() < 0.5:
            publisher.confirm()
        broker.start()
        publisher.finish()
    there = stored(publisher.log)
    assert {number: there[number] for number in publisher.confirmed} == publisher.confirmed
    assert len(there) == publisher.last
    storage.close()
    again = KafkaStorage(broker.address)
    assert stored(again.open_log(stream, 0).result(PATIENCE)) == there
    again.close()
    return publisher


def storage_create(storage: KafkaStorage, stream: str) -> None:
    assert storage.create(stream, 1).result(PATIENCE) == 1


def test_kills_of_the_broker_lose_and_repeat_nothing(broker: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    publishers = [killed_while_appending(broker, 4, seed) for seed in range(2)]
    confirmed = sum(len(publisher.confirmed) for publisher in publishers)
    reopened = sum(publisher.reopened for publisher in publishers)
    with capsys.disabled():
        print(f"\n8 kills of the broker, {confirmed} confirmed, 0 lost, 0 twice; opened again {reopened} times")


def test_a_broker_that_is_down_is_reported_and_waited_for(broker: Broker) -> None:
    storage = KafkaStorage(broker.address, timeout_seconds=2.0)
    stream = uuid4().hex
    storage_create(storage, stream)
    log = storage.open_log(stream, 0).result(PATIENCE)
    log.append([Entry(b"1", PUBLISHER, 1)]).result(PATIENCE)
    storage.save_index("group", stream, 0, 1).result(PATIENCE)
    broker.kill()
    try:
        for call in (
            log.append([Entry(b"2", PUBLISHER, 2)]), log.append([Entry(b"3", PUBLISHER, 3)]),
            storage.save_index("group", stream, 0, 2), storage.create(stream + "x", 1), storage.open_log(stream, 0),
        ):  # fmt: skip
            error = call.exception(PATIENCE)
            assert isinstance(error, StorageUnavailable)
            assert broker.address in str(error)
            assert "check" in error.remedy
    finally:
        broker.start()
    again = Publisher(storage, stream)
    assert again.last in (1, 2, 3)
    assert list(stored(again.log)) == list(range(1, again.last + 1))
    again.insist(lambda: storage.save_index("group", stream, 0, 3))
    assert storage.saved_index("group", stream, 0).result(PATIENCE) == 3
    storage.close()


class ConfirmsBeforeReadable(ConfluentClient):
    """A client that trusts the coordinator's report of a commit, without waiting for readability."""

    def wait_for(self, place: tuple[str, int], end: int) -> None:
        pass


def lost_by_a_kill_at_a_confirmation(broker: Broker, storage: KafkaStorage) -> list[int]:
    """Kill the broker in the callback of a future, and return the confirmed numbers that are lost afterwards."""
    stream = uuid4().hex
    storage_create(storage, stream)
    log = storage.open_log(stream, 0).result(PATIENCE)
    futures = [log.append([Entry(b"%d" % number, PUBLISHER, number)]) for number in range(1, 6)]
    for future in futures:
        future.result(PATIENCE)
    last = log.append([Entry(b"6", PUBLISHER, 6)])
    last.add_done_callback(lambda _: broker.kill())
    last.result(PATIENCE)
    storage.close()
    broker.start()
    again = Publisher(KafkaStorage(broker.address), stream)
    there = stored(again.log)
    again.storage.close()
    return [number for number in range(1, 7) if number not in there]


def test_a_kill_during_a_confirmation_loses_nothing(broker: Broker) -> None:
    for _ in range(2):
        assert lost_by_a_kill_at_a_confirmation(broker, KafkaStorage(broker.address)) == []


@pytest.mark.nightly
def test_a_client_that_does_not_wait_loses_messages(broker: Broker) -> None:
    """A known-bad client; whether the restarted broker omits the marker depends on milliseconds."""
    for _ in range(10):
        client = ConfirmsBeforeReadable(broker.address, 10.0, {})
        if lost_by_a_kill_at_a_confirmation(broker, KafkaStorage(broker.address, client=client)):
            return
    raise AssertionError("no message was lost")


@pytest.mark.nightly
def test_many_kills_of_the_broker(broker: Broker) -> None:
    for seed in range(100, 110):
        killed_while_appending(broker, 10, seed)

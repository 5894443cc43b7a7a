"""The Kafka storage without Kafka: faults of the client, checkpoints, names."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.conformance.storage import StorageCase, StorageUnderTest, cases
from ockam_fsm.conformance.storage.kills import CASES as KILLS
from ockam_fsm.storage.interface import Entry, Fenced, Log, StorageRefused, StorageUnavailable
from ockam_fsm.storage.kafka import KafkaStorage
from ockam_fsm.storage.kafka_log import CHECKPOINT_MESSAGES, COVERED
from ockam_fsm.storage.kafka_names import MAX_CHARACTERS, KafkaNames, escaped_name
from tests.storage.fake_kafka import Cluster, FakeClient

PATIENCE = 30.0
PUBLISHER, OTHER = b"p" * 16, b"o" * 16


def storage_on(cluster: Cluster, **options: Any) -> KafkaStorage:
    return KafkaStorage("fake:1", client=FakeClient(cluster), **options)


def opened(cluster: Cluster) -> tuple[KafkaStorage, Log]:
    storage = storage_on(cluster)
    storage.create("s", 1).result(PATIENCE)
    return storage, storage.open_log("s", 0).result(PATIENCE)


def numbered(first: int, count: int, publisher: bytes = PUBLISHER) -> list[Entry]:
    return [Entry(b"%d" % number, publisher, number) for number in range(first, first + count)]


@pytest.mark.parametrize("case", [case for case in cases() if case not in KILLS], ids=str)
def test_conformance(case: StorageCase) -> None:
    case.check(StorageUnderTest(partial(storage_on, Cluster())))


@pytest.mark.parametrize(("fault", "stored"), [("stored", 2), ("lost", 1), ("no offset", 2), ("backwards", 2)])
def test_nothing_is_confirmed_until_the_log_is_read_again(fault: str, stored: int) -> None:
    cluster = Cluster()
    storage, log = opened(cluster)
    log.append(numbered(1, 1)).result(PATIENCE)
    cluster.faults.append(fault)
    assert isinstance(log.append(numbered(2, 1)).exception(PATIENCE), StorageUnavailable)
    commits = cluster.commits
    assert isinstance(log.append(numbered(3, 1)).exception(PATIENCE), StorageUnavailable)
    assert cluster.commits == commits
    again = storage.open_log("s", 0).result(PATIENCE)
    assert again.last_number(PUBLISHER).result(PATIENCE) == stored
    again.append(numbered(stored + 1, 1)).result(PATIENCE)
    data = [one.data for one in again.read(0, 10, 1000).result(PATIENCE)]
    assert data == [b"%d" % number for number in range(1, stored + 2)]
    storage.close()


def test_a_checkpoint_covers_the_beginning_of_the_log() -> None:
    cluster = Cluster()
    storage, log = opened(cluster)
    log.append(numbered(1, 5, OTHER)).result(PATIENCE)
    for first in range(1, 3 * CHECKPOINT_MESSAGES, 100):
        log.append(numbered(first, 100)).result(PATIENCE)
    storage.close()
    keys = [found.key for found in cluster.topics["ockam_records-s"][0].found]
    assert keys.count(COVERED) == 2
    assert keys.count(OTHER) == 1  # it is not written again
    read = [found.offset for found in cluster.topics["ockam-s"][0].found]
    cluster.topics["ockam-s"][0].found = [one for one in cluster.topics["ockam-s"][0].found if one.offset > read[-1500]]
    storage, log = opened(cluster)  # reads only the part of the log that the checkpoint does not cover
    assert log.last_number(OTHER).result(PATIENCE) == 5
    assert log.last_number(PUBLISHER).result(PATIENCE) == 3 * CHECKPOINT_MESSAGES
    storage.close()


def test_a_deleted_companion_is_created_again() -> None:
    cluster = Cluster()
    storage, log = opened(cluster)
    for first in range(1, 2 * CHECKPOINT_MESSAGES, 100):
        log.append(numbered(first, 100)).result(PATIENCE)
    storage.close()
    del cluster.topics["ockam_records-s"]
    storage, log = opened(cluster)
    assert log.last_number(PUBLISHER).result(PATIENCE) == 2 * CHECKPOINT_MESSAGES
    storage.close()


def test_two_storages_that_save_indexes_lose_no_index() -> None:
    cluster = Cluster()
    one, other = storage_on(cluster), storage_on(cluster)
    for index in range(10):
        (one if index % 2 else other).save_index("g", "s", 0, index).result(PATIENCE)
        (other if index % 2 else one).save_index("g", "s", 0, index // 2).result(PATIENCE)
    cluster.faults.append("lost")
    assert isinstance(one.save_index("g", "s", 0, 11).exception(PATIENCE), StorageUnavailable)
    assert one.saved_index("g", "s", 0).result(PATIENCE) == 9
    one.close()
    other.close()


def test_a_message_that_is_too_large_is_refused() -> None:
    storage, log = opened(Cluster())
    error = log.append([Entry(b"x" * 900_001)]).exception()
    assert isinstance(error, StorageRefused)
    assert "max_message_bytes" in error.remedy
    log.append([Entry(b"x")]).result(PATIENCE)
    storage.close()


def test_a_log_that_is_opened_again_in_this_storage_is_fenced_at_once() -> None:
    cluster = Cluster()
    storage, log = opened(cluster)
    storage.open_log("s", 0).result(PATIENCE)
    assert isinstance(log.append(numbered(1, 1)).exception(PATIENCE), Fenced)
    assert cluster.commits == 0
    storage.close()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=150), min_size=2, max_size=5, unique=True))
def test_no_two_streams_have_one_topic(streams: list[str]) -> None:
    names = KafkaNames("ockam")
    topics = [name for stream in streams for name in (names.stream(stream), names.records(stream), names.saved)]
    assert len(set(topics)) == 2 * len(streams) + 1
    assert all(len(topic) <= 249 and set(topic) <= LEGAL for topic in topics)


LEGAL = {*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"}


def test_similar_names_stay_distinct() -> None:
    names = ["a.b", "a_b", "a_2eb", "a-b", "", "_", "__", "a" * MAX_CHARACTERS, "a" * (MAX_CHARACTERS + 1), "ä"]
    for one, other in combinations(names, 2):
        assert escaped_name(one).lower() != escaped_name(other).lower()
    assert escaped_name("orders-2") == "orders-2"


@pytest.mark.parametrize("prefix", ["", "a-b", "a_b", "A", "x" * 33])
def test_a_prefix_is_letters_and_digits(prefix: str) -> None:
    with pytest.raises(StorageRefused, match="a-z and 0-9"):
        KafkaNames(prefix)


@pytest.mark.slow
def test_without_the_client_the_error_has_the_remedy() -> None:
    """In a process that cannot import the client."""
    code = """
import sys
sys.modules["confluent_kafka"] = None
from ockam_fsm.storage.kafka import KafkaStorage
try:
    KafkaStorage("127.0.0.1:9092")
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "confluent_kafka is not installed: run pip install 'ockam-fsm[kafka]'"

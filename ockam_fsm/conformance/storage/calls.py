"""Cases about single calls of a storage.

Source: ockam_fsm/storage/interface.py.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ockam_fsm.conformance.storage.bench import ALICE, BOB, Bench, StorageCase, case, data_of, numbered, plain
from ockam_fsm.storage.interface import Entry, StorageRefused, Stored

CASES: list[StorageCase] = []
SIMILAR = (
    "a.b",
    "a_b",
    "a-b",
    "a/b",
    "A.b",
    "a b",
    "a%2eb",
    "a.b ",
    "\u00e4",
    "a\u0308",
    "a_2eb",
    "a.b\x00",
    "x" * 300,
    "x" * 301,
)
"""Stream names that a faulty encoding would map to the same name."""


@case(CASES)
def create_is_idempotent(bench: Bench) -> None:
    """A stream keeps the number of partitions with which it was created."""
    storage, stream = bench.open(), bench.name()
    bench.equal(bench.done(storage.create(stream, 3)), 3, "the number of partitions of a new stream")
    bench.equal(bench.done(storage.create(stream, 3)), 3, "the number of partitions when it is created again")
    bench.equal(bench.done(storage.create(stream, 5)), 3, "the number of partitions when it is created with 5")
    bench.done(storage.open_log(stream, 2))
    bench.error(storage.open_log(stream, 3), StorageRefused, "opening a partition beyond the last one")


@case(CASES)
def impossible_calls_are_refused(bench: Bench) -> None:
    """An invalid call fails through its future."""
    storage, stream = bench.open(), bench.name()
    bench.error(storage.open_log(stream, 0), StorageRefused, "opening a stream that was not created")
    bench.error(storage.create(stream, 0), StorageRefused, "a stream without partitions")
    log = bench.log(storage)
    bench.error(log.append([Entry(b"x", ALICE, 0)]), StorageRefused, "a publisher without a number")
    bench.error(log.append([Entry(b"x", b"", 1)]), StorageRefused, "a number without a publisher")
    bench.error(log.append([*plain(b"x"), Entry(b"y", b"", 1)]), StorageRefused, "a batch with an impossible entry")
    bench.error(log.read(0, 0, 1), StorageRefused, "a read with limit 0")
    bench.error(storage.save_index("group", stream, 0, -1), StorageRefused, "saving a negative index")
    bench.equal(bench.all_messages(log), [], "the messages after refused appends")
    bench.done(log.append(plain(b"x")))


@case(CASES)
def messages_come_back_as_they_were(bench: Bench) -> None:
    """A read returns the data of each message under the index that its append returned, in order."""
    log = bench.log(bench.open())
    data = [b"", b"\x00", bytes(range(256)), b"x" * 300_000, b"last"]
    indexes = [*bench.done(log.append(plain(*data[:3]))), *bench.done(log.append(plain(*data[3:])))]
    if indexes != sorted(set(indexes)) or len(indexes) != len(data):
        bench.fail(f"expected rising indexes of {len(data)} messages; got {indexes}")
    wanted = [Stored(index, one) for index, one in zip(indexes, data, strict=True)]
    bench.equal(bench.all_messages(log), wanted, "the messages that are read")


@case(CASES)
def an_empty_append_is_done(bench: Bench) -> None:
    """An append of no entries returns no indexes and stores nothing."""
    log = bench.log(bench.open())
    bench.equal(bench.done(log.append([])), (), "the indexes of an empty append")
    bench.equal(bench.all_messages(log), [], "the messages after an empty append")


@case(CASES)
def reads_are_limited(bench: Bench) -> None:
    """A read returns at most `limit` messages and `max_bytes` bytes, and at least one message if there is any."""
    log = bench.log(bench.open())
    indexes = bench.done(log.append(plain(*(b"%04d" % number for number in range(10)))))
    first, last = indexes[0], indexes[-1]
    bench.equal(len(bench.read(log, first, 3, 10_000)), 3, "the number of messages with limit 3")
    bench.equal(len(bench.read(log, first, 10, 9)), 2, "the number of messages of 4 bytes within 9 bytes")
    bench.equal(len(bench.read(log, first, 10, 1)), 1, "the number of messages of 4 bytes within 1 byte")
    found = bench.read(log, indexes[4], 2, 10_000)
    bench.equal([one.index for one in found], list(indexes[4:6]), "the indexes of a read from the middle")
    bench.equal(bench.read(log, last + 1, 10, 10_000), (), "a read past the end")
    bench.equal(bench.read(log, 2**63, 10, 10_000), (), "a read far past the end")
    bench.equal(data_of(bench.read(log, last, 2**40, 2**40)), [b"0009"], "a read of the last message")


@case(CASES)
def a_read_sees_what_is_durable_at_once(bench: Bench) -> None:
    """A read and `last_number` include every append that is done."""
    log = bench.log(bench.open())
    for number in range(1, 21):
        (index,) = bench.done(log.append(numbered(ALICE, number, 1)))
        bench.equal(data_of(bench.read(log, index, 5, 100)), [b"%d" % number], "a read after the append")
        bench.equal(bench.done(log.last_number(ALICE)), number, "last_number after the append")


@case(CASES)
def a_read_may_go_back(bench: Bench) -> None:
    """Reads may begin at any index, in any order, also repeatedly."""
    log = bench.log(bench.open())
    indexes = [bench.done(log.append(plain(b"%d" % number)))[0] for number in range(8)]
    for place in (0, 1, 5, 5, 2, 7, 0, 6):
        found = bench.read(log, indexes[place], 2, 100)
        wanted = [b"%d" % number for number in range(place, min(place + 2, 8))]
        bench.equal(data_of(found), wanted, f"a read from message {place}")


@case(CASES)
def logs_are_apart(bench: Bench) -> None:
    """Partitions and streams have separate messages and records, however similar their names are."""
    storage, prefix = bench.open(), bench.name()
    for name in SIMILAR:
        bench.done(storage.create(prefix + name, 2))
    logs = [(name, part, bench.log(storage, prefix + name, part)) for name in SIMILAR for part in (0, 1)]
    for name, part, log in logs:
        bench.done(log.append([Entry(f"{name} {part}".encode(), ALICE, 1 + part)]))
    for name, part, log in logs:
        what = f"partition {part} of {name[:20]!r}"
        bench.equal(data_of(bench.all_messages(log)), [f"{name} {part}".encode()], f"the messages of {what}")
        bench.equal(bench.done(log.last_number(ALICE)), 1 + part, f"the last number in {what}")


@case(CASES)
def records_are_of_publishers(bench: Bench) -> None:
    """`last_number` returns the number of a publisher's last message in the log, and None for plain clients."""
    log = bench.log(bench.open())
    bench.equal(bench.done(log.last_number(ALICE)), None, "the last number of a publisher without messages")
    bench.done(log.append([*numbered(ALICE, 1, 3), *plain(b"plain"), *numbered(BOB, 1, 1), *numbered(ALICE, 4, 1)]))
    bench.equal(bench.done(log.last_number(ALICE)), 4, "the last number of the first publisher")
    bench.equal(bench.done(log.last_number(BOB)), 1, "the last number of the second publisher")
    bench.equal(bench.done(log.last_number(b"")), None, "the last number of plain clients")


@case(CASES)
def saved_indexes_never_go_back(bench: Bench) -> None:
    """The saved index of a group, stream and partition is the highest that was saved."""
    storage, stream, group = bench.open(), bench.name(), bench.name()
    bench.equal(bench.done(storage.saved_index(group, stream, 0)), None, "the index of a group that saved none")
    for saved, kept in ((0, 0), (5, 5), (3, 5), (5, 5), (2**63 - 1, 2**63 - 1), (6, 2**63 - 1)):
        bench.done(storage.save_index(group, stream, 0, saved))
        bench.equal(bench.done(storage.saved_index(group, stream, 0)), kept, f"the saved index after {saved}")
    bench.done(storage.save_index(group, stream, 1, 7))
    bench.equal(bench.done(storage.saved_index(group, stream, 1)), 7, "the saved index of another partition")
    bench.equal(bench.done(storage.saved_index(group + "x", stream, 1)), None, "the saved index of another group")
    bench.equal(bench.done(storage.saved_index(group, stream + "x", 1)), None, "the saved index of another stream")


@case(CASES)
def saves_that_overtake_each_other(bench: Bench) -> None:
    """Of concurrent saves the highest counts."""
    storage, stream, group = bench.open(), bench.name(), bench.name()
    for save in [storage.save_index(group, stream, 0, index) for index in (3, 9, 4, 8, 1)]:
        bench.done(save)
    bench.equal(bench.done(storage.saved_index(group, stream, 0)), 9, "the saved index")


@case(CASES)
def after_close_calls_are_refused(bench: Bench) -> None:
    """After `close` every call fails through its future, and `close` may be called again."""
    storage = bench.open()
    log = bench.log(storage)
    storage.close()
    storage.close()
    futures: tuple[Future[Any], ...] = (
        storage.create("s", 1), storage.open_log("s", 0), storage.saved_index("g", "s", 0),
        storage.save_index("g", "s", 0, 1), log.append(plain(b"x")), log.read(0, 1, 1), log.last_number(ALICE),
    )  # fmt: skip
    for future in futures:
        bench.error(future, StorageRefused, "a call after close")


@case(CASES, survival=True)
def everything_survives(bench: Bench) -> None:
    """A storage that is opened again has its streams, messages, records and saved indexes."""
    storage, stream, group = bench.open(), bench.name(), bench.name()
    bench.done(storage.create(stream, 2))
    indexes = bench.done(bench.log(storage, stream, 1).append(numbered(ALICE, 1, 5)))
    bench.done(storage.save_index(group, stream, 1, 4))
    storage.close()
    again = bench.open()
    bench.equal(bench.done(again.saved_index(group, stream, 1)), 4, "the saved index after reopening")
    bench.done(again.save_index(group, stream, 1, 2))
    bench.equal(bench.done(again.saved_index(group, stream, 1)), 4, "the saved index after saving a lower one")
    bench.equal(bench.done(again.create(stream, 9)), 2, "the number of partitions after reopening")
    log = bench.log(again, stream, 1)
    bench.equal([one.index for one in bench.all_messages(log)], list(indexes), "the indexes after reopening")
    bench.equal(bench.done(log.last_number(ALICE)), 5, "the last number after reopening")
    (index,) = bench.done(log.append(numbered(ALICE, 6, 1)))
    bench.equal(data_of(bench.all_messages(log)), [b"%d" % n for n in range(1, 7)], "the messages after reopening")
    bench.equal(index > indexes[-1], True, "whether the indexes rise on after reopening")

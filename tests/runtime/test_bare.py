"""BARE: one encoding per value, every other one refused, nothing allocated for a declared size alone."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding import bare
from tests.runtime.wire_helpers import value_three_ways


class Fruit(IntEnum):
    APPLE = 0
    PEAR = 1
    PLUM = 200


Read = Callable[[bare.Reader], object]


def decoder(read: Read) -> Callable[[bytes], object]:
    def decode(payload: bytes) -> object:
        reader = bare.Reader(payload)
        value = read(reader)
        reader.end()
        return value

    return decode


UINT: Read = lambda r: r.uint()  # noqa: E731
LETTERS: Read = lambda r: r.sequence(r.u8, 3)  # noqa: E731


@pytest.mark.parametrize(
    ("read", "written", "value", "expected"),
    [
        (UINT, bare.uint(0), 0, "00"),
        (UINT, bare.uint(1), 1, "01"),
        (UINT, bare.uint(127), 127, "7f"),
        (UINT, bare.uint(128), 128, "8001"),
        (UINT, bare.uint(300), 300, "ac02"),
        (UINT, bare.uint(2**63), 2**63, "80808080808080808001"),
        (UINT, bare.uint(2**64 - 1), 2**64 - 1, "ffffffffffffffffff01"),
        (lambda r: r.u8(), bare.u8(255), 255, "ff"),
        (lambda r: r.boolean(), bare.boolean(True), True, "01"),
        (lambda r: r.boolean(), bare.boolean(False), False, "00"),
        (lambda r: r.string(), bare.string("client_inner"), "client_inner", "0c636c69656e745f696e6e6572"),
        (lambda r: r.string(2), bare.string("é", 2), "é", "02c3a9"),
        (lambda r: r.data(), bare.data(b"\xff\x00"), b"\xff\x00", "02ff00"),
        (lambda r: r.fixed(2), bare.fixed(b"ab", 2), b"ab", "6162"),
        (lambda r: r.optional(r.uint), bare.optional(None, bare.uint), None, "00"),
        (lambda r: r.optional(r.uint), bare.optional(5, bare.uint), 5, "0105"),
        (lambda r: r.sequence(r.uint), bare.sequence((), bare.uint), (), "00"),
        (lambda r: r.sequence(r.uint), bare.sequence((1, 300), bare.uint), (1, 300), "0201ac02"),
        (LETTERS, bare.sequence((1, 2, 3), bare.u8, 3), (1, 2, 3), "03010203"),
        (lambda r: r.enum(Fruit), bare.uint(Fruit.PLUM), Fruit.PLUM, "c801"),
    ],
)
def test_one_value_has_one_encoding(read: Read, written: bytes, value: object, expected: str) -> None:
    assert written.hex() == expected
    read_back = value_three_ways(decoder(read), written)
    assert read_back == value
    assert type(read_back) is type(value)


@pytest.mark.parametrize(
    ("read", "payload", "detail"),
    [
        (UINT, "8000", "redundant last byte"),
        (UINT, "ffffffffffffffffff02", "more than 64 bits"),
        (UINT, "ffffffffffffffffff7f", "more than 64 bits"),
        (UINT, "80" * 10 + "01", "more than 64 bits"),
        (UINT, "80" * 100_000, "more than 64 bits"),
        (UINT, "80", "1 byte expected"),
        (lambda r: r.boolean(), "02", "bool"),
        (lambda r: r.optional(r.uint), "0201", "optional"),
        (lambda r: r.string(), "02c328", "UTF-8"),
        (lambda r: r.string(), "03eda080", "UTF-8"),
        (lambda r: r.string(1), "026161", "limit 1"),
        (lambda r: r.data(1), "026161", "limit 1"),
        (lambda r: r.data(), "ffffffffffffffffff0161", "announced"),
        (lambda r: r.fixed(4), "616161", "announced"),
        (lambda r: r.enum(Fruit), "02", "2 is not a Fruit"),
        (lambda r: r.sequence(r.u8), "04010203", "at most 3"),
        (lambda r: r.sequence(r.u8), "ffffffffffffffffff01", "at most 0"),
        (LETTERS, "0401020304", "at most 3"),
        (UINT, "0000", "1 bytes after"),
    ],
)
def test_anything_else_is_refused(read: Read, payload: str, detail: str) -> None:
    with pytest.raises(RemoteSessionError, match=detail) as caught:
        decoder(read)(bytes.fromhex(payload))
    assert caught.value.reason == bare.MALFORMED
    assert caught.value.reply is None


@pytest.mark.parametrize(
    "write",
    [
        lambda: bare.uint(-1),
        lambda: bare.uint(2**64),
        lambda: bare.u8(256),
        lambda: bare.u8(-1),
        lambda: bare.fixed(b"abc", 2),
        lambda: bare.data(b"abc", 2),
        lambda: bare.string("éé", 3),
        lambda: bare.string("\ud800"),
        lambda: bare.sequence((1, 2), bare.uint, 1),
    ],
)
def test_a_value_that_cannot_be_encoded_is_a_local_error(write: Callable[[], bytes]) -> None:
    with pytest.raises(LocalSessionError):
        write()


def test_announced_sizes_allocate_nothing() -> None:
    huge = bytes.fromhex("ffffffffffffffffff01") + bytes(100)
    reads: tuple[Read, ...] = (
        lambda r: r.data(),
        lambda r: r.string(),
        lambda r: r.sequence(r.u8),
        lambda r: r.fixed(2**40),
    )
    tracemalloc.start()
    try:
        for read in reads:
            with pytest.raises(RemoteSessionError):
                decoder(read)(huge)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=4)
)
def test_structs_survive_the_round_trip(rows: list[tuple[int, str, bytes | None]]) -> None:
    def write(row: tuple[int, str, bytes | None]) -> bytes:
        return bare.uint(row[0]) + bare.string(row[1]) + bare.optional(row[2], bare.data)

    def read(reader: bare.Reader) -> object:
        return reader.sequence(lambda: (reader.uint(), reader.string(), reader.optional(reader.data)))

    assert decoder(read)(bare.sequence(rows, write)) == tuple(rows)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.binary(max_size=12))
def test_every_varint_that_is_accepted_is_the_one_that_is_written(payload: bytes) -> None:
    try:
        value = decoder(UINT)(payload)
    except RemoteSessionError:
        return
    assert isinstance(value, int)
    assert bare.uint(value) == payload

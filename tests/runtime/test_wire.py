"""Frames and messages, one rule of the encoding at a time. The captured bytes are in `test_vectors.py`."""

from __future__ import annotations

import time
import tracemalloc

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding import cbor, frames
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.frames import FrameDecoder, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, local
from tests.runtime.wire_helpers import bytewise, drain, frames_three_ways, value_three_ways

ECHO = Message((local("echo"),), (local("me"),), b"hello")
ECHO_BODY = bytes.fromhex("84818200446563686f818200426d654568656c6c6ff6")

addresses = st.builds(Address, st.integers(0, 255), st.binary(max_size=40))
routes = st.lists(addresses, max_size=6).map(tuple)
messages = st.builds(Message, routes, routes, st.binary(max_size=300), st.none() | st.text(max_size=30))
stable = settings(derandomize=True, database=None, deadline=None, max_examples=80)


# Frames.


def test_the_version_byte_comes_first_and_alone_or_with_frames() -> None:
    assert frames_three_ways(b"") == ([], None)
    assert frames_three_ways(b"\x01") == ([], None)
    assert frames_three_ways(b"\x01" + encode_frame(b"ab") + encode_frame(b"c")) == ([b"ab", b"c"], None)


@pytest.mark.parametrize("version", [0x00, 0x02, 0x16, 0x47, 0xFF])
def test_another_version_byte_is_refused_permanently(version: int) -> None:
    assert frames_three_ways(bytes((version,)) + encode_frame(b"ab")) == ([], frames.WRONG_VERSION)
    decoder = FrameDecoder()
    assert drain(decoder, [bytes((version,))]) == ([], frames.WRONG_VERSION)
    assert not decoder.started
    assert drain(decoder, [b"\x01" + encode_frame(b"ab")]) == ([], frames.WRONG_VERSION)


def test_frames_of_length_zero_are_ignored() -> None:
    data = b"\x01" + bytes(8) + encode_frame(b"ab") + bytes(4) + encode_frame(b"c") + bytes(4)
    assert frames_three_ways(data) == ([b"ab", b"c"], None)


@pytest.mark.slow
def test_frames_of_length_zero_between_others_take_no_longer_than_others() -> None:
    """Reading the rest of a chunk for each of them takes seconds for a chunk of this size."""
    pairs = 100_000
    data = b"\x01" + (bytes(4) + encode_frame(b"a")) * pairs
    begun = time.process_time()
    assert drain(FrameDecoder(), [data]) == ([b"a"] * pairs, None)
    assert time.process_time() - begun < 4


def test_the_largest_frame_passes_and_one_byte_more_does_not() -> None:
    ten = encode_frame(b"0123456789", max_frame_bytes=10)
    assert frames_three_ways(b"\x01" + ten, max_frame_bytes=10) == ([b"0123456789"], None)
    eleven = encode_frame(b"0123456789a")
    assert frames_three_ways(b"\x01" + ten + eleven, 10) == ([b"0123456789"], frames.FRAME_TOO_LARGE)


def test_an_oversized_frame_is_refused_at_its_length_and_nothing_after_it_is_read() -> None:
    decoder = FrameDecoder()
    assert drain(decoder, [b"\x01", (frames.MAX_FRAME_BYTES + 1).to_bytes(4, "big")]) == ([], frames.FRAME_TOO_LARGE)
    assert drain(decoder, [encode_frame(b"ab")]) == ([], frames.FRAME_TOO_LARGE)


def test_the_bytes_of_an_incomplete_frame_are_counted() -> None:
    decoder = FrameDecoder()
    waiting = []
    for byte in bytewise(b"\x01\0\0\0\x02ab"):
        drain(decoder, [byte])
        waiting.append(decoder.buffered)
    assert waiting == [0, 1, 2, 3, 0, 1, 0]


def test_idle_means_that_nothing_is_lost_when_the_connection_ends() -> None:
    decoder = FrameDecoder()
    idle = []
    for byte in bytewise(b"\x01" + encode_frame(b"ab")):
        assert drain(decoder, [byte])[1] is None
        idle.append(decoder.idle)
    assert idle == [True, False, False, False, False, False, True]


@pytest.mark.parametrize("body", [b"", b"0123456789a"])
def test_a_frame_that_the_peer_would_ignore_or_refuse_is_not_written(body: bytes) -> None:
    with pytest.raises(LocalSessionError, match="1 to 10 bytes"):
        encode_frame(body, max_frame_bytes=10)


@stable
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_where_the_chunks_are_cut_makes_no_difference(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"\x01" + b"".join(map(encode_frame, bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    ends = [*cuts, len(stream)]
    chunks = [stream[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert drain(FrameDecoder(), chunks) == (bodies, None)


@pytest.mark.slow
def test_a_large_frame_in_small_chunks_takes_linear_time_and_the_memory_of_one_frame() -> None:
    stream = b"\x01" + encode_frame(bytes(frames.MAX_FRAME_BYTES))
    chunks = [stream[at : at + 512] for at in range(0, len(stream), 512)]
    decoder = FrameDecoder()
    begun = time.process_time()
    assert drain(decoder, chunks)[0] == [bytes(frames.MAX_FRAME_BYTES)]
    # Copying the buffer for every chunk would move 256 GiB here.
    assert time.process_time() - begun < 3
    tracemalloc.start()
    try:
        drain(FrameDecoder(), chunks[:-1])
        assert tracemalloc.get_traced_memory()[1] < 1.3 * frames.MAX_FRAME_BYTES
    finally:
        tracemalloc.stop()


def test_a_length_alone_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        decoder = FrameDecoder()
        drain(decoder, [b"\x01", frames.MAX_FRAME_BYTES.to_bytes(4, "big"), b"x"])
        assert not decoder.idle
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


# Messages.


def test_a_message_is_written_as_four_elements() -> None:
    assert encode_message(ECHO) == ECHO_BODY
    assert value_three_ways(decode_message, ECHO_BODY) == ECHO


@stable
@given(messages)
def test_messages_survive_the_round_trip_and_cbor2_reads_them_alike(message: Message) -> None:
    body = encode_message(message)
    assert decode_message(body) == message
    onward, back, payload, tracing = cbor2.loads(body)
    assert (onward, back) == ([[*a] for a in message.onward_route], [[*a] for a in message.return_route])
    assert (payload, tracing) == (message.payload, message.tracing_context)
    assert body[0] == 0x84


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("8380804161", Message((), (), b"a")),
        ("8480804161f6", Message((), (), b"a")),
        ("848080416162c3a9", Message((), (), b"a", "é")),
        ("9f80804161ff", Message((), (), b"a")),
        ("9f80804161f6ff", Message((), (), b"a")),
        ("9f808041616162ff", Message((), (), b"a", "b")),
        ("849fff9f9f00426d65ffff40f6", Message((), (local("me"),), b"")),
        ("849f82004161820041ffff8040f6", Message((local("a"), local(b"\xff")), (), b"")),
        ("8480805fff60", Message((), (), b"", "")),
        ("8480805f4161404162fff6", Message((), (), b"ab")),
        ("848182005f41614162ff8040f6", Message((local("ab"),), (), b"")),
        ("8481821900ff41618040f6", Message((Address(255, b"a"),), (), b"")),
        ("8481821b00000000000000004161 8040f6", Message((local("a"),), (), b"")),
        ("9b0000000000000004 9800 8059000161 7a0000000178", Message((), (), b"a", "x")),
    ],
)
def test_the_forms_of_real_nodes_are_decoded(body: str, message: Message) -> None:
    assert value_three_ways(decode_message, bytes.fromhex(body)) == message


@pytest.mark.parametrize(
    ("why", "body"),
    [
        ("nothing", ""),
        ("no array", "00"),
        ("a map", "a180 80"),
        ("2 elements", "828080"),
        ("2 elements announced, 3 there", "8280804161"),
        ("5 elements", "8580804161f6f6"),
        ("5 elements announced, 3 there", "8580804161"),
        ("5 elements, indefinite", "9f80804161f6f6ff"),
        ("no end", "9f80804161f6"),
        ("no end after three", "9f80804161"),
        ("a byte too much", "8480804161f600"),
        ("another message", "8480804161f68480804161f6"),
        ("route is bytes", "844080 40f6"),
        ("route is null", "84f68040f6"),
        ("route is a map", "84a08040f6"),
        ("address of 1", "8481810080 40f6"),
        ("address of 3 announced, 2 there", "84818300416180 40f6"),
        ("address of 3", "84818300416100 8040f6"),
        ("address of 3, indefinite", "84819f00416100ff8040f6"),
        ("address with something for its end", "84819f004161008040f6"),
        ("address is a number", "8481008040f6"),
        ("address type 256", "84818219010041618040f6"),
        ("address type 2**64-1", "8481821bffffffffffffffff41618040f6"),
        ("address type -1", "8481822041618040f6"),
        ("address type true", "848182f541618040f6"),
        ("address type 0.0", "848182f9000041618040f6"),
        ("address type bignum", "848182c2410041618040f6"),
        ("address type without a number", "8481821f41618040f6"),
        ("address value text", "848182006161 8040f6"),
        ("address value null", "84818200f68040f6"),
        ("payload text", "8480806161f6"),
        ("payload array", "84808080f6"),
        ("chunk is text", "8480805f6161fff6"),
        ("chunk of indefinite length", "8480805f5f4161fffff6"),
        ("chunks without an end", "8480805f4161"),
        ("tracing bytes", "84808041614161"),
        ("tracing undefined", "8480804161f7"),
        ("tracing false", "8480804161f4"),
        ("tracing null in two bytes", "8480804161f816"),
        ("tracing text in chunks", "84808041617f6161ff"),
        ("tracing not UTF-8", "848080416161ff"),
        ("tracing surrogate", "848080416163eda080"),
        ("tag around the message", "d9d9f78480804161f6"),
        ("tag around a route", "84d81c8080 4161f6"),
        ("shared reference", "84d81c80d81d004161f6"),
        ("string reference", "d901008480804161f6"),
        ("reserved head 1c", "9c"),
        ("reserved head 1c, 16 bytes behind it", "8481821c" + "00" * 16 + "4161" + "8040f6"),
        ("reserved head 5e, 64 bytes behind it", "8480805e" + "00" * 63 + "01" + "61" + "f6"),
        ("reserved head 1d", "849d"),
        ("reserved head 5e", "8480805ef6"),
        ("a break alone", "ffffff"),
        ("a break for an element", "8480ff40f6"),
    ],
)
def test_anything_else_is_refused(why: str, body: str) -> None:
    with pytest.raises(RemoteSessionError) as caught:
        decode_message(bytes.fromhex(body))
    assert caught.value.reason == MALFORMED


def test_a_refusal_has_the_announced_and_the_actual_size() -> None:
    with pytest.raises(RemoteSessionError, match="malformed: 5 bytes announced at offset 4, 2 there"):
        decode_message(bytes.fromhex("848080456162"))


@pytest.mark.parametrize(
    ("number", "accepted"), [(frames.MAX_ROUTE_LENGTH, True), (frames.MAX_ROUTE_LENGTH + 1, False)]
)
def test_the_length_of_a_route_is_limited_both_ways(number: int, accepted: bool) -> None:
    message = Message((local("a"),) * number, (), b"")
    for head, tail in ((b"\x98" + bytes((number,)), b""), (b"\x9f", b"\xff")):
        body = b"\x84" + head + bytes.fromhex("82004161") * number + tail + bytes.fromhex("8040f6")
        if accepted:
            assert decode_message(body) == message
            assert decode_message(encode_message(message)) == message
        else:
            with pytest.raises(RemoteSessionError, match="more than 128 addresses"):
                decode_message(body)
            with pytest.raises(LocalSessionError, match="limit 128"):
                encode_message(message)


def test_the_size_of_an_address_is_limited_both_ways() -> None:
    largest = Message((local(bytes(frames.MAX_ADDRESS_BYTES)),), (), b"")
    assert decode_message(encode_message(largest)) == largest
    larger = Message((local(bytes(frames.MAX_ADDRESS_BYTES + 1)),), (), b"")
    with pytest.raises(LocalSessionError, match="limit 512"):
        encode_message(larger)
    with pytest.raises(RemoteSessionError, match="limit 512"):
        decode_message(cbor2.dumps([larger.onward_route, [], b"", None]))


@pytest.mark.parametrize(("number", "accepted"), [(cbor.MAX_CHUNKS, True), (cbor.MAX_CHUNKS + 1, False)])
def test_the_number_of_chunks_is_limited(number: int, accepted: bool) -> None:
    body = bytes.fromhex("8480805f") + b"\x41a" * number + bytes.fromhex("fff6")
    if accepted:
        assert decode_message(body).payload == b"a" * number
    else:
        with pytest.raises(RemoteSessionError, match="chunks"):
            decode_message(body)


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65_535, 65_536])
def test_every_length_is_written_in_the_shortest_form(size: int) -> None:
    message = Message((local("a"),) * min(size, 24), (Address(24, bytes(min(size, 512))),), bytes(size), "é" * size)
    # Canonical CBOR has the shortest heads, and cbor2 writes it so by itself.
    fields = (message.onward_route, message.return_route, message.payload, message.tracing_context)
    assert encode_message(message) == cbor2.dumps(fields)


@pytest.mark.parametrize(
    "message",
    [
        Message((Address(256, b""),), (), b""),
        Message((), (Address(-1, b""),), b""),
        Message((), (), b"", "\ud800"),
    ],
)
def test_messages_that_no_node_would_decode_are_not_encoded(message: Message) -> None:
    with pytest.raises(LocalSessionError):
        encode_message(message)


SIXTEEN_MIB = frames.MAX_FRAME_BYTES


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x81" * SIXTEEN_MIB, id="nesting"),
        pytest.param(b"\x9f" * SIXTEEN_MIB, id="indefinite nesting"),
        pytest.param(b"\x84\x9a\x00\xff\xff\xff" + b"\x80" * SIXTEEN_MIB, id="16 Mi empty arrays"),
        pytest.param(b"\x84\x9a\x00\x55\x55\x55" + b"\x82\x00\x40" * (SIXTEEN_MIB // 3), id="5 Mi addresses"),
        pytest.param(b"\x84\x80\x80\x5f" + b"\x40" * SIXTEEN_MIB, id="16 Mi empty chunks"),
        pytest.param(b"\x9b" + b"\xff" * 8 + b"\x80" * 100, id="array of 2**64-1"),
        pytest.param(b"\x84\x9b" + b"\xff" * 8 + b"\x82\x00\x40" * 100, id="route of 2**64-1"),
        pytest.param(b"\x84\x80\x80\x5b" + b"\xff" * 8 + b"x" * 100, id="payload of 2**64-1"),
        pytest.param(b"\x84\x80\x80\x40\x7b" + b"\x00\x00\x7f" + b"\xff" * 5, id="text of 2**47"),
        pytest.param(b"\xd9\x01\x00" * 100_000 + b"\x80", id="tags in tags"),
    ],
)
def test_hostile_bodies_take_little_memory(body: bytes) -> None:
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(RemoteSessionError):
            decode_message(body)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - begun < 1


@given(st.data())
def test_the_fast_reader_agrees_with_the_whole_grammar(data: st.DataObject) -> None:
    """For encoded messages, and for the same bytes with one changed, lost or added."""
    long = st.lists(addresses, min_size=23, max_size=26).map(tuple)
    payloads = st.binary(max_size=300) | st.just(b"x" * 70_000)
    message = data.draw(st.builds(Message, routes | long, routes, payloads, st.none() | st.text(max_size=5)))
    body = bytearray(encode_message(message))
    at, kind = data.draw(st.integers(0, len(body) - 1)), data.draw(st.sampled_from(["same", "change", "lose", "add"]))
    if kind != "same":
        body[at : at + (kind != "add")] = b"" if kind == "lose" else data.draw(st.binary(min_size=1, max_size=1))
    plain = frames.decode_plain(bytes(body))
    if plain is not None:
        assert plain == frames.decode_any(bytes(body))
    assert kind != "same" or decode_message(bytes(body)) == message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x83",
        b"\x84\x9f",
        b"\x84\x80\x80\x59",
        b"\x84\x80\x80\x41a\xf5",
        b"\x84\x81\x83\x00\x40",
        b"\x84\x81\x82",
        pytest.param(b"\x84\x81\x82\x00\x59" + bytes(25) + b"\x80\x40\xf6", id="25 is a length of two bytes"),
        pytest.param(b"\x84\x81\x82\x00\x58\x05" + bytes(4), id="address cut off"),
    ],
)
def test_the_fast_reader_refuses_nothing(body: bytes) -> None:
    assert frames.decode_plain(body) is None


def test_the_fast_reader_reads_what_real_nodes_write() -> None:
    body = encode_message(Message((local("echo"),), (local("a" * 32),), b"x" * 64))
    assert frames.decode_plain(body) == decode_message(body) == frames.decode_any(body)

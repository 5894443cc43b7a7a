"""The decoder of messages for bytes in any form: long heads, indefinite arrays, chunks, wrong bytes.

The reference is cbor2. These are properties; the examples are in `test_wire.py`.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding import frames
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.frames import (
    MAX_ADDRESS_BYTES,
    MAX_ROUTE_LENGTH,
    FrameDecoder,
    decode_any,
    decode_message,
    encode_frame,
    encode_message,
)
from ockam_fsm.runtime.encoding.message import Address, Message
from tests.runtime.cbor_forms import is_plain, overlong, second_opinion, written
from tests.runtime.wire_helpers import drain, refused_in_words

stable = settings(derandomize=True, database=None, deadline=None, max_examples=60)

values = st.binary(max_size=40) | st.sampled_from((23, 24, 255, 256, MAX_ADDRESS_BYTES)).map(bytes)
addresses = st.builds(Address, st.integers(0, 30) | st.integers(0, 255), values)
long_routes = st.lists(st.builds(Address, st.integers(0, 1), st.binary(max_size=2)), min_size=22, max_size=26)
routes = (st.lists(addresses, max_size=4) | long_routes).map(tuple)
payloads = st.binary(max_size=40) | st.sampled_from((23, 24, 255, 256, 65535, 65536)).map(bytes)
messages = st.builds(Message, routes, routes, payloads, st.none() | st.text(max_size=30))


def filled(*sizes: int) -> st.SearchStrategy[bytes]:
    return st.builds(lambda size, byte: bytes((byte,)) * size, st.sampled_from(sizes), st.integers(1, 255))


near = st.builds(Address, st.sampled_from((0, 1, 22, 23)), filled(0, 1, 23, 24, 60, 255))
far = st.builds(Address, st.sampled_from((0, 24)), filled(1, 256))
near_routes = st.lists(near, max_size=3).map(tuple) | st.lists(near | far, max_size=2).map(tuple)
near_messages = st.builds(Message, near_routes, near_routes, filled(0, 1, 23, 24, 255, 256, 300, 65535, 65536))
"""Sizes on both sides of the limit of the fast reader."""


def refused(body: bytes) -> bool:
    """Whether the bytes are refused, with a reason and a detail."""
    try:
        decode_message(body)
    except RemoteSessionError as error:
        found = error
    else:
        return False
    assert (found.reason, found.reply) == (MALFORMED, None)
    assert isinstance(found.detail, str)
    return bool(found.detail)


@pytest.mark.slow
@stable
@given(st.data())
def test_a_message_is_decoded_in_every_form(data: st.DataObject) -> None:
    """No part of it is a message, and no bytes may follow it."""
    message = data.draw(messages)
    body = data.draw(written(message))
    assert second_opinion(body) == message, "the test encodes the message correctly"
    assert decode_message(body) == decode_any(body) == message
    cut = data.draw(st.integers(0, len(body) - 1))
    assert refused(body[:cut])
    assert refused(body + data.draw(st.binary(min_size=1, max_size=3)))
    assert refused(data.draw(overlong(message)))


@pytest.mark.slow
@stable
@given(st.data())
def test_an_accepted_body_is_the_same_message_for_cbor2(data: st.DataObject) -> None:
    """A body with any change is refused, or is the same message for both."""
    body = bytearray(data.draw(written(data.draw(messages))))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, min(len(body) - 1, 60)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        if not body:
            return
    if not refused(bytes(body)):
        assert decode_message(bytes(body)) == second_opinion(bytes(body))


@stable
@given(messages | near_messages)
def test_the_fast_reader_reads_every_usual_form(message: Message) -> None:
    """The usual form has short heads and no tracing context."""
    body = encode_message(message)
    assert decode_any(body) == message
    assert frames.decode_plain(body) == (message if is_plain(message) else None)


@stable
@given(st.integers(0, 2 * MAX_ROUTE_LENGTH), st.integers(0, 2 * MAX_ADDRESS_BYTES), st.integers(-1, 260), st.booleans())
def test_encoded_messages_can_be_decoded_and_all_others_are_refused(
    length: int, size: int, kind: int, back: bool
) -> None:
    route = (Address(kind, bytes(size)),) * length
    message = Message(() if back else route, route if back else (), b"")
    fits = length <= MAX_ROUTE_LENGTH and (not length or (0 <= kind <= 255 and size <= MAX_ADDRESS_BYTES))
    if not fits:
        refused_in_words(LocalSessionError, lambda: encode_message(message))
    else:
        assert decode_message(encode_message(message)) == message


@stable
@given(st.lists(st.binary(max_size=12), max_size=6), st.integers(4, 10), st.binary(max_size=1), st.data())
def test_frames_arrive_until_one_is_too_large(
    bodies: list[bytes], limit: int, version: bytes, data: st.DataObject
) -> None:
    """Whole or in pieces: the same frames, the same refusal, and a refusal is final. Empty frames are ignored."""
    stream = data.draw(st.just(b"\x01") | st.just(version)) + b"".join(
        encode_frame(body) if body else bytes(4) for body in bodies
    )
    good = next((number for number, body in enumerate(bodies) if len(body) > limit), len(bodies))
    expected = [body for body in bodies[:good] if body], None if good == len(bodies) else frames.FRAME_TOO_LARGE
    if stream[:1] != b"\x01":
        expected = [], frames.WRONG_VERSION if stream else None
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    decoder = FrameDecoder(limit)
    assert drain(decoder, chunks) == expected
    assert decoder.started == (stream[:1] == b"\x01")
    if expected[1] is not None:
        assert drain(decoder, [encode_frame(b"a")]) == ([], expected[1])
    elif decoder.started:
        assert decoder.idle
        rest = data.draw(st.integers(0, 4 + min(limit, 5) - 1))
        assert drain(decoder, [encode_frame(b"abcde"[: min(limit, 5)])[:rest]]) == ([], None)
        assert (decoder.idle, decoder.buffered) == (rest == 0, rest if rest < 4 else rest - 4)

"""Stream messages that were not captured; those that were are in `test_vectors.py`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_PULLED_MESSAGES,
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
    StreamResponse,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from tests.runtime.wire_helpers import refused_in_words, value_three_ways

uints = st.integers(0, 2**64 - 1)
names = st.text(max_size=8)
partitions = st.none() | uints
data = st.binary(max_size=8)
requests = st.one_of(
    st.builds(CreateStream, st.none() | names, partitions),
    st.builds(Push, uints, data),
    st.builds(Pull, uints, uints, uints),
    st.builds(GetIndex, names, names, partitions),
    st.builds(SaveIndex, names, names, uints, partitions),
)
responses = st.one_of(
    st.builds(StreamCreated, names, partitions),
    st.builds(Pushed, uints, st.sampled_from(Status), uints),
    st.builds(Pulled, uints, st.lists(st.builds(StoredMessage, uints, data), max_size=3).map(tuple)),
    st.builds(StreamIndex, names, names, st.none() | uints, partitions),
    st.builds(StreamError, names),
)
stable = settings(derandomize=True, database=None, deadline=None, max_examples=100)


@stable
@given(requests)
def test_requests_survive_the_round_trip(request: StreamRequest) -> None:
    assert value_three_ways(decode_request, encode_request(request)) == request


@stable
@given(responses)
def test_responses_survive_the_round_trip(response: StreamResponse) -> None:
    assert value_three_ways(decode_response, encode_response(response)) == response


@stable
@given(st.integers(1, 4) | uints, names, uints)
def test_a_request_about_an_index_has_one_of_two_tags(tag: int, name: str, index: int) -> None:
    body = bare.uint(tag) + bare.string(name) * 2 + bare.uint(index)
    if tag == 1:
        assert decode_request(wrapped("stream_index", body)) == SaveIndex(name, name, index)
    else:
        error = refused_in_words(RemoteSessionError, lambda: decode_request(wrapped("stream_index", body)))
        assert getattr(error, "detail", None), "why it is refused"


@settings(stable, max_examples=5)
@given(st.integers(MAX_PULLED_MESSAGES - 1, MAX_PULLED_MESSAGES + 1), st.integers(0, 3))
def test_a_response_has_so_many_messages_and_no_more(count: int, size: int) -> None:
    body = bare.uint(1) + bare.uint(count) + (b"\x01" + bare.data(bytes(size))) * count
    if count > MAX_PULLED_MESSAGES:
        refused_in_words(RemoteSessionError, lambda: decode_response(wrapped("stream_pull", body)))
    else:
        assert decode_response(wrapped("stream_pull", body)) == Pulled(1, (StoredMessage(1, bytes(size)),) * count)


@pytest.mark.slow
@settings(stable, max_examples=400)
@given(requests | responses, st.data())
def test_a_changed_body_is_another_message_or_is_refused_with_a_reason(
    message: StreamRequest | StreamResponse, draw: st.DataObject
) -> None:
    is_response = isinstance(message, StreamCreated | Pushed | Pulled | StreamIndex | StreamError)
    whole = encode_response(message) if is_response else encode_request(message)  # type: ignore[arg-type]
    reader = bare.Reader(whole)
    protocol, body = reader.string(), bytearray(reader.data())
    at, some = draw.draw(st.just(0) | st.integers(0, min(len(body), 4))), st.binary(max_size=1)
    body[at : at + draw.draw(st.integers(0, 1))] = draw.draw(st.integers(0, 3).map(lambda byte: bytes((byte,))) | some)
    changed = wrapped(protocol, bytes(body))
    try:
        again = encode_response(decode_response(changed)) if is_response else encode_request(decode_request(changed))
    except RemoteSessionError as refused:
        again, reason, detail = changed, refused.reason, refused.detail
    else:
        reason, detail = MALFORMED, "none"
    assert (again, reason) == (changed, MALFORMED)
    assert detail, "why it is refused"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (encode_request(SaveIndex("c", "s", index=5, partition=1)), "016301730105"),
        (encode_request(GetIndex("c", "s", partition=1)), "0163017301"),
        (encode_response(StreamIndex("c", "s", index=5, partition=1)), "01630173010105"),
    ],
)
def test_the_partition_stands_before_the_index(written: bytes, expected: str) -> None:
    assert b"\x18stream_index_partitioned" in written
    assert written.hex().endswith(expected)


def wrapped(protocol: str, body: bytes) -> bytes:
    return bare.string(protocol) + bare.data(body)


@pytest.mark.parametrize(
    "payload",
    [
        wrapped("stream_drop", b""),
        wrapped("", b""),
        wrapped("error", b"\x00\x00"),
        wrapped("error", b"\x00") + b"\x00",
        wrapped("stream_index", b"\x02\x00\x00\x00"),
        wrapped("stream_push", b"\x01\x02\x00"),
        wrapped("stream_create", b"\x02"),
        wrapped("stream_pull", b"\x01" + bare.uint(MAX_PULLED_MESSAGES + 1) + bytes(2 * (MAX_PULLED_MESSAGES + 1))),
    ],
)
def test_anything_else_is_refused(payload: bytes) -> None:
    for decode in (decode_request, decode_response):
        with pytest.raises(RemoteSessionError) as caught:
            decode(payload)
        assert caught.value.reason == MALFORMED


def test_an_error_is_no_request_and_more_messages_than_the_limit_are_not_written() -> None:
    with pytest.raises(RemoteSessionError, match="unexpected stream protocol"):
        decode_request(encode_response(StreamError("no")))
    with pytest.raises(LocalSessionError, match="limit"):
        encode_response(Pulled(1, (StoredMessage(0, b""),) * (MAX_PULLED_MESSAGES + 1)))

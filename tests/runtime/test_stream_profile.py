"""The plain stream protocol as a session's profile: encodings and accepted answers (clauses 12.6, 12.10)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.encoding.stream_messages import (
    CreateStream,
    Pulled,
    StreamCreated,
    StreamError,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.signals import Answer, Data, Error, Generation, Hello, Keepalive, Signal
from ockam_fsm.runtime.stream.profile import StreamProfile
from tests.runtime.wire_helpers import refused_in_words

PLAIN, SECOND = StreamProfile("s"), StreamProfile("s", 1, 3)
HELLO = Hello(b"", Generation(1, Role.INITIATOR, local("me")))
BACK: Route = (local("hop"), local("worker"))


def answer(response: StreamCreated | StreamError | Pulled, profile: StreamProfile, route: Route = BACK) -> Signal:
    return profile.decode(encode_response(response), Place.HANDSHAKE, route)


def test_a_hello_requests_the_stream() -> None:
    assert decode_request(PLAIN.encode(HELLO)) == CreateStream("s")
    assert decode_request(SECOND.encode(HELLO)) == CreateStream("s", 3)


def test_data_are_the_payload_itself() -> None:
    assert PLAIN.encode(Data(b"pull")) == b"pull"
    assert PLAIN.decode(b"pulled", Place.WORKER, ()) == Data(b"pulled")


def test_other_signals_are_not_encoded() -> None:
    assert [PLAIN.can_send(one) for one in (HELLO, Data(b""), Keepalive())] == [True, True, False]
    for signal in (Data(b"m", (local("behind"),)), Data(b"m", (), (local("back"),)), Keepalive()):
        with pytest.raises(LocalSessionError, match="profile stream has no"):
            PLAIN.encode(signal)


@pytest.mark.parametrize(("profile", "partition"), [(PLAIN, None), (SECOND, 1)])
def test_the_answer_names_the_worker_of_the_stream(profile: StreamProfile, partition: int | None) -> None:
    assert answer(StreamCreated("s", partition), profile) == Answer(b"", None, local("worker"), False)


WRONG: list[tuple[Any, StreamProfile, str]] = [
    (StreamCreated("other"), PLAIN, "misplaced"),
    (StreamCreated("s", 0), PLAIN, "misplaced"),
    (StreamCreated("s", 0), SECOND, "misplaced"),
    (StreamCreated("s"), SECOND, "misplaced"),
    (Pulled(1, ()), PLAIN, "misplaced"),
]


@pytest.mark.parametrize(("response", "profile", "reason"), WRONG)
def test_an_answer_for_another_stream_or_partition_does_not_count(
    response: Any, profile: StreamProfile, reason: str
) -> None:
    with pytest.raises(RemoteSessionError, match=reason):
        answer(response, profile)


@pytest.mark.parametrize("profile", [PLAIN, SECOND])
def test_an_error_is_the_answer_without_a_stream(profile: StreamProfile) -> None:
    assert answer(StreamError("full"), profile) == Error("full")
    assert answer(StreamError("full"), profile, ()) == Error("full")  # an error needs no return route


def test_an_answer_without_a_return_route_is_refused() -> None:
    with pytest.raises(RemoteSessionError, match="cannot be reached"):
        answer(StreamCreated("s"), PLAIN, ())


def test_unreadable_bytes_are_refused() -> None:
    with pytest.raises(RemoteSessionError, match="malformed"):
        PLAIN.decode(b"\xff", Place.HANDSHAKE, BACK)


profiles = st.builds(StreamProfile, st.sampled_from(("s", "t")), st.integers(0, 2), st.none() | st.integers(1, 3))
names = st.sampled_from(("s", "s", "t"))
answers = st.one_of(
    st.builds(StreamCreated, names, st.none() | st.integers(0, 2)),
    st.builds(StreamCreated, names, st.none() | st.integers(0, 2)),
    st.builds(StreamError, names),
    st.just(Pulled(1, ())),
)
ways = st.lists(st.sampled_from(BACK), max_size=3).map(tuple)
stable = settings(derandomize=True, database=None, deadline=None, max_examples=200)


@stable
@given(profiles, answers, ways)
def test_an_answer_counts_if_it_is_for_this_stream_and_this_partition(
    profile: StreamProfile, response: StreamCreated | StreamError | Pulled, way: Route
) -> None:
    asked_for = StreamCreated(profile.stream_name, profile.partition if profile.partitions else None)
    if isinstance(response, StreamError):
        assert answer(response, profile, way) == Error(response.reason)
    elif response == asked_for and way:
        assert answer(response, profile, way) == Answer(b"", None, way[-1], False)
    else:
        error = refused_in_words(RemoteSessionError, lambda: answer(response, profile, way))
        assert isinstance(error, RemoteSessionError)
        assert error.reason == ("misplaced" if response != asked_for else "no-return-route")
        assert error.detail, "the error has a detail"


@stable
@given(profiles, st.binary(max_size=4), st.sampled_from(((), BACK)), st.sampled_from(((), BACK)))
def test_it_encodes_hello_and_data_without_routes(
    profile: StreamProfile, payload: bytes, onward: Route, back: Route
) -> None:
    assert decode_request(profile.encode(HELLO)) == CreateStream(profile.stream_name, profile.partitions)
    assert profile.decode(payload, Place.WORKER, BACK) == Data(payload)
    if onward or back:
        refused_in_words(LocalSessionError, lambda: profile.encode(Data(payload, onward, back)))
    else:
        assert profile.encode(Data(payload)) == payload

"""The plain stream protocol as a session's profile: what is written, and which answers count (clauses 12.6, 12.10)."""

from __future__ import annotations

from typing import Any

import pytest

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

PLAIN, SECOND = StreamProfile("s"), StreamProfile("s", 1, 3)
HELLO = Hello(b"", Generation(1, Role.INITIATOR, local("me")))
BACK: Route = (local("hop"), local("worker"))


def answer(response: StreamCreated | StreamError | Pulled, profile: StreamProfile, route: Route = BACK) -> Signal:
    return profile.decode(encode_response(response), Place.HANDSHAKE, route)


def test_a_hello_asks_for_the_stream() -> None:
    assert decode_request(PLAIN.encode(HELLO)) == CreateStream("s")
    assert decode_request(SECOND.encode(HELLO)) == CreateStream("s", 3)


def test_data_are_the_payload_itself() -> None:
    assert PLAIN.encode(Data(b"pull")) == b"pull"
    assert PLAIN.decode(b"pulled", Place.WORKER, ()) == Data(b"pulled")


def test_it_speaks_of_nothing_else() -> None:
    assert [PLAIN.speaks(one) for one in (HELLO, Data(b""), Keepalive())] == [True, True, False]
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
def test_an_error_says_that_there_is_no_stream_and_why(profile: StreamProfile) -> None:
    assert answer(StreamError("full"), profile) == Error("full")
    assert answer(StreamError("full"), profile, ()) == Error("full")  # nobody has to reach whoever said it


def test_a_stream_that_cannot_be_reached_is_no_answer() -> None:
    with pytest.raises(RemoteSessionError, match="cannot be reached"):
        answer(StreamCreated("s"), PLAIN, ())


def test_bytes_that_cannot_be_read_are_no_answer() -> None:
    with pytest.raises(RemoteSessionError, match="malformed"):
        PLAIN.decode(b"\xff", Place.HANDSHAKE, BACK)

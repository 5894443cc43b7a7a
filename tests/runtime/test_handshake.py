"""Both handshake profiles: their encodings, their refusals, and the round trip of every byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding import frames
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Address, Route, local
from ockam_fsm.runtime.session.handshake import (
    FOREIGN_WORKER,
    GENERATION,
    MAX_REASON_BYTES,
    NO_RETURN_ROUTE,
    OCKAM,
    PROFILES,
    Place,
    worker_route,
)
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from tests.runtime.wire_helpers import refused_in_words, value_three_ways

ID = bytes(range(16))
INNER = local("inner")
BACK = (Address(TCP, b"peer:4000"), local("handshake"))
G3 = Generation(3, Role.INITIATOR, INNER)
CLOSE = Close(ID, 3, INNER, "bye")
KEEPS_QUIET: tuple[Signal, ...] = (
    Superseded(ID, 3, INNER),
    Keepalive(),
    KeepaliveAnswer(),
    GoingAway("bye"),
    Error("no"),
    CLOSE,
)

uints = st.integers(0, 2**64 - 1)
session_ids = st.binary(min_size=16, max_size=16)
addresses = st.builds(Address, st.integers(0, 255), st.binary(max_size=20))
routes = st.lists(addresses, max_size=4).map(tuple)
generations = st.builds(Generation, uints, st.sampled_from(Role), addresses)
reasons = st.text(max_size=20)
signals = st.one_of(
    st.builds(Hello, session_ids, generations, routes),
    st.builds(Answer, session_ids, generations, addresses, st.booleans()),
    st.builds(Superseded, session_ids, uints, addresses),
    st.just(Keepalive()),
    st.just(KeepaliveAnswer()),
    st.builds(Data, st.binary(max_size=40), routes, routes),
    st.builds(Close, session_ids, uints, addresses, reasons),
    st.builds(GoingAway, reasons),
    st.builds(Error, reasons),
)
stable = settings(derandomize=True, database=None, deadline=None, max_examples=80)


def decode_ockam(place: Place, return_route: Route = BACK) -> Callable[[bytes], Signal]:
    return lambda payload: OCKAM.decode(payload, place, return_route)


def decode_generation(payload: bytes) -> Signal:
    return GENERATION.decode(payload, Place.WORKER, BACK)


def test_the_profiles_by_name() -> None:
    assert PROFILES == {"ockam": OCKAM, "generation": GENERATION}
    assert [(profile.name, profile.keeps_alive) for profile in PROFILES.values()] == [
        ("ockam", False),
        ("generation", True),
    ]


# Routes (semantics, section 5).


def test_the_worker_replaces_the_last_address_of_the_return_route() -> None:
    assert worker_route(BACK, INNER) == (Address(TCP, b"peer:4000"), INNER)
    assert worker_route((local("handshake"),), INNER) == (INNER,)


def test_no_return_route_no_worker_route() -> None:
    with pytest.raises(RemoteSessionError) as caught:
        worker_route((), INNER)
    assert caught.value.reason == NO_RETURN_ROUTE


@pytest.mark.parametrize("kind", [1, 2, 99])
def test_a_worker_that_is_not_local_is_refused(kind: int) -> None:
    with pytest.raises(RemoteSessionError) as caught:
        worker_route(BACK, Address(kind, b"victim:22"))
    assert caught.value.reason == FOREIGN_WORKER


# Profile ockam.


def test_ockam_hello_and_answer_are_the_name_of_the_worker() -> None:
    payload = b"\x05inner"
    assert OCKAM.encode(Hello(ID, G3)) == payload
    assert OCKAM.encode(Answer(ID, G3, INNER, resumed=True)) == payload
    hello = Hello(b"", Generation(1, Role.INITIATOR, INNER))
    assert value_three_ways(decode_ockam(Place.NEGOTIATION_START), payload) == hello
    assert value_three_ways(decode_ockam(Place.HANDSHAKE), payload) == Answer(b"", None, INNER, resumed=False)
    assert OCKAM.encode(hello) == payload


@stable
@given(st.binary(max_size=60))
def test_ockam_data_is_the_payload_itself(payload: bytes) -> None:
    assert OCKAM.decode(payload, Place.WORKER, ()) == Data(payload)
    assert OCKAM.encode(Data(payload)) == payload


@pytest.mark.parametrize("place", [Place.NEGOTIATION_START, Place.HANDSHAKE])
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"\x00\x00",
        b"\x85\x00inner",
        b"\x02\xc3\x28",
        b"\xff" * 9 + b"\x01inner",
        b"\x81\x04" + b"a" * (frames.MAX_ADDRESS_BYTES + 1),
    ],
)
def test_a_malformed_ockam_handshake_is_refused(place: Place, payload: bytes) -> None:
    with pytest.raises(RemoteSessionError) as caught:
        OCKAM.decode(payload, place, BACK)
    assert (caught.value.reason, caught.value.reply) == (MALFORMED, None)


@pytest.mark.parametrize("place", [Place.NEGOTIATION_START, Place.HANDSHAKE])
def test_an_ockam_handshake_that_cannot_be_answered_is_refused(place: Place) -> None:
    with pytest.raises(RemoteSessionError) as caught:
        OCKAM.decode(b"\x05inner", place, ())
    assert caught.value.reason == NO_RETURN_ROUTE


@pytest.mark.parametrize("signal", KEEPS_QUIET)
def test_ockam_has_no_other_signals(signal: Signal) -> None:
    assert not OCKAM.can_send(signal)
    assert GENERATION.can_send(signal)
    with pytest.raises(LocalSessionError, match=f"no {type(signal).__name__}"):
        OCKAM.encode(signal)


@pytest.mark.parametrize(
    ("signal", "why"),
    [
        (Data(b"", onward_route=BACK), "put them in the Message"),
        (Data(b"", return_route=BACK), "put them in the Message"),
        (Hello(ID, G3, initialization_route=BACK), "put them in the Message"),
        (Answer(ID, None, Address(TCP, b"peer:4000"), resumed=False), "local workers only"),
        (Answer(ID, None, local(b"\xff"), resumed=False), "UTF-8 only"),
        (Answer(ID, None, local(bytes(frames.MAX_ADDRESS_BYTES + 1)), resumed=False), "limit 512"),
    ],
)
def test_signals_that_profile_ockam_would_lose_are_not_encoded(signal: Signal, why: str) -> None:
    assert OCKAM.can_send(signal)
    with pytest.raises(LocalSessionError, match=why):
        OCKAM.encode(signal)


# Profile generation.


@pytest.mark.parametrize(
    ("signal", "written"),
    [
        (Hello(ID, G3), "01" + ID.hex() + "03010005696e6e657200"),
        (Hello(ID, G3, (local("s"),)), "01" + ID.hex() + "03010005696e6e657201000173"),
        (
            Answer(ID, Generation(300, Role.RESPONDER, INNER), Address(TCP, b"h"), resumed=True),
            "02" + ID.hex() + "ac02000005696e6e657201016801",
        ),
        (Superseded(ID, 0, INNER), "03" + ID.hex() + "000005696e6e6572"),
        (Keepalive(), "04"),
        (KeepaliveAnswer(), "05"),
        (Data(b"xy"), "060000027879"),
        (Data(b"", (local("a"),), (local("b"), local("c"))), "06010001610200016200016300"),
        (GoingAway("bye"), "0703627965"),
        (Error("é"), "0802c3a9"),
        (CLOSE, "09" + ID.hex() + "030005696e6e6572" + "03627965"),
    ],
)
def test_the_layout_of_each_signal(signal: Signal, written: str) -> None:
    assert GENERATION.encode(signal).hex() == written
    assert value_three_ways(decode_generation, bytes.fromhex(written)) == signal


@stable
@given(signals, st.sampled_from(Place))
def test_every_signal_survives_the_round_trip_at_every_place(signal: Signal, place: Place) -> None:
    assert GENERATION.can_send(signal)
    assert GENERATION.decode(GENERATION.encode(signal), place, ()) == signal


@stable
@given(
    st.integers(-2, 2), st.integers(-1, 1), st.integers(-1, 1), st.sampled_from((0, 255, 256, -1)),
    st.sampled_from((0, 15, 16, 17)), st.sampled_from(("x", "é")), st.sampled_from((0, 1, 127, 128, 2**64 - 1, 2**64)),
)  # fmt: skip
def test_around_every_limit_encoded_signals_can_be_decoded(
    more: int, longer: int, larger: int, kind: int, identity: int, letter: str, number: int
) -> None:
    """A signal beyond a limit is refused when it is encoded, with a reason; every other one arrives unchanged."""
    reason = letter * (MAX_REASON_BYTES + more)
    worker = Address(kind, bytes(frames.MAX_ADDRESS_BYTES + larger))
    route = (INNER,) * (frames.MAX_ROUTE_LENGTH + longer)
    says, routed = len(reason.encode()) <= MAX_REASON_BYTES, len(route) <= frames.MAX_ROUTE_LENGTH
    found = 0 <= kind <= 255 and larger <= 0
    named = identity == len(ID) and number < 2**64
    generation, session_id = Generation(number, Role.RESPONDER, worker), bytes(identity)
    fits: tuple[tuple[Signal, bool], ...] = (
        (GoingAway(reason), says), (Error(reason), says), (Close(session_id, number, worker, ""), named and found),
        (Close(ID, 1, INNER, reason), says), (Hello(session_id, generation, ()), named and found),
        (Hello(ID, G3, route), routed), (Answer(session_id, generation, INNER, resumed=True), named and found),
        (Superseded(session_id, number, worker), named and found), (Data(b"", route, ()), routed),
        (Answer(ID, G3, worker, resumed=False), found), (Data(b"x", (), route), routed), (Data(b"", (worker,)), found),
    )  # fmt: skip
    for signal, fit in fits:
        if not fit:
            refused_in_words(LocalSessionError, lambda signal=signal: GENERATION.encode(signal))  # type: ignore[misc]
        else:
            assert GENERATION.decode(GENERATION.encode(signal), Place.WORKER, ()) == signal


@stable
@given(signals)
def test_accepted_bytes_are_encoded_again_without_change(signal: Signal) -> None:
    payload = bytearray(GENERATION.encode(signal))
    for position in range(len(payload)):
        mutated = bytes(payload[:position]) + bytes((payload[position] ^ 0x81,)) + bytes(payload[position + 1 :])
        try:
            accepted = decode_generation(mutated)
        except RemoteSessionError:
            continue
        assert GENERATION.encode(accepted) == mutated


@pytest.mark.parametrize(
    ("why", "payload"),
    [
        ("no tag", ""),
        ("tag 0", "00"),
        ("tag 9", "09"),
        ("tag in two bytes", "8400"),
        ("keepalive with a body", "0400"),
        ("short session id", "03" + ID.hex()[:-2]),
        ("starter 2", "01" + ID.hex() + "0302" + "000161" + "00"),
        ("number not in shortest form", "03" + ID.hex() + "8000" + "000161"),
        ("resumed 2", "02" + ID.hex() + "0301" + "000161" + "000161" + "02"),
        ("route too long", "068101" + "000161" * 129 + "0000"),
        ("address too long", "03" + ID.hex() + "00" + "008104" + "61" * 513),
        ("reason too long", "078108" + "61" * 1025),
        ("reason not UTF-8", "0701ff"),
        ("payload cut", "0600000278"),
    ],
)
def test_a_malformed_signal_is_refused(why: str, payload: str) -> None:
    for place in Place:
        with pytest.raises(RemoteSessionError) as caught:
            GENERATION.decode(bytes.fromhex(payload), place, BACK)
        assert (caught.value.reason, caught.value.reply) == (MALFORMED, None)


@pytest.mark.parametrize(
    "signal",
    [
        Hello(b"", G3),
        Hello(ID + b"\x00", G3),
        Hello(ID, Generation(2**64, Role.INITIATOR, INNER)),
        Hello(ID, Generation(-1, Role.INITIATOR, INNER)),
        Hello(ID, Generation(1, Role.INITIATOR, Address(256, b""))),
        Hello(ID, G3, (INNER,) * (frames.MAX_ROUTE_LENGTH + 1)),
        Answer(ID, None, INNER, resumed=False),
        Answer(ID, G3, local(bytes(frames.MAX_ADDRESS_BYTES + 1)), resumed=False),
        Superseded(b"short", 1, INNER),
        Data(b"", (Address(-1, b""),)),
        GoingAway("e" * (MAX_REASON_BYTES + 1)),
        Close(ID, 1, INNER, "e" * (MAX_REASON_BYTES + 1)),
        Close(b"short", 1, INNER, ""),
        Error("é" * (MAX_REASON_BYTES // 2) + "e"),
        Error("\ud800"),
    ],
)
def test_signals_that_the_peer_would_refuse_are_not_encoded(signal: Signal) -> None:
    with pytest.raises(LocalSessionError):
        GENERATION.encode(signal)


def test_values_at_the_limits_are_written_and_read() -> None:
    widest = Address(255, bytes(frames.MAX_ADDRESS_BYTES))
    longest = (widest,) * frames.MAX_ROUTE_LENGTH
    for signal in (
        Hello(ID, Generation(2**64 - 1, Role.INITIATOR, widest), longest),
        Data(bytes(100), longest, longest),
        Close(ID, 2**64 - 1, widest, "e" * MAX_REASON_BYTES),
    ):
        assert decode_generation(GENERATION.encode(signal)) == signal
    named = Answer(b"", None, Address(LOCAL, b"a" * frames.MAX_ADDRESS_BYTES), resumed=False)
    assert OCKAM.decode(OCKAM.encode(named), Place.HANDSHAKE, BACK) == named

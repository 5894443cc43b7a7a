"""Decoding any bytes of a peer returns a value or raises `RemoteSessionError`, and accepted bytes have one meaning.

Volume: a seeded loop over mutated real bytes (bit flips, cuts, splices, repetitions, rewritten heads), 60,000 inputs
in a normal run; OCKAM_FSM_FUZZ_INPUTS sets another number (`make fuzz`: a million), OCKAM_FSM_FUZZ_SEED another seed. A
failing input is printed in hex. Hypothesis draws small inputs, and shrinks them to the smallest that fails.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import FrameDecoder, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import TCP, Address, Route, local
from ockam_fsm.runtime.encoding.stream_messages import decode_request, decode_response, encode_request, encode_response
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Place
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    Superseded,
)
from tests.runtime.wire_helpers import drain, records

INPUTS = int(os.environ.get("OCKAM_FSM_FUZZ_INPUTS", "60000"))
SEED = int(os.environ.get("OCKAM_FSM_FUZZ_SEED", "20241024"))
BACK: Route = (Address(TCP, b"peer:4000"), local("handshake"))
INTERESTING = bytes.fromhex(
    "00 01 02 17 18 19 1a 1b 1f 20 40 58 5b 5f 60 7f 80 81 82 84 98 9b 9f a0 bf c2 d8 d9 f4 f6 f7 ff"
)

STREAMS = [bytes.fromhex(record["hex"]) for record in records() if len(record["hex"]) > 2]
BODIES = [body for stream in STREAMS for body in drain(FrameDecoder(), [b"\x01" + stream.removeprefix(b"\x01")])[0]]


def _captured_payloads() -> list[bytes]:
    captured = []
    for body in BODIES:
        try:
            captured.append(decode_message(body).payload)
        except RemoteSessionError:
            continue
    return captured


def _signals() -> list[bytes]:
    worker, session_id = local("inner"), bytes(range(16))
    generation = Generation(300, Role.INITIATOR, worker)
    signals = (
        Hello(session_id, generation, BACK),
        Answer(session_id, generation, worker, resumed=True),
        Superseded(session_id, 2**40, worker),
        Keepalive(),
        Data(b"payload", BACK, (worker,)),
        Close(session_id, 2**40, worker, "idle"),
        GoingAway("maintenance"),
        Error("no such worker"),
    )
    return [GENERATION.encode(signal) for signal in signals]


PAYLOADS = _captured_payloads()
SIGNALS = _signals()
STREAM_PAYLOADS = [payload for payload in PAYLOADS if b"stream_" in payload]


# The round trip of each decoder for the bytes that it accepts.


def check_frames(data: bytes, random: Random) -> None:
    data = data if random.random() < 0.1 else b"\x01" + data.removeprefix(b"\x01")
    cut = random.randrange(len(data) + 1)
    bodies, reason = drain(FrameDecoder(4096), [data])
    assert drain(FrameDecoder(4096), [data[:cut], data[cut:]]) == (bodies, reason)
    rewritten = b"\x01" + b"".join(map(encode_frame, bodies))
    assert drain(FrameDecoder(4096), [rewritten]) == (bodies, None)


def check_message(body: bytes, random: Random) -> None:
    message = decode_message(body)
    assert decode_message(encode_message(message)) == message
    # The reference: an accepted body is the same message for cbor2.
    onward, back, payload, *tracing = cbor2.loads(body)
    assert (tuple(map(tuple, onward)), tuple(map(tuple, back))) == (message.onward_route, message.return_route)
    assert (payload, tracing or [None]) == (message.payload, [message.tracing_context])


def check_ockam(payload: bytes, random: Random) -> None:
    place = random.choice(list(Place))
    assert OCKAM.encode(OCKAM.decode(payload, place, BACK)) == payload


def check_generation(payload: bytes, random: Random) -> None:
    signal = GENERATION.decode(payload, random.choice(list(Place)), BACK)
    assert GENERATION.encode(signal) == payload
    hash(signal)


def check_stream_request(payload: bytes, random: Random) -> None:
    assert encode_request(decode_request(payload)) == payload


def check_stream_response(payload: bytes, random: Random) -> None:
    assert encode_response(decode_response(payload)) == payload


Check = Callable[[bytes, Random], None]
TARGETS: list[tuple[Check, list[bytes], int]] = [
    (check_frames, STREAMS, 3),
    (check_message, BODIES, 6),
    (check_ockam, PAYLOADS + SIGNALS, 1),
    (check_generation, SIGNALS, 4),
    (check_stream_request, STREAM_PAYLOADS, 2),
    (check_stream_response, STREAM_PAYLOADS, 2),
]
TOTAL_WEIGHT = sum(weight for _, _, weight in TARGETS)


# Mutations.


def flip(data: bytes, other: bytes, random: Random) -> bytes:
    mutated = bytearray(data)
    mutated[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(mutated)


def cut(data: bytes, other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.randrange(4) :] if random.random() < 0.5 else data[:start]


def splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def repeat(data: bytes, other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    end = start + random.randrange(1, 8)
    return data[:end] + data[start:end] * random.randrange(1, 4) + data[end:]


def rewrite(data: bytes, other: bytes, random: Random) -> bytes:
    mutated = bytearray(data)
    mutated[random.randrange(len(data))] = random.choice(INTERESTING)
    return bytes(mutated)


def insert(data: bytes, other: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes(random.choices(INTERESTING, k=random.randrange(1, 4))) + data[at:]


MUTATIONS = (flip, flip, cut, splice, repeat, rewrite, rewrite, insert)


def mutate(corpus: list[bytes], random: Random) -> bytes:
    data = random.choice(corpus)
    for _ in range(random.randrange(1, 4)):
        if data:
            data = random.choice(MUTATIONS)(data, random.choice(corpus), random)
    return data


@pytest.mark.slow
@pytest.mark.parametrize(("check", "corpus", "weight"), TARGETS, ids=lambda value: getattr(value, "__name__", ""))
def test_mutated_real_bytes_end_in_a_value_or_a_refusal(check: Check, corpus: list[bytes], weight: int) -> None:
    random = Random(f"{SEED} {check.__name__}")
    accepted = refused = 0
    for _ in range(INPUTS * weight // TOTAL_WEIGHT):
        data = mutate(corpus, random)
        try:
            check(data, random)
            accepted += 1
        except RemoteSessionError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{check.__name__} on {data.hex()}") from error
    # Both outcomes must occur, or the loop would hold vacuously.
    assert accepted > 0.01 * (accepted + refused)
    assert refused > 0 or check is check_frames


# Small inputs, where Hypothesis shrinks.

alphabet = st.lists(st.sampled_from(sorted(INTERESTING)) | st.integers(0, 255), max_size=24).map(bytes)
shrinking = settings(derandomize=True, database=None, deadline=None, max_examples=300)


@pytest.mark.slow
@shrinking
@given(alphabet, st.sampled_from([check for check, _, _ in TARGETS]))
def test_small_inputs_end_in_a_value_or_a_refusal(data: bytes, check: Check) -> None:
    try:
        check(data, Random(0))
    except RemoteSessionError:
        return


@shrinking
@given(st.binary(max_size=40), st.sampled_from(range(1, 9)))
def test_any_body_behind_a_valid_tag_ends_in_a_value_or_a_refusal(body: bytes, tag: int) -> None:
    try:
        check_generation(bytes((tag,)) + body, Random(0))
    except RemoteSessionError:
        return


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.binary(max_size=4))
items = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner), max_leaves=12
)


@pytest.mark.slow
@shrinking
@given(st.lists(items, max_size=5))
def test_well_formed_cbor_of_any_other_shape_is_refused(value: list[object]) -> None:
    body = cbor2.dumps(value)
    try:
        message = decode_message(body)
    except RemoteSessionError:
        assert not is_message(value)
    else:
        assert encode_message(message) == (body if len(value) == 4 else b"\x84" + body[1:] + b"\xf6")


def is_message(value: list[object]) -> bool:
    """An independent definition of the grammar, over values instead of bytes."""
    return (
        len(value) in (3, 4)
        and all(is_route(route) for route in value[:2])
        and type(value[2]) is bytes
        and (len(value) == 3 or value[3] is None or type(value[3]) is str)
    )


def is_route(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(address, list)
        and len(address) == 2
        and type(address[0]) is int
        and 0 <= address[0] <= 255
        and type(address[1]) is bytes
        for address in value
    )

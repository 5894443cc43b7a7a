"""Transport messages: rekeying, loss, late messages, and refusals."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.secure.noise import NOT_AUTHENTIC
from ockam_fsm.secure.secret import Secret
from ockam_fsm.secure.suite import MAX_NONCE, NOISE, OCKAM, Suite
from ockam_fsm.secure.transport import (
    CLOSED,
    EXHAUSTED,
    LATE_INTERVALS,
    LEAST_LOST,
    MAX_LOST,
    REPLAYED,
    TOO_FAR_AHEAD,
    TOO_LATE,
    Decryptor,
    DecryptorState,
    Encryptor,
    EncryptorState,
    Interval,
    next_key,
)
from tests.secure.helpers import flipped, opened, refuse, secret, wrong_forms

KEY = secret("channel")
INTERVAL = 32
WINDOW = LATE_INTERVALS * INTERVAL


def ends(suite: Suite = OCKAM) -> tuple[Encryptor, Decryptor]:
    return Encryptor(suite, KEY), Decryptor(suite, KEY)


def messages(encryptor: Encryptor, count: int) -> list[bytes]:
    return [encryptor.encrypt(b"message %d" % number) for number in range(count)]


def nonces(decryptor: Decryptor, received: Iterable[bytes]) -> list[int]:
    return [decryptor.decrypt(one).nonce for one in received]


def key_of(interval: int) -> Secret:
    key = KEY
    for _ in range(interval):
        key = next_key(key)
    return key


def test_the_next_key_is_the_keystream_of_the_last_nonce() -> None:
    """AES-GCM encrypts zeros to the blocks 2 and 3 of its counter, computed here with plain AES."""
    nonce = bytes(4) + b"\xff" * 8
    blocks = nonce + bytes((0, 0, 0, 2)) + nonce + bytes((0, 0, 0, 3))
    expected = Cipher(algorithms.AES(KEY.reveal()), modes.ECB()).encryptor().update(blocks)
    assert next_key(KEY).reveal() == expected


def test_a_key_is_used_for_32_messages() -> None:
    encryptor, _ = ends()
    keys = []
    for _ in range(3 * INTERVAL):
        encryptor.encrypt(b"")
        keys.append(encryptor.snapshot().key)
    assert keys == [key_of(0)] * INTERVAL + [key_of(1)] * INTERVAL + [key_of(2)] * INTERVAL


def test_the_form_of_a_message() -> None:
    encryptor, decryptor = ends()
    first, second = messages(encryptor, 2)
    assert (first[:8], second[:8], len(first)) == (bytes(8), bytes(7) + b"\x01", 8 + len(b"message 0") + 16)
    assert decryptor.decrypt(first) == (b"message 0", 0, True)


@pytest.mark.parametrize("suite", [NOISE, OCKAM], ids=["noise", "ockam"])
def test_no_bit_may_be_wrong(suite: Suite) -> None:
    encryptor, decryptor = ends(suite)
    first, second = messages(encryptor, 2)
    decryptor.decrypt(first)
    for wrong in (*flipped(second), *wrong_forms(second)):
        refuse(lambda wrong=wrong: decryptor.decrypt(wrong), decryptor)  # type: ignore[misc]
    assert decryptor.decrypt(second).plaintext == b"message 1"


@pytest.mark.parametrize("suite", [NOISE, OCKAM], ids=["noise", "ockam"])
def test_replays_are_refused(suite: Suite) -> None:
    encryptor, decryptor = ends(suite)
    for message in messages(encryptor, 3 * INTERVAL):
        decryptor.decrypt(message)
        reason = REPLAYED if suite is OCKAM else NOT_AUTHENTIC
        refuse(lambda message=message: decryptor.decrypt(message), decryptor, reason=reason)  # type: ignore[misc]


@pytest.mark.slow
def test_every_old_message_is_always_refused() -> None:
    encryptor, decryptor = ends()
    sent = messages(encryptor, 3 * WINDOW)
    nonces(decryptor, sent)
    for message in sent:
        error = refuse(lambda message=message: decryptor.decrypt(message), decryptor)  # type: ignore[misc]
        assert error.reason in (REPLAYED, TOO_LATE)


def test_reflections_are_refused() -> None:
    alice, bob = opened()
    message = alice.encryptor.encrypt(b"hello")
    refuse(lambda: alice.decryptor.decrypt(message), alice.decryptor, reason=NOT_AUTHENTIC)
    assert bob.decryptor.decrypt(message).plaintext == b"hello"


def test_messages_of_another_channel_are_refused() -> None:
    alice, _ = opened()
    _, other = opened(run=" other")
    message = alice.encryptor.encrypt(b"hello")
    refuse(lambda: other.decryptor.decrypt(message), other.decryptor, reason=NOT_AUTHENTIC)


@pytest.mark.parametrize("received", [0, 1, INTERVAL - 1, INTERVAL, INTERVAL + 1])
@pytest.mark.parametrize("lost", [31, 32, 33, 1000, MAX_LOST])
def test_a_loss_within_the_limit_is_accepted(received: int, lost: int) -> None:
    encryptor, decryptor = ends()
    nonces(decryptor, messages(encryptor, received))
    following = received + lost
    encryptor.restore(EncryptorState(key_of((following - 1) // INTERVAL), following))
    message = encryptor.encrypt(b"after the loss")
    assert decryptor.decrypt(message) == (b"after the loss", following, True)
    refuse(lambda: decryptor.decrypt(message), decryptor, reason=REPLAYED)
    assert nonces(decryptor, messages(encryptor, INTERVAL))[-1] == following + INTERVAL


@pytest.mark.parametrize("received", [0, 1, INTERVAL])
@pytest.mark.parametrize("beyond", [1, 2, INTERVAL, 2**40])
def test_loss_beyond_the_limit_changes_nothing(received: int, beyond: int) -> None:
    encryptor, decryptor = ends()
    nonces(decryptor, messages(encryptor, received))
    nonce = received + MAX_LOST + beyond
    refuse(lambda: decryptor.decrypt(nonce.to_bytes(8, "big") + bytes(16)), decryptor, reason=TOO_FAR_AHEAD)
    encryptor.restore(EncryptorState(key_of(1025), nonce))
    if beyond == 1 and received:
        genuine = encryptor.encrypt(b"")
        refuse(lambda: decryptor.decrypt(genuine), decryptor, reason=TOO_FAR_AHEAD)


def test_a_forged_jump_does_not_silence_the_channel() -> None:
    encryptor, decryptor = ends()
    for ahead in (INTERVAL, 5 * INTERVAL, MAX_LOST):
        forged = ahead.to_bytes(8, "big") + bytes(40)
        refuse(lambda forged=forged: decryptor.decrypt(forged), decryptor, reason=NOT_AUTHENTIC)  # type: ignore[misc]
    assert nonces(decryptor, messages(encryptor, 2)) == [0, 1]


def test_rekeying_loses_nothing_in_flight() -> None:
    encryptor, decryptor = ends()
    sent = messages(encryptor, 5 * INTERVAL)
    order = sorted(range(len(sent)), key=lambda number: number * 37 % len(sent))
    received = [decryptor.decrypt(sent[number]) for number in order]
    assert [one.plaintext for one in received] == [b"message %d" % number for number in order]
    highest = [max(order[: at + 1]) for at in range(len(order))]
    assert [one.newest for one in received] == [number == top for number, top in zip(order, highest, strict=True)]


def test_messages_may_arrive_backwards() -> None:
    encryptor, decryptor = ends()
    sent = messages(encryptor, WINDOW)
    assert nonces(decryptor, reversed(sent)) == list(reversed(range(WINDOW)))


def test_late_messages_are_accepted_up_to_a_limit() -> None:
    encryptor, decryptor = ends()
    sent = messages(encryptor, WINDOW + 2 * INTERVAL)
    decryptor.decrypt(sent[-1])
    refuse(lambda: decryptor.decrypt(sent[INTERVAL - 1]), decryptor, reason=TOO_LATE)
    assert nonces(decryptor, [sent[INTERVAL]]) == [INTERVAL]


def test_unneeded_keys_are_discarded() -> None:
    encryptor, decryptor = ends()
    nonces(decryptor, messages(encryptor, 3 * INTERVAL))
    assert [one.number for one in decryptor.snapshot().intervals] == [2]
    later = messages(encryptor, 2 * WINDOW)
    nonces(decryptor, [one for at, one in enumerate(later) if at % INTERVAL])
    kept = [one.number for one in decryptor.snapshot().intervals]
    assert kept == list(range(kept[-1] - LATE_INTERVALS, kept[-1] + 1))


@pytest.mark.parametrize("suite", [NOISE, OCKAM], ids=["noise", "ockam"])
def test_the_nonces_end(suite: Suite) -> None:
    encryptor, decryptor = ends(suite)
    encryptor.restore(EncryptorState(KEY, MAX_NONCE))
    last = MAX_NONCE // INTERVAL if suite is OCKAM else 0
    decryptor.restore(DecryptorState((Interval(last, KEY),), MAX_NONCE - 1))
    assert encryptor.remaining == 1
    assert decryptor.decrypt(encryptor.encrypt(b"the last")) == (b"the last", MAX_NONCE, True)
    before = encryptor.snapshot()
    with pytest.raises(LocalSessionError, match="all nonces"):
        encryptor.encrypt(b"one more")
    assert (encryptor.snapshot(), encryptor.remaining) == (before, 0)
    beyond = b"\xff" * 8 + bytes(16) if suite is OCKAM else bytes(16)
    refuse(lambda: decryptor.decrypt(beyond), decryptor, reason=EXHAUSTED)


def test_a_closed_channel_keeps_no_key() -> None:
    encryptor, decryptor = ends()
    message = encryptor.encrypt(b"")
    encryptor.close()
    decryptor.close()
    assert (encryptor.snapshot().key, decryptor.snapshot().intervals, encryptor.remaining) == (None, (), 0)
    with pytest.raises(LocalSessionError, match="closed"):
        encryptor.encrypt(b"")
    refuse(lambda: decryptor.decrypt(message), decryptor, reason=CLOSED)


def test_short_messages_are_malformed() -> None:
    _, decryptor = ends()
    refuse(lambda: decryptor.decrypt(bytes(23)), decryptor, reason=MALFORMED)
    refuse(lambda: decryptor.decrypt(bytes(24)), decryptor, reason=NOT_AUTHENTIC)


def test_both_sides_may_count_and_rekey() -> None:
    suite = Suite(b"x", initiator_encrypts_with_first=True, nonce_in_message=False, rekey_interval=3)
    encryptor, decryptor = ends(suite)
    assert nonces(decryptor, messages(encryptor, 10)) == list(range(10))
    assert decryptor.snapshot() == DecryptorState((Interval(3, key_of(3)),), 9)


@pytest.mark.slow
@settings(derandomize=True, database=None, deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=60))
def test_the_window_equals_a_set_of_nonces(moves: list[tuple[int, bool]]) -> None:
    """A decryptor accepts the same nonces as a set of all nonces, within the limits for late and early ones."""
    suite = Suite(b"x", initiator_encrypts_with_first=True, nonce_in_message=True, rekey_interval=2)
    encryptor, decryptor = ends(suite)
    sent = messages(encryptor, 201)
    seen: set[int] = set()
    for nonce, damaged in moves:
        late = bool(seen) and nonce // 2 < max(seen) // 2 - LATE_INTERVALS
        message = sent[nonce][:-1] + bytes((sent[nonce][-1] ^ damaged,))
        if damaged or late or nonce in seen:
            refuse(lambda message=message: decryptor.decrypt(message), decryptor)  # type: ignore[misc]
        else:
            assert decryptor.decrypt(message) == (b"message %d" % nonce, nonce, not seen or nonce > max(seen))
            seen.add(nonce)


@settings(derandomize=True, database=None, deadline=None, max_examples=60)
@given(st.binary(max_size=80))
def test_any_bytes_are_refused(message: bytes) -> None:
    for suite in (NOISE, OCKAM):
        _, decryptor = ends(suite)
        before = decryptor.snapshot()
        with pytest.raises(RemoteSessionError):
            decryptor.decrypt(message)
        assert decryptor.snapshot() == before


def test_forged_messages_far_ahead_cost_less_each_time() -> None:
    """After an authentic message the full gap is accepted again."""
    sender, receiver = opened()[0].encryptor, opened()[1].decryptor
    followed = []
    for _ in range(8):
        for most in (MAX_LOST >> step for step in range(10)):
            forged = most.to_bytes(8, "big") + bytes(40)
            if refuse(lambda forged=forged: receiver.decrypt(forged), receiver).reason == NOT_AUTHENTIC:  # type: ignore[misc]
                followed.append(most)
                break
    assert followed == [*(MAX_LOST >> step for step in range(6)), LEAST_LOST, LEAST_LOST]
    assert receiver.decrypt(sender.encrypt(b"here")).plaintext == b"here"
    assert refuse(lambda: receiver.decrypt(MAX_LOST.to_bytes(8, "big") + bytes(40))).reason == NOT_AUTHENTIC

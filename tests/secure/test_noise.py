"""The Noise handshake: standard vectors, vectors of Ockam, and refused messages."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.secure.noise import (
    MAX_HANDSHAKE_BYTES,
    NOT_AUTHENTIC,
    OUT_OF_TURN,
    REFLECTED,
    Handshake,
    derive,
)
from ockam_fsm.secure.secret import WEAK_KEY, KeyPair, Secret
from ockam_fsm.secure.suite import NOISE, OCKAM, Suite
from ockam_fsm.secure.transport import Decryptor, Encryptor
from tests.secure.helpers import INITIATOR, RESPONDER, flipped, noise_pair, pair, refuse, vectors, wrong_forms

RECORDS = vectors("noise-xx.json")["vectors"]
OCKAM_START = bytes.fromhex("5df72b67b965add1168f0a6c756df21c204f7e64fc682be6a3ab4b682c8db64b")
"""The initial hash of a handshake with the standard name (Ockam's Rust sources, `test_initialization`)."""

SMALL_ORDER = (
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""RFC 7748, section 6.1; the points are listed at https://cr.yp.to/ecdh.html."""


def started(record: dict[str, Any], suite: Suite = NOISE) -> tuple[Handshake, Handshake]:
    def keys(name: str) -> KeyPair:
        return KeyPair(Secret(bytes.fromhex(record[name])))

    prologue = bytes.fromhex(record["prologue"])
    return (
        Handshake(suite, INITIATOR, keys("initiator_static"), keys("initiator_ephemeral"), prologue),
        Handshake(suite, RESPONDER, keys("responder_static"), keys("responder_ephemeral"), prologue),
    )


def hash_of(end: Handshake) -> bytes:
    symmetric = end.snapshot().symmetric
    assert symmetric is not None
    return symmetric.hash


def shake(initiator: Handshake, responder: Handshake, payloads: tuple[bytes, ...] = (b"", b"", b"")) -> list[bytes]:
    """The three messages of a whole handshake."""
    messages = []
    for position, payload in enumerate(payloads):
        writer, reader = (responder, initiator) if position == 1 else (initiator, responder)
        messages.append(writer.write(payload))
        assert reader.read(messages[-1]) == payload
    return messages


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["name"])
def test_the_standard_vectors(record: dict[str, Any]) -> None:
    ends = started(record)
    for position, (payload, message) in enumerate(record["messages"][:3]):
        writer, reader = ends[position % 2], ends[1 - position % 2]
        assert writer.write(bytes.fromhex(payload)).hex() == message
        assert reader.read(bytes.fromhex(message)).hex() == payload
        if position == 1 and "hash_after_second" in record:
            assert {hash_of(end).hex() for end in ends} == {record["hash_after_second"]}
    if "handshake_hash" in record:
        assert {end.handshake_hash.hex() for end in ends} == {record["handshake_hash"]}
    keys = [end.split() for end in ends]
    senders = [Encryptor(NOISE, one.encrypt) for one in keys]
    receivers = [Decryptor(NOISE, one.decrypt) for one in keys]
    first = ("initiator", "responder").index(record["first_sender"])
    for position, (payload, message) in enumerate(record["messages"][3:], first):
        assert senders[position % 2].encrypt(bytes.fromhex(payload)).hex() == message
        assert receivers[1 - position % 2].decrypt(bytes.fromhex(message)).plaintext.hex() == payload


def test_ockam_starts_with_its_name() -> None:
    assert len(OCKAM.name) == 32
    symmetric = noise_pair(OCKAM)[0].snapshot().symmetric
    assert symmetric is not None
    assert (symmetric.chaining, symmetric.hash) == (Secret(OCKAM.name), sha256(OCKAM.name).digest())
    assert hash_of(noise_pair(NOISE)[0]) == OCKAM_START


def test_a_long_name_is_hashed() -> None:
    suite = Suite(bytes(33), initiator_encrypts_with_first=True, nonce_in_message=False, rekey_interval=None)
    assert hash_of(noise_pair(suite)[0]) == sha256(sha256(bytes(33)).digest()).digest()


@pytest.mark.parametrize("suite", [NOISE, OCKAM], ids=["noise", "ockam"])
def test_the_final_keys(suite: Suite) -> None:
    """The initiator encrypts with the first key in Noise, and with the second in Ockam."""
    initiator, responder = noise_pair(suite)
    shake(initiator, responder)
    symmetric = initiator.snapshot().symmetric
    assert symmetric is not None
    first, second = derive(symmetric.chaining, b"")
    keys, other = initiator.split(), responder.split()
    assert (keys.encrypt, keys.decrypt) == ((first, second) if suite is NOISE else (second, first))
    assert (other.encrypt, other.decrypt) == (keys.decrypt, keys.encrypt)


def test_each_side_learns_the_key_of_the_other() -> None:
    initiator, responder = noise_pair()
    assert (initiator.remote_static, responder.remote_static) == (None, None)
    shake(initiator, responder)
    assert (initiator.remote_static, responder.remote_static) == (pair("rs").public, pair("is").public)
    assert (initiator.complete, responder.complete) == (True, True)


@pytest.mark.slow
def test_no_bit_of_the_first_message_may_be_wrong() -> None:
    """It is clear text, so the initiator detects the damage later, or the responder at once if the key is now weak."""
    payload = b"x"
    initiator, _ = noise_pair()
    for message in flipped(initiator.write(payload)):
        _, responder = noise_pair()
        responder.read(message)
        answer = responder.write()
        refuse(lambda answer=answer: initiator.read(answer), initiator)  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("position", [1, 2])
def test_no_bit_of_the_other_messages_may_be_wrong(position: int) -> None:
    initiator, responder = noise_pair()
    responder.read(initiator.write())
    message = responder.write(b"payload")
    reader = initiator
    if position == 2:
        initiator.read(message)
        message, reader = initiator.write(b"payload"), responder
    for wrong in flipped(message):
        refuse(lambda wrong=wrong: reader.read(wrong), reader)  # type: ignore[misc]
    for wrong in wrong_forms(message):
        refuse(lambda wrong=wrong: reader.read(wrong), reader)  # type: ignore[misc]
    assert reader.read(message) == b"payload"


def test_a_short_second_message_is_malformed() -> None:
    initiator, responder = noise_pair()
    responder.read(initiator.write())
    message = responder.write()
    for size in range(len(message)):
        refuse(lambda size=size: initiator.read(message[:size]), initiator, reason=MALFORMED)  # type: ignore[misc]


def test_a_short_first_message_is_refused() -> None:
    initiator, responder = noise_pair()
    message = initiator.write()
    for size in range(len(message)):
        refuse(lambda size=size: responder.read(message[:size]), responder, reason=MALFORMED)  # type: ignore[misc]


def test_replays_are_refused() -> None:
    initiator, responder = noise_pair()
    first, second, third = shake(initiator, responder)
    for message in (first, second, third):
        refuse(lambda message=message: initiator.read(message), initiator, reason=OUT_OF_TURN)  # type: ignore[misc]
        refuse(lambda message=message: responder.read(message), responder, reason=OUT_OF_TURN)  # type: ignore[misc]
    again, other = noise_pair(run=" again")
    other.read(first)
    refuse(lambda: other.read(third), other, reason=OUT_OF_TURN)
    other.write()
    refuse(lambda: other.read(third), other, reason=NOT_AUTHENTIC)
    again.write()
    refuse(lambda: again.read(second), again, reason=NOT_AUTHENTIC)


def test_reflections_are_refused() -> None:
    initiator, responder = noise_pair()
    first = initiator.write()
    refuse(lambda: initiator.read(first + bytes(64)), initiator, reason=REFLECTED)
    responder.read(first)
    second = responder.write()
    refuse(lambda: responder.read(second), responder, reason=NOT_AUTHENTIC)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_weak_keys_are_refused(point: str) -> None:
    initiator, responder = noise_pair()
    refuse(lambda: responder.read(bytes.fromhex(point)), responder, reason=WEAK_KEY)
    initiator.write()
    refuse(lambda: initiator.read(bytes.fromhex(point) + bytes(64)), initiator, reason=WEAK_KEY)


def test_another_prologue_is_another_handshake() -> None:
    initiator, _ = noise_pair(prologue=b"one")
    _, responder = noise_pair(prologue=b"two")
    responder.read(initiator.write())
    answer = responder.write()
    refuse(lambda: initiator.read(answer), initiator, reason=NOT_AUTHENTIC)


def test_messages_have_a_limit() -> None:
    initiator, responder = noise_pair()
    before = initiator.snapshot()
    with pytest.raises(LocalSessionError, match="limit 65535"):
        initiator.write(bytes(MAX_HANDSHAKE_BYTES - 31))
    assert initiator.snapshot() == before
    refuse(lambda: responder.read(pair("x").public + bytes(MAX_HANDSHAKE_BYTES - 31)), responder, reason=MALFORMED)
    responder.read(initiator.write(bytes(MAX_HANDSHAKE_BYTES - 32)))


def test_orders_out_of_turn_are_refused() -> None:
    initiator, responder = noise_pair()
    for wrong in (responder.write, initiator.split, responder.split, lambda: initiator.handshake_hash):
        with pytest.raises(LocalSessionError):
            wrong()
    shake(initiator, responder)
    initiator.split()
    for wrong in (initiator.write, initiator.split, lambda: initiator.handshake_hash):
        with pytest.raises(LocalSessionError):
            wrong()


def test_no_secret_is_left_after_split() -> None:
    initiator, responder = noise_pair()
    shake(initiator, responder)
    initiator.split()
    assert (initiator.snapshot().symmetric, initiator.snapshot().ephemeral) == (None, None)


def test_a_state_can_be_restored() -> None:
    initiator, responder = noise_pair()
    before = initiator.snapshot()
    message = initiator.write()
    assert initiator.snapshot() != before
    initiator.restore(before)
    assert (initiator.snapshot(), hash(initiator.snapshot())) == (before, hash(before))
    assert initiator.write() == message
    responder.read(message)


@pytest.mark.parametrize(("name", "interval", "problems"), [(b"", None, 2), (b"", 0, 2), (b"x", -1, 1)])
def test_a_wrong_suite_is_a_definition_error(name: bytes, interval: int | None, problems: int) -> None:
    with pytest.raises(DefinitionError) as raised:
        Suite(name, initiator_encrypts_with_first=True, nonce_in_message=True, rekey_interval=interval)
    assert len(raised.value.problems) == problems


def test_the_vectors_of_ockams_suite() -> None:
    """Handshake, keys and rekeying of another library, in Ockam's order."""
    [record] = vectors("ockam-xx.json")["vectors"]
    ends = started(record, OCKAM)
    for position, (payload, message) in enumerate(record["messages"]):
        assert ends[position % 2].write(bytes.fromhex(payload)).hex() == message
        assert ends[1 - position % 2].read(bytes.fromhex(message)).hex() == payload
    assert {end.handshake_hash.hex() for end in ends} == {record["handshake_hash"]}
    keys = [end.split() for end in ends]
    for position, role in enumerate(("initiator", "responder")):
        encryptor = Encryptor(OCKAM, keys[position].encrypt)
        decryptor = Decryptor(OCKAM, keys[1 - position].decrypt)
        plaintexts = [b"%s %d" % (role.encode(), nonce) for nonce in range(97)]
        sent = [encryptor.encrypt(plaintext).hex() for plaintext in plaintexts]
        for nonce, message in record["transport"][role].items():
            assert sent[int(nonce)] == message
            assert decryptor.decrypt(bytes.fromhex(message)).plaintext == plaintexts[int(nonce)]

"""Any input of a peer to a secure channel gives a value or a `RemoteSessionError` (see tests/runtime/test_fuzz.py)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.secure.channel import ChannelHandshake
from ockam_fsm.secure.identity import read_attestation, read_history, verify_history
from ockam_fsm.secure.plaintext import Close, Credentials, Data, decode_plaintext, encode_close, encode_data
from ockam_fsm.secure.transport import Decryptor
from tests.runtime.test_fuzz import INPUTS, SEED, mutate
from tests.secure.helpers import NOW, channel_pair, opened, own_identity, purpose_key
from tests.secure.test_profile import secure

BACK = (local("hop"), local("starter"))
DATA = Data((local("a"), local("b")), (local("c"),), b"payload" * 20)
PROFILE = secure("alice")
IDENTITY = own_identity("alice")


def _handshakes() -> tuple[ChannelHandshake, ChannelHandshake, list[bytes]]:
    """An initiator that waits for message 2, a responder that waits for message 3, and all three messages."""
    asks, answers = channel_pair()
    first = asks.write()
    answers.read(first, NOW)
    second = answers.write()
    waiting = asks.snapshot()
    asks.read(second, NOW)
    third = asks.write()
    asks.restore(waiting)
    return asks, answers, [first, second, third]


ASKS, ANSWERS, HANDSHAKES = _handshakes()
SENDER, RECEIVER = opened()
SEALED = [SENDER.encryptor.encrypt(encode_data(DATA)) for _ in range(100)]
BEFORE = RECEIVER.decryptor.snapshot()


def check_plaintext(data: bytes, random: Random) -> None:
    found = decode_plaintext(data)
    if isinstance(found, Data):
        assert decode_plaintext(encode_data(found)) == found
    elif isinstance(found, Close):
        assert decode_plaintext(encode_close()) == Close()
    else:
        assert found == Credentials()


def check_first_message(data: bytes, random: Random) -> None:
    PROFILE.decode(data, random.choice(list(Place)), BACK)


def check_history(data: bytes, random: Random) -> None:
    identity, at = read_history(data, 0)
    assert verify_history(data[:at]).identifier == identity.identifier


def check_attestation(data: bytes, random: Random) -> None:
    key, _ = read_attestation(data, 0, IDENTITY.identity, NOW)
    assert len(key) == 32


def check_transport(data: bytes, random: Random) -> None:
    decryptor: Decryptor = RECEIVER.decryptor
    decryptor.restore(BEFORE)
    try:
        assert decryptor.decrypt(data).plaintext == encode_data(DATA)
    except RemoteSessionError:
        assert decryptor.snapshot() is BEFORE
        raise


def check_handshake(data: bytes, random: Random) -> None:
    waiting = random.choice((ASKS, ANSWERS))
    before = waiting.snapshot()
    try:
        waiting.read(data, NOW)
    finally:
        waiting.restore(before)


Check = Callable[[bytes, Random], None]
TARGETS: list[tuple[Check, list[bytes], int]] = [
    (check_plaintext, [encode_data(DATA), encode_close(), bytes.fromhex("82 82 01 81 82 80 80 40")], 40),
    (check_first_message, [HANDSHAKES[0], HANDSHAKES[0] * 2], 10),
    (check_history, [IDENTITY.history, own_identity("bob").history], 20),
    (check_attestation, [IDENTITY.attest(purpose_key("alice").pair.public, NOW)], 20),
    (check_transport, SEALED, 20),
    (check_handshake, HANDSHAKES, 1),
]
TOTAL_WEIGHT = sum(weight for _, _, weight in TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "corpus", "weight"), TARGETS, ids=lambda value: getattr(value, "__name__", ""))
def test_mutated_messages_end_in_a_value_or_a_refusal(check: Check, corpus: list[bytes], weight: int) -> None:
    random = Random(f"{SEED} {check.__name__}")
    accepted = refused = 0
    for number in range(INPUTS // 4 * weight // TOTAL_WEIGHT):
        data = mutate(corpus, random) if number % 20 else random.choice(corpus)
        try:
            check(data, random)
            accepted += 1
        except RemoteSessionError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{check.__name__} on {data.hex()}") from error
    assert accepted > 0.005 * (accepted + refused)
    assert refused > 0

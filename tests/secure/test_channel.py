"""Handshakes between identities, trust, and the plaintexts of a channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.secure.channel import ChannelHandshake, PurposeKey
from ockam_fsm.secure.identity import NOT_ATTESTED, PURPOSE_KEY_SECONDS, Identifier
from ockam_fsm.secure.noise import Handshake
from ockam_fsm.secure.plaintext import (
    Close,
    Credentials,
    Data,
    decode_plaintext,
    encode_close,
    encode_data,
)
from ockam_fsm.secure.secret import KeyPair
from ockam_fsm.secure.suite import OCKAM
from ockam_fsm.secure.trust import UNTRUSTED, TrustCallback, TrustEveryone, TrustIdentifiers
from tests.secure.helpers import (
    INITIATOR,
    NOW,
    RESPONDER,
    channel_pair,
    flipped,
    opened,
    own_identity,
    purpose_key,
    refuse,
    secret,
    vectors,
    wrong_forms,
)

CAPTURED = vectors("ockam-rust-channels.json")["channels"]

ALICE, BOB = own_identity("alice").identity, own_identity("bob").identity
few = settings(derandomize=True, database=None, deadline=None, max_examples=100)


def test_each_side_has_the_identity_of_the_other() -> None:
    alice, bob = opened()
    assert (alice.peer, bob.peer) == (BOB, ALICE)
    for sender, receiver in ((alice, bob), (bob, alice)):
        assert receiver.decryptor.decrypt(sender.encryptor.encrypt(b"hello")).plaintext == b"hello"


def test_the_forms_of_the_messages() -> None:
    initiator, responder = channel_pair()
    first = initiator.write()
    assert first == KeyPair(secret("ie")).public
    responder.read(first, NOW)
    assert (responder.peer, responder.complete) == (None, False)
    second = responder.write()
    payload = purpose_key("bob").payload
    assert cbor2.loads(payload)[2] == []
    assert len(second) == 32 + 48 + len(payload) + 16


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: f"Rust {captured['rust']}")
def test_a_recorded_handshake_with_a_rust_node(captured: dict[str, Any]) -> None:
    now, messages = captured["now"], [bytes.fromhex(message) for message in captured["handshake"]]
    role = RESPONDER if captured["rust"] == "initiator" else INITIATOR
    ours = ChannelHandshake(role, purpose_key("us", now), TrustEveryone(), secret("us ephemeral"))
    for position, message in enumerate(messages):
        if (position == 1) is (role is RESPONDER):
            assert ours.write() == message
        else:
            ours.read(message, now)
    channel = ours.channel()
    assert str(channel.peer.identifier) == captured["peer"]
    for nonce, (message, payload) in captured["received"].items():
        received = channel.decryptor.decrypt(bytes.fromhex(message))
        data = decode_plaintext(received.plaintext)
        assert isinstance(data, Data)
        assert (received.nonce, data.payload) == (int(nonce), payload.encode())


@pytest.mark.slow
@pytest.mark.parametrize("position", [1, 2])
def test_no_bit_may_be_wrong(position: int) -> None:
    initiator, responder = channel_pair()
    responder.read(initiator.write(), NOW)
    message, reader = responder.write(), initiator
    if position == 2:
        initiator.read(message, NOW)
        message, reader = initiator.write(), responder
    for wrong in (*flipped(message), *wrong_forms(message)):
        refuse(lambda wrong=wrong: reader.read(wrong, NOW), reader)  # type: ignore[misc]
    reader.read(message, NOW)
    assert reader.peer == (ALICE if position == 2 else BOB)


def test_a_first_message_is_a_key_and_nothing_else() -> None:
    initiator, responder = channel_pair()
    refuse(lambda: responder.read(initiator.write() + b"x", NOW), responder, reason=MALFORMED)


def test_replays_and_reflections_are_refused() -> None:
    initiator, responder = channel_pair()
    first = initiator.write()
    refuse(lambda: initiator.read(first, NOW), initiator)
    responder.read(first, NOW)
    refuse(lambda: responder.read(first, NOW), responder)
    second = responder.write()
    refuse(lambda: responder.read(second, NOW), responder)
    initiator.read(second, NOW)
    third = initiator.write()
    responder.read(third, NOW)
    for message in (first, second, third):
        for end in (initiator, responder):
            refuse(lambda end=end, message=message: end.read(message, NOW), end)  # type: ignore[misc]
    other, another = channel_pair(run=" other")
    another.read(other.write(), NOW)
    another.write()
    refuse(lambda: another.read(third, NOW), another)
    refuse(lambda: other.read(second, NOW), other)


def presenting(payload: bytes, static: KeyPair | None = None) -> Callable[[], ChannelHandshake]:
    """Return a function that makes a responder read this payload in a valid Noise handshake."""
    noise = Handshake(OCKAM, INITIATOR, static or purpose_key("alice").pair, KeyPair(secret("ie")))
    _, responder = channel_pair()

    def act() -> ChannelHandshake:
        responder.read(noise.write(), NOW)
        noise.read(responder.write())
        message = noise.write(payload)
        refuse(lambda: responder.read(message, NOW), responder)
        responder.read(message, NOW)
        return responder

    return act


def test_a_stolen_history_and_attestation_are_refused() -> None:
    with pytest.raises(RemoteSessionError) as raised:
        presenting(purpose_key("alice").payload, purpose_key("mallory").pair)()
    assert raised.value.reason == NOT_ATTESTED


BARE = b"\x82" + purpose_key("alice").payload[1:-1]
"""The payload of Alice, without credentials."""


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x80",
        b"\xf6",
        cbor2.dumps([[], [], []]),
        cbor2.dumps([1, 2, 3, 4]),
        BARE[:-1],
        BARE + b"\x80",
        b"\x83" + BARE[1:],
        b"\x84" + BARE[1:] + b"\x80\x80",
    ],
)
def test_wrong_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(RemoteSessionError) as raised:
        presenting(payload)()
    assert raised.value.reason == MALFORMED


def test_an_attestation_of_another_identity_is_refused() -> None:
    history, _, _ = cbor2.loads(purpose_key("alice").payload)
    _, attestation, _ = cbor2.loads(purpose_key("bob").payload)
    with pytest.raises(RemoteSessionError) as raised:
        presenting(cbor2.dumps([history, attestation, []]))()
    assert raised.value.reason == NOT_ATTESTED


@pytest.mark.parametrize("credentials", [(), ([],), ([["credential", {1: 2}]],)])
def test_credentials_are_not_read(credentials: tuple[object, ...]) -> None:
    history, attestation, _ = cbor2.loads(purpose_key("alice").payload)
    noise = Handshake(OCKAM, INITIATOR, purpose_key("alice").pair, KeyPair(secret("ie")))
    _, responder = channel_pair()
    responder.read(noise.write(), NOW)
    noise.read(responder.write())
    responder.read(noise.write(cbor2.dumps([history, attestation, *credentials])), NOW)
    assert responder.peer == ALICE


def test_an_expired_attestation_is_refused() -> None:
    initiator, responder = channel_pair()
    responder.read(initiator.write(), NOW)
    second, later = responder.write(), NOW + PURPOSE_KEY_SECONDS + 1
    refuse(lambda: initiator.read(second, later), initiator, reason=NOT_ATTESTED)
    initiator.read(second, NOW)


def test_only_trusted_peers_are_accepted() -> None:
    initiator, responder = channel_pair(TrustIdentifiers([BOB.identifier]))
    responder.read(initiator.write(), NOW)
    initiator.read(responder.write(), NOW)
    third = initiator.write()
    error = refuse(lambda: responder.read(third, NOW), responder, reason=UNTRUSTED)
    assert str(ALICE.identifier) in str(error)
    assert (responder.peer, responder.complete) == (None, False)


def failing(identifier: Identifier) -> bool:
    raise KeyError(identifier)


def truthy(identifier: Identifier) -> bool:
    return 1  # type: ignore[return-value]


@pytest.mark.parametrize("decide", [failing, truthy, lambda identifier: False])
def test_a_policy_that_does_not_return_true_refuses(decide: Callable[[Identifier], bool]) -> None:
    initiator, responder = channel_pair(TrustCallback(decide))
    responder.read(initiator.write(), NOW)
    second = responder.write()
    refuse(lambda: initiator.read(second, NOW), initiator, reason=UNTRUSTED)


def test_the_policies() -> None:
    asked: list[Identifier] = []

    def asks(identifier: Identifier) -> bool:
        asked.append(identifier)
        return True

    callback = TrustCallback(asks)
    pinned = TrustIdentifiers(str(ALICE.identifier))
    assert [policy.trusts(ALICE.identifier) for policy in (TrustEveryone(), pinned, callback)] == [True, True, True]
    assert [policy.trusts(BOB.identifier) for policy in (TrustEveryone(), pinned, callback)] == [True, False, True]
    assert asked == [ALICE.identifier, BOB.identifier]
    assert repr(pinned) == f"TrustIdentifiers({ALICE.identifier})"
    assert (repr(TrustEveryone()), repr(TrustCallback(failing))) == ("TrustEveryone()", "TrustCallback(failing)")
    with pytest.raises(LocalSessionError, match="at least one"):
        TrustIdentifiers([])
    with pytest.raises(LocalSessionError, match="is not an identifier"):
        TrustIdentifiers(["alice"])


def test_a_purpose_key_that_is_not_attested_is_refused() -> None:
    own = own_identity("alice")
    attestation = own.attest(KeyPair(secret("alice purpose")).public, NOW)
    with pytest.raises(LocalSessionError, match="is for another purpose key"):
        PurposeKey(own, secret("other"), attestation, NOW)
    with pytest.raises(LocalSessionError, match="it expired at"):
        PurposeKey(own, secret("alice purpose"), attestation, NOW + PURPOSE_KEY_SECONDS + 1)


def test_a_state_has_the_peer() -> None:
    initiator, responder = channel_pair()
    responder.read(initiator.write(), NOW)
    before = initiator.snapshot()
    initiator.read(responder.write(), NOW)
    after = initiator.snapshot()
    assert (before.peer, after.peer) == (None, BOB)
    for state in (before, after):
        initiator.restore(state)
        assert (initiator.peer, initiator.snapshot()) == (state.peer, state)


def test_a_channel_is_taken_once_and_only_when_it_is_open() -> None:
    initiator, responder = channel_pair()
    with pytest.raises(LocalSessionError, match="not complete"):
        initiator.channel()
    before = initiator.snapshot()
    first = initiator.write()
    initiator.restore(before)
    assert initiator.write() == first
    responder.read(first, NOW)
    initiator.read(responder.write(), NOW)
    responder.read(initiator.write(), NOW)
    initiator.channel()
    with pytest.raises(LocalSessionError, match="have been taken"):
        initiator.channel()


# Plaintexts.


def test_the_form_of_a_plaintext() -> None:
    data = Data((local("on"),), (local("back"), local("x")), b"payload")
    written = encode_data(data)
    assert cbor2.loads(written) == [[0, [[[[0, b"on"]], [[0, b"back"], [0, b"x"]], b"payload"]]], b""]
    assert decode_plaintext(written) == data
    assert decode_plaintext(written[:-1] + b"\x43pad") == data


def test_a_close() -> None:
    """Ockam's own encoder writes the inner message in this form (`close` in the vectors)."""
    assert encode_close() == b"\x82" + bytes.fromhex(vectors("ockam-identities.json")["close"]) + b"\x40"
    assert decode_plaintext(encode_close()) == Close()


def test_credentials_that_are_refreshed_are_not_read() -> None:
    assert decode_plaintext(cbor2.dumps([[1, [[[], []]]], b""])) == Credentials()


@pytest.mark.parametrize(
    "plaintext",
    [[], [[2, []]], [[2, [0]], b""], [[3, []], b""], [[0, []], b""], [[0, [[[], [], b"", 0]]], b""], [[2, []], "x"]],
)
def test_wrong_plaintexts_are_refused(plaintext: object) -> None:
    with pytest.raises(RemoteSessionError) as raised:
        decode_plaintext(cbor2.dumps(plaintext))
    assert raised.value.reason == MALFORMED


def test_a_kind_without_a_number_is_refused() -> None:
    with pytest.raises(RemoteSessionError, match="indefinite length"):
        decode_plaintext(b"\x82\x82\x1f\x80\x40")


def test_malformed_plaintexts_are_refused() -> None:
    for written in (encode_close(), encode_data(Data((), (), b""))):
        for wrong in wrong_forms(written):
            with pytest.raises(RemoteSessionError):
                decode_plaintext(wrong)


def test_a_route_that_is_too_long_is_the_callers_fault() -> None:
    with pytest.raises(LocalSessionError, match="addresses"):
        encode_data(Data((local("x"),) * (MAX_ROUTE_LENGTH + 1), (), b""))


addresses = st.builds(local, st.binary(max_size=20))
routes = st.lists(addresses, max_size=4).map(tuple)


@pytest.mark.slow
@few
@given(st.builds(Data, routes, routes, st.binary(max_size=100)))
def test_a_plaintext_comes_back(data: Data) -> None:
    assert decode_plaintext(encode_data(data)) == data


@pytest.mark.slow
@few
@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda rest: b"\x82\x82\x00\x81\x83" + rest))
def test_any_bytes_end_in_a_value_or_a_refusal(plaintext: bytes) -> None:
    try:
        found = decode_plaintext(plaintext)
    except RemoteSessionError:
        return
    assert isinstance(found, Data | Close | Credentials)

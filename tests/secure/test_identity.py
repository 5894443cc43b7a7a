"""Identities and attestations: published ones, created ones, and refused ones."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.secure.identity import (
    DRIFT_SECONDS,
    IDENTITY_SECONDS,
    NOT_AN_IDENTITY,
    NOT_ATTESTED,
    PURPOSE_KEY_SECONDS,
    UNSUPPORTED,
    Identifier,
    OwnIdentity,
    verify_attestation,
    verify_history,
)
from ockam_fsm.secure.secret import SigningKey
from tests.secure.helpers import NOW, flipped, own_identity, pair, secret, vectors, wrong_forms

VECTORS = vectors("ockam-identities.json")
KEY = SigningKey(secret("alice identity"))
PURPOSE = pair("alice purpose").public
few = settings(derandomize=True, database=None, deadline=None, max_examples=100)


def signed(
    kind: int, data: list[object], key: SigningKey = KEY, version: int = 1, more: tuple[bytes, bytes] = (b"", b"")
) -> list[object]:
    """Return signed data of Ockam, encoded with another library; `more` is appended inside and outside."""
    versioned = cbor2.dumps([version, kind, cbor2.dumps(data) + more[0]]) + more[1]
    return [versioned, [0, [key.sign(sha256(versioned).digest())]]]


def change(**other: object) -> list[object]:
    fields: dict[str, object] = {"previous": None, "key": [0, [KEY.public]], "revoke": False}
    fields |= {"created": NOW, "expires": NOW + IDENTITY_SECONDS}
    return list((fields | other).values())


def attested(**other: object) -> list[object]:
    alice = own_identity("alice").identity
    fields: dict[str, object] = {"subject": alice.identifier.digest, "latest": alice.latest_change}
    fields |= {"key": [0, [PURPOSE]], "created": NOW, "expires": NOW + PURPOSE_KEY_SECONDS}
    return list((fields | other).values())


def refused(act: Callable[[], object], reason: str) -> None:
    with pytest.raises(RemoteSessionError) as raised:
        act()
    assert raised.value.reason == reason, raised.value


@pytest.mark.parametrize("record", VECTORS["identities"], ids=lambda record: record["name"])
def test_published_identities(record: dict[str, Any]) -> None:
    identity = verify_history(bytes.fromhex(record["change_history"]))
    assert str(identity.identifier) == record["identifier"]
    assert Identifier.parse(record["identifier"]) == identity.identifier
    assert repr(identity.identifier) == f"Identifier({record['identifier']})"
    assert identity.expires - identity.created == IDENTITY_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("record", VECTORS["identities"][:1], ids=lambda record: record["name"])
def test_no_bit_of_a_history_may_be_wrong(record: dict[str, Any]) -> None:
    history = bytes.fromhex(record["change_history"])
    for wrong in (*flipped(history), *wrong_forms(history)):
        with pytest.raises(RemoteSessionError):
            verify_history(wrong)


def test_an_attestation_of_a_credential_key_opens_no_channel() -> None:
    identity = own_identity("alice").identity
    attestation = bytes.fromhex(VECTORS["attestation"]["hex"])
    refused(lambda: verify_attestation(attestation, identity, NOW), MALFORMED)


def test_an_identity_is_encoded_as_by_another_library() -> None:
    own = own_identity("alice")
    assert own.history == cbor2.dumps([signed(1, change())])
    assert own.attest(PURPOSE, NOW) == cbor2.dumps(signed(2, attested()))
    assert verify_attestation(own.attest(PURPOSE, NOW), own.identity, NOW) == PURPOSE
    assert verify_history(own.history) == own.identity


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], MALFORMED),
        ([signed(1, change()), signed(1, change())], UNSUPPORTED),
        ([signed(2, change())], MALFORMED),
        ([signed(1, change(), version=2)], MALFORMED),
        ([signed(1, change(previous=bytes(32)))], NOT_AN_IDENTITY),
        ([signed(1, change(key=[1, [bytes(33)]]))], MALFORMED),
        ([signed(1, change(key=[0, [bytes(31)]]))], MALFORMED),
        ([signed(1, change(key=[0, [bytes(32)]]))], NOT_AN_IDENTITY),
        ([signed(1, change(revoke=0))], MALFORMED),
        ([signed(1, change(created=-1))], MALFORMED),
        ([signed(1, change(expires=NOW))], NOT_AN_IDENTITY),
        ([signed(1, change(), SigningKey(secret("mallory")))], NOT_AN_IDENTITY),
        ([[*signed(1, change()), signed(1, change())[1]]], NOT_AN_IDENTITY),
        ([[signed(1, change())[0], [1, [bytes(64)]]]], MALFORMED),
        ([[bytes(1025), [0, [bytes(64)]]]], MALFORMED),
        ([signed(1, [*change(), None])], MALFORMED),
        ([signed(1, change(), more=(b"x", b""))], MALFORMED),
        ([signed(1, change(), more=(b"", b"x"))], MALFORMED),
        ({}, MALFORMED),
        (None, MALFORMED),
    ],
)
def test_wrong_histories_are_refused(history: object, reason: str) -> None:
    refused(lambda: verify_history(cbor2.dumps(history)), reason)


def test_the_size_of_signed_data_is_limited() -> None:
    with pytest.raises(RemoteSessionError, match="1025 bytes at offset 2, limit 1024"):
        verify_history(cbor2.dumps([signed(1, change(), more=(b"", bytes(1025 - 55)))]))


def test_a_missing_previous_signature_may_be_written_as_null() -> None:
    assert verify_history(cbor2.dumps([[*signed(1, change()), None]])) == own_identity("alice").identity


def test_arrays_without_a_length_are_refused() -> None:
    refused(lambda: verify_history(b"\x9f" + own_identity("alice").history[1:] + b"\xff"), MALFORMED)


OTHER = own_identity("bob").identity


@pytest.mark.parametrize(
    ("attestation", "reason"),
    [
        (signed(2, attested(subject=OTHER.identifier.digest)), NOT_ATTESTED),
        (signed(2, attested(latest=OTHER.latest_change)), NOT_ATTESTED),
        (signed(2, attested(created=NOW - 1)), NOT_ATTESTED),
        (signed(2, attested(expires=NOW + IDENTITY_SECONDS + 1)), NOT_ATTESTED),
        (signed(2, attested(created=NOW + DRIFT_SECONDS + 1)), NOT_ATTESTED),
        (signed(2, attested(expires=NOW)), NOT_ATTESTED),
        (signed(2, attested(), SigningKey(secret("mallory"))), NOT_ATTESTED),
        (signed(1, attested()), MALFORMED),
        (signed(2, attested(), version=0), MALFORMED),
        (signed(2, attested(key=[0, [bytes(31)]])), MALFORMED),
        (signed(2, attested(key=[1, [[0, [bytes(32)]]]])), MALFORMED),
        ([*signed(2, attested()), None], MALFORMED),
        (signed(2, [*attested(), 0]), MALFORMED),
        (signed(2, attested(), more=(b"x", b"")), MALFORMED),
        (signed(2, attested(), more=(b"", b"x")), MALFORMED),
    ],
)
def test_wrong_attestations_are_refused(attestation: object, reason: str) -> None:
    alice = own_identity("alice").identity
    refused(lambda: verify_attestation(cbor2.dumps(attestation), alice, NOW), reason)


@pytest.mark.slow
def test_no_bit_of_an_attestation_may_be_wrong() -> None:
    own = own_identity("alice")
    attestation = own.attest(PURPOSE, NOW)
    for wrong in (*flipped(attestation), *wrong_forms(attestation)):
        with pytest.raises(RemoteSessionError):
            verify_attestation(wrong, own.identity, NOW)


def test_the_time_of_an_attestation() -> None:
    own = own_identity("alice")
    attestation = own.attest(PURPOSE, NOW + 1000, seconds=10)
    for now in (NOW + 1000 - DRIFT_SECONDS, NOW + 1000, NOW + 1010):
        assert verify_attestation(attestation, own.identity, now) == PURPOSE
    for now in (NOW + 1000 - DRIFT_SECONDS - 1, NOW + 1011):
        refused(lambda now=now: verify_attestation(attestation, own.identity, now), NOT_ATTESTED)  # type: ignore[misc]


def test_an_attestation_ends_with_its_identity() -> None:
    own = OwnIdentity.create(secret("alice identity"), NOW, seconds=100)
    attestation = own.attest(PURPOSE, NOW + 50)
    assert verify_attestation(attestation, own.identity, NOW + 100) == PURPOSE
    refused(lambda: verify_attestation(attestation, own.identity, NOW + 101), NOT_ATTESTED)
    for now in (NOW - 1, NOW + 100):
        with pytest.raises(LocalSessionError, match="the identity is valid from"):
            own.attest(PURPOSE, now)


def test_wrong_arguments_are_refused() -> None:
    own = own_identity("alice")
    with pytest.raises(LocalSessionError, match="does not belong to the change history"):
        OwnIdentity(own.history, secret("mallory"))
    with pytest.raises(LocalSessionError, match="the change history is not valid"):
        OwnIdentity(own.history[:-1], secret("alice identity"))
    with pytest.raises(LocalSessionError, match="32 bytes"):
        own.attest(bytes(31), NOW)
    for now, seconds in ((-1, 10), (NOW, 0), (2**64, 1)):
        with pytest.raises(LocalSessionError, match="seconds since 1970"):
            OwnIdentity.create(secret("x"), now, seconds)


@pytest.mark.parametrize(
    "text", ["", "I", "I" + "0" * 63, "I" + "0" * 65, "J" + "0" * 64, "I" + "g" * 64, "I" + " 0" * 32]
)
def test_wrong_identifiers_are_refused(text: str) -> None:
    with pytest.raises(LocalSessionError, match="is not an identifier"):
        Identifier.parse(text)


@pytest.mark.slow
@few
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for read in (verify_history, lambda data: verify_attestation(data, OTHER, NOW)):
        with pytest.raises(RemoteSessionError):
            read(data)


@pytest.mark.slow
@few
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.binary(max_size=70), st.lists, max_leaves=12
    )
)
def test_any_cbor_is_refused(value: object) -> None:
    versioned = cbor2.dumps([1, 1, cbor2.dumps(value)])
    for data in (value, [value], [[versioned, [0, [bytes(64)]]]], [versioned, [0, [bytes(64)]]]):
        for read in (verify_history, lambda data: verify_attestation(data, OTHER, NOW)):
            with pytest.raises(RemoteSessionError):
                read(cbor2.dumps(data))

"""Ockam identities and the attestations of their purpose keys: creation, encoding, decoding and verification.

    change history   [change, ...]                      change   [bytes(versioned), [0, [signature]]]
    versioned        [1, type, bytes(data)]             type     1 for a change, 2 for an attestation
    change data      [previous or null, [0, [ed25519 key]], revoke all, created, expires]
    attestation      [bytes(versioned), [0, [signature]]]
    its data         [subject, latest change hash, [0, [x25519 key]], created, expires]

A signature is of SHA-256 of `versioned`, by the key of the change. An identifier is "I" and that hash of the first
change, in hexadecimal digits. Times are seconds since 1970, UTC.

Rule 1: input of a peer becomes a verified value or a `RemoteSessionError`. No unverified value has these types.
Rule 2: no clock is read here; the caller gives the time.
Source: Ockam's Rust implementation, commit fb8fb64c (`ockam_identity/src/models`, `purpose_key_verification.rs`), and
        identities that Ockam published (`tests/vectors/ockam-identities.json`).
Left out: P-256 keys, credentials, and the rotation of keys: a history has one change. Each is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ockam_fsm.kernel.arguments import check_type
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.secure.secret import KEY_BYTES, SIGNATURE_BYTES, Secret, SigningKey, Unprintable, is_signed
from ockam_fsm.secure.structures import (
    WRITTEN_NULL,
    array,
    blob,
    boolean,
    check_end,
    is_null,
    number,
    only_variant,
    read_count,
    read_fixed,
    written_boolean,
    written_bytes,
    written_number,
    written_structure,
    written_variant,
)

DIGEST_BYTES = 32
MAX_SIGNED_BYTES = 1024
"""The longest accepted signed data. With these keys it has less than 200 bytes, here and in Ockam."""

IDENTITY_SECONDS = 10 * 365 * 24 * 3600
"""Validity of a new identity."""

PURPOSE_KEY_SECONDS = 5 * 365 * 24 * 3600
"""Validity of a new attestation, at most that of the identity."""

DRIFT_SECONDS = 60
"""How far in the future the creation of an attestation may be, because clocks differ."""

NOT_AN_IDENTITY = "not-an-identity"
NOT_ATTESTED = "not-attested"
UNSUPPORTED = "unsupported-identity"

_VERSION, _CHANGE, _ATTESTATION = 1, 1, 2
_MAX_SECONDS = 2**64 - 1


@dataclass(frozen=True, order=True)
class Identifier:
    """The name of an identity: the hash of its first change."""

    digest: bytes

    def __str__(self) -> str:
        return f"I{self.digest.hex()}"

    def __repr__(self) -> str:
        return f"Identifier({self})"

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """Return the identifier of a text: "I" and 64 hexadecimal digits.

        Raises:
            LocalSessionError: `text` has another form.
        """
        check_type("an identifier", text, str)
        digits = text[1:]
        try:
            digest = bytes.fromhex(digits)
        except ValueError:
            digest = b""
        if text[:1] != "I" or len(digits) != 2 * DIGEST_BYTES or len(digest) != DIGEST_BYTES:
            raise LocalSessionError(f"{text[:80]!r} is not an identifier; write I and {2 * DIGEST_BYTES} hex digits")
        return cls(digest)


@dataclass(frozen=True)
class Identity:
    """A verified identity, of a peer or of this side."""

    identifier: Identifier
    public: bytes
    """The Ed25519 key that signs for it, 32 bytes."""

    latest_change: bytes
    """The hash of the latest change, 32 bytes."""

    created: int
    """Seconds since 1970."""

    expires: int

    def __repr__(self) -> str:
        return f"<Identity: {self.identifier}, {self.created} to {self.expires}>"


class OwnIdentity(Unprintable):
    """An identity with its secret key."""

    def __init__(self, history: bytes, secret: Secret) -> None:
        """
        Args:
            history: the change history, as for `verify_history`.
            secret: the secret key of its change.

        Raises:
            LocalSessionError: the history is not valid, or belongs to another secret.
        """
        try:
            self.identity = verify_history(history)
        except RemoteSessionError as error:
            raise LocalSessionError(f"the change history is not valid: {error}") from None
        self._key = SigningKey(secret)
        if self._key.public != self.identity.public:
            raise LocalSessionError("the secret key does not belong to the change history")
        self.history = history

    def __repr__(self) -> str:
        return f"<OwnIdentity: {self.identity.identifier}>"

    @classmethod
    def create(cls, secret: Secret, now: int, seconds: int = IDENTITY_SECONDS) -> OwnIdentity:
        """Create an identity with a secret Ed25519 key, valid from `now` for `seconds`.

        Raises:
            LocalSessionError: a time is negative or beyond 64 bits.
        """
        key = SigningKey(secret)
        fields = (WRITTEN_NULL, written_variant(key.public), written_boolean(False), *_validity(now, now + seconds))
        return cls(written_structure(_signed(key, _CHANGE, written_structure(*fields))), secret)

    def attest(self, purpose_key: bytes, now: int, seconds: int = PURPOSE_KEY_SECONDS) -> bytes:
        """Attest that an X25519 key belongs to this identity, from `now` for `seconds`, at most until it expires.

        Raises:
            LocalSessionError: the key is not 32 bytes, or the identity is not valid at `now`.
        """
        known = self.identity
        if len(purpose_key) != KEY_BYTES:
            raise LocalSessionError(f"a purpose key has {KEY_BYTES} bytes, not {len(purpose_key)}")
        if not known.created <= now < known.expires:
            raise LocalSessionError(f"the identity is valid from {known.created} to {known.expires}, not at {now}")
        hashes = (written_bytes(known.identifier.digest), written_bytes(known.latest_change))
        times = _validity(now, min(now + seconds, known.expires))
        return _signed(self._key, _ATTESTATION, written_structure(*hashes, written_variant(purpose_key), *times))


def verify_history(history: bytes) -> Identity:
    """Read and verify a change history.

    Raises:
        RemoteSessionError: it is malformed, its signature is wrong, or it has an unsupported part.
    """
    identity, at = read_history(history, 0)
    check_end(history, at)
    return identity


def read_history(body: bytes, at: int) -> tuple[Identity, int]:
    """`verify_history` for a history inside other bytes; also returns the offset after it."""
    count, at = read_count(body, at, 1, 2**16)
    if count > 1:
        raise RemoteSessionError(UNSUPPORTED, f"a history of {count} changes; rotated keys are not supported")
    versioned, signature, at = _read_signed(body, at, most=3)
    hashed = sha256(versioned).digest()
    data = _data_of(versioned, _CHANGE)
    start = array(data, 0, 5)
    if not is_null(data, start):
        raise RemoteSessionError(NOT_AN_IDENTITY, "the first change has a predecessor")
    public, inner = only_variant(data, start + 1, KEY_BYTES, "key")
    _, inner = boolean(data, inner)  # revokes the attestations of earlier keys, and there are none
    created, expires = _read_validity(data, inner)
    if expires <= created:
        raise RemoteSessionError(NOT_AN_IDENTITY, f"valid from {created} to {expires}")
    if not is_signed(public, signature, hashed):
        raise RemoteSessionError(NOT_AN_IDENTITY, "the signature of the change is wrong")
    return Identity(Identifier(hashed), public, hashed, created, expires), at


def verify_attestation(attestation: bytes, identity: Identity, now: int) -> bytes:
    """Verify an attestation of `identity` at the time `now`, and return the attested X25519 key, 32 bytes.

    Raises:
        RemoteSessionError: it is malformed, its signature is wrong, it is for another identity or not of the latest
            key, it is valid outside the validity of that key, it has expired, or it was created more than
            `DRIFT_SECONDS` after `now`.
    """
    key, at = read_attestation(attestation, 0, identity, now)
    check_end(attestation, at)
    return key


def read_attestation(body: bytes, at: int, identity: Identity, now: int) -> tuple[bytes, int]:
    """`verify_attestation` for an attestation inside other bytes; also returns the offset after it."""
    versioned, signature, at = _read_signed(body, at, most=2)
    data = _data_of(versioned, _ATTESTATION)
    subject, inner = read_fixed(data, array(data, 0, 5), DIGEST_BYTES)
    latest, inner = read_fixed(data, inner, DIGEST_BYTES)
    key, inner = only_variant(data, inner, KEY_BYTES, "purpose key")
    created, expires = _read_validity(data, inner)
    problem = ""
    if subject != identity.identifier.digest:
        problem = "it is for another identity"
    elif latest != identity.latest_change:
        problem = "it is not of the latest key of the identity"
    elif created < identity.created or expires > identity.expires:
        problem = "it is valid when the key of the identity is not"
    elif created > now + DRIFT_SECONDS:
        problem = f"it was created at {created}, and now it is {now}"
    elif expires < now or expires <= created:
        problem = f"it expired at {expires}, and now it is {now}"
    elif not is_signed(identity.public, signature, sha256(versioned).digest()):
        problem = "its signature is wrong"
    if problem:
        raise RemoteSessionError(NOT_ATTESTED, problem)
    return key, at


def _signed(key: SigningKey, kind: int, data: bytes) -> bytes:
    versioned = written_structure(written_number(_VERSION), written_number(kind), written_bytes(data))
    signature = key.sign(sha256(versioned).digest())
    return written_structure(written_bytes(versioned), written_variant(signature))


def _read_signed(body: bytes, at: int, most: int) -> tuple[bytes, bytes, int]:
    """Read the signed bytes and their signature without verifying them. A third field, the previous signature, must be
    null."""
    count, at = read_count(body, at, 2, most)
    versioned, at = blob(body, at, MAX_SIGNED_BYTES)
    signature, at = only_variant(body, at, SIGNATURE_BYTES, "signature")
    if count == 3:
        if not is_null(body, at):
            raise RemoteSessionError(NOT_AN_IDENTITY, "the first change is signed by a previous key")
        at += 1
    return versioned, signature, at


def _data_of(versioned: bytes, kind: int) -> bytes:
    version, at = number(versioned, array(versioned, 0, 3))
    found, at = number(versioned, at)
    if (version, found) != (_VERSION, kind):
        raise malformed(f"signed data of version {version} and type {found}, expected version {_VERSION}, type {kind}")
    data, at = blob(versioned, at, MAX_SIGNED_BYTES)
    check_end(versioned, at)
    return data


def _validity(created: int, expires: int) -> tuple[bytes, bytes]:
    if not 0 <= created < expires <= _MAX_SECONDS:
        raise LocalSessionError(f"valid from {created} to {expires}: give seconds since 1970, the earlier first")
    return written_number(created), written_number(expires)


def _read_validity(data: bytes, at: int) -> tuple[int, int]:
    created, at = number(data, at)
    expires, at = number(data, at)
    check_end(data, at)
    return created, expires

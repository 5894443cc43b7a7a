"""The Noise XX handshake, for every `Suite`.

    message 1   initiator -> responder   e                (payload in clear text)
    message 2   responder -> initiator   e, ee, s, es
    message 3   initiator -> responder   s, se

Theory: the state after a message is a new value. It replaces the old state only after the last check, so a refused
message cannot have changed anything.

Rule 1: a faulty message of a peer raises `RemoteSessionError`; a call out of turn raises `LocalSessionError`.
Rule 2: the text of a refusal depends on the length of the message, but not on the position of the fault in it.
Rule 3: after `split` the ephemeral key, the chaining key and the handshake key are discarded.
Source: The Noise Protocol Framework, revision 34: processing rules, and interactive handshake patterns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.secure.secret import KEY_BYTES, KeyPair, Secret, Unprintable
from ockam_fsm.secure.suite import HASH_BYTES, NONCE_BYTES, TAG_BYTES, Suite

MAX_HANDSHAKE_BYTES = 65535
"""The longest handshake message (Noise: message format)."""

NOT_AUTHENTIC = "not-authentic"
REFLECTED = "reflected"
OUT_OF_TURN = "out-of-turn"

XX = (("e",), ("e", "ee", "s", "es"), ("s", "se"))
"""The tokens of each message. The initiator sends the first and the third."""

_NONCE_PREFIX = bytes(4)


def seal(key: Secret, nonce: int, plaintext: bytes, associated: bytes) -> bytes:
    """Encrypt with AES-256-GCM and the nonce of Noise: four zero bytes, then the number in 8 bytes, big-endian."""
    written = _NONCE_PREFIX + nonce.to_bytes(NONCE_BYTES, "big")
    return AESGCM(key.reveal()).encrypt(written, plaintext, associated)


def unseal(key: Secret, nonce: int, ciphertext: bytes, associated: bytes) -> bytes:
    """Decrypt a result of `seal`.

    Raises:
        RemoteSessionError: it was not created with this key, nonce and associated data.
    """
    written = _NONCE_PREFIX + nonce.to_bytes(NONCE_BYTES, "big")
    try:
        return AESGCM(key.reveal()).decrypt(written, ciphertext, associated)
    except InvalidTag:
        raise RemoteSessionError(NOT_AUTHENTIC, "forged, damaged, reflected, or for another channel") from None


def derive(chaining: Secret, material: bytes) -> tuple[Secret, Secret]:
    """Return the two outputs of the HKDF of Noise."""
    early = digest(chaining.reveal(), material, "sha256")
    first = digest(early, b"\x01", "sha256")
    return Secret(first), Secret(digest(early, first + b"\x02", "sha256"))


@dataclass(frozen=True, repr=False)
class _Symmetric(Unprintable):
    """The SymmetricState of Noise, as a value: each step returns a new one."""

    chaining: Secret
    hash: bytes
    key: Secret | None = None
    nonce: int = 0

    @classmethod
    def start(cls, name: bytes, prologue: bytes) -> _Symmetric:
        padded = name.ljust(HASH_BYTES, b"\0") if len(name) <= HASH_BYTES else sha256(name).digest()
        return cls(Secret(padded), padded).with_hash(prologue)

    def with_hash(self, data: bytes) -> _Symmetric:
        return replace(self, hash=sha256(self.hash + data).digest())

    def with_key(self, material: bytes) -> _Symmetric:
        chaining, key = derive(self.chaining, material)
        return replace(self, chaining=chaining, key=key, nonce=0)

    def encrypted(self, plaintext: bytes) -> tuple[_Symmetric, bytes]:
        if self.key is None:
            return self.with_hash(plaintext), plaintext
        ciphertext = seal(self.key, self.nonce, plaintext, self.hash)
        return replace(self.with_hash(ciphertext), nonce=self.nonce + 1), ciphertext

    def decrypted(self, ciphertext: bytes) -> tuple[_Symmetric, bytes]:
        if self.key is None:
            return self.with_hash(ciphertext), ciphertext
        plaintext = unseal(self.key, self.nonce, ciphertext, self.hash)
        return replace(self.with_hash(ciphertext), nonce=self.nonce + 1), plaintext


@dataclass(frozen=True, repr=False)
class HandshakeState(Unprintable):
    """The state of a `Handshake`, as `snapshot` returns it. Hashable, and compared by value."""

    symmetric: _Symmetric | None
    """None after `split`."""

    ephemeral: KeyPair | None
    """None after `split`."""

    position: int = 0
    """How many messages have been written and read, 0 to 3."""

    remote_ephemeral: bytes | None = None
    remote_static: bytes | None = None


@dataclass(frozen=True)
class TransportKeys:
    """The keys of the two directions after a handshake, as this side uses them."""

    encrypt: Secret
    decrypt: Secret


class Handshake(Unprintable):
    """One side of a Noise XX handshake.

    Args:
        suite: the dialect; both sides use the same.
        role: the side.
        static: the long-term key pair of this side.
        ephemeral: a new key pair for this handshake only. Using one twice breaks secrecy.
        prologue: bytes that both sides know; the handshake fails if they differ.
    """

    def __init__(self, suite: Suite, role: Role, static: KeyPair, ephemeral: KeyPair, prologue: bytes = b"") -> None:
        self.suite = suite
        self.role = role
        self._static = static
        self._state = HandshakeState(_Symmetric.start(suite.name, prologue), ephemeral)

    def __repr__(self) -> str:
        return f"<Handshake: {self.role.value}, {self._state.position} of {len(XX)} messages>"

    def snapshot(self) -> HandshakeState:
        """Return the state as a value, for `restore`."""
        return self._state

    def restore(self, state: HandshakeState) -> None:
        """Restore a state that `snapshot` of this handshake returned."""
        self._state = state

    @property
    def complete(self) -> bool:
        """Whether all three messages have been written and read."""
        return self._state.position == len(XX)

    @property
    def may_write(self) -> bool:
        """Whether this side sends the next message."""
        return not self.complete and (self._state.position % 2 == 0) == (self.role is Role.INITIATOR)

    @property
    def remote_static(self) -> bytes | None:
        """The static public key of the peer, 32 bytes; None before it is received. XX proves that the peer owns it."""
        return self._state.remote_static

    @property
    def handshake_hash(self) -> bytes:
        """The hash of the whole handshake, 32 bytes, equal on both sides (Noise: channel binding).

        Raises:
            LocalSessionError: the handshake is not complete, or its keys were taken with `split`.
        """
        return self._completed().hash

    def write(self, payload: bytes = b"") -> bytes:
        """Return the next message.

        Raises:
            LocalSessionError: it is the peer's turn, or the message would be longer than 65,535 bytes.
        """
        if not self.may_write:
            raise LocalSessionError(f"{self!r}: it is not this side's turn to write")
        state, parts = self._state, []
        for token in XX[state.position]:
            state, part = self._write_token(state, token)
            parts.append(part)
        assert state.symmetric is not None
        symmetric, sealed = state.symmetric.encrypted(payload)
        message = b"".join((*parts, sealed))
        if len(message) > MAX_HANDSHAKE_BYTES:
            raise LocalSessionError(f"a handshake message of {len(message)} bytes, limit {MAX_HANDSHAKE_BYTES}")
        self._state = replace(state, symmetric=symmetric, position=state.position + 1)
        return message

    def read(self, message: bytes) -> bytes:
        """Read the next message of the peer, and return its payload.

        Raises:
            RemoteSessionError: the message is forged, damaged, truncated, too long, reflected, or not expected now.
                Nothing has changed.
        """
        if self.may_write or self.complete:
            raise RemoteSessionError(OUT_OF_TURN, f"no handshake message is expected after {self._state.position}")
        if len(message) > MAX_HANDSHAKE_BYTES:
            raise RemoteSessionError(MALFORMED, f"a handshake message of {len(message)} bytes")
        state, at = self._state, 0
        for token in XX[state.position]:
            state, at = self._read_token(state, token, message, at)
        assert state.symmetric is not None
        if state.symmetric.key is not None and len(message) - at < TAG_BYTES:
            raise _truncated(message)
        symmetric, payload = state.symmetric.decrypted(message[at:])
        self._state = replace(state, symmetric=symmetric, position=state.position + 1)
        return payload

    def split(self) -> TransportKeys:
        """Return the keys for transport messages; possible once. The handshake discards its secrets.

        Raises:
            LocalSessionError: the handshake is not complete, or its keys have been taken.
        """
        first, second = derive(self._completed().chaining, b"")
        initiator = self.role is Role.INITIATOR
        self._state = replace(self._state, symmetric=None, ephemeral=None)
        swapped = initiator != self.suite.initiator_encrypts_with_first
        return TransportKeys(second, first) if swapped else TransportKeys(first, second)

    def _completed(self) -> _Symmetric:
        if not self.complete:
            raise LocalSessionError(f"{self!r}: the handshake is not complete")
        if self._state.symmetric is None:
            raise LocalSessionError(f"{self!r}: the keys have been taken")
        return self._state.symmetric

    def _write_token(self, state: HandshakeState, token: str) -> tuple[HandshakeState, bytes]:
        assert state.symmetric is not None
        assert state.ephemeral is not None
        if token == "e":
            public = state.ephemeral.public
            return replace(state, symmetric=state.symmetric.with_hash(public)), public
        if token == "s":
            symmetric, sealed = state.symmetric.encrypted(self._static.public)
            return replace(state, symmetric=symmetric), sealed
        return self._mixed(state, token), b""

    def _read_token(self, state: HandshakeState, token: str, message: bytes, at: int) -> tuple[HandshakeState, int]:
        assert state.symmetric is not None
        assert state.ephemeral is not None
        if token == "e":
            public, at = _part(message, at, KEY_BYTES)
            if public == state.ephemeral.public:
                raise RemoteSessionError(REFLECTED, "the peer sent the ephemeral key of this side")
            state.ephemeral.exchange(public)  # refuses a weak key now, before the answer
            return replace(state, symmetric=state.symmetric.with_hash(public), remote_ephemeral=public), at
        if token == "s":
            sealed, at = _part(message, at, KEY_BYTES + TAG_BYTES)
            symmetric, public = state.symmetric.decrypted(sealed)
            return replace(state, symmetric=symmetric, remote_static=public), at
        return self._mixed(state, token), at

    def _mixed(self, state: HandshakeState, token: str) -> HandshakeState:
        """Return the state after a Diffie-Hellman token: first the initiator's key, then the responder's."""
        own, remote = tuple(token) if self.role is Role.INITIATOR else (token[1], token[0])
        pair = state.ephemeral if own == "e" else self._static
        public = state.remote_ephemeral if remote == "e" else state.remote_static
        assert state.symmetric is not None
        assert pair is not None
        assert public is not None
        return replace(state, symmetric=state.symmetric.with_key(pair.exchange(public)))


def _part(message: bytes, at: int, size: int) -> tuple[bytes, int]:
    if len(message) - at < size:
        raise _truncated(message)
    return message[at : at + size], at + size


def _truncated(message: bytes) -> RemoteSessionError:
    return RemoteSessionError(MALFORMED, f"a handshake message of {len(message)} bytes is too short")

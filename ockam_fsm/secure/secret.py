"""Secret bytes that do not leave the process by accident, and X25519 and Ed25519 keys made from them.

Theory: a key in a log, a trace, a traceback with locals or a pickle breaks a channel. The text form of an object that
holds a key has its type, but nothing of its value.

Rule 1: a secret has no text form, and it can be neither pickled nor copied. Only `reveal` returns the bytes.
Rule 2: no error has secret bytes in its text or its attributes, and none is chained to one that has.
Rule 3: no randomness here: the caller creates a key from 32 bytes of the operating system's entropy.
Left out: erasing memory. Python copies bytes freely, and `cryptography` keeps keys in the memory of OpenSSL.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
WEAK_KEY = "weak-key"


class Unprintable:
    """The base of objects that hold secrets: no text form, no pickle, no copy."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise LocalSessionError(f"{type(self).__name__} holds a secret: it is neither pickled nor copied")


class Secret(Unprintable):
    """Secret bytes, compared by value in constant time.

    Raises:
        LocalSessionError: `value` is not bytes of exactly `size` bytes.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes, size: int = KEY_BYTES) -> None:
        if not isinstance(value, bytes) or len(value) != size:
            count = len(value) if isinstance(value, bytes | bytearray) else type(value).__name__
            raise LocalSessionError(f"a secret is {size} bytes; this is {count}")
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)  # keyed by the process, unless PYTHONHASHSEED is set: never shown or stored


_PRIME = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The points of small order of Curve25519 (D. J. Bernstein, "Curve25519", section 3, and the curve25519 pages)."""


def is_weak(public: bytes) -> bool:
    """True for a public X25519 key of 32 bytes with which every secret gives a known result. The highest bit of a key
    is ignored, and numbers are modulo 2^255 - 19 (RFC 7748 section 5)."""
    return (int.from_bytes(public, "little") % 2**255) % _PRIME in _SMALL_ORDER


class KeyPair(Unprintable):
    """An X25519 key pair for a Noise handshake, from 32 secret bytes."""

    __slots__ = ("_private", "public")

    def __init__(self, secret: Secret) -> None:
        self._private = X25519PrivateKey.from_private_bytes(secret.reveal())
        self.public = self._private.public_key().public_bytes_raw()

    def exchange(self, peer: bytes) -> bytes:
        """Return the shared secret with the public key of a peer.

        Raises:
            RemoteSessionError: the key is not 32 bytes, or is a point of small order, which gives a known secret.
        """
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError:
            raise RemoteSessionError(WEAK_KEY, "the public key of the peer is not a usable X25519 key") from None


class SigningKey(Unprintable):
    """An Ed25519 key of an identity, from 32 secret bytes."""

    __slots__ = ("_private", "public")

    def __init__(self, secret: Secret) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret.reveal())
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, 64 bytes."""
        return self._private.sign(data)


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """True if `signature` is one of `data` by the owner of the Ed25519 key `public`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True

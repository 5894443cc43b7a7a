"""The parameters in which Ockam's secure channels differ from standard Noise. One engine supports both.

Source: The Noise Protocol Framework, revision 34; Ockam's Rust implementation, commit fb8fb64c (ockam_identity,
`secure_channel/handshake/handshake.rs`, `secure_channel/encryptor.rs`, `decryptor.rs`).

Left out: other handshake patterns, ciphers, hashes and curves. Both suites are XX with X25519, AES-256-GCM and SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass

from ockam_fsm.kernel.errors import DefinitionError

HASH_BYTES = 32
TAG_BYTES = 16
NONCE_BYTES = 8

MAX_NONCE = 2**64 - 2
"""The last nonce of a message. The one after it, 2^64 - 1, is for rekeying (Noise: the CipherState object)."""


@dataclass(frozen=True)
class Suite:
    """One dialect of Noise XX.

    Raises:
        DefinitionError: the name is empty, or the rekey interval is missing, zero or negative where it is needed.
    """

    name: bytes
    """The protocol name. Up to 32 bytes are padded with zeros, more are hashed."""

    initiator_encrypts_with_first: bool
    """Whether the initiator encrypts with the first of the two final keys: in Noise it does, in Ockam not."""

    nonce_in_message: bool
    """Whether a transport message begins with its nonce, 8 bytes, big-endian. Otherwise both sides count."""

    rekey_interval: int | None
    """The number of messages (at least 1) that one key encrypts before the next one replaces it. None: one key for
    all."""

    def __post_init__(self) -> None:
        problems = []
        if not self.name:
            problems.append("name: it is empty, give the protocol name")
        if self.rekey_interval is not None and self.rekey_interval < 1:
            problems.append(f"rekey_interval: {self.rekey_interval}, give at least 1")
        if self.nonce_in_message and self.rekey_interval is None:
            problems.append("rekey_interval: None, but the receive window is counted in intervals")
        if problems:
            raise DefinitionError("Suite", problems)


NOISE = Suite(
    b"Noise_XX_25519_AESGCM_SHA256", initiator_encrypts_with_first=True, nonce_in_message=False, rekey_interval=None
)
"""Standard Noise."""

OCKAM = Suite(
    b"OCKAM_XX_25519_AES256_GCM_SHA256", initiator_encrypts_with_first=False, nonce_in_message=True, rekey_interval=32
)
"""Ockam's secure channels."""

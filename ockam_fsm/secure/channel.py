"""A handshake between identities: the Noise handshake, the proof of identity of each side, and its verification.

    message 1   the bare ephemeral key              payload of 2 and 3   [change history, attestation, [credentials]]

Rule 1: a peer is accepted only if its history and its attestation are verified, the attested key is the static key of
        the handshake, and the trust policy accepts it. Before that, and after a refusal, nothing of it is kept.
Rule 2: a refused message changes nothing, whichever check fails.
Rule 3: no clock and no randomness: the time and the secret of the ephemeral key are arguments.
Source: Ockam's Rust implementation, commit fb8fb64c (`secure_channel/handshake`).
Left out: credentials. An empty list is sent, and those of a peer are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.secure.identity import NOT_ATTESTED, Identity, OwnIdentity, read_attestation, read_history
from ockam_fsm.secure.noise import Handshake, HandshakeState
from ockam_fsm.secure.secret import KeyPair, Secret, Unprintable
from ockam_fsm.secure.structures import check_end, read_count, written_structure
from ockam_fsm.secure.suite import OCKAM, Suite
from ockam_fsm.secure.transport import Decryptor, Encryptor
from ockam_fsm.secure.trust import TrustPolicy, check_trust


class PurposeKey(Unprintable):
    """The static key pair of this side's channels, with the attestation that it belongs to an identity."""

    def __init__(self, own: OwnIdentity, secret: Secret, attestation: bytes, now: int) -> None:
        """
        Args:
            own: the identity.
            secret: the secret X25519 key.
            attestation: the result of `own.attest` for its public key.
            now: seconds since 1970.

        Raises:
            LocalSessionError: the attestation is not valid at `now`, or is for another key.
        """
        self.pair = KeyPair(secret)
        self.identity = own.identity
        try:
            key, at = read_attestation(attestation, 0, own.identity, now)
            check_end(attestation, at)
        except RemoteSessionError as error:
            raise LocalSessionError(f"the attestation of the purpose key: {error}") from None
        if key != self.pair.public:
            raise LocalSessionError("the attestation is for another purpose key")
        self.payload = written_structure(own.history, attestation, written_structure())
        """The payload of this side's handshake message."""

    def __repr__(self) -> str:
        return f"<PurposeKey of {self.identity.identifier}>"

    @classmethod
    def create(cls, own: OwnIdentity, secret: Secret, now: int) -> PurposeKey:
        """Attest a new purpose key, and return it.

        Raises:
            LocalSessionError: the identity is not valid at `now`.
        """
        return cls(own, secret, own.attest(KeyPair(secret).public, now), now)


class Channel(NamedTuple):
    """An open secure channel."""

    peer: Identity
    encryptor: Encryptor
    decryptor: Decryptor


@dataclass(frozen=True, repr=False)
class ChannelState(Unprintable):
    """The state of a `ChannelHandshake`, as `snapshot` returns it."""

    noise: HandshakeState
    peer: Identity | None


class ChannelHandshake(Unprintable):
    """One side of a handshake between identities.

    Args:
        role: the side.
        own: the purpose key of this side.
        trust: the policy that accepts peers.
        ephemeral: 32 new secret bytes, used for this handshake only.
        suite: the dialect of Noise.
    """

    def __init__(
        self, role: Role, own: PurposeKey, trust: TrustPolicy, ephemeral: Secret, suite: Suite = OCKAM
    ) -> None:
        self._own = own
        self._trust = trust
        self._noise = Handshake(suite, role, own.pair, KeyPair(ephemeral))
        self._peer: Identity | None = None

    def __repr__(self) -> str:
        return f"<ChannelHandshake: {self._noise!r}, peer {self._peer and self._peer.identifier}>"

    def snapshot(self) -> ChannelState:
        """Return the state as a value, for `restore`."""
        return ChannelState(self._noise.snapshot(), self._peer)

    def restore(self, state: ChannelState) -> None:
        """Restore a state that `snapshot` of this handshake returned."""
        self._noise.restore(state.noise)
        self._peer = state.peer

    @property
    def peer(self) -> Identity | None:
        """The verified and trusted peer; None before the message that proves it."""
        return self._peer

    @property
    def starts(self) -> bool:
        """Whether this side sends the first message."""
        return self._noise.role is Role.INITIATOR

    @property
    def may_write(self) -> bool:
        """Whether this side sends the next message."""
        return self._noise.may_write

    @property
    def complete(self) -> bool:
        """Whether all three messages have been written and read."""
        return self._noise.complete

    def write(self) -> bytes:
        """Return the next message.

        Raises:
            LocalSessionError: it is the peer's turn, or the payload of this side is too long.
        """
        return self._noise.write(b"" if self._noise.snapshot().position == 0 else self._own.payload)

    def read(self, message: bytes, now: int) -> None:
        """Check the next message of the peer, at `now` (seconds since 1970).

        Raises:
            RemoteSessionError: the message is not authentic or not expected now, or the identity of the peer is not
                proved or not trusted. Nothing has changed.
        """
        before = self._noise.snapshot()
        payload = self._noise.read(message)
        try:
            if before.position:
                self._peer = self._verified(payload, now)
            elif payload:
                raise malformed(f"a first message with {len(payload)} bytes after the key")
        except BaseException:
            self._noise.restore(before)
            raise

    def channel(self) -> Channel:
        """Return the open channel; possible once. The handshake discards its secrets.

        Raises:
            LocalSessionError: the handshake is not complete, or the channel was already returned.
        """
        keys = self._noise.split()
        assert self._peer is not None
        suite = self._noise.suite
        return Channel(self._peer, Encryptor(suite, keys.encrypt), Decryptor(suite, keys.decrypt))

    def _verified(self, payload: bytes, now: int) -> Identity:
        count, at = read_count(payload, 0, 2, 3)
        peer, at = read_history(payload, at)
        key, at = read_attestation(payload, at, peer, now)
        if count == 2:
            check_end(payload, at)
        elif at == len(payload):
            raise malformed("no credentials where they were announced")
        if key != self._noise.remote_static:
            raise RemoteSessionError(NOT_ATTESTED, "the attested key is not the key of the handshake")
        check_trust(self._trust, peer.identifier)
        return peer

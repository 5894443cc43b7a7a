"""Transport messages after a handshake: encryption, rekeying, and the receive window.

    with nonces in messages      nonce (8 bytes, big-endian), ciphertext, tag (16 bytes)      Ockam
    without                      ciphertext, tag                                              standard Noise

Theory: nonces count from 0, and an interval of nonces shares one key. The key of an interval is derived from the
previous one: AES-GCM of 32 zero bytes with nonce 2^64 - 1, without the tag. A receiver of a higher nonce derives the
keys in between, and keeps those of the intervals with missing messages, so rekeying loses no message in flight.

Rule 1: a refused message changes neither the keys nor the window. Keys derived for it are dropped.
Rule 2: a nonce is accepted once.
Rule 3: the receiver accepts a gap of up to `MAX_LOST` lost messages. A nonce beyond is refused before a key is derived,
        because a nonce is not authenticated before its key is known. A forged nonce costs at most 1,025 derivations,
        the next one half of that, and so on down to 33.
Rule 4: late messages are accepted for `LATE_INTERVALS` intervals. Keys of older or complete intervals are discarded: a
        stolen state can decrypt only messages that are still missing.
Departure: Ockam's Rust implementation refuses a nonce more than 32 beyond the last one and never recovers, so 32
        consecutive losses silence a direction permanently. This implementation follows the gap.
Source: Ockam's Rust implementation, commit fb8fb64c (`secure_channel/encryptor.rs`, `decryptor.rs`,
        `nonce_tracker.rs`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.runtime.encoding.bare import MALFORMED
from ockam_fsm.secure.noise import seal, unseal
from ockam_fsm.secure.secret import KEY_BYTES, Secret, Unprintable
from ockam_fsm.secure.suite import MAX_NONCE, NONCE_BYTES, TAG_BYTES, Suite

MAX_LOST = 32 * 1024
"""The largest gap of lost messages: 1,024 intervals of 32 messages. After a larger gap the direction stays silent;
keepalives of the session detect this and renegotiate the channel."""

LEAST_LOST = 1024
"""The least accepted gap. Each message forged far ahead halves the accepted gap, down to this, until an authentic
message is received: deriving the keys in between costs the receiver, not the forger."""

LATE_INTERVALS = 32
"""How many intervals behind the newest message a late one is accepted: 1,024 messages with the suite of Ockam."""

CLOSED = "channel-closed"
REPLAYED = "replayed"
TOO_LATE = "too-late"
TOO_FAR_AHEAD = "too-far-ahead"
EXHAUSTED = "nonces-exhausted"

_REKEY_NONCE = MAX_NONCE + 1
_ZEROS = bytes(KEY_BYTES)


def next_key(key: Secret) -> Secret:
    """Return the key of the next interval (Noise: REKEY)."""
    return Secret(seal(key, _REKEY_NONCE, _ZEROS, b"")[:KEY_BYTES])


@dataclass(frozen=True, repr=False)
class EncryptorState(Unprintable):
    """The state of an `Encryptor`: the key (None: closed) and the nonce of the next message."""

    key: Secret | None
    nonce: int = 0


class Encryptor(Unprintable):
    """The sending direction of a channel."""

    def __init__(self, suite: Suite, key: Secret) -> None:
        self.suite = suite
        self._state = EncryptorState(key)

    def __repr__(self) -> str:
        return f"<Encryptor: {'closed' if self._state.key is None else f'next nonce {self._state.nonce}'}>"

    def snapshot(self) -> EncryptorState:
        """Return the state as a value, for `restore`."""
        return self._state

    def restore(self, state: EncryptorState) -> None:
        """Restore a state. Encrypting other data from an earlier state would use a nonce twice."""
        self._state = state

    @property
    def remaining(self) -> int:
        """The number of messages that can still be encrypted."""
        return 0 if self._state.key is None else MAX_NONCE + 1 - self._state.nonce

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt the next message.

        Raises:
            LocalSessionError: the channel is closed, or all 2^64 - 1 nonces are used. Nothing has changed.
        """
        key, nonce, interval = self._state.key, self._state.nonce, self.suite.rekey_interval
        if key is None:
            raise LocalSessionError("the channel is closed; open a new one")
        if nonce > MAX_NONCE:
            raise LocalSessionError("all nonces of the channel are used; open a new one")
        if interval is not None and nonce > 0 and nonce % interval == 0:
            key = next_key(key)
        sealed = seal(key, nonce, plaintext, b"")
        self._state = EncryptorState(key, nonce + 1)
        return nonce.to_bytes(NONCE_BYTES, "big") + sealed if self.suite.nonce_in_message else sealed

    def close(self) -> None:
        """Discard the key. Afterwards no message can be encrypted."""
        self._state = EncryptorState(None, self._state.nonce)


class Received(NamedTuple):
    """A message that passed every check."""

    plaintext: bytes
    nonce: int
    newest: bool
    """Whether no message with a higher nonce was received before. Only such messages update routes."""


@dataclass(frozen=True, repr=False)
class Interval(Unprintable):
    """An interval of nonces that share a key."""

    number: int
    key: Secret
    seen: int = 0
    """The received nonces, as bits."""


@dataclass(frozen=True, repr=False)
class DecryptorState(Unprintable):
    """The state of a `Decryptor`."""

    intervals: tuple[Interval, ...]
    """The intervals with missing messages, and last the newest one. Empty: closed."""

    highest: int = -1
    """The highest received nonce; -1 before the first message."""


class Decryptor(Unprintable):
    """The receiving direction of a channel."""

    def __init__(self, suite: Suite, key: Secret) -> None:
        self.suite = suite
        self._state = DecryptorState((Interval(0, key),))
        self._forged = 0
        """The number of consecutive messages forged far ahead. Not part of the state, which a refusal never changes."""

    def __repr__(self) -> str:
        return f"<Decryptor: {f'highest nonce {self._state.highest}' if self._state.intervals else 'closed'}>"

    def snapshot(self) -> DecryptorState:
        """Return the state as a value, for `restore`."""
        return self._state

    def restore(self, state: DecryptorState) -> None:
        """Restore a state. An earlier state accepts the messages received since then once more."""
        self._state = state

    def decrypt(self, message: bytes) -> Received:
        """Check and decrypt a message of the peer.

        Raises:
            RemoteSessionError: the message is forged, damaged, truncated, reflected, received before, too late, or
                more than `MAX_LOST` messages ahead; the nonces are exhausted, or the channel is closed. Nothing has
                changed.
        """
        if not self._state.intervals:
            raise RemoteSessionError(CLOSED, "the channel is closed")
        nonce, sealed = self._nonce_of(message)
        interval, others = self._interval_of(nonce)
        bit = self._bit(nonce)
        if interval.seen & bit:
            raise RemoteSessionError(REPLAYED, f"nonce {nonce} was received before")
        try:
            plaintext = unseal(interval.key, nonce, sealed, b"")
        except RemoteSessionError:
            self._forged += nonce - self._state.highest > LEAST_LOST
            raise
        self._forged = 0
        self._accept(replace(interval, seen=interval.seen | bit), others, nonce)
        return Received(plaintext, nonce, nonce == self._state.highest)

    def close(self) -> None:
        """Discard the keys. Afterwards every message is refused."""
        self._state = DecryptorState((), self._state.highest)

    def _nonce_of(self, message: bytes) -> tuple[int, bytes]:
        """Return the nonce and the rest of a message, after a check of the range of the nonce."""
        start = NONCE_BYTES if self.suite.nonce_in_message else 0
        if len(message) < start + TAG_BYTES:
            raise RemoteSessionError(
                MALFORMED, f"a message of {len(message)} bytes, expected at least {start + TAG_BYTES}"
            )
        expected = self._state.highest + 1
        nonce = int.from_bytes(message[:start], "big") if start else expected
        if nonce > MAX_NONCE:
            raise RemoteSessionError(EXHAUSTED, f"nonce {nonce} is not allowed for messages")
        most = max(LEAST_LOST, MAX_LOST >> self._forged)
        if nonce - expected > most:
            raise RemoteSessionError(
                TOO_FAR_AHEAD, f"nonce {nonce}, {nonce - expected} lost, at most {most} are accepted"
            )
        return nonce, message[start:]

    def _interval_of(self, nonce: int) -> tuple[Interval, tuple[Interval, ...]]:
        """Return the interval of a nonce, and the others with those derived for it; none is stored yet."""
        number = nonce // self.suite.rekey_interval if self.suite.rekey_interval else 0
        known = self._state.intervals
        newest = known[-1]
        if number > newest.number:
            derived = list(known)
            while newest.number < number:
                newest = Interval(newest.number + 1, next_key(newest.key))
                derived.append(newest)
            return newest, tuple(derived[:-1])
        for one in known:
            if one.number == number:
                return one, tuple(other for other in known if other is not one)
        complete = number >= newest.number - LATE_INTERVALS
        reason = REPLAYED if complete else TOO_LATE
        raise RemoteSessionError(reason, f"nonce {nonce}, {self._state.highest - nonce} behind the newest")

    def _accept(self, changed: Interval, others: tuple[Interval, ...], nonce: int) -> None:
        intervals = sorted((changed, *others), key=lambda one: one.number)
        newest = intervals[-1]
        oldest = newest.number - LATE_INTERVALS
        kept = [one for one in intervals[:-1] if one.number >= oldest and not self._is_complete(one)]
        self._state = DecryptorState((*kept, newest), max(nonce, self._state.highest))

    def _bit(self, nonce: int) -> int:
        """Return the bit of a nonce in its interval; 0 if both sides count, since then no message can be replayed."""
        interval = self.suite.rekey_interval
        return 1 << nonce % interval if self.suite.nonce_in_message and interval else 0

    def _is_complete(self, interval: Interval) -> bool:
        """Whether no further message of an interval can be accepted."""
        return not self.suite.nonce_in_message or interval.seen == (1 << (self.suite.rekey_interval or 0)) - 1

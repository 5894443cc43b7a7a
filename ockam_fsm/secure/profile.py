"""Ockam's secure channel as the profile of a session: three messages negotiate it, and everything after is encrypted.

    place               signal          payload
    NEGOTIATION_START   Hello           message 1 of the handshake: the bare ephemeral key
    WORKER              Answer          message 2
    WORKER              Confirmation    message 3, which the starter writes as its first keepalive
    WORKER              Data, Close     a transport message (plaintext.py)
    WORKER              Keepalive ...   Data without payload for a worker that no node has: `KEEPALIVE`

Rule 1: nothing is said in the clear. What cannot be said in the handshake or in the channel is not said.
Rule 2: each generation has keys of its own, from a fresh ephemeral secret.
Rule 3: keepalives are ours. A node of Ockam's answers none, so for such a peer they are switched off.
Rule 4: no clock and no chance: both are given (net/secure/channels.py has the usual ones).
Source: spec/sessions.md section 18; Ockam's Rust implementation, commit fb8fb64c (`secure_channel`).
Left out: `going away` and errors, which Ockam's channels have no message for; credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.runtime.encoding.message import Address, Route, local
from ockam_fsm.runtime.session import signals
from ockam_fsm.runtime.session.handshake import NO_RETURN_ROUTE, Place, worker_route
from ockam_fsm.runtime.session.protection import Protection, Reading
from ockam_fsm.runtime.session.signals import Signal
from ockam_fsm.secure.channel import Channel, ChannelHandshake, ChannelState, PurposeKey
from ockam_fsm.secure.plaintext import Close, Data, Plaintext, decode_plaintext, encode_close, encode_data
from ockam_fsm.secure.secret import KEY_BYTES, WEAK_KEY, Secret, Unprintable, is_weak
from ockam_fsm.secure.suite import MAX_NONCE, OCKAM, Suite
from ockam_fsm.secure.transport import DecryptorState, EncryptorState
from ockam_fsm.secure.trust import TrustPolicy

KEEPALIVE = local("ockam_fsm.keepalive")
KEEPALIVE_ANSWER = local("ockam_fsm.keepalive_answer")

RESERVE = 2**16
"""So many nonces are kept for keepalives and the close: the application's messages stop before."""

_NO_ADDRESS = Address(0, b"")


class SecureProfile(Unprintable):
    """The profile of secure channels for one identity.

    Args:
        own: what this side presents.
        trust: which peers are accepted.
        clock: gives seconds since 1970, to judge what a peer presents.
        random: gives so many bytes that nobody can guess.
        keepalives: ask whether the peer is alive, and answer it. False for peers that are real Ockam nodes.
        suite: the dialect of Noise.
    """

    name = "secure"
    names_sessions = answers_once = False
    carries_routes = True

    def __init__(
        self,
        own: PurposeKey,
        trust: TrustPolicy,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        *,
        keepalives: bool = True,
        suite: Suite = OCKAM,
    ) -> None:
        self.keeps_alive = keepalives
        self.identifier = str(own.identity.identifier)
        """Of the identity that this side presents: "I" and 64 hexadecimal digits."""
        self._own, self._trust, self._clock, self._random, self._suite = own, trust, clock, random, suite

    def __repr__(self) -> str:
        return f"<SecureProfile of {self.identifier}, {self._trust!r}>"

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock())

    def protection(self, role: Role) -> Protection:
        """The beginning of a handshake, with a fresh ephemeral key."""
        ephemeral = Secret(self._random(KEY_BYTES))
        handshake = ChannelHandshake(role, self._own, self._trust, ephemeral, self._suite)
        return _Negotiating(self, handshake, handshake.snapshot(), handshake.may_write)

    def speaks(self, signal: Signal) -> bool:
        """False: nothing is said in the clear."""
        return False

    def encode(self, signal: Signal) -> bytes:
        """Raises LocalSessionError: nothing is said in the clear."""
        raise LocalSessionError(f"profile secure says no {type(signal).__name__} outside a channel")

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        """The first message of a handshake, which is all that comes in the clear.

        Raises:
            RemoteSessionError: it is not a usable key, or has no way back.
        """
        if place is not Place.NEGOTIATION_START or len(payload) != KEY_BYTES:
            raise malformed(f"{len(payload)} bytes where a handshake begins with a key of {KEY_BYTES}")
        if is_weak(payload):
            raise RemoteSessionError(WEAK_KEY, "the public key of the peer is no usable X25519 key")
        starter = _last(return_route)
        return signals.Hello(b"", signals.Generation(1, Role.INITIATOR, starter))


@dataclass(frozen=True, repr=False)
class _Negotiating(Unprintable):
    """A handshake under way. `writes`: the next message is this side's."""

    profile: SecureProfile
    handshake: ChannelHandshake
    state: ChannelState
    writes: bool
    complete = exhausted = False

    @property
    def peer(self) -> str | None:
        return None if self.state.peer is None else str(self.state.peer.identifier)

    def speaks(self, signal: Signal) -> bool:
        return self.writes and isinstance(signal, signals.Hello | signals.Answer | signals.Keepalive)

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        self.handshake.restore(self.state)
        return self.handshake.write(), self._after()

    def read(self, payload: bytes, return_route: Route) -> Reading:
        starts = self.handshake.starts
        signal: Signal = signals.Answer(b"", None, _last(return_route), False) if starts else signals.Confirmation()
        self.handshake.restore(self.state)
        self.handshake.read(payload, self.profile.now)
        return Reading(signal, newest=False, after=self._after())

    def _after(self) -> Protection:
        if not self.handshake.complete:
            return _Negotiating(self.profile, self.handshake, self.handshake.snapshot(), self.handshake.may_write)
        channel = self.handshake.channel()
        return _Open(self.profile, channel, channel.encryptor.snapshot(), channel.decryptor.snapshot())


@dataclass(frozen=True, repr=False)
class _Open(Unprintable):
    """An open channel."""

    profile: SecureProfile
    channel: Channel
    sending: EncryptorState
    receiving: DecryptorState
    complete = True

    @property
    def peer(self) -> str:
        return str(self.channel.peer.identifier)

    @property
    def exhausted(self) -> bool:
        return self.sending.nonce > MAX_NONCE - RESERVE

    def speaks(self, signal: Signal) -> bool:
        if self.sending.nonce > MAX_NONCE:
            return False
        if isinstance(signal, signals.Keepalive | signals.KeepaliveAnswer):
            return self.profile.keeps_alive
        return isinstance(signal, signals.Data | signals.Close)

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        encryptor = self.channel.encryptor
        encryptor.restore(self.sending)
        payload = encryptor.encrypt(_plaintext(signal))
        return payload, _Open(self.profile, self.channel, encryptor.snapshot(), self.receiving)

    def read(self, payload: bytes, return_route: Route) -> Reading:
        decryptor = self.channel.decryptor
        decryptor.restore(self.receiving)
        received = decryptor.decrypt(payload)
        signal = _signal(decode_plaintext(received.plaintext))
        after = _Open(self.profile, self.channel, self.sending, decryptor.snapshot())
        return Reading(signal, received.newest, after)


def _plaintext(signal: Signal) -> bytes:
    match signal:
        case signals.Data(payload=payload, onward_route=onward_route, return_route=return_route):
            return encode_data(Data(onward_route, return_route, payload))
        case signals.Keepalive():
            return encode_data(Data((KEEPALIVE,), (), b""))
        case signals.KeepaliveAnswer():
            return encode_data(Data((KEEPALIVE_ANSWER,), (), b""))
        case _:
            return encode_close()


def _signal(plaintext: Plaintext) -> Signal:
    match plaintext:
        case Data(onward_route=(first, *_)) if first == KEEPALIVE:
            return signals.Keepalive()
        case Data(onward_route=(first, *_)) if first == KEEPALIVE_ANSWER:
            return signals.KeepaliveAnswer()
        case Data(onward_route=onward_route, return_route=return_route, payload=payload):
            return signals.Data(payload, onward_route, return_route)
        case Close():
            return signals.Close(b"", 0, _NO_ADDRESS, "")
        case _:
            raise RemoteSessionError("misplaced", "credentials are not read")


def _last(return_route: Route) -> Address:
    """The worker of the peer that a handshake message came from.

    Raises:
        RemoteSessionError: there is none, or it is not local to the peer's node.
    """
    if not return_route:
        raise RemoteSessionError(NO_RETURN_ROUTE, "a handshake message that cannot be answered")
    worker_route(return_route, return_route[-1])
    return return_route[-1]

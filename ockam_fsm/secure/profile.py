"""Ockam's secure channel as the profile of a session: three messages negotiate it, and all later ones are encrypted.

    place               signal          payload
    NEGOTIATION_START   Hello           message 1 of the handshake: the bare ephemeral key
    WORKER              Answer          message 2
    WORKER              Confirmation    message 3, which the starter writes as its first keepalive
    WORKER              Data, Close     a transport message (plaintext.py)
    WORKER              Keepalive ...   Data without payload for a worker that no node has: `KEEPALIVE`

Rule 1: no signal is sent in clear text. A signal that fits neither the handshake nor the channel is not sent.
Rule 2: each generation has its own keys, from a new ephemeral secret.
Rule 3: keepalives are an extension. A node of Ockam does not answer them, so for such a peer they are disabled.
Rule 4: no clock and no randomness here: both are arguments (net/secure/channels.py has the usual ones).
Source: spec/sessions.md section 18; Ockam's Rust implementation, commit fb8fb64c (`secure_channel`).
Left out: `going away` and errors, for which Ockam's channels have no message; credentials.
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
"""Number of nonces reserved for keepalives and the close; messages of the application cannot use them."""

_NO_ADDRESS = Address(0, b"")


class SecureProfile(Unprintable):
    """The profile of secure channels for one identity.

    Args:
        own: the purpose key of this side.
        trust: the policy that accepts peers.
        clock: returns seconds since 1970, to check the validity of the peer's identity.
        random: returns the given number of unpredictable bytes.
        keepalives: send and answer keepalives. False for peers that are real Ockam nodes.
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
        """The identifier of this side's identity: "I" and 64 hexadecimal digits."""
        self._own, self._trust, self._clock, self._random, self._suite = own, trust, clock, random, suite

    def __repr__(self) -> str:
        return f"<SecureProfile of {self.identifier}, {self._trust!r}>"

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return int(self._clock())

    def protection(self, role: Role) -> Protection:
        """Start a handshake with a new ephemeral key."""
        ephemeral = Secret(self._random(KEY_BYTES))
        handshake = ChannelHandshake(role, self._own, self._trust, ephemeral, self._suite)
        return _Negotiating(self, handshake, handshake.snapshot(), handshake.may_write)

    def can_send(self, signal: Signal) -> bool:
        """Return False: no signal is sent in clear text."""
        return False

    def encode(self, signal: Signal) -> bytes:
        """Raise LocalSessionError: no signal is sent in clear text."""
        raise LocalSessionError(f"profile secure sends no {type(signal).__name__} outside a channel")

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        """Decode the first message of a handshake, the only one in clear text.

        Raises:
            RemoteSessionError: it is not a usable key, or has no return route.
        """
        if place is not Place.NEGOTIATION_START or len(payload) != KEY_BYTES:
            raise malformed(f"{len(payload)} bytes, expected the key of {KEY_BYTES} bytes that begins a handshake")
        if is_weak(payload):
            raise RemoteSessionError(WEAK_KEY, "the public key of the peer is not a usable X25519 key")
        starter = _last(return_route)
        return signals.Hello(b"", signals.Generation(1, Role.INITIATOR, starter))


@dataclass(frozen=True, repr=False)
class _Negotiating(Unprintable):
    """An incomplete handshake. `writes`: this side sends the next message."""

    profile: SecureProfile
    handshake: ChannelHandshake
    state: ChannelState
    writes: bool
    complete = exhausted = False

    @property
    def peer(self) -> str | None:
        return None if self.state.peer is None else str(self.state.peer.identifier)

    def can_send(self, signal: Signal) -> bool:
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

    def can_send(self, signal: Signal) -> bool:
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
    """Return the worker of the peer that sent a handshake message.

    Raises:
        RemoteSessionError: there is none, or its address is not local to the peer's node.
    """
    if not return_route:
        raise RemoteSessionError(NO_RETURN_ROUTE, "a handshake message that cannot be answered")
    worker_route(return_route, return_route[-1])
    return return_route[-1]

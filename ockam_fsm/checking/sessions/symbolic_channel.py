"""A symbolic secure channel: profile `secure` with its handshake of three messages and its receive window.

Theory: the Dolev-Yao model. Cryptography is perfect, so a payload is a term that contains its kind of message, its
handshake, its author and its nonce. An end accepts only terms that its peer wrote in the same handshake; any other
party can only store, copy and redirect them. The session above is the real one.

    message  1 hello   2 answer   3 confirmation   4 any later message, with a nonce of its direction
    starter  the ephemeral key of the end that began: its inner address, which is fresh in every attempt
    answerer the ephemeral key of the other end: its inner address
    author   the end that wrote the term; a stranger is a party that neither end trusts

Rule 1: a protection is a small hashable value, and equal ones behave alike.
Rule 2: it refuses what `ockam_fsm/secure` refuses, within a window of a few nonces instead of thousands.
Rule 3: an end that has used its nonces sends nothing more, so that worlds are finite. Real channels have enough nonces.
Left out: stolen keys, identities that are distrusted later, and routes that are altered on the way.
Source: spec/sessions.md section 18; D. Dolev, A. Yao, "On the security of public key protocols" (1983).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.message import Address, Route
from ockam_fsm.runtime.session.handshake import GENERATION, NO_RETURN_ROUTE, SESSION_ID_BYTES, Place, worker_route
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.protection import Protection, Reading
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    Generation,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
)
from ockam_fsm.safety.links import is_own

HELLO, ANSWER, CONFIRMATION, CHANNEL_MESSAGE = range(1, 5)
"""The values of `Term.message`."""

AUTHOR: Mapping[Role, str] = MappingProxyType({Role.INITIATOR: "initiator", Role.RESPONDER: "responder"})
STRANGER = "stranger"

_TAG = 0xF0
"""The first byte of a term is this plus its message number. No other profile or data of a world uses these bytes."""
_NO_ADDRESS = Address(0, b"")


class Term(NamedTuple):
    """A payload in symbolic form, readable without keys."""

    message: int
    starter: bytes
    answerer: bytes
    author: str
    nonce: int = 0
    plaintext: bytes = b""
    """The signal, encoded in profile `generation`; empty in a confirmation."""

    def encode(self) -> bytes:
        """Return the payload."""
        names = bare.data(self.starter) + bare.data(self.answerer) + bare.string(self.author)
        return bare.u8(_TAG + self.message) + names + bare.uint(self.nonce) + bare.data(self.plaintext)


@cache
def term_of(payload: bytes) -> Term | None:
    """The term of a payload; None if the payload is not a term."""
    if payload[:1] not in {bytes([_TAG + message]) for message in (HELLO, ANSWER, CONFIRMATION, CHANNEL_MESSAGE)}:
        return None
    reader = bare.Reader(payload)
    message = reader.u8() - _TAG
    return Term(message, reader.data(), reader.data(), reader.string(), reader.uint(), reader.data())


def plaintext_of(payload: bytes) -> bytes:
    """The plaintext of a protected payload; any other payload itself."""
    term = term_of(payload)
    return payload if term is None else term.plaintext


def plaintext_of_signal(signal: Signal) -> bytes:
    """Encode a signal as plaintext in profile `generation`, with the session id that this profile requires."""
    if isinstance(signal, Hello | Answer | Close):
        signal = replace(signal, session_id=bytes(SESSION_ID_BYTES))
    return GENERATION.encode(signal)


def keys_of(link: Link) -> tuple[bytes, bytes]:
    """The ephemeral keys of a generation as one end knows them: the starter's, and the answerer's."""
    if is_own(link):
        return link.inner.value, link.route[-1].value if link.route else b""
    return link.generation.address.value, link.inner.value


def overheard(payload: bytes) -> Signal | None:
    """The signal in a term, for checks, which can read every term; None for other payloads."""
    term = term_of(payload)
    if term is None:
        return None
    if term.message == CONFIRMATION:
        return Confirmation()
    signal = GENERATION.decode(term.plaintext, Place.WORKER, ())
    if isinstance(signal, Answer):
        return replace(signal, session_id=b"", generation=None)
    return replace(signal, session_id=b"") if isinstance(signal, Hello | Close) else signal


@dataclass(frozen=True)
class SymbolicProfile:
    """The profile of symbolic secure channels.

    Args:
        keeps_alive: keepalives are sent and answered.
        nonces: how many messages each direction of a channel has.
        reserve: how many of them the application may not use.
        lost: how many messages in a row may be lost; after more, the next one is refused.
        late: how many nonces behind the newest a message may be.
        refuses_replays: False for a window that does not detect replays.
        trusts_anybody: True for an end that accepts every author as its peer.
    """

    keeps_alive: bool = True
    nonces: int = 3
    reserve: int = 1
    lost: int = 1
    late: int = 1
    refuses_replays: bool = True
    trusts_anybody: bool = False
    name = "secure"
    names_sessions = answers_once = False
    carries_routes = True

    def protection(self, role: Role) -> Protection:
        """Return the state at the start of a handshake."""
        return Negotiating(self, role)

    def can_send(self, signal: Signal) -> bool:
        """False: no signal is sent unprotected."""
        return False

    def encode(self, signal: Signal) -> bytes:
        """Raise LocalSessionError: no signal is sent unprotected."""
        raise LocalSessionError(f"profile secure sends no {type(signal).__name__} outside a channel")

    def decode(self, payload: bytes, place: Place, return_route: Route) -> Signal:
        """Decode the first message of a handshake, the only unprotected one.

        Raises:
            RemoteSessionError: the payload is another message, or has no return route.
        """
        if place is not Place.NEGOTIATION_START or _term(payload).message != HELLO:
            raise bare.malformed("a handshake begins with a key")
        return Hello(b"", Generation(1, Role.INITIATOR, _last(return_route)))

    def trusts(self, role: Role, author: str) -> bool:
        """Whether an end of this role accepts the author as its peer."""
        return self.trusts_anybody or author == AUTHOR[Role(1 - role)]


@dataclass(frozen=True)
class Negotiating:
    """A handshake under way. `turn`: the next message."""

    profile: SymbolicProfile
    role: Role
    turn: int = HELLO
    starter: bytes = b""
    answerer: bytes = b""
    complete = exhausted = False

    @property
    def peer(self) -> str | None:
        return None

    @property
    def _writes(self) -> bool:
        return (self.turn == ANSWER) is (self.role is Role.RESPONDER)

    def can_send(self, signal: Signal) -> bool:
        return self._writes and isinstance(signal, Hello | Answer | Keepalive)

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        starter, answerer, plaintext = self.starter, self.answerer, b""
        match signal:
            case Hello(generation=generation):
                starter, plaintext = generation.address.value, plaintext_of_signal(signal)
            case Answer(worker=worker):
                answerer, plaintext = worker.value, plaintext_of_signal(signal)
        term = Term(self.turn, starter, answerer, AUTHOR[self.role], plaintext=plaintext)
        return term.encode(), self._after(starter, answerer)

    def read(self, payload: bytes, return_route: Route) -> Reading:
        term = _term(payload)
        if self._writes or term.message != self.turn:
            raise RemoteSessionError("out of turn", f"message {term.message} of a handshake")
        if self.turn == HELLO:
            return Reading(Confirmation(), newest=False, after=self._after(term.starter, b""))
        known = (self.starter, self.answerer or term.answerer)
        if (term.starter, term.answerer) != known or not self.profile.trusts(self.role, term.author):
            raise RemoteSessionError("not authentic", "another handshake, or a peer that is not trusted")
        starts = self.role is Role.INITIATOR
        signal: Signal = Answer(b"", None, _last(return_route), False) if starts else Confirmation()
        return Reading(signal, newest=False, after=self._after(*known))

    def _after(self, starter: bytes, answerer: bytes) -> Protection:
        if self.turn == CONFIRMATION:
            return Open(self.profile, self.role, starter, answerer)
        return Negotiating(self.profile, self.role, self.turn + 1, starter, answerer)


@dataclass(frozen=True)
class Open:
    """An open channel. `sent`: the nonce of this end's next message. `read_nonces`: the nonces read from the peer
    that the window covers; the last one is the newest."""

    profile: SymbolicProfile
    role: Role
    starter: bytes
    answerer: bytes
    sent: int = 0
    read_nonces: tuple[int, ...] = ()
    complete = True

    @property
    def peer(self) -> str:
        return AUTHOR[Role(1 - self.role)]

    @property
    def exhausted(self) -> bool:
        return self.sent >= self.profile.nonces - self.profile.reserve

    def can_send(self, signal: Signal) -> bool:
        if isinstance(signal, Keepalive | KeepaliveAnswer) and not self.profile.keeps_alive:
            return False
        return self.sent < self.profile.nonces and isinstance(signal, Keepalive | KeepaliveAnswer | Data | Close)

    def write(self, signal: Signal) -> tuple[bytes, Protection]:
        author = AUTHOR[self.role]
        term = Term(CHANNEL_MESSAGE, self.starter, self.answerer, author, self.sent, plaintext_of_signal(signal))
        return term.encode(), replace(self, sent=self.sent + 1)

    def read(self, payload: bytes, return_route: Route) -> Reading:
        term = _term(payload)
        here = (CHANNEL_MESSAGE, self.starter, self.answerer, self.peer)
        if (term.message, term.starter, term.answerer, term.author) != here:
            raise RemoteSessionError("not authentic", "the peer did not write it in this handshake")
        newest = max(self.read_nonces, default=-1)
        if term.nonce - newest - 1 > self.profile.lost:
            raise RemoteSessionError(
                "too far ahead", f"nonce {term.nonce} after {newest}, at most {self.profile.lost} may be lost"
            )
        if self.profile.refuses_replays and (term.nonce in self.read_nonces or term.nonce < newest - self.profile.late):
            raise RemoteSessionError("replayed", f"nonce {term.nonce} after {newest}")
        signal = overheard(payload)
        assert signal is not None
        if isinstance(signal, Close):
            signal = Close(b"", 0, _NO_ADDRESS, "")
        return Reading(signal, term.nonce > newest, replace(self, read_nonces=self._window(term.nonce)))

    def _window(self, nonce: int) -> tuple[int, ...]:
        read = sorted({*self.read_nonces, nonce})
        return tuple(one for one in read if one >= read[-1] - self.profile.late)


SYMBOLIC = SymbolicProfile()


def _term(payload: bytes) -> Term:
    term = term_of(payload)
    if term is None:
        raise bare.malformed("no term")
    return term


def _last(return_route: Route) -> Address:
    if not return_route:
        raise RemoteSessionError(NO_RETURN_ROUTE, "a handshake message that cannot be answered")
    worker_route(return_route, return_route[-1])
    return return_route[-1]

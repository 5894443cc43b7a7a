"""The symbolic channel of the explorer and real cryptography accept and reject the same messages.

There are two concurrent handshakes, and a stranger that begins a third. Every message sent so far may arrive at any
end, any number of times and in any order: lost, late, replayed, reflected, or from another handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from ockam_fsm.checking.sessions.secure_worlds import messages_to_initiator, messages_to_responder, secure_worlds
from ockam_fsm.checking.sessions.symbolic_channel import CHANNEL_MESSAGE as TALK_TERM
from ockam_fsm.checking.sessions.symbolic_channel import (
    CONFIRMATION,
    HELLO,
    STRANGER,
    SYMBOLIC,
    Negotiating,
    Open,
    SymbolicProfile,
    Term,
    overheard,
    term_of,
)
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.message import Route, local
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
)
from ockam_fsm.secure.profile import SecureProfile
from ockam_fsm.secure.transport import LATE_INTERVALS, MAX_LOST
from ockam_fsm.secure.trust import TrustIdentifiers
from tests.secure.helpers import NOW, own_identity, purpose_key

ROOMY = SymbolicProfile(nonces=MAX_LOST, lost=MAX_LOST, late=32 * LATE_INTERVALS)
TALK: tuple[Signal, ...] = (Data(b"x"), Keepalive(), KeepaliveAnswer(), Close(b"", 0, local(""), ""), GoingAway(""))


@dataclass
class Both:
    """One end, in both implementations: symbolic and cryptographic."""

    name: str
    role: Role
    symbols: Protection
    keys: Protection
    stranger: bool = False

    def next_signal(self, random: Random) -> Signal:
        """Return the next signal of a session, whether or not it can be sent."""
        generation = Generation(1, Role.INITIATOR, local(self.name))
        if not isinstance(self.symbols, Negotiating):
            return random.choice(TALK)
        if self.role is Role.RESPONDER:
            return Answer(b"", generation, local(self.name), False)
        return Hello(b"", generation) if self.symbols.turn == HELLO else Keepalive()

    def write(self, signal: Signal) -> tuple[bytes, bytes] | None:
        can_send = self.symbols.can_send(signal)
        assert self.keys.can_send(signal) is can_send
        if not can_send:
            return None
        said, self.symbols = self.symbols.write(signal)
        sealed, self.keys = self.keys.write(signal)
        term = term_of(said)
        assert term is not None
        return (term._replace(author=STRANGER).encode() if self.stranger else said), sealed

    def read(self, said: bytes, sealed: bytes, back: Route) -> bool:
        """Return whether the message was read. Both implementations agree on this and on its content."""
        before = self.symbols
        try:
            signal, newest, self.keys = self.keys.read(sealed, back)
        except RemoteSessionError:
            with pytest.raises(RemoteSessionError):
                self.symbols.read(said, back)
            assert self.symbols == before
            return False
        same, newer, self.symbols = self.symbols.read(said, back)
        assert (type(same), newer) == (type(signal), newest)
        assert (self.symbols.complete, self.symbols.exhausted) == (self.keys.complete, self.keys.exhausted)
        return True


def ends(random: Random) -> list[Both]:
    """Return two pairs, and a stranger that begins a handshake with any responder."""
    identifiers = {name: own_identity(name).identity.identifier for name in ("alice", "bob")}

    def real(name: str, peer: str) -> SecureProfile:
        return SecureProfile(purpose_key(name), TrustIdentifiers([identifiers[peer]]), lambda: NOW, random.randbytes)

    made = []
    for number in "12":
        for name, peer, role in (("alice", "bob", Role.INITIATOR), ("bob", "alice", Role.RESPONDER)):
            keys = real(name, peer).protection(role)
            made.append(Both(name + number, role, ROOMY.protection(role), keys))
    keys = real("mallory", "bob").protection(Role.INITIATOR)
    return [*made, Both("mallory", Role.INITIATOR, ROOMY.protection(Role.INITIATOR), keys, stranger=True)]


@pytest.mark.slow
def test_the_symbolic_channel_agrees_with_cryptography() -> None:
    read = refused = opened = 0
    for seed in range(12):
        random = Random(seed)
        everybody = ends(random)
        ever_said: list[tuple[bytes, bytes, Route]] = []
        for _ in range(250):
            end = random.choice(everybody)
            written = end.write(end.next_signal(random))
            if written is not None:
                ever_said.append((*written, (local(end.name),)))
            if ever_said:
                weights = range(1, len(ever_said) + 1)  # prefer recent messages, or no handshake would finish
                (message,) = random.choices(ever_said, weights)
                took = random.choice(everybody).read(*message)
                read, refused = read + took, refused + (not took)
        opened += sum(isinstance(end.symbols, Open) for end in everybody)
        assert not any(isinstance(end.symbols, Open) and end.symbols.starter == b"mallory" for end in everybody[:-1])
    print(read, refused, opened)
    assert read > 100
    assert refused > 1000
    assert opened > 12


def channel(profile: SymbolicProfile = SYMBOLIC) -> tuple[Protection, Protection]:
    """Return both ends of an open channel."""
    starter, answerer = profile.protection(Role.INITIATOR), profile.protection(Role.RESPONDER)
    generation = Generation(1, Role.INITIATOR, local("s"))
    first, starter = starter.write(Hello(b"", generation))
    answerer = answerer.read(first, (local("s"),)).after
    second, answerer = answerer.write(Answer(b"", generation, local("a"), False))
    starter = starter.read(second, (local("a"),)).after
    third, starter = starter.write(Keepalive())
    signal, _, answerer = answerer.read(third, (local("s"),))
    assert signal == Confirmation()
    return starter, answerer


def test_the_width_of_the_window() -> None:
    starter, answerer = channel(SymbolicProfile(nonces=9, lost=1, late=1))
    said = []
    for _ in range(6):
        payload, starter = starter.write(Data(b"m"))
        said.append(payload)
    with pytest.raises(RemoteSessionError, match="too far ahead"):
        answerer.read(said[2], ())
    for nonce in (1, 0, 3, 2):
        answerer = answerer.read(said[nonce], ()).after
    for nonce in (0, 1, 2, 3):
        with pytest.raises(RemoteSessionError, match="replayed"):
            answerer.read(said[nonce], ())
    assert answerer.read(said[5], ()).newest


def test_a_channel_without_nonces_sends_no_more_messages() -> None:
    starter, _ = channel(SymbolicProfile(nonces=2))
    _, starter = starter.write(Data(b"m"))
    assert starter.exhausted
    assert starter.can_send(Keepalive())
    _, starter = starter.write(Keepalive())
    assert not any(map(starter.can_send, TALK))


def test_no_message_is_sent_in_plaintext() -> None:
    assert not any(map(SYMBOLIC.can_send, TALK))
    with pytest.raises(LocalSessionError):
        SYMBOLIC.encode(Data(b"m"))
    for payload in (b"m", next(messages_to_initiator()).message.payload):
        with pytest.raises(RemoteSessionError):
            SYMBOLIC.decode(payload, Place.NEGOTIATION_START, (local("s"),))


def test_a_stranger_sends_every_kind_of_term() -> None:
    said = [packet.message.payload for packet in (*messages_to_initiator(), *messages_to_responder())]
    terms = [term for term in map(term_of, said) if term is not None]
    assert {term.message for term in terms} == {2, 3, 4}
    assert {term.author for term in terms} == {"initiator", "responder", STRANGER}
    assert all(overheard(payload) is not None for payload in said)


def test_a_stranger_sends_terms_that_differ_from_the_expected_in_one_field() -> None:
    starter, answerer = b"initiator0/1iw", b"responder0.1/1iw"
    authentic = {
        (CONFIRMATION, "initiator", answerer),
        (TALK_TERM, "initiator", answerer),
        (TALK_TERM, "responder", starter),
    }
    expected = {Term(message, starter, answerer, author): reader for message, author, reader in authentic}
    seen = set()
    for packet in (*messages_to_initiator(), *messages_to_responder()):
        said = term_of(packet.message.payload)
        assert said is not None
        for term, reader in expected.items():
            fields = [name for name in ("starter", "answerer", "author") if getattr(said, name) != getattr(term, name)]
            if packet.message.onward_route[0].value == reader and (said.message, said.nonce) == (term.message, 0):
                seen.add((term.message, term.author, *fields))
    assert {
        (CONFIRMATION, "initiator", "answerer"),
        (TALK_TERM, "initiator", "answerer"),
        (TALK_TERM, "initiator", "author"),
        (TALK_TERM, "responder", "starter"),
        (TALK_TERM, "responder", "author"),
    } <= seen


def test_every_world_of_a_channel_checks_the_properties_of_channels() -> None:
    for world in secure_worlds():
        assert {"S36", "S37", "R8"} <= {one.id for one in world.properties}

"""A secure channel as a session: two ends of the real session, with real keys, and a hostile network between them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.commands import Closed, Deliver, Established, Responded, TimedOut, Timer
from ockam_fsm.runtime.session.handshake import Place, Profile
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.session import KEYS_USED_UP, Session
from ockam_fsm.runtime.session.signals import Data, Hello
from ockam_fsm.secure import profile as module
from ockam_fsm.secure.profile import KEEPALIVE, SecureProfile
from ockam_fsm.secure.suite import MAX_NONCE
from ockam_fsm.secure.transport import EncryptorState
from ockam_fsm.secure.trust import TrustEveryone, TrustIdentifiers, TrustPolicy
from tests.helpers import End, drop, make_host, make_initiator, settle, tick, transfer
from tests.secure.helpers import NOW, own_identity, purpose_key, secret, wrong_forms

SECRET_WORDS = b"nobody else reads this"


def secure(name: str, trust: TrustPolicy | None = None, *, keepalives: bool = True, now: int = NOW) -> SecureProfile:
    """Return a profile with keys derived from its name."""
    drawn = count()

    def random(size: int) -> bytes:
        return secret(f"{name} {next(drawn)}").reveal()[:size]

    return SecureProfile(purpose_key(name), trust or TrustEveryone(), lambda: now, random, keepalives=keepalives)


def opening(
    kind: SessionType = EXPLICIT_TRANSIENT, alice: Profile | None = None, bob: Profile | None = None
) -> tuple[End, End]:
    """The initiator has sent the first message."""
    i, r = make_initiator(kind, alice or secure("alice")), make_host(kind, bob or secure("bob"))
    i.order(Session.open)
    return i, r


def opened(kind: SessionType = EXPLICIT_TRANSIENT, **profiles: Profile) -> tuple[End, End]:
    i, r = opening(kind, **profiles)
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    return i, r


def identifier(name: str) -> str:
    return str(own_identity(name).identity.identifier)


def protection(end: End) -> Protection:
    found = end.session.current_protection
    assert found is not None
    return found


# Three messages negotiate a session -----------------------------------------------------------------------------------


def test_the_third_message_confirms_the_answer() -> None:
    i, r = opening()
    assert [len(message.payload) for message in i.outbox] == [32], "the bare ephemeral key"
    transfer(i, r)
    assert (i.state, r.state) == (State.NEGOTIATING, State.NEGOTIATING)
    transfer(r, i)
    assert (i.state, r.state) == (State.ESTABLISHED, State.NEGOTIATING)
    assert (i.session.peer, r.session.peer) == (identifier("bob"), None)
    transfer(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)
    assert r.session.peer == identifier("alice")
    assert (i.outbox, r.outbox, r.reasons) == ([], [], []), "nothing answers the third message"


def test_data_requests_and_replies_go_through() -> None:
    i, r = opened()
    i.send(SECRET_WORDS, local("echo"))
    assert [(SECRET_WORDS in message.payload, message.return_route) for message in i.outbox] == [(False, ())]
    settle(i, r)
    assert r.of(Deliver) == [Deliver(SECRET_WORDS, (local("echo"),), (local("responder"),))]
    i.request("question")
    settle(i, r)
    r.reply(b"answer")
    settle(i, r)
    assert i.of(Deliver) == []
    assert Responded("question", b"answer") in i.notices


def test_keepalives_are_sent_and_answered() -> None:
    i, r = opened()
    tick(i, 15.0)
    settle(i, r)
    assert i.session.misses == 0
    tick(i, 15.0)
    drop(i)
    tick(i, 15.0)
    drop(i)
    assert i.session.misses == 2
    tick(i, 15.0)
    settle(i, r)
    assert (i.session.misses, i.state) == (0, State.ESTABLISHED)


def test_a_peer_without_keepalives_receives_none() -> None:
    i, _ = opened(alice=secure("alice", keepalives=False), bob=secure("bob", keepalives=False))
    assert Timer.KEEPALIVE not in i.armed
    tick(i, 3600.0)
    assert (i.outbox, i.state) == ([], State.ESTABLISHED)


def test_a_close_ends_both_and_what_comes_later_is_a_dead_letter() -> None:
    for closer, other in ((0, 1), (1, 0)):
        ends = opened()
        ends[other].send(b"late")
        ends[closer].order(Session.close)
        late = ends[other].outbox.pop()
        settle(*ends)
        assert (ends[0].state, ends[1].state) == (State.CLOSED, State.CLOSED)
        ends[other].outbox.append(late)
        transfer(ends[other], ends[closer])
        assert ends[closer].reasons[-1:] == ["unknown address"]


def test_no_signal_is_sent_before_there_are_keys() -> None:
    """No close and no other signal: the peer could not authenticate it."""
    i, r = opening()
    transfer(i, r)
    r.outbox.clear()
    for end in (i, r):
        end.order(Session.close)
        assert end.outbox == []
    i, r = opened()
    i.order(Session.stop)
    assert i.outbox == [], "Ockam's channels have no signal for a node that goes away"


def test_a_persistent_initiator_renegotiates_with_fresh_keys() -> None:
    i, r = opened(EXPLICIT_PERSISTENT_ONE_SIDED)
    i.send(SECRET_WORDS)
    old = i.outbox[:]
    settle(i, r)
    i.order(Session.renegotiate)
    tick(i, 2.0)
    settle(i, r)
    assert (i.state, i.session.seen[0], r.session.peer) == (State.ESTABLISHED, 2, identifier("alice"))
    i.send(SECRET_WORDS)
    assert old[0].payload not in [message.payload for message in i.outbox]
    settle(i, r)
    assert r.delivered == [SECRET_WORDS, SECRET_WORDS]


# A hostile network ----------------------------------------------------------------------------------------------------


def refused(end: End, message: Message) -> str:
    """Return the reason for the refusal of a message, and check that the end has not changed."""
    before = end.session.snapshot()
    end.outbox.clear()
    letters = len(end.reasons)
    end.receive(message)
    assert end.session.snapshot() == before
    assert (end.outbox, len(end.reasons)) == ([], letters + 1)
    return end.reasons[-1]


def at(end: End, payload: bytes, back: str = "x") -> Message:
    """Return a message to the current inner address of an end."""
    link = end.session.attempt or end.session.current
    assert link is not None
    return Message((link.inner,), (local(back),), payload)


@pytest.mark.parametrize("turn", [1, 2, 3], ids=["second", "third", "data"])
def test_a_wrong_message_changes_nothing(turn: int) -> None:
    i, r = opening()
    transfer(i, r)
    if turn > 1:
        transfer(r, i)
    if turn > 2:
        transfer(i, r)
        i.send(SECRET_WORDS)
    sender, receiver = (r, i) if turn == 1 else (i, r)
    right = sender.outbox.pop()
    for payload in wrong_forms(right.payload):
        refused(receiver, at(receiver, payload))
    sender.outbox = [right]
    receiver.outbox.clear()
    settle(i, r)
    assert (i.state, r.state) == (State.ESTABLISHED, State.ESTABLISHED)


def test_a_message_is_accepted_once_and_never_by_its_own_sender() -> None:
    i, r = opening()
    hello = transfer(i, r)
    answer = transfer(r, i)
    third = transfer(i, r)
    i.send(SECRET_WORDS)
    data = transfer(i, r)
    for message in (answer, third, data, hello):
        refused(i, at(i, message.payload))
        refused(r, at(r, message.payload))
    assert r.delivered == [SECRET_WORDS]


def test_a_node_in_the_middle_cannot_choose_the_request_of_an_answer() -> None:
    """The outer address is not authentic; only the inner route identifies the request of an answer."""
    i, r = opened()
    i.request("first")
    i.request("second")
    settle(i, r)
    r.send(b"an answer to nothing")
    (message,) = r.outbox
    link = i.session.current
    assert link is not None
    numbered = Address(link.inner.type, link.reply_prefix + b"1")
    before = i.session.snapshot()
    i.receive(Message((numbered,), (), message.payload))
    assert (i.session.snapshot(), i.reasons) == (before, ["unknown address"])
    settle(i, r)
    assert i.delivered == [b"an answer to nothing"]
    assert not any(isinstance(notice, Responded) for notice in i.notices)


def test_an_answer_without_a_usable_return_route_does_not_end_the_attempt() -> None:
    i, r = opening()
    transfer(i, r)
    answer = r.outbox[0]
    for back in ((), (Address(1, b"h:1"),)):
        link = i.session.attempt
        assert link is not None
        before = i.session.snapshot()
        i.receive(Message((link.inner,), back, answer.payload))
        assert i.session.snapshot() == before
    assert i.reasons == ["no-return-route", "foreign-worker"]
    settle(i, r)
    assert i.state is State.ESTABLISHED


@pytest.mark.parametrize("payload", [b"", bytes(31), bytes(33), bytes(32), b"\1" + bytes(31),
                                     b"\xed" + b"\xff" * 30 + b"\x7f", b"\xee" + b"\xff" * 31])  # fmt: skip
def test_a_first_message_without_a_usable_key_makes_no_responder(payload: bytes) -> None:
    r = make_host(EXPLICIT_TRANSIENT, secure("bob"))
    r.receive(Message((local("host"),), (local("x"),), payload))
    assert (r.state, len(r.reasons), r.outbox) == (State.CLOSED, 1, [])


def test_responders_of_unfinished_handshakes_are_bounded_and_end() -> None:
    r = make_host(EXPLICIT_TRANSIENT, secure("bob"), capacity=3)
    for name in range(5):
        i = make_initiator(EXPLICIT_TRANSIENT, secure(f"alice {name}"))
        i.order(Session.open)
        transfer(i, r)
    assert r.reasons == ["the host has no room for another responder"] * 2
    tick(r, 10.0)
    assert r.state is State.CLOSED


@pytest.mark.parametrize("side", [0, 1], ids=["initiator", "responder"])
def test_an_untrusted_peer_is_refused_with_the_cause(side: int) -> None:
    only_carol = TrustIdentifiers([identifier("carol")])
    policies = (only_carol, None) if side == 0 else (None, only_carol)
    i, r = opening(alice=secure("alice", policies[0]), bob=secure("bob", policies[1]))
    settle(i, r)
    end = (i, r)[side]
    assert (end.state, end.reasons) == (State.NEGOTIATING, ["untrusted"])
    assert end.session.peer is None
    tick(end, 10.0)
    (failure,) = [notice for notice in end.notices if isinstance(notice, TimedOut)]
    assert failure.reason == "negotiation timed out"
    assert "refused was: untrusted: I" in failure.detail
    assert not any(isinstance(notice, Established) for notice in end.notices)


def test_any_loss_is_survived_or_detected() -> None:
    i, r = opened(EXPLICIT_PERSISTENT_ONE_SIDED)
    for lost in (1, 31, 32, 33, 2000):
        for _ in range(lost):
            i.send(b"lost")
        drop(i, lost)
        i.send(b"%d" % lost)
        settle(i, r)
        assert r.delivered[-1] == b"%d" % lost
    current = protection(i)
    assert isinstance(current, module._Open)
    far = EncryptorState(current.sending.key, 2**40)
    i.session.current_protection = module._Open(current.profile, current.channel, far, current.receiving)
    i.send(b"beyond")
    settle(i, r)
    assert r.delivered[-1] == b"2000", "more is lost than can be followed"
    for _ in range(4):
        tick(i, 15.0)
        settle(i, r)
    tick(i, 2.0)
    settle(i, r)
    i.send(b"again")
    settle(i, r)
    assert (r.delivered[-1], i.session.seen[0]) == (b"again", 2)


def used_up(end: End, left: int) -> None:
    """Leave an end only this many nonces for the application."""
    current = protection(end)
    assert isinstance(current, module._Open)
    last = EncryptorState(current.sending.key, MAX_NONCE - module.RESERVE + 1 - left)
    end.session.current_protection = module._Open(current.profile, current.channel, last, current.receiving)


def test_exhausted_keys_end_a_transient_channel() -> None:
    i, r = opened()
    used_up(i, 1)
    i.send(b"the last one")
    assert not i.notices[1:]
    i.send(b"one too many")
    tick(i, 0.0)
    settle(i, r)
    assert i.reasons == ["lower layer lost"]
    assert Closed("lower layer lost", KEYS_USED_UP) in i.notices


def test_without_a_nonce_no_signal_is_sent() -> None:
    i, r = opened()
    used_up(i, -module.RESERVE)
    tick(i, 15.0)
    i.order(Session.close)
    assert (i.outbox, i.state) == ([], State.CLOSED)
    settle(i, r)
    assert r.state is State.ESTABLISHED


def test_exhausted_keys_make_a_persistent_channel_renegotiate() -> None:
    i, r = opened(EXPLICIT_PERSISTENT_ONE_SIDED)
    used_up(i, 0)
    i.send(b"waits for the next keys")
    tick(i, 2.0)
    settle(i, r)
    assert (r.delivered, i.session.seen[0]) == ([b"waits for the next keys"], 2)


# The profile by itself ------------------------------------------------------------------------------------------------


def test_no_signal_is_sent_in_clear_text() -> None:
    profile = secure("alice")
    assert not profile.can_send(Data(b""))
    with pytest.raises(LocalSessionError, match="sends no Data outside a channel"):
        profile.encode(Data(b""))


def test_only_a_key_is_accepted_in_clear_text() -> None:
    profile, key = secure("alice"), b"\x09" + bytes(31)
    hello = profile.decode(key, Place.NEGOTIATION_START, (local("hop"), local("starter")))
    assert isinstance(hello, Hello)
    assert hello.generation.address == local("starter")
    readings: list[Callable[[], object]] = [
        lambda: profile.decode(key, Place.WORKER, (local("starter"),)),
        lambda: profile.decode(key, Place.NEGOTIATION_START, ()),
        lambda: profile.decode(key, Place.NEGOTIATION_START, (Address(1, b"h:1"),)),
    ]
    for reading in readings:
        with pytest.raises(RemoteSessionError):
            reading()


def test_it_shows_no_secret() -> None:
    i, _ = opened()
    shown = f"{secure('alice')!r} {i.session.snapshot()!r} {i.log!r}"
    for name in ("alice purpose", "alice identity", "alice 0"):
        assert repr(secret(name).reveal())[2:-1] not in shown
        assert secret(name).reveal().hex() not in shown


def test_an_application_cannot_reach_the_worker_of_keepalives() -> None:
    """A message of an application to that worker is a keepalive."""
    i, r = opened()
    i.send(b"x", KEEPALIVE)
    settle(i, r)
    assert (r.delivered, r.reasons, i.reasons) == ([], [], [])


def test_a_protection_lists_the_signals_that_it_can_send() -> None:
    profile = secure("alice")
    asks, answers = profile.protection(Role.INITIATOR), profile.protection(Role.RESPONDER)
    assert [one.can_send(Hello(b"", None)) for one in (asks, answers)] == [True, False]  # type: ignore[arg-type]
    assert not asks.can_send(Data(b""))

"""The contract of an edge with its nodes: the simulated edge and the TCP edge pass the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context, echo, hop
from ockam_fsm.runtime.session.commands import Closed, Established, RequestTimedOut, Responded, TimedOut
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.host import FULL
from ockam_fsm.runtime.session.session import Session
from tests.net.rigs import RIGS, Rig
from tests.net.tcp_helpers import QUICK
from tests.runtime.node_helpers import HOST, Inbox

COMBINATIONS = [
    (kind, profile)
    for kind in TYPES
    for profile in (GENERATION, OCKAM)
    if profile.keeps_alive or kind.renegotiation is not Renegotiation.TWO_SIDED
]
NAMES = [f"{kind.name}-{profile.name}" for kind, profile in COMBINATIONS]


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = RIGS[request.param]()
    yield made
    made.close()


def listening(node: Node, name: str = "inbox") -> Inbox:
    inbox = Inbox()
    node.start_worker(local(name), handler=inbox, access=Access.PUBLIC)
    return inbox


def send(rig: Rig, *payloads: bytes, to: Address | None = None) -> None:
    for payload in payloads:
        rig.a.route(Message((to or rig.at_b, local("inbox")), (local("me"),), payload))


def settings(kind: SessionType, role: Role, profile: Profile) -> SessionConfig:
    fresh = role is Role.RESPONDER and not profile.keeps_alive
    attempts = 5 if role is Role.RESPONDER or not kind.persistent else None
    return SessionConfig(EXPLICIT_TRANSIENT if fresh else kind, role, profile, QUICK, attempts)


def start(rig: Rig, kind: SessionType, profile: Profile = GENERATION) -> tuple[Address, Inbox, Inbox]:
    """Start a session of `a` to a host of `b`, open an explicit one, and return it with the inboxes of both ends."""
    here, there = Inbox(), Inbox()
    rig.b.start_host(HOST, settings(kind, Role.RESPONDER, profile), handler=there)
    two_sided = kind.renegotiation is Renegotiation.TWO_SIDED
    contact = local("contact")
    session = rig.a.start_session(
        settings(kind, Role.INITIATOR, profile),
        (rig.at_b, HOST),
        handler=here,
        contact=contact if two_sided else None,
        own_route=(rig.at_a, contact) if two_sided else (),
    )
    if kind.creation is Creation.EXPLICIT:
        rig.a.open(session)
        rig.until(lambda: state(rig.a, session) is State.ESTABLISHED)
    return session, here, there


def state(node: Node, outer: Address) -> State:
    try:
        return node.session(outer).state
    except LocalSessionError:
        return State.CLOSED


def responders(rig: Rig) -> list[Session]:
    return [worker.session for worker in rig.b.host(HOST).responders.values()]


# Messages -------------------------------------------------------------------------------------------------------------


def test_messages_make_one_connection_and_arrive_in_order(rig: Rig) -> None:
    inbox = listening(rig.b)
    expected = [str(number).encode() for number in range(300)]
    send(rig, *expected[:100])
    rig.until(lambda: inbox.messages)
    send(rig, *expected[100:])
    rig.until(lambda: len(inbox.messages) == 300)
    assert inbox.payloads == expected
    assert rig.connections() == 1


def test_the_receiver_puts_its_own_address_before_the_return_route_and_a_reply_goes_that_way(rig: Rig) -> None:
    inbox, back = listening(rig.b), listening(rig.a, "me")
    send(rig, b"1")
    rig.until(lambda: inbox.messages)
    via, *rest = inbox.messages[0].return_route
    assert rest == [local("me")]
    assert via != local("me")
    rig.b.route(Message(inbox.messages[0].return_route, (), b"reply"))
    rig.until(lambda: back.payloads == [b"reply"])


def test_a_tracing_context_arrives(rig: Rig) -> None:
    inbox = listening(rig.b)
    rig.b.start_worker(local("hop"), handler=hop, access=Access.PUBLIC)
    rig.a.route(Message((rig.at_b, local("hop"), local("inbox")), (), b"x", "00-trace"))
    rig.until(lambda: inbox.messages)
    assert inbox.messages[0].tracing_context == "00-trace"


def test_an_unreachable_destination_loses_only_its_messages(rig: Rig) -> None:
    inbox = listening(rig.b)
    send(rig, b"lost", to=rig.nowhere)
    send(rig, b"1")
    rig.until(lambda: inbox.messages and rig.a.dead_letters.counts)
    assert rig.a.dead_letters.counts == {"connection lost": 1}
    rig.until(lambda: rig.nowhere not in rig.a.destinations)
    send(rig, b"lost again", to=rig.nowhere)
    rig.until(lambda: rig.a.dead_letters.counts == {"connection lost": 2})


def test_an_undeliverable_message_is_a_dead_letter_at_the_other_node(rig: Rig) -> None:
    rig.b.start_worker(local("private"), handler=echo)
    for name in ("nobody", "private"):
        rig.a.route(Message((rig.at_b, local(name)), (local("me"),), b"x"))
    rig.until(lambda: rig.b.dead_letters.total == 2)
    assert rig.b.dead_letters.counts == {"unknown address": 1, "private address": 1}


def test_a_handler_that_raises_affects_no_other_worker(rig: Rig) -> None:
    def fail(message: Message, context: Context) -> None:
        raise ValueError

    inbox = listening(rig.b)
    rig.b.start_worker(local("fails"), handler=fail, access=Access.PUBLIC)
    rig.a.route(Message((rig.at_b, local("fails")), (), b"x"))
    send(rig, b"1")
    rig.until(lambda: inbox.messages)
    assert rig.b.dead_letters.counts == {"handler raised": 1}


def test_after_a_reset_the_next_message_makes_the_next_connection(rig: Rig) -> None:
    inbox = listening(rig.b)
    send(rig, b"1")
    rig.until(lambda: inbox.messages)
    rig.reset()
    rig.until(lambda: rig.connections() == 0 and not rig.a.destinations)
    send(rig, b"2")
    rig.until(lambda: inbox.payloads == [b"1", b"2"])


# Sessions -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS, ids=NAMES)
def test_every_type_carries_data_both_ways_in_order(rig: Rig, kind: SessionType, profile: Profile) -> None:
    session, here, there = start(rig, kind, profile)
    expected = [str(number).encode() for number in range(50)]
    for payload in expected:
        rig.a.send(session, payload)
    rig.until(lambda: len(there.messages) == 50)
    (responder,) = responders(rig)
    rig.until(lambda: responder.state is State.ESTABLISHED)
    for payload in expected:
        rig.b.send(responder.terms.outer, payload)
    rig.until(lambda: len(here.messages) == 50)
    assert here.payloads == there.payloads == expected
    assert rig.a.dead_letters.counts == rig.b.dead_letters.counts == {}


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS, ids=NAMES)
def test_after_a_reset_a_persistent_session_comes_back_and_a_transient_one_is_closed(
    rig: Rig, kind: SessionType, profile: Profile
) -> None:
    session, _, there = start(rig, kind, profile)
    rig.a.send(session, b"before")
    rig.until(lambda: there.payloads == [b"before"])
    lost = rig.a.session(session).current
    rig.reset()
    # On a busy machine it may be established again before the state is read.
    rig.until(lambda: state(rig.a, session) is not State.ESTABLISHED or rig.a.session(session).current != lost)
    if not kind.persistent:
        rig.until(lambda: state(rig.a, session) is State.CLOSED and not responders(rig))
        return
    rig.a.send(session, b"after")
    rig.until(lambda: there.payloads == [b"before", b"after"])
    rig.until(lambda: len(responders(rig)) == 1)
    (responder,) = responders(rig)
    rig.until(lambda: responder.state is state(rig.a, session) is State.ESTABLISHED)
    ours, theirs = rig.a.session(session).current, responder.current
    assert ours is not None
    assert theirs is not None
    if profile.keeps_alive:
        assert ours.generation == theirs.generation
        assert ours.generation.number > 1
    assert ours.route[-1] == theirs.inner


@pytest.mark.parametrize("profile", [GENERATION, OCKAM], ids=lambda profile: profile.name)
def test_a_request_has_one_outcome(rig: Rig, profile: Profile) -> None:
    session, _, _ = start(rig, EXPLICIT_TRANSIENT, profile)
    rig.b.start_worker(local("echo"), handler=echo, access=Access.PUBLIC)
    rig.a.request(session, "answered", b"question", (local("echo"),))
    rig.until(lambda: Responded("answered", b"question") in [notify.notice for notify in rig.notices])
    rig.a.request(session, "ignored", b"question")
    rig.until(lambda: RequestTimedOut("ignored") in [notify.notice for notify in rig.notices])
    outcomes = [n.notice for n in rig.notices if isinstance(n.notice, Responded | RequestTimedOut)]
    assert len(outcomes) == 2


def test_a_withdrawn_request_has_no_outcome_and_the_session_goes_on(rig: Rig) -> None:
    session, _, there = start(rig, EXPLICIT_TRANSIENT)
    rig.a.request(session, "ignored", b"question")
    rig.until(lambda: there.payloads == [b"question"])
    rig.a.withdraw_request(session, "ignored")
    rig.a.withdraw_request(session, "ignored")
    rig.b.start_worker(local("echo"), handler=echo, access=Access.PUBLIC)
    rig.a.request(session, "ignored", b"again", (local("echo"),))
    rig.until(lambda: Responded("ignored", b"again") in [notify.notice for notify in rig.notices])
    assert state(rig.a, session) is State.ESTABLISHED


def test_renegotiation_by_order_leads_to_the_next_generation(rig: Rig) -> None:
    session, _, _ = start(rig, EXPLICIT_PERSISTENT_ONE_SIDED)
    rig.a.renegotiate(session)
    rig.until(lambda: sum(isinstance(n.notice, Established) for n in rig.notices if n.worker == session) == 2)
    last = [n.notice for n in rig.notices if n.worker == session and isinstance(n.notice, Established)][-1]
    assert (last.generation.number, last.resumed) == (2, True)


def test_closing_notifies_the_peer(rig: Rig) -> None:
    session, _, _ = start(rig, EXPLICIT_TRANSIENT)
    rig.until(lambda: [one.state for one in responders(rig)] == [State.ESTABLISHED])
    rig.a.close(session)
    rig.until(lambda: not responders(rig))
    reasons = [notify.notice.reason for notify in rig.notices if isinstance(notify.notice, Closed)]
    assert reasons == ["closed by order", "closed by the peer"]


def test_a_session_without_an_answer_times_out_and_closes(rig: Rig) -> None:
    impatient = replace(QUICK, negotiation_seconds=0.1)
    asks = SessionConfig(IMPLICIT_TRANSIENT, Role.INITIATOR, GENERATION, impatient)
    rig.b.start_worker(HOST, handler=lambda message, context: None, access=Access.PUBLIC)
    session = rig.a.start_session(asks, (rig.at_b, HOST))
    rig.a.send(session, b"never")
    rig.until(lambda: state(rig.a, session) is State.CLOSED)
    assert sum(rig.a.dead_letters.counts.values()) == 1
    (failed,) = (notify.notice for notify in rig.notices if isinstance(notify.notice, TimedOut))
    assert failed.detail == f"no answer from {rig.at_b} {HOST}"


def test_a_session_to_an_unknown_worker_fails_at_once(rig: Rig) -> None:
    asks = SessionConfig(IMPLICIT_TRANSIENT, Role.INITIATOR, GENERATION)  # the time-out alone would take 10 s
    session = rig.a.start_session(asks, (rig.at_b, HOST))
    rig.a.send(session, b"never")
    rig.until(lambda: state(rig.a, session) is State.CLOSED)
    assert rig.b.dead_letters.counts == {"unknown address": 1}
    (failed,) = (notify.notice for notify in rig.notices if isinstance(notify.notice, TimedOut))
    assert failed == TimedOut("error message")
    assert failed.detail == f"no such worker: {HOST}"


def test_a_full_host_rejects_hellos(rig: Rig) -> None:
    answers = SessionConfig(IMPLICIT_TRANSIENT, Role.RESPONDER, GENERATION)
    rig.b.start_host(HOST, answers, handler=echo, capacity=1)
    asks = SessionConfig(IMPLICIT_TRANSIENT, Role.INITIATOR, GENERATION)
    first = rig.a.start_session(asks, (rig.at_b, HOST))
    rig.a.send(first, b"x")
    rig.until(lambda: state(rig.a, first) is State.ESTABLISHED)
    second = rig.a.start_session(asks, (rig.at_b, HOST))
    rig.a.send(second, b"x")
    rig.until(lambda: state(rig.a, second) is State.CLOSED)
    (failed,) = (notify.notice for notify in rig.notices if isinstance(notify.notice, TimedOut))
    assert (failed.reason, FULL.startswith(failed.detail), len(failed.detail) > 20) == ("error message", True, True)
    assert state(rig.a, first) is State.ESTABLISHED

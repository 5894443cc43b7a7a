"""Sessions in nodes: every type, on both ends, over connections, over each other, and against spoofed messages."""

from __future__ import annotations

import pytest

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    IMPLICIT_TRANSIENT,
    TYPES,
)
from ockam_fsm.machines.vocabulary import Creation, Renegotiation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import relay
from ockam_fsm.runtime.node.commands import NodeCommand, StateChanged, Transmit, WorkerTimer
from ockam_fsm.runtime.node.error_replies import ERRORS_PER_WINDOW, WINDOW_SECONDS
from ockam_fsm.runtime.node.forwarding import allow_none
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.services import discovery
from ockam_fsm.runtime.node.session_workers import Carriers, SessionWorker
from ockam_fsm.runtime.node.workers import Context, echo, hop
from ockam_fsm.runtime.session.commands import Closed, Established, RequestFailed, Responded, TimedOut, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Place, Profile
from ockam_fsm.runtime.session.signals import Error, Generation, Hello, Keepalive
from tests.runtime.node_helpers import HOST, Counted, Inbox, Wires, pair, settings, tcp
from tests.runtime.test_node_supervision import Seen

COMBINATIONS = [
    (kind, profile)
    for kind in TYPES
    for profile in (GENERATION, OCKAM)
    if profile.keeps_alive or kind.renegotiation is not Renegotiation.TWO_SIDED
]


def begin(wires: Wires, session: Address, kind: SessionType) -> None:
    """Open the session, or create it with a message."""
    if kind.creation is Creation.EXPLICIT:
        wires["a"].open(session)
    else:
        wires["a"].route(Message((session,), (), b"first"))
    wires.pump()


def responder(wires: Wires, name: str = "b") -> Address:
    (worker,) = wires[name].host(HOST).responders.values()
    return worker.outer


def states(wires: Wires, session: Address) -> tuple[State, State]:
    return wires["a"].session(session).state, wires["b"].session(responder(wires)).state


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_every_type_carries_data_both_ways(kind: SessionType, profile: Profile) -> None:
    wires, session, here, there = pair(kind, profile)
    begin(wires, session, kind)
    wires["a"].send(session, b"to b")
    wires.pump()
    assert states(wires, session) == (State.ESTABLISHED, State.ESTABLISHED)
    wires["b"].send(responder(wires), b"to a")
    wires.pump()
    assert there.payloads[-1] == b"to b"
    assert here.payloads == [b"to a"]
    assert wires["a"].dead_letters.total == wires["b"].dead_letters.total == 0


@pytest.mark.parametrize(("kind", "profile"), COMBINATIONS)
def test_a_lost_connection_ends_a_transient_session_and_a_persistent_one_comes_back(
    kind: SessionType, profile: Profile
) -> None:
    wires, session, _, there = pair(kind, profile)
    begin(wires, session, kind)
    wires.cut("a")
    assert wires["a"].session(session).state is State.TIMED_OUT
    if kind.creation is Creation.IMPLICIT and kind.persistent:
        wires["a"].route(Message((session,), (), b"again"))
        wires.pump()
    for name in ("b", "a"):
        wires.fire(name, Timer.BACK_OFF)
    if kind.persistent:
        assert wires["a"].session(session).state is State.ESTABLISHED
        wires["a"].send(session, b"later")
        wires.pump()
        assert there.payloads[-1] == b"later"
        return
    with pytest.raises(LocalSessionError, match="no session"):
        wires["a"].session(session)
    assert wires["b"].host(HOST).responders == {}


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_requests_are_answered(profile: Profile) -> None:
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT, profile)
    wires["b"].stop(HOST)
    wires["b"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER, profile), handler=echo)
    begin(wires, session, EXPLICIT_TRANSIENT)
    wires["a"].request(session, "q", b"question")
    wires.pump()
    assert ("a", session, Responded("q", b"question")) in wires.notices
    wires["b"].close(responder(wires))
    wires["a"].request(session, "r", b"lost")
    wires.pump()
    told = [notice for name, _, notice in wires.notices if name == "a" and isinstance(notice, RequestFailed)]
    assert [notice.request for notice in told] == (["r"] if profile.keeps_alive else [])


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_session_is_a_step_in_a_route(profile: Profile) -> None:
    """The application's message is forwarded by the peer, and the reply comes back, both with the tracing context."""
    wires, session, _, _ = pair(IMPLICIT_TRANSIENT, profile)
    inbox, far = Inbox(), Inbox()
    me = wires["a"].start_worker(handler=inbox)
    wires["b"].start_worker(local("echo"), handler=echo, access=Access.PUBLIC)
    wires["b"].start_worker(local("far"), handler=far, access=Access.PUBLIC)
    wires["a"].route(Message((session, local("echo")), (me,), b"held"))
    wires.pump()
    wires["a"].route(Message((session, local("far")), (me,), b"traced", "00-t"))
    wires.pump()
    assert inbox.payloads == [b"held"]
    assert far.messages[0].tracing_context == "00-t"


def test_no_session_leads_to_a_private_worker_or_is_private_itself() -> None:
    wires, session, _, _ = pair(IMPLICIT_TRANSIENT)
    private = Inbox()
    wires["b"].start_worker(local("private"), handler=private)
    wires["a"].route(Message((session, local("private")), (), b"x"))
    wires.pump()
    assert (private.payloads, wires["b"].dead_letters.counts) == ([], {"private address": 1})
    wires["b"].route(Message((tcp("a"), session), (), b"x"))
    wires["a"].start_session(settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), outer=local("open"),
                             access=Access.PUBLIC)  # fmt: skip
    wires["b"].route(Message((tcp("a"), local("open")), (), b"through"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"private address": 1}
    assert wires["a"].session(local("open")).state is State.ESTABLISHED


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_an_inner_address_accepts_no_message_of_another_connection(profile: Profile) -> None:
    wires, session, here, _ = pair(EXPLICIT_TRANSIENT, profile)
    wires.nodes["c"], wires.timers["c"] = Node(Counted("c")), {}
    begin(wires, session, EXPLICIT_TRANSIENT)
    current = wires["a"].session(session).current
    assert current is not None
    before = wires["a"].session(session).snapshot()
    wires["c"].route(Message((tcp("a"), current.inner), (local("x"),), profile.encode(Keepalive()) if
                             profile.keeps_alive else b"spoofed"))  # fmt: skip
    wires.pump()
    wires["a"].route(Message((current.inner,), (local("x"),), b"from our own node"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"not over the session's route": 2}
    assert wires["a"].session(session).snapshot() == before
    assert here.payloads == []


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_an_answer_over_another_connection_is_refused(profile: Profile) -> None:
    """The hello has left over one connection; an answer over another one is refused even with the right addresses."""
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT, profile)
    wires.nodes["c"], wires.timers["c"] = Node(Counted("c")), {}
    wires["b"].stop(HOST)
    wires["b"].start_worker(HOST, handler=Inbox(), access=Access.PUBLIC)
    begin(wires, session, EXPLICIT_TRANSIENT)
    hello = wires.frames[-1][1]
    wires["c"].route(Message((tcp("a"), *hello.return_route), (local("c"),), b"\x01c"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"not over the session's route": 1}
    assert wires["a"].session(session).state is State.NEGOTIATING
    wires["b"].route(Message((tcp("a"), *hello.return_route), (), b"\x04echo"))
    wires.pump()
    assert wires["a"].session(session).state is State.NEGOTIATING


@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_handshakes_whose_return_route_ends_here_are_refused(profile: Profile) -> None:
    """Their last address would be replaced by one of the peer's choice: a worker of this node."""
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT, profile)
    private = Inbox()
    wires["b"].start_worker(local("victim"), handler=private)
    wires["a"].route(Message((tcp("b"), HOST), (), b"\x06victim"))
    wires.pump()
    assert wires["b"].dead_letters.counts == {"handshake whose return route ends here": 1}
    wires["b"].stop(HOST)
    wires["b"].start_worker(HOST, handler=Inbox(), access=Access.PUBLIC)
    begin(wires, session, EXPLICIT_TRANSIENT)
    (via,) = [end for name, end in wires.ends if name == "b"]
    hello = wires.frames[-1][1]
    wires["b"].route(Message((via, *hello.return_route), (), b"\x06victim"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"handshake whose return route ends here": 1}
    assert private.payloads == []


def test_a_contact_address_refuses_the_same() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_TWO_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_TWO_SIDED)
    wires["b"].route(Message((tcp("a"), local("contact")), (), b"\x01"))
    wires["b"].route(Message((tcp("a"), local("contact")), (local("x"),), b"\x01"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"handshake whose return route ends here": 1, "malformed": 1}


def test_a_message_of_no_generation_of_a_session_is_a_dead_letter() -> None:
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT)
    begin(wires, session, EXPLICIT_TRANSIENT)
    wires["a"].route(Message((local(session.value + b".1"),), (), b"x"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"unknown address": 1}


def test_a_session_is_started_again_from_durable_state() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_ONE_SIDED)
    remembered = [command for command in wires.remembered if command.worker == session]
    assert [command.number for command in remembered] == [1]
    again = wires["a"].start_session(
        settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("b"), HOST),
        session_id=remembered[0].session_id, remembered=1, has_state=True,
    )  # fmt: skip
    begin(wires, again, EXPLICIT_PERSISTENT_ONE_SIDED)
    notice = next(n for _, worker, n in wires.notices if worker == again)
    assert isinstance(notice, Established)
    assert (notice.generation.number, notice.resumed) == (2, True)


def test_a_hello_without_a_return_route_is_refused() -> None:
    wires = Wires("a", "b")
    wires["b"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER))

    def careless(message: Message, context: Context) -> None:
        context.forward(Message((HOST,), (), message.payload))

    wires["b"].start_worker(local("careless"), handler=careless, access=Access.PUBLIC)
    wires["a"].route(Message((tcp("b"), local("careless")), (local("x"),), b"\x01"))
    wires.pump()
    assert wires["b"].dead_letters.counts == {"handshake whose return route ends here": 1}


def test_a_responder_that_has_ended_receives_nothing() -> None:
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT)
    begin(wires, session, EXPLICIT_TRANSIENT)
    (worker,) = wires["b"].host(HOST).responders.values()
    wires["b"].stop(HOST)
    wires.pump()
    before = worker.session.snapshot()
    worker.lower_layer_lost()
    assert worker.session.snapshot() == before
    assert wires["b"].run() == []


def test_both_ends_may_live_on_one_node() -> None:
    wires, inbox = Wires("a"), Inbox()
    wires["a"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), handler=inbox)
    session = wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (HOST,))
    wires["a"].open(session)
    wires["a"].run()
    wires["a"].send(session, b"x")
    wires["a"].run()
    assert inbox.payloads == [b"x"]


def test_a_message_to_an_ended_generation_is_answered_with_an_error() -> None:
    """So a failure is detected at once, not by missed keepalives; errors answer no errors and are bounded."""
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_ONE_SIDED)
    worker = wires["b"].host(HOST).responders[wires["a"].session(session).terms.session_id]
    for address in [a for a, resident in wires["b"].router.residents.items() if resident is worker]:
        wires["b"].router.vanish(address)
    wires["a"].send(session, b"nobody there")
    wires.pump()
    assert ("a", session, TimedOut("error message")) in wires.notices


def test_errors_to_peers_are_bounded() -> None:
    node = Node(Counted("n"))
    via, gone = node.accepted(), local("gone")
    node.router.vanish(gone)
    for _ in range(ERRORS_PER_WINDOW + 1):
        node.receive(Message((gone,), (local("you"),), b"\x04"), via)
    commands = node.run()
    assert sum(isinstance(command, Transmit) for command in commands) == ERRORS_PER_WINDOW
    (window,) = [c.timer for c in commands if isinstance(c, SetTimer) and c.after_seconds == WINDOW_SECONDS]
    node.fire(window)
    node.receive(Message((gone,), (local("you"),), b"\x04"), via)
    assert any(isinstance(command, Transmit) for command in node.run())


@pytest.mark.parametrize(
    ("address", "back", "payload"),
    [("gone", (), b"\x08\x00"), ("gone", (local("you"),), b"\x08\x00"), ("never", (local("you"),), b"\x04")],
)
def test_no_error_answers_an_error_or_a_message_to_an_address_that_never_existed(
    address: str, back: tuple[Address, ...], payload: bytes
) -> None:
    node = Node(Counted("n"))
    via = node.accepted()
    node.router.vanish(local("gone"))
    node.receive(Message((local(address),), back, payload), via)
    assert not any(isinstance(command, Transmit) for command in node.run())
    assert node.dead_letters.counts == {"unknown address": 1}


def test_few_ended_addresses_are_remembered() -> None:
    node = Node(Counted("n"))
    for number in range(2000):
        node.router.vanish(local(str(number)))
    assert len(node.router.vanished) == 1000


def test_the_population_of_responders_is_bounded() -> None:
    wires = Wires("a", "b")
    wires["b"].start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), capacity=1)
    for _ in range(2):
        wires["a"].open(wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST)))
    wires.pump()
    assert len(wires["b"].host(HOST).responders) == 1
    assert wires["b"].dead_letters.counts == {"the host has no room for another responder": 1}
    wires["b"].stop(HOST)
    wires.pump()
    with pytest.raises(LocalSessionError, match="no host"):
        wires["b"].host(HOST)


def test_a_closed_session_leaves_nothing_behind() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_TWO_SIDED)
    empty = len(wires["a"].router.residents), len(wires["b"].router.residents)
    begin(wires, session, EXPLICIT_PERSISTENT_TWO_SIDED)
    wires["a"].close(session)
    wires["b"].close(responder(wires))
    wires.pump()
    assert ("a", session, Closed("closed by order")) in wires.notices
    connections = 1
    assert len(wires["a"].router.residents) == empty[0] - 3 + connections  # outer, contact, the handler's worker
    assert len(wires["b"].router.residents) == empty[1] + connections


def test_a_session_that_cannot_be_started_is_refused() -> None:
    node = Node(Counted("n"))
    kind = settings(EXPLICIT_TRANSIENT, Role.INITIATOR)
    with pytest.raises(LocalSessionError, match="initialization route"):
        node.start_session(kind, ())
    session = node.start_session(kind, (tcp("b"), HOST))
    with pytest.raises(LocalSessionError, match="taken"):
        node.start_session(kind, (tcp("b"), HOST), outer=session)
    with pytest.raises(EventRefused):
        node.send(session, b"not open")
    node.route(Message((session,), (), b"not open either"))
    node.run()
    assert node.dead_letters.counts == {"the session is not open": 1}


@pytest.mark.parametrize("last", ["close", "lost"])
def test_messages_before_the_end_of_a_connection_are_delivered(last: str) -> None:
    """An edge may report all frames of one read and the end of the connection together."""
    wires, session, here, _ = pair(EXPLICIT_TRANSIENT)
    begin(wires, session, EXPLICIT_TRANSIENT)
    wires["b"].send(responder(wires), b"last words")
    if last == "close":
        wires["b"].close(responder(wires))
    frames = [command.message for command in wires["b"].run() if isinstance(command, Transmit)]
    (via,) = [end for name, end in wires.ends if name == "a"]
    for frame in frames:
        wires["a"].receive(frame, via)
    if last == "lost":
        wires["a"].connection_lost(via)
    wires.pump()
    assert here.payloads == [b"last words"]
    assert wires["a"].dead_letters.counts == {}


def test_a_handler_may_give_orders_to_its_node() -> None:
    """They are carried out at once, and the messages that they send wait for their turn."""
    wires, session, _, there = pair(IMPLICIT_TRANSIENT)
    node, order = wires["a"], []

    def sends(message: Message, context: Context) -> None:
        node.send(session, message.payload)
        order.append(message.payload)

    node.start_worker(local("sends"), handler=sends)
    for payload in (b"1", b"2"):
        node.route(Message((local("sends"),), (), payload))
    wires.pump()
    assert order == there.payloads == [b"1", b"2"]


def test_data_without_an_application_is_a_dead_letter() -> None:
    wires = Wires("a", "b")
    wires["b"].start_host(HOST, settings(IMPLICIT_TRANSIENT, Role.RESPONDER))
    session = wires["a"].start_session(settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST))
    wires["a"].send(session, b"x")
    wires.pump()
    assert wires["b"].dead_letters.counts == {"no application": 1}


def test_a_two_sided_session_is_renegotiated_from_either_end() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_TWO_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_TWO_SIDED)
    wires["b"].renegotiate(responder(wires))
    wires.pump()
    wires.fire("b", Timer.BACK_OFF)
    assert states(wires, session) == (State.ESTABLISHED, State.ESTABLISHED)
    assert wires["a"].session(session).seen == wires["b"].session(responder(wires)).seen == (2, Role.RESPONDER)


# Layers ---------------------------------------------------------------------------------------------------------------


def layered() -> tuple[Wires, Address, Address, Inbox]:
    """Return a transient session whose messages travel through a persistent one."""
    wires, lower, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    inbox, upper_host = Inbox(), local("upper host")
    wires["b"].start_host(upper_host, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), handler=inbox)
    upper = wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (lower, upper_host))
    begin(wires, lower, EXPLICIT_PERSISTENT_ONE_SIDED)
    wires["a"].open(upper)
    wires.pump()
    wires["a"].send(upper, b"through both")
    wires.pump()
    assert inbox.payloads == [b"through both"]
    return wires, lower, upper, inbox


def test_a_persistent_lower_session_hides_its_failures() -> None:
    wires, lower, upper, inbox = layered()
    wires.cut("a")
    wires["a"].send(upper, b"while it is down")
    wires.pump()
    assert wires["a"].session(upper).state is State.ESTABLISHED
    wires.fire("a", Timer.BACK_OFF)
    assert wires["a"].session(lower).state is State.ESTABLISHED
    assert inbox.payloads == [b"through both", b"while it is down"]


def test_a_lower_session_that_closes_ends_the_sessions_above_it() -> None:
    wires, lower, upper, _ = layered()
    wires["a"].close(lower)
    wires.pump()
    assert ("a", upper, TimedOut("lower layer lost")) in wires.notices


def test_a_persistent_session_over_a_transient_one_survives_it() -> None:
    """The other arrangement: the lower implicit session ends, the upper one negotiates again through a new one."""
    wires, lower, _, _ = pair(IMPLICIT_TRANSIENT)
    inbox, upper_host = Inbox(), local("upper host")
    wires["b"].start_host(upper_host, settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER), handler=inbox)
    upper = wires["a"].start_session(settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (lower, upper_host))
    wires["a"].open(upper)
    wires.pump()
    assert wires["a"].session(upper).state is State.ESTABLISHED
    wires.cut("a")
    wires.fire("a", Timer.BACK_OFF)
    assert ("a", upper, TimedOut("lower layer lost")) in wires.notices
    wires["a"].start_session(settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), outer=lower)
    wires.fire("a", Timer.NEGOTIATION)
    wires.fire("a", Timer.BACK_OFF)
    wires["a"].send(upper, b"again")
    wires.pump()
    assert inbox.payloads == [b"again"]


def test_a_session_leads_over_a_worker_of_its_own_node() -> None:
    """The carrier is the connection behind the hop; an answer that comes another way is still refused."""
    wires, session, here, there = pair(EXPLICIT_TRANSIENT, OCKAM, (local("hop"), tcp("b"), HOST))
    wires.nodes["c"], wires.timers["c"] = Node(Counted("c")), {}
    wires["a"].start_worker(local("hop"), handler=hop, access=Access.PUBLIC)
    begin(wires, session, EXPLICIT_TRANSIENT)
    wires["a"].send(session, b"x")
    wires.pump()
    wires["b"].send(responder(wires), b"y")
    wires.pump()
    assert (there.payloads, here.payloads) == ([b"x"], [b"y"])
    current = wires["a"].session(session).current
    assert current is not None
    wires["c"].route(Message((tcp("a"), local("hop"), current.inner), (local("x"),), b"spoofed"))
    wires.pump()
    assert wires["a"].dead_letters.counts == {"not over the session's route": 1}


def test_two_sessions_over_one_lower_session_end_one_after_the_other() -> None:
    wires, lower, upper, _ = layered()
    other = wires["a"].start_session(settings(EXPLICIT_TRANSIENT, Role.INITIATOR), (lower, local("upper host")))
    wires["a"].open(other)
    wires.pump()
    wires["a"].close(other)
    wires["a"].close(lower)
    wires.pump()
    lost = [worker for name, worker, notice in wires.notices if name == "a" and notice == TimedOut("lower layer lost")]
    assert lost == [upper]


# Discovery and relay --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [True, False])
def test_a_session_is_discovered(proxy: bool) -> None:
    """Without a proxy the discovery worker may stop and the session goes on; a proxy is part of the route."""
    name, service = local("name"), local("discovery")
    wires, session, _, there = pair(EXPLICIT_TRANSIENT, GENERATION, (tcp("d"), service, name))
    wires.nodes["d"], wires.timers["d"] = Node(Counted("d")), {}
    wires["d"].start_worker(service, handler=discovery({name: (tcp("b"), HOST)}, proxy=proxy), access=Access.PUBLIC)
    begin(wires, session, EXPLICIT_TRANSIENT)
    assert states(wires, session) == (State.ESTABLISHED, State.ESTABLISHED)
    wires["d"].stop(service)
    wires["a"].send(session, b"x")
    wires.pump()
    assert there.payloads == ([] if proxy else [b"x"])


def test_a_two_sided_session_through_a_relay_recovers_from_both_ends() -> None:
    wires, inbox = Wires("r", "a", "b"), Inbox()
    hub = (tcp("r"), local("relay"))
    wires["r"].start_worker(local("relay"), handler=relay.Relay(), access=Access.PUBLIC)
    for name in ("a", "b"):
        registrar = relay.Registrar(hub, name, name.encode() * 16)
        wires[name].route(relay.start(wires[name].start_worker(handler=registrar)))
    wires.pump()
    kind = EXPLICIT_PERSISTENT_TWO_SIDED
    wires["b"].start_host(HOST, settings(kind, Role.RESPONDER), handler=inbox)
    session = wires["a"].start_session(
        settings(kind, Role.INITIATOR), (*hub, local("b"), HOST),
        contact=local("contact"), own_route=(*hub, local("a"), local("contact")),
    )  # fmt: skip
    wires["a"].open(session)
    wires.pump()
    assert states(wires, session) == (State.ESTABLISHED, State.ESTABLISHED)
    for name in ("b", "a"):
        wires.cut(name)
        registering = [t.timer for t in wires.timers[name] if not isinstance(t.timer, Timer)]
        wires.fire(name, *registering)  # the route to this end is registered again
        wires.fire(name, Timer.BACK_OFF)
        assert states(wires, session) == (State.ESTABLISHED, State.ESTABLISHED)
    wires["a"].send(session, b"x")
    wires.pump()
    assert inbox.payloads == [b"x"]
    assert sum(isinstance(notice, Established) for _, _, notice in wires.notices) >= 6


HELLO = GENERATION.encode(Hello(bytes(16), Generation(1, Role.INITIATOR, local("starter"))))


@pytest.mark.parametrize(
    ("payload", "back", "told"),
    [(HELLO, (local("you"),), True), (HELLO, (), False), (HELLO[:-1], (local("you"),), False),
     (b"\x01a", (local("you"),), False)],
)  # fmt: skip
def test_a_hello_to_an_unknown_address_is_answered_with_an_error_in_profile_generation(
    payload: bytes, back: tuple[Address, ...], told: bool
) -> None:
    node = Node(Counted("n"))
    via = node.accepted()
    node.receive(Message((local("nobody"),), back, payload), via)
    errors = [command.message for command in node.run() if isinstance(command, Transmit)]
    signals = [GENERATION.decode(one.payload, Place.WORKER, ()) for one in errors]
    assert signals == [Error("no such worker: nobody")] * told


def test_no_reply_distinguishes_a_private_worker_from_an_unknown_address() -> None:
    node = Node(Counted("n"))
    via = node.accepted()
    node.start_worker(local("nobody"), handler=echo)
    node.receive(Message((local("nobody"),), (local("you"),), HELLO), via)
    (error,) = [command.message for command in node.run() if isinstance(command, Transmit)]
    assert GENERATION.decode(error.payload, Place.WORKER, ()) == Error("no such worker: nobody")


def test_errors_for_hellos_leave_room_for_errors_of_sessions() -> None:
    node = Node(Counted("n"))
    via, gone = node.accepted(), local("gone")
    node.router.vanish(gone)
    for _ in range(ERRORS_PER_WINDOW + 1):
        node.receive(Message((local("nobody"),), (local("you"),), HELLO), via)
    node.receive(Message((gone,), (local("you"),), b"\x04"), via)
    assert sum(isinstance(command, Transmit) for command in node.run()) == ERRORS_PER_WINDOW + 1


def test_a_hello_for_another_node_gets_no_error() -> None:
    node = Node(Counted("n"), forwarding=allow_none)
    node.receive(Message((tcp("elsewhere"), HOST), (local("you"),), HELLO), node.accepted())
    assert not any(isinstance(command, Transmit) for command in node.run())


def test_observers_receive_the_close_of_a_responder_without_a_messaging_route() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_ONE_SIDED)
    seen = Seen()
    wires["b"].add_observer(seen)
    wires["a"].renegotiate(session)
    wires["a"].close(session)
    wires.pump()
    assert [one.after for one in seen.observations if isinstance(one, StateChanged)][-1] == "CLOSED"
    assert not wires["b"].host(HOST).responders


def test_rejections_of_a_full_host_have_a_bounded_rate() -> None:
    node = Node(Counted("n"))
    via = node.accepted()
    node.start_host(HOST, settings(EXPLICIT_TRANSIENT, Role.RESPONDER), capacity=0)
    for _ in range(ERRORS_PER_WINDOW + 50):
        node.receive(Message((HOST,), (local("you"),), HELLO), via)
    assert sum(isinstance(command, Transmit) for command in node.run()) == ERRORS_PER_WINDOW


def lose(node: Node, via: Address) -> None:
    node.connection_lost(via, "reset")
    node.fire(WorkerTimer(via, Timer.BACK_OFF))  # at once: a connection is a transient session
    node.run()


@pytest.mark.parametrize("hellos", [1, 2])
@pytest.mark.parametrize("loses", [False, True])
def test_a_strangers_hello_ends_no_session_and_hides_no_loss(hellos: int, loses: bool) -> None:
    """A stranger sends `hellos` over another connection, which is lost; `loses`: that of the session is too."""
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    begin(wires, session, EXPLICIT_PERSISTENT_ONE_SIDED)
    node, session_id = wires["b"], wires["a"].session(session).terms.session_id
    (worker,) = node.host(HOST).responders.values()
    via = node.accepted("stranger")
    for number in range(hellos):
        generation = Generation(10 + number, Role.INITIATOR, local(f"evil{number}"))
        hello = GENERATION.encode(Hello(session_id, generation))
        node.receive(Message((HOST,), (local("evil"),), hello), via)
        node.run()
        if loses and not number:
            (own,) = [one for (name, one) in wires.ends if name == "b"]
            lose(node, own)
    lose(node, via)
    assert worker.session.state is State.RENEGOTIATING
    node.fire(WorkerTimer(worker.outer, Timer.NEGOTIATION))
    node.run()
    assert worker.session.state is (State.TIMED_OUT if loses else State.ESTABLISHED)


def test_an_implicit_transient_session_that_has_failed_is_made_anew_by_the_next_message() -> None:
    """Clause 11.2. Its dependents lose their lower layer, and a persistent session above it goes on."""
    wires, step, above = Wires("a", "b"), local("step"), local("above")
    wires["b"].start_host(HOST, settings(IMPLICIT_TRANSIENT, Role.RESPONDER))
    wires["b"].start_host(local("upper"), settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.RESPONDER), handler=echo)
    wires["a"].start_session(settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), outer=step, recreated=True)
    wires["a"].start_session(
        settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (step, local("upper")), outer=above
    )  # fmt: skip
    wires["a"].open(above)
    wires.pump()
    assert [wires["a"].session(one).state for one in (step, above)] == [State.ESTABLISHED] * 2
    wires.cut("a")
    wires.fire("b", Timer.BACK_OFF)
    wires.fire("a", Timer.BACK_OFF)
    assert wires["a"].session(step).state is State.IDLE, "it has closed, and its address stays"
    assert wires["a"].session(above).state is State.TIMED_OUT
    wires.fire("a", Timer.BACK_OFF)
    wires.pump()
    assert [wires["a"].session(one).state for one in (step, above)] == [State.ESTABLISHED] * 2
    assert [wires["a"].session(one).seen[0] for one in (step, above)] == [1, 2]
    wires["a"].close(step)
    with pytest.raises(LocalSessionError, match="no session"):
        wires["a"].session(step)


def test_a_session_that_is_made_anew_has_a_new_id() -> None:
    """The peer may still have the previous session: under the same id the new one would be superseded."""
    wires, step = Wires("a", "b"), local("step")
    wires["b"].start_host(HOST, settings(IMPLICIT_TRANSIENT, Role.RESPONDER))
    wires["a"].start_session(settings(IMPLICIT_TRANSIENT, Role.INITIATOR), (tcp("b"), HOST), outer=step, recreated=True)
    for count in (1, 2):
        wires["a"].send(step, b"m")
        wires.pump()
        assert wires["a"].session(step).state is State.ESTABLISHED
        responders = wires["b"].host(HOST).responders
        assert len(responders) == count
        worker = wires["a"].router.residents[step]
        assert isinstance(worker, SessionWorker)
        worker.lower_layer_lost()
        wires.pump()
        wires.fire("a", Timer.BACK_OFF)
    assert len({one.session.terms.session_id for one in responders.values()}) == 2


def test_only_an_implicit_transient_session_is_made_anew() -> None:
    node = Node(Counted("n"))
    for kind in (EXPLICIT_TRANSIENT, EXPLICIT_PERSISTENT_ONE_SIDED):
        with pytest.raises(LocalSessionError, match=f"recreated: {kind.name}; only implicit-transient"):
            node.start_session(settings(kind, Role.INITIATOR), (tcp("b"), HOST), recreated=True)


def awaiting_an_answer() -> tuple[Wires, Address, SessionWorker, list[NodeCommand]]:
    """Return nodes, the worker of a session whose hello waits for its connection, and the commands that connect."""
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED, GENERATION)
    wires["a"].open(session)
    commands = wires["a"].run()
    worker = wires["a"].router.residents[session]
    assert isinstance(worker, SessionWorker)
    return wires, session, worker, commands


def test_a_restored_worker_takes_the_answer_to_its_hello() -> None:
    for restored in (True, False):
        wires, session, worker, commands = awaiting_an_answer()
        before = worker.snapshot()
        assert before.of_hello is before.current is not None
        nothing = Carriers(None, None, None, 0)
        worker.restore(nothing)
        assert worker.snapshot() == nothing
        if restored:
            worker.restore(before)
            assert worker.snapshot() == before
        wires.carry_out("a", commands)
        assert wires["a"].session(session).state is (State.ESTABLISHED if restored else State.NEGOTIATING)


def test_a_restored_worker_reports_the_changes_since_its_image() -> None:
    wires, session, worker, commands = awaiting_an_answer()
    wires["a"].add_observer(seen := Seen())
    session_before, before = worker.session.snapshot(), worker.snapshot()
    wires.carry_out("a", commands)
    assert worker.snapshot().of_hello is None
    worker.session.restore(session_before)
    worker.restore(before)
    wires["a"].close(session)
    last = [one for one in seen.observations if isinstance(one, StateChanged)][-1]
    assert (last.before, last.after) == (State.NEGOTIATING.name, State.CLOSED.name)

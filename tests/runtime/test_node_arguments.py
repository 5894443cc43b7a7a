"""Arguments of a node are checked when they are given; exceptions of the application's functions stay local."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings as budget
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import Error, LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, session_type_of
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.streams.publisher_file import PublisherFile
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.dead_letters import short_repr
from ockam_fsm.runtime.node.ledger import weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.relay import Registrar, Relay
from ockam_fsm.runtime.node.services import discovery, static_forwarder
from ockam_fsm.runtime.node.workers import STOPPED_RAISED, Context, RestartPolicy, echo
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.stream.consumer import ConsumerConfig
from ockam_fsm.secure.identity_store import FileIdentityStore
from tests.runtime.node_helpers import Counted, settings, tcp
from tests.runtime.wire_helpers import refused_in_words

OUTER, FREE, HOST = local("outer"), local("free"), local("host")


class Nameless:
    """An object whose `repr` raises `error`."""

    def __init__(self, error: type[BaseException] = CancelledError) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


def fails(*_: object) -> Any:
    raise CancelledError


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"settings": 5}, "settings: int"), ({"initialization_route": ()}, "needs an initialization route"),
        ({"own_route": "text"}, "own_route"), ({"session_id": "text"}, "session_id"),
        ({"session_id": b"x"}, "16 bytes"),
        ({"remembered": "1"}, "remembered"), ({"remembered": -1}, "remembered"), ({"remembered": 2**80}, "64 bits"),
        ({"application": "text"}, "application"), ({"outer": local("")}, "reserved for the node"),
    ],
)  # fmt: skip
def test_a_session_is_not_started_with_a_wrong_value(given: dict[str, Any], text: str) -> None:
    node = Node(Counted("n"))
    right = {"settings": settings(EXPLICIT_TRANSIENT, Role.INITIATOR), "initialization_route": (tcp("b"), HOST)}
    with pytest.raises(LocalSessionError, match=text):
        node.start_session(**{**right, **given})
    assert node.router.residents == {}


@pytest.mark.parametrize(
    ("given", "text"),
    [({"settings": 5}, "settings: int"), ({"capacity": "5"}, "capacity"), ({"capacity": -1}, "capacity"),
     ({"durable": 5}, "durable"), ({"make": 5}, "make"), ({"application": "text"}, "application")],
)  # fmt: skip
def test_a_host_is_not_started_with_a_wrong_value(given: dict[str, Any], text: str) -> None:
    node = Node(Counted("n"))
    right = {"address": HOST, "settings": settings(EXPLICIT_TRANSIENT, Role.RESPONDER), "make": lambda: echo}
    with pytest.raises(LocalSessionError, match=text):
        node.start_host(**{**right, **given})
    assert node.router.residents == {}
    node.start_host(**right)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "text"), [({"restart": 5}, "restart"), ({"make": 5}, "make"), ({"stopped": 5}, "stopped")]
)
def test_a_worker_is_not_started_with_a_wrong_value(given: dict[str, Any], text: str) -> None:
    node = Node(Counted("n"))
    with pytest.raises(LocalSessionError, match=text):
        node.start_worker(FREE, handler=echo, **given)
    assert node.router.residents == {}


def test_a_request_with_an_unhashable_identifier_is_refused() -> None:
    node = Node(Counted("n"))
    outer = node.start_session(settings(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR), (tcp("b"), HOST))
    with pytest.raises(LocalSessionError, match="identifier: list cannot be hashed"):
        node.request(outer, [], b"x")  # type: ignore[arg-type]
    assert not node.session(outer).requests


def _stop(node: Node) -> None:
    node.stop(FREE)


def _fail(node: Node) -> None:
    node.route(Message((FREE,), (), b"x"))
    node.run()


@pytest.mark.parametrize("ends", [_stop, _fail])
def test_the_stopped_callback_of_a_worker_may_raise(ends: Callable[[Node], None]) -> None:
    node = Node(Counted("n"))
    node.start_worker(FREE, handler=fails, restart=RestartPolicy(restarts=0), stopped=fails)
    ends(node)
    assert FREE not in node.router.residents
    assert node.dead_letters.counts[STOPPED_RAISED] == 1


def test_ctrl_c_in_the_stopped_callback_of_a_worker_ends_the_process() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    node = Node(Counted("n"))
    node.start_worker(FREE, handler=echo, stopped=interrupted)
    with pytest.raises(KeyboardInterrupt):
        node.stop(FREE)


def test_a_timer_whose_repr_fails_is_accepted() -> None:
    def sets(message: Message, context: Context) -> None:
        if message.payload == b"fail":
            raise Nameless  # type: ignore[misc]
        context.set_timer(Nameless(), 1.0)

    node = Node(Counted("n"))
    node.start_worker(FREE, handler=sets)
    for payload in (b"set", b"fail"):
        node.route(Message((FREE,), (), payload))
    node.run()
    assert node.dead_letters.counts == {"handler raised": 1}
    assert short_repr(Nameless()) == "<Nameless>"
    with pytest.raises(KeyboardInterrupt):
        short_repr(Nameless(KeyboardInterrupt))


def within(wrong: object) -> Any:
    """Return a container whose `repr` includes that of the value."""
    return (wrong,)


@pytest.mark.parametrize(
    "wrong", [Nameless(), -(10**10_000), "x\ud800", b"x", None, -1], ids=lambda wrong: type(wrong).__name__
)
@pytest.mark.parametrize(
    "make",
    [
        lambda wrong: BackOff(factor=wrong),
        lambda wrong: TcpLimits(frame_bytes=wrong),
        lambda wrong: RestartPolicy(back_off=wrong),
        lambda wrong: Durations(keepalive_seconds=wrong),
        lambda wrong: SessionConfig(EXPLICIT_TRANSIENT, wrong),
        lambda wrong: ConsumerConfig("stream", "client", partition=within(wrong)),
        lambda wrong: SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, within(wrong)),
        lambda wrong: PublisherFile(within(wrong), "stream"),
        lambda wrong: PublisherFile("a file", within(wrong)),
        lambda wrong: PublisherFile("a\0file", "stream"),
        lambda wrong: FileIdentityStore("x\ud800"),
        lambda wrong: ConsumerConfig("x\ud800", "client"),
        lambda wrong: Relay(lease_seconds=wrong),
        lambda wrong: Relay(capacity=within(wrong)),
        lambda wrong: Registrar((FREE,), within(wrong), bytes(16)),
        lambda wrong: Registrar((FREE,), "alias", wrong),
        lambda wrong: Registrar(wrong, "alias", bytes(16)),
        lambda wrong: discovery(wrong, proxy=False),
        lambda wrong: static_forwarder(wrong),
        lambda wrong: session_type_of(wrong),
        lambda wrong: TcpNode(limits=within(wrong)),
        lambda wrong: TcpNode(connections=within(wrong)),
        lambda wrong: TcpNode(make=within(wrong)),
    ],
)
def test_a_wrong_value_whose_repr_fails_is_a_local_error(make: Any, wrong: Any) -> None:
    with pytest.raises(Error, match=r"expected|UTF-8 cannot encode it|no session type|a route is"):
        make(wrong)


def test_held_messages_are_charged_with_their_routes_and_tracing_context() -> None:
    node = Node(Counted("n"))
    config = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR, held=2)
    outer = node.start_session(config, (local("nowhere"), HOST))
    node.open(outer)
    node.run()
    route = (local("x"),) * 100
    node.send(outer, b"x", route, tracing_context="t" * 1000)
    assert node.router.ledger.held_bytes == weight_of(Outgoing(b"x", route, tracing_context="t" * 1000))
    with pytest.raises(LocalSessionError, match="onward_route"):
        node.send(outer, b"x", None)  # type: ignore[arg-type]


NAMED: tuple[tuple[str, str, str], ...] = (
    *(
        ("start_session", name, name)
        for name in ("settings", "initialization_route", "own_route", "session_id", "remembered", "application")
    ),
    *(("start_session", name, "address") for name in ("outer", "contact")),
    *(("start_host", name, name) for name in ("settings", "capacity", "handler", "make", "durable")),
    ("start_host", "application", "application"),
    ("start_host", "address", "address"),
    *(("start_worker", name, name) for name in ("handler", "restart", "make", "stopped")),
)
"""A call, one of its arguments, and the name of the argument in an error."""


def given_to(call: str) -> dict[str, Any]:
    match call:
        case "start_session":
            return {"settings": settings(EXPLICIT_TRANSIENT, Role.INITIATOR), "initialization_route": (tcp("b"), HOST)}
        case "start_host":
            return {"address": HOST, "settings": settings(EXPLICIT_TRANSIENT, Role.RESPONDER), "handler": echo}
    return {"handler": echo}


@drawn(st.sampled_from(NAMED), st.sampled_from((5.5, ["text"], b"text", "text")))
@budget(derandomize=True, database=None, deadline=None, max_examples=200)
def test_a_wrong_argument_is_refused_and_named_and_nothing_is_started(named: tuple[str, str, str], wrong: Any) -> None:
    call, argument, name = named
    node = Node(Counted("n"))
    given = given_to(call) | {argument: wrong}
    error = refused_in_words(LocalSessionError, lambda: getattr(node, call)(**given))
    assert str(error).startswith(f"{name}: "), f"{name} is not named: {error}"
    assert node.router.residents == {}


def test_a_path_is_a_text_or_a_path() -> None:
    for path in ("a file", Path("a file")):
        assert PublisherFile(path, "stream").path == Path("a file")


def test_a_message_without_a_channel_has_no_authenticated_peer() -> None:
    node, peers = Node(Counted("n")), list[str | None]()
    node.start_worker(FREE, handler=lambda message, context: peers.append(context.peer))
    node.route(Message((FREE,), (), b""))
    node.run()
    assert peers == [None]

"""The gate: a wrong value is refused and changes nothing; an accepted message can always be encoded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.arguments import MAX_SECONDS, check_seconds
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.encoding.frames import (
    MAX_ADDRESS_BYTES,
    MAX_FRAME_BYTES,
    MAX_ROUTE_LENGTH,
    encode_frame,
    encode_message,
)
from ockam_fsm.runtime.encoding.gate import (
    ENVELOPE_BYTES,
    MAX_ACCEPTED_ROUTE,
    MAX_PAYLOAD_BYTES,
    MAX_TRACING_CONTEXT_BYTES,
    PAYLOAD_TOO_LARGE,
    ROOM_FOR_HOPS,
    ROUTE_TOO_LONG,
    TRACING_CONTEXT_TOO_LONG,
    check_address,
    check_message,
    check_route,
    payload_limit,
    refusal,
)
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node.layers import ANSWER_BYTES, HEAD_BYTES, MAX_LAYERS, Layer, largest_payload
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import Context, echo
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile
from ockam_fsm.runtime.session.request import Outgoing
from tests.helpers import established_pair
from tests.runtime.node_helpers import Counted, Inbox, tcp

X, LONGEST = local("x"), Address(255, bytes(MAX_ADDRESS_BYTES))
RIGHT: dict[str, Any] = {"onward_route": (X,), "return_route": (X,), "payload": b"x", "tracing_context": None}

WRONG_ROUTES: list[tuple[Any, str]] = [
    ([X], "a route is a tuple of Address, not list"),
    ("x", "a route is a tuple of Address, not str"),
    (None, "a route is a tuple of Address, not None"),
    (X, "a route is a tuple of Address, not Address"),
    ((X,) * (MAX_ACCEPTED_ROUTE + 9), "129 addresses, limit 1"),
    ((X, "x"), "str, expected an Address"),
    (((0, b"x"),), "tuple, expected an Address"),
    ((Address(256, b"x"),), "address type 256, expected an int from 0 to 255"),
    ((Address(-1, b"x"),), "address type -1"),
    ((Address(True, b"x"),), "address type True"),
    ((Address("0", b"x"),), "address type '0'"),  # type: ignore[arg-type]
    ((Address(0, "x"),), "address value of str, expected bytes"),  # type: ignore[arg-type]
    ((Address(0, bytes(513)),), "address of 513 bytes, limit 512"),
]
WRONG_PAYLOADS: list[tuple[Any, str]] = [
    ("text", "payload: str, expected bytes"),
    (None, "payload: None, expected bytes"),
    (bytearray(b"x"), "payload: bytearray, expected bytes"),
    (bytes(MAX_PAYLOAD_BYTES + 1), f"payload: {MAX_PAYLOAD_BYTES + 1} bytes, limit {MAX_PAYLOAD_BYTES}"),
]
WRONG_CONTEXTS: list[tuple[Any, str]] = [
    (b"x", "tracing_context: bytes, expected text or None"),
    ("\ud800", "tracing_context: UTF-8 cannot encode it"),
    ("é" * 4097, f"tracing_context: 8194 bytes, limit {MAX_TRACING_CONTEXT_BYTES}"),
]
WRONG_OUTGOING = [
    *(("onward_route", value, text) for value, text in WRONG_ROUTES),
    *(("return_route", value, text) for value, text in WRONG_ROUTES),
    *(("payload", value, text) for value, text in WRONG_PAYLOADS),
    *(("tracing_context", value, text) for value, text in WRONG_CONTEXTS),
]
every_wrong_value = pytest.mark.parametrize(("name", "value", "text"), WRONG_OUTGOING)


# Every entry of messages.


@every_wrong_value
@pytest.mark.parametrize("profile", [GENERATION, OCKAM])
def test_a_session_that_refuses_a_wrong_value_has_not_changed(
    name: str, value: object, text: str, profile: Profile
) -> None:
    i, _ = established_pair(EXPLICIT_TRANSIENT, profile)
    outgoing = Outgoing(**{**RIGHT, "return_route": (), name: value})
    before, said = i.session.snapshot(), len(i.log)
    for order in (lambda one: one.send(outgoing), lambda one: one.request("q", outgoing)):
        with pytest.raises(LocalSessionError, match=text):
            i.order(order)
    assert (i.session.snapshot(), len(i.log), i.session.requests) == (before, said, {})


def node_with_a_session() -> tuple[Node, Address]:
    """A node whose session is not established and may hold messages."""
    node = Node(Counted("n"))
    settings_ = SessionConfig(EXPLICIT_PERSISTENT_ONE_SIDED, Role.INITIATOR)
    session = node.start_session(settings_, (tcp("b"), local("host")))
    node.open(session)
    node.run()
    return node, session


@every_wrong_value
def test_a_node_that_refuses_a_wrong_value_has_not_changed(name: str, value: object, text: str) -> None:
    node, session = node_with_a_session()
    before, held = node.session(session).snapshot(), node.router.ledger.held_bytes
    parts = {**RIGHT, name: value}
    with pytest.raises(LocalSessionError, match=text):
        node.route(Message(**parts))
    with pytest.raises(LocalSessionError, match=text):
        node.send(session, **parts)
    if name != "return_route":  # a request chooses its own
        del parts["return_route"]
        with pytest.raises(LocalSessionError, match=text):
            node.request(session, "q", **parts)
    assert (node.session(session).snapshot(), node.router.ledger.held_bytes) == (before, held)
    assert (node.run(), node.dead_letters.total) == ([], 0)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        *(("onward_route", value, text) for value, text in WRONG_ROUTES),
        *(("return_route", value, text) for value, text in WRONG_ROUTES if value is not None),  # None: its own address
        *(("payload", value, text) for value, text in WRONG_PAYLOADS),
    ],
)
def test_a_handler_that_sends_a_wrong_value_has_sent_nothing(name: str, value: object, text: str) -> None:
    node, inbox, refused = Node(Counted("n")), Inbox(), []
    node.start_worker(local("inbox"), handler=inbox)

    def sends(message: Message, context: Context) -> None:
        parts = {**RIGHT, "onward_route": (local("inbox"),), name: value}
        with pytest.raises(LocalSessionError, match=text) as error:
            context.send(parts["onward_route"], parts["payload"], parts["return_route"])
        refused.append(error)

    node.start_worker(X, handler=sends)
    node.route(Message((X,), (), b""))
    node.run()
    assert (len(refused), inbox.payloads, node.dead_letters.total) == (1, [], 0)


def test_an_object_that_is_not_a_message_is_refused() -> None:
    for wrong in (None, b"x", ((X,), (), b"x")):
        with pytest.raises(LocalSessionError, match="expected a Message"):
            check_message(wrong)
    with pytest.raises(LocalSessionError, match="message: str, expected a Message"):
        Node(Counted("n")).route("x")  # type: ignore[arg-type]


def test_a_payload_has_the_limit_of_its_node() -> None:
    node, session = node_with_a_session()
    node.router.max_payload_bytes = limit = 10_000

    def route(payload: bytes) -> None:
        node.route(Message((X,), (), payload))

    for send in (route, partial(node.send, session), partial(node.request, session, "q")):
        with pytest.raises(LocalSessionError, match="payload: 10001 bytes, limit 10000; send it in parts"):
            send(bytes(limit + 1))
    route(bytes(limit))


def test_the_payload_limit_of_a_session_is_less_the_bytes_of_its_layers() -> None:
    """Data is written with two routes, and the answer to a request with longer ones (16.1)."""
    node, session = node_with_a_session()
    node.router.max_payload_bytes = limit = 10_000
    for send, added in ((partial(node.send, session), HEAD_BYTES),
                        (partial(node.request, session, "q"), HEAD_BYTES + ANSWER_BYTES)):  # fmt: skip
        with pytest.raises(LocalSessionError, match=f"limit {limit - added}; send it in parts"):
            send(bytes(limit - added + 1))
        send(bytes(limit - added))


def test_profile_ockam_adds_no_bytes() -> None:
    node = Node(Counted("n"))
    node.start_worker(X, handler=echo)
    config = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, OCKAM)
    for route in ((tcp("b"), local("host")), (X,)):
        below = node.start_session(config, route)
        above = node.start_session(config, (below, local("host")))
        assert largest_payload(node.router.residents, (above,), (), 1_000) == 1_000


@pytest.mark.parametrize("wrong", ["x\ud800", 5, None])
def test_a_name_is_text_or_bytes(wrong: Any) -> None:
    with pytest.raises(LocalSessionError, match=r"UTF-8 cannot encode it|expected a str or bytes"):
        local(wrong)


def test_a_host_adds_no_layer() -> None:
    node = Node(Counted("n"))
    node.start_host(X, SessionConfig(EXPLICIT_TRANSIENT, Role.RESPONDER, OCKAM), handler=echo)
    assert largest_payload(node.router.residents, (X,), (), 1_000) == 1_000
    assert (repr(OCKAM), repr(GENERATION)) == ("OCKAM", "GENERATION")


def test_a_loop_of_layers_ends_the_measuring() -> None:
    class Circular:
        def layer(self, onward_route: Route, return_route: Route) -> Layer:
            return Layer((X,), (), 1)

    assert largest_payload({X: Circular()}, (X,), (), 1_000) == 1_000 - MAX_LAYERS


def test_where_frames_are_small_routes_and_tracing_context_count() -> None:
    """Otherwise a message would be accepted that no frame can hold."""
    node = Node(Counted("n"))
    node.router.max_payload_bytes = most = 2_000
    node.start_worker(X, handler=echo)
    out = (tcp("b"), local("x"))
    session = node.start_session(SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, GENERATION), out)

    def along_a_route(payload: bytes, tracing_context: str) -> None:
        node.route(Message(out, (), payload, tracing_context))

    for send in (partial(node.send, session), along_a_route):
        with pytest.raises(LocalSessionError, match=r"routes and tracing context: \d+ bytes too many"):
            send(b"", tracing_context="é" * 2_000)
        with pytest.raises(LocalSessionError, match=r"limit \d{3}; send it in parts"):
            send(bytes(1_500), tracing_context="x" * 3_000)
    with pytest.raises(LocalSessionError, match="too many"):
        node.route(Message((*out, *[LONGEST] * 10), (), b""))
    node.route(Message((X,), tuple([LONGEST] * 10), bytes(most)))  # this one does not leave the node
    node.run()
    assert "command failed" not in node.dead_letters.counts


def test_an_address_and_a_route_are_given_back_as_they_were() -> None:
    route = (X, LONGEST)
    assert check_route("route", route) is route
    assert check_address("address", LONGEST) is LONGEST


@pytest.mark.parametrize(
    "wrong",
    [-1, -0.001, MAX_SECONDS + 1, pytest.param(10**400, id="googol"), float("inf"), float("nan"), "1", None, True],
)
def test_a_time_is_a_finite_number_from_0(wrong: object) -> None:
    with pytest.raises(LocalSessionError, match=r"after_seconds: .*expected"):
        check_seconds("after_seconds", wrong)


@pytest.mark.parametrize("right", [0, 0.0, 1, 0.5, MAX_SECONDS])
def test_every_other_time_is_accepted(right: float) -> None:
    assert check_seconds("after_seconds", right) == right


# From peers: the decoder has checked the types; only the reserve for growth is checked.


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        (Message((X,) * 121, (X,), b""), ROUTE_TOO_LONG, "121 addresses, limit 120"),
        (Message((X,), (X,) * 128, b""), ROUTE_TOO_LONG, "128 addresses, limit 120"),
        (Message((X,), (X,), bytes(101)), PAYLOAD_TOO_LARGE, "101 bytes, limit 100"),
        (Message((X,), (X,), b"", "x" * 8193), TRACING_CONTEXT_TOO_LONG, "8193 bytes, limit 8192"),
    ],
)
def test_a_message_of_a_peer_without_reserve_for_growth_is_a_dead_letter(
    message: Message, reason: str, detail: str
) -> None:
    node, inbox = Node(Counted("n")), Inbox()
    node.router.max_payload_bytes = 100
    node.start_worker(X, handler=inbox, access=Access.PUBLIC)
    via = node.accepted()
    node.receive(message, via)
    node.receive(Message((X,), (X,), b"and the next"), via)
    node.run()
    assert refusal(message, 100) == (reason, detail)
    assert inbox.payloads == [b"and the next"]
    assert [(one.reason, one.detail) for one in node.dead_letters.letters] == [(reason, detail)]


def test_a_message_at_the_limits_is_accepted() -> None:
    assert refusal(Message((X,) * 120, (X,) * 120, bytes(100), "x" * 8192), 100) is None


def test_a_small_frame_may_be_half_filled_by_the_payload() -> None:
    assert payload_limit(1000) == 500
    assert payload_limit(MAX_FRAME_BYTES) == MAX_PAYLOAD_BYTES == MAX_FRAME_BYTES - ENVELOPE_BYTES


# An accepted message can always be encoded.

addresses = st.builds(
    Address, st.sampled_from((0, 1, 23, 24, 255)), st.sampled_from((0, 1, 23, 24, 255, 256, 512)).map(bytes)
)
lengths = st.sampled_from((0, 1, 23, 24, MAX_ACCEPTED_ROUTE)) | st.integers(0, MAX_ACCEPTED_ROUTE)
routes = st.builds(lambda address, length: (address,) * length, addresses, lengths)
payloads = st.sampled_from((b"", b"x" * 300, bytes(MAX_PAYLOAD_BYTES)))
contexts = st.none() | st.text(max_size=20) | st.just("é" * 4096)


def through(profile: Profile) -> Callable[[Message], Message]:
    """Send a message through a session whose messaging route is as long as it may be."""
    i, _ = established_pair(EXPLICIT_TRANSIENT, profile)
    assert i.session.current is not None
    length = MAX_ROUTE_LENGTH if profile.keeps_alive else ROOM_FOR_HOPS  # in `ockam` the message's own route follows
    i.session.current = i.session.current._replace(route=(LONGEST,) * length)

    def send(message: Message) -> Message:
        outgoing = Outgoing(
            message.payload, message.onward_route, message.return_route, tracing_context=message.tracing_context
        )
        i.order(lambda session: session.send(outgoing))
        return i.outbox.pop()

    return send


def sent_plainly(message: Message) -> Message:
    return message


WAYS = {"plain": sent_plainly, "generation": through(GENERATION), "ockam": through(OCKAM)}


def after_hops(message: Message) -> Message:
    """Return the message after as many hops as a route has room for, at least `ROOM_FOR_HOPS`."""
    hops = (LONGEST,) * (MAX_ROUTE_LENGTH - len(message.return_route))
    assert len(hops) >= ROOM_FOR_HOPS
    return Message(message.onward_route, (*hops, *message.return_route), message.payload, message.tracing_context)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@given(message=st.builds(Message, routes, routes, payloads, contexts))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_an_accepted_message_can_be_encoded_after_a_session_and_all_hops(way: str, message: Message) -> None:
    assert encode_frame(encode_message(after_hops(WAYS[way](check_message(message)))))


@pytest.mark.parametrize("way", WAYS)
def test_the_largest_accepted_message_can_be_encoded_after_a_session_and_all_hops(way: str) -> None:
    route = (LONGEST,) * MAX_ACCEPTED_ROUTE
    largest = Message(route, route, bytes(MAX_PAYLOAD_BYTES), "x" * MAX_TRACING_CONTEXT_BYTES)
    assert encode_frame(encode_message(after_hops(WAYS[way](check_message(largest)))))

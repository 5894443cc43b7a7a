"""Forwarding policies for messages from outside, and canonical destinations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import TCP, Address, Message, Route, local
from ockam_fsm.runtime.node.commands import Connect, Transmit, WorkerTimer
from ockam_fsm.runtime.node.forwarding import (
    FORWARDING_REFUSED,
    ForwardingPolicy,
    allow_any,
    allow_none,
    allow_peer,
    canonical,
    only,
    policy_of,
)
from ockam_fsm.runtime.node.node import PEERS_SHARE, Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.router import PRIVATE_ADDRESS
from ockam_fsm.runtime.node.workers import hop
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import Generation, Hello, Keepalive
from tests.runtime.node_helpers import HOST, Counted, Inbox, tcp
from tests.runtime.node_helpers import settings as session_settings

PEER, ELSEWHERE = "203.0.113.7", tcp("198.51.100.1:80")

# Names.

SPELLINGS = [
    ("203.0.113.7:4000", "203.0.113.7:4000"),
    ("[203.0.113.7]:4000", "203.0.113.7:4000"),
    ("203.0.113.7.:4000", "203.0.113.7:4000"),
    ("203.0.113.7:04000", "203.0.113.7:4000"),
    ("203.0.113.7:0", "203.0.113.7:0"),
    ("203.0.113.7:000", "203.0.113.7:0"),
    ("[::ffff:203.0.113.7]:4000", "203.0.113.7:4000"),
    ("[::FFFF:cb00:7107]:4000", "203.0.113.7:4000"),
    ("[::ffff:203.0.113.7.]:4000", "203.0.113.7:4000"),
    ("[2001:DB8:0:0::1]:4000", "[2001:db8::1]:4000"),
    ("2001:db8::0001:4000", "[2001:db8::1]:4000"),
    ("Hub.Example:4000", "hub.example:4000"),
    ("hub.example.:4000", "hub.example:4000"),
    ("hub:4000", "hub:4000"),
    ("no port", "no port"),
]


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS)
def test_all_spellings_of_a_destination_have_one_name(spelling: str, name: str) -> None:
    assert canonical(tcp(spelling)) == tcp(name)


def test_a_name_that_is_not_text_is_unchanged() -> None:
    assert canonical(Address(TCP, b"\xff\xfe:0080")) == Address(TCP, b"\xff\xfe:80")
    assert canonical(Address(TCP, b"host:\xff")).value.startswith(b"host:")


hosts = (
    st.ip_addresses().map(str)
    | st.ip_addresses(v=6).map(lambda address: address.exploded.upper())
    | st.ip_addresses(v=4).map(lambda address: f"::ffff:{address}")
    | st.from_regex(r"[A-Za-z0-9-]{1,9}(\.[A-Za-z0-9-]{1,9}){0,3}", fullmatch=True)
)


@pytest.mark.slow
@given(hosts, st.sampled_from(("", ".", "..")), st.booleans(), st.integers(0, 65535), st.sampled_from(("", "0", "00")))
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
def test_canonical_names_are_unchanged(host: str, dots: str, bracketed: bool, port: int, zeros: str) -> None:
    name = canonical(tcp(f"[{host}{dots}]:{zeros}{port}" if bracketed else f"{host}{dots}:{zeros}{port}"))
    assert canonical(name) == name
    assert name.value.rpartition(b":")[2] == str(port).encode()
    assert canonical(tcp(f"{host}:{port}")) == name


def test_all_spellings_of_a_destination_share_one_connection() -> None:
    node = Node(Counted("n"))
    for spelling, name in SPELLINGS:
        if name == "203.0.113.7:4000":
            node.route(Message((tcp(spelling), local("x")), (), b"x"))
    (connect,) = [command for command in node.run() if isinstance(command, Connect)]
    assert connect.destination == tcp("203.0.113.7:4000")
    assert list(node.destinations) == [connect.destination]


# Policies.


def test_the_named_policies() -> None:
    assert allow_any("", ELSEWHERE)
    assert not allow_none(PEER, tcp(f"{PEER}:80"))


@pytest.mark.parametrize(
    ("host", "destination", "allowed"),
    [
        (PEER, f"{PEER}:1", True),
        (PEER, f"{PEER}:65535", True),
        (f"::ffff:{PEER}", f"{PEER}:80", True),
        (PEER, f"[::ffff:{PEER}]:80", True),
        ("2001:db8::1", "[2001:DB8::0:1]:80", True),
        (PEER, "203.0.113.8:80", False),
        (PEER, "localhost:80", False),
        ("", ":80", False),
        ("", "localhost:80", False),
    ],
)
def test_a_peer_may_lead_back_to_its_own_host_at_any_port(host: str, destination: str, allowed: bool) -> None:
    assert allow_peer(host, tcp(destination)) is allowed


def test_named_destinations_are_allowed_to_every_peer_and_no_others() -> None:
    policy = only([tcp("Hub.example:04000")])
    assert policy("", canonical(tcp("hub.example.:4000")))
    assert not policy(PEER, tcp("hub.example:4001"))


def words(*chosen: str) -> ForwardingPolicy:
    return policy_of(chosen, tcp)


@pytest.mark.parametrize(
    ("chosen", "own", "named", "elsewhere"),
    [
        (("none",), False, False, False),
        (("peer",), True, False, False),
        (("hub:1",), False, True, False),
        (("peer", "hub:1"), True, True, False),
        (("any",), True, True, True),
        (("hub:1", "any"), True, True, True),
    ],
)
def test_option_values_select_a_forwarding_policy(
    chosen: tuple[str, ...], own: bool, named: bool, elsewhere: bool
) -> None:
    policy = words(*chosen)
    asked = [policy(PEER, destination) for destination in (tcp(f"{PEER}:9"), tcp("hub:1"), ELSEWHERE)]
    assert asked == [own, named, elsewhere]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ((), "give peer, any, none, or HOST:PORT"),
        (("none", "peer"), "none cannot be combined"),
        (("hub:1", "none"), "cannot be combined"),
    ],
)
def test_option_values_without_a_forwarding_policy_are_refused(chosen: tuple[str, ...], text: str) -> None:
    with pytest.raises(LocalSessionError, match=text):
        words(*chosen)


WORDS = ("peer", "any", "none", "hub:1", "Hub.:01", "203.0.113.7:80", "[2001:db8::1]:80")
PEERS = ("", PEER, "198.51.100.1", f"::ffff:{PEER}", "2001:DB8:0::1", "hub")
PLACES = ("hub:1", "hub:2", f"{PEER}:80", f"{PEER}:81", "198.51.100.1:80", "[2001:db8::1]:80", "[2001:db8::1]:81")
"""Spellings of destinations by their canonical name."""

SAME_HOST = {(f"::ffff:{PEER}", PEER), ("2001:DB8:0::1", "[2001:db8::1]"), *((one, one) for one in PEERS if one)}
SAME_PLACE = {("Hub.:01", "hub:1"), *((one, one) for one in WORDS)}


@given(st.lists(st.sampled_from(WORDS), max_size=4), st.sampled_from(PEERS), st.sampled_from(PLACES))
@settings(derandomize=True, database=None, deadline=None, max_examples=200)
def test_a_forwarding_policy_agrees_with_the_lists_of_spellings(chosen: list[str], host: str, place: str) -> None:
    """The expected result comes from lists of equal spellings, word by word: nothing is computed."""
    if not chosen or ("none" in chosen and len(chosen) > 1):
        with pytest.raises(LocalSessionError, match="forward_to: "):
            words(*chosen)
        return
    back = "peer" in chosen and (host, place.rpartition(":")[0]) in SAME_HOST
    named = any((word, place) in SAME_PLACE for word in chosen)
    assert words(*chosen)(host, tcp(place)) is ("any" in chosen or back or named)


def test_a_word_that_is_not_an_address_is_refused() -> None:
    def no_address(word: str) -> Address:
        raise LocalSessionError(f"{word}: HOST:PORT belongs")

    with pytest.raises(LocalSessionError, match="peers: HOST:PORT"):
        policy_of(["peers"], no_address)


# Messages of peers.


def connects(node: Node) -> list[Address]:
    return [command.destination for command in node.run() if isinstance(command, Connect)]


def refused(node: Node) -> list[str]:
    return [letter.reason for letter in node.dead_letters.letters]


def test_a_message_to_a_forbidden_destination_is_a_dead_letter() -> None:
    node = Node(Counted("n"), forwarding=allow_peer)
    node.start_worker(local("hop"), handler=hop, access=Access.PUBLIC)
    via = node.accepted(PEER)
    for route in ((ELSEWHERE,), (local("hop"), ELSEWHERE), (tcp(f"{PEER}:80"),)):
        node.receive(Message((*route, local("x")), (local("y"),), b""), via)
    assert connects(node) == [tcp(f"{PEER}:80")]
    assert refused(node) == [FORWARDING_REFUSED] * 2


def test_an_open_connection_is_not_used_for_peers_that_may_not_open_it() -> None:
    node = Node(Counted("n"), forwarding=allow_none)
    node.route(Message((ELSEWHERE, local("x")), (), b"ours"))
    (connect,) = [command for command in node.run() if isinstance(command, Connect)]
    node.connected(connect.via)
    node.run()
    node.receive(Message((ELSEWHERE, local("x")), (), b"theirs"), node.accepted(PEER))
    assert not any(isinstance(command, Transmit) for command in node.run())
    assert refused(node) == [FORWARDING_REFUSED]


def test_the_application_may_connect_anywhere() -> None:
    node = Node(Counted("n"), forwarding=allow_none)
    node.route(Message((ELSEWHERE, local("x")), (), b""))
    assert connects(node) == [ELSEWHERE]


def test_one_peer_may_cause_a_part_of_the_destinations_only() -> None:
    node = Node(Counted("n"), destinations=2 * PEERS_SHARE)
    greedy, modest = node.accepted(PEER), node.accepted(PEER)
    for number in range(3):
        node.receive(Message((tcp(f"h{number}:1"), local("x")), (), b""), greedy)
    node.receive(Message((tcp("h3:1"), local("x")), (), b""), modest)
    assert connects(node) == [tcp("h0:1"), tcp("h1:1"), tcp("h3:1")]
    assert refused(node) == ["too many destinations"]


# Hellos with an initialization route.


def hello(route: Route, name: bytes = b"one session of 2") -> Message:
    said = Hello(name, Generation(1, Role.INITIATOR, local("inner")), route)
    return Message((HOST,), (local("peer"),), GENERATION.encode(said))


def host_node(forwarding: ForwardingPolicy = allow_peer) -> Node:
    node = Node(Counted("n"), forwarding=forwarding)
    node.start_host(HOST, session_settings(EXPLICIT_PERSISTENT_TWO_SIDED, Role.RESPONDER))
    node.start_worker(local("private"), handler=Inbox())
    return node


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ((ELSEWHERE, local("contact")), FORWARDING_REFUSED),
        ((local("private"),), PRIVATE_ADDRESS),
    ],
)
def test_a_hello_whose_initialization_route_is_not_allowed_makes_no_responder(route: Route, reason: str) -> None:
    node = host_node()
    node.receive(hello(route), node.accepted(PEER))
    before = len(node.router.residents)
    node.run()
    assert refused(node) == [reason]
    assert node.host(HOST).responders == {}
    assert (len(node.router.residents), node.router.ledger.held_bytes) == (before, 0)


@pytest.mark.parametrize("route", [(tcp(f"{PEER}:80"), local("contact")), (local("hop"), local("contact"))])
def test_a_hello_whose_initialization_route_is_allowed_makes_a_responder(route: Route) -> None:
    node = host_node()
    node.receive(hello(route), node.accepted(PEER))
    node.run()
    assert (refused(node), len(node.host(HOST).responders)) == ([], 1)


def test_the_policy_applies_to_hellos_of_peers_only() -> None:
    node = host_node(allow_none)
    node.route(hello((ELSEWHERE, local("contact"))))
    node.run()
    assert len(node.host(HOST).responders) == 1


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ((local("hop"), local("private")), PRIVATE_ADDRESS),
        ((local("later private"),), PRIVATE_ADDRESS),
        ((local("hop"), ELSEWHERE, local("contact")), FORWARDING_REFUSED),
    ],
)
def test_a_hello_along_a_route_of_a_peer_is_from_outside(route: Route, reason: str) -> None:
    """The responder sends it when its first route is gone. It reaches nothing that the peer could not reach itself."""
    node, private = host_node(), Inbox()
    node.start_worker(local("hop"), handler=hop, access=Access.PUBLIC)
    via = node.accepted(PEER)
    node.receive(hello(route), via)
    node.run()
    (worker,) = node.host(HOST).responders.values()
    assert worker.session.attempt is not None
    node.receive(Message((worker.session.attempt.inner,), (local("inner"),), GENERATION.encode(Keepalive())), via)
    node.run()
    node.start_worker(local("later private"), handler=private)
    node.renegotiate(worker.outer)
    node.fire(WorkerTimer(worker.outer, Timer.BACK_OFF))
    assert connects(node) == []
    assert (refused(node), worker.session.state) == ([reason], State.RENEGOTIATING)
    assert private.payloads == []

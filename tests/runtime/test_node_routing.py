"""Routing within a node, access, and the workers that forward messages."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import dead_letters, relay, router
from ockam_fsm.runtime.node.commands import Letter, Transmit
from ockam_fsm.runtime.node.dead_letters import DeadLetters
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.services import discovery, metadata_forwarder, metadata_receiver, static_forwarder
from ockam_fsm.runtime.node.workers import Context, echo, hop
from tests.runtime.node_helpers import Counted, Inbox, Wires, tcp

ECHO, HOP, ME = local("echo"), local("hop"), local("me")


def ready() -> tuple[Wires, Inbox, Address]:
    """Nodes a and b; b has public workers `echo` and `hop` and a private one; a has an inbox at a secret address."""
    wires, inbox = Wires("a", "b"), Inbox()
    wires["b"].start_worker(ECHO, handler=echo, access=Access.PUBLIC)
    wires["b"].start_worker(HOP, handler=hop, access=Access.PUBLIC)
    me = wires["a"].start_worker(handler=inbox)
    return wires, inbox, me


def test_echo_as_a_real_node_does_it() -> None:
    wires, inbox, me = ready()
    wires["a"].route(Message((tcp("b"), ECHO), (me,), b"hello", "00-abc"))
    wires.pump()
    assert wires.frames == [
        ("a", Message((ECHO,), (me,), b"hello", "00-abc")),
        ("b", Message((me,), (ECHO,), b"hello")),
    ]
    assert inbox.payloads == [b"hello"]


def test_a_hop_traces_itself_and_passes_the_tracing_context_on() -> None:
    wires, _, me = ready()
    wires["a"].route(Message((tcp("b"), HOP, ECHO), (me,), b"x", "00-trace"))
    wires["b"].stop(ECHO)
    seen = Inbox()
    wires["b"].start_worker(ECHO, handler=seen, access=Access.PUBLIC)
    wires.pump()
    (message,) = seen.messages
    (via,) = [end for name, end in wires.ends if name == "b"]
    assert message == Message((ECHO,), (HOP, via, me), b"x", "00-trace")


def test_a_reply_goes_back_through_the_hop() -> None:
    wires, inbox, me = ready()
    wires["a"].route(Message((tcp("b"), HOP, ECHO), (me,), b"x"))
    wires.pump()
    assert inbox.payloads == [b"x"]


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ((local("nobody"),), "unknown address"),
        ((local("echo.1"),), "unknown address"),
        ((), "empty onward route"),
        ((Address(99, b"x"),), "no transport for this address type"),
        ((local("private"),), "private address"),
        ((HOP, local("private")), "private address"),
    ],
)
def test_an_undeliverable_message_is_a_dead_letter(route: tuple[Address, ...], reason: str) -> None:
    wires, inbox, me = ready()
    private = Inbox()
    wires["b"].start_worker(local("private"), handler=private)
    wires["a"].route(Message((tcp("b"), *route), (me,), b"x"))
    wires.pump()
    assert wires["b"].dead_letters.counts == {reason: 1}
    assert (private.payloads, inbox.payloads) == ([], [])


def test_a_private_worker_receives_from_its_own_node() -> None:
    wires, _, _ = ready()
    private = Inbox()
    wires["b"].start_worker(local("private"), handler=private)
    wires["b"].route(Message((local("private"),), (), b"x"))
    wires.pump()
    assert private.payloads == [b"x"]


def test_local_order_is_absolute() -> None:
    """Messages of a delivery go behind those sent before."""
    node, inbox = Node(Counted("n")), Inbox()
    node.start_worker(ME, handler=inbox)

    def twice(message: Message, context: Context) -> None:
        context.send((ME,), message.payload + b"1")
        context.send((ME,), message.payload + b"2")

    node.start_worker(local("twice"), handler=twice)
    for payload in (b"a", b"b"):
        node.route(Message((local("twice"),), (), payload))
        node.route(Message((ME,), (), payload))
    node.run()
    assert inbox.payloads == [b"a", b"b", b"a1", b"a2", b"b1", b"b2"]


def test_workers_that_answer_each_other_indefinitely_starve_no_other_origin() -> None:
    node, inbox = Node(Counted("n"), deliveries=10), Inbox()
    node.start_worker(ECHO, handler=echo)
    node.start_worker(ME, handler=inbox)
    node.route(Message((ECHO,), (ECHO,), b"for ever"))
    (command,) = node.run()
    assert isinstance(command, SetTimer)
    assert command.after_seconds == 0.0
    node.route(Message((ME,), (), b"x"))
    node.fire(command.timer)
    assert node.run() == [command]
    assert inbox.payloads == [b"x"]


def test_a_message_with_long_routes_counts_as_several_deliveries() -> None:
    node, inbox = Node(Counted("n"), deliveries=10), Inbox()
    node.start_worker(ME, handler=inbox)
    for _ in range(4):
        node.route(Message((ME, *[local("far")] * 20), (), b""))
    node.run()
    assert len(inbox.payloads) == 3  # each counts as 4


def test_a_worker_has_several_addresses_and_each_is_its_own() -> None:
    node, inbox = Node(Counted("n")), Inbox()
    node.start_worker(ME, local("also me"), handler=inbox)
    node.route(Message((local("also me"),), (), b"x"))
    node.run()
    assert inbox.addresses == [local("also me")]
    with pytest.raises(LocalSessionError, match="taken"):
        node.start_worker(local("also me"), handler=inbox)
    node.stop(ME)
    node.route(Message((local("also me"),), (), b"x"))
    node.run()
    assert node.dead_letters.counts == {"unknown address": 1}
    with pytest.raises(LocalSessionError, match="no worker"):
        node.stop(ME)


def test_a_static_forwarder_sends_on_along_its_route() -> None:
    wires, inbox, me = ready()
    wires["a"].start_worker(local("far"), handler=static_forwarder((tcp("b"),)))
    wires["a"].route(Message((local("far"), ECHO), (me,), b"x", "t"))
    wires.pump()
    assert inbox.payloads == [b"x"]
    assert wires.frames[0] == ("a", Message((ECHO,), (me,), b"x", "t"))


def test_metadata_survives_a_carrier_that_keeps_payloads_only() -> None:
    wires, inbox, me = ready()
    receiver = local("receiver")
    wires["b"].start_worker(receiver, handler=metadata_receiver, access=Access.PUBLIC)
    wires["a"].start_worker(local("pack"), handler=metadata_forwarder((tcp("b"), receiver)))
    wires["a"].route(Message((local("pack"), HOP, ECHO), (me,), b"x", "t"))
    wires.pump()
    assert inbox.payloads == [b"x"]
    wires["a"].route(Message((tcp("b"), receiver), (me,), b"\xff"))
    wires.pump()
    assert wires["b"].dead_letters.counts == {"malformed": 1}


@pytest.mark.parametrize("proxy", [True, False])
def test_discovery_stays_on_the_route_or_leaves_it(proxy: bool) -> None:
    wires, inbox, me = ready()
    wires.nodes["d"] = Node(Counted("d"))
    wires.timers["d"] = {}
    name, service = local("the echo"), local("discovery")
    directory = {name: (tcp("b"), ECHO)}
    wires["d"].start_worker(service, handler=discovery(directory, proxy=proxy), access=Access.PUBLIC)
    wires["a"].route(Message((tcp("d"), service, name), (me,), b"x"))
    wires.pump()
    assert inbox.payloads == [b"x"]
    there = next(message for sender, message in wires.frames if sender == "d")
    assert (service in there.return_route) is proxy
    wires["a"].route(Message((tcp("d"), service, local("?")), (me,), b"x"))
    wires["a"].route(Message((tcp("d"), service), (me,), b"x"))
    wires.pump()
    unknown = {"unknown address": 1, "unknown name": 1} if proxy else {"unknown name": 2}
    assert wires["d"].dead_letters.counts == unknown


def relayed() -> tuple[Wires, dict[str, relay.Registrar], relay.Relay]:
    wires, service = Wires("r", "a", "b"), relay.Relay(capacity=2)
    wires["r"].start_worker(local("relay"), handler=service, access=Access.PUBLIC)
    registrars = {}
    for name in ("a", "b"):
        registrars[name] = relay.Registrar((tcp("r"), local("relay")), name, name.encode() * 16)
        wires[name].route(relay.start(wires[name].start_worker(handler=registrars[name])))
    wires.pump()
    return wires, registrars, service


def test_both_ends_register_at_the_relay_and_again() -> None:
    wires, registrars, service = relayed()
    assert [r.confirmed for r in registrars.values()] == [1, 1]
    before = dict(service.routes)
    for name in ("a", "b"):
        wires.cut(name)
        wires.fire(name, *[t.timer for t in wires.timers[name]])
        wires.fire(name, *[t.timer for t in wires.timers[name]])
    assert [r.confirmed for r in registrars.values()] >= [2, 2]
    assert all(service.routes[alias] != before[alias] for alias in before)


def test_a_relay_refuses_foreign_tokens_unknown_aliases_and_too_many() -> None:
    wires, _, service = relayed()
    before = dict(service.routes)
    for registrar in (relay.Registrar((tcp("r"), local("relay")), alias, b"?" * 16) for alias in ("a", "c")):
        wires["b"].route(relay.start(wires["b"].start_worker(handler=registrar)))
    wires["b"].route(Message((tcp("r"), local("relay"), local("nobody")), (), b""))
    wires["b"].route(Message((tcp("r"), local("relay")), (), b"\xff"))
    wires.pump()
    assert service.routes == before
    assert wires["r"].dead_letters.counts == {
        "alias taken": 1, "no room for another alias": 1, "alias not registered": 1, "malformed": 1,
    }  # fmt: skip


def test_a_registrar_takes_nothing_but_its_confirmation() -> None:
    wires, registrars, _ = relayed()
    (route,) = {frame.return_route for name, frame in wires.frames if name == "a"}
    wires["b"].route(Message((tcp("a"), *route), (), b"?"))
    wires.pump()
    assert registrars["a"].confirmed == 1
    assert wires["a"].dead_letters.counts == {"not a confirmation": 1}


def test_frames_of_a_connection_that_is_unknown_are_dead_letters() -> None:
    node = Node(Counted("n"))
    node.receive(Message((ECHO,), (), b"x"), local("no connection"))
    node.start_worker(ME, handler=Inbox())
    node.receive(Message((ECHO,), (), b"x"), ME)
    assert node.dead_letters.counts == {"unknown connection": 2}


def test_the_transport_prepends_its_own_address() -> None:
    node, inbox = Node(Counted("n")), Inbox()
    node.start_worker(ME, handler=inbox, access=Access.PUBLIC)
    via = node.accepted()
    node.receive(Message((ME,), (local("you"),), b"x"), via)
    node.run()
    assert inbox.messages == [Message((ME,), (via, local("you")), b"x")]
    node.route(replace(inbox.messages[0], onward_route=inbox.messages[0].return_route, return_route=()))
    assert node.run() == [Transmit(via, Message((local("you"),), (), b"x"))]


@given(st.lists(st.integers(0, 99), max_size=12, unique=True), st.integers(1, 5))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_the_latest_addresses_that_have_ended_are_remembered(numbers: list[int], most: int) -> None:
    node, ended = Node(Counted("n")), [local(f"inner-{number}") for number in numbers]
    with patch.object(router, "MAX_VANISHED", most):
        for address in ended:
            place = node.start_worker(address, handler=echo)
            node.router.vanish(place)
            assert place not in node.router.residents
            assert place not in node.router.private
    assert list(node.router.vanished) == ended[-most:]


@given(st.lists(st.text("abcdef", min_size=1, max_size=2), max_size=30), st.integers(1, 4), st.integers(0, 5))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_every_dead_letter_is_counted_and_the_latest_are_kept(reasons: list[str], most: int, kept: int) -> None:
    """They are counted by reason, as long as there is room for another reason."""
    letters, known, last = DeadLetters(kept), list(dict.fromkeys(reasons))[:most], None
    with patch.object(dead_letters, "MAX_REASONS", most):
        for reason in reasons:
            letters.add(last := Letter(reason, Message((), (), b"")))
    counted = {reason: reasons.count(reason) for reason in known}
    others = len(reasons) - sum(counted.values())
    assert letters.counts == (counted | {dead_letters.OTHER: others} if others else counted)
    assert letters.total == len(reasons)
    assert [letter.reason for letter in letters.letters] == reasons[len(reasons) - min(kept, len(reasons)) :]
    assert not kept or not reasons or letters.letters[-1] == last


@given(st.integers(0, 255), st.integers(0, 255), st.text("ab#0", max_size=3))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_the_text_of_an_address_has_its_type(kind: int, other: int, name: str) -> None:
    one, another = (str(Address(number, name.encode())) for number in (kind, other))
    assert one.endswith(name)
    assert (one == another) is (kind == other)
    assert str(local(name)) == name

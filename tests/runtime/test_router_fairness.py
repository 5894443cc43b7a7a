"""The router between origins: each has its order, its turn, its charges, and its own failures."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ockam_fsm.kernel.timers import SetTimer
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.commands import WorkerFailed
from ockam_fsm.runtime.node.ledger import NODE_FULL, Ledger, Origin, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access, Dependent, Envelope, Inner
from ockam_fsm.runtime.node.router import (
    DELIVERY_FAILED,
    LIGHT_ADDRESSES,
    LIGHT_PAYLOAD_BYTES,
    QUANTUM,
    ROUTE_FULL,
    Router,
)
from ockam_fsm.runtime.node.workers import hop
from tests.runtime.node_helpers import Counted, Inbox
from tests.runtime.test_node_supervision import Seen

SINK, X, HOP = local("sink"), local("x"), local("hop")


class Sink(Inner):
    """Keeps its messages in order; `act` is called in the delivery."""

    def __init__(self, act: Callable[[Envelope], None] = lambda envelope: None) -> None:
        self.act = act
        self.taken: list[bytes] = []

    def take(self, envelope: Envelope) -> None:
        self.taken.append(envelope.message.payload)
        self.act(envelope)

    def fire(self, timer: object) -> None: ...


def raises() -> None:
    raise ValueError("broken")


def router_with(sink: Sink, deliveries: int = 10_000, total_bytes: int = 10_000_000) -> Router:
    router = Router(Counted("n"), deliveries, 100, Ledger(total_bytes))
    router.register(SINK, sink, Access.PUBLIC)
    return router


def peer(name: str) -> Origin:
    return Origin(name, outside=True)


def to_sink(payload: bytes) -> Envelope:
    return Envelope(Message((SINK,), (), payload))


def queue(router: Router, origin: Origin, *payloads: bytes) -> None:
    for payload in payloads:
        router.route(to_sink(payload), origin)


# Turns.


def test_a_flood_of_one_origin_delays_another_by_two_quanta_at_most() -> None:
    sink = Sink()
    router, flooding, honest = router_with(sink), peer("flooding"), peer("honest")
    queue(router, flooding, *(b"flood %d" % number for number in range(1000)))
    queue(router, honest, b"honest")
    router.run()
    assert sink.taken.index(b"honest") < 2 * QUANTUM
    flood = [payload for payload in sink.taken if payload != b"honest"]
    assert flood == [b"flood %d" % number for number in range(1000)]


def test_origins_have_their_turns_one_after_the_other_whatever_the_budget_of_a_run() -> None:
    """A run may end within the turn of an origin; the next origin comes next all the same."""
    sink = Sink()
    router, origins = router_with(sink, deliveries=5), [peer(name) for name in "abc"]
    for origin in origins:
        queue(router, origin, *[origin.name.encode()] * 7)
    commands = []
    while router.busy:
        commands += router.run()
    assert b"".join(sink.taken) == b"aaaaabbbbbcccccaabbcc"
    assert [type(command) for command in commands] == [SetTimer] * 4


def test_messages_of_a_delivery_go_to_the_end_of_the_queue_of_its_origin() -> None:
    """A message that loops indefinitely delays its own origin only: the others have every second turn."""
    router: Router

    def again(envelope: Envelope) -> None:
        if envelope.message.payload == b"round":
            router.route(envelope)

    sink = Sink(again)
    router = router_with(sink, deliveries=QUANTUM * 4)
    queue(router, peer("going round"), b"round", b"behind it")
    queue(router, peer("honest"), *[b"honest"] * QUANTUM * 2)
    router.run()
    assert sink.taken[:3] == [b"round", b"behind it", b"round"]
    assert sink.taken.count(b"honest") == 2 * QUANTUM


def test_a_message_with_many_hops_stays_in_the_queue_of_its_origin() -> None:
    node, inbox = Node(Counted("n")), Inbox()
    node.start_worker(HOP, handler=hop, access=Access.PUBLIC)
    node.start_worker(X, handler=inbox, access=Access.PUBLIC)
    slow, fast = node.accepted("slow"), node.accepted("fast")
    node.receive(Message((*(HOP,) * 100, X), (), b"many hops"), slow)
    for _ in range(3):
        node.receive(Message((HOP, X), (), b"one hop"), fast)
    node.run()
    assert inbox.payloads == [b"one hop"] * 3
    while node.router.busy:
        node.run()
    assert inbox.payloads == [b"one hop"] * 3 + [b"many hops"]
    assert node.router.ledger.held_bytes == 0


def test_an_input_of_an_origin_sends_on_behalf_of_it() -> None:
    sink = Sink()
    router, origin = router_with(sink), peer("peer")
    router.on_behalf(origin, lambda: router.route(to_sink(b"its")))
    router.route(to_sink(b"ours"))
    assert (len(origin.queue), len(router.application.queue)) == (1, 1)
    assert router.serving is router.application


def test_an_input_that_raises_ends_for_its_origin() -> None:
    router = router_with(Sink())
    with pytest.raises(ValueError, match="broken"):
        router.on_behalf(peer("peer"), raises)
    assert router.serving is router.application


# Failures.


def test_a_delivery_that_raises_is_a_dead_letter_and_the_others_are_delivered() -> None:
    def fails(envelope: Envelope) -> None:
        if envelope.message.payload == b"!":
            raise ValueError("broken resident")

    sink, seen = Sink(fails), Seen()
    router, one, other = router_with(sink), peer("one"), peer("other")
    router.observers = (seen,)
    queue(router, one, b"1", b"!", b"2")
    queue(router, other, b"3")
    router.run()
    assert sink.taken == [b"1", b"!", b"2", b"3"]
    (letter,) = router.dead_letters.letters
    assert (letter.reason, letter.detail) == (DELIVERY_FAILED, "ValueError('broken resident')")
    assert [type(one.error) for one in seen.observations if isinstance(one, WorkerFailed)] == [ValueError]
    assert (router.ledger.held_bytes, router.serving) == (0, router.application)


def test_deferred_actions_are_done_right_after_a_delivery() -> None:
    order: list[str] = []
    router: Router

    def act(envelope: Envelope) -> None:
        router.afterwards.append(lambda: order.append("afterwards"))
        order.append("delivered")

    router = router_with(Sink(act))
    queue(router, peer("peer"), b"1", b"2")
    router.run()
    assert order == ["delivered", "afterwards"] * 2


def test_deferred_actions_are_done_after_a_delivery_that_raises() -> None:
    done: list[bytes] = []
    router: Router

    def act(envelope: Envelope) -> None:
        router.afterwards.append(lambda: done.append(envelope.message.payload))
        raise ValueError

    router = router_with(Sink(act))
    queue(router, peer("peer"), b"1")
    router.run()
    assert done == [b"1"]


def test_deferred_actions_are_done_without_a_delivery() -> None:
    router, done = router_with(Sink()), list[str]()
    router.afterwards.append(lambda: done.append("afterwards"))
    router.run()
    assert done == ["afterwards"]


def test_a_deferred_action_that_raises_affects_no_message() -> None:
    """The message before it was delivered, so it is not a dead letter."""
    router, done = router_with(Sink()), list[str]()
    router.afterwards.extend([raises, lambda: done.append("the next")])
    queue(router, peer("peer"), b"1")
    router.run()
    assert done == ["the next"]
    assert [(one.reason, one.message) for one in router.dead_letters.letters] == [(DELIVERY_FAILED, "None")]


# Limits.


@pytest.mark.parametrize("full", [((X,) * 129, ()), ((X,), (X,) * 129)])
def test_a_route_too_long_for_a_frame_is_a_dead_letter(full: tuple[tuple[Address, ...], tuple[Address, ...]]) -> None:
    router = router_with(Sink())
    router.route(Envelope(Message(*full, b"grown")))
    router.route(Envelope(Message((SINK,) * MAX_ROUTE_LENGTH, (X,) * MAX_ROUTE_LENGTH, b"as long as may be")))
    assert [(one.reason, one.detail) for one in router.dead_letters.letters] == [
        (ROUTE_FULL, "129 addresses, limit 128")
    ]
    assert len(router.application.queue) == 1


def test_a_message_that_a_full_node_cannot_queue_is_a_dead_letter_with_its_origin() -> None:
    sink = Sink()
    router, origin = router_with(sink, total_bytes=4 * weight_of(to_sink(b"").message)), peer("peer")
    queue(router, origin, b"", b"", b"", b"", b"")
    assert [(one.reason, one.detail) for one in router.dead_letters.letters] == [(NODE_FULL, "peer")]
    router.run()
    assert (len(sink.taken), router.ledger.held_bytes) == (4, 0)


def test_a_small_message_is_not_charged_while_it_is_alone_in_its_queue() -> None:
    router, origin = router_with(Sink(), total_bytes=0), peer("peer")
    queue(router, origin, bytes(LIGHT_PAYLOAD_BYTES))
    assert router.dead_letters.counts == {}
    queue(router, origin, b"the second")
    queue(router, peer("another"), bytes(LIGHT_PAYLOAD_BYTES + 1))
    router.route(Envelope(Message((SINK,), (X,) * LIGHT_ADDRESSES, b"")), peer("a third"))
    assert router.dead_letters.counts == {NODE_FULL: 3}
    router.run()
    assert (router.ledger.held_bytes, router.ledger.origins) == (0, {})


# Ends of origins.


def test_an_origin_that_is_given_up_has_dead_letters_and_no_charges() -> None:
    sink = Sink()
    router, gone, other = router_with(sink), peer("gone"), peer("other")
    queue(router, gone, b"1", b"2")
    queue(router, other, b"3")
    router.forget(gone)
    assert [(one.reason, one.detail) for one in router.dead_letters.letters] == [(NODE_FULL, "gone")] * 2
    assert (gone.held_bytes, len(gone.queue)) == (0, 0)
    queue(router, gone, b"4")
    router.run()
    assert (sink.taken, router.busy, router.ledger.held_bytes) == ([b"4", b"3"], False, 0)


def test_an_origin_may_be_given_up_within_its_own_turn() -> None:
    """A message of a delivery for another origin may need memory: the rest of the turn is given up, once."""
    router: Router

    def act(envelope: Envelope) -> None:
        if envelope.message.payload == b"1":
            router.route(to_sink(bytes(2300)), router.application)

    sink = Sink(act)
    router = router_with(sink, total_bytes=8800)
    greatest = Origin("greatest", outside=True, evict=lambda: router.forget(greatest))
    queue(router, greatest, b"1", *[b""] * 6)
    assert router.ledger.held_bytes > 6500
    router.run()
    assert sink.taken == [b"1", bytes(2300)]
    assert router.dead_letters.counts == {NODE_FULL: 6}
    assert (router.ledger.held_bytes, router.ledger.origins) == (0, {})


def test_a_message_that_an_observer_sends_about_a_lost_one_is_not_lost() -> None:
    """An origin is given up at once, though every dead letter may cause another message."""
    sink = Sink()
    router, gone = router_with(sink), peer("gone")

    class Reports:
        def observe(self, observation: object) -> None:
            router.route(to_sink(b"report"), gone)

    router.observers = (Reports(),)
    queue(router, gone, b"1", b"2")
    router.forget(gone)
    router.run()
    assert sink.taken == [b"report", b"report"]


def test_only_messages_of_the_ending_connection_are_delivered_before_its_end() -> None:
    sink = Sink()
    router, ending, other = router_with(sink), peer("ending"), peer("other")
    queue(router, other, b"other")
    queue(router, ending, b"1", b"2")
    router.drain_origin(ending)
    assert (sink.taken, router.serving) == ([b"1", b"2"], router.application)
    router.drain_origin(ending)
    router.run()
    assert sink.taken == [b"1", b"2", b"other"]


def test_messages_sent_by_the_last_deliveries_wait_for_their_turn() -> None:
    router: Router

    def act(envelope: Envelope) -> None:
        if envelope.message.payload == b"1":
            router.route(to_sink(b"follows"))

    sink = Sink(act)
    router, ending = router_with(sink), peer("ending")
    queue(router, ending, b"1", b"2")
    router.drain_origin(ending)
    assert sink.taken == [b"1", b"2"]
    router.run()
    assert sink.taken == [b"1", b"2", b"follows"]


def test_an_end_within_a_delivery_waits_for_the_delivery() -> None:
    router: Router
    ending = peer("ending")

    def act(envelope: Envelope) -> None:
        router.drain_origin(ending)
        router.drain()
        nested.append(len(sink.taken))

    nested: list[int] = []
    sink = Sink(act)
    router = router_with(sink)
    queue(router, peer("other"), b"other")
    queue(router, ending, b"1")
    router.run()
    assert (sink.taken, nested) == ([b"other", b"1"], [1, 2])


# Dependents of a lost carrier -----------------------------------------------------------------------------------------


class Relying(Inner):
    """A dependent that counts its losses."""

    def __init__(self, told: list[Relying], act: Callable[[], None] = lambda: None) -> None:
        self.told, self.act = told, act

    def lower_layer_lost(self, detail: str) -> None:
        self.told.append(self)
        self.act()


def test_dependents_lose_their_carrier_one_per_turn_and_delay_no_origin() -> None:
    told, sink = list[Relying](), Sink()
    router = router_with(sink, deliveries=256)
    router.lose(dict.fromkeys(Relying(told) for _ in range(1000)), "")
    router.route(to_sink(b"between"), peer("p"))
    router.run()
    assert sink.taken == [b"between"]
    assert 0 < len(told) <= 64
    turns = 1
    while router.busy:
        assert any(isinstance(command, SetTimer) for command in router.run()) or not router.busy
        turns += 1
    assert (len(told), len(set(told))) == (1000, 1000)
    assert turns >= 1000 // 64


def test_a_dependent_that_has_left_or_raises_affects_no_other() -> None:
    told = list[Relying]()
    router = router_with(Sink())
    left, broken, last = Relying(told), Relying(told, raises), Relying(told)
    dependents: dict[Dependent, None] = dict.fromkeys((left, broken, last))
    router.lose(dependents, "")
    del dependents[left]
    router.run()
    assert told == [broken, last]
    assert router.dead_letters.counts == {DELIVERY_FAILED: 1}

"""The account of a node: limits hold, the greatest holder gives up memory, and a charge is released exactly once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.ledger import ADDRESS_BYTES, MESSAGE_BYTES, Ledger, Origin, Receipt, weight_of

X = local("x")


def application() -> Origin:
    return Origin("application", outside=False)


class Peer(Origin):
    """A peer whose connection gives up everything when it is evicted, and records what was given up, in order."""

    __slots__ = ("gave_up", "ledger", "receipts")

    def __init__(self, name: str, ledger: Ledger, gave_up: list[str] | None = None) -> None:
        super().__init__(name, outside=True, evict=self.lost)
        self.ledger = ledger
        self.receipts: list[Receipt] = []
        self.gave_up = [] if gave_up is None else gave_up

    def take(self, size: int) -> bool:
        receipt = self.ledger.take(self, size)
        self.receipts += [] if receipt is None else [receipt]
        return receipt is not None

    def take_responder(self, name: str, size: int) -> None:
        receipt = self.ledger.take(self, size)
        assert receipt is not None

        def give_up(given_up: Receipt) -> None:
            assert given_up is receipt
            self.gave_up.append(name)
            self.ledger.give_back(receipt)

        self.ledger.may_give_up(receipt, give_up)

    def lost(self) -> None:
        self.gave_up.append(self.name)
        while self.receipts:
            self.ledger.give_back(self.receipts.pop())


def test_a_charge_is_held_until_it_is_released() -> None:
    ledger, app = Ledger(1000), application()
    first, second = ledger.take(app, 300), ledger.take(app, 200)
    assert first is not None
    assert (first.origin, first.size) == (app, 300)
    assert (ledger.held_bytes, app.held_bytes, list(ledger.origins)) == (500, 500, [app])
    for receipt in (first, second):
        assert receipt is not None
        ledger.give_back(receipt)
    assert (ledger.held_bytes, app.held_bytes, ledger.origins) == (0, 0, {})


def test_a_charge_that_is_refused_changes_nothing() -> None:
    ledger, app = Ledger(1000), application()
    assert ledger.charge(app, 700)
    assert ledger.take(app, 51) is None
    assert (ledger.held_bytes, app.held_bytes) == (700, 700)
    assert ledger.charge(app, 50)


def test_all_peers_together_may_hold_three_quarters() -> None:
    """Peers at their limit leave room for the application, and a further charge of theirs is refused."""
    ledger = Ledger(1000)
    first, second, app = Peer("first", ledger), Peer("second", ledger), application()
    assert first.take(400)
    assert second.take(350)
    assert not second.take(51)
    assert ledger.charge(app, 250)
    assert first.gave_up == second.gave_up == []


def test_the_application_may_hold_three_quarters() -> None:
    ledger, app = Ledger(1000), application()
    assert ledger.charge(app, 750)
    assert not ledger.charge(app, 1)
    assert Peer("peer", ledger).take(250)


def test_the_application_is_never_evicted() -> None:
    ledger, app = Ledger(1000), application()
    app.evict = lambda: pytest.fail("it was")
    peer = Peer("peer", ledger)
    assert ledger.charge(app, 750)
    assert peer.take(200)
    assert not peer.take(100)


def test_the_greatest_holder_gives_up_memory_and_the_newcomer_is_served() -> None:
    ledger, gave_up = Ledger(1000), list[str]()
    small, great, new = (Peer(name, ledger, gave_up) for name in ("small", "great", "new"))
    assert small.take(250)
    assert great.take(500)
    assert new.take(100)
    assert gave_up == ["great"]
    assert (small.held_bytes, great.held_bytes, new.held_bytes, ledger.held_bytes) == (250, 0, 100, 350)


def test_the_greatest_holder_is_refused_and_no_other_gives_up_memory() -> None:
    ledger, gave_up = Ledger(1000), list[str]()
    small, great = (Peer(name, ledger, gave_up) for name in ("small", "great"))
    assert small.take(250)
    assert great.take(500)
    assert not great.take(1)
    assert not small.take(300)  # it would be the greatest
    assert gave_up == []


def test_the_newest_responders_are_given_up_first_then_the_connection() -> None:
    ledger, gave_up = Ledger(1000), list[str]()
    great, new = Peer("great", ledger, gave_up), Peer("new", ledger, gave_up)
    assert great.take(500)
    for name in ("oldest", "older", "newest"):
        great.take_responder(name, 80)
    assert new.take(150)
    assert gave_up == ["newest", "older"]
    assert new.take(200)
    assert gave_up == ["newest", "older", "oldest", "great"]


def test_memory_that_cannot_be_given_up_now_ends_the_eviction() -> None:
    ledger = Ledger(1000)
    stuck, new = Origin("stuck", outside=True), Peer("new", ledger)
    assert ledger.charge(stuck, 750)
    assert not new.take(100)
    stuck.evict = lambda: None
    assert not new.take(100)


def test_the_greatest_peer_gives_up_memory_for_the_application() -> None:
    ledger, app = Ledger(1000), application()
    peer = Peer("peer", ledger)
    assert peer.take(700)
    assert ledger.charge(app, 250)
    assert ledger.charge(app, 200)
    assert (peer.gave_up, ledger.held_bytes) == (["peer"], 450)


def test_fits_charges_nothing() -> None:
    ledger, app = Ledger(1000), application()
    assert ledger.fits(app, 750)
    assert not ledger.fits(app, 751)
    assert (ledger.held_bytes, ledger.origins) == (0, {})


def test_a_weight_counts_payload_addresses_and_tracing_context() -> None:
    longest = Address(255, bytes(512))
    assert weight_of(Message((), (), b"")) == MESSAGE_BYTES
    assert weight_of(Message((X, longest), (X,), bytes(100), "abc")) == MESSAGE_BYTES + 3 * ADDRESS_BYTES + 112
    assert len(longest.value) < ADDRESS_BYTES


class Account(RuleBasedStateMachine):
    """Peers and the application that charge, release, are evicted and give up responders, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(1000)
        self.app = application()
        self.receipts: list[Receipt] = []
        self.asking: tuple[Origin, int] | None = None
        self.peers = [Origin(name, outside=True, evict=self._eviction(n)) for n, name in enumerate("abc")]

    def _eviction(self, number: int) -> Callable[[], None]:
        def evict() -> None:
            self.pays(self.peers[number])
            self.lose(self.peers[number])

        return evict

    def pays(self, victim: Origin) -> None:
        """The peer that gives something up holds the most of all peers, also after the charge."""
        assert self.asking is not None, "only a charge makes an origin give something up"
        origin, size = self.asking
        assert victim is not origin
        assert victim.held_bytes == max(one.held_bytes for one in self.peers)
        assert victim.held_bytes > origin.held_bytes + size

    def lose(self, origin: Origin) -> None:
        for receipt in [one for one in self.receipts if one.origin is origin]:
            self.receipts.remove(receipt)
            self.ledger.give_back(receipt)

    def charge(self, origin: Origin, size: int) -> Receipt | None:
        self.asking, before = (origin, size), origin.held_bytes
        receipt = self.ledger.take(origin, size)
        self.asking = None
        if receipt is None:
            assert origin.held_bytes == before
        else:
            assert origin.held_bytes == before + size
        return receipt

    @rule(number=st.integers(0, 3), size=st.integers(0, 400))
    def charges(self, number: int, size: int) -> None:
        receipt = self.charge((*self.peers, self.app)[number], size)
        self.receipts += [] if receipt is None else [receipt]

    @rule(number=st.integers(0, 2), size=st.integers(1, 200))
    def makes_a_responder(self, number: int, size: int) -> None:
        origin = self.peers[number]
        receipt = self.charge(origin, size)
        if receipt is None:
            return

        def give_up(given_up: Receipt) -> None:
            assert given_up is receipt
            self.pays(origin)
            self.ledger.give_back(receipt)

        self.ledger.may_give_up(receipt, give_up)

    @rule(number=st.integers(0, 2))
    def confirms_its_oldest_responder(self, number: int) -> None:
        for receipt in list(self.peers[number].discards)[:1]:
            self.ledger.give_back(receipt)

    @precondition(lambda self: self.receipts)
    @rule(choice=st.integers(0, 10**6))
    def releases(self, choice: int) -> None:
        self.ledger.give_back(self.receipts.pop(choice % len(self.receipts)))

    @rule(number=st.integers(0, 3))
    def goes(self, number: int) -> None:
        origin = (*self.peers, self.app)[number]
        for receipt in tuple(origin.discards):
            self.ledger.give_back(receipt)
        self.lose(origin)
        assert origin.held_bytes == 0
        assert origin not in self.ledger.origins

    @invariant()
    def the_sums_agree_and_the_limits_hold(self) -> None:
        ledger, peers = self.ledger, sum(one.held_bytes for one in self.peers)
        assert peers + self.app.held_bytes == ledger.held_bytes <= ledger.total_bytes
        assert peers == ledger.outside_bytes <= 750
        assert self.app.held_bytes <= 750
        assert set(ledger.origins) == {one for one in (*self.peers, self.app) if one.held_bytes}

    @invariant()
    def items_to_give_up_are_held(self) -> None:
        for origin in self.peers:
            others = sum(one.size for one in self.receipts if one.origin is origin)
            assert others + sum(one.size for one in origin.discards) == origin.held_bytes

    def teardown(self) -> None:
        for number in range(4):
            self.goes(number=number)
        assert (self.ledger.held_bytes, self.ledger.outside_bytes, self.ledger.origins) == (0, 0, {})


@pytest.mark.slow
@pytest.mark.hypothesis  # mutants of the code are tested with it as well
def test_the_account_is_consistent_in_every_order_of_charges_releases_and_evictions() -> None:
    options = settings(derandomize=True, database=None, deadline=None, max_examples=60, stateful_step_count=40)
    run_state_machine_as_test(Account, settings=options)

"""A node with a small account and peers that fill it, as a Hypothesis machine: only the right items are given up.

Peers create responders and confirm some of them, cause waiting messages, send through open connections, and leave.
After each move the node runs until it is idle, and its account is compared with an inspection of all its parts (S24,
S25).

Rule 1: a responder that was never confirmed is charged while it exists; a confirmed one is not, and stays until its
        peer or a timer ends it. An item that was given up cannot be given up again.
Rule 2: a peer that is gone leaves no charge and no carrier.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import commands as cmd
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.session_workers import NOT_OVER_ITS_ROUTE, SessionWorker
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.simulation.accounts import JudgedLedger, judge_account, left_behind, residents
from ockam_fsm.simulation.monitors import Broken
from tests.runtime.node_helpers import Counted, tcp

TOTAL_BYTES = 48 * 1024
"""Room for nine responders of peers."""

HOST, BARE_HOST, BARE_CAPACITY = local("host"), local("bare-host"), 2
"""The bare host has no application: data for its responders is a dead letter."""

BACK, PEERS = local("peer-worker"), 4
SILENT = (tcp("silent.example:1"), local("x"))


class FullNode:
    """A run."""

    def __init__(self, kind: SessionType) -> None:
        self.kind = kind
        self.moves: list[tuple[str, int, int]] = []
        self.node = Node(Counted("n"), ledger=JudgedLedger(TOTAL_BYTES), destinations=32)
        settings = SessionConfig(kind, Role.RESPONDER)
        self.node.start_host(HOST, settings, handler=echo, capacity=1000)
        self.node.start_host(BARE_HOST, settings, capacity=BARE_CAPACITY)
        self.node.add_observer(self)
        self.wordless: list[cmd.Letter] = []
        self.failed: list[BaseException] = []
        self.timers: dict[cmd.WorkerTimer, float] = {}
        self.peers: dict[Address, None] = {}
        self.asked = 0
        self.ended: set[Address] = set()
        """Responders that a peer, an order or a timer may have ended."""
        self.confirmed: set[Address] = set()

    def observe(self, observation: object) -> None:
        if isinstance(observation, cmd.Letter) and not (observation.reason and is_text(observation)):
            self.wordless.append(observation)
        elif isinstance(observation, cmd.WorkerFailed):
            self.failed.append(observation.error)

    def run(self) -> None:
        for _ in range(1000):
            commands = self.node.run()
            for command in commands:
                match command:
                    case SetTimer(timer, seconds):
                        self.timers[timer] = seconds
                    case CancelTimer(timer):
                        self.timers.pop(timer, None)
                    case cmd.Connect(via):
                        self.evictable(via)
            if not commands and not self.node.router.busy:
                return
        raise AssertionError("the node comes to no rest")

    def evictable(self, via: Address) -> None:
        connection: Any = self.node.router.residents[via]
        connection.origin.evict = lambda: self.evict(via, connection.origin)

    def evict(self, via: Address, origin: Any) -> None:
        self.node.router.forget(origin)
        self.peers.pop(via, None)
        self.gone.append(via)

    def take(self, name: str, a: int, b: int) -> None:
        self.moves.append((name, a, b))
        self.gone: list[Address] = []
        try:
            MOVES[name](self, a, b)
            self.run()
            for via in self.gone:
                self.leave(via)
            self.judge()
        except (AssertionError, Broken) as error:
            calls = json.dumps([TYPES.index(self.kind), *self.moves])
            raise AssertionError(f"{error}\nreplay: again({calls})") from error

    def leave(self, via: Address) -> None:
        """A connection is lost, with the timer of no delay that ends it."""
        self.peers.pop(via, None)
        self.ended |= {one.outer for one in self.responders() if one.carrier is self.node.router.residents.get(via)}
        self.node.connection_lost(via, "reset")
        self.run()
        self.fire(lambda timer: timer == cmd.WorkerTimer(via, Timer.BACK_OFF))

    def fire(self, which: Callable[[cmd.WorkerTimer], bool]) -> None:
        for timer in [timer for timer in self.timers if which(timer)]:
            if self.timers.pop(timer, None) is not None:
                self.node.fire(timer)
                self.run()

    def responders(self) -> list[SessionWorker]:
        return [one for one in residents(self.node) if isinstance(one, SessionWorker)]

    def judge(self) -> None:
        judge_account("the node", self.node)
        assert not left_behind(self.node), "a carrier or a charge is gone, and is still referenced"
        assert not self.failed, f"the code under test raised: {self.failed[0]!r}"
        assert not self.wordless, f"a dead letter without a reason: {self.wordless[0]}"
        assert len(self.node.host(BARE_HOST).responders) <= BARE_CAPACITY, "a host has more than its capacity"
        there = {one.outer: one.session for one in self.responders()}
        lost = [outer for outer in self.confirmed - self.ended if outer not in there]
        assert not lost, f"confirmed responders are gone without an end: {lost}"
        stands = {outer for outer, session in there.items() if session.state is State.ESTABLISHED}
        self.confirmed |= stands

    def finish(self) -> None:
        """When all peers are gone and every timer has fired, nothing is kept."""
        for via in tuple(self.peers):
            self.take("lose", list(self.peers).index(via), 0)
        for _ in range(20):
            self.fire(lambda timer: True)
        assert not [one for one in self.responders() if one.unconfirmed], "an unconfirmed responder has no timer"
        for host in (HOST, BARE_HOST):
            self.node.stop(host)
        self.run()
        for _ in range(20):
            self.fire(lambda timer: True)
        ledger = self.node.router.ledger
        assert (ledger.held_bytes, ledger.outside_bytes, ledger.origins) == (0, 0, {}), "the account is not empty"
        assert not self.responders(), "a responder without its host"


def is_text(letter: cmd.Letter) -> bool:
    return isinstance(letter.reason, str) and isinstance(letter.detail, str)


# Moves ----------------------------------------------------------------------------------------------------------------


def via_of(walk: FullNode, number: int) -> Address:
    """Return the connection of a peer, which connects first if necessary."""
    if not walk.peers or (number % PEERS >= len(walk.peers)):
        via = walk.node.accepted(f"10.0.0.{number % PEERS}")
        walk.peers[via] = None
        walk.evictable(via)
        return via
    return tuple(walk.peers)[number % PEERS]


def sends(walk: FullNode, via: Address, signal: Signal, at: Address) -> None:
    walk.node.receive(Message((at,), (BACK,), GENERATION.encode(signal)), via)


def hello(walk: FullNode, a: int, b: int) -> None:
    """A peer sends hellos for new responders."""
    via = via_of(walk, a)
    for _ in range(1 + b % 5):
        walk.asked += 1
        generation = Generation(1, Role.INITIATOR, local(f"starter-{walk.asked}"))
        two_sided = walk.kind.renegotiated_by(Role.RESPONDER)
        route = (tcp("10.0.0.9:1"), local("contact")) if two_sided else ()
        host = BARE_HOST if b % 8 == 7 else HOST
        sends(walk, via, Hello(walk.asked.to_bytes(16, "big"), generation, route), host)


def talk(walk: FullNode, a: int, b: int) -> None:
    """A peer confirms a responder, or sends it another signal, over the connection of its route.

    Over any other connection the message changes nothing, and is a dead letter.
    """
    chosen = walk.responders()
    if not chosen:
        return
    worker = chosen[a % len(chosen)]
    link = worker.session.attempt or worker.session.current
    vias = [via for via in walk.peers if walk.node.router.residents.get(via) is worker.carrier]
    if link is None or not vias:
        return
    generation = link.generation
    signals: tuple[Signal, ...] = (
        Keepalive(), Data(b"x"), Keepalive(), Data(b"y", (), (local("z"),)), GoingAway("x"), Error("x"),
        Close.of(worker.session.terms.session_id, generation, "x"), KeepaliveAnswer(),
        Answer(worker.session.terms.session_id, generation, BACK, resumed=True),
        Superseded(worker.session.terms.session_id, generation.number, generation.address),
    )  # fmt: skip
    signal = signals[b % len(signals)]
    others = [via for via in walk.peers if via not in vias]
    if b >= 192 and others:
        before, letters = worker.session.snapshot(), walk.node.dead_letters.counts.get(NOT_OVER_ITS_ROUTE, 0)
        sends(walk, others[0], signal, link.inner)
        walk.run()
        assert worker.session.snapshot() == before, "a message of another peer has changed a session"
        assert walk.node.dead_letters.counts[NOT_OVER_ITS_ROUTE] == letters + 1
        return
    if isinstance(signal, GoingAway | Error | Close):
        walk.ended.add(worker.outer)
    sends(walk, vias[0], signal, link.inner)


def wait(walk: FullNode, a: int, b: int) -> None:
    """A peer leaves messages for a destination that never answers."""
    via = via_of(walk, a)
    for _ in range(1 + b % 3):
        walk.node.receive(Message(SILENT, (BACK,), bytes(512 * (b % 8))), via)


def own(walk: FullNode, a: int, b: int) -> None:
    """The application leaves messages for such a destination."""
    for _ in range(1 + a % 3):
        walk.node.route(Message(SILENT, (), bytes(512 * (b % 8))))


def large(walk: FullNode, a: int, b: int) -> None:
    """A peer sends many messages at once, to an unknown address."""
    via = via_of(walk, a)
    for _ in range(1 + b % 3):
        walk.node.receive(Message((local("nobody"),), (BACK,), bytes(2048 * (1 + b % 8))), via)


def lose(walk: FullNode, a: int, b: int) -> None:
    if walk.peers:
        walk.leave(tuple(walk.peers)[a % len(walk.peers)])


def fire(walk: FullNode, a: int, b: int) -> None:
    """One timer is due."""
    if walk.timers:
        due = tuple(walk.timers)[a % len(walk.timers)]
        walk.ended.add(due.worker)
        walk.fire(lambda timer: timer == due)


Move = Callable[[FullNode, int, int], None]
MOVES: Mapping[str, Move] = MappingProxyType({
    one.__name__: one for one in (hello, talk, wait, own, large, lose, fire)
})  # fmt: skip
WEIGHTED = (*MOVES, *("hello",) * 4, *("talk",) * 4, "wait")


def again(moves: Sequence[Any]) -> None:
    """Replay a trace."""
    kind, *rest = moves
    walk = FullNode(TYPES[kind])
    for name, a, b in rest:
        walk.take(name, a, b)


KINDS = tuple(kind for kind in TYPES if kind.creation is Creation.EXPLICIT)


class FullNodeMachine(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(KINDS))
    def begin(self, kind: SessionType) -> None:
        self.walk = FullNode(kind)

    def teardown(self) -> None:
        if hasattr(self, "walk"):
            self.walk.finish()


def _rule_of(name: str) -> Any:
    numbers = st.integers(0, 255)

    @rule(a=numbers, b=numbers)
    def happens(self: FullNodeMachine, a: int, b: int) -> None:
        self.walk.take(name, a, b)

    return happens


MACHINE: type[FullNodeMachine] = type("FullNodeRules", (FullNodeMachine,), {name: _rule_of(name) for name in MOVES})


def burst(number: int, steps: int) -> FullNode:
    """A run without Hypothesis, with many moves."""
    walk = FullNode(KINDS[number % len(KINDS)])
    choices = hashlib.shake_128(f"full {number}".encode()).digest(3 * steps)
    for at in range(0, len(choices), 3):
        which, a, b = choices[at : at + 3]
        walk.take(WEIGHTED[which % len(WEIGHTED)], a, b)
    walk.finish()
    return walk

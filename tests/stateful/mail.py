"""The routing of workers' messages, as a Hypothesis machine: a real node compared with the model of mail_model.py.

There is every kind of worker that a node has, one whose handler follows a script, peers, and destinations under a
policy given in words. After each move both nodes must agree on the messages of every worker and their addresses, the
messages sent over each connection, dead letters, timers, and observations.

Rule 1: draws are positions in tables, so a trace is a list of names and numbers.
Rule 2: one input at a time, until the node is idle: then nothing is charged to any origin.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.node import commands as cmd
from ockam_fsm.runtime.node.error_replies import WINDOW
from ockam_fsm.runtime.node.forwarding import policy_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.relay import Registrar, start
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.router import ROUTER
from ockam_fsm.runtime.node.workers import Context, Handler, RestartPolicy
from tests.runtime.node_helpers import Counted, tcp
from tests.runtime.wire_helpers import refused_in_words
from tests.stateful import mail_model as model
from tests.stateful.mail_model import Hand, Happened, ModelNode, TooMuch
from tests.stateful.mail_values import (
    ADDRESSES,
    ALIASES,
    BACKS,
    GONE,
    HOSTS,
    INBOX,
    NOBODY,
    PARTS,
    PAYLOADS,
    RAISES,
    REGISTRAR,
    RELAY,
    SAME_HOST,
    SCRIPT,
    SCRIPT_2,
    SCRIPTS,
    SIGNALS,
    TIMES,
    VAULT,
    WORDS,
    WORKERS,
    Scripted,
    keep,
    script,
)

MOST = 300
"""The most deliveries of one input, in the model."""


class MailWalk:
    """A run: both nodes, and the commands that the edge of the real one has carried out."""

    def __init__(self, words: int) -> None:
        self.words = WORDS[words % len(WORDS)]
        self.moves: list[tuple[str, int, int, int]] = []
        self.node = Node(Counted("n"), destinations=32, forwarding=policy_of(self.words, tcp))
        self.model = ModelNode(self.words)
        self.node.router.max_payload_bytes = model.PAYLOAD
        self.node.add_observer(self)
        self.seen = Happened()
        self.timers: dict[tuple[Address, object], float] = {}
        self.names: dict[Address, str] = {}
        self.counts: dict[str, int] = {}
        self.failures = self.made = 0
        self.registrar: Any = None
        self.start_keepers()
        for addresses in WORKERS:
            self.start_worker(addresses)

    def start_keepers(self) -> None:
        def hear(message: Message, context: Context, name: Address) -> None:
            self.seen.given.append((name, context.address, message))

        for name, private in ((INBOX, False), (VAULT, True)):
            access = Access.PRIVATE if private else Access.PUBLIC
            self.node.start_worker(
                name, handler=lambda message, context, name=name: hear(message, context, name), access=access
            )
            self.model.workers[name] = Hand((name,), keep, private=private)

    def start_worker(self, addresses: tuple[Address, ...]) -> None:
        kind = WORKERS[addresses]
        handler = kind.make()
        self.registrar = handler if isinstance(handler, Registrar) else self.registrar
        self.node.start_worker(
            *addresses, handler=handler, access=Access.PUBLIC, restart=RestartPolicy(model.RESTARTS),
            make=self._make if isinstance(handler, Scripted) else None,
            stopped=lambda: self.seen.stopped.append(addresses[0]),
        )  # fmt: skip
        hand = Hand(addresses, kind.handler, kind.on_timer)
        self.model.workers |= dict.fromkeys(addresses, hand)

    def _make(self) -> Handler:
        self.made += 1
        return Scripted()

    # The real node ----------------------------------------------------------------------------------------------------

    def observe(self, observation: object) -> None:
        match observation:
            case cmd.Letter(reason, message, worker, detail):
                self.seen.letters.append((reason, message, worker))
                assert isinstance(detail, str), f"the detail of {reason!r} is no text: {detail!r}"
                self.counts[reason] = self.counts.get(reason, 0) + 1
                if reason in ("a reason", "another reason"):
                    self.seen.details.append(detail)
            case cmd.StateChanged(worker, "supervised worker", before, after):
                self.seen.changes.append((worker, before, after))
            case cmd.WorkerFailed(_, error):
                assert isinstance(error, ValueError), f"the code under test raised {error!r}"
                self.failures += 1

    def run(self) -> None:
        """Run the node until it is idle. A connection that it opens is open at once."""
        for _ in range(200):
            commands = self.node.run()
            for command in commands:
                self._perform(command)
            if not commands and not self.node.router.busy:
                return
        raise AssertionError("the node comes to no rest")

    def _perform(self, command: cmd.NodeCommand) -> None:
        match command:
            case cmd.Connect(via, where):
                self.names[via] = where.value.decode()
                self.node.connected(via)
            case cmd.Transmit(via, message):
                self.seen.left.setdefault(self.names.get(via, via), []).append(message)
            case SetTimer(timer, seconds) if timer.worker != ROUTER:
                self.timers[timer.worker, timer.timer] = seconds
            case CancelTimer(timer):
                self.timers.pop((timer.worker, timer.timer), None)

    def named(self) -> dict[tuple[Address, object], float]:
        """Return the timers of workers, by their names."""
        return {
            (worker, plain(timer)): seconds for (worker, timer), seconds in self.timers.items() if worker in ADDRESSES
        }

    # A move -----------------------------------------------------------------------------------------------------------

    def take(self, name: str, a: int, b: int, c: int) -> None:
        self.moves.append((name, a, b, c))
        try:
            MOVES[name](self, a, b, c)
        except AssertionError as error:
            calls = json.dumps([WORDS.index(self.words), *self.moves])
            raise AssertionError(f"{error}\nreplay: again({calls})") from error

    def both(self, real: Callable[[Node], object], ours: Callable[[ModelNode], object]) -> None:
        """Give the same input to both, until they are idle; one that takes too long in the model is skipped."""
        ahead = deepcopy(self.model)
        ahead.happened = Happened()
        try:
            ours(ahead)
            ahead.run(MOST)
        except TooMuch:
            return
        self.model, self.seen = ahead, Happened()
        real(self.node)
        self.run()
        self.judge()

    def judge(self) -> None:
        expected, seen = self.model.happened, self.seen
        for what in ("given", "left", "letters", "details", "changes", "stopped"):
            found, right = getattr(seen, what), getattr(expected, what)
            assert found == right, f"{what}: {found!r:.600}\nin the model: {right!r:.600}"
        node, timers = self.node, self.named()
        assert set(timers) == set(self.model.timers), f"timers {set(timers)}\nin the model: {set(self.model.timers)}"
        assert all(seconds in (None, timers[key]) for key, seconds in self.model.timers.items()), timers
        assert node.dead_letters.counts == self.counts, "each dead letter is counted by its reason"
        assert self.registrar.confirmed == self.model.confirmed, "confirmations of the registrar"
        assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {}), (
            "nothing waits, and it is charged"
        )
        known = {address for addresses in WORKERS for address in addresses if address in self.model.workers}
        residents = node.router.residents
        assert {one for one in residents if one in ADDRESSES} == known, "who has an address"


def plain(timer: object) -> object:
    """Return the name of a timer of a worker or of its supervision."""
    return getattr(timer, "timer", getattr(timer, "name", timer))


# Moves ----------------------------------------------------------------------------------------------------------------


def mixed(number: int, *tables: Sequence[Any]) -> list[Any]:
    """Return one entry of each table."""
    found = []
    for table in tables:
        number, position = divmod(number, len(table))
        found.append(table[position])
    return found


def message(a: int, b: int, c: int) -> tuple[Message, int]:
    """Return a message, and how often it is sent."""
    first, second = mixed(a, PARTS, PARTS)
    (payload,) = mixed(b, PAYLOADS)
    back, times, context = mixed(c, BACKS, TIMES, (None, "trace"))
    return Message(first + second, back, payload, context), times


def repeat(times: int, act: Callable[[], None]) -> None:
    for _ in range(times):
        act()


def arrive(walk: MailWalk, a: int, b: int, c: int) -> None:
    """A peer sends."""
    if not walk.model.hosts:
        connect(walk, a, b, c)
    sent, times = message(a, b, c)
    via = tuple(walk.model.hosts)[b // len(PAYLOADS) % len(walk.model.hosts)]
    walk.both(
        lambda node: repeat(times, lambda: node.receive(sent, via)),
        lambda node: repeat(times, lambda: node.arrives(sent, via)),
    )


def send(walk: MailWalk, a: int, b: int, c: int) -> None:
    """The application sends; a message that is too large is refused to the caller."""
    sent, times = message(a, b, c)
    if walk.model.too_large(sent, model.LONGEST_AT_THE_GATE):
        refused_in_words(LocalSessionError, lambda: walk.node.route(sent))
        assert not walk.node.router.busy
        return
    walk.both(
        lambda node: repeat(times, lambda: node.route(sent)),
        lambda node: repeat(times, lambda: node.sent(sent)),
    )


def ask(walk: MailWalk, a: int, b: int, c: int) -> None:
    """Send a script to the scripted worker."""
    payload = PAYLOADS.index(script(b % len(SCRIPTS)))
    (send if a % 3 == 0 else arrive)(walk, PARTS.index((SCRIPT, SCRIPT_2)[a % 2 :][:1]), payload, c)


def fail(walk: MailWalk, a: int, b: int, c: int) -> None:
    """The scripted worker fails, waits for its restart, and fails again."""
    raising = Message((SCRIPT_2,), (), script(RAISES))
    for _ in range(1 + a % 4):
        walk.both(lambda node: node.route(raising), lambda node: node.sent(raising))
        due = [position for position, (_, timer) in enumerate(walk.model.timers) if timer == "RESTART_DUE"]
        if due and b % 4:
            fire(walk, due[0], 0, 0)


def talk(walk: MailWalk, a: int, b: int, c: int) -> None:
    """Send signals of sessions to unknown or private addresses."""
    payload, where, outside = mixed(b, SIGNALS, NOBODY, (True, True, False))
    (arrive if outside else send)(
        walk, PARTS.index(where), PAYLOADS.index(payload) + len(PAYLOADS) * (b // 64), c if a % 2 else 0
    )


def register(walk: MailWalk, a: int, b: int, c: int) -> None:
    """The registrar is started again, or a peer registers an alias and a message is sent to it."""
    if a % 4 == 0:
        walk.both(lambda node: node.route(start(REGISTRAR)), lambda node: node.sent(start(REGISTRAR)))
    elif a % 4 < 3:
        payloads = [position for position, one in enumerate(PAYLOADS) if one[1:2] in (b"a", b"b", b"c", b"d")]
        via = b // 7 * len(PAYLOADS) + payloads[b % len(payloads)]
        arrive(walk, PARTS.index((RELAY,)), via, 3)
    else:
        (send if b % 2 else arrive)(walk, PARTS.index((RELAY, mixed(c, ALIASES)[0])) + len(PARTS) * (b % 16), b, c)


def connect(walk: MailWalk, a: int, b: int, c: int) -> None:
    if len(walk.model.hosts) < 3:
        host = HOSTS[a % len(HOSTS)]
        via = walk.node.accepted(host)
        walk.run()
        walk.model.hosts[via] = SAME_HOST.get(host, host)


def lose(walk: MailWalk, a: int, b: int, c: int) -> None:
    """A connection is lost, with the timer of no delay that ends it."""
    if not walk.model.hosts:
        return
    via = tuple(walk.model.hosts)[a % len(walk.model.hosts)]

    def gone(node: Node) -> None:
        node.connection_lost(via, "reset")
        walk.run()
        for worker, timer in [key for key, seconds in walk.timers.items() if key[0] == via and seconds == 0.0]:
            del walk.timers[worker, timer]
            node.fire(cmd.WorkerTimer(worker, timer))

    walk.both(gone, lambda node: node.hosts.pop(via))
    assert via not in walk.node.router.residents


def fire(walk: MailWalk, a: int, b: int, c: int) -> None:
    """A timer of a worker, or the window of error replies."""
    due = [*walk.model.timers, None]
    key = due[a % len(due)]
    if key is None:
        walk.both(lambda node: node.fire(WINDOW), lambda node: node.said.clear())
        return
    (real,) = [one for one in walk.timers if (one[0], plain(one[1])) == key]

    def late(node: Node) -> None:
        del walk.timers[real]
        node.fire(cmd.WorkerTimer(*real))

    walk.both(late, lambda node: node.fire(*key))


def end(walk: MailWalk, a: int, b: int, c: int) -> None:
    """An inner address of a session ends."""
    walk.both(lambda node: node.router.vanish(GONE), lambda node: node.vanished.add(GONE))


def stop(walk: MailWalk, a: int, b: int, c: int) -> None:
    """A worker stops; or one that has stopped is started again."""
    addresses = mixed(a, tuple(WORKERS))[0] if b % 2 else (SCRIPT, SCRIPT_2)
    hand = walk.model.workers.get(addresses[0])
    if hand is not None:
        place = addresses[0]
        walk.both(lambda node: node.stop(place), lambda node: node.stop(node.workers[place]))
        return
    walk.start_worker(addresses)
    if RELAY in addresses:
        walk.model.aliases = {}
    if REGISTRAR in addresses:
        walk.model.confirmed = 0


Move = Callable[[MailWalk, int, int, int], None]
MOVES: Mapping[str, Move] = MappingProxyType({
    one.__name__: one for one in (arrive, send, ask, fail, talk, register, connect, lose, fire, end, stop)
})  # fmt: skip
WEIGHTED = (*MOVES, "arrive", "arrive", "arrive", "ask", "ask", "send", *("register",) * 4, "talk", "fire")


def again(moves: Sequence[Any]) -> None:
    """Replay a trace."""
    words, *rest = moves
    walk = MailWalk(words)
    for name, a, b, c in rest:
        walk.take(name, a, b, c)


class MailMachine(RuleBasedStateMachine):
    """A node with every kind of worker, and its model; the rules are added below."""

    @initialize(words=st.integers(0, len(WORDS) - 1))
    def begin(self, words: int) -> None:
        self.walk = MailWalk(words)


def _rule_of(name: str) -> Any:
    numbers = st.integers(0, 2**14 - 1)

    @rule(a=numbers, b=numbers, c=numbers)
    def happens(self: MailMachine, a: int, b: int, c: int) -> None:
        self.walk.take(name, a, b, c)

    return happens


MACHINE: type[MailMachine] = type("MailRules", (MailMachine,), {name: _rule_of(name) for name in MOVES})


def burst(number: int, steps: int) -> MailWalk:
    """A run without Hypothesis, with many moves."""
    walk, choices = MailWalk(number), hashlib.shake_128(f"mail {number}".encode()).digest(7 * steps)
    for at in range(0, len(choices), 7):
        which, *rest = choices[at : at + 7]
        a, b, c = (rest[place] << 8 | rest[place + 1] for place in (0, 2, 4))
        walk.take(WEIGHTED[which % len(WEIGHTED)], a, b, c)
    return walk

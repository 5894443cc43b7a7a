"""A whole node without sockets, as a Hypothesis machine: a transparent edge, peers, and two honest sessions.

    own session   of the application to a host of the same node
    friend        another real node with a session to this one, over a connection like that of every other peer

Rule 1: after every step each of the two sessions has a request answered, the friend's within a number of turns that
        depends on the number of origins only.
Rule 2: after every step the account is compared with an inspection of all parts of the node (`kept`).
Rule 3: messages that leave the node are encoded, and no call of the node raises anything but a refusal to the caller.
Rule 4: `finish` ends every connection and session and lets every timer fire. Then nothing may be left.
Left out: sockets (sockets.py); the moves are in whole_node_moves.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.frames import decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node import commands as cmd
from ockam_fsm.runtime.node.connections import Connection, ConnectionConfig
from ockam_fsm.runtime.node.dead_letters import KEPT_ADDRESSES, KEPT_BYTES, MAX_REASONS
from ockam_fsm.runtime.node.forwarding import allow_peer, canonical
from ockam_fsm.runtime.node.ledger import RESERVE, Ledger, Origin, Receipt
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.relay import Relay
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.router import DELIVERY_FAILED, QUANTUM
from ockam_fsm.runtime.node.services import discovery, metadata_receiver, static_forwarder
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import Context, Handler, RestartPolicy, echo, hop
from ockam_fsm.runtime.session.commands import Responded
from ockam_fsm.runtime.session.config import BackOff, SessionConfig
from ockam_fsm.simulation.accounts import kept_by, left_behind, residents
from tests.runtime.node_helpers import Counted, tcp
from tests.stateful import whole_node_values as given
from tests.stateful.whole_node_values import DIRECTORY, HOST, INNER, OUTER, VAULT, VICTIM

T = TypeVar("T")

TOTAL_BYTES = 24 * 1024 * 1024
LETTERS = 50
PEERS = 5
SLACK = 8
"""The turns that an answer takes besides one turn for each origin."""

OWN_TURNS = 400
"""The turns of the application's own queued messages, which come first."""

FRIEND, FRIEND_HOST = local("friend-session"), "10.0.0.9"
PATIENT = RestartPolicy(1_000_000, 5.0, BackOff(0.01, 1.6, 0.5, 0.2))
RESTARTING = RestartPolicy(1, 5.0, BackOff(0.01, 1.6, 0.5, 0.2))


@dataclass
class Peer:
    """The peer's end of a connection. `evicted`: the edge has closed it, and reports that to the node later."""

    host: str
    inbound: bool = True
    evicted: bool = False


OF_THE_APPLICATION = ("by order of the test", "LocalSessionError")
"""The exceptions of its functions within a delivery."""


class WholeNode:
    """A run: the node, its edge and its peers. `take` takes and checks one step."""

    def __init__(self, make: type[Node] = Node) -> None:
        self.moves: list[tuple[str, int, int, int]] = []
        self.numbered = 0
        self.node = make(
            Counted("n"), connections=ConnectionConfig(held=4, held_bytes=1024 * 1024, idle_seconds=60.0),
            destinations=48, deliveries=QUANTUM, dead_letters=LETTERS, ledger=Ledger(TOTAL_BYTES),
            forwarding=allow_peer,
        )  # fmt: skip
        self.node.router.max_payload_bytes = given.LIMIT
        self.friend = Node(Counted("f"))
        self.peers: dict[Address, Peer] = {}
        self.outcomes: list[Callable[[], None]] = []
        """The events that the edge has still to report."""
        self.timers: dict[cmd.WorkerTimer, float] = {}
        self.resumes = self.finishing = False
        self.kept: list[tuple[Context, Receipt]] = []
        self.sessions: list[Address] = []
        self.answers: dict[tuple[str, int], bytes] = {}
        self.leaks: list[str] = []
        """The violations that have occurred."""
        self._start()

    def _start(self) -> None:
        node = self.node
        public: dict[Address, Handler] = {
            given.ECHO: echo, given.HOP: hop, given.RELAY: Relay(4), given.UNPACK: metadata_receiver,
            given.TO_VAULT: static_forwarder((VAULT,)), given.DOER: given.Doer(self._keep),
            DIRECTORY: discovery({local("name"): (VAULT,)}, proxy=True),
        }  # fmt: skip
        self.public = tuple(public)
        for address, handler in public.items():
            node.start_worker(address, handler=handler, access=Access.PUBLIC, restart=PATIENT)
        node.start_worker(VAULT, handler=self._guard)
        one, two = EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_PERSISTENT_TWO_SIDED
        for address, kind in ((INNER, one), (HOST, one), (given.TWO_SIDED, two)):
            node.start_host(address, SessionConfig(kind, Role.RESPONDER), handler=echo, capacity=20)
        node.start_session(SessionConfig(one, Role.INITIATOR), (INNER,), outer=OUTER, access=Access.PUBLIC)
        node.open(OUTER)
        self.friend_via = self.safely("accepted", lambda: node.accepted(FRIEND_HOST))
        self._evictable(self.friend_via)
        self.friend.start_session(SessionConfig(one, Role.INITIATOR), (tcp("node"), HOST), outer=FRIEND)
        self.friend.open(FRIEND)
        self.static = set(node.router.residents)
        self.turns(lambda: len(self.answered()) == 2, 20, "two sessions are established at the start")
        self.steady = {timer.worker for timer in self.timers}
        """Timers of honest sessions never fire: no time passes for them."""

    def _keep(self, context: Context) -> None:
        receipt = context.keep() if len(self.kept) < 4 else None
        if receipt is not None:
            self.kept.append((context, receipt))

    def _guard(self, message: Message, context: Context) -> None:
        if message.payload and not message.payload.startswith(given.OWN):
            self.leaks.append(f"a private worker was reached from outside: {message.payload[:20]!r}")

    # The edge ---------------------------------------------------------------------------------------------------------

    def safely(self, what: str, call: Callable[[], T]) -> T:
        """Give an input that must not raise."""
        try:
            return call()
        except BaseException as error:
            raise AssertionError(f"failures stay where they are: {what} raised {error!r}") from error

    def turn(self) -> None:
        """Report the pending events, let the node run once, and carry out its commands."""
        self.resumes = False
        outcomes, self.outcomes = self.outcomes, []
        for tell in outcomes:
            self.safely("an outcome", tell)
        for command in self.safely("run", self.node.run):
            self._perform(command)
        for command in self.friend.run():
            self._perform_friend(command)

    def _perform(self, command: cmd.NodeCommand) -> None:
        match command:
            case cmd.Transmit(via, message):
                self._transmit(via, message)
            case cmd.Connect(via, destination):
                self._connect(via, destination)
            case cmd.Disconnect(via):
                self.peers.pop(via, None)
                assert via != self.friend_via or self.finishing, "an honest connection was closed"
            case SetTimer(timer, seconds):
                assert 0 <= seconds < 1e9, f"a timer of {seconds} seconds"
                self.timers[timer] = seconds
                self.resumes = self.resumes or timer.timer == "resume"
            case CancelTimer(timer):
                self.timers.pop(timer, None)
            case cmd.NotifyOwner(worker, notice):
                self._notice("own", worker == OUTER, notice)

    def _transmit(self, via: Address, message: Message) -> None:
        try:
            body = encode_message(message)
            encode_frame(body, given.FRAME_BYTES)
        except Exception as error:
            raise AssertionError(f"behind the gate all can be encoded: {error!r}") from error
        if via == self.friend_via:
            self.friend.receive(decode_message(body), self.friend_there)

    def _connect(self, via: Address, destination: Address) -> None:
        if destination == canonical(VICTIM):
            self.leaks.append("a peer has made this node open a connection against its policy")
        self._evictable(via)
        name = destination.value
        if b"silent" in name:
            self.peers[via] = Peer("silent", inbound=False)
        elif b"refuses" in name or b":" not in name:
            self.outcomes.append(lambda: self.node.connection_lost(via, "refused"))
        else:
            self.peers[via] = Peer(name.decode("utf-8", "replace").rpartition(":")[0], inbound=False)
            self.outcomes.append(lambda: self.node.connected(via))

    def _evictable(self, via: Address) -> None:
        resident = self.node.router.residents.get(via)
        if isinstance(resident, Connection):
            resident.origin.evict = lambda: self._evict(via, resident.origin)

    def _evict(self, via: Address, origin: Origin) -> None:
        """Evict as the TCP edge does: drop the queue now, and report the end to the node later."""
        assert via != self.friend_via, "the greatest holder pays: an honest peer was evicted"
        if via in self.peers:
            del self.peers[via]
            self.outcomes.append(lambda: self.node.connection_lost(via, "evicted"))
        self.node.router.forget(origin)

    def _perform_friend(self, command: cmd.NodeCommand) -> None:
        match command:
            case cmd.Connect(via, _):
                self.friend_there = via
                self.friend.connected(via)
            case cmd.Transmit(_, message):
                self.safely("receive", lambda: self.node.receive(message, self.friend_via))
            case cmd.NotifyOwner(_, notice):
                self._notice("friend", True, notice)

    def _notice(self, who: str, honest: bool, notice: object) -> None:
        if honest and isinstance(notice, Responded) and isinstance(notice.request, int):
            self.answers[who, notice.request] = notice.payload

    def accept(self, host: str) -> None:
        if sum(peer.inbound for peer in self.peers.values()) < PEERS:
            via = self.safely("accepted", lambda: self.node.accepted(host))
            self.peers[via] = Peer(host)
            self._evictable(via)

    def lose(self, via: Address) -> None:
        self.peers.pop(via, None)
        self.safely("connection_lost", lambda: self.node.connection_lost(via, "reset"))

    def fire(self, timer: cmd.WorkerTimer) -> None:
        del self.timers[timer]
        self.safely(f"the timer {timer.worker}", lambda: self.node.fire(timer))

    # Judging ----------------------------------------------------------------------------------------------------------

    def take(self, name: str, a: int, b: int, c: int, move: Callable[[WholeNode, int, int, int], None]) -> None:
        self.moves.append((name, a, b, c))
        try:
            move(self, a, b, c)
            self.judge()
            self._ask()
            self.judge()
        except AssertionError as error:
            raise AssertionError(f"{error}\nreplay: again({json.dumps(self.moves)})") from error

    def judge(self) -> None:
        assert not self.leaks, self.leaks[0]
        self._judge_account()
        self._judge_destinations()
        letters = self.node.dead_letters
        failed = {letter.detail for letter in letters.letters if letter.reason == DELIVERY_FAILED}
        ours = {detail for detail in failed if not any(known in detail for known in OF_THE_APPLICATION)}
        assert not ours, f"the code under test raised: {ours}"
        assert len(letters.letters) <= LETTERS
        assert len(letters.counts) <= MAX_REASONS + 1
        for letter in letters.letters:
            message = letter.message
            if isinstance(message, Message):
                assert len(message.payload) <= KEPT_BYTES, f"a dead letter is kept whole: {len(message.payload)} bytes"
                longest = max(len(message.onward_route), len(message.return_route))
                assert longest <= KEPT_ADDRESSES, f"a dead letter is kept whole: {longest} addresses"
            assert len(letter.detail) <= 2 * KEPT_BYTES, "a dead letter has a long detail"

    def _judge_account(self) -> None:
        for one in residents(self.node):
            assert not isinstance(one, Connection) or one.held == len(one.waiting), (
                "a place is taken, and nothing waits"
            )
        ledger, origins = self.node.router.ledger, tuple(self.node.router.ledger.origins)
        total = TOTAL_BYTES
        assert ledger.held_bytes <= total, f"{ledger.held_bytes} bytes are kept, limit {total}"
        assert ledger.outside_bytes <= total - total // RESERVE, f"peers keep {ledger.outside_bytes} bytes"
        assert all(one.held_bytes > 0 for one in origins), "an account below zero"
        assert ledger.held_bytes == sum(one.held_bytes for one in origins), "the account is not the sum over origins"
        assert ledger.outside_bytes == sum(one.held_bytes for one in origins if one.outside), "the bytes of peers"
        found = sum(self.found())
        # A responder that was given up is charged no more, and ends with the deliveries that wait.
        ending = bool(self.node.router.afterwards) and ledger.held_bytes < found
        assert ending or ledger.held_bytes == found, f"{ledger.held_bytes} bytes are charged, {found} bytes are found"
        if not self.node.router.busy:
            assert not left_behind(self.node), "a carrier or a charge is gone, and is still referenced"

    def found(self) -> Iterator[int]:
        """Yield the sizes of all kept items of the node."""
        yield from kept_by(self.node)
        yield from (receipt.size for _, receipt in self.kept)

    def _judge_destinations(self) -> None:
        live = [one.destination for one in residents(self.node)
                if isinstance(one, Connection) and one.destination and one.state is not State.TIMED_OUT]  # fmt: skip
        names = [canonical(destination) for destination in live]
        assert len(names) == len(set(names)), "one destination has two connections"

    def answered(self) -> set[str]:
        """Return the sides whose session is established."""
        own = self.node.session(OUTER).state is State.ESTABLISHED
        theirs = self.friend.session(FRIEND).state is State.ESTABLISHED
        return {name for name, stands in (("own", own), ("friend", theirs)) if stands}

    def turns(self, until: Callable[[], bool], most: int, what: str) -> None:
        for _ in range(most):
            self.turn()
            if until():
                return
        raise AssertionError(f"{what}: not within {most} turns")

    def _ask(self) -> None:
        """Check rule 1. The friend waits for one turn of each origin; the application for its own queue."""
        self.numbered += 1
        number, node = self.numbered, self.node
        self.friend.request(FRIEND, number, given.OWN)
        most = len(node.router.round) + len(self.outcomes) + SLACK
        self.turns(lambda: ("friend", number) in self.answers, most, "an honest peer is answered")
        self.safely("a request", lambda: node.request(OUTER, number, given.OWN))
        self.turns(lambda: ("own", number) in self.answers, OWN_TURNS, "the application's own session is answered")
        assert {self.answers.pop((who, number)) for who in ("own", "friend")} == {given.OWN}

    def drain(self) -> None:
        self.turns(lambda: not (self.resumes or self.outcomes or self.node.router.busy), 100, "all comes to rest")

    def fire_all(self, which: Callable[[cmd.WorkerTimer], bool]) -> None:
        """Let timers fire, and those that they start."""
        for _ in range(100):
            due = [timer for timer in self.timers if which(timer)]
            if not due:
                return
            for timer in due:
                if timer in self.timers:
                    self.fire(timer)
            self.drain()
        raise AssertionError(f"these timers run for ever: {due}")

    def finish(self) -> None:
        try:
            self._finish()
        except AssertionError as error:
            raise AssertionError(f"{error}\nreplay: again({json.dumps(self.moves)})") from error

    def _finish(self) -> None:
        self.finishing, node, ledger = True, self.node, self.node.router.ledger
        while self.kept:
            context, receipt = self.kept.pop()
            context.release(receipt)
        node.router.deliveries = 1_000
        self.turns(
            lambda: not any(one.outside for one in node.router.round), 1_000, "what peers have sent is delivered"
        )
        for via in (*self.peers, self.friend_via):
            self.lose(via)
        self.turn()
        for timer in [timer for timer in self.timers if self.timers[timer] == 0.0]:
            self.fire(timer)  # that is how a connection ends
        unconfirmed = sum(receipt.size for one in ledger.origins if one.outside for receipt in one.discards)
        assert ledger.outside_bytes == unconfirmed, "peers that are gone hold more than responders"
        for worker in {one for one in residents(node) if isinstance(one, SessionWorker)}:
            if worker.outer in node.router.residents:
                with suppress(LocalSessionError):  # closed meanwhile: an order delivers what is queued first
                    node.close(worker.outer)
        for public in self.public:
            node.stop(public)
        self.drain()
        self.fire_all(lambda timer: True)
        assert (ledger.held_bytes, ledger.outside_bytes, ledger.origins) == (0, 0, {}), "the account is not empty"
        assert not [one for one in residents(node) if isinstance(one, Connection | SessionWorker)]
        assert node.destinations == {}

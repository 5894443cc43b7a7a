"""The context of a case: its connections to the node under test, their messages, and checks that nothing comes.

Rule 1: the node counts as silent once two later messages on the same connection were answered; one is not enough, since
        a node may read several messages before it handles the first.
Rule 2: a case returns its observation (PASS) or raises `Deviation`, `Undecided` or `NotApplicable`. A missing
        prerequisite (a session to test in) is `Undecided`, not a deviation.
Rule 3: an expected message is missing only once a later message on its connection was answered: a node on a slow
        machine is slow with everything.
Rule 4: every message of the node is checked for forms that it may not write (14.1), whatever case is running.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from ockam_fsm.conformance.oracle.comparison import excerpt
from ockam_fsm.conformance.wire.record import CaseRecord
from ockam_fsm.conformance.wire.target import NOWHERE, NodeUnderTest
from ockam_fsm.kernel.errors import LocalSessionError, Portable, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.raw_peer import Ended, RawListener, RawPeer, Unreachable, now, pause
from ockam_fsm.net.routes import join_host
from ockam_fsm.runtime.encoding.frames import VERSION, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES, Profile
from ockam_fsm.runtime.session.signals import Generation, Hello

FLOOD = 5000
"""More unsolicited messages than this on one connection are a flood."""
KEPT_BYTES = 64 * 2**20
"""The limit of memory for a node, on all connections together: messages that no case has taken, and bytes that the node
does not read. More is a flood."""
STEP_BYTES, MESSAGE_BYTES = 150, 1000
"""Upper bounds of the memory for a step of a route and for the rest of a message."""


class CaseOutcome(Portable, Exception):
    """The outcome of a case that did not pass. `clause`: the one that it is about, if not the case's."""

    def __init__(self, reason: str, clause: str = "") -> None:
        self.reason, self.clause = reason, clause
        super().__init__(reason)


class Deviation(CaseOutcome):
    """The node breaks the clause. `reason`: what was expected and what came instead."""


class Follows(Deviation):
    """A deviation that counts only if no other case shows its cause."""


class Undecided(CaseOutcome):
    """The case could not be completed."""


class NotApplicable(CaseOutcome):
    """The case is about a feature that this node does not have or that is not declared."""


class OutOfTime(Undecided):
    """The time of the run is over."""


class NoVersion(Undecided):
    """The node sends no version byte or a wrong one, so nothing else can be tried."""


def fresh(prefix: str = "kit") -> Address:
    """A local address of the kit that was never used before."""
    return local(f"{prefix}_{secrets.token_hex(8)}")


def payload(prefix: str = "data") -> bytes:
    return f"{prefix} {secrets.token_hex(4)}".encode()


def frame(message: Message) -> bytes:
    return encode_frame(encode_message(message))


def no_connection(where: str) -> str:
    """Why a case about connections that the node makes is not applicable. A node may refuse to make any (16.8)."""
    return (
        f"the node makes no connection to {where} for a message of the kit: its forwarding policy refuses it (16.8), "
        "or it cannot reach the kit (--own-address)"
    )


def late(what: str, seconds: float, target: NodeUnderTest) -> Undecided:
    """The outcome for a message that came after the patience of the run."""
    patience = target.pace.patience_seconds
    return Undecided(f"{what} came after {seconds:.1f} s, which is late, not missing; --patience is {patience:g} s")


def any_hello(run: KitRun, inner: Address) -> bytes:
    """The payload of a hello for a new session."""
    profile = run.target.profile
    return profile.encode(Hello(new_session_id(profile), Generation(1, Role.INITIATOR, inner), run.contact))


def new_session_id(profile: Profile) -> bytes:
    return secrets.token_bytes(SESSION_ID_BYTES) if profile.names_sessions else b""


class KitRun:
    """The state that all cases of a run share."""

    def __init__(self, target: NodeUnderTest) -> None:
        self.target = target
        self.deadline = now() + target.pace.run_seconds
        self.unwritable: str = ""
        """The first message of the node in a form that it may not write (14.1), described; empty: none."""
        self.unwritable_in = ""
        """The case in which the node wrote it; empty: before any."""
        self.heard = 0
        """How many messages of the node were checked."""
        self.kept = 0
        """How many bytes are kept for the node."""
        self.contact: Route = ()
        """In two-sided sessions: the initialization route to the kit (clause 5.3)."""
        self.says_nothing = False
        """The node initiates in profile `ockam`, and its application was silent in an undisturbed session."""
        self.onward: Route = ()
        """The end of a route through a session by which data comes back: empty, or the echo worker."""
        self.survived_seconds = 0.0
        """The longest time for which a session was left alone and replied afterwards."""
        self.bound_seconds: float | None = None
        """A time after which sessions that are left alone have ended (own_bounds.py); None: none is known."""
        self.unhurried_seconds = 0.0
        """The longest time that sessions of every kind have survived."""

    def look_at(self, body: bytes, case: str = "") -> Message | None:
        """Decode a message of the node, None if it is unreadable. Remember the first form that it may not write."""
        self.heard += 1
        try:
            message = decode_message(body)
        except RemoteSessionError as error:
            self._remember(str(error)[:200], body, case)
            return None
        if encode_message(message) != body:
            self._remember("not 4 elements in definite and shortest forms", body, case)
        return message

    def _remember(self, problem: str, body: bytes, case: str) -> None:
        if not self.unwritable:
            self.unwritable, self.unwritable_in = f"{problem} (body {body[:64].hex()})", case


class CaseContext:
    """The connections, listeners and record of one case."""

    def __init__(self, run: KitRun) -> None:
        self.run = run
        self.target = run.target
        self.case = ""
        """The name of the case; empty outside of cases."""
        self.record = CaseRecord()
        self.wires: list[Wire] = []
        self.listeners: list[RawListener] = []

    @property
    def patience(self) -> float:
        """How many seconds to wait now for an expected message. Raises OutOfTime."""
        left = self.run.deadline - now()
        if left <= 0:
            seconds = self.target.pace.run_seconds
            raise OutOfTime(f"the time of the run (--limit {seconds:g} s) was over before the case ended")
        return min(self.target.pace.patience_seconds, left)

    @property
    def may_ask(self) -> bool:
        """Whether the echo worker can be asked whether the node still answers."""
        return bool(self.target.echo)

    async def wire(self, name: str = "kit", *, where: str = "") -> Wire:
        """A new connection, after both version bytes."""
        wire = await self.bare_wire(name, where=where)
        wire.peer.send(VERSION)
        await self.expect_version(wire)
        return wire

    async def bare_wire(self, name: str = "kit", *, where: str = "") -> Wire:
        """A new connection on which the kit has sent nothing."""
        try:
            peer = await RawPeer.to(where or self.target.where, self.patience)
        except Unreachable as error:
            raise Undecided(str(error)) from None
        return self.adopt(peer, name)

    def adopt(self, peer: RawPeer, name: str) -> Wire:
        wire = Wire(self, peer, name)
        self.wires.append(wire)
        return wire

    async def expect_version(self, wire: Wire) -> None:
        try:
            version = await wire.peer.version(self.patience)
        except TimeoutError:
            raise NoVersion("expected a version byte on a new connection; none came") from None
        except Ended as error:
            raise NoVersion(f"expected a version byte on a new connection; {error}") from None
        if version != VERSION:
            raise NoVersion(f"expected the version byte 01; got {version.hex()}")

    async def listen(self, greeting: bytes = VERSION) -> RawListener:
        """Listen where the node can reach the kit. `greeting`: the first bytes on each connection, as a node's."""
        own = self.target.own_address or join_host(self.wires[0].peer.own_host, 0)
        if own == NOWHERE:
            raise NotApplicable("the node cannot reach the kit (--own-address none)")
        try:
            listener = await RawListener.at(own)
        except (OSError, LocalSessionError) as error:
            raise Undecided(f"the kit cannot listen at {own}: {error}") from None
        listener.greeting = greeting
        self.listeners.append(listener)
        return listener

    def close(self) -> None:
        """Close all connections and listeners of the case."""
        for wire in self.wires:
            wire.close()
        for listener in self.listeners:
            listener.close()
        self.wires, self.listeners = [], []


class Wire:
    """One connection of the kit. `name`: its column in charts. Messages are sorted by their first onward address."""

    def __init__(self, context: CaseContext, peer: RawPeer, name: str) -> None:
        self.context, self.peer, self.name = context, peer, name
        self.inbox: dict[Address | None, deque[Message]] = {}
        self.answers: dict[Address, tuple[bytes, bytes]] = {}
        """Automatic replies by address: a payload, and the bytes that answer it at once (keepalive answers)."""
        self.asked: dict[Address, float] = {}
        """When each session over this connection was asked last with a reply, by the inner address of the kit."""
        self.closed: set[Address] = set()
        """The inner addresses of sessions that the node has closed."""
        self.unread = 0
        self._quiet: set[Address | None] = set()
        self._given_up: set[Address | None] = set()
        """Addresses of checks that were given up: late messages for them are dropped."""
        self._inbox_bytes = self._charged = 0
        peer.after_read = self._account

    def raw(self, data: bytes, meaning: str) -> None:
        self.context.record.sent(self.name, data, meaning)
        self.peer.send(data)

    def send(self, onward: Route, data: bytes, back: Route = (), meaning: str = "") -> None:
        self.raw(frame(Message(onward, back, data)), meaning)

    async def receive(self, *addresses: Address | None, seconds: float | None = None) -> Message | None:
        """The next message for one of these addresses (None: without an address), None if none comes in time.

        `seconds` None: the message has to come, and rule 3 decides when it is missing.

        Raises:
            Undecided: it came after the patience: late, not missing.
        """
        if seconds is not None:
            return await self._receive(addresses, seconds)
        asked = now()
        message = await self._receive(addresses, self.context.patience)
        if message is None and self.context.may_ask and not self.peer.ended and await self.echoes():
            message = await self._receive(addresses, self.context.target.pace.settle_seconds)
        if message is None and await self._receive(addresses, self.context.patience) is not None:
            raise late("the expected message", now() - asked, self.context.target)
        return message

    async def _receive(self, addresses: Sequence[Address | None], seconds: float) -> Message | None:
        deadline = now() + seconds
        while True:
            if (message := self._taken(addresses)) is not None:
                return message
            try:
                self._sort(await self.peer.frame(max(0.0, deadline - now())))
            except (TimeoutError, Ended):
                return None

    async def need(self, *addresses: Address | None, what: str) -> Message:
        """As `receive`. Raises Deviation: no message comes."""
        message = await self.receive(*addresses)
        if message is None:
            raise Deviation(self.missing(what))
        return message

    def missing(self, what: str) -> str:
        waited = 2 * self.context.target.pace.patience_seconds
        return f"expected {what}; {self.peer.ended or f'none came within {waited:g} s'}"

    async def closes(self, seconds: float = 0.0) -> bool:
        """Whether the node closes this connection, within the patience after `seconds` in which it may stay open.

        Raises:
            Undecided: it closed the connection after that.
        """
        asked = now()
        if await self.peer.closed(seconds + self.context.patience):
            return True
        if await self.peer.closed(self.context.patience):
            raise late("the expected end of the connection", now() - asked - seconds, self.context.target)
        return False

    async def echoes(self, *, note: bool = False) -> bool:
        """Whether the echo worker (or, where none is declared, the spawner) answers on this connection."""
        back = fresh("echo")
        self._quiet.add(back)
        target = self.context.target
        if target.echo:
            self.peer.send(frame(Message((local(target.echo),), (back,), b"still there?")))
        else:
            self.peer.send(frame(Message((target.host,), (back,), any_hello(self.context.run, back))))
        answered = await self._receive((back,), self.context.patience) is not None
        self._quiet.discard(back)
        if not answered:
            self._given_up.add(back)
        if note:
            self.context.record.note("the node answers" if answered else "the node does not answer", self.name)
        return answered

    async def settled(self) -> None:
        """Wait until the node has handled everything sent so far on this connection. A closed one is settled.

        Raises:
            Deviation: the node does not answer on this connection.
        """
        for _ in range(2):
            # Twice the patience: a connection that is late is not a blocked one.
            if not await self.echoes() and not self.peer.ended and not await self.echoes() and not self.peer.ended:
                raise Deviation("expected the node to go on answering on this connection; it does not answer", "14.4")
        await pause(self.context.target.pace.settle_seconds)
        await self.receive(seconds=0.0)

    async def arrivals(self, owed: int) -> list[Message]:
        """Return all unread messages, after waiting until at least `owed` have arrived or the patience is over."""
        deadline = now() + self.context.patience
        with suppress(TimeoutError, Ended):
            while self.unread < owed:
                self._sort(await self.peer.frame(max(0.0, deadline - now())))
        found = [message for messages in self.inbox.values() for message in messages]
        self.inbox.clear()
        self.unread = self._inbox_bytes = 0
        return found

    async def silent(self, *addresses: Address | None) -> Message | None:
        """The next message for these addresses once the connection is settled, None if there is none."""
        await self.settled()
        return self._taken(addresses)

    def holds(self, data: bytes) -> bool:
        """Whether an unread message for any address contains these bytes."""
        return any(data in message.payload for messages in self.inbox.values() for message in messages)

    def close(self) -> None:
        self.peer.after_read = lambda: None
        self.peer.abort()
        self.context.run.kept -= self._charged
        self._charged = 0

    def _taken(self, addresses: Sequence[Address | None]) -> Message | None:
        """The next unread message for one of these addresses."""
        for address in addresses:
            if waiting := self.inbox.get(address):
                message = waiting.popleft()
                if not waiting:
                    del self.inbox[address]
                self.unread -= 1
                self._inbox_bytes -= _cost(message)
                return message
        return None

    def _account(self) -> None:
        held = self._inbox_bytes + self.peer.held_bytes
        self.context.run.kept += held - self._charged
        self._charged = held
        if self.context.run.kept > KEPT_BYTES:
            reason = f"expected at most {KEPT_BYTES} bytes of unsolicited or unread data; got more, which is not shown"
            raise Deviation(reason, "14.4")

    def _sort(self, body: bytes) -> None:
        message = self.context.run.look_at(body, self.context.case)
        self.unread += 1
        if self.unread > FLOOD:
            raise Deviation(f"expected at most {FLOOD} unsolicited messages on a connection; got more", "14.4")
        if message is None:
            return
        address = message.onward_route[0] if message.onward_route else None
        if address in self._given_up:
            self.unread -= 1
            return
        answer = self.answers.get(address) if address is not None else None
        if answer is not None and message.payload == answer[0]:
            self.unread -= 1
            self.peer.send(answer[1])
            return
        if address not in self._quiet:
            self.context.record.received(self.name, encode_frame(body), _meaning(message))
        self.inbox.setdefault(address, deque()).append(message)
        self._inbox_bytes += _cost(message)


def _cost(message: Message) -> int:
    steps = len(message.onward_route) + len(message.return_route)
    return MESSAGE_BYTES + STEP_BYTES * steps + len(message.payload) + len(message.tracing_context or "")


def _meaning(message: Message) -> str:
    to = ", ".join(str(address) for address in message.onward_route) or "no address"
    return f"to {to}: {excerpt(message.payload, 24)}"

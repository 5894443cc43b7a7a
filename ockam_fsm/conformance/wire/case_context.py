"""What a case works with: connections to the node under test, sessions with it, and ways to see that nothing comes.

Rule 1: silence is seen, not waited for: a later message on the same connection was answered, twice, since a node may
        read several messages before it handles the first.
Rule 2: a case says how it ended: it returns what it saw (PASS), or raises `Deviation`, `Undecided` or `NotApplicable`.
        What a case only needs (a session to try something in) and does not get is `Undecided`, not a deviation.
Rule 3: what has to come is missing once a later message on its connection was answered, too. A node that is slow,
        because its machine is, is slow with everything.
Rule 4: every message of the node is looked at: what it may not write (14.1) is remembered, whatever case is running.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from ockam_fsm.conformance.oracle.comparison import excerpt
from ockam_fsm.conformance.wire.record import Record
from ockam_fsm.conformance.wire.target import NOWHERE, Target
from ockam_fsm.kernel.errors import LocalSessionError, Portable, RemoteSessionError
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.raw_peer import Ended, RawListener, RawPeer, Unreachable, now, pause
from ockam_fsm.net.routes import join_host
from ockam_fsm.runtime.encoding.frames import VERSION, decode_message, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.handshake import SESSION_ID_BYTES, Profile
from ockam_fsm.runtime.session.signals import Generation, Hello

FLOOD = 5000
"""More messages than this that nobody asked for, on one connection, are a flood."""
KEPT_BYTES = 64 * 2**20
"""So much is kept for a node, on all connections together: what it says and nobody has taken, and what it does not
read. More is a flood, too."""
STEP_BYTES, MESSAGE_BYTES = 150, 1000
"""What a step of a route costs in memory, at most, and what a message costs besides."""


class Outcome(Portable, Exception):
    """How a case ended, if not well. `clause`: another one than the case's."""

    def __init__(self, reason: str, clause: str = "") -> None:
        self.reason, self.clause = reason, clause
        super().__init__(reason)


class Deviation(Outcome):
    """The node does what the clause forbids, or does not do what it says."""


class Follows(Deviation):
    """A deviation that another case shows better, unless none does."""


class Undecided(Outcome):
    """The case could not be carried through."""


class NotApplicable(Outcome):
    """The case is about something that this node does not have, or about which nothing is declared."""


class OutOfTime(Undecided):
    """The run has lasted as long as it may."""


class NoVersion(Undecided):
    """The node sends no version byte, or a wrong one: nothing else can be tried."""


def fresh(prefix: str = "kit") -> Address:
    """An address of the kit's own, never used before."""
    return local(f"{prefix}_{secrets.token_hex(8)}")


def payload(prefix: str = "data") -> bytes:
    return f"{prefix} {secrets.token_hex(4)}".encode()


def frame(message: Message) -> bytes:
    return encode_frame(encode_message(message))


def no_connection(where: str) -> str:
    """Why a case about connections that the node makes does not apply. A node may refuse to make any (16.8)."""
    return (
        f"for a message of the kit the node makes no connection to {where}: its forwarding policy refuses that (16.8), "
        "or it cannot reach the kit (--own-address)"
    )


def late(what: str, seconds: float, target: Target) -> Undecided:
    """Why nothing is said of a node that is slower than it may be."""
    patience = target.pace.patience_seconds
    return Undecided(f"{what} came after {seconds:.1f} s, which is late, not missing: --patience is {patience:g} s")


def any_hello(run: Run, inner: Address) -> bytes:
    """The payload of a hello for a session of its own."""
    profile = run.target.profile
    return profile.encode(Hello(new_session_id(profile), Generation(1, Role.INITIATOR, inner), run.contact))


def new_session_id(profile: Profile) -> bytes:
    return secrets.token_bytes(SESSION_ID_BYTES) if profile.names_sessions else b""


class Run:
    """What all cases of a run share."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.deadline = now() + target.pace.run_seconds
        self.unwritable: str = ""
        """What the node wrote that it may not write, the first of it."""
        self.unwritable_in = ""
        """The case in which it did; empty: before any."""
        self.heard = 0
        """How many messages of the node were looked at."""
        self.kept = 0
        """The account: how many bytes are kept for the node."""
        self.contact: Route = ()
        """In two-sided sessions: how the node reaches the kit for negotiations of its own (clause 5.3)."""
        self.says_nothing = False
        """The application of the node, which initiates in profile `ockam`, was silent in a session that nothing
        disturbed."""
        self.onward: Route = ()
        """What follows a session's route so that the node sends data back: nothing, or its echo worker."""

    def look_at(self, body: bytes, case: str = "") -> Message | None:
        """A message of the node, in a case; None if it is none. What it may not write is remembered."""
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
    """One for each case."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.target = run.target
        self.case = ""
        """The name of the case, if it is for one."""
        self.record = Record()
        self.wires: list[Wire] = []
        self.listeners: list[RawListener] = []

    @property
    def patience(self) -> float:
        """How long to wait now for what has to come."""
        left = self.run.deadline - now()
        if left <= 0:
            raise OutOfTime(f"the time of the whole run ({self.target.pace.run_seconds:g} s) was over before it ended")
        return min(self.target.pace.patience_seconds, left)

    @property
    def may_ask(self) -> bool:
        """Whether the echo worker can be asked for more than it is there for, without leaving traces."""
        return bool(self.target.echo)

    async def wire(self, name: str = "kit", *, where: str = "") -> Wire:
        """A connection that stands: both version bytes are there."""
        wire = await self.bare_wire(name, where=where)
        wire.peer.send(VERSION)
        await self.expect_version(wire)
        return wire

    async def bare_wire(self, name: str = "kit", *, where: str = "") -> Wire:
        """A connection on which nothing was said yet."""
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
            raise NoVersion("the node sends no version byte on a new connection") from None
        except Ended as error:
            raise NoVersion(f"no version byte: {error}") from None
        if version != VERSION:
            raise NoVersion(f"the node's version byte is {version.hex()}, not 01")

    async def listen(self, greeting: bytes = VERSION) -> RawListener:
        """Where the node can reach the kit, which begins each connection with `greeting`, as a node does."""
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
        """End everything that a case has left open."""
        for wire in self.wires:
            wire.close()
        for listener in self.listeners:
            listener.close()
        self.wires, self.listeners = [], []


class Wire:
    """One connection of the kit; `name` is its column in charts. Messages are sorted by the address they are for."""

    def __init__(self, lab: CaseContext, peer: RawPeer, name: str) -> None:
        self.lab, self.peer, self.name = lab, peer, name
        self.inbox: dict[Address | None, deque[Message]] = {}
        self.answers: dict[Address, tuple[bytes, bytes]] = {}
        """What is said back at once: at this address, to this payload, these bytes (the kit's keepalive answers)."""
        self.unread = 0
        self._quiet: set[Address | None] = set()
        self._given_up: set[Address | None] = set()
        """What comes for these is too late to matter."""
        self._inbox_bytes = self._charged = 0
        peer.after_read = self._account

    def raw(self, data: bytes, meaning: str) -> None:
        self.lab.record.sent(self.name, data, meaning)
        self.peer.send(data)

    def send(self, onward: Route, data: bytes, back: Route = (), meaning: str = "") -> None:
        self.raw(frame(Message(onward, back, data)), meaning)

    async def hear(self, *addresses: Address | None, seconds: float | None = None) -> Message | None:
        """The next message for one of these addresses (None: for no address). None: not in time, or closed.

        `seconds` not given: it has to come, and is waited for with patience (Rule 3).

        Raises:
            Undecided: it came when patience was over: late, not missing.
        """
        if seconds is not None:
            return await self._hear(addresses, seconds)
        asked = now()
        message = await self._hear(addresses, self.lab.patience)
        if message is None and self.lab.may_ask and not self.peer.ended and await self.echoes():
            message = await self._hear(addresses, self.lab.target.pace.settle_seconds)
        if message is None and await self._hear(addresses, self.lab.patience) is not None:
            raise late("what has to come", now() - asked, self.lab.target)
        return message

    async def _hear(self, addresses: Sequence[Address | None], seconds: float) -> Message | None:
        deadline = now() + seconds
        while True:
            if (message := self._taken(addresses)) is not None:
                return message
            try:
                self._sort(await self.peer.frame(max(0.0, deadline - now())))
            except (TimeoutError, Ended):
                return None

    async def need(self, *addresses: Address | None, what: str) -> Message:
        """As `hear`; that nothing comes is a deviation."""
        message = await self.hear(*addresses)
        if message is None:
            raise Deviation(self.missing(what))
        return message

    def missing(self, what: str) -> str:
        waited = 2 * self.lab.target.pace.patience_seconds
        return f"no {what}: {self.peer.ended or f'nothing came within {waited:g} s'}"

    async def closes(self, seconds: float = 0.0) -> bool:
        """Whether the node closes this connection, with patience, after so many seconds in which it may stay open.

        Raises:
            Undecided: it did when patience was over.
        """
        asked = now()
        if await self.peer.closed(seconds + self.lab.patience):
            return True
        if await self.peer.closed(self.lab.patience):
            raise late("the end of the connection", now() - asked - seconds, self.lab.target)
        return False

    async def echoes(self, *, note: bool = False) -> bool:
        """Whether the echo worker (or, where none is known, the spawner) still answers on this connection."""
        back = fresh("echo")
        self._quiet.add(back)
        target = self.lab.target
        if target.echo:
            self.peer.send(frame(Message((local(target.echo),), (back,), b"still there?")))
        else:
            self.peer.send(frame(Message((target.host,), (back,), any_hello(self.lab.run, back))))
        answered = await self._hear((back,), self.lab.patience) is not None
        self._quiet.discard(back)
        if not answered:
            self._given_up.add(back)
        if note:
            self.lab.record.note("it still answers" if answered else "it does not answer any more", self.name)
        return answered

    async def settled(self) -> None:
        """Until everything that was sent so far on this connection has been handled. A closed one is settled."""
        for _ in range(2):
            # Twice the patience: a connection that is late is not a blocked one.
            if not await self.echoes() and not self.peer.ended and not await self.echoes() and not self.peer.ended:
                raise Deviation("after this the node answers nothing on this connection any more", "14.4")
        await pause(self.lab.target.pace.settle_seconds)
        await self.hear(seconds=0.0)

    async def arrivals(self, owed: int) -> list[Message]:
        """Whatever has come and nobody has taken; if that are less than `owed`, the others are waited for."""
        deadline = now() + self.lab.patience
        with suppress(TimeoutError, Ended):
            while self.unread < owed:
                self._sort(await self.peer.frame(max(0.0, deadline - now())))
        found = [message for messages in self.inbox.values() for message in messages]
        self.inbox.clear()
        self.unread = self._inbox_bytes = 0
        return found

    async def silent(self, *addresses: Address | None) -> Message | None:
        """What came for these addresses, once everything is settled. None: nothing, as it should be."""
        await self.settled()
        return self._taken(addresses)

    def holds(self, data: bytes) -> bool:
        """Whether a message with these bytes has come, for whatever address, and nobody has taken it yet."""
        return any(data in message.payload for messages in self.inbox.values() for message in messages)

    def close(self) -> None:
        self.peer.after_read = lambda: None
        self.peer.abort()
        self.lab.run.kept -= self._charged
        self._charged = 0

    def _taken(self, addresses: Sequence[Address | None]) -> Message | None:
        """The next message that is here for one of these addresses."""
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
        self.lab.run.kept += held - self._charged
        self._charged = held
        if self.lab.run.kept > KEPT_BYTES:
            reason = (
                f"more than {KEPT_BYTES} bytes came that nobody asked for, or were not read; what came after is cut"
            )
            raise Deviation(reason, "14.4")

    def _sort(self, body: bytes) -> None:
        message = self.lab.run.look_at(body, self.lab.case)
        self.unread += 1
        if self.unread > FLOOD:
            raise Deviation(f"more than {FLOOD} messages came that nobody asked for", "14.4")
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
            self.lab.record.received(self.name, encode_frame(body), _meaning(message))
        self.inbox.setdefault(address, deque()).append(message)
        self._inbox_bytes += _cost(message)


def _cost(message: Message) -> int:
    steps = len(message.onward_route) + len(message.return_route)
    return MESSAGE_BYTES + STEP_BYTES * steps + len(message.payload) + len(message.tracing_context or "")


def _meaning(message: Message) -> str:
    to = ", ".join(str(address) for address in message.onward_route) or "no address"
    return f"to {to}: {excerpt(message.payload, 24)}"

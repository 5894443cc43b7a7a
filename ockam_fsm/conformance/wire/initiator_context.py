"""The context of a case in which the node under test initiates and the kit responds.

Rule 1: each case begins with a hello. `begin` makes the node open a new session (a process is started for each case).
        Without it the connections of the case before have ended, and a persistent initiator negotiates again.
Rule 2: a hello is accepted on any connection, old or new, with the time at which it came.
Source: clauses 4.2 to 4.4, 5.1, 14.2, 14.3, the starter's half.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    CaseOutcome,
    Deviation,
    KitRun,
    NotApplicable,
    Undecided,
    Wire,
    frame,
    fresh,
)
from ockam_fsm.conformance.wire.record import CaseRecord
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.raw_peer import RawListener, now, pause
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.handshake import GENERATION, Place, worker_route
from ockam_fsm.runtime.session.signals import Answer, Close, Hello, Keepalive, KeepaliveAnswer, Signal

POLL_SECONDS = 0.01
OTHER_SECONDS = 0.5
"""How long to wait for another connection of the node. Its attempt goes on meanwhile and may end at any time."""
SILENT = "the node's application sends nothing, so profile ockam shows nothing; let it send something in its session"

Begin = Callable[[], Awaitable[None]]
"""Makes the node open a new session."""
Ended = Callable[[], str]
"""Returns why no hello can come, once the process that opened the session has ended; else empty."""


def not_known() -> str:
    """The `Ended` of a node that the kit did not start."""
    return ""


Watched = list[tuple[list["Asked"], CaseRecord]]
"""The hellos of one unanswered session with their record; empty until a case has watched them."""


@dataclass(frozen=True)
class Asked:
    """A hello of the node, its connection, and the time at which it came."""

    wire: Wire
    message: Message
    hello: Hello
    at: float

    @property
    def back(self) -> Address:
        """The last address of the hello's return route, which takes the answer."""
        return self.message.return_route[-1]

    @property
    def inner(self) -> Address:
        return self.hello.generation.address

    @property
    def route(self) -> Route:
        """The messaging route to the node's end."""
        return worker_route(self.message.return_route, self.inner)

    def answer(
        self, worker: Address, *, wire: Wire | None = None, back: Route | None = None, meaning: str = "",
        resumed: bool = False,
    ) -> None:  # fmt: skip
        """Answer this hello as `worker`, over its own or another connection. `resumed`: claim to have its state."""
        profile = self.wire.context.target.profile
        generation = self.hello.generation if profile.names_sessions else None
        payload = profile.encode(Answer(self.hello.session_id, generation, worker, resumed))
        route = (worker,) if back is None else back
        (wire or self.wire).send(self.message.return_route, payload, route, meaning or "answer")

    def close(self, worker: Address) -> None:
        """Close the session."""
        self.send_signal(Close.of(self.hello.session_id, self.hello.generation, "done"), "close", worker=worker)

    def send_signal(self, signal: Signal, meaning: str, *, worker: Address) -> None:
        """Send a signal of profile `generation` to the node's end."""
        self.wire.send(self.route, GENERATION.encode(signal), (worker,), meaning)


class InitiatorContext(CaseContext):
    """The context of a case in which the node initiates. The listener serves the whole run."""

    def __init__(
        self, run: KitRun, listener: RawListener, begin: Begin, wait_seconds: float, watched: Watched,
        ended: Ended = not_known,
    ) -> None:  # fmt: skip
        """`wait_seconds`: how long the first hello of a case may take; a person may have to start it. `watched`: kept
        between cases."""
        super().__init__(run)
        self.wait_seconds = wait_seconds
        self.listener = listener
        self.watched = watched
        self.ended = ended
        self._begin = begin

    @property
    def may_ask(self) -> bool:
        """False: the node may have no echo worker."""
        return False

    async def begin(self) -> Asked:
        """Make the node open a new session and return its first hello.

        Raises:
            Undecided: none comes.
        """
        await self.start()
        asked = await self.hello(self.wait_seconds)
        if asked is None:
            raise Undecided("no hello came; let the node open a session to this address (--run)")
        return asked

    async def anew(self) -> Asked:
        """End the connections of this case and return the first hello of another session.

        Raises:
            NotApplicable: none comes: the kit cannot start the node, or its sessions are transient.
        """
        for wire in self.wires:
            wire.close()
        self.wires = []
        self.record.note("the connections end, and the node opens a new session")
        await self.start()
        asked = await self.hello(self.wait_seconds)
        if asked is None:
            raise NotApplicable(
                "this case needs a second session, and no hello came; --run COMMAND makes the node open one"
            )
        return asked

    async def start(self) -> None:
        """Make the node open a new session. Connections of an earlier case get no version byte and are closed."""
        greeting, self.listener.greeting = self.listener.greeting, b""
        while self.listener.pending():  # of an earlier case
            (await self.listener.next(1.0)).abort()
        await self._begin()
        self.listener.greet(greeting)

    async def take_connections(self) -> None:
        """Add the node's new connections to the wires of this case."""
        while self.listener.pending():
            self.adopt(await self.listener.next(1.0), "kit" if not self.wires else "kit, again")

    async def hello(self, seconds: float) -> Asked | None:
        """The next hello on any connection, None if none comes in time."""
        deadline = now() + seconds
        while True:
            await self.take_connections()
            for wire in self.wires:
                message = await wire.receive(self.target.host, seconds=0.0)
                if message is not None and (asked := self._asked(wire, message)) is not None:
                    return asked
            if now() >= deadline:
                return None
            await pause(POLL_SECONDS)

    def _asked(self, wire: Wire, message: Message) -> Asked | None:
        """Decode a hello. None for a close of an earlier case's session."""
        try:
            signal = self.target.profile.decode(message.payload, Place.NEGOTIATION_START, message.return_route)
        except RemoteSessionError as error:
            raise Deviation(f"expected a readable hello of the node: {error}", self.profile_clause) from None
        if isinstance(signal, Close):
            return None
        if not isinstance(signal, Hello):
            raise Deviation(f"expected a hello at the spawner; got {signal}", self.profile_clause)
        return Asked(wire, message, signal, now())

    def unheard(self, otherwise: str) -> CaseOutcome:
        """The outcome of a case in which an undisturbed session sends nothing. In profile `ockam` an application may be
        silent, which is remembered, so that other cases do not wait for it again."""
        if self.target.generations:
            return Undecided(otherwise)
        self.run.says_nothing = True
        return NotApplicable(SILENT)

    @property
    def profile_clause(self) -> str:
        """The clause that defines the profile's encoding."""
        return "14.3" if self.target.generations else "14.2"

    async def established(self) -> tuple[Asked, Address]:
        """A session that the node counts as established, and the kit's worker in it.

        Raises:
            Undecided: the session sends nothing.
            NotApplicable: the same in profile `ockam`, where its application may be silent.
        """
        asked = await self.begin()
        worker = fresh("worker")
        asked.answer(worker)
        message = await asked.wire.receive(worker)
        if message is None:
            raise self.unheard("the node sends nothing to the worker of the answer")
        if not self.target.generations:  # a request, perhaps: its application may end without a reply
            asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
        return asked, worker

    async def other_way(self) -> Wire:
        """Another connection with the node: to its listening address, or one that it makes for a message of the kit."""
        if where := self.run.target.node_address:
            return await self.wire("another peer", where=where)
        listener = await self.listen()
        self.wires[0].send((tcp(listener.where), fresh()), b"", (), "to tcp://another peer")
        try:
            return self.adopt(await listener.next(OTHER_SECONDS), "another peer")
        except TimeoutError:
            why = "the node's listening address is not declared (--node), and it makes no second connection"
            raise NotApplicable(why) from None


def answering_keepalives(asked: Asked, worker: Address) -> None:
    """Answer each keepalive of the node from now on."""
    reply = frame(Message(asked.route, (worker,), GENERATION.encode(KeepaliveAnswer())))
    asked.wire.answers[worker] = (GENERATION.encode(Keepalive()), reply)


def signal_of(message: Message | None) -> Signal | None:
    """Return the signal in a message of profile `generation`; None if there is no message."""
    if message is None:
        return None
    try:
        return GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError as error:
        got = f"{message.payload[:40].hex()} ({error})"
        raise Deviation(f"expected a signal of profile generation; got {got}", "14.3") from None

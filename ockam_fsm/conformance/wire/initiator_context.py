"""The kit as the responder: it listens, the node under test is told to open a session, and a case plays the other end.

Rule 1: each case begins with a hello. `begin` has the node begin anew (a process that is started for each case), or,
        where nobody can do that, connections have ended: a persistent initiator comes back by itself.
Rule 2: a hello is heard wherever it comes: on a connection that stands or on a new one. When it came is kept.
Source: clauses 4.2 to 4.4, 5.1, 14.2, 14.3, the starter's half.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    NotApplicable,
    Outcome,
    Run,
    Undecided,
    Wire,
    frame,
    fresh,
)
from ockam_fsm.conformance.wire.record import Record
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.net.raw_peer import RawListener, now, pause
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.handshake import GENERATION, Place, worker_route
from ockam_fsm.runtime.session.signals import Answer, Close, Hello, Keepalive, KeepaliveAnswer, Signal

POLL_SECONDS = 0.01
OTHER_SECONDS = 0.5
"""So long another connection of the node is waited for. Meanwhile its attempt goes on, and nobody has said how long."""
SILENT = "the node's application says nothing, so in profile ockam nothing shows: let it send something in its session"

Begin = Callable[[], Awaitable[None]]
"""Have the node open its session anew, by whatever means."""
Ended = Callable[[], str]
"""Why no hello can come any more, since whoever has opened the session has ended; empty if that is not known."""


def nobody_knows() -> str:
    return ""


Watched = list[tuple[list["Asked"], Record]]
"""Hellos that nobody answered, and what was said meanwhile; empty until they were watched."""


@dataclass(frozen=True)
class Asked:
    """A hello of the node, where it came and when."""

    wire: Wire
    message: Message
    hello: Hello
    at: float

    @property
    def back(self) -> Address:
        """Where the answer belongs."""
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
        """Answer it, over its own or another connection, as `worker`. `resumed`: as if the kit remembered it."""
        profile = self.wire.lab.target.profile
        generation = self.hello.generation if profile.names_sessions else None
        payload = profile.encode(Answer(self.hello.session_id, generation, worker, resumed))
        route = (worker,) if back is None else back
        (wire or self.wire).send(self.message.return_route, payload, route, meaning or "answer")

    def close(self, worker: Address) -> None:
        """Close the session, as the application of the node's peer would."""
        self.say(Close.of(self.hello.session_id, self.hello.generation, "done"), "close", worker=worker)

    def say(self, signal: Signal, meaning: str, *, worker: Address) -> None:
        """Profile generation: a signal to the node's end."""
        self.wire.send(self.route, GENERATION.encode(signal), (worker,), meaning)


class InitiatorContext(CaseContext):
    """The lab of a case in which the node initiates. The listener stays for the whole run."""

    def __init__(
        self, run: Run, listener: RawListener, begin: Begin, wait_seconds: float, watched: Watched,
        ended: Ended = nobody_knows,
    ) -> None:  # fmt: skip
        """`wait_seconds`: how long the first hello of a case may take, since somebody may have to be told. `watched`:
        what the kit keeps between cases."""
        super().__init__(run)
        self.wait_seconds = wait_seconds
        self.listener = listener
        self.watched = watched
        self.ended = ended
        self._begin = begin

    @property
    def may_ask(self) -> bool:
        """Nothing is known of the node but that it initiates."""
        return False

    async def begin(self) -> Asked:
        """The first hello of a session that the node opens anew.

        Raises:
            Undecided: none comes.
        """
        await self.start()
        asked = await self.hello(self.wait_seconds)
        if asked is None:
            raise Undecided("no hello came: is the node told to open a session to this address?")
        return asked

    async def anew(self) -> Asked:
        """The first hello of another session, in the same case: the connections so far end.

        Raises:
            NotApplicable: none comes, since nobody has the node begin anew, or it is not persistent.
        """
        for wire in self.wires:
            wire.close()
        self.wires = []
        self.record.note("the connections end, and the node begins anew")
        await self.start()
        asked = await self.hello(self.wait_seconds)
        if asked is None:
            raise NotApplicable("it takes a second session, and no hello came: --run COMMAND has the node open one")
        return asked

    async def start(self) -> None:
        """Have the node begin anew. What it still says of an earlier case is not asked for by a greeting."""
        greeting, self.listener.greeting = self.listener.greeting, b""
        while self.listener.pending():  # of an earlier case
            (await self.listener.next(1.0)).abort()
        await self._begin()
        self.listener.greet(greeting)

    async def take_connections(self) -> None:
        """The node's new connections are wires from now on."""
        while self.listener.pending():
            self.adopt(await self.listener.next(1.0), "kit" if not self.wires else "kit, again")

    async def hello(self, seconds: float) -> Asked | None:
        """The next hello, on whatever connection; None: none in time."""
        deadline = now() + seconds
        while True:
            await self.take_connections()
            for wire in self.wires:
                message = await wire.hear(self.target.host, seconds=0.0)
                if message is not None and (asked := self._asked(wire, message)) is not None:
                    return asked
            if now() >= deadline:
                return None
            await pause(POLL_SECONDS)

    def _asked(self, wire: Wire, message: Message) -> Asked | None:
        """None: it closes a session of an earlier case."""
        try:
            signal = self.target.profile.decode(message.payload, Place.NEGOTIATION_START, message.return_route)
        except RemoteSessionError as error:
            raise Deviation(f"the node's hello cannot be read: {error}", self.spoken) from None
        if isinstance(signal, Close):
            return None
        if not isinstance(signal, Hello):
            raise Deviation(f"a {type(signal).__name__} came where a hello belongs", self.spoken)
        return Asked(wire, message, signal, now())

    def unheard(self, otherwise: str) -> Outcome:
        """Why a case is not carried through in which nothing comes although nothing has disturbed the session. In
        profile `ockam` that is the application's right, and the other cases need not wait for it again."""
        if self.target.generations:
            return Undecided(otherwise)
        self.run.says_nothing = True
        return NotApplicable(SILENT)

    @property
    def spoken(self) -> str:
        """The clause that says how the profile is written."""
        return "14.3" if self.target.generations else "14.2"

    async def established(self) -> tuple[Asked, Address]:
        """A session that the node counts as established, and the kit's worker in it.

        Raises:
            Undecided: nothing shows that it does.
            NotApplicable: nothing could, since in profile `ockam` its application says nothing.
        """
        asked = await self.begin()
        worker = fresh("worker")
        asked.answer(worker)
        message = await asked.wire.hear(worker)
        if message is None:
            raise self.unheard("the node says nothing at the worker of the answer")
        if not self.target.generations:  # a request, perhaps: its application may end where nobody replies
            asked.wire.send(message.return_route, message.payload, (worker,), "the same data back")
        return asked, worker

    async def other_way(self) -> Wire:
        """Another connection to the node: to where it listens, or one that it makes for a message of the kit."""
        if where := self.run.target.node_address:
            return await self.wire("another peer", where=where)
        listener = await self.listen()
        self.wires[0].send((tcp(listener.where), fresh()), b"", (), "to tcp://another peer")
        try:
            return self.adopt(await listener.next(OTHER_SECONDS), "another peer")
        except TimeoutError:
            why = "where the node listens is not declared (--node), and it makes no other connection"
            raise NotApplicable(why) from None


def answering_keepalives(asked: Asked, worker: Address) -> None:
    """From now on each keepalive is answered at once."""
    reply = frame(Message(asked.route, (worker,), GENERATION.encode(KeepaliveAnswer())))
    asked.wire.answers[worker] = (GENERATION.encode(Keepalive()), reply)


def said(message: Message | None) -> Signal | None:
    """What the node says in profile generation; None where nothing came."""
    if message is None:
        return None
    try:
        return GENERATION.decode(message.payload, Place.WORKER, message.return_route)
    except RemoteSessionError as error:
        raise Deviation(f"the node says what is no signal: {error} ({message.payload[:40].hex()})", "14.3") from None

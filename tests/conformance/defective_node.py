"""Mutant nodes with one defect each, in a separate process, which the black-box kit has to reject.

    python -m tests.conformance.defective_node [--lasting] [NAME ...]

prints one JSON line, {"defect": "HOST:PORT", ...}, and runs until its standard input is closed. The node `none` has no
defect. With `--lasting` no responder ends by a timer during a run. Each node has `echo` and the `SPAWNERS`.

Rule 1: a mutant differs from our node in one respect. It uses a seam if there is one; otherwise a method is replaced,
        for its own node only, since all nodes share the process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ockam_fsm.checking.sessions.mutant_sessions import EstablishedOnAnswering
from ockam_fsm.checking.sessions.wrong_tables import without_effect
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.session import (
    EXPLICIT_PERSISTENT_ONE_SIDED,
    EXPLICIT_PERSISTENT_TWO_SIDED,
    EXPLICIT_TRANSIENT,
    table,
)
from ockam_fsm.machines.spawner import SpawnerEvent
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType
from ockam_fsm.net import tcp_edge
from ockam_fsm.net.connection import TcpConnection
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.tcp_edge import TcpEdge
from ockam_fsm.runtime.encoding.frames import FrameDecoder, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.node import session_workers
from ockam_fsm.runtime.node.connections import Connection
from ockam_fsm.runtime.node.residents import Envelope, Resident
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.runtime.session.causes import Cause, Inbound
from ockam_fsm.runtime.session.commands import Command, Deliver
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Place, Profile
from ockam_fsm.runtime.session.host import Key
from ockam_fsm.runtime.session.link import Link, Purpose
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Close, Data, Error, Hello
from tests.conformance.dying_node import LATE, LateInfection

DURATIONS = Durations(1.0, 0.3, 2.0, 1.0, 2.0, BackOff(0.05))
LASTING = replace(DURATIONS, negotiation_seconds=60.0, idle_seconds=60.0)
"""Long enough that a leaked responder still exists when it is asked, also on a slow machine."""
OPTION = "--lasting"
CAPACITY = 600
SPAWNERS = (
    ("session_spawner", OCKAM, EXPLICIT_TRANSIENT),
    ("transient_spawner", GENERATION, EXPLICIT_TRANSIENT),
    ("generation_spawner", GENERATION, EXPLICIT_PERSISTENT_ONE_SIDED),
    ("two_sided_spawner", GENERATION, EXPLICIT_PERSISTENT_TWO_SIDED),
)
Spoil = Callable[[TcpNode], None]


@dataclass(frozen=True)
class Defect:
    """A mutation. `spoil`: called once the node has its workers. The other fields replace parts of a new node."""

    name: str
    spoil: Spoil = lambda node: None
    make: type[Session] = Session
    without: tuple[Effect, ...] = ()
    connection: type[TcpConnection] = TcpConnection
    entropy: SystemEntropy | None = None
    capacity: int = CAPACITY
    durations: Durations = DURATIONS


# Mutant sessions ------------------------------------------------------------------------------------------------------


class HandshakeAsData(Session):
    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        if place is Place.WORKER and self.current is not None:
            self._judge_talk(Inbound(inbound.message, Data(inbound.message.payload)), self.current)
        else:
            super()._judge_hello(inbound, hello, place)


class IgnoresIdentifiers(Session):
    """A reply goes to the session, not to the reply address of its request."""

    __slots__ = ()

    def _deliver(self, cause: Cause) -> None:
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Data)
        if self.settings.profile.names_sessions:
            self._emit(Deliver(cause.signal.payload, cause.signal.onward_route, (self.terms.outer,)))
        else:
            assert self.current is not None
            self._emit(Deliver(cause.signal.payload, cause.message.onward_route[1:], self.current.route))


class DeliversTwice(Session):
    __slots__ = ()

    def _deliver(self, cause: Cause) -> None:
        super()._deliver(cause)
        super()._deliver(cause)


class AnswersTwice(Session):
    """A keepalive gets two answers."""

    __slots__ = ()

    def _answer_keepalive(self, cause: Cause) -> None:
        super()._answer_keepalive(cause)
        super()._answer_keepalive(cause)


class GoesNoFurther(Session):
    """Data goes to the session's own application, whatever its onward route."""

    __slots__ = ()

    def _deliver(self, cause: Cause) -> None:
        if isinstance(cause, Inbound) and isinstance(cause.signal, Data):
            cause = cause._replace(
                message=replace(cause.message, onward_route=cause.message.onward_route[:1]),
                signal=replace(cause.signal, onward_route=()),
            )
        super()._deliver(cause)


class WantsTwoAddresses(Session):
    """Profile ockam: a hello with one address for the answer and for data is refused."""

    __slots__ = ()

    def _judge_generation(self, inbound: Inbound, hello: Hello) -> Event:
        names_one = inbound.message.return_route[-1:] == (hello.generation.address,)
        if names_one and not self.settings.profile.names_sessions:
            raise RemoteSessionError("one address")
        return super()._judge_generation(inbound, hello)


class BelievesOldHellos(Session):
    __slots__ = ()

    def _judge_generation(self, inbound: Inbound, hello: Hello) -> Event:
        event = super()._judge_generation(inbound, hello)
        return Event.HELLO_NEWER if event is Event.HELLO_OLDER else event


class Credulous(Session):
    """Jumping numbers and reflected hellos are accepted."""

    __slots__ = ()

    def _judge_generation(self, inbound: Inbound, hello: Hello) -> Event:
        try:
            return super()._judge_generation(inbound, hello)
        except RemoteSessionError as error:
            if error.reason in ("number jumps too far", "reflection"):
                return Event.HELLO_NEWER
            raise


class ForeignWorker(Session):
    """A worker at a TCP address is accepted."""

    __slots__ = ()

    def _judge_generation(self, inbound: Inbound, hello: Hello) -> Event:
        return Event.HELLO_NEWER

    def _accept_attempt(self, cause: Cause) -> None:
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Hello)
        generation = cause.signal.generation
        inner = self.entropy.address(generation.number, generation.starter, Purpose.WORKER)
        self.seen = generation.rank
        self.attempt = Link(generation, inner, None, (*cause.message.return_route[:-1], generation.address))
        self._register(inner)


class ForgetsState(Session):
    __slots__ = ()

    def _accept_attempt(self, cause: Cause) -> None:
        self.has_state = False
        super()._accept_attempt(cause)


class ReusesAddress(Session):
    """One worker address for all generations."""

    __slots__ = ()

    def _accept_attempt(self, cause: Cause) -> None:
        super()._accept_attempt(cause)
        assert self.attempt is not None
        inner = local(self.terms.outer.value + b"-inner")
        self._register(inner)
        self.attempt = self.attempt._replace(inner=inner)


KEPT: dict[int, Address] = {}


class KeepsPrevious(Session):
    """Data of the previous generation is still accepted."""

    __slots__ = ()

    def _end_current(self, cause: Cause) -> None:
        if self.current is not None:
            KEPT[id(self)] = self.current.inner
        self.current = None  # its address stays

    def _place(self, message: Message) -> tuple[Place, Link | None]:
        if message.onward_route[0] == KEPT.get(id(self)) and self.current is not None:
            return Place.WORKER, self.current
        return super()._place(message)


class IgnoresClose(Session):
    __slots__ = ()

    def _judge_talk(self, inbound: Inbound, link: Link) -> None:
        if not isinstance(inbound.signal, Close):
            super()._judge_talk(inbound, link)


class ForgetsLowerLayer(Session):
    __slots__ = ()

    def lower_layer_lost(self, detail: str = "") -> list[Command]:
        return []


# Mutant connections ---------------------------------------------------------------------------------------------------


class ThreeElements(TcpConnection):
    def write(self, message: Message) -> str:
        self._out.append(encode_frame(b"\x83" + encode_message(message)[1:-1]))
        return ""


class AnyVersion(TcpConnection):
    def data_received(self, data: bytes) -> None:
        super().data_received(data if self._decoder.started else b"\x01" + data[1:])


class SilentStart(TcpConnection):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if self._edge.admit(self):
            self._deadline = self._edge.loop.call_later(5.0, self.fail, "no version byte in time")


class Patient(TcpConnection):
    """Waits for the body of a frame, however large."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._decoder = FrameDecoder(2**32)


class EndsOnEmptyFrame(TcpConnection):
    def data_received(self, data: bytes) -> None:
        if data.startswith(bytes(4)):
            self.fail("a frame of length 0")
        else:
            super().data_received(data)


class WaitsForDestination(TcpConnection):
    """Has no time-out on the connections that it makes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self.inbound:
            self._cancel_deadline()


class Impatient(TcpConnection):
    """Gives up a destination that does not send its version byte at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self.inbound:
            self._edge.loop.call_later(0.3, lambda: None if self._decoder.started else self.fail("too slow"))


class LosesDestination(TcpConnection):
    """After an unreadable frame of a destination, nothing is sent to it any more."""

    lost: ClassVar[set[str]] = set()

    def fail(self, reason: str) -> None:
        super().fail(reason)
        self.lost.add(self.peer)

    def write(self, message: Message) -> str:
        return "" if not self.inbound and self.peer in self.lost else super().write(message)


class Lenient(TcpConnection):
    """Malformed messages are accepted if their meaning is clear."""

    def _receive(self, body: bytes) -> None:
        for attempt in (body, body[:-1], b"\x84" + body[1:-1]):
            try:
                super()._receive(attempt)
            except RemoteSessionError:
                continue
            return


class Infectious(TcpConnection):
    """A malformed frame ends every connection."""

    def fail(self, reason: str) -> None:
        super().fail(reason)
        assert isinstance(self._edge, TcpEdge)
        for connection in tuple(self._edge.connections.values()):
            connection.abort()


class Reordering(Connection):
    """Messages that wait for a connection are sent in reverse order."""

    __slots__ = ()

    def forward_held(self, cause: object) -> None:
        self._waiting = dict(reversed(self._waiting.items()))
        super().forward_held(cause)


# Mutant nodes ---------------------------------------------------------------------------------------------------------


class Counting(SystemEntropy):
    """Addresses are consecutive numbers."""

    def __init__(self) -> None:
        self.number = 1000

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        self.number += 1
        return local(f"worker{self.number}")


TOLERANT: list[Router] = []
_refusal = SessionWorker.refusal


def refusal(self: SessionWorker, envelope: Envelope, address: Address) -> str:
    found = _refusal(self, envelope, address)
    tolerated = found == session_workers.NOT_OVER_ITS_ROUTE and any(self.router is one for one in TOLERANT)
    return "" if tolerated else found


def takes_from_anywhere(node: TcpNode) -> None:
    TOLERANT.append(node.node.router)


def names_local_workers(node: TcpNode) -> None:
    node.node.router.leads_out = lambda return_route: True  # type: ignore[method-assign]


def dies_of_malformed(node: TcpNode) -> None:
    """An unreadable hello ends all sessions and workers."""
    router = node.node.router
    for name in ("session_spawner", "generation_spawner"):
        host = node.node.host(local(name))

        def take(envelope: Envelope, host: Any = host, whole: Callable[[Envelope], None] = host.take) -> None:
            try:
                host.host._key(envelope.message)
            except RemoteSessionError:
                keep = [address for address, one in router.residents.items() if isinstance(one, Connection)]
                for address in [one for one in router.residents if one not in keep]:
                    router.unregister(address)
            else:
                whole(envelope)

        host.take = take  # type: ignore[method-assign]


class Unique(bytes):
    """A key that is never found in a dictionary."""

    def __hash__(self) -> int:
        return id(self)


def leaks_per_duplicate(node: TcpNode) -> None:
    host = node.node.host(local("generation_spawner")).host
    key: Callable[[Message], Any] = host._key

    def unique(message: Message) -> tuple[Key, SpawnerEvent]:
        found, event = key(message)
        return Unique(found), SpawnerEvent.HELLO_FOR_UNKNOWN if event is SpawnerEvent.HELLO_FOR_KNOWN else event

    host._key = unique  # type: ignore[method-assign]


def connects_per_message(node: TcpNode) -> None:
    inner = node.node

    def gateway(destination: Address, envelope: Envelope) -> Resident | str:
        return inner.make_connection(inner.fresh_address(), destination)

    inner.router.gateway = gateway


def reorders(node: TcpNode) -> None:
    inner = node.node

    def connection(via: Address, destination: Address | None, host: str = "") -> Connection:
        made = Reordering(inner.router, inner.connection_config, via, destination, inner._closed, host)
        inner.router.residents[via] = made
        return made

    inner.make_connection = connection  # type: ignore[method-assign]


def answers_strangers(node: TcpNode) -> None:
    router = node.node.router

    def tell(envelope: Envelope) -> None:
        back: Route = envelope.message.return_route
        if back:
            router.route(Envelope(Message(back, (), GENERATION.encode(Error("unknown address")))))

    router.on_unknown = tell


DEFECTS = (
    Defect("none"),
    Defect("malformed-handshake-kills", dies_of_malformed),
    Defect("takes-from-any-connection", takes_from_anywhere),
    Defect("handshake-as-data", make=HandshakeAsData),
    Defect("responder-leaked-per-duplicate", leaks_per_duplicate),
    Defect("return-route-names-local-worker", names_local_workers),
    Defect("no-negotiation-timeout", without=(Effect.START_NEGOTIATION,)),
    Defect("never-idle", without=(Effect.START_IDLE,)),
    Defect("never-reaped", without=(Effect.START_RETENTION,)),
    Defect("never-asks", without=(Effect.START_KEEPALIVE,)),
    Defect("connection-per-message", connects_per_message),
    Defect("reordered-on-reconnect", reorders),
    Defect("identifiers-ignored", make=IgnoresIdentifiers),
    Defect("established-on-answering", make=EstablishedOnAnswering),
    Defect("three-elements", connection=ThreeElements),
    Defect("any-version", connection=AnyVersion),
    Defect("no-version-byte", connection=SilentStart),
    Defect("waits-for-oversized-frames", connection=Patient),
    Defect("lenient-reader", connection=Lenient),
    Defect("ends-on-empty-frames", connection=EndsOnEmptyFrame),
    Defect("waits-for-destinations", connection=WaitsForDestination),
    Defect("impatient-with-destinations", connection=Impatient),
    Defect("loses-destinations", connection=LosesDestination),
    Defect("malformed-frame-ends-all", connection=Infectious),
    Defect("guessable-addresses", entropy=Counting()),
    Defect("reused-address", make=ReusesAddress),
    Defect("unanswered-keepalive", without=(Effect.ANSWER_KEEPALIVE,)),
    Defect("no-superseded", without=(Effect.SEND_SUPERSEDED,)),
    Defect("believes-old-hellos", make=BelievesOldHellos),
    Defect("credulous", make=Credulous),
    Defect("foreign-worker", make=ForeignWorker),
    Defect("forgets-state", make=ForgetsState),
    Defect("keeps-previous-generation", make=KeepsPrevious),
    Defect("ignores-close", make=IgnoresClose),
    Defect("forgets-lower-layer", make=ForgetsLowerLayer, durations=LASTING),
    Defect("wants-two-addresses", make=WantsTwoAddresses),
    Defect("knows-no-carriers", takes_from_anywhere, ForgetsLowerLayer, durations=LASTING),
    Defect("delivers-twice", make=DeliversTwice),
    Defect("answers-keepalives-twice", make=AnswersTwice),
    Defect("goes-no-further", make=GoesNoFurther),
    Defect("unbounded-responders", capacity=100_000, durations=LASTING),
    Defect("answers-strangers", answers_strangers),
    *(Defect(name, spoil, connection=LateInfection if name == "late-closing" else TcpConnection)
      for name, spoil in LATE.items()),
)  # fmt: skip

DECLARED_DURATIONS = {defect.name: defect.durations for defect in DEFECTS}


def settings(defect: Defect, profile: Profile, kind: SessionType) -> SessionConfig:
    machine = table(kind, Role.RESPONDER)
    durations = LASTING if OPTION in sys.argv else defect.durations
    wanted = SessionConfig(kind, Role.RESPONDER, profile, durations)
    return replace(wanted, variant=without_effect(machine, defect.name, *defect.without)) if defect.without else wanted


async def start(defect: Defect, node: TcpNode, where: str = "127.0.0.1:0") -> str:
    CONNECTIONS.append((node.edge, defect.connection))
    node.node._make = defect.make
    node.worker("echo", echo, public=True)
    for name, profile, kind in SPAWNERS:
        node.spawner(name, handler=echo, settings=settings(defect, profile, kind), capacity=defect.capacity)
    defect.spoil(node)
    return await node.listen(where)


CONNECTIONS: list[tuple[tcp_edge.TcpEdge, type[TcpConnection]]] = []


def connection_for(edge: tcp_edge.TcpEdge, *rest: Any) -> TcpConnection:
    return next(kind for one, kind in CONNECTIONS if one is edge)(edge, *rest)


def wanted() -> Iterator[Defect]:
    names = [word for word in sys.argv[1:] if word != OPTION]
    yield from (defect for defect in DEFECTS if not names or defect.name in names)


def install() -> None:
    """Install the seams that all nodes of this process share."""
    logging.disable(logging.CRITICAL)
    tcp_edge.TcpConnection = connection_for  # type: ignore[assignment, attr-defined]
    SessionWorker.refusal = refusal  # type: ignore[method-assign]


async def main() -> None:
    install()
    async with AsyncExitStack() as stack:
        where, nodes = {}, []
        for defect in wanted():
            nodes.append(await stack.enter_async_context(TcpNode(entropy=defect.entropy)))
            where[defect.name] = await start(defect, nodes[-1])
        print(json.dumps(where), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for node in nodes:
            await node.abort()


if __name__ == "__main__":
    run(main(), fast=False)

"""Mutant initiators with one defect each, in a separate process. Each opens a session by an order on standard input.

    python -m tests.conformance.defective_initiator

reads JSON lines, {"defect", "route", "listen"}: a running node of that name is aborted as by a crash, and a new one
listens at `listen` and opens a session to `route`. The answer to each order is a line, {"defect", "error"}, with an
empty error if it succeeded. The process runs until its standard input is closed.

Rule 1: as in defective_node.py: a defect is one respect in which the node differs.
Rule 2: a failing order affects only its own node.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

from ockam_fsm.checking.sessions.mutant_sessions import NoRequestTimer
from ockam_fsm.checking.sessions.wrong_tables import with_row, without_effect
from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.parts import ASK, LEAVE
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT, SessionMachine
from ockam_fsm.machines.vocabulary import Effect, Event, Role, SessionType, State
from ockam_fsm.net.connection import TcpConnection
from ockam_fsm.net.event_loop import run
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.session.causes import Cause, Inbound
from ockam_fsm.runtime.session.config import BackOff, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import GENERATION, OCKAM, Profile, worker_route
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Answer, Superseded
from tests.conformance.defective_node import (
    CONNECTIONS,
    EndsOnEmptyFrame,
    ForgetsLowerLayer,
    IgnoresClose,
    Impatient,
    WaitsForDestination,
    install,
    names_local_workers,
    takes_from_anywhere,
)

DURATIONS = Durations(0.5, 0.3, 2.0, 1.0, 2.0, BackOff(0.3))

LONG_PAUSE = replace(DURATIONS, back_off=BackOff(2.0))
"""Long enough that the session is still in its back-off on a slow machine."""
SAY_SECONDS = 0.2
ASK_SECONDS = 60.0
ASKING: set[asyncio.Future[None]] = set()
HELD = 1000
"""Also for a transient session, whose application sends before the session is established."""

Edit = Callable[[SessionMachine], SessionMachine]
Says = Callable[[TcpNode, TcpSession], None]


def once(node: TcpNode, session: TcpSession) -> None:
    node.order(lambda inner: inner.send(session.address, b"hi"))


def nothing(node: TcpNode, session: TcpSession) -> None:
    """An application that sends nothing."""


def asks(node: TcpNode, session: TcpSession) -> None:
    """Send one request after another until the session or the node ends."""

    async def asking() -> None:
        with suppress(LocalSessionError):
            while True:
                with suppress(RemoteSessionError, TimeoutError):
                    await session.request(b"hi", timeout_seconds=ASK_SECONDS)

    ASKING.add(asyncio.ensure_future(asking()))


def chats(node: TcpNode, session: TcpSession) -> None:
    """Send data repeatedly until the session or the node ends."""
    with suppress(LocalSessionError):
        once(node, session)
        asyncio.get_running_loop().call_later(SAY_SECONDS, chats, node, session)


@dataclass(frozen=True)
class Defect:
    name: str
    make: type[Session] = Session
    edit: Edit = field(default=lambda machine: machine)
    spoil: Callable[[TcpNode], None] = lambda node: None
    profile: Profile = GENERATION
    kind: SessionType = EXPLICIT_PERSISTENT_ONE_SIDED
    misses: int = 3
    connection: type[TcpConnection] = TcpConnection
    durations: Durations = DURATIONS
    says: Says = once
    """The program of its application, in profile `ockam` only."""


class BelievesLateAnswers(Session):
    __slots__ = ()

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        own = self.attempt is not None and self.is_own(self.attempt)
        return Event.ANSWER_CURRENT if own else Event.ANSWER_STALE

    def _start_attempt(self, cause: Cause) -> None:
        """Start an attempt at an address that never changes."""
        super()._start_attempt(cause)
        assert self.attempt is not None
        inner = local(self.terms.outer.value + b"-inner")
        self._register(inner)
        self.attempt = Link(self.attempt.generation._replace(address=inner), inner)


class OneAddress(Session):
    """No defect: one address for the answer and for data, as in stock nodes."""

    __slots__ = ()

    def _start_attempt(self, cause: Cause) -> None:
        super()._start_attempt(cause)
        assert self.attempt is not None
        self.attempt = self.attempt._replace(handshake=self.attempt.inner)

    def _adopt_link(self, cause: Cause) -> None:
        super()._adopt_link(cause)
        assert self.current is not None
        self._register(self.current.inner)


class OneHandshakeAddress(Session):
    """All attempts of an end have one handshake address, which takes late answers."""

    __slots__ = ()

    def _start_attempt(self, cause: Cause) -> None:
        super()._start_attempt(cause)
        assert self.attempt is not None
        handshake = local("handshake")
        self._register(handshake)
        self.attempt = self.attempt._replace(handshake=handshake)


class BelievesSecondAnswers(Session):
    """The handshake address takes several answers, and the last one wins."""

    __slots__ = ()

    def _adopt_link(self, cause: Cause) -> None:
        assert self.attempt is not None
        handshake = self.attempt.handshake
        super()._adopt_link(cause)
        assert self.current is not None
        assert handshake is not None
        self._register(handshake)
        self.current = self.current._replace(handshake=handshake)

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        if self.attempt is None and self.current is not None:
            self.current = self.current._replace(route=worker_route(inbound.message.return_route, answer.worker))
            return Event.ANSWER_STALE
        return super()._judge_answer(inbound, answer)


class EndsWhatWaits(TcpConnection):
    """A lost connection ends sessions in their back-off, although they do not rely on it."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for one in tuple(self._edge.node.router.residents.values()):
            if isinstance(one, SessionWorker) and one.session.state is State.TIMED_OUT:
                one.order(Session.close)
        self._edge.pump()


class IgnoresSuperseded(Session):
    __slots__ = ()

    def _judge_superseded(self, superseded: Superseded) -> Event:
        raise RemoteSessionError("ignored")


class IgnoresChangedAnswers(Session):
    __slots__ = ()

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        event = super()._judge_answer(inbound, answer)
        return Event.ANSWER_STALE if event is Event.ANSWER_CHANGED else event


class DiesOfMalformed(Session):
    __slots__ = ()

    def _stray(self, message: Message, reason: str) -> None:
        super()._stray(message, reason)
        self._fire(Event.CLOSE)


def without(*effects: Effect) -> Edit:
    return lambda machine: without_effect(machine, "without", *effects)


def retrying_at_once(machine: SessionMachine) -> SessionMachine:
    return with_row(machine, "retrying at once", "GO7", State.RENEGOTIATING, ASK)


def without_pause(machine: SessionMachine) -> SessionMachine:
    pause, none = Effect.START_BACK_OFF, Effect.START_ZERO_BACK_OFF
    changed = [
        replace(row, effects=tuple(none if effect is pause else effect for effect in row.effects))
        for row in machine.rows
        if pause in row.effects
    ]
    return machine.with_rows(f"without pause {machine.name}", *changed)


def giving_up_when_lost(machine: SessionMachine) -> SessionMachine:
    return with_row(machine, "giving up when lost", "FO2", State.CLOSED, LEAVE)


def giving_up_when_lost_again(machine: SessionMachine) -> SessionMachine:
    return with_row(machine, "giving up when lost again", "GO5", State.CLOSED, LEAVE)


def renegotiating(machine: SessionMachine) -> SessionMachine:
    return with_row(machine, "renegotiating", "TT1", State.NEGOTIATING, ASK)


DEFECTS = (
    Defect("none"),
    Defect("none-ockam", profile=OCKAM),
    Defect("none-ockam-silent", profile=OCKAM, says=nothing),
    Defect("none-ockam-asking", profile=OCKAM, says=asks),
    Defect("none-ockam-chatting", profile=OCKAM, says=chats),
    Defect("none-ockam-transient", profile=OCKAM, kind=EXPLICIT_TRANSIENT),
    Defect("one-address", OneAddress, profile=OCKAM, says=chats),
    Defect("none-transient", kind=EXPLICIT_TRANSIENT),
    Defect("no-back-off", edit=retrying_at_once),
    Defect("never-gives-up", edit=without(Effect.START_NEGOTIATION)),
    Defect("transient-renegotiates", edit=renegotiating, kind=EXPLICIT_TRANSIENT),
    Defect("believes-late-answers", BelievesLateAnswers),
    Defect("believes-any-connection", spoil=takes_from_anywhere),
    Defect("believes-local-answers", spoil=names_local_workers),
    Defect("no-keepalives", edit=without(Effect.START_KEEPALIVE)),
    Defect("silent-after-answer", edit=without(Effect.SEND_KEEPALIVE)),
    Defect("ignores-superseded", IgnoresSuperseded),
    Defect("forgets-lower-layer", ForgetsLowerLayer, profile=OCKAM),
    Defect("ignores-close", IgnoresClose),
    Defect("ignores-changed-answers", IgnoresChangedAnswers),
    Defect("dies-of-malformed-answers", DiesOfMalformed),
    Defect("never-misses", misses=1_000_000),
    Defect("ends-on-empty-frames", connection=EndsOnEmptyFrame),
    Defect("waits-for-destinations", connection=WaitsForDestination),
    Defect("impatient-with-destinations", connection=Impatient),
    Defect("ockam-dies-of-malformed-answers", DiesOfMalformed, profile=OCKAM),
    Defect("ockam-ends-on-empty-frames", profile=OCKAM, connection=EndsOnEmptyFrame),
    Defect("ockam-believes-second-answers", BelievesSecondAnswers, profile=OCKAM, says=chats),
    Defect("ockam-one-handshake-address", OneHandshakeAddress, profile=OCKAM),
    Defect("ockam-believes-any-connection", spoil=takes_from_anywhere, profile=OCKAM),
    Defect("ockam-believes-local-answers", spoil=names_local_workers, profile=OCKAM),
    Defect("ockam-never-gives-up", edit=without(Effect.START_NEGOTIATION), profile=OCKAM),
    Defect("ockam-no-back-off", edit=without_pause, profile=OCKAM),
    Defect("ockam-gives-up-when-lost", edit=giving_up_when_lost, profile=OCKAM),
    Defect("ockam-ends-what-waits", profile=OCKAM, connection=EndsWhatWaits, durations=LONG_PAUSE),
    Defect("ockam-gives-up-when-lost-again", edit=giving_up_when_lost_again, profile=OCKAM),
    Defect("ockam-transient-renegotiates", edit=renegotiating, profile=OCKAM, kind=EXPLICIT_TRANSIENT),
    Defect("ockam-no-request-timer", NoRequestTimer, profile=OCKAM, says=asks),
)


def settings(defect: Defect) -> SessionConfig:
    plain = SessionConfig(
        defect.kind, Role.INITIATOR, defect.profile, defect.durations, None if defect.kind.persistent else 5,
        misses=defect.misses, held=HELD,
    )  # fmt: skip
    return replace(plain, variant=defect.edit(plain.machine))


class Nodes:
    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.running: dict[str, TcpNode] = {}

    async def told(self, order: dict[str, str]) -> str:
        """Carry out an order. Return the error, empty if there is none."""
        try:
            await self.open(order["defect"], order["route"], order["listen"])
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""

    async def open(self, name: str, route: str, listen: str) -> None:
        await self.abort(name)
        defect = next(one for one in DEFECTS if one.name == name)
        node = self.running[name] = await self.stack.enter_async_context(TcpNode())
        CONNECTIONS.append((node.edge, defect.connection))
        node.node._make = defect.make
        defect.spoil(node)
        await node.listen(listen)
        session = node.session(route, settings=settings(defect))
        node.order(lambda inner: inner.open(session.address))
        if defect.profile is OCKAM:
            defect.says(node, session)

    async def abort(self, name: str) -> None:
        node = self.running.pop(name, None)
        if node is not None:
            await node.abort()


async def main() -> None:
    install()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        nodes = Nodes(stack)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            print(json.dumps({"defect": order["defect"], "error": await nodes.told(order)}), flush=True)
        for name in tuple(nodes.running):
            await nodes.abort(name)


if __name__ == "__main__":
    run(main(), fast=False)

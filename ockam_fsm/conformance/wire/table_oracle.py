"""Our own end beside a node that is heard only: one session, and each message of the node compared.

Rule 1: the reference's clock is ours, and timers are late. A difference after a timer has expired counts only if it is
        there however long the node is given (`SLACK_SECONDS`); one in a step that outlasts a timer says nothing.
Rule 2: what the node's application sends is compared as far as the kit has said it: payload and way, not the rest of
        its routes. What has to wait for a confirmation may be missing: the node may hold no messages (clause 7.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ockam_fsm.conformance.generation.automaton import Word
from ockam_fsm.conformance.generation.hostile import HOSTILE
from ockam_fsm.conformance.generation.peer import Action, Arrive, Peer, Stimulus, Wait
from ockam_fsm.conformance.generation.stimuli import ELAPSE, clause_of_timer, said_to
from ockam_fsm.conformance.oracle.attribution import clause_of, rows_of
from ockam_fsm.conformance.oracle.comparison import Difference, Said
from ockam_fsm.conformance.oracle.oracle import Names, Oracle, Turn
from ockam_fsm.conformance.reference.instrumentation import read
from ockam_fsm.conformance.reference.reference_end import Answering
from ockam_fsm.conformance.target import HOP, HOST, EndpointUnderTest, Output
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    Follows,
    NotApplicable,
    Undecided,
    Wire,
    new_session_id,
)
from ockam_fsm.conformance.wire.client_session import NO_SESSION
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.net.raw_peer import now, pause
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.commands import Send, Timer
from ockam_fsm.runtime.session.handshake import GENERATION, worker_route
from ockam_fsm.runtime.session.session import EXPIRED
from ockam_fsm.runtime.session.signals import Answer, Data

MOST = 0.6
SLACK_SECONDS = (0.1, 0.5, 1.0)
"""How late timers of the node's may be, from one try to the next; they may have been started later than ours, too."""

UNDECLARED_SECONDS = 1.0
"""Where no time-outs are declared, a walk may last so long until nothing is known any more."""

MOST_SHOWN = 3

HELD = 1000
"""The default of clause 7.2."""


def _most(peer: Peer) -> Wait | None:
    due = peer.end.next_due()
    return None if due is None else Wait((due - peer.end.now) * MOST)


NOT_YET = Stimulus("most of the time to the next timer passes", None, "3.1", _most)
"""Twice that is more than the whole: a timer that was not started afresh in between has expired."""

STIMULI = {one.name: one for one in (*said_to(frozenset(Event)), *HOSTILE, ELAPSE, NOT_YET)}


@dataclass(frozen=True)
class Watched(EndpointUnderTest):
    """A responder of the node under test: the kit chooses the session's identifier."""

    identifier: bytes = b""

    @property
    def session_id(self) -> bytes:
        return self.identifier


class Overheard(Oracle):
    """Our end beside one that is heard only (Rule 2)."""

    def _read(self, outputs: Sequence[Output], names: Names) -> Iterator[Said]:
        return super()._read([one for one in outputs if isinstance(one, Send)], names)

    def _sent(self, message: Message, names: Names) -> Said:
        signal = read(message, GENERATION)
        said = super()._sent(message, names)
        if isinstance(signal, Data):
            return said._replace(what=(signal.payload, signal.onward_route, message.onward_route))
        if said.kind in ("answer", "superseded", "keepalive answer", "close"):
            return said._replace(what=said.what[:-1])  # how it leads back is the node's own affair
        return said

    def _compared(self, action: Action, expected: Sequence[Said], actual: Sequence[Said]) -> Iterator[Difference]:
        answered = _payload(action)
        owed = [one for one in expected if one.kind != "data" or one in actual or one.what[0] == answered]
        return super()._compared(action, owed, actual)

    def owed(self, turn: Turn) -> int:
        """How many messages the node has to say in this step."""
        image, pending = self.reference.snapshot(), list(self.reference.outputs)
        _, outputs = self._expect(turn.action)
        self.reference.restore(image)
        self.reference.outputs = pending
        said = (read(one.message, GENERATION) for one in outputs if isinstance(one, Send))
        return sum(not isinstance(one, Data) or one.payload == _payload(turn.action) for one in said)


def _payload(action: Action) -> bytes | None:
    """What the application is given, and has to send back at once."""
    signal = read(action.message, GENERATION) if isinstance(action, Arrive) else None
    return signal.payload if isinstance(signal, Data) else None


@dataclass(frozen=True)
class Plan:
    """A way to a state, what is tried there and the rows that decide, for how long to wait then, and what tells where
    that has led."""

    way: Word
    tried: str
    rows: tuple[str, ...]
    after: Word
    tail: Word


class TableOracle:
    """One session with the node, and our end beside it."""

    def __init__(self, lab: CaseContext, wire: Wire, slack_seconds: float = SLACK_SECONDS[0]) -> None:
        target = lab.target
        self.lab, self.wire, self.slack_seconds = lab, wire, slack_seconds
        identifier = new_session_id(target.profile)
        self.endpoint = Watched(
            target.session_type, Role.RESPONDER, GENERATION, held=HELD, durations=target.durations,
            identifier=identifier,
        )  # fmt: skip
        self.beside = Overheard(self.endpoint, frozenset(), {}, Answering)
        self.routes: dict[Address, Route] = {HOST: (target.host,)}
        """The way to each address of the node's, by its last part."""
        self.began = now()
        self.longest_seconds = 0.0
        """The longest step so far: timers of the node's may have started so much later than ours."""
        self.lasted_seconds = 0.0
        """Until the last step was handled; what was missing may have been waited for after that."""
        self.blurred = False
        """A step has outlasted a timer."""
        self.waited_for: Timer | None = None
        """The last timer that this walk has waited for, or that has expired while it went along."""
        self.said = 0
        """How many of its words."""

    async def carry_out(self, plan: Plan) -> bool:
        """Whether what is tried has met the rows that it is about. Raises as `step` does."""
        await self.along(plan.way)
        before = len(self.beside.steps)
        await self.along([plan.tried])
        met = [rows_of(step.fired) for step in self.beside.steps[before:]]
        await self.along([*plan.after, *plan.tail])
        return met == [plan.rows]

    async def along(self, word: Iterable[str]) -> None:
        for name in word:
            self.said += 1
            await self.step(STIMULI[name])

    async def step(self, stimulus: Stimulus) -> None:
        """One stimulus, if it is possible now.

        Raises:
            Deviation: the node says something else than our end.
            Undecided: it says nothing to the first hello; that is another case's business.
        """
        if stimulus is not ELAPSE:
            await self._clear()
        turn = self.beside.begin(stimulus)
        if turn is None:
            return
        if isinstance(turn.action, Wait):
            self.waited_for = next(iter(turn.armed), self.waited_for)
        if stimulus is ELAPSE:
            await self._expired()
        elif isinstance(turn.action, Wait):
            await pause(turn.action.seconds)
        began, due = now(), self._due() if stimulus is not ELAPSE else None
        if isinstance(turn.action, Arrive):
            self.wire.send(*self._for_node(turn.action.message), stimulus.name)
        await self.wire.settled()
        handled = now()
        heard = await self.wire.arrivals(self.beside.owed(turn))
        if not self.beside.steps and not heard:
            raise Undecided(f"{NO_SESSION}the first hello is not answered")
        self.beside.finish(turn, None, [Send(self._of_node(message)) for message in heard])
        self.longest_seconds = max(self.longest_seconds, handled - began)
        self.lasted_seconds = handled - self.began
        self.blurred |= any(one is not None and one <= handled for one in (due, self._due()))
        if self.beside.steps[-1].differences:
            self._differ()

    def _differ(self) -> None:
        *before, last = self.beside.steps
        way = " / ".join(one.stimulus.name for one in before)
        said = "; ".join(map(str, last.differences[:MOST_SHOWN]))
        more = f"; and {len(last.differences) - MOST_SHOWN} more" if len(last.differences) > MOST_SHOWN else ""
        reason = f"{last.stimulus.name}{f' (after {way})' if way else ''}: {said}{more}"
        raise Deviation(reason, clause_of(last, self.endpoint))

    @property
    def is_unsure(self) -> bool:
        """Whether the node may be where our end is not, and be right."""
        declared = {"negotiation", "idle"} <= self.lab.target.declared
        return self.blurred or (not declared and self.lasted_seconds > UNDECLARED_SECONDS)

    # Time -------------------------------------------------------------------------------------------------------------

    def _due(self) -> float | None:
        """When the next timer of our end is due, by our clock."""
        due = self.beside.reference.next_due()
        return None if due is None else self.began + due

    async def _clear(self) -> None:
        """Until no timer is due within the time that a step takes."""
        while (due := self._due()) is not None and due <= now() + self.longest_seconds + SLACK_SECONDS[0]:
            self.waited_for = next(iter(self.beside.armed), self.waited_for)
            await self._expired()
            self._pass()
        self._pass()

    async def _expired(self) -> None:
        """Until the next timer has expired at the node as well."""
        due = self._due()
        assert due is not None
        await pause(max(0.0, due + self.longest_seconds + self.slack_seconds - now()))

    def _pass(self) -> None:
        """What our end says when a timer expires is owed in the next step."""
        reference = self.beside.reference
        reference.advance(max(0.0, now() - self.began - reference.now))

    # Words ------------------------------------------------------------------------------------------------------------

    def _for_node(self, message: Message) -> tuple[Route, bytes, Route]:
        to, *beyond = message.onward_route
        signal = read(message, GENERATION)
        if isinstance(signal, Data):  # for whoever sends it back
            message = replace(message, payload=GENERATION.encode(replace(signal, onward_route=self.lab.run.onward)))
        return (*self.routes.get(to, (to,)), *beyond), message.payload, message.return_route[1:]

    def _of_node(self, message: Message) -> Message:
        signal = read(message, GENERATION)
        if isinstance(signal, Answer):
            with suppress(RemoteSessionError):
                self.routes[signal.worker] = worker_route(message.return_route, signal.worker)
        return replace(message, onward_route=(HOP, *message.onward_route))


async def walk(plan: Plan, lab: CaseContext) -> str:
    """Say all of it, and compare."""
    found: Deviation | None = None
    for slack_seconds in SLACK_SECONDS:
        one, found = TableOracle(lab, await lab.wire(), slack_seconds), None
        try:
            if await one.carry_out(plan):
                return f"as our own end: {' / '.join(step.stimulus.name for step in one.beside.steps)}"
        except Deviation as error:
            if one.waited_for is None and not one.is_unsure:
                raise await _blamed(plan, one, error) from None
            found = error
    if found is None:
        raise NotApplicable("node and machine are too slow to bring it about before a time-out of the node")
    if one.is_unsure:
        raise Undecided("node or machine were too slow for the node's time-outs: what differs says nothing")
    raise await _blamed(plan, one, found)


async def _blamed(plan: Plan, one: TableOracle, error: Deviation) -> Deviation:
    """What goes wrong in what was tried is its own fault; what goes wrong after it, and not without it, the case's;
    what goes wrong after a wait, and not without it, the timer's. Everything else another plan shows."""
    if one.said == len(plan.way) + 1:
        return error
    if one.said <= len(plan.way) or await _deviates(one.lab, (*plan.way, *plan.tail)):
        return Follows(error.reason, error.clause)
    if one.waited_for is None or await _deviates(one.lab, (*plan.way, plan.tried, *plan.tail)):
        return Deviation(error.reason)
    return Deviation(error.reason, clause_of_timer(EXPIRED[one.waited_for], one.endpoint.session_type.persistent))


async def _deviates(lab: CaseContext, word: Word) -> bool:
    """Without any wait.

    Raises:
        Undecided: each try has outlasted a timer, so that it says nothing (Rule 1).
    """
    for _ in SLACK_SECONDS:
        other, deviates = TableOracle(lab, await lab.wire()), False
        try:
            await other.along(name for name in word if name not in (ELAPSE.name, NOT_YET.name))
        except Deviation:
            deviates = True
        except Undecided:
            return False
        if other.waited_for is None and not other.is_unsure:
            return deviates
    raise Undecided("node or machine were too slow for the node's time-outs: what is at fault cannot be told")

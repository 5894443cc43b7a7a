"""The oracle for the cases of the tables: compares one session with the node, message by message, with a reference end.

Rule 1: the reference end uses the kit's clock, and the node's timers may be late. A difference after a timer has
        expired counts only if it occurs with every slack (`SLACK_SECONDS`); one in a step that outlasts a timer does
        not count. Undeclared time-outs are measured where a difference shows (own_bounds.py).
Rule 2: data of the node's application is compared by payload and by the routes that the kit has chosen. Data that has
        to wait for a confirmation may be missing, since a node may hold no messages (clause 7.2).
Rule 3: a two-sided responder negotiates over connections that it makes to the kit. Each sequence has its own listener
        and contact address, since hellos of ended sessions go on. What it sends by itself is read before the reference
        passes the same time, because the reference takes its addresses from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ockam_fsm.conformance.generation.automaton import Word
from ockam_fsm.conformance.generation.hostile import HOSTILE
from ockam_fsm.conformance.generation.peer import Arrive, Peer, PeerAction, Stimulus, Wait
from ockam_fsm.conformance.generation.stimuli import ELAPSE, clause_of_timer, peer_stimuli
from ockam_fsm.conformance.oracle.attribution import clause_of, rows_of
from ockam_fsm.conformance.oracle.comparison import ComparedOutput, Difference
from ockam_fsm.conformance.oracle.oracle import Canonicalise, Oracle
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
    fresh,
    new_session_id,
)
from ockam_fsm.conformance.wire.client_session import NO_SESSION
from ockam_fsm.conformance.wire.own_bounds import hurries
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_TWO_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role, SessionType
from ockam_fsm.net.raw_peer import RawListener, now, pause
from ockam_fsm.net.routes import tcp
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local
from ockam_fsm.runtime.session.commands import Send, Timer
from ockam_fsm.runtime.session.config import LEAST_SECONDS, Durations, SessionConfig
from ockam_fsm.runtime.session.handshake import worker_route
from ockam_fsm.runtime.session.session import EXPIRED
from ockam_fsm.runtime.session.signals import Answer, Data, Hello

MOST = 0.6
SLACK_SECONDS = (0.1, 0.5, 1.0)
"""How late the node's timers may be, in each of the tries; they may also have started later than the reference's."""

UNDECLARED_SECONDS = 1.0
"""The longest test sequence whose result counts where no time-outs are declared."""

MOST_SHOWN = 3

HELD = 1000
"""The default of clause 7.2."""

LIMITS = SessionConfig(EXPLICIT_PERSISTENT_TWO_SIDED, Role.RESPONDER)
"""The default limits, which no test sequence reaches: limits cannot be declared."""

POLL_SECONDS = 0.01
CONTACT = "row-contact"


def _most(peer: Peer) -> Wait | None:
    due = peer.end.next_due()
    return None if due is None else Wait((due - peer.end.now) * MOST)


NOT_YET = Stimulus("most of the time to the next timer passes", None, "3.1", _most)
"""Two such waits are longer than the timer: it expires in the second one unless it was restarted in between."""


def _late(peer: Peer) -> Arrive | None:
    return peer.say(peer.ended[-1], Data(b"late"), (HOP, local("peer/0"))) if peer.ended else None


LATE_DATA = Stimulus("data at the address of an ended session", Event.STRAY, "4.5", _late)
"""For profile `ockam`, in which a session has one generation."""

STIMULI = {one.name: one for one in (*peer_stimuli(frozenset(Event)), *HOSTILE, ELAPSE, NOT_YET, LATE_DATA)}


@dataclass(frozen=True)
class Watched(EndpointUnderTest):
    """A responder of the node under test, with the session id that the kit has chosen."""

    identifier: bytes = b""

    @property
    def session_id(self) -> bytes:
        return self.identifier


class MessageOracle(Oracle):
    """An oracle for an end of which only the messages are observed (Rule 2)."""

    def _read(self, outputs: Sequence[Output], names: Canonicalise) -> Iterator[ComparedOutput]:
        return super()._read([one for one in outputs if isinstance(one, Send)], names)

    def _sent(self, message: Message, names: Canonicalise) -> ComparedOutput:
        signal = read(message, self.endpoint.profile)
        output = super()._sent(message, names)
        if isinstance(signal, Data):
            return output._replace(what=(signal.payload, signal.onward_route, message.onward_route))
        if output.kind == "hello":  # without its routes back, which the node chooses
            session_id, generation, _, onward, _ = output.what
            return output._replace(what=(session_id, generation, onward))
        if output.kind in ("answer", "superseded", "keepalive answer", "close"):
            return output._replace(what=output.what[:-1])  # without the return route, which the node chooses
        return output

    def _compared(
        self, action: PeerAction, expected: Sequence[ComparedOutput], actual: Sequence[ComparedOutput]
    ) -> Iterator[Difference]:
        answered = self._payload(action)
        owed = [one for one in expected if one.kind != "data" or one in actual or one.what[0] == answered]
        return super()._compared(action, owed, actual)

    def owed(self, action: PeerAction) -> int:
        """How many messages the node has to send after this action."""
        image, pending = self.reference.snapshot(), list(self.reference.outputs)
        _, outputs = self._expect(action)
        self.reference.restore(image)
        self.reference.outputs = pending
        signals = (read(one.message, self.endpoint.profile) for one in outputs if isinstance(one, Send))
        return sum(not isinstance(one, Data) or one.payload == self._payload(action) for one in signals)

    def _payload(self, action: PeerAction) -> bytes | None:
        """The payload that the application receives and has to send back at once."""
        signal = read(action.message, self.endpoint.profile) if isinstance(action, Arrive) else None
        return signal.payload if isinstance(signal, Data) else None


@dataclass(frozen=True)
class Plan:
    """A test sequence. `way`: to a state. `tried`: the stimulus there. `rows`: those that have to fire. `after`: waits.
    `tail`: signals that reveal the resulting state."""

    way: Word
    tried: str
    rows: tuple[str, ...]
    after: Word
    tail: Word


class TableOracle:
    """One session with the node, compared with a reference end."""

    def __init__(
        self, context: CaseContext, wire: Wire, contact: RawListener | None, slack_seconds: float = SLACK_SECONDS[0]
    ) -> None:
        """`contact`: where the node's hellos arrive; None in one-sided sessions."""
        target = context.target
        self.context, self.wire, self.slack_seconds = context, wire, slack_seconds
        self.wires, self.contact = [wire], contact
        self.named = fresh(CONTACT)
        """The address to which the node's hellos go. Those of ended sessions may reach a later listener."""
        self.over: dict[Address, Wire] = {}
        """The connection for each address of the node that it has named over another one than `wire`."""
        identifier = new_session_id(target.profile)
        self.endpoint = Watched(
            type_of_responder(target), Role.RESPONDER, target.profile, held=HELD, capacity=HELD,
            durations=earliest(target.durations), attempts=LIMITS.attempts, misses=LIMITS.misses, identifier=identifier,
        )  # fmt: skip
        self.oracle = MessageOracle(self.endpoint, frozenset(), {}, Answering)
        self.routes: dict[Address, Route] = {HOST: (target.host,)}
        """The route to each worker of the node, by the worker's address."""
        self.heard: list[Send] = []
        """What the node has sent since the last step."""
        self.began = now()
        self.longest_seconds = 0.0
        """The longest step so far: the node's timers may have started this much later than the reference's."""
        self.lasted_seconds = 0.0
        """How long the sequence took until the last step was handled, without waits for missing messages."""
        self.blurred = False
        """A step has outlasted a timer, so that differences do not count."""
        self.waited_for: Timer | None = None
        """The last timer that this sequence has waited for, or that has expired meanwhile."""
        self.done = 0
        """How many stimuli of the sequence were carried out."""

    async def carry_out(self, plan: Plan) -> bool:
        """Carry out a plan. Return whether its stimulus has fired the intended rows. Raises the errors of `step`."""
        await self.along(plan.way)
        before = len(self.oracle.steps)
        await self.along([plan.tried])
        met = [rows_of(step.fired) for step in self.oracle.steps[before:]]
        await self.along([*plan.after, *plan.tail])
        return met == [plan.rows]

    async def along(self, word: Iterable[str]) -> None:
        for name in word:
            self.done += 1
            await self.step(STIMULI[name])

    async def step(self, stimulus: Stimulus) -> None:
        """Carry out a stimulus, if it is possible now.

        Raises:
            Deviation: the messages of the node differ from those of the reference end.
            Undecided: the node does not answer the first hello, which other cases judge.
        """
        if stimulus is not ELAPSE:
            await self._clear()
        turn = self.oracle.begin(stimulus)
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
            message = turn.action.message
            over = self.over.get(message.onward_route[0], self.wire)
            over.send(*self._for_node(message), stimulus.name)
        for wire in self.wires:
            await wire.settled()
        handled = now()
        heard = [*self.heard, *await self._arrivals(self.oracle.owed(turn.action) - len(self.heard))]
        self.heard = []
        if not self.oracle.steps and not heard:
            raise Undecided(f"{NO_SESSION}expected an answer to the first hello; got none")
        self.oracle.finish(turn, None, heard)
        self.longest_seconds = max(self.longest_seconds, handled - began)
        self.lasted_seconds = handled - self.began
        self.blurred |= any(one is not None and one <= handled for one in (due, self._due()))
        if self.oracle.steps[-1].differences:
            self._differ()

    def _differ(self) -> None:
        *before, last = self.oracle.steps
        way = " / ".join(one.stimulus.name for one in before)
        shown = "; ".join(map(str, last.differences[:MOST_SHOWN]))
        more = f"; and {len(last.differences) - MOST_SHOWN} more" if len(last.differences) > MOST_SHOWN else ""
        reason = f"{last.stimulus.name}{f' (after {way})' if way else ''}: {shown}{more}"
        raise Deviation(reason, clause_of(last, self.endpoint))

    @property
    def is_unsure(self) -> bool:
        """Whether the node may rightly be in another state than the reference end."""
        declared = self.context.target.declared.issuperset(self.context.target.timeouts)
        return self.blurred or (not declared and self.lasted_seconds > UNDECLARED_SECONDS)

    # Time -------------------------------------------------------------------------------------------------------------

    def _due(self) -> float | None:
        """When the next timer of the reference end is due, by the kit's clock."""
        due = self.oracle.reference.next_due()
        return None if due is None else self.began + due

    async def _clear(self) -> None:
        """Wait until no timer is due within the time that a step takes."""
        while (due := self._due()) is not None and due <= now() + self.longest_seconds + SLACK_SECONDS[0]:
            self.waited_for = next(iter(self.oracle.armed), self.waited_for)
            await self._expired()
            await self._pass()
        await self._pass()

    async def _expired(self) -> None:
        """Wait until the next timer has expired at the node as well."""
        due = self._due()
        assert due is not None
        back_off = self.context.target.durations.back_off
        spread = 2 * back_off.jitter * back_off.initial_seconds * back_off.factor
        late = spread if Timer.BACK_OFF in self.oracle.armed else 0.0
        await pause(max(0.0, due + late + self.longest_seconds + self.slack_seconds - now()))

    async def _pass(self) -> None:
        """Advance the reference's clock. The outputs of expired timers belong to the next step, but the node's are read
        before, since the reference takes its addresses from them."""
        reference, due = self.oracle.reference, self._due()
        if due is not None and due <= now():
            passed = Wait(max(0.0, now() - self.began - reference.now))
            self.heard += await self._arrivals(self.oracle.owed(passed) - len(self.heard))
            self.oracle.entropy.outputs = self.heard
            reference.advance(passed.seconds)
            self.oracle.peer.observe()
        reference.advance(max(0.0, now() - self.began - reference.now))

    # Messages ---------------------------------------------------------------------------------------------------------

    async def _arrivals(self, owed: int) -> list[Send]:
        """All unread messages, as `Wire.arrivals`, on all connections, also those that the node makes."""
        if self.contact is None:
            return [Send(self._of_node(self.wire, message)) for message in await self.wire.arrivals(owed)]
        found: list[Send] = []
        deadline = now() + self.context.patience
        while True:
            while self.contact.pending():
                self.wires.append(self.context.adopt(await self.contact.next(1.0), "kit, as a contact"))
                await self.context.expect_version(self.wires[-1])
            for wire in self.wires:
                await wire.receive(seconds=0.0)
                heard = await wire.arrivals(0)
                found += [Send(self._of_node(wire, message)) for message in heard if self._is_ours(message)]
            if len(found) >= owed or now() >= deadline:
                return found
            await pause(POLL_SECONDS)

    def _for_node(self, message: Message) -> tuple[Route, bytes, Route]:
        to, *beyond = message.onward_route
        profile, onward = self.endpoint.profile, self.context.run.onward
        signal = read(message, profile)
        if isinstance(signal, Data) and profile.carries_routes:  # for the worker that sends it back
            message = replace(message, payload=profile.encode(replace(signal, onward_route=onward)))
        elif isinstance(signal, Data):
            beyond = [*beyond, *onward]
        if isinstance(signal, Hello) and self.contact is not None:
            contact = (tcp(self.contact.where), self.named)
            message = replace(message, payload=profile.encode(replace(signal, initialization_route=contact)))
        return (*self.routes.get(to, (to,)), *beyond), message.payload, message.return_route[1:]

    def _of_node(self, wire: Wire, message: Message) -> Message:
        signal = read(message, self.endpoint.profile)
        if isinstance(signal, Hello):
            self.over[signal.generation.address] = wire
        if isinstance(signal, Answer):
            with suppress(RemoteSessionError):
                self.routes[signal.worker] = worker_route(message.return_route, signal.worker)
        here = tuple(HOST if one == self.named else one for one in message.onward_route)
        return replace(message, onward_route=(HOP, *here))

    def _is_ours(self, message: Message) -> bool:
        to = message.onward_route[:1]
        return to == (self.named,) or not any(one.value.startswith(CONTACT.encode()) for one in to)


def type_of_responder(target: NodeUnderTest) -> SessionType:
    """The session type of the node's responders: in profile `ockam` they are transient (clause 2.4)."""
    return target.session_type if target.generations else EXPLICIT_TRANSIENT


def earliest(durations: Durations) -> Durations:
    """These durations with the shortest back-off that its jitter allows, so that no timer of the node is early."""
    back_off = durations.back_off
    shortest = max(LEAST_SECONDS, back_off.initial_seconds * (1.0 - back_off.jitter))
    return replace(durations, back_off=replace(back_off, initial_seconds=shortest, jitter=0.0))


async def begun(context: CaseContext, slack_seconds: float = SLACK_SECONDS[0]) -> TableOracle:
    """A new session to compare."""
    wire, two_sided = await context.wire(), context.target.session_type.renegotiation is Renegotiation.TWO_SIDED
    return TableOracle(context, wire, await context.listen() if two_sided else None, slack_seconds)


async def walk(plan: Plan, context: CaseContext) -> str:
    """Carry out a plan and compare the node with the reference end, with more slack if timers expired."""
    found: Deviation | None = None
    for slack_seconds in SLACK_SECONDS:
        one, found = await begun(context, slack_seconds), None
        try:
            if await one.carry_out(plan):
                steps = " / ".join(step.stimulus.name for step in one.oracle.steps)
                return f"the same messages as the reference end: {steps}"
        except Deviation as error:
            if hurried := await hurries(context.run, one.lasted_seconds):
                raise Undecided(
                    f"the node ends sessions within {one.lasted_seconds:.1f} s; declare {hurried} (--durations)"
                ) from None
            if one.waited_for is None and not one.is_unsure:
                raise await _attributed(plan, one, error) from None
            found = error
    if found is None:
        raise NotApplicable("node or machine are too slow to reach this row before a time-out of the node")
    if one.is_unsure:
        raise Undecided("node or machine were too slow for the node's time-outs, so a difference does not count")
    raise await _attributed(plan, one, found)


async def _attributed(plan: Plan, one: TableOracle, error: Deviation) -> Deviation:
    """Attribute a difference. In the tried stimulus: to the clause of the step. After it, and not without it: to the
    case's clause. After a wait, and not without it: to the timer's clause. Otherwise another plan shows its cause."""
    if one.done == len(plan.way) + 1:
        return error
    if one.done <= len(plan.way) or await _deviates(one.context, (*plan.way, *plan.tail)):
        return Follows(error.reason, error.clause)
    if one.waited_for is None or await _deviates(one.context, (*plan.way, plan.tried, *plan.tail)):
        return Deviation(error.reason)
    return Deviation(error.reason, clause_of_timer(EXPIRED[one.waited_for], one.endpoint.session_type.persistent))


async def _deviates(context: CaseContext, word: Word) -> bool:
    """Whether the node differs from the reference end in this sequence without its waits.

    Raises:
        Undecided: each try has outlasted a timer, so that it does not count (Rule 1).
    """
    for _ in SLACK_SECONDS:
        other, deviates = await begun(context), False
        try:
            await other.along(name for name in word if name not in (ELAPSE.name, NOT_YET.name))
        except Deviation:
            deviates = True
        except Undecided:
            return False
        if other.waited_for is None and not other.is_unsure:
            return deviates
    raise Undecided("node or machine were too slow for the node's time-outs, so the cause is unknown")

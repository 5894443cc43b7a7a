"""Our own end beside a node that is heard only: one session, and each message of the node compared.

Rule 1: the reference's clock is ours. Where a timer may have expired meanwhile at the node, or not, a difference says
        nothing: the word is tried again, `TRIES` times.
Rule 2: what the node's application sends is compared as far as the kit has said it: payload and way, not the rest of
        its routes. What has to wait for a confirmation may be missing: the node may hold no messages (clause 7.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ockam_fsm.conformance.beside import Beside, Names, Turn
from ockam_fsm.conformance.blame import clause_of
from ockam_fsm.conformance.comparison import Difference, Said
from ockam_fsm.conformance.cover import Word
from ockam_fsm.conformance.hostile import HOSTILE
from ockam_fsm.conformance.ours import Answering
from ockam_fsm.conformance.peer import Action, Arrive, Peer, Stimulus, Wait
from ockam_fsm.conformance.reference import read
from ockam_fsm.conformance.stimuli import ELAPSE, clause_of_timer, said_to
from ockam_fsm.conformance.target import HOP, HOST, Declaration, Output
from ockam_fsm.conformance.wire.lab import Deviation, Follows, Lab, Undecided, Wire, new_session_id
from ockam_fsm.edges.wire_peer import now, pause
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.commands import Send, Timer
from ockam_fsm.runtime.handshake import GENERATION, worker_route
from ockam_fsm.runtime.message import Address, Message, Route
from ockam_fsm.runtime.session import EXPIRED
from ockam_fsm.runtime.signals import Answer, Data

TRIES = 3
MOST = 0.75
SLACK_SECONDS = 0.1
"""A timer of the node's is waited for so much longer than it may have been started later than the kit's."""

HELD = 1000
"""The default of clause 7.2."""


def _most(peer: Peer) -> Wait | None:
    due = peer.end.next_due()
    return None if due is None else Wait((due - peer.end.now) * MOST)


NOT_YET = Stimulus("most of the time to the next timer passes", None, "3.1", _most)
"""Twice that is more than the whole: a timer that was not started afresh in between has expired."""

STIMULI = {one.name: one for one in (*said_to(frozenset(Event)), *HOSTILE, ELAPSE, NOT_YET)}


@dataclass(frozen=True)
class Watched(Declaration):
    """A responder of the node under test: the kit chooses the session's identifier."""

    identifier: bytes = b""

    @property
    def session_id(self) -> bytes:
        return self.identifier


class Overheard(Beside):
    """Our end beside one that is heard only (Rule 3)."""

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
        now_said = action.message.payload if isinstance(action, Arrive) else b""
        owed = [one for one in expected if one.kind != "data" or one in actual or _payload(one) in now_said]
        return super()._compared(action, owed, actual)

    def owed(self, turn: Turn) -> int:
        """How many messages our end will say in this step."""
        image, pending = self.reference.snapshot(), list(self.reference.outputs)
        _, outputs = self._expect(turn.action)
        self.reference.restore(image)
        self.reference.outputs = pending
        return sum(isinstance(one, Send) for one in outputs)


def _payload(said: Said) -> bytes:
    found = said.what[0]
    assert isinstance(found, bytes)
    return found


class Blurred(Exception):
    """A timer of the node's was about to expire: what differs may be the machine's fault."""


class Walk:
    """One session with the node, and our end beside it."""

    def __init__(self, lab: Lab, wire: Wire) -> None:
        target = lab.target
        self.lab, self.wire = lab, wire
        identifier = new_session_id(target.profile)
        self.declaration = Watched(
            target.session_type, Role.RESPONDER, GENERATION, held=HELD, durations=target.durations,
            identifier=identifier,
        )  # fmt: skip
        self.beside = Overheard(self.declaration, frozenset(), {}, Answering)
        self.routes: dict[Address, Route] = {HOST: (target.host,)}
        """The way to each address of the node's, by its last part."""
        self.began = now()
        self.longest_seconds = 0.0
        """The longest step so far: timers of the node's may have started so much later than ours."""
        self.blurred = False
        self.waited_for: Timer | None = None
        """The last timer that this walk has waited for, or that has expired while it went along."""
        self.said = 0
        """How many of its words."""

    async def along(self, word: Iterable[str]) -> None:
        for name in word:
            self.said += 1
            await self.step(STIMULI[name])

    async def step(self, stimulus: Stimulus) -> None:
        """One stimulus, if it is possible now.

        Raises:
            Deviation: the node says something else than our end.
            Blurred: so it does, but it was too slow to be judged.
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
        self.beside.finish(turn, None, [Send(self._of_node(message)) for message in heard])
        self.longest_seconds = max(self.longest_seconds, handled - began)
        self.blurred |= any(one is not None and one <= handled for one in (due, self._due()))
        if self.beside.steps[-1].differences:
            self._differ()

    def _differ(self) -> None:
        if self.blurred:
            raise Blurred
        *before, last = self.beside.steps
        way = " / ".join(one.stimulus.name for one in before)
        said = "; ".join(map(str, last.differences))
        reason = f"{last.stimulus.name}{f' (after {way})' if way else ''}: {said}"
        raise Deviation(reason, clause_of(last, self.declaration))

    # Time -------------------------------------------------------------------------------------------------------------

    def _due(self) -> float | None:
        """When the next timer of our end is due, by our clock."""
        due = self.beside.reference.next_due()
        return None if due is None else self.began + due

    async def _clear(self) -> None:
        """Until no timer is due within the time that a step takes."""
        while (due := self._due()) is not None and due <= now() + self.longest_seconds + SLACK_SECONDS:
            self.waited_for = next(iter(self.beside.armed), self.waited_for)
            await self._expired()
            self._pass()
        self._pass()

    async def _expired(self) -> None:
        """Until the next timer has expired at the node as well."""
        due = self._due()
        assert due is not None
        await pause(max(0.0, due + self.longest_seconds + SLACK_SECONDS - now()))

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


@dataclass(frozen=True)
class Plan:
    """A way to a state, what is tried there, for how long to wait then, and what tells where that has led."""

    way: Word
    tried: str
    after: Word
    tail: Word

    @property
    def word(self) -> Word:
        return (*self.way, self.tried, *self.after, *self.tail)


async def walk(plan: Plan, lab: Lab) -> str:
    """Say all of it, and compare."""
    for _ in range(TRIES):
        one = Walk(lab, await lab.wire())
        with suppress(Blurred):
            try:
                await one.along(plan.word)
            except Deviation as error:
                raise await _blamed(plan, one, error) from None
            return f"as our own end: {' / '.join(step.stimulus.name for step in one.beside.steps)}"
    raise Undecided(f"{TRIES} times the machines were too slow for the node's time-outs")


async def _blamed(plan: Plan, one: Walk, error: Deviation) -> Deviation:
    """What goes wrong in what was tried is its own fault; what goes wrong after it, and not without it, the case's;
    what goes wrong after a wait, and not without it, the timer's. Everything else another plan shows."""
    if one.said == len(plan.way) + 1:
        return error
    if one.said <= len(plan.way) or await _deviates(one, (*plan.way, *plan.tail)):
        return Follows(error.reason, error.clause)
    if one.waited_for is None or await _deviates(one, (*plan.way, plan.tried, *plan.tail)):
        return Deviation(error.reason)
    return Deviation(error.reason, clause_of_timer(EXPIRED[one.waited_for], one.declaration.session_type.persistent))


async def _deviates(one: Walk, word: Word) -> bool:
    """Without any wait."""
    other = Walk(one.lab, one.wire)
    try:
        await other.along(name for name in word if name not in (ELAPSE.name, NOT_YET.name))
    except Deviation:
        return other.waited_for is None
    return False

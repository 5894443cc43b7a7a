"""The table by wire: every row of a responder that a peer can bring about, and what follows it.

Theory: cover.py's, for a peer that has messages and time only. Our own end, whose application sends back what it is
given, runs beside the node (beside.py): after each message both have to have said the same.

Rule 1: a case is a way to a state by a shortest word, what is tried there, and `TAIL`, which asks for everything that a
        peer can learn of an end. There is one for each row and each message that fires it. What a row has done to
        the timers shows when one expires: those words wait, if the node's time-outs are declared.
Rule 2: the reference's clock is ours. Where a timer may have expired meanwhile at the node, or not, a difference says
        nothing: the word is tried again, `TRIES` times.
Rule 3: what the node's application sends is compared as far as the kit has said it: payload and way, not the rest of
        its routes. What has to wait for a confirmation may be missing: the node may hold no messages (clause 7.2).
Left out: two-sided responders, which negotiate over connections of their own, and profile `ockam`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial

from ockam_fsm.conformance.beside import Beside, Names, Turn
from ockam_fsm.conformance.blame import clause_of, severity_of
from ockam_fsm.conformance.comparison import Difference, Said
from ockam_fsm.conformance.cover import Automaton, Cell, Edge, Word, explored_by
from ockam_fsm.conformance.hostile import HOSTILE
from ockam_fsm.conformance.ours import Answering
from ockam_fsm.conformance.peer import Action, Arrive, Peer, Stimulus, Wait
from ockam_fsm.conformance.reference import Fired, clauses_of, read
from ockam_fsm.conformance.stimuli import ELAPSE, clause_of_timer, said_to
from ockam_fsm.conformance.target import HOP, HOST, Declaration, Output
from ockam_fsm.conformance.wire.cases import Case, Manner, nothing_lacks, undeclared
from ockam_fsm.conformance.wire.lab import Deviation, Lab, Undecided, Wire, new_session_id
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.edges.wire_peer import now, pause
from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role, SessionType
from ockam_fsm.runtime.commands import Send
from ockam_fsm.runtime.handshake import GENERATION, worker_route
from ockam_fsm.runtime.message import Address, Message, Route
from ockam_fsm.runtime.session import EXPIRED
from ockam_fsm.runtime.signals import Answer, Data

ONLY = ("generation",)
TRIES = 3
MOST = 0.75
SLACK_SECONDS = 0.1
"""A timer of the node's is waited for so much longer than it may have been started later than the kit's."""

HELD = 1000
"""The default of clause 7.2."""

_PROBES: Word = ("data in an ended generation", "data in the generation before")
UNANSWERED = ("data for another worker",)
"""No stock node has that worker."""

TAIL: Word = (
    *_PROBES, "repeated hello", "data", "keepalive", "confirming data", "keepalive", "older hello", "newer hello",
    "data", "confirming keepalive", "data",
)  # fmt: skip
"""Is the generation alive, is an attempt, is the number known, is the state, does a new generation begin and go on?"""


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
        agreed = self.beside.finish(turn, None, [Send(self._of_node(message)) for message in heard])
        self.longest_seconds = max(self.longest_seconds, handled - began)
        self.blurred |= any(one is not None and one <= handled for one in (due, self._due()))
        if not agreed:
            self._differ()

    def _differ(self) -> None:
        if self.blurred:
            raise Blurred
        *before, last = self.beside.steps
        way = " / ".join(one.stimulus.name for one in before)
        said = "; ".join(map(str, last.differences))
        reason = f"{last.stimulus.name}{f' (after {way})' if way else ''}: {said}"
        raise Deviation(reason, clause_of(last, self.declaration))

    def clause_of_last_wait(self) -> str:
        """That of the timer which ran when this walk waited last."""
        waits = (one for one in reversed(self.beside.steps) if isinstance(one.action, Wait))
        running = next(one.armed[0] for one in waits if one.armed)
        return clause_of_timer(EXPIRED[running], self.declaration.session_type.persistent)

    # Time -------------------------------------------------------------------------------------------------------------

    def _due(self) -> float | None:
        """When the next timer of our end is due, by our clock."""
        due = self.beside.reference.next_due()
        return None if due is None else self.began + due

    async def _clear(self) -> None:
        """Until no timer is due within the time that a step takes."""
        while (due := self._due()) is not None and due <= now() + self.longest_seconds + SLACK_SECONDS:
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


async def walk(word: Word, lab: Lab) -> str:
    """Say all of it, and compare. What goes wrong after a wait, and not without it, is the timer's (its clause)."""
    for _ in range(TRIES):
        one = Walk(lab, await lab.wire())
        with suppress(Blurred):
            try:
                return await _walked(one, word)
            except Deviation as error:
                without = tuple(name for name in word if name not in (ELAPSE.name, NOT_YET.name))
                if without == word:
                    raise
                await _walked(Walk(lab, one.wire), without)
                raise Deviation(error.reason, one.clause_of_last_wait()) from None
    raise Undecided(f"{TRIES} times the machines were too slow for the node's time-outs")


async def _walked(one: Walk, word: Word) -> str:
    for name in word:
        await one.step(STIMULI[name])
    return f"as our own end: {' / '.join(step.stimulus.name for step in one.beside.steps)}"


# Cases ----------------------------------------------------------------------------------------------------------------


def cases_of(target: Target) -> Sequence[Case]:
    return _cases(target.session_type)


@cache
def _cases(kind: SessionType) -> tuple[Case, ...]:
    if kind.renegotiation is Renegotiation.TWO_SIDED:
        return ()
    declaration = Declaration(kind, Role.RESPONDER)
    said = tuple(one for one in said_to(declaration.settings.events) if one.name not in UNANSWERED)
    found: dict[str, Case] = {}
    for way, tried, edge in _edges(explored_by(declaration, said, Answering)):
        one = _case(declaration, edge, way, tried)
        found.setdefault(one.name, one)
    waited: set[tuple[Cell, ...]] = set()
    for way, tried, edge in _edges(explored_by(declaration, (*said, ELAPSE), Answering)):
        if edge.cells not in waited:
            waited.add(edge.cells)
            cases = [_case(declaration, edge, way, tried, after=(ELAPSE.name,))]
            if tried == ELAPSE.name:
                cases.append(_case(declaration, edge, way, tried))
            else:
                cases.append(_case(declaration, edge, (*way, NOT_YET.name), tried, after=(NOT_YET.name,)))
            found |= {one.name: one for one in cases}
    return tuple(found.values())


def _edges(automaton: Automaton) -> Iterator[tuple[Word, str, Edge]]:
    """Those that a row decides; by the shortest words first."""
    for word, edges in zip(automaton.words, automaton.edges, strict=True):
        for name, edge in edges.items():
            if any(_rows(edge)):
                yield word, name, edge


def _rows(edge: Edge) -> list[str]:
    return [row for _, _, row in edge.cells if row]


def _case(declaration: Declaration, edge: Edge, way: Word, tried: str, after: Word = ()) -> Case:
    rows, word = _rows(edge), (*way, tried, *after)
    waits = ELAPSE.name in word or NOT_YET.name in word
    ending = {(): "", (ELAPSE.name,): "and time", (NOT_YET.name,): "in the last moment"}[after]
    name = "-".join(["row", *rows, *tried.replace(",", "").split(), *ending.split()])
    clause = _clause(declaration, rows[0], STIMULI[tried])
    return Case(
        name.lower(),
        clause,
        severity_of(clause),
        f"Rows {', '.join(rows)}: {' / '.join(word)}; and then whatever tells where that has led",
        partial(walk, (*word, *TAIL)),
        Manner.ALONGSIDE,
        ONLY,
        undeclared("negotiation", "idle", "retention") if waits else nothing_lacks,
    )


def _clause(declaration: Declaration, row: str, tried: Stimulus) -> str:
    """Of a timer its own; else the first that the row cites, or the one that judges what is tried."""
    found = next(one for one in declaration.settings.machine.rows if one.id == row)
    if found.event in EXPIRED.values():
        return clause_of_timer(found.event, declaration.session_type.persistent)
    return next(iter(clauses_of([Fired(found.source, found.event, found)])), tried.clause)

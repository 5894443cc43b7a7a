"""The table by wire: every row of a responder that a peer can bring about, and what follows it.

Theory: automaton.py's, for a peer that has messages and time only. Our own end, whose application sends back what it is
given, goes along (table_oracle.py): after each message both have to have said the same.

Rule 1: a case is a way to a state by a shortest word, what is tried there, and `TAIL`, which asks for everything that a
        peer can learn of an end. There is one for each row and each message that fires it.
Rule 2: what a row has done to the timers shows when one expires, or does not expire yet. Words that wait are tried if
        the node's time-outs are declared, one for each row.
Rule 3: an echo worker tells when a message has been handled. Without one it would take a session each time.
Left out: two-sided responders, which negotiate over connections of their own, and profile `ockam`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial

from ockam_fsm.conformance.generation.automaton import Automaton, Cell, Edge, Word, explored_by
from ockam_fsm.conformance.generation.peer import Stimulus
from ockam_fsm.conformance.generation.stimuli import ELAPSE, clause_of_timer, said_to
from ockam_fsm.conformance.oracle.attribution import severity_of
from ockam_fsm.conformance.reference.instrumentation import Fired, clauses_of
from ockam_fsm.conformance.reference.reference_end import Answering
from ockam_fsm.conformance.target import EndpointUnderTest
from ockam_fsm.conformance.wire.case import Case, Manner, no_echo, undeclared
from ockam_fsm.conformance.wire.cases.timing import is_bearable
from ockam_fsm.conformance.wire.table_oracle import NOT_YET, STIMULI, Plan, walk
from ockam_fsm.conformance.wire.target import Target
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role, SessionType
from ockam_fsm.runtime.session.session import EXPIRED

ONLY = ("generation",)
ROOM = 500
"""Each session takes a place for as long as the node retains it, and a wrong node is asked more than once."""

NOT_SAID = {
    "data for another worker": "no stock node has that worker",
    "hello of a generation that has ended": "to a responder it is an older hello, like others",
}

TAIL: Word = (
    "data in an ended generation", "data in the generation before", "repeated hello", "data", "keepalive",
    "confirming data", "keepalive", "older hello", "newer hello", "data", "confirming keepalive", "data",
)  # fmt: skip
"""Is the generation alive, is an attempt, is the number known, is the state, does a new generation begin and go on?"""


def cases_of(target: Target) -> Sequence[Case]:
    """Those for the target's kind of session."""
    return _cases(target.session_type)


@cache
def _cases(kind: SessionType) -> tuple[Case, ...]:
    if kind.renegotiation is Renegotiation.TWO_SIDED:
        return ()
    endpoint = EndpointUnderTest(kind, Role.RESPONDER)
    said = tuple(one for one in said_to(endpoint.settings.events) if one.name not in NOT_SAID)
    found: dict[str, Case] = {}
    for way, tried, edge in _edges(explored_by(endpoint, said, Answering)):
        one = _case(endpoint, edge, way, tried)
        found.setdefault(one.name, one)
    waited: set[tuple[Cell, ...]] = set()
    for way, tried, edge in _edges(explored_by(endpoint, (*said, ELAPSE), Answering)):
        if edge.cells not in waited:
            waited.add(edge.cells)
            cases = [_case(endpoint, edge, way, tried, after=(ELAPSE.name,))]
            if tried == ELAPSE.name:
                cases.append(_case(endpoint, edge, way, tried))
            else:
                cases.append(_case(endpoint, edge, (*way, NOT_YET.name), tried, after=(NOT_YET.name,)))
            found |= {one.name: one for one in cases}
    return tuple(found.values())


def _edges(automaton: Automaton) -> Iterator[tuple[Word, str, Edge]]:
    """Those that a row decides; by the shortest words first. How many messages a node may hold is not known."""
    for word, edges in zip(automaton.words, automaton.edges, strict=True):
        for name, edge in edges.items():
            is_full = any(event is Event.SEND and not row for _, event, row in edge.cells)
            if any(_rows(edge)) and not is_full:
                yield word, name, edge


def _rows(edge: Edge) -> list[str]:
    return [row for _, _, row in edge.cells if row]


def _case(endpoint: EndpointUnderTest, edge: Edge, way: Word, tried: str, after: Word = ()) -> Case:
    rows, word = _rows(edge), (*way, tried, *after)
    waits = ELAPSE.name in word or NOT_YET.name in word
    ending = {(): "", (ELAPSE.name,): "and time", (NOT_YET.name,): "in the last moment"}[after]
    name = "-".join(["row", *rows, *tried.replace(",", "").split(), *ending.split()])
    clause = _clause(endpoint, rows[0], STIMULI[tried])
    return Case(
        name.lower(),
        clause,
        severity_of(clause),
        f"Rows {', '.join(rows)}: {' / '.join(word)}; and then whatever tells where that has led",
        partial(walk, Plan(way, tried, tuple(rows), after, TAIL)),
        Manner.ALONGSIDE,
        ONLY,
        _timed if waits else _untimed,
    )


def _untimed(target: Target) -> str:
    full = target.capacity is not None and target.capacity < ROOM
    return no_echo(target) or (
        f"the spawner has room for {target.capacity} responders; it takes {ROOM}" if full else ""
    )


def _timed(target: Target) -> str:
    names = ("negotiation", "idle", *(("retention",) if target.session_type.persistent else ()))
    durations = target.durations
    waits = (durations.negotiation_seconds, durations.idle_seconds, durations.retention_seconds)
    unbearable = [name for name, seconds in zip(names, waits, strict=False) if not seconds or not is_bearable(seconds)]
    too_long = f"too long to wait for, or never: {', '.join(unbearable)}" if unbearable else ""
    return _untimed(target) or undeclared(*names)(target) or too_long


def _clause(endpoint: EndpointUnderTest, row: str, tried: Stimulus) -> str:
    """Of a timer its own; else the first that the row cites, or the one that judges what is tried."""
    found = next(one for one in endpoint.settings.machine.rows if one.id == row)
    if found.event in EXPIRED.values():
        return clause_of_timer(found.event, endpoint.session_type.persistent)
    return next(iter(clauses_of([Fired(found.source, found.event, found)])), tried.clause)

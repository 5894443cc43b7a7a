"""Cases generated from the tables: every row of a responder that a peer can make fire.

Theory: that of automaton.py, for a tester that has messages and time only. The reference end, whose application sends
its data back, is the oracle (table_oracle.py): after each message both ends have to have sent the same.

Rule 1: a case is a shortest test sequence to a state, one stimulus there, and `TAIL`, which reveals everything that a
        peer can observe of an end. There is one case for each row and each message that fires it.
Rule 2: the effect of a row on a timer shows when the timer expires, or does not expire yet. Sequences that wait are
        tried if the node's time-outs are declared, one for each row.
Rule 3: a reply of the echo worker shows that a message was handled. Without one, each check would take a session.
Rule 4: a two-sided responder sends keepalives and hellos by itself, so all its sequences need its declared time-outs.
        They are tried for each message, since most of its attempts begin after a wait.
Rule 5: in profile `ockam` each hello makes a responder. The signals that follow are for the newest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial

from ockam_fsm.conformance.generation.automaton import Automaton, Cell, Edge, Word, explored_by
from ockam_fsm.conformance.generation.peer import Stimulus
from ockam_fsm.conformance.generation.stimuli import ELAPSE, clause_of_timer, peer_stimuli
from ockam_fsm.conformance.oracle.attribution import severity_of
from ockam_fsm.conformance.reference.instrumentation import Fired, clauses_of
from ockam_fsm.conformance.reference.reference_end import Answering
from ockam_fsm.conformance.target import EndpointUnderTest
from ockam_fsm.conformance.wire.case import Case, Manner, no_echo, undeclared
from ockam_fsm.conformance.wire.cases.timing import LATE, MOST_SECONDS, is_bearable
from ockam_fsm.conformance.wire.table_oracle import LATE_DATA, LIMITS, NOT_YET, STIMULI, Plan, type_of_responder, walk
from ockam_fsm.conformance.wire.target import NodeUnderTest
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role
from ockam_fsm.runtime.session.session import EXPIRED

MOST_WAITS = 2
"""The most timers that expire before a row is tried: the limits of attempts and misses are not declared."""
LEAST_SECONDS = 2.0
"""The shortest time-out of a two-sided responder. Several steps have to fit into one."""
ROOM = 500
"""The capacity that these cases need: a session takes a place while the node retains it, and failures are retried."""

LEFT_OUT = {
    "data for another worker": "no stock node has that worker",
    "hello of a generation that has ended": "for a responder it is one of the older hellos",
}
"""Stimuli that are left out, with the reason."""

WITHOUT_GENERATIONS = dict.fromkeys(
    ("newer hello by proxy", "newer hello far ahead"), "without generations they are the bytes of a newer hello"
)
"""The same for profile `ockam`."""

TAIL: Word = (
    "data in an ended generation", "data in the generation before", "repeated hello", "data", "keepalive",
    "confirming data", "keepalive", "older hello", "newer hello", "data", "confirming keepalive", "data",
)  # fmt: skip
"""Reveals whether the generation is alive, whether an attempt is, whether number and state are kept, and whether a new
generation begins and goes on."""

TWO_SIDED_TAIL: Word = (
    "data in an ended generation", "data in the generation before", "repeated hello", "data", "keepalive",
    "answer to an earlier attempt", "answer", "data", "confirming data", "keepalive", "older hello", "newer hello",
    "data", "confirming keepalive", "data",
)  # fmt: skip
"""The same for an end that may have an attempt of its own."""

OCKAM_TAIL: Word = (LATE_DATA.name, "data", "confirming data", "newer hello", "confirming data", "data")
"""The same for profile `ockam`."""


def cases_of(target: NodeUnderTest) -> Sequence[Case]:
    """The cases for the target's profile and session type."""
    kind = type_of_responder(target)
    return _cases(
        EndpointUnderTest(kind, Role.RESPONDER, target.profile, attempts=LIMITS.attempts, misses=LIMITS.misses)
    )


@cache
def _cases(endpoint: EndpointUnderTest) -> tuple[Case, ...]:
    without = LEFT_OUT if endpoint.profile.names_sessions else LEFT_OUT | WITHOUT_GENERATIONS
    from_peer = tuple(one for one in peer_stimuli(endpoint.settings.events) if one.name not in without)
    found: dict[str, Case] = {}
    for way, tried, edge in _edges(explored_by(endpoint, from_peer, Answering)):
        one = _case(endpoint, edge, way, tried)
        found.setdefault(one.name, one)
    waited: set[tuple[tuple[Cell, ...], str]] = set()
    for way, tried, edge in _edges(explored_by(endpoint, (*from_peer, ELAPSE), Answering)):
        key = edge.cells, tried if endpoint.two_sided else ""
        if key not in waited and (*way, tried).count(ELAPSE.name) <= MOST_WAITS:
            waited.add(key)
            cases = [_case(endpoint, edge, way, tried, after=(ELAPSE.name,))]
            if tried == ELAPSE.name:
                cases.append(_case(endpoint, edge, way, tried))
            else:
                cases.append(_case(endpoint, edge, (*way, NOT_YET.name), tried, after=(NOT_YET.name,)))
            found |= {one.name: one for one in cases}
    return tuple(found.values())


def _edges(automaton: Automaton) -> Iterator[tuple[Word, str, Edge]]:
    """The edges that a row decides, the shortest test sequence first. Edges of a full hold queue are left out: the
    node's limit is not known."""
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
        f"Rows {', '.join(rows)}: {' / '.join(word)}; then signals that reveal the resulting state",
        partial(walk, Plan(way, tried, tuple(rows), after, _tail(endpoint))),
        Manner.ALONGSIDE,
        (endpoint.profile.name,),
        _timed if waits or endpoint.two_sided else _untimed,
    )


def _tail(endpoint: EndpointUnderTest) -> Word:
    if not endpoint.profile.names_sessions:
        return OCKAM_TAIL
    return TWO_SIDED_TAIL if endpoint.two_sided else TAIL


def _untimed(target: NodeUnderTest) -> str:
    full = target.capacity is not None and target.capacity < ROOM
    return no_echo(target) or (
        f"these cases need a capacity of {ROOM} responders; {target.capacity} are declared" if full else ""
    )


def _timed(target: NodeUnderTest) -> str:
    durations, names = target.durations, target.timeouts
    waits = {
        "negotiation": durations.negotiation_seconds,
        "idle": durations.idle_seconds,
        "retention": durations.retention_seconds,
        "keepalive": durations.keepalive_seconds,
        "back-off": durations.back_off.initial_seconds,
    }
    unbearable = [name for name in names if not (seconds := waits[name]) or not is_bearable(seconds)]
    most = MOST_SECONDS / LATE[-1]
    too_long = f"declare at most {most:g} s to judge it: {', '.join(unbearable)}" if unbearable else ""
    return _untimed(target) or undeclared(*names)(target) or too_long or _too_short(target, waits)


def _too_short(target: NodeUnderTest, waits: Mapping[str, float | None]) -> str:
    """Why a two-sided responder acts by itself too often for a sequence; empty if it does not."""
    if target.session_type.renegotiation is not Renegotiation.TWO_SIDED:
        return ""
    names = [name for name in target.timeouts if (waits[name] or 0.0) < LEAST_SECONDS]
    return f"declare at least {LEAST_SECONDS:g} s to judge it: {', '.join(names)}" if names else ""


def _clause(endpoint: EndpointUnderTest, row: str, tried: Stimulus) -> str:
    """The timer's clause for a timer row; else the first clause that the row cites, or that of the stimulus."""
    found = next(one for one in endpoint.settings.machine.rows if one.id == row)
    if found.event in EXPIRED.values():
        return clause_of_timer(found.event, endpoint.session_type.persistent)
    return next(iter(clauses_of([Fired(found.source, found.event, found)])), tried.clause)

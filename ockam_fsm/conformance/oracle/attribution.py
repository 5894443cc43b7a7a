"""Attributes a difference to the clause that it breaks, with its severity.

Theory: the rows of a step cite clauses, but the kind of the missing or unexpected output identifies the clause better.
A hello where none may be sent is a storm of retries (3.2), whatever the row.

Rule 1: a difference without a kind of its own (the end is in a wrong state, which only a later step shows) is
        attributed to the rows of the step in which the two ends parted.
Source: spec/sessions.md, Appendices A and B.
"""

from __future__ import annotations

from collections.abc import Mapping

from ockam_fsm.conformance.generation.peer import Wait, ordered
from ockam_fsm.conformance.generation.stimuli import clause_of_timer
from ockam_fsm.conformance.oracle.comparison import (
    CHANGED,
    LOST,
    MISSING,
    NOT_REFUSED,
    RAISED,
    REFUSED,
    REORDERED,
    REPEATED,
    UNEXPECTED,
    Difference,
)
from ockam_fsm.conformance.oracle.oracle import Stepped
from ockam_fsm.conformance.reference.instrumentation import Fired, clauses_of
from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.target import EndpointUnderTest, Ordered
from ockam_fsm.kernel.machine import Row
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role, State
from ockam_fsm.runtime.session.session import EXPIRED

_OWED: Mapping[str, str] = {
    "answer": "4.2",
    "superseded": "4.2",
    "keepalive": "4.7",
    "keepalive answer": "4.7",
    "close": "3.8",
    "going away": "3.8",
    "request failed": "6.6",
    "response": "6.2",
    "request timed out": "6.3",
    "delivery": "7.3",
    "dead letter": "7.5",
    "timed out": "3.2",
    "error": "4.9",
    "unreadable bytes": "14.3",
}
"""The clause that requires an output (Appendix B). For a hello, data, `established` and `closed` it depends on the
step."""

_ORDERED: Mapping[Ordered, str] = {
    Ordered.OPEN: "2.2",
    Ordered.SEND: "7.1",
    Ordered.REQUEST: "6.1",
    Ordered.WITHDRAW: "6.7",
    Ordered.RENEGOTIATE: "3.2",
    Ordered.CLOSE: "3.8",
    Ordered.STOP: "3.8",
    Ordered.LOWER_LAYER_LOST: "3.11",
}

_COSTS: Mapping[str, Severity] = {
    "3.6": Severity.LEAK,
    "3.7": Severity.LEAK,
    "4.9": Severity.LEAK,
    "2.3": Severity.LEAK,
    "5.1": Severity.SECURITY,
    "5.4": Severity.SECURITY,
    "4.1": Severity.SECURITY,
    "14.3": Severity.ROBUSTNESS,
    "14.4": Severity.ROBUSTNESS,
    "3.9": Severity.LIVENESS,
    "3.5": Severity.LIVENESS,
    "4.7": Severity.LIVENESS,
    "6.5": Severity.LIVENESS,
    "6.3": Severity.LIVENESS,
}
"""The severity of each clause; SAFETY for all others."""


_OF_HOSTS = ("2.3", "4.9")
_TALK = ("close", "going away", "keepalive", "keepalive answer", "data")
_ANSWERS = (Event.ANSWER_CURRENT, Event.ANSWER_CHANGED, Event.ANSWER_STALE)


def severity_of(clause: str) -> Severity:
    return _COSTS.get(clause, Severity.SAFETY)


def clause_of(stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    """The clause that a step breaks, by its most specific difference."""
    difference = max(stepped.differences, key=_specificity)
    if timer := _silent_timer(stepped, difference):
        return clause_of_timer(timer, endpoint.session_type.persistent)
    if difference.problem == CHANGED:
        return _of_changed(difference, stepped)
    if ordered(stepped.action) is Ordered.WITHDRAW:
        return _ORDERED[Ordered.WITHDRAW]
    judge = {MISSING: _of_missing, UNEXPECTED: _of_unexpected}.get(difference.problem)
    return judge(difference.kind, stepped, endpoint) if judge is not None else _of_conduct(difference, stepped)


def about(stepped: Stepped, endpoint: EndpointUnderTest) -> set[str]:
    """The clauses that a step without differences confirms."""
    found = {*clauses_of(stepped.fired), stepped.stimulus.clause}
    if (timer := timer_of(stepped)) is not None:
        found.add(clause_of_timer(timer, endpoint.session_type.persistent))
    if (order := ordered(stepped.action)) is not None:
        found.add(_ORDERED[order])
    for output in stepped.expected:
        found |= {clause for clause in (_OWED.get(output.kind), *_SHOWN.get(output.kind, ())) if clause}
    return found


_SHOWN: Mapping[str, tuple[str, ...]] = {
    "hello": ("4.1", "5.2"),
    "answer": ("2.1", "4.1"),
    "established": ("2.1",),
    "data": ("7.4",),
    "delivery": ("7.4",),
}
"""Further clauses that an expected output is about."""


def _specificity(difference: Difference) -> int:
    """An unexpected hello is more specific than the output that is missing for it. A repeated address is the least
    specific: it does not depend on the step."""
    if difference.problem == REPEATED:
        return 0
    return 2 if (difference.problem, difference.kind) == (UNEXPECTED, "hello") else 1


def _silent_timer(stepped: Stepped, difference: Difference) -> Event | None:
    """The timer that should have expired, if the target sent and reported nothing."""
    timed = isinstance(stepped.action, Wait) and difference.problem == MISSING and not stepped.actual
    timer = timer_of(stepped) if timed else None
    return None if difference.kind in ("keepalive", "closed") else timer


def timer_of(stepped: Stepped) -> Event | None:
    """The timer that expired in a step, if one did."""
    names = ("_EXPIRED", "_DUE")
    return next((one.event for one in stepped.fired if one.event.name.endswith(names)), None)


def _of_conduct(difference: Difference, stepped: Stepped) -> str:
    match difference.problem:
        case problem if problem in (RAISED, LOST):
            return "14.4" if stepped.stimulus.event is Event.STRAY else of_step(stepped)
        case problem if problem == REPEATED:
            return "4.1"
        case problem if problem == REORDERED:
            return "7.4" if difference.kind == "data" else "3.2" if difference.kind == "notice" else "7.3"
    order = ordered(stepped.action)
    assert order is not None, "only an order is refused"
    return _of_refusal(difference.problem, order, stepped)


def _of_refusal(problem: str, what: Ordered, stepped: Stepped) -> str:
    sends = what in (Ordered.SEND, Ordered.REQUEST)
    waits = stepped.before in (State.NEGOTIATING, State.RENEGOTIATING, State.TIMED_OUT)
    if sends and waits:
        return "7.2"
    if sends and problem == REFUSED:
        return "2.2" if stepped.before is State.IDLE else "7.1"
    if sends and problem == NOT_REFUSED and stepped.before is State.ESTABLISHED:
        return "6.1"
    return _ORDERED[what]


def of_step(stepped: Stepped) -> str:
    """The first clause that the rows of a step cite; without a row, the clause of the stimulus."""
    rows = clauses_of(stepped.fired)
    return rows[0] if rows else stepped.stimulus.clause


def _fails(stepped: Stepped) -> bool:
    return stepped.after in (State.TIMED_OUT, State.CLOSED)


def _of_missing(kind: str, stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    timer = timer_of(stepped)
    if kind == "superseded":
        return _of_hello_that_is_not_newer(stepped)
    if kind == "closed":
        return of_step(stepped)
    if kind == "timed out" and timer is not None:
        return clause_of_timer(timer, endpoint.session_type.persistent)
    if kind == "hello":
        return "4.1" if stepped.before is State.IDLE else of_step(stepped)
    if kind == "answer" and stepped.stimulus.clause in _OF_HOSTS:
        return stepped.stimulus.clause
    if kind == "data":
        return "7.3" if ordered(stepped.action) and stepped.before is State.ESTABLISHED else "7.4"
    if kind == "established":
        return "4.3" if _has(stepped, Event.ANSWER_CURRENT) else "4.4"
    if kind == "keepalive" and timer is Event.KEEPALIVE_DUE:
        return "4.7"
    if kind == "request failed" and stepped.after is State.CLOSED:
        return "3.8"
    return _OWED.get(kind, of_step(stepped))


def _of_hello_that_is_not_newer(stepped: Stepped) -> str:
    if stepped.collides and stepped.stimulus.event is Event.HELLO_OLDER:
        return "4.6"
    return stepped.stimulus.clause


def _of_unexpected(kind: str, stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    if stepped.stimulus.event is Event.STRAY or stepped.stimulus.clause in _OF_HOSTS:
        return stepped.stimulus.clause
    if kind == "hello":
        return _of_hello(stepped, endpoint)
    if stepped.collides and kind == "answer":
        return "4.6"
    if kind in _TALK and stepped.routeless:
        return "4.5"
    return _of_unexpected_news(kind, stepped, endpoint)


def _of_unexpected_news(kind: str, stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    timer = timer_of(stepped)
    if kind in ("data", "delivery") and stepped.unconfirmed and not _has(stepped, Event.CONFIRMED):
        return "4.4"
    if kind == "established":
        return "4.3" if stepped.stimulus.event in _ANSWERS else "4.4"
    if kind == "data":
        return "4.5" if _fails(stepped) else "7.1"
    if kind in ("response", "request failed", "request timed out"):
        return "6.3" if timer is Event.REQUEST_EXPIRED else "6.1"
    if isinstance(stepped.action, Wait) and kind in ("timed out", "closed", "keepalive"):
        return _of_early_timer(stepped, endpoint)
    if kind in ("timed out", "closed") and timer is None:
        return of_step(stepped)
    return _OWED.get(kind, of_step(stepped))


def _of_early_timer(stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    """The clause of a timer that expired too early: the only running one, else the one that expires in this step."""
    timers = [timer for timer in stepped.armed if timer in EXPIRED]
    found = EXPIRED[timers[0]] if len(timers) == 1 else timer_of(stepped)
    return "3.1" if found is None else clause_of_timer(found, endpoint.session_type.persistent)


def _of_hello(stepped: Stepped, endpoint: EndpointUnderTest) -> str:
    """The clause of an unexpected hello."""
    if not endpoint.session_type.persistent:
        return "3.3"
    if endpoint.role is Role.RESPONDER and endpoint.session_type.renegotiation is Renegotiation.ONE_SIDED:
        return "3.6"
    if stepped.after is State.CLOSED:
        return "3.4"
    return "3.2" if stepped.after is State.TIMED_OUT else "3.10"


_PARTS: Mapping[tuple[str, str], str] = {
    ("hello", "own route"): "5.3",
    ("hello", "onward route"): "5.2",
    ("hello", "generation"): "4.1",
    ("answer", "resumed"): "2.1",
    ("answer", "worker"): "4.2",
    ("superseded", "outer route"): "2.1",
    ("delivery", "outer route"): "2.1",
    ("data", "way behind"): "6.2",
    ("data", "tracing context"): "7.2",
    ("established", "resumed"): "2.1",
    ("close", "onward route"): "3.8",
    ("closed", "reason"): "3.4",
}
"""The clause of an output of the right kind with a wrong part. Other wrong onward routes break 5.1."""


def _of_changed(difference: Difference, stepped: Stepped) -> str:
    for part in difference.parts:
        if found := _PARTS.get((difference.kind, part)):
            return found
    if "onward route" in difference.parts:
        return "5.1"
    return _OWED.get(difference.kind, of_step(stepped))


def _has(stepped: Stepped, event: Event) -> bool:
    return any(one.event is event and isinstance(one.decision, Row) for one in stepped.fired)


def rows_of(fired: tuple[Fired, ...]) -> tuple[str, ...]:
    return tuple(one.decision.id for one in fired if isinstance(one.decision, Row))

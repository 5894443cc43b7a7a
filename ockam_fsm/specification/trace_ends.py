"""The possible states of one session end during trace validation, and their successors.

Theory: a trace shows messages, timers, orders, notifications and states. It shows neither counters nor which requests
are to be reissued. So an end is a set of possible states (the subset construction): each event leads from every one to
its possible successors, and only those that agree with the record are kept.

Rule 1: the table world defines the steps (`table_world.Run`). This module adds the events of real runs that its worlds
        leave out: requests, the loss of the lower layer, error messages, and restarts, which give an end a new ordinal.
Rule 2: every number of reissued requests is tried, from none to the largest number that may be pending.
Rule 3: if a peer answers that it has no state, held messages may be requests that need its state, which are not sent
        (clause 6.8). Every number of them is tried.
Left out: which of the held data are requests; the trace shows it when they are sent (`request`).
Source: spec/traces/README.md; spec/sessions.md sections 3, 4, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ockam_fsm.checking.actors import Outbox
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.vocabulary import Effect, Event, Role, State
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.specification.table_world import DATA, Counters, Run, Symbol, TableActor, TableEnd, classify
from ockam_fsm.specification.trace_reading import ORDERS, TraceRecord

RESPONSE = "response"
_TOLD = {
    Effect.NOTIFY_ESTABLISHED: "established",
    Effect.NOTIFY_TIMED_OUT: "timed out",
    Effect.NOTIFY_CLOSED: "closed",
}


class Possible(NamedTuple):
    """A possible state of an end. `pending`: the largest number of requests that may wait for a response."""

    end: TableEnd
    timers: frozenset[Event] = frozenset()
    pending: int = 0


class VisibleStep(NamedTuple):
    """The visible part of a step."""

    state: State
    sent: tuple[Symbol, ...] = ()
    told: tuple[str, ...] = ()
    delivered: int = 0
    refused: bool = False
    armed: frozenset[Event] = frozenset()

    @property
    def label(self) -> str:
        sent = ", ".join(one.label for one in self.sent) or "nothing"
        told = ", ".join(self.told) or "nothing"
        refused = "refused, " if self.refused else ""
        armed = ", ".join(sorted(timer.name for timer in self.armed)) or "nothing"
        return f"{refused}{self.state.name}, sent {sent}, told {told}, delivered {self.delivered}, armed {armed}"


def actor_of(settings: SessionConfig) -> TableActor:
    """Return an end with these limits, in a world without bounds."""
    config = PairConfig(
        settings.session_type,
        attempts=settings.attempts,
        held=settings.held_limit,
        misses=settings.misses,
        generations=None,
    )
    return TableActor(config, settings.role)


def begun(ordinal: int, record: TraceRecord) -> Possible:
    """Return the initial state of an end, with its durable state (clause 4.1)."""
    seen = (record.remembered, Role.INITIATOR if record.remembered else Role.RESPONDER)
    counters = Counters(confirmed=int(record.has_state))
    return Possible(TableEnd(ordinal, counters=counters, seen=seen, has_state=record.has_state))


def outcomes(
    actor: TableActor, was: Possible, event: Event, symbol: Symbol | None = None, *, response: bool = False
) -> Iterator[tuple[Possible, VisibleStep]]:
    """Yield every possible outcome of an event. None: the event is not possible in this state."""
    if symbol is not None:
        for events, answered in _classified(actor, was, symbol, response):
            for end in _without_what_needs_state(was.end, events, symbol):
                yield from _stepped(actor, was._replace(end=end, pending=was.pending - answered), events, symbol)
    elif event in ORDERS:
        try:
            yield from _stepped(actor, was, (event,))
        except EventRefused:
            yield was, VisibleStep(was.end.state, refused=True, armed=was.timers)
    elif event in (Event.STRAY, Event.LOWER_LAYER_LOST):
        yield from _stepped(actor, was, (event,))
    elif event is Event.REQUEST_EXPIRED:
        yield from _expired(actor, was)
    elif event in was.timers:
        yield from _stepped(actor, was._replace(timers=was.timers - {event}), (event,))


def _expired(actor: TableActor, was: Possible) -> Iterator[tuple[Possible, VisibleStep]]:
    if was.pending:
        try:
            yield from _stepped(actor, was, (Event.REQUEST_EXPIRED,))
        except EventRefused:
            return


def _classified(
    actor: TableActor, was: Possible, symbol: Symbol, response: bool
) -> Iterator[tuple[tuple[Event, ...], int]]:
    """Yield the possible events of a message, and how many requests it answers. A response may be late (clause 6.3)."""
    events = classify(was.end, actor.role, actor.settings.events, symbol)
    if not response or events[-1] is not Event.DATA_RECEIVED:
        yield events, 0
        return
    yield (*events[:-1], Event.STRAY), 0
    if was.pending:
        yield events, 1


def _without_what_needs_state(end: TableEnd, events: Sequence[Event], symbol: Symbol) -> Iterator[TableEnd]:
    """Yield the end with every number of messages that it may still hold after an answer without state (rule 3)."""
    yield end
    if Event.ANSWER_CURRENT in events and end.has_state and not symbol.resumed:
        for held in range(end.counters.held):
            yield end._replace(counters=end.counters._replace(held=held))


def _stepped(
    actor: TableActor, was: Possible, events: Sequence[Event], cause: Symbol | None = None
) -> Iterator[tuple[Possible, VisibleStep]]:
    first = Run(actor, was.end, Outbox(actor.name, was.timers))
    for run, pending in _runs(first, events, cause, was.pending):
        told = tuple(_TOLD[effect] for effect in run.performed if effect in _TOLD)
        sent = tuple(envelope.payload for envelope in run.out.sent if isinstance(envelope.payload, Symbol))
        timers = frozenset(timer for timer in run.out.timers if isinstance(timer, Event))
        shown = VisibleStep(run.end.state, sent, told, run.performed.count(Effect.DELIVER), armed=timers)
        yield Possible(run.end, timers, pending), shown


def _runs(run: Run, events: Sequence[Event], cause: Symbol | None, pending: int) -> Iterator[tuple[Run, int]]:
    """Yield the runs of `events`, with every number of `REISSUE` events right after the row that retires requests."""
    if not events:
        yield run, pending
        return
    performed, sent = len(run.performed), len(run.out.sent)
    run.fire(events[0], cause)
    effects = run.performed[performed:]
    if Effect.RETIRE_REQUESTS in effects:
        most = pending if Event.REISSUE in run.machine.events else 0
        for reissued in range(most + 1):
            yield from _runs(_reissued(run, reissued), events[1:], cause, 0)
        return
    if Effect.FAIL_REQUESTS in effects:
        pending = 0
    left = sum(isinstance(one.payload, Symbol) and one.payload.kind == DATA for one in run.out.sent[sent:])
    yield from _runs(run, events[1:], cause, pending + left)


def _reissued(run: Run, many: int) -> Run:
    """Return a copy of the run, continued by `many` events `REISSUE`."""
    out = Outbox(run.out.actor, run.out.timers)
    out.sent = [*run.out.sent]
    copy = Run(run.actor, run.end, out)
    copy.performed = [*run.performed]
    for _ in range(many):
        copy.fire(Event.REISSUE)
    return copy

"""The safety properties of sessions in the table world, with the ids and meanings that they have everywhere.

Rule 1: each reads only table states and symbols, so that TLA+ can express it in the same terms: a property of one
        state as an invariant, a property of a step as an action property.
Left out: S1, S8, S9, S11, S13 read deliveries, requests and payloads, which table states do not have; the worlds of
        the real core check them. S10, S14 and S15 need more workers.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ockam_fsm.checking.actors import Deliver, Fire
from ockam_fsm.checking.properties import Property, Step, always, always_step, never_step, sometimes
from ockam_fsm.checking.sessions.pair_config import PairConfig
from ockam_fsm.checking.sessions.session_actors import INITIATOR, RESPONDER
from ockam_fsm.kernel.machine import Limits
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.specification.table_world import (
    CLOSING,
    HELLO,
    SUPERSEDED,
    Symbol,
    TableEnd,
    judge_close,
    largest,
    link_at,
    started,
)

BOTH = (INITIATOR, RESPONDER)
_ROLES = {INITIATOR: Role.INITIATOR, RESPONDER: Role.RESPONDER}
_AWAY = (State.IDLE, State.TIMED_OUT, State.CLOSED)


def table_properties(config: PairConfig) -> Iterator[Property]:
    """The S properties that apply to a type, and the witness W1."""
    kind = config.session_type
    yield always_step(
        "S2",
        "a transient session never renegotiates; CLOSED is final",
        lambda step: _closed_is_final(step) and (kind.persistent or _negotiates_once(step)),
    )
    if kind.persistent:
        yield always_step("S3", "a persistent session keeps its state", _keeps_its_state)
    yield always_step(
        "S4",
        "numbers only grow; apart from a newer hello no message of another generation changes an end",
        lambda step: _numbers_grow(step) and _only_its_generation_changes_it(step),
    )
    yield always("S5", "no messaging route is known outside a negotiation or session", _routes_are_forgotten, over=BOTH)
    if not kind.renegotiated_by(Role.RESPONDER):
        yield never_step("S6", "a one-sided responder never starts a negotiation", _responder_starts)
    yield always("S7", "established ends of one generation route to each other", _ends_agree, over=BOTH)
    yield always("S12", "every counter stays within its limit", _within_limits(config), over=BOTH)
    yield always_step("S16", "between two attempts of an end a back-off has expired", _rested_before_attempt)
    yield sometimes("W1", "both ends are established in one generation", _established_together, over=BOTH)


def _starts(step: Step) -> bool:
    return started(step.before, step.after, _ROLES[step.actor])


def _forgotten(step: Step) -> bool:
    """Whether no responder exists after this step: a closed one is discarded."""
    return step.actor == RESPONDER and step.after.state is State.IDLE


def _closed_is_final(step: Step) -> bool:
    return step.before.state is not State.CLOSED or (step.after.state is State.CLOSED and not step.sent)


def _negotiates_once(step: Step) -> bool:
    return not _starts(step) or step.before.state is State.IDLE


def _keeps_its_state(step: Step) -> bool:
    return not step.before.has_state or bool(step.after.has_state) or _forgotten(step)


def _numbers_grow(step: Step) -> bool:
    return bool(step.before.seen <= step.after.seen) or _forgotten(step)


def _only_its_generation_changes_it(step: Step) -> bool:
    absent = step.actor == RESPONDER and step.before.state is State.IDLE
    unchanged = step.before == step.after and step.timers_before == step.timers_after
    if absent or unchanged or not isinstance(step.event, Deliver):
        return True
    assert isinstance(step.event.payload, Symbol)
    return _concerns(step.before, _ROLES[step.actor], step.event.payload)


def _concerns(end: TableEnd, role: Role, symbol: Symbol) -> bool:
    """Whether a message belongs to a generation that this end has under way, or is a newer hello."""
    if symbol.kind == HELLO:
        return (symbol.number, symbol.starter) > largest(end)
    if symbol.kind == CLOSING and not symbol.receiver:
        return judge_close(end, role, symbol) is not Event.STRAY
    link = link_at(end, symbol)
    return link is not None and (symbol.kind != SUPERSEDED or link is end.attempt)


def _routes_are_forgotten(*ends: TableEnd) -> bool:
    return not any((end.attempt or end.current) and end.state in _AWAY for end in ends)


def _responder_starts(step: Step) -> bool:
    return step.actor == RESPONDER and _starts(step)


def _ends_agree(initiator: TableEnd, responder: TableEnd) -> bool:
    ours, theirs = initiator.current, responder.current
    if initiator.state is not State.ESTABLISHED or responder.state is not State.ESTABLISHED:
        return True
    assert ours is not None
    assert theirs is not None
    if ours[:2] != theirs[:2]:
        return True
    known = theirs.peer == initiator.ordinal if ours.starter is Role.INITIATOR else ours.peer == responder.ordinal
    return not known or (ours.peer == responder.ordinal and theirs.peer == initiator.ordinal)


def _established_together(initiator: TableEnd, responder: TableEnd) -> bool:
    ours, theirs = initiator.current, responder.current
    if initiator.state is not State.ESTABLISHED or responder.state is not State.ESTABLISHED:
        return False
    assert ours is not None
    assert theirs is not None
    return ours[:2] == theirs[:2] and ours.peer == responder.ordinal


def _within_limits(config: PairConfig) -> Callable[[TableEnd, TableEnd], bool]:
    """Every counter is between 0 and its limit; an unlimited one stays 0."""
    of_initiator, of_responder = (config.settings(role).limits for role in (Role.INITIATOR, Role.RESPONDER))

    def fits(end: TableEnd, limits: Limits) -> bool:
        return all(0 <= value <= (limits[name] or 0) for name, value in end.counters._asdict().items())

    return lambda initiator, responder: fits(initiator, of_initiator) and fits(responder, of_responder)


def _rested_before_attempt(step: Step) -> bool:
    return not _starts(step) or step.before.rested or step.event == Fire(Event.BACK_OFF_EXPIRED)

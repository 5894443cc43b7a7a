"""Orders of the application: when they are refused, and the effect of a withdrawal (S22, S29).

Rule 1: as in `obligations.py`: no table is read, and none of the code that is judged.
Left out: close and stop, whose signals to the peer are in `obligations.py`.
Source: spec/sessions.md sections 3, 6 and 7.
"""

from __future__ import annotations

from ockam_fsm.kernel.timers import CancelTimer
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import RequestTimer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.session import Snapshot
from ockam_fsm.safety.session_step import (
    CLOSE,
    NEGOTIATIONS,
    OPEN,
    RENEGOTIATE,
    REQUEST,
    STOP,
    WITHDRAW,
    SessionStep,
    unchanged,
)


def orders_are_taken(step: SessionStep) -> bool:
    """S22: an order is refused exactly where the specification requires it, and a refused order changes nothing."""
    if step.order is None or step.before is None:
        return True
    allowed = _is_allowed(step.order, step.before, step.settings)
    return step.refused is not allowed and (not step.refused or unchanged(step))


def _is_allowed(order: str, image: Snapshot, settings: SessionConfig) -> bool:
    kind, role, state = settings.session_type, settings.role, image.state
    explicit, room = kind.creation is Creation.EXPLICIT, image.held < settings.held_limit
    if order in (CLOSE, STOP):
        return state is not State.CLOSED
    if order == WITHDRAW:
        return bool(image.waiting or image.requests)
    if order == OPEN:
        return explicit and role is Role.INITIATOR and state is State.IDLE
    if order == RENEGOTIATE:
        return state is State.ESTABLISHED and kind.renegotiated_by(role)
    if order == REQUEST and len(image.requests) >= settings.requests:
        return False
    if state is State.IDLE:
        return not explicit and role is Role.INITIATOR
    waits = state in NEGOTIATIONS or (state is State.TIMED_OUT and kind.persistent)
    return state is State.ESTABLISHED or (waits and room)


def withdrawn_is_not_sent(step: SessionStep) -> bool:
    """S29: a withdrawn message is not sent and has no outcome: it becomes a dead letter, or, if it was sent, its timer
    stops. Nothing else changes."""
    before, after, named = step.before, step.after, step.withdrawn
    if before is None or named is None:
        return True
    requests = tuple(request for request in before.requests if request.outgoing != named)
    places = [place for place, (outgoing, _) in enumerate(before.waiting) if outgoing == named]
    if not places:
        ends = CancelTimer(RequestTimer(named.request))
        return after == before._replace(requests=requests) and list(step.commands) == [ends]
    waiting = before.waiting[: places[0]] + before.waiting[places[0] + 1 :]
    left = before._replace(waiting=waiting, requests=requests, held=before.held - 1)
    return after == left and list(step.commands) == [commands.DeadLetter(commands.WITHDRAWN, named)]

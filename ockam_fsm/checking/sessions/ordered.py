"""What an order of the application does, and where it is refused (S22, S29).

Rule 1: as in `safety.py`: no table is read, and none of the code that is judged.
Left out: close and stop, of which the peer hears (`obligations.py`).
Source: spec/sessions.md sections 3, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Hashable

from ockam_fsm.checking.actors import Order
from ockam_fsm.checking.sessions.session_actors import CLOSE, OPEN, RENEGOTIATE, REQUEST, STOP, WITHDRAW, Refused
from ockam_fsm.checking.sessions.session_step import NEGOTIATIONS, SessionStep
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import CancelTimer, RequestTimer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.session import Snapshot


def orders_are_taken(deed: SessionStep) -> bool:
    """An order is refused exactly where the semantics say so."""
    event = deed.step.event
    if not isinstance(event, Order) or deed.before is None:
        return True
    return bool(deed.did(Refused)) is not _allowed(event.order, deed.before, deed.settings)


def _allowed(order: Hashable, image: Snapshot, settings: SessionConfig) -> bool:
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


def withdrawn_is_not_sent(deed: SessionStep) -> bool:
    """What is taken back is not sent and has no outcome: it becomes a dead letter, or, if it has left, its timer stops.
    In all else the session is what it was. (In a world the order means the open request, or what was held last.)"""
    before, after = deed.before, deed.after
    if before is None or not deed.ordered(WITHDRAW):
        return True
    named = next((request.outgoing for request in before.requests), None) or before.waiting[-1][0]
    requests = tuple(request for request in before.requests if request.outgoing != named)
    places = [place for place, (outgoing, _) in enumerate(before.waiting) if outgoing == named]
    if not places:
        ends = CancelTimer(RequestTimer(named.request))
        return after == before._replace(requests=requests) and deed.did(object) == [ends]
    waiting = before.waiting[: places[0]] + before.waiting[places[0] + 1 :]
    left = before._replace(waiting=waiting, requests=requests, held=before.held - 1)
    return after == left and deed.did(object) == [commands.DeadLetter(commands.WITHDRAWN, named)]

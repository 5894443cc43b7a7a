"""The receiver of a pipe that confirms: it routes a message on, and confirms it then.

Rule 1: routed on first, confirmed then. A receiver that dies in between is sent the message again.
Rule 2: it keeps nothing, so it may die and begin anew, and it routes on every copy that arrives: at least once.
Left out: dropping copies; an index pipe around this one does that.
Source: Ockam's documents, "Pipes directory" (re-send pipe); spec/sessions.md clause 17.5.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Machine, Part, Row
from ockam_fsm.kernel.value import Symbol


class ReceiverState(Symbol):
    RECEIVING = "messages are routed on and confirmed"


class ReceiverEvent(Symbol):
    MESSAGE_RECEIVED = "a message arrived, for the first time or again"


class ReceiverEffect(Symbol):
    FORWARD = "route the message on, with the return route that it had"
    CONFIRM = "confirm its number to where it came from"


ReceiverMachine: TypeAlias = Machine[ReceiverState, ReceiverEvent, ReceiverEffect]

_S, _E, _F = ReceiverState, ReceiverEvent, ReceiverEffect

PIPE_RECEIVER: ReceiverMachine = Machine(
    name="confirming pipe receiver",
    initial=_S.RECEIVING,
    final=(),
    events=tuple(ReceiverEvent),
    counters=(),
    parts=(
        Part(
            "route on, then confirm",
            (Row("PR1", _S.RECEIVING, _E.MESSAGE_RECEIVED, _S.RECEIVING, (_F.FORWARD, _F.CONFIRM), cites="17.5"),),
        ),
    ),
)

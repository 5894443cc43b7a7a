"""The receiver of a confirming pipe: it forwards a message, then confirms it.

Rule 1: forwarded first, confirmed then. A receiver that ends in between receives the message again.
Rule 2: it keeps no state, so it may end and start anew, and it forwards every copy that arrives: at least once.
Left out: dropping copies; an index pipe around this one does that.
Source: Ockam's documents, "Pipes directory" (re-send pipe); spec/sessions.md clause 17.5.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Machine, Part, Row
from ockam_fsm.kernel.value import Symbol


class ReceiverState(Symbol):
    RECEIVING = "messages are forwarded and confirmed"


class ReceiverEvent(Symbol):
    MESSAGE_RECEIVED = "a message arrived, for the first time or again"


class ReceiverEffect(Symbol):
    FORWARD = "forward the message, with the return route that it had"
    CONFIRM = "confirm its number along the route it came from"


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
            "forward, then confirm",
            (Row("PR1", _S.RECEIVING, _E.MESSAGE_RECEIVED, _S.RECEIVING, (_F.FORWARD, _F.CONFIRM), cites="17.5"),),
        ),
    ),
)

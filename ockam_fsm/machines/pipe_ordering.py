"""The receiver of an index pipe: it forwards messages in the order of their indexes, as its ordering allows.

Theory: an ordering is two decisions. May a message be left out? Then a message with a greater index is forwarded and
those between are skipped; else it waits for its turn. May a message be forwarded twice? Then the last one is forwarded
again when it is repeated.

    ordering      left out    twice
    monotonic     yes         yes
    strict        yes         no
    continuous    no          yes
    absolute      no          no

Rule 1: nothing is forwarded after a message with a greater index, in any ordering.
Rule 2: the number of waiting messages has a declared capacity; a message beyond it is a dead letter. Then, or where
        a message is lost on the way, a pipe that leaves nothing out stalls. Around a resend pipe whose window is no
        greater than the capacity neither happens.
Left out: indexes, which the receiver's core compares; the sender of an index pipe only counts.
Source: Ockam's documents, "Ordering" and "Pipes directory" (strict monotonic index pipe, continuous index pipe with a
send queue); spec/sessions.md clauses 17.6 and 17.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Row
from ockam_fsm.kernel.value import Symbol


class Ordering(Enum):
    """The guarantee of an index pipe for the messages that it delivers."""

    MONOTONIC = "monotonic"
    STRICT = "strict"
    CONTINUOUS = "continuous"
    ABSOLUTE = "absolute"

    @property
    def leaves_out(self) -> bool:
        """Whether a message may be left out."""
        return self in (Ordering.MONOTONIC, Ordering.STRICT)

    @property
    def repeats(self) -> bool:
        """Whether a message may be delivered twice, the second time right after the first."""
        return self in (Ordering.MONOTONIC, Ordering.CONTINUOUS)


class OrderingState(Symbol):
    RECEIVING = "messages are forwarded in order"


class OrderingEvent(Symbol):
    INDEX_NEXT = "the index after the last that was forwarded"
    INDEX_AHEAD = "a greater index"
    INDEX_REPEATED = "the index that was forwarded last"
    INDEX_BEHIND = "a smaller index"
    INDEX_HELD = "an index that waits for its turn"
    TURN_CAME = "the message after the last that was forwarded has waited for its turn"
    GIVEN_UP = "the node needs the memory of a message that waits"


class OrderingEffect(Symbol):
    FORWARD = "forward the message, with the return route that it had"
    HOLD = "keep the message until its turn comes"
    FORWARD_HELD = "forward the message whose turn has come"
    LOSE = "drop the message; it is a dead letter"


HELD_BACK = Counter("held", 2, "messages that wait for their turn; the declared capacity is the limit")

OrderingMachine: TypeAlias = Machine[OrderingState, OrderingEvent, OrderingEffect]
OrderingPart: TypeAlias = Part[OrderingState, OrderingEvent, OrderingEffect]

_HERE, _E, _F = OrderingState.RECEIVING, OrderingEvent, OrderingEffect

_IN_ORDER: OrderingPart = Part(
    "never go back",
    (
        Row("PG1", _HERE, _E.INDEX_NEXT, _HERE, (_F.FORWARD,), cites="17.6"),
        Ignore(_E.INDEX_BEHIND, because="a later message was forwarded already"),
    ),
)
_LEAVE_OUT: OrderingPart = Part(
    "leave out missing messages", (Row("PL1", _HERE, _E.INDEX_AHEAD, _HERE, (_F.FORWARD,), cites="17.6"),)
)
_WAIT: OrderingPart = Part(
    "wait for missing messages",
    (
        Row("PH1", _HERE, _E.INDEX_AHEAD, _HERE, (_F.HOLD,), when=(HELD_BACK.below(),),
            updates=(HELD_BACK.increment,), cites="17.7"),
        Row("PH2", _HERE, _E.TURN_CAME, _HERE, (_F.FORWARD_HELD,), updates=(HELD_BACK.decrement,), cites="17.7"),
        Row("PH3", _HERE, _E.GIVEN_UP, _HERE, (_F.LOSE,), updates=(HELD_BACK.decrement,), cites="17.7"),
        Ignore(_E.INDEX_AHEAD, (_HERE,), because="too many messages wait for their turn", when=(HELD_BACK.at_least(),)),
        Ignore(_E.INDEX_HELD, because="it waits for its turn already"),
    ),
)  # fmt: skip
_REPEAT: OrderingPart = Part(
    "forward a repeated message again", (Row("PT1", _HERE, _E.INDEX_REPEATED, _HERE, (_F.FORWARD,), cites="17.6"),)
)
_ONCE: OrderingPart = Part("once each", (Ignore(_E.INDEX_REPEATED, because="it was forwarded already"),))
_WAITING_ONLY = (_E.INDEX_HELD, _E.TURN_CAME, _E.GIVEN_UP)


def _composed(ordering: Ordering) -> OrderingMachine:
    waits = not ordering.leaves_out
    return Machine(
        name=f"{ordering.value} pipe receiver",
        initial=_HERE,
        final=(),
        events=tuple(event for event in OrderingEvent if waits or event not in _WAITING_ONLY),
        counters=(HELD_BACK,) if waits else (),
        parts=(_IN_ORDER, _WAIT if waits else _LEAVE_OUT, _REPEAT if ordering.repeats else _ONCE),
    )


ORDERING_RECEIVERS: Mapping[Ordering, OrderingMachine] = MappingProxyType({one: _composed(one) for one in Ordering})
"""The table of each ordering."""

"""The sender of a confirming pipe: it keeps every message until the receiver has confirmed it.

Rule 1: a message is kept from the moment it is accepted until it is confirmed, under one number however often it is
        sent. So the confirmation of any transmission counts: where the round trip takes longer than the time-out, a
        sender that accepts only that of the last transmission sends its first message indefinitely.
Rule 2: a message is sent when all messages that are a window or more before it are confirmed. So the messages between
        sender and receiver span at most a window.
Rule 3: each time-out is longer than the one before, until a message is confirmed that was sent only once. A resend pipe
        sends again; a confirm pipe never does.
Left out: numbers and the window, which the sender's core compares; the pipe that only numbers has nothing to decide.
Source: Ockam's documents, "Pipes directory" (re-send pipe, sequential confirm pipe); spec/sessions.md clauses 17.3 and
17.4.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class SenderState(Symbol):
    AT_REST = "every message that was accepted is confirmed"
    WAITING = "messages wait to be confirmed"
    CLOSED = "final: unconfirmed messages may have been delivered or not"


class SenderEvent(Symbol):
    SEND = "order: send a message"
    CONFIRMED = "a confirmation of a message that waits for it"
    CONFIRMED_BEFORE = "a confirmation of a message that is confirmed already"
    NEVER_SENT = "a confirmation of a number under which nothing was sent"
    RESEND_DUE = "timer: a confirmation is overdue"
    GIVEN_UP = "the node needs the memory of a message that waits"
    CLOSE = "order: close the sender"


class SenderEffect(Symbol):
    KEEP = "number the message and keep it"
    SEND_DUE = "send the messages within the window that were not sent yet"
    SETTLE = "drop the message and notify the application; if it was sent only once, the time-out is short again"
    LOSE = "drop the message: it is a dead letter"
    SEND_AGAIN = "send every message again that was sent and is not confirmed, in order, under its number"
    START_RESEND = "start the time-out; a confirm pipe has none"
    PROLONG_RESEND = "start the time-out, longer than before"
    STOP_RESEND = "stop the time-out"
    REPORT_CLOSED = "report to the application which messages are not confirmed"


KEPT = Counter("kept", 3, "messages that are accepted and not confirmed; the declared capacity is the limit")

SenderMachine: TypeAlias = Machine[SenderState, SenderEvent, SenderEffect]

_S, _E, _F = SenderState, SenderEvent, SenderEffect
_OVER = "the sender is closed"
_NOTHING_WAITS = "no message waits to be confirmed"
_MORE, _LAST = (KEPT.at_least(2),), (KEPT.below(2),)

PIPE_SENDER: SenderMachine = Machine(
    name="pipe sender",
    initial=_S.AT_REST,
    final=(_S.CLOSED,),
    events=tuple(SenderEvent),
    counters=(KEPT,),
    parts=(
        Part(
            "keep, send, and drop confirmed messages",
            (
                Row("PS1", _S.AT_REST, _E.SEND, _S.WAITING, (_F.KEEP, _F.SEND_DUE, _F.START_RESEND),
                    updates=(KEPT.increment,), cites="17.3"),
                Row("PS2", _S.WAITING, _E.SEND, _S.WAITING, (_F.KEEP, _F.SEND_DUE), when=(KEPT.below(),),
                    updates=(KEPT.increment,), cites="17.3"),
                Row("PS3", _S.WAITING, _E.CONFIRMED, _S.WAITING, (_F.SETTLE, _F.SEND_DUE, _F.START_RESEND),
                    when=_MORE, updates=(KEPT.decrement,), cites="17.3, 17.4"),
                Row("PS4", _S.WAITING, _E.CONFIRMED, _S.AT_REST, (_F.SETTLE, _F.STOP_RESEND),
                    when=_LAST, updates=(KEPT.decrement,), cites="17.3, 17.4"),
                Refuse(_E.SEND, (_S.WAITING,), because="too many messages wait to be confirmed",
                       when=(KEPT.at_least(),), remedy="wait until a message is confirmed"),
                Refuse(_E.SEND, (_S.CLOSED,), because=_OVER, remedy="start another pipe"),
                Ignore(_E.CONFIRMED, (_S.AT_REST,), because=_NOTHING_WAITS),
                Ignore(_E.CONFIRMED_BEFORE, because="it is confirmed already"),
                Ignore(_E.NEVER_SENT, because="no message was sent under this number"),
                Ignore(_E.CONFIRMED, (_S.CLOSED,), because=_OVER),
            ),
        ),
        Part(
            "send again",
            (
                Row("PS5", _S.WAITING, _E.RESEND_DUE, _S.WAITING, (_F.SEND_AGAIN, _F.PROLONG_RESEND), cites="17.4"),
                Ignore(_E.RESEND_DUE, (_S.AT_REST,), because=_NOTHING_WAITS),
                Ignore(_E.RESEND_DUE, (_S.CLOSED,), because=_OVER),
            ),
        ),
        Part(
            "give up, and end",
            (
                Row("PS6", _S.WAITING, _E.GIVEN_UP, _S.WAITING, (_F.LOSE, _F.SEND_DUE), when=_MORE,
                    updates=(KEPT.decrement,), cites="17.3"),
                Row("PS7", _S.WAITING, _E.GIVEN_UP, _S.AT_REST, (_F.LOSE, _F.STOP_RESEND), when=_LAST,
                    updates=(KEPT.decrement,), cites="17.3"),
                Row("PS8", _S.AT_REST, _E.CLOSE, _S.CLOSED, (_F.REPORT_CLOSED,), cites="17.3"),
                Row("PS9", _S.WAITING, _E.CLOSE, _S.CLOSED, (_F.STOP_RESEND, _F.REPORT_CLOSED), cites="17.3"),
                Ignore(_E.GIVEN_UP, (_S.AT_REST,), because=_NOTHING_WAITS),
                Ignore(_E.GIVEN_UP, (_S.CLOSED,), because=_OVER),
                Ignore(_E.CLOSE, (_S.CLOSED,), because=_OVER),
            ),
        ),
    ),
)  # fmt: skip

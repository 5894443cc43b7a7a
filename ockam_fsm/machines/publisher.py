"""The publisher of a stream: it keeps every message until the stream worker has confirmed that it is stored.

Rule 1: a message is kept from the moment it is accepted until it is confirmed, and sent in order, under one number for
        as long as the publisher has one identity (the id of its session).
Rule 2: a confirmation covers every number up to its own.
Rule 3: a stream worker that has lost its record of this identity would store messages a second time, or miss a gap.
        So nothing more is sent under the identity: the publisher takes a new one, and publishes unconfirmed messages
        again. Some of them may be stored twice, and none is lost.
Left out: sending, timeouts and renegotiation, which the session does (explicit, persistent, one-sided); numbers, which
the publisher's core compares.
Source: the discussion, "Using session to achieve reliable delivery"; spec/sessions.md clauses 12.2 and 12.3.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class PublisherState(Symbol):
    PUBLISHING = "messages are accepted, sent and confirmed"
    CLOSED = "final: unconfirmed messages may be stored or not"


class PublisherEvent(Symbol):
    PUBLISH = "order: publish a message"
    CONFIRMED = "the oldest message that is not confirmed is stored"
    CONFIRMED_BEFORE = "a confirmation of a message that is confirmed already"
    REJECTED = "a request failed, and not because the session closed"
    RETRY_DUE = "timer: the pause after a rejection is over"
    STATE_LOST = "the stream worker has no record of this identity any more"
    SESSION_CLOSED = "the session is over"
    CLOSE = "order: close the publisher"


class PublisherEffect(Symbol):
    KEEP = "number the message and keep it"
    SEND_PUSH = "send it as a synchronous request"
    SETTLE = "drop the message, take its request back, and report to the application that it is stored"
    SEND_AGAIN = "send every message that has no open request, in order, under its number"
    START_RETRY = "start the pause before rejected messages are sent again"
    STOP_RETRY = "stop that pause"
    RENEW_IDENTITY = "open a session under a new identity, and number the unconfirmed messages from 1"
    REPORT_STATE_LOST = "report to the application that unconfirmed messages may be stored twice"
    CLOSE_SESSION = "close the session"
    REPORT_CLOSED = "report to the application which messages are not confirmed"


UNCONFIRMED = Counter(
    "unconfirmed", 2, "messages that are accepted and not confirmed; the declared window is the limit"
)

PublisherMachine: TypeAlias = Machine[PublisherState, PublisherEvent, PublisherEffect]

_S, _E, _F = PublisherState, PublisherEvent, PublisherEffect
_OVER = "the publisher is closed"
_CITE = "discussion: reliable delivery; 12.2"

PUBLISHER: PublisherMachine = Machine(
    name="stream publisher",
    initial=_S.PUBLISHING,
    final=(_S.CLOSED,),
    events=tuple(PublisherEvent),
    counters=(UNCONFIRMED,),
    parts=(
        Part(
            "keep, send, and drop confirmed messages",
            (
                Row("PB1", _S.PUBLISHING, _E.PUBLISH, _S.PUBLISHING, (_F.KEEP, _F.SEND_PUSH),
                    when=(UNCONFIRMED.below(),), updates=(UNCONFIRMED.increment,), cites=_CITE),
                Row("PB2", _S.PUBLISHING, _E.CONFIRMED, _S.PUBLISHING, (_F.SETTLE,),
                    updates=(UNCONFIRMED.decrement,), cites="12.3"),
                Row("PB3", _S.PUBLISHING, _E.REJECTED, _S.PUBLISHING, (_F.START_RETRY,), cites="12.2"),
                Row("PB4", _S.PUBLISHING, _E.RETRY_DUE, _S.PUBLISHING, (_F.SEND_AGAIN,), cites="12.2"),
                Refuse(_E.PUBLISH, (_S.PUBLISHING,), because="the window is full", when=(UNCONFIRMED.at_least(),),
                       remedy="wait until a message is confirmed"),
                Refuse(_E.PUBLISH, (_S.CLOSED,), because=_OVER, remedy="start another publisher"),
                Ignore(_E.CONFIRMED_BEFORE, because="it is confirmed already"),
                Ignore(_E.CONFIRMED, (_S.CLOSED,), because=_OVER),
                Ignore(_E.REJECTED, (_S.CLOSED,), because=_OVER),
                Ignore(_E.RETRY_DUE, (_S.CLOSED,), because=_OVER),
            ),
        ),
        Part(
            "a new identity, and the end",
            (
                Row("PB5", _S.PUBLISHING, _E.STATE_LOST, _S.PUBLISHING,
                    (_F.STOP_RETRY, _F.RENEW_IDENTITY, _F.SEND_AGAIN, _F.REPORT_STATE_LOST), cites="12.4"),
                Row("PB6", _S.PUBLISHING, _E.SESSION_CLOSED, _S.CLOSED, (_F.STOP_RETRY, _F.REPORT_CLOSED),
                    cites="12.2"),
                Row("PB7", _S.PUBLISHING, _E.CLOSE, _S.CLOSED, (_F.STOP_RETRY, _F.CLOSE_SESSION, _F.REPORT_CLOSED),
                    cites="12.2"),
                Ignore(_E.STATE_LOST, (_S.CLOSED,), because=_OVER),
                Ignore(_E.SESSION_CLOSED, (_S.CLOSED,), because=_OVER),
                Ignore(_E.CLOSE, (_S.CLOSED,), because=_OVER),
            ),
        ),
    ),
)  # fmt: skip

"""The stream worker: it stores the messages of publishers, and confirms each when it is stored.

Rule 1: stored first, confirmed then. A message that is accepted and not stored yet is neither stored again nor
        confirmed.
Rule 2: the numbers of one publisher are continuous. The next one is stored; one that is stored is confirmed again; one
        beyond the next shows that a message was lost on the way, and is neither stored nor confirmed.
Rule 3: after a failure of the storage, only the log shows what is stored. The worker forgets the messages it has
        accepted, ends the sessions of its publishers, opens the log again, and continues from its end.
Left out: comparing the numbers of each publisher, which the worker's core does, and the log.
Source: the discussion, "Stream worker stores messages in an external storage synchronously"; spec/sessions.md clauses
12.3 and 12.5.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class StreamState(Symbol):
    OPENING = "the log is opened: its last writer is fenced, then its end is read"
    SERVING = "messages are stored and read"
    WAITING = "the storage has failed, and is tried again later"
    STOPPED = "final: nothing is stored any more"


class StreamEvent(Symbol):
    LOG_OPENED = "the log is open, and its end is known"
    STORAGE_FAILED = "the storage failed: messages given to it may be stored or not"
    RETRY_DUE = "timer: the back-off after a failure is over"
    PUSH_NEXT = "a publisher's message under the number after its last"
    PUSH_UNDER_WAY = "a message that is accepted and not stored yet"
    PUSH_STORED = "a message that is stored"
    PUSH_BEYOND = "a message under a number beyond the next"
    PUSH_PLAIN = "a message without an identity and a number"
    APPENDED = "the oldest message that was given to the storage is stored"
    PULL = "a consumer requests messages"
    STOP = "order: stop"


class StreamEffect(Symbol):
    OPEN_LOG = "open the log"
    APPEND = "give the message to the storage"
    ANSWER_LATER = "remember the newest return route"
    CONFIRM = "confirm to the publisher that its message is stored"
    CONFIRM_AGAIN = "confirm the message once more"
    READ = "read messages from the log and send them"
    FORGET_ACCEPTED = "forget messages that are not known to be stored; plain publishers receive an error"
    END_SESSIONS = "stop the sessions of the publishers"
    START_BACK_OFF = "start the back-off timer"
    RESET_BACK_OFF = "the next back-off is the first again"
    REFUSE_PLAIN = "answer a plain client that it is not served now"
    STOP_TIMERS = "stop the back-off timer"
    CLOSE_LOG = "close the log"


PENDING = Counter("pending", 2, "messages given to the storage and not stored yet; the declared capacity is the limit")

StreamMachine: TypeAlias = Machine[StreamState, StreamEvent, StreamEffect]

_S, _E, _F = StreamState, StreamEvent, StreamEffect
_CITE = "discussion: reliable delivery; 12.3"
_CLOSED_LOG = (_S.OPENING, _S.WAITING)
_NOT_OPEN = "the log is not open"
_STOPPED = "the stream worker has stopped"
_FULL = "too many messages wait to be stored"
_NUMBERED = (_E.PUSH_NEXT, _E.PUSH_UNDER_WAY, _E.PUSH_STORED, _E.PUSH_BEYOND)
_FAILED = (_F.FORGET_ACCEPTED, _F.END_SESSIONS, _F.START_BACK_OFF)

STREAM: StreamMachine = Machine(
    name="stream worker",
    initial=_S.OPENING,
    final=(_S.STOPPED,),
    events=tuple(StreamEvent),
    counters=(PENDING,),
    parts=(
        Part(
            "store, then confirm",
            (
                Row("LG1", _S.SERVING, _E.PUSH_NEXT, _S.SERVING, (_F.APPEND,),
                    when=(PENDING.below(),), updates=(PENDING.increment,), cites=_CITE),
                Row("LG2", _S.SERVING, _E.PUSH_UNDER_WAY, _S.SERVING, (_F.ANSWER_LATER,), cites="12.5"),
                Row("LG3", _S.SERVING, _E.PUSH_STORED, _S.SERVING, (_F.CONFIRM_AGAIN,), cites="12.3"),
                Row("LG4", _S.SERVING, _E.PUSH_PLAIN, _S.SERVING, (_F.APPEND,),
                    when=(PENDING.below(),), updates=(PENDING.increment,), cites="12.6"),
                Row("LG5", _S.SERVING, _E.PUSH_PLAIN, _S.SERVING, (_F.REFUSE_PLAIN,),
                    when=(PENDING.at_least(),), cites="12.6"),
                Row("LG6", _S.SERVING, _E.APPENDED, _S.SERVING, (_F.CONFIRM,),
                    updates=(PENDING.decrement,), cites="12.3"),
                Row("LG7", _S.SERVING, _E.PULL, _S.SERVING, (_F.READ,), cites="12.7"),
                Ignore(_E.PUSH_NEXT, (_S.SERVING,), because=_FULL, when=(PENDING.at_least(),)),
                Ignore(_E.PUSH_BEYOND, (_S.SERVING,), because="a message before it is missing"),
            ),
        ),
        Part(
            "open the log, and open it again when the storage has failed",
            (
                Row("LG8", _S.OPENING, _E.LOG_OPENED, _S.SERVING, (_F.RESET_BACK_OFF,), cites="12.5"),
                Row("LG9", _S.OPENING, _E.STORAGE_FAILED, _S.WAITING, _FAILED, cites="12.5"),
                Row("LG10", _S.SERVING, _E.STORAGE_FAILED, _S.WAITING, _FAILED, updates=(PENDING.reset,), cites="12.5"),
                Row("LG11", _S.WAITING, _E.RETRY_DUE, _S.OPENING, (_F.OPEN_LOG,), cites="12.5"),
                Row("LG12", _S.OPENING, _E.PUSH_PLAIN, _S.OPENING, (_F.REFUSE_PLAIN,), cites="12.6"),
                Row("LG13", _S.WAITING, _E.PUSH_PLAIN, _S.WAITING, (_F.REFUSE_PLAIN,), cites="12.6"),
                Row("LG14", _S.OPENING, _E.PULL, _S.OPENING, (_F.REFUSE_PLAIN,), cites="12.6"),
                Row("LG15", _S.WAITING, _E.PULL, _S.WAITING, (_F.REFUSE_PLAIN,), cites="12.6"),
                *(Ignore(event, _CLOSED_LOG, because=_NOT_OPEN) for event in _NUMBERED),
                Ignore(_E.APPENDED, _CLOSED_LOG, because="it was given to a log that is closed"),
                Ignore(_E.LOG_OPENED, because="no opening of the log is under way"),
                Ignore(_E.STORAGE_FAILED, (_S.WAITING, _S.STOPPED), because="it was given to a log that is closed"),
                Refuse(_E.RETRY_DUE, because="the back-off runs in WAITING only"),
            ),
        ),
        Part(
            "the end",
            (
                Row("LG16", _S.OPENING, _E.STOP, _S.STOPPED, (_F.END_SESSIONS, _F.CLOSE_LOG), cites="12.5"),
                Row("LG17", _S.SERVING, _E.STOP, _S.STOPPED, (_F.FORGET_ACCEPTED, _F.END_SESSIONS, _F.CLOSE_LOG),
                    cites="12.5"),
                Row("LG18", _S.WAITING, _E.STOP, _S.STOPPED, (_F.STOP_TIMERS, _F.END_SESSIONS), cites="12.5"),
                *(Ignore(event, (_S.STOPPED,), because=_STOPPED)
                  for event in (*_NUMBERED, _E.PUSH_PLAIN, _E.APPENDED, _E.PULL, _E.STOP)),
            ),
        ),
    ),
)  # fmt: skip

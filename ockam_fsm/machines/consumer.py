"""The consumer of a stream: it pulls from the saved index on, and saves the index only after processing.

Rule 1: every message is processed before its index is saved. So each is processed at least once, in the order of the
        stream; after a failure the last ones may be processed again.
Rule 2: only the response to the pending request is accepted, whose messages begin at or after the requested index.
        Streams have gaps, so the first index may be greater.
Rule 3: a consumer that fails is not repaired. Its supervisor starts another one, which begins with the saved index.
Rule 4: a message that cannot be processed is tried again a few times. Then it becomes a dead letter, and the consumer
        goes on.
Left out: the session below (explicit, transient) and its supervisor.
Source: the discussion, "Stream client consumer creates a transient session ... but restarts on timeout";
spec/sessions.md clauses 12.7 to 12.9.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Counter, Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class ConsumerState(Symbol):
    STARTING = "the saved index is requested"
    PULLING = "messages are requested"
    PROCESSING = "the application processes a message"
    WAITING = "there was nothing new; the consumer polls again later"
    FAILED = "final: the supervisor starts another consumer"
    STOPPED = "final: nothing is consumed any more"


class ConsumerEvent(Symbol):
    INDEX_KNOWN = "the saved index arrived"
    MESSAGES_RECEIVED = "the requested messages arrived"
    NOTHING_RECEIVED = "the stream has no message at this index yet"
    STALE_RECEIVED = "a message arrived that was not requested"
    PROCESSED = "the application has processed the message, and another one waits"
    LAST_PROCESSED = "the application has processed the message, and it was the last one"
    PROCESSING_FAILED = "the application has failed to process the message"
    POLL_DUE = "timer: it is time to poll again"
    REQUEST_EXPIRED = "timer: no response in time"
    SESSION_LOST = "the session to the stream is over"
    STOP = "order: stop"


class ConsumerEffect(Symbol):
    ASK_INDEX = "request the saved index"
    PULL = "request messages from the next index on"
    PROCESS = "deliver the next message to the application"
    PROCESS_AGAIN = "deliver the same message to the application once more"
    SAVE_INDEX = "save the index after the message"
    BURY = "make the message a dead letter, with the reason"
    START_REQUEST = "start the request timer"
    STOP_REQUEST = "stop the request timer"
    START_POLL = "start the pause before the next poll"
    STOP_POLL = "stop that pause"
    REPORT_FAILED = "report the failure to the supervisor, and why"


TRIES = Counter("tries", 3, "failures to process this message; the declared number of tries is the limit")

ConsumerMachine: TypeAlias = Machine[ConsumerState, ConsumerEvent, ConsumerEffect]

_S, _E, _F = ConsumerState, ConsumerEvent, ConsumerEffect
_ASK = (_F.PULL, _F.START_REQUEST)
_CITE = "discussion: reliable delivery; 12.7"
_ALIVE = (_S.STARTING, _S.PULLING, _S.PROCESSING, _S.WAITING)
_FINAL = (_S.FAILED, _S.STOPPED)
_TIMED = (_E.POLL_DUE, _E.REQUEST_EXPIRED)
_OVER = "the consumer has ended"
_SOMETHING_ELSE = "it was not requested"

CONSUMER: ConsumerMachine = Machine(
    name="stream consumer",
    initial=_S.STARTING,
    final=_FINAL,
    events=tuple(ConsumerEvent),
    counters=(TRIES,),
    parts=(
        Part(
            "pull, process, save",
            (
                Row("CN1", _S.STARTING, _E.INDEX_KNOWN, _S.PULLING, (_F.STOP_REQUEST, *_ASK), cites=_CITE),
                Row("CN2", _S.PULLING, _E.MESSAGES_RECEIVED, _S.PROCESSING, (_F.STOP_REQUEST, _F.PROCESS), cites=_CITE),
                Row("CN3", _S.PULLING, _E.NOTHING_RECEIVED, _S.WAITING, (_F.STOP_REQUEST, _F.START_POLL), cites="12.7"),
                Row("CN4", _S.WAITING, _E.POLL_DUE, _S.PULLING, _ASK, cites="12.7"),
                Row("CN5", _S.PROCESSING, _E.PROCESSED, _S.PROCESSING, (_F.SAVE_INDEX, _F.PROCESS),
                    updates=(TRIES.reset,), cites=_CITE),
                Row("CN6", _S.PROCESSING, _E.LAST_PROCESSED, _S.PULLING, (_F.SAVE_INDEX, *_ASK),
                    updates=(TRIES.reset,), cites=_CITE),
                Row("CN7", _S.PROCESSING, _E.PROCESSING_FAILED, _S.PROCESSING, (_F.PROCESS_AGAIN,),
                    when=(TRIES.below(),), updates=(TRIES.increment,), cites="12.9"),
                Ignore(_E.STALE_RECEIVED, _ALIVE, because=_SOMETHING_ELSE),
                *(Ignore(event, (_S.STARTING, _S.PROCESSING, _S.WAITING), because=_SOMETHING_ELSE)
                  for event in (_E.MESSAGES_RECEIVED, _E.NOTHING_RECEIVED)),
                Ignore(_E.INDEX_KNOWN, (_S.PULLING, _S.PROCESSING, _S.WAITING), because=_SOMETHING_ELSE),
                *(Refuse(event, because="the application processes no message")
                  for event in (_E.PROCESSED, _E.LAST_PROCESSED, _E.PROCESSING_FAILED)),
                Refuse(_E.POLL_DUE, because="the pause runs in WAITING only"),
                Refuse(_E.REQUEST_EXPIRED, because="the request timer runs in STARTING and PULLING only"),
            ),
        ),
        Part(
            "fail, and end",
            (
                Row("CN8", _S.PROCESSING, _E.PROCESSING_FAILED, _S.PROCESSING, (_F.BURY,),
                    when=(TRIES.at_least(),), updates=(TRIES.reset,), cites="12.9"),
                Row("CN9", _S.STARTING, _E.REQUEST_EXPIRED, _S.FAILED, (_F.REPORT_FAILED,), cites="12.7"),
                Row("CN10", _S.PULLING, _E.REQUEST_EXPIRED, _S.FAILED, (_F.REPORT_FAILED,), cites="12.7"),
                Row("CN11", _S.STARTING, _E.SESSION_LOST, _S.FAILED, (_F.STOP_REQUEST, _F.REPORT_FAILED), cites="12.7"),
                Row("CN12", _S.PULLING, _E.SESSION_LOST, _S.FAILED, (_F.STOP_REQUEST, _F.REPORT_FAILED), cites="12.7"),
                Row("CN13", _S.WAITING, _E.SESSION_LOST, _S.FAILED, (_F.STOP_POLL, _F.REPORT_FAILED), cites="12.7"),
                Row("CN14", _S.STARTING, _E.STOP, _S.STOPPED, (_F.STOP_REQUEST,), cites="12.7"),
                Row("CN15", _S.PULLING, _E.STOP, _S.STOPPED, (_F.STOP_REQUEST,), cites="12.7"),
                Row("CN16", _S.WAITING, _E.STOP, _S.STOPPED, (_F.STOP_POLL,), cites="12.7"),
                Row("CN17", _S.PROCESSING, _E.STOP, _S.STOPPED, cites="12.7"),
                Row("CN18", _S.PROCESSING, _E.SESSION_LOST, _S.FAILED, (_F.REPORT_FAILED,), cites="12.7"),
                *(Ignore(event, _FINAL, because=_OVER) for event in ConsumerEvent if event not in _TIMED),
            ),
        ),
    ),
)  # fmt: skip

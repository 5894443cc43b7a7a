"""The synchronous request: a message whose sender expects a response.

Rule 1: a sent request has exactly one of response, error, timeout; a late or unknown response is a dead letter.
Rule 2: the caller chooses what happens to a pending request when the session below it fails: `ABANDONED` (default) or
        `REISSUED`, which returns it to the state before it was sent, under the same identifier.
Rule 3: the caller may take a request back at any time. Then no outcome is reported.
Left out: the correlation identifier. The session core matches it and selects the request of an event.
Source: the discussion, "Synchronous requests"; spec/sessions.md section 6; Request-Reply and Correlation Identifier of
Enterprise Integration Patterns.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.machine import Ignore, Machine, Part, Refuse, Row
from ockam_fsm.kernel.value import Symbol


class RequestState(Symbol):
    READY = "accepted, and waiting for its turn to be sent"
    PENDING = "sent, and waiting for its response"
    RESPONDED = "final: the response was delivered"
    FAILED = "final: an error was reported"
    EXPIRED = "final: the timeout was reported"
    WITHDRAWN = "final: the caller has taken it back"


class RequestEvent(Symbol):
    SENT = "the request leaves on the messaging route"
    RESPONSE_RECEIVED = "the response arrived"
    REQUEST_EXPIRED = "timer: no response in time"
    ABANDONED = "the session failed or closed, and the request fails with it"
    REISSUED = "the session failed, and the request is to be sent again"
    WITHDRAW = "order: the caller takes the request back"


class RequestEffect(Symbol):
    START_REQUEST = "start the request timer"
    STOP_REQUEST = "stop the request timer"
    REPORT_RESPONSE = "deliver the response to the caller"
    REPORT_FAILURE = "report to the caller that the request failed, and why"
    REPORT_TIMEOUT = "report to the caller that no response came in time"


RequestMachine: TypeAlias = Machine[RequestState, RequestEvent, RequestEffect]

_FINAL = (RequestState.RESPONDED, RequestState.FAILED, RequestState.EXPIRED, RequestState.WITHDRAWN)
_S, _E, _F = RequestState, RequestEvent, RequestEffect
_CITE = "discussion: synchronous requests"

REQUEST: RequestMachine = Machine(
    name="synchronous request",
    initial=_S.READY,
    final=_FINAL,
    events=tuple(RequestEvent),
    counters=(),
    parts=(
        Part(
            "sent, followed by exactly one outcome, unless the caller takes it back",
            (
                Row("RQ1", _S.READY, _E.SENT, _S.PENDING, (_F.START_REQUEST,), cites=_CITE),
                Row(
                    "RQ2",
                    _S.PENDING,
                    _E.RESPONSE_RECEIVED,
                    _S.RESPONDED,
                    (_F.STOP_REQUEST, _F.REPORT_RESPONSE),
                    cites=_CITE,
                ),
                Row("RQ3", _S.PENDING, _E.REQUEST_EXPIRED, _S.EXPIRED, (_F.REPORT_TIMEOUT,), cites=_CITE),
                Row("RQ4", _S.PENDING, _E.ABANDONED, _S.FAILED, (_F.STOP_REQUEST, _F.REPORT_FAILURE), cites="6.6"),
                Row("RQ5", _S.PENDING, _E.REISSUED, _S.READY, (_F.STOP_REQUEST,), cites="6.6"),
                Row("RQ6", _S.READY, _E.ABANDONED, _S.FAILED, (_F.REPORT_FAILURE,), cites="6.6"),
                Row("RQ7", _S.READY, _E.WITHDRAW, _S.WITHDRAWN, cites="6.7"),
                Row("RQ8", _S.PENDING, _E.WITHDRAW, _S.WITHDRAWN, (_F.STOP_REQUEST,), cites="6.7"),
                Ignore(_E.RESPONSE_RECEIVED, because="late response"),
                Ignore(_E.ABANDONED, _FINAL, because="the outcome is reported already"),
                Ignore(_E.REISSUED, because="the request is not pending"),
                Ignore(_E.WITHDRAW, _FINAL, because="the request is over"),
                Refuse(_E.SENT, because="a request is sent once in each generation"),
                Refuse(_E.REQUEST_EXPIRED, because="the request timer runs in PENDING only"),
            ),
        ),
    ),
)

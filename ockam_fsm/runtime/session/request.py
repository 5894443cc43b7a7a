"""One synchronous request over a session, driven by the request table.

Rule 1: exactly one outcome is reported, once, unless the caller takes the request back; then the request is gone, and a
        later response is a dead letter.
Rule 2: the reply address identifies the request and the generation in which it was sent: the generation's inner
        address and a number. So it is as hard to guess as that address, and it ends with the generation (S9).
Source: the discussion, "Synchronous requests"; spec/sessions.md section 6; Return Address and Correlation Identifier of
Enterprise Integration Patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import ClassVar, NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.kernel.value import value
from ockam_fsm.machines.request import REQUEST, RequestEvent, RequestState
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.gate import MAX_PAYLOAD_BYTES, check_payload, check_route, check_tracing_context
from ockam_fsm.runtime.encoding.message import Address, Route
from ockam_fsm.runtime.session.commands import Command, Notify, RequestFailed, RequestTimedOut, RequestTimer, Responded

_DRIVER = driver_for(REQUEST)


@value
class Outgoing:
    """A message of the application. `request` is its identifier if it is a request.

    `onward_route` leads on from the peer's session worker (empty: the message is for the peer's application).
    `tracing_context` stays with it while it is held and when it is reissued.
    """

    payload: bytes
    onward_route: Route = ()
    return_route: Route = ()
    request: Hashable = None
    tracing_context: str | None = None


def check_outgoing(outgoing: Outgoing, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
    """Raises LocalSessionError unless a message of the application can be encoded in every state of a session."""
    check_route("onward_route", outgoing.onward_route)
    check_route("return_route", outgoing.return_route, MAX_ROUTE_LENGTH)  # a peer's message may be forwarded
    check_payload(outgoing.payload, max_payload_bytes)
    check_tracing_context(outgoing.tracing_context)


class RequestRecord(NamedTuple):
    """The hashable image of a request, for snapshots."""

    identifier: Hashable
    state: RequestState
    outgoing: Outgoing
    reissue: bool
    reply: Address | None
    resumed_only: bool = False


class Request:
    """One request, driven by the request table. `emit` takes the commands of its effects; `sending_seconds` is the time
    after each transmission in which the response is expected."""

    __slots__ = ("detail", "emit", "identifier", "outgoing", "reissue", "reply", "resumed_only", "sending_seconds",
                 "state")  # fmt: skip
    limits: ClassVar[Mapping[str, int | None]] = {}

    def __init__(self, record: RequestRecord, emit: Callable[[Command], None], sending_seconds: float) -> None:
        self.identifier, self.state, self.outgoing, self.reissue, self.reply, self.resumed_only = record
        self.emit = emit
        self.sending_seconds = sending_seconds
        self.detail = ""
        """The detail of its failure."""

    @property
    def pending(self) -> bool:
        return self.state is RequestState.PENDING

    def record(self) -> RequestRecord:
        return RequestRecord(self.identifier, self.state, self.outgoing, self.reissue, self.reply, self.resumed_only)

    def fire(self, event: RequestEvent, cause: object = None) -> None:
        _DRIVER.fire(self, event, cause)

    def sent(self, reply: Address) -> None:
        self.reply = reply
        self.fire(RequestEvent.SENT)

    def start_request(self, cause: object) -> None:
        self.emit(SetTimer(RequestTimer(self.identifier), self.sending_seconds))

    def stop_request(self, cause: object) -> None:
        self.emit(CancelTimer(RequestTimer(self.identifier)))

    def report_response(self, payload: bytes) -> None:
        self.emit(Notify(Responded(self.identifier, payload)))

    def report_failure(self, reason: str) -> None:
        self.emit(Notify(RequestFailed(self.identifier, reason, self.detail)))

    def report_timeout(self, cause: object) -> None:
        self.emit(Notify(RequestTimedOut(self.identifier)))

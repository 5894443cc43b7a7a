"""The effects of the session tables: each is the method of its name, in lower case.

Rule 1: an effect decides nothing. The table selects the effects of a step; the cause carries their data.
Rule 2: an effect changes the data of the end and emits commands. It changes neither the state nor a counter.
Source: `ockam_fsm/machines/vocabulary.py`, class Effect; spec/sessions.md sections 3, 4, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.text import neutral
from ockam_fsm.kernel.timers import CancelTimer
from ockam_fsm.machines.request import RequestEvent
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.commands import (
    WITHDRAWN,
    Closed,
    DeadLetter,
    Deliver,
    Established,
    Notify,
    Register,
    Remember,
    Send,
    TimedOut,
    Timer,
    Unregister,
    with_detail,
)
from ockam_fsm.runtime.session.config import MAX_BACK_OFF_STEPS
from ockam_fsm.runtime.session.handshake import worker_route
from ockam_fsm.runtime.session.knowledge import ranked
from ockam_fsm.runtime.session.link import Link, Purpose
from ockam_fsm.runtime.session.protected import ProtectedSession
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    Generation,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)


class Inbound(NamedTuple):
    """A message of the peer, and the signal that it carries."""

    message: Message
    signal: Signal


class Response(NamedTuple):
    """A message of the peer that answers a request of this end."""

    message: Message
    request: Hashable
    payload: bytes


Cause: TypeAlias = Inbound | Response | Outgoing | str | None
"""The cause of an event. Text is the detail of a lower layer that was lost."""

REASONS = {
    Event.CLOSE: "closed by order",
    Event.STOP: "stopped",
    Event.CLOSE_RECEIVED: "closed by the peer",
    Event.CLOSE_AT_CONTACT: "closed by the peer",
    Event.GOING_AWAY_RECEIVED: "the peer goes away",
    Event.RENEGOTIATE: "renegotiation by order",
    Event.NEGOTIATION_EXPIRED: "negotiation timed out",
    Event.KEEPALIVE_DUE: "keepalives missed",
    Event.IDLE_EXPIRED: "idle for too long",
    Event.RETENTION_EXPIRED: "reaped",
    Event.REQUEST_EXPIRED: "request timed out",
    Event.ERROR_RECEIVED: "error message",
    Event.LOWER_LAYER_LOST: "lower layer lost",
    Event.SUPERSEDED: "superseded",
    Event.ANSWER_CHANGED: "peer restarted",
}
"""Reasons of failures and closings. The end of a back-off has none: the failure before it has."""

_TIMERS = tuple(Timer)
"""A tuple, because iterating over an Enum takes a Python call for each member."""

EXHAUSTED = "attempts exhausted"
NO_ROOM = "no room to hold it"
PEER_LOST_STATE = "the peer has lost its state"


class SessionEffects(ProtectedSession):
    """One end with the effects of its tables."""

    __slots__ = ()

    # Generations ------------------------------------------------------------------------------------------------------

    def start_attempt(self, cause: Cause) -> None:
        role, profile = self.settings.role, self.settings.profile
        number = self.seen[0] + 1
        inner = self.entropy.address(number, role, Purpose.WORKER)
        handshake = self.entropy.address(number, role, Purpose.HANDSHAKE) if profile.answers_once else None
        self.seen = ranked(number, role)
        self.attempt_protection, self.refusal = profile.protection(role), ""
        self.attempt = Link(Generation(number, role, inner), inner, handshake)
        self.emit(Remember(number))
        self._register(inner, handshake)

    def accept_attempt(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        self.drop_attempt(cause)
        generation = hello.generation
        inner = self.entropy.address(generation.number, generation.starter, Purpose.WORKER)
        route = worker_route(message.return_route, generation.address)
        self.attempt = Link(generation, inner, None, route, resumed=self.has_state)
        self.initialization_route = self.initialization_route or hello.initialization_route
        protection = self.settings.profile.protection(self.settings.role)
        if protection is not None:
            self.attempt_protection = protection.read(message.payload, message.return_route).after
        self._register(inner)

    def drop_attempt(self, cause: Cause) -> None:
        self._vanish(self.attempt)
        self.attempt = self.attempt_protection = None

    def end_current(self, cause: Cause) -> None:
        self._vanish(self.current)
        self.current = self.current_protection = None

    def forget_route(self, cause: Cause) -> None:
        self.drop_attempt(cause)
        self.end_current(cause)

    def adopt_link(self, cause: Cause) -> None:
        assert self.attempt is not None
        link = self.attempt
        if isinstance(cause, Inbound) and isinstance(cause.signal, Answer):
            route = worker_route(cause.message.return_route, cause.signal.worker)
            link = link._replace(route=route, resumed=cause.signal.resumed, handshake=None)
            self._unregister(self.attempt.handshake)
            if self.has_state and not link.resumed:
                self._abandon_resumed_only()
        else:
            # Not earlier: the number of an unconfirmed hello must not outlive its attempt (clause 4.2).
            self.seen = max(self.seen, ranked(*link.generation.rank))
            self.emit(Remember(self.seen[0]))
        self.attempt, self.current = None, link
        self.attempt_protection, self.current_protection = None, self.attempt_protection
        self.established_in = link.generation.address
        self.has_state = True
        self.reason = self.detail = ""

    def catch_up(self, cause: Cause) -> None:
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Superseded)
        self.seen = max(self.seen, ranked(cause.signal.number, Role.RESPONDER))
        self.emit(Remember(self.seen[0]))

    def send_hello(self, cause: Cause) -> None:
        assert self.attempt is not None
        hello = Hello(self.terms.session_id, self.attempt.generation, self.terms.own_route)
        back = self.attempt.handshake or self.attempt.inner
        self._send(self.initialization_route, (back,), hello, link=self.attempt)

    def send_answer(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        link = next(x for x in (self.attempt, self.current) if x is not None and x.generation == hello.generation)
        answer = Answer(self.terms.session_id, link.generation, link.inner, link.resumed)
        self._send(message.return_route, (link.inner,), answer, link=link)

    def send_superseded(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        superseded = Superseded(self.terms.session_id, self.seen[0], hello.generation.address)
        self._send(message.return_route, (self.terms.outer,), superseded)

    # Data and keepalives ----------------------------------------------------------------------------------------------

    def send_data(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._transmit(cause)

    def forward_held(self, cause: Cause) -> None:
        waiting, self.waiting = self.waiting, ()
        for outgoing, _ in waiting:
            self._transmit(outgoing)

    def send_keepalive(self, cause: Cause) -> None:
        self._send_in(self._current(), Keepalive())

    def answer_keepalive(self, cause: Cause) -> None:
        self._send_in(self._current(), KeepaliveAnswer())

    def send_close(self, cause: Cause) -> None:
        link, session_id, named = self._receiving_link(), self.terms.session_id, self.closing(own=True)
        if link is not None:
            self._send_in(link, Close.of(session_id, link.generation, self._reason()))
        elif named is not None and self.initialization_route:
            close = Close(session_id, self.largest[0], named, self._reason())
            self._send(self.initialization_route, (self.terms.outer,), close)

    def send_going_away(self, cause: Cause) -> None:
        link = self._receiving_link()
        if link is not None:
            self._send_in(link, GoingAway(self._reason()))

    def deliver(self, cause: Cause) -> None:
        if isinstance(cause, Response):
            self._end_request(cause.request).fire(RequestEvent.RESPONSE_RECEIVED, cause.payload)
            return
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Data)
        data = cause.signal
        if self.settings.profile.carries_routes:
            self.emit(Deliver(data.payload, data.onward_route, (self.terms.outer, *data.return_route)))
        else:
            self.emit(Deliver(data.payload, cause.message.onward_route[1:], cause.message.return_route))

    def hold(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._wait(len(self.waiting), cause, reissued=False)

    def hold_again(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        place = sum(1 for _, reissued in self.waiting if reissued)
        self._wait(place, cause, reissued=True)

    def take_back(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        place = next(place for place, (outgoing, _) in enumerate(self.waiting) if outgoing is cause)
        self.waiting = [*self.waiting[:place], *self.waiting[place + 1 :]] or ()
        self.emit(DeadLetter(WITHDRAWN, cause))
        if cause.request is not None:
            self._end_request(cause.request).fire(RequestEvent.WITHDRAW)

    def discard_held(self, cause: Cause) -> None:
        waiting, self.waiting = self.waiting, ()
        for outgoing, _ in waiting:
            self.emit(DeadLetter(self._reason(), outgoing))

    # Requests ---------------------------------------------------------------------------------------------------------

    def retire_requests(self, cause: Cause) -> None:
        for identifier, request in tuple(self.requests.items()):
            if request.pending and request.reissue:
                request.fire(RequestEvent.REISSUED)
                self.follow_up = (*self.follow_up, request.outgoing)
            elif request.pending:
                self._abandon(identifier, self._reason(), self._detail(cause))

    def abandon_request(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._abandon(cause.request, NO_ROOM, "")

    def fail_requests(self, cause: Cause) -> None:
        for identifier in tuple(self.requests):
            self._abandon(identifier, self._reason(), self._detail(cause))

    def _abandon_resumed_only(self) -> None:
        """Fail the held requests of which `resumed_only` is set. The row has reset the counter of held messages."""
        needing = [held for held in self.waiting if held[0].request is not None and self._needs_state(held[0].request)]
        self.waiting = [held for held in self.waiting if held not in needing] or ()
        for outgoing, _ in needing:
            self._abandon(outgoing.request, PEER_LOST_STATE, "")

    def _needs_state(self, identifier: Hashable) -> bool:
        return self.requests[identifier].resumed_only

    def _abandon(self, identifier: Hashable, reason: str, detail: str) -> None:
        request = self._end_request(identifier)
        request.detail = detail
        request.fire(RequestEvent.ABANDONED, reason)

    # Timers -----------------------------------------------------------------------------------------------------------

    def start_negotiation(self, cause: Cause) -> None:
        self._set(Timer.NEGOTIATION, self.settings.durations.negotiation_seconds)

    def start_back_off(self, cause: Cause) -> None:
        delay = self.settings.durations.back_off.delay_seconds(self.back_off_step, self.entropy.fraction())
        self.back_off_step = min(self.back_off_step + 1, MAX_BACK_OFF_STEPS)
        self._set(Timer.BACK_OFF, delay)

    def reset_back_off(self, cause: Cause) -> None:
        self.back_off_step = 0

    def start_zero_back_off(self, cause: Cause) -> None:
        self._set(Timer.BACK_OFF, 0.0)

    def start_keepalive(self, cause: Cause) -> None:
        if self.settings.profile.keeps_alive:
            self._set(Timer.KEEPALIVE, self.settings.durations.keepalive_seconds)

    def start_idle(self, cause: Cause) -> None:
        if self.settings.durations.idle_seconds is not None:
            self._set(Timer.IDLE, self.settings.durations.idle_seconds)

    def start_retention(self, cause: Cause) -> None:
        self._set(Timer.RETENTION, self.settings.durations.retention_seconds)

    def stop_timers(self, cause: Cause) -> None:
        for timer in _TIMERS:
            if timer in self.armed:
                self.emit(CancelTimer(timer))
        self.armed = frozenset()

    # The owner --------------------------------------------------------------------------------------------------------

    def note_exhausted(self, cause: Cause) -> None:
        self.detail = with_detail(self.reason, self.detail)
        self.reason = EXHAUSTED

    def notify_established(self, cause: Cause) -> None:
        assert self.current is not None
        self.emit(Notify(Established(self.current.generation, self.current.resumed)))

    def notify_timed_out(self, cause: Cause) -> None:
        self.reason, self.detail = self._reason(), self._detail(cause)
        self.emit(Notify(TimedOut(self.reason, self.detail)))

    def notify_closed(self, cause: Cause) -> None:
        self.reason, self.detail = self._reason(), self._detail(cause)
        self.emit(Notify(Closed(self.reason, self.detail)))

    def _reason(self) -> str:
        """Return the reason of this event, or of the failure before it where the event has none."""
        return REASONS.get(self.event, self.reason) if self.event is not None else self.reason

    def _detail(self, cause: Cause) -> str:
        """Return the detail of the reason. Text of a peer is made neutral."""
        if self.event not in REASONS:
            return self.detail
        if isinstance(cause, str):
            return cause
        if isinstance(cause, Inbound) and isinstance(cause.signal, Close | GoingAway | Error):
            return neutral(cause.signal.reason)
        if self.event is Event.NEGOTIATION_EXPIRED:
            route = " ".join(map(str, self.initialization_route))
            starts = self.settings.role is Role.INITIATOR
            missing = f"no answer from {route}" if starts else "the peer did not confirm the answer"
            return f"{missing}; refused was: {self.refusal}" if self.refusal else missing
        return ""

    # Bytes ------------------------------------------------------------------------------------------------------------

    def _transmit(self, outgoing: Outgoing) -> None:
        current = self._current()
        return_route = outgoing.return_route
        if outgoing.request is not None:
            reply, self.current = current.next_reply()
            self.requests[outgoing.request].sent(reply)
            return_route = (reply,)
        if self.settings.profile.carries_routes:
            data = Data(outgoing.payload, outgoing.onward_route, return_route)
            self._send_in(current, data, outgoing.tracing_context)
            return
        back = return_route or (current.inner,)
        onward = (*current.route, *outgoing.onward_route)
        self._send(onward, back, Data(outgoing.payload), outgoing.tracing_context)

    def _receiving_link(self) -> Link | None:
        """Return the link on which the peer receives. A peer whose new attempt this end has answered has forgotten
        its previous generation (clause 15.21)."""
        answered = self.attempt is not None and bool(self.attempt.route)
        return self.attempt if answered else self.current

    def _current(self) -> Link:
        assert self.current is not None
        return self.current

    def _send_in(self, link: Link, signal: Signal, tracing_context: str | None = None) -> None:
        """Send a signal to the peer in the generation of `link`."""
        self._send(link.route, (link.inner,), signal, tracing_context, link)

    def _send(
        self,
        onward_route: Route,
        return_route: Route,
        signal: Signal,
        tracing_context: str | None = None,
        link: Link | None = None,
    ) -> None:
        """Send `signal`, if it can be written in the generation of `link` (None: in none)."""
        written = self.written(link, signal, return_route)
        if written is not None:
            payload, back = written
            self.emit(Send(Message(onward_route, back, payload, tracing_context)))

    def _register(self, *addresses: Address | None) -> None:
        for address in addresses:
            if address is not None:
                self.emit(Register(address))

    def _unregister(self, *addresses: Address | None) -> None:
        for address in addresses:
            if address is not None:
                self.emit(Unregister(address))

    def _vanish(self, link: Link | None) -> None:
        if link is not None:
            self._unregister(link.inner, link.handshake)


def _hello(cause: Cause) -> tuple[Message, Hello]:
    assert isinstance(cause, Inbound)
    assert isinstance(cause.signal, Hello)
    return cause.message, cause.signal

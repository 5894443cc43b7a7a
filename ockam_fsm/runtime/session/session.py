"""One session worker, without I/O: it classifies inputs, drives the table, and returns commands.

Rule 1: classify before the table. `_judge*` classifies payloads, addresses and generations; the table gets an event.
Rule 2: no clock, no randomness, no socket. Fresh addresses and jitter come from `Entropy`, durations from the settings.
Rule 3: a refused order changes nothing; a bad message of a peer becomes a dead letter with a reason, not an exception.
Rule 4: `snapshot` is exact and hashable, `restore` undoes everything since. The explorer runs this very class.

Generations: `attempt` is the negotiation under way, started by this end or answered by it; `current` is the generation
in which data travels. While an answered attempt waits to be confirmed, `current` is the previous generation and stays
usable.

Left out: the choice of the worker for a message (`node.py`), and bytes (`handshake.py`, `frames.py`).
Source: the discussion; spec/sessions.md sections 3, 4, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.text import shown
from ockam_fsm.machines.request import RequestEvent, RequestState
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.runtime.encoding.gate import check_hashable
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.commands import AnyTimer, Command, DeadLetter, RequestTimer, Timer
from ockam_fsm.runtime.session.effects import Cause, Inbound, Response, SessionEffects
from ockam_fsm.runtime.session.handshake import Place, worker_route
from ockam_fsm.runtime.session.knowledge import NO_REQUESTS, without_timer
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.request import Outgoing, RequestRecord, check_outgoing
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    Error,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Superseded,
)

MAX_NUMBER_JUMP = 2**20
"""Numbers come from peers: a larger jump is refused (clause 4.2)."""

UNKNOWN_ADDRESS = "unknown address"
LATE_RESPONSE = "late or unknown response"
KEYS_USED_UP = "the keys of this generation are used up"

EXPIRED = {
    Timer.NEGOTIATION: Event.NEGOTIATION_EXPIRED,
    Timer.BACK_OFF: Event.BACK_OFF_EXPIRED,
    Timer.KEEPALIVE: Event.KEEPALIVE_DUE,
    Timer.IDLE: Event.IDLE_EXPIRED,
    Timer.RETENTION: Event.RETENTION_EXPIRED,
}

SIGNAL_EVENTS = {
    Keepalive: Event.KEEPALIVE_RECEIVED,
    KeepaliveAnswer: Event.KEEPALIVE_ANSWERED,
    Close: Event.CLOSE_RECEIVED,
    GoingAway: Event.GOING_AWAY_RECEIVED,
    Error: Event.ERROR_RECEIVED,
}
"""The events of signals at an inner address, other than data and confirmations."""


class Snapshot(NamedTuple):
    """The complete state of a session, as a hashable value."""

    state: State
    attempts: int
    held: int
    misses: int
    usable: int
    confirmed: int
    resting: int
    seen: tuple[int, int]
    attempt: Link | None
    current: Link | None
    attempt_protection: Protection | None
    current_protection: Protection | None
    waiting: tuple[tuple[Outgoing, bool], ...]
    requests: tuple[RequestRecord, ...]
    has_state: bool
    established_in: Address | None
    reason: str
    back_off_step: int
    armed: frozenset[Timer]
    initialization_route: Route


class Session(SessionEffects):
    """One end of a session. Every method that takes an input returns the commands that follow from it, in order."""

    __slots__ = ()

    def open(self) -> list[Command]:
        """Open an explicit session (an initiator).

        Raises:
            EventRefused: it is open already, or it is not opened by an order.
        """
        return self._ordered(Event.OPEN)

    def send(self, outgoing: Outgoing) -> list[Command]:
        """Accept a message of the application: sent, held, or refused.

        Raises:
            EventRefused: this state neither sends nor holds it; nothing has changed.
            LocalSessionError: the message is of the wrong type or too large; nothing has changed.
        """
        check_outgoing(outgoing)
        return self._given(outgoing)

    def request(
        self, identifier: Hashable, outgoing: Outgoing, *, reissue: bool = False, resumed_only: bool = False
    ) -> list[Command]:
        """Accept a synchronous request; its one outcome is a notice that carries `identifier`.

        The session fails when the response to one transmission is overdue (`Durations.request_seconds`). There is no
        limit for all transmissions together: the caller may take the request back at any time (`withdraw_request`).

        `reissue`: after a renegotiation send it again under the same identifier, instead of failing it. A transient
        session has no next generation, so there a request fails or expires all the same.

        `resumed_only`: the request is valid only for a peer that still has the state of this session. Where the peer
        answers a renegotiation without that state, the request fails (`PEER_LOST_STATE`) and is not sent (clause 6.8).

        Raises:
            LocalSessionError: the identifier is None or in use, or too many requests are open; and as `send`.
            EventRefused: as `send`.
        """
        check_outgoing(outgoing)
        check_hashable("identifier", identifier)
        if identifier is None or identifier in self.requests:
            raise LocalSessionError(f"request {shown(identifier)}: choose an identifier that no open request has")
        if len(self.requests) >= self.settings.requests:
            raise LocalSessionError(f"{len(self.requests)} requests are open, which is the declared capacity: wait")
        named = Outgoing(outgoing.payload, outgoing.onward_route, (), identifier, outgoing.tracing_context)
        again = reissue and self.settings.session_type.persistent
        self._begin_request(RequestRecord(identifier, RequestState.READY, named, again, None, resumed_only))
        try:
            return self._given(named)
        except LocalSessionError:
            self._end_request(identifier)
            raise

    def withdraw(self, outgoing: Outgoing) -> list[Command]:
        """Take back a held message: it becomes a dead letter. Nothing happens if it is sent already."""
        held = next((held for held, _ in self.waiting if held is outgoing or held == outgoing), None)
        return [] if held is None else self._ordered(Event.WITHDRAW, held)

    def withdraw_request(self, identifier: Hashable) -> list[Command]:
        """Take a request back, whether it is held or sent. It has no outcome, and a late response is a dead letter.
        Nothing happens if it has had its outcome.

        Raises:
            LocalSessionError: the identifier cannot be hashed.
        """
        check_hashable("identifier", identifier)
        request = self.requests.get(identifier)
        if request is None or not request.pending:
            return [] if request is None else self.withdraw(request.outgoing)
        self._end_request(identifier).fire(RequestEvent.WITHDRAW)
        return self._take()

    def renegotiate(self) -> list[Command]:
        """Give the current generation up and negotiate another one.

        Raises:
            EventRefused: nothing is established, or this end never renegotiates.
        """
        return self._ordered(Event.RENEGOTIATE)

    def close(self) -> list[Command]:
        """Close the session, from any state, and send the peer a close. Nothing happens if it is closed."""
        return self._ordered(Event.CLOSE)

    def stop(self) -> list[Command]:
        """End with the node or the host that stops. For a persistent peer that is a failure: it negotiates again."""
        return self._ordered(Event.STOP)

    def lower_layer_lost(self, detail: str = "") -> list[Command]:
        """Report that the session below has ended: the messaging route is not usable. `detail`: why, for people."""
        return self._ordered(Event.LOWER_LAYER_LOST, detail)

    def fire(self, timer: AnyTimer) -> list[Command]:
        """Fire a timer that is due. One that was cancelled in the meantime is ignored: edges may be late."""
        if isinstance(timer, RequestTimer):
            self._request_expired(timer.request)
        elif timer in self.armed:
            self.armed = without_timer(self.armed, timer)
            self._fire(EXPIRED[timer])
        return self._take()

    def receive(self, message: Message) -> list[Command]:
        """Handle a message of a peer to one of this session's addresses. It never raises."""
        try:
            self._judge(message)
        except RemoteSessionError as error:
            self._stray(message, error.reason)
        return self._take()

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.state,
            self.attempts,
            self.held,
            self.misses,
            self.usable,
            self.confirmed,
            self.resting,
            self.seen,
            self.attempt,
            self.current,
            self.attempt_protection,
            self.current_protection,
            tuple(self.waiting),
            tuple(request.record() for request in self.requests.values()),
            self.has_state,
            self.established_in,
            self.reason,
            self.back_off_step,
            self.armed,
            self.initialization_route,
        )

    def restore(self, snapshot: Snapshot) -> None:
        (
            self.state,
            self.attempts,
            self.held,
            self.misses,
            self.usable,
            self.confirmed,
            self.resting,
            self.seen,
            self.attempt,
            self.current,
            self.attempt_protection,
            self.current_protection,
            waiting,
            requests,
            self.has_state,
            self.established_in,
            self.reason,
            self.back_off_step,
            self.armed,
            self.initialization_route,
        ) = snapshot
        self.waiting = list(waiting) or ()
        self.requests = NO_REQUESTS
        for record in requests:
            self._begin_request(record)
        self.commands = None

    def _take(self) -> list[Command]:
        commands, self.commands = self.commands, None
        return commands or []

    def _given(self, outgoing: Outgoing) -> list[Command]:
        """Handle a message of the application. A generation whose keys are used up has failed."""
        if self.current_protection is None or not self.current_protection.exhausted:
            return self._ordered(Event.SEND, outgoing)
        self._fire(Event.LOWER_LAYER_LOST, KEYS_USED_UP)
        try:
            return self._ordered(Event.SEND, outgoing)
        except EventRefused:  # too late to refuse: the owner must receive the commands of the failure
            self.emit(DeadLetter(self.reason, outgoing))
            if outgoing.request in self.requests:
                self._abandon(outgoing.request, self.reason, KEYS_USED_UP)
            return self._take()

    def _ordered(self, event: Event, cause: Cause = None) -> list[Command]:
        self._fire(event, cause)
        return self._take()

    def _fire(self, event: Event, cause: Cause = None) -> None:
        """Drive the table, then reissue the requests that its effects have queued."""
        self.event = event
        decision = self.settings.driver.fire(self, event, cause)
        if isinstance(decision, Ignore) and isinstance(cause, Inbound | Response):
            self.emit(DeadLetter(decision.because, cause.message))
        while self.follow_up:
            request, *rest = self.follow_up
            self.follow_up = tuple(rest)
            self.settings.driver.fire(self, Event.REISSUE, request)

    def _request_expired(self, identifier: Hashable) -> None:
        request = self.requests.get(identifier)
        if request is None or not request.pending:
            return
        if not request.reissue:
            self._end_request(identifier).fire(RequestEvent.REQUEST_EXPIRED)
        self._fire(Event.REQUEST_EXPIRED)

    # Classification of messages ---------------------------------------------------------------------------------------

    def _judge(self, message: Message) -> None:
        place, link = self._place(message)
        signal = self.read(message, place, link)
        inbound = Inbound(message, signal)
        match signal:
            case Hello():
                self._judge_hello(inbound, signal, place)
            case Answer():
                self._judge_and_prove(inbound, signal)
            case Superseded():
                self._fire(self._judge_superseded(signal), inbound)
            case Close(session_id=other) if other != self.terms.session_id:
                raise RemoteSessionError("misplaced", "a close of another session")
            case Close() if link is None:
                self._fire(self._judge_close(signal), inbound)
            case _ if link is None:
                raise RemoteSessionError("misplaced", f"{type(signal).__name__} at an address for hellos")
            case _:
                self._judge_talk(inbound, link)

    def _place(self, message: Message) -> tuple[Place, Link | None]:
        address = message.onward_route[0] if message.onward_route else None
        for link in (self.attempt, self.current):
            if link is None or address is None:
                continue
            if address == link.handshake:
                return Place.HANDSHAKE, link
            if address == link.inner or (link.takes(address) and self.protection(link) is None):
                return Place.WORKER, link
        if address is not None and address == self.terms.contact:
            return Place.NEGOTIATION_START, None
        raise RemoteSessionError(UNKNOWN_ADDRESS)

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        if Event.HELLO_NEWER not in self.settings.events:
            raise RemoteSessionError("a one-sided initiator answers no hello")
        if place is not Place.NEGOTIATION_START or hello.session_id != self.terms.session_id:
            raise RemoteSessionError("misplaced", "a hello for another session or at an inner address")
        asks = self.settings.session_type.renegotiated_by(self.settings.role)
        if asks and not (self.initialization_route or hello.initialization_route):
            raise RemoteSessionError("no initialization route", "a two-sided responder needs one")
        self._fire(self._judge_generation(inbound, hello), inbound)

    def _judge_generation(self, inbound: Inbound, hello: Hello) -> Event:
        generation = hello.generation
        worker_route(inbound.message.return_route, generation.address)
        if generation.starter is self.settings.role:
            raise RemoteSessionError("reflection", "a hello that carries this end's own role")
        if generation.number - self.seen[0] > MAX_NUMBER_JUMP:  # not from an attempt, or jumps would add up
            raise RemoteSessionError("number jumps too far", str(generation.number))
        if any(link is not None and link.generation == generation for link in (self.attempt, self.current)):
            return Event.HELLO_REPEATED
        return Event.HELLO_NEWER if generation.rank > self.largest else Event.HELLO_OLDER

    def _judge_and_prove(self, inbound: Inbound, answer: Answer) -> None:
        if Event.ANSWER_CURRENT not in self.settings.events:
            raise RemoteSessionError("unexpected answer", "this end never starts negotiations")
        event = self._judge_answer(inbound, answer)
        self._fire(event, inbound)
        # Without keepalives an answer is for one attempt only, and may be the only message of the peer.
        if event is Event.ANSWER_CURRENT and not self.settings.profile.keeps_alive:
            self._fire(Event.KEEPALIVE_ANSWERED)

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        worker_route(inbound.message.return_route, answer.worker)
        attempt, current = self.attempt, self.current
        if answer.session_id != self.terms.session_id and answer.generation is not None:
            return Event.ANSWER_STALE
        if attempt is not None and self.is_own(attempt) and answer.generation in (attempt.generation, None):
            return Event.ANSWER_CURRENT
        if current is not None and self.is_own(current) and answer.generation == current.generation:
            return Event.ANSWER_STALE if answer.worker == current.route[-1] else Event.ANSWER_CHANGED
        return Event.ANSWER_STALE

    def _judge_superseded(self, superseded: Superseded) -> Event:
        attempt = self.attempt
        if superseded.number - self.seen[0] > MAX_NUMBER_JUMP:
            raise RemoteSessionError("number jumps too far", str(superseded.number))
        named = superseded.session_id, superseded.address
        if attempt is None or not self.is_own(attempt) or named != (self.terms.session_id, attempt.generation.address):
            raise RemoteSessionError("superseded names no attempt of this end")
        return Event.SUPERSEDED

    def _judge_close(self, close: Close) -> Event:
        """Classify a close along the initialization route. It must come from an end of this session, and no newer
        generation may be under way: a late close must not end a session that was opened again."""
        if Event.CLOSE_AT_CONTACT not in self.settings.events:
            raise RemoteSessionError("misplaced", "a close at the contact address of an end that answers no hello")
        if close.address != self.closing(own=False):
            raise RemoteSessionError("close names no generation of this session")
        if close.number < self.largest[0]:
            raise RemoteSessionError("close of an earlier generation", f"{close.number} < {self.largest[0]}")
        return Event.CLOSE_AT_CONTACT

    def _judge_talk(self, inbound: Inbound, link: Link) -> None:
        """Keepalives, data, close, going away and error, at an inner address."""
        if link is self.attempt:
            if self.is_own(link):
                self._judge_end_of_attempt(inbound)
                return
            if self.current is not None:
                self._fire(Event.PREVIOUS_ENDED)
            self._fire(Event.CONFIRMED, inbound)
        match inbound.signal:
            case Data():
                self._fire(Event.DATA_RECEIVED, self._judge_data(inbound, link))
            case KeepaliveAnswer() if Event.KEEPALIVE_ANSWERED not in self.settings.events:
                raise RemoteSessionError("this end sends no keepalives")
            case Confirmation():
                pass  # it has confirmed the answer already
            case signal:
                self._fire(SIGNAL_EVENTS[type(signal)], inbound)

    def _judge_end_of_attempt(self, inbound: Inbound) -> None:
        """Before the answer, the peer can send only that there will be none."""
        if not isinstance(inbound.signal, Close | GoingAway | Error):
            raise RemoteSessionError("unexpected before the answer", type(inbound.signal).__name__)
        self._fire(SIGNAL_EVENTS[type(inbound.signal)], inbound)

    def _judge_data(self, inbound: Inbound, link: Link) -> Inbound | Response:
        """Return data of the peer's application, or the response to one of this end's requests."""
        data = inbound.signal
        assert isinstance(data, Data)
        prefix = link.reply_prefix
        addresses = (*inbound.message.onward_route[:1], *data.onward_route[:1])
        replies = [address for address in addresses if address.value.startswith(prefix)]
        if not replies:
            return inbound
        for request in self.requests.values():
            if request.pending and request.reply in replies:
                return Response(inbound.message, request.identifier, data.payload)
        raise RemoteSessionError(LATE_RESPONSE)

    def _stray(self, message: Message, reason: str) -> None:
        self.settings.driver.fire(self, Event.STRAY, message)
        self.emit(DeadLetter(reason, message))

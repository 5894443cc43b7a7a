"""One session worker, without I/O: it classifies inputs, drives the table, and returns commands.

Rule 1: classify before the table. `_judge*` classifies payloads, addresses and generations; the table gets an event.
Rule 2: no clock, no randomness, no socket. Fresh addresses and jitter come from `Entropy`, durations from the settings.
Rule 3: a refused order changes nothing; a bad message of a peer becomes a dead letter with a reason, not an exception.
Rule 4: `snapshot` is exact and hashable, `restore` undoes everything since. The explorer runs this very class.
Rule 5: an effect decides nothing. The table selects the effects of a step; the cause carries their data. An effect
        changes the data of the end and emits commands, and changes neither the state nor a counter.
Rule 6: each generation has a protection of its own, or none. Writing and reading change that one only.
Rule 7: a message that is read in an established generation is authentic, whichever route it took; the route to the
        peer follows its return route (clause 18.4).
Rule 8: empty fields of an idle session share one immutable object, and so do values that are equal in most sessions.
        So a live session takes about 1 kB (`benchmarks/memory.py`).
Rule 9: the public members are the orders and inputs, and what may be read. Everything else is private: it is for this
        class, and for sessions with one fault, which override parts of it.

Generations: `attempt` is the negotiation under way, started by this end or answered by it; `current` is the generation
in which data travels. While an answered attempt waits to be confirmed, `current` is the previous generation and stays
usable.

Left out: the choice of the worker for a message (`node.py`), and bytes (`handshake.py`, `frames.py`).
Source: the discussion; spec/sessions.md sections 3, 4, 6, 7 and 18; class Effect of `machines/vocabulary.py`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.text import neutral, shown
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.request import RequestEvent, RequestState
from ockam_fsm.machines.vocabulary import Event, Role, State
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.gate import check_hashable
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.causes import EXHAUSTED, NO_ROOM, PEER_LOST_STATE, REASONS, Cause, Inbound, Response
from ockam_fsm.runtime.session.commands import (
    WITHDRAWN,
    AnyTimer,
    Closed,
    Command,
    DeadLetter,
    Deliver,
    Established,
    Notify,
    Register,
    Remember,
    RequestTimer,
    Send,
    TimedOut,
    Timer,
    Unregister,
    with_detail,
)
from ockam_fsm.runtime.session.config import MAX_BACK_OFF_STEPS, SessionConfig
from ockam_fsm.runtime.session.handshake import Place, worker_route
from ockam_fsm.runtime.session.link import Entropy, Link, Purpose
from ockam_fsm.runtime.session.protection import Protection
from ockam_fsm.runtime.session.request import Outgoing, Request, RequestRecord, check_outgoing
from ockam_fsm.runtime.session.shared_values import NO_REQUESTS, Waiting, ranked, with_timer, without_timer
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
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
from ockam_fsm.runtime.session.terms import Terms

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

_TIMERS = tuple(Timer)
"""A tuple, because iterating over an Enum takes a Python call for each member."""


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


class Session:
    """One end of a session. Every method that takes an input returns the commands that follow from it, in order.

    Its data that may be read are those of its `Snapshot`, and its `settings`, `terms`, `limits` and `entropy`. `state`,
    `limits` and the counters are those of its table.
    """

    __slots__ = (
        "_commands",
        "_detail",
        "_event",
        "_follow_up",
        "_refusal",
        "armed",
        "attempt",
        "attempt_protection",
        "attempts",
        "back_off_step",
        "confirmed",
        "current",
        "current_protection",
        "entropy",
        "established_in",
        "has_state",
        "held",
        "initialization_route",
        "limits",
        "misses",
        "reason",
        "requests",
        "resting",
        "seen",
        "settings",
        "state",
        "terms",
        "usable",
        "waiting",
    )

    def __init__(
        self,
        settings: SessionConfig,
        terms: Terms,
        entropy: Entropy,
        initialization_route: Route = (),
        *,
        remembered: int = 0,
        has_state: bool = False,
    ) -> None:
        """`remembered`: the number in durable state; `has_state`: durable state has the session's state as well."""
        self.settings = settings
        self.limits: Mapping[str, int | None] = settings.limits
        self.terms = terms
        self.entropy = entropy
        self.initialization_route = initialization_route
        self.state = State.IDLE
        self.attempts = self.held = self.misses = self.usable = self.resting = 0
        self.seen: tuple[int, int] = ranked(remembered, Role.INITIATOR if remembered else Role.RESPONDER)
        self.attempt: Link | None = None
        self.current: Link | None = None
        self.attempt_protection: Protection | None = None
        self.current_protection: Protection | None = None
        self.waiting: Waiting = ()
        self.requests: Mapping[Hashable, Request] = NO_REQUESTS
        self.has_state = has_state
        self.confirmed = int(has_state)
        self.established_in: Address | None = None
        """The starter's inner address in the generation that was adopted last. It is secret to its two ends."""
        self.reason = self._detail = self._refusal = ""
        self.back_off_step = 0
        self.armed: frozenset[Timer] = frozenset()
        self._event: Event | None = None
        self._commands: list[Command] | None = None
        self._follow_up: tuple[Outgoing, ...] = ()

    # Orders and inputs ------------------------------------------------------------------------------------------------

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

    # Snapshots, and what else may be read -----------------------------------------------------------------------------

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
        self._commands = None

    @property
    def peer(self) -> str | None:
        """The authenticated identifier of the peer in the established generation, or None."""
        return None if self.current_protection is None else self.current_protection.peer

    def authenticates(self, link: Link) -> bool:
        """Whether messages of this generation are authenticated, whichever route they took."""
        return link is self.current and self.current_protection is not None

    @property
    def largest(self) -> tuple[int, int]:
        """The largest generation seen, including that of an unconfirmed attempt."""
        return self.seen if self.attempt is None else max(self.seen, self.attempt.generation.rank)

    def closing(self, *, own: bool) -> Address | None:
        """Return the starter's address in a close without a messaging route: that of the last established generation;
        before the first one, that of the attempt. `own`: this end closes. If the peer closes, an attempt alone cannot
        end a session whose state was kept from an earlier incarnation."""
        attempt, kept = self.attempt, self.has_state and not own
        if self.established_in is not None or attempt is None or kept or self.is_own(attempt) is not own:
            return self.established_in
        return attempt.generation.address

    @property
    def peer_route(self) -> Route:
        """The route of this end's messages: the messaging route, or while there is none, the initialization route."""
        link = self.current or self.attempt
        return (link and link.route) or self.initialization_route

    def link_of(self, address: Address) -> Link | None:
        """Return the link of the generation that an address of this end belongs to."""
        for link in (self.attempt, self.current):
            if link is not None and (address == link.handshake or link.takes(address)):
                return link
        return None

    def is_own(self, link: Link) -> bool:
        """Whether this end started the negotiation of `link`."""
        return link.generation.starter is self.settings.role

    @property
    def ended_by_order(self) -> bool:
        """Whether an order of this end, to close or to stop, is the last event."""
        return self._event in (Event.CLOSE, Event.STOP)

    # The table --------------------------------------------------------------------------------------------------------

    def _emit(self, command: Command) -> None:
        if self._commands is None:
            self._commands = []
        self._commands.append(command)

    def _take(self) -> list[Command]:
        commands, self._commands = self._commands, None
        return commands or []

    def _given(self, outgoing: Outgoing) -> list[Command]:
        """Handle a message of the application. A generation whose keys are used up has failed."""
        if self.current_protection is None or not self.current_protection.exhausted:
            return self._ordered(Event.SEND, outgoing)
        self._fire(Event.LOWER_LAYER_LOST, KEYS_USED_UP)
        try:
            return self._ordered(Event.SEND, outgoing)
        except EventRefused:  # too late to refuse: the owner must receive the commands of the failure
            self._emit(DeadLetter(self.reason, outgoing))
            if outgoing.request in self.requests:
                self._abandon(outgoing.request, self.reason, KEYS_USED_UP)
            return self._take()

    def _ordered(self, event: Event, cause: Cause = None) -> list[Command]:
        self._fire(event, cause)
        return self._take()

    def _fire(self, event: Event, cause: Cause = None) -> None:
        """Drive the table, then reissue the requests that its effects have queued."""
        self._event = event
        decision = self.settings.driver.fire(self, event, cause)
        if isinstance(decision, Ignore) and isinstance(cause, Inbound | Response):
            self._emit(DeadLetter(decision.because, cause.message))
        while self._follow_up:
            request, *rest = self._follow_up
            self._follow_up = tuple(rest)
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
        signal = self._read(message, place, link)
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
            if address == link.inner or (link.takes(address) and self._protection(link) is None):
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
        self._emit(DeadLetter(reason, message))

    # Effects, which the table calls by name: generations --------------------------------------------------------------

    def _start_attempt(self, cause: Cause) -> None:
        role, profile = self.settings.role, self.settings.profile
        number = self.seen[0] + 1
        inner = self.entropy.address(number, role, Purpose.WORKER)
        handshake = self.entropy.address(number, role, Purpose.HANDSHAKE) if profile.answers_once else None
        self.seen = ranked(number, role)
        self.attempt_protection, self._refusal = profile.protection(role), ""
        self.attempt = Link(Generation(number, role, inner), inner, handshake)
        self._emit(Remember(number))
        self._register(inner, handshake)

    def _accept_attempt(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        self._drop_attempt(cause)
        generation = hello.generation
        inner = self.entropy.address(generation.number, generation.starter, Purpose.WORKER)
        route = worker_route(message.return_route, generation.address)
        self.attempt = Link(generation, inner, None, route, resumed=self.has_state)
        self.initialization_route = self.initialization_route or hello.initialization_route
        protection = self.settings.profile.protection(self.settings.role)
        if protection is not None:
            self.attempt_protection = protection.read(message.payload, message.return_route).after
        self._register(inner)

    def _drop_attempt(self, cause: Cause) -> None:
        self._vanish(self.attempt)
        self.attempt = self.attempt_protection = None

    def _end_current(self, cause: Cause) -> None:
        self._vanish(self.current)
        self.current = self.current_protection = None

    def _forget_route(self, cause: Cause) -> None:
        self._drop_attempt(cause)
        self._end_current(cause)

    def _adopt_link(self, cause: Cause) -> None:
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
            self._emit(Remember(self.seen[0]))
        self.attempt, self.current = None, link
        self.attempt_protection, self.current_protection = None, self.attempt_protection
        self.established_in = link.generation.address
        self.has_state = True
        self.reason = self._detail = ""

    def _catch_up(self, cause: Cause) -> None:
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Superseded)
        self.seen = max(self.seen, ranked(cause.signal.number, Role.RESPONDER))
        self._emit(Remember(self.seen[0]))

    def _send_hello(self, cause: Cause) -> None:
        assert self.attempt is not None
        hello = Hello(self.terms.session_id, self.attempt.generation, self.terms.own_route)
        back = self.attempt.handshake or self.attempt.inner
        self._send(self.initialization_route, (back,), hello, link=self.attempt)

    def _send_answer(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        link = next(x for x in (self.attempt, self.current) if x is not None and x.generation == hello.generation)
        answer = Answer(self.terms.session_id, link.generation, link.inner, link.resumed)
        self._send(message.return_route, (link.inner,), answer, link=link)

    def _send_superseded(self, cause: Cause) -> None:
        message, hello = _hello(cause)
        superseded = Superseded(self.terms.session_id, self.seen[0], hello.generation.address)
        self._send(message.return_route, (self.terms.outer,), superseded)

    # Effects: data and keepalives -------------------------------------------------------------------------------------

    def _send_data(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._transmit(cause)

    def _forward_held(self, cause: Cause) -> None:
        waiting, self.waiting = self.waiting, ()
        for outgoing, _ in waiting:
            self._transmit(outgoing)

    def _send_keepalive(self, cause: Cause) -> None:
        self._send_in(self._current(), Keepalive())

    def _answer_keepalive(self, cause: Cause) -> None:
        self._send_in(self._current(), KeepaliveAnswer())

    def _send_close(self, cause: Cause) -> None:
        link, session_id, named = self._receiving_link(), self.terms.session_id, self.closing(own=True)
        if link is not None:
            self._send_in(link, Close.of(session_id, link.generation, self._reason_of_event()))
        elif named is not None and self.initialization_route:
            close = Close(session_id, self.largest[0], named, self._reason_of_event())
            self._send(self.initialization_route, (self.terms.outer,), close)

    def _send_going_away(self, cause: Cause) -> None:
        link = self._receiving_link()
        if link is not None:
            self._send_in(link, GoingAway(self._reason_of_event()))

    def _deliver(self, cause: Cause) -> None:
        if isinstance(cause, Response):
            self._end_request(cause.request).fire(RequestEvent.RESPONSE_RECEIVED, cause.payload)
            return
        assert isinstance(cause, Inbound)
        assert isinstance(cause.signal, Data)
        data = cause.signal
        if self.settings.profile.carries_routes:
            self._emit(Deliver(data.payload, data.onward_route, (self.terms.outer, *data.return_route)))
        else:
            self._emit(Deliver(data.payload, cause.message.onward_route[1:], cause.message.return_route))

    def _hold(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._wait(len(self.waiting), cause, reissued=False)

    def _hold_again(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        place = sum(1 for _, reissued in self.waiting if reissued)
        self._wait(place, cause, reissued=True)

    def _take_back(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        place = next(place for place, (outgoing, _) in enumerate(self.waiting) if outgoing is cause)
        self.waiting = [*self.waiting[:place], *self.waiting[place + 1 :]] or ()
        self._emit(DeadLetter(WITHDRAWN, cause))
        if cause.request is not None:
            self._end_request(cause.request).fire(RequestEvent.WITHDRAW)

    def _discard_held(self, cause: Cause) -> None:
        waiting, self.waiting = self.waiting, ()
        for outgoing, _ in waiting:
            self._emit(DeadLetter(self._reason_of_event(), outgoing))

    # Effects: requests ------------------------------------------------------------------------------------------------

    def _retire_requests(self, cause: Cause) -> None:
        for identifier, request in tuple(self.requests.items()):
            if request.pending and request.reissue:
                request.fire(RequestEvent.REISSUED)
                self._follow_up = (*self._follow_up, request.outgoing)
            elif request.pending:
                self._abandon(identifier, self._reason_of_event(), self._detail_of(cause))

    def _abandon_request(self, cause: Cause) -> None:
        assert isinstance(cause, Outgoing)
        self._abandon(cause.request, NO_ROOM, "")

    def _fail_requests(self, cause: Cause) -> None:
        for identifier in tuple(self.requests):
            self._abandon(identifier, self._reason_of_event(), self._detail_of(cause))

    # Effects: timers --------------------------------------------------------------------------------------------------

    def _start_negotiation(self, cause: Cause) -> None:
        self._set(Timer.NEGOTIATION, self.settings.durations.negotiation_seconds)

    def _start_back_off(self, cause: Cause) -> None:
        delay = self.settings.durations.back_off.delay_seconds(self.back_off_step, self.entropy.fraction())
        self.back_off_step = min(self.back_off_step + 1, MAX_BACK_OFF_STEPS)
        self._set(Timer.BACK_OFF, delay)

    def _reset_back_off(self, cause: Cause) -> None:
        self.back_off_step = 0

    def _start_zero_back_off(self, cause: Cause) -> None:
        self._set(Timer.BACK_OFF, 0.0)

    def _start_keepalive(self, cause: Cause) -> None:
        if self.settings.profile.keeps_alive:
            self._set(Timer.KEEPALIVE, self.settings.durations.keepalive_seconds)

    def _start_idle(self, cause: Cause) -> None:
        if self.settings.durations.idle_seconds is not None:
            self._set(Timer.IDLE, self.settings.durations.idle_seconds)

    def _start_retention(self, cause: Cause) -> None:
        self._set(Timer.RETENTION, self.settings.durations.retention_seconds)

    def _stop_timers(self, cause: Cause) -> None:
        for timer in _TIMERS:
            if timer in self.armed:
                self._emit(CancelTimer(timer))
        self.armed = frozenset()

    # Effects: the owner -----------------------------------------------------------------------------------------------

    def _note_exhausted(self, cause: Cause) -> None:
        self._detail = with_detail(self.reason, self._detail)
        self.reason = EXHAUSTED

    def _notify_established(self, cause: Cause) -> None:
        assert self.current is not None
        self._emit(Notify(Established(self.current.generation, self.current.resumed)))

    def _notify_timed_out(self, cause: Cause) -> None:
        self.reason, self._detail = self._reason_of_event(), self._detail_of(cause)
        self._emit(Notify(TimedOut(self.reason, self._detail)))

    def _notify_closed(self, cause: Cause) -> None:
        self.reason, self._detail = self._reason_of_event(), self._detail_of(cause)
        self._emit(Notify(Closed(self.reason, self._detail)))

    # Parts of effects: reasons, requests, held messages, timers -------------------------------------------------------

    def _reason_of_event(self) -> str:
        """Return the reason of this event, or of the failure before it where the event has none."""
        return REASONS.get(self._event, self.reason) if self._event is not None else self.reason

    def _detail_of(self, cause: Cause) -> str:
        """Return the detail of the reason. Text of a peer is made neutral."""
        if self._event not in REASONS:
            return self._detail
        if isinstance(cause, str):
            return cause
        if isinstance(cause, Inbound) and isinstance(cause.signal, Close | GoingAway | Error):
            return neutral(cause.signal.reason)
        if self._event is Event.NEGOTIATION_EXPIRED:
            route = " ".join(map(str, self.initialization_route))
            starts = self.settings.role is Role.INITIATOR
            missing = f"no answer from {route}" if starts else "the peer did not confirm the answer"
            return f"{missing}; refused was: {self._refusal}" if self._refusal else missing
        return ""

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

    def _request(self, record: RequestRecord) -> Request:
        return Request(record, self._emit, self.settings.durations.request_seconds)

    def _begin_request(self, record: RequestRecord) -> None:
        request = self._request(record)
        if isinstance(self.requests, dict):
            self.requests[record.identifier] = request
        else:
            self.requests = {record.identifier: request}

    def _end_request(self, identifier: Hashable) -> Request:
        assert isinstance(self.requests, dict)
        request: Request = self.requests.pop(identifier)
        self.requests = self.requests or NO_REQUESTS
        return request

    def _wait(self, place: int, outgoing: Outgoing, *, reissued: bool) -> None:
        waiting = self.waiting or []
        waiting.insert(place, (outgoing, reissued))
        self.waiting = waiting

    def _set(self, timer: Timer, after_seconds: float) -> None:
        self.armed = with_timer(self.armed, timer)
        self._emit(SetTimer(timer, after_seconds))

    # Parts of effects: messages and protection ------------------------------------------------------------------------

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
        written = self._written(link, signal, return_route)
        if written is not None:
            payload, back = written
            self._emit(Send(Message(onward_route, back, payload, tracing_context)))

    def _register(self, *addresses: Address | None) -> None:
        for address in addresses:
            if address is not None:
                self._emit(Register(address))

    def _unregister(self, *addresses: Address | None) -> None:
        for address in addresses:
            if address is not None:
                self._emit(Unregister(address))

    def _vanish(self, link: Link | None) -> None:
        if link is not None:
            self._unregister(link.inner, link.handshake)

    def _written(self, link: Link | None, signal: Signal, back: Route) -> tuple[bytes, Route] | None:
        """Return the payload of `signal` and its return route; None: it cannot be sent.

        `link`: the generation in which it is sent; None: in none. `back`: the return route unless it is hidden.
        """
        profile, protection = self.settings.profile, None if link is None else self._protection(link)
        if not (protection or profile).can_send(signal):
            return None
        if link is None or protection is None:
            return profile.encode(signal), back
        payload, after = protection.write(signal)
        self._protect(link, after)
        return payload, () if protection.complete else back

    def _read(self, message: Message, place: Place, link: Link | None) -> Signal:
        """Return the signal of a message.

        Raises:
            RemoteSessionError: it cannot be read, or it is not authentic where it has to be. Nothing has changed but
                `_refusal`, which becomes the detail of a failed negotiation.
        """
        protection = None if link is None else self._protection(link)
        if link is None or protection is None:
            return self.settings.profile.decode(message.payload, place, message.return_route)
        try:
            signal, newest, after = protection.read(message.payload, message.return_route)
        except RemoteSessionError as error:
            if link is self.attempt:
                self._refusal = str(error)
            raise
        self._protect(link, after)
        if newest and link is self.current and not self.is_own(link):
            self._follow(link, message.return_route)
        return signal

    def _protection(self, link: Link) -> Protection | None:
        """Return the protection of a generation, or None. With one, the outer addresses of a message are only hints:
        any node on the way could change them."""
        return self.attempt_protection if link is self.attempt else self.current_protection

    def _protect(self, link: Link, after: Protection) -> None:
        if link is self.attempt:
            self.attempt_protection = after
        else:
            self.current_protection = after

    def _follow(self, link: Link, return_route: Route) -> None:
        if return_route and return_route != link.route[:-1] and len(return_route) < MAX_ROUTE_LENGTH:
            self.current = link._replace(route=(*return_route, link.route[-1]))


def _hello(cause: Cause) -> tuple[Message, Hello]:
    assert isinstance(cause, Inbound)
    assert isinstance(cause.signal, Hello)
    return cause.message, cause.signal

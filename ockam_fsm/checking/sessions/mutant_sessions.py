"""Mutants of the session, for the known-bad machines (`known_bad.py`).

Rule 1: each overrides as little of the real session as possible, so that it has exactly one fault.
Source: spec/sessions.md section 9.
"""

from __future__ import annotations

from collections.abc import Hashable

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.machines.vocabulary import Event, State
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.session.causes import Cause, Inbound
from ockam_fsm.runtime.session.commands import Command, Deliver, Notify, RequestTimedOut
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.link import Link, Purpose
from ockam_fsm.runtime.session.request import Outgoing, Request, RequestRecord
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Answer, Close, Data, Hello


class NoGeneration(Session):
    """An answer to any attempt is accepted, at an address that never changes."""

    __slots__ = ()

    def _judge_answer(self, inbound: Inbound, answer: Answer) -> Event:
        own = self.attempt is not None and self.is_own(self.attempt)
        return Event.ANSWER_CURRENT if own else Event.ANSWER_STALE

    def _start_attempt(self, cause: Cause) -> None:
        super()._start_attempt(cause)
        assert self.attempt is not None
        self.attempt = _readdressed(self.attempt)


class EstablishedOnAnswering(Session):
    """The responder is established as soon as it has answered."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        before = self.attempt
        super()._judge_hello(inbound, hello, place)
        if self.attempt is not None and self.attempt != before and not self.is_own(self.attempt):
            if self.current is not None:
                self._fire(Event.PREVIOUS_ENDED)
            self._fire(Event.CONFIRMED, inbound)


class ReuseInnerAddress(Session):
    """Every generation uses the same inner address."""

    __slots__ = ()

    def _start_attempt(self, cause: Cause) -> None:
        super()._start_attempt(cause)
        assert self.attempt is not None
        self.attempt = _readdressed(self.attempt)

    def _accept_attempt(self, cause: Cause) -> None:
        super()._accept_attempt(cause)
        assert self.attempt is not None
        self.attempt = self.attempt._replace(inner=_fixed(self.attempt.inner))


class FirstEstablishedWins(Session):
    """In a collision each end answers the other's hello and continues its own attempt."""

    __slots__ = ()

    def _judge_hello(self, inbound: Inbound, hello: Hello, place: Place) -> None:
        own = self.attempt is not None and self.is_own(self.attempt)
        generation = hello.generation
        if not own or self.attempt is None or self.attempt.generation.number != generation.number:
            super()._judge_hello(inbound, hello, place)
            return
        inner = self.entropy.address(generation.number, generation.starter, Purpose.WORKER)
        answer = Answer(self.terms.session_id, generation, inner, self.has_state)
        self._send(inbound.message.return_route, (inner,), answer)


class LateResponseCounts(Session):
    """A request that timed out stays open, so its late response is an outcome as well."""

    __slots__ = ()

    def _request_expired(self, identifier: Hashable) -> None:
        if identifier in self.requests:
            self._emit(Notify(RequestTimedOut(identifier)))


class ForgetHeldMessages(Session):
    """Held messages are discarded without dead letters."""

    __slots__ = ()

    def _discard_held(self, cause: Cause) -> None:
        self.waiting = ()


class DeliverBeforeEstablished(Session):
    """Data at the address of an unconfirmed answer is delivered and confirms nothing."""

    __slots__ = ()

    def _judge_talk(self, inbound: Inbound, link: Link) -> None:
        if link is self.attempt and not self.is_own(link) and isinstance(inbound.signal, Data):
            self._emit(Deliver(inbound.signal.payload, (), (self.terms.outer,)))
            return
        super()._judge_talk(inbound, link)


class UnboundedHold(Session):
    """A message is held even when the hold queue is full."""

    __slots__ = ()

    def send(self, outgoing: Outgoing) -> list[Command]:
        try:
            return super().send(outgoing)
        except EventRefused:
            if self.state in (State.IDLE, State.CLOSED):
                raise
            self._wait(len(self.waiting), outgoing, reissued=False)
            return []


class LoseStateOnRenegotiation(Session):
    """The session's state is lost when another generation is adopted."""

    __slots__ = ()

    def _adopt_link(self, cause: Cause) -> None:
        had_state = self.has_state
        super()._adopt_link(cause)
        self.has_state = not had_state


class CloseToThePast(Session):
    """A close is sent in the previous generation, although this end has answered the peer's next attempt."""

    __slots__ = ()

    def _send_close(self, cause: Cause) -> None:
        attempt = self.attempt
        self.attempt = attempt if self.current is None else None
        super()._send_close(cause)
        self.attempt = attempt


class DropsInSilence(Session):
    """A stray message is dropped without a dead letter."""

    __slots__ = ()

    def _stray(self, message: Message, reason: str) -> None:
        pass


class CloseBelievedFromAnybody(Session):
    """A close at the contact address is accepted from any sender."""

    __slots__ = ()

    def _judge_close(self, close: Close) -> Event:
        return Event.CLOSE_AT_CONTACT


class UnconfirmedNumberStays(Session):
    """A hello raises the largest number seen, even if the answer is never confirmed."""

    __slots__ = ()

    def _accept_attempt(self, cause: Cause) -> None:
        super()._accept_attempt(cause)
        self.seen = self.largest


class DeadlineFailsSession(Session):
    """Withdrawing a request that was sent acts like its timeout, which fails the session."""

    __slots__ = ()

    def withdraw_request(self, identifier: Hashable) -> list[Command]:
        if not self.requests[identifier].pending:
            return super().withdraw_request(identifier)
        self._request_expired(identifier)
        return self._take()


class _Untimed(Request):
    __slots__ = ()

    def start_request(self, cause: object) -> None:
        """No timer is started."""


class NoRequestTimer(Session):
    """Requests have no timer."""

    __slots__ = ()

    def _request(self, record: RequestRecord) -> Request:
        return _Untimed(record, self._emit, self.settings.durations.request_seconds)


def _fixed(address: Address) -> Address:
    """The same address for every generation of an end."""
    return local(address.value.partition(b"/")[0] + b"/fixed")


def _readdressed(link: Link) -> Link:
    inner = _fixed(link.inner)
    return link._replace(inner=inner, generation=link.generation._replace(address=inner))

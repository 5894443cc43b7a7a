"""A publisher, without I/O: it numbers and keeps messages, and handles the outcomes of their requests.

Rule 1: an ordinal counts the messages of the application and never changes; a number is an ordinal less the ordinals
        that were confirmed before the identity began. So the image has no numbers, and they cannot disagree.
Rule 2: the image is all that a publisher keeps for a restart, including the messages: otherwise a number could denote
        another message.
Rule 3: requests that fail and are not sent show that the peer has lost the record (clause 6.8); if no request waits,
        the establishment shows it.
Source: spec/sessions.md clauses 12.2 to 12.4; machines/publisher.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import DefinitionError, RemoteSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.publisher import PUBLISHER, PublisherEvent, PublisherState
from ockam_fsm.runtime.encoding.gate import check_payload
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_MESSAGE_BYTES,
    Push,
    Pushed,
    Status,
    decode_response,
    encode_request,
)
from ockam_fsm.runtime.session.causes import PEER_LOST_STATE
from ockam_fsm.runtime.session.config import BackOff, back_off_problems, count_problems
from ockam_fsm.runtime.stream.commands import (
    CloseSession,
    Ignored,
    NewSession,
    PublisherClosed,
    PublisherCommand,
    Request,
    StateLost,
    Stored,
    StreamTimer,
    Withdraw,
)
from ockam_fsm.runtime.stream.core import Core

_DRIVER = driver_for(PUBLISHER)
BY_ORDER = "closed by order"
NEVER_SENT = "no message was sent under this number"


@dataclass(frozen=True, slots=True)
class PublisherConfig:
    """The configuration of a publisher. `window`: the most accepted, unconfirmed messages. `retry`: the pause after a
    rejection.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    window: int = 64
    retry: BackOff = field(default_factory=BackOff)

    def __post_init__(self) -> None:
        problems = [*count_problems(self, "window", least=1), *back_off_problems(self, "retry")]
        if problems:
            raise DefinitionError("publisher", problems)


class PublisherImage(NamedTuple):
    """The state of a publisher. `confirmed` and `before` are ordinals: the last confirmed one, and the last one that
    was confirmed before the current identity. `messages` follow `confirmed`; `open`: the numbers of open requests."""

    state: PublisherState = PublisherState.PUBLISHING
    before: int = 0
    confirmed: int = 0
    messages: tuple[bytes, ...] = ()
    open: tuple[int, ...] = ()


class Publisher(Core[PublisherState, PublisherEvent, PublisherCommand]):
    """One publisher. Every method that takes an input returns its commands, in order."""

    __slots__ = ("_reason", "before", "config", "confirmed", "messages", "open", "unconfirmed")

    def __init__(self, config: PublisherConfig, image: PublisherImage = PublisherImage()) -> None:  # noqa: B008
        self.config = config
        super().__init__(_DRIVER, image.state, {"unconfirmed": config.window})
        _, self.before, self.confirmed, messages, still_open = image
        self.messages = list(messages)
        self.open = list(still_open)
        self.unconfirmed = len(self.messages)
        self._reason = ""

    def image(self) -> PublisherImage:
        return PublisherImage(self.state, self.before, self.confirmed, tuple(self.messages), tuple(self.open))

    # In ---------------------------------------------------------------------------------------------------------------

    def resume(self) -> list[PublisherCommand]:
        """Continue with an image after a restart: send unconfirmed messages again, once the peer has resumed."""
        self.open = []
        self.send_again(None)
        return self._take()

    def publish(self, data: bytes) -> list[PublisherCommand]:
        """Accept a message.

        Raises:
            EventRefused: the window is full, or the publisher is closed; nothing has changed.
            LocalSessionError: the message is of the wrong type or too large; nothing has changed.
        """
        check_payload(data, MAX_MESSAGE_BYTES)
        return self._fire(PublisherEvent.PUBLISH, data)

    def responded(self, number: int, payload: bytes) -> list[PublisherCommand]:
        """Handle the response to request `number`."""
        self._closed(number)
        if self._confirms(number, payload):
            return self._settle_up_to(number)
        return self._fire(PublisherEvent.REJECTED)

    def failed(self, number: int, reason: str) -> list[PublisherCommand]:
        """Handle the failure of request `number`. `session_closed` reports the end of the session."""
        if number not in self.open:
            return []
        self._closed(number)
        return self._fire(PublisherEvent.STATE_LOST if reason == PEER_LOST_STATE else PublisherEvent.REJECTED)

    def established(self, resumed: bool) -> list[PublisherCommand]:
        """Handle an establishment. A peer that has not resumed expects number 1. If that number was confirmed before,
        the peer has lost its state, and would accept none of the later numbers."""
        if resumed or self.confirmed == self.before:
            return []
        return self._fire(PublisherEvent.STATE_LOST)

    def session_closed(self, reason: str) -> list[PublisherCommand]:
        """Handle the end of the session; `reason` is for people."""
        self._reason = reason
        return self._fire(PublisherEvent.SESSION_CLOSED)

    def retry_due(self) -> list[PublisherCommand]:
        return self._fire(PublisherEvent.RETRY_DUE)

    def close(self) -> list[PublisherCommand]:
        """Close the publisher. Unconfirmed messages may be stored or not."""
        self._reason = BY_ORDER
        return self._fire(PublisherEvent.CLOSE)

    def _confirms(self, number: int, payload: bytes) -> bool:
        try:
            response = decode_response(payload)
        except RemoteSessionError:
            return False
        return isinstance(response, Pushed) and response.request_id == number and response.status is Status.OK

    def _settle_up_to(self, number: int) -> list[PublisherCommand]:
        """Settle every message up to this number: a confirmation covers all of them."""
        ordinal = self.before + number
        if ordinal <= self.confirmed:
            return self._fire(PublisherEvent.CONFIRMED_BEFORE)
        if ordinal > self.confirmed + len(self.messages):
            return [Ignored(NEVER_SENT)]
        while self.confirmed < ordinal and self.state is PublisherState.PUBLISHING:
            _DRIVER.fire(self, PublisherEvent.CONFIRMED, None)
        return self._take()

    def _closed(self, number: int) -> None:
        if number in self.open:
            self.open.remove(number)

    # Effects ----------------------------------------------------------------------------------------------------------

    def keep(self, data: bytes) -> None:
        self.messages.append(data)

    def send_push(self, data: bytes) -> None:
        self._send(self.confirmed + len(self.messages) - self.before, data)

    def settle(self, cause: None) -> None:
        del self.messages[0]
        self.confirmed += 1
        number = self.confirmed - self.before
        if number in self.open:
            self._closed(number)
            self._commands.append(Withdraw(number))
        self._commands.append(Stored(self.confirmed))

    def send_again(self, cause: None) -> None:
        first = self.confirmed + 1 - self.before
        for number, data in enumerate(self.messages, first):
            if number not in self.open:
                self._send(number, data)

    def start_retry(self, cause: None) -> None:
        self._commands.append(SetTimer(StreamTimer.RETRY, self.config.retry.initial_seconds))

    def stop_retry(self, cause: None) -> None:
        self._commands.append(CancelTimer(StreamTimer.RETRY))

    def renew_identity(self, cause: None) -> None:
        self.before, self.open = self.confirmed, []
        self._commands.append(NewSession())

    def report_state_lost(self, cause: None) -> None:
        self._commands.append(StateLost())

    def close_session(self, cause: None) -> None:
        self._commands.append(CloseSession())

    def report_closed(self, cause: None) -> None:
        self._commands.append(PublisherClosed(self.confirmed, self._reason))

    def _send(self, number: int, data: bytes) -> None:
        self.open.append(number)
        self._commands.append(Request(number, encode_request(Push(number, data))))

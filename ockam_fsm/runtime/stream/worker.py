"""A stream worker, without I/O: it checks the numbers of publishers, and gives commands to the storage.

Rule 1: a record of a publisher has two numbers: the last that is stored, and the last that is accepted. It is looked up
        in the log before the session of the publisher is made (`known`), so the session's answer reports it.
Rule 2: messages are confirmed when they are stored, in the order in which the storage received them.
Rule 3: a log that failed is opened anew; later reports about the previous one are ignored.
Source: spec/sessions.md clauses 12.3 to 12.7; machines/stream.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.stream import STREAM, StreamEvent, StreamState
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.encoding.stream_messages import MAX_PULLED_MESSAGES, Pull, Push, Pushed, Status, StreamError
from ockam_fsm.runtime.session.config import BackOff, back_off_problems, count_problems
from ockam_fsm.runtime.stream.commands import (
    Append,
    CloseLog,
    EndSessions,
    Ignored,
    OpenLog,
    Read,
    Reply,
    StreamCommand,
    StreamTimer,
)
from ockam_fsm.runtime.stream.core import Core

_DRIVER = driver_for(STREAM)
PLAIN = b""
"""The publisher of a message without an identity."""
UNKNOWN_PUBLISHER = "the record of this publisher was not looked up"
NO_NUMBER = "numbers begin with 1"
NOT_SERVED = "the storage of the stream is not available now"


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """The configuration of a stream worker. `pending`: the most messages that the storage has not yet stored.
    `back_off`: the pause after a failure of the storage.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    pending: int = 1024
    back_off: BackOff = field(default_factory=BackOff)

    def __post_init__(self) -> None:
        problems = [*count_problems(self, "pending", least=1), *back_off_problems(self, "back_off")]
        if problems:
            raise DefinitionError("stream worker", problems)


class PublisherRecord(NamedTuple):
    """The numbers of one publisher: the last that is stored, and the last that is accepted."""

    stored: int
    accepted: int


class Accepted(NamedTuple):
    """A message that was given to the storage, and the route of its confirmation."""

    publisher: bytes
    number: int
    reply: Route


class Pushing(NamedTuple):
    """A push that arrived."""

    publisher: bytes
    push: Push
    reply: Route


class Pulling(NamedTuple):
    """A pull that arrived."""

    pull: Pull
    reply: Route


class StreamImage(NamedTuple):
    """The state of a stream worker, as a hashable value."""

    state: StreamState = StreamState.OPENING
    records: tuple[tuple[bytes, PublisherRecord], ...] = ()
    under_way: tuple[Accepted, ...] = ()
    failures: int = 0


class StreamWorker(Core[StreamState, StreamEvent, StreamCommand]):
    """The worker of one partition. Every method that takes an input returns its commands.

    Call `start` first, which opens the log.
    """

    def __init__(self, config: StreamConfig, image: StreamImage = StreamImage()) -> None:  # noqa: B008
        self.config = config
        super().__init__(_DRIVER, image.state, {"pending": config.pending})
        _, records, under_way, self.failures = image
        self.records = dict(records)
        self.under_way = list(under_way)
        self.pending = len(self.under_way)
        self._index = 0

    def image(self) -> StreamImage:
        return StreamImage(self.state, tuple(self.records.items()), tuple(self.under_way), self.failures)

    # In ---------------------------------------------------------------------------------------------------------------

    def start(self) -> list[StreamCommand]:
        """Open the log for the first time."""
        self.open_log(None)
        return self._take()

    def opened(self) -> list[StreamCommand]:
        """Report that the log is open."""
        return self._fire(StreamEvent.LOG_OPENED)

    def storage_failed(self) -> list[StreamCommand]:
        """Report that the storage failed: messages given to it may be stored or not."""
        return self._fire(StreamEvent.STORAGE_FAILED)

    def retry_due(self) -> list[StreamCommand]:
        return self._fire(StreamEvent.RETRY_DUE)

    def stop(self) -> list[StreamCommand]:
        """Stop. Messages given to the storage may be stored or not."""
        return self._fire(StreamEvent.STOP)

    def known(self, publisher: bytes, last: int | None) -> bool:
        """Take over the log's record of a publisher: `last` is the last number that is stored, or None.

        Return whether a record exists, in the log or of messages accepted since the log was opened.
        """
        self.records.setdefault(publisher, PublisherRecord(last or 0, last or 0))
        return self.records[publisher].accepted > 0

    def forget(self, publisher: bytes) -> None:
        """Forget a publisher whose session has ended: its record is in the log."""
        if all(one.publisher != publisher for one in self.under_way):
            self.records.pop(publisher, None)

    def push(self, publisher: bytes, push: Push, reply: Route) -> list[StreamCommand]:
        """Handle a push over the session of `publisher`, or from a plain client (`PLAIN`)."""
        if publisher != PLAIN and publisher not in self.records:
            return [Ignored(UNKNOWN_PUBLISHER)]
        if publisher != PLAIN and push.request_id < 1:
            return [Ignored(NO_NUMBER)]
        return self._fire(self._judge(publisher, push.request_id), Pushing(publisher, push, reply))

    def appended(self, index: int) -> list[StreamCommand]:
        """Report that the oldest message given to the storage is stored, under `index`."""
        self._index = index
        return self._fire(StreamEvent.APPENDED)

    def pull(self, pull: Pull, reply: Route) -> list[StreamCommand]:
        return self._fire(StreamEvent.PULL, Pulling(pull, reply))

    def _judge(self, publisher: bytes, number: int) -> StreamEvent:
        if publisher == PLAIN:
            return StreamEvent.PUSH_PLAIN
        stored, accepted = self.records[publisher]
        if number <= stored:
            return StreamEvent.PUSH_STORED
        if number <= accepted:
            return StreamEvent.PUSH_UNDER_WAY
        return StreamEvent.PUSH_NEXT if number == accepted + 1 else StreamEvent.PUSH_BEYOND

    # Effects ----------------------------------------------------------------------------------------------------------

    def open_log(self, cause: object) -> None:
        self._commands.append(OpenLog())

    def append(self, cause: Pushing) -> None:
        publisher, push, reply = cause
        number = 0 if publisher == PLAIN else push.request_id
        self.under_way.append(Accepted(publisher, push.request_id, reply))
        if publisher != PLAIN:
            self.records[publisher] = self.records[publisher]._replace(accepted=number)
        self._commands.append(Append(publisher, number, push.data))

    def answer_later(self, cause: Pushing) -> None:
        sent = (cause.publisher, cause.push.request_id)
        self.under_way = [one._replace(reply=cause.reply) if one[:2] == sent else one for one in self.under_way]

    def confirm(self, cause: object) -> None:
        publisher, number, reply = self.under_way.pop(0)
        if publisher != PLAIN:
            self.records[publisher] = self.records[publisher]._replace(stored=number)
        self._reply(reply, Pushed(number, Status.OK, self._index))

    def confirm_again(self, cause: Pushing) -> None:
        self._reply(cause.reply, Pushed(cause.push.request_id, Status.OK, 0))

    def read(self, cause: Pulling) -> None:
        request_id, index, limit = cause.pull.request_id, cause.pull.index, cause.pull.limit
        self._commands.append(Read(request_id, index, min(limit, MAX_PULLED_MESSAGES), cause.reply))

    def forget_accepted(self, cause: object) -> None:
        for publisher, number, reply in self.under_way:
            if publisher == PLAIN:
                self._reply(reply, Pushed(number, Status.ERROR, 0))
        self.under_way, self.records = [], {}

    def end_sessions(self, cause: object) -> None:
        self._commands.append(EndSessions())

    def start_back_off(self, cause: object) -> None:
        delay = self.config.back_off.delay_seconds(self.failures, 0.5)
        self.failures += 1
        self._commands.append(SetTimer(StreamTimer.BACK_OFF, delay))

    def reset_back_off(self, cause: object) -> None:
        self.failures = 0

    def refuse_plain(self, cause: Pushing | Pulling) -> None:
        if isinstance(cause, Pushing):
            self._reply(cause.reply, Pushed(cause.push.request_id, Status.ERROR, 0))
        else:
            self._reply(cause.reply, StreamError(NOT_SERVED))

    def stop_timers(self, cause: object) -> None:
        self._commands.append(CancelTimer(StreamTimer.BACK_OFF))

    def close_log(self, cause: object) -> None:
        self._commands.append(CloseLog())

    def _reply(self, route: Route, response: Pushed | StreamError) -> None:
        self._commands.append(Reply(route, response))

"""The commands of the workers of a stream to an edge. An edge carries them out and decides nothing.

Rule 1: commands are values, in the order in which they are to be carried out. Durations are in seconds from now.
Source: spec/sessions.md section 12.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.kernel.value import Symbol, value
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.encoding.stream_messages import StreamRequest, StreamResponse


class StreamTimer(Symbol):
    """The timers of the workers of a stream."""

    RETRY = "retry"
    BACK_OFF = "back-off"
    REQUEST = "request"
    POLL = "poll"


# A publisher ----------------------------------------------------------------------------------------------------------


@value
class Request:
    """Send a push as the synchronous request `number` of the publisher's session, for a resumed peer only."""

    number: int
    payload: bytes


@value
class Withdraw:
    """Take request `number` back."""

    number: int


@value
class NewSession:
    """Close the session, and open another one under a fresh id for the requests that follow.

    The edge drops all later notices of the previous session, also those of the same step: its request numbers now
    denote other messages.
    """


@value
class CloseSession:
    """Close the session."""


@value
class Stored:
    """Report to the application that its message `ordinal`, counted from 1, is stored."""

    ordinal: int


@value
class StateLost:
    """Report to the application that the stream has lost its record of this publisher: unconfirmed messages may be
    stored twice."""


@value
class PublisherClosed:
    """Report to the application that the publisher has closed. Messages after `confirmed` may be stored or not."""

    confirmed: int
    reason: str


# A stream worker ------------------------------------------------------------------------------------------------------


@value
class OpenLog:
    """Open the log: fence its last writer, then read its end. `StreamWorker.opened` or `storage_failed` follows."""


@value
class CloseLog:
    """Close the log."""


@value
class Append:
    """Give a message to the storage, after those before it. `publisher` empty: it is from a plain client."""

    publisher: bytes
    number: int
    data: bytes


@value
class Read:
    """Read at most `limit` messages from `index` on, and send them as the response to `request_id` along `reply`."""

    request_id: int
    index: int
    limit: int
    reply: Route


@value
class Reply:
    """Send a response along `route`."""

    route: Route
    response: StreamResponse


@value
class EndSessions:
    """Stop the sessions of the publishers: each negotiates again, and its record is looked up then."""


@value
class Ignored:
    """The message is a dead letter, for this reason."""

    reason: str


# An index worker ------------------------------------------------------------------------------------------------------


@value
class KeepIndex:
    """Store the index of a group of consumers for a partition of a stream."""

    client_id: str
    stream_name: str
    partition: int | None
    index: int


# A consumer -----------------------------------------------------------------------------------------------------------


@value
class Ask:
    """Send a request to the stream, or to the index worker if it is about an index."""

    request: StreamRequest


@value
class Process:
    """Deliver a message to the application; `Consumer.processed` or `processing_failed` follows. `attempt` counts from
    1."""

    index: int
    data: bytes
    attempt: int


@value
class Bury:
    """A message that could not be processed: it becomes a dead letter."""

    index: int
    data: bytes
    reason: str


@value
class ConsumerFailed:
    """Report to the supervisor that this consumer has failed, and another one may start."""

    reason: str


PublisherCommand: TypeAlias = (
    Request
    | Withdraw
    | NewSession
    | CloseSession
    | Stored
    | StateLost
    | PublisherClosed
    | SetTimer[StreamTimer]
    | CancelTimer[StreamTimer]
    | Ignored
)
StreamCommand: TypeAlias = (
    OpenLog
    | CloseLog
    | Append
    | Read
    | Reply
    | EndSessions
    | SetTimer[StreamTimer]
    | CancelTimer[StreamTimer]
    | Ignored
)
IndexCommand: TypeAlias = KeepIndex | Reply | Ignored
ConsumerCommand: TypeAlias = (
    Ask | Process | Bury | ConsumerFailed | SetTimer[StreamTimer] | CancelTimer[StreamTimer] | Ignored
)

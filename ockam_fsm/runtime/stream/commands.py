"""What the workers of a stream ask of whoever runs them. An edge acts on it and decides nothing.

Rule 1: commands are values, in the order in which they are to be carried out. Durations are in seconds from now.
Source: spec/sessions.md section 12.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.value import Symbol, value
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.runtime.encoding.stream_messages import StreamRequest, StreamResponse


class StreamTimer(Symbol):
    """The timers of the workers of a stream."""

    RETRY = "retry"
    BACK_OFF = "back-off"
    REQUEST = "request"
    POLL = "poll"


@value
class SetTimer:
    """Fire `timer` once, `after_seconds` from now; a timer of the same name that runs is replaced."""

    timer: StreamTimer
    after_seconds: float


@value
class CancelTimer:
    timer: StreamTimer


# A publisher ----------------------------------------------------------------------------------------------------------


@value
class Request:
    """Send a push as a synchronous request `number` of the publisher's session; it is for a peer that has resumed."""

    number: int
    payload: bytes


@value
class Withdraw:
    """Take request `number` back."""

    number: int


@value
class NewSession:
    """Close the session, and open another one under a fresh id. Requests that follow are that one's.

    Nothing that the one before says is for the publisher any more, nor what it has said in the same breath: the numbers
    of its requests are those of other messages now.
    """


@value
class CloseSession:
    """Close the session."""


@value
class Stored:
    """Tell the application: its message `ordinal`, counted from 1, is stored."""

    ordinal: int


@value
class StateLost:
    """Tell the application: the stream has lost its record of this publisher. What is not confirmed may be stored
    twice."""


@value
class PublisherClosed:
    """Tell the application: nothing is published any more. The messages after `confirmed` may be stored or not."""

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
    """Stop the sessions of the publishers: each asks again, and its record is looked up then."""


@value
class Ignored:
    """The message is a dead letter, and this is why."""

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
    """Send a request to the stream, or, about an index, to the index worker."""

    request: StreamRequest


@value
class Process:
    """Hand a message to the application; `Consumer.processed` or `processing_failed` follows. `attempt` counts from
    1."""

    index: int
    data: bytes
    attempt: int


@value
class Bury:
    """This message could not be processed: it becomes a dead letter."""

    index: int
    data: bytes
    reason: str


@value
class ConsumerFailed:
    """Tell the supervisor: this consumer is over, and another one may begin."""

    reason: str


PublisherCommand: TypeAlias = (
    Request
    | Withdraw
    | NewSession
    | CloseSession
    | Stored
    | StateLost
    | PublisherClosed
    | SetTimer
    | CancelTimer
    | Ignored
)
StreamCommand: TypeAlias = OpenLog | CloseLog | Append | Read | Reply | EndSessions | SetTimer | CancelTimer | Ignored
IndexCommand: TypeAlias = KeepIndex | Reply | Ignored
ConsumerCommand: TypeAlias = Ask | Process | Bury | ConsumerFailed | SetTimer | CancelTimer | Ignored

"""A consumer, without I/O: it sends requests, checks responses, and delivers message by message to the application.

Rule 1: `saved` is the index of the next message to process; the index worker keeps it for the group.
Rule 2: request ids never repeat within a consumer. A consumer that a supervisor starts continues the count of the
        previous one, so it accepts no response to that one.
Source: spec/sessions.md clauses 12.7 to 12.9; machines/consumer.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import DefinitionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.consumer import CONSUMER, ConsumerEvent, ConsumerState
from ockam_fsm.runtime.encoding.bare import MAX_UINT
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_PULLED_MESSAGES,
    GetIndex,
    Pull,
    Pulled,
    SaveIndex,
    StoredMessage,
    StreamIndex,
    StreamResponse,
)
from ockam_fsm.runtime.session.config import LEAST_SECONDS, count_problems, seconds_problems, text_problems
from ockam_fsm.runtime.stream.commands import (
    Ask,
    Bury,
    ConsumerCommand,
    ConsumerFailed,
    Process,
    StreamTimer,
)
from ockam_fsm.runtime.stream.core import Core

_DRIVER = driver_for(CONSUMER)
EXPIRED = "no response in time"


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """The configuration of a consumer: the stream, the group, limits and times.

    `limit`: the most messages in one pull. `tries`: the number of times that a message is delivered to the application
    before it becomes a dead letter. `first_index`: the first index of a group without a saved one.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    stream_name: str
    client_id: str
    partition: int | None = None
    limit: int = 100
    tries: int = 4
    first_index: int = 0
    request_seconds: float = 10.0
    poll_seconds: float = 0.1

    def __post_init__(self) -> None:
        problems = [*text_problems(self, "stream_name", "client_id")]
        problems += count_problems(self, "limit", "tries", least=1)
        problems += count_problems(self, "first_index", *(() if self.partition is None else ("partition",)))
        problems += seconds_problems(self, "request_seconds", "poll_seconds", least=LEAST_SECONDS)
        if not problems and self.limit > MAX_PULLED_MESSAGES:
            problems.append(f"limit: {self.limit}, expected at most {MAX_PULLED_MESSAGES}")
        if not problems and max(self.first_index, self.partition or 0) > MAX_UINT:
            problems.append(f"first_index and partition: the largest number that can be encoded is {MAX_UINT}")
        if problems:
            raise DefinitionError("consumer", problems)


class ConsumerImage(NamedTuple):
    """The state of a consumer, as a hashable value. `asked`: the number of pulls so far. `batch`: the messages to be
    processed, the first of which the application processes."""

    state: ConsumerState = ConsumerState.STARTING
    asked: int = 0
    saved: int = 0
    batch: tuple[StoredMessage, ...] = ()
    tries: int = 0


class Consumer(Core[ConsumerState, ConsumerEvent, ConsumerCommand]):
    """One consumer. Every method that takes an input returns its commands, in order."""

    def __init__(self, config: ConsumerConfig, image: ConsumerImage = ConsumerImage()) -> None:  # noqa: B008
        self.config = config
        super().__init__(_DRIVER, image.state, {"tries": config.tries - 1})
        _, self.asked, self.saved, batch, self.tries = image
        self.batch = list(batch)
        self._reason = ""

    def image(self) -> ConsumerImage:
        return ConsumerImage(self.state, self.asked, self.saved, tuple(self.batch), self.tries)

    # In ---------------------------------------------------------------------------------------------------------------

    def start(self) -> list[ConsumerCommand]:
        """Request the saved index."""
        self.ask_index(None)
        self.start_request(None)
        return self._take()

    def receive(self, response: StreamResponse) -> list[ConsumerCommand]:
        """Handle a response of the stream or of the index worker."""
        return self._fire(self._judge(response), response)

    def processed(self) -> list[ConsumerCommand]:
        """Report that the application has processed its message.

        Raises:
            EventRefused: the application has no message to process.
        """
        return self._fire(self._progress())

    def processing_failed(self, reason: str) -> list[ConsumerCommand]:
        """Report that the application failed to process its message, and why. Raises the errors of `processed`."""
        self._reason = reason
        return self._fire(ConsumerEvent.PROCESSING_FAILED)

    def fire(self, timer: StreamTimer) -> list[ConsumerCommand]:
        """Fire a timer that is due. One that was stopped is ignored: edges may be late."""
        if timer is StreamTimer.POLL and self.state is ConsumerState.WAITING:
            return self._fire(ConsumerEvent.POLL_DUE)
        if timer is StreamTimer.REQUEST and self.state in (ConsumerState.STARTING, ConsumerState.PULLING):
            self._reason = EXPIRED
            return self._fire(ConsumerEvent.REQUEST_EXPIRED)
        return []

    def session_lost(self, reason: str) -> list[ConsumerCommand]:
        self._reason = reason
        return self._fire(ConsumerEvent.SESSION_LOST)

    def stop(self) -> list[ConsumerCommand]:
        return self._fire(ConsumerEvent.STOP)

    def _judge(self, response: StreamResponse) -> ConsumerEvent:
        config = self.config
        match response:
            case StreamIndex(config.client_id, config.stream_name, _, config.partition):
                return ConsumerEvent.INDEX_KNOWN
            case Pulled(self.asked, messages) if self._in_order(messages):
                return ConsumerEvent.MESSAGES_RECEIVED if messages else ConsumerEvent.NOTHING_RECEIVED
        return ConsumerEvent.STALE_RECEIVED

    def _in_order(self, messages: tuple[StoredMessage, ...]) -> bool:
        """Whether the indexes rise from the requested one on, and there are at most `limit`. The largest number is not
        an index: the one after it could not be saved."""
        indexes = [self.saved - 1, *(message.index for message in messages), MAX_UINT]
        return len(messages) <= self.config.limit and all(a < b for a, b in pairwise(indexes))

    def _progress(self) -> ConsumerEvent:
        return ConsumerEvent.PROCESSED if len(self.batch) > 1 else ConsumerEvent.LAST_PROCESSED

    # Effects ----------------------------------------------------------------------------------------------------------

    def ask_index(self, cause: object) -> None:
        config = self.config
        self._commands.append(Ask(GetIndex(config.client_id, config.stream_name, config.partition)))

    def pull(self, cause: object) -> None:
        if isinstance(cause, StreamIndex):
            self.saved = self.config.first_index if cause.index is None else cause.index
        self.asked += 1
        self._commands.append(Ask(Pull(self.asked, self.saved, self.config.limit)))

    def process(self, cause: object) -> None:
        if isinstance(cause, Pulled):
            self.batch = list(cause.messages)
        self._hand_over()

    def process_again(self, cause: object) -> None:
        self._hand_over()

    def save_index(self, cause: object) -> None:
        config = self.config
        self.saved = self.batch.pop(0).index + 1
        self._commands.append(Ask(SaveIndex(config.client_id, config.stream_name, self.saved, config.partition)))

    def bury(self, cause: object) -> None:
        first = self.batch[0]
        self._commands.append(Bury(first.index, first.data, self._reason))
        _DRIVER.fire(self, self._progress(), None)

    def start_request(self, cause: object) -> None:
        self._commands.append(SetTimer(StreamTimer.REQUEST, self.config.request_seconds))

    def stop_request(self, cause: object) -> None:
        self._commands.append(CancelTimer(StreamTimer.REQUEST))

    def start_poll(self, cause: object) -> None:
        self._commands.append(SetTimer(StreamTimer.POLL, self.config.poll_seconds))

    def stop_poll(self, cause: object) -> None:
        self._commands.append(CancelTimer(StreamTimer.POLL))

    def report_failed(self, cause: object) -> None:
        self._commands.append(ConsumerFailed(self._reason))

    def _hand_over(self) -> None:
        first = self.batch[0]
        self._commands.append(Process(first.index, first.data, self.tries + 1))

"""Publishers and stream workers compared with models that share no code; consumers: `test_consumer_models.py`.

Hypothesis chooses the inputs of a worker; the worker and its model have to give the same commands. The
models are written from spec/sessions.md section 12, over lists; examples are in `test_stream_publisher.py` and its
neighbours. Code mutants are tested with these properties as well (`make code-mutants`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.encoding.stream_messages import (
    MAX_PULLED_MESSAGES,
    Pull,
    Pulled,
    Push,
    Pushed,
    Status,
    StreamError,
    StreamResponse,
    encode_request,
    encode_response,
)
from ockam_fsm.runtime.session.causes import PEER_LOST_STATE
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.runtime.stream import commands as cmd
from ockam_fsm.runtime.stream.commands import StreamTimer
from ockam_fsm.runtime.stream.publisher import BY_ORDER, NEVER_SENT, Publisher, PublisherConfig
from ockam_fsm.runtime.stream.worker import (
    NO_NUMBER,
    NOT_SERVED,
    PLAIN,
    UNKNOWN_PUBLISHER,
    StreamConfig,
    StreamWorker,
)
from tests.runtime.wire_helpers import runs

stable = settings(derandomize=True, database=None, deadline=None, max_examples=120)
small = st.integers(0, 6)
Commands = list[Any]


def alike(real: Callable[[], object], expected: object) -> None:
    """Check that both give the same commands, or that the order is refused with this reason."""
    if isinstance(expected, str):
        with pytest.raises(EventRefused) as caught:
            real()
        assert caught.value.because == expected
    else:
        assert real() == expected


def ignored(because: str) -> Commands:
    return [cmd.Ignored(because)]


# A publisher ----------------------------------------------------------------------------------------------------------

OVER = "the publisher is closed"
RETRY_SECONDS = 2.5


class PublisherModel:
    """Clauses 12.2 to 12.4. `confirmed` and `accepted` are ordinals, `open` numbers of this identity."""

    def __init__(self, window: int, restored: bool) -> None:
        self.window = window
        self.restored = restored
        self.data: list[bytes] = []
        self.confirmed = self.before = 0
        self.open: set[int] = set()
        self.closed = False

    def publish(self, data: bytes) -> Commands | str:
        if self.closed:
            return OVER
        if len(self.data) - self.confirmed >= self.window:
            return "the window is full"
        self.data.append(data)
        return self._ask_for({len(self.data)})

    def responded(self, number: int, response: StreamResponse | None) -> Commands:
        self.open.discard(number)
        if response not in [Pushed(number, Status.OK, index) for index in range(9)]:
            return self._rejected()
        ordinal = self.before + number
        if ordinal <= self.confirmed:
            return ignored("it is confirmed already")
        if ordinal > len(self.data):
            return ignored(NEVER_SENT)
        if self.closed:
            return []
        told: Commands = []
        while self.confirmed < ordinal:
            self.confirmed += 1
            if self.confirmed - self.before in self.open:
                self.open.discard(self.confirmed - self.before)
                told.append(cmd.Withdraw(self.confirmed - self.before))
            told.append(cmd.Stored(self.confirmed))
        return told

    def failed(self, number: int, reason: str) -> Commands:
        if number not in self.open:
            return []
        self.open.discard(number)
        return self._lost() if reason == PEER_LOST_STATE else self._rejected()

    def established(self, resumed: bool) -> Commands:
        return [] if resumed or self.confirmed == self.before else self._lost()

    def retry_due(self) -> Commands:
        return ignored(OVER) if self.closed else self._ask_for(set(range(self.confirmed + 1, len(self.data) + 1)))

    def end(self, reason: str, *first: object) -> Commands:
        if self.closed:
            return ignored(OVER)
        self.closed = True
        return [CancelTimer(StreamTimer.RETRY), *first, cmd.PublisherClosed(self.confirmed, reason)]

    def resume(self) -> Commands:
        self.open = set()
        return self.retry_due()

    def _rejected(self) -> Commands:
        return ignored(OVER) if self.closed else [SetTimer(StreamTimer.RETRY, RETRY_SECONDS)]

    def _lost(self) -> Commands:
        if self.closed:
            return ignored(OVER)
        self.before, self.open = self.confirmed, set()
        begun = [CancelTimer(StreamTimer.RETRY), cmd.NewSession()]
        return [*begun, *self.retry_due(), cmd.StateLost()]

    def _ask_for(self, ordinals: set[int]) -> Commands:
        """Send the messages without an open request, under their numbers."""
        numbers = sorted({ordinal - self.before for ordinal in ordinals} - self.open)
        self.open.update(numbers)
        pushes = [Push(number, self.data[self.before + number - 1]) for number in numbers]
        return [cmd.Request(push.request_id, encode_request(push)) for push in pushes]


def responses_to(number: int) -> st.SearchStrategy[StreamResponse | None]:
    """Return responses, most of which confirm; None is garbage."""
    right = st.builds(Pushed, st.just(number), st.just(Status.OK), st.integers(0, 8))
    wrong = (Pushed(number, Status.ERROR, 0), Pushed(number + 1, Status.OK, 0), Pulled(number, ()), StreamError("no"))
    return st.one_of(right, right, right, st.sampled_from((*wrong, None)))


published = st.tuples(st.just("publish"), st.binary(max_size=2))
publisher_moves = runs(
    st.one_of(
        published,
        published,
        small.flatmap(lambda number: st.tuples(st.just("responded"), st.just(number), responses_to(number))),
        *[st.tuples(st.just("confirmed"), st.integers(0, 2), st.integers(0, 8))] * 2,
        st.tuples(st.just("failed"), small, st.sampled_from((PEER_LOST_STATE, "no room", "closed"))),
        st.tuples(st.just("established"), st.booleans()),
        st.tuples(st.sampled_from(("retry due", "resume"))),
    )
)


def publish_both(real: Publisher, model: PublisherModel, move: tuple[Any, ...]) -> Publisher:
    match move:
        case "publish", data:
            alike(lambda: real.publish(data), model.publish(data))
        case "responded", number, response:
            payload = b"\xff" if response is None else encode_response(response)
            alike(lambda: real.responded(number, payload), model.responded(number, response))
        case "confirmed", ahead, index:
            number = model.confirmed - model.before + 1 + ahead
            response = Pushed(number, Status.OK, index)
            alike(lambda: real.responded(number, encode_response(response)), model.responded(number, response))
        case "failed", number, reason:
            alike(lambda: real.failed(number, reason), model.failed(number, reason))
        case "established", resumed:
            alike(lambda: real.established(resumed), model.established(resumed))
        case ("retry due",):
            alike(real.retry_due, model.retry_due())
        case ("resume",) if not model.closed:
            real = Publisher(real.config, real.image())
            alike(real.resume, model.resume())
    assert (real.confirmed, real.messages) == (model.confirmed, model.data[model.confirmed :])
    assert real.unconfirmed == len(model.data) - model.confirmed
    assert hash(real.image()) == hash(real.image())
    return Publisher(real.config, real.image()) if model.restored else real


@pytest.mark.slow
@stable
@given(st.integers(1, 4), publisher_moves, publisher_moves, st.booleans(), st.booleans())
def test_a_publisher_agrees_with_its_model(
    window: int, moves: list[tuple[Any, ...]], late: list[tuple[Any, ...]], ordered: bool, restored: bool
) -> None:
    """`restored`: the worker is made anew from its image after each move."""
    real = Publisher(PublisherConfig(window, BackOff(RETRY_SECONDS)))
    model = PublisherModel(window, restored)
    for move in moves:
        real = publish_both(real, model, move)
    if ordered:
        alike(real.close, model.end(BY_ORDER, cmd.CloseSession()))
    else:
        alike(lambda: real.session_closed("attempts"), model.end("attempts"))
    for move in late[:6]:
        real = publish_both(real, model, move)
    alike(real.close, model.end(BY_ORDER))
    alike(lambda: real.session_closed("late"), model.end("late"))


# A stream worker ------------------------------------------------------------------------------------------------------

PUBLISHERS = (b"ann", b"bob", PLAIN)
ROUTES = tuple((local("session"), local(f"reply.{number}")) for number in range(4))
DELAYS = (0.5, 1.5, 4.5, 10.0)


class StreamModel:
    """Clauses 12.3 to 12.7. A record is (stored, accepted); `waiting` was given to the storage."""

    def __init__(self, pending: int, restored: bool) -> None:
        self.pending = pending
        self.restored = restored
        self.state = "opening"
        self.records: dict[bytes, tuple[int, int]] = {}
        self.waiting: list[tuple[bytes, int, Any]] = []
        self.failures = 0

    def known(self, publisher: bytes, last: int | None) -> bool:
        if publisher not in self.records:
            self.records[publisher] = (last or 0, last or 0)
        return self.records[publisher][1] > 0

    def forget(self, publisher: bytes) -> None:
        if publisher not in [one[0] for one in self.waiting]:
            self.records.pop(publisher, None)

    def push(self, publisher: bytes, push: Push, reply: Any) -> Commands:
        number = push.request_id
        if publisher == PLAIN:
            return self._push_plain(push, reply)
        if publisher not in self.records:
            return ignored(UNKNOWN_PUBLISHER)
        stored, accepted = self.records[publisher]
        if number == 0:
            return ignored(NO_NUMBER)
        if self.state != "serving":
            return ignored("the stream worker has stopped" if self.state == "stopped" else "the log is not open")
        if number <= stored:
            return [cmd.Reply(reply, Pushed(number, Status.OK, 0))]
        if number <= accepted:
            place = [one[:2] for one in self.waiting].index((publisher, number))
            self.waiting[place] = (publisher, number, reply)
            return []
        if number > accepted + 1:
            return ignored("a message before it is missing")
        if len(self.waiting) >= self.pending:
            return ignored("too many messages wait to be stored")
        self.records[publisher] = (stored, number)
        self.waiting.append((publisher, number, reply))
        return [cmd.Append(publisher, number, push.data)]

    def _push_plain(self, push: Push, reply: Any) -> Commands:
        if self.state == "stopped":
            return ignored("the stream worker has stopped")
        if self.state != "serving" or len(self.waiting) >= self.pending:
            return [cmd.Reply(reply, Pushed(push.request_id, Status.ERROR, 0))]
        self.waiting.append((PLAIN, push.request_id, reply))
        return [cmd.Append(PLAIN, 0, push.data)]

    def appended(self, index: int) -> Commands:
        if self.state != "serving":
            return ignored(
                "the stream worker has stopped" if self.state == "stopped" else "it was given to a log that is closed"
            )
        publisher, number, reply = self.waiting.pop(0)
        if publisher != PLAIN:
            self.records[publisher] = (number, self.records[publisher][1])
        return [cmd.Reply(reply, Pushed(number, Status.OK, index))]

    def pull(self, pull: Pull, reply: Any) -> Commands:
        if self.state == "stopped":
            return ignored("the stream worker has stopped")
        if self.state != "serving":
            return [cmd.Reply(reply, StreamError(NOT_SERVED))]
        return [cmd.Read(pull.request_id, pull.index, min(pull.limit, MAX_PULLED_MESSAGES), reply)]

    def opened(self) -> Commands:
        if self.state != "opening":
            return ignored("no opening of the log is under way")
        self.state, self.failures = "serving", 0
        return []

    def storage_failed(self) -> Commands:
        if self.state in ("waiting", "stopped"):
            return ignored("it was given to a log that is closed")
        self.state, told = "waiting", self._forgotten()
        self.failures += 1
        timer = SetTimer(StreamTimer.BACK_OFF, DELAYS[min(self.failures - 1, 3)])
        return [*told, cmd.EndSessions(), timer]

    def retry_due(self) -> Commands | str:
        if self.state != "waiting":
            return "the back-off runs in WAITING only"
        self.state = "opening"
        return [cmd.OpenLog()]

    def stop(self) -> Commands:
        before, self.state = self.state, "stopped"
        match before:
            case "stopped":
                return ignored("the stream worker has stopped")
            case "waiting":
                return [CancelTimer(StreamTimer.BACK_OFF), cmd.EndSessions()]
            case "serving":
                return [*self._forgotten(), cmd.EndSessions(), cmd.CloseLog()]
        return [cmd.EndSessions(), cmd.CloseLog()]

    def _forgotten(self) -> Commands:
        """Plain clients get an error; publishers negotiate again."""
        plain = [one for one in self.waiting if one[0] == PLAIN]
        self.records, self.waiting = {}, []
        return [cmd.Reply(reply, Pushed(number, Status.ERROR, 0)) for _, number, reply in plain]


def numbered(name: str) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(st.just(name), st.sampled_from(PUBLISHERS), small, st.integers(0, 3))


pulled = st.builds(Pull, small, small, small | st.sampled_from((MAX_PULLED_MESSAGES, MAX_PULLED_MESSAGES + 1)))
stream_moves = runs(
    st.one_of(
        *[numbered("next")] * 3,
        *[st.tuples(st.just("go"), small)] * 4,
        *[st.tuples(st.just("appended"), small)] * 2,
        numbered("push"),
        st.tuples(st.just("known"), st.sampled_from(PUBLISHERS[:2]), st.none() | small),
        st.tuples(st.just("known"), st.sampled_from(PUBLISHERS[:2]), st.none() | small),
        st.tuples(st.just("forget"), st.sampled_from(PUBLISHERS[:2])),
        st.tuples(st.just("pull"), pulled, st.integers(0, 3)),
        st.tuples(st.sampled_from(("opened", "opened", "storage_failed", "retry_due"))),
    ),
    50,
)


def called_for(model: StreamModel, number: int) -> tuple[Any, ...]:
    """Return an input that moves the worker on."""
    if model.state in ("opening", "waiting"):
        return ("opened",) if model.state == "opening" else ("retry_due",)
    if number % 2 and model.waiting:
        return "appended", number
    unknown = [publisher for publisher in PUBLISHERS[:2] if publisher not in model.records]
    return ("known", unknown[0], number) if unknown else ("next", PUBLISHERS[number % 3], 0, number % 4)


def stream_both(real: StreamWorker, model: StreamModel, move: tuple[Any, ...]) -> StreamWorker:
    match called_for(model, move[1]) if move[0] == "go" else move:
        case ("next" | "push") as name, publisher, number, route:
            if name == "next" and publisher in model.records:
                number = model.records[publisher][1] + 1
            push, reply = Push(number, b"%d" % number), ROUTES[route]
            alike(lambda: real.push(publisher, push, reply), model.push(publisher, push, reply))
        case "appended", index if model.state != "serving" or model.waiting:
            alike(lambda: real.appended(index), model.appended(index))
        case "known", publisher, last:
            alike(lambda: real.known(publisher, last), model.known(publisher, last))
        case "forget", publisher:
            real.forget(publisher)
            model.forget(publisher)
        case "pull", pull, route:
            alike(lambda: real.pull(pull, ROUTES[route]), model.pull(pull, ROUTES[route]))
        case [("opened" | "storage_failed" | "retry_due") as name]:
            alike(getattr(real, name), getattr(model, name)())
    assert real.state.name.lower() == model.state
    assert {name: (one.stored, one.accepted) for name, one in real.records.items()} == model.records
    assert model.state == "stopped" or real.pending == len(model.waiting)
    assert hash(real.image()) == hash(real.image())
    return StreamWorker(real.config, real.image()) if model.restored else real


@pytest.mark.slow
@stable
@given(st.integers(1, 3), stream_moves, st.lists(stream_moves, max_size=1), st.booleans())
def test_a_stream_worker_agrees_with_its_model(
    pending: int, moves: list[tuple[Any, ...]], late: list[list[tuple[Any, ...]]], restored: bool
) -> None:
    """`restored`: the worker is made anew from its image after each move."""
    config = StreamConfig(pending, BackOff(0.5, 3.0, 10.0, 0.2))
    real, model = StreamWorker(config), StreamModel(pending, restored)
    assert real.start() == [cmd.OpenLog()]
    for move in moves:
        real = stream_both(real, model, move)
    alike(real.stop, model.stop())
    for move in [one for some in late for one in some]:
        real = stream_both(real, model, move)
    alike(real.stop, model.stop())

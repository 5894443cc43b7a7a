"""Supervision, dead letters and observers: a worker's failure is local, bounded and reported."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest

from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.supervised import WorkerEvent, WorkerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.commands import (
    AttemptStarted,
    Letter,
    NotifyOwner,
    Observation,
    StateChanged,
    WorkerFailed,
    WorkerTimer,
)
from ockam_fsm.runtime.node.dead_letters import KEPT_ADDRESSES, KEPT_BYTES, MAX_REASONS, OTHER, DeadLetters
from ockam_fsm.runtime.node.ledger import Receipt, weight_of
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.residents import Access
from ockam_fsm.runtime.node.workers import LATER, Context, RestartPolicy, Worker, plain_function
from ockam_fsm.runtime.session.commands import Established, Timer
from ockam_fsm.runtime.session.config import BackOff
from ockam_fsm.runtime.session.request import Outgoing
from tests.runtime.node_helpers import Counted, Inbox, pair

ME, OTHER_WORKER = local("me"), local("other")
POLICY = RestartPolicy(restarts=2, quiet_seconds=60.0, back_off=BackOff(1.0, 2.0, 8.0, 0.0))


class Fragile:
    """A handler that raises on `!`, after it has sent something, and counts all other messages."""

    def __init__(self) -> None:
        self.handled = 0

    def __call__(self, message: Message, context: Context) -> None:
        context.send((OTHER_WORKER,), b"from fragile")
        if message.payload == b"!":
            raise ValueError("fragile")
        self.handled += 1

    def on_timer(self, timer: Hashable, context: Context) -> None:
        if timer == "!":
            raise ValueError("timer")
        context.send((OTHER_WORKER,), b"timer")
        context.set_timer("next", 2.0)
        context.cancel_timer("next")
        context.cancel_timer("never set")


class Seen:
    def __init__(self) -> None:
        self.observations: list[Observation] = []

    def observe(self, observation: Observation) -> None:
        self.observations.append(observation)


def fragile_node() -> tuple[Node, Inbox, Seen]:
    node, inbox, seen = Node(Counted("n")), Inbox(), Seen()
    node.add_observer(seen)
    node.start_worker(ME, handler=Fragile(), make=Fragile, restart=POLICY)
    node.start_worker(OTHER_WORKER, handler=inbox)
    return node, inbox, seen


def tell(node: Node, *payloads: bytes) -> list[float]:
    """Send to the worker, and return the delays of the timers that are set for it."""
    for payload in payloads:
        node.route(Message((ME,), (), payload))
    return [command.after_seconds for command in node.run() if isinstance(command, SetTimer)]


def restart(node: Node) -> None:
    node.fire(WorkerTimer(ME, WorkerEvent.RESTART_DUE))


def state(node: Node) -> WorkerState:
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    return worker.state


def test_a_handler_that_raises_has_sent_nothing_and_affects_no_other_worker() -> None:
    node, inbox, seen = fragile_node()
    assert tell(node, b"1", b"!", b"2") == [1.0]
    assert inbox.payloads == [b"from fragile"]
    assert node.dead_letters.counts == {"handler raised": 1, "the worker waits for its restart": 1}
    (failure,) = [o for o in seen.observations if isinstance(o, WorkerFailed)]
    assert isinstance(failure.error, ValueError)
    assert StateChanged(ME, "supervised worker", "RUNNING", "RESTARTING") in seen.observations


def test_observers_receive_the_failure_of_a_timer_handler_once() -> None:
    node, _, seen = fragile_node()
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    worker.start_own("!", 1.0)
    (timer,) = [command.timer for command in node.run() if isinstance(command, SetTimer)]
    node.fire(timer)
    changes = [(o.before, o.after) for o in seen.observations if isinstance(o, StateChanged)]
    assert changes == [("RUNNING", "RESTARTING")]


def test_a_restarted_worker_is_a_new_one() -> None:
    node, inbox, _ = fragile_node()
    tell(node, b"1", b"!")
    restart(node)
    node.run()
    tell(node, b"2")
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    assert isinstance(worker.handler, Fragile)
    assert worker.handler.handled == 1
    assert inbox.payloads == [b"from fragile", b"from fragile"]


def test_a_restart_storm_is_bounded_and_slows_down() -> None:
    node, _, _ = fragile_node()
    delays = []
    for _ in range(10):
        delays += tell(node, b"!")
        restart(node)
        node.run()
    assert delays == [1.0, 2.0]
    assert node.dead_letters.counts == {"handler raised": 3, "unknown address": 7}
    assert ME not in node.router.residents


def test_a_quiet_period_restores_the_budget() -> None:
    node, _, _ = fragile_node()
    for _ in range(10):
        tell(node, b"!")
        restart(node)
        node.fire(WorkerTimer(ME, WorkerEvent.QUIET_LONG_ENOUGH))
        node.run()
    assert state(node) is WorkerState.RUNNING


def test_the_maker_of_handlers_may_raise() -> None:
    node = Node(Counted("n"))

    def unmakeable() -> Fragile:
        raise OSError("no")

    node.start_worker(ME, handler=Fragile(), make=unmakeable, restart=POLICY)
    tell(node, b"!")
    for _ in range(3):
        restart(node)
        node.run()
    assert node.dead_letters.counts == {"handler raised": 3}
    assert ME not in node.router.residents


def test_without_a_maker_the_same_handler_continues() -> None:
    node, handler = Node(Counted("n")), Fragile()
    node.start_worker(ME, handler=handler, restart=POLICY)
    tell(node, b"1", b"!")
    restart(node)
    tell(node, b"2")
    assert handler.handled == 2


def test_timers_of_a_handler() -> None:
    node, inbox, _ = fragile_node()

    def starter(message: Message, context: Context) -> None:
        context.set_timer(message.payload.decode(), 1.0)

    node.start_worker(local("starter"), handler=starter)
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    worker.start_own("tick", 1.0)
    (command,) = node.run()
    assert isinstance(command, SetTimer)
    node.fire(command.timer)
    cancelled = node.run()
    assert [type(one) for one in cancelled] == [SetTimer, CancelTimer]
    assert inbox.payloads == [b"timer"]
    node.fire(command.timer)
    assert node.run() == []
    node.route(Message((local("starter"),), (), b"nobody hears it"))
    (command,) = node.run()
    assert isinstance(command, SetTimer)
    node.fire(command.timer)
    assert node.run() == []


def test_a_timer_whose_handler_raises_is_a_failure_and_stops_the_others() -> None:
    node, _, _ = fragile_node()
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    worker.start_own("!", 1.0)
    worker.start_own("other", 1.0)
    first, second = node.run()
    assert isinstance(first, SetTimer)
    assert isinstance(second, SetTimer)
    node.fire(first.timer)
    assert CancelTimer(second.timer) in node.run()
    assert state(node) is WorkerState.RESTARTING
    node.stop(ME)
    node.run()
    assert ME not in node.router.residents


def test_the_application_of_a_session_may_fail_and_the_session_goes_on() -> None:
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT)
    application = wires["b"].start_worker(local("app"), handler=Fragile(), restart=POLICY)
    (host,) = [r for r in wires["b"].router.residents.values() if type(r).__name__ == "HostWorker"]
    setattr(host, "application", application)  # noqa: B010
    wires["a"].open(session)
    wires.pump()
    before = wires["a"].session(session).snapshot()
    wires["a"].send(session, b"!")
    wires.pump()
    assert wires["b"].dead_letters.counts["handler raised"] == 1
    assert wires["a"].session(session).snapshot() == before
    assert [worker.session.state for worker in wires["b"].host(local("host")).responders.values()] == [
        State.ESTABLISHED
    ]


def test_observers_receive_states_attempts_notices_and_dead_letters() -> None:
    wires, session, _, _ = pair(EXPLICIT_TRANSIENT)
    seen = Seen()
    wires["a"].add_observer(seen)
    wires["a"].open(session)
    wires.pump()
    wires["a"].route(Message((), (), b""))
    wires.pump()
    assert AttemptStarted(session, 1, 1) in seen.observations
    changes = [(o.before, o.after) for o in seen.observations if isinstance(o, StateChanged) and o.worker == session]
    assert changes == [("IDLE", "NEGOTIATING"), ("NEGOTIATING", "ESTABLISHED")]
    notices = [o.notice for o in seen.observations if isinstance(o, NotifyOwner)]
    assert [type(notice) for notice in notices] == [Established]
    assert Letter("empty onward route", Message((), (), b"")) in seen.observations


def test_observers_of_a_host_receive_the_states_of_each_responder() -> None:
    wires, session, _, _ = pair(EXPLICIT_PERSISTENT_ONE_SIDED)
    seen = Seen()
    wires["b"].add_observer(seen)
    wires["a"].open(session)
    wires.pump()
    wires["a"].renegotiate(session)
    wires.pump()
    wires.fire("a", Timer.BACK_OFF)
    told = [o for o in seen.observations if isinstance(o, StateChanged) and "responder" in o.machine]
    changes = [(o.before, o.after) for o in told]
    assert changes == [
        ("IDLE", "NEGOTIATING"), ("NEGOTIATING", "ESTABLISHED"), ("ESTABLISHED", "RENEGOTIATING"),
        ("RENEGOTIATING", "ESTABLISHED"),
    ]  # fmt: skip


def test_an_observer_that_raises_is_removed() -> None:
    node, seen = Node(Counted("n")), Seen()

    class Broken:
        def observe(self, observation: Observation) -> None:
            raise RuntimeError("observer")

    node.add_observer(Broken())
    node.add_observer(seen)
    for _ in range(2):
        node.route(Message((), (), b""))
    node.run()
    assert node.dead_letters.counts == {"empty onward route": 2, "observer failed": 1}
    assert [type(one).__name__ for one in seen.observations] == ["Letter", "WorkerFailed", "Letter", "Letter"]


def test_dead_letters_are_bounded_in_number_and_in_reasons() -> None:
    letters = DeadLetters(kept=2)
    for number in range(MAX_REASONS + 5):
        letters.add(Letter(str(number), b""))
    assert [letter.reason for letter in letters.letters] == [str(MAX_REASONS + 3), str(MAX_REASONS + 4)]
    assert letters.counts[OTHER] == 5
    assert letters.total == MAX_REASONS + 5


# Summaries of dead letters.


class Silent:
    """An object of the application whose `repr` fails."""

    def __repr__(self) -> str:
        raise RuntimeError("no description")


def kept(letter: Letter) -> Letter:
    letters = DeadLetters()
    letters.add(letter)
    return letters.letters[0]


def test_dead_letters_keep_the_beginning_and_the_size_of_a_message() -> None:
    route = tuple(local(f"{number}") for number in range(100))
    letter = kept(Letter("why", Message(route, route[::-1], bytes(1_000_000), "t" * 1000), ME, "detail"))
    beginning = Message(route[:KEPT_ADDRESSES], route[::-1][:KEPT_ADDRESSES], bytes(KEPT_BYTES), "t" * KEPT_BYTES)
    assert letter == Letter("why", beginning, ME, "detail; payload of 1000000 bytes")


def test_a_small_message_is_kept_as_it_is() -> None:
    whole = Letter("why", Message((ME,), (), bytes(KEPT_BYTES)), None, "detail")
    assert kept(whole) == whole
    assert kept(Letter("why", Message((ME,), (), b""))).detail == ""


def test_dead_letters_keep_as_much_of_an_unsent_message() -> None:
    letter = kept(Letter("why", Outgoing(bytes(300), (ME,) * 9, (), "request", None)))
    assert letter.message == Outgoing(bytes(KEPT_BYTES), (ME,) * KEPT_ADDRESSES, (), "request", None)
    assert letter.detail == "payload of 300 bytes"


def test_a_letter_within_a_letter_is_a_summary_too() -> None:
    inner = Letter("inner", Message((), (), bytes(300)), ME)
    summary = Letter("inner", Message((), (), bytes(KEPT_BYTES)), ME, "payload of 300 bytes")
    assert kept(Letter("observer failed", inner)) == Letter("observer failed", summary)


def test_dead_letters_keep_the_beginning_of_any_other_repr() -> None:
    assert kept(Letter("why", "x" * 1000)).message == ("'" + "x" * 1000)[:KEPT_BYTES]
    assert kept(Letter("why", Silent())).message == "<Silent>"


def test_reason_and_detail_are_bounded_in_letters_and_in_counters() -> None:
    letters = DeadLetters()
    letters.add(Letter("r" * 1000, b"", None, "d" * 1000))
    assert letters.counts == {"r" * KEPT_BYTES: 1}
    assert letters.letters[0] == Letter("r" * KEPT_BYTES, "b''", None, "d" * KEPT_BYTES)


def test_an_observer_receives_the_whole_letter() -> None:
    node, seen = Node(Counted("n")), Seen()
    node.add_observer(seen)
    node.route(Message((), (), bytes(1000)))
    node.run()
    assert seen.observations == [Letter("empty onward route", Message((), (), bytes(1000)))]


# Handlers and their orders.


@pytest.mark.parametrize("wrong", [None, 5, "handler"])
def test_a_handler_must_be_callable(wrong: Any) -> None:
    node = Node(Counted("n"))
    with pytest.raises(LocalSessionError, match=r"handler: \w+, expected a function of \(message, context\)"):
        node.start_worker(ME, handler=wrong)
    assert node.router.residents == {}


def test_a_coroutine_function_is_not_a_plain_function() -> None:
    class Called:
        async def __call__(self) -> None: ...

    plain_function("make", Inbox)
    for wrong in (coroutine, Called()):
        with pytest.raises(LocalSessionError, match="make: a coroutine function, expected a plain function"):
            plain_function("make", wrong)
    with pytest.raises(LocalSessionError, match="make: int, expected a function"):
        plain_function("make", 5)


def asks(ask: Callable[[Context], object]) -> Node:
    """Return a node with a worker that has done this for one message."""
    node = Node(Counted("n"))
    node.start_worker(ME, handler=lambda message, context: ask(context) and None, restart=POLICY)
    node.route(Message((ME,), (), b"x"))
    node.run()
    return node


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda context: context.set_timer([], 1.0), "timer: list cannot be hashed"),
        (lambda context: context.cancel_timer({}), "timer: dict cannot be hashed"),
        (lambda context: context.set_timer("t", -1.0), "after_seconds: -1.0 seconds"),
        (lambda context: context.set_timer("t", float("nan")), "after_seconds: nan seconds"),
        (lambda context: context.dead_letter(5), "reason and detail are text"),
        (lambda context: context.dead_letter("why", b"detail"), "reason and detail are text"),
        (lambda context: context.forward("message"), "message: str, expected a Message"),
    ],
)
def test_a_handler_that_gives_wrong_arguments_has_failed(ask: Callable[[Context], object], text: str) -> None:
    node = asks(ask)
    (letter,) = node.dead_letters.letters
    assert letter.reason == "handler raised"
    assert text in letter.detail
    assert state(node) is WorkerState.RESTARTING


def test_a_forwarded_message_that_is_too_large_is_a_dead_letter_and_no_failure() -> None:
    node = asks(lambda context: context.forward(Message((ME,) * 129, (), b"grown")))
    (letter,) = node.dead_letters.letters
    assert letter == Letter("route too long", Message((ME,), (), b"x"), ME, "129 addresses, limit 128")
    assert state(node) is WorkerState.RUNNING


def test_a_message_that_a_handler_keeps_is_charged_to_its_origin_until_it_is_released() -> None:
    node, contexts, receipts = Node(Counted("n")), list[Context](), list[Receipt]()

    def keeps(message: Message, context: Context) -> None:
        receipt = context.keep()
        contexts.append(context)
        receipts.extend([] if receipt is None else [receipt])

    node.start_worker(ME, handler=keeps, access=Access.PUBLIC)
    node.receive(Message((ME,), (), b"kept"), node.accepted("peer"))
    node.run()
    (context,), (receipt,) = contexts, receipts
    assert node.router.ledger.held_bytes == context.origin.held_bytes == weight_of(context.envelope.message)
    assert context.origin.outside
    context.release(receipt)
    assert (node.router.ledger.held_bytes, node.router.ledger.origins) == (0, {})
    node.router.ledger.total_bytes = 2000  # room for it in the queue, and no room besides what is kept
    assert node.router.ledger.charge(node.router.application, 100)
    node.route(Message((ME,), (), b"not kept"))
    node.router.ledger.total_bytes = 1000
    node.run()
    assert (len(contexts), len(receipts)) == (2, 1)


def test_a_handler_that_continues_later_sends_at_its_commit_and_for_the_same_origin() -> None:
    node, inbox, contexts = Node(Counted("n")), Inbox(), list[Context]()

    def later(message: Message, context: Context) -> object:
        context.send((OTHER_WORKER,), b"later")
        contexts.append(context)
        return LATER

    node.start_worker(ME, handler=later, access=Access.PUBLIC)
    node.start_worker(OTHER_WORKER, handler=inbox)
    node.receive(Message((ME,), (), b""), node.accepted("peer"))
    node.run()
    assert inbox.payloads == []
    contexts[0].commit()
    assert (len(contexts[0].origin.queue), len(node.router.application.queue)) == (1, 0)
    assert node.router.serving is node.router.application
    contexts[0].commit()
    node.run()
    assert inbox.payloads == [b"later"]


def test_ctrl_c_in_a_handler_or_its_maker_ends_the_process() -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asks(interrupted)
    node = Node(Counted("n"))
    node.start_worker(ME, handler=Fragile(), make=interrupted, restart=POLICY)  # type: ignore[arg-type]
    tell(node, b"!")
    with pytest.raises(KeyboardInterrupt):
        restart(node)


def test_any_other_exception_of_a_handler_is_a_failure_of_its_worker_only() -> None:
    def exits(context: Context) -> None:
        raise SystemExit(3)

    node = asks(exits)
    assert (node.dead_letters.counts, state(node)) == ({"handler raised": 1}, WorkerState.RESTARTING)


class Future:
    """An awaitable that is not a coroutine."""

    def __await__(self) -> Iterator[None]:
        yield None


async def coroutine() -> None: ...


@pytest.mark.parametrize("make", [Future, coroutine])
def test_a_handler_that_returns_an_awaitable_fails_without_an_event_loop(
    make: Callable[[], object],
) -> None:
    node = Node(Counted("n"))
    node.start_worker(ME, handler=lambda message, context: make(), restart=POLICY)
    tell(node, b"x")
    (letter,) = node.dead_letters.letters
    assert letter.detail.startswith("TypeError('a handler returned " + ("Future" if make is Future else "coroutine"))
    assert state(node) is WorkerState.RESTARTING


def test_ctrl_c_in_an_observer_ends_the_process() -> None:
    class Interrupted:
        def observe(self, observation: Observation) -> None:
            raise KeyboardInterrupt

    node = Node(Counted("n"))
    node.add_observer(Interrupted())
    node.route(Message((), (), b""))
    with pytest.raises(KeyboardInterrupt):
        node.run()
    assert len(node.router.observers) == 1


def test_a_maker_that_returns_no_handler_has_failed() -> None:
    node = Node(Counted("n"))
    node.start_worker(ME, handler=Fragile(), make=lambda: None, restart=POLICY)  # type: ignore[arg-type,return-value]
    tell(node, b"!")
    restart(node)
    raised, remade = node.dead_letters.letters
    assert (raised.detail, remade.reason) == ("ValueError('fragile')", "handler raised")
    assert "handler: NoneType, expected a function of (message, context)" in remade.detail


def test_a_timer_whose_repr_fails_stops_with_its_worker() -> None:
    node, timer = Node(Counted("n")), Silent()

    def sets(message: Message, context: Context) -> None:
        if message.payload == b"!":
            raise ValueError
        context.set_timer(timer, 1.0)

    node.start_worker(ME, handler=sets, restart=POLICY)
    tell(node, b"1")
    node.route(Message((ME,), (), b"!"))
    cancelled = [command.timer.timer for command in node.run() if isinstance(command, CancelTimer)]
    assert (len(cancelled), node.dead_letters.counts) == (1, {"handler raised": 1})
    assert state(node) is WorkerState.RESTARTING


@pytest.mark.parametrize(
    "wrong", [{"restarts": -1}, {"restarts": 1.5}, {"quiet_seconds": -1.0}, {"quiet_seconds": None}, {"back_off": 1.0}]
)
def test_a_restart_policy_of_wrong_values_lists_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match=next(iter(wrong))):
        RestartPolicy(**wrong)

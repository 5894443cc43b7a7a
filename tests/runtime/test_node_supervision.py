"""Supervision, dead letters and observers: a worker's failure is its own, bounded, and told."""

from __future__ import annotations

from collections.abc import Hashable

from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, EXPLICIT_TRANSIENT
from ockam_fsm.machines.supervised import WorkerEvent, WorkerState
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.commands import (
    AttemptStarted,
    CancelTimer,
    Letter,
    Notify,
    Observation,
    SetTimer,
    StateChanged,
    WorkerFailed,
    WorkerTimer,
)
from ockam_fsm.runtime.node.dead_letters import MAX_REASONS, OTHER, DeadLetters
from ockam_fsm.runtime.node.node import Node
from ockam_fsm.runtime.node.workers import Context, RestartPolicy, Worker
from ockam_fsm.runtime.session.commands import Established, Timer
from ockam_fsm.runtime.session.config import BackOff
from tests.runtime.node_helpers import Counted, Inbox, pair

ME, OTHER_WORKER = local("me"), local("other")
POLICY = RestartPolicy(restarts=2, quiet_seconds=60.0, back_off=BackOff(1.0, 2.0, 8.0, 0.0))


class Fragile:
    """Raises on `!`, after it has sent something; counts what it handled otherwise."""

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
    """Send to the worker; the delays of the timers that are set for it."""
    for payload in payloads:
        node.route(Message((ME,), (), payload))
    return [command.after_seconds for command in node.run() if isinstance(command, SetTimer)]


def restart(node: Node) -> None:
    node.fire(WorkerTimer(ME, WorkerEvent.RESTART_DUE))


def state(node: Node) -> WorkerState:
    worker = node.router.residents[ME]
    assert isinstance(worker, Worker)
    return worker.state


def test_a_handler_that_raises_has_sent_nothing_and_changed_nobody() -> None:
    node, inbox, seen = fragile_node()
    assert tell(node, b"1", b"!", b"2") == [1.0]
    assert inbox.payloads == [b"from fragile"]
    assert node.dead_letters.counts == {"handler raised": 1, "the worker waits for its restart": 1}
    (failure,) = [o for o in seen.observations if isinstance(o, WorkerFailed)]
    assert isinstance(failure.error, ValueError)
    assert StateChanged(ME, "supervised worker", "RUNNING", "RESTARTING") in seen.observations


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


def test_a_quiet_while_gives_the_budget_back() -> None:
    node, _, _ = fragile_node()
    for _ in range(10):
        tell(node, b"!")
        restart(node)
        node.fire(WorkerTimer(ME, WorkerEvent.QUIET_LONG_ENOUGH))
        node.run()
    assert state(node) is WorkerState.RUNNING


def test_what_makes_handlers_may_raise_as_well() -> None:
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


def test_without_a_maker_the_same_handler_goes_on() -> None:
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


def test_observers_hear_states_attempts_notices_and_dead_letters() -> None:
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
    notices = [o.notice for o in seen.observations if isinstance(o, Notify)]
    assert [type(notice) for notice in notices] == [Established]
    assert Letter("empty onward route", Message((), (), b"")) in seen.observations


def test_observers_of_a_host_hear_where_each_responder_was() -> None:
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


def test_an_observer_that_raises_is_heard_no_more() -> None:
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

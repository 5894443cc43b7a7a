"""Supervised workers of the application, and the context of their handlers.

Rule 1: a handler gets (message, context) and sends through the context. Its messages leave when it returns: one that
        raises sends nothing, its message is a dead letter, and no other worker is affected (S14).
Rule 2: the supervision table decides: handled, waiting for the restart, stopped. Restarts wait and are bounded.
Rule 3: a message that a handler sends begins here; a message from outside that it forwards (`forward`) stays one, so
        it reaches no private worker.
Left out: threads. A handler runs to its end before anything else happens, so it must not wait for anything.
Source: the discussion, "Sessions"; spec/sessions.md (S14); machines/supervised.py.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from ockam_fsm.kernel.arguments import check_seconds
from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.errors import DefinitionError, LocalSessionError
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.value import value
from ockam_fsm.machines.supervised import SUPERVISED, WorkerEvent, WorkerState
from ockam_fsm.runtime.encoding.frames import MAX_ROUTE_LENGTH
from ockam_fsm.runtime.encoding.gate import UNLIMITED, check_hashable, check_message, check_payload, refusal
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import StateChanged
from ockam_fsm.runtime.node.dead_letters import short_repr
from ockam_fsm.runtime.node.layers import Layer
from ockam_fsm.runtime.node.ledger import GiveUp, Receipt, weight_of
from ockam_fsm.runtime.node.residents import Access, Envelope, Inner
from ockam_fsm.runtime.node.router import Router, refuse_awaitable
from ockam_fsm.runtime.session.config import BackOff, back_off_problems, count_problems, seconds_problems

HANDLER_RAISED = "handler raised"
STOPPED_RAISED = "stopped raised"
LATER = object()
"""Returned by a handler that continues after it has returned: it commits its context itself."""

_DRIVER = driver_for(SUPERVISED)


class Handler(Protocol):
    """A handler of the application: a function, or an object that can be called.

    Its result is ignored, except an awaitable: a node with an event loop waits for it.
    """

    def __call__(self, message: Message, context: Context, /) -> object: ...


@runtime_checkable
class TimerHandler(Protocol):
    """A handler whose timers call `on_timer`."""

    def on_timer(self, timer: Hashable, context: Context, /) -> object: ...


@runtime_checkable
class StopHandler(Protocol):
    """A handler whose `on_stop` is called when its worker has stopped, for instance to drop kept messages."""

    def on_stop(self) -> object: ...


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """At most `restarts` failures until the worker was quiet for `quiet_seconds`; each restart waits for `back_off`.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    restarts: int = 5
    quiet_seconds: float = 60.0
    back_off: BackOff = field(default_factory=BackOff)

    def __post_init__(self) -> None:
        problems = [
            *count_problems(self, "restarts"),
            *seconds_problems(self, "quiet_seconds"),
            *back_off_problems(self, "back_off"),
        ]
        if problems:
            raise DefinitionError("restart policy", problems)


USUAL_RESTARTS = RestartPolicy()
"""The policy of workers that are started without one."""


@lru_cache(maxsize=64)
def _limits(restarts: int) -> Mapping[str, int | None]:
    return MappingProxyType({"failures": restarts})


class _OwnTimer(NamedTuple):
    """A timer of the handler, apart from those of its supervision."""

    timer: Hashable


def checked_handler(handler: object) -> Handler:
    """Return `handler`. Raises LocalSessionError unless it can be called."""
    if not callable(handler):
        raise LocalSessionError(f"handler: {type(handler).__name__}, expected a function of (message, context)")
    return handler


def plain_function(name: str, function: object) -> None:
    """Raise LocalSessionError unless `function` can be called and is not a coroutine function."""
    if not callable(function):
        raise LocalSessionError(f"{name}: {type(function).__name__}, expected a function")
    if iscoroutinefunction(function) or iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        raise LocalSessionError(f"{name}: a coroutine function, expected a plain function; start a task in it")


class Context:
    """The operations of a handler while it runs. `address` is the worker's address to which the message was sent."""

    __slots__ = ("_orders", "_worker", "address", "envelope", "origin")

    def __init__(self, worker: Worker, address: Address, envelope: Envelope) -> None:
        self.address = address
        self.envelope = envelope
        self.origin = worker.router.serving
        """The origin of this message: a peer, or the application."""
        self._worker = worker
        self._orders: list[Callable[[], None]] = []

    @property
    def peer(self) -> str | None:
        """The sender of this message as authenticated by a secure channel: "I" and 64 hexadecimal digits (clause 18.1).
        None: it came over a plain session or connection, or from this node."""
        return self.envelope.peer

    def send(self, onward_route: Route, payload: bytes, return_route: Route | None = None) -> None:
        """Send a message; replies come to this worker unless `return_route` is given.

        Raises:
            LocalSessionError: a route or the payload is of the wrong type or too large.
        """
        back = (self.address,) if return_route is None else return_route
        router = self._worker.router
        message = check_message(Message(onward_route, back, payload), router.max_payload_bytes, MAX_ROUTE_LENGTH)
        self._orders.append(partial(router.route, Envelope(message)))

    def reply(self, payload: bytes) -> None:
        """Send along the return route of the message. Raises the errors of `send`."""
        router = self._worker.router
        check_payload(payload, router.max_payload_bytes)  # the routes have passed the gate
        message = Message(self.envelope.message.return_route, (self.address,), payload)
        self._orders.append(partial(router.route, Envelope(message)))

    def forward(self, message: Message) -> None:
        """Forward a message. One from outside stays from outside. One that has become too large is a dead letter.

        Raises:
            LocalSessionError: a part of the message is of the wrong type.
        """
        check_message(message, UNLIMITED, UNLIMITED, UNLIMITED)
        if refused := refusal(message, self._worker.router.max_payload_bytes, MAX_ROUTE_LENGTH):
            self.dead_letter(*refused)
        else:
            envelope = self.envelope._replace(message=message, alias=None, invited=False)
            self._orders.append(partial(self._worker.router.route, envelope))

    def dead_letter(self, reason: str, detail: str = "") -> None:
        """Make this message a dead letter, without a failure of the handler. Use few reasons, since they are counted;
        `detail` is free text."""
        if not isinstance(reason, str) or not isinstance(detail, str):
            raise LocalSessionError("dead_letter: reason and detail are text")
        message, address = self.envelope.message, self._worker.addresses[0]
        self._orders.append(lambda: self._worker.router.bury(reason, message, address, detail))

    def set_timer(self, timer: Hashable, after_seconds: float) -> None:
        """Call the handler's `on_timer(timer, context)` once, `after_seconds` from now.

        Raises:
            LocalSessionError: `timer` is not hashable, or the time is not a finite number from 0.
        """
        check_hashable("timer", timer)
        check_seconds("after_seconds", after_seconds)
        self._orders.append(lambda: self._worker.start_own(timer, after_seconds))

    def cancel_timer(self, timer: Hashable) -> None:
        check_hashable("timer", timer)
        self._orders.append(lambda: self._worker.stop_own(timer))

    def reaches(self, route: Route) -> bool:
        """Whether the first address of a route is at this node: a worker, a session, or a live connection."""
        return bool(route) and route[0] in self._worker.router.residents

    def keep(self, give_up: GiveUp | None = None) -> Receipt | None:
        """Charge this message to its origin while it is kept after the handler has returned.

        The result is for `release`, once; None: the node is full. `give_up` drops the message and releases it when a
        full node needs the memory for another origin.
        """
        ledger, origin = self._worker.router.ledger, self.origin
        receipt = ledger.take(origin, weight_of(self.envelope.message))
        if receipt is not None and give_up is not None:
            ledger.may_give_up(receipt, give_up)
        return receipt

    def release(self, receipt: Receipt) -> None:
        self._worker.router.ledger.give_back(receipt)

    def lose(self, receipt: Receipt, reason: str, detail: str = "") -> None:
        """Make a kept message a dead letter."""
        self.release(receipt)
        self.dead_letter(reason, detail)
        self.commit()

    def fail(self, error: BaseException) -> None:
        """Report the failure of a handler that continued after it had returned, such as a coroutine.

        Raises:
            EventRefused: the worker is not running any more; the dead letter is written anyway.
        """
        self._worker.failed(self.envelope.message, error)

    def join(self, other: Context) -> None:
        """Carry out the orders of this context after those of `other`, on behalf of the origin of `other`.

        A forwarded message stays from outside if the message of this context was, whatever that of `other` is.
        """
        other._orders += self._orders
        self._orders = []

    def commit(self) -> None:
        """Carry out the orders of the handler, once, on behalf of the origin of its message."""
        orders, self._orders = self._orders, []
        router = self._worker.router
        before, router.serving = router.serving, self.origin
        try:
            for order in orders:
                order()
        finally:
            router.serving = before


@value
class Farewell(Message):
    """The last message of a worker: it stops when it has handled the messages before."""


class Worker(Inner):
    """A resident that calls a handler, driven by the supervision table."""

    __slots__ = ("addresses", "failures", "handler", "limits", "make", "policy", "router", "state",
                 "stopped", "timers")  # fmt: skip

    def __init__(
        self,
        router: Router,
        addresses: tuple[Address, ...],
        handler: Handler,
        make: Callable[[], Handler] | None,
        policy: RestartPolicy,
        stopped: Callable[[], object] = lambda: None,
    ) -> None:
        """`stopped` is called when the worker has stopped, for any reason."""
        self.router = router
        self.stopped = stopped
        self.addresses = addresses
        self.handler = handler
        self.make = make
        self.policy = policy
        self.limits = _limits(policy.restarts)
        self.state = WorkerState.RUNNING
        self.failures = 0
        self.timers: frozenset[Hashable] = frozenset()

    def take(self, envelope: Envelope) -> None:
        if type(envelope.message) is Farewell:
            self.stop()
            return
        decision = _DRIVER.fire(self, WorkerEvent.MESSAGE_RECEIVED, envelope)
        if isinstance(decision, Ignore):
            self.router.bury(decision.because, envelope.message, self.addresses[0])

    def layer(self, onward_route: Route, return_route: Route) -> Layer:
        return Layer(onward_route, (self.addresses[0], *return_route), 0)

    def fire(self, timer: object) -> None:
        if timer in self.timers:
            self.timers -= {timer}
            if isinstance(timer, WorkerEvent):
                self._step(timer)
            else:
                assert isinstance(timer, _OwnTimer)
                _DRIVER.fire(self, WorkerEvent.TIMER_FIRED, timer.timer)  # a failure within informs observers itself

    def stop(self) -> None:
        self._step(WorkerEvent.STOP)

    def start_own(self, timer: Hashable, after_seconds: float) -> None:
        self._set(_OwnTimer(timer), after_seconds)

    def stop_own(self, timer: Hashable) -> None:
        if _OwnTimer(timer) in self.timers:
            self.timers -= {_OwnTimer(timer)}
            self.router.cancel_timer(self.addresses[0], _OwnTimer(timer))

    def _step(self, event: WorkerEvent, cause: object = None) -> None:
        before = self.state
        _DRIVER.fire(self, event, cause)
        if self.state is not before and self.router.observers:
            self.router.observe(StateChanged(self.addresses[0], SUPERVISED.name, before.name, self.state.name))

    def _set(self, timer: Hashable, after_seconds: float) -> None:
        self.timers |= {timer}
        self.router.set_timer(self.addresses[0], timer, after_seconds)

    # Effects ----------------------------------------------------------------------------------------------------------

    def handle(self, envelope: Envelope) -> None:
        address = envelope.alias or envelope.message.onward_route[0]
        context = Context(self, address, envelope)
        self._call("a handler", partial(self.handler, envelope.message), context, envelope.message)

    def handle_timer(self, timer: Hashable) -> None:
        context = Context(self, self.addresses[0], Envelope(Message((), (), b"")))
        if isinstance(self.handler, TimerHandler):
            self._call("on_timer", partial(self.handler.on_timer, timer), context, timer)

    def remake(self, cause: object) -> None:
        try:
            self.handler = checked_handler(self.make()) if self.make is not None else self.handler
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.failed(WorkerEvent.RESTART_DUE, error)

    def _call(self, name: str, call: Callable[[Context], object], context: Context, lost: object) -> None:
        """Call code of the application. An exception affects this worker only (S14)."""
        try:
            found = call(context)
            if found is not None and found is not LATER:
                refuse_awaitable(name, found)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.failed(lost, error)
        else:
            if found is not LATER:
                context.commit()

    def start_back_off(self, cause: object) -> None:
        delay = self.policy.back_off.delay_seconds(self.failures - 1, self.router.entropy.fraction())
        self._set(WorkerEvent.RESTART_DUE, delay)

    def start_quiet(self, cause: object) -> None:
        self._set(WorkerEvent.QUIET_LONG_ENOUGH, self.policy.quiet_seconds)

    def stop_timers(self, cause: object) -> None:
        for timer in sorted(self.timers, key=short_repr):
            self.router.cancel_timer(self.addresses[0], timer)
        self.timers = frozenset()

    def retire(self, cause: object) -> None:
        for address in self.addresses:
            self.router.unregister(address)
        if isinstance(self.handler, StopHandler):
            self._call_stopped("on_stop", self.handler.on_stop)
        self._call_stopped("stopped", self.stopped)

    def _call_stopped(self, name: str, function: Callable[[], object]) -> None:
        """Call a function of the application after the worker has stopped. An exception changes nothing."""
        try:
            refuse_awaitable(name, function())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.router.failed(STOPPED_RAISED, name, self.addresses[0], error)

    def failed(self, lost: object, error: BaseException) -> None:
        self.router.failed(HANDLER_RAISED, lost, self.addresses[0], error)
        self._step(WorkerEvent.HANDLER_RAISED, error)


def settle(router: Router, worker: Worker, access: Access) -> None:
    """Register the addresses of a worker."""
    for address in worker.addresses:
        router.register(address, worker, access)


# Handlers for every node.


def echo(message: Message, context: Context) -> None:
    """Send the payload back (tests/vectors, `echo`: the tracing context is not sent back)."""
    context.reply(message.payload)


def hop(message: Message, context: Context) -> None:
    """Forward a message: move the own address from the onward route to the return route (tests/vectors,
    `tracing_through_hop`)."""
    onward, back = message.onward_route[1:], (message.onward_route[0], *message.return_route)
    context.forward(replace(message, onward_route=onward, return_route=back))

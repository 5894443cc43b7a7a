"""Workers of the application, each under supervision, and what their handlers may do.

Rule 1: a handler gets (message, context) and sends through the context. It has sent nothing until it returns: one that
        raises sends nothing at all, its message is a dead letter, and no other worker notices (S14).
Rule 2: the supervision table decides: handled, waiting for the restart, stopped. Restarts wait and are bounded.
Rule 3: what a handler sends by itself began here; what it passes on (`forward`) is still what it was, so that a message
        from outside reaches no private worker through it.
Left out: threads. A handler runs to its end before anything else happens, so it must not wait for anything.
Source: the discussion, "Sessions"; spec/sessions.md (S14); machines/supervised.py.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from ockam_fsm.kernel.driver import driver_for
from ockam_fsm.kernel.machine import Ignore
from ockam_fsm.kernel.value import value
from ockam_fsm.machines.supervised import SUPERVISED, WorkerEvent, WorkerState
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import StateChanged, WorkerFailed
from ockam_fsm.runtime.node.router import Access, Envelope, Inner, Router
from ockam_fsm.runtime.session.config import BackOff

HANDLER_RAISED = "handler raised"

_DRIVER = driver_for(SUPERVISED)


class Handler(Protocol):
    """What an application brings: a function, or an object that can be called."""

    def __call__(self, message: Message, context: Context, /) -> None: ...


@runtime_checkable
class TimerHandler(Protocol):
    """A handler that sets timers hears of them here."""

    def on_timer(self, timer: Hashable, context: Context, /) -> None: ...


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """At most `restarts` failures until the worker was quiet for `quiet_seconds`; each restart waits for `back_off`."""

    restarts: int = 5
    quiet_seconds: float = 60.0
    back_off: BackOff = field(default_factory=BackOff)


USUAL_RESTARTS = RestartPolicy()
"""What a worker gets that is given no policy: the same one for all."""


@lru_cache(maxsize=64)
def _limits(restarts: int) -> Mapping[str, int | None]:
    return MappingProxyType({"failures": restarts})


class _OwnTimer(NamedTuple):
    """A timer of the handler, apart from those of its supervision."""

    timer: Hashable


class Context:
    """What a handler may do, while it runs. `address` is its own address, the one that the sender talks to."""

    __slots__ = ("_orders", "_worker", "address", "envelope")

    def __init__(self, worker: Worker, address: Address, envelope: Envelope) -> None:
        self.address = address
        self.envelope = envelope
        self._worker = worker
        self._orders: list[Callable[[], None]] = []

    def send(self, onward_route: Route, payload: bytes, return_route: Route | None = None) -> None:
        """Send a message; replies come to this worker unless `return_route` says otherwise."""
        back = (self.address,) if return_route is None else return_route
        self._route(Envelope(Message(onward_route, back, payload)))

    def reply(self, payload: bytes) -> None:
        """Send to where the message came from."""
        self.send(self.envelope.message.return_route, payload)

    def forward(self, message: Message) -> None:
        """Pass a message on: from outside stays from outside."""
        self._route(self.envelope._replace(message=message, alias=None, invited=False))

    def dead_letter(self, reason: str, detail: str = "") -> None:
        """This message goes nowhere, by no fault of the handler's. `reason` is one of few, `detail` is free."""
        message, address = self.envelope.message, self._worker.addresses[0]
        self._orders.append(lambda: self._worker.router.bury(reason, message, address, detail))

    def set_timer(self, timer: Hashable, after_seconds: float) -> None:
        self._orders.append(lambda: self._worker.start_own(timer, after_seconds))

    def cancel_timer(self, timer: Hashable) -> None:
        self._orders.append(lambda: self._worker.stop_own(timer))

    def fail(self, error: Exception) -> None:
        """The handler went on after it had returned, as a coroutine does, and has failed then.

        Raises:
            EventRefused: the worker was not running any more; the dead letter is written all the same.
        """
        self._worker.failed(self.envelope.message, error)

    def commit(self) -> None:
        for order in self._orders:
            order()

    def _route(self, envelope: Envelope) -> None:
        self._orders.append(partial(self._worker.router.route, envelope))


@value
class Farewell(Message):
    """The last message of a worker: it stops when it has handled what came before."""


class Worker(Inner):
    """A resident that calls a handler: the model of the supervision table."""

    __slots__ = ("addresses", "failures", "handler", "limits", "make", "policy", "router", "state",
                 "timers")  # fmt: skip

    def __init__(
        self,
        router: Router,
        addresses: tuple[Address, ...],
        handler: Handler,
        make: Callable[[], Handler] | None,
        policy: RestartPolicy,
    ) -> None:
        self.router = router
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

    def fire(self, timer: object) -> None:
        if timer in self.timers:
            self.timers -= {timer}
            if isinstance(timer, WorkerEvent):
                self._step(timer)
            else:
                assert isinstance(timer, _OwnTimer)
                self._step(WorkerEvent.TIMER_FIRED, timer.timer)

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
        try:
            self.handler(envelope.message, context)
        except Exception as error:  # whatever the application raises, it raises for this worker only (S14)
            self.failed(envelope.message, error)
        else:
            context.commit()

    def handle_timer(self, timer: Hashable) -> None:
        context = Context(self, self.addresses[0], Envelope(Message((), (), b"")))
        try:
            if isinstance(self.handler, TimerHandler):
                self.handler.on_timer(timer, context)
        except Exception as error:
            self.failed(timer, error)
        else:
            context.commit()

    def remake(self, cause: object) -> None:
        try:
            self.handler = self.make() if self.make is not None else self.handler
        except Exception as error:
            self.failed(WorkerEvent.RESTART_DUE, error)

    def start_back_off(self, cause: object) -> None:
        delay = self.policy.back_off.delay_seconds(self.failures - 1, self.router.entropy.fraction())
        self._set(WorkerEvent.RESTART_DUE, delay)

    def start_quiet(self, cause: object) -> None:
        self._set(WorkerEvent.QUIET_LONG_ENOUGH, self.policy.quiet_seconds)

    def stop_timers(self, cause: object) -> None:
        for timer in sorted(self.timers, key=repr):
            self.router.cancel_timer(self.addresses[0], timer)
        self.timers = frozenset()

    def retire(self, cause: object) -> None:
        for address in self.addresses:
            self.router.unregister(address)

    def failed(self, lost: object, error: Exception) -> None:
        self.router.bury(HANDLER_RAISED, lost, self.addresses[0], repr(error))
        self.router.observe(WorkerFailed(self.addresses[0], error))
        self._step(WorkerEvent.HANDLER_RAISED, error)


def settle(router: Router, worker: Worker, access: Access) -> None:
    """Give a worker its addresses."""
    for address in worker.addresses:
        router.register(address, worker, access)


# Handlers that every node can use.


def echo(message: Message, context: Context) -> None:
    """Send the payload back (tests/vectors, `echo`: the tracing context is not sent back)."""
    context.reply(message.payload)


def hop(message: Message, context: Context) -> None:
    """Pass a message on: own address off the onward route, and onto the return route (tests/vectors,
    `tracing_through_hop`)."""
    onward, back = message.onward_route[1:], (message.onward_route[0], *message.return_route)
    context.forward(replace(message, onward_route=onward, return_route=back))

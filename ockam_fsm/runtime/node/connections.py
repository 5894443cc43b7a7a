"""Connections of a transport as implicit transient sessions, without I/O: both edges use this.

The tables are those of the session workers. A hello is the request to connect with our version byte, the answer is the
open connection with the peer's version byte; a frame is data. The commands to an edge are `Connect`, `Transmit` and
`Disconnect`; its reports to the node are `connected`, `connection_lost` and `receive`.

Rule 1: a message creates the session of its destination, and only a message does (S10). A destination has at most one
        live connection; its messages wait in order, within its capacity; nothing else waits for them.
Rule 2: a connection that fails is not repaired: it is closed, its held messages are dead letters, and every session
        whose messages travel over it receives `lower_layer_lost`.
Rule 3: a connection that accepts messages and brings none is worse than a lost one, since nothing reports it. A session
        whose hello over it was not answered closes it if nothing has arrived since; the next message opens another one.
Source: the discussion, "An example of implicit session is transport sessions like in TCP"; spec/sessions.md section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.kernel.driver import Driver, driver_for
from ockam_fsm.kernel.errors import DefinitionError, EventRefused
from ockam_fsm.machines.session import IMPLICIT_TRANSIENT, table
from ockam_fsm.machines.vocabulary import Effect, Event, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import Connect, Disconnect, StateChanged, Transmit
from ockam_fsm.runtime.node.forwarding import host_of
from ockam_fsm.runtime.node.layers import Layer
from ockam_fsm.runtime.node.ledger import NODE_FULL, Origin, Receipt, weight_of
from ockam_fsm.runtime.node.residents import Dependent, Envelope, Resident
from ockam_fsm.runtime.node.router import Router
from ockam_fsm.runtime.session.commands import WITHDRAWN, Timer
from ockam_fsm.runtime.session.config import LEAST_SECONDS, count_problems, seconds_problems

HELD_BYTES = "too many held bytes"
SILENT = "no answer came over it"

_DRIVERS: Mapping[Role, Driver[State, Event, Effect]] = {
    role: driver_for(table(IMPLICIT_TRANSIENT, role)) for role in Role
}
_EXPIRED = {
    Timer.NEGOTIATION: Event.NEGOTIATION_EXPIRED,
    Timer.BACK_OFF: Event.BACK_OFF_EXPIRED,
    Timer.IDLE: Event.IDLE_EXPIRED,
}


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """Limits of every connection that this node opens.

    `connect_seconds`: the time to open. `idle_seconds`: a connection that no session relies on is closed when it has
    carried nothing for this time (None: never). `held` messages of `held_bytes` in all may wait until it is open.

    Raises:
        DefinitionError: a value is out of its range; every problem is listed.
    """

    connect_seconds: float = 10.0
    idle_seconds: float | None = None
    held: int = 1000
    held_bytes: int = 16 * 1024 * 1024

    def __post_init__(self) -> None:
        problems = [
            *seconds_problems(self, "connect_seconds", "idle_seconds", least=LEAST_SECONDS, optional=("idle_seconds",)),
            *count_problems(self, "held", "held_bytes"),
        ]
        if problems:
            raise DefinitionError("connection config", problems)


class Withdrawal(NamedTuple):
    """A held message that is withdrawn, and the reason."""

    receipt: Receipt
    reason: str


class Connection:
    """One connection: a resident at `via`, and the model of the implicit transient tables."""

    __slots__ = ("_bytes", "_closed", "_driver", "_in_use", "_settings", "_waiting", "armed", "dependents",
                 "destination", "heard", "held", "limits", "misses", "opened_for", "origin", "reason", "role", "router",
                 "state", "via")  # fmt: skip
    replies = False

    def __init__(
        self,
        router: Router,
        settings: ConnectionConfig,
        via: Address,
        destination: Address | None,
        closed: Callable[[Connection], None],
        host: str = "",
    ) -> None:
        """`destination` None: the peer has connected to us, from `host`."""
        self.router = router
        self.via = via
        self.origin = Origin(str(via), outside=True, host=host if destination is None else host_of(destination))
        """The origin of the messages that arrive over this connection."""
        self.opened_for: Origin | None = None
        self.destination = destination
        self.role = Role.RESPONDER if destination is None else Role.INITIATOR
        self.limits: Mapping[str, int | None] = {"held": settings.held, "misses": 0}
        self._driver = _DRIVERS[self.role]
        self.state = State.IDLE
        self.held = self.misses = 0
        self.heard = 0
        """The number of messages that have arrived over the connection."""
        self._waiting: dict[Receipt, Message] = {}
        self.armed: set[Timer] = set()
        self.dependents: dict[Dependent, None] = {}
        self.reason = ""
        self._bytes = 0
        self._in_use = False
        """Whether the connection has carried a message since its idle timer was set."""
        self._settings = settings
        self._closed = closed

    def carries(self, address: Address) -> bool:
        return True

    def sent(self, address: Address, carrier: Resident) -> None:
        """Do nothing: no message begins at a connection."""

    def relied_on_by(self, dependent: Dependent) -> None:
        self.dependents[dependent] = None

    def dropped_by(self, dependent: Dependent) -> None:
        self.dependents.pop(dependent, None)

    def layer(self, onward_route: Route, return_route: Route) -> Layer | None:
        return None

    def give_up(self, heard: int) -> None:
        """Close the connection after an unanswered hello, if it can be reopened and nothing arrived since `heard`."""
        if self.heard == heard and self.role is Role.INITIATOR and self.state is State.ESTABLISHED:
            self.reason = SILENT
            self.step(Event.LOWER_LAYER_LOST)

    def take(self, envelope: Envelope) -> None:
        whole = envelope.message
        message = Message(whole.onward_route[1:], whole.return_route, whole.payload, whole.tracing_context)
        self.router.leaves(message, self)
        if self.state is State.ESTABLISHED:
            self.step(Event.SEND, message)
            return
        reason, detail = self._not_held(message)
        if reason:
            self.router.bury(reason, message, self.via, detail)
            if self.state is State.IDLE:  # it was made for this message only
                self.notify_closed(None)

    def _not_held(self, message: Message) -> tuple[str, str]:
        """Hold a message, or return the reason and the detail of the refusal."""
        weight = weight_of(message)
        if self._bytes + weight > self._settings.held_bytes:
            return HELD_BYTES, ""
        if not self.router.ledger.fits(self.router.serving, weight):
            return NODE_FULL, ""
        try:
            self.step(Event.SEND, message)
        except EventRefused as refusal:
            return refusal.because, self.reason
        return "", ""

    @property
    def waiting(self) -> list[Message]:
        """The held messages."""
        return list(self._waiting.values())

    def withdraw(self, reply: Address) -> None:
        """Take back the held messages whose reply address is `reply`."""
        for receipt, message in tuple(self._waiting.items()):
            if message.return_route[-1:] == (reply,):
                self.step(Event.WITHDRAW, Withdrawal(receipt, WITHDRAWN))

    def fire(self, timer: object) -> None:
        if timer not in self.armed:
            return
        assert isinstance(timer, Timer)
        self.armed.discard(timer)
        if timer is Timer.IDLE and (self._in_use or self.dependents):
            self.start_idle(None)  # where sessions rely on it, their keepalives decide, not this timer
        else:
            self.step(_EXPIRED[timer])

    def step(self, event: Event, cause: object = None) -> None:
        before = self.state
        self._driver.fire(self, event, cause)
        if self.state is not before and self.router.observers:
            self.router.observe(StateChanged(self.via, IMPLICIT_TRANSIENT.name, before.name, self.state.name))

    def _set(self, timer: Timer, after_seconds: float) -> None:
        self.armed.add(timer)
        self.router.set_timer(self.via, timer, after_seconds)

    # Effects ----------------------------------------------------------------------------------------------------------

    def hold(self, message: Message) -> None:
        ledger = self.router.ledger
        receipt = ledger.take(self.router.serving, weight_of(message))
        assert receipt is not None, "there is room: _not_held has checked it"
        ledger.may_give_up(receipt, self._give_up)
        self._waiting[receipt] = message
        self._bytes += receipt.size

    def _give_up(self, receipt: Receipt) -> None:
        self.step(Event.WITHDRAW, Withdrawal(receipt, NODE_FULL))

    def take_back(self, withdrawal: Withdrawal) -> None:
        receipt, reason = withdrawal
        message = self._waiting.pop(receipt)
        self._bytes -= receipt.size
        self.router.ledger.give_back(receipt)
        self.router.bury(reason, message, self.via, receipt.origin.name)

    def send_hello(self, cause: object) -> None:
        assert self.destination is not None
        self.router.emit(Connect(self.via, self.destination))

    def start_negotiation(self, cause: object) -> None:
        self._set(Timer.NEGOTIATION, self._settings.connect_seconds)

    def send_data(self, message: Message) -> None:
        self.router.emit(Transmit(self.via, message))

    def forward_held(self, cause: object) -> None:
        for message in self._held_no_more():
            self.router.emit(Transmit(self.via, message))

    def discard_held(self, cause: object) -> None:
        for message in self._held_no_more():
            self.router.bury("connection lost", message, self.via, self._why)

    def _held_no_more(self) -> list[Message]:
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        for receipt in waiting:
            self.router.ledger.give_back(receipt)
        return list(waiting.values())

    def start_idle(self, cause: object) -> None:
        """Note the use and leave the timer running: setting it anew for each message would cost more."""
        self._in_use = Timer.IDLE in self.armed
        if not self._in_use and self._settings.idle_seconds is not None and self.role is Role.INITIATOR:
            self._set(Timer.IDLE, self._settings.idle_seconds)

    def start_zero_back_off(self, cause: object) -> None:
        self._set(Timer.BACK_OFF, 0.0)

    def stop_timers(self, cause: object) -> None:
        for timer in Timer:
            if timer in self.armed:
                self.router.cancel_timer(self.via, timer)
        self.armed.clear()

    def forget_route(self, cause: object) -> None:
        self.router.emit(Disconnect(self.via))

    def notify_timed_out(self, cause: object) -> None:
        self.lose_dependents()

    def notify_closed(self, cause: object) -> None:
        self._closed(self)
        self.lose_dependents()

    def lose_dependents(self) -> None:
        self.router.lose(self.dependents, self._why)

    @property
    def _why(self) -> str:
        """The reason of its loss, and its destination."""
        reason = self.reason or "connection lost"
        return reason if self.destination is None else f"{reason} {self.destination.value.decode(errors='replace')}"

    def nothing(self, cause: object) -> None:
        """Do nothing: an effect that a connection has carried out already or does not need."""

    accept_attempt = send_answer = start_attempt = adopt_link = notify_established = nothing
    send_keepalive = start_keepalive = answer_keepalive = deliver = nothing
    send_close = send_going_away = fail_requests = retire_requests = catch_up = send_superseded = nothing

"""The reference end: a `Session`, or a `Host` with its responders, with a simulated clock, as a target of the kit.

It is both the reference that a target is compared with and a target that has to pass the kit.

Rule 1: this module decides nothing; it sorts commands into outputs and timers.
Left out: carriers and own addresses, which belong to the node (`reference_node.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, cast

from ockam_fsm.conformance.target import (
    HOST,
    SESSION_ID,
    SHORTLY_SECONDS,
    EndpointUnderTest,
    Feature,
    Order,
    Ordered,
    Output,
)
from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.net.entropy import SystemEntropy
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.session.commands import AnyTimer, Command, DeadLetter, Deliver, Notify, Send
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.host import Host, HostSnapshot, Key, Owned
from ockam_fsm.runtime.session.link import Entropy
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot

MakeSession: TypeAlias = Callable[..., Session]
Due: TypeAlias = tuple[float, int]


Image: TypeAlias = tuple[Snapshot | HostSnapshot, float, dict[Hashable, Due], int]


class Clock:
    """Timers by name, on simulated time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: dict[Hashable, Due] = {}
        self.started = 0

    def start(self, name: Hashable, after_seconds: float) -> None:
        """Start a timer. Timers that are due at the same time expire in the order of their starts."""
        self.started += 1
        self.timers[name] = (self.now + after_seconds, self.started)

    def stop(self, name: Hashable) -> None:
        self.timers.pop(name, None)

    def next_due(self) -> float | None:
        return min((due for due, _ in self.timers.values()), default=None)

    def passing(self, seconds: float) -> Iterator[Any]:
        """Let time pass and yield each timer when it expires. The caller may start others meanwhile."""
        until = self.now + seconds
        while (due := self.next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            name = min(self.timers, key=self.timers.__getitem__)
            del self.timers[name]
            yield name
        self.now = until


class ReferenceEnd:
    """One end: an initiator's session, or a host. `make` and `settings`: others than the regular ones, for tests."""

    features = frozenset({Feature.DEAD_LETTERS})

    def __init__(
        self,
        endpoint: EndpointUnderTest,
        entropy: Entropy,
        make: MakeSession = Session,
        settings: SessionConfig | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.entropy = entropy
        self.make = make
        self.settings = settings or endpoint.settings
        self.clock = Clock()
        self.responders = 0
        self.outputs: list[Output] = []
        self.core: Session | Host = self._initiator() if endpoint.role is Role.INITIATOR else self._host()

    def _initiator(self) -> Session:
        declared = self.endpoint
        return self.make(
            self.settings,
            declared.terms(declared.session_id),
            self.entropy,
            declared.initialization_route,
            remembered=declared.remembered,
            has_state=declared.has_state,
        )

    def _host(self) -> Host:
        return Host(HOST, self.endpoint.profile, self._responder, self.endpoint.capacity)

    def _responder(self, key: Key, session_id: bytes) -> Session:
        declared, known = self.endpoint, session_id == SESSION_ID
        remembered, has_state = (declared.remembered, declared.has_state) if known else (0, False)
        self.responders += 1
        terms = declared.terms(session_id, self.responders)
        return self.make(self.settings, terms, self.entropy, (), remembered=remembered, has_state=has_state)

    @property
    def session(self) -> Session | None:
        """The session that orders are for: the newest one of a host."""
        if isinstance(self.core, Session):
            return self.core
        return next(reversed(self.core.sessions.values()), None)

    # The interface of a target ----------------------------------------------------------------------------------------

    def deliver(self, message: Message, carrier: str) -> None:
        if isinstance(self.core, Session):
            self._perform([(None, command) for command in self.core.receive(message)])
        else:
            self._perform(self.core.receive(message))

    def advance(self, seconds: float) -> None:
        for key, timer in self.clock.passing(seconds):
            if isinstance(self.core, Session):
                self._perform([(None, command) for command in self.core.fire(timer)])
            else:
                self._perform(self.core.fire(key, timer))

    def order(self, order: Order) -> None:
        if isinstance(self.core, Session):
            self._perform([(None, command) for command in _ORDERS[order.what](self.core, order)])
            return
        if not self.core.sessions:
            raise LocalSessionError("there is no responder yet; wait for a hello")
        key = next(reversed(self.core.sessions))
        self._perform(self.core.order(key, lambda session: _ORDERS[order.what](session, order)))

    def take_outputs(self) -> Sequence[Output]:
        outputs, self.outputs = self.outputs, []
        return outputs

    # For the kit only -------------------------------------------------------------------------------------------------

    @property
    def timers(self) -> Mapping[tuple[Key, AnyTimer], Due]:
        return cast("Mapping[tuple[Key, AnyTimer], Due]", self.clock.timers)

    @property
    def now(self) -> float:
        return self.clock.now

    def next_due(self) -> float | None:
        """The time at which the next timer is due; None if none is running."""
        return self.clock.next_due()

    def soon(self) -> bool:
        """Whether the next timer is due shortly, or now."""
        due = self.next_due()
        return due is not None and due - self.now <= SHORTLY_SECONDS

    def tied(self) -> bool:
        """Whether the next two timers are due at the same time, so that their order is not specified."""
        dues = sorted(due for due, _ in self.timers.values())
        return len(dues) > 1 and dues[0] == dues[1]

    def snapshot(self) -> Image:
        return (self.core.snapshot(), self.now, dict(self.clock.timers), self.clock.started)

    def restore(self, image: Image) -> None:
        core, self.clock.now, timers, self.clock.started = image
        self.clock.timers = dict(timers)
        if isinstance(self.core, Session):
            assert isinstance(core, Snapshot)
            self.core.restore(core)
        else:
            assert isinstance(core, HostSnapshot)
            self.core.restore(core)

    def _perform(self, owned: list[Owned]) -> None:
        for key, command in owned:
            match command:
                case SetTimer(timer, after_seconds):
                    self.clock.start((key, timer), after_seconds)
                case CancelTimer(timer):
                    self.clock.stop((key, timer))
                case Send() | Deliver() | Notify() | DeadLetter(message=Outgoing()):
                    self.outputs.append(command)


def _outgoing(order: Order) -> Outgoing:
    return Outgoing(order.payload, order.onward_route, tracing_context=order.tracing_context)


_ORDERS: Mapping[Ordered, Callable[[Session, Order], list[Command]]] = {
    Ordered.OPEN: lambda session, order: session.open(),
    Ordered.SEND: lambda session, order: session.send(_outgoing(order)),
    Ordered.REQUEST: lambda session, order: session.request(order.request, _outgoing(order), reissue=order.reissue),
    Ordered.WITHDRAW: lambda session, order: session.withdraw_request(order.request),
    Ordered.RENEGOTIATE: lambda session, order: session.renegotiate(),
    Ordered.CLOSE: lambda session, order: session.close(),
    Ordered.STOP: lambda session, order: session.stop(),
    Ordered.LOWER_LAYER_LOST: lambda session, order: session.lower_layer_lost(),
}


class Answering(ReferenceEnd):
    """A reference end whose application sends data back to its sender, as sessions of a stock node's spawner do: along
    the return route, or through the session where data carries routes. Data that the end refuses to send is lost."""

    def take_outputs(self) -> Sequence[Output]:
        found: list[Output] = []
        while outputs := super().take_outputs():
            found += outputs
            for one in outputs:
                if isinstance(one, Deliver) and not self.endpoint.profile.carries_routes:
                    self.outputs.append(Send(Message(one.return_route, (), one.payload)))
                elif isinstance(one, Deliver):
                    self._answer(Order(Ordered.SEND, one.payload, one.return_route[1:]))
        return found

    def _answer(self, order: Order) -> None:
        with suppress(LocalSessionError):
            self.order(order)


def our_end(endpoint: EndpointUnderTest) -> ReferenceEnd:
    """The reference implementation as a target, for example as the other end of a pair."""
    return ReferenceEnd(endpoint, SystemEntropy())

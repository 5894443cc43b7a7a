"""Actors: pure functions from (state, event) to (next state, outbox).

Rule 1: states, payloads, timers, orders and faults are immutable and hashable. Two values are the same one if they are
equal and of the same type, in all their parts.
Rule 2: a handler depends on its arguments alone, so the explorer calls it only when it meets a new (state, event)
pair, however many global states contain that pair.
Rule 3: bounds belong to the world, never to the actor. A handler that must stop counting raises `BoundReached`.
Rule 4: this module does not depend on Ockam.

Left out: clocks (a timer is armed or not; the explorer tries each moment at which it may fire) and processes that are
created or removed (give such an actor an "absent" state).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ockam_fsm.checking.naming import identity, spoken
from ockam_fsm.kernel.errors import DefinitionError, Portable


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message arrives."""

    payload: Hashable
    sender: str


@dataclass(frozen=True, slots=True)
class Fire:
    """An armed timer fires; it is disarmed before the handler is called."""

    timer: Hashable


@dataclass(frozen=True, slots=True)
class Order:
    """The user gives the actor an order."""

    order: Hashable

    @property
    def label(self) -> str:
        return f"order {spoken(self.order)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of this actor, such as a restart or the loss of its lower layer."""

    fault: Hashable

    @property
    def label(self) -> str:
        return f"fault {spoken(self.fault)}"


Event: TypeAlias = Deliver | Fire | Order | Fault


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message in the network."""

    sender: str
    receiver: str
    payload: Hashable


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The type of `CORRUPT`."""

    def __repr__(self) -> str:
        return "CORRUPT"


CORRUPT = Corrupt()
"""The payload that the fault `corrupt` delivers in place of the one that was sent."""


class Disabled(Portable, BaseException):
    """Raised by a handler: this event is not enabled in this state, so the step does not exist.

    Not an `Exception`, so code under test that catches its own exceptions does not catch this one.
    """


class BoundReached(Portable, BaseException):
    """Raised by a handler with the name of a bound: the step is suppressed and the state counts as cut by that bound.

    Not an `Exception`, for the same reason as `Disabled`.
    """

    def __init__(self, bound: str) -> None:
        self.bound = bound
        super().__init__(bound)


class Outbox:
    """The messages, timers and records of one handler call. The engine reads it after the call."""

    def __init__(self, actor: str, timers: Iterable[Hashable] = ()) -> None:
        self.actor = actor
        self.timers = set(timers)
        self.sent: list[Envelope] = []
        self.records: list[Hashable] = []

    def send(self, receiver: str, payload: Hashable) -> None:
        self.sent.append(Envelope(self.actor, receiver, payload))

    def set_timer(self, name: Hashable) -> None:
        """Arm a timer; arming an armed timer changes nothing.

        Raises:
            DefinitionError: an equal timer of another type is armed.
        """
        if name in self.timers:
            twin = next(one for one in self.timers if one == name)
            if identity(twin) != identity(name):
                problem = f"timers {twin!r} and {name!r} are equal but differ in type; give one of them another name"
                raise DefinitionError(f"actor {self.actor}", [problem])
        self.timers.add(name)

    def cancel_timer(self, name: Hashable) -> None:
        self.timers.discard(name)

    def cancel_all_timers(self) -> None:
        self.timers.clear()

    def record(self, fact: Hashable) -> None:
        """Record a fact about this step for step properties. Facts are not part of the state."""
        self.records.append(fact)


class Actor(Protocol):
    """One participant. `state` is what `start` or `handle` returned; the engine only compares, hashes and prints it."""

    @property
    def name(self) -> str: ...

    def start(self, out: Outbox) -> Hashable: ...

    def handle(self, state: Any, event: Event, out: Outbox) -> Hashable: ...

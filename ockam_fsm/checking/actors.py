"""An actor: a pure function from (its state, one event) to (its next state, what it puts in its outbox).

Rule 1: states, payloads, timers, orders and faults are immutable and hashable; two that compare equal and are of one
type, in all their parts, are the same one.
Rule 2: a handler depends on its arguments alone. Because of that the explorer calls it once per distinct pair and never
again, however many global states contain the pair.
Rule 3: bounds belong to the world, never to the actor. A handler that must stop counting raises `BoundReached`.
Rule 4: nothing here knows Ockam.

Left out: clocks (a timer is armed or not; when it fires is the explorer's choice) and processes that appear or vanish
(give such an actor an "absent" state).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ockam_fsm.checking.naming import identity
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
    """The user orders something."""

    order: Hashable


@dataclass(frozen=True, slots=True)
class Fault:
    """Something bad happens to this actor: a restart, a lower layer that is gone."""

    fault: Hashable


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
"""What the fault `corrupt` turns a payload into."""


class Disabled(Portable, BaseException):
    """Raised by a handler: this event is not possible here, so the step does not exist.

    No `Exception`, so that code under test that catches its own failures does not catch this.
    """


class BoundReached(Portable, BaseException):
    """Raised by a handler with a bound's name: the step is suppressed and the state counts as cut by that bound.

    No `Exception`, as `Disabled`.
    """

    def __init__(self, bound: str) -> None:
        self.bound = bound
        super().__init__(bound)


class Outbox:
    """What a handler may do besides returning its next state. One outbox per call; the engine reads it afterwards."""

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
            DefinitionError: another timer is armed that is equal, and of another type.
        """
        if name in self.timers:
            twin = next(one for one in self.timers if one == name)
            if identity(twin) != identity(name):
                problem = f"timers {twin!r} and {name!r} are equal, and not of one type; give one of them another name"
                raise DefinitionError(f"actor {self.actor}", [problem])
        self.timers.add(name)

    def cancel_timer(self, name: Hashable) -> None:
        self.timers.discard(name)

    def cancel_all_timers(self) -> None:
        self.timers.clear()

    def record(self, fact: Hashable) -> None:
        """State a fact about this step, for step properties to read. Facts are not part of any state."""
        self.records.append(fact)


class Actor(Protocol):
    """One participant. `state` is whatever `start` returned; the engine only compares and hashes it."""

    @property
    def name(self) -> str: ...

    def start(self, out: Outbox) -> Hashable: ...

    def handle(self, state: Any, event: Event, out: Outbox) -> Hashable: ...

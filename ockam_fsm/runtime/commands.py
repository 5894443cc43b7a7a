"""What the core asks of an edge. This is the whole vocabulary; an edge acts on it and decides nothing.

Rule 1: commands are values, in the order in which they are to be carried out.
Rule 2: durations are in seconds from now. The core knows no clock.
Source: spec/sessions.md section 3 (timers), section 7 (data), section 4.1 (`Remember`).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ockam_fsm.runtime.message import Address, Message, Route
from ockam_fsm.runtime.signals import Generation


class Timer(Enum):
    """The timers of a session worker."""

    NEGOTIATION = "negotiation"
    BACK_OFF = "back-off"
    KEEPALIVE = "keepalive"
    IDLE = "idle"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class RequestTimer:
    """The timer of one synchronous request."""

    request: Hashable


AnyTimer: TypeAlias = Timer | RequestTimer


@dataclass(frozen=True, slots=True)
class Send:
    """Route the message: its first onward address says where."""

    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `timer` once, `after_seconds` from now; a timer of the same name that runs is replaced."""

    timer: AnyTimer
    after_seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    timer: AnyTimer


@dataclass(frozen=True, slots=True)
class Register:
    """From now on messages to `address` are this worker's."""

    address: Address


@dataclass(frozen=True, slots=True)
class Unregister:
    """`address` vanishes; messages to it are dead letters."""

    address: Address


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand data of the peer over: to the application where `onward_route` is empty, else forward it."""

    payload: bytes
    onward_route: Route
    return_route: Route


@dataclass(frozen=True, slots=True)
class Remember:
    """Store `number` durably, if this endpoint has durable state, before the next command is carried out."""

    number: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`message` will not be delivered, and this is why. `message` is a `Message` that came in, or what was held."""

    reason: str
    message: object


@dataclass(frozen=True, slots=True)
class Established:
    """`resumed`: the end that answered still had the session's state (MQTT 5 calls it Session Present)."""

    generation: Generation
    resumed: bool


@dataclass(frozen=True, slots=True)
class TimedOut:
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    reason: str


@dataclass(frozen=True, slots=True)
class Responded:
    """The outcome of a request: its response."""

    request: Hashable
    payload: bytes


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """The outcome of a request: an error."""

    request: Hashable
    reason: str


@dataclass(frozen=True, slots=True)
class RequestTimedOut:
    """The outcome of a request: no response in time."""

    request: Hashable


Notice: TypeAlias = Established | TimedOut | Closed | Responded | RequestFailed | RequestTimedOut


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the owner of the session."""

    notice: Notice


Command: TypeAlias = Send | SetTimer | CancelTimer | Register | Unregister | Deliver | Remember | DeadLetter | Notify

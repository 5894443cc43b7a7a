"""The commands of the core to an edge. An edge carries them out and decides nothing.

Rule 1: commands are values, in the order in which they are to be carried out.
Rule 2: durations are in seconds from now. The core knows no clock.
Source: spec/sessions.md section 3 (timers), section 7 (data), section 4.1 (`Remember`).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import field
from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.kernel.value import Symbol, value
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.session.signals import Generation


class Timer(Symbol):
    """The timers of a session worker."""

    NEGOTIATION = "negotiation"
    BACK_OFF = "back-off"
    KEEPALIVE = "keepalive"
    IDLE = "idle"
    RETENTION = "retention"


class RequestTimer(NamedTuple):
    """The timer of one synchronous request."""

    request: Hashable


AnyTimer: TypeAlias = Timer | RequestTimer


@value
class Send:
    """Route the message to its first onward address."""

    message: Message


@value
class Register:
    """From now on this worker receives the messages to `address`."""

    address: Address


@value
class Unregister:
    """`address` vanishes; messages to it are dead letters."""

    address: Address


@value
class Deliver:
    """Data of the peer: deliver it to the application where `onward_route` is empty, else forward it."""

    payload: bytes
    onward_route: Route
    return_route: Route


@value
class Remember:
    """Store `number` durably, if this endpoint has durable state, before the next command is carried out."""

    number: int


WITHDRAWN = "withdrawn"
"""The reason of a dead letter that its sender has taken back."""


@value
class DeadLetter:
    """`message`, a `Message` that arrived or an `Outgoing` that was held, will not be delivered, for this reason."""

    reason: str
    message: object


@value
class Established:
    """`resumed`: the end that answered still had the session's state (MQTT 5 calls it Session Present)."""

    generation: Generation
    resumed: bool


def with_detail(reason: str, detail: str) -> str:
    """Return a reason and its detail, if any, in one line."""
    return f"{reason}: {detail}" if detail else reason


@value
class TimedOut:
    """A failure. `reason` is one of a fixed set; `detail` is further text for people, which comparisons ignore."""

    reason: str
    detail: str = field(default="", compare=False)


@value
class Closed:
    """The session is over. `reason` and `detail` as in `TimedOut`."""

    reason: str
    detail: str = field(default="", compare=False)


@value
class Responded:
    """The outcome of a request: its response."""

    request: Hashable
    payload: bytes


@value
class RequestFailed:
    """The outcome of a request: an error. `reason` and `detail` as in `TimedOut`."""

    request: Hashable
    reason: str
    detail: str = field(default="", compare=False)


@value
class RequestTimedOut:
    """The outcome of a request: no response in time."""

    request: Hashable


Notice: TypeAlias = Established | TimedOut | Closed | Responded | RequestFailed | RequestTimedOut


@value
class Notify:
    """Notify the owner of the session."""

    notice: Notice


Command: TypeAlias = (
    Send | SetTimer[AnyTimer] | CancelTimer[AnyTimer] | Register | Unregister | Deliver | Remember | DeadLetter | Notify
)

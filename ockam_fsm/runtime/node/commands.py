"""What a node asks of its edge, and what it tells its observers. Values, and nothing else.

Rule 1: commands are carried out in their order. Durations are in seconds from now.
Rule 2: a timer is named by who set it; a timer of the same name that runs is replaced.
Rule 3: an observer hears everything and decides nothing: metrics, traces and logs are attached here.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, Protocol, TypeAlias

from ockam_fsm.kernel.value import value
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import Notice


class WorkerTimer(NamedTuple):
    """A timer of one worker: of a session (its outer address), of a connection, of a worker of the application."""

    worker: Address
    timer: Hashable


@value
class Connect:
    """Open a connection to `destination` (`host:port`). What comes of it is told about `via`."""

    via: Address
    destination: Address


@value
class Transmit:
    """Write one frame with this message to the connection `via`."""

    via: Address
    message: Message


@value
class Disconnect:
    """Close the connection `via`, or stop opening it, after what was written before."""

    via: Address


@value
class SetTimer:
    timer: WorkerTimer
    after_seconds: float


@value
class CancelTimer:
    timer: WorkerTimer


@value
class Remember:
    """Store `number` durably before the next command is carried out, if this session has durable state.

    `worker` is the session's outer address. Profile `ockam` has no session ids, and nothing is remembered there.
    """

    worker: Address
    session_id: bytes
    number: int


@value
class Notify:
    """News of a session (named by its outer address) for whoever opened it."""

    worker: Address
    notice: Notice


NodeCommand: TypeAlias = Connect | Transmit | Disconnect | SetTimer | CancelTimer | Remember | Notify


@value
class Letter:
    """A dead letter: what will not be delivered, why, and of which worker (None: of none)."""

    reason: str
    message: object
    worker: Address | None = None
    detail: str = ""


@value
class StateChanged:
    """A worker (a session, a connection, a worker of the application) went from one state to another, by name.

    `generation` is the number of a session's newest generation; 0 where there is none.
    """

    worker: Address
    machine: str
    before: str
    after: str
    generation: int = 0


@value
class AttemptStarted:
    """A session negotiates; `attempt` counts since it was last established (1: the first try, more: a retry)."""

    worker: Address
    generation: int
    attempt: int


@value
class WorkerFailed:
    """Something of a worker raised. `worker` None: it was no worker's, as with a callback of the application."""

    worker: Address | None
    error: BaseException


Observation: TypeAlias = StateChanged | AttemptStarted | WorkerFailed | Letter | Notify


class Observer(Protocol):
    """Something that hears what happens in a node. One that raises, or returns an awaitable, is heard no more."""

    def observe(self, observation: Observation) -> object: ...

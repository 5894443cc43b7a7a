"""The commands of a node to its edge, and the observations for its observers. All of them are values.

Rule 1: commands are carried out in their order. Durations are in seconds from now.
Rule 2: a timer is identified by its worker and its name; setting it again replaces it.
Rule 3: a command of a session (session/commands.py) becomes a command of its node under another name. Only the commands
        of timers, which mean the same, are shared (kernel/timers.py).
Rule 4: an observer receives every observation and decides nothing: metrics, traces and logs are observers.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple, Protocol, TypeAlias

from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.kernel.value import value
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import Notice


class WorkerTimer(NamedTuple):
    """A timer of one worker: of a session (its outer address), of a connection, of a worker of the application."""

    worker: Address
    timer: Hashable


@value
class Connect:
    """Open a connection to `destination` (`host:port`). The edge reports its outcome under the name `via`."""

    via: Address
    destination: Address


@value
class Transmit:
    """Write one frame with this message to the connection `via`."""

    via: Address
    message: Message


@value
class Disconnect:
    """Close the connection `via` after the frames written before, or stop opening it."""

    via: Address


@value
class RememberNumber:
    """Store `number` durably before the next command is carried out, if this session has durable state.

    `worker` is the session's outer address. Profile `ockam` has no session ids, and nothing is remembered there.
    """

    worker: Address
    session_id: bytes
    number: int


@value
class NotifyOwner:
    """A notice of a session, identified by its outer address, for its owner."""

    worker: Address
    notice: Notice


NodeCommand: TypeAlias = (
    Connect | Transmit | Disconnect | SetTimer[WorkerTimer] | CancelTimer[WorkerTimer] | RememberNumber | NotifyOwner
)


@value
class Letter:
    """A dead letter: a message that will not be delivered, the reason, and its worker (None: it has none)."""

    reason: str
    message: object
    worker: Address | None = None
    detail: str = ""


@value
class StateChanged:
    """A worker (a session, a connection, a worker of the application) changed its state; states are given by name.

    `generation` is the number of a session's newest generation; 0 where there is none.
    """

    worker: Address
    machine: str
    before: str
    after: str
    generation: int = 0


@value
class AttemptStarted:
    """A session negotiates; `attempt` counts since it was last established (1: the first attempt, more: a retry)."""

    worker: Address
    generation: int
    attempt: int


@value
class WorkerFailed:
    """Code of a worker raised an exception. `worker` None: it has no worker, like a callback of the application."""

    worker: Address | None
    error: BaseException


Observation: TypeAlias = StateChanged | AttemptStarted | WorkerFailed | Letter | NotifyOwner


class Observer(Protocol):
    """Receives the observations of a node. An observer that raises, or returns an awaitable, is removed."""

    def observe(self, observation: Observation) -> object: ...

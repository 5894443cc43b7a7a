"""What the processes of the demonstration report while they run. Values that travel through a pipe.

Rule 1: a report says what happened and to which layer; what it means is for who reads it (`run.py`).
Source: the discussion, "Putting it all together" and "a secure channel may use stream session, ...".
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from ockam_fsm.kernel.value import value


class Layer(Enum):
    """The layers of the pipeline, the lowest first."""

    TCP = "TCP connection"
    PUBLISHER = "stream publisher"
    CONSUMER = "stream consumer"
    CHANNEL = "secure channel"


@value
class Ready:
    """The process serves."""


@value
class Changed:
    """A session went from one state to another. `generation`: 0 where there is none. `cause`: why it failed, if so."""

    layer: Layer
    session: str
    before: str
    after: str
    generation: int
    cause: str


@value
class Sent:
    """The device has sent this number for the first time."""

    number: int


@value
class Confirmed:
    """The service has answered this number, through all layers."""

    number: int


@value
class Received:
    """The service has processed this number, or has found that it had."""

    number: int
    again: bool


@value
class Finished:
    """The device has had an answer to each number, and has closed the channel."""


Report: TypeAlias = Ready | Changed | Sent | Confirmed | Received | Finished

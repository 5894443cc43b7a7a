"""The commands that set and cancel a timer, which sessions, nodes and streams have in common.

Rule 1: a duration is in seconds from now. Only an edge knows a clock.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from ockam_fsm.kernel.value import value

T_co = TypeVar("T_co", covariant=True)
"""The name of a timer, which identifies it at the edge."""


@value
class SetTimer(Generic[T_co]):
    """Fire `timer` once, `after_seconds` from now; a timer of the same name that runs is replaced."""

    timer: T_co
    after_seconds: float


@value
class CancelTimer(Generic[T_co]):
    """Stop `timer`, if it runs."""

    timer: T_co

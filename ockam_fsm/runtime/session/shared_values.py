"""Values that many sessions share, so that an idle session takes about 1 kB (`benchmarks/memory.py`).

Rule 1: a shared value never changes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TypeAlias

from ockam_fsm.machines.vocabulary import Role
from ockam_fsm.runtime.session.commands import Timer
from ockam_fsm.runtime.session.request import Outgoing, Request

Waiting: TypeAlias = list[tuple[Outgoing, bool]] | tuple[()]
"""The held messages in order, each with whether it is reissued."""

NO_REQUESTS: Mapping[Hashable, Request] = MappingProxyType({})


@lru_cache(maxsize=1024)
def ranked(number: int, role: Role) -> tuple[int, Role]:
    """Return the pair of a generation's number and role. Most ends have small numbers, so they share these pairs;
    numbers come from peers, so the cache is bounded."""
    return number, role


@cache
def with_timer(armed: frozenset[Timer], timer: Timer) -> frozenset[Timer]:
    """Return a shared set: one for each session would take a tenth of an idle session's memory."""
    return armed | {timer}


@cache
def without_timer(armed: frozenset[Timer], timer: Timer) -> frozenset[Timer]:
    return armed - {timer}

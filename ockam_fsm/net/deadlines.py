"""The deadline of a caller: `timeout_seconds`, a number of seconds, or None for no deadline.

Rule: at the deadline the call raises TimeoutError with the event that is missing. What was begun goes on.
Source: spec/sessions.md clause 12.1; the README, "A deadline belongs to its caller".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ockam_fsm.kernel.arguments import check_seconds


def check_deadline(timeout_seconds: float | None) -> float | None:
    """Return the deadline. Raises LocalSessionError unless it is None or a finite number of seconds."""
    return None if timeout_seconds is None else check_seconds("timeout_seconds", timeout_seconds)


@asynccontextmanager
async def deadline(timeout_seconds: float | None, missing: Callable[[], tuple[str, str]]) -> AsyncIterator[None]:
    """End the block at the deadline.

    missing: returns the event that is missing at the deadline, and more about it.

    Raises:
        LocalSessionError: the deadline is not a number of seconds.
        TimeoutError: it has passed.
    """
    limit = asyncio.timeout(check_deadline(timeout_seconds))
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        event, more = missing()
        raise TimeoutError(f"{event} within {timeout_seconds:g} s{more}") from None

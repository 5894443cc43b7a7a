"""The choice of the event loop: uvloop if it is installed (extra `fast`), otherwise that of asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def loop_factory(*, fast: bool = True) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of the event loop. `fast` False: always that of asyncio."""
    if fast:
        try:
            import uvloop
        except ImportError:
            pass
        else:
            factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
            return factory
    return asyncio.new_event_loop


def run(main: Coroutine[Any, Any, T], *, fast: bool = True) -> T:
    """Run a program in a new event loop, as `asyncio.run` does; Ctrl-C cancels it and cleans up."""
    with asyncio.Runner(loop_factory=loop_factory(fast=fast)) as runner:
        return runner.run(main)

"""Which event loop runs: uvloop where it is installed (extra `fast`), asyncio's own otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def loop_factory(*, fast: bool = True) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes an event loop. `fast` False: asyncio's own in any case."""
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
    """Run a program in an event loop of its own, as `asyncio.run` does; Ctrl-C cancels it and cleans up."""
    with asyncio.Runner(loop_factory=loop_factory(fast=fast)) as runner:
        return runner.run(main)

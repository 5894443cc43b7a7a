"""Handlers that are coroutines, as workers of a node that waits for nothing.

Rule 1: one message at a time for each worker, in order, whatever the handler awaits; other workers go on meanwhile.
Rule 2: as with any handler, what it sends through the context leaves when it has returned, and one that raises has
        sent nothing: its message is a dead letter, and its supervisor hears of it.
Rule 3: what waits is bounded (`capacity`); what is more is a dead letter. A task lives only while something waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TypeAlias, cast

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import HANDLER_RAISED, Context, Handler, TimerHandler

MAILBOX_FULL = "mailbox full"

AsyncHandler: TypeAlias = Callable[[Message, Context], Awaitable[None]]
AnyHandler: TypeAlias = Handler | AsyncHandler


class Mailbox:
    """The synchronous face of a coroutine handler. `pump` makes the node run; `tasks` keeps what must be cancelled."""

    def __init__(
        self,
        handler: AsyncHandler,
        pump: Callable[[], None],
        tasks: set[asyncio.Task[None]],
        capacity: int,
    ) -> None:
        self._handler = handler
        self._pump = pump
        self._tasks = tasks
        self._capacity = capacity
        self._waiting: deque[tuple[Message, Context]] = deque()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, message: Message, context: Context) -> None:
        if len(self._waiting) >= self._capacity:
            context.dead_letter(MAILBOX_FULL)
            return
        self._waiting.append((message, context))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._tasks.add(self._task)

    def on_timer(self, timer: Hashable, context: Context) -> None:
        if isinstance(self._handler, TimerHandler):
            self._handler.on_timer(timer, context)

    async def _work(self) -> None:
        try:
            while self._waiting:
                message, context = self._waiting.popleft()
                try:
                    await self._handler(message, context)
                except Exception as error:  # whatever the application raises, it raises for this worker only (S14)
                    self._fail(context, error)
                else:
                    context.commit()
                self._pump()
        finally:
            assert self._task is not None
            self._tasks.discard(self._task)
            self._task = None

    def _fail(self, context: Context, error: Exception) -> None:
        """What waits behind it is lost as well: a worker that waits for its restart handles nothing."""
        with suppress(EventRefused):  # it was stopped meanwhile
            context.fail(error)
        while self._waiting:
            _, waiting = self._waiting.popleft()
            waiting.dead_letter(HANDLER_RAISED, "in the mailbox of a worker that failed")
            waiting.commit()


def synchronous(
    handler: AnyHandler, pump: Callable[[], None], tasks: set[asyncio.Task[None]], capacity: int
) -> Handler:
    """The handler as a node takes it."""
    if iscoroutinefunction(handler) or iscoroutinefunction(getattr(handler, "__call__", None)):  # noqa: B004
        return Mailbox(cast("AsyncHandler", handler), pump, tasks, capacity)
    return cast("Handler", handler)

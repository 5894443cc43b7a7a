"""Handlers that wait for something, as workers of a node that waits for nothing.

Rule 1: one message at a time for each worker, in order, whatever the handler awaits; other workers go on meanwhile.
Rule 2: as with any handler, what it sends through the context leaves when it has ended, and one that raises has sent
        nothing: its message is a dead letter, and its supervisor hears of it. CancelledError is no exception to that,
        unless it is the node that cancels.
Rule 3: what waits is bounded (`capacity`), and is charged to its origin; what is more is a dead letter. A task lives
        only while something waits.
Rule 4: what a function returns decides, not how it was written: a lambda, a partial or a decorated function that
        returns an awaitable is awaited like a coroutine function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from functools import partial
from inspect import isawaitable
from typing import NamedTuple, TypeAlias

from ockam_fsm.kernel.errors import EventRefused
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.ledger import NODE_FULL, Receipt
from ockam_fsm.runtime.node.workers import HANDLER_RAISED, LATER, Context, Handler, TimerHandler, checked_handler

MAILBOX_FULL = "mailbox full"

AsyncHandler: TypeAlias = Callable[[Message, Context], Awaitable[None]]
AnyHandler: TypeAlias = Handler | AsyncHandler


class _Job(NamedTuple):
    """A call of the handler that waits for its turn."""

    call: Callable[[], object]
    context: Context


class Mailbox:
    """The synchronous face of a handler. `pump` makes the node run; `tasks` keeps what must be cancelled."""

    def __init__(
        self,
        handler: AnyHandler,
        pump: Callable[[], None],
        tasks: set[asyncio.Task[None]],
        capacity: int,
    ) -> None:
        self._handler = checked_handler(handler)
        self._pump = pump
        self._tasks = tasks
        self._capacity = capacity
        self._waiting: dict[Receipt, _Job] = {}
        self._task: asyncio.Task[None] | None = None

    def __call__(self, message: Message, context: Context) -> object:
        if self._task is None:
            return self._begun(self._handler(message, context), context)
        return self._wait(partial(self._handler, message, context), context)

    def on_timer(self, timer: Hashable, context: Context) -> object:
        handler = self._handler
        if not isinstance(handler, TimerHandler):
            return None
        if self._task is None:
            return self._begun(handler.on_timer(timer, context), context)
        return self._wait(partial(handler.on_timer, timer, context), context)

    def _begun(self, found: object, context: Context) -> object:
        """The handler was free and has been called. `LATER`: it goes on after this has returned."""
        if found is None or not isawaitable(found):
            return None
        self._task = asyncio.get_running_loop().create_task(self._work(found, context))
        self._tasks.add(self._task)
        return LATER

    def _wait(self, call: Callable[[], object], context: Context) -> object:
        """The handler is busy: call it later."""
        receipt = context.keep(self._give_up) if len(self._waiting) < self._capacity else None
        if receipt is None:
            context.dead_letter(MAILBOX_FULL if len(self._waiting) >= self._capacity else NODE_FULL)
            return None
        self._waiting[receipt] = _Job(call, context)
        return LATER

    def _give_up(self, receipt: Receipt) -> None:
        self._waiting.pop(receipt).context.lose(receipt, NODE_FULL)

    async def _work(self, running: Awaitable[object], context: Context) -> None:
        try:
            await self._end(running, context)
            while self._waiting:
                receipt = next(iter(self._waiting))
                job = self._waiting.pop(receipt)
                job.context.release(receipt)
                await self._begin(job)
        finally:
            assert self._task is not None
            self._tasks.discard(self._task)
            self._task = None

    async def _begin(self, job: _Job) -> None:
        try:
            found = job.call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(job.context, error)
            self._pump()
            return
        await self._end(found, job.context)

    async def _end(self, found: object, context: Context) -> None:
        """Wait for what the handler returned. Whatever it raises, it raises for this worker only (S14)."""
        try:
            if isawaitable(found):
                await found
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._task is not None and self._task.cancelling():
                raise  # the node stops
            self._fail(context, error)
        else:
            context.commit()
        self._pump()

    def _fail(self, context: Context, error: BaseException) -> None:
        """What waits behind it is lost as well: a worker that waits for its restart handles nothing."""
        with suppress(EventRefused):  # it was stopped meanwhile
            context.fail(error)
        while self._waiting:
            receipt = next(iter(self._waiting))
            context = self._waiting.pop(receipt).context
            context.lose(receipt, HANDLER_RAISED, "in the mailbox of a worker that failed")

"""Asynchronous handlers as workers of a node, which itself never waits.

Rule 1: each worker handles one message at a time, in order, also while its handler awaits; other workers go on.
Rule 2: as with any handler, messages sent through the context leave when the handler returns. A handler that raises
        sends nothing: its message is a dead letter, and its supervisor is notified. The same holds for CancelledError,
        unless the node itself cancels the handler.
Rule 3: the number of waiting messages is bounded (`capacity`), and each is charged to its origin; further messages are
        dead letters. A task exists only while a handler runs.
Rule 4: the returned value decides: a lambda, a partial or a decorated function that returns an awaitable is awaited
        like a coroutine function.
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
    """A queued call of the handler."""

    call: Callable[[], object]
    context: Context


class Mailbox:
    """The synchronous adapter of an asynchronous handler.

    Args:
        pump: makes the node deliver messages and carry out commands.
        tasks: the tasks to cancel when the node stops.
        capacity: how many messages may wait.
    """

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
            return self._started(self._handler(message, context), context)
        return self._enqueue(partial(self._handler, message, context), context)

    def on_timer(self, timer: Hashable, context: Context) -> object:
        handler = self._handler
        if not isinstance(handler, TimerHandler):
            return None
        if self._task is None:
            return self._started(handler.on_timer(timer, context), context)
        return self._enqueue(partial(handler.on_timer, timer, context), context)

    def _started(self, result: object, context: Context) -> object:
        """Await the result of a call if it is awaitable; then return `LATER`: the handler is still running."""
        if result is None or not isawaitable(result):
            return None
        self._task = asyncio.get_running_loop().create_task(self._work(result, context))
        self._tasks.add(self._task)
        return LATER

    def _enqueue(self, call: Callable[[], object], context: Context) -> object:
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
                await self._call(job)
        finally:
            assert self._task is not None
            self._tasks.discard(self._task)
            self._task = None

    async def _call(self, job: _Job) -> None:
        try:
            result = job.call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(job.context, error)
            self._pump()
            return
        await self._end(result, job.context)

    async def _end(self, result: object, context: Context) -> None:
        """Await the result of the handler. An exception concerns this worker only (S14)."""
        try:
            if isawaitable(result):
                await result
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and self._task is not None and self._task.cancelling():
                raise  # the node is stopping
            self._fail(context, error)
        else:
            context.commit()
        self._pump()

    def _fail(self, context: Context, error: BaseException) -> None:
        """Fail the message and all waiting ones: a worker that waits for its restart handles no messages."""
        with suppress(EventRefused):  # the worker was stopped meanwhile
            context.fail(error)
        while self._waiting:
            receipt = next(iter(self._waiting))
            context = self._waiting.pop(receipt).context
            context.lose(receipt, HANDLER_RAISED, "in the mailbox of a worker that failed")

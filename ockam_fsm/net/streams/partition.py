"""One partition of a stream in a node: its worker, its log, and the sessions of its publishers.

Rule 1: the core (`StreamWorker`) decides; this file moves messages, and passes results of the storage to the loop.
Rule 2: all messages of one turn of the loop are one append to the storage, which may group further.
Rule 3: results of the storage for a log that was opened again meanwhile are ignored.
Rule 4: a push that waits for the storage, and a pull that waits to be read, are charged to their sender. The number of
        concurrent reads is limited, since the memory of their results is charged to no peer.
Rule 5: a response holds as many messages as fit into a message of this node. A message too large for a response is not
        stored.
Source: spec/sessions.md clauses 12.3 to 12.7.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.stream import StreamState
from ockam_fsm.net.node import TcpNode
from ockam_fsm.runtime.encoding.message import LOCAL, Address, Message, Route
from ockam_fsm.runtime.encoding.stream_messages import (
    PUSH_BYTES,
    SHOWN_CHARACTERS,
    Pull,
    Pulled,
    Push,
    Pushed,
    Status,
    StoredMessage,
    StreamError,
    StreamRequest,
    decode_request,
    encode_response,
)
from ockam_fsm.runtime.node.ledger import NODE_FULL, Receipt
from ockam_fsm.runtime.node.session_workers import SessionWorker
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.stream.commands import (
    Append,
    CloseLog,
    EndSessions,
    Ignored,
    OpenLog,
    Read,
    Reply,
    StreamCommand,
    StreamTimer,
)
from ockam_fsm.runtime.stream.worker import NOT_SERVED, PLAIN, StreamConfig, StreamWorker
from ockam_fsm.storage.interface import Entry, Log, Storage, StorageUnavailable
from ockam_fsm.storage.outcomes import log_name

logger = logging.getLogger("ockam_fsm.streams")
TOO_LARGE = "a message is larger than a response may be"
MAX_READS = 4
PULLED_BYTES, STORED_BYTES = 32, 16
"""Upper bounds of the overhead of a response, and of a message in it."""
MAX_READ_BYTES = 2**20
"""The largest content of a response to a pull, unless its first message alone is larger."""


class Partition:
    """One partition: plain clients use `address`, the hellos of publishers go to `host`."""

    def __init__(
        self, node: TcpNode, storage: Storage, stream: str, number: int, config: StreamConfig, settings: SessionConfig
    ) -> None:
        self.node, self.storage, self.stream, self.number = node, storage, stream, number
        self.settings = settings
        self.core = StreamWorker(config)
        self.address = node.node.start_worker(handler=self._plain)
        self._data = node.node.start_worker(handler=self._push_of_session)
        self._log: Log | None = None
        self._opening = 0
        self._batch: list[Entry] = []
        self._receipts: list[Receipt] = []
        self._reads: deque[tuple[Read, Receipt]] = deque()
        self._reading = 0
        self._pulling: Receipt | None = None
        self._opened = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._last_logged = ""
        self._used = node.loop.time()
        self.host = self._start_host()
        self._do(self.core.start())

    def _start_host(self) -> Address:
        return self.node.node.start_host(
            self.node.node.fresh_address(), self.settings, application=self._data, durable=self._record
        )

    def touch(self) -> None:
        """Record that the partition is used now."""
        self._used = self.node.loop.time()

    async def opened(self, seconds: float) -> bool:
        """Wait until the log is open; False after `seconds`."""
        self.touch()
        try:
            async with asyncio.timeout(seconds):
                await self._opened.wait()
        except TimeoutError:
            return False
        return True

    async def look_up(self, publisher: bytes) -> None:
        """Load the record of a publisher, before its session is created.

        Raises:
            StorageError: the log cannot be read, or it was opened again meanwhile.
        """
        log = self._log
        if log is not None and publisher not in self.core.records:
            last = await asyncio.wrap_future(log.last_number(publisher))
            if log is self._log:
                self._forget_ended()
                self.core.known(publisher, last)
        if publisher not in self.core.records:  # a session without the record would report it as lost
            raise StorageUnavailable("the log was opened again", "send the request again")

    def unused_since(self) -> float | None:
        """Return the time of the last use; None while the partition is in use."""
        busy = self.core.under_way or self._reads or self._reading or self.node.node.host(self.host).responders
        return None if busy else self._used

    def stop(self) -> None:
        """Stop the workers. A later request for this partition creates a new one."""
        self._do(self.core.stop())
        for worker in (self.address, self._data):
            self.node.stop(worker)

    # In ---------------------------------------------------------------------------------------------------------------

    def _plain(self, message: Message, context: Context) -> None:
        self._take(PLAIN, message, context)

    def _push_of_session(self, message: Message, context: Context) -> None:
        resident = self.node.node.router.residents.get(context.address)
        if isinstance(resident, SessionWorker):  # the session may have closed meanwhile
            self._take(resident.session.terms.session_id, message, context)

    def _take(self, publisher: bytes, message: Message, context: Context) -> None:
        self.touch()
        try:
            request = decode_request(message.payload)
        except RemoteSessionError as error:
            context.dead_letter(error.reason, error.detail)
            return
        match request:
            case Push():
                self._push(publisher, request, message.return_route, context)
            case Pull():
                self._pull(request, message.return_route, context)
            case _:
                self._refuse(request, context)

    def _push(self, publisher: bytes, push: Push, reply: Route, context: Context) -> None:
        if len(push.data) > self._most_bytes() - PUSH_BYTES:
            if publisher == PLAIN:
                context.reply(encode_response(Pushed(push.request_id, Status.ERROR, 0)))
            else:
                context.dead_letter(TOO_LARGE)
            return
        receipt = context.keep()
        if receipt is None:
            context.dead_letter(NODE_FULL)
            return
        commands = self.core.push(publisher, push, reply)
        if any(isinstance(command, Append) for command in commands):
            self._receipts.append(receipt)
        else:
            context.release(receipt)
        self._do(commands, context)

    def _pull(self, pull: Pull, reply: Route, context: Context) -> None:
        self._pulling = context.keep()
        if self._pulling is None:
            context.dead_letter(NODE_FULL)
            return
        self._do(self.core.pull(pull, reply), context)
        if self._pulling is not None:
            context.release(self._pulling)

    def _most_bytes(self) -> int:
        """Return the largest payload of a message of this node."""
        return self.node.node.router.max_payload_bytes

    def _refuse(self, request: StreamRequest, context: Context) -> None:
        context.reply(encode_response(StreamError(f"{type(request).__name__} does not belong to a stream's worker")))

    # Out --------------------------------------------------------------------------------------------------------------

    def _do(self, commands: Iterable[StreamCommand], context: Context | None = None) -> None:
        for command in commands:
            if isinstance(command, Ignored):
                if context is not None:
                    context.dead_letter(command.reason)
            else:
                CARRY_OUT[type(command)](self, command)

    def _reply(self, command: Reply) -> None:
        if command.route and self.node.running:
            self.node.send(command.route, encode_response(command.response), return_route=(self.address,))

    def _append(self, command: Append) -> None:
        if not self._batch:
            self.node.loop.call_soon(self._flush)
        self._batch.append(Entry(command.data, command.publisher, command.number))

    def _set_timer(self, command: SetTimer[StreamTimer]) -> None:
        self._timer = self.node.loop.call_later(command.after_seconds, lambda: self._do(self.core.retry_due()))

    def _cancel_timer(self, command: CancelTimer[StreamTimer]) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _close_log(self, command: CloseLog) -> None:
        self._log = None

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch and self._log is not None:
            self._later(self._log.append(batch), self._stored)

    def _stored(self, indexes: tuple[int, ...]) -> None:
        self._last_logged = ""
        for index in indexes:
            self._release(self._receipts.pop(0))
            self._do(self.core.appended(index))

    def _read(self, command: Read) -> None:
        assert self._pulling is not None
        self._reads.append((command, self._pulling))
        self._pulling = None
        self._read_next()

    def _read_next(self) -> None:
        while self._reads and self._reading < MAX_READS and self._log is not None:
            command, receipt = self._reads.popleft()
            if self._is_gone(command.reply):
                self._release(receipt)
                continue
            self._reading += 1
            limit = max(command.limit, 1)  # a limit of 0 gives an empty response below
            self._in_loop(
                self._log.read(command.index, limit, MAX_READ_BYTES), partial(self._was_read, command, receipt)
            )

    def _is_gone(self, route: Route) -> bool:
        """Whether the response cannot be delivered: the connection of the client has ended."""
        return not route or (route[0].type == LOCAL and route[0] not in self.node.node.router.residents)

    def _was_read(self, command: Read, receipt: Receipt, found: Future[Any]) -> None:
        self._reading -= 1
        self._release(receipt)
        self._reply(Reply(command.reply, self._pulled(command, found)))
        self._read_next()

    def _pulled(self, command: Read, found: Future[Any]) -> Pulled | StreamError:
        """Return a response with as many of the messages as fit."""
        if found.exception() is not None:
            return StreamError(NOT_SERVED)
        messages, room = [], self._most_bytes() - PULLED_BYTES
        for one in found.result()[: command.limit]:
            room -= len(one.data) + STORED_BYTES
            if room < 0:
                break
            messages.append(StoredMessage(one.index, one.data))
        if room < 0 and not messages:
            return StreamError(TOO_LARGE)
        return Pulled(command.request_id, tuple(messages))

    def _drop_reads(self) -> None:
        """The log is closed: answer the waiting pulls with an error."""
        while self._reads:
            command, receipt = self._reads.popleft()
            self._release(receipt)
            self._reply(Reply(command.reply, StreamError(NOT_SERVED)))

    def _open(self, command: OpenLog) -> None:
        self._opening += 1
        self._later(self.storage.open_log(self.stream, self.number), self._is_open)

    def _is_open(self, log: Log) -> None:
        self._log = log
        self._do(self.core.opened())
        self._opened.set()

    def _end_sessions(self, command: EndSessions) -> None:
        """End all sessions: the storage has failed, or the worker stops. Later hellos reach a new host."""
        self._opening += 1
        self._log = None
        self._batch.clear()
        self._opened.clear()
        self._drop_reads()
        receipts, self._receipts = self._receipts, []
        for receipt in receipts:
            self._release(receipt)
        if self.node.running:
            self.node.stop(self.host)
            if self.core.state is not StreamState.STOPPED:
                self.host = self._start_host()

    def _record(self, publisher: bytes) -> tuple[int, bool]:
        record = self.core.records.get(publisher)
        return 0, record is not None and record.accepted > 0

    def _forget_ended(self) -> None:
        """Drop the records of publishers without a session if there are more than twice as many records as sessions."""
        sessions = self.node.node.host(self.host).responders
        if len(self.core.records) > 2 * len(sessions) + 16:
            for publisher in [one for one in self.core.records if one not in sessions]:
                self.core.forget(publisher)

    def _release(self, receipt: Receipt) -> None:
        self.node.node.router.ledger.give_back(receipt)

    # Results of the storage -------------------------------------------------------------------------------------------

    def _later(self, future: Future[Any], then: Callable[[Any], None]) -> None:
        """Handle the result or the failure in the loop, unless the log was opened again meanwhile."""
        opening = self._opening

        def done(found: Future[Any]) -> None:
            if opening != self._opening:
                return
            if (error := found.exception()) is not None:
                self._log_once(str(error))
                self._do(self.core.storage_failed())
            else:
                then(found.result())

        self._in_loop(future, done)

    def _log_once(self, reason: str) -> None:
        """Log a failure. A repeated reason is logged again only after a message was stored."""
        if reason != self._last_logged:
            logger.warning("%s is not served: %s", log_name(self.stream[:SHOWN_CHARACTERS], self.number), reason)
        self._last_logged = reason

    def _in_loop(self, future: Future[Any], then: Callable[[Future[Any]], None]) -> None:
        loop = self.node.loop

        def done(found: Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(partial(self._if_running, then, found))

        future.add_done_callback(done)

    def _if_running(self, then: Callable[[Future[Any]], None], found: Future[Any]) -> None:
        if self.node.running:
            then(found)


CARRY_OUT: Mapping[type, Callable[[Partition, Any], None]] = {
    Append: Partition._append,
    Reply: Partition._reply,
    Read: Partition._read,
    OpenLog: Partition._open,
    CloseLog: Partition._close_log,
    EndSessions: Partition._end_sessions,
    SetTimer: Partition._set_timer,
    CancelTimer: Partition._cancel_timer,
}

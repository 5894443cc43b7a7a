"""`ockam-fsm publish`: publish lines as messages of a stream."""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

import typer

from ockam_fsm.cli.app import JsonOption, command, counted, err, fail, print_json
from ockam_fsm.cli.shared.network_options import run_to_the_end
from ockam_fsm.cli.shared.stream_options import (
    HexOption,
    NodeOption,
    NullOption,
    PartitionOption,
    checked_node,
    checked_stream,
    message_separator,
    partition_route,
)
from ockam_fsm.cli.shared.stream_waiting import TimeoutOption, Waiting, give_up, wait_showing
from ockam_fsm.kernel.text import neutral

if TYPE_CHECKING:
    from ockam_fsm.net.streams.publisher import Kept, StreamPublisher
    from ockam_fsm.net.streams.publisher_file import PublisherFile
    from ockam_fsm.runtime.encoding.message import Route

RESUME_HELP = (
    "Keep the state of the publisher in this file. After a kill, run again with the same file and input: lines "
    "that were accepted before are skipped, and no message is stored twice."
)
STANDARD_INPUT = Path("-")
MOST_BYTES = 8 * 2**20
CLEAR_LINE = "\r\x1b[2K"
T = TypeVar("T")


@command
def publish(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="Name of the stream; it is created if missing.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file with a message on each line; `-`: standard input.")
    ] = Path("-"),
    node: NodeOption = "127.0.0.1:4000",
    partition: PartitionOption = None,
    window: Annotated[int, typer.Option(min=1, max=10_000, help="How many messages may wait for confirmation.")] = 64,
    resume: Annotated[Path | None, typer.Option("--resume", metavar="STATE", help=RESUME_HELP)] = None,
    timeout: TimeoutOption = None,
    null: NullOption = False,
    hexadecimal: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish each line of a file to a stream, and wait until all are stored.

    If the node, the connection or the storage fails, the command waits and sends unconfirmed messages again; each is
    stored once.

    Exit codes: 0 every message is confirmed, 1 given up after --timeout, or there is no such partition, 2 wrong
    usage, 130 Ctrl-C, 143 SIGTERM.

    Examples:

    * `ockam-fsm publish orders orders.txt --node 127.0.0.1:4000`
    * `seq 1000 | ockam-fsm publish numbers --timeout 30`
    * `ockam-fsm publish orders orders.txt --resume state  # again after a kill`
    """
    from ockam_fsm.net.streams.publisher_file import PublisherFile

    end, where = message_separator(null, hexadecimal), checked_node(node)
    checked_stream(stream)
    kept_in = None if resume is None else PublisherFile(resume, _record_name(stream, partition))
    route = partition_route(where, stream, partition)
    source = _opened(file)
    try:
        given = Input(source, end, hexadecimal)
        run_to_the_end(_publish(route, stream, given, window, kept_in, timeout, Waiting(where), as_json))
    finally:
        if file != STANDARD_INPUT:
            source.close()


async def _publish(
    route: Route,
    stream: str,
    given: Input,
    window: int,
    kept_in: PublisherFile | None,
    timeout: float | None,
    waiting: Waiting,
    as_json: bool,
) -> int:
    from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.streams.publisher import StreamPublisher
    from ockam_fsm.runtime.stream.publisher import PublisherConfig

    kept = None if kept_in is None else _loaded(kept_in)
    skipped = 0 if kept is None else kept.image.confirmed + len(kept.image.messages)
    await _in_a_thread(lambda: given.skip(skipped))
    try:
        async with TcpNode() as local:
            config = PublisherConfig(window=window)
            publisher = (StreamPublisher(local, route, config=config) if kept_in is None
                         else StreamPublisher(local, route, config=config, kept=kept, keep=kept_in.keep))  # fmt: skip
            await publisher.__aenter__()
            sending = asyncio.ensure_future(_send(publisher, given, window))
            try:
                done = await _watched(sending, publisher, timeout, waiting)
            except (asyncio.CancelledError, RemoteSessionError):
                _report(publisher, stream, skipped, as_json)
                raise
            _report(publisher, stream, skipped, as_json)
            publisher.close()
    except (OSError, LocalSessionError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if kept_in is None or not isinstance(cause, OSError):
            raise
        fail(f"cannot write {kept_in.path}: {cause.strerror}.", "Name another file with --resume.")
    if not done:
        give_up(publisher.reason or "nothing was confirmed")
    if given.problem[0]:
        fail(*given.problem)
    return 0


def _record_name(stream: str, partition: int | None) -> str:
    """Return the name of a publisher's state. Partition 0 has the name of the stream."""
    from ockam_fsm.storage.outcomes import log_name

    return log_name(stream, partition) if partition else stream


def _loaded(kept_in: PublisherFile) -> Kept | None:
    try:
        return kept_in.load()
    except OSError as error:
        fail(f"cannot read {kept_in.path}: {error.strerror}.", "Name another file with --resume.")


async def _send(publisher: StreamPublisher, given: Input, window: int) -> None:
    while batch := await _in_a_thread(lambda: given.batch(window)):
        await publisher.send(*batch)
    await publisher.flush()


async def _in_a_thread(call: Callable[[], T]) -> T:
    """Run `call` in a daemon thread: a blocked read of standard input delays neither --timeout nor Ctrl-C."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    def settle(outcome: T | None, error: Exception | None) -> None:
        if not found.done():
            found.set_exception(error) if error is not None else found.set_result(outcome)  # type: ignore[arg-type]

    def run() -> None:
        outcome, error = None, None
        try:
            outcome = call()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=run, daemon=True).start()
    return await found


async def _watched(
    sending: asyncio.Future[None], publisher: StreamPublisher, timeout: float | None, waiting: Waiting
) -> bool:
    """Wait for the end of `sending` and report its progress; False after `timeout` seconds without a confirmation."""
    terminal = sys.stderr.isatty()

    def progress() -> int | None:
        waits = publisher.confirmed < publisher.accepted or publisher.waits_for
        return publisher.confirmed if waits else None

    def show() -> None:
        if terminal:
            _progress(f"{publisher.confirmed} of {publisher.accepted} confirmed {publisher.waits_for}")
        else:
            waiting.show(publisher.waits_for)

    try:
        return await wait_showing(sending, progress, timeout, show)
    finally:
        if terminal:
            _progress("")


def _progress(text: str) -> None:
    """Replace the last line of the terminal."""
    sys.stderr.write(CLEAR_LINE)
    err().print(text, end="", no_wrap=True, overflow="ellipsis")


def _report(publisher: StreamPublisher, stream: str, skipped: int, as_json: bool) -> None:
    left, losses = publisher.accepted - publisher.confirmed, publisher.state_losses
    if as_json:
        print_json({"stream": stream, "confirmed": publisher.confirmed, "unconfirmed": left, "resumed_after": skipped,
                    "state_losses": losses})  # fmt: skip
    twice = f" The stream lost its record {counted(losses, 'time')}: messages may be stored twice." if losses else ""
    err().print(f"{counted(publisher.confirmed, 'message')} confirmed by {stream}, {left} not.{twice}", soft_wrap=True)


def _opened(file: Path) -> io.RawIOBase | BinaryIO:
    from ockam_fsm.kernel.files import reading

    if file == STANDARD_INPUT:  # unbuffered: a blocked reader would hold the lock of the buffer at exit
        return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    try:
        return reading(file)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}.", "Name another file, or - for standard input.")


class Input:
    """The messages of a file, in order. `problem`: the error that ended it early; empty strings without one."""

    def __init__(self, source: io.RawIOBase | BinaryIO, end: bytes, hexadecimal: bool) -> None:
        self._source, self._end, self._hexadecimal = source, end, hexadecimal
        self._chunks = self._read()
        self._ready: deque[bytes] = deque()
        self.problem = ("", "")

    def skip(self, count: int) -> None:
        while count and (skipped := self.batch(min(count, 1000))):
            count -= len(skipped)

    def batch(self, most: int) -> list[bytes]:
        """Wait for messages and return at most `most` of them; an empty list at the end."""
        for chunk in iter(lambda: next(self._chunks, None) if not self._ready else None, None):
            self._ready += chunk
        return list(self._decoded(most))

    def _decoded(self, most: int) -> Iterator[bytes]:
        while self._ready and most:
            message = self._ready.popleft()
            try:
                yield bytes.fromhex(message.decode("ascii")) if self._hexadecimal else message
            except ValueError:
                shown = neutral(message[:40].decode("utf-8", "backslashreplace"))
                self._stop(f"{shown!r} is not a line of hexadecimal digits.", "Leave out --hex for text.")
            most -= 1

    def _read(self) -> Iterator[list[bytes]]:
        """The messages that each read completes."""
        rest = b""
        try:
            while chunk := self._some():
                *whole, rest = (rest + chunk).split(self._end)
                yield whole
                if len(rest) > MOST_BYTES:
                    remedy = "Shorten the line; if messages end with NUL bytes, add --null."
                    self._stop(f"a message is longer than {MOST_BYTES} bytes.", remedy)
                    return
        except OSError as error:
            self._stop(f"cannot read further: {error.strerror}.", "All lines before this point are published.")
            return
        if rest:
            yield [rest]

    def _some(self) -> bytes:
        found = self._source.read1(2**16) if isinstance(self._source, io.BufferedIOBase) else self._source.read(2**16)
        return found or b""

    def _stop(self, fact: str, remedy: str) -> None:
        self.problem = self.problem if self.problem[0] else (fact, remedy)
        self._ready.clear()
        self._chunks = iter(())

"""`ockam-fsm publish`: lines become messages of a stream."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ockam_fsm.cli.app import JsonOption, command, err, fail, print_json
from ockam_fsm.cli.shared.network_options import run_to_the_end
from ockam_fsm.cli.shared.stream_options import (
    HexOption,
    NodeOption,
    NullOption,
    PartitionOption,
    escaped,
    the_end,
    the_node,
    the_stream,
)

if TYPE_CHECKING:
    from ockam_fsm.net.streams.publisher import StreamPublisher
    from ockam_fsm.net.streams.publisher_file import PublisherFile

RESUME_HELP = (
    "Keep what is needed to go on in this file. Run again with the same file and the same input after a kill: what was "
    "accepted before is skipped in the input, and nothing is stored twice."
)
TIMEOUT_HELP = "Give up when nothing was confirmed for so many seconds. 0: never."
STANDARD_INPUT = Path("-")
MOST_BYTES = 8 * 2**20
REPORT_SECONDS = 1.0


@command
def publish(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="Its name. It is made where there is none.")],
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="A line is a message. `-`: standard input.")] = Path(
        "-"
    ),
    node: NodeOption = "127.0.0.1:4000",
    partition: PartitionOption = None,
    window: Annotated[int, typer.Option(min=1, max=10_000, help="How many messages may wait for confirmation.")] = 64,
    resume: Annotated[Path | None, typer.Option("--resume", metavar="STATE", help=RESUME_HELP)] = None,
    timeout: Annotated[float, typer.Option(min=0.0, help=TIMEOUT_HELP)] = 0.0,
    null: NullOption = False,
    hexadecimal: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """Publish each line of a file to a stream, and wait until all are stored.

    A node, a connection or a storage that fails is waited for. What is not confirmed is sent again, and stored once.

    Exit codes: 0 every message is confirmed, 1 some are not, 2 wrong usage, 130 Ctrl-C.

    Examples:

    * `ockam-fsm publish orders orders.txt --node 127.0.0.1:4000`
    * `seq 1000 | ockam-fsm publish numbers --timeout 30`
    * `ockam-fsm publish orders orders.txt --resume orders.state`, once more after a kill
    """
    end, where = the_end(null, hexadecimal), the_node(node)
    the_stream(stream)
    steps = [f"tcp://{where}", "stream", escaped(stream), *([] if partition is None else [str(partition)])]
    messages = _messages(file, end, hexadecimal)
    run_to_the_end(_publish("/".join(steps), stream, messages, window, resume, timeout, as_json))


async def _publish(
    route: str, stream: str, messages: Iterator[bytes], window: int, resume: Path | None, timeout: float, as_json: bool
) -> int:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.streams.publisher import StreamPublisher
    from ockam_fsm.net.streams.publisher_file import PublisherFile
    from ockam_fsm.runtime.stream.publisher import PublisherConfig

    kept_in = None if resume is None else PublisherFile(resume, stream)
    kept = None if kept_in is None else _loaded(kept_in)
    skipped = 0 if kept is None else kept.image.confirmed + len(kept.image.messages)
    for _ in zip(range(skipped), messages, strict=False):
        pass
    async with TcpNode() as local:
        config = PublisherConfig(window=window)
        publisher = (StreamPublisher(local, route, config=config) if kept_in is None
                     else StreamPublisher(local, route, config=config, kept=kept, keep=kept_in.keep))  # fmt: skip
        await publisher.__aenter__()
        sending = asyncio.ensure_future(_send(publisher, messages, window))
        done = await _watched(sending, publisher, timeout)
        left = publisher.accepted - publisher.confirmed
        publisher.close()
    _report(publisher, stream, skipped, left, done, as_json)
    return 0 if done and not left else 1


def _loaded(kept_in: PublisherFile):  # type: ignore[no-untyped-def]
    try:
        return kept_in.load()
    except OSError as error:
        fail(f"cannot read {kept_in.path}: {error.strerror}.", "Name another file with --resume.")


async def _send(publisher: StreamPublisher, messages: Iterator[bytes], window: int) -> None:
    """Read in a thread, so that a pipe that is slow stops nobody."""
    while batch := await asyncio.to_thread(_batch, messages, window):
        await publisher.send(*batch)
    await publisher.flush()


def _batch(messages: Iterator[bytes], most: int) -> list[bytes]:
    return [message for _, message in zip(range(most), messages, strict=False)]


async def _watched(sending: asyncio.Future[None], publisher: StreamPublisher, timeout: float) -> bool:
    """Wait for the end, say how it goes, and give up when nothing is confirmed for too long."""
    loop = asyncio.get_running_loop()
    confirmed, since = publisher.confirmed, loop.time()
    terminal = sys.stderr.isatty()
    while not (await asyncio.wait([sending], timeout=REPORT_SECONDS))[0]:
        if publisher.confirmed > confirmed or publisher.confirmed == publisher.accepted:
            confirmed, since = publisher.confirmed, loop.time()
        if terminal:
            err().print(f"{publisher.confirmed} of {publisher.accepted} confirmed {publisher.reason}", end="\r")
        if timeout and loop.time() - since >= timeout:
            sending.cancel()
            return False
    sending.result()
    return True


def _report(publisher: StreamPublisher, stream: str, skipped: int, left: int, done: bool, as_json: bool) -> None:
    losses = publisher.state_losses
    if as_json:
        print_json({"stream": stream, "confirmed": publisher.confirmed, "unconfirmed": left, "resumed_after": skipped,
                    "state_losses": losses})  # fmt: skip
    twice = f" The stream had lost its record {losses} times: some may be stored twice." if losses else ""
    err().print(f"{publisher.confirmed} messages confirmed by {stream}, {left} not.{twice}")
    if not done:
        reason = publisher.reason or "nothing was confirmed"
        err().print(f"Gave up: {reason}. Check that a node with --stream runs there, or wait longer with --timeout.")


def _messages(file: Path, end: bytes, hexadecimal: bool) -> Iterator[bytes]:
    """The messages of a file, one at a time."""
    from ockam_fsm.kernel.files import reading

    if file == STANDARD_INPUT:
        source: BinaryIO = sys.stdin.buffer
    else:
        try:
            source = reading(file)
        except OSError as error:
            fail(f"cannot read {file}: {error.strerror}.", "Name another file, or - for standard input.")
    return _read(source, end, hexadecimal)


def _read(source: BinaryIO, end: bytes, hexadecimal: bool) -> Iterator[bytes]:
    rest = b""
    while chunk := source.read1(2**16) if hasattr(source, "read1") else source.read(2**16):
        *whole, rest = (rest + chunk).split(end)
        yield from (_decoded(message, hexadecimal) for message in whole)
        if len(rest) > MOST_BYTES:
            fail(f"a message is longer than {MOST_BYTES} bytes.", "Is it a file of lines? --null ends them with NUL.")
    if rest:
        yield _decoded(rest, hexadecimal)


def _decoded(message: bytes, hexadecimal: bool) -> bytes:
    if not hexadecimal:
        return message
    try:
        return bytes.fromhex(message.decode("ascii"))
    except ValueError:
        fail(f"{message[:40]!r} is no line of hexadecimal digits.", "Leave out --hex for text.")

"""`ockam-fsm consume`: print the messages of a stream as lines."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import JsonLinesOption, command, counted, err, print_json_line
from ockam_fsm.cli.shared.network_options import run_to_the_end
from ockam_fsm.cli.shared.stream_options import (
    HexOption,
    NodeOption,
    NullOption,
    PartitionOption,
    checked_node,
    checked_stream,
    message_separator,
)
from ockam_fsm.cli.shared.stream_waiting import TimeoutOption, Waiting, give_up, wait_showing

if TYPE_CHECKING:
    from ockam_fsm.net.streams.consumer import StreamConsumer


@command
def consume(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="Name of the stream; it is created if missing.")],
    group: Annotated[str, typer.Option(metavar="ID", help="Consumers of one group share the saved index.")],
    node: NodeOption = "127.0.0.1:4000",
    partition: PartitionOption = None,
    until_idle: Annotated[
        float,
        typer.Option("--until-idle", metavar="SECONDS", min=0.0, help="End when idle for this long. 0: never."),
    ] = 0.0,
    timeout: TimeoutOption = None,
    null: NullOption = False,
    hexadecimal: HexOption = False,
    as_json: JsonLinesOption = False,
) -> None:
    """Print each message of a stream on a line, from the saved index of the group on.

    The index is saved after the line is written and flushed: after a kill the last lines may be repeated, but none is
    left out. While the node cannot be reached, the command waits.

    Exit codes: 0 ended by --until-idle, 1 given up after --timeout, or there is no such partition, 2 wrong
    usage, 130 Ctrl-C, 143 SIGTERM.

    Examples:

    * `ockam-fsm consume orders --group billing --node 127.0.0.1:4000`
    * `ockam-fsm consume numbers --group sum --until-idle 1 | paste -sd+ | bc`
    """
    end, where = message_separator(null, hexadecimal), checked_node(node)
    checked_stream(stream)
    writer = _Writer(end, hexadecimal, as_json)
    run_to_the_end(_consume(where, stream, group, partition, until_idle or None, timeout, writer))


async def _consume(
    where: str,
    stream: str,
    group: str,
    partition: int | None,
    until_idle: float | None,
    timeout: float | None,
    writer: _Writer,
) -> int:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.streams.consumer import StreamConsumer

    waiting = Waiting(where)
    async with TcpNode() as local:
        consumer = StreamConsumer(local, f"tcp://{where}/stream", stream, group=group, partition=partition)
        async with consumer:
            reading = asyncio.ensure_future(_read(consumer, until_idle, writer))
            try:
                done = await wait_showing(
                    reading, lambda: (consumer.pulled, writer.count), timeout, lambda: waiting.show(consumer.waits_for)
                )
            finally:
                again = f", {counted(consumer.restarts, 'restart')} ({consumer.reason})" if consumer.restarts else ""
                err().print(f"{counted(writer.count, 'message')} of {stream} for group {group}{again}", soft_wrap=True)
    if not done:
        give_up(consumer.waits_for or "the stream has not answered")
    return 0


async def _read(consumer: StreamConsumer, until_idle: float | None, writer: _Writer) -> None:
    while (message := await consumer.next(until_idle)) is not None:
        writer.write(message.index, message.data)


class _Writer:
    """Writes messages to standard output. `count`: the number of messages written."""

    def __init__(self, end: bytes, hexadecimal: bool, as_json: bool) -> None:
        self.count = 0
        self._end, self._hexadecimal, self._as_json = end, hexadecimal, as_json

    def write(self, index: int, data: bytes) -> None:
        if self._as_json:
            print_json_line({"index": index, "text": data.decode("utf-8", "backslashreplace"), "hex": data.hex()})
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write((data.hex().encode() if self._hexadecimal else data) + self._end)
            sys.stdout.buffer.flush()
        self.count += 1

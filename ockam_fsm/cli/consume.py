"""`ockam-fsm consume`: messages of a stream become lines."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ockam_fsm.cli.app import JsonOption, command, err, print_json_line
from ockam_fsm.cli.shared.network_options import run_to_the_end
from ockam_fsm.cli.shared.stream_options import (
    HexOption,
    NodeOption,
    NullOption,
    PartitionOption,
    the_end,
    the_node,
    the_stream,
)


@command
def consume(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="Its name. It is made where there is none.")],
    group: Annotated[str, typer.Option(metavar="ID", help="Consumers of one group share the saved index.")],
    node: NodeOption = "127.0.0.1:4000",
    partition: PartitionOption = None,
    until_idle: Annotated[
        float, typer.Option("--until-idle", metavar="SECONDS", min=0.0, help="End when nothing was new. 0: never.")
    ] = 0.0,
    null: NullOption = False,
    hexadecimal: HexOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print each message of a stream on a line, from where the group has stopped.

    The index is saved when the line was written and flushed. So after a kill the last lines may come again, and none is
    left out. `--json` prints one object on each line.

    Exit codes: 0 ended by --until-idle, 1 the peer or the network failed, 2 wrong usage, 130 Ctrl-C.

    Examples:

    * `ockam-fsm consume orders --group billing --node 127.0.0.1:4000`
    * `ockam-fsm consume numbers --group sum --until-idle 1 | paste -sd+ | bc`
    """
    end, where = the_end(null, hexadecimal), the_node(node)
    the_stream(stream)
    run_to_the_end(_consume(f"tcp://{where}/stream", stream, group, partition, until_idle, end, hexadecimal, as_json))


async def _consume(
    route: str,
    stream: str,
    group: str,
    partition: int | None,
    until_idle: float,
    end: bytes,
    hexadecimal: bool,
    as_json: bool,
) -> int:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.streams.consumer import StreamConsumer

    count = 0
    async with TcpNode() as local:
        consumer = StreamConsumer(local, route, stream, group=group, partition=partition)
        async with consumer:
            try:
                while (message := await consumer.next(until_idle or None)) is not None:
                    _write(message.index, message.data, end, hexadecimal, as_json)
                    count += 1
            finally:
                failed = f", started again {consumer.restarts} times ({consumer.reason})" if consumer.restarts else ""
                err().print(f"{count} messages of {stream} for group {group}{failed}", soft_wrap=True)
    return 0


def _write(index: int, data: bytes, end: bytes, hexadecimal: bool, as_json: bool) -> None:
    if as_json:
        print_json_line({"index": index, "text": data.decode("utf-8", "backslashreplace"), "hex": data.hex()})
        return
    sys.stdout.flush()
    sys.stdout.buffer.write((data.hex().encode() if hexadecimal else data) + end)
    sys.stdout.buffer.flush()

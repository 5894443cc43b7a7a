"""The options that `publish` and `consume` share: the node, the stream, and the form of messages in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import fail

if TYPE_CHECKING:
    from ockam_fsm.runtime.encoding.message import Route

NodeOption = Annotated[
    str,
    typer.Option("--node", metavar="HOST:PORT", help="The node that serves streams, for example `node --stream`."),
]
PartitionOption = Annotated[
    int | None, typer.Option("--partition", min=0, help="The partition to use, from 0, if the stream has several.")
]
NullOption = Annotated[bool, typer.Option("--null", help="Each message ends with a NUL byte instead of a line feed.")]
HexOption = Annotated[bool, typer.Option("--hex", help="Each message is a line of hexadecimal digits.")]


def message_separator(null: bool, hexadecimal: bool) -> bytes:
    """Return the separator of messages in the file."""
    if null and hexadecimal:
        fail("--null and --hex exclude each other.", "Hexadecimal lines need no NUL bytes: leave out --null.")
    return b"\0" if null else b"\n"


def checked_node(text: str) -> str:
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.routes import split_host

    try:
        split_host(text)
    except LocalSessionError as error:
        fail(f"{error}.", "Write for example --node 127.0.0.1:4000.")
    return text


def checked_stream(name: str) -> str:
    if not name:
        fail("the name of the stream is empty.", "Name one, for example orders.")
    return name


def partition_route(node: str, stream: str, partition: int | None) -> Route:
    """Return the route of a publisher to one partition of a stream (clause 12.10)."""
    from ockam_fsm.net.routes import tcp
    from ockam_fsm.runtime.encoding.message import local

    return (tcp(node), *map(local, ("stream", stream, *([] if partition is None else [str(partition)]))))

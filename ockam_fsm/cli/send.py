"""`ockam-fsm send`: send one message along a route and print the reply."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import JsonOption, command, out, print_json
from ockam_fsm.cli.shared.network_options import ROUTE_HELP, parsed_route, run_to_the_end
from ockam_fsm.kernel.text import neutral

if TYPE_CHECKING:
    from ockam_fsm.runtime.encoding.message import Route


@command
def send(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help=ROUTE_HELP)],
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The payload, sent in UTF-8.")],
    timeout: Annotated[float, typer.Option(min=0.001, help="How many seconds to wait for the reply.")] = 5.0,
    tracing: Annotated[str | None, typer.Option(help="Tracing context of the message.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message along a route and print the reply.

    Exit codes: 0 a reply was received, 1 none was received, 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.

    Examples:

    * `ockam-fsm send tcp://127.0.0.1:4000/echo hello`
    * `ockam-fsm send tcp://127.0.0.1:4000/hop/echo hello --timeout 1 --json`
    """
    run_to_the_end(_send(parsed_route(route), message.encode(), timeout, tracing, as_json))


async def _send(route: Route, payload: bytes, timeout: float, tracing: str | None, as_json: bool) -> int:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.net.routes import format_route

    async with TcpNode() as node:
        began = perf_counter()
        reply = await node.request(route, payload, timeout_seconds=timeout, tracing_context=tracing)
        seconds = perf_counter() - began
    text = reply.payload.decode("utf-8", "backslashreplace")
    if as_json:
        back = format_route(reply.return_route)
        print_json(
            {"reply": text, "payload_hex": reply.payload.hex(), "return_route": back, "seconds": round(seconds, 6)}
        )
    else:
        out().print(neutral(text, "\n\t"), soft_wrap=True)
    return 0

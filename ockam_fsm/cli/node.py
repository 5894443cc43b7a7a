"""`ockam-fsm node`: run a node with workers for tests and examples."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, fail, print_json_line
from ockam_fsm.cli.shared.network_options import (
    TRACE_MIB,
    DurationsOption,
    TraceOption,
    TraceSizeOption,
    known_type,
    parsed_durations,
    recording,
    run_to_the_end,
)
from ockam_fsm.cli.shared.storages import StorageOption, serving
from ockam_fsm.kernel.text import neutral

if TYPE_CHECKING:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.runtime.session.config import SessionConfig
    from ockam_fsm.runtime.session.session import Session
    from ockam_fsm.storage.interface import Storage


class NeutralFormatter(logging.Formatter):
    """A formatter that neutralises text of peers."""

    def format(self, record: logging.LogRecord) -> str:
        return neutral(super().format(record), "\n\t")


FORWARD_HELP = (
    "The hosts that a peer's message may make this node connect to: `peer` (the host of the connection it came on, any "
    "port), `any`, `none`, or HOST:PORT; may be repeated. Default: peer."
)
WORKERS = {
    "echo": "sends every message back",
    "hop": "forwards every message along its route",
    "session_spawner": "profile ockam: a transient session for each hello; it echoes data back",
    "generation_spawner": "profile generation: a session for each hello; it echoes data back",
    "responder": "profile generation: the static responder, whose sessions echo data back",
    "session_types": "replies with the session types of these addresses",
}
STREAM_WORKERS = {"stream": "the stream service", "stream_index": "stores the indices of groups of consumers"}


@command
def node(
    listen: Annotated[
        list[str], typer.Option(metavar="HOST:PORT", help="Where to listen; port 0: a free one. May be repeated.")
    ],
    session_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Session type in profile generation.")
    ] = "explicit-persistent-one-sided",
    capacity: Annotated[int, typer.Option(min=1, help="How many responders each spawner may hold.")] = 200_000,
    durations: DurationsOption = "",
    log: Annotated[str, typer.Option(help="Lowest level to log: debug, info, warning or error.")] = "warning",
    forward_to: Annotated[list[str] | None, typer.Option("--forward-to", metavar="WHERE", help=FORWARD_HELP)] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Serve streams: `stream` and `stream_index`.")] = False,
    storage: StorageOption = "memory",
    trace: TraceOption = None,
    trace_size: TraceSizeOption = TRACE_MIB,
    as_json: JsonOption = False,
) -> None:
    """Run a node until Ctrl-C or SIGTERM. It prints one line when it is ready.

    Its workers: `echo`; `hop`, which forwards; `session_spawner` (profile ockam), `generation_spawner` and `responder`
    (profile generation), whose sessions echo data back; `session_types`, which replies with their session types. With
    --stream also `stream` and `stream_index`, for `publish`, `consume`, and real Ockam nodes.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 it cannot listen, 2 wrong usage or the node stopped by itself.

    Examples:

    * `ockam-fsm node --listen 127.0.0.1:4000`
    * `ockam-fsm node --listen 127.0.0.1:4000 --trace far.jsonl`
    * `ockam-fsm node --listen 127.0.0.1:4000 --stream --storage sqlite:streams.db`
    * `ockam-fsm node --listen '[::1]:0' --durations keepalive=1,idle=5`
    """
    from ockam_fsm.machines.vocabulary import Role
    from ockam_fsm.runtime.session.config import SessionConfig

    kind, waits = known_type(session_type), parsed_durations(durations)
    level = logging.getLevelName(log.upper())
    if not isinstance(level, int):
        fail(f"there is no log level {log!r}.", "Known: debug, info, warning, error.")
    handler = logging.StreamHandler()
    handler.setFormatter(NeutralFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    settings = SessionConfig(kind, Role.RESPONDER, durations=waits)
    with recording(trace, settings, trace_size) as make, serving(stream, storage) as streams:
        run_to_the_end(_serve(listen, settings, capacity, forward_to or ["peer"], make, streams, as_json))


async def _serve(
    listen: list[str],
    settings: SessionConfig,
    capacity: int,
    forward_to: list[str],
    make: Callable[..., Session],
    streams: Storage | None,
    as_json: bool,
) -> int:
    from ockam_fsm.net.node import TcpNode

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with TcpNode(make=make, forward_to=forward_to) as running:
        workers = [*WORKERS, *(STREAM_WORKERS if streams is not None else {})]
        _start_workers(running, settings, capacity)
        if streams is not None:
            _start_streams(running, streams)
        for address in listen:
            try:
                await running.listen(address)
            except OSError as error:
                reason = error.strerror or str(error)
                fail(f"cannot listen at {address}: {reason}.", "Choose another HOST:PORT; port 0 takes a free one.",
                     DIFFERS)  # fmt: skip
        where = running.addresses
        if as_json:
            print_json_line({"ready": True, "listening": where, "workers": workers})
        else:
            print(f"ready: listening at {', '.join(where)}; workers {', '.join(workers)}", flush=True)
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(running.stopped())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    err().print("stopped")
    return 0


def _start_streams(running: TcpNode, storage: Storage) -> None:
    from ockam_fsm.net.streams.service import StreamService

    StreamService(running, storage)


def _start_workers(running: TcpNode, settings: SessionConfig, capacity: int) -> None:
    from ockam_fsm.cli.shared.declared_types import ADDRESS, declaring
    from ockam_fsm.runtime.node.workers import echo, hop

    running.worker("echo", echo, public=True)
    running.worker("hop", hop, public=True)
    running.spawner("session_spawner", handler=echo, profile="ockam", capacity=capacity,
                    durations=settings.durations)  # fmt: skip
    types = dict.fromkeys(("generation_spawner", "responder"), settings.session_type.name)
    for name in types:
        running.spawner(name, handler=echo, capacity=capacity, settings=settings)
    running.worker(ADDRESS, declaring(types), public=True)

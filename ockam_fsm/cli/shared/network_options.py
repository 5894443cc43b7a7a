"""The options of the commands that use the network (routes, durations, traces), and their exit codes.

Exit codes: 0 success, 1 an error of the network or the peer, 2 usage, 130 Ctrl-C, 143 SIGTERM (both after cleaning up).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ockam_fsm.cli.app import DIFFERS, INTERRUPTED, fail, unknown

if TYPE_CHECKING:
    from ockam_fsm.machines.vocabulary import SessionType
    from ockam_fsm.runtime.encoding.message import Route
    from ockam_fsm.runtime.session.config import Durations, SessionConfig
    from ockam_fsm.runtime.session.session import Session

TERMINATED = 143
TRACE_MIB, MOST_MIB = 64, 1_000_000

LATE_REMEDY = (
    "Check the last address of the route (for a session also --profile and --type), or wait longer with --timeout."
)
ROUTE_HELP = (
    "Steps joined by `/`: `tcp://HOST:PORT` for a node, then the name of a worker; more steps may follow: "
    "`tcp://127.0.0.1:4000/hop/echo`, `tcp://[::1]:4000/echo`, `tcp://a:4000/tcp://b:4000/echo`."
)
BACK_OFF = "back-off"
DURATIONS_HELP = (
    "Session timers in seconds, `name=seconds`, separated by commas: negotiation, keepalive, idle, retention, request, "
    "back-off. Example: `keepalive=1,idle=5`."
)

TRACE_HELP = (
    "Record every step of the sessions of profile generation in this file; a restarted node appends to it. A full file "
    "is renamed to FILE.1, and so on to FILE.3. `ockam-fsm validate` checks the files of both ends."
)
TraceOption = Annotated[Path | None, typer.Option("--trace", metavar="FILE", help=TRACE_HELP)]
TraceSizeOption = Annotated[
    int,
    typer.Option("--trace-size", metavar="MIB", min=1, max=MOST_MIB, help="Largest size of each file of the trace."),
]
DurationsOption = Annotated[str, typer.Option("--durations", metavar="NAME=SECONDS,...", help=DURATIONS_HELP)]


def parsed_route(text: str) -> Route:
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.routes import EXAMPLE, parse_route

    try:
        return parse_route(text)
    except LocalSessionError as error:
        fail(f"{error}.", f"Write for example {EXAMPLE}.")


def known_type(name: str) -> SessionType:
    from ockam_fsm.machines.session import TYPES

    known = {kind.name: kind for kind in TYPES}
    if name not in known:
        unknown("session type", name, known)
    return known[name]


def duration_names() -> tuple[str, ...]:
    """Return the names of the durations, as `--durations` has them."""
    from ockam_fsm.runtime.session.config import Durations

    own = (field.name.removesuffix("_seconds") for field in fields(Durations) if field.name != "back_off")
    return (*own, BACK_OFF)


def parsed_durations(text: str, request_seconds: float = 0.0) -> Durations:
    """Return the durations of `text`, with the defaults for the rest.

    request_seconds: the least time for a request, unless the text gives one.
    """
    from ockam_fsm.kernel.errors import DefinitionError
    from ockam_fsm.runtime.session.config import BackOff, Durations

    known = duration_names()
    durations = Durations(request_seconds=max(Durations().request_seconds, request_seconds))
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in known:
            unknown("duration", name, known)
        seconds = _seconds(name, value)
        change: Any = {f"{name}_seconds": seconds} if name != BACK_OFF else {"back_off": BackOff(seconds)}
        try:
            durations = replace(durations, **change)
        except DefinitionError as error:
            fail(f"{'; '.join(error.problems)}.", f"Write for example --durations {name}=1.5.")
    return durations


def durations_text(durations: Durations, names: Iterable[str]) -> str:
    """Return the durations with these names in the form that `parsed_durations` reads."""
    back_off = {BACK_OFF: durations.back_off.initial_seconds}
    seconds = {field.name.removesuffix("_seconds"): getattr(durations, field.name) for field in fields(durations)}
    return ",".join(f"{name}={(seconds | back_off)[name]:g}" for name in sorted(names))


def _seconds(name: str, value: str) -> float:
    seconds = 0.0
    with suppress(ValueError):
        seconds = float(value)
    if not 0.0 < seconds < 1e9:
        fail(f"{name}={value} is not a number of seconds.", f"Write for example --durations {name}=1.5.")
    return seconds


@contextmanager
def recording(path: Path | None, settings: SessionConfig, mebibytes: int) -> Iterator[Callable[..., Session]]:
    """Yield the function that creates the sessions of a node; with a file it records their steps there."""
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.trace_file import TraceFile
    from ockam_fsm.runtime.session.session import Session
    from ockam_fsm.runtime.trace_recorder import header

    if path is None:
        yield Session
        return
    if not settings.profile.names_sessions:
        fail(f"profile {settings.profile.name} has no generations: there is nothing to record.", "Leave out --trace.")
    try:
        trace = TraceFile(path, header((settings,), ()), max_bytes=mebibytes * 2**20)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Choose another file with --trace.")
    except LocalSessionError as error:
        fail(f"{error}.", "Choose another file with --trace.")
    with trace:
        yield trace.make


def run_to_the_end(main: Coroutine[Any, Any, int]) -> None:
    """Run a command, and exit with its exit code. Errors of the peer and the network are printed with a remedy."""
    from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
    from ockam_fsm.net.event_loop import run

    code, terminated = INTERRUPTED, False

    def terminate(task: asyncio.Task[Any]) -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    async def until_terminated() -> int:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate, task)
        return await main

    try:
        code = run(until_terminated())
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass
    except RemoteSessionError as error:
        fail(f"{error}.", _remedy(str(error)), DIFFERS)
    except TimeoutError as error:
        fail(f"{error}.", LATE_REMEDY, DIFFERS)
    except LocalSessionError as error:
        fail(f"{error}")
    if terminated or code:
        raise typer.Exit(TERMINATED if terminated else code)


def _remedy(text: str) -> str:
    if any(cause in text for cause in ("connection lost", "connection refused", "Connect")):
        return "Check that a node listens there: start one with `ockam-fsm node --listen HOST:PORT`."
    if text.startswith("no such partition"):
        return "Choose another one with --partition."
    if text == "unknown address":
        return "Begin the route with the node of the worker: tcp://HOST:PORT/NAME."
    return "Check the route and the log of the peer."

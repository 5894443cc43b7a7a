"""What the commands that use the network share: routes and durations as options, and how they end.

Exit codes here: 0 it worked, 1 the network or the peer said no, 2 usage, 130 Ctrl-C, 143 SIGTERM (both after cleaning
up).
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
    "Check the last address of the route (of a session the peer's --profile and --type, too), or wait longer with "
    "--timeout."
)
ROUTE_HELP = (
    "Steps joined by `/`: `tcp://HOST:PORT` for a node, then a worker's NAME. More steps lead on: "
    "`tcp://127.0.0.1:4000/hop/echo`, `tcp://[::1]:4000/echo`, `tcp://a:4000/tcp://b:4000/echo`."
)
DURATIONS_HELP = (
    "Session timers in seconds, `name=seconds` with commas between: negotiation, keepalive, idle, retention, request, "
    "back-off. Example: `keepalive=1,idle=5`."
)

TRACE_HELP = (
    "Record every step of the sessions of profile generation in this file; a node that is started again goes on with "
    "it. A full file becomes FILE.1, and so on to FILE.3. `ockam-fsm validate` judges the files of both ends."
)
TraceOption = Annotated[Path | None, typer.Option("--trace", metavar="FILE", help=TRACE_HELP)]
TraceSizeOption = Annotated[
    int,
    typer.Option("--trace-size", metavar="MIB", min=1, max=MOST_MIB, help="How large a file of it may grow."),
]
DurationsOption = Annotated[str, typer.Option("--durations", metavar="NAME=SECONDS,...", help=DURATIONS_HELP)]


def the_route(text: str) -> Route:
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.routes import EXAMPLE, parse_route

    try:
        return parse_route(text)
    except LocalSessionError as error:
        fail(f"{error}.", f"Write for example {EXAMPLE}.")


def the_type(name: str) -> SessionType:
    from ockam_fsm.machines.session import TYPES

    known = {kind.name: kind for kind in TYPES}
    if name not in known:
        unknown("session type", name, known)
    return known[name]


def the_durations(text: str, request_seconds: float = 0.0) -> Durations:
    """`request_seconds`: the least time for a request, unless the text says another."""
    from ockam_fsm.kernel.errors import DefinitionError
    from ockam_fsm.runtime.session.config import BackOff, Durations

    durations = Durations(request_seconds=max(Durations().request_seconds, request_seconds))
    known = [field.name.removesuffix("_seconds") for field in fields(Durations) if field.name != "back_off"]
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in (*known, "back-off"):
            unknown("duration", name, (*known, "back-off"))
        seconds = _seconds(name, value)
        change: Any = {f"{name}_seconds": seconds} if name in known else {"back_off": BackOff(seconds)}
        try:
            durations = replace(durations, **change)
        except DefinitionError as error:
            fail(f"{'; '.join(error.problems)}.", f"Write for example {name}=1.5.")
    return durations


def durations_text(durations: Durations, names: Iterable[str]) -> str:
    """What `the_durations` reads, of the durations of these names."""
    back_off = {"back-off": durations.back_off.initial_seconds}
    seconds = {field.name.removesuffix("_seconds"): getattr(durations, field.name) for field in fields(durations)}
    return ",".join(f"{name}={(seconds | back_off)[name]:g}" for name in sorted(names))


def _seconds(name: str, value: str) -> float:
    seconds = 0.0
    with suppress(ValueError):
        seconds = float(value)
    if not 0.0 < seconds < 1e9:
        fail(f"{name} of {value!r} is no number of seconds.", f"Write for example {name}=1.5.")
    return seconds


@contextmanager
def recording(path: Path | None, settings: SessionConfig, mebibytes: int) -> Iterator[Callable[..., Session]]:
    """What makes the sessions of a node; with a file their steps are recorded there."""
    from ockam_fsm.kernel.errors import LocalSessionError
    from ockam_fsm.net.trace_file import TraceFile
    from ockam_fsm.runtime.session.session import Session
    from ockam_fsm.runtime.trace_recorder import header

    if path is None:
        yield Session
        return
    if not settings.profile.names_sessions:
        fail(f"profile {settings.profile.name} says no generations: there is nothing to record.", "Leave out --trace.")
    try:
        trace = TraceFile(path, header((settings,), ()), max_bytes=mebibytes * 2**20)
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}.", "Name another file with --trace.")
    except LocalSessionError as error:
        fail(f"{error}.", "Name another file with --trace.")
    with trace:
        yield trace.make


def run_to_the_end(main: Coroutine[Any, Any, int]) -> None:
    """Run a command, and leave with its exit code. Errors of peer and network say what to do."""
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
    if "connection lost" in text or "Connect" in text:
        return "Check that a node listens there: start one with `ockam-fsm node --listen HOST:PORT`."
    return "Check the route, and the peer's log."

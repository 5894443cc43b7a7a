"""`ockam-fsm demo`: a secure channel over a stream over TCP, while the processes of its parts are killed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from ockam_fsm.cli.app import DIFFERS, JsonOption, command, err, fail, out, print_json

if TYPE_CHECKING:
    from ockam_fsm.demo.outcome import DemoOutcome, SessionLine
    from ockam_fsm.demo.process_reports import TimedEvent
    from ockam_fsm.demo.run import DemoRun

PATIENCE_SECONDS = 60.0
"""Longest time without an answer. The time-outs of the layers add up to less, also on a slow machine."""
SHOWN = 8
"""Number of shown digits of an address; enough to distinguish addresses."""


@command
def demo(
    count: Annotated[int, typer.Option(min=4, max=100_000, help="Send at least this many messages.")] = 40,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the events to this file, one JSON object on each line.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send messages through a secure channel over a stream over TCP while parts of it are killed (under a minute).

    Four processes: a hub with the stream service (on SQLite), a service, and a device that reaches the hub through a
    TCP client. The device opens a secure channel to the service over a bidirectional stream session. While messages
    go back and forth, the TCP client, the hub and the service are killed (SIGKILL) and started again. The output shows
    how each layer detects the failure and renegotiates, and that no message is lost.

    Exit codes: 0 no message was lost, 1 messages were lost or the pipeline stalled, 130 Ctrl-C, 143 SIGTERM.

    `diagrams/run-of-the-demo.svg` draws such a run.

    Examples:

    * `ockam-fsm demo`
    * `ockam-fsm demo --count 500`
    * `ockam-fsm demo --count 4 --trace run.jsonl  # as in run-of-the-demo.svg`
    * `ockam-fsm demo --json  # for each layer its sessions, and the summary`
    """
    if find_spec("cryptography") is None:
        fail("secure channels need the package cryptography, which is not installed.",
             "Install it: pip install 'ockam-fsm[secure]'.")  # fmt: skip
    from ockam_fsm.demo.run import DemoRun
    from ockam_fsm.kernel.errors import RemoteSessionError
    from ockam_fsm.tools.killed_process import KilledProcessFailed

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # exits through the clean-up
    with TemporaryDirectory(prefix="ockam-fsm-demo-") as folder:
        run = DemoRun(Path(folder), count)
        try:
            with _kept(trace) as keep:
                seconds = _watch(run, keep, quiet=as_json)
        except (RemoteSessionError, KilledProcessFailed) as error:
            fail(f"the demonstration failed: {error}", "Run it again; if it fails again, please report it.", DIFFERS)
    outcome = run.outcome
    if as_json:
        print_json(_facts(outcome, seconds))
    else:
        _print(outcome, seconds)
    if outcome.lost:
        raise typer.Exit(DIFFERS)


@contextmanager
def _kept(trace: Path | None) -> Iterator[Callable[[TimedEvent], object]]:
    """Yield the function that writes an event to the trace; without a trace it does nothing."""
    from ockam_fsm.demo.process_reports import trace_line
    from ockam_fsm.kernel.files import writing

    if trace is None:
        yield lambda event: None
        return
    try:
        with writing(trace) as file:
            yield lambda event: file.write(f"{trace_line(event)}\n".encode())
    except OSError as error:
        if error.filename != str(trace):
            raise
        fail(f"cannot write {trace}: {error.strerror}.", "Choose another file with --trace.")


def _watch(run: DemoRun, keep: Callable[[TimedEvent], object], *, quiet: bool) -> float:
    """Run the demonstration and show its events; return its duration in seconds."""
    seconds = 0.0
    with _screen(run.outcome, quiet) as show:
        for event in run.events(PATIENCE_SECONDS):
            seconds = event.seconds
            keep(event)
            show(event)
    return seconds


@contextmanager
def _screen(outcome: DemoOutcome, quiet: bool) -> Iterator[Callable[[TimedEvent], None]]:
    """Yield the function that prints important events as lines and, on a terminal, updates a live table."""
    console = err() if quiet else out()
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not quiet else None

    def show(event: TimedEvent) -> None:
        for line in () if quiet else _lines(event):
            console.print(line)
        if live is not None:
            live.update(_table(outcome, console.width), refresh=True)

    with live or nullcontext():
        yield show


def _lines(event: TimedEvent) -> Iterable[str]:
    """The lines of an event; only kills, failures and established sessions have one."""
    from ockam_fsm.demo.process_reports import Changed, PipelineLayer

    change, at = event.report, f"{event.seconds:5.1f} s  {event.process:8}"
    if event.text:
        yield f"{at}{event.text}"
    elif isinstance(change, Changed) and change.layer is not PipelineLayer.TCP:
        name = f"{change.layer.value} {change.session[:SHOWN]}"
        if change.after == "TIMED_OUT":
            yield f"{at}{name} failed: {change.cause}"
        elif change.after == "ESTABLISHED":
            yield f"{at}{name} established{f', generation {change.generation}' if change.generation else ''}"


def _table(outcome: DemoOutcome, width: int) -> Table:
    """The live sessions, from the highest layer to the lowest."""
    sums = f"sent {len(outcome.sent)}, confirmed {len(outcome.confirmed)}, processed {len(outcome.received)}"
    table = Table(title=sums, title_justify="left", box=None)
    columns = {"process": 7, "layer": 16, "session": SHOWN, "state": 13, "gen.": 4}
    for column, least in columns.items():
        table.add_column(column, min_width=least, no_wrap=True)
    rest = width - sum(columns.values()) - 2 * (len(columns) + 1)
    table.add_column("last failure", max_width=max(8, rest), overflow="ellipsis", no_wrap=True)
    for line in _ordered(outcome):
        if line.state not in ("CLOSED", "KILLED"):
            cause = line.causes[-1] if line.causes else ""
            generation = str(line.generation or "")
            table.add_row(line.process, line.layer.value, line.session[:SHOWN], line.state, generation, cause)
    return table


def _ordered(outcome: DemoOutcome) -> list[SessionLine]:
    from ockam_fsm.demo.process_reports import PipelineLayer

    return [
        line for layer in reversed(PipelineLayer) for line in sorted(outcome.of(layer), key=lambda line: line.process)
    ]


def _summary(outcome: DemoOutcome) -> dict[str, int]:
    return {
        "sent": len(outcome.sent),
        "confirmed": len(outcome.confirmed),
        "received": len(outcome.received),
        "duplicates": outcome.duplicates,
        "lost": outcome.lost,
    }


def _facts(outcome: DemoOutcome, seconds: float) -> dict[str, Any]:
    from ockam_fsm.demo.process_reports import PipelineLayer

    layers = {
        layer.name.lower(): [
            {
                "process": line.process,
                "session": line.session,
                "state": line.state,
                "generation": line.generation,
                "established": line.established,
                "causes": line.causes,
            }
            for line in outcome.of(layer)
        ]
        for layer in PipelineLayer
    }
    return {"layers": layers, "killed": outcome.kills, "seconds": round(seconds, 3), "summary": _summary(outcome)}


def _print(outcome: DemoOutcome, seconds: float) -> None:
    from ockam_fsm.demo.process_reports import PipelineLayer

    console = out()
    console.print()
    for layer in reversed(PipelineLayer):
        lines = outcome.of(layer)
        again = sum(max(0, line.established - 1) for line in lines)
        failures = sum(len(line.causes) for line in lines)
        console.print(f"{layer.value:17} {len(lines):3} sessions, {failures:3} failures, {again:3} renegotiated")
    sums = _summary(outcome)
    console.print(f"killed: {', '.join(outcome.kills)}; {seconds:.1f} s")
    console.print(
        f"sent {sums['sent']}, confirmed {sums['confirmed']}, received {sums['received']}, "
        f"duplicates suppressed {sums['duplicates']}, lost {sums['lost']}"
    )

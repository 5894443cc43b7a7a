"""`ockam-fsm demo`: the discussion's whole pipeline between real processes, while its parts are killed."""

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
    from ockam_fsm.demo.news import Event
    from ockam_fsm.demo.outcome import Outcome, SessionLine
    from ockam_fsm.demo.run import Run

PATIENCE_SECONDS = 60.0
"""So long no number may be answered: the time-outs of the layers add up to less, also on a slow machine."""
SHOWN = 8
"""Digits of an address that tell it from the others."""


@command
def demo(
    count: Annotated[int, typer.Option(min=4, max=100_000, help="How many messages the device sends at least.")] = 40,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what happens to this file, one JSON object a line.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send messages through a secure channel over a stream over TCP while parts of it are killed: under a minute.

    Four processes: a hub with the stream service (on SQLite), a service, and a device that reaches the hub through a
    TCP client. The device opens a secure channel to the service over a bidirectional stream session. While messages
    go back and forth, the TCP client, the hub and the service are killed (SIGKILL) and started again. You see how each
    layer finds that out and renegotiates, why, and that no message is lost.

    Exit codes: 0 no message was lost, 1 some were or the pipeline stood still, 130 Ctrl-C, 143 SIGTERM.

    `diagrams/run-of-the-demo.svg` draws such a run.

    Examples:

    * `ockam-fsm demo`
    * `ockam-fsm demo --count 500`
    * `ockam-fsm demo --count 4 --trace run.jsonl  # as in run-of-the-demo.svg`
    * `ockam-fsm demo --json  # for each layer its sessions, and the summary`
    """
    if find_spec("cryptography") is None:
        fail("secure channels need the package cryptography, which is not installed.",
             "Install the extra: pip install 'ockam-fsm[secure]'.")  # fmt: skip
    from ockam_fsm.demo.run import Run
    from ockam_fsm.kernel.errors import RemoteSessionError
    from ockam_fsm.tools.killed_process import KilledProcessFailed

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # it leaves nothing behind either
    with TemporaryDirectory(prefix="ockam-fsm-demo-") as folder:
        run = Run(Path(folder), count)
        try:
            with _kept(trace) as keep:
                seconds = _watch(run, keep, quiet=as_json)
        except (RemoteSessionError, KilledProcessFailed) as error:
            fail(f"the demonstration did not end: {error}", "Try again; OCKAM_FSM_TRACEBACK=1 shows where.", DIFFERS)
    outcome = run.outcome
    if as_json:
        print_json(_facts(outcome, seconds))
    else:
        _tell(outcome, seconds)
    if outcome.lost:
        raise typer.Exit(DIFFERS)


@contextmanager
def _kept(trace: Path | None) -> Iterator[Callable[[Event], object]]:
    """Where events are written, if anywhere."""
    from ockam_fsm.demo.news import written
    from ockam_fsm.kernel.files import writing

    if trace is None:
        yield lambda event: None
        return
    try:
        with writing(trace) as file:
            yield lambda event: file.write(f"{written(event)}\n".encode())
    except OSError as error:
        if error.filename != str(trace):
            raise
        fail(f"cannot write {trace}: {error.strerror}.", "Choose another file with --trace.")


def _watch(run: Run, keep: Callable[[Event], object], *, quiet: bool) -> float:
    """Run it and show what happens. The result is how long it took, in seconds."""
    seconds = 0.0
    with _screen(run.outcome, quiet) as show:
        for event in run.events(PATIENCE_SECONDS):
            seconds = event.seconds
            keep(event)
            show(event)
    return seconds


@contextmanager
def _screen(outcome: Outcome, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """What an event is given to: a table that changes in a terminal, and the lines that matter before it."""
    console = err() if quiet else out()
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not quiet else None

    def show(event: Event) -> None:
        for line in () if quiet else _lines(event):
            console.print(line)
        if live is not None:
            live.update(_table(outcome, console.width), refresh=True)

    with live or nullcontext():
        yield show


def _lines(event: Event) -> Iterable[str]:
    """What of an event deserves a line of its own: kills, failures, and what is established again."""
    from ockam_fsm.demo.news import Changed, Layer

    change, at = event.report, f"{event.seconds:5.1f} s  {event.process:8}"
    if event.text:
        yield f"{at}{event.text}"
    elif isinstance(change, Changed) and change.layer is not Layer.TCP:
        name = f"{change.layer.value} {change.session[:SHOWN]}"
        if change.after == "TIMED_OUT":
            yield f"{at}{name} has failed: {change.cause}"
        elif change.after == "ESTABLISHED":
            yield f"{at}{name} is established{f', generation {change.generation}' if change.generation else ''}"


def _table(outcome: Outcome, width: int) -> Table:
    """The sessions that live, from the highest layer to the lowest."""
    sums = f"sent {len(outcome.sent)}, confirmed {len(outcome.confirmed)}, processed {len(outcome.received)}"
    table = Table(title=sums, title_justify="left", box=None)
    columns = {"process": 7, "layer": 16, "session": SHOWN, "state": 13, "gen.": 4}
    for column, least in columns.items():
        table.add_column(column, min_width=least, no_wrap=True)
    rest = width - sum(columns.values()) - 2 * (len(columns) + 1)
    table.add_column("why it failed last", max_width=max(8, rest), overflow="ellipsis", no_wrap=True)
    for line in _ordered(outcome):
        if line.state not in ("CLOSED", "KILLED"):
            cause = line.causes[-1] if line.causes else ""
            generation = str(line.generation or "")
            table.add_row(line.process, line.layer.value, line.session[:SHOWN], line.state, generation, cause)
    return table


def _ordered(outcome: Outcome) -> list[SessionLine]:
    from ockam_fsm.demo.news import Layer

    return [line for layer in reversed(Layer) for line in sorted(outcome.of(layer), key=lambda line: line.process)]


def _summary(outcome: Outcome) -> dict[str, int]:
    return {
        "sent": len(outcome.sent),
        "confirmed": len(outcome.confirmed),
        "received": len(outcome.received),
        "duplicates": outcome.duplicates,
        "lost": outcome.lost,
    }


def _facts(outcome: Outcome, seconds: float) -> dict[str, Any]:
    from ockam_fsm.demo.news import Layer

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
        for layer in Layer
    }
    return {"layers": layers, "killed": outcome.kills, "seconds": round(seconds, 3), "summary": _summary(outcome)}


def _tell(outcome: Outcome, seconds: float) -> None:
    from ockam_fsm.demo.news import Layer

    console = out()
    console.print()
    for layer in reversed(Layer):
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

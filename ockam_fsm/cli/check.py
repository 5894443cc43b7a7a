"""`ockam-fsm check`: search the worlds and judge every property; reject the known-bad machines.

Rule 1: PROVED means within the bounds that are printed beside it. A search that hits a limit proves nothing.
Rule 2: a known-bad machine passes only if its own property rejects it; rejection by another property does not count.
Rule 3: worlds are independent, so they are searched on all cores. Results are printed in the order of the list, and
        everything but the seconds is a function of the worlds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ockam_fsm.cli.app import DIFFERS, OK, USAGE, JsonOption, command, err, fail, out, print_json
from ockam_fsm.cli.shared.check_output import CheckedWorld, as_json, is_good, is_open, print_results
from ockam_fsm.cli.shared.long_runs import Interruption, Lines, marked, until_interrupted
from ockam_fsm.cli.shared.pins import require_writable
from ockam_fsm.cli.shared.world_index import (
    ALL,
    BoundOption,
    Candidate,
    FromOption,
    bounds_of,
    require_bounds,
    single,
    user_errors,
    worlds_named,
)
from ockam_fsm.cli.shared.world_index import within as within_bounds

if TYPE_CHECKING:
    from ockam_fsm.tools.process_pool import JobMessage

REPORT_SECONDS = 0.2
VERY_SLOW_WAYS = ("lossy", "closed", "initiator-among-strangers", "responder-among-strangers")
SLOW_WAYS = (*VERY_SLOW_WAYS, "restarts", "ockam", "secure")
"""Kinds of worlds that are large for persistent sessions; they start first, so that no core is idle at the end."""


class BackendName(StrEnum):
    """The implementation of the search."""

    AUTO = "auto"
    STDLIB = "stdlib"
    NUMBA = "numba"


@dataclass(frozen=True)
class SearchJob:
    """One exploration, as a worker process receives it.

    lenient: use the standard library for a world that numba cannot search.
    """

    name: str
    source: str
    bounds: tuple[tuple[str, int | None], ...]
    backend: str
    states: int
    seconds: float | None
    lenient: bool = False


@command
def check(
    name: Annotated[
        str, typer.Argument(metavar="WORLD|TYPE|all", help="A world, all worlds of a type, or a known-bad machine.")
    ] = ALL,
    source: FromOption = "",
    backend: Annotated[
        BackendName, typer.Option(help="The search to use; auto takes numba for large worlds.")
    ] = BackendName.AUTO,
    bound: BoundOption = None,
    limit_states: Annotated[int, typer.Option(min=1, help="Stop a search beyond this many states.")] = 20_000_000,
    limit_seconds: Annotated[float | None, typer.Option(min=0, help="Stop a search after this many seconds.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = os.cpu_count() or 1,
    pin: Annotated[Path | None, typer.Option(help="With `all`: write the results without times here.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """Search every reachable state of a world, and judge every property.

    A world is a few machines and a network, with bounds on messages, faults and orders.

    `check all` searches every world of sessions, streams, pipes and layers, each of which must be PROVED within its
    bounds, and every known-bad machine, which must be rejected by its own property. Exit codes: 0 all of that holds, 1
    something is refuted, 2 wrong usage or a limit was hit, 130 Ctrl-C (the results so far are printed).

    Examples:

    * `ockam-fsm check all`
    * `ockam-fsm check explicit-transient  # all its worlds`
    * `ockam-fsm check explicit-transient:lossy --bound in_flight=3 --bound drop=1`
    * `ockam-fsm check no-generation  # a machine that must be rejected`
    * `ockam-fsm check --from my_protocol:WORLD  # a World of your own`
    """
    bounds = bounds_of(bound)
    candidates = worlds_named(name, source)
    require_bounds(candidates, bounds)
    _require(backend, pin, name == ALL and not source and not bounds)
    if len(candidates) > 1 and name != ALL and not json_wanted:
        err().print(f"{name} is a type: checking all its {len(candidates)} worlds.")
    jobs = _jobs(candidates, SearchJob("", "", tuple(bounds.items()), backend, limit_states, limit_seconds))
    found, interruption = run(jobs, workers)
    ended = [(one, result) for one, result in zip(candidates, found, strict=True) if result is not None]
    _report(ended, json_wanted, interruption)
    interruption.exit_if(len(ended), len(candidates), "searches were complete")
    _finish(ended, pin)


def _jobs(candidates: Sequence[Candidate], common: SearchJob) -> list[SearchJob]:
    lenient = len(candidates) > 1
    return [replace(common, name=one.name, source=one.source, lenient=lenient) for one in candidates]


def _require(backend: BackendName, pin: Path | None, whole: bool) -> None:
    if backend is BackendName.NUMBA and find_spec("numba") is None:
        fail("numba is not installed.", "Run pip install 'ockam-fsm[fast]', or leave out --backend.")
    if pin is not None and not whole:
        fail("--pin needs a complete run.", "Run: ockam-fsm check all --pin spec/manifest.json")
    if pin is not None:
        require_writable(pin)


def _report(pairs: Sequence[CheckedWorld], json_wanted: bool, interruption: Interruption) -> None:
    if json_wanted:
        print_json(marked(as_json(pairs), interruption))
    elif pairs:
        print_results(pairs, out())


def _finish(pairs: Sequence[CheckedWorld], pin: Path | None) -> None:
    refuted = [one for one, result in pairs if not is_good(one, result) and not is_open(one, result)]
    undetermined = [one for one, result in pairs if is_open(one, result)]
    if pin is not None and not refuted and not undetermined:
        from ockam_fsm.cli.shared.pins import pins, write

        write(pin, pins(pairs))
    raise typer.Exit(DIFFERS if refuted else USAGE if undetermined else OK)


# Searching ------------------------------------------------------------------------------------------------------------


def run(jobs: Sequence[SearchJob], workers: int) -> tuple[list[dict[str, Any] | None], Interruption]:
    """Return the results as JSON objects, in the order of the jobs; the heavy jobs start first.

    Ctrl-C keeps the results so far; None stands for a job without a result.
    """
    from ockam_fsm.tools.process_pool import carry_out

    order = sorted(range(len(jobs)), key=lambda at: (-_weight(jobs[at]), at))
    console = err()
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        listener = _Listener(bar, [jobs[at].name for at in order])
        with until_interrupted() as interruption:
            carry_out(search_world, [jobs[at] for at in order], workers, listener.receive)
    found = {order[at]: result for at, result in listener.found.items()}
    for at in sorted(found):
        if "error" in found[at]:
            fail(found[at]["error"])
    return [found.get(at) for at in range(len(jobs))], interruption


class _Listener:
    """The progress display of the jobs; it also collects their results."""

    def __init__(self, bar: Bar, names: Sequence[str]) -> None:
        self.bar, self.names, self.lines = bar, names, Lines()
        self.found: dict[int, dict[str, Any]] = {}
        self._lines: dict[int, TaskID] = {}
        self._total = bar.add_task("", visible=len(names) > 1)

    def receive(self, message: JobMessage) -> None:
        at, done, value = message
        if done:
            self.found[at] = value
            done_so_far = f"{len(self.found)} of {len(self.names)} done"
            self.bar.update(self._total, description=done_so_far)
            self.lines.say(lambda: f"{done_so_far}, last {self.names[at]}")
            if at in self._lines:
                self.bar.remove_task(self._lines.pop(at))
            return
        if at not in self._lines:
            self._lines[at] = self.bar.add_task("")
        rate = value.states / value.seconds if value.seconds else 0.0
        figures = f"{value.states:>9,} {rate / 1000:>5,.0f}k/s {value.depth:>3} deep"
        self.bar.update(self._lines[at], description=f"{self.names[at]:<38} {figures}")
        self.lines.say(
            lambda: f"{len(self.found)} of {len(self.names)} done; {self.names[at]}: {value.states:,} states"
        )


def _weight(job: SearchJob) -> int:
    """Return the rank of a job by its expected cost; 0 is the cheapest world of a type."""
    kind, _, way = job.name.partition(":")
    if not way:
        return 1
    heavy = "two-sided" in kind and way in VERY_SLOW_WAYS
    return 2 * ("persistent" in kind and way in SLOW_WAYS) + heavy


def search_world(job: SearchJob, report: Callable[[Any], None]) -> dict[str, Any]:
    """Search one world; where it cannot be searched, the result has the key `error`."""
    from ockam_fsm.checking import BackendUnavailable, Progress, explore
    from ockam_fsm.kernel.errors import DefinitionError

    last = [0.0]

    def progress(state: Progress) -> None:
        if state.seconds - last[0] >= REPORT_SECONDS:
            last[0] = state.seconds
            report(state)

    world = within_bounds(single(job.name, job.source), dict(job.bounds))
    backend: Any = job.backend
    while True:
        try:
            with user_errors(job.source):
                return explore(
                    world, backend=backend, state_limit=job.states, seconds_limit=job.seconds, progress=progress
                ).to_json()
        except BackendUnavailable as error:
            if not job.lenient:
                return {"error": f"{error}."}
            backend = "stdlib"
        except DefinitionError as error:
            return {"error": str(error)}
